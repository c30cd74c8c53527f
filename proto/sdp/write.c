/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the description of one leg from the streams chosen and the gateway's data. */
#include "proto/sdp/map.h"

#include "proto/sdp/sdes.h"
#include "proto/sdp/text.h"

#define LEG_MAX_BYTES 16384
#define VIDEO_KBIT 1500		/* of a camera that has said nothing of its rate */
#define RTP_OVERHEAD_BYTES 40	/* IPv4 20, UDP 8, RTP 12 (W2-SDP-09) */

static void put_codecs(struct gw_buf *b, const struct sdp_stream *s)
{
	for (unsigned i = 0; i < s->n_codecs; i++) {
		const struct sdp_codec *c = &s->codecs[i];

		gw_buf_puts(b, "a=rtpmap:");
		gw_buf_u64(b, c->pt);
		gw_buf_putc(b, ' ');
		gw_buf_put(b, c->name);
		gw_buf_putc(b, '/');
		gw_buf_u64(b, c->clock_hz);
		if (c->channels > 1) {
			gw_buf_putc(b, '/');
			gw_buf_u64(b, c->channels);
		}
		gw_buf_puts(b, "\r\n");
		if (c->fmtp.len || sdp_codec_is_event(c)) {
			gw_buf_puts(b, "a=fmtp:");
			gw_buf_u64(b, c->pt);
			gw_buf_putc(b, ' ');
			gw_buf_put(b, c->fmtp.len ? c->fmtp : GW_SV("0-15"));
			gw_buf_puts(b, "\r\n");
		}
		for (unsigned f = SDP_FB_NACK; f <= SDP_FB_CCM_TMMBR; f <<= 1)
			if (c->fb & f)
				gw_buf_printf(b, "a=rtcp-fb:%u %.*s\r\n", c->pt, GW_SV_FMT(sdp_fb_name((enum sdp_fb)f)));
	}
	if (s->cvo)
		gw_buf_printf(b, "a=extmap:%u urn:3gpp:video-orientation\r\n", s->cvo);
	if (s->ptime)
		gw_buf_printf(b, "a=ptime:%u\r\n", s->ptime);
	if (s->maxptime)
		gw_buf_printf(b, "a=maxptime:%u\r\n", s->maxptime);
}

static void put_addr_line(struct gw_buf *b, const struct gw_addr *a)
{
	gw_buf_puts(b, a->family == 6 ? "IN IP6 " : "IN IP4 ");
	gw_addr_put_ip(b, a);
	gw_buf_puts(b, "\r\n");
}

/* b=AS of the heaviest codec, 20 ms packets: payload and 40 bytes of headers, 50 times a second. */
static unsigned as_kbit(const struct sdp_stream *s)
{
	unsigned best = 0;

	if (s->is_video)
		return s->b_as ? s->b_as : VIDEO_KBIT;
	for (unsigned i = 0; i < s->n_codecs; i++) {
		unsigned payload = gw_sv_ieq(s->codecs[i].name, GW_SV("opus")) ? 128 : 160;
		unsigned kbit = (payload + RTP_OVERHEAD_BYTES) * 8 * 50 / 1000;

		if (!sdp_codec_is_event(&s->codecs[i]) && kbit > best)
			best = kbit;
	}
	return best;
}

/* The line of the leg written that this one is of. */
static unsigned line_of(const struct sdp_write *w, unsigned i)
{
	return w->to == SDP_W2 && w->map ? w->map->core[i].w2 : i;
}

/* Of those that are one line of the leg the first that crosses, or the first, writes it. */
static bool is_writer(const struct sdp_write *w, unsigned i)
{
	for (unsigned k = 0; k < w->n; k++)
		if (k != i && line_of(w, k) == line_of(w, i) && (w->streams[k].is_active == w->streams[i].is_active ? k < i : w->streams[k].is_active))
			return false;
	return true;
}

/* m=message on the core's side, whatever it is on W2. */
static bool is_msrp_to_core(const struct sdp_write *w, unsigned i)
{
	return w->to == SDP_CORE && w->streams[i].is_active && w->streams[i].is_msrp;
}

static bool is_text_to_core(const struct sdp_write *w, unsigned i)
{
	return w->to == SDP_CORE && w->streams[i].is_active && w->streams[i].is_text;
}

static void put_payload_types(struct gw_buf *b, const struct sdp_stream *s)
{
	for (unsigned i = 0; i < s->n_codecs; i++) {
		gw_buf_putc(b, ' ');
		gw_buf_u64(b, s->codecs[i].pt);
	}
}

