/* SPDX-License-Identifier: Apache-2.0 */
/* The RTP packets of the generator: everything of one follows from its call and its sequence number. */
#ifndef GEN_PAYLOAD_H
#define GEN_PAYLOAD_H

#include <string.h>

#include <rte_byteorder.h>

#include "bench/gen/gen.h"

#define GEN_SSRC_FIRST 0x10000000u
#define GEN_RTP_HEADER 12u
#define GEN_AUDIO_BYTES 172u
#define GEN_VIDEO_BYTES 1200u

/* The longest of them. */
#define GEN_RTP_MOST(rtp_bytes) ((rtp_bytes) ? (rtp_bytes) : GEN_VIDEO_BYTES)

/*
 * Of 100 packets so many G.711, so many media (the others of these are video), then RTCP, then STUN. RTCP and STUN are
 * no stream: they go to the gateway's service core and none comes back. The core side has no STUN, and as many more media.
 */
#define GEN_MIX 100u

struct gen_mix {
	uint8_t audio, media, rtcp;
};

/* calls: as they come together. video: one with feedback (NACK, PLI, REMB) for every 19 packets. */
static const struct gen_mix gen_mix_calls = { 80, 98, 1 }, gen_mix_video = { 0, 95, 5 };

static inline uint16_t gen_rtp_bytes(const struct gen *g, uint32_t i, uint16_t seq)
{
	if (g->c.rtp_bytes)
		return g->c.rtp_bytes;
	return (i + seq) % g->c.mix->media < g->c.mix->audio ? GEN_AUDIO_BYTES : GEN_VIDEO_BYTES;
}

static inline void gen_rtp(uint32_t i, uint16_t seq, uint8_t *p, uint16_t bytes)
{
	uint32_t ts = rte_cpu_to_be_32(160u * seq), ssrc = rte_cpu_to_be_32(GEN_SSRC_FIRST + i);

	p[0] = 0x80;
	p[1] = 0;	/* PCMU */
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	memcpy(p + 4, &ts, sizeof(ts));
	memcpy(p + 8, &ssrc, sizeof(ssrc));
	/* nothing of the payload is equal in two packets that follow */
	memset(p + GEN_RTP_HEADER, (int)((i ^ seq) & 0xff), (size_t)(bytes - GEN_RTP_HEADER));
}

#endif
