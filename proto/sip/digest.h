/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization and Proxy-Authorization values (RFC 3261 20.7, RFC 8898): scheme and parameters. */
#ifndef SIP_DIGEST_H
#define SIP_DIGEST_H

#include "proto/base/buf.h"
#include "proto/sip/param.h"

enum sip_auth_scheme { SIP_AUTH_NONE, SIP_AUTH_DIGEST, SIP_AUTH_BEARER, SIP_AUTH_OTHER };

struct sip_auth {
	enum sip_auth_scheme scheme;
	struct gw_sv params;                       /* all behind the scheme */
	struct gw_sv username, realm, response, algorithm;   /* Digest; without quotes */
	bool has_auts;
};

/**
 * Reads, never hashes. The parameters of a Digest value are read by the letter of the grammar, so that no other
 * reader finds a parameter in it that this one did not.
 * @return GW_OK; GW_EBADMSG (no scheme; a Digest that is malformed or names a parameter twice)
 */
enum gw_err sip_auth_parse(struct gw_sv value, struct sip_auth *out) GW_NODISCARD;
/**
 * Write the Digest value again: the parameters of RFC 7616 and 3310 only, so no integrity-protected of the
 * sender (W2-REG-20), and the given one unless it is empty.
 */
void sip_auth_put_integrity(struct gw_buf *b, const struct sip_auth *a, struct gw_sv integrity);

/**
 * Write a challenge (WWW-Authenticate, Proxy-Authenticate) without the keys of AKA, ik and ck (RFC 3310 is silent,
 * TS 24.229 7.2A.1; W2-REG-32).
 * @return GW_OK; GW_ENOENT: there are none, the value can stay as it is; GW_EBADMSG: it cannot be read, and may hold some
 */
enum gw_err sip_auth_put_challenge(struct gw_buf *b, struct gw_sv value) GW_NODISCARD;

#endif
