/* SPDX-License-Identifier: Apache-2.0 */
/* Every way a call ends: BYE, CANCEL or a refusal to both sides, contexts given back (W2-SIP-70 to -72). */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/recent.h"
#include "control/app/metrics.h"
#include "control/sip/core.h"

/* What it takes to end a dialog after its call is gone; lives in the arena of the INVITE's transaction. */
struct orphan {
	struct cp_uac *uac;
	enum cp_side to;
	uint32_t cseq;               /* of the BYE, or whatever it is */
	struct gw_sv reason, target;
	struct gw_sv done[CP_FORKS_MAX + 2];	/* To-tags that have, or need, no BYE of ours */
	unsigned n_done;
	struct gw_sv routes[CP_ROUTES_MAX];	/* of an INVITE within the dialog */
	unsigned n_routes;
	bool is_initial;
};

/*
 * A request in the dialog of a response, in the name of the INVITE's sender. The route set of a first
 * answer is its Record-Route above our own entries, reversed (RFC 3261 12.1.2).
 */
static void dialog_request(struct cp_sip *s, const struct orphan *o, const struct sip_msg *ok,
	enum sip_method method, struct sip_msg *m, struct gw_arena *arena)
{
	struct gw_sv v, list[CP_ROUTES_MAX], target = o->target;
	struct sip_elements e = { 0 };
	struct sip_addr a;
	unsigned n = 0;

	if (sip_msg_element(ok, SIP_HDR_CONTACT, &e, &v) && sip_addr_parse(v, &a) == GW_OK && !a.is_star)
		target = a.uri.text;
	sip_msg_request(m, arena, method, target);
	if (o->is_initial && o->to == CP_SIDE_MW)
		n = cp_core_entries(s, ok, true, list, CP_ROUTES_MAX);
	for (unsigned i = 0; i < n; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, list[i]);
	for (unsigned i = 0; i < o->n_routes; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, o->routes[i]);
	sip_msg_add(m, SIP_HDR_MAX_FORWARDS, GW_SV("70"));
	sip_msg_add(m, SIP_HDR_FROM, sip_msg_value(ok, SIP_HDR_FROM));
	sip_msg_add(m, SIP_HDR_TO, sip_msg_value(ok, SIP_HDR_TO));
	sip_msg_add(m, SIP_HDR_CALL_ID, ok->call_id);
	sip_msg_addf(m, SIP_HDR_CSEQ, "%u %.*s", method == SIP_ACK ? ok->cseq.number : o->cseq,
		GW_SV_FMT(m->method_name));
}

static void ack_2xx(struct cp_sip *s, const struct orphan *o, const struct sip_msg *ok, const struct cp_peer *wic)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	struct cp_peer peer;
	struct sip_msg m;

	dialog_request(s, o, ok, SIP_ACK, &m, &a);
	if (o->to == CP_SIDE_W2)
		peer = *wic;
	else if (m.ruri.len)
		cp_sip_core_hop(s, &m, &peer);
	if (m.ruri.len)		/* else a 2xx without Contact, and no other is known */
		cp_sip_send_stateless(s, &m, &peer);
	gw_arena_reset(&a);
}

static void bye_2xx(struct cp_sip *s, const struct orphan *o, const struct sip_msg *ok, const struct cp_peer *wic)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	struct cp_peer peer;
	struct sip_msg m;

	dialog_request(s, o, ok, SIP_BYE, &m, &a);
	sip_msg_add(&m, SIP_HDR_REASON, o->reason);
	if (o->to == CP_SIDE_W2)
		peer = *wic;
	else if (m.ruri.len)
		cp_sip_core_hop(s, &m, &peer);
	CP_COUNT(call_late_answer_ended);
	if (m.ruri.len == 0 || cp_sip_send(s, &m, &peer, NULL, NULL, NULL, NULL))
		GW_LOG_WARN(s->log, "call.bye_failed", "call=%.*s", GW_SV_FMT(ok->call_id));
	gw_arena_reset(&a);
}

