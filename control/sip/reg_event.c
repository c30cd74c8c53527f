/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our subscription to the registration state of each implicit registration set (TS 24.229 5.2.3, RFC 3680, RFC 6665):
 * one dialog for all contacts whose default IMPU is the same. What its NOTIFYs say is applied by reg_event_notify.c.
 */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/reg_event.h"

#define RETRY_S 30u           /* first back-off of a core that fails; doubles */
#define RETRY_MAX_S 1800u
#define STEADY_MS 60000u      /* a subscription that lived this long is not counted as a failure when it ends */
#define CLOSING_MS 32000u     /* the last NOTIFY comes within 64*T1 (RFC 6665 4.1.2.3) */

static void subscribe(struct cp_reg_event *e, uint32_t expires_s);

/* ---- the dialog --------------------------------------------------------------------------------------------- */

void cp_reg_event_drop_dialog(struct cp_reg_event *e)
{
	struct cp_reg *r = e->reg;

	cp_reg_event_unsave(e);
	if (gw_map_get(&r->event_by_call_id, gw_sv_cstr(e->call_id)) == e)
		gw_map_del(&r->event_by_call_id, gw_sv_cstr(e->call_id));
	e->call_id[0] = '\0';
	for (unsigned i = 0; i < e->n_routes; i++)
		free(e->routes[i]);
	free(e->remote_tag);
	free(e->target);
	e->remote_tag = e->target = NULL;
	e->n_routes = 0;
	e->has_remote_cseq = e->has_version = false;
}

/* The SUBSCRIBE under way is nobody's business any more. */
static void let_go(struct cp_reg_event *e)
{
	if (!e->c)
		return;
	e->c->on_response = NULL;
	e->c->on_gone = NULL;
	e->c = NULL;
}

static void free_event(struct cp_reg_event *e)
{
	struct cp_reg *r = e->reg;

	let_go(e);
	cp_reg_event_drop_dialog(e);
	gw_timer_stop(&r->s->loop->timers, &e->timer);
	if (e->state != CP_EVENT_CLOSING)
		gw_map_del(&r->event_by_impu, gw_sv_cstr(e->impu));
	gw_list_remove(&e->node);
	CP_GAUGE_ADD(reg_event_subscriptions, -1);
	free(e->impu);
	free(e);
}

/* The far end of the dialog by a 2xx, or by a NOTIFY that was faster; its Record-Route is read in our direction. */
static void learn_dialog(struct cp_reg_event *e, const struct sip_msg *m, struct gw_sv tag)
{
	struct sip_elements el = { 0 };
	struct gw_sv v;
	struct sip_addr a;

	if (e->remote_tag || tag.len == 0 || sip_addr_parse(sip_msg_value(m, SIP_HDR_CONTACT), &a) || a.is_star)
		return;
	e->remote_tag = gw_sv_dup(tag);
	e->target = gw_sv_dup(a.uri.text);
	while (e->n_routes < CP_EVENT_ROUTES && sip_msg_element(m, SIP_HDR_RECORD_ROUTE, &el, &v))
		if ((e->routes[e->n_routes] = gw_sv_dup(v)))
			e->n_routes++;
	for (unsigned i = 0; !m->is_request && i < e->n_routes / 2; i++) {
		char *t = e->routes[i];

		e->routes[i] = e->routes[e->n_routes - 1 - i];
		e->routes[e->n_routes - 1 - i] = t;
	}
}

/* ---- when to try again --------------------------------------------------------------------------------------- */

void cp_reg_event_wait_ms(struct cp_reg_event *e, uint64_t ms)
{
	struct cp_loop *l = e->reg->s->loop;

	(void)gw_timer_arm(&l->timers, &e->timer, cp_loop_now(l) + ms);
}

static void wait_s(struct cp_reg_event *e, uint64_t s)
{
	cp_reg_event_wait_ms(e, s * 1000);
}

/* A new dialog: at once when the old one has lived, else after a growing while. at_least_s: what the core asks. */
static void start_over(struct cp_reg_event *e, uint32_t at_least_s)
{
	uint64_t now = cp_loop_now(e->reg->s->loop);

	let_go(e);
	cp_reg_event_drop_dialog(e);
	e->state = CP_EVENT_WAITING;
	if (e->active_ms && now - e->active_ms >= STEADY_MS)
		e->retry_s = 0;
	e->active_ms = 0;
	wait_s(e, e->retry_s > at_least_s ? e->retry_s : at_least_s);
	e->retry_s = e->retry_s == 0 ? RETRY_S : e->retry_s * 2 > RETRY_MAX_S ? RETRY_MAX_S : e->retry_s * 2;
}

static void give_up(struct cp_reg_event *e, unsigned status)
{
	let_go(e);
	cp_reg_event_drop_dialog(e);
	gw_timer_stop(&e->reg->s->loop->timers, &e->timer);
	e->state = CP_EVENT_REFUSED;
	CP_COUNT(reg_event_refused);
	GW_LOG_NOTICE(e->reg->s->log, "reg.event_refused", "impu=%s status=%u", e->impu, status);
}

