/* SPDX-License-Identifier: Apache-2.0 */
/* Media of a call: descriptions converted, terminations reserved, configured and subtracted. */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/app/trace.h"

#define SDP_BYTES 16384

static struct sdp_policy policy(const struct cp_conf *c)
{
	struct sdp_policy p = { .opus_to_core = c->media.opus_to_core,
		.accept_bundle = c->media.bundle == CP_BUNDLE_ACCEPT,
		.dtls_passive = c->media.dtls_role == CP_DTLS_PASSIVE };

	for (unsigned i = 0; i < c->media.n_codecs && p.n_codecs < 16; i++)
		p.codecs[p.n_codecs++] = gw_sv_cstr(c->media.codecs[i]);
	return p;
}

static enum sdp_side side(enum cp_side s)
{
	return s == CP_SIDE_W2 ? SDP_W2 : SDP_CORE;
}

static int active(const struct cp_exchange *ex, unsigned n)
{
	for (unsigned i = 0; ex->streams && i < n; i++)
		if (ex->streams[i].is_active)
			return (int)i;
	return -1;
}

void cp_media_begin(struct cp_call *c, enum cp_side sender)
{
	gw_arena_reset(&c->ex.arena);
	free(c->ex.answer_text);
	memset(&c->ex, 0, sizeof(c->ex));
	c->ex.arena.limit = 1u << 20;
	c->ex.sender = c->ex.offerer = sender;
}

enum gw_err cp_media_offer(struct cp_call *c, struct gw_sv text, enum cp_side from, const char **why,
	unsigned *status)
{
	struct sdp_policy p = policy(c->alg->s->conf);
	struct gw_diag diag = { 0, "" };
	enum sdp_refusal r;
	struct gw_sv copy;

	c->ex.offerer = from;
	copy = gw_arena_sv(&c->ex.arena, text);
	if (sdp_model_read(&c->ex.offer, &c->ex.arena, copy, SDP_SIP, &diag)) {
		*why = diag.what;
		*status = 400;
		return GW_EBADMSG;
	}
	c->ex.streams = gw_arena_array(&c->ex.arena, struct sdp_stream, c->ex.offer.n_lines + 1);
	if (!c->ex.streams) {
		*why = "memory";
		*status = 500;
		return GW_ENOMEM;
	}
	r = sdp_choose_offer(&c->ex.offer, side(from), &p, c->ex.streams);
	if (r) {
		*why = sdp_refusal_warning(r);
		*status = 488;
		return GW_EUNSUPP;
	}
	return GW_OK;
}

/* Our role, said in Local: by the offer from a WIC, or left open when we offer (F-35, F-37). */
static enum sdp_setup our_setup(const struct cp_call *c)
{
	const struct sdp_line *l;
	int i = active(&c->ex, c->ex.offer.n_lines);

	if (c->ex.offerer == CP_SIDE_MW || i < 0)
		return SDP_SETUP_ACTPASS;
	l = &c->ex.offer.lines[i];
	if (l->setup == SDP_SETUP_ACTIVE)
		return SDP_SETUP_PASSIVE;
	if (l->setup == SDP_SETUP_PASSIVE)
		return SDP_SETUP_ACTIVE;
	return c->alg->s->conf->media.dtls_role == CP_DTLS_PASSIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
}

static struct iq_stream stream(const struct cp_call *c, const char *realm)
{
	struct iq_stream s = iq_stream(1);

	s.mode = IQ_MODE_INACTIVE;
	s.reserve_value = 1;
	s.realm = gw_sv_cstr(realm);
	s.dscp = (int)c->alg->s->conf->media.dscp;
	return s;
}

static unsigned wanted(struct iq_item *ev, bool is_access, const char *heartbeat)
{
	unsigned n = 0;

	ev[n] = (struct iq_item){ .id = IQ_EV_HANGTERM, .n_params = 1 };
	ev[n++].params[0] = (struct iq_param){ GW_SV("timerx"), gw_sv_cstr(heartbeat) };
	ev[n++] = (struct iq_item){ .id = IQ_EV_CAUSE };
	if (!is_access)
		return n;
	ev[n++] = (struct iq_item){ .id = IQ_EV_BNC_CHANGE, .stream = 1 };
	ev[n++] = (struct iq_item){ .id = IQ_EV_CONSENT, .stream = 1 };
	return n;
}

static unsigned add_private(struct iq_item *ev, unsigned n)
{
	ev[n++] = (struct iq_item){ .id = IQ_EV_X_ICE, .stream = 1 };
	ev[n++] = (struct iq_item){ .id = IQ_EV_X_DTLS, .stream = 1 };
	return n;
}

