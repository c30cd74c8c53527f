/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two descriptions of a stream as they were last agreed, kept for audits: deflated together against a dictionary of
 * what they all say, a quarter of the text and less. What was used for it is wiped: texts hold passwords. Service thread only.
 */
#ifndef DP_SDP_KEEP_H
#define DP_SDP_KEEP_H

#include "proto/base/arena.h"
#include "proto/base/sv.h"

struct dp_sdp_kept;

/** Each may be empty. */
struct dp_sdp_pair {
	struct gw_sv local, remote;
};

#define DP_SDP_OWN 3

/** What of Local is ours and known besides: it is left out, and put in again. Each empty, or some characters of one length for ever. */
struct dp_sdp_own {
	struct gw_sv text[DP_SDP_OWN];
};

/** *out is NULL for two empty texts. GW_ENOMEM; GW_EINVAL: a text of 64 KB or more. */
enum gw_err dp_sdp_keep(const struct dp_sdp_pair *texts, const struct dp_sdp_own *own, struct dp_sdp_kept **out) GW_NODISCARD;
/** In the arena; both empty for NULL. What is own comes as it is now. GW_ENOMEM; GW_EBADMSG: that has another length now. */
enum gw_err dp_sdp_recall(const struct dp_sdp_kept *k, const struct dp_sdp_own *own, struct gw_arena *arena,
	struct dp_sdp_pair *out) GW_NODISCARD;
void dp_sdp_forget(struct dp_sdp_kept *k);

#endif