static void put_fmts(struct gw_buf *b, const struct sdp_stream *s, const struct sdp_media *like, bool is_draft)
{
	if (s->is_active && s->is_data) {	/* not towards the core when it is MSRP or text */
		gw_buf_putc(b, ' ');
		if (is_draft)
			gw_buf_u64(b, s->sctp.port);
		else
			gw_buf_puts(b, "webrtc-datachannel");
		return;
	}
	if (s->is_active) {
		put_payload_types(b, s);
		return;
	}
	/* a refused line keeps the formats of the other description (RFC 3264 6) */
	for (unsigned i = 0; i < like->n_fmts; i++) {
		gw_buf_putc(b, ' ');
		gw_buf_put(b, like->fmts[i]);
	}
}

static struct gw_sv proto_of(const struct sdp_write *w, unsigned i)
{
	const struct sdp_line *l;

	if (w->is_answer)
		return w->remote->lines[i].media->proto;	/* W2-SDP-30 */
	l = &w->peer->lines[i];
	if (is_msrp_to_core(w, i))
		return GW_SV("TCP/MSRP");
	if (is_text_to_core(w, i))
		return GW_SV("RTP/AVP");
	if (l->is_data || (w->streams[i].is_active && w->streams[i].is_data))
		return GW_SV("UDP/DTLS/SCTP");
	if (!l->is_rtp)
		return l->media->proto;
	if (w->to == SDP_W2)
		return GW_SV("UDP/TLS/RTP/SAVPF");
	if (w->streams[i].srtp == SDP_SRTP_REQUIRED)
		return l->is_audio ? GW_SV("RTP/SAVP") : GW_SV("RTP/SAVPF");
	return l->is_audio ? GW_SV("RTP/AVP") : GW_SV("RTP/AVPF");
}

static void put_dtls(struct gw_buf *b, const struct sdp_local *l)
{
	gw_buf_puts(b, "a=fingerprint:");
	gw_buf_put(b, l->fingerprint);
	gw_buf_puts(b, "\r\na=setup:");
	gw_buf_put(b, sdp_setup_name(l->setup));
	gw_buf_puts(b, "\r\n");
	if (l->tls_id.len) {
		gw_buf_puts(b, "a=tls-id:");
		gw_buf_put(b, l->tls_id);
		gw_buf_puts(b, "\r\n");
	}
}

static void put_ice(struct gw_buf *b, const struct sdp_local *l, bool trickle)
{
	gw_buf_puts(b, "a=ice-ufrag:");
	gw_buf_put(b, l->ice_ufrag);
	gw_buf_puts(b, "\r\na=ice-pwd:");
	gw_buf_put(b, l->ice_pwd);
	gw_buf_puts(b, "\r\na=ice-options:ice2\r\n");
	for (unsigned k = 0; k < l->n_candidates; k++) {
		gw_buf_puts(b, "a=candidate:");
		gw_buf_put(b, l->candidates[k]);
		gw_buf_puts(b, "\r\n");
	}
	if (trickle)
		gw_buf_puts(b, "a=end-of-candidates\r\n");
}

static void put_w2(struct gw_buf *b, const struct sdp_write *w, unsigned i, bool mux, bool trickle)
{
	const struct sdp_local *l = &w->locals[i];

	gw_buf_printf(b, "a=rtcp:%u ", l->addr.port);
	put_addr_line(b, &l->addr);
	put_ice(b, l, trickle);
	put_dtls(b, l);
	if (mux)
		gw_buf_puts(b, "a=rtcp-mux\r\n");
}

/* W2-SDP-32: of an answer that of the offer, exactly. */
static void put_mid_name(struct gw_buf *b, const struct sdp_write *w, unsigned i)
{
	if (w->remote && i < w->remote->n_lines)
		gw_buf_put(b, w->remote->lines[i].mid);
	else if (w->locals[i].mid.len)
		gw_buf_put(b, w->locals[i].mid);
	else
		gw_buf_u64(b, line_of(w, i));
}

static void put_mid(struct gw_buf *b, const struct sdp_write *w, unsigned i)
{
	if (w->to != SDP_W2 || (w->remote && i < w->remote->n_lines && !w->remote->lines[i].mid.len))
		return;
	gw_buf_puts(b, "a=mid:");
	put_mid_name(b, w, i);
	gw_buf_puts(b, "\r\n");
	if (w->streams[i].is_active && w->locals[i].mid_ext)
		gw_buf_printf(b, "a=extmap:%u " SDP_MID_URI "\r\n", w->locals[i].mid_ext);
	if (w->streams[i].is_active && w->locals[i].is_bundle_only)
		gw_buf_puts(b, "a=bundle-only\r\n");
}

static void put_channel(struct gw_buf *b, const struct sdp_stream *s, const struct sdp_local *l)
{
	if (s->is_msrp)
		sdp_msrp_put_channel(b, &s->channel, l->path, s->said);
	if (s->is_text)
		sdp_text_put_channel(b, &s->channel, s->codecs, s->n_codecs, s->dir, s->said);
}