/* Both terminations in one transaction: reserved, and the WIC's side configured as far as it is known. */
enum gw_err cp_media_reserve(struct cp_call *c)
{
	const struct cp_conf *conf = c->alg->s->conf;
	int i = active(&c->ex, c->ex.offer.n_lines);
	const struct sdp_stream *s = &c->ex.streams[i];
	const struct sdp_line *l = &c->ex.offer.lines[i];
	bool from_w2 = c->ex.offerer == CP_SIDE_W2;
	char la[SDP_BYTES], ra[SDP_BYTES], lc[SDP_BYTES], rc[SDP_BYTES], hb[16];
	struct gw_buf bla = gw_buf(la, sizeof(la)), bra = gw_buf(ra, sizeof(ra));
	struct gw_buf blc = gw_buf(lc, sizeof(lc)), brc = gw_buf(rc, sizeof(rc));
	struct iq_stream sa = stream(c, conf->media.access_realm), sc = stream(c, conf->media.core_realm);
	struct iq_item ea[8], ec[8], sg = { .id = IQ_SG_STUN_SERVER, .stream = 1 };
	struct iq_cmd cmds[2] = { { .kind = IQ_ADD, .term = iq_term(GW_SV("ip/$/$/$")), .streams = &sa,
			.n_streams = 1, .has_events = true, .events_id = 1, .events = ea,
			.has_signals = true, .signals = &sg, .n_signals = 1 },
		{ .kind = IQ_ADD, .term = iq_term(GW_SV("ip/$/$/$")), .streams = &sc, .n_streams = 1,
			.has_events = true, .events_id = 2, .events = ec } };
	struct iq_action a = { .context = IQ_CONTEXT_CHOOSE, .priority = -1, .is_emergency = c->is_emergency,
		.cmds = cmds, .n_cmds = 2 };
	struct cp_iq_gateway_info info;
	bool is_v6 = c->b && c->b->peer.addr.family == 6;
	enum gw_err err;

	if ((err = cp_iq_pick(c->alg->iq, &c->gateway)))
		return err;
	cp_iq_gateway(c->alg->iq, c->gateway, &info);
	snprintf(hb, sizeof(hb), "%u", conf->iq.heartbeat_s);
	cmds[0].n_events = wanted(ea, true, hb);
	if (info.has_xwrtc)
		cmds[0].n_events = add_private(ea, cmds[0].n_events);
	cmds[1].n_events = wanted(ec, false, hb);
	/* the WIC's media takes the address family its signalling came by */
	if ((err = sdp_iq_access_local(s, from_w2 ? l->media->proto : GW_SV("UDP/TLS/RTP/SAVPF"), is_v6,
		     our_setup(c), &bla)) ||
		(err = sdp_iq_core_local(s, !from_w2 && l->remote.family == 6, &blc)))
		return err;
	sa.has_local = sc.has_local = true;
	sa.local = gw_buf_sv(&bla);
	sc.local = gw_buf_sv(&blc);
	if (from_w2) {
		err = sdp_iq_access_remote(s, l, &bra);
		sa.has_remote = true;
		sa.remote = gw_buf_sv(&bra);
	} else {
		err = sdp_iq_core_remote(s, l, &brc);
		sc.has_remote = true;
		sc.remote = gw_buf_sv(&brc);
	}
	if (err)
		return err;
	CP_TRACE_IQ(CP_TRACE_OUT, c->call_id, cp_call_user(c), "Add, Add");
	return cp_iq_request(c->alg->iq, c->gateway, &a, c->id, STEP_ADD);
}

static bool take_local(const struct iq_cmd *cmd, char **term, char **local)
{
	if (cmd->error || cmd->n_streams == 0 || !cmd->streams[0].has_local)
		return false;
	free(*term);
	free(*local);
	*term = gw_sv_dup(cmd->term.text);
	*local = gw_sv_dup(cmd->streams[0].local);
	return *term && *local;
}

enum gw_err cp_media_reserved(struct cp_call *c, const struct iq_txn *reply)
{
	const struct iq_action *a = reply && reply->n_actions ? &reply->actions[0] : NULL;

