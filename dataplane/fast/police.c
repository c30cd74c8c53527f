/* SPDX-License-Identifier: Apache-2.0 */
/* From rates and bursts in bytes to buckets in cycles: the divisions policing needs, once an order. */
#include "dataplane/fast/police.h"

#define ROOM_MOST (UINT64_C(1) << 62)
#define BYTE_MOST ((UINT64_C(1) << 48) - 1)	/* a byte a second, at 4.2 GHz */
#define BURST_LEAST 1500u	/* below a packet's size nothing would ever pass */
#define BURST_PART 10u		/* of a second, when the order names no burst */
#define RTCP_PART 20u		/* 5 %: RFC 3550 6.2 */
static uint64_t at_most(uint64_t most, unsigned __int128 v)
{
	return v < most ? (uint64_t)v : most;
}

/* @return its room: that much, or where there is no rate all there is */
static uint64_t set_rate(struct dp_bucket *b, uint32_t rate, uint64_t room, uint64_t hz, uint64_t now)
{
	if (rate == 0) {
		*b = (struct dp_bucket){ .full_tsc = now };
		return ROOM_MOST;
	}
	if (b->byte_q16 == 0)
		b->full_tsc = now;
	if (dp_bucket_ahead(b, now) > room)
		b->full_tsc = now + room;	/* a smaller one is empty at worst */
	b->byte_q16 = at_most(BYTE_MOST, (((unsigned __int128)hz << 16) + rate / 2) / rate);
	return room;
}

static uint64_t burst_tsc(uint32_t bytes, uint32_t rate, uint64_t hz)
{
	return rate ? at_most(ROOM_MOST, (unsigned __int128)bytes * hz / rate) : 0;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void dp_policer_set(struct dp_policer *p, const struct dp_police *by, uint64_t hz, uint64_t now)
{
	uint32_t mbs = by->mbs ? by->mbs : larger(by->sdr / BURST_PART, BURST_LEAST);
	uint32_t rtcp = by->rtcp ? by->rtcp : (by->sdr ? by->sdr : by->pdr) / RTCP_PART + 1;
	uint64_t dvt_tsc = at_most(ROOM_MOST, (unsigned __int128)by->dvt_ns * hz / 1000000000);

	p->sustained_room_tsc = set_rate(&p->sustained, by->sdr, burst_tsc(mbs, by->sdr, hz), hz, now);
	p->peak_room_tsc = set_rate(&p->peak, by->pdr, dvt_tsc, hz, now);
	(void)set_rate(&p->rtcp, rtcp, burst_tsc(larger(rtcp, DP_RTCP_BURST_LEAST), rtcp, hz), hz, now);
}
