/* SPDX-License-Identifier: Apache-2.0 */
/* Proof Key for Code Exchange, RFC 7636, method S256 only. Pure. */
#ifndef CP_PKCE_H
#define CP_PKCE_H

#include "proto/base/sv.h"

#define CP_PKCE_CHALLENGE_CHARS 43  /* base64url of 32 bytes, no padding */

/** A code_challenge of method S256: 43 characters of base64url. */
bool cp_pkce_is_challenge(struct gw_sv challenge);
/** Does the code_verifier (43 to 128 unreserved characters) belong to the challenge? */
bool cp_pkce_matches(struct gw_sv challenge, struct gw_sv verifier);

#endif
