/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time text in descriptions: m=text of RTP (RFC 4103, RFC 2198) on the core's side, and a channel of subprotocol t140
 * with its a=dcsa (RFC 8865 4) on W2 (W2-DC-16). Pure; slices point into the description, or are static.
 */
#ifndef SDP_TEXT_H
#define SDP_TEXT_H

#include "proto/sdp/model.h"

#define SDP_TEXT_CPS_DEFAULT 30u   /* RFC 4103 6, RFC 8865 4.2.1 */
#define SDP_TEXT_GENERATIONS 2u    /* repetitions we offer (RFC 4103 4) */
#define SDP_TEXT_KBIT        4u    /* b=AS: three packets a second of 30 characters, twice repeated */
#define SDP_TEXT_CODECS      2u    /* t140, red */

/** What one side of an m=text line has said of itself. */
struct sdp_text {
	uint8_t pt_t140;
	uint8_t pt_red;              /* 0: no redundancy */
	unsigned generations;        /* repetitions red has room for; 0 without it */
	uint32_t cps;                /* characters a second it takes */
};

/** GW_ENOENT: there is no t140/1000. What red repeats has to be that t140, or it does not count. */
enum gw_err sdp_text_read(const struct sdp_codec *codecs, unsigned n, struct sdp_text *out) GW_NODISCARD;
/** cps out of format parameters; the default where there is none, or a bad one. */
uint32_t sdp_text_cps(struct gw_sv params);
/** Is it a channel of real-time text as RFC 8865 4.1 wants it: reliable and ordered? */
bool sdp_text_is_channel(const struct sdp_dcmap *d);
/** cps of the channel as a format parameter, "cps=20"; empty: none. */
struct gw_sv sdp_text_params(const struct sdp_media *m, uint16_t stream);
/** Direction of the channel (RFC 8865 4.2.3). */
enum sdp_dir sdp_text_dir(const struct sdp_media *m, uint16_t stream);
/** The codecs of m=text we offer for a channel: red first, for it is preferred (RFC 4103 10.1). @return SDP_TEXT_CODECS */
unsigned sdp_text_codecs(struct gw_sv params, struct sdp_codec out[SDP_TEXT_CODECS]);
/** The parameters of t140 among codecs are these. */
void sdp_text_set_params(struct sdp_codec *codecs, unsigned n, struct gw_sv params);
/** Of codecs, t140 and the red that repeats it stay. false: nothing is left */
bool sdp_text_keep(struct sdp_codec *codecs, unsigned *n);
/**
 * a=dcmap and a=dcsa of the channel: what the core's line said, from.
 * @param codecs  its codecs as agreed
 */
void sdp_text_put_channel(struct gw_buf *b, const struct sdp_dcmap *d, const struct sdp_codec *codecs, unsigned n, enum sdp_dir dir,
	const struct sdp_media *from);
/** Languages (RFC 8373) of the channel, as plain attributes. */
void sdp_text_put_plain(struct gw_buf *b, uint16_t stream, const struct sdp_media *from);

#endif
