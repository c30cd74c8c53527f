/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of registration share. Control thread only. */
#ifndef CP_REG_INT_H
#define CP_REG_INT_H

#include "control/sip/reg.h"
#include "control/state/share.h"

struct sip_register;

struct cp_reg {
	struct cp_sip *s;
	struct gw_list all;          /* struct cp_binding */
	struct gw_list attempts;     /* REGISTERs on their way to the core */
	struct gw_list events;       /* struct cp_reg_event, of reg_event.c */
	struct gw_map by_key, by_id;
	struct gw_map by_conn;       /* one binding of a connection; the others are in its ring */
	struct gw_map by_aor;        /* one binding of an AOR; the others are in its ring */
	struct gw_map event_by_impu, event_by_call_id;
	unsigned n_anonymous;
	uint32_t next_id;
	uint8_t number;              /* of this node, the high byte of ids; 0: there is one node */
	struct cp_flow_keys keys;
	struct gw_timer epoch;       /* of the keys */
	uint64_t admit_credit, admit_ms;
};

/*
 * One REGISTER on its way to the core. Nothing of it is in a binding before the core's 2xx: who is not
 * authenticated makes none and changes none.
 */
struct cp_reg_attempt {
	struct gw_list node;
	struct cp_reg *reg;
	struct cp_uas *u;            /* NULL: the WIC is gone */
	uint32_t id;                 /* of the binding: there already, or to be */
	char *key, *aor, *contact, *contact_params;
	bool has_ob, is_star;
	bool is_granted;             /* by the 2xx: it is no de-registration */
	struct cp_share_query *query;    /* another node is asked to give the binding up */
	struct sip_msg *granted;     /* the core's 2xx meanwhile */
	struct gw_arena arena;       /* of granted */
	const struct cp_share_answer *taken; /* during its callback: what the other node had; NULL: nothing */
	cp_conn_id replaced;         /* connection the instance was reached by until the 2xx; 0: none */
};

/* reg.c */
/** An id no binding has. */
uint32_t cp_reg_new_id(struct cp_reg *r);
/** A binding, reached by peer; NULL: no memory, or too many. id: of the Path the core was given. */
struct cp_binding *cp_binding_new(struct cp_reg *r, const char *key, const char *aor, uint32_t id,
	const struct cp_peer *peer);
/** Its calls are released, its timers stop; the WebSocket stays. */
void cp_binding_remove(struct cp_binding *b, const char *why);
void cp_binding_clear_routes(struct cp_binding *b);
/** Two first REGISTERs at once: the core has the Path of the later one. The token is made anew. */
void cp_binding_take_id(struct cp_binding *b, uint32_t id);
/** W2-REG-51: a new flow of the same instance. @return the connection nobody uses any more, or 0 */
cp_conn_id cp_binding_move(struct cp_binding *b, const struct cp_peer *peer);
/** Set the timer to what comes first: the end granted by the core (W2-REG-60), or of the guard. */
void cp_binding_arm(struct cp_binding *b);
/** The first binding of that AOR, or NULL; walk its aor_ring. */
struct cp_binding *cp_reg_by_aor(struct cp_reg *r, struct gw_sv aor);
/** A parameter of the Contact as the WIC wrote it; empty: none. */
struct gw_sv cp_binding_contact_param(const struct cp_binding *b, struct gw_sv name);
/** Is it in P-Associated-URI? */
bool cp_binding_is_listed(const struct cp_binding *b, const struct sip_uri *uri);
/** Replace an owned string; v NULL (out of memory) keeps the old one. */
void cp_reg_set(char **dst, char *v);

/* reg_flow.c */
/** The keys of flow tokens, from r->keys.secret: again when the secret is another one. */
void cp_reg_flows_start(struct cp_reg *r);
/** W2-REG-65: loss is not de-registration; the WIC has guard_s to come back. */
void cp_binding_guard(struct cp_binding *b);
/** Close a WebSocket no registration uses any more. */
void cp_reg_close_unused(struct cp_reg *r, cp_conn_id conn, const char *why);

/* reg_admit.c */
/** The binding of the connection with that IMPI, by which a 2xx has bound the user to it; NULL: none. */
const struct cp_binding *cp_reg_bound_user(struct cp_reg *r, cp_conn_id conn, struct gw_sv impi);
/** May this be asked of the core? @return 0, or the status that refuses it; *why: the text of the Warning */
unsigned cp_reg_check(struct cp_reg *r, const struct cp_uas *u, const struct sip_register *q, struct gw_sv key,
	const char **why);

/* reg_store.c */
/** Does this 2xx hold the contact of the attempt? */
bool cp_reg_is_granted(const struct cp_reg_attempt *at, const struct sip_msg *m);
/** What the core's 2xx says. @return 0, or what the WIC is told instead: it is not registered */
unsigned cp_reg_store(struct cp_reg_attempt *at, const struct sip_msg *m);

/* binding_state.c */
/** Keep it in the store as it is now. */
void cp_binding_save(const struct cp_binding *b);
void cp_binding_forget(const struct cp_binding *b);
/** b is new here and was another node's: its ids there still lead to it. */
void cp_binding_take_over(struct cp_binding *b, const struct cp_share_answer *a);
/** The binding is renewed here: no older word about it counts. */
void cp_binding_renew(struct cp_binding *b);

/* reg_request.c */
/** Is a REGISTER for this binding under way? */
bool cp_reg_is_asking(struct cp_reg *r, const struct cp_binding *b);
void cp_reg_attempts_free(struct cp_reg *r);

/* reg_end.c */
/**
 * The network has ended the registration (W2-REG-63). Its calls are released now; the binding stays for a moment,
 * without rights, so that a NOTIFY can tell its WIC, and goes with the socket when close_socket.
 */
void cp_binding_ended_by_network(struct cp_binding *b, const char *why, bool close_socket);

/* reg_event.c */
/** W2-REG-70: the implicit set of a binding is subscribed to; nothing happens when it is already. */
void cp_reg_event_join(struct cp_binding *b);
/** The last binding of a set cancels the subscription. */
void cp_reg_event_leave(struct cp_binding *b);
void cp_reg_events_free(struct cp_reg *r);

/* event_state.c */
/** Subscriptions of restored bindings go on: each is refreshed soon, and tells what was missed. */
enum gw_err cp_reg_events_restore(struct cp_reg *r) GW_NODISCARD;

#endif
