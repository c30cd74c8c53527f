/* SPDX-License-Identifier: Apache-2.0 */
/* What stack.c, flow.c, uas.c and uac.c share. */
#ifndef CP_STACK_INT_H
#define CP_STACK_INT_H

#include "control/sip/stack.h"

#define CP_SIP_BYTES 131072       /* a message at most */
#define CP_ARENA_BYTES (1u << 20) /* memory of a transaction at most */
#define CP_TAG_CHARS 10
#define CP_UAS_TAG_BYTES 20u

/** The transactions of one W2 connection; lives while it has any. */
struct cp_flow {
	cp_conn_id conn;
	struct gw_list uas, uac;
	unsigned n_uas, n_open;      /* open: without a final response */
};

static inline enum sip_framing cp_peer_framing(const struct cp_peer *p)
{
	return p->proto == CP_PROTO_UDP ? SIP_DATAGRAM : p->proto == CP_PROTO_TCP ? SIP_STREAM : SIP_WHOLE;
}

/* stack.c */
struct sip_txn_conf cp_txn_conf(const struct cp_sip *s, const struct cp_peer *p);

/* uas.c */
static inline bool cp_uas_is_stateless(const struct cp_uas *u)
{
	return u->away != CP_AWAY_NOT;
}

void cp_uas_free(struct cp_uas *u);
/** Key of the server transaction of a message from there; empty when it has none. */
struct gw_sv cp_uas_key(const struct cp_peer *from, const struct sip_msg *m, char key[CP_KEY_BYTES]);
/** Give back what answered requests still hold. */
void cp_uas_sweep(struct cp_sip *s);
/** 403 to who is not registered, 503 when there is too much. */
void cp_uas_refuse_stateless(struct cp_uas *u);
/** Does this ACK belong to such an answer? */
bool cp_uas_was_stateless(const struct sip_msg *ack);
/** A To-tag for an answer of our own; the same for each repetition of what got no transaction. */
void cp_uas_new_tag(const struct cp_uas *u, char tag[CP_UAS_TAG_BYTES]);
/** Answer with a message of our own. */
void cp_uas_answer(struct cp_uas *u, struct sip_msg *m);
/** Takes over m and what is in its arena, which the caller resets in any case. NULL: out of memory, or no key. */
struct cp_uas *cp_uas_new(struct cp_sip *s, const struct cp_peer *from, const struct sip_msg *m);

/** The connection's part of such a key. */
void cp_uas_put_conn(char key[CP_KEY_BYTES], cp_conn_id conn);

/* flow.c */
/** The flow of a connection, made when there is none; NULL: out of memory. */
struct cp_flow *cp_flow_get(struct cp_sip *s, cp_conn_id conn);
/** Gone, if it has no transaction; f may be NULL. */
void cp_flow_put(struct cp_sip *s, struct cp_flow *f);
void cp_flow_join(struct cp_uas *u, struct cp_flow *f);
/** Of its flow, if it has one. */
void cp_flow_leave(struct cp_uas *u);
/** A connection of a registered WIC is lost: answers are kept for a while (W2-REG-67). */
void cp_flow_lost(struct cp_sip *s, cp_conn_id conn);
/** Its final answer is kept so long, and no longer. */
void cp_uas_keep_for_return(struct cp_uas *u);

/* uac.c */
/** What is open at a target that has stopped answering goes on to the next one. */
void cp_uac_move_all(struct cp_sip *s, const struct cp_peer *from);
/** Send the request to its next target. false: there is none, or nobody waits for the answer. */
bool cp_uac_move(struct cp_uac *c);
/** The target could not be reached: the next one, or a 503 for the user. c is gone. */
void cp_uac_transport_error(struct cp_uac *c);
void cp_uac_terminated(struct sip_txn *t);
void cp_uac_send_cancel(struct cp_uac *c);
/** Remember the route set of the dialog a response to our INVITE makes. */
void cp_uac_learn_dialog(struct cp_uac *c, const struct sip_msg *m);

#endif
