/* SPDX-License-Identifier: Apache-2.0 */
/* Events a controller asked for (M-9, M-10), and those that come by the clock: heartbeat (F-24), inactivity (F-31). */
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/ctx/ctx_int.h"

struct dp_wanted *dp_events_find(const struct dp_term *t, const struct dp_stream *s, enum iq_name event)
{
	for (unsigned i = 0; i < t->n_wanted; i++) {
		struct dp_wanted *w = &t->wanted[i];

		if (w->event == event && (w->stream == 0 || !s || w->stream == s->id))
			return w;
	}
	return NULL;
}

static void on_heartbeat(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_term *t = GW_CONTAINER(timer, struct dp_term, heartbeat);
	const struct dp_wanted *w = dp_events_find(t, NULL, IQ_EV_HANGTERM);
	struct dp_ctx *c = t->tables;

	if (!w)
		return;
	(void)gw_timer_arm(c->c.timers, timer, now_ms + w->value * 1000ull);
	c->c.ops.notify(c->c.ops.user, t, NULL, IQ_EV_HANGTERM, NULL, 0);
}

/* ---- adid/ipstop ------------------------------------------------------------------------------------------- */

static uint64_t since_tsc_ms(struct dp_ctx *c, uint64_t tsc)
{
	uint64_t now = rte_rdtsc();

	return now > tsc ? (now - tsc) / (c->c.tsc_hz / 1000) : 0;
}

/* Since media last came in or went out by this stream; what a flow let through left by its peer at once. */
static uint64_t idle_ms(struct dp_ctx *c, const struct dp_stream *s, enum dp_direction d)
{
	struct dp_flow_stats in, out;
	uint64_t idle = UINT64_MAX, ms;

	dp_stream_stats(c, s, &in, &out);
	if (d != DP_DIR_OUT && in.last_rx_tsc)
		idle = since_tsc_ms(c, in.last_rx_tsc);
	if (d != DP_DIR_IN && out.tx_packets && (ms = since_tsc_ms(c, out.last_rx_tsc)) < idle)
		idle = ms;
	return idle;
}

/* Of the stream asked for, or of the busiest; from the request on, which a new one begins anew. */
static uint64_t inactive_ms(struct dp_ctx *c, const struct dp_term *t, const struct dp_wanted *w, uint64_t now_ms)
{
	uint64_t idle = now_ms - t->wanted_ms, ms;

	for (const struct dp_stream *s = t->streams; s; s = s->next)
		if ((w->stream == 0 || w->stream == s->id) && (ms = idle_ms(c, s, (enum dp_direction)w->direction)) < idle)
			idle = ms;
	return idle;
}

static void on_inactivity(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_term *t = GW_CONTAINER(timer, struct dp_term, inactivity);
	struct dp_ctx *c = t->tables;
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < t->n_wanted; i++) {
		struct dp_wanted *w = &t->wanted[i];
		uint64_t limit = w->value * 1000ull, idle;

		if (w->event != IQ_EV_IPSTOP || w->is_told)
			continue;
		idle = inactive_ms(c, t, w, now_ms);
		if (idle >= limit) {
			w->is_told = true;
			c->ctr[ctx_inactive]++;
			c->c.ops.notify(c->c.ops.user, t, w->stream ? dp_term_stream(t, w->stream) : NULL, IQ_EV_IPSTOP, NULL, 0);
		} else if (now_ms + (limit - idle) < due) {
			due = now_ms + (limit - idle);
		}
	}
	if (due != UINT64_MAX)
		(void)gw_timer_arm(c->c.timers, timer, due);
}

void dp_events_set(struct dp_ctx *c, struct dp_term *t, uint32_t id, struct dp_wanted *wanted, unsigned n,
	uint64_t now_ms)
{
	const struct dp_wanted *w;

	free(t->wanted);
	t->wanted = wanted;
	t->n_wanted = (uint8_t)n;
	t->events_id = id;
	t->wanted_ms = now_ms;
	t->inactivity.fn = on_inactivity;
	w = dp_events_find(t, NULL, IQ_EV_HANGTERM);
	t->heartbeat.fn = on_heartbeat;
	if (w)
		(void)gw_timer_arm(c->c.timers, &t->heartbeat, now_ms + w->value * 1000ull);
	else
		gw_timer_stop(c->c.timers, &t->heartbeat);
	gw_timer_stop(c->c.timers, &t->inactivity);
	on_inactivity(&t->inactivity, now_ms);
}
