/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-bench: the fast path of eimsagw fed by itself (T1) or by another core (T3), over net_ring, in one
 * process. Results are JSON objects, one a line, on standard output; words go to standard error.
 */
#ifndef BENCH_H
#define BENCH_H

#include <rte_ring.h>

#include "bench/gen/gate.h"
#include "bench/gen/gen.h"

#define BENCH_GENERATOR 1u       /* worker id of the generator at the SRTP engine; the gateway is 0 */

struct bench_conf {
	struct gen_conf gen;
	const char *device;
	enum dp_gcm_tables gcm_tables;
	bool is_ring;              /* T3 */
	bool count_stages;
	bool is_policed;
	unsigned rounds;           /* T1 */
};

struct bench {
	struct bench_conf c;
	struct rte_mempool *pool;
	struct rte_ring *to[GEN_SIDES], *from[GEN_SIDES];   /* of the gateway's two ports */
	struct gate gate;
	struct gen gen;
	double bytes_a_call;       /* of the gateway: both flows, both SRTP sessions, its share of the tables */
};

/* setup.c */
/** Ports, the gateway, the generator at their other ends; exits with a word when it cannot. */
void bench_setup(struct bench *b);
/** Gives everything back. */
void bench_take_down(struct bench *b);
/** Side the packets of T1 come in at. */
static inline enum gen_side bench_in(const struct bench *b)
{
	return b->c.gen.sends[GEN_CORE] ? GEN_CORE : GEN_ACCESS;
}

/* t1.c, t3.c */
int bench_t1(struct bench *b);
/** A member of a JSON object: cycles a packet of the worker. */
void bench_print_stages(const struct bench *b);
int bench_t3(struct bench *b);

#endif
