/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Add and Modify: what is asked for is read into a plan, then everything that can fail is done ahead (places, ports, the
 * text of the reply, copies), then the plan is committed, which cannot fail. A command that fails leaves the termination as
 * it was (iq.md 3.4, 10.4).
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/ctx/sdes.h"

#define LOCAL_MAX_BYTES 60000u	/* with what else a reply says, less than an Iq message */
#define PATH_SESSION_CHARS 24	/* of 5 bits */
#define LOCAL_GROWS_BY 8u	/* "a=candidate:$" becomes one of 80 characters */

/* ---- ahead: places and ports ------------------------------------------------------------------------ */

static enum gw_err make_term(struct dp_ctx *c, struct dp_context *cx, struct dp_plan *p, uint64_t now_ms)
{
	struct dp_term *t;

	/* an access side has a core side as its partner, and there is but one */
	for (unsigned i = 0; i < cx->n_terms; i++)
		if ((cx->terms[i]->is_access && p->is_access) || cx->n_terms == DP_TERMS_PER_CONTEXT)
			return dp_plan_refuse(p, 434, "the context has a termination of this kind");
	t = dp_pool_take(&c->term_pool);
	if (!t)
		return dp_plan_refuse(p, 432, "no TerminationID available");
	t->ctx = cx;
	t->tables = c;
	t->generation = dp_ctx_generation(c);
	t->number = ++c->next_term;
	t->is_access = p->is_access;
	t->realm = p->realm;
	t->created_ms = now_ms;
	cx->terms[cx->n_terms++] = t;
	p->term = t;
	return GW_OK;
}

static bool is_client(const struct dp_stream_plan *sp)
{
	return sp->has_local && sp->local.lines[0].setup == SDP_SETUP_ACTIVE;
}

static enum gw_err make_stream(struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp, uint64_t now_ms)
{
	struct dp_stream_want w = { p->realm, sp->addr_index, sp->s->id, p->is_access,
		is_client(sp), sp->is_data, sp->is_end, sp->is_text, sp->is_opaque, sp->sctp_stream, sp->is_member ? dp_plan_transport(p) : NULL };
	const char *text;

	return dp_stream_new(c, p->term, &w, now_ms, &sp->stream, &text) ? dp_plan_refuse(p, 510, text) : GW_OK;
}

/* Members after what they share. */
static enum gw_err make_streams(struct dp_ctx *c, struct dp_plan *p, uint64_t now_ms)
{
	enum gw_err err = GW_OK;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; !err && i < p->cmd->n_streams; i++)
			if (p->streams[i].is_new && p->streams[i].is_member == (round == 1))
				err = make_stream(c, p, &p->streams[i], now_ms);
	return err;
}

/* ---- ahead: the Local of the reply --------------------------------------------------------------------- */

static void random_text(char *dst, unsigned n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	dp_ctx_random_bytes(dst, n);	/* in one go: each asks the kernel for the process first */
	for (unsigned i = 0; i < n; i++)
		dst[i] = alphabet[dst[i] & 63];
	dst[n] = '\0';
}

/* A session of our own (RFC 4975 14.1: 80 bits of it random at least), and where it is. */
static enum gw_err choose_path(struct dp_ctx *c, struct dp_plan *p, const struct dp_stream *s, struct sdp_iq_chosen *ch)
{
	char session[PATH_SESSION_CHARS + 1], text[GW_ADDR_STR_BYTES + PATH_SESSION_CHARS + 16];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct gw_addr a = s->end->msrp ? *dp_msrp_local(s->end->msrp) : c->c.laddrs[s->laddr].ip;

