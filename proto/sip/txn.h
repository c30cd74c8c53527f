/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four transaction machines of RFC 3261 17 with RFC 6026, pure: the caller owns the memory,
 * the clock and the wire. Bytes are stored once, so retransmissions are byte-identical.
 */
#ifndef SIP_TXN_H
#define SIP_TXN_H

#include "proto/base/timers.h"
#include "proto/sip/msg.h"

enum sip_txn_kind { SIP_TXN_UAC_INVITE, SIP_TXN_UAC, SIP_TXN_UAS_INVITE, SIP_TXN_UAS };

enum sip_txn_state {
	SIP_TXN_TRYING,       /* Calling for INVITE clients */
	SIP_TXN_PROCEEDING,
	SIP_TXN_COMPLETED,
	SIP_TXN_CONFIRMED,    /* INVITE server: ACK seen */
	SIP_TXN_ACCEPTED,     /* RFC 6026: 2xx seen or sent */
	SIP_TXN_TERMINATED,
	SIP_TXN_STATE_COUNT
};

struct sip_txn;

struct sip_txn_ops {
	/** Put these bytes on the wire; a failure is told by sip_txn_transport_error, later. */
	void (*send)(struct sip_txn *t, struct gw_sv bytes);
	/** Client: no answer in time (Timer B, F). INVITE server: no ACK in time (Timer H). */
	void (*timeout)(struct sip_txn *t);
	/** The machine has ended; t may be freed from inside the call. */
	void (*terminated)(struct sip_txn *t);
};

struct sip_txn_conf {
	uint32_t t1_ms, t2_ms, t4_ms;    /* RFC 3261 17: 500, 4000, 5000 */
	bool is_reliable;                /* no retransmissions; D, I, J, K are 0 */
};

/** Zero-initialised memory of the caller; user data goes around it. */
struct sip_txn {
	enum sip_txn_kind kind;
	enum sip_txn_state state;
	struct sip_txn_conf conf;
	const struct sip_txn_ops *ops;
	struct gw_timers *timers;
	struct gw_timer retransmit, end;
	uint32_t interval_ms;            /* of retransmit */
	char *last;                      /* request, or last response, or ACK; malloc'ed */
	size_t last_len;
	unsigned n_illegal;              /* events the state did not expect */
};

/** What the user shall do with a received message. */
enum sip_txn_verdict { SIP_TXN_PASS, SIP_TXN_ABSORB };

/** Start a client transaction and send the request. GW_ENOMEM: nothing started. */
enum gw_err sip_txn_uac_start(struct sip_txn *t, bool is_invite, const struct sip_txn_conf *conf,
	const struct sip_txn_ops *ops, struct gw_timers *timers, struct gw_sv request,
	uint64_t now_ms) GW_NODISCARD;
/** ack: for a final non-2xx response to INVITE, the bytes of its ACK; else empty. */
enum sip_txn_verdict sip_txn_uac_response(struct sip_txn *t, unsigned status, struct gw_sv ack,
	uint64_t now_ms);

/** Start a server transaction for a request that matched none. */
enum gw_err sip_txn_uas_start(struct sip_txn *t, bool is_invite, const struct sip_txn_conf *conf,
	const struct sip_txn_ops *ops, struct gw_timers *timers) GW_NODISCARD;
/** The same request again, or the ACK. An ACK is passed when it belongs to a 2xx. */
enum sip_txn_verdict sip_txn_uas_request(struct sip_txn *t, bool is_ack, uint64_t now_ms);
/** Send a response. GW_ESTATE after a final one (but 2xx again in Accepted); GW_ENOMEM. */
enum gw_err sip_txn_uas_respond(struct sip_txn *t, unsigned status, struct gw_sv response,
	uint64_t now_ms);

/** The wire failed for good: the machine ends (client: the user treats it as a 503). */
void sip_txn_transport_error(struct sip_txn *t);
/** Stop timers and free the stored bytes, without any callback. */
void sip_txn_dispose(struct sip_txn *t);

/**
 * Key that matches messages to transactions (RFC 3261 17.1.3, 17.2.3): branch, sent-by for servers,
 * method with ACK as INVITE. A request whose branch has not the magic cookie is told by what RFC 2543 had.
 * Written into key; empty for a response whose branch is not one of ours.
 */
#define SIP_TXN_KEY_BYTES 256
struct gw_sv sip_txn_key(const struct sip_msg *m, bool is_server, char key[SIP_TXN_KEY_BYTES]);

#endif
