/* SPDX-License-Identifier: Apache-2.0 */
/* From the tree of a description to what the gateway needs to know. */
#include "proto/sdp/model.h"

static void unusable(struct sdp_line *l, const char *why)
{
	if (!l->is_unusable)
		l->why = why;
	l->is_unusable = true;
}

static bool is_ice_text(struct gw_sv s, size_t min, size_t max)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = gw_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
			return false;
	}
	return s.len >= min && s.len <= max;
}

static bool static_codec(struct sdp_codec *c)
{
	static const struct sdp_codec table[] = {	/* RFC 3551 */
		{ 0, 0, GW_SV_INIT("PCMU"), 8000, 1, { 0 } }, { 3, 0, GW_SV_INIT("GSM"), 8000, 1, { 0 } },
		{ 4, 0, GW_SV_INIT("G723"), 8000, 1, { 0 } }, { 8, 0, GW_SV_INIT("PCMA"), 8000, 1, { 0 } },
		{ 9, 0, GW_SV_INIT("G722"), 8000, 1, { 0 } }, { 13, 0, GW_SV_INIT("CN"), 8000, 1, { 0 } },
		{ 18, 0, GW_SV_INIT("G729"), 8000, 1, { 0 } },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].pt == c->pt) {
			*c = table[i];
			return true;
		}
	return false;
}

static bool parse_rtpmap(struct gw_sv v, struct sdp_codec *c)
{
	struct gw_sv rest = v, pt, name, clock, channels;
	uint32_t n, ch = 1;

	if (!gw_sv_word(&rest, &pt) || gw_sv_uint_max(pt, 127, &n) || n != c->pt)
		return false;
	rest = gw_sv_trim(rest);
	gw_sv_cut(rest, '/', &name, &clock);
	gw_sv_cut(clock, '/', &clock, &channels);
	if (name.len == 0 || gw_sv_u32(clock, &n) ||
		(channels.len && (gw_sv_uint_max(channels, 255, &ch) || ch == 0)))
		return false;
	c->name = name;
	c->clock_hz = n;
	c->channels = (uint8_t)ch;
	return true;
}

static bool fmt_is(struct gw_sv value, uint8_t pt)
{
	struct gw_sv rest = value, w;
	uint32_t n;

	return gw_sv_word(&rest, &w) && gw_sv_uint_max(w, 127, &n) == GW_OK && n == pt;
}

struct gw_sv sdp_fb_name(enum sdp_fb fb)
{
	return fb == SDP_FB_NACK ? GW_SV("nack") : fb == SDP_FB_NACK_PLI ? GW_SV("nack pli") :
		fb == SDP_FB_CCM_FIR ? GW_SV("ccm fir") : GW_SV("ccm tmmbr");
}

/* a=rtcp-fb of a codec: "96 nack pli", or "*" for all. tmmbr may have parameters. */
static uint8_t read_fb(const struct sdp_media *m, uint8_t pt)
{
	unsigned fb = 0;

	for (unsigned k = 0; k < m->n_attrs; k++) {
		struct gw_sv rest = m->attrs[k].value, w;

		if (!gw_sv_eq(m->attrs[k].name, GW_SV("rtcp-fb")) || !gw_sv_word(&rest, &w) ||
			(!gw_sv_eq(w, GW_SV("*")) && !fmt_is(m->attrs[k].value, pt)))
			continue;
		rest = gw_sv_trim(rest);
		for (unsigned f = SDP_FB_NACK; f <= SDP_FB_CCM_TMMBR; f <<= 1)
			if (gw_sv_ieq(rest, sdp_fb_name((enum sdp_fb)f)) ||
				(f == SDP_FB_CCM_TMMBR && gw_sv_istarts(rest, GW_SV("ccm tmmbr "))))
				fb |= f;
	}
	return (uint8_t)fb;
}

static bool has_pt(const struct sdp_line *l, uint8_t pt)
{
	for (unsigned i = 0; i < l->n_codecs; i++)
		if (l->codecs[i].pt == pt)
			return true;
	return false;
}

