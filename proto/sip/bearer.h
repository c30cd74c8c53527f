/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens in the Authorization header (RFC 8898, RFC 6750 2.1, TS 24.371 annex A; W2-TOK-02). */
#ifndef SIP_BEARER_H
#define SIP_BEARER_H

#include "proto/sip/msg.h"

/** Slices into the message. */
struct sip_bearer {
	struct gw_sv token;
	struct gw_sv username;       /* the IMPI the sender states beside it; empty: none */
};

/**
 * The value of one Authorization header: Bearer TOKEN, or Bearer access_token="TOKEN" with more parameters.
 * @return GW_OK; GW_ENOENT (another scheme); GW_EBADMSG (none of the two forms, W2-ERR-13)
 */
enum gw_err sip_bearer_parse(struct gw_sv value, struct sip_bearer *out) GW_NODISCARD;
/** The Bearer among all Authorization headers. GW_EBADMSG also for more than one. */
enum gw_err sip_bearer_find(const struct sip_msg *m, struct sip_bearer *out) GW_NODISCARD;
/** Does the token stand anywhere else in the message: another header, the Request-URI, the body? */
bool sip_bearer_leaks(const struct sip_msg *m, struct gw_sv token);

#endif
