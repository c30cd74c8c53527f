/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SIP element between transport and users: parses, matches transactions, answers what is wrong,
 * hands the rest to reg (REGISTER), alg (sessions) or forwards it. Control thread only.
 */
#ifndef CP_STACK_H
#define CP_STACK_H

#include "control/sip/reg_auth.h"
#include "control/transport/transport.h"
#include "proto/base/list.h"
#include "proto/base/map.h"
#include "proto/sip/txn.h"

struct cp_sip;
struct cp_uas;
struct cp_uac;

enum cp_side { CP_SIDE_W2, CP_SIDE_MW };

#define CP_KEY_BYTES (SIP_TXN_KEY_BYTES + 20)
#define CP_EARLY_MAX 8      /* dialogs of one INVITE whose route sets are remembered */
#define CP_EARLY_ROUTES 16
#define CP_TRIED_MAX 8      /* targets of one request (RFC 3263 4.3) */

/** Why a request gets no transaction. */
enum cp_turned_away { CP_AWAY_NOT, CP_AWAY_STRANGER, CP_AWAY_CROWDED, CP_AWAY_RATE, CP_AWAY_LOAD };

/** Server transaction with the request it serves; freed by the stack when the machine ends. */
struct cp_uas {
	struct sip_txn txn;          /* first: the machine's callbacks find the object by it */
	struct cp_sip *sip;
	struct gw_arena arena;
	struct sip_msg req;          /* Via stamped with received and rport (W2-WS-07) */
	struct cp_peer peer;
	enum cp_side side;
	char key[CP_KEY_BYTES];      /* names the connection it came on: no other can match it */
	size_t key_len;
	struct cp_flow *flow;        /* W2: transactions of the same connection */
	struct gw_list flow_node;
	struct cp_uas *spent_next;   /* answered: the request is given back when this event is over */
	bool is_spent;
	enum cp_turned_away away;    /* why it has no transaction, if so: answered once and forgotten */
	bool is_emergency;           /* W2-EMG-01 */
	bool is_final;               /* a final response was sent */
	uint32_t binding;            /* id: W2: of the WIC that asks; Mw: of the one that is asked; 0: none */
	struct cp_auth auth;         /* W2: what its credentials prove */
	/** Told once when the transaction is gone; also on CANCEL (INVITE only). */
	void (*on_cancel)(void *user, struct cp_uas *u, const struct sip_msg *cancel);
	void (*on_gone)(void *user, struct cp_uas *u);
	void *user;
	struct cp_uac *forward;      /* plain forwarding: the other half */
};

/** Route set of a dialog an INVITE of ours has made, as its sender has to use it (RFC 3261 12.1.2). */
struct cp_early {
	struct gw_sv tag;            /* To-tag */
	struct gw_sv routes[CP_EARLY_ROUTES];
	unsigned n_routes;
};

/** Client transaction with the request as sent. */
struct cp_uac {
	struct sip_txn txn;
	struct cp_sip *sip;
	struct gw_arena arena;
	struct sip_msg req;
	struct cp_peer peer;
	char key[SIP_TXN_KEY_BYTES];
	size_t key_len;
	struct cp_flow *flow;        /* W2: transactions of the same connection */
	struct gw_list flow_node;
	bool has_provisional, has_final, cancel_wanted, cancel_sent, timer_c_fired;
	struct gw_timer timer_c;     /* Timer C; behind a CANCEL 64*T1 */
	bool is_pinned;              /* meant for this target and no other */
	struct cp_peer tried[CP_TRIED_MAX];
	unsigned n_tried;            /* targets that were of no use before this one */
	struct cp_uac **ref;         /* where the user keeps this pointer; NULL: nowhere */
	struct cp_early *early;      /* CP_EARLY_MAX, in the arena; NULL: none yet */
	unsigned n_early;
	/** m NULL: no answer (W2: 408 by time-out; core: 504, in a dialog 408; 503 by transport). Comes many times. */
	void (*on_response)(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status);
	void (*on_gone)(void *user, struct cp_uac *c);
	void *user;
};

struct cp_reg;
struct cp_alg;
struct cp_token;
struct cp_overload;
struct cp_store;
struct cp_entry;