	if (!a || reply->error || a->error || a->n_cmds == 0) {
		CP_COUNT(iq_errors);
		return GW_EIO;
	}
	if (a->context == IQ_CONTEXT_NULL || a->context >= IQ_CONTEXT_CHOOSE) {
		CP_COUNT(iq_errors);
		return GW_EBADMSG;
	}
	c->context = a->context;
	CP_GAUGE_ADD(iq_contexts, 1);
	if (a->n_cmds < 2 || !take_local(&a->cmds[0], &c->term_access, &c->local_access) ||
		!take_local(&a->cmds[1], &c->term_core, &c->local_core)) {
		CP_COUNT(iq_errors);
		for (unsigned i = 0; i < a->n_cmds; i++)
			GW_LOG_WARN(c->alg->s->log, "iq.add_failed", "call=%s code=%u text=\"%.*s\"", c->call_id,
				a->cmds[i].error, GW_SV_FMT(a->cmds[i].error_text));
		return GW_ELIMIT;
	}
	return GW_OK;
}

static enum gw_err locals(struct cp_call *c, enum cp_side to, unsigned n, struct sdp_local *out)
{
	struct sdp_local l;
	bool lite = false;
	enum gw_err err = sdp_iq_read_local(&c->ex.arena,
		gw_sv_cstr(to == CP_SIDE_W2 ? c->local_access : c->local_core), to == CP_SIDE_W2, &l, &lite);

	if (err)
		return err;
	if (to == CP_SIDE_W2) {
		c->ice_lite = lite;
		l.setup = c->ex.offerer == CP_SIDE_W2 ? our_setup(c) : SDP_SETUP_ACTPASS;
	}
	for (unsigned i = 0; i < n; i++)
		out[i] = l;
	return GW_OK;
}

static enum gw_err write_leg(struct cp_call *c, enum cp_side to, bool is_answer, struct gw_buf *out)
{
	struct sdp_local l[SDP_MAX_MEDIA];
	struct sdp_stream s[SDP_MAX_MEDIA];
	unsigned n = c->ex.offer.n_lines;
	struct sdp_write w = { .to = side(to), .is_answer = is_answer, .streams = s, .locals = l, .n = n,
		.accept_bundle = c->alg->s->conf->media.bundle == CP_BUNDLE_ACCEPT };
	enum gw_err err = locals(c, to, n, l);

	if (err)
		return err;
	memcpy(s, c->ex.streams, n * sizeof(s[0]));
	w.ice_lite = c->ice_lite;
	if (is_answer)
		w.remote = &c->ex.offer;
	else
		w.peer = &c->ex.offer;
	return sdp_write_leg(&w, to == CP_SIDE_W2 ? &c->o_w2 : &c->o_core, out);
}

enum gw_err cp_media_write_offer(struct cp_call *c, struct gw_buf *out)
{
	return write_leg(c, c->ex.offerer == CP_SIDE_W2 ? CP_SIDE_MW : CP_SIDE_W2, false, out);
}

enum gw_err cp_media_answer(struct cp_call *c, struct gw_sv text, const char **why)
{
	enum cp_side from = c->ex.offerer == CP_SIDE_W2 ? CP_SIDE_MW : CP_SIDE_W2;
	struct gw_sv copy = gw_arena_sv(&c->ex.arena, text);
	struct gw_diag diag = { 0, "" };
	struct sdp_stream streams[SDP_MAX_MEDIA];
	static struct sdp_model answer;	/* one control thread; the old one stays until this is good */
	enum sdp_refusal r;

	if (sdp_model_read(&answer, &c->ex.arena, copy, SDP_SIP, &diag)) {
		*why = diag.what;
		return GW_EBADMSG;
	}
	memcpy(streams, c->ex.streams, c->ex.offer.n_lines * sizeof(streams[0]));
	r = sdp_choose_answer(&answer, side(from), streams, c->ex.offer.n_lines);
	if (r) {
		*why = sdp_refusal_text(r);
		return GW_EUNSUPP;
	}
	c->ex.answer = answer;
	memcpy(c->ex.streams, streams, c->ex.offer.n_lines * sizeof(streams[0]));
	free(c->ex.answer_text);
	c->ex.answer_text = gw_sv_dup(text);
	c->ex.is_applied = true;
	return GW_OK;
}

enum gw_err cp_media_write_answer(struct cp_call *c, struct gw_buf *out)
{
	return write_leg(c, c->ex.offerer, true, out);
}

/* H.248 Mode of a termination: what it sends to its party, and takes from it (M-12). */
static enum iq_mode mode_of(bool sends, bool receives)
{
	if (sends && receives)
		return IQ_MODE_SEND_RECEIVE;
	if (sends)
		return IQ_MODE_SEND_ONLY;
	return receives ? IQ_MODE_RECEIVE_ONLY : IQ_MODE_INACTIVE;
}

