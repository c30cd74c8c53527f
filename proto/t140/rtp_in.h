/* SPDX-License-Identifier: Apache-2.0 */
/* Text out of RTP packets: RFC 4103 with RFC 2198, in order, each block once, what is lost marked (W2-DC-16). Pure. */
#ifndef T140_RTP_IN_H
#define T140_RTP_IN_H

#include "proto/t140/queue.h"

#define T140_WAIT_MS      1000u    /* for packets out of order, when the repetitions do not fill the gap */
#define T140_WINDOW       8u       /* packets kept behind a gap */
#define T140_HELD_MAX     1024u    /* bytes of a block that is kept (RFC 2198: a repeated one has 1023 at most) */
#define T140_RED_MAX      8u       /* blocks of a packet */

struct t140_in_conf {
	uint8_t pt_t140;
	uint8_t pt_red;            /* 0: not negotiated */
	unsigned wait_ms;
};

struct t140_in {
	struct t140_in_conf conf;
	bool has_started, has_gap;
	uint32_t ssrc;
	uint16_t expected;         /* the sequence number whose text comes next */
	uint16_t bad_seq;          /* a jump is believed when its successor comes (RFC 3550 A.1) */
	uint64_t gap_since_ms;
	uint64_t recovered, lost;  /* blocks taken from repetitions; packets whose text is missing */
	struct {
		bool is_filled;
		uint16_t len;
		char text[T140_HELD_MAX];
	} held[T140_WINDOW];       /* by sequence number modulo window */
};

void t140_in_init(struct t140_in *in, const struct t140_in_conf *conf);
/**
 * One RTP packet from the peer. Its text, and what waited for it, goes to q.
 *
 * @return GW_OK (also for what came twice or too late); GW_EBADMSG; GW_EUNSUPP (another payload type);
 *         GW_EAGAIN: far from the sequence, not believed yet
 */
enum gw_err t140_in_packet(struct t140_in *in, struct gw_sv packet, uint64_t now_ms, struct t140_queue *q) GW_NODISCARD;
/** When a gap is given up, or UINT64_MAX. */
uint64_t t140_in_deadline(const struct t140_in *in);
/** Past the deadline a marker takes the place of what is missing, and what waited follows. */
void t140_in_tick(struct t140_in *in, uint64_t now_ms, struct t140_queue *q);

#endif
