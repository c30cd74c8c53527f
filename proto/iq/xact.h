/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transaction reliability of H.248 (iq.md 7.2), both ends, pure: over UDP the sender repeats its request byte for
 * byte until an answer comes; the receiver executes each request at most once, whatever the transport.
 */
#ifndef IQ_XACT_H
#define IQ_XACT_H

#include "proto/base/list.h"
#include "proto/base/map.h"
#include "proto/base/sv.h"
#include "proto/base/timers.h"

#define IQ_XACT_FIRST_MS 500u
#define IQ_XACT_MIN_MS 100u         /* of the estimate: a peer that is busy for a moment is not asked again */
#define IQ_XACT_MAX_MS 4000u
#define IQ_XACT_LONG_MS 30000u      /* */
#define IQ_XACT_PROVISIONAL_MS 5000u
#define IQ_XACT_PENDINGS_MAX 20u    /* of one request, sent or received */
#define IQ_XACT_MID_MAX 128         /* bytes of a mId */
#define IQ_XACT_ACKS 4u             /* ranges; what does not fit goes with the 30 s */

struct iq_xact;

struct iq_xact_range {
	uint32_t first, last;
};

/** What is known of the way to a peer. Zero-initialise; owned by the caller, outlives its requests. */
struct iq_xact_peer {
	bool is_reliable;            /* TCP, SCTP, UNIX: nothing is repeated or acknowledged */
	uint32_t srtt_8, rttvar_4;   /* milliseconds, scaled as RFC 6298 appendix A; 0: nothing measured */
	struct iq_xact_range acks[IQ_XACT_ACKS];
	unsigned n_acks;             /* replies that came and are not acknowledged yet */
};

struct iq_xact_ops {
	/** Put the bytes on the wire towards this peer. */
	void (*send)(void *user, struct iq_xact_peer *peer, struct gw_sv bytes);
	/** No answer within 30 s, or Pendings without end; the request is forgotten. tag is what iq_xact_send got. */
	void (*timeout)(void *user, struct iq_xact_peer *peer, uint32_t tid, void *tag);
};

/** Zero-initialise, then iq_xact_init. One per process end; not shared between threads. */
struct iq_xact {
	const struct iq_xact_ops *ops;
	void *user;
	struct gw_timers *timers;
	uint32_t next_tid;
	uint32_t (*random)(void);
	struct gw_map sent;          /* tid -> struct iq_xact_out */
	struct gw_map seen;          /* "mid tid" -> struct iq_xact_in */
	struct gw_list seen_order;   /* oldest first */
	unsigned max_seen;
	uint64_t n_retransmitted, n_duplicates, n_evicted;
};

void iq_xact_init(struct iq_xact *x, const struct iq_xact_ops *ops, void *user,
	struct gw_timers *timers, uint32_t (*random)(void), unsigned max_seen);
void iq_xact_dispose(struct iq_xact *x);

/** A fresh TransactionID, never 0. */
uint32_t iq_xact_tid(struct iq_xact *x);
/** Send a request with that id; over UDP it is repeated by the estimated round trip, doubled each time. */
enum gw_err iq_xact_send(struct iq_xact *x, struct iq_xact_peer *peer, uint32_t tid, struct gw_sv bytes, void *tag,
	uint64_t now_ms) GW_NODISCARD;
/**
 * A reply came: *tag of the request; it will be acknowledged. GW_ENOENT: nobody waits for it.
 * What came for a request that was not repeated measures the way (Karn).
 */
enum gw_err iq_xact_reply(struct iq_xact *x, uint32_t tid, uint64_t now_ms, void **tag) GW_NODISCARD;
/** Pending came: wait for the reply without repeating; 30 s more, IQ_XACT_PENDINGS_MAX times. */
void iq_xact_pending(struct iq_xact *x, uint32_t tid, uint64_t now_ms);
/** Remember to acknowledge a reply; iq_xact_reply does so by itself. */
void iq_xact_note_ack(struct iq_xact_peer *peer, uint32_t tid);
/** What is to be acknowledged, with the next request or at once; forgotten by this. @return how many ranges */
unsigned iq_xact_take_acks(struct iq_xact_peer *peer, struct iq_xact_range out[IQ_XACT_ACKS]);
/** There is a new connection to a reliable peer: what waits goes again, the peer executes it once. */
void iq_xact_resend(struct iq_xact *x, struct iq_xact_peer *peer);
/** Forget one request: it is repeated no more. @return its tag; NULL: it waits no longer */
void *iq_xact_forget(struct iq_xact *x, uint32_t tid) GW_NODISCARD;
/** Forget the requests sent to this peer, without callbacks; each tag is given to fn. */
void iq_xact_forget_peer(struct iq_xact *x, struct iq_xact_peer *peer, void (*fn)(void *user, void *tag));

enum iq_xact_seen { IQ_XACT_NEW, IQ_XACT_EXECUTING, IQ_XACT_REPLIED, IQ_XACT_ACKED, IQ_XACT_ABORTED };
/**
 * A request came. NEW: execute it and call iq_xact_answer. EXECUTING: send Pending.
 * REPLIED: *reply is the stored answer, send it again. ACKED: the peer has that answer, this is a late twin: drop it.
 * ABORTED: too many Pendings, answer 506.
 */
enum iq_xact_seen iq_xact_request(struct iq_xact *x, struct gw_sv mid, uint32_t tid, uint64_t now_ms,
	struct gw_sv *reply);
/** Was a Pending sent for it? Then its reply asks for an acknowledgement at once. */
bool iq_xact_was_pending(const struct iq_xact *x, struct gw_sv mid, uint32_t tid);
/** Store the answer for 30 s. */
void iq_xact_answer(struct iq_xact *x, struct gw_sv mid, uint32_t tid, struct gw_sv reply);
/** TransactionResponseAck: stored answers first..last may go; the ids stay known, for datagrams can be late. */
void iq_xact_ack(struct iq_xact *x, struct gw_sv mid, uint32_t first, uint32_t last);

#endif
