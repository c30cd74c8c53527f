/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers in an early dialog: UPDATE (RFC 3311), or in a PRACK (RFC 3262 5). Both parties see the gateway and nothing else,
 * so an early offer is answered here: the other leg keeps what it has, as over forks (W2-SIP-37). A browser need not know
 * of it, and one whose answer is no more than announced could not be asked at all. An ICE restart of an answered call goes the same
 * way (call_restart.c).
 */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"

static enum sdp_side sdp_side_of(enum cp_side s)
{
	return s == CP_SIDE_W2 ? SDP_W2 : SDP_CORE;
}

/* What a direction leaves of another, both of the same view. */
static enum sdp_dir both(enum sdp_dir a, enum sdp_dir b)
{
	bool sends = (a == SDP_SENDRECV || a == SDP_SENDONLY) && (b == SDP_SENDRECV || b == SDP_SENDONLY);
	bool receives = (a == SDP_SENDRECV || a == SDP_RECVONLY) && (b == SDP_SENDRECV || b == SDP_RECVONLY);

	return sends && receives ? SDP_SENDRECV : sends ? SDP_SENDONLY : receives ? SDP_RECVONLY : SDP_INACTIVE;
}

/* The leg that is not asked goes on as it is: the same lines, and the codec it sends among those that are left. */
static bool suits_other_leg(const struct cp_exchange *ex, const struct sdp_stream *before)
{
	for (unsigned i = 0; i < ex->offer.n_lines; i++) {
		const struct sdp_stream *s = &ex->streams[i];
		bool has_first = false;

		if (s->is_active != before[i].is_active)
			return false;
		for (unsigned k = 0; k < s->n_codecs; k++)
			has_first |= s->codecs[k].pt == before[i].codecs[0].pt;
		if (s->is_active && !s->is_data && !has_first)
			return false;
	}
	return true;
}

/* A new offer of the side that made the first one: the answer that was given holds for it, too. */
static bool take_offer(struct cp_call *c, struct gw_sv text, enum cp_side sender, const char **why)
{
	unsigned n = c->ex.offer.n_lines, status;

	if (cp_sdp_offer(c, text, sender, why, &status))
		return false;
	if (c->ex.offer.n_lines != n ||
		sdp_choose_answer(&c->ex.answer, sdp_side_of(cp_other(sender)), c->ex.streams, n))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (c->ex.streams[i].is_active && !c->ex.streams[i].is_data)
			c->ex.streams[i].dir = both(c->ex.streams[i].dir, sdp_dir_reverse(c->ex.offer.lines[i].dir));
	return true;
}

/* @return false: it cannot be taken; all is as it was */
static bool take(struct cp_call *c, struct cp_fork *f, struct gw_sv text, enum cp_side sender, const char **why)
{
	static struct sdp_model offer, answer;	/* one control thread */
	struct sdp_stream *old = c->ex.streams, before[SDP_MAX_MEDIA];
	bool is_first = sender == c->ex.offerer, is_ok;
	struct gw_sv said = c->ex.offer_said;
	struct sdp_map map = c->ex.map;
	char *answer_text = gw_sv_dup(gw_sv_cstr(c->ex.answer_text ? c->ex.answer_text : ""));

	*why = "not what the other side has agreed to";
	offer = c->ex.offer;
	answer = c->ex.answer;
	memcpy(before, old, offer.n_lines * sizeof(before[0]));
	is_ok = (is_first ? take_offer(c, text, sender, why) : cp_sdp_offer_anew(c, text, why) == GW_OK) &&
		suits_other_leg(&c->ex, before);
	if (is_ok && !is_first) {
		cp_sdp_agree(c);
		free(f->answer);
		f->answer = gw_sv_dup(text);
	}
	if (!is_ok) {
		c->ex.offer = offer;
		c->ex.offer_said = said;
		c->ex.answer = answer;
		c->ex.streams = old;
		c->ex.map = map;
		memcpy(old, before, offer.n_lines * sizeof(before[0]));
		free(c->ex.answer_text);
		c->ex.answer_text = answer_text;
	} else {
		free(answer_text);
	}
	return is_ok;
}

/* The exchange as the other party of it sees it, and back. */
static void turn(struct cp_exchange *ex)
{
	static struct sdp_model m;

	m = ex->offer;
	ex->offer = ex->answer;
	ex->answer = m;
	ex->offerer = cp_other(ex->offerer);
	for (unsigned i = 0; i < ex->offer.n_lines; i++)
		ex->streams[i].dir = sdp_dir_reverse(ex->streams[i].dir);
}

/* Our description for who has made the early offer. */
static enum gw_err write_answer(struct cp_call *c, enum cp_side to, struct gw_buf *out)
{
	bool is_first = to == c->ex.offerer;
	enum gw_err err;

	if (!is_first)
		turn(&c->ex);
	err = cp_sdp_write_answer(c, out);
	if (!is_first)
		turn(&c->ex);
	return err;
}