/* What follows c= of a data line (RFC 8841); DTLS is on both legs, ICE on W2 only. */
static void put_data(struct gw_buf *b, const struct sdp_write *w, unsigned i, bool is_draft)
{
	const struct sdp_stream *s = &w->streams[i];

	if (w->to == SDP_W2)
		put_ice(b, &w->locals[i], w->is_answer && w->remote->lines[i].has_trickle);
	put_dtls(b, &w->locals[i]);
	put_mid(b, w, i);
	if (is_draft)	/* of the drafts' number of streams nothing depends on */
		gw_buf_printf(b, "a=sctpmap:%u webrtc-datachannel 65535\r\n", s->sctp.port);
	else
		gw_buf_printf(b, "a=sctp-port:%u\r\n", s->sctp.port);
	/* of an association that ends here, what we take */
	gw_buf_printf(b, "a=max-message-size:%u\r\n", sdp_stream_ends(s) ? SDP_MAX_MESSAGE_DEFAULT : s->sctp.max_message);
	for (unsigned k = 0; k < w->n; k++)
		if (w->streams[k].is_active && line_of(w, k) == line_of(w, i))
			put_channel(b, &w->streams[k], &w->locals[k]);
	if (s->channels)
		sdp_dc_put(b, s->channels, s->offered);
}

/* RFC 4975 8, roles as RFC 6135 gives them: the offerer leaves them open, and who does not know of them lets it connect. */
static void put_msrp(struct gw_buf *b, const struct sdp_write *w, unsigned i)
{
	const struct sdp_stream *s = &w->streams[i];

	sdp_msrp_put_plain(b, s->channel.stream, w->locals[i].path, s->said);
	if (w->locals[i].setup)
		gw_buf_printf(b, "a=setup:%.*s\r\na=connection:new\r\n", GW_SV_FMT(sdp_setup_name(w->locals[i].setup)));
}

/* RFC 4103 10; the gateway says no RTCP of text, and hears none (RFC 3556). */
static void put_text(struct gw_buf *b, const struct sdp_write *w, unsigned i)
{
	const struct sdp_stream *s = &w->streams[i];

	gw_buf_printf(b, "b=AS:%u\r\nb=RS:0\r\nb=RR:0\r\n", SDP_TEXT_KBIT);
	put_codecs(b, s);
	sdp_text_put_plain(b, s->channel.stream, s->said);
	gw_buf_printf(b, "a=%.*s\r\n", GW_SV_FMT(sdp_dir_name(s->dir)));
}

/* An offer of a channel that has gone: its line stays what it was on the leg written (RFC 3264 8.2). */
static bool put_gone(struct gw_buf *b, const struct sdp_write *w, unsigned i)
{
	const struct sdp_line *l = w->is_answer ? NULL : &w->peer->lines[i];
	const struct sdp_channel_ref *c = l ? &l->channel : NULL;

	if (w->streams[i].is_active || !c || !c->is_set || !(l->is_data || l->is_msrp || l->is_text))
		return false;
	gw_buf_puts(b, w->to == SDP_W2 ? "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" :
		c->is_text ? "m=text 0 RTP/AVP 104\r\n" : "m=message 0 TCP/MSRP *\r\n");
	return true;
}

static void put_m(struct gw_buf *b, const struct sdp_write *w, unsigned i, bool is_draft)
{
	const struct sdp_media *like = w->is_answer ? w->remote->lines[i].media : w->peer->lines[i].media;
	const struct sdp_stream *s = &w->streams[i];

	if (put_gone(b, w, i))
		return;
	gw_buf_puts(b, "m=");
	if (s->is_active && sdp_stream_ends(s))
		gw_buf_puts(b, w->to == SDP_W2 ? "application" : s->is_text ? "text" : "message");
	else
		gw_buf_put(b, like->kind);
	gw_buf_printf(b, " %u ", s->is_active && !w->locals[i].is_bundle_only ? w->locals[i].addr.port : 0);
	gw_buf_put(b, proto_of(w, i));
	if (is_msrp_to_core(w, i))
		gw_buf_puts(b, " *");
	else if (is_text_to_core(w, i))
		put_payload_types(b, s);
	else
		put_fmts(b, s, like, is_draft);
	gw_buf_puts(b, "\r\n");
}

/* The keys we would send with, or the one that was chosen (RFC 4568 5.1). */
static void put_crypto(struct gw_buf *b, const struct sdp_write *w, unsigned i)
{
	const struct sdp_stream *s = &w->streams[i];
	const struct sdp_crypto *chosen = w->is_answer ? sdp_sdes_key(s) : NULL;

	for (unsigned k = 0; k < s->n_ours; k++) {
		if (w->is_answer && &s->ours[k] != chosen)
			continue;
		gw_buf_puts(b, "a=crypto:");
		sdp_crypto_put(b, &s->ours[k]);
		gw_buf_puts(b, "\r\n");
	}
}