/* RFC 6665 4.1.2.2, and as a UE does it: 600 s before the end of a long subscription, else at half the time. */
static void refresh_within(struct cp_reg_event *e, uint32_t expires_s)
{
	wait_s(e, expires_s > 1200 ? expires_s - 600 : (expires_s + 1) / 2);
}

static void on_event_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_reg_event *e = GW_CONTAINER(timer, struct cp_reg_event, timer);

	(void)now_ms;
	if (e->state == CP_EVENT_CLOSING)
		free_event(e);
	else
		subscribe(e, e->expires_s);
}

/* ---- SUBSCRIBE ----------------------------------------------------------------------------------------------- */

static void on_subscribed(struct cp_reg_event *e, const struct sip_msg *m)
{
	uint32_t granted;

	if (gw_sv_u32(sip_msg_value(m, SIP_HDR_EXPIRES), &granted))
		granted = e->expires_s;
	learn_dialog(e, m, m->to_tag);
	if (!e->remote_tag) {	/* no Contact: there is no dialog to go on with */
		start_over(e, RETRY_S);
		return;
	}
	if (e->state != CP_EVENT_ACTIVE)
		e->active_ms = cp_loop_now(e->reg->s->loop);
	e->state = CP_EVENT_ACTIVE;
	refresh_within(e, granted);
	cp_reg_event_save(e);
}

static void on_refused(struct cp_reg_event *e, const struct sip_msg *m, unsigned status)
{
	uint32_t n;

	if (status == 423 && gw_sv_u32(sip_msg_value(m, SIP_HDR_MIN_EXPIRES), &n) == GW_OK && n > e->expires_s) {
		e->expires_s = n;
		subscribe(e, n);
	} else if (status == 481) {	/* W2-REG-71 */
		start_over(e, 0);
	} else if (status == 408 || status == 480 || status == 491 || status / 100 == 5) {
		if (!m || gw_sv_u32(sip_msg_value(m, SIP_HDR_RETRY_AFTER), &n) || n > RETRY_MAX_S)
			n = RETRY_S;
		start_over(e, n);
	} else {
		give_up(e, status);
	}
}

static void on_subscribe_response(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct cp_reg_event *e = user;

	(void)c;
	if (status < 200)
		return;
	let_go(e);
	if (e->state == CP_EVENT_CLOSING)
		return;
	if (m && status / 100 == 2)
		on_subscribed(e, m);
	else
		on_refused(e, m, status);
}

static void on_subscribe_gone(void *user, struct cp_uac *c)
{
	struct cp_reg_event *e = user;

	if (e->c == c)
		e->c = NULL;
}

static void build(struct cp_reg_event *e, struct sip_msg *m, struct gw_arena *a, uint32_t expires_s)
{
	struct cp_sip *s = e->reg->s;
	char us[300], node[300];
	struct gw_buf u = gw_buf(us, sizeof(us) - 1);

	gw_buf_puts(&u, "sip:");
	cp_sip_mw_host(s, &u);
	us[u.len] = '\0';
	sip_msg_request(m, a, SIP_SUBSCRIBE, gw_sv_cstr(e->target ? e->target : e->impu));
	for (unsigned i = 0; i < e->n_routes; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, gw_sv_cstr(e->routes[i]));
	sip_msg_add(m, SIP_HDR_MAX_FORWARDS, GW_SV("70"));
	sip_msg_addf(m, SIP_HDR_FROM, "<%s>;tag=%s", us, e->tag);
	if (e->remote_tag)
		sip_msg_addf(m, SIP_HDR_TO, "<%s>;tag=%s", e->impu, e->remote_tag);
	else
		sip_msg_addf(m, SIP_HDR_TO, "<%s>", e->impu);
	sip_msg_add(m, SIP_HDR_CALL_ID, gw_sv_cstr(e->call_id));
	sip_msg_addf(m, SIP_HDR_CSEQ, "%u SUBSCRIBE", ++e->cseq);
	sip_msg_addf(m, SIP_HDR_CONTACT, "<sip:%s>", cp_sip_node_host(s, node, sizeof(node)));
	sip_msg_add(m, SIP_HDR_EVENT, GW_SV("reg"));
	sip_msg_add(m, SIP_HDR_ACCEPT, GW_SV("application/reginfo+xml"));
	sip_msg_addf(m, SIP_HDR_EXPIRES, "%u", expires_s);
	sip_msg_addf(m, SIP_HDR_P_ASSERTED_IDENTITY, "<%s>", us);
	cp_core_charge(e->reg->s, m, GW_SV_NONE);
}

static enum gw_err new_dialog(struct cp_reg_event *e)
{
	cp_random_token(e->call_id, CP_EVENT_ID_CHARS);
	cp_random_token(e->tag, CP_EVENT_TAG_CHARS);
	e->cseq = 0;
	return gw_map_put(&e->reg->event_by_call_id, gw_sv_cstr(e->call_id), e);
}