	dp_ctx_random_bytes(session, PATH_SESSION_CHARS);
	for (unsigned i = 0; i < PATH_SESSION_CHARS; i++)	/* token characters of RFC 4975 9 */
		session[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[session[i] & 31];
	session[PATH_SESSION_CHARS] = '\0';
	ch->is_channel = !s->end->msrp;
	ch->sctp_stream = s->end->sctp_stream;
	if (s->end->is_text)
		return GW_OK;
	if (s->end->msrp)
		ch->addr = a;
	else
		a.port = 9;	/* of a channel nothing listens there */
	gw_buf_puts(&b, s->end->msrp ? "msrp://" : "msrps://");
	gw_addr_put(&b, &a);
	gw_buf_printf(&b, "/%s;%s", session, s->end->msrp ? "tcp" : "dc");
	ch->path = gw_arena_sv(p->arena, gw_buf_sv(&b));
	return ch->path.len ? GW_OK : dp_plan_refuse(p, 510, "no memory");
}

static enum gw_err complete_local(struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp)
{
	const struct dp_stream *s = sp->stream;
	struct sdp_iq_chosen ch = { .addr = c->c.laddrs[s->laddr].ip };
	char fp[256], cand[128], ip[GW_ADDR_STR_BYTES];
	struct gw_buf fb = gw_buf(fp, sizeof(fp)), ib = gw_buf(ip, sizeof(ip)), ob;
	size_t cap = sp->s->local.len * LOCAL_GROWS_BY + 1024;
	char *text;

	if (cap > LOCAL_MAX_BYTES)
		cap = LOCAL_MAX_BYTES;
	if (!(text = gw_arena_alloc(p->arena, cap)))
		return dp_plan_refuse(p, 533, "Local does not fit");
	ch.addr.port = s->port;
	if (s->end && choose_path(c, p, s, &ch))
		return GW_EBADMSG;
	ch.has_no_port = sp->is_member;
	if (dp_stream_has_ice(s) && !sp->is_member) {
		ch.ufrag = gw_sv_cstr(sp->asks_ice ? sp->ufrag : s->access->ice.cred.ufrag);
		ch.pwd = gw_sv_cstr(sp->asks_ice ? sp->pwd : s->access->ice.cred.pwd);
		ch.ice_lite = sp->asks_ice ? sp->is_lite : s->access->ice.is_lite;
		gw_addr_put_ip(&ib, &ch.addr);
		/* 2130706431 = 126 << 24 | 65535 << 8 | 255: RFC 8445 5.1.2.1, host candidate */
		snprintf(cand, sizeof(cand), "1 1 UDP 2130706431 %.*s %u typ host",
			GW_SV_FMT(gw_buf_sv(&ib)), s->port);
		ch.candidate = gw_sv_cstr(cand);
	}
	if (s->access && !sp->is_member) {
		if (dp_stream_fingerprint(s->access, &fb))
			return dp_plan_refuse(p, 500, "no certificate");
		ch.fingerprint_hash = GW_SV("sha-256");
		ch.fingerprint = gw_buf_sv(&fb);
	}
	ob = gw_buf(text, cap);
	if (sdp_iq_complete_local(&sp->local.sdp, &ch, &ob))
		return dp_plan_refuse(p, 533, "Local does not fit");
	sp->reply = gw_buf_sv(&ob);
	return GW_OK;
}

static bool keeps_anew(const struct dp_stream_plan *sp)
{
	return sp->has_local || sp->has_remote || sp->clears_remote;
}

static enum gw_err keep(struct dp_plan *p, struct dp_stream_plan *sp)
{
	struct dp_sdp_pair texts;
	enum gw_err err = dp_stream_recall(sp->stream, p->arena, &texts);

	if (err)
		return err;
	if (sp->has_local)
		texts.local = sp->reply;
	if (sp->has_remote)
		texts.remote = sp->s->remote;
	else if (sp->clears_remote)
		texts.remote = GW_SV_NONE;
	return dp_stream_keep(sp->stream, &texts, gw_sv_cstr(sp->ufrag), gw_sv_cstr(sp->pwd), &sp->kept);
}

/* Everything of a stream that takes memory. */
static enum gw_err prepare(struct dp_ctx *c, struct dp_plan *p, struct dp_stream_plan *sp)
{
	enum gw_err err;

