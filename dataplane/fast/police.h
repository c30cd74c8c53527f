/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policing (H.248.53): token buckets kept as the time at which they will be full again, so that a packet costs a
 * multiplication and no division, nothing is refilled, and a long silence needs no care. Times are TSC cycles and may
 * wrap; parts of a cycle are carried on, so that nothing drifts.
 */
#ifndef DP_POLICE_H
#define DP_POLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/fast/api.h"

struct dp_bucket {
	uint64_t full_tsc;         /* when it is full again; past: it is */
	uint64_t byte_q16 : 48;    /* cycles a byte, 16 bits of them fraction; 0: no limit */
	uint64_t part_q16 : 16;    /* of a cycle, to be added to full_tsc */
};

/** Of a flow that is policed: sustained and peak must both have room; what RTCP may take. One cache line. */
struct dp_policer {
	struct dp_bucket sustained, peak, rtcp;
	uint64_t sustained_room_tsc, peak_room_tsc;   /* how far full_tsc may lie ahead */
};

#define DP_RTCP_BURST_LEAST 3000u	/* bytes: reports and feedback of a few streams at once */

/** Cycles until it is full again. */
static inline uint64_t dp_bucket_ahead(const struct dp_bucket *b, uint64_t tsc)
{
	int64_t ahead = (int64_t)(b->full_tsc - tsc);

	return ahead > 0 ? (uint64_t)ahead : 0;
}

static inline void dp_bucket_charge(struct dp_bucket *b, uint32_t bytes, uint64_t tsc)
{
	uint64_t cost = (uint64_t)b->byte_q16 * bytes;

	if ((int64_t)(b->full_tsc - tsc) > 0)
		cost += b->part_q16;
	else
		b->full_tsc = tsc;
	b->full_tsc += cost >> 16;
	b->part_q16 = cost & 0xffff;
}

/** A bucket of that depth holds enough for the whole packet. */
static inline bool dp_bucket_fits(const struct dp_bucket *b, uint64_t room_tsc, uint32_t bytes, uint64_t tsc)
{
	return dp_bucket_ahead(b, tsc) + (((uint64_t)b->byte_q16 * bytes + b->part_q16) >> 16) <= room_tsc;
}

/** Would this packet pass? Changes nothing. */
static inline bool dp_policer_fits(const struct dp_policer *p, uint32_t bytes, uint64_t tsc)
{
	/* a peak rate says when the next packet may come, not how much it may hold */
	return dp_bucket_fits(&p->sustained, p->sustained_room_tsc, bytes, tsc) && dp_bucket_ahead(&p->peak, tsc) <= p->peak_room_tsc;
}

/** true: it passes, and is charged. */
static inline bool dp_policer_take(struct dp_policer *p, uint32_t bytes, uint64_t tsc)
{
	if (!dp_policer_fits(p, bytes, tsc))
		return false;
	dp_bucket_charge(&p->sustained, bytes, tsc);
	dp_bucket_charge(&p->peak, bytes, tsc);
	return true;
}

/** Is there that much left of RTCP's share, which holds what comes in a second, or a few reports? */
static inline bool dp_policer_rtcp_fits(const struct dp_policer *p, uint32_t bytes, uint64_t hz, uint64_t tsc)
{
	uint64_t least = (uint64_t)p->rtcp.byte_q16 * DP_RTCP_BURST_LEAST >> 16;

	return dp_bucket_fits(&p->rtcp, least > hz ? least : hz, bytes, tsc);
}

/* police.c */
/**
 * Rates of *p as ordered; what was used of them before stays used.
 *
 * @param hz   cycles a second
 * @param now  TSC; buckets that had no rate are full
 */
void dp_policer_set(struct dp_policer *p, const struct dp_police *by, uint64_t hz, uint64_t now);

#endif
