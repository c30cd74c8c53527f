/* SPDX-License-Identifier: Apache-2.0 */
/* Reliable provisional responses for WICs that do not know them: PRACK, RSeq and RAck of our own (RFC 3262). */
#include "control/alg/call_100rel.h"

#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/sip/core.h"

#define HELD_MAX 8u

static const struct gw_sv tag_100rel = GW_SV_INIT("100rel");

/* A response that waits for its turn. */
struct held {
	struct gw_list node;
	struct gw_arena arena;
	struct sip_msg m;
	struct gw_sv description;
	bool is_behind;              /* it came while another one waited for the gateway */
	bool is_unread;              /* nothing of it has been looked at yet */
};

/* ---- the INVITE -------------------------------------------------------------------------------------------- */

void cp_rel_invite(struct cp_call *c, struct sip_msg *m)
{
	enum cp_side to = cp_other(c->ex.sender);
	bool is_required = sip_msg_has_token(m, SIP_HDR_REQUIRE, tag_100rel);
	bool is_supported = sip_msg_has_token(m, SIP_HDR_SUPPORTED, tag_100rel);

	cp_rel_end(c);
	c->rel.cseq = m->cseq.number;
	for (unsigned i = 0; i < c->n_forks; i++)
		c->forks[i].has_answer = false;
	if (to == CP_SIDE_W2 && is_required) {
		sip_msg_del_token(m, SIP_HDR_REQUIRE, tag_100rel);
		sip_msg_del_token(m, SIP_HDR_SUPPORTED, tag_100rel);
		c->rel.role = CP_REL_CALLEE;
	} else if (to == CP_SIDE_MW && m->to_tag.len == 0 && !is_required && !is_supported) {
		c->rel.role = CP_REL_CALLER;
		/* an offer of the core in a 18x would have to be answered before the WIC has been asked */
		if (c->alg->s->conf->mw.prack && !c->ex.is_delayed)
			sip_msg_add(m, SIP_HDR_SUPPORTED, tag_100rel);
	}
}

/* ---- CALLER: PRACK of our own ------------------------------------------------------------------------------ */

/* W2-EM-02: the header may come with the answer to a PRACK. */
static void on_prack_response(void *user, struct cp_uac *uac, struct sip_msg *m, unsigned status)
{
	struct cp_alg *a = user;

	(void)uac;
	if (!m || status / 100 != 2 || !sip_msg_find(m, SIP_HDR_P_EARLY_MEDIA))
		return;
	GW_LIST_FOREACH(it, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (c->origin == CP_SIDE_W2 && gw_sv_eq(gw_sv_cstr(c->call_id), m->call_id) &&
			gw_sv_eq(gw_sv_cstr(c->w2.tag), m->from_tag)) {
			cp_call_early_media(c, m, m->to_tag);
			return;
		}
	}
}

static enum gw_err send_prack(struct cp_call *c, const struct sip_msg *reliable, uint32_t rseq)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	struct cp_sip *s = c->alg->s;
	struct cp_peer peer;
	struct sip_msg m;
	enum gw_err err;

	cp_call_dialog_request(c, reliable, SIP_PRACK, c->w2.cseq + 1, &m, &a);
	sip_msg_addf(&m, SIP_HDR_RACK, "%u %u INVITE", rseq, reliable->cseq.number);
	cp_core_edit_to_core(s, &m, c->b, gw_sv_cstr(c->icid));
	cp_sip_core_hop(s, &m, &peer);
	err = m.ruri.len ? cp_sip_send(s, &m, &peer, on_prack_response, NULL, c->alg, NULL) : GW_EBADMSG;
	gw_arena_reset(&a);
	if (err)
		return err;
	c->w2.cseq++;
	c->cseq_shift++;
	CP_COUNT(call_prack_sent);
	return GW_OK;
}

void cp_rel_pass(struct cp_call *c, const struct sip_msg *prack, enum cp_side to)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	struct cp_sip *s = c->alg->s;
	struct cp_peer peer = c->b->peer;
	struct sip_msg m;

	cp_sip_clone(&m, prack, &a);
	sip_msg_set_body(&m, GW_SV_NONE, GW_SV_NONE);
	if (to == CP_SIDE_MW) {
		cp_core_edit_to_core(s, &m, c->b, gw_sv_cstr(c->icid));
		cp_sip_core_hop(s, &m, &peer);
	} else {
		cp_core_edit_to_wic(s, &m);
	}
	if (cp_sip_send(s, &m, &peer, on_prack_response, NULL, c->alg, NULL))
		GW_LOG_WARN(s->log, "call.prack_failed", "call=%s", c->call_id);
	gw_arena_reset(&a);
}