	if (sp->is_released)
		return GW_OK;
	if (sp->asks_ice) {
		random_text(sp->ufrag, DP_UFRAG_CHARS);
		random_text(sp->pwd, DP_PWD_CHARS);
	}
	if (sp->has_local) {
		if ((err = complete_local(c, p, sp)))
			return err;
	}
	if (keeps_anew(sp) && keep(p, sp))
		return dp_plan_refuse(p, 510, "no memory");
	if (sp->said_sdes && (err = dp_plan_prepare_sdes(c, p, sp)))
		return err;
	if (!sp->is_new && !sp->is_member && sp->stream->access && dp_media_is_renewed(sp->stream, sp->asks_ice, sp->fps, sp->n_fps) &&
		dp_media_renew(c, sp->stream, sp->has_local ? is_client(sp) : dp_dtls_is_client(sp->stream->access->dtls), &sp->dtls))
		return dp_plan_refuse(p, 510, "no memory for a DTLS session");
	if (sp->asks_ice && !sp->is_new && dp_ice_reserve(&sp->stream->access->ice))
		return dp_plan_refuse(p, 510, "no memory");
	return GW_OK;
}

static enum gw_err prepare_all(struct dp_ctx *c, struct dp_plan *p)
{
	enum gw_err err;

	for (unsigned i = 0; i < p->cmd->n_streams; i++)
		if ((err = prepare(c, p, &p->streams[i])))
			return err;
	return GW_OK;
}

static void undo(struct dp_ctx *c, struct dp_plan *p, bool is_new, uint64_t now_ms)
{
	for (unsigned i = 0; p->streams && i < p->cmd->n_streams; i++) {
		struct dp_stream_plan *sp = &p->streams[i];

		dp_sdp_forget(sp->kept);
		dp_dtls_free(sp->dtls);
		dp_plan_undo_sdes(c, sp);
		if (sp->is_new && sp->stream && !is_new && sp->is_member)
			dp_stream_close(c, sp->stream, now_ms);
	}
	for (unsigned i = 0; p->streams && !is_new && i < p->cmd->n_streams; i++)	/* what those have shared */
		if (p->streams[i].is_new && p->streams[i].stream && !p->streams[i].is_member)
			dp_stream_close(c, p->streams[i].stream, now_ms);
	dp_plan_undo_ice(p);
	if (is_new && p->term)
		dp_ctx_subtract(c, p->term, now_ms);
}

/* ---- commit ------------------------------------------------------------------------------------------------ */

static void commit_access_remote(struct dp_access *a, const struct dp_stream_plan *sp)
{
	const struct sdp_line *l = &sp->remote.lines[0];

	/* lengths and characters were checked when the model was read; without memory any ufrag is taken, not the old one */
	if (l->ice_ufrag.len && dp_ice_set_remote(&a->ice, l->ice_ufrag))
		(void)!dp_ice_set_remote(&a->ice, GW_SV_NONE);
	if (sp->n_fps)
		(void)!dp_dtls_set_fingerprints(a->dtls, sp->fps, sp->n_fps);
	/* F-35..F-37: the peer's role, once it has chosen, gives ours */
	if (l->setup == SDP_SETUP_PASSIVE)
		(void)!dp_dtls_set_role(a->dtls, true);
	else if (l->setup == SDP_SETUP_ACTIVE)
		(void)!dp_dtls_set_role(a->dtls, false);
}

static void commit_remote(struct dp_stream *s, struct dp_stream_plan *sp)
{
	const struct sdp_line *l = &sp->remote.lines[0];

	s->peer_mid_ext = sp->has_remote ? l->mid_ext : 0;
	if (sp->has_remote) {
		s->remote = l->remote;
		s->remote_rtcp = l->remote_rtcp;
		s->has_remote = l->remote.family != 0;
		if (s->access && !s->transport)
			commit_access_remote(s->access, sp);
	} else {
		s->remote = s->remote_rtcp = (struct gw_addr){ 0 };
		s->has_remote = false;
		if (s->access && !s->transport)
			(void)!dp_ice_set_remote(&s->access->ice, GW_SV_NONE);
	}
}

static void commit_local(struct dp_stream *s, struct dp_stream_plan *sp)
{
	const struct sdp_line *l = &sp->local.lines[0];
	bool is_agnostic = l->media->n_fmts == 1 && gw_sv_eq(l->media->fmts[0], GW_SV("-"));	/* F-52 */

	s->has_no_media = l->media->n_fmts == 0 || gw_sv_eq(l->media->kind, GW_SV("-"));
	s->pt_mask[0] = s->pt_mask[1] = is_agnostic && !s->has_no_media ? UINT64_MAX : 0;
	for (unsigned i = 0; i < l->n_codecs; i++)
		s->pt_mask[l->codecs[i].pt >> 6] |= 1ull << (l->codecs[i].pt & 63);
	s->clock_hz = l->n_codecs ? l->codecs[0].clock_hz : 0;
	s->mid_ext = l->mid_ext;
	s->mid_len = l->mid.len <= sizeof(s->mid) ? (uint8_t)l->mid.len : 0;
	if (s->mid_len)
		memcpy(s->mid, l->mid.p, s->mid_len);
}

static void commit_credentials(struct dp_ctx *c, struct dp_access *a, struct dp_stream_plan *sp)
{
	if (sp->is_new)
		dp_ice_init(&a->ice, sp->ufrag, sp->pwd, c->c.consent_timeout_ms);
	else
		dp_ice_restart(&a->ice, sp->ufrag, sp->pwd);
	a->ice.is_lite = sp->is_lite;
	a->ice.controls = !sp->has_remote;	/* no description of the peer came before: we offer (F-60) */
	explicit_bzero(sp->pwd, sizeof(sp->pwd));
}

static void commit_stream(struct dp_ctx *c, struct dp_stream_plan *sp, uint64_t now_ms)
{
	struct dp_stream *s = sp->stream;
	enum dp_dtls_state before;

	if (sp->is_released) {
		dp_stream_close(c, s, now_ms);
		return;
	}
	if (sp->asks_ice)
		commit_credentials(c, s->access, sp);
	if (sp->dtls)
		dp_media_replace(c, s, sp->dtls, now_ms);
	sp->dtls = NULL;
	before = s->access ? dp_dtls_state(s->access->dtls) : DP_DTLS_NEW;
	s->ctl = sp->ctl;
	if (sp->has_local)
		commit_local(s, sp);
	if (sp->has_remote || sp->clears_remote)
		commit_remote(s, sp);
	dp_commit_sdes(c, sp);
	if (keeps_anew(sp)) {
		dp_sdp_forget(s->kept);
		s->kept = sp->kept;
		sp->kept = NULL;
	}
	dp_publish(c, s, now_ms);
	if (s->end || s->text)
		dp_channel_update(c, s, now_ms);
	if (sp->is_new && dp_stream_is_data(s))
		dp_data_joined(c, s, now_ms);
	if (!s->access || s->transport)
		return;
	if (dp_dtls_state(s->access->dtls) != before)
		dp_media_check_dtls(c, s, now_ms);	/* held until now for the fingerprint */
	dp_media_try_start(c, s, now_ms);
}

static bool is_latched(const struct dp_plan *p, const struct dp_stream *s)
{
	/* of a data line only the handshake authenticates, and that wants the address first; F-17: ICE says where the peer is */
	return p->has_latch && (p->latch_stream == 0 || p->latch_stream == s->id) && !dp_stream_is_data(s) && !dp_stream_has_ice(s) && !s->end;
}

/* Memory for the order, off until it is committed. */
static enum gw_err prepare_latches(struct dp_plan *p)
{
	unsigned n = 0;

