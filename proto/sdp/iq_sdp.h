/* SPDX-License-Identifier: Apache-2.0 */
/* Session descriptions in Local and Remote of H.248 (iq.md section 5), for both ends of Iq. */
#ifndef SDP_IQ_SDP_H
#define SDP_IQ_SDP_H

#include "proto/sdp/convert.h"

/* ---- eP-CSCF end ------------------------------------------------------------------------------- */

/** Local of the access termination: address, ICE credentials, candidate and fingerprint asked for. */
enum gw_err sdp_iq_access_local(const struct sdp_stream *s, struct gw_sv proto, bool is_ipv6,
	enum sdp_setup setup, struct gw_buf *out) GW_NODISCARD;
/** Remote of the access termination: what the WIC's description says of this line. */
enum gw_err sdp_iq_access_remote(const struct sdp_stream *s, const struct sdp_line *wic,
	struct gw_buf *out) GW_NODISCARD;
/** Local and Remote of a line that shares another's transport (P-2): its codecs, "-" for address and port. */
enum gw_err sdp_iq_member(const struct sdp_stream *s, struct gw_sv proto, struct gw_buf *out) GW_NODISCARD;
/** Added to Local and Remote of a line in a BUNDLE group: what its packets are known by (RFC 9143 15); ext 0: no header extension. */
enum gw_err sdp_iq_mid(struct gw_sv mid, uint8_t ext, struct gw_buf *out) GW_NODISCARD;
/** setup: our role, of a data line only; so with the next, where it is the peer's. */
enum gw_err sdp_iq_core_local(const struct sdp_stream *s, bool is_ipv6, enum sdp_setup setup, struct gw_buf *out)
	GW_NODISCARD;
enum gw_err sdp_iq_core_remote(const struct sdp_stream *s, const struct sdp_line *core, enum sdp_setup setup,
	struct gw_buf *out) GW_NODISCARD;
/** Local, and with what the WIC said of it Remote, of the channel stream beside its data line (E-7); wic NULL: Local. */
enum gw_err sdp_iq_channel(const struct sdp_stream *s, const struct sdp_line *wic, struct gw_buf *out) GW_NODISCARD;
/** The path the gateway has given the channel. GW_EBADMSG. */
enum gw_err sdp_iq_read_channel(struct gw_arena *arena, struct gw_sv text, uint16_t stream, struct gw_sv *path) GW_NODISCARD;
/**
 * Read the Local of a reply into what sdp_write_leg needs. Slices live in the arena.
 * GW_EBADMSG: an address, on the access leg credentials and fingerprint, of a data line fingerprint, are not all there.
 */
enum gw_err sdp_iq_read_local(struct gw_arena *arena, struct gw_sv text, bool is_access,
	struct sdp_local *out, bool *ice_lite) GW_NODISCARD;

/* ---- eIMS-AGW end ------------------------------------------------------------------------------ */

/** What the gateway chose for the "$" of a Local. Empty: leave the line as it is. */
struct sdp_iq_chosen {
	struct gw_addr addr;
	struct gw_sv ufrag, pwd, candidate, fingerprint_hash, fingerprint;
	bool ice_lite;
	bool has_no_port;            /* a member of a BUNDLE group: "-" for address and port */
	struct gw_sv path;           /* of MSRP: added where the Local has none */
	bool is_channel;             /* no address: path is the dcsa of sctp_stream */
	uint16_t sctp_stream;
};
/** Print a Local with every "$" filled in (S-3); lines the gateway does not know are left out (S-6). */
enum gw_err sdp_iq_complete_local(struct sdp *local, const struct sdp_iq_chosen *c,
	struct gw_buf *out) GW_NODISCARD;

#endif
