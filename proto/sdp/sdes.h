/* SPDX-License-Identifier: Apache-2.0 */
/* SRTP with keys in SDP on the core's leg of a session (RFC 4568, W2-SDP-42): what an offer or answer of the core says of it. Pure. */
#ifndef SDP_SDES_H
#define SDP_SDES_H

#include "proto/sdp/convert.h"

/** A line of RTP in an offer of the core: its key into s, if there is one we can use. */
enum sdp_refusal sdp_sdes_offered(const struct sdp_line *l, const struct sdp_policy *p, struct sdp_stream *s);
/** The same of an answer to what s->ours has offered. */
enum sdp_refusal sdp_sdes_answered(const struct sdp_line *l, struct sdp_stream *s);
/** The key we send to the core with, once both sides have spoken; NULL: plain RTP, or the core has not chosen yet. */
const struct sdp_crypto *sdp_sdes_key(const struct sdp_stream *s);

#endif
