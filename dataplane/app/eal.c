/* SPDX-License-Identifier: Apache-2.0 */
/* EAL and ethdev bring-up. */
#include "dataplane/app/eal.h"
#include "dataplane/app/steer.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#define ARGS_MAX 64
#define RX_DESCRIPTORS 512
#define TX_DESCRIPTORS 512

static bool is_pci(const char *device)
{
	return strspn(device, "0123456789abcdefABCDEF") >= 2 && strchr(device, ':') &&
		strncmp(device, "net_", 4) != 0;
}

static unsigned make_args(const struct dp_eal_conf *c, char **argv, char memory[16])
{
	bool has_pci = false;
	unsigned n = 0;

	snprintf(memory, 16, "%u", c->memory_mb);
	argv[n++] = (char *)"eimsagw";
	argv[n++] = (char *)(strpbrk(c->lcores, "(@") ? "--lcores" : "-l");
	argv[n++] = (char *)c->lcores;
	argv[n++] = (char *)"-m";
	argv[n++] = memory;
	argv[n++] = (char *)"--file-prefix";
	argv[n++] = (char *)c->file_prefix;
	if (!c->hugepages)
		argv[n++] = (char *)"--no-huge";
	for (unsigned i = 0; i < c->n_devices && n + 4 < ARGS_MAX; i++) {
		if (!is_pci(c->devices[i]))
			continue;
		has_pci = true;
		argv[n++] = (char *)"-a";
		argv[n++] = (char *)c->devices[i];
	}
	if (!has_pci)
		argv[n++] = (char *)"--no-pci";
	for (unsigned i = 0; i < c->n_args && n + 2 < ARGS_MAX; i++)
		argv[n++] = c->args[i];
	argv[n] = NULL;
	return n;
}

static bool may_meet(unsigned a, unsigned b)
{
	rte_cpuset_t x = rte_lcore_cpuset(a), y = rte_lcore_cpuset(b), both;

	CPU_AND(&both, &x, &y);
	return CPU_COUNT(&both) > 0;
}

/* vdevs are plugged one by one, so that the order of ports is that of the configuration. */
static enum gw_err find_device(const char *device, const struct gw_log *log, uint16_t *port)
{
	struct rte_dev_iterator it;
	char name[RTE_DEV_NAME_MAX_LEN];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	if (!is_pci(device) && rte_dev_probe(device)) {
		GW_LOG_ERROR(log, "port.probe_failed", "device=%s", device);
		return GW_EIO;
	}
	if (rte_eth_dev_get_port_by_name(name, port) == 0)
		return GW_OK;
	RTE_ETH_FOREACH_MATCHING_DEV(*port, device, &it) {
		rte_eth_iterator_cleanup(&it);
		return GW_OK;
	}
	GW_LOG_ERROR(log, "port.not_found", "device=%s", device);
	return GW_EIO;
}

static uint16_t queues(uint16_t workers, uint16_t max)
{
	return workers < max ? workers : max;
}

/* Software devices say that they can, and then do it in the kernel's or their own loop: asked only on request. */
static void offload_checksums(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info, const char *device,
	enum dp_checksums who)
{
	if (who == DP_CHECKSUMS_CPU || (who == DP_CHECKSUMS_AUTO && !is_pci(device)))
		return;
	conf->rxmode.offloads |= info->rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	/* IPv4's own sum is cheaper made than asked for */
	conf->txmode.offloads |= info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
}

