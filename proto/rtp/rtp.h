/* SPDX-License-Identifier: Apache-2.0 */
/* RTP header view (RFC 3550 5.1) and the walk over a compound RTCP packet (6.1), bounds checked. */
#ifndef RTP_RTP_H
#define RTP_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/be.h"

#define RTP_FIXED_BYTES 12u

struct rtp_view {
	uint8_t pt;
	bool marker;
	uint16_t seq;
	uint32_t ts, ssrc;
	uint16_t header_bytes;     /* fixed part, CSRCs and extension */
};

/** Header only; a padding count is part of the encrypted body and not looked at. */
static inline bool rtp_parse(const uint8_t *p, size_t len, struct rtp_view *v)
{
	size_t n;

	if (len < RTP_FIXED_BYTES || p[0] >> 6 != 2)
		return false;
	n = RTP_FIXED_BYTES + 4u * (p[0] & 15);
	if (p[0] & 0x10) {
		if (len < n + 4)
			return false;
		n += 4 + 4u * ((size_t)p[n + 2] << 8 | p[n + 3]);
	}
	if (len < n)
		return false;
	v->pt = p[1] & 0x7f;
	v->marker = p[1] >> 7;
	v->seq = (uint16_t)(p[2] << 8 | p[3]);
	v->ts = gw_be32(p + 4);
	v->ssrc = gw_be32(p + 8);
	v->header_bytes = (uint16_t)n;
	return true;
}

/** Fixed header and the sender's SSRC: of SRTCP all that is in clear. */
static inline bool rtcp_header_is_valid(const uint8_t *p, size_t len)
{
	return len >= 8 && p[0] >> 6 == 2 && p[1] >= 192 && p[1] <= 223;
}

/** Every packet of the compound fits and has version 2, the first one being SR, RR (or any: RFC 5506). */
static inline bool rtcp_is_valid(const uint8_t *p, size_t len)
{
	size_t i = 0;

	if (len < 8)
		return false;
	while (i < len) {
		size_t n;

		if (len - i < 4 || p[i] >> 6 != 2 || p[i + 1] < 192 || p[i + 1] > 223)
			return false;
		n = 4u * (((size_t)p[i + 2] << 8 | p[i + 3]) + 1);
		if (n > len - i)
			return false;
		i += n;
	}
	return true;
}

/** Does it speak of this SSRC? Each kind of packet has SSRCs in places of its own, but all of them on a boundary of four bytes. */
static inline bool rtcp_names(const uint8_t *p, size_t len, uint32_t ssrc)
{
	for (size_t i = 4; i + 4 <= len; i += 4)
		if (gw_be32(p + i) == ssrc)
			return true;
	return false;
}

#endif
