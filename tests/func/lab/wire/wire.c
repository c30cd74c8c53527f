/* SPDX-License-Identifier: Apache-2.0 */
/* A wire between the first two DPDK ports: every frame that comes in at one leaves at the other. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#define BURST 32
#define DESCRIPTORS 256
#define SPINS 64	/* looks before it sleeps: a wire must not take a core from what it tests */
#define SLEEP_US 100

static volatile sig_atomic_t stopping;

static void on_signal(int sig)
{
	(void)sig;
	stopping = 1;
}

static int start(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { 0 };
	uint16_t rxd = DESCRIPTORS, txd = DESCRIPTORS;
	int r;

	if ((r = rte_eth_dev_configure(port, 1, 1, &conf)) ||
		(r = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rxd, &txd)) ||
		(r = rte_eth_rx_queue_setup(port, 0, rxd, rte_socket_id(), NULL, pool)) ||
		(r = rte_eth_tx_queue_setup(port, 0, txd, rte_socket_id(), NULL)) ||
		(r = rte_eth_dev_start(port)))
		return r;
	(void)rte_eth_promiscuous_enable(port);
	(void)rte_eth_allmulticast_enable(port);
	return 0;
}

static unsigned carry(uint16_t from, uint16_t to)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(from, 0, m, BURST);
	uint16_t sent = n ? rte_eth_tx_burst(to, 0, m, n) : 0;

	if (sent < n)
		rte_pktmbuf_free_bulk(m + sent, n - sent);
	return n;
}

int main(int argc, char **argv)
{
	struct rte_mempool *pool;
	unsigned idle = 0;

	if (rte_eal_init(argc, argv) < 0)
		return 1;
	pool = rte_pktmbuf_pool_create("wire", 8191, 128, 0, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (!pool || rte_eth_dev_count_avail() != 2 || start(0, pool) || start(1, pool)) {
		fprintf(stderr, "wire: it takes two ports that start\n");
		return 1;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	printf("wire ready\n");
	fflush(stdout);
	while (!stopping) {
		idle = carry(0, 1) + carry(1, 0) ? 0 : idle + 1;
		if (idle > SPINS)
			usleep(SLEEP_US);
	}
	for (uint16_t port = 0; port < 2; port++) {
		(void)rte_eth_dev_stop(port);
		(void)rte_eth_dev_close(port);
	}
	return rte_eal_cleanup() ? 1 : 0;
}
