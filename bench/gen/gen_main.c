/* SPDX-License-Identifier: Apache-2.0 */
/* w2gw-gen: N calls through a gateway behind any two DPDK ports. One JSON object on standard output. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "bench/gen/gen.h"

#define BUFFERS 32767u
#define LINK_WAIT_MS 10000u

static void usage(FILE *f)
{
	fprintf(f, "usage: w2gw-gen EAL-OPTIONS -- [options]\n"
		   "The first port (--vdev, -a) is the access side, the second the core side.\n%s%s"
		   "  -f FILE                       calls with addresses and keys, instead of the planned ones of w2gw-gate\n"
		   "                                (its lines may have names for STUN checks)\n"
		   "  -q SEQ                        first RTP sequence number: a second run on the same calls has to go on where\n"
		   "                                the first one ended (1)\n"
		   "  -m MAC -M MAC                 of the gateway's access and core port (02:00:00:00:00:01)\n"
		   "  -g                            begin at a line on standard input: when the gateway is ready\n"
		   "Exit status 0: packets came back, and none was wrong.\n", gen_options_help, gen_play_help);
}

static void options(int argc, char **argv, struct gen_conf *c, bool *waits)
{
	int o;

	while ((o = getopt(argc, argv, GEN_OPTIONS "f:q:m:M:gh")) != -1) {
		if (gen_option(c, o, optarg))
			continue;
		switch (o) {
		case 'f':
			c->calls_file = optarg;
			break;
		case 'q':
			c->first_seq = (uint16_t)gen_number(optarg, 0, 65535);
			break;
		case 'm':
			gen_mac(optarg, &c->gate_mac[GEN_ACCESS]);
			break;
		case 'M':
			gen_mac(optarg, &c->gate_mac[GEN_CORE]);
			break;
		case 'g':
			*waits = true;
			break;
		default:
			usage(o == 'h' ? stdout : stderr);
			exit(o == 'h' ? 0 : 2);
		}
	}
	if (!gen_conf_ok(c, true))
		exit(2);
}

static bool links_up(const uint16_t port[GEN_SIDES])
{
	struct rte_eth_link link[GEN_SIDES];

	for (unsigned ms = 0; ms < LINK_WAIT_MS; ms += 10) {
		for (unsigned side = 0; side < GEN_SIDES; side++)
			if (rte_eth_link_get_nowait(port[side], &link[side]))
				link[side].link_status = 0;
		if (link[GEN_ACCESS].link_status && link[GEN_CORE].link_status)
			return true;
		rte_delay_us_sleep(10000);
	}
	fputs("the links do not come up\n", stderr);
	return false;
}

int main(int argc, char **argv)
{
	static struct gen g;
	struct gen_conf c = gen_conf_default;
	struct dp_srtp_burst_conf engine = { .workers = 1 };
	struct gen_result r = { 0 };
	struct rte_mempool *pool;
	enum gw_err err;
	bool waits = false;
	int n = rte_eal_init(argc, argv);

	if (n < 0)
		return 2;
	options(argc - n, argv + n, &c, &waits);
	engine.max_sessions = 2 * c.calls + 64;
	pool = rte_pktmbuf_pool_create("gen", BUFFERS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (!pool || dp_srtp_lib2_init() || dp_srtp_burst_start(&engine) || !gen_ports_start(c.ethdev, pool))
		return 1;
	err = gen_new(&g, &c, pool);
	fputs("w2gw-gen ready\n", stderr);
	while (waits && (n = getchar()) != '\n' && n != EOF)
		;
	if (!err)
		err = links_up(c.ethdev) ? gen_play(&g, &r) : GW_EIO;
	if (!err) {
		printf("{\"mode\":\"gen\",");
		gen_print(&g, &r);
		printf("}\n");
	} else {
		fprintf(stderr, "w2gw-gen: %s\n", gw_err_name(err));
	}
	gen_ports_stop(c.ethdev);
	gen_free(&g);
	dp_srtp_burst_stop();
	rte_eal_cleanup();
	return err || r.wrong || (c.kind == GEN_GOOD && r.back == 0);
}
