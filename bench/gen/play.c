/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of the generator. Closed: so many packets are on their way at once and no more. Open: packets leave
 * at a rate, whatever comes back. Times are taken between leaving here and being seen here again.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "bench/gen/gen.h"
#include "bench/gen/sample.h"

#define WARM_UP_S 0.2
#define DRAIN_S 0.2
#define SLICE_S 0.02
#define STALL_S 100e-6           /* away for longer: the host took our CPU; this is not the gateway's fault */
#define GIVE_UP_S 0.02           /* closed loop: after such a silence what is under way is lost */
#define LOOK_AT_EVERY 17u        /* one packet in so many is compared byte by byte; a prime, so that it is every call's turn */
#define STAMPS_AT_ONCE 65536u    /* packets on their way at most */

struct run {
	struct gen *g;
	struct gen_result *r;
	struct gen_samples samples;
	double rates[GEN_SLICES_MAX];   /* packets a second that came back in each slice */
	uint32_t n_rates;
	uint64_t *stamps;            /* [call][side][stamp_mask + 1] */
	uint32_t stamp_mask;
	uint64_t start, last_turn, last_back;
	uint64_t written_off;        /* closed loop: no longer waited for */
	uint64_t next_check;
	uint32_t check_call;
	unsigned side;               /* that sent last */
	bool is_counting, is_over;
	bool is_blind[GEN_SIDES];    /* after a stall, until all that waited at this port meanwhile is in */
};

static uint64_t *stamp(struct run *run, uint32_t i, unsigned side, uint16_t seq)
{
	return &run->stamps[((size_t)i * GEN_SIDES + side) * (run->stamp_mask + 1) + (seq & run->stamp_mask)];
}

static uint64_t in_tsc(const struct run *run, double seconds)
{
	return (uint64_t)(seconds * (double)run->g->hz);
}

/* ---- what comes back ------------------------------------------------------------------------ */

static void count_seq(struct gen_result *r, struct gen_call *c, unsigned from, uint16_t seq)
{
	int16_t ahead = (int16_t)(seq - c->back[from]);

	if (ahead < 0) {
		r->reordered++;
		return;
	}
	r->gaps += (uint16_t)ahead;
	c->back[from] = (uint16_t)(seq + 1);
}

static void time_it(struct run *run, uint32_t i, unsigned from, uint16_t seq, uint64_t now, bool is_blind)
{
	struct gen_call *c = &run->g->call[i];
	uint64_t transit = now - *stamp(run, i, from, seq);

	if (c->transit[from])
		c->jitter[from] += (float)((fabs((double)transit - (double)c->transit[from]) - c->jitter[from]) / 16);
	c->transit[from] = transit;
	if (!run->is_counting)
		return;
	if (is_blind)
		run->r->blind++;
	else
		gen_sample(&run->samples, transit);
}

/* ARP: whoever asks, we are it. true: answered, the frame is gone. */
static bool answer_arp(struct run *run, enum gen_side side, struct rte_mbuf *m)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *), ip[4];

	if (m->data_len < 42 || p[12] != 8 || p[13] != 6 || p[21] != 1)
		return false;
	memcpy(p, p + 6, 6);
	memcpy(p + 6, &run->g->mac[side], 6);
	p[21] = 2;
	memcpy(ip, p + 38, 4);
	memcpy(p + 32, p + 22, 10);
	memcpy(p + 22, &run->g->mac[side], 6);
	memcpy(p + 28, ip, 4);
	return rte_eth_tx_burst(run->g->c.ethdev[side], 0, &m, 1) == 1;
}

/* Neither RTP nor ARP: an answer to a check, or something we have no interest in. */
static void other(struct run *run, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	if (m->data_len >= GEN_HEADERS + 20 && p[12] == 8 && p[GEN_HEADERS] == 1 && p[GEN_HEADERS + 1] == 1)
		run->r->checks_answered++;
	else
		run->r->others++;
}

/* The side a packet came out of: by the port, unless one port is both. */
static enum gen_side side_of(const struct run *run, enum gen_side port, uint32_t i, const struct rte_mbuf *m)
{
	const struct gen_leg *leg = &run->g->call[i].leg[GEN_ACCESS];
	uint32_t ip = rte_cpu_to_be_32(leg->far_ip);
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	if (run->g->c.ethdev[GEN_ACCESS] != run->g->c.ethdev[GEN_CORE])
		return port;
	return memcmp(p + 30, &ip, 4) == 0 && (p[36] << 8 | p[37]) == leg->far_port ? GEN_ACCESS : GEN_CORE;
}

