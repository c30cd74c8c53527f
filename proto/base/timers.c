/* SPDX-License-Identifier: Apache-2.0 */
/* Binary heap of timers: O(log n) arm and stop, exact deadlines, no ticking when idle. */
#include "proto/base/timers.h"

#include <stdlib.h>

static void put_at(struct gw_timers *w, struct gw_timer *t, uint32_t i)
{
	w->heap[i] = t;
	t->pos = i + 1;
}

static void sift_up(struct gw_timers *w, struct gw_timer *t, uint32_t i)
{
	while (i > 0 && w->heap[(i - 1) / 2]->due_ms > t->due_ms) {
		put_at(w, w->heap[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	put_at(w, t, i);
}

static void sift_down(struct gw_timers *w, struct gw_timer *t, uint32_t i)
{
	for (;;) {
		uint32_t c = 2 * i + 1;

		if (c >= w->count)
			break;
		if (c + 1 < w->count && w->heap[c + 1]->due_ms < w->heap[c]->due_ms)
			c++;
		if (w->heap[c]->due_ms >= t->due_ms)
			break;
		put_at(w, w->heap[c], i);
		i = c;
	}
	put_at(w, t, i);
}

enum gw_err gw_timers_reserve(struct gw_timers *w, uint32_t n)
{
	uint32_t cap = w->cap ? w->cap : 64;
	struct gw_timer **h;

	if (n <= w->cap)
		return GW_OK;
	while (cap < n)
		cap *= 2;
	h = realloc(w->heap, cap * sizeof(*h));
	if (!h)
		return GW_ENOMEM;
	w->heap = h;
	w->cap = cap;
	return GW_OK;
}

enum gw_err gw_timer_arm(struct gw_timers *w, struct gw_timer *t, uint64_t due_ms)
{
	enum gw_err err;

	if (t->pos)
		gw_timer_stop(w, t);
	if (w->count == w->cap && (err = gw_timers_reserve(w, w->count + 1)))
		return err;
	t->due_ms = due_ms;
	sift_up(w, t, w->count++);
	return GW_OK;
}

void gw_timer_stop(struct gw_timers *w, struct gw_timer *t)
{
	uint32_t i = t->pos;
	struct gw_timer *last;

	if (!i)
		return;
	i--;
	t->pos = 0;
	last = w->heap[--w->count];
	if (last == t)
		return;
	if (i > 0 && w->heap[(i - 1) / 2]->due_ms > last->due_ms)
		sift_up(w, last, i);
	else
		sift_down(w, last, i);
}

unsigned gw_timers_run(struct gw_timers *w, uint64_t now_ms)
{
	unsigned n = 0;

	while (w->count && w->heap[0]->due_ms <= now_ms) {
		struct gw_timer *t = w->heap[0];

		gw_timer_stop(w, t);
		t->fn(t, now_ms);
		n++;
	}
	return n;
}

uint64_t gw_timers_next(const struct gw_timers *w)
{
	return w->count ? w->heap[0]->due_ms : UINT64_MAX;
}

void gw_timers_free(struct gw_timers *w)
{
	free(w->heap);
	*w = (struct gw_timers){ 0 };
}
