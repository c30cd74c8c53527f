/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which m-line of the core is which of W2 (W2-SDP-04). They are the same, but for data channels that end at the gateway: each is an
 * m-line of the core, and all of them are one of W2 (W2-DC-11, -16, -21). So an exchange is kept in the core's lines: what comes from
 * W2 is given their shape, and what goes there is written from all that have the same line. Pure.
 */
#ifndef SDP_MAP_H
#define SDP_MAP_H

#include "proto/sdp/convert.h"

#define SDP_ENDS_MAX 4               /* channels of a data line; more are left out */

struct sdp_map_line {
	uint8_t w2;                  /* its m-line of W2, from 0 */
	bool is_idle;                /* a channel that was closed or refused: another one may have its place */
	struct sdp_channel_ref channel;
};

struct sdp_map {
	struct sdp_map_line core[SDP_MAX_MEDIA];   /* [n], by the core's m-line */
	uint8_t n, n_w2;
};

/**
 * An offer of W2: lines and channels it has more are added to the map, and it is given the core's lines.
 * @param m  as it was agreed last; empty: the first offer
 * @return GW_ELIMIT: too many lines; GW_ENOMEM
 */
enum gw_err sdp_map_w2_offer(struct sdp_map *m, struct sdp_model *offer, const struct sdp_policy *p, struct gw_arena *arena) GW_NODISCARD;
/** An offer of the core: the same, and each of its lines learns its channel. */
void sdp_map_core_offer(struct sdp_map *m, struct sdp_model *offer, const struct sdp_policy *p);
/** An answer of W2 is given the core's lines. GW_EBADMSG: it has too few of them; GW_ENOMEM */
enum gw_err sdp_map_w2_answer(const struct sdp_map *m, struct sdp_model *answer, struct gw_arena *arena) GW_NODISCARD;
/** What has been agreed: the places of channels that have ended are free from now on. */
void sdp_map_settle(struct sdp_map *m, const struct sdp_stream *streams);
/** The first of the core's lines that has the same line of W2: the association of all of them bears its number. */
unsigned sdp_map_first(const struct sdp_map *m, unsigned line);

#endif