static void read_codecs(struct sdp_line *l)
{
	const struct sdp_media *m = l->media;

	for (unsigned i = 0; i < m->n_fmts && l->n_codecs < SDP_MAX_CODECS; i++) {
		struct sdp_codec c = { 0 };
		struct gw_sv fmtp = GW_SV_NONE;
		bool known;
		uint32_t pt;

		if (gw_sv_uint_max(m->fmts[i], 127, &pt))
			continue;	/* "$" and "-" of Iq, or junk */
		c.pt = (uint8_t)pt;
		if (has_pt(l, c.pt))
			continue;
		known = static_codec(&c);
		for (unsigned k = 0; k < m->n_attrs; k++) {
			const struct sdp_attr *a = &m->attrs[k];

			if (gw_sv_eq(a->name, GW_SV("rtpmap")) && fmt_is(a->value, c.pt))
				known = parse_rtpmap(a->value, &c);
			else if (gw_sv_eq(a->name, GW_SV("fmtp")) && fmt_is(a->value, c.pt))
				fmtp = gw_sv_trim(gw_sv_sub(a->value, gw_sv_chr(a->value, ' ', 0),
					a->value.len));
		}
		c.fmtp = fmtp;
		c.fb = l->is_video ? read_fb(m, c.pt) : 0;
		if (known)
			l->codecs[l->n_codecs++] = c;
	}
}

/* RFC 8839 5.1; FQDN, mDNS and TCP candidates are ignored, never resolved (W2-ICE-06). */
static bool candidate_usable(struct gw_sv v)
{
	struct gw_sv rest = v, w[6];
	struct gw_addr a;
	uint32_t port;

	for (int i = 0; i < 6; i++)
		if (!gw_sv_word(&rest, &w[i]))
			return false;
	return gw_sv_ieq(w[2], GW_SV("udp")) && gw_addr_parse_ip(w[4], &a) == GW_OK &&
		gw_sv_uint_max(w[5], UINT16_MAX, &port) == GW_OK && port != 0;
}

static bool hex_ok(struct gw_sv hex)
{
	size_t i;

	for (i = 0; i < hex.len; i++) {
		char c = gw_lower(hex.p[i]);
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		if (i % 3 == 2 ? c != ':' : !digit)
			return false;
	}
	return hex.len >= 2 && i % 3 == 2;
}

static void read_fingerprint(struct sdp_line *l, struct gw_sv v)
{
	struct sdp_fingerprint f;
	struct gw_sv rest = v;

	if (!gw_sv_word(&rest, &f.hash))
		return;
	f.hex = gw_sv_trim(rest);
	if (!hex_ok(f.hex) && !gw_sv_eq(f.hex, GW_SV("$"))) {
		unusable(l, "a=fingerprint is malformed");
		return;
	}
	if (l->n_fp < SDP_MAX_FINGERPRINTS)
		l->fp[l->n_fp++] = f;
}

static enum sdp_setup setup_of(const struct sdp_attr *a)
{
	static const struct {
		struct gw_sv name;
		enum sdp_setup setup;
	} t[] = { { GW_SV_INIT("actpass"), SDP_SETUP_ACTPASS }, { GW_SV_INIT("active"), SDP_SETUP_ACTIVE },
		{ GW_SV_INIT("passive"), SDP_SETUP_PASSIVE },
		{ GW_SV_INIT("holdconn"), SDP_SETUP_HOLDCONN } };

	if (!a)
		return SDP_SETUP_NONE;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (gw_sv_ieq(a->value, t[i].name))
			return t[i].setup;
	return SDP_SETUP_BAD;
}

static void read_each_attr(struct sdp_line *l, const struct sdp_attr *attrs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct sdp_attr *a = &attrs[i];

		if (gw_sv_eq(a->name, GW_SV("fingerprint")))
			read_fingerprint(l, a->value);
		else if (gw_sv_eq(a->name, GW_SV("candidate")) && candidate_usable(a->value) &&
			l->n_candidates < SDP_MAX_CANDIDATES)
			l->candidates[l->n_candidates++] = a->value;
		else if (gw_sv_eq(a->name, GW_SV("crypto")))
			l->has_crypto = true;
		else if (gw_sv_eq(a->name, GW_SV("ice-options")) &&
			gw_sv_find(a->value, GW_SV("trickle")) < a->value.len)
			l->has_trickle = true;
	}
}

