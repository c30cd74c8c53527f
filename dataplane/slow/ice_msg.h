/* SPDX-License-Identifier: Apache-2.0 */
/* STUN messages of ICE (RFC 8489, RFC 8445), by libnice's stun/ library and nothing else of it. */
#ifndef DP_ICE_MSG_H
#define DP_ICE_MSG_H

#include "proto/base/addr.h"

#define DP_STUN_MAX_BYTES 548    /* RFC 8489 6.1: fits any path; also the cap of what we parse */

/** One per service thread: it holds libnice's agent (13 kB). Service thread only. */
struct dp_ice_msg;

enum gw_err dp_ice_msg_new(struct dp_ice_msg **out) GW_NODISCARD;
void dp_ice_msg_free(struct dp_ice_msg *im);

/** The connectivity check found in a datagram; slices point into it. */
struct dp_ice_check {
	struct gw_sv local_ufrag, remote_ufrag;   /* of USERNAME "local:remote" */
	uint32_t priority;
	bool use_candidate;
	bool role_conflict;                       /* peer claims controlled: our reply is a 487 */
};

/** Our password for this ufrag, or an empty slice when unknown; valid until the next call. */
typedef struct gw_sv (*dp_ice_pwd_fn)(void *user, struct gw_sv local_ufrag);

/**
 * Check one datagram (USERNAME, MESSAGE-INTEGRITY, FINGERPRINT) and build its answer.
 *
 * @param reply  gets a success response with XOR-MAPPED-ADDRESS, a 487, or a 420
 * @return GW_OK: authenticated request, *out and reply are written (an error reply has
 *         out->role_conflict set or out->priority 0 and must not count as a check);
 *         GW_EAUTH: unknown ufrag or wrong integrity, no reply (threat M14);
 *         GW_EBADMSG: not a Binding request fit for ICE, no reply (threat M10)
 */
enum gw_err dp_ice_msg_check(struct dp_ice_msg *im, struct gw_sv datagram,
	const struct gw_addr *src, dp_ice_pwd_fn pwd, void *user, struct dp_ice_check *out,
	struct gw_buf *reply) GW_NODISCARD;

#endif
