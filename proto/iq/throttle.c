/* SPDX-License-Identifier: Apache-2.0 */
/* Leaky bucket and percentage. */
#include "proto/iq/throttle.h"

#define CALL 1000u		/* a call in the bucket */
#define DEPTH (5 * CALL)	/* calls that come together are no overload */
#define RATE_MIN (CALL / 2)
#define CUT_MS 500u		/* events closer together are of the same load */
#define RAISE_MS 1000u
#define QUIET_MS 30000u		/* without an event: it is over */
#define PERCENT_MS 60000u

static void count_seconds(struct iq_throttle *t, uint64_t now_ms)
{
	uint64_t passed = now_ms - t->second_ms;

	if (passed < 1000)
		return;
	t->per_second = (uint32_t)(t->admitted * 1000ull / passed);
	t->admitted = 0;
	t->second_ms = now_ms;
}

void iq_throttle_overload(struct iq_throttle *t, uint64_t now_ms)
{
	count_seconds(t, now_ms);
	t->event_ms = now_ms;
	if (!t->is_active) {
		t->is_active = true;
		t->rate = (t->admitted > t->per_second ? t->admitted : t->per_second) * CALL;
		t->level = 0;
		t->leaked_ms = now_ms;
	} else if (now_ms - t->changed_ms < CUT_MS) {
		return;
	}
	t->changed_ms = now_ms;
	t->rate -= t->rate / 10 * 3;
	if (t->rate < RATE_MIN)
		t->rate = RATE_MIN;
}

void iq_throttle_percent(struct iq_throttle *t, unsigned percent, uint64_t now_ms)
{
	t->percent = percent > 100 ? 100 : percent;
	t->percent_ms = now_ms;
	t->share = 0;
}

static void leak(struct iq_throttle *t, uint64_t now_ms)
{
	uint64_t out = t->rate * (now_ms - t->leaked_ms) / 1000;

	if (out == 0)
		return;		/* its time is not lost: leaked_ms stays */
	t->level = out < t->level ? t->level - (uint32_t)out : 0;
	t->leaked_ms = now_ms;
	for (; now_ms - t->changed_ms >= RAISE_MS && now_ms - t->event_ms >= RAISE_MS; t->changed_ms += RAISE_MS)
		t->rate += t->rate / 10 + CALL / 10;
}

bool iq_throttle_admit(struct iq_throttle *t, uint64_t now_ms)
{
	count_seconds(t, now_ms);
	if (t->percent && now_ms - t->percent_ms < PERCENT_MS && (t->share += t->percent) >= 100) {
		t->share -= 100;
		return false;
	}
	if (t->is_active && now_ms - t->event_ms >= QUIET_MS)
		t->is_active = false;
	if (t->is_active) {
		leak(t, now_ms);
		if (t->level + CALL > DEPTH)
			return false;
		t->level += CALL;
	}
	t->admitted++;
	return true;
}

unsigned iq_throttle_rate(const struct iq_throttle *t)
{
	return t->is_active ? (t->rate + CALL - 1) / CALL : 0;
}
