/* SPDX-License-Identifier: Apache-2.0 */
/* An offer on its way: a new call or a re-offer, converted and sent to the other leg. */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/app/recent.h"
#include "control/sip/core.h"

void cp_call_on_uac_gone(void *user, struct cp_uac *uac)
{
	struct cp_call *c = user;

	if (c->ex.c == uac)
		c->ex.c = NULL;
}

void cp_call_on_uas_gone(void *user, struct cp_uas *u)
{
	struct cp_call *c = user;

	if (c->ex.u == u)
		c->ex.u = NULL;
}

void cp_call_on_cancel(void *user, struct cp_uas *u, const struct sip_msg *cancel)
{
	struct cp_call *c = user;

	c->is_cancelled = true;
	if (c->ex.c && c->ex.c->has_final) {	/* a 2xx is kept back, and will be: its sender gets ACK and BYE */
		cp_call_end(c, "cancelled");
		return;
	}
	if (c->ex.c) {
		cp_sip_cancel(c->ex.c, sip_msg_value(cancel, SIP_HDR_REASON));
		return;		/* the 487 of the far end is relayed */
	}
	cp_call_detach(c, "SIP;cause=487");
	cp_sip_refuse(u, 487, NULL);
	cp_call_end(c, "cancelled");
}

/* The request of the exchange with our description, headers of the leg, and out. */
enum gw_err cp_call_forward_offer(struct cp_call *c, struct sip_msg *m)
{
	struct cp_sip *s = c->alg->s;
	enum cp_side to = cp_other(c->ex.sender);
	char sdp[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(sdp, sizeof(sdp));
	struct cp_peer peer;
	enum gw_err err;

	if (c->ex.is_delayed) {	/* in a reliable 18x the offer would have its answer in a PRACK */
		sip_msg_del_token(m, SIP_HDR_SUPPORTED, GW_SV("100rel"));
	} else {
		if ((err = cp_sdp_write_offer(c, &b)))
			return err;
		sip_msg_set_body(m, GW_SV("application/sdp"), gw_buf_sv(&b));
	}
	if (to == CP_SIDE_MW) {
		cp_core_edit_to_core(s, m, c->b, gw_sv_cstr(c->icid));
		if (m->method == SIP_INVITE && m->to_tag.len == 0)
			sip_msg_add(m, SIP_HDR_P_EARLY_MEDIA, GW_SV("supported"));
		cp_sip_core_hop(s, m, &peer);
	} else {
		if (!cp_binding_alive(c->b))
			return GW_ECLOSED;
		peer = c->b->peer;
	}
	if (m->to_tag.len == 0)
		cp_core_record_route(s, m, c->b, to);
	if (to == CP_SIDE_W2)
		cp_core_edit_to_wic(s, m);
	if (m->method == SIP_INVITE)
		cp_rel_invite(c, m);
	return cp_sip_send(s, m, &peer, cp_call_on_response, cp_call_on_uac_gone, c, &c->ex.c);
}

void cp_call_send_offer(struct cp_call *c)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct cp_uas *u = c->ex.u;
	struct sip_msg m;
	enum gw_err err = GW_ECLOSED;

	if (!c->is_answered)
		c->state = CALL_INVITING;
	if (u && c->waiting) {
		cp_sip_clone(&m, c->waiting, &a);
		err = cp_call_forward_offer(c, &m);
	}
	cp_call_drop_waiting(c);
	gw_arena_reset(&a);
	if (err == GW_OK)
		return;
	cp_call_detach(c, "SIP;cause=503");
	if (u)
		cp_sip_refuse(u, sip_status_of(err), NULL);
	c->ex.is_delayed = false;
	if (!c->is_answered)
		cp_call_end(c, "INVITE could not be sent");
}

void cp_call_not_reserved(struct cp_call *c)
{
	struct cp_uas *u = c->ex.u;

	if (c->ex.is_delayed) {		/* the other side has been answered already */
		cp_call_release(c, 503, "media gateway refused");
		return;
	}
	cp_call_detach(c, "SIP;cause=503");
	cp_call_drop_waiting(c);
	if (u)
		cp_sip_refuse(u, c->is_answered ? 488 : 503, "media gateway refused");
	if (!c->is_answered)		/* W2-SIP-34 */
		cp_call_end(c, "media gateway refused");
}

