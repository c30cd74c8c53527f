/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: JWT of the profile of RFC 9068, ES256, with the claims of W2-TOK-06. Control thread only. */
#ifndef CP_JWT_H
#define CP_JWT_H

#include <jansson.h>

#include "control/waf/keys.h"
#include "proto/base/buf.h"

struct cp_jwt_claims {
	const char *issuer, *audience, *client_id, *scope, *waf_id, *wwsf_id, *jti, *sub, *impi;
	const char *const *impu;  /* at least one */
	unsigned n_impus;
	uint64_t issued_s, expires_s; /* since 1970 */
};

/** IMPUs as the claim has them: in tokens, in answers that go with one, and in the state file. */
json_t *cp_jwt_impus(const char *const *impu, unsigned n);
/** Make a signed token. GW_OK; GW_ENOMEM (also when libcjose fails); GW_ENOSPC. */
enum gw_err cp_jwt_sign(const struct cp_keys *keys, const struct cp_jwt_claims *claims, struct gw_buf *out) GW_NODISCARD;
/**
 * Is this a token of ours, by its signature? Time is not looked at.
 * @param jti  out, 64 bytes: which one
 */
bool cp_jwt_is_ours(const struct cp_keys *keys, struct gw_sv token, char jti[64]);

#endif
