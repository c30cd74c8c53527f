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
	uint64_t byte_q16;         /* cycles a byte, 16 bits of them fraction; 0: no limit */
	uint64_t room_tsc;         /* how far full_tsc may lie ahead */
	uint64_t part_q16;         /* of a cycle, to be added to full_tsc */
};

/** Both must have room. One cache line. */
struct dp_policer {
	struct dp_bucket sustained, peak;
};

/** Cycles until it is full again. */
static inline uint64_t dp_bucket_ahead(const struct dp_bucket *b, uint64_t tsc)
{
	int64_t ahead = (int64_t)(b->full_tsc - tsc);

	return ahead > 0 ? (uint64_t)ahead : 0;
}

static inline void dp_bucket_charge(struct dp_bucket *b, uint32_t bytes, uint64_t tsc)
{
	uint64_t cost = b->byte_q16 * bytes;

	if ((int64_t)(b->full_tsc - tsc) > 0)
		cost += b->part_q16;
	else
		b->full_tsc = tsc;
	b->full_tsc += cost >> 16;
	b->part_q16 = cost & 0xffff;
}

/** A bucket of that depth holds enough for the whole packet. */
static inline bool dp_bucket_fits(const struct dp_bucket *b, uint32_t bytes, uint64_t tsc)
{
	return dp_bucket_ahead(b, tsc) + ((b->byte_q16 * bytes + b->part_q16) >> 16) <= b->room_tsc;
}

/** Would this packet pass? Changes nothing. */
static inline bool dp_policer_fits(const struct dp_policer *p, uint32_t bytes, uint64_t tsc)
{
	/* a peak rate says when the next packet may come, not how much it may hold */
	return dp_bucket_fits(&p->sustained, bytes, tsc) && dp_bucket_ahead(&p->peak, tsc) <= p->peak.room_tsc;
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

/* police.c */
/**
 * Rates of *p as ordered; what was used of them before stays used.
 *
 * @param hz   cycles a second
 * @param now  TSC; buckets that had no rate are full
 */
void dp_policer_set(struct dp_policer *p, const struct dp_police *by, uint64_t hz, uint64_t now);
/** The part of the rates RTCP may take. */
void dp_rtcp_share_set(struct dp_bucket *b, const struct dp_police *by, uint64_t hz, uint64_t now);

#endif