static struct gw_sv text_of(const struct sdp *s, const struct sdp_media *m, const char *name)
{
	const struct sdp_attr *a = sdp_attr_inherit(s, m, gw_sv_cstr(name));

	return a ? a->value : GW_SV_NONE;
}

static unsigned number_of(const struct sdp *s, const struct sdp_media *m, const char *name)
{
	struct gw_sv v = text_of(s, m, name), head, rest;
	uint32_t n;

	gw_sv_cut(v, '.', &head, &rest);	/* ptime may have a fraction */
	return gw_sv_uint_max(head, 10000, &n) ? 0 : n;
}

static void read_dir(const struct sdp *s, struct sdp_line *l)
{
	for (int d = SDP_SENDRECV; d <= SDP_INACTIVE; d++)
		if (sdp_attr_find(s, NULL, sdp_dir_name((enum sdp_dir)d)))
			l->dir = (enum sdp_dir)d;
	for (int d = SDP_SENDRECV; d <= SDP_INACTIVE; d++)
		if (sdp_attr_find(s, l->media, sdp_dir_name((enum sdp_dir)d)))
			l->dir = (enum sdp_dir)d;
}

static void read_addresses(const struct sdp *s, struct sdp_line *l)
{
	struct gw_sv rest = text_of(s, l->media, "rtcp"), w;
	uint32_t port;

	if (sdp_media_addr(s, l->media, &l->remote))
		return;
	l->remote_rtcp = l->remote;
	if (l->rtcp_mux)
		return;
	l->remote_rtcp.port = (uint16_t)(l->remote.port + 1);
	if (gw_sv_word(&rest, &w) && gw_sv_uint_max(w, UINT16_MAX, &port) == GW_OK && port) {
		l->remote_rtcp.port = (uint16_t)port;
		if (gw_sv_word(&rest, &w) && gw_sv_word(&rest, &w) && gw_sv_word(&rest, &w)) {
			struct gw_addr a;

			if (gw_addr_parse_ip(w, &a) == GW_OK) {
				a.port = (uint16_t)port;
				l->remote_rtcp = a;
			}
		}
	}
}

/* The plain rate, and what 50 packets a second of IPv4, UDP and RTP headers add to TIAS (RFC 3890). */
static void read_bandwidth(struct sdp_line *l)
{
	uint32_t n;

	for (unsigned i = 0; i < l->media->n_bw; i++) {
		const struct sdp_bandwidth *b = &l->media->bw[i];

		if (gw_sv_eq(b->type, GW_SV("AS")) && gw_sv_uint_max(b->value, 1000000, &n) == GW_OK)
			l->b_as = n;
		else if (gw_sv_eq(b->type, GW_SV("TIAS")) && l->b_as == 0 &&
			gw_sv_uint_max(b->value, 1000000000, &n) == GW_OK && n)
			l->b_as = n / 1000 + 16;
	}
}

/* RFC 8285: a=extmap:4/sendrecv urn:3gpp:video-orientation */
static void read_extmaps(struct sdp_line *l)
{
	for (unsigned i = 0; l->is_rtp && i < l->media->n_attrs; i++) {
		struct gw_sv rest = l->media->attrs[i].value, w, id, dir, uri;
		uint32_t n;

		if (!gw_sv_eq(l->media->attrs[i].name, GW_SV("extmap")) || !gw_sv_word(&rest, &w) ||
			!gw_sv_word(&rest, &uri))
			continue;
		gw_sv_cut(w, '/', &id, &dir);
		if (gw_sv_uint_max(id, 14, &n))
			continue;
		if (l->is_video && gw_sv_ieq(uri, GW_SV("urn:3gpp:video-orientation")))
			l->cvo = (uint8_t)n;
		else if (gw_sv_ieq(uri, GW_SV(SDP_MID_URI)))
			l->mid_ext = (uint8_t)n;
	}
}

