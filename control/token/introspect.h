/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2.0 token introspection (RFC 7662): the form that asks, and what the answer says. */
#ifndef CP_INTROSPECT_H
#define CP_INTROSPECT_H

#include "control/token/identity.h"
#include "proto/base/buf.h"

/** "token=...&token_type_hint=access_token" */
void cp_introspect_form(struct gw_buf *b, struct gw_sv token);
/**
 * Read the JSON of a 200. iss, aud and exp may be absent: the endpoint we asked is the issuer and answers for us.
 * @param out      identity with one reference, on CP_TOKEN_VALID only
 * @param until_s  out, on CP_TOKEN_VALID: the answer counts no longer than that: exp, or the issuer's cache_s
 * @return CP_TOKEN_INVALID for {"active": false}; CP_TOKEN_UNAVAILABLE when it is no introspection answer
 */
enum cp_verdict cp_introspect_read(struct gw_sv body, const struct cp_conf_issuer *conf, uint64_t now_s,
	unsigned skew_s, struct cp_identity **out, uint64_t *until_s);

#endif
