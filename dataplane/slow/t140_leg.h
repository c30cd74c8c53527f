/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time text between a data channel and RTP (W2-DC-16, RFC 8865 6): proto/t140's two queues, its sender and its receiver
 * as one leg. Service thread only. No socket and no clock: packets and messages go in, and out by call-backs; the owner
 * calls dp_t140_tick when the dead-line has come.
 *
 * Both ends are served in their own measure: towards the core RFC 4103's blocks of 300 ms, not faster than the core's cps;
 * towards the channel as soon as text is there and in order, not faster than the client's cps. Memory is bounded; what a
 * peer sends beyond it is lost and marked by U+FFFD, but a channel's message waits as long as the channel can hold it back.
 */
#ifndef DP_T140_LEG_H
#define DP_T140_LEG_H

#include "proto/base/err.h"
#include "proto/t140/rtp_in.h"
#include "proto/t140/rtp_out.h"

#define DP_T140_KEEPALIVE_MS 15000u  /* RFC 6263 4.3: of RTP without text; and a BOM at the start (T.140 8.3) */
#define DP_T140_RETRY_MS     50u     /* a channel without room is asked again */
#define DP_T140_MESSAGE_MAX  512u    /* bytes of a message to the channel */
#define DP_T140_MESSAGE_MIN  4u      /* the longest character fits */

/** Called from dp_t140_packet and dp_t140_tick; dp_t140_free may not be called from inside. */
struct dp_t140_ops {
	/** A packet for the core; read during the call. */
	void (*packet)(void *user, struct gw_sv packet, uint64_t now_ms);
	/** Text for the channel, whole characters; read during the call. GW_EAGAIN: not now; other errors: it is lost. */
	enum gw_err (*channel)(void *user, struct gw_sv text);
};

/** What both descriptions say. */
struct dp_t140_conf {
	uint8_t pt_t140_in, pt_red_in;       /* our own description: what the core sends; red 0: not agreed */
	uint8_t pt_t140_out, pt_red_out;     /* the core's: what we send */
	unsigned generations;                /* of repetitions we send; 0 without red */
	bool may_send;                       /* the gate to the core is open; if not, what waits for it waits on */
	uint32_t cps_core, cps_channel;      /* what each side takes, characters a second */
	size_t message_max;                  /* what the channel's peer takes in one message; 0: any */
};

struct dp_t140_counts {
	uint64_t packets_out, bytes_out;     /* to the core */
	uint64_t messages_in, text_in;       /* of the channel, bytes of text */
	uint64_t messages_out, text_out;     /* to the channel */
	uint64_t recovered, lost;            /* blocks of the core out of repetitions; its packets whose text is missing */
	uint64_t cut;                        /* bytes that found no room, either way */
};

struct dp_t140;
/** Without a description: it takes nothing and sends nothing. GW_ENOMEM. */
enum gw_err dp_t140_new(struct dp_t140 **out, const struct dp_t140_ops *ops, void *user) GW_NODISCARD;
/** Accepts NULL. */
void dp_t140_free(struct dp_t140 *t);
/**
 * Begins, with random numbers of the caller's (RFC 3550 5.1); again with other descriptions: text, sequence and source stay.
 * GW_EINVAL: message_max is below DP_T140_MESSAGE_MIN, or more than T140_GENERATIONS_MAX repetitions; nothing has changed.
 */
enum gw_err dp_t140_configure(struct dp_t140 *t, const struct dp_t140_conf *conf, const uint32_t random[3], uint64_t now_ms) GW_NODISCARD;
/** The channel has ended: what waits is dropped, nothing is taken or sent any more. */
void dp_t140_stop(struct dp_t140 *t);
bool dp_t140_is_ended(const struct dp_t140 *t);
/** A packet of the core whose source and payload type were looked at. GW_ESTATE; else as t140_in_packet. */
enum gw_err dp_t140_packet(struct dp_t140 *t, struct gw_sv packet, uint64_t now_ms) GW_NODISCARD;
/** A message of the channel. @return false: no room now, it has to come again */
bool dp_t140_message(struct dp_t140 *t, struct gw_sv text);
/** When dp_t140_tick has something to do; UINT64_MAX: not before something comes. */
uint64_t dp_t140_deadline(const struct dp_t140 *t, uint64_t now_ms);
void dp_t140_tick(struct dp_t140 *t, uint64_t now_ms);
void dp_t140_counts(const struct dp_t140 *t, struct dp_t140_counts *out);

#endif