int cp_media_line(const struct cp_call *c)
{
	return active(&c->ex, c->ex.offer.n_lines);
}

enum gw_err cp_media_configure(struct cp_call *c, enum cp_gate gate, unsigned step)
{
	static const struct sdp_stream none;
	int i = active(&c->ex, c->ex.offer.n_lines);
	const struct sdp_stream *s = i < 0 ? &none : &c->ex.streams[i];
	bool from_w2 = c->ex.offerer == CP_SIDE_W2;
	const struct sdp_line *lw = from_w2 ? &c->ex.offer.lines[i < 0 ? 0 : i] :
					      &c->ex.answer.lines[i < 0 ? 0 : i];
	const struct sdp_line *lc = from_w2 ? &c->ex.answer.lines[i < 0 ? 0 : i] :
					      &c->ex.offer.lines[i < 0 ? 0 : i];
	char ra[SDP_BYTES], rc[SDP_BYTES];
	struct gw_buf bra = gw_buf(ra, sizeof(ra)), brc = gw_buf(rc, sizeof(rc));
	struct iq_stream sa = iq_stream(1), sc = iq_stream(1);
	struct iq_cmd cmds[2] = { { .kind = IQ_MODIFY, .streams = &sc, .n_streams = 1 },
		{ .kind = IQ_MODIFY, .streams = &sa, .n_streams = 1 } };
	struct iq_action a = { .context = c->context, .priority = -1, .cmds = cmds, .n_cmds = 2 };
	/* s->dir is the answerer's word; the offerer's view is its reverse */
	enum sdp_dir core_dir = from_w2 ? s->dir : sdp_dir_reverse(s->dir);
	bool is_out = c->origin == CP_SIDE_W2;
	bool to_core = (core_dir == SDP_SENDRECV || core_dir == SDP_RECVONLY) &&
		(gate & (is_out ? CP_GATE_FORWARD : CP_GATE_BACKWARD));
	bool to_wic = (core_dir == SDP_SENDRECV || core_dir == SDP_SENDONLY) &&
		(gate & (is_out ? CP_GATE_BACKWARD : CP_GATE_FORWARD));
	enum gw_err err;

	if (i < 0 || !c->context)
		return GW_ESTATE;
	cmds[0].term = iq_term(gw_sv_cstr(c->term_core));
	cmds[1].term = iq_term(gw_sv_cstr(c->term_access));
	if ((err = sdp_iq_core_remote(s, lc, &brc)) || (err = sdp_iq_access_remote(s, lw, &bra)))
		return err;
	sc.has_remote = sa.has_remote = true;
	sc.remote = gw_buf_sv(&brc);
	sa.remote = gw_buf_sv(&bra);
	sc.mode = mode_of(to_core, to_wic);
	sa.mode = mode_of(to_wic, to_core);
	CP_TRACE_IQ(CP_TRACE_OUT, c->call_id, cp_call_user(c), "Modify, Modify");
	return cp_iq_request(c->alg->iq, c->gateway, &a, c->id, step);
}

/* Both terminations by name, with their statistics; by wildcard when the names were never learnt. */
void cp_media_subtract(struct cp_call *c)
{
	struct iq_cmd cmds[2] = { { .kind = IQ_SUBTRACT, .has_audit = true, .audit = IQ_AUDIT_STATISTICS },
		{ .kind = IQ_SUBTRACT, .has_audit = true, .audit = IQ_AUDIT_STATISTICS } };
	struct iq_cmd all = { .kind = IQ_SUBTRACT, .term = { IQ_TERM_ALL, GW_SV("*") },
		.is_wildcard_response = true, .has_audit = true };
	struct iq_action a = { .context = c->context, .priority = -1, .cmds = cmds, .n_cmds = 2 };

	if (!c->context)
		return;
	if (c->term_access && c->term_core) {
		cmds[0].term = iq_term(gw_sv_cstr(c->term_access));
		cmds[1].term = iq_term(gw_sv_cstr(c->term_core));
	} else {
		a.cmds = &all;
		a.n_cmds = 1;
	}
	CP_TRACE_IQ(CP_TRACE_OUT, c->call_id, cp_call_user(c), "Subtract");
	if (cp_iq_request(c->alg->iq, c->gateway, &a, c->id, STEP_SUBTRACT))
		GW_LOG_WARN(c->alg->s->log, "iq.subtract_failed", "call=%s context=%u", c->call_id, c->context);
	c->context = 0;
	CP_GAUGE_ADD(iq_contexts, -1);
}