	for (struct dp_stream *s = p->term->streams; s; s = s->next) {
		if (!is_latched(p, s))
			continue;
		n++;
		if (!s->latch && !(s->latch = calloc(1, sizeof(*s->latch))))
			return dp_plan_refuse(p, 510, "no memory");
	}
	if (n || !p->has_latch || (p->is_access && p->latch == DP_LATCH_OFF))
		return GW_OK;
	return p->is_access ? dp_plan_refuse(p, 513, "ipnapt/latch where there is ICE") :
		dp_plan_refuse(p, 473, "ipnapt/latch of a stream that is not there");
}

static void commit_latches(struct dp_ctx *c, struct dp_plan *p, uint64_t now_ms)
{
	for (struct dp_stream *s = p->term->streams; p->has_latch && s; s = s->next) {
		if (!is_latched(p, s))
			continue;
		s->latch->kind = (uint8_t)p->latch;
		if (++s->latch->order == 0)	/* which is none */
			s->latch->order = 1;
		if (p->latch != DP_LATCH_AGAIN) {	/* that one keeps what is until a packet comes from elsewhere (F-15) */
			memset(s->latch->learned, 0, sizeof(s->latch->learned));
			s->latch->since = s->latch->order;
		}
		dp_publish(c, s, now_ms);
	}
}

static enum gw_err answer(struct dp_plan *p, struct dp_applied *out)
{
	out->n_streams = 0;
	out->streams = gw_arena_array(p->arena, struct iq_stream, p->cmd->n_streams ? p->cmd->n_streams : 1);
	if (!out->streams)
		return dp_plan_refuse(p, 510, "no memory");
	for (unsigned i = 0; i < p->cmd->n_streams; i++) {
		struct iq_stream *r;

		if (p->streams[i].reply.len == 0)	/* M-7: only what was under-specified */
			continue;
		r = &out->streams[out->n_streams++];
		*r = iq_stream(p->streams[i].s->id);
		r->has_local = true;
		r->local = p->streams[i].reply;
	}
	return GW_OK;
}

enum gw_err dp_ctx_apply(struct dp_ctx *c, struct dp_context *cx, struct dp_term *t, const struct iq_cmd *cmd,
	struct gw_arena *arena, uint64_t now_ms, struct dp_applied *out)
{
	struct dp_plan p = { .cmd = cmd, .arena = arena, .term = t, .code = 500, .text = "" };
	struct dp_wanted_list *wanted = NULL;
	enum gw_err err;