static void look(struct run *run, enum gen_side port, struct rte_mbuf *m, uint32_t i, uint64_t now)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *) + GEN_HEADERS;
	uint16_t seq = (uint16_t)(p[2] << 8 | p[3]);
	enum gen_side out = side_of(run, port, i, m);
	unsigned from = out == GEN_ACCESS ? GEN_CORE : GEN_ACCESS;

	run->r->back++;
	count_seq(run->r, &run->g->call[i], from, seq);
	time_it(run, i, from, seq, now, run->is_blind[port]);
	if (run->r->back % LOOK_AT_EVERY == 0) {
		run->r->looked_at++;
		run->r->wrong += !gen_is_intact(run->g, out, m);
	}
}

static void absorb(struct run *run, enum gen_side side)
{
	struct rte_mbuf *m[DP_BURST];
	uint32_t who[DP_BURST];
	uint16_t n = rte_eth_rx_burst(run->g->c.ethdev[side], 0, m, DP_BURST), kept = 0;
	uint64_t now = rte_rdtsc();

	if (n == 0) {
		run->is_blind[side] = false;
		return;
	}
	run->last_back = now;
	for (uint16_t k = 0; k < n; k++) {
		who[k] = gen_call_of(run->g, m[k]);
		if (who[k] != UINT32_MAX)
			rte_prefetch0(&run->g->call[who[k]]);
	}
	for (uint16_t k = 0; k < n; k++) {
		if (who[k] != UINT32_MAX)
			look(run, side, m[k], who[k], now);
		else if (answer_arp(run, side, m[k]))
			continue;
		else
			other(run, m[k]);
		m[kept++] = m[k];
	}
	rte_pktmbuf_free_bulk(m, kept);
	if (n < DP_BURST)
		run->is_blind[side] = false;
}

/* ---- what leaves ---------------------------------------------------------------------------- */

/* The calls whose turn it was get their stamps. */
static void emit(struct run *run, enum gen_side side, unsigned n)
{
	struct gen *g = run->g;
	struct rte_mbuf *m[DP_BURST];
	enum gw_err err = gen_make(g, side, m, n);
	unsigned media = 0;
	uint16_t in;
	uint64_t now;

	if (err) {
		run->is_over = err == GW_ENOENT;
		return;
	}
	now = rte_rdtsc();
	for (unsigned k = 0; k < n; k++) {
		const uint8_t *p = rte_pktmbuf_mtod(m[k], const uint8_t *) + GEN_HEADERS;
		uint32_t i = gen_call_of(g, m[k]);

		if (i != UINT32_MAX)
			*stamp(run, i, side, (uint16_t)(p[2] << 8 | p[3])) = now;
	}
	for (unsigned k = 0; k < n; k++)
		media += gen_is_media(g, m[k]);
	run->r->sent += media;
	run->r->service_sent += n - media;
	in = rte_eth_tx_burst(g->c.ethdev[side], 0, m, (uint16_t)n);
	/* the window is not larger than the port's ring, so that this one has room before long */
	while (in < n && g->c.pps == 0 && rte_rdtsc() - now < in_tsc(run, GIVE_UP_S)) {
		absorb(run, GEN_ACCESS);
		absorb(run, GEN_CORE);
		in = (uint16_t)(in + rte_eth_tx_burst(g->c.ethdev[side], 0, m + in, (uint16_t)(n - in)));
	}
	for (unsigned k = in; k < n; k++)
		run->r->refused += gen_is_media(g, m[k]);
	rte_pktmbuf_free_bulk(m + in, n - in);
}

static void send_checks(struct run *run, uint64_t now)
{
	struct rte_mbuf *m;

	if (run->g->c.check_ms == 0 || now < run->next_check)
		return;
	run->next_check = now + in_tsc(run, run->g->c.check_ms * 1e-3 / run->g->c.calls);
	m = gen_make_check(run->g, run->check_call);
	run->check_call = (run->check_call + 1) % run->g->c.calls;
	if (!m)
		return;
	if (rte_eth_tx_burst(run->g->c.ethdev[GEN_ACCESS], 0, &m, 1))
		run->r->checks_sent++;
	else
		rte_pktmbuf_free(m);
}