bool cp_rel_received(struct cp_call *c, struct sip_msg *m)
{
	struct cp_fork *f;
	uint32_t rseq;

	if (c->rel.role != CP_REL_CALLER || m->status >= 200 || m->cseq.method != SIP_INVITE ||
		!sip_msg_has_token(m, SIP_HDR_REQUIRE, tag_100rel))
		return true;
	f = cp_call_fork(c, m->to_tag);
	if (!f || gw_sv_u32(sip_msg_value(m, SIP_HDR_RSEQ), &rseq) || rseq == 0 || (f->rseq && rseq != f->rseq + 1) ||
		send_prack(c, m, rseq)) {
		CP_COUNT(call_reliable_dropped);
		return false;
	}
	f->rseq = rseq;
	sip_msg_del(m, SIP_HDR_RSEQ);
	sip_msg_del_token(m, SIP_HDR_REQUIRE, tag_100rel);
	return true;
}

/* ---- CALLEE: RSeq of our own ------------------------------------------------------------------------------- */

static void drop_held(struct cp_call *c)
{
	while (!gw_list_empty(&c->rel.held)) {
		struct held *h = GW_CONTAINER(c->rel.held.next, struct held, node);

		gw_list_remove(&h->node);
		gw_arena_reset(&h->arena);
		free(h);
	}
	c->rel.n_held = 0;
}

/* The response that waited for the gateway was there before those that came meanwhile: the first of them, or the end. */
static struct gw_list *first_behind(struct cp_call *c)
{
	GW_LIST_FOREACH(it, &c->rel.held)
		if (GW_CONTAINER(it, struct held, node)->is_behind)
			return it;
	return &c->rel.held;
}

static struct held *keep(struct cp_call *c, const struct sip_msg *m, struct gw_sv description)
{
	struct held *h = c->rel.n_held < HELD_MAX || m->status >= 200 ? calloc(1, sizeof(*h)) : NULL;

	if (!h || cp_sip_copy(&h->m, &h->arena, m)) {
		CP_COUNT(call_reliable_dropped);
		if (h)
			gw_arena_reset(&h->arena);
		free(h);
		return NULL;
	}
	h->description = gw_arena_sv(&h->arena, description);
	h->is_behind = c->waiting && m != c->waiting;
	gw_list_append(m == c->waiting ? first_behind(c) : &c->rel.held, &h->node);
	c->rel.n_held++;
	return h;
}

void cp_rel_keep(struct cp_call *c, const struct sip_msg *m, struct gw_sv description)
{
	(void)keep(c, m, description);
}

void cp_rel_keep_unread(struct cp_call *c, const struct sip_msg *m)
{
	struct held *h = keep(c, m, GW_SV_NONE);

	if (h)
		h->is_unread = true;
}

struct sip_msg *cp_rel_final(const struct cp_call *c)
{
	struct held *h = gw_list_empty(&c->rel.held) ? NULL : GW_CONTAINER(c->rel.held.prev, struct held, node);

	return h && h->m.status >= 200 ? &h->m : NULL;
}

bool cp_rel_hold(struct cp_call *c, const struct sip_msg *m, struct gw_sv description)
{
	bool waits = c->rel.rseq && (m->status < 200 || (m->status < 300 && c->rel.has_sdp));

	if (m->cseq.method != SIP_INVITE)
		return false;
	if (!waits) {
		if (m->status >= 200)	/* what was said before matters no more */
			drop_held(c);
		return false;
	}
	if (!cp_rel_final(c))
		cp_rel_keep(c, m, description);
	return true;
}

/* RFC 3262 3: uniformly between 1 and 2^31 - 1. */
static uint32_t first_rseq(void)
{
	uint32_t r;

	cp_random(&r, sizeof(r));
	r &= INT32_MAX;
	return r ? r : 1;
}

static void repeat_after(struct cp_call *c, uint64_t now, uint32_t interval_ms)
{
	uint64_t due = now + interval_ms;

	c->rel.interval_ms = interval_ms;
	(void)gw_timer_arm(&c->alg->s->loop->timers, &c->rel.timer, due < c->rel.end_ms ? due : c->rel.end_ms);
}

