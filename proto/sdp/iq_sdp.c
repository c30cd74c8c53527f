/* SPDX-License-Identifier: Apache-2.0 */
/* Local and Remote texts of Iq. */
#include "proto/sdp/iq_sdp.h"

#include "proto/sdp/sdes.h"
#include "proto/sdp/text.h"

/* T-7: '}' would end the octet string; a codec parameter that holds one is left out. */
static bool fits_iq(struct gw_sv v)
{
	return gw_sv_chr(v, '}', 0) == v.len;
}

/* place: what stands for an address and a port that are not known, "$" or "-" */
static void put_head_at(struct gw_buf *b, const struct gw_addr *a, char place, bool is_ipv6, struct gw_sv proto, const struct sdp_stream *s)
{
	bool is_tcp = gw_sv_eq(proto, GW_SV("TCP/MSRP")), is_text = s->is_text && gw_sv_starts(proto, GW_SV("RTP/"));
	bool is_bare = !s->is_data && s->n_codecs == 0;	/* a transport others share, whose own line does not cross (E-9) */

	gw_buf_puts(b, "v=0\r\nc=IN ");
	gw_buf_puts(b, is_ipv6 ? "IP6 " : "IP4 ");
	if (a)
		gw_addr_put_ip(b, a);
	else
		gw_buf_putc(b, place);
	gw_buf_puts(b, is_tcp ? "\r\nm=message " : is_text ? "\r\nm=text " : s->is_data ? "\r\nm=application " : is_bare ? "\r\nm=- " : s->is_video ? "\r\nm=video " : "\r\nm=audio ");
	if (a)
		gw_buf_u64(b, a->port);
	else
		gw_buf_putc(b, place);
	if (is_tcp) {
		gw_buf_puts(b, " TCP/MSRP *\r\n");
		return;
	}
	if (s->is_data && !is_text) {
		gw_buf_printf(b, " UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:%u\r\na=max-message-size:%u\r\n",
			s->sctp.port, s->sctp.max_message);
		return;
	}
	gw_buf_putc(b, ' ');
	gw_buf_put(b, proto);
	gw_buf_puts(b, is_bare ? " -" : "");
	for (unsigned i = 0; i < s->n_codecs; i++) {
		gw_buf_putc(b, ' ');
		gw_buf_u64(b, s->codecs[i].pt);
	}
	gw_buf_puts(b, "\r\n");
	for (unsigned i = 0; i < s->n_codecs; i++) {
		const struct sdp_codec *c = &s->codecs[i];

		gw_buf_printf(b, "a=rtpmap:%u %.*s/%u", c->pt, GW_SV_FMT(c->name), c->clock_hz);
		if (c->channels > 1)
			gw_buf_printf(b, "/%u", c->channels);
		gw_buf_puts(b, "\r\n");
		if (c->fmtp.len && fits_iq(c->fmtp))
			gw_buf_printf(b, "a=fmtp:%u %.*s\r\n", c->pt, GW_SV_FMT(c->fmtp));
	}
	if (s->ptime)
		gw_buf_printf(b, "a=ptime:%u\r\n", s->ptime);
}

static void put_head(struct gw_buf *b, const struct gw_addr *a, bool is_ipv6, struct gw_sv proto, const struct sdp_stream *s)
{
	put_head_at(b, a, '$', is_ipv6, proto, s);
}

static enum gw_err done(const struct gw_buf *b)
{
	return b->overflow ? GW_ENOSPC : GW_OK;
}

static void put_fingerprints(struct gw_buf *b, const struct sdp_line *l)
{
	for (unsigned i = 0; i < l->n_fp; i++)
		gw_buf_printf(b, "a=fingerprint:%.*s %.*s\r\n", GW_SV_FMT(l->fp[i].hash), GW_SV_FMT(l->fp[i].hex));
}

static void put_setup(struct gw_buf *b, enum sdp_setup setup)
{
	gw_buf_printf(b, "a=setup:%.*s\r\n", GW_SV_FMT(sdp_setup_name(setup)));
}

enum gw_err sdp_iq_access_local(const struct sdp_stream *s, struct gw_sv proto, bool is_ipv6,
	enum sdp_setup setup, struct gw_buf *b)
{
	put_head(b, NULL, is_ipv6, proto, s);
	gw_buf_puts(b, s->is_data ? "" : "a=rtcp-mux\r\n");
	gw_buf_puts(b, "a=ice-ufrag:$\r\na=ice-pwd:$\r\na=candidate:$\r\na=fingerprint:sha-256 $\r\n");
	put_setup(b, setup);
	return done(b);
}

