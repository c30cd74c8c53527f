/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many new contexts a gateway is asked for while it reports overload (F-75), pure: (a) H.248.11, an event for
 * each call attempt that hurts: a leaky bucket whose rate falls with the events and grows back without them; (b)
 * H.248.10, a percentage of calls to spare it. Emergency and priority calls are not asked about here.
 */
#ifndef IQ_THROTTLE_H
#define IQ_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

/** Zero-initialise: everything is admitted. */
struct iq_throttle {
	bool is_active;
	uint32_t rate, level;           /* thousandths of a call: a second, and in the bucket */
	uint64_t leaked_ms, event_ms, changed_ms;
	uint32_t admitted, per_second;  /* in this second; in the last whole one */
	uint64_t second_ms;
	unsigned percent, share;
	uint64_t percent_ms;
};

/** ocp/mg_overload. */
void iq_throttle_overload(struct iq_throttle *t, uint64_t now_ms);
/** chp/mgcon: 0 ends it, above 100 is 100; without news it ends after a minute. */
void iq_throttle_percent(struct iq_throttle *t, unsigned percent, uint64_t now_ms);
/** May one more call go there? It is counted when it may. */
bool iq_throttle_admit(struct iq_throttle *t, uint64_t now_ms);
/** Calls a second that go there; 0: as many as come. */
unsigned iq_throttle_rate(const struct iq_throttle *t);

#endif
