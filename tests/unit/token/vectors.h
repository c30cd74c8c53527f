/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and tokens made by the test. */
#ifndef TOKEN_VECTORS_H
#define TOKEN_VECTORS_H

#include "control/token/jwt.h"

#define NOW 1700000000u

/** A key with this kid; made anew at each call. */
cjose_jwk_t *make_key(enum cp_jws_alg alg, const char *kid);
/** JWK Set of the public parts; extra: members of each key ("\"use\":\"sig\"") or NULL. Freed by the caller. */
char *make_jwks(cjose_jwk_t *const *keys, unsigned n, const char *extra);
/** Token with header {alg, kid, typ...} as JSON and claims as JSON, signed by libcjose. */
char *make_token(const cjose_jwk_t *key, const char *head, const char *claims);
/** base64url(head) "." base64url(claims) "." signature as given: for tokens no library would make. */
char *make_raw(const char *head, const char *claims, const char *signature);
/** Claims of a good token for alice at NOW. */
extern const char good_claims[];
extern const struct cp_conf_issuer issuer;

#endif
