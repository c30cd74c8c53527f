/* SPDX-License-Identifier: Apache-2.0 */
/* Internet checksum (RFC 1071) as partial sums, so that what does not change is summed up once. */
#ifndef DP_CKSUM_H
#define DP_CKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DP_SUM_LONG 64u          /* bytes from which on the call below is worth its while */

enum dp_sum_isa { DP_SUM_BASE, DP_SUM_AVX2, DP_SUM_AVX512 };

/** From now on dp_sum() uses this one; false: the CPU has it not. The widest is chosen when the program is loaded. */
bool dp_sum_use(enum dp_sum_isa isa);

/** dp_sum()'s, of n up to 65535; a last odd byte counts as if a zero followed. */
extern uint64_t (*dp_sum_long)(const uint8_t *p, size_t n);

/** Sum of fewer than DP_SUM_LONG bytes, or of what others left. */
static inline uint64_t dp_sum_short(const uint8_t *p, size_t n)
{
	uint64_t sum = 0;
	uint32_t u = 0;

	for (; n >= 4; n -= 4, p += 4) {	/* 32-bit halves cannot overflow 64 bits */
		memcpy(&u, p, 4);
		sum += u;
	}
	u = 0;
	if (n & 2)
		memcpy(&u, p, 2);
	if (n & 1)
		memcpy((uint8_t *)&u + (n & 2), p + (n & 2), 1);
	return sum + u;
}

/** Sum of the bytes as 16-bit words in memory order; add several, then fold. */
static inline uint64_t dp_sum(const void *data, size_t n)
{
	return n < DP_SUM_LONG ? dp_sum_short(data, n) : dp_sum_long(data, n);
}

/** Not yet complemented; 0xffff over data with a right checksum. */
static inline uint16_t dp_sum_fold(uint64_t s)
{
	s = (s & UINT32_MAX) + (s >> 32);
	s = (s & UINT32_MAX) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

#endif