struct cp_sip {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	struct cp_transport *transport;
	struct cp_reg *reg;
	struct cp_alg *alg;
	struct cp_token *tokens;
	struct cp_overload *overload;
	struct cp_reg_auth *auth;
	struct gw_map uas, uac;
	struct gw_map flows;         /* W2 connection id -> struct cp_flow */
	struct cp_uas *spent;        /* answered during this event */
	struct cp_store *store;      /* NULL: nothing is kept over a restart, or the process stops */
	bool is_draining;            /* nothing new: registrations and calls get 503 */
	struct cp_entry *entry;      /* entry points of the core */
	unsigned char route_key[32]; /* of the route sets in our Record-Route (route_token.h) */
};

/** Calls of the transport; user is the cp_sip. */
extern const struct cp_transport_ops cp_sip_transport_ops;

void cp_sip_free(struct cp_sip *s);

/** W2-REG-67: what a lost connection left open goes on over the new one; last responses are sent again. */
void cp_sip_flow_move(struct cp_sip *s, cp_conn_id old, const struct cp_peer *to);
/** Nobody comes back for this connection: its server transactions end. */
void cp_sip_flow_drop(struct cp_sip *s, cp_conn_id conn);

/** Answer with a status of our own. warning: text of a Warning 399, or with another warn-code in front, or NULL. */
void cp_sip_refuse(struct cp_uas *u, unsigned status, const char *warning);
/** Send a response that was received from the other side; Vias are set from the request (W2-SIP-23). */
void cp_sip_respond(struct cp_uas *u, struct sip_msg *m);
/** The last provisional response once more. */
void cp_sip_repeat(struct cp_uas *u);
/**
 * Send a request statefully. A Via of ours is pushed. The message's arena moves into the transaction
 * on success only by copying: the caller keeps its own.
 *
 * A request to the core that finds no use in its target (time-out, transport error, 503) goes on to the next one
 * (RFC 3263 4.3, W2-REG-17): the user hears of the last only. *out then names the new transaction; out is written
 * until on_gone is called or set to NULL.
 * @return GW_OK; GW_EIO: no target (to->proto is CP_PROTO_NONE); GW_ENOMEM; GW_EBADMSG and others: cannot be written
 */
enum gw_err cp_sip_send(struct cp_sip *s, struct sip_msg *m, const struct cp_peer *to,
	void (*on_response)(void *, struct cp_uac *, struct sip_msg *, unsigned),
	void (*on_gone)(void *, struct cp_uac *), void *user, struct cp_uac **out) GW_NODISCARD;
/** Send without a transaction (ACK of 2xx). */
void cp_sip_send_stateless(struct cp_sip *s, struct sip_msg *m, const struct cp_peer *to);
/** CANCEL an INVITE client transaction, now or when a provisional answer has come (RFC 3261 9.1). */
void cp_sip_cancel(struct cp_uac *c, struct gw_sv reason);
/** The dialog of an INVITE of ours with this To-tag; NULL: no answer made it, or it was one too many. */
const struct cp_early *cp_uac_early(const struct cp_uac *c, struct gw_sv to_tag);
/** Has the request been sent there by us before, unchanged (RFC 3261 16.3, RFC 5393 4.2)? */
bool cp_sip_is_loop(const struct cp_sip *s, const struct sip_msg *m, const struct cp_peer *to);
/** Forward the request of u and relay its responses; edit changes each response. */
void cp_sip_forward(struct cp_uas *u, struct sip_msg *m, const struct cp_peer *to);

/** Copy of a message whose edits leave the original alone. */
void cp_sip_clone(struct sip_msg *dst, const struct sip_msg *src, struct gw_arena *arena);
/** A copy that owns all its bytes. */
enum gw_err cp_sip_copy(struct sip_msg *dst, struct gw_arena *arena, const struct sip_msg *src) GW_NODISCARD;
/** false: Max-Forwards was 0; the caller answers 483. Inserts 70 when absent. */
bool cp_sip_hop(struct sip_msg *m);
/** Host and port as our URIs towards the core show them. */
void cp_sip_mw_host(const struct cp_sip *s, struct gw_buf *b);
/** The same of this very node: several may have one name. @return text */
const char *cp_sip_node_host(const struct cp_sip *s, char *text, size_t cap);

#endif