static void subscribe(struct cp_reg_event *e, uint32_t expires_s)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 16);
	struct cp_sip *s = e->reg->s;
	struct cp_peer to;
	struct sip_msg m;

	if (e->c)	/* the one before is not answered yet, and what it brings is fresh enough */
		return;
	if (!e->call_id[0] && new_dialog(e)) {
		e->call_id[0] = '\0';
		start_over(e, RETRY_S);
		return;
	}
	build(e, &m, &a, expires_s);
	if (e->is_saved)	/* its CSeq */
		cp_reg_event_save(e);
	cp_sip_core_hop(s, &m, &to);
	e->sent_ms = cp_loop_now(s->loop);
	CP_COUNT(reg_event_subscribes);
	if (e->state == CP_EVENT_WAITING)
		e->state = CP_EVENT_ASKING;
	if (cp_sip_send(s, &m, &to, on_subscribe_response, on_subscribe_gone, e, &e->c) &&
		e->state != CP_EVENT_CLOSING)
		start_over(e, RETRY_S);
	gw_arena_reset(&a);
}

void cp_reg_event_refresh(struct cp_reg_event *e)
{
	if (e->state == CP_EVENT_ACTIVE)
		subscribe(e, e->expires_s);
}

void cp_reg_event_terminated(struct cp_reg_event *e, struct gw_sv reason, uint32_t retry_after_s)
{
	if (gw_sv_ieq(reason, GW_SV("rejected")) || gw_sv_ieq(reason, GW_SV("noresource")) ||
		gw_sv_ieq(reason, GW_SV("invariant")))
		give_up(e, 0);
	else
		start_over(e, retry_after_s);
}

/* ---- sets ---------------------------------------------------------------------------------------------------- */

struct cp_reg_event *cp_reg_event_new(struct cp_reg *r, const char *impu)
{
	struct cp_reg_event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->reg = r;
	e->expires_s = r->s->conf->reg.subscribe_expires_s;
	e->timer.fn = on_event_timer;
	gw_list_init(&e->bindings);
	e->impu = gw_sv_dup(gw_sv_cstr(impu));
	if (!e->impu || gw_map_put(&r->event_by_impu, gw_sv_cstr(e->impu), e)) {
		free(e->impu);
		free(e);
		return NULL;
	}
	gw_list_append(&r->events, &e->node);
	CP_GAUGE_ADD(reg_event_subscriptions, 1);
	return e;
}

void cp_reg_event_join(struct cp_binding *b)
{
	struct cp_reg *r = b->reg;
	struct cp_reg_event *e = b->event;
	bool is_new;

	if (!r->s->conf->reg.subscribe || (e && strcmp(e->impu, b->default_impu) == 0))
		return;
	cp_reg_event_leave(b);	/* the core has put it into another set */
	e = gw_map_get(&r->event_by_impu, gw_sv_cstr(b->default_impu));
	is_new = !e;
	if (!e && !(e = cp_reg_event_new(r, b->default_impu)))
		return;
	b->event = e;
	gw_list_append(&e->bindings, &b->event_node);
	if (is_new)
		subscribe(e, e->expires_s);
}

void cp_reg_event_close(struct cp_reg_event *e)
{
	struct cp_reg *r = e->reg;

	if (e->state != CP_EVENT_ACTIVE || !e->remote_tag) {
		free_event(e);	/* a NOTIFY that still comes is answered 481, which ends what the core may have */
		return;
	}
	gw_map_del(&r->event_by_impu, gw_sv_cstr(e->impu));
	cp_reg_event_unsave(e);
	e->state = CP_EVENT_CLOSING;
	let_go(e);
	(void)gw_timer_arm(&r->s->loop->timers, &e->timer, cp_loop_now(r->s->loop) + CLOSING_MS);
	subscribe(e, 0);
}

void cp_reg_event_leave(struct cp_binding *b)
{
	struct cp_reg_event *e = b->event;

	if (!e)
		return;
	gw_list_remove(&b->event_node);
	b->event = NULL;
	if (gw_list_empty(&e->bindings) && !e->is_busy)
		cp_reg_event_close(e);
}

void cp_reg_events_free(struct cp_reg *r)
{
	while (!gw_list_empty(&r->events)) {
		struct cp_reg_event *e = GW_CONTAINER(r->events.next, struct cp_reg_event, node);

		e->c = NULL;	/* gone with all transactions before this */
		GW_LIST_FOREACH_SAFE(it, next, &e->bindings) {
			struct cp_binding *b = GW_CONTAINER(it, struct cp_binding, event_node);

			gw_list_remove(&b->event_node);
			b->event = NULL;
		}
		free_event(e);
	}
}

void cp_reg_event_free(struct cp_reg_event *e)
{
	free_event(e);
}

bool cp_reg_event_learn(struct cp_reg_event *e, const struct sip_msg *notify)
{
	learn_dialog(e, notify, notify->from_tag);
	return e->remote_tag && gw_sv_eq(gw_sv_cstr(e->remote_tag), notify->from_tag);
}

void cp_reg_event_shorten(struct cp_reg_event *e, uint32_t expires_s)
{
	struct cp_loop *l = e->reg->s->loop;

	if (e->state == CP_EVENT_ACTIVE && e->timer.due_ms > cp_loop_now(l) + expires_s * 1000ull)
		refresh_within(e, expires_s);
}
