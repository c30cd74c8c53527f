/* SPDX-License-Identifier: Apache-2.0 */
/* Bring-up of the two ports of a program of bench/gen: one queue each way, whatever the driver. */
#include <stdio.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "bench/gen/gen.h"

#define DESCRIPTORS 1024

bool gen_port_start(uint16_t port, struct rte_mempool *pool)
{
	unsigned socket = (unsigned)(rte_eth_dev_socket_id(port) < 0 ? 0 : rte_eth_dev_socket_id(port));
	struct rte_eth_conf conf = { 0 };
	uint16_t rxd = DESCRIPTORS, txd = DESCRIPTORS;
	int r;

	if ((r = rte_eth_dev_configure(port, 1, 1, &conf)) || (r = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rxd, &txd)) ||
		(r = rte_eth_rx_queue_setup(port, 0, rxd, socket, NULL, pool)) ||
		(r = rte_eth_tx_queue_setup(port, 0, txd, socket, NULL)) || (r = rte_eth_dev_start(port))) {
		fprintf(stderr, "port %u does not start: %s\n", port, rte_strerror(-r));
		return false;
	}
	(void)rte_eth_promiscuous_enable(port);	/* the far ends have addresses of their own */
	return true;
}

bool gen_ports_start(uint16_t port[GEN_SIDES], struct rte_mempool *pool)
{
	unsigned n = 0;
	uint16_t id;

	RTE_ETH_FOREACH_DEV(id) {
		if (n == GEN_SIDES)
			break;
		if (!gen_port_start(id, pool))
			return false;
		port[n++] = id;
	}
	if (n == 1)
		port[GEN_CORE] = port[GEN_ACCESS];
	if (n == 0)
		fprintf(stderr, "no port: give one or two by --vdev or -a\n");
	return n > 0;
}

void gen_ports_stop(const uint16_t port[GEN_SIDES])
{
	for (unsigned side = 0; side < GEN_SIDES; side++) {
		if (side && port[side] == port[0])
			continue;
		(void)rte_eth_dev_stop(port[side]);
		(void)rte_eth_dev_close(port[side]);
	}
}
