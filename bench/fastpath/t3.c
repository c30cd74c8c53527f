/* SPDX-License-Identifier: Apache-2.0 */
/* T3: this core makes the traffic and looks at what comes back, the worker runs on another. */
#include <stdio.h>

#include <rte_lcore.h>

#include "bench/fastpath/bench.h"

static void in_service_core_s_place(void *user)
{
	(void)gate_serve(user);
}

int bench_t3(struct bench *b)
{
	struct dp_worker_stats s;
	struct gen_result r;
	enum gw_err err;

	if (b->c.gen.junk_pps > 0 || b->c.gen.spray_pps > 0 || b->c.gen.check_ms || b->c.gen.rtp_bytes == 0) {
		b->gen.c.every_turn = in_service_core_s_place;
		b->gen.c.user = &b->gate;
	}
	if (rte_lcore_count() < 2 || dp_fast_start(b->gate.fast)) {
		fputs("w2gw-bench: t3 takes two lcores\n", stderr);
		return 1;
	}
	err = gen_play(&b->gen, &r);
	dp_fast_stop(b->gate.fast);
	if (err) {
		fprintf(stderr, "w2gw-bench: %s\n", gw_err_name(err));
		return 1;
	}
	dp_worker_stats_read(b->gate.fast, 0, &s);
	printf("{\"mode\":\"t3\",\"device\":\"%s\",", b->c.device);
	gen_print(&b->gen, &r);
	printf(",\"longest_turn_us\":%.1f", (double)dp_longest_of(&s).tsc * 1e6 / (double)b->gen.hz);
	if (b->c.count_stages)
		bench_print_stages(b);
	printf("}\n");
	return r.wrong != 0;
}
