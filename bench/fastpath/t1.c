/* SPDX-License-Identifier: Apache-2.0 */
/*
 * T1: one core, the worker's turn called on bursts that lie ready on its ring. Frames are made and taken
 * away outside the timed part. The engine alone, on the same sessions and sizes, gives what is not crypto.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "bench/fastpath/bench.h"

#define BURSTS 64u
#define OPEN_EVERY 17u

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), ascending);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void make(struct bench *b, struct rte_mbuf **m)
{
	if (gen_make(&b->gen, bench_in(b), m, BURSTS * b->c.gen.burst))
		rte_exit(1, "w2gw-bench: out of buffers\n");
}

/* What came out: counted, looked at (one in so many where it has to be opened for that), freed. */
static unsigned take(struct bench *b, unsigned *wrong)
{
	struct rte_mbuf *m[DP_BURST];
	unsigned n, got = 0;

	for (unsigned side = 0; side < GEN_SIDES; side++)
		while ((n = rte_ring_sc_dequeue_burst(b->from[side], (void **)m, DP_BURST, NULL)) > 0) {
			for (unsigned i = 0; i < n; i++) {
				if (!gen_is_media(&b->gen, m[i]))
					continue;	/* an answer of the mix */
				if (side == GEN_CORE || got % OPEN_EVERY == 0)
					*wrong += !gen_is_intact(&b->gen, (enum gen_side)side, m[i]);
				got++;
			}
			rte_pktmbuf_free_bulk(m, n);
		}
	return got;
}

/* One round: BURSTS bursts. @return cycles */
static uint64_t round_of(struct bench *b, struct rte_mbuf **m)
{
	enum gen_side side = bench_in(b);
	uint64_t sum = 0, t;

	for (unsigned i = 0; i < BURSTS; i++) {
		rte_ring_sp_enqueue_bulk(b->to[side], (void **)m + (size_t)i * b->c.gen.burst, b->c.gen.burst, NULL);
		t = rte_rdtsc();
		dp_worker_poll(b->gate.fast, 0);
		sum += rte_rdtsc() - t;
	}
	return sum;
}

/* The engine's call alone. */
static double engine_alone(struct bench *b)
{
	struct rte_mbuf *m[BURSTS * DP_BURST];
	struct dp_srtp_session *s[DP_BURST];
	enum dp_drop why[DP_BURST];
	double v[64];
	unsigned rounds = b->c.rounds < 64 ? b->c.rounds : 64;
	enum gen_side side = bench_in(b);
	bool is_protect = side == GEN_CORE;

	for (unsigned r = 0; r < rounds; r++) {
		uint32_t first = b->gen.next[side];
		uint64_t sum = 0, t;

		make(b, m);
		for (unsigned i = 0; i < BURSTS; i++) {
			struct rte_mbuf **burst = m + (size_t)i * b->c.gen.burst;

			for (unsigned k = 0; k < b->c.gen.burst; k++) {
				rte_pktmbuf_adj(burst[k], GEN_HEADERS);
				s[k] = b->gate.srtp[(first + i * b->c.gen.burst + k) % b->c.gen.calls][side];
			}
			t = rte_rdtsc();
			if (is_protect)
				b->c.gen.srtp->protect_burst(0, burst, s, b->c.gen.burst, why);
			else
				b->c.gen.srtp->unprotect_burst(0, burst, s, b->c.gen.burst, why);
			sum += rte_rdtsc() - t;
		}
		rte_pktmbuf_free_bulk(m, BURSTS * b->c.gen.burst);
		v[r] = (double)sum / (BURSTS * b->c.gen.burst);
	}
	return median(v, rounds);
}

void bench_print_stages(const struct bench *b)
{
	static const char *const names[DP_STAGES] = { "rx", "parse", "admit", "crypto", "headers", "tx" };
	struct dp_worker_stats s;

	dp_worker_stats_read(b->gate.fast, 0, &s);
	printf(",\"stages\":{");
	for (unsigned i = 0; i < DP_STAGES; i++)
		printf("%s\"%s\":%.1f", i ? "," : "", names[i],
			(double)s.stage_tsc[i] / (double)(s.stage_packets ? s.stage_packets : 1));
	printf("}");
}

int bench_t1(struct bench *b)
{
	struct rte_mbuf *m[BURSTS * DP_BURST];
	double *v = calloc(b->c.rounds, sizeof(*v));
	unsigned got = 0, wrong = 0, sent = 0;
	double cycles, engine;

	if (!v)
		return 1;
	for (unsigned r = 0; r < b->c.rounds; r++) {
		make(b, m);
		for (unsigned i = 0; i < BURSTS * b->c.gen.burst; i++)
			sent += gen_is_media(&b->gen, m[i]);
		v[r] = (double)round_of(b, m) / (BURSTS * b->c.gen.burst);
		got += take(b, &wrong);
		while (gate_serve(&b->gate))
			;
	}
	cycles = median(v, b->c.rounds);
	engine = b->c.gen.kind == GEN_GOOD && b->c.gen.rtp_bytes ? engine_alone(b) : 0;
	printf("{\"mode\":\"t1\",\"engine\":\"%s\",\"device\":\"%s\",\"suite\":\"%s\",\"direction\":\"%s\","
	       "\"traffic\":%d,\"rtp_bytes\":%u,\"sessions\":%u,\"burst\":%u,\"sent\":%u,\"came_out\":%u,\"wrong\":%u,"
	       "\"cycles\":%.1f,\"pps\":%.0f,\"engine_cycles\":%.1f,\"bytes_a_call\":%.0f",
		b->c.gen.srtp->name, b->c.device, b->c.gen.suite, bench_in(b) == GEN_CORE ? "protect" : "unprotect", b->c.gen.kind,
		b->c.gen.rtp_bytes, b->c.gen.calls, b->c.gen.burst, sent, got, wrong, cycles, (double)b->gen.hz / cycles, engine, b->bytes_a_call);
	if (b->c.count_stages)
		bench_print_stages(b);
	printf("}\n");
	free(v);
	return wrong || (b->c.gen.kind == GEN_GOOD && got != sent);
}