static void read_ice(const struct sdp *s, struct sdp_line *l, enum sdp_mode mode)
{
	l->ice_ufrag = text_of(s, l->media, "ice-ufrag");
	l->ice_pwd = text_of(s, l->media, "ice-pwd");
	l->has_ice_lite = sdp_attr_inherit(s, l->media, GW_SV("ice-lite")) != NULL;
	if (mode == SDP_IQ && (gw_sv_eq(l->ice_ufrag, GW_SV("$")) || gw_sv_eq(l->ice_pwd, GW_SV("$"))))
		return;
	if ((l->ice_ufrag.len && !is_ice_text(l->ice_ufrag, 4, 256)) ||
		(l->ice_pwd.len && !is_ice_text(l->ice_pwd, 22, 256)))
		unusable(l, "a=ice-ufrag or a=ice-pwd is malformed");
}

static void read_line(const struct sdp_model *mo, struct sdp_line *l, enum sdp_mode mode)
{
	const struct sdp *s = &mo->sdp;
	const struct sdp_media *m = l->media;

	l->is_audio = gw_sv_eq(m->kind, GW_SV("audio"));
	l->is_video = gw_sv_eq(m->kind, GW_SV("video"));
	l->is_rtp = gw_sv_find(m->proto, GW_SV("RTP/")) < m->proto.len;
	l->is_text = l->is_rtp && gw_sv_eq(m->kind, GW_SV("text"));
	l->is_data = sdp_is_data(m);
	l->is_channel = mode == SDP_IQ && l->is_data && sdp_attr_find(s, m, GW_SV("dcmap"));
	l->is_msrp = sdp_is_msrp(m);
	l->is_opaque = mode == SDP_IQ && (gw_sv_ieq(m->proto, GW_SV("UDP")) || gw_sv_ieq(m->proto, GW_SV("udptl")));
	l->msrp_path = sdp_msrp_path(s, m);
	l->is_secure = gw_sv_find(m->proto, GW_SV("RTP/SAVP")) < m->proto.len;
	l->is_bundle_only = sdp_attr_find(s, m, GW_SV("bundle-only")) != NULL;
	l->is_rejected = gw_sv_eq(m->port, GW_SV("0")) && !l->is_bundle_only;
	l->mid = text_of(s, m, "mid");
	l->tls_id = text_of(s, m, "tls-id");
	l->rtcp_mux = sdp_attr_find(s, m, GW_SV("rtcp-mux")) != NULL ||
		sdp_attr_find(s, m, GW_SV("rtcp-mux-only")) != NULL;
	l->rtcp_rsize = sdp_attr_find(s, m, GW_SV("rtcp-rsize")) != NULL;
	l->setup = setup_of(sdp_attr_inherit(s, m, GW_SV("setup")));
	l->ptime = number_of(s, m, "ptime");
	l->maxptime = number_of(s, m, "maxptime");
	read_each_attr(l, m->attrs, m->n_attrs);
	if (l->n_fp == 0)	/* media level overrides session level (RFC 8122 5) */
		for (unsigned i = 0; i < s->n_attrs; i++)
			if (gw_sv_eq(s->attrs[i].name, GW_SV("fingerprint")))
				read_fingerprint(l, s->attrs[i].value);
	if (!l->has_trickle)
		l->has_trickle = gw_sv_find(text_of(s, NULL, "ice-options"), GW_SV("trickle")) <
			text_of(s, NULL, "ice-options").len;
	read_ice(s, l, mode);
	read_dir(s, l);
	read_addresses(s, l);
	if (l->is_rtp)
		read_codecs(l);
	if (l->is_data && sdp_sctp_read(s, m, &l->sctp) && mode == SDP_SIP)	/* on Iq a channel has none (F-70) */
		unusable(l, "a=sctp-port or a=max-message-size is missing or malformed");
	read_bandwidth(l);
	read_extmaps(l);
}