struct cp_call *cp_call_alloc(struct cp_alg *a)
{
	struct cp_call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->alg = a;
	c->ice_timer.fn = cp_call_on_ice_timer;
	c->grace.fn = cp_call_on_grace;
	c->session.fn = cp_call_on_session;
	gw_list_init(&c->node);
	gw_list_init(&c->of_binding);
	cp_rel_init(c);
	return c;
}

void cp_call_free(struct cp_call *c)
{
	cp_half_clear(&c->w2);
	cp_half_clear(&c->core);
	gw_arena_reset(&c->ex.arena);
	for (unsigned i = 0; i < c->n_forks; i++) {
		free(c->forks[i].tag);
		free(c->forks[i].answer);
	}
	free(c->ex.answer_text);
	free(c->call_id);
	free(c->far_ioi);
	free(c->far_node);
	free(c->far_gateway);
	free(c->called);
	free(c->codecs);
	cp_loss_free(c);
	cp_media_forget(c);
	cp_sdes_free(c);
	free(c);
}

/* c serves this request from now on. */
static void serve(struct cp_call *c, struct cp_uas *u)
{
	c->ex.u = u;
	u->on_cancel = cp_call_on_cancel;
	u->on_gone = cp_call_on_uas_gone;
	u->user = c;
}

/* The core's offer would be in a 18x, its answer in a PRACK; the other way round we end it (call_100rel.c). */
static const char *delayed_refusal(const struct sip_msg *m, enum cp_side to)
{
	return to == CP_SIDE_MW && sip_msg_has_token(m, SIP_HDR_REQUIRE, GW_SV("100rel")) ?
		"INVITE without an offer that requires 100rel is not supported" : NULL;
}

void cp_call_new(struct cp_alg *a, struct cp_uas *u, struct sip_msg *m, struct cp_binding *b,
	enum cp_side to)
{
	struct cp_call *c;
	const char *why = "";
	unsigned status = 500;
	bool is_emergency = to == CP_SIDE_MW && u->is_emergency;	/* never refused for load (W2-HDR-15) */