enum gw_err sdp_iq_access_remote(const struct sdp_stream *s, const struct sdp_line *wic,
	struct gw_buf *b)
{
	static const struct gw_addr discard = { .family = 4, .port = 9 };
	const struct gw_addr *a = wic->remote.family ? &wic->remote : &discard;

	put_head(b, a, a->family == 6, wic->media->proto, s);
	if (wic->rtcp_mux && !s->is_data)
		gw_buf_puts(b, "a=rtcp-mux\r\n");
	gw_buf_printf(b, "a=ice-ufrag:%.*s\r\na=ice-pwd:%.*s\r\n", GW_SV_FMT(wic->ice_ufrag),
		GW_SV_FMT(wic->ice_pwd));
	for (unsigned i = 0; i < wic->n_candidates; i++)
		if (fits_iq(wic->candidates[i]))
			gw_buf_printf(b, "a=candidate:%.*s\r\n", GW_SV_FMT(wic->candidates[i]));
	put_fingerprints(b, wic);
	put_setup(b, wic->setup);
	return done(b);
}

enum gw_err sdp_iq_member(const struct sdp_stream *s, struct gw_sv proto, struct gw_buf *b)
{
	put_head_at(b, NULL, '-', false, proto, s);
	return done(b);
}

enum gw_err sdp_iq_mid(struct gw_sv mid, uint8_t ext, struct gw_buf *b)
{
	if (fits_iq(mid))
		gw_buf_printf(b, "a=mid:%.*s\r\n", GW_SV_FMT(mid));
	if (ext)
		gw_buf_printf(b, "a=extmap:%u " SDP_MID_URI "\r\n", ext);
	return done(b);
}

enum gw_err sdp_iq_channel(const struct sdp_stream *s, const struct sdp_line *wic, struct gw_buf *b)
{
	struct sdp_dcsa sa;
	unsigned it = 0;

	gw_buf_printf(b, "v=0\r\nc=IN IP4 -\r\nm=application - UDP/DTLS/SCTP webrtc-datachannel\r\na=dcmap:%u subprotocol=\"%s\"\r\n",
		s->channel.stream, s->is_text ? "t140" : "msrp");
	if (wic && s->is_text)
		gw_buf_printf(b, "a=dcsa:%u fmtp:t140 cps=%u\r\n", s->channel.stream,
			sdp_text_cps(sdp_text_params(wic->media, s->channel.stream)));
	while (wic && s->is_msrp && sdp_dcsa_next(wic->media, &it, &sa))
		if (sa.stream == s->channel.stream && gw_sv_eq(sa.name, GW_SV("path")) && fits_iq(sa.value))
			gw_buf_printf(b, "a=dcsa:%u path:%.*s\r\n", sa.stream, GW_SV_FMT(sa.value));
	return done(b);
}

enum gw_err sdp_iq_read_channel(struct gw_arena *arena, struct gw_sv text, uint16_t stream, struct gw_sv *path)
{
	struct sdp_model m;

	if (sdp_model_read(&m, arena, gw_arena_sv(arena, text), SDP_IQ, NULL) || m.n_lines != 1)
		return GW_EBADMSG;
	*path = sdp_dcsa_find(m.lines[0].media, stream, GW_SV("path"));
	return path->len ? GW_OK : GW_EBADMSG;
}

static void put_key(struct gw_buf *b, const struct sdp_crypto *key)
{
	if (!key)
		return;
	gw_buf_puts(b, "a=crypto:");
	sdp_crypto_put(b, key);
	gw_buf_puts(b, "\r\n");
}

static struct gw_sv core_proto(const struct sdp_stream *s, const struct sdp_crypto *key)
{
	if (key)
		return s->is_video ? GW_SV("RTP/SAVPF") : GW_SV("RTP/SAVP");
	return s->is_video ? GW_SV("RTP/AVPF") : GW_SV("RTP/AVP");
}

/* What we send with: the key that was chosen, or before that, where there will be one, the first that is offered. */
static const struct sdp_crypto *our_key(const struct sdp_stream *s)
{
	return s->srtp == SDP_SRTP_REQUIRED && !s->theirs.suite && s->n_ours ? &s->ours[0] : sdp_sdes_key(s);
}

