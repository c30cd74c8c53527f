/* SPDX-License-Identifier: Apache-2.0 */
/* Responses: converted answers, kept back until the gateway is configured, relayed. */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/sip/core.h"

static void remember_dialog(struct cp_call *c, const struct sip_msg *m)
{
	struct cp_half *callee = c->origin == CP_SIDE_W2 ? &c->core : &c->w2;

	cp_half_identity(callee, m, SIP_HDR_TO);
	cp_half_target(callee, m);
	if (c->origin == CP_SIDE_W2)
		cp_half_routes(c, m, true);
}

static void answered(struct cp_call *c)
{
	struct cp_iq_gateway_info info;
	struct cp_loop *loop = c->alg->s->loop;

	if (c->is_answered)
		return;
	c->is_answered = true;
	CP_GAUGE_ADD(sip_dialogs, 1);
	c->state = CALL_UP;
	c->answer_ms = cp_loop_now(loop);
	for (unsigned i = 0; i < c->n_forks; i++) {
		free(c->forks[i].answer);
		c->forks[i].answer = NULL;
	}
	CP_COUNT(call_answered);
	GW_LOG_INFO(c->alg->s->log, "call.answered", "call=%s context=%u setup_ms=%llu", c->call_id, c->context,
		(unsigned long long)(c->answer_ms - c->start_ms));
	/* W2-ICE-13; a gateway without a package that reports success would lose every call to it */
	if (cp_iq_gateway(c->alg->iq, c->gateway, &info) && (info.has_xwrtc || info.has_tlsbsc))
		(void)gw_timer_arm(&loop->timers, &c->ice_timer,
			c->answer_ms + c->alg->s->conf->media.ice_timeout_s * 1000ull);
}

enum cp_gate cp_call_gate(struct cp_call *c, unsigned status, struct gw_sv tag)
{
	bool is_open = c->alg->s->conf->media.early_media == CP_EARLY_OPEN;
	struct cp_fork *f;

	if (status >= 200 || c->is_answered)
		return CP_GATE_BOTH;
	if (c->origin == CP_SIDE_MW)	/* W2-EM-01: a WIC authorises nothing */
		return is_open && c->early_supported ? CP_GATE_BOTH : CP_GATE_NONE;
	f = cp_call_fork(c, tag);
	if (f && f->early != CP_GATE_UNSAID)
		return f->early;
	return is_open ? CP_GATE_BOTH : CP_GATE_NONE;
}

/*
 * Directions in the header are those of its sender, the callee's side; one for each m-line, the last
 * for all that follow (RFC 5009 8). UNSAID: no direction in it.
 */
static enum cp_gate read_early(const struct sip_msg *m, int line)
{
	static const struct { struct gw_sv word; enum cp_gate gate; } words[] = {
		{ GW_SV_INIT("sendrecv"), CP_GATE_BOTH }, { GW_SV_INIT("sendonly"), CP_GATE_BACKWARD },
		{ GW_SV_INIT("recvonly"), CP_GATE_FORWARD }, { GW_SV_INIT("inactive"), CP_GATE_NONE } };
	struct sip_elements e = { 0 };
	enum cp_gate gate = CP_GATE_UNSAID;
	struct gw_sv v, word, params;
	int n = 0;

	while (n <= line && sip_msg_element(m, SIP_HDR_P_EARLY_MEDIA, &e, &v)) {
		gw_sv_cut(v, ';', &word, &params);
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (gw_sv_ieq(gw_sv_trim(word), words[i].word)) {
				gate = words[i].gate;
				n++;
			}
	}
	return gate;
}

void cp_call_early_media(struct cp_call *c, const struct sip_msg *m, struct gw_sv tag)
{
	enum cp_gate gate = read_early(m, cp_media_line(c));
	struct cp_fork *f = cp_call_fork(c, tag);

	if (c->is_answered || c->origin != CP_SIDE_W2 || !f || gate == CP_GATE_UNSAID || gate == f->early)
		return;
	f->early = gate;
	/* with a description the gate goes with it; alone, it moves on what is configured already */
	if (!cp_has_sdp(m) && c->ex.is_applied && cp_media_configure(c, gate, STEP_GATE))
		CP_COUNT(iq_errors);
}

