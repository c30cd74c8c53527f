/* SPDX-License-Identifier: Apache-2.0 */
/* The session: INVITE to BYE between a WIC and the core, with its H.248 context. Entry points and set-up. */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"

/* The call of a request within a dialog; *fork_of: none, but one of the forks of this one is meant. */
static struct cp_call *find(const struct sip_msg *m, const struct cp_binding *b, enum cp_side from,
	struct cp_call **fork_of)
{
	GW_LIST_FOREACH(it, &b->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, of_binding);

		if (!gw_sv_eq(gw_sv_cstr(c->call_id), m->call_id))
			continue;
		if (cp_call_in_dialog(c, m, from))
			return c;
		if (cp_call_in_fork(c, m, from))
			*fork_of = c;
	}
	return NULL;
}

static const struct cp_call *by_call_id(const struct cp_binding *b, struct gw_sv call_id)
{
	GW_LIST_FOREACH(it, &b->calls) {
		const struct cp_call *c = GW_CONTAINER(it, struct cp_call, of_binding);

		if (gw_sv_eq(gw_sv_cstr(c->call_id), call_id))
			return c;
	}
	return NULL;
}

bool cp_alg_has_call(const struct cp_binding *b, struct gw_sv call_id)
{
	return by_call_id(b, call_id) != NULL;
}

bool cp_alg_is_emergency(const struct cp_binding *b, struct gw_sv call_id)
{
	const struct cp_call *c = by_call_id(b, call_id);

	return c && c->is_emergency;
}

static bool has_descriptions(enum sip_method method)
{
	return method == SIP_INVITE || method == SIP_UPDATE || method == SIP_PRACK;
}

void cp_alg_edit_body(struct sip_msg *m)
{
	if (has_descriptions(m->is_request ? m->method : m->cseq.method) && (cp_has_sdp(m) || cp_is_opaque(m)))
		sip_msg_set_body(m, GW_SV_NONE, GW_SV_NONE);
}

void cp_alg_response(struct cp_uas *u, struct sip_msg *m)
{
	struct cp_binding *b = m->cseq.method == SIP_UPDATE || m->cseq.method == SIP_PRACK ?
		cp_reg_by_id(u->sip->reg, u->binding) : NULL;
	struct cp_call *fork_of = NULL, *c = b && m->status / 100 == 2 ? find(m, b, u->side, &fork_of) : NULL;

	if (c && c->is_answered)
		cp_call_refreshed(c, m, u->side);
	else if (c && u->side == CP_SIDE_W2)	/* W2-EM-02 */
		cp_call_early_media(c, m, m->to_tag);
	cp_alg_edit_body(m);
}

/* A request within a dialog that no call here knows. @return answered */
static bool stray(struct cp_uas *u, struct sip_msg *m, struct cp_call *fork_of, enum cp_side to)
{
	if (m->to_tag.len == 0 || (!has_descriptions(m->method) && m->method != SIP_BYE))
		return false;
	if (fork_of && m->method == SIP_UPDATE && cp_has_sdp(m)) {
		cp_sip_refuse(u, 488, "the media of this call are in another of its dialogs");
		return true;
	}
	if (fork_of && m->method != SIP_INVITE) {	/* a caller puts an end to what it does not want, or a callee is not there yet */
		cp_call_renumber(fork_of, m, to);
		cp_alg_edit_body(m);
		return false;
	}
	cp_sip_refuse(u, 481, NULL);	/* W2-ERR-35 */
	return true;
}

/*
 * BYE ends the call, whatever becomes of it. It is forwarded like any request, unless its WIC is away: then it is
 * answered here, and the WIC hears of it from us when it is back (W2-REG-65). @return answered
 */
static bool bye(struct cp_call *c, struct cp_uas *u, const struct sip_msg *m, enum cp_side to)
{
	struct cp_fork *f = cp_call_fork(c, c->origin == to ? m->from_tag : m->to_tag);
	bool is_away = to == CP_SIDE_W2 && !cp_binding_alive(c->b);

	if (f)		/* this one reaches its dialog: no other is needed should a 2xx cross it */
		f->has_bye = true;
	if (is_away)
		cp_call_send_bye(c, CP_SIDE_W2, sip_msg_value(m, SIP_HDR_REASON));
	cp_call_end(c, to == CP_SIDE_MW ? "BYE from the WIC" : "BYE from the core");
	if (is_away)
		cp_sip_refuse(u, 200, NULL);
	return is_away;
}