/* The call is gone, its INVITE is answered nevertheless. Repetitions get the ACK only. */
static void on_orphan_response(void *user, struct cp_uac *uac, struct sip_msg *m, unsigned status)
{
	struct orphan *o = user;

	if (!m || status / 100 != 2)	/* the transaction may have ended, and o with it */
		return;
	uac = o->uac;			/* after a 2xx it lives on for Timer M */
	ack_2xx(uac->sip, o, m, &uac->peer);
	for (unsigned i = 0; i < o->n_done; i++)
		if (gw_sv_eq(o->done[i], m->to_tag))
			return;
	if (o->n_done == sizeof(o->done) / sizeof(o->done[0]))
		return;
	o->done[o->n_done++] = gw_arena_sv(&uac->arena, m->to_tag);
	bye_2xx(uac->sip, o, m, &uac->peer);
}

static struct orphan orphan_of(const struct cp_call *c, const char *reason)
{
	const struct cp_half *from = c->ex.sender == CP_SIDE_W2 ? &c->w2 : &c->core;
	const struct cp_half *to = c->ex.sender == CP_SIDE_W2 ? &c->core : &c->w2;
	struct orphan o = { .to = cp_other(c->ex.sender), .cseq = from->cseq + 1, .reason = gw_sv_cstr(reason),
		.target = gw_sv_cstr(to->target), .is_initial = !c->is_answered };

	for (unsigned i = 0; c->is_answered && o.to == CP_SIDE_MW && i < to->n_routes; i++)
		o.routes[o.n_routes++] = gw_sv_cstr(to->routes[i]);
	return o;
}

void cp_call_dialog_request(const struct cp_call *c, const struct sip_msg *response, enum sip_method method,
	uint32_t cseq, struct sip_msg *m, struct gw_arena *arena)
{
	struct orphan o = orphan_of(c, "");

	o.cseq = cseq;
	dialog_request(c->alg->s, &o, response, method, m, arena);
}

static void keep_done(struct orphan *o, struct gw_arena *a, const char *tag)
{
	if (tag && o->n_done < sizeof(o->done) / sizeof(o->done[0]))
		o->done[o->n_done++] = gw_arena_sv(a, gw_sv_cstr(tag));
}

/* The INVITE's transaction outlives the call by up to three minutes: it takes along what it needs. */
static void leave_orphan(const struct cp_call *c, struct cp_uac *uac, const char *reason)
{
	struct orphan *o = gw_arena_new(&uac->arena, struct orphan);

	uac->on_response = NULL;
	uac->on_gone = NULL;
	uac->user = NULL;
	/* refused, or timed out: no 2xx can follow (RFC 6026) */
	if (!o || uac->req.method != SIP_INVITE || (uac->has_final && uac->txn.state != SIP_TXN_ACCEPTED))
		return;
	*o = orphan_of(c, reason);
	o->uac = uac;
	o->is_initial = uac->req.to_tag.len == 0;
	o->reason = gw_arena_sv(&uac->arena, o->reason);
	o->target = gw_arena_sv(&uac->arena, o->target);
	o->n_routes = o->is_initial ? 0 : o->n_routes;
	for (unsigned i = 0; i < o->n_routes; i++)
		o->routes[i] = gw_arena_sv(&uac->arena, o->routes[i]);
	for (unsigned i = 0; i < c->n_forks; i++)
		if (c->forks[i].has_bye)
			keep_done(o, &uac->arena, c->forks[i].tag);
	if (c->is_answered) {	/* the dialog itself is ended, if it is, by the BYE of the call */
		keep_done(o, &uac->arena, c->w2.tag);
		keep_done(o, &uac->arena, c->core.tag);
	}
	uac->on_response = on_orphan_response;
	uac->user = o;
}

void cp_call_detach(struct cp_call *c, const char *reason)
{
	if (c->ex.u) {
		c->ex.u->on_gone = NULL;
		c->ex.u->on_cancel = NULL;
	}
	if (c->ex.c)
		leave_orphan(c, c->ex.c, reason);
	c->ex.u = NULL;
	c->ex.c = NULL;
}

