/* SPDX-License-Identifier: Apache-2.0 */
/* Internet checksum (RFC 1071) as partial sums, so that what does not change is summed up once. */
#ifndef DP_CKSUM_H
#define DP_CKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

/* 16-bit words into 32-bit lanes, which hold a datagram of any size. *n becomes what is left. */
static inline uint64_t dp_sum_blocks(const uint8_t **p, size_t *n)
{
	const __m128i zero = _mm_setzero_si128();
	__m128i a = zero, b = zero;
	uint32_t lane[4];

	for (; *n >= 16; *n -= 16, *p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)*p);

		a = _mm_add_epi32(a, _mm_unpacklo_epi16(v, zero));
		b = _mm_add_epi32(b, _mm_unpackhi_epi16(v, zero));
	}
	_mm_storeu_si128((__m128i *)lane, _mm_add_epi32(a, b));
	return (uint64_t)lane[0] + lane[1] + lane[2] + lane[3];
}
#else
static inline uint64_t dp_sum_blocks(const uint8_t **p, size_t *n)
{
	(void)p;
	(void)n;
	return 0;
}
#endif

/** Sum of the bytes as 16-bit words in memory order; add several, then fold. */
static inline uint64_t dp_sum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t sum = n >= 32 ? dp_sum_blocks(&p, &n) : 0;
	uint32_t u = 0;

	for (; n >= 4; n -= 4, p += 4) {	/* 32-bit halves cannot overflow 64 bits */
		memcpy(&u, p, 4);
		sum += u;
	}
	u = 0;
	if (n & 2)
		memcpy(&u, p, 2);
	if (n & 1)	/* a last odd byte counts as if a zero followed */
		memcpy((uint8_t *)&u + (n & 2), p + (n & 2), 1);
	return sum + u;
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
