/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's route set of a dialog, sealed into our own Record-Route on W2 (AES-256-GCM). A request of the WIC brings
 * it back: it need not be remembered here, cannot be changed there, and the core's hosts need not be shown (W2-HDR-07).
 * Control thread only.
 */
#ifndef CP_ROUTE_TOKEN_H
#define CP_ROUTE_TOKEN_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"

#define CP_ROUTE_KEY_BYTES 32
#define CP_TOKEN_ROUTES_MAX 16

/** What a dialog needs beyond what its requests carry themselves. */
struct cp_route_set {
	struct gw_sv icid;           /* charging identifier of the dialog; may be empty */
	struct gw_sv routes[CP_TOKEN_ROUTES_MAX]; /* name-addr, first hop first */
	unsigned n;
};

/** Write the token as base64url; nothing when the set is too long for a URI. false: nothing was written */
bool cp_route_token_put(struct gw_buf *b, const unsigned char key[CP_ROUTE_KEY_BYTES], struct gw_sv call_id,
	const struct cp_route_set *set);
/** @return GW_OK, slices in the arena; GW_EAUTH: not ours, changed, or of another Call-ID; GW_ENOMEM */
enum gw_err cp_route_token_get(struct gw_sv token, const unsigned char key[CP_ROUTE_KEY_BYTES], struct gw_sv call_id,
	struct gw_arena *arena, struct cp_route_set *set) GW_NODISCARD;

#endif