static void put_line(struct gw_buf *b, const struct sdp_write *w, unsigned i)
{
	const struct sdp_stream *s = &w->streams[i];
	const struct sdp_local *l = &w->locals[i];
	enum sdp_dir dir = s->dir;
	bool is_draft = w->is_answer && w->remote->lines[i].sctp.is_draft;	/* W2-DC-03 */

	put_m(b, w, i, is_draft);
	if (!s->is_active) {
		gw_buf_puts(b, "c=IN IP4 0.0.0.0\r\n");
		put_mid(b, w, i);
		return;
	}
	gw_buf_puts(b, "c=");
	put_addr_line(b, &l->addr);
	if (is_msrp_to_core(w, i)) {
		put_msrp(b, w, i);
		return;
	}
	if (is_text_to_core(w, i)) {
		put_text(b, w, i);
		return;
	}
	if (s->is_data) {
		put_data(b, w, i, is_draft);
		return;
	}
	if (w->to == SDP_CORE) {
		gw_buf_printf(b, "b=AS:%u\r\n", as_kbit(s));
		if (l->rtcp.family && l->rtcp.port != l->addr.port + 1)
			gw_buf_printf(b, "a=rtcp:%u\r\n", l->rtcp.port);
		put_crypto(b, w, i);
	} else {
		const struct sdp_line *r = w->is_answer ? &w->remote->lines[i] : NULL;

		if (s->is_video && s->b_as)	/* a browser holds its encoder to it */
			gw_buf_printf(b, "b=AS:%u\r\n", s->b_as);
		put_w2(b, w, i, r ? r->rtcp_mux : true, r && r->has_trickle);
		put_mid(b, w, i);
		if (r && r->rtcp_rsize)
			gw_buf_puts(b, "a=rtcp-rsize\r\n");
		/* W2-SDP-35: so that browsers show a stream and track, and group them */
		if (dir == SDP_SENDRECV || dir == SDP_SENDONLY)
			gw_buf_puts(b, s->is_video ? "a=msid:gw gv\r\n" : "a=msid:gw ga\r\n");
	}
	put_codecs(b, s);
	gw_buf_puts(b, "a=");
	gw_buf_put(b, sdp_dir_name(dir));
	gw_buf_puts(b, "\r\n");
}

static void put_session(struct gw_buf *b, const struct sdp_write *w)
{
	bool any = false;

	gw_buf_puts(b, "s=-\r\nt=0 0\r\n");
	if (w->to != SDP_W2)
		return;
	for (unsigned i = 0; i < w->n; i++) {
		if (!w->streams[i].is_active || !is_writer(w, i) || !w->locals[i].is_bundled)
			continue;
		gw_buf_puts(b, any ? " " : "a=group:BUNDLE ");
		put_mid_name(b, w, i);
		any = true;
	}
	if (any)
		gw_buf_puts(b, "\r\n");
	if (w->ice_lite)
		gw_buf_puts(b, "a=ice-lite\r\n");
}

static const struct gw_addr *first_addr(const struct sdp_write *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->streams[i].is_active)
			return &w->locals[i].addr;
	return NULL;
}

enum gw_err sdp_write_leg(const struct sdp_write *w, struct sdp_origin *origin, struct gw_buf *out)
{
	static const struct gw_addr none = { .family = 4 };
	const struct gw_addr *a = first_addr(w);
	char rest[LEG_MAX_BYTES];
	struct gw_buf b = gw_buf(rest, sizeof(rest));
	uint64_t hash;

	put_session(&b, w);
	for (unsigned line = 0; line < w->n; line++)	/* the core's have the order of W2 no more where lines were added later */
		for (unsigned i = 0; i < w->n; i++)
			if (line_of(w, i) == line && is_writer(w, i))
				put_line(&b, w, i);
	if (b.overflow)
		return GW_ENOSPC;
	hash = gw_sv_hash_stable(GW_HASH_STABLE_INIT, gw_buf_sv(&b));
	if (origin->version == 0 || origin->last_hash != hash)
		origin->version++;
	origin->last_hash = hash;
	gw_buf_puts(out, "v=0\r\no=- ");
	gw_buf_u64(out, origin->id);
	gw_buf_putc(out, ' ');
	gw_buf_u64(out, origin->version);
	gw_buf_putc(out, ' ');
	put_addr_line(out, a ? a : &none);
	gw_buf_put(out, gw_buf_sv(&b));
	return out->overflow ? GW_ENOSPC : GW_OK;
}