	if (a->s->is_draining && !is_emergency) {
		CP_COUNT(sip_refused_draining);
		cp_sip_refuse(u, 503, "this node takes no new calls");
		return;
	}
	if ((!is_emergency && cp_gauge_value[calls] >= (int64_t)a->s->conf->reg.max_calls) || !(c = cp_call_alloc(a))) {
		cp_sip_refuse(u, 503, "too many calls");
		return;
	}
	cp_recent_begin(m->call_id, to == CP_SIDE_MW ? CP_RECENT_W2 : CP_RECENT_MW, cp_has_sdp(m) ? "INVITE SDP" : "INVITE");
	cp_sip_refuse(u, 100, NULL);	/* W2-SIP-10 */
	c->id = ++a->next_id;
	c->origin = cp_other(to);
	c->is_emergency = is_emergency;
	c->is_priority = to == CP_SIDE_W2 && sip_msg_find(m, SIP_HDR_RESOURCE_PRIORITY);	/* a client's own says nothing */
	c->start_ms = cp_loop_now(a->s->loop);
	c->call_id = gw_sv_dup(m->call_id);
	cp_call_record_called(c, &u->req);
	if (to == CP_SIDE_MW || gw_sv_copy(cp_core_icid_of(m), c->icid, sizeof(c->icid)) || c->icid[0] == '\0')
		cp_core_icid(c->icid, sizeof(c->icid));
	cp_random(&c->o_w2.id, 7);
	cp_random(&c->o_core.id, 7);
	cp_call_of_binding(c, b);
	gw_list_append(&a->calls, &c->node);
	CP_GAUGE_ADD(calls, 1);
	if (to == CP_SIDE_MW)
		CP_COUNT(call_attempts_out);
	else
		CP_COUNT(call_attempts_in);
	cp_half_identity(to == CP_SIDE_MW ? &c->w2 : &c->core, m, SIP_HDR_FROM);
	cp_half_target(to == CP_SIDE_MW ? &c->w2 : &c->core, m);
	(to == CP_SIDE_MW ? &c->w2 : &c->core)->cseq = m->cseq.number;
	c->cseq_first = m->cseq.number;
	if (to == CP_SIDE_W2) {
		cp_half_routes(c, m, false);
		cp_call_learn_ioi(c, m);
		c->early_supported = sip_msg_has_token(m, SIP_HDR_P_EARLY_MEDIA, GW_SV("supported"));
	}
	cp_call_keep(c, m);
	if (!c->call_id || !c->waiting || gw_map_put_u64(&a->by_id, c->id, c)) {
		cp_sip_refuse(u, 500, NULL);
		cp_call_end(c, "out of memory");
		return;
	}
	cp_sdp_begin(c, c->origin);
	c->ex.cseq = m->cseq.number;
	c->ex.is_delayed = !cp_has_sdp(m);
	if (c->ex.is_delayed && (why = delayed_refusal(m, to))) {
		cp_sip_refuse(u, 488, why);
		cp_call_end(c, why);
		return;
	}
	if (!c->ex.is_delayed && cp_sdp_offer(c, m->body, c->origin, &why, &status)) {
		CP_COUNT(call_sdp_refused);
		cp_sip_refuse(u, status, why);
		cp_call_end(c, why);
		return;
	}
	serve(c, u);
	if (to == CP_SIDE_W2 && !cp_binding_alive(b)) {
		cp_call_detach(c, "SIP;cause=503");
		cp_sip_refuse(u, 430, NULL);
		cp_call_end(c, "flow dead");
		return;
	}
	if (c->ex.is_delayed) {		/* what to reserve is in the answer */
		cp_call_send_offer(c);
		return;
	}
	if (cp_media_reserve(c)) {	/* W2-ERR-28 */
		cp_call_detach(c, "SIP;cause=503");
		cp_sip_refuse(u, 503, "no media gateway");
		cp_call_end(c, "no media gateway");
	}
}

void cp_call_reoffer(struct cp_call *c, struct cp_uas *u, struct sip_msg *m, enum cp_side to)
{
	const char *why = "";
	unsigned status = 488;

	if (!c->is_answered) {
		(void)cp_early_offer(c, u, m, to);
		return;
	}
	if (cp_loss_blocks(c, cp_other(to))) {
		cp_sip_refuse(u, 491, NULL);
		return;
	}
	if (cp_call_is_busy(c)) {
		cp_sip_refuse(u, c->ex.sender == to ? 491 : 500, NULL);	/* W2-SIP-33: whose turn it was */
		return;
	}
	if (cp_call_restart(c, u, m))
		return;
	cp_loss_superseded(c);
	if (c->far_node && !cp_has_sdp(m)) {	/* what the other side would offer may be anything */
		cp_sip_refuse(u, 488, CP_FAR_MEDIA);
		return;
	}
	if (!cp_has_sdp(m) && (why = delayed_refusal(m, to))) {
		cp_sip_refuse(u, 488, why);
		return;
	}
	cp_call_detach(c, "SIP;cause=487");
	cp_sdp_begin(c, cp_other(to));
	c->ex.cseq = m->cseq.number;
	c->ex.is_delayed = !cp_has_sdp(m);
	if (!c->ex.is_delayed && cp_sdp_offer(c, m->body, cp_other(to), &why, &status)) {
		CP_COUNT(call_sdp_refused);
		cp_sip_refuse(u, status, why);
		return;
	}
	if (m->method == SIP_INVITE)
		cp_sip_refuse(u, 100, NULL);
	serve(c, u);
	cp_half_target(to == CP_SIDE_MW ? &c->w2 : &c->core, m);
	cp_call_keep(c, m);
	if (c->ex.is_delayed || cp_media_is_reserved(c))
		cp_call_send_offer(c);
	else if (!c->waiting || c->far_node || cp_media_reserve(c))	/* a line more than before */
		cp_call_not_reserved(c);
}
