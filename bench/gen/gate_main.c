/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-gate: planned calls behind any two DPDK ports, the other end for w2gw-gen. Ends by SIGTERM or SIGINT;
 * then it prints one JSON object.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_lcore.h>

#include "bench/gen/gate.h"

#define BUFFERS 65535u

static volatile sig_atomic_t stopping;

static void on_signal(int sig)
{
	(void)sig;
	stopping = 1;
}

static void usage(FILE *f)
{
	fprintf(f, "usage: w2gw-gate EAL-OPTIONS -- [options]\n"
		   "Two lcores: the second is the worker. The first port (--vdev, -a) is the access side, the second the core side.\n%s"
		   "  -e burst|libsrtp2             SRTP engine (burst)\n"
		   "  -m MAC -M MAC                 of the far ends of the access and the core port (02:00:00:00:00:02)\n",
		gen_options_help);
}

static void options(int argc, char **argv, struct gen_conf *gen, struct gate_conf *c)
{
	int o;

	while ((o = getopt(argc, argv, "s:n:e:m:M:h")) != -1) {
		switch (o) {
		case 'e':
			c->srtp = gen_choose(optarg, (const char *const[]){ "burst", "libsrtp2" }, 2) ? &dp_srtp_lib2 :
				&dp_srtp_burst;
			break;
		case 'm':
			gen_mac(optarg, &c->far_mac[GEN_ACCESS]);
			break;
		case 'M':
			gen_mac(optarg, &c->far_mac[GEN_CORE]);
			break;
		default:
			if (gen_option(gen, o, optarg))
				break;
			usage(o == 'h' ? stdout : stderr);
			exit(o == 'h' ? 0 : 2);
		}
	}
	c->profile = gen->profile;
	c->calls = gen->calls;
}

static void print(const struct gate *g, const char *suite)
{
	struct dp_worker_stats s;
	unsigned n = 0;

	dp_worker_stats_read(g->fast, 0, &s);
	printf("{\"mode\":\"gate\",\"engine\":\"%s\",\"suite\":\"%s\",\"sessions\":%u,\"rx_packets\":%" PRIu64 ",\"tx_packets\":%" PRIu64
	       ",\"drops\":{", g->c.srtp->name, suite, g->c.calls, s.rx_packets, s.tx_packets);
	for (unsigned i = 0; i < dp_drop_COUNT; i++)
		if (s.drops[i])
			printf("%s\"%s\":%" PRIu64, n++ ? "," : "", dp_drop_info[i].name, s.drops[i]);
	printf("}}\n");
}

int main(int argc, char **argv)
{
	static struct gate g;
	struct gen_conf gen = gen_conf_default;
	struct gate_conf c = { .srtp = gen.srtp, .far_mac = { { GEN_MAC_FAR }, { GEN_MAC_FAR } } };
	struct dp_srtp_burst_conf engine = { .workers = 1 };
	struct rte_mempool *pool;
	int n = rte_eal_init(argc, argv);

	if (n < 0)
		return 2;
	options(argc - n, argv + n, &gen, &c);
	engine.max_sessions = 2 * c.calls + 64;
	c.lcore = rte_get_next_lcore(rte_get_main_lcore(), 1, 0);
	pool = rte_pktmbuf_pool_create("gate", BUFFERS, 256, DP_MBUF_PRIV_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE,
		(int)rte_socket_id());
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	if (!pool || c.lcore >= RTE_MAX_LCORE || dp_srtp_lib2_init() || dp_srtp_burst_start(&engine) ||
		!gen_ports_start(c.ethdev, pool) || gate_new(&g, &c, pool) || dp_fast_start(g.fast)) {
		fputs("w2gw-gate: does not start (it takes two lcores, a port, memory)\n", stderr);
		return 1;
	}
	fputs("w2gw-gate ready\n", stderr);
	while (!stopping)
		if (gate_serve(&g) == 0)
			rte_delay_us_sleep(1000);
	dp_fast_stop(g.fast);
	print(&g, gen.suite);
	gen_ports_stop(c.ethdev);
	gate_free(&g);
	dp_srtp_burst_stop();
	rte_eal_cleanup();
	return 0;
}
