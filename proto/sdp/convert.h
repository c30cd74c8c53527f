/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebRTC <-> IMS session descriptions as pure functions (W2 section 5, TS 24.371, TS 23.334 5.20).
 *
 * An exchange goes: read the offer, choose what crosses (sdp_choose_offer), reserve at the gateway,
 * write the offer of the other leg; read the answer, choose again (sdp_choose_answer), configure,
 * write the answer. What is written is built from the model only: unknown attributes cannot leak in
 * either direction (W2-SDP-02).
 */
#ifndef SDP_CONVERT_H
#define SDP_CONVERT_H

#include "proto/sdp/crypto.h"
#include "proto/sdp/model.h"

enum sdp_side { SDP_W2, SDP_CORE };

/** SRTP with keys by a=crypto on the core's leg: never; RTP/AVP with a=crypto, for who takes it (RFC 8643); RTP/SAVP, nothing less. */
enum sdp_core_srtp { SDP_SRTP_OFF, SDP_SRTP_OPTIONAL, SDP_SRTP_REQUIRED };

struct sdp_policy {
	struct gw_sv codecs[16];     /* allowed to cross, by name; telephone-event needs no entry */
	unsigned n_codecs;
	struct gw_sv video[8];       /* the same of video; none: video is refused, line by line (W2-COD-12) */
	unsigned n_video;
	bool opus_to_core;           /* may Opus be offered to the core */
	bool ends_msrp;              /* a channel of MSRP is m=message on the core's side (W2-DC-11); relay_data is false */
	bool ends_text;              /* one of T.140 is m=text there (W2-DC-16); relay_data is false */
	bool relay_data;             /* a data line of either side is one on the other (W2-DC-19); else they are refused */
	bool accept_bundle;          /* W2-BUN-03; false: W2-BUN-01 */
	enum sdp_core_srtp core_srtp;
	enum sdp_suite suites[SDP_SUITES];   /* that the core may have, in order of preference */
	unsigned n_suites;
	bool dtls_passive;           /* role for actpass; default active (W2-SEC-05) */
};

/** Why an offer or answer cannot be used; decides status and Warning (W2-ERR-24..26, W2-SDP-50..53). */
enum sdp_refusal {
	SDP_OK,
	SDP_NO_MEDIA,            /* no line left that both sides can do: 488, Warning 304 */
	SDP_NO_CODEC,            /* 488, Warning 305 */
	SDP_NO_FINGERPRINT,      /* W2-SDP-20, W2-SDP-52 */
	SDP_NO_ICE,              /* W2-SDP-52 */
	SDP_NOT_SECURE,          /* RTP/AVP or SDES only from a WIC (W2-SEC-01) */
	SDP_BAD_SETUP,           /* W2-SDP-51; a data line: not the role that is left (W2-DC-07) */
	SDP_BAD_HASH,            /* nothing of sha-256 or better (W2-SEC-03) */
	SDP_BAD_LINE,            /* an attribute is malformed */
	SDP_FEWER_LINES,         /* W2-SDP-53 */
	SDP_NO_ADDRESS,          /* core side without a usable c= */
	SDP_NO_CRYPTO,           /* RTP/SAVP of the core without an a=crypto we can use (W2-SDP-42) */
	SDP_NOT_ENCRYPTED,       /* RTP/AVP of the core where core_srtp requires SRTP */
};
/** Static sentence for a Warning text. */
const char *sdp_refusal_text(enum sdp_refusal r);
/** The same with a warn-code of RFC 3261 20.43 in front where there is one for it: "305 ...". */
const char *sdp_refusal_warning(enum sdp_refusal r);

/** What crosses on one m-line. Made from the offer, narrowed by the answer. */
struct sdp_stream {
	bool is_active;              /* false: port 0 on both legs */
	bool is_video, is_data;
	struct sdp_codec codecs[SDP_MAX_CODECS];
	unsigned n_codecs;
	enum sdp_dir dir;            /* as the side that spoke last said it, from its view */
	unsigned ptime, maxptime;
	unsigned b_as;               /* kbit/s the side that spoke last can take; 0: it did not say */
	/* RTP: SRTP on the core's leg. Our keys are the call's, and come in after the offer was chosen (call_sdes.c) */
	enum sdp_core_srtp srtp;
	struct sdp_crypto theirs;    /* the core's key; suite NONE: plain RTP, or it has not spoken yet */
	const struct sdp_crypto *ours;       /* [n_ours] offered to the core, or the one it is answered with */
	unsigned n_ours;
	uint8_t cvo;                 /* id of the orientation extension both know; 0: none */
	/*
	 * Data: a=setup goes from end to end, so that the ends have opposite roles (W2-DC-07). What the side that spoke
	 * last is, or leaves to the other; an actpass of a WIC has become active.
	 */
	enum sdp_setup setup, offered_setup;
	struct sdp_sctp sctp;        /* data: as the side that spoke last said it; so are the channels */
	/*
	 * MSRP and text: the channel, and the attributes of the side that spoke last: a=dcsa of it on W2, plain ones on the core's. The
	 * association is the gateway's own, so setup and sctp are of W2 alone.
	 */
	bool is_msrp, is_text;       /* with is_data; text has codecs and a direction too */
	struct sdp_dcmap channel;
	const struct sdp_media *said;
	const struct sdp_media *channels, *offered;   /* dcmap of it, and of the offer when that is an answer; or NULL */
};

