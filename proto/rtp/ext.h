/* SPDX-License-Identifier: Apache-2.0 */
/* RTP header extensions of RFC 8285: one element found, taken out, or put in. */
#ifndef RTP_EXT_H
#define RTP_EXT_H

#include <string.h>

#include "proto/rtp/rtp.h"

#define RTP_EXT_ONE_BYTE 0xbede
#define RTP_EXT_TWO_BYTE 0x100	/* above four bits for the application */

/** One element: where it begins, with its own header, and how long its data is. */
struct rtp_ext {
	uint16_t at;
	uint8_t header_bytes, bytes;
};

/** p as rtp_parse() has seen it. false: it has no element of this id (1..14) */
static inline bool rtp_ext_find(const uint8_t *p, const struct rtp_view *v, uint8_t id, struct rtp_ext *e)
{
	unsigned at = RTP_FIXED_BYTES + 4u * (p[0] & 15) + 4, end = v->header_bytes, kind;
	bool is_one;

	if (!(p[0] & 0x10))
		return false;
	kind = (unsigned)p[at - 4] << 8 | p[at - 3];
	is_one = kind == RTP_EXT_ONE_BYTE;
	if (!is_one && kind >> 4 != RTP_EXT_TWO_BYTE)
		return false;
	while (at < end) {
		unsigned head = is_one ? 1 : 2, found = is_one ? p[at] >> 4 : p[at], bytes;

		if (p[at] == 0) {	/* padding */
			at++;
			continue;
		}
		if ((is_one && found == 15) || at + head > end)
			return false;
		bytes = is_one ? (p[at] & 15) + 1u : p[at + 1];
		if (at + head + bytes > end)
			return false;
		if (found == id) {
			*e = (struct rtp_ext){ (uint16_t)at, (uint8_t)head, (uint8_t)bytes };
			return true;
		}
		at += head + bytes;
	}
	return false;
}

/**
 * Takes an element out of a packet in clear: it becomes padding, and an extension of nothing else goes as a whole.
 *
 * @return how many bytes of the packet's front are to be cut off
 */
static inline uint16_t rtp_ext_remove(uint8_t *p, const struct rtp_view *v, const struct rtp_ext *e)
{
	unsigned fixed = RTP_FIXED_BYTES + 4u * (p[0] & 15);
	uint16_t cut = (uint16_t)(v->header_bytes - fixed);

	memset(p + e->at, 0, (size_t)e->header_bytes + e->bytes);
	for (unsigned at = fixed + 4; at < v->header_bytes; at++)
		if (p[at])
			return 0;
	p[0] &= (uint8_t)~0x10;
	memmove(p + cut, p, fixed);
	return cut;
}

/** The longest element, of 16 bytes, in an extension of its own. */
#define RTP_EXT_GROWS_MAX 24u

/** How many bytes longer a packet becomes by an element of n (1..16) bytes; 0: it has an extension of another kind. */
static inline uint16_t rtp_ext_growth(const uint8_t *p, uint8_t n)
{
	const uint8_t *ext = p + RTP_FIXED_BYTES + 4u * (p[0] & 15);
	unsigned kind;

	if (!(p[0] & 0x10))
		return (uint16_t)(4 + ((1u + n + 3) & ~3u));
	kind = (unsigned)ext[0] << 8 | ext[1];
	if (kind == RTP_EXT_ONE_BYTE)
		return (uint16_t)((1u + n + 3) & ~3u);
	return kind >> 4 == RTP_EXT_TWO_BYTE ? (uint16_t)((2u + n + 3) & ~3u) : 0;
}

/**
 * Puts an element in as the last one, in the place of another one of this id (1..14).
 *
 * @param p      where the packet will begin: rtp_ext_growth() bytes before it begins now
 * @param v      of the packet as it is
 * @param growth of the packet as it is, not 0
 */
static inline void rtp_ext_put(uint8_t *p, const struct rtp_view *v, uint16_t growth, uint8_t id, const char *data, uint8_t n)
{
	unsigned fixed = RTP_FIXED_BYTES + 4u * (p[growth] & 15), words;
	bool is_new = !(p[growth] & 0x10);
	struct rtp_ext other;
	uint8_t *ext, *e;

	if (rtp_ext_find(p + growth, v, id, &other))
		memset(p + growth + other.at, 0, (size_t)other.header_bytes + other.bytes);
	memmove(p, p + growth, v->header_bytes);
	ext = p + fixed;
	if (is_new) {
		p[0] |= 0x10;
		ext[0] = RTP_EXT_ONE_BYTE >> 8;
		ext[1] = RTP_EXT_ONE_BYTE & 0xff;
	}
	words = (v->header_bytes + growth - fixed - 4) / 4;
	ext[2] = (uint8_t)(words >> 8);
	ext[3] = (uint8_t)words;
	e = is_new ? ext + 4 : p + v->header_bytes;
	memset(e, 0, (size_t)(p + v->header_bytes + growth - e));
	if (ext[0] == RTP_EXT_ONE_BYTE >> 8) {
		*e++ = (uint8_t)(id << 4 | (n - 1));
	} else {
		*e++ = id;
		*e++ = n;
	}
	memcpy(e, data, n);
}

#endif
