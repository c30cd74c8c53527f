/* SPDX-License-Identifier: Apache-2.0 */
/* What client.c (transactions), link.c (whose message it is) and gateway.c (registration, audits) share. */
#ifndef CP_IQ_CLIENT_INT_H
#define CP_IQ_CLIENT_INT_H

#include "control/iq/client.h"
#include "net/iq_net.h"
#include "proto/iq/throttle.h"
#include "proto/iq/xact.h"

#include <uv.h>

#define IQ_VERSION_MAX 3
#define OUT_BYTES 65536

/* Steps of our own, beside those of the user (small numbers); 0: nobody waits. */
enum own_step { OWN_PROBE = 0x100, OWN_CLEAR, OWN_CENSUS, OWN_BY_HAND };

/*
 * Out of service until it registers; then cleared of contexts nobody owns; only then in service. A
 * Subtract that arrives late, repeated, must not meet a call that has begun since. Where calls have survived a
 * restart of ours the contexts are counted (M-20: AuditValue of all) and the orphans go one by one.
 */
enum gateway_state { GATEWAY_DOWN, GATEWAY_CLEARING, GATEWAY_UP };

struct cp_gateway {
	const struct cp_conf_gateway *conf;
	enum gateway_state state;
	struct iq_xact_peer peer;
	struct iq_path path;         /* UDP: always; else conn 0 when there is no connection */
	bool has_xwrtc, has_tlsbsc, has_mgroup, has_ocp, has_chp;
	bool is_gone;                /* said itself that it leaves: comes back by itself, too */
	bool is_leaving, is_locked;  /* no new calls: it will leave (Graceful), the operator's word */
	unsigned n_contexts;
	uint64_t full_until_ms;
	struct iq_throttle throttle;
	uint32_t announcement;       /* the transaction of it that is on its way; 0: none */
	bool needs_clear;
	unsigned version;
	uint64_t last_heard_ms;
	struct gw_timer audit;
	struct cp_iq *q;
	uint64_t requests, timeouts;
};

struct cp_iq {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	struct cp_iq_ops ops;
	struct iq_net *net;
	uv_poll_t poll;
	struct cp_urgent urgent;
	struct iq_xact xact;
	struct cp_gateway *gw;
	unsigned n, next;
	char out[OUT_BYTES];
	struct gw_sv in;             /* the message being read */
	struct {
		void (*fn)(void *user, struct gw_sv answer);
		void *user;
		bool is_waiting;
	} hand;                      /* one message by hand at a time */
};

static inline bool cp_gateway_is_reachable(const struct cp_gateway *g)
{
	return !g->peer.is_reliable || g->path.conn;
}

/* link.c */
enum gw_err cp_iq_link_open(struct cp_iq *q) GW_NODISCARD;
/** The gateway that says this; NULL: none of ours (counted). A connection belongs to whom speaks first on it. */
struct cp_gateway *cp_iq_speaker(struct cp_iq *q, const struct iq_path *from, struct gw_sv mid);

/* client.c */
void cp_iq_input(struct cp_iq *q, const struct iq_path *from, struct gw_sv bytes);
/** One action in a message of its own; step comes back with the reply, 0: nobody waits. */
enum gw_err cp_iq_send_action(struct cp_iq *q, struct cp_gateway *g, const struct iq_action *a, uint64_t call,
	unsigned step) GW_NODISCARD;
/** A request without an answer: who waits for it is told. */
void cp_iq_forget(void *user, void *tag);

/* by_hand.c */
void cp_iq_by_hand_answered(struct cp_iq *q, struct gw_sv answer);

/* choose.c */
/** The gateway of that name, or NULL. */
struct cp_gateway *cp_gateway_named(struct cp_iq *q, struct gw_sv name);
/** An event on ROOT: what it says of load. */
void cp_gateway_event(struct cp_iq *q, struct cp_gateway *g, const struct iq_item *ev);

/* gateway.c */
/** One command of our own. false: it could not be sent (logged). */
bool cp_gateway_command(struct cp_iq *q, struct cp_gateway *g, uint32_t context, struct iq_cmd *c, unsigned step);
void cp_gateway_down(struct cp_iq *q, struct cp_gateway *g, const char *why);
/** The reply to a request of our own, by step; NULL: none. */
void cp_gateway_own_reply(struct cp_iq *q, struct cp_gateway *g, unsigned step, const struct iq_txn *reply);
/** ServiceChange of the gateway: r is the answer; *registered: cp_gateway_greet() once that has gone. */
void cp_gateway_service_change(struct cp_iq *q, struct cp_gateway *g, uint32_t context, const struct iq_cmd *c, struct iq_cmd *r,
	bool *registered);
void cp_gateway_greet(struct cp_iq *q, struct cp_gateway *g);
/** What a reply tells of its packages. */
void cp_gateway_learn(struct cp_iq *q, struct cp_gateway *g, const struct iq_txn *t);
void cp_gateway_subtract_stray(struct cp_iq *q, struct cp_gateway *g, uint32_t context);
void cp_gateway_on_audit(struct gw_timer *timer, uint64_t now_ms);

#endif
