/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of reg_auth share. */
#ifndef CP_REG_AUTH_INT_H
#define CP_REG_AUTH_INT_H

#include "control/sip/reg.h"
#include "control/sip/reg_auth.h"
#include "control/token/token.h"

struct cp_reg_auth {
	struct cp_sip *s;
	struct gw_map uses;          /* token_id -> struct cp_token_use */
	struct gw_map conns;         /* connection -> struct cp_token_conn */
	struct gw_map claims;        /* IMPU of a pool -> struct cp_pool_claim */
};

/* reg_auth_use.c */
/**
 * W2-TOK-20: the token belongs to this connection from now on, or already did.
 * @return false: another live connection uses it, of another instance
 */
bool cp_token_use_take(struct cp_reg_auth *a, const struct cp_identity *id, cp_conn_id conn, struct gw_sv instance);
/** The token is in use here no longer. */
void cp_token_use_leave(struct cp_reg_auth *a, const struct cp_identity *id);
/** W2-TOK-08: NULL: another instance has the IMPU (or no memory). Counted references. */
struct cp_pool_claim *cp_pool_claim_take(struct cp_reg_auth *a, struct gw_sv impu, struct gw_sv instance);
struct cp_pool_claim *cp_pool_claim_ref(struct cp_pool_claim *c);
void cp_pool_claim_put(struct cp_reg_auth *a, struct cp_pool_claim *c);
/** The instance that has it. */
const char *cp_pool_claim_instance(const struct cp_pool_claim *c);
const char *cp_pool_claim_impu(const struct cp_pool_claim *c);
/** W2-TOK-13: the registration ends with the token of b->auth; now, if that was revoked or is not known any more. */
void cp_token_end_arm(struct cp_binding *b);
struct cp_token_conn;
void cp_token_conn_free(struct cp_reg_auth *a, struct cp_token_conn *c);
/** Listener of the verifier (W2-TOK-19). */
void cp_reg_auth_on_revoked(void *user, const struct cp_token_revocation *r, const unsigned char *token_hash);

/* reg_auth_nodes.c: for several nodes; nothing happens without them */
/** Go on with a REGISTER that is good here: refuse it when its token or IMPU is in use at another node. */
void cp_reg_auth_elsewhere(struct cp_uas *u, struct gw_sv instance);
void cp_reg_auth_token_left(struct cp_sip *s, const unsigned char *token_id);
void cp_reg_auth_impu_left(struct cp_sip *s, const char *impu);

/* reg_auth.c */
/** Refuse it, counted as a token that was misused. */
void cp_reg_auth_misused(struct cp_uas *u, unsigned status, const char *why);

/* reg_auth_answer.c */
/** W2-TOK-15: 401 with a Bearer challenge; error NULL: none was presented. */
void cp_reg_auth_challenge(struct cp_uas *u, const char *error, const char *why);

#endif
