/* SPDX-License-Identifier: Apache-2.0 */
/* A set of public keys (JWK Set, RFC 7517 5) for the two signatures we take: RS256 and ES256 (W2-TOK-05). */
#ifndef CP_JWKS_H
#define CP_JWKS_H

#include <cjose/cjose.h>

#include "proto/base/sv.h"

#define CP_JWKS_KEYS_MAX 32

enum cp_jws_alg { CP_JWS_NONE, CP_JWS_RS256, CP_JWS_ES256 };

struct cp_jwks;

/**
 * Keys of other kinds, for encryption, with RSA below 2048 bits or not on P-256 are passed over. Private parts
 * are not read.
 * @return GW_OK; GW_EBADMSG (no JWK Set, or without one usable key); GW_ENOMEM
 */
enum gw_err cp_jwks_parse(struct cp_jwks **out, struct gw_sv json) GW_NODISCARD;
/** Accepts NULL. */
void cp_jwks_free(struct cp_jwks *k);
/** The next key that may verify this; *it starts at 0; kid empty: any. NULL: no more. */
const cjose_jwk_t *cp_jwks_next(const struct cp_jwks *k, enum cp_jws_alg alg, struct gw_sv kid, unsigned *it);
/** Does every key of a stand in b too? NULL is the empty set. */
bool cp_jwks_within(const struct cp_jwks *a, const struct cp_jwks *b);

/** Only letters of base64url (RFC 4648 5), no padding. */
bool cp_is_base64url(struct gw_sv part);

#endif
