/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFYs of the event "reg": what the registrar says of the contacts we hold (W2-REG-63, -71, -73; RFC 3680). */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/reg_event.h"
#include "control/sip/reginfo.h"

static struct cp_reginfo doc;	/* one control thread: a NOTIFY is read and applied before the next */

static bool same_uri(struct gw_sv a, struct gw_sv b)
{
	struct sip_uri x, y;

	return sip_uri_parse(a, &x) == GW_OK && sip_uri_parse(b, &y) == GW_OK && sip_uri_eq(&x, &y);
}

/* The contact of the binding under this identity; an active one before a terminated one of the same URI. */
static const struct cp_reginfo_contact *find_contact(const struct cp_binding *b,
	const struct cp_reginfo_registration *g)
{
	struct gw_sv reg_id = cp_binding_contact_param(b, GW_SV("reg-id"));
	const struct cp_reginfo_contact *found = NULL;

	for (unsigned i = 0; i < g->n_contacts; i++) {
		const struct cp_reginfo_contact *c = &doc.contacts[g->first + i];

		if (!same_uri(c->uri, gw_sv_cstr(b->contact)) ||
			(c->reg_id.len && reg_id.len && !gw_sv_eq(c->reg_id, reg_id)))
			continue;
		if (!found || c->state == CP_REGINFO_ACTIVE)
			found = c;
	}
	return found;
}

/* An identity the network has taken out of the set, which goes on without it. */
static void drop_identity(struct cp_binding *b, struct gw_sv impu)
{
	char text[4096];
	struct gw_buf kept = gw_buf(text, sizeof(text));
	struct gw_sv list = gw_sv_cstr(b->impus), e, first = GW_SV_NONE;
	struct sip_addr a;

	while (sip_list_next(&list, &e)) {
		if (sip_addr_parse(e, &a) || same_uri(a.uri.text, impu) || kept.len + e.len + 2 > sizeof(text))
			continue;
		if (first.len == 0)
			first = a.uri.text;
		gw_buf_puts(&kept, kept.len ? ", " : "");
		gw_buf_put(&kept, e);
	}
	if (same_uri(gw_sv_cstr(b->aor), impu))
		b->is_aor_barred = true;
	if (first.len)
		cp_reg_set(&b->default_impu, gw_sv_dup(first));	/* before the list it points into goes */
	cp_reg_set(&b->impus, gw_sv_dup(gw_buf_sv(&kept)));
	cp_binding_save(b);
	GW_LOG_NOTICE(b->reg->s->log, "reg.identity_gone", "impu=%.*s", GW_SV_FMT(impu));
}

static void end(struct cp_binding *b, const struct cp_reginfo_contact *c)
{
	if (cp_reg_is_asking(b->reg, b)) {	/* a REGISTER has overtaken it, or will: the core's answer decides */
		b->is_gone_at_core = true;
		return;
	}
	cp_binding_ended_by_network(b, c ? cp_reginfo_event_name(c->event) : "terminated",
		c && (c->event == CP_REGINFO_REJECTED || c->event == CP_REGINFO_DEACTIVATED));
}

static void shorten(struct cp_binding *b, uint32_t seconds)
{
	uint64_t until = cp_loop_now(b->reg->s->loop) + seconds * 1000ull;

	if (until >= b->expires_ms)
		return;
	b->expires_ms = until;
	cp_binding_arm(b);
	cp_binding_save(b);
	GW_LOG_INFO(b->reg->s->log, "reg.shortened", "impu=%s expires_s=%u", b->aor, seconds);
}

/*
 * One contact under all identities of its set. They come and go together (TS 23.228 4.3.3.4), so a contact that is
 * terminated under the registered or the default identity is gone, unless the same document shows it active under
 * another: then the network has taken one identity out of the set.
 */
static void apply_to(struct cp_binding *b, uint64_t asked_ms)
{
	const struct cp_reginfo_contact *ended = NULL, *c;
	bool is_ended = false, is_active = false, is_main_ended = false;
	struct gw_sv gone[CP_REGINFO_REGISTRATIONS];
	unsigned n_gone = 0;

	for (unsigned i = 0; i < doc.n_registrations; i++) {
		const struct cp_reginfo_registration *g = &doc.registrations[i];
		bool is_main = same_uri(g->aor, gw_sv_cstr(b->aor)) || same_uri(g->aor, gw_sv_cstr(b->default_impu));

		if (!is_main && !cp_binding_owns(b, g->aor))
			continue;
		c = find_contact(b, g);
		/* not listed in a full state that was asked for after the contact was granted: missed its end */
		if (g->state == CP_REGINFO_TERMINATED || (c && c->state == CP_REGINFO_TERMINATED) ||
			(!c && doc.is_full && b->registered_ms < asked_ms)) {
			is_ended = true;
			is_main_ended |= is_main;
			ended = c ? c : ended;
			gone[n_gone++] = g->aor;
		} else if (c) {
			is_active = true;
			if (c->event == CP_REGINFO_SHORTENED && c->has_expires)
				shorten(b, c->expires_s);
		}
	}
	if (is_ended && !is_active && is_main_ended) {
		end(b, ended);
		return;
	}
	while (n_gone)
		drop_identity(b, gone[--n_gone]);
}