	err = dp_plan_read(c, cx, &p);
	if (!err && !t)
		err = make_term(c, cx, &p, now_ms);
	if (!err)
		err = make_streams(c, &p, now_ms);
	if (!err)
		err = prepare_all(c, &p);
	if (!err)
		err = prepare_latches(&p);
	if (!err)
		err = dp_plan_prepare_ice(&p);
	if (!err)
		err = answer(&p, out);
	if (!err && dp_events_share(c, p.wanted, p.n_wanted, &wanted))
		err = dp_plan_refuse(&p, 510, "no memory");
	if (err) {
		undo(c, &p, !t, now_ms);
		out->code = p.code;
		out->text = p.text;
		return err;
	}
	for (unsigned i = 0; i < cmd->n_streams; i++)	/* a transport is released after those who share it */
		if (p.streams[i].is_member)
			commit_stream(c, &p.streams[i], now_ms);
	for (unsigned i = 0; i < cmd->n_streams; i++)
		if (!p.streams[i].is_member)
			commit_stream(c, &p.streams[i], now_ms);
	dp_commit_ice(c, &p, now_ms);
	commit_latches(c, &p, now_ms);
	if (cmd->has_events)	/* M-9: the list replaces the one before */
		dp_events_set(c, p.term, cmd->events_id, wanted, now_ms);
	else
		dp_events_release(c, wanted);
	out->term = p.term;
	return GW_OK;
}