void cp_call_send_ack(struct cp_call *c, struct sip_msg *m, enum cp_side to)
{
	struct cp_peer peer;

	if (to == CP_SIDE_W2 && (!c->b || !cp_binding_alive(c->b)))
		return;
	if (to == CP_SIDE_W2)
		peer = c->b->peer;
	else
		cp_sip_core_hop(c->alg->s, m, &peer);
	cp_sip_send_stateless(c->alg->s, m, &peer);
}

void cp_call_ack(struct cp_call *c, const struct sip_msg *ok)
{
	struct orphan o = orphan_of(c, "");

	if (c->b)
		ack_2xx(c->alg->s, &o, ok, &c->b->peer);
}

void cp_call_hang_up(struct cp_call *c, const struct sip_msg *ok, const char *reason)
{
	struct orphan o = orphan_of(c, reason);
	struct cp_fork *f = cp_call_fork(c, ok->to_tag);

	o.is_initial = true;
	o.n_routes = 0;
	if (!c->b)
		return;
	ack_2xx(c->alg->s, &o, ok, &c->b->peer);
	if (f && f->has_bye)
		return;
	if (f)
		f->has_bye = true;
	bye_2xx(c->alg->s, &o, ok, &c->b->peer);
}

/* An answer kept back will not be relayed any more, what rings is called off, the rest runs out by itself. */
static void let_go(struct cp_call *c, const char *reason)
{
	struct cp_uac *uac = c->ex.c;
	struct sip_msg *ok = c->waiting ? c->waiting : cp_rel_final(c);

	if (ok && ok->is_request && ok->method == SIP_ACK) {
		sip_msg_set_body(ok, GW_SV_NONE, GW_SV_NONE);
		cp_call_send_ack(c, ok, cp_other(c->ex.sender));
	} else if (ok && ok->status / 100 == 2 && ok->cseq.method == SIP_INVITE) {
		if (c->is_answered)
			cp_call_ack(c, ok);
		else
			cp_call_hang_up(c, ok, reason);
	}
	cp_call_drop_waiting(c);
	cp_call_detach(c, reason);
	if (uac && uac->req.method == SIP_INVITE)
		cp_sip_cancel(uac, gw_sv_cstr(reason));
}

void cp_call_end(struct cp_call *c, const char *why)
{
	struct cp_alg *a = c->alg;
	uint64_t now = cp_loop_now(a->s->loop);
	struct cp_uas *u = c->ex.u;
	char reason[160];

	GW_LOG_NOTICE(a->s->log, "call.end",
		"call=%s id=%llu icid=%s far_ioi=%s origin=%s context=%u setup_ms=%llu talk_ms=%llu why=\"%s\"", c->call_id,
		(unsigned long long)c->id, c->icid, c->far_ioi ? c->far_ioi : "-", c->origin == CP_SIDE_W2 ? "wic" : "core", c->context,
		(unsigned long long)(c->answer_ms ? c->answer_ms - c->start_ms : 0),
		(unsigned long long)(c->answer_ms ? now - c->answer_ms : 0), why);
	snprintf(reason, sizeof(reason), "SIP;cause=487;text=\"%s\"", why);
	let_go(c, reason);
	cp_rel_end(c);
	cp_early_end(c);
	if (u)
		cp_sip_refuse(u, 487, NULL);	/* RFC 3261 15.1.2: a BYE ends what was pending */
	cp_call_record_end(c, why);
	cp_recent_end(c->call_id, why);
	cp_media_subtract(c);
	cp_call_forget(c);
	CP_GAUGE_ADD(sip_dialogs, c->is_answered ? -1 : 0);
	gw_timer_stop(&a->s->loop->timers, &c->ice_timer);
	gw_timer_stop(&a->s->loop->timers, &c->grace);
	gw_timer_stop(&a->s->loop->timers, &c->session);
	gw_list_remove(&c->node);
	gw_map_del_u64(&a->by_id, c->id);
	if (c->b) {
		gw_list_remove(&c->of_binding);
		c->b->n_calls--;
		cp_binding_call_over(c->b);
	}
	cp_call_free(c);
	CP_GAUGE_ADD(calls, -1);
}