bool cp_rel_sending(struct cp_call *c, struct sip_msg *m)
{
	uint32_t t1 = c->alg->s->conf->mw.t1_ms;
	uint64_t now = cp_loop_now(c->alg->s->loop);
	struct cp_fork *f;

	if (m->status <= 100 || m->status >= 200 || m->cseq.method != SIP_INVITE)
		return true;
	f = cp_call_fork(c, m->to_tag);
	if (c->rel.role != CP_REL_CALLEE) {
		if (f && cp_has_sdp(m) && sip_msg_find(m, SIP_HDR_RSEQ))
			f->has_answer = true;
		return true;
	}
	if (!f || c->ex.is_delayed)	/* without an offer in it no reliable one may go (RFC 3262 5) */
		return false;
	f->rseq = f->rseq ? f->rseq + 1 : first_rseq();
	f->has_answer |= cp_has_sdp(m);
	sip_msg_del_token(m, SIP_HDR_REQUIRE, tag_100rel);
	sip_msg_add(m, SIP_HDR_REQUIRE, tag_100rel);
	sip_msg_del(m, SIP_HDR_RSEQ);
	sip_msg_addf(m, SIP_HDR_RSEQ, "%u", f->rseq);
	c->rel.rseq = f->rseq;
	c->rel.fork = (unsigned)(f - c->forks);
	c->rel.has_sdp = cp_has_sdp(m);
	c->rel.end_ms = now + 64ull * t1;
	repeat_after(c, now, t1);
	CP_COUNT(call_reliable_sent);
	return true;
}

/* RFC 3262 3: repeated at T1, twice that and so on, over reliable transports, too; for 64*T1. */
static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_call *c = GW_CONTAINER(timer, struct cp_call, rel.timer);
	struct cp_uas *u = c->ex.u;

	if (!u || u->is_final || c->rel.rseq == 0)
		return;
	if (now_ms < c->rel.end_ms) {
		cp_sip_repeat(u);
		repeat_after(c, now_ms, 2 * c->rel.interval_ms);
		return;
	}
	CP_COUNT(call_prack_missing);
	if (!c->is_answered) {
		cp_call_release(c, 504, "no PRACK");
		return;
	}
	cp_call_fail_reoffer(c, 504, "no PRACK");
}

/* @return false: the call is over */
static bool take_turn(struct cp_call *c, struct held *h)
{
	const struct cp_alg *a = c->alg;
	uint64_t id = c->id;

	if (!h->is_unread) {
		cp_call_relay(c, &h->m, h->description);
		return true;
	}
	cp_call_on_response(c, c->ex.c, &h->m, h->m.status);
	return gw_map_get_u64(&a->by_id, id) != NULL;
}

void cp_rel_go_on(struct cp_call *c)
{
	bool goes_on = true;

	if (!c->waiting)
		GW_LIST_FOREACH(it, &c->rel.held)
			GW_CONTAINER(it, struct held, node)->is_behind = false;
	while (goes_on && c->rel.rseq == 0 && !c->waiting && !gw_list_empty(&c->rel.held)) {
		struct held *h = GW_CONTAINER(c->rel.held.next, struct held, node);

		gw_list_remove(&h->node);
		c->rel.n_held--;
		goes_on = take_turn(c, h);
		gw_arena_reset(&h->arena);
		free(h);
	}
}

static bool is_acknowledged(const struct cp_call *c, const struct sip_msg *m)
{
	struct sip_rack rack;

	return c->rel.rseq && sip_rack_parse(sip_msg_value(m, SIP_HDR_RACK), &rack) == GW_OK &&
		rack.rseq == c->rel.rseq && rack.cseq.number == c->rel.cseq && rack.cseq.method == SIP_INVITE &&
		gw_sv_eq(gw_sv_cstr(c->forks[c->rel.fork].tag), m->to_tag);
}

bool cp_rel_prack(struct cp_call *c, struct cp_uas *u, struct sip_msg *m)
{
	if (c->rel.role != CP_REL_CALLEE)
		return false;
	if (!is_acknowledged(c, m)) {
		cp_sip_refuse(u, 481, "no response waits for this PRACK");
		return true;
	}
	gw_timer_stop(&c->alg->s->loop->timers, &c->rel.timer);
	c->rel.rseq = 0;
	if (!cp_has_sdp(m))
		cp_sip_refuse(u, 200, NULL);
	else if (!cp_early_offer(c, u, m, CP_SIDE_W2))
		return true;
	cp_rel_go_on(c);
	return true;
}

/* ---- begin and end ----------------------------------------------------------------------------------------- */

void cp_rel_init(struct cp_call *c)
{
	gw_list_init(&c->rel.held);
	c->rel.timer.fn = on_timer;
}

void cp_rel_end(struct cp_call *c)
{
	gw_timer_stop(&c->alg->s->loop->timers, &c->rel.timer);
	drop_held(c);
	c->rel.role = CP_REL_PASS;
	c->rel.rseq = 0;
}
