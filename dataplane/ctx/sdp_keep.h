/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions as they were last agreed, kept for audits: deflated against a dictionary of what they all say, about a
 * third of the text. Service thread only.
 */
#ifndef DP_SDP_KEEP_H
#define DP_SDP_KEEP_H

#include "proto/base/arena.h"
#include "proto/base/sv.h"

struct dp_sdp_kept;

/** NULL: no memory, or an empty text. */
struct dp_sdp_kept *dp_sdp_keep(struct gw_sv text);
/** Nothing for NULL, and when the arena is full. */
struct gw_sv dp_sdp_recall(const struct dp_sdp_kept *k, struct gw_arena *arena);
void dp_sdp_forget(struct dp_sdp_kept *k);
/** At the end of the process. */
void dp_sdp_keep_end(void);

#endif