static enum gw_err start_port(uint16_t port, struct dp_eal *e, const struct gw_log *log,
	const char *device, enum dp_checksums who)
{
	struct rte_eth_conf conf = { .rxmode = { .mq_mode = RTE_ETH_MQ_RX_NONE } };
	uint16_t nrx, ntx, rxd = RX_DESCRIPTORS, txd = TX_DESCRIPTORS;
	struct rte_eth_dev_info info;
	int r;

	if ((r = rte_eth_dev_info_get(port, &info)))
		goto fail;
	nrx = queues(e->workers, info.max_rx_queues);
	ntx = queues(e->workers, info.max_tx_queues);
	if (strncmp(device, "net_tap", 7) == 0)
		nrx = ntx = nrx < ntx ? nrx : ntx;
	if (nrx > 1) {	/* spread by UDP port, so that a call stays on one core where the NIC can */
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
	}
	if (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	offload_checksums(&conf, &info, device, who);
	e->nic_sums[e->n_ethdevs] = conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	if ((r = rte_eth_dev_configure(port, nrx, ntx, &conf)) ||
		(r = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rxd, &txd)))
		goto fail;
	for (uint16_t q = 0; q < nrx; q++)
		if ((r = rte_eth_rx_queue_setup(port, q, rxd, (unsigned)rte_eth_dev_socket_id(port), NULL,
			     e->pool)))
			goto fail;
	for (uint16_t q = 0; q < ntx; q++)
		if ((r = rte_eth_tx_queue_setup(port, q, txd, (unsigned)rte_eth_dev_socket_id(port), NULL)))
			goto fail;
	if ((r = rte_eth_dev_start(port)))
		goto fail;
	/* neighbour discovery comes by multicast; a device that cannot filter gives everything anyway */
	(void)rte_eth_allmulticast_enable(port);
	/* only real NICs are asked: software devices take rules and then do them in the kernel, or badly */
	bool is_steered = is_pci(device) && nrx == e->workers && dp_steer_by_port(port, e->workers);

	GW_LOG_INFO(log, "port.started", "device=%s ethdev=%u rx_queues=%u tx_queues=%u steering=%s udp_checksum_rx=%s "
		"udp_checksum_tx=%s", device, port, nrx, ntx,
		e->workers == 1 ? "none" : is_steered ? "rte_flow" : nrx > 1 ? "rss+rings" : "rings",
		conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM ? "nic" : "cpu",
		conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM ? "nic" : "cpu");
	return GW_OK;
fail:
	GW_LOG_ERROR(log, "port.start_failed", "device=%s error=%d (%s)", device, r, rte_strerror(-r));
	return GW_EIO;
}

enum gw_err dp_eal_start(const struct dp_eal_conf *conf, const struct gw_log *log, struct dp_eal *e)
{
	char *argv[ARGS_MAX + 1], memory[16];
	unsigned lcore;
	enum gw_err err;
	int argc = (int)make_args(conf, argv, memory);

	memset(e, 0, sizeof(*e));
	if (rte_eal_init(argc, argv) < 0) {
		GW_LOG_ERROR(log, "eal.failed", "error=%d (%s) lcores=%s", rte_errno,
			rte_strerror(rte_errno), conf->lcores);
		return GW_EIO;
	}
	RTE_LCORE_FOREACH_WORKER(lcore)
		if (e->workers < DP_WORKERS_MAX)
			e->lcores[e->workers++] = lcore;
	for (uint16_t i = 0; i < e->workers; i++)
		e->is_shared |= may_meet(rte_get_main_lcore(), e->lcores[i]);
	if (e->is_shared)
		GW_LOG_WARN(log, "eal.shared_cpu", "lcores=%s (handshakes give way to media; a CPU of its own is better)",
			conf->lcores);
	if (e->workers == 0) {
		GW_LOG_ERROR(log, "eal.no_worker", "lcores=%s (the first is the service core, one more is needed)",
			conf->lcores);
		return GW_EINVAL;
	}
	e->pool = rte_pktmbuf_pool_create("w2gw_mbufs", conf->mbufs, 256, DP_MBUF_PRIV_BYTES,
		RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (!e->pool) {
		GW_LOG_ERROR(log, "eal.no_memory", "mbufs=%u memory_mb=%u", conf->mbufs, conf->memory_mb);
		return GW_ENOMEM;
	}
	for (unsigned i = 0; i < conf->n_devices; i++) {
		uint16_t port;

		if ((err = find_device(conf->devices[i], log, &port)) ||
			(err = start_port(port, e, log, conf->devices[i], conf->checksums[i])))
			return err;
		e->ethdevs[e->n_ethdevs++] = port;
	}
	return GW_OK;
}

void dp_eal_stop(struct dp_eal *e)
{
	for (uint16_t i = 0; i < e->n_ethdevs; i++) {
		(void)rte_eth_dev_stop(e->ethdevs[i]);
		(void)rte_eth_dev_close(e->ethdevs[i]);
	}
	rte_eal_cleanup();
}
