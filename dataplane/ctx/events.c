/* SPDX-License-Identifier: Apache-2.0 */
/* Events a controller asked for (M-9, M-10), and those that come by the clock: heartbeat (F-24), inactivity (F-31). */
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/ctx/ctx_int.h"

/* ---- lists ------------------------------------------------------------------------------------------------- */

static struct gw_sv key_of(const struct dp_wanted_list *l)
{
	return gw_sv((const char *)l->w, l->n * sizeof(l->w[0]));
}

enum gw_err dp_events_share(struct dp_ctx *c, const struct dp_wanted *wanted, unsigned n, struct dp_wanted_list **out)
{
	struct gw_sv key = gw_sv((const char *)wanted, n * sizeof(*wanted));
	struct dp_wanted_list *l = n ? gw_map_get(&c->wanted, key) : NULL;

	*out = NULL;
	if (n == 0)
		return GW_OK;
	if (!l) {
		l = malloc(sizeof(*l) + key.len);
		if (!l)
			return GW_ENOMEM;
		*l = (struct dp_wanted_list){ .n = n };
		memcpy(l->w, wanted, key.len);
		if (gw_map_put(&c->wanted, key_of(l), l)) {
			free(l);
			return GW_ENOMEM;
		}
	}
	l->refs++;
	*out = l;
	return GW_OK;
}

void dp_events_release(struct dp_ctx *c, struct dp_wanted_list *l)
{
	if (!l || --l->refs)
		return;
	(void)gw_map_del(&c->wanted, key_of(l));
	free(l);
}

const struct dp_wanted *dp_events_find(const struct dp_term *t, const struct dp_stream *s, enum iq_name event)
{
	for (unsigned i = 0; i < dp_events_count(t); i++) {
		const struct dp_wanted *w = &t->wanted->w[i];

		if (w->event == event && (w->stream == 0 || !s || w->stream == s->id))
			return w;
	}
	return NULL;
}

/* ---- hangterm ---------------------------------------------------------------------------------------------- */

/* @return when it wants to be looked at again */
static uint64_t beat(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	const struct dp_wanted *w = dp_events_find(t, NULL, IQ_EV_HANGTERM);

	if (!w)
		return UINT64_MAX;
	if (now_ms >= t->heartbeat_ms) {
		t->heartbeat_ms = now_ms + w->value * 1000ull;
		c->c.ops.notify(c->c.ops.user, t, NULL, IQ_EV_HANGTERM, NULL, 0);
	}
	return t->heartbeat_ms;
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

/* @return when it wants to be looked at again */
static uint64_t look_for_media(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < dp_events_count(t); i++) {
		const struct dp_wanted *w = &t->wanted->w[i];
		uint64_t limit = w->value * 1000ull, idle;

		if (w->event != IQ_EV_IPSTOP || (t->is_told & dp_events_bit(t, w)))
			continue;
		idle = inactive_ms(c, t, w, now_ms);
		if (idle >= limit) {
			t->is_told |= dp_events_bit(t, w);
			c->ctr[ctx_inactive]++;
			c->c.ops.notify(c->c.ops.user, t, w->stream ? dp_term_stream(t, w->stream) : NULL, IQ_EV_IPSTOP, NULL, 0);
		} else if (now_ms + (limit - idle) < due) {
			due = now_ms + (limit - idle);
		}
	}
	return due;
}

/* ---- both -------------------------------------------------------------------------------------------------- */

static void on_clock(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_term *t = GW_CONTAINER(timer, struct dp_term, clock);
	uint64_t beat_ms = beat(t->tables, t, now_ms), media_ms = look_for_media(t->tables, t, now_ms);
	uint64_t due = beat_ms < media_ms ? beat_ms : media_ms;

	if (due != UINT64_MAX)
		(void)gw_timer_arm(t->tables->c.timers, timer, due);
}

void dp_events_set(struct dp_ctx *c, struct dp_term *t, uint32_t id, struct dp_wanted_list *l, uint64_t now_ms)
{
	const struct dp_wanted *w;

	dp_events_release(c, t->wanted);
	t->wanted = l;
	t->is_held = t->is_told = 0;
	t->events_id = id;
	t->wanted_ms = now_ms;
	t->clock.fn = on_clock;
	w = dp_events_find(t, NULL, IQ_EV_HANGTERM);
	t->heartbeat_ms = w ? now_ms + w->value * 1000ull : UINT64_MAX;
	gw_timer_stop(c->c.timers, &t->clock);
	on_clock(&t->clock, now_ms);
}
