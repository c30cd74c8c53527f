/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>

#include "bench/fastpath/bench.h"

static void usage(FILE *f)
{
	fprintf(f, "usage: w2gw-bench EAL-OPTIONS -- [options]\n"
		   "  -m t1|t3                      self-fed on one core, or fed by another core over net_ring (t1)\n"
		   "  -e burst|libsrtp2             SRTP engine (burst)\n"
		   "  -D DEVICE                     of the burst engine: cpu, or a cryptodev (cpu)\n"
		   "  -G large|small                its tables of GCM's hash key (large)\n"
		   "  -r ROUNDS                     t1: of 64 bursts (200)\n"
		   "  -c                            count cycles per stage\n"
		   "  -P                            every flow is policed, by rates above what comes\n%s%s"
		   "Prints one JSON object. Exit status 0: everything came out right.\n", gen_options_help, gen_play_help);
}

static void options(int argc, char **argv, struct bench_conf *c)
{
	int o;

	while ((o = getopt(argc, argv, GEN_OPTIONS "m:e:D:G:r:cPh")) != -1) {
		if (gen_option(&c->gen, o, optarg))
			continue;
		switch (o) {
		case 'm':
			c->is_ring = gen_choose(optarg, (const char *const[]){ "t1", "t3" }, 2) == 1;
			break;
		case 'e':
			c->gen.srtp = gen_choose(optarg, (const char *const[]){ "burst", "libsrtp2" }, 2) ? &dp_srtp_lib2 :
				&dp_srtp_burst;
			break;
		case 'D':
			c->device = optarg;
			break;
		case 'G':
			c->gcm_tables = (enum dp_gcm_tables)gen_choose(optarg, (const char *const[]){ "large", "small" }, 2);
			break;
		case 'r':
			c->rounds = (unsigned)gen_number(optarg, 1, 1e6);
			break;
		case 'c':
			c->count_stages = true;
			break;
		case 'P':
			c->is_policed = true;
			break;
		default:
			usage(o == 'h' ? stdout : stderr);
			exit(o == 'h' ? 0 : 2);
		}
	}
	if (!gen_conf_ok(&c->gen, c->is_ring))
		exit(2);
	if (!c->is_ring)
		c->gen.junk_pps = c->gen.spray_pps = c->gen.ahead = c->gen.check_ms = 0;
}

int main(int argc, char **argv)
{
	static struct bench b = { .c = { .device = "cpu", .rounds = 200 } };
	int n = rte_eal_init(argc, argv), r;
	struct dp_srtp_burst_conf conf;
	bool is_burst;
	size_t heap;

	if (n < 0)
		return 2;
	b.c.gen = gen_conf_default;
	options(argc - n, argv + n, &b.c);
	is_burst = b.c.gen.srtp == &dp_srtp_burst;
	conf = (struct dp_srtp_burst_conf){ .device = b.c.device, .workers = 2, .max_sessions = 4 * b.c.gen.calls + 64,
		.gcm_tables = b.c.gcm_tables };
	heap = gate_heap();
	if (dp_srtp_lib2_init() || (is_burst && dp_srtp_burst_start(&conf))) {
		fprintf(stderr, "w2gw-bench: engine %s on %s did not start\n", b.c.gen.srtp->name, b.c.device);
		return 1;
	}
	b.bytes_a_call = 2.0 * (double)(gate_heap() - heap) / conf.max_sessions;
	bench_setup(&b);
	r = b.c.is_ring ? bench_t3(&b) : bench_t1(&b);
	bench_take_down(&b);
	if (is_burst)
		dp_srtp_burst_stop();
	rte_eal_cleanup();
	return r;
}
