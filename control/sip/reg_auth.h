/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a WIC is, and how the core is told (TS 24.371 6, TS 33.203 annexes U and X): SIP digest, AKA over TLS, and
 * the access token of scenarios 2 and 3 with trusted node authentication (W2-REG-01, -20, -30, W2-TOK-01 to -20).
 * Control thread only.
 */
#ifndef CP_REG_AUTH_H
#define CP_REG_AUTH_H

#include "control/app/conf.h"
#include "control/transport/transport.h"
#include "proto/base/buf.h"
#include "proto/sip/msg.h"

struct cp_binding;
struct cp_identity;
struct cp_pool_claim;
struct cp_reg_auth;
struct cp_share_query;
struct cp_sip;
struct cp_token_wait;
struct cp_uas;

/** How a registration proves itself. In a transaction, and then in the binding its 2xx makes. */
struct cp_auth {
	enum cp_scenario scenario;
	struct cp_identity *identity;    /* scenarios 2 and 3: of the verified token; one reference. Else NULL */
	struct cp_pool_claim *claim;     /* scenario 3: this instance has the IMPU */
	struct cp_token_wait *wait;      /* in a transaction: the token is being asked about */
	struct cp_share_query *query;    /* in a transaction: other nodes are being asked */
	bool is_lowered;                 /* in a transaction: we asked for less than the WIC (W2-TOK-13) */
};

enum gw_err cp_reg_auth_new(struct cp_reg_auth **out, struct cp_sip *s) GW_NODISCARD;
/** Behind the end of all transactions and bindings. Accepts NULL. */
void cp_reg_auth_free(struct cp_reg_auth *a);
/** Give back what it holds; in a transaction or binding that ends. */
void cp_auth_drop(struct cp_sip *s, struct cp_auth *auth);

/**
 * A request of a WIC, before anything is done with it: its credentials. It is answered, or goes on by
 * cp_core_authorized, from inside or when the answer about its token has come.
 */
void cp_reg_auth_request(struct cp_sip *s, struct cp_uas *u);

/** The IMPI a REGISTER speaks for: of its verified token, or the one its Digest names; empty: none. */
struct gw_sv cp_reg_auth_impi(const struct cp_uas *u);
/**
 * Authorization, P-Visited-Network-ID and expiry of a REGISTER on its way to the core. Its headers were stripped.
 * @return GW_OK; GW_ESTATE: it must not go there (a fault of ours, counted)
 */
enum gw_err cp_reg_auth_to_core(struct cp_uas *u, struct sip_msg *m) GW_NODISCARD;
/** The same for a REGISTER with Expires 0 of ours, on behalf of a user who registered with a token (W2-REG-64). */
void cp_reg_auth_on_behalf(const struct cp_binding *b, struct sip_msg *m);
/** The core has granted the REGISTER of u: b is what u proved. */
void cp_reg_auth_bound(struct cp_uas *u, struct cp_binding *b);
/** What of it a record of the state store keeps; pointing into the record. */
struct cp_auth_saved {
	enum cp_scenario scenario;
	struct gw_sv issuer, claims, token_id, token_hash; /* issuer empty: no token */
	struct gw_sv instance;           /* that has the IMPU of a pool */
	bool never_ends;
};
/** auth_state.c: write it, by tags that are its own; the token itself is not kept (W2-TOK-03). */
void cp_auth_save(const struct cp_binding *b, struct gw_buf *record);
/** false: a tag of somebody else. */
bool cp_auth_read(struct cp_auth_saved *s, uint8_t tag, struct gw_sv v);
/** b, just restored, is what was proven before: when no issuer of ours has said so, or the IMPU is in use, it ends. */
void cp_auth_restore(struct cp_binding *b, const struct cp_auth_saved *s);
/** b goes: in reg.c only. */
void cp_reg_auth_unbound(struct cp_binding *b);
void cp_reg_auth_connection_lost(struct cp_sip *s, cp_conn_id conn);

/** A response of the core on its way to the WIC: challenges and keys it must not see (W2-TOK-17, W2-REG-32, -44). */
void cp_reg_auth_response(const struct cp_uas *u, struct sip_msg *m);

#endif
