/* SPDX-License-Identifier: Apache-2.0 */
/* Histogram of the time a packet spends in a worker: 4 steps to a power of two, from 64 cycles on. */
#ifndef DP_LATENCY_H
#define DP_LATENCY_H

#include <stdint.h>

#define DP_LATENCY_FIRST_LOG2 6
#define DP_LATENCY_BUCKETS 128      /* the last one ends at 2^38 cycles: minutes */

static inline unsigned dp_latency_bucket(uint64_t tsc)
{
	unsigned log2, b;

	if (tsc < (1u << DP_LATENCY_FIRST_LOG2))
		return 0;
	log2 = 63u - (unsigned)__builtin_clzll(tsc);
	b = 4 * (log2 - DP_LATENCY_FIRST_LOG2) + (unsigned)(tsc >> (log2 - 2) & 3) + 1;
	return b < DP_LATENCY_BUCKETS ? b : DP_LATENCY_BUCKETS - 1;
}

/** Upper end of a bucket, in cycles. */
static inline uint64_t dp_latency_limit(unsigned bucket)
{
	if (bucket == 0)
		return UINT64_C(1) << DP_LATENCY_FIRST_LOG2;
	return (UINT64_C(1) << ((bucket - 1) / 4 + DP_LATENCY_FIRST_LOG2 - 2)) * (5 + (bucket - 1) % 4);
}

#endif
