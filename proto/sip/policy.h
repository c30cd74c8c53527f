/* SPDX-License-Identifier: Apache-2.0 */
/* What a message of an untrusted UE may bring into the network, and what the network tells a UE. */
#ifndef SIP_POLICY_H
#define SIP_POLICY_H

#include "proto/sip/digest.h"
#include "proto/sip/msg.h"

#define SIP_AUTH_MAX_BYTES 4096   /* a credentials header, as we write it */

/**
 * Keep the header fields a UE may set, in a request or a response, and remove all others (W2-ARC-06, W2-REG-03,
 * W2-SIP-07). extra: names an operator lets through besides.
 * @return how many were removed
 */
unsigned sip_policy_keep_allowed(struct sip_msg *m, char *const *extra, unsigned n_extra);
/**
 * Keep what the network tells a UE and remove what is for nodes of the core only: charging, served user, early media
 * authorisation, access of the far end (W2-SIP-22, W2-HDR-05, -06; TS 24.229 4.4).
 * @return how many were removed
 */
unsigned sip_policy_keep_for_ue(struct sip_msg *m, char *const *extra, unsigned n_extra);
/** Tags of W2 only leave Supported, Require and Proxy-Require (W2-WS-17, W2-SIP-84). */
void sip_policy_drop_tags(struct sip_msg *m);
/**
 * P-Access-Network-Info as written by the UE, without np and whatever claims to be provided by the network
 * (W2-REG-14); one that cannot be read by the grammar is removed.
 */
void sip_policy_access_network_info(struct sip_msg *m);

/**
 * Credentials in all Authorization and Proxy-Authorization headers: well-formed, short enough, and at most one
 * Authorization in a REGISTER. GW_EBADMSG: the request is answered 400; *why says it
 */
enum gw_err sip_policy_check_auth(const struct sip_msg *m, const char **why) GW_NODISCARD;
/**
 * Write all credentials anew: Digest without integrity-protected, other schemes removed (W2-SIP-06, W2-TOK-10).
 * @return how many were removed
 */
unsigned sip_policy_clean_auth(struct sip_msg *m);

/** Is P-Asserted-Identity to be hidden from the receiver (RFC 3323 4.2, RFC 3325 9.3)? */
bool sip_policy_hides_identity(const struct sip_msg *m);

#endif
