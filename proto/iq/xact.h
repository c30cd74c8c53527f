/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transaction reliability of H.248 over UDP (iq.md 7.2), both ends, pure: the sender repeats its
 * request byte for byte until an answer comes; the receiver executes each request at most once.
 */
#ifndef IQ_XACT_H
#define IQ_XACT_H

#include "proto/base/list.h"
#include "proto/base/map.h"
#include "proto/base/sv.h"
#include "proto/base/timers.h"

#define IQ_XACT_FIRST_MS 500u
#define IQ_XACT_MAX_MS 4000u
#define IQ_XACT_LONG_MS 30000u      /* */
#define IQ_XACT_PEER_MAX 128        /* bytes of a mId */

struct iq_xact;

struct iq_xact_ops {
	/** Put the bytes on the wire towards this peer. */
	void (*send)(void *user, void *peer, struct gw_sv bytes);
	/** No answer within 30 s; the request is forgotten. tag is what iq_xact_send got. */
	void (*timeout)(void *user, void *peer, uint32_t tid, void *tag);
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
/** Send a request with that id and keep repeating it. */
enum gw_err iq_xact_send(struct iq_xact *x, void *peer, uint32_t tid, struct gw_sv bytes, void *tag,
	uint64_t now_ms) GW_NODISCARD;
/** A reply came: *tag of the request. GW_ENOENT: nobody waits for it. */
enum gw_err iq_xact_reply(struct iq_xact *x, uint32_t tid, void **tag) GW_NODISCARD;
/** Pending came: wait for the reply without repeating. */
void iq_xact_pending(struct iq_xact *x, uint32_t tid, uint64_t now_ms);
/** Forget the requests sent to this peer, without callbacks; each tag is given to fn. */
void iq_xact_forget_peer(struct iq_xact *x, void *peer, void (*fn)(void *user, void *tag));

enum iq_xact_seen { IQ_XACT_NEW, IQ_XACT_EXECUTING, IQ_XACT_REPLIED };
/**
 * A request came. NEW: execute it and call iq_xact_answer. EXECUTING: send Pending.
 * REPLIED: *reply is the stored answer, send it again.
 */
enum iq_xact_seen iq_xact_request(struct iq_xact *x, struct gw_sv mid, uint32_t tid, uint64_t now_ms,
	struct gw_sv *reply);
/** Store the answer for 30 s. */
void iq_xact_answer(struct iq_xact *x, struct gw_sv mid, uint32_t tid, struct gw_sv reply);
/** TransactionResponseAck: stored answers first..last may go. */
void iq_xact_ack(struct iq_xact *x, struct gw_sv mid, uint32_t first, uint32_t last);

#endif
