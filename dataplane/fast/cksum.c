/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long sums, where the device does them neither on the way in nor on the way out: virtio, rings, kernel interfaces. A video
 * packet is summed twice, and by 16 bytes at a time that is half of what it costs beside its cipher.
 * 16-bit words are added in lanes of 32 bits, which hold the words of any datagram.
 */
#include "dataplane/fast/cksum.h"

#ifdef __x86_64__
#include <immintrin.h>

static uint64_t sum_sse2(const uint8_t *p, size_t n)
{
	const __m128i zero = _mm_setzero_si128();
	__m128i a = zero, b = zero;
	uint32_t lane[4];

	for (; n >= 16; n -= 16, p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);

		a = _mm_add_epi32(a, _mm_unpacklo_epi16(v, zero));
		b = _mm_add_epi32(b, _mm_unpackhi_epi16(v, zero));
	}
	_mm_storeu_si128((__m128i *)lane, _mm_add_epi32(a, b));
	return (uint64_t)lane[0] + lane[1] + lane[2] + lane[3] + dp_sum_short(p, n);
}

__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p, size_t n)
{
	const __m256i low = _mm256_set1_epi32(0xffff);
	__m256i a = _mm256_setzero_si256(), b = a;
	uint32_t lane[8];
	uint64_t sum = 0;

	for (; n >= 32; n -= 32, p += 32) {
		__m256i v = _mm256_loadu_si256((const __m256i *)p);

		a = _mm256_add_epi32(a, _mm256_and_si256(v, low));
		b = _mm256_add_epi32(b, _mm256_srli_epi32(v, 16));
	}
	_mm256_storeu_si256((__m256i *)lane, _mm256_add_epi32(a, b));
	for (unsigned i = 0; i < 8; i++)
		sum += lane[i];
	return sum + dp_sum_short(p, n);
}

/* The rest by a masked load: what it leaves out is zero and is not read. */
__attribute__((target("avx512f,avx512bw,bmi2"))) static uint64_t sum_avx512(const uint8_t *p, size_t n)
{
	const __m512i low = _mm512_set1_epi32(0xffff);
	__m512i a = _mm512_setzero_si512(), b = a, v;

	for (; n >= 64; n -= 64, p += 64) {
		v = _mm512_loadu_si512(p);
		a = _mm512_add_epi32(a, _mm512_and_si512(v, low));
		b = _mm512_add_epi32(b, _mm512_srli_epi32(v, 16));
	}
	v = _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, (uint32_t)n), p);
	a = _mm512_add_epi32(a, _mm512_and_si512(v, low));
	b = _mm512_add_epi32(b, _mm512_srli_epi32(v, 16));
	return (uint32_t)_mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
}

bool dp_sum_use(enum dp_sum_isa isa)
{
	__builtin_cpu_init();
	if (isa == DP_SUM_AVX512 && !(__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2")))
		return false;
	if (isa == DP_SUM_AVX2 && !__builtin_cpu_supports("avx2"))
		return false;
	dp_sum_long = isa == DP_SUM_AVX512 ? sum_avx512 : isa == DP_SUM_AVX2 ? sum_avx2 : sum_sse2;
	return true;
}

__attribute__((constructor)) static void choose(void)
{
	if (!dp_sum_use(DP_SUM_AVX512) && !dp_sum_use(DP_SUM_AVX2))
		dp_sum_use(DP_SUM_BASE);
}

uint64_t (*dp_sum_long)(const uint8_t *, size_t) = sum_sse2;
#else
uint64_t (*dp_sum_long)(const uint8_t *, size_t) = dp_sum_short;

bool dp_sum_use(enum dp_sum_isa isa)
{
	return isa == DP_SUM_BASE;
}
#endif
