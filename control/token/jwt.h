/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens as signed JWT (RFC 7519, RFC 7515, RFC 9068), checked after RFC 8725 (W2-TOK-05). */
#ifndef CP_TOKEN_JWT_H
#define CP_TOKEN_JWT_H

#include "control/token/identity.h"
#include "control/token/jwks.h"

#define CP_JWT_MAX_BYTES 8192

/** A token taken apart. Nothing of it is true before cp_jwt_verify. */
struct cp_jwt {
	struct gw_sv text;
	cjose_jws_t *jws;
	json_t *claims;
	enum cp_jws_alg alg;
	struct gw_sv kid, issuer;   /* into jws and claims; empty: not stated */
};

/**
 * GW_OK; GW_EUNSUPP: no JWT at all (an opaque token); GW_EBADMSG: a JWT that is malformed, not canonical, or not
 * of the kind we take: alg other than RS256 and ES256, typ of another use, crit.
 * On GW_OK give back with cp_jwt_free.
 */
enum gw_err cp_jwt_read(struct cp_jwt *j, struct gw_sv token) GW_NODISCARD;
void cp_jwt_free(struct cp_jwt *j);
/** Is it signed by one of the keys, of the kind alg says? */
bool cp_jwt_verify(const struct cp_jwt *j, const struct cp_jwks *keys);
/** Is there a key it could be verified with? */
bool cp_jwt_has_key(const struct cp_jwt *j, const struct cp_jwks *keys);
/** SHA-256 of what is signed: the same for all spellings of a signature. */
void cp_jwt_id(const struct cp_jwt *j, unsigned char id[CP_TOKEN_HASH_BYTES]);

/**
 * What true claims are worth here: aud, exp, nbf, iat, scope, identity. now_s: seconds since 1970.
 * @param out  identity with one reference, on CP_TOKEN_VALID only
 */
enum cp_verdict cp_claims_check(const json_t *claims, const struct cp_conf_issuer *conf, uint64_t now_s,
	unsigned skew_s, struct cp_identity **out);

#endif
