/* SPDX-License-Identifier: Apache-2.0 */
/* Packet index and replay window of one SSRC (RFC 3711 3.3.1 and 3.3.2). Pure; used by one worker. */
#ifndef DP_SRTP_STREAM_H
#define DP_SRTP_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Packed: there are eight in each session. */
struct __attribute__((packed, aligned(4))) srtp_stream {
	uint32_t ssrc;
	uint64_t top;              /* highest authenticated index: ROC << 16 | SEQ; 0 at first */
	uint64_t seen[];           /* ring of window bits, window a power of two, 64..1024 */
};

#define SRTP_INDEX_MAX ((UINT64_C(1) << 48) - 1)

/** RFC 3711 3.3.1. In the first half of the first cycle there is no cycle before: ROC stays 0. */
static inline uint64_t srtp_stream_index(const struct srtp_stream *st, uint16_t seq)
{
	uint64_t roc = st->top >> 16;
	uint16_t s_l = (uint16_t)st->top;

	if (s_l < 0x8000) {
		if (seq - s_l > 0x8000 && roc > 0)
			roc--;
	} else if (s_l - 0x8000 > seq) {
		roc++;
	}
	return roc << 16 | seq;
}

/** Not seen before and not older than the window. */
static inline bool srtp_stream_is_new(const struct srtp_stream *st, uint64_t index, uint32_t window)
{
	if (index > st->top)
		return true;
	if (st->top - index >= window)
		return false;
	return !(st->seen[(index & (window - 1)) >> 6] >> (index & 63) & 1);
}

/** After authentication only. */
static inline void srtp_stream_commit(struct srtp_stream *st, uint64_t index, uint32_t window)
{
	if (index > st->top) {
		if (index - st->top >= window)
			memset(st->seen, 0, window / 8);
		else
			for (uint64_t i = st->top + 1; i < index; i++)
				st->seen[(i & (window - 1)) >> 6] &= ~(UINT64_C(1) << (i & 63));
		st->top = index;
	}
	st->seen[(index & (window - 1)) >> 6] |= UINT64_C(1) << (index & 63);
}

#endif
