/* SPDX-License-Identifier: Apache-2.0 */
/* Text into RTP packets: RFC 4103 with redundant generations by RFC 2198 (W2-DC-16). Pure. */
#ifndef T140_RTP_OUT_H
#define T140_RTP_OUT_H

#include "proto/base/buf.h"
#include "proto/t140/queue.h"

#define T140_INTERVAL_MS     300u      /* RFC 4103 5.1; at most 500 */
#define T140_GENERATIONS_MAX 3u
#define T140_BLOCK_MAX       320u      /* bytes of a block: four of them and their headers stay below an MTU of 1400 */
#define T140_PACKET_MAX      (12u + 4 * T140_GENERATIONS_MAX + 1 + (T140_GENERATIONS_MAX + 1) * T140_BLOCK_MAX)

struct t140_out_conf {
	uint8_t pt_t140;
	uint8_t pt_red;            /* with generations above 0 */
	unsigned generations;      /* how often a block is repeated; 0: pt_t140 alone */
	unsigned interval_ms;
	unsigned keepalive_ms;     /* a BOM at the start and after this long without text (T.140 8.3); 0: none */
	uint32_t ssrc, ts;         /* of the caller's random numbers (RFC 3550 5.1) */
	uint16_t seq;
};

struct t140_block {
	uint32_t ts;
	uint16_t len;
	char text[T140_BLOCK_MAX];
};

struct t140_out {
	struct t140_out_conf conf;
	struct t140_block sent[T140_GENERATIONS_MAX];   /* newest first */
	uint64_t next_ms;          /* no packet before */
	uint64_t keepalive_at_ms;
	bool was_idle;             /* the next packet has the marker bit */
};

/** GW_EINVAL: more generations than T140_GENERATIONS_MAX, or an interval of 0 or above 500 ms. */
enum gw_err t140_out_init(struct t140_out *o, const struct t140_out_conf *conf, uint64_t now_ms) GW_NODISCARD;
/** When t140_out_packet has something; UINT64_MAX: not before q gets text. */
uint64_t t140_out_deadline(const struct t140_out *o, const struct t140_queue *q, uint64_t now_ms);
/**
 * The packet that is due: what q lets go, and what went before it once more.
 *
 * @param packet  an empty buffer of T140_PACKET_MAX bytes
 * @return GW_OK; GW_EAGAIN: none is due; GW_ENOSPC
 */
enum gw_err t140_out_packet(struct t140_out *o, struct t140_queue *q, uint64_t now_ms, struct gw_buf *packet) GW_NODISCARD;

#endif