static void flood(struct run *run, uint64_t now)
{
	double spray_pps = run->g->c.spray_pps * ((run->g->c.calls + 1) / 2);
	double pps = spray_pps > 0 ? spray_pps : run->g->c.junk_pps;
	double want = (double)(now - run->start) / (double)run->g->hz * pps - (double)run->r->junk_sent;
	unsigned n = want < run->g->c.burst ? (unsigned)want : run->g->c.burst;
	struct rte_mbuf *m[DP_BURST];
	uint16_t in;

	if (want < 1 || (spray_pps > 0 ? gen_make_spray : gen_make_junk)(run->g, m, n))
		return;
	in = rte_eth_tx_burst(run->g->c.ethdev[GEN_ACCESS], 0, m, (uint16_t)n);
	rte_pktmbuf_free_bulk(m + in, n - in);
	run->r->junk_sent += n;
}

/* So many packets as are due, from a quarter of a burst, as a NIC brings them, to a whole one. */
static unsigned due(const struct run *run, uint64_t now)
{
	const struct gen_conf *c = &run->g->c;
	uint64_t want = (uint64_t)((double)(now - run->start) / (double)run->g->hz * c->pps);
	uint64_t sent = run->r->sent + run->r->service_sent;

	if (want < sent + (c->burst + 3u) / 4)
		return 0;
	return want - sent < c->burst ? (unsigned)(want - sent) : c->burst;
}