static void apply(struct cp_reg_event *e)
{
	bool has_gap = e->has_version && doc.version > e->version + 1;

	/* old news; but a full state is newer by its CSeq, and there are notifiers that do not count */
	if (!doc.is_full && e->has_version && doc.version <= e->version)
		return;
	if (!doc.is_full && (has_gap || !e->has_version)) {
		CP_COUNT(reg_event_gaps);
		cp_reg_event_refresh(e);
	}
	e->version = doc.version;
	e->has_version = true;
	GW_LIST_FOREACH_SAFE(it, next, &e->bindings)
		apply_to(GW_CONTAINER(it, struct cp_binding, event_node), e->sent_ms);
}

/* What the document says has been applied; now what becomes of the subscription. */
static void follow_state(struct cp_reg_event *e, const struct sip_msg *m)
{
	struct gw_sv v = sip_msg_value(m, SIP_HDR_SUBSCRIPTION_STATE), state, params;
	struct sip_param p;
	bool is_over, has_expires = false;
	uint32_t n = 0;

	gw_sv_cut(v, ';', &state, &params);
	is_over = gw_sv_ieq(gw_sv_trim(state), GW_SV("terminated"));
	if (sip_param_get(params, is_over ? GW_SV("retry-after") : GW_SV("expires"), &p))
		has_expires = gw_sv_u32(p.value, &n) == GW_OK;
	if (is_over && (e->state == CP_EVENT_CLOSING || gw_list_empty(&e->bindings)))
		cp_reg_event_free(e);
	else if (is_over)
		cp_reg_event_terminated(e, sip_param_get(params, GW_SV("reason"), &p) ? p.value : GW_SV_NONE,
			has_expires && n < 3600 ? n : 0);
	else if (e->state == CP_EVENT_CLOSING)
		return;
	else if (gw_list_empty(&e->bindings))
		cp_reg_event_close(e);
	else if (has_expires)
		cp_reg_event_shorten(e, n);
}

/* 0: the body is read into doc, or there is none. */
static unsigned read_body(const struct sip_msg *m, struct gw_arena *arena)
{
	struct gw_sv type, params;
	enum gw_err err;

	doc.n_registrations = 0;
	if (m->body.len == 0)
		return 0;
	gw_sv_cut(sip_msg_value(m, SIP_HDR_CONTENT_TYPE), ';', &type, &params);
	if (!gw_sv_ieq(gw_sv_trim(type), GW_SV("application/reginfo+xml")))
		return 415;
	err = cp_reginfo_parse(&doc, arena, m->body);
	return err == GW_OK ? 0 : err == GW_ELIMIT ? 413 : sip_status_of(err);
}

bool cp_reg_event_notify(struct cp_reg *r, struct cp_uas *u)
{
	struct gw_arena arena = GW_ARENA_INIT(1u << 18);
	const struct sip_msg *m = &u->req;
	struct cp_reg_event *e;
	struct gw_sv package, params;
	unsigned status;

	gw_sv_cut(sip_msg_value(m, SIP_HDR_EVENT), ';', &package, &params);
	if (m->method != SIP_NOTIFY || !gw_sv_ieq(gw_sv_trim(package), GW_SV("reg")))
		return false;
	e = gw_map_get(&r->event_by_call_id, m->call_id);
	if (!e || !gw_sv_eq(gw_sv_cstr(e->tag), m->to_tag))
		return false;
	CP_COUNT(reg_event_notifies);
	if (!cp_reg_event_learn(e, m))
		status = 481;		/* another branch of a forked SUBSCRIBE: one is enough */
	else if (e->has_remote_cseq && m->cseq.number <= e->remote_cseq)
		status = 500;		/* RFC 3261 12.2.2 */
	else
		status = read_body(m, &arena);
	if (status) {
		CP_COUNT(reg_event_bad_notify);
		cp_sip_refuse(u, status, NULL);
		gw_arena_reset(&arena);
		return true;
	}
	e->remote_cseq = m->cseq.number;
	e->has_remote_cseq = e->is_busy = true;
	cp_sip_refuse(u, 200, NULL);	/* the request is kept until this event is over */
	if (m->body.len)
		apply(e);
	if (e->is_saved)	/* version and CSeq */
		cp_reg_event_save(e);
	e->is_busy = false;
	follow_state(e, m);
	gw_arena_reset(&arena);
	return true;
}
