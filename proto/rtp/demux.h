/* SPDX-License-Identifier: Apache-2.0 */
/* What a datagram on a media port is, by its first bytes (RFC 7983, RFC 5761 4). */
#ifndef RTP_DEMUX_H
#define RTP_DEMUX_H

#include <stddef.h>
#include <stdint.h>

enum rtp_class { RTP_CLASS_NONE, RTP_CLASS_STUN, RTP_CLASS_DTLS, RTP_CLASS_RTP, RTP_CLASS_RTCP };

/** TURN channels, ZRTP and everything unknown are RTP_CLASS_NONE. */
static inline enum rtp_class rtp_classify(const uint8_t *p, size_t len)
{
	if (len < 2)
		return RTP_CLASS_NONE;
	if (p[0] <= 3)
		return RTP_CLASS_STUN;
	if (p[0] >= 20 && p[0] <= 63)
		return RTP_CLASS_DTLS;
	if (p[0] >= 128 && p[0] <= 191)	/* second byte 192..223: RTCP packet types */
		return p[1] >= 192 && p[1] <= 223 ? RTP_CLASS_RTCP : RTP_CLASS_RTP;
	return RTP_CLASS_NONE;
}

#endif