static unsigned room(struct run *run, uint64_t now)
{
	const struct gen_conf *c = &run->g->c;
	int64_t on_their_way = (int64_t)(run->r->sent - run->r->refused - run->r->back - run->written_off);

	if (on_their_way + c->burst <= (int64_t)c->window)
		return c->burst;
	if (now - run->last_back > in_tsc(run, GIVE_UP_S)) {
		run->written_off += (uint64_t)on_their_way;
		run->last_back = now;
	}
	run->r->waits++;
	return 0;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void turn(struct run *run)
{
	const struct gen_conf *c = &run->g->c;
	uint64_t now = rte_rdtsc();
	unsigned n;

	if (now - run->last_turn > in_tsc(run, STALL_S)) {
		/* an open loop does not make up for it: the gateway would get it all at once */
		run->start += now - run->last_turn;
		run->r->stalls++;
		run->is_blind[GEN_ACCESS] = run->is_blind[GEN_CORE] = true;
	}
	run->last_turn = now;
	run->r->turns++;
	if (c->junk_pps > 0 || c->spray_pps > 0)
		flood(run, now);
	send_checks(run, now);
	n = c->pps > 0 ? due(run, now) : room(run, now);
	run->side = c->sends[!run->side] ? !run->side : run->side;
	if (n)
		emit(run, (enum gen_side)run->side, n);
	absorb(run, GEN_ACCESS);
	if (c->ethdev[GEN_CORE] != c->ethdev[GEN_ACCESS])
		absorb(run, GEN_CORE);
	if (c->every_turn)
		c->every_turn(c->user);
}

static enum gw_err prepare(struct run *run)
{
	struct gen *g = run->g;
	uint32_t each = 2;
	enum gw_err err = gen_store_fill(g);

	while (each < STAMPS_AT_ONCE && (uint64_t)each * g->c.calls < STAMPS_AT_ONCE)
		each *= 2;
	run->stamp_mask = each - 1;
	run->stamps = calloc((size_t)g->c.calls * GEN_SIDES * each, sizeof(*run->stamps));
	if (!err && !run->stamps)
		err = GW_ENOMEM;
	return err ? err : gen_samples_new(&run->samples);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void summarize(struct run *run)
{
	const struct gen *g = run->g;
	double us = 1e6 / (double)g->hz, jitter = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->c.calls; i++)
		for (unsigned side = 0; side < GEN_SIDES; side++)
			if (g->call[i].transit[side]) {
				jitter += (double)g->call[i].jitter[side];
				n++;
			}
	run->r->jitter_us = n ? jitter / n * us : 0;
	run->r->slices = run->samples.n_slices;
	qsort(run->rates, run->n_rates, sizeof(*run->rates), ascending);
	run->r->median_pps = run->n_rates ? run->rates[run->n_rates / 2] : 0;
	run->r->p50_us = gen_samples_sliced(&run->samples, 0.5) * us;
	run->r->p99_us = gen_samples_sliced(&run->samples, 0.99) * us;
	run->r->p999_us = gen_samples_sliced(&run->samples, 0.999) * us;
	run->r->raw_p999_us = gen_samples_raw(&run->samples, 0.999) * us;
	run->r->max_us = gen_samples_raw(&run->samples, 1) * us;
}

static void run_clock(struct run *run)
{
	uint64_t measured, end, back, slice;
	const struct gen *g = run->g;

	run->start = run->last_turn = run->last_back = rte_rdtsc();
	measured = run->start + in_tsc(run, WARM_UP_S);
	while (rte_rdtsc() < measured && !run->is_over)
		turn(run);
	run->is_counting = true;
	back = run->r->back;
	measured = rte_rdtsc();
	end = measured + in_tsc(run, g->c.seconds);
	while (rte_rdtsc() < end && !run->is_over) {
		uint64_t from = rte_rdtsc(), before = run->r->back;

		for (slice = from + in_tsc(run, SLICE_S); rte_rdtsc() < slice && !run->is_over;)
			turn(run);
		gen_samples_cut(&run->samples);
		if (run->n_rates < GEN_SLICES_MAX)
			run->rates[run->n_rates++] = (double)(run->r->back - before) * (double)g->hz / (double)(rte_rdtsc() - from);
	}
	run->r->pps = (double)(run->r->back - back) * (double)g->hz / (double)(rte_rdtsc() - measured);
	run->is_counting = false;
	for (end = rte_rdtsc() + in_tsc(run, DRAIN_S); rte_rdtsc() < end && (run->r->back < run->r->sent - run->r->refused ||
		     run->r->checks_answered < run->r->checks_sent);) {
		absorb(run, GEN_ACCESS);
		absorb(run, GEN_CORE);
		if (g->c.every_turn)
			g->c.every_turn(g->c.user);
	}
}

enum gw_err gen_play(struct gen *g, struct gen_result *r)
{
	static struct run run;       /* the slices are too much for a stack */
	enum gw_err err;

	*r = (struct gen_result){ 0 };
	run = (struct run){ .g = g, .r = r };
	err = prepare(&run);
	if (!err) {
		run_clock(&run);
		summarize(&run);
	}
	gen_samples_free(&run.samples);
	free(run.stamps);
	return err;
}

void gen_print(const struct gen *g, const struct gen_result *r)
{
	static const char *const kinds[] = { "good", "unknown", "badtag", "stun" };

	printf("\"engine\":\"%s\",\"suite\":\"%s\",\"direction\":\"%s\",\"traffic\":\"%s\",\"rtp_bytes\":%u,\"sessions\":%u,"
	       "\"burst\":%u,\"offered_pps\":%.0f,", g->c.srtp->name, g->c.suite,
		!g->c.sends[GEN_ACCESS] ? "protect" : !g->c.sends[GEN_CORE] ? "unprotect" : "both", kinds[g->c.kind],
		g->c.rtp_bytes, g->c.calls, g->c.burst, g->c.pps);
	printf("\"pps\":%.0f,\"median_pps\":%.0f,\"sent\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"gaps\":%" PRIu64
	       ",\"reordered\":%" PRIu64 ",\"looked_at\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"others\":%" PRIu64 ","
	       "\"service_sent\":%" PRIu64 ",\"junk_sent\":%" PRIu64 ",\"checks_sent\":%" PRIu64 ",\"checks_answered\":%" PRIu64 ",",
		r->pps, r->median_pps, r->sent, r->refused, r->sent - r->back, r->gaps, r->reordered, r->looked_at, r->wrong, r->others,
		r->service_sent, r->junk_sent, r->checks_sent, r->checks_answered);
	printf("\"generator_waits\":%.3f,\"stalls\":%" PRIu64 ",\"blind\":%" PRIu64 ",\"slices\":%u,\"p50_us\":%.2f,"
	       "\"p99_us\":%.2f,\"p999_us\":%.2f,\"raw_p999_us\":%.2f,\"max_us\":%.2f,\"jitter_us\":%.3f",
		(double)r->waits / (double)(r->turns ? r->turns : 1), r->stalls, r->blind, r->slices, r->p50_us, r->p99_us,
		r->p999_us, r->raw_p999_us, r->max_us, r->jitter_us);
}
