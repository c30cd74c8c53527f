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
	bool role_conflict;                       /* peer claims our role: our reply is a 487 */
};

/** What the check of a datagram asks its caller. */
struct dp_ice_check_ops {
	/** Our password for this ufrag, or an empty slice when unknown; valid until the next call. */
	struct gw_sv (*password)(void *user, struct gw_sv local_ufrag);
	/**
	 * An authenticated peer claims to be controlling, or controlled, with this tie-breaker.
	 * @return false: that is our role, and it stays so: 487 (RFC 8445 7.3.1.1)
	 */
	bool (*yield)(void *user, bool is_peer_controlling, uint64_t tie);
	void *user;
};

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
	const struct gw_addr *src, const struct dp_ice_check_ops *ops, struct dp_ice_check *out,
	struct gw_buf *reply) GW_NODISCARD;

#define DP_STUN_ID_BYTES 12

/** A Binding request of ours: a connectivity check, or a consent check. */
struct dp_ice_ask {
	struct gw_sv local_ufrag, remote_ufrag, remote_pwd;
	uint32_t priority;
	uint64_t tie;
	bool is_controlling, use_candidate;
};
/**
 * @param id      in: of the request that is repeated; out: the one that was written
 * @param is_new  take a new, random id
 * @return GW_OK; GW_ENOSPC
 */
enum gw_err dp_ice_msg_ask(struct dp_ice_msg *im, const struct dp_ice_ask *ask, bool is_new,
	uint8_t id[DP_STUN_ID_BYTES], struct gw_buf *out) GW_NODISCARD;

/** Is it a whole STUN response to a Binding request? Its transaction id then; nothing is authenticated yet. */
bool dp_ice_msg_is_response(struct gw_sv datagram, uint8_t id[DP_STUN_ID_BYTES]);
/**
 * The response to a request of ours that was protected with this password.
 * @param code  0: success; else that of the error
 * @return GW_OK; GW_EAUTH: wrong integrity; GW_EBADMSG
 */
enum gw_err dp_ice_msg_response(struct dp_ice_msg *im, struct gw_sv datagram, struct gw_sv remote_pwd,
	unsigned *code) GW_NODISCARD;

#endif