enum gw_err sdp_iq_core_local(const struct sdp_stream *s, bool is_ipv6, enum sdp_setup setup, struct gw_buf *b)
{
	const struct sdp_crypto *key = our_key(s);

	if (s->is_msrp) {
		put_head(b, NULL, is_ipv6, GW_SV("TCP/MSRP"), s);
		put_setup(b, setup);
		return done(b);
	}
	put_head(b, NULL, is_ipv6, core_proto(s, key), s);
	put_key(b, key);
	if (s->is_data && !s->is_text) {
		gw_buf_puts(b, "a=fingerprint:sha-256 $\r\n");
		put_setup(b, setup);
	}
	return done(b);
}

/* With the core's own parameters: what it takes is not what the client does. */
static const struct sdp_stream *text_of_core(const struct sdp_stream *s, const struct sdp_line *core, struct sdp_stream *out)
{
	*out = *s;
	out->n_codecs = 0;
	for (unsigned i = 0; i < s->n_codecs; i++) {
		const struct sdp_codec *c = sdp_line_codec(core, &s->codecs[i]);

		if (c)
			out->codecs[out->n_codecs++] = *c;
	}
	return out;
}

enum gw_err sdp_iq_core_remote(const struct sdp_stream *s, const struct sdp_line *core, enum sdp_setup setup,
	struct gw_buf *b)
{
	const struct sdp_crypto *key = s->theirs.suite ? &s->theirs : NULL;
	struct sdp_stream text;

	if (s->is_text)
		s = text_of_core(s, core, &text);
	put_head(b, &core->remote, core->remote.family == 6, key ? core_proto(s, key) : core->media->proto, s);
	put_key(b, key);
	if (s->is_msrp) {
		if (core->setup)
			put_setup(b, core->setup);
		if (fits_iq(core->msrp_path))
			gw_buf_printf(b, "a=path:%.*s\r\n", GW_SV_FMT(core->msrp_path));
	} else if (s->is_data && !s->is_text) {
		put_fingerprints(b, core);
		put_setup(b, setup);
	} else if (core->remote_rtcp.family)
		gw_buf_printf(b, "a=rtcp:%u\r\n", core->remote_rtcp.port);
	return done(b);
}

enum gw_err sdp_iq_read_local(struct gw_arena *arena, struct gw_sv text, bool is_access,
	struct sdp_local *out, bool *ice_lite)
{
	struct gw_sv copy = gw_arena_sv(arena, text);
	struct sdp_local l = { 0 };
	struct sdp_model m;
	const struct sdp_line *li;

	if (sdp_model_read(&m, arena, copy, SDP_IQ, NULL) || m.n_lines != 1)
		return GW_EBADMSG;
	li = &m.lines[0];
	if (li->is_unusable || li->remote.family == 0 || li->remote.port == 0)
		return GW_EBADMSG;
	l.addr = li->remote;
	l.rtcp = li->remote_rtcp;
	l.path = li->msrp_path;
	if (li->is_msrp && !l.path.len)
		return GW_EBADMSG;
	l.ice_ufrag = li->ice_ufrag;
	l.ice_pwd = li->ice_pwd;
	for (unsigned i = 0; i < li->n_candidates && i < 4; i++)
		l.candidates[l.n_candidates++] = li->candidates[i];
	if (is_access || li->is_data) {
		const struct sdp_attr *fp = sdp_attr_inherit(&m.sdp, li->media, GW_SV("fingerprint"));

		if (!fp || li->n_fp == 0)
			return GW_EBADMSG;
		if (is_access && (l.ice_ufrag.len < 4 || l.ice_pwd.len < 22 || l.n_candidates == 0))
			return GW_EBADMSG;
		l.fingerprint = fp->value;
		l.setup = li->setup;
		*ice_lite = li->has_ice_lite;
	}
	*out = l;
	return arena->failed ? GW_ENOMEM : GW_OK;
}