void cp_call_relay(struct cp_call *c, struct sip_msg *m, struct gw_sv description)
{
	struct cp_uas *u = c->ex.u;
	bool is_final = m->status >= 200, is_invite = m->cseq.method == SIP_INVITE;

	if (cp_rel_hold(c, m, description))
		return;
	if (is_final && c->origin == CP_SIDE_W2 && !c->is_answered)
		cp_call_learn_ioi(c, m);	/* the WIC is not told */
	if (!is_final && m->status > 100 && !c->ring_ms)
		c->ring_ms = cp_loop_now(c->alg->s->loop);
	cp_core_edit_response(c->alg->s, m, u ? u->side : c->origin);
	if (description.len)
		sip_msg_set_body(m, GW_SV("application/sdp"), description);
	else
		cp_alg_edit_body(m);
	if (!is_final && description.len && c->origin == CP_SIDE_MW && cp_call_gate(c, m->status, m->to_tag) != CP_GATE_NONE &&
		!c->is_answered)
		sip_msg_add(m, SIP_HDR_P_EARLY_MEDIA, GW_SV("sendrecv"));	/* W2-EM-05 */
	if (is_final && m->status < 300 && c->is_answered)	/* of a re-offer: only the target may move */
		cp_half_target(c->ex.sender == CP_SIDE_W2 ? &c->core : &c->w2, m);
	else if (is_final && is_invite && m->status < 300)
		remember_dialog(c, m);
	if (!u || !cp_rel_sending(c, m))
		return;
	cp_sip_respond(u, m);
	if (is_final && is_invite && m->status < 300)
		answered(c);
	if (is_final && m->status < 300 && c->is_answered) {
		cp_loss_agreed(c);
		cp_call_record_codecs(c);
		cp_call_refreshed(c, m, c->ex.sender);
	}
	if (is_final)
		cp_call_save(c);
}

