/* SPDX-License-Identifier: Apache-2.0 */
/* From rates and bursts in bytes to buckets in cycles: the divisions policing needs, once an order. */
#include "dataplane/fast/police.h"

#define ROOM_MOST (UINT64_C(1) << 62)
#define BURST_LEAST 1500u	/* below a packet's size nothing would ever pass */
#define BURST_PART 10u		/* of a second, when the order names no burst */
#define RTCP_PART 20u		/* 5 %: RFC 3550 6.2 */
#define RTCP_BURST_LEAST 3000u	/* reports and feedback of a few streams at once */

static uint64_t clamp(unsigned __int128 v)
{
	return v < ROOM_MOST ? (uint64_t)v : ROOM_MOST;
}

static void set_rate(struct dp_bucket *b, uint32_t rate, uint64_t room, uint64_t hz, uint64_t now)
{
	if (rate == 0) {
		*b = (struct dp_bucket){ .room_tsc = ROOM_MOST, .full_tsc = now };
		return;
	}
	uint64_t byte_q16 = clamp((((unsigned __int128)hz << 16) + rate / 2) / rate);

	if (b->byte_q16 == byte_q16 && b->room_tsc == room)
		return;
	if (b->byte_q16 == 0)
		b->full_tsc = now;
	if (dp_bucket_ahead(b, now) > room)
		b->full_tsc = now + room;	/* a smaller one is empty at worst */
	*b = (struct dp_bucket){ .full_tsc = b->full_tsc, .byte_q16 = byte_q16, .room_tsc = room };
}

static uint64_t burst_tsc(uint32_t bytes, uint32_t rate, uint64_t hz)
{
	return rate ? clamp((unsigned __int128)bytes * hz / rate) : 0;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void dp_policer_set(struct dp_policer *p, const struct dp_police *by, uint64_t hz, uint64_t now)
{
	uint32_t mbs = by->mbs ? by->mbs : larger(by->sdr / BURST_PART, BURST_LEAST);

	set_rate(&p->sustained, by->sdr, burst_tsc(mbs, by->sdr, hz), hz, now);
	set_rate(&p->peak, by->pdr, clamp((unsigned __int128)by->dvt_ns * hz / 1000000000), hz, now);
}

void dp_rtcp_share_set(struct dp_bucket *b, const struct dp_police *by, uint64_t hz, uint64_t now)
{
	uint32_t rate = by->rtcp ? by->rtcp : (by->sdr ? by->sdr : by->pdr) / RTCP_PART + 1;

	set_rate(b, rate, burst_tsc(larger(rate, RTCP_BURST_LEAST), rate, hz), hz, now);
}
