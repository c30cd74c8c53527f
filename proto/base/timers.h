/* SPDX-License-Identifier: Apache-2.0 */
/* Timers without a clock: a binary heap of deadlines driven by the caller's now_ms. */
#ifndef GW_TIMERS_H
#define GW_TIMERS_H

#include "proto/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct gw_timers;

/** Embed in the object; zero-initialise. Belongs to at most one set of timers at a time. */
struct gw_timer {
	uint64_t due_ms;
	uint32_t pos;        /* 1-based place in the heap; 0 = not armed */
	void (*fn)(struct gw_timer *t, uint64_t now_ms);
};

/** Zero-initialise. Not shared between threads. */
struct gw_timers {
	struct gw_timer **heap;
	uint32_t count, cap;
};

/**
 * Make room for n armed timers, so that gw_timer_arm cannot fail for want of memory.
 * Called for each object that embeds timers, when it is made.
 */
enum gw_err gw_timers_reserve(struct gw_timers *w, uint32_t n) GW_NODISCARD;
/** Arm, or move if armed. t->fn runs from gw_timers_run at or after due_ms. */
enum gw_err gw_timer_arm(struct gw_timers *w, struct gw_timer *t, uint64_t due_ms);
void gw_timer_stop(struct gw_timers *w, struct gw_timer *t);
static inline bool gw_timer_armed(const struct gw_timer *t)
{
	return t->pos != 0;
}
/**
 * Run what is due. A callback may arm and stop any timer and free its own object; timers it arms
 * at or before now_ms run in the same call.
 * @return number of callbacks run
 */
unsigned gw_timers_run(struct gw_timers *w, uint64_t now_ms);
/** Earliest deadline, or UINT64_MAX. */
uint64_t gw_timers_next(const struct gw_timers *w);
void gw_timers_free(struct gw_timers *w);

#endif