static bool is_known(struct gw_sv name)
{
	static const struct gw_sv known[] = { GW_SV_INIT("rtpmap"), GW_SV_INIT("fmtp"),
		GW_SV_INIT("ptime"), GW_SV_INIT("maxptime"), GW_SV_INIT("rtcp-mux"),
		GW_SV_INIT("ice-ufrag"), GW_SV_INIT("ice-pwd"), GW_SV_INIT("candidate"),
		GW_SV_INIT("fingerprint"), GW_SV_INIT("setup"), GW_SV_INIT("rtcp"), GW_SV_INIT("mid"), GW_SV_INIT("crypto"),
		GW_SV_INIT("sctp-port"), GW_SV_INIT("max-message-size"),
		GW_SV_INIT("dcmap"), GW_SV_INIT("dcsa"), GW_SV_INIT("path"), GW_SV_INIT("connection"), GW_SV_INIT("accept-types"),
		GW_SV_INIT("accept-wrapped-types"), GW_SV_INIT("max-size") };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (gw_sv_eq(name, known[i]))
			return true;
	return false;
}

static struct gw_sv text_of(struct gw_arena *a, const struct gw_addr *addr, bool port)
{
	char tmp[GW_ADDR_STR_BYTES];
	struct gw_buf b = gw_buf(tmp, sizeof(tmp));

	if (port)
		gw_buf_u64(&b, addr->port);
	else
		gw_addr_put_ip(&b, addr);
	return gw_arena_sv(a, gw_buf_sv(&b));
}

static void fill_attr(struct sdp *s, struct sdp_attr *a, const struct sdp_iq_chosen *c)
{
	if (gw_sv_eq(a->name, GW_SV("ice-ufrag")) && c->ufrag.len)
		a->value = c->ufrag;
	else if (gw_sv_eq(a->name, GW_SV("ice-pwd")) && c->pwd.len)
		a->value = c->pwd;
	else if (gw_sv_eq(a->name, GW_SV("candidate")) && c->candidate.len)
		a->value = c->candidate;
	else if (gw_sv_eq(a->name, GW_SV("fingerprint")) && c->fingerprint.len) {
		size_t n = c->fingerprint_hash.len + 1 + c->fingerprint.len;
		char *text = gw_arena_alloc(s->arena, n);
		struct gw_buf b = gw_buf(text, text ? n : 0);

		gw_buf_put(&b, c->fingerprint_hash);
		gw_buf_putc(&b, ' ');
		gw_buf_put(&b, c->fingerprint);
		a->value = gw_buf_sv(&b);
	}
}

static void add_path(struct sdp *s, struct sdp_media *m, const struct sdp_iq_chosen *c)
{
	char *text;
	struct gw_buf b;

	if (!c->is_channel) {
		if (!sdp_attr_find(s, m, GW_SV("path")))
			sdp_attr_add(s, m, GW_SV("path"), c->path);
		return;
	}
	if (sdp_dcsa_find(m, c->sctp_stream, GW_SV("path")).len || !(text = gw_arena_alloc(s->arena, c->path.len + 16)))
		return;
	b = gw_buf(text, c->path.len + 16);
	gw_buf_printf(&b, "%u path:%.*s", c->sctp_stream, GW_SV_FMT(c->path));
	sdp_attr_add(s, m, GW_SV("dcsa"), gw_buf_sv(&b));
}

enum gw_err sdp_iq_complete_local(struct sdp *local, const struct sdp_iq_chosen *c,
	struct gw_buf *out)
{
	struct sdp_media *m;

	if (local->n_media != 1)
		return GW_EBADMSG;
	m = &local->media[0];
	local->o_user = GW_SV_NONE;	/* S-1: accepted, never emitted */
	local->conn = (struct sdp_conn){ 0 };
	m->conn.family = c->addr.family == 6 ? GW_SV("IP6") : GW_SV("IP4");
	m->conn.address = text_of(local->arena, &c->addr, false);
	m->port = text_of(local->arena, &c->addr, true);
	if (c->is_channel || c->has_no_port)
		m->conn.address = m->port = GW_SV("-");
	if (c->path.len)
		add_path(local, m, c);
	for (unsigned i = 0; i < m->n_attrs; i++) {
		m->attrs[i].is_deleted |= !is_known(m->attrs[i].name) || !fits_iq(m->attrs[i].value);
		fill_attr(local, &m->attrs[i], c);
	}
	for (unsigned i = 0; i < local->n_attrs; i++)
		local->attrs[i].is_deleted = true;
	if (c->ice_lite)
		sdp_attr_add(local, m, GW_SV("ice-lite"), GW_SV_NONE);
	return sdp_print(local, out);
}
