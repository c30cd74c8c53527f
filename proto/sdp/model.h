/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a description means for the gateway: one struct a media line, with the typed WebRTC
 * attributes (RFC 8839 ICE, RFC 8122 fingerprint, RFC 8842 setup, RFC 5761 mux, RFC 9143 BUNDLE).
 */
#ifndef SDP_MODEL_H
#define SDP_MODEL_H

#include "proto/sdp/datachannel.h"

#define SDP_MAX_CODECS 24
#define SDP_MID_URI "urn:ietf:params:rtp-hdrext:sdes:mid"
#define SDP_MAX_FINGERPRINTS 8
#define SDP_MAX_CANDIDATES 16     /* threat M12 */

enum sdp_dir { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };
enum sdp_setup { SDP_SETUP_NONE, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_HOLDCONN,
	SDP_SETUP_BAD };

/* Feedback of RFC 4585 and 5104 that a relay understands; what only end points of one transport use is left out. */
enum sdp_fb { SDP_FB_NACK = 1, SDP_FB_NACK_PLI = 2, SDP_FB_CCM_FIR = 4, SDP_FB_CCM_TMMBR = 8 };

struct sdp_codec {
	uint8_t pt;
	uint8_t fb;                  /* enum sdp_fb bits */
	struct gw_sv name;           /* "opus", "PCMU"; static types are filled in */
	uint32_t clock_hz;
	uint8_t channels;
	struct gw_sv fmtp;
};

struct sdp_fingerprint {
	struct gw_sv hash;           /* "sha-256" */
	struct gw_sv hex;            /* "AA:BB:.." as written */
};

/** Which one of the channels of a data line (W2-SDP-04). */
struct sdp_channel_ref {
	bool is_set, is_text;        /* of T.140, else of MSRP */
	uint16_t stream;             /* of SCTP */
};

struct sdp_line {
	const struct sdp_media *media;
	bool is_audio, is_video, is_rtp;
	bool is_text;                /* m=text of RTP (RFC 4103) */
	bool is_data;                /* data channels: UDP/DTLS/SCTP (W2-DC-02) */
	bool is_channel;             /* Iq: one of them, beside its data line (F-70) */
	bool is_msrp;                /* m=message over TCP, or TLS (RFC 4975 8) */
	bool is_opaque;              /* Iq: datagrams nobody looks into: UDP (F-73), udptl (T.38) */
	bool is_rejected;            /* port 0 and not bundle-only */
	bool is_secure;              /* UDP/TLS/..., or RTP/SAVP(F) */
	struct gw_addr remote;       /* family 0: none usable (0.0.0.0 with port 9 is given as it is) */
	struct gw_addr remote_rtcp;  /* a=rtcp, else port + 1; equal to remote with rtcp-mux */
	struct sdp_codec codecs[SDP_MAX_CODECS];
	unsigned n_codecs;
	enum sdp_dir dir;
	unsigned ptime, maxptime;    /* ms, 0 = absent */
	struct gw_sv mid, tls_id;
	struct gw_sv ice_ufrag, ice_pwd;
	struct gw_sv candidates[SDP_MAX_CANDIDATES];   /* values as written, usable ones only */
	unsigned n_candidates;
	bool has_trickle, has_ice_lite, rtcp_mux, rtcp_rsize, is_bundle_only, has_crypto;
	struct sdp_fingerprint fp[SDP_MAX_FINGERPRINTS];
	unsigned n_fp;
	enum sdp_setup setup;
	unsigned b_as;               /* kbit/s, of b=AS or b=TIAS; 0 = absent */
	uint8_t cvo;                 /* id of urn:3gpp:video-orientation, 0 = absent */
	uint8_t mid_ext;             /* id of the header extension that carries the MID (RFC 9143 15), 0 = absent */
	struct sdp_sctp sctp;        /* of a data line */
	struct gw_sv msrp_path;      /* of m=message */
	struct sdp_channel_ref channel;   /* an m-line of the core's that is one of W2's data line: set by sdp_map_.., not by reading */
	bool is_unusable;            /* broken rtpmap, ufrag, fingerprint ...: refuse the line */
	const char *why;             /* static sentence when unusable */
};

struct sdp_model {
	struct sdp sdp;
	struct sdp_line *lines;      /* as many as m-lines, in order */
	unsigned n_lines;
	struct gw_sv bundle;         /* mids of the first a=group:BUNDLE, blank-separated */
};

/** SRTP whose keys, if they are told, stand in a=crypto (RFC 4568): no DTLS. */
static inline bool sdp_line_is_sdes(const struct sdp_line *l)
{
	return gw_sv_starts(l->media->proto, GW_SV("RTP/SAVP")) && (l->has_crypto || l->n_fp == 0);
}

enum gw_err sdp_model_read(struct sdp_model *m, struct gw_arena *arena, struct gw_sv text,
	enum sdp_mode mode, struct gw_diag *diag) GW_NODISCARD;
/** Is mid in the BUNDLE group? */
bool sdp_model_in_bundle(const struct sdp_model *m, struct gw_sv mid);

/** The name of one kind of feedback, as in a=rtcp-fb. */
struct gw_sv sdp_fb_name(enum sdp_fb fb);
struct gw_sv sdp_dir_name(enum sdp_dir dir);
/** What the answerer may say when the offerer said dir (RFC 3264 6.1). */
enum sdp_dir sdp_dir_reverse(enum sdp_dir dir);
struct gw_sv sdp_setup_name(enum sdp_setup setup);
/** The role that is left to the other end; actpass leaves both. */
enum sdp_setup sdp_setup_reverse(enum sdp_setup setup);
/** Same codec: name (case-insensitive), clock and channels. */
bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b);
const struct sdp_codec *sdp_line_codec(const struct sdp_line *l, const struct sdp_codec *like);
bool sdp_codec_is_event(const struct sdp_codec *c);

#endif