/* @return false: the call is over */
static bool relay_answer(struct cp_call *c, struct sip_msg *m)
{
	const struct cp_fork *f = m->status >= 200 && !c->is_answered ? cp_call_fork(c, m->to_tag) : NULL;
	char sdp[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(sdp, sizeof(sdp));

	if (f && f->has_answer) {
		cp_call_relay(c, m, GW_SV_NONE);
		return true;
	}
	if (cp_sdp_write_answer(c, &b)) {
		cp_call_release(c, 500, "answer could not be written");
		return false;
	}
	cp_call_relay(c, m, gw_buf_sv(&b));
	return true;
}

void cp_call_relay_waiting(struct cp_call *c)
{
	struct sip_msg *m = c->waiting;

	if (c->ex.is_own) {
		cp_call_save(c);
		cp_loss_go_on(c, true);
	} else if (m && m->is_request && m->method != SIP_ACK) {	/* early: its transaction may have gone meanwhile */
		cp_early_go(c);
	} else if (m && c->ex.is_delayed) {
		cp_call_delayed_go(c, m);
	} else if (m && relay_answer(c, m)) {
		cp_call_drop_waiting(c);
		cp_rel_go_on(c);
	}
}

void cp_call_drop_waiting(struct cp_call *c)
{
	gw_arena_reset(&c->waiting_arena);
	free(c->waiting);
	c->waiting = NULL;
}

void cp_call_keep(struct cp_call *c, const struct sip_msg *m)
{
	cp_call_drop_waiting(c);
	c->waiting = calloc(1, sizeof(*c->waiting));
	if (c->waiting && cp_sip_copy(c->waiting, &c->waiting_arena, m)) {
		free(c->waiting);
		c->waiting = NULL;
	}
}

static void configure(struct cp_call *c, struct sip_msg *m)
{
	enum gw_err err;

	if (c->ex.is_own) {	/* nobody waits for it */
		cp_call_ack(c, m);
		if (c->ex.sender == CP_SIDE_W2)
			cp_call_refreshed(c, m, c->ex.sender);
	} else {
		cp_call_keep(c, m);
	}
	err = cp_media_configure(c, cp_call_gate(c, m->status, m->to_tag), STEP_MODIFY);
	if (c->far_node && err == GW_OK) {
		cp_call_relay_waiting(c);
	} else if (c->far_node) {
		cp_call_drop_waiting(c);
		c->ex.is_applied = false;
		cp_call_refuse_answer(c, m, CP_FAR_MEDIA);
	} else if (err) {
		cp_call_release(c, 503, "media gateway lost");
	}
}

static bool is_same_answer(const struct cp_call *c, const struct sip_msg *m)
{
	return c->ex.is_applied && (m->body.len == 0 ||
		(c->ex.answer_text && gw_sv_eq(gw_sv_cstr(c->ex.answer_text), m->body)));
}

/*
 * A 2xx after the one that counts: repeated for want of an ACK, from another fork, or not in its
 * right mind. It moves no media.
 */
static void late_2xx(struct cp_call *c, struct sip_msg *m)
{
	const struct cp_half *callee = c->ex.sender == CP_SIDE_W2 ? &c->core : &c->w2;
	struct gw_sv tag = c->is_answered ? gw_sv_cstr(callee->tag) : c->waiting ? c->waiting->to_tag : m->to_tag;
	bool is_invite = m->cseq.method == SIP_INVITE;

	if (is_invite && !gw_sv_eq(tag, m->to_tag)) {	/* W2-SIP-38 */
		cp_call_hang_up(c, m, "SIP;cause=200;text=\"Call completed elsewhere\"");
	} else if (c->ex.is_own) {
		cp_call_ack(c, m);
	} else if (c->ex.is_delayed) {
		cp_call_delayed_again(c, m);
	} else if (is_same_answer(c, m)) {
		if (!c->waiting)
			(void)!relay_answer(c, m);
	} else {
		CP_COUNT(call_late_answer_dropped);
		if (is_invite)
			cp_call_ack(c, m);
	}
}

/* The exchange has its answer, or nobody waits for it any more. */
static bool is_over(const struct cp_call *c)
{
	return c->ex.is_own ? c->ex.is_applied : !c->ex.u || c->ex.u->is_final;
}

void cp_call_refuse_answer(struct cp_call *c, struct sip_msg *m, const char *why)
{
	bool is_invite = m->cseq.method == SIP_INVITE;
	struct cp_uas *u = c->ex.u;
	char reason[160];

	CP_COUNT(call_sdp_refused);
	GW_LOG_NOTICE(c->alg->s->log, "call.answer_refused", "call=%s why=\"%s\"", c->call_id, why);
	if (m->status < 200) {
		cp_call_relay(c, m, GW_SV_NONE);
		return;
	}
	if (c->ex.is_own) {
		cp_call_ack(c, m);
		cp_call_detach(c, "");
		cp_loss_go_on(c, false);
		return;
	}
	if (c->is_answered && c->ex.is_delayed) {	/* an offer without an answer: nobody knows what holds now */
		cp_call_ack(c, m);
		cp_call_release(c, 488, why);
		return;
	}
	if (c->is_answered) {
		if (is_invite)
			cp_call_ack(c, m);
		cp_sip_refuse(u, 488, why);
		return;
	}
	snprintf(reason, sizeof(reason), "SIP;cause=488;text=\"%s\"", why);
	cp_call_hang_up(c, m, reason);
	cp_call_detach(c, reason);
	cp_sip_refuse(u, 488, why);
	cp_call_end(c, why);
}

/* Refused, or no answer at all: m NULL. */
static void refused(struct cp_call *c, struct sip_msg *m, unsigned status)
{
	struct cp_uas *u = c->ex.u;
	bool is_reoffer = c->is_answered;	/* W2-SIP-34: the session goes on */
	bool is_own = c->ex.is_own;

	cp_call_detach(c, "SIP;cause=487");
	if (u && m) {
		cp_core_edit_response(c->alg->s, m, u->side);
		cp_alg_edit_body(m);
		cp_sip_respond(u, m);
	} else if (u) {
		cp_sip_refuse(u, c->is_cancelled && !is_reoffer ? 487 : status, NULL);
	}
	if (!is_reoffer) {
		cp_call_end(c, m ? sip_reason_phrase(status) : "no answer from the far end");
		return;
	}
	c->ex.is_delayed = false;
	cp_call_drop_waiting(c);
	if (is_own)
		cp_loss_go_on(c, false);
	else
		cp_loss_again(c);
}

void cp_call_on_response(void *user, struct cp_uac *uac, struct sip_msg *m, unsigned status)
{
	struct cp_call *c = user;
	struct cp_fork *f = NULL;
	const char *why = "";
	bool has_rseq;

	(void)uac;
	if (status == 100)
		return;
	if (!m || status >= 300) {
		refused(c, m, status);
		return;
	}
	has_rseq = sip_msg_find(m, SIP_HDR_RSEQ) && sip_msg_has_token(m, SIP_HDR_REQUIRE, GW_SV("100rel"));
	if (c->waiting && c->waiting->is_request && c->waiting->method != SIP_ACK) {	/* the gateway is busy with an early offer */
		if (status < 200 && !has_rseq)	/* the others are repeated by their sender */
			cp_rel_keep_unread(c, m);
		return;
	}
	if (!c->is_answered)
		f = cp_call_fork(c, m->to_tag);
	if (f && status == 199)		/* W2-SIP-38 */
		f->has_ended = true;
	if (c->ex.is_own && status < 200)	/* nobody rings */
		return;
	if (status >= 200 && (is_over(c) || (c->waiting && c->waiting->status >= 200))) {
		late_2xx(c, m);
		return;
	}
	if (!cp_rel_received(c, m))
		return;
	if (f && status < 200 && cp_has_sdp(m) && !c->ex.is_delayed && has_rseq && c->rel.role != CP_REL_CALLEE) {
		free(f->answer);
		f->answer = gw_sv_dup(m->body);
	} else if (f && status >= 200 && f->answer) {	/* RFC 3261 13.2.1: the first answer counts, and the dialog's own */
		sip_msg_set_body(m, GW_SV("application/sdp"), gw_arena_sv(m->arena, gw_sv_cstr(f->answer)));
	}
	if (status < 200)
		cp_call_early_media(c, m, m->to_tag);
	if (c->ex.is_own && !cp_has_sdp(m)) {
		cp_call_refuse_answer(c, m, "2xx without an answer");
	} else if (c->ex.is_delayed) {
		if (status >= 200)
			cp_call_delayed_offer(c, m);
		else
			cp_call_relay(c, m, GW_SV_NONE);
	} else if (cp_has_sdp(m)) {
		if (!is_same_answer(c, m) && cp_sdp_answer(c, m->body, &why))
			cp_call_refuse_answer(c, m, why);
		else
			configure(c, m);
	} else if (status >= 200 && c->ex.is_applied) {	/* the answer was in a reliable 18x */
		configure(c, m);
	} else if (c->waiting && status < 200) {	/* the gateway is busy with the one before */
		cp_rel_keep(c, m, GW_SV_NONE);
	} else {
		cp_call_relay(c, m, GW_SV_NONE);
	}
}