/** A data line whose SCTP, and with it the roles of DTLS, go from end to end. */
static inline bool sdp_stream_is_relayed(const struct sdp_stream *s)
{
	return s->is_data && !s->is_msrp && !s->is_text;
}

/** A data line with a channel that ends at the gateway. */
static inline bool sdp_stream_ends(const struct sdp_stream *s)
{
	return s->is_msrp || s->is_text;
}

/** Is it a data line of W2 whose channels end at the gateway, or the core's form of such a channel? */
bool sdp_line_ends(const struct sdp_line *l, enum sdp_side from, const struct sdp_policy *p);
/** Can this channel of W2 be an m-line of the core: MSRP as RFC 8873 4 wants it, or text as RFC 8865 4 does? */
bool sdp_channel_ends(const struct sdp_line *l, const struct sdp_dcmap *d, const struct sdp_policy *p, struct sdp_channel_ref *out);

/**
 * Choose the streams an offer may have: the first usable line each of audio, video and relayed data, and every channel that
 * ends at the gateway (map.h). Every other line is kept in place with port 0 (W2-SDP-03).
 * @param offer    in the core's lines
 * @param streams  as many as offer->n_lines, written
 * @return SDP_OK when at least one stream is active
 */
enum sdp_refusal sdp_choose_offer(const struct sdp_model *offer, enum sdp_side from,
	const struct sdp_policy *policy, struct sdp_stream *streams);
/**
 * Narrow the streams by the answer. offer is what was sent to the answerer's side as streams
 * describe it; from is the side the answer came from.
 */
enum sdp_refusal sdp_choose_answer(const struct sdp_model *answer, enum sdp_side from,
	struct sdp_stream *streams, unsigned n_streams);

/** Gateway data of one line on the leg written. */
struct sdp_local {
	struct gw_addr addr;         /* address and RTP port */
	struct gw_addr rtcp;         /* core leg: port of RTCP; family 0 or port + 1: not written */
	struct gw_sv ice_ufrag, ice_pwd;            /* W2 leg from here; of a data line fingerprint and setup on both */
	struct gw_sv candidates[4];                 /* values of a=candidate */
	unsigned n_candidates;
	struct gw_sv fingerprint;                   /* "sha-256 AA:.." */
	enum sdp_setup setup;
	bool is_bundled;                            /* W2: in the group */
	bool is_bundle_only;                        /* offered without an address yet (RFC 9143 6) */
	uint8_t mid_ext;                            /* W2: id of the MID header extension, both ways (RFC 9143 15); 0: none */
	struct gw_sv path;                          /* MSRP: the gateway's on this leg */
	struct gw_sv tls_id;                        /* empty: not written (W2-SDP-23) */
	struct gw_sv mid;                           /* of an offer to W2, of every line; empty: the line's number */
};

/** o= identity of one leg; kept by the caller for the life of the dialog. */
struct sdp_origin {
	uint64_t id;
	uint32_t version;            /* 0: nothing sent yet */
	uint64_t last_hash;          /* of the last text without its o= line */
};

/**
 * Write the description of the leg towards `to`.
 *
 * @param peer     the description of the other leg this one comes from: kinds, protocols and order
 *                 of the lines (an offer), NULL with an answer
 * @param remote   the last description received on the leg written, or NULL: an answer takes proto,
 *                 formats and mid from it (W2-SDP-30, -32)
 * @param is_answer, origin   the version steps only when the bytes change (W2-SIP-30)
 */
struct sdp_map;
struct sdp_write {
	enum sdp_side to;
	bool is_answer;
	const struct sdp_model *peer;
	const struct sdp_model *remote;
	const struct sdp_stream *streams;
	const struct sdp_local *locals;   /* [n] */
	unsigned n;
	const struct sdp_map *map;        /* to W2, and NULL: line by line */
	bool ice_lite;
};
enum gw_err sdp_write_leg(const struct sdp_write *w, struct sdp_origin *origin, struct gw_buf *out)
	GW_NODISCARD;

#endif
