/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations of WICs through the core, and the flows they are reached by (RFC 5626). */
#ifndef CP_REG_H
#define CP_REG_H

#include "control/sip/flow_token.h"
#include "control/sip/reg_auth.h"
#include "control/sip/stack.h"

#define CP_SERVICE_ROUTES_MAX 8
#define CP_FORMER_IDS 4u

/**
 * One registered contact. What is to outlive a restart is plain text and numbers; nothing points into a message.
 * Strings are owned; NULL where the core or the WIC said nothing, unless noted.
 */
struct cp_binding {
	struct gw_list node;
	struct cp_reg *reg;
	uint32_t id;
	uint32_t former[CP_FORMER_IDS];  /* ids at the nodes that had it before: dialogs and Paths name them */
	unsigned n_former;
	uint64_t epoch;                  /* several nodes: who has the highest owns it */
	char token[CP_TOKEN_BYTES];      /* user part of Path and Record-Route (W2-WS-10) */
	char *key;                       /* AOR, instance, reg-id (W2-REG-51); never NULL */
	char *aor;                       /* IMPU registered; never NULL */
	char *impi;
	char *contact;                   /* Contact URI; never NULL */
	char *contact_params;            /* of the Contact as the WIC wrote it: instance, reg-id, feature tags */
	char *granted_params;            /* of the Contact in the 2xx: expires, pub-gruu, temp-gruu */
	char *call_id;                   /* of the last REGISTER, with cseq: de-registration on behalf */
	uint32_t cseq;
	char *service_route[CP_SERVICE_ROUTES_MAX];
	unsigned n_service_route;
	char *impus;                     /* P-Associated-URI, as received */
	char *default_impu;              /* URI: first of impus, else the AOR; never NULL */
	char *term_ioi, *feature_caps;
	bool is_aor_barred;              /* the core left the AOR out of impus: it serves for registering only */
	bool is_anonymous;               /* an emergency call of somebody who is not registered (W2-EMG-04), and nothing else */
	bool is_tna;                     /* authenticated by us (auth-done): we may speak for the WIC (W2-REG-64) */
	struct cp_auth auth;             /* how its user was authenticated */
	struct gw_timer token_end;       /* scenarios 2 and 3: no fresh token came (W2-TOK-13) */
	struct cp_peer peer;             /* connection it is reached by */
	struct gw_list conn_ring;        /* bindings of the same connection */
	struct gw_list aor_ring;         /* bindings of the same AOR */
	struct cp_reg_event *event;      /* reg-event subscription of its implicit set; NULL: none */
	struct gw_list event_node;
	bool is_registered;              /* false: the network has ended it, and tells its WIC (W2-REG-63) */
	bool has_ob;
	bool is_gone_at_core;            /* reg-event said so while a REGISTER was under way: that decides */
	bool closes_socket;              /* when it is removed */
	uint64_t registered_ms;          /* when the last 2xx came */
	bool has_priority;               /* the core said Resource-Priority in its 200 (W2-HDR-13) */
	uint64_t expires_ms;
	uint64_t guard_ms;               /* connection lost: until when it may come back; 0: connected */
	struct gw_timer timer;           /* expiry, the guard, or the end of a registration ended by the network */
	struct gw_list calls;            /* of alg/ */
	unsigned n_calls;
};

enum gw_err cp_reg_new(struct cp_reg **out, struct cp_sip *s) GW_NODISCARD;
void cp_reg_free(struct cp_reg *r);
void cp_reg_request(struct cp_reg *r, struct cp_uas *u);
/** A registered binding of a connection, or NULL. */
struct cp_binding *cp_reg_by_conn(struct cp_reg *r, cp_conn_id conn);
/** Is any user of this connection in a call? */
bool cp_reg_conn_has_calls(struct cp_reg *r, cp_conn_id conn);
/** The one a request of a connection speaks for: by its call, else by P-Preferred-Identity, From, else any (W2-REG-23). */
struct cp_binding *cp_reg_by_sender(struct cp_reg *r, cp_conn_id conn, const struct sip_msg *m);
/** The one that has sent the request of u; NULL: nobody registered, or gone meanwhile. */
struct cp_binding *cp_reg_sender(const struct cp_uas *u);
/** NULL: gone. */
struct cp_binding *cp_reg_by_id(struct cp_reg *r, uint32_t id);
/** By flow token; NULL: forged, or gone. */
struct cp_binding *cp_reg_by_token(struct cp_reg *r, struct gw_sv token);
/** Did we make this token? With no binding to it, its flow is dead (430). */
/** The id a token of ours names; 0: it is none. */
uint32_t cp_reg_token_id(const struct cp_reg *r, struct gw_sv token);
bool cp_reg_is_our_token(const struct cp_reg *r, struct gw_sv token);
bool cp_binding_alive(const struct cp_binding *b);
/** Is its WIC there, or may it come back within the guard (W2-REG-65)? */
bool cp_binding_may_return(const struct cp_binding *b);
/** A caller who is not registered, until the call is over; NULL: no memory, or as many as may be. */
struct cp_binding *cp_binding_anonymous(struct cp_reg *r, const struct cp_peer *peer);
/** Its last call has ended: an anonymous caller's binding goes, with the socket nobody else uses. */
void cp_binding_call_over(struct cp_binding *b);
void cp_reg_connection_lost(struct cp_reg *r, cp_conn_id conn);
/**
 * End all registrations of this identity, at the core where we may speak for them, their calls and sockets.
 * @return how many
 */
unsigned cp_reg_kick(struct cp_reg *r, struct gw_sv impu);
/** Another node has it now: it goes here, without a word to the core; its calls have gone before. */
void cp_binding_yield(struct cp_binding *b, const char *why);
/** Take over what the store has: bindings wait for their WICs, flow tokens stay valid. At the start only. */
enum gw_err cp_reg_restore(struct cp_reg *r) GW_NODISCARD;
/** By AOR, instance and reg-id; NULL: none. */
struct cp_binding *cp_reg_by_key(struct cp_reg *r, struct gw_sv key);
struct gw_list *cp_reg_list(struct cp_reg *r);
/** Is uri one of the identities the WIC may use? */
bool cp_binding_owns(const struct cp_binding *b, struct gw_sv uri);
/**
 * End a registration from our side (W2-REG-64): its calls are released, the core is told where we may speak for
 * the WIC (TNA), and b is freed. close_socket: with 1008, when no other registration uses it.
 */
void cp_reg_deregister(struct cp_binding *b, const char *why, bool close_socket);
/** A NOTIFY of one of our reg-event subscriptions is answered here. false: it belongs to somebody else. */
bool cp_reg_event_notify(struct cp_reg *r, struct cp_uas *u);

#endif