/* RFC 9143 7.1.3, RFC 8859: what the transport of a group needs is said of one of its lines; the others may leave it out. */
static void inherit_transport(const struct sdp_model *m)
{
	const struct sdp_line *tagged = NULL;

	for (unsigned i = 0; i < m->n_lines; i++) {
		struct sdp_line *l = &m->lines[i];

		if (!l->is_rejected && l->ice_ufrag.len && !tagged && sdp_model_in_bundle(m, l->mid))
			tagged = l;
	}
	for (unsigned i = 0; tagged && i < m->n_lines; i++) {
		struct sdp_line *l = &m->lines[i];

		if (l->ice_ufrag.len || l->ice_pwd.len || !sdp_model_in_bundle(m, l->mid))
			continue;
		l->ice_ufrag = tagged->ice_ufrag;
		l->ice_pwd = tagged->ice_pwd;
		l->has_trickle = tagged->has_trickle;
		if (!l->setup)
			l->setup = tagged->setup;
		if (l->n_fp == 0) {
			memcpy(l->fp, tagged->fp, sizeof(l->fp));
			l->n_fp = tagged->n_fp;
		}
		l->rtcp_mux |= l->is_rtp && tagged->rtcp_mux;
	}
}

enum gw_err sdp_model_read(struct sdp_model *m, struct gw_arena *arena, struct gw_sv text,
	enum sdp_mode mode, struct gw_diag *diag)
{
	enum gw_err err;

	*m = (struct sdp_model){ 0 };
	if ((err = sdp_parse(&m->sdp, arena, text, mode, diag)))
		return err;
	m->n_lines = m->sdp.n_media;
	m->lines = gw_arena_array(arena, struct sdp_line, m->n_lines ? m->n_lines : 1);
	if (!m->lines)
		return GW_ENOMEM;
	for (unsigned i = 0; i < m->sdp.n_attrs; i++) {
		const struct sdp_attr *a = &m->sdp.attrs[i];
		struct gw_sv kind, rest = a->value;

		if (m->bundle.len == 0 && gw_sv_eq(a->name, GW_SV("group")) &&
			gw_sv_word(&rest, &kind) && gw_sv_eq(kind, GW_SV("BUNDLE")))
			m->bundle = gw_sv_trim(rest);
	}
	for (unsigned i = 0; i < m->n_lines; i++) {
		m->lines[i].media = &m->sdp.media[i];
		read_line(m, &m->lines[i], mode);
	}
	if (m->bundle.len)
		inherit_transport(m);
	return GW_OK;
}

bool sdp_model_in_bundle(const struct sdp_model *m, struct gw_sv mid)
{
	struct gw_sv rest = m->bundle, w;

	while (mid.len && gw_sv_word(&rest, &w))
		if (gw_sv_eq(w, mid))
			return true;
	return false;
}

struct gw_sv sdp_dir_name(enum sdp_dir dir)
{
	static const struct gw_sv names[] = { GW_SV_INIT("sendrecv"), GW_SV_INIT("sendonly"),
		GW_SV_INIT("recvonly"), GW_SV_INIT("inactive") };

	return names[dir];
}

enum sdp_dir sdp_dir_reverse(enum sdp_dir dir)
{
	return dir == SDP_SENDONLY ? SDP_RECVONLY : dir == SDP_RECVONLY ? SDP_SENDONLY : dir;
}

struct gw_sv sdp_setup_name(enum sdp_setup setup)
{
	static const struct gw_sv names[] = { { NULL, 0 }, GW_SV_INIT("actpass"), GW_SV_INIT("active"),
		GW_SV_INIT("passive"), GW_SV_INIT("holdconn"), { NULL, 0 } };

	return names[setup];
}

enum sdp_setup sdp_setup_reverse(enum sdp_setup setup)
{
	return setup == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : setup == SDP_SETUP_PASSIVE ? SDP_SETUP_ACTIVE : setup;
}

bool sdp_codec_same(const struct sdp_codec *a, const struct sdp_codec *b)
{
	return a->clock_hz == b->clock_hz && a->channels == b->channels && gw_sv_ieq(a->name, b->name);
}

const struct sdp_codec *sdp_line_codec(const struct sdp_line *l, const struct sdp_codec *like)
{
	for (unsigned i = 0; i < l->n_codecs; i++)
		if (sdp_codec_same(&l->codecs[i], like))
			return &l->codecs[i];
	return NULL;
}

bool sdp_codec_is_event(const struct sdp_codec *c)
{
	return gw_sv_ieq(c->name, GW_SV("telephone-event"));
}
