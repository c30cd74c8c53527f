/* SPDX-License-Identifier: Apache-2.0 */
/* Events a controller asked for (M-9, M-10), and those that come by the clock: the heartbeat (F-24). */
#include <stdlib.h>

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

void dp_events_set(struct dp_ctx *c, struct dp_term *t, uint32_t id, struct dp_wanted *wanted, unsigned n,
	uint64_t now_ms)
{
	const struct dp_wanted *w;

	free(t->wanted);
	t->wanted = wanted;
	t->n_wanted = (uint8_t)n;
	t->events_id = id;
	w = dp_events_find(t, NULL, IQ_EV_HANGTERM);
	t->heartbeat.fn = on_heartbeat;
	if (w)
		(void)gw_timer_arm(c->c.timers, &t->heartbeat, now_ms + w->value * 1000ull);
	else
		gw_timer_stop(c->c.timers, &t->heartbeat);
}
