/* SPDX-License-Identifier: Apache-2.0 */
/* SRTCP (RFC 3711 3.4, RFC 7714 9) of one access transport. Service thread only. */
#ifndef DP_SRTCP_H
#define DP_SRTCP_H

#include "dataplane/fast/srtp.h"

#define DP_SRTCP_TRAILER_MAX 24   /* index word and longest tag */

struct dp_srtcp;

/** Both directions of one DTLS association. The keys are not kept by the caller's copy. */
enum gw_err dp_srtcp_new(struct dp_srtcp **out, const struct dp_srtp_keys *local,
	const struct dp_srtp_keys *remote) GW_NODISCARD;
/**
 * Takes over from the one before, whose keys, or one of them, were replaced: an index is not used twice, whether or not the key is
 * another one; with the peer's old key, what has come already does not come again.
 */
void dp_srtcp_carry_on(struct dp_srtcp *s, struct dp_srtcp *before, bool has_peers_old_key);
void dp_srtcp_free(struct dp_srtcp *s);
/** In place; *len is in bytes, cap the room behind p. GW_ENOSPC, GW_EBADMSG, GW_ELIMIT (key used up). */
enum gw_err dp_srtcp_protect(struct dp_srtcp *s, void *p, size_t *len, size_t cap) GW_NODISCARD;
/** In place. GW_EAUTH; GW_EEXIST (replay); GW_EBADMSG; GW_ELIMIT (SSRCs); GW_ENOMEM. Nothing is learned on failure. */
enum gw_err dp_srtcp_unprotect(struct dp_srtcp *s, void *p, size_t *len) GW_NODISCARD;

#endif