bool cp_call_own_request(const struct cp_call *c, enum cp_side to, enum sip_method method, struct sip_msg *m, struct gw_arena *arena)
{
	const struct cp_half *mine = to == CP_SIDE_W2 ? &c->core : &c->w2;
	const struct cp_half *theirs = to == CP_SIDE_W2 ? &c->w2 : &c->core;

	if (!theirs->target || !theirs->identity || !mine->identity ||
		(to == CP_SIDE_W2 && (!c->b || !cp_binding_may_return(c->b))))
		return false;
	sip_msg_request(m, arena, method, gw_sv_cstr(theirs->target));
	for (unsigned i = 0; to == CP_SIDE_MW && i < theirs->n_routes; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, gw_sv_cstr(theirs->routes[i]));
	sip_msg_add(m, SIP_HDR_MAX_FORWARDS, GW_SV("70"));
	sip_msg_add(m, SIP_HDR_FROM, gw_sv_cstr(mine->identity));
	sip_msg_add(m, SIP_HDR_TO, gw_sv_cstr(theirs->identity));
	sip_msg_add(m, SIP_HDR_CALL_ID, gw_sv_cstr(c->call_id));
	sip_msg_addf(m, SIP_HDR_CSEQ, "%u %.*s", mine->cseq + 1, GW_SV_FMT(m->method_name));
	m->cseq.number = mine->cseq + 1;
	m->from_tag = gw_sv_cstr(mine->tag);
	m->to_tag = gw_sv_cstr(theirs->tag);
	m->call_id = gw_sv_cstr(c->call_id);
	return true;
}

/* A BYE of our own towards one side, in the name of the cp_other (W2-SIP-70). */
void cp_call_send_bye(struct cp_call *c, enum cp_side to, struct gw_sv reason)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	struct cp_sip *s = c->alg->s;
	struct cp_peer peer;
	struct sip_msg m;

	if (!cp_call_own_request(c, to, SIP_BYE, &m, &a)) {
		gw_arena_reset(&a);
		return;
	}
	if (reason.len)
		sip_msg_add(&m, SIP_HDR_REASON, reason);
	if (to == CP_SIDE_W2)
		peer = c->b->peer;
	else
		cp_sip_core_hop(s, &m, &peer);
	if (cp_sip_send(s, &m, &peer, NULL, NULL, NULL, NULL))
		GW_LOG_WARN(s->log, "call.bye_failed", "call=%s", c->call_id);
	gw_arena_reset(&a);
}

void cp_call_fail_reoffer(struct cp_call *c, unsigned status, const char *text)
{
	struct cp_uas *u = c->ex.u;
	char reason[160];

	snprintf(reason, sizeof(reason), "SIP;cause=%u;text=\"%s\"", status, text);
	let_go(c, reason);
	cp_rel_end(c);
	c->ex.is_delayed = false;
	if (u)
		cp_sip_refuse(u, status, text);
}

void cp_call_release(struct cp_call *c, unsigned cause, const char *text)
{
	struct cp_uas *u = c->ex.u;
	char reason[256];

	snprintf(reason, sizeof(reason), "SIP;cause=%u;text=\"%s\"", cause, text);
	CP_COUNT(call_released_by_gateway);
	let_go(c, reason);
	cp_rel_end(c);
	if (c->is_answered) {
		cp_call_send_bye(c, CP_SIDE_MW, gw_sv_cstr(reason));
		cp_call_send_bye(c, CP_SIDE_W2, gw_sv_cstr(reason));
	}
	if (u)
		cp_sip_refuse(u, cause, text);
	cp_call_end(c, text);
}

void cp_call_on_ice_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_call *c = GW_CONTAINER(timer, struct cp_call, ice_timer);

	(void)now_ms;
	if (!c->ice_ok || !c->dtls_up)
		cp_call_release(c, 503, c->ice_ok ? "DTLS handshake did not finish" : "no ICE connectivity");
}

void cp_call_on_grace(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	cp_call_release(GW_CONTAINER(timer, struct cp_call, grace), 503, "media path lost");
}
