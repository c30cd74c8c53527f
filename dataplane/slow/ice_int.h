/* SPDX-License-Identifier: Apache-2.0 */
/* What ice.c and ice_full.c share. */
#ifndef DP_ICE_INT_H
#define DP_ICE_INT_H

#include "dataplane/slow/ice.h"

/** A check or its answer was authenticated: the pair of this address, made if need be; -1: no memory. */
int dp_ice_learn(struct dp_ice *ice, const struct gw_addr *remote, bool *is_new);
/** Media may go to pair i; DP_ICE_EV_SELECTED or DP_ICE_EV_CONSENT if it does, else DP_ICE_EV_NONE. */
enum dp_ice_event dp_ice_nominate(struct dp_ice *ice, int i, uint64_t now_ms);
void dp_ice_renew_consent(struct dp_ice *ice, uint64_t now_ms);

/* ice_full.c */

/** The answer to a check of ours; as dp_ice_input. */
enum gw_err dp_ice_response(struct dp_ice *ice, struct dp_ice_msg *im, struct gw_sv datagram,
	const uint8_t id[DP_STUN_ID_BYTES], const struct gw_addr *src, uint64_t now_ms, enum dp_ice_event *ev) GW_NODISCARD;
/** The credentials the selected pair was checked with; NULL: none selected, or what its peer expects is not known. */
const struct dp_ice_cred *dp_ice_cred_of_selected(const struct dp_ice *ice);
/** New credentials: the list of the old ones ends. */
void dp_ice_full_restart(struct dp_ice *ice);

#endif
