/* SPDX-License-Identifier: Apache-2.0 */
/* Who a verified token speaks for (W2-TOK-06), and the verdicts on tokens. */
#ifndef CP_IDENTITY_H
#define CP_IDENTITY_H

#include <jansson.h>

#include "control/app/conf.h"
#include "control/token/ims_id.h"

#define CP_TOKEN_HASH_BYTES 32

enum cp_verdict {
	CP_TOKEN_UNKNOWN,      /* not in the cache: ask cp_token_check */
	CP_TOKEN_VALID,
	CP_TOKEN_INVALID,      /* malformed, signature, issuer, audience, time, revoked, claims (W2-ERR-12) */
	CP_TOKEN_SCOPE,        /* fine, but not for IMS (W2-ERR-14) */
	CP_TOKEN_UNAVAILABLE,  /* nobody can tell now: keys or introspection out of reach (W2-ERR-16) */
};

/**
 * Shared by the verdict cache, the transaction and the binding: counted references, control thread only, never
 * changed once made. Every string was checked against the grammar of where it will stand (W2-HDR-12).
 */
struct cp_identity {
	unsigned refs;
	char *impi;
	char *impus[CP_IMPUS_MAX];
	unsigned n_impus;
	char *waf_id, *wwsf_id;   /* W2-TOK-12; empty: not stated */
	char *issuer, *jti;       /* jti empty: not stated */
	char *scope;
	uint64_t issued_s, expires_s;   /* seconds since 1970; issued_s 0: not stated */
	/* what the token is, however it is spelled: of a JWT the signed part, as an ECDSA signature has twins */
	unsigned char token_id[CP_TOKEN_HASH_BYTES];
	unsigned char token_hash[CP_TOKEN_HASH_BYTES];  /* of the text, as the cache knows it */
	bool is_pool;             /* scenario 3: pool is set */
	const struct cp_conf_pool *pool;
};

/**
 * Identity out of claims whose truth was established. token_id and token_hash are left to the caller.
 * @return GW_OK with one reference; GW_EBADMSG (a claim is missing, or does not fit SIP); GW_ENOMEM
 */
enum gw_err cp_identity_new(struct cp_identity **out, const struct cp_conf_issuer *conf, const json_t *claims) GW_NODISCARD;
/** The claims it was made of, as this issuer names them: cp_identity_new makes it again. NULL: no memory. */
json_t *cp_identity_claims(const struct cp_identity *id, const struct cp_conf_issuer *conf);
struct cp_identity *cp_identity_ref(struct cp_identity *id);
/** Accepts NULL. */
void cp_identity_unref(struct cp_identity *id);
/** Is the URI one of its IMPUs (RFC 3261 19.1.4)? In scenario 3 also one of the pool (W2-TOK-07, -08). */
bool cp_identity_owns(const struct cp_identity *id, struct gw_sv uri);

#endif
