/* SPDX-License-Identifier: Apache-2.0 */
/* Session descriptions (RFC 8866) as a tree: parsed from text, printed to text. */
#ifndef SDP_SDP_H
#define SDP_SDP_H

#include "proto/base/addr.h"
#include "proto/base/arena.h"

#define SDP_MAX_BYTES 65535
#define SDP_MAX_LINES 1000
#define SDP_MAX_MEDIA 32

enum sdp_mode {
	SDP_SIP,    /* v, o, s, t are required */
	SDP_IQ,     /* H.248 Local and Remote: o, s, t optional; "$" and "-" stand for values (S-1..S-5) */
};

struct sdp_attr {
	struct gw_sv name, value;
	bool has_value;
	bool is_deleted;
};

struct sdp_conn {
	struct gw_sv family;     /* "IP4" or "IP6"; empty: no c= line */
	struct gw_sv address;    /* may be "$" or "-" in SDP_IQ */
};

struct sdp_bandwidth {
	struct gw_sv type, value;
};

#define SDP_MAX_BANDWIDTH 8

struct sdp_media {
	struct gw_sv kind;       /* audio, video, application ... */
	struct gw_sv port;       /* text: digits, "$" or "-" */
	uint16_t port_n;         /* value, 0 when it is no number */
	struct gw_sv proto;
	struct gw_sv *fmts;
	unsigned n_fmts;
	struct sdp_conn conn;
	struct sdp_bandwidth bw[SDP_MAX_BANDWIDTH];
	unsigned n_bw;
	struct sdp_attr *attrs;
	unsigned n_attrs, cap_attrs;
};

struct sdp {
	struct gw_arena *arena;
	struct gw_sv o_user, o_id, o_version, o_family, o_address;
	struct gw_sv name;       /* s= */
	struct sdp_conn conn;
	struct sdp_bandwidth bw[SDP_MAX_BANDWIDTH];
	unsigned n_bw;
	struct sdp_attr *attrs;
	unsigned n_attrs, cap_attrs;
	struct sdp_media *media;
	unsigned n_media, cap_media;
};

/**
 * Parse one description. Slices point into text. Time is linear in its length.
 * @return GW_OK; GW_EBADMSG (diag says where); GW_ELIMIT (threat P9); GW_ENOMEM
 */
enum gw_err sdp_parse(struct sdp *s, struct gw_arena *arena, struct gw_sv text, enum sdp_mode mode,
	struct gw_diag *diag) GW_NODISCARD;
/** Print; o=, s= and t= are left out when they were not there. */
enum gw_err sdp_print(const struct sdp *s, struct gw_buf *out) GW_NODISCARD;

/** First attribute of that name at media level, or NULL. m NULL: session level. */
const struct sdp_attr *sdp_attr_find(const struct sdp *s, const struct sdp_media *m,
	struct gw_sv name);
/** Media level, else session level. */
const struct sdp_attr *sdp_attr_inherit(const struct sdp *s, const struct sdp_media *m,
	struct gw_sv name);
/** Append an attribute to a line. value empty: a property attribute. */
void sdp_attr_add(struct sdp *s, struct sdp_media *m, struct gw_sv name, struct gw_sv value);
/** c= of the line or of the session as an address with the line's port; GW_ENOENT; GW_EBADMSG (FQDN). */
enum gw_err sdp_media_addr(const struct sdp *s, const struct sdp_media *m, struct gw_addr *out)
	GW_NODISCARD;

#endif