/* RFC 3311 5.2: 0: it may be answered; else the status that says when. */
static unsigned refusal(const struct cp_call *c, const struct cp_fork *f, const struct sip_msg *m, enum cp_side sender)
{
	bool is_settled = f && c->ex.is_applied && !c->ex.is_delayed &&
		(c->rel.role == CP_REL_CALLER ? f->answer != NULL && sender == CP_SIDE_MW :
		 c->rel.role == CP_REL_CALLEE ? f->has_answer && sender == CP_SIDE_MW : f->has_answer);

	if (m->method == SIP_INVITE)
		return sender == c->ex.sender ? 500 : 491;
	if (c->early_u && !c->early_u->is_final)
		return sender == c->early_u->side ? 500 : 491;
	if (c->waiting || !is_settled)
		return sender == c->ex.offerer ? 500 : 491;
	return 0;
}

static struct cp_fork *fork_of(struct cp_call *c, const struct sip_msg *m, enum cp_side sender)
{
	return cp_call_fork(c, sender == c->origin ? m->to_tag : m->from_tag);
}

void cp_early_end(struct cp_call *c)
{
	struct cp_uas *u = c->early_u;

	c->early_u = NULL;
	if (u)
		u->on_gone = NULL;
	if (u)
		cp_sip_refuse(u, 481, NULL);
}

static void on_gone(void *user, struct cp_uas *u)
{
	struct cp_call *c = user;

	if (c->early_u == u)
		c->early_u = NULL;
}

static void serve(struct cp_call *c, struct cp_uas *u)
{
	c->early_u = u;
	u->on_gone = on_gone;
	u->user = c;
}

enum cp_early_result cp_early_take(struct cp_call *c, struct cp_fork *f, struct cp_uas *u, struct sip_msg *m, const char **why)
{
	enum cp_side sender = u->side;

	if (!take(c, f, m->body, sender, why))
		return CP_EARLY_REFUSED;
	cp_half_target(sender == CP_SIDE_W2 ? &c->w2 : &c->core, m);
	if (sender == CP_SIDE_MW)
		cp_call_early_media(c, m, m->from_tag);
	serve(c, u);
	cp_call_keep(c, m);
	if (c->waiting && cp_media_configure(c, cp_call_gate(c, 0, f ? gw_sv_cstr(f->tag) : GW_SV_NONE), STEP_MODIFY) == GW_OK)
		return CP_EARLY_TAKEN;
	cp_call_release(c, 503, "media gateway lost");
	return CP_EARLY_OVER;
}

bool cp_early_offer(struct cp_call *c, struct cp_uas *u, struct sip_msg *m, enum cp_side to)
{
	enum cp_side sender = cp_other(to);
	struct cp_fork *f = fork_of(c, m, sender);
	unsigned status = refusal(c, f, m, sender);
	const char *why = NULL;

	if (status) {
		cp_sip_refuse(u, status, NULL);
		return true;
	}
	switch (cp_early_take(c, f, u, m, &why)) {
	case CP_EARLY_REFUSED:
		CP_COUNT(call_sdp_refused);
		cp_sip_refuse(u, 488, why);
		return true;
	case CP_EARLY_OVER:
		return false;
	case CP_EARLY_TAKEN:
		break;
	}
	return true;
}

/* The session timer of both ends goes on as it was: who refreshes is in the request (RFC 4028 7.4). */
static void echo_session_timer(struct sip_msg *m, const struct sip_msg *req)
{
	struct gw_sv value = sip_msg_value(req, SIP_HDR_SESSION_EXPIRES);

	if (value.len == 0)
		return;
	if (gw_sv_find(value, GW_SV("refresher")) == value.len)
		sip_msg_addf(m, SIP_HDR_SESSION_EXPIRES, "%.*s;refresher=uac", GW_SV_FMT(value));
	else
		sip_msg_add(m, SIP_HDR_SESSION_EXPIRES, value);
	sip_msg_add(m, SIP_HDR_REQUIRE, GW_SV("timer"));
}

void cp_early_go(struct cp_call *c)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	struct cp_uas *u = c->early_u;
	char sdp[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(sdp, sizeof(sdp));
	struct sip_msg m;

	cp_call_drop_waiting(c);
	c->early_u = NULL;
	if (u)
		u->on_gone = NULL;
	if (u && write_answer(c, u->side, &b)) {
		cp_sip_refuse(u, 500, "answer could not be written");
	} else if (u) {
		sip_msg_response(&m, &a, &u->req, 200, NULL, GW_SV_NONE);
		if (u->req.method != SIP_PRACK)	/* the target its sender knows */
			sip_msg_addf(&m, SIP_HDR_CONTACT, "<%.*s>", GW_SV_FMT(u->req.ruri));
		if (c->is_answered)
			echo_session_timer(&m, &u->req);
		sip_msg_set_body(&m, GW_SV("application/sdp"), gw_buf_sv(&b));
		if (!c->is_answered)
			CP_COUNT(call_early_answered);
		cp_sip_respond(u, &m);
	}
	gw_arena_reset(&a);
	cp_call_save(c);
	cp_rel_go_on(c);
}