bool cp_alg_request(struct cp_alg *a, struct cp_uas *u, struct sip_msg *m, struct cp_binding *b,
	enum cp_side to)
{
	struct cp_call *fork_of = NULL, *c = m->to_tag.len ? find(m, b, cp_other(to), &fork_of) : NULL;
	struct cp_half *h;

	if ((has_descriptions(m->method) && cp_is_opaque(m)) ||
		(m->method == SIP_INVITE && m->body.len && !cp_has_sdp(m))) {
		CP_COUNT(call_body_refused);
		cp_sip_refuse(u, 415, NULL);	/* W2-ERR-23 */
		return true;
	}
	if (m->method == SIP_INVITE && m->to_tag.len == 0) {
		cp_call_new(a, u, m, b, to);
		return true;
	}
	if (!c)
		return stray(u, m, fork_of, to);
	cp_call_renumber(c, m, to);
	if (m->method == SIP_BYE)
		return bye(c, u, m, to);
	h = to == CP_SIDE_MW ? &c->w2 : &c->core;
	if (m->cseq.number > h->cseq) {
		h->cseq = m->cseq.number;
		cp_call_save(c);
	}
	if (m->method == SIP_PRACK && to == CP_SIDE_W2 && cp_rel_prack(c, u, m))
		return true;
	if (m->method == SIP_PRACK && cp_has_sdp(m) && !c->is_answered) {	/* its offer is answered here (call_early.c) */
		cp_rel_pass(c, m, to);
		(void)cp_early_offer(c, u, m, to);
		return true;
	}
	if (m->method == SIP_INVITE || (m->method == SIP_UPDATE && cp_has_sdp(m))) {
		cp_call_reoffer(c, u, m, to);
		return true;
	}
	if (m->method == SIP_UPDATE && to == CP_SIDE_W2)	/* W2-EM-02 */
		cp_call_early_media(c, m, m->from_tag);
	if (cp_has_sdp(m))			/* no description leaks to the other leg */
		sip_msg_set_body(m, GW_SV_NONE, GW_SV_NONE);
	return false;
}

bool cp_alg_ack(struct sip_msg *m, struct cp_binding *b, enum cp_side to)
{
	struct cp_call *fork_of = NULL, *c = find(m, b, cp_other(to), &fork_of);

	if (c && to == CP_SIDE_MW && c->ack_here && c->ack_here == m->cseq.number)
		return true;
	if (c)
		cp_call_renumber(c, m, to);
	return c && c->ex.is_delayed && c->ex.sender == cp_other(to) && c->ex.cseq == m->cseq.number &&
		cp_call_delayed_ack(c, m);
}

void cp_alg_binding_gone(struct cp_binding *b)
{
	while (!gw_list_empty(&b->calls))
		cp_call_release(GW_CONTAINER(b->calls.next, struct cp_call, of_binding), 503, "registration ended");
}

void cp_call_of_binding(struct cp_call *c, struct cp_binding *b)
{
	c->b = b;
	gw_list_append(&b->calls, &c->of_binding);
	b->n_calls++;
}

enum gw_err cp_alg_new(struct cp_alg **out, struct cp_sip *s)
{
	struct cp_alg *a = calloc(1, sizeof(*a));

	if (!a)
		return GW_ENOMEM;
	a->s = s;
	gw_list_init(&a->calls);
	cp_random(&a->next_id, 6);	/* calls of several nodes meet: no two have the same id */
	*out = a;
	return s->conf->records.file[0] ? cp_cdr_file_open(&a->cdr, s->conf->records.file, s->loop, s->log) : GW_OK;
}

void cp_alg_reopen_records(struct cp_alg *a)
{
	cp_cdr_file_reopen(a->cdr);
}

void cp_alg_set_iq(struct cp_alg *a, struct cp_iq *iq)
{
	a->iq = iq;
	GW_LIST_FOREACH(it, &a->calls) {	/* of before a restart */
		const struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (c->context)
			cp_iq_context_added(iq, c->gateway);
	}
	cp_lent_count(a);
}

void cp_alg_free(struct cp_alg *a)
{
	if (!a)
		return;
	GW_LIST_FOREACH_SAFE(it, next, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		c->context = 0;		/* media goes on until consent ends it, or a controller clears it */
		cp_call_detach(c, "");
		c->lives_on = c->is_answered && a->s->conf->state.backend != CP_STATE_NONE;
		cp_call_end(c, "control process stops");
	}
	cp_call_record_flush(a);
	cp_cdr_file_close(a->cdr);
	cp_lent_free(a);
	gw_map_free(&a->by_id);
	free(a);
}
