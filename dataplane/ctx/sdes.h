/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SRTP of a stream whose keys stand in its descriptions, as a=crypto (RFC 4568, F-32): in Local that it sends with, in Remote
 * that it receives with. A profile of SRTP without keys is SRTP that only the ends can open (F-33). Service thread only.
 */
#ifndef DP_SDES_H
#define DP_SDES_H

#include "dataplane/ctx/plan.h"
#include "proto/sdp/crypto.h"

/** Of a stream with a profile of SRTP and without DTLS. */
struct dp_sdes {
	struct dp_srtp_session *rx, *tx; /* lent to the stream's flow, and freed by the events of it; NULL: no key */
	struct dp_srtcp *srtcp;          /* once both keys are known */
	struct sdp_crypto local, remote; /* suite NONE: no key */
	bool carries_on;                 /* sessions that were replaced last hand their indices on */
};

/** Are its packets opened and sealed here? Else they are SRTP of the ends. */
static inline bool dp_sdes_has_keys(const struct dp_sdes *k)
{
	return k->local.suite || k->remote.suite;
}

/** Of a plan whose stream's side is known: reads only. */
enum gw_err dp_plan_read_sdes(const struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp) GW_NODISCARD;
/** Keys and sessions as they will be. */
enum gw_err dp_plan_prepare_sdes(struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp) GW_NODISCARD;
void dp_plan_undo_sdes(struct dp_ctx *c, struct dp_stream_plan *sp);
/** They are the stream's; the flow is to be published next, which gives back what was replaced. */
void dp_commit_sdes(struct dp_ctx *c, struct dp_stream_plan *sp);
/** The stream ends; its flow gives back the sessions. */
void dp_sdes_close(struct dp_ctx *c, struct dp_stream *s);

#endif
