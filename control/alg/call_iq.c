/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway says: replies to our requests, notifications of ICE, DTLS and consent, its loss. */
#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/app/trace.h"

static void log_stats(struct cp_alg *a, uint64_t call, const struct iq_txn *reply)
{
	char line[1024];
	struct gw_buf b = gw_buf(line, sizeof(line) - 1);

	for (unsigned i = 0; reply && i < reply->n_actions; i++)
		for (unsigned k = 0; k < reply->actions[i].n_cmds; k++) {
			const struct iq_cmd *cmd = &reply->actions[i].cmds[k];

			gw_buf_printf(&b, " term=%.*s", GW_SV_FMT(cmd->term.text));
			for (unsigned n = 0; n < cmd->n_stats; n++)
				gw_buf_printf(&b, " %.*s=%.*s", GW_SV_FMT(iq_name_text(cmd->stats[n].id)),
					GW_SV_FMT(cmd->stats[n].value));
		}
	line[b.len] = '\0';
	GW_LOG_NOTICE(a->s->log, "call.stats", "id=%llu%s", (unsigned long long)call, line);
}

static unsigned error_of(const struct iq_txn *reply)
{
	const struct iq_action *a = reply->n_actions ? &reply->actions[0] : NULL;

	if (reply->error || !a || a->error)
		return reply->error ? reply->error : a ? a->error : 500;
	for (unsigned i = 0; i < a->n_cmds; i++)
		if (a->cmds[i].error)
			return a->cmds[i].error;
	return 0;
}

/* A context that could not be given back by its terminations is taken down whole; then it is logged. */
static void subtracted(struct cp_alg *a, const struct cp_iq_ref *ref, const struct iq_txn *reply)
{
	struct iq_cmd all = { .kind = IQ_SUBTRACT, .term = { IQ_TERM_ALL, GW_SV("*") },
		.is_wildcard_response = true, .has_audit = true };
	struct iq_action act = { .context = ref->context, .priority = -1, .cmds = &all, .n_cmds = 1 };
	unsigned error;

	if (!reply) {	/* the gateway is lost; it is cleared before it is used again */
		cp_call_record_media(a, ref, NULL);
		return;
	}
	error = error_of(reply);
	cp_call_record_media(a, ref, error ? NULL : reply);
	if (error)
		CP_COUNT(iq_errors);
	if (error == 0 || error == 411) {	/* 411: nothing there to give back */
		log_stats(a, ref->call, reply);
		return;
	}
	GW_LOG_WARN(a->s->log, "iq.subtract_failed", "id=%llu context=%u code=%u", (unsigned long long)ref->call,
		ref->context, error);
	if (ref->step == STEP_SUBTRACT &&
		cp_iq_request(a->iq, ref->gateway, &act, ref->call, STEP_SUBTRACT_AGAIN) == GW_OK)
		return;
	CP_COUNT(iq_contexts_left);	/* its heartbeat will tell when the gateway still has it (F-25) */
}

/* May another gateway have what this one has not: room, the realm (F-12), a working process? */
static bool is_for_another(unsigned error)
{
	static const unsigned codes[] = { 412, 432, 449, 502, 503, 510, 511, 526, 529, 530, 531 };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (error == codes[i])
			return true;
	return false;
}

/* The first Add of a call failed; before anybody hears of it, the next gateway is asked. false: there is none. */
static bool reserve_again(struct cp_call *c, const struct cp_iq_ref *ref, const struct iq_txn *reply)
{
	unsigned error = reply ? error_of(reply) : 0;

	if (ref->context != IQ_CONTEXT_CHOOSE || (reply && !is_for_another(error)))
		return false;
	cp_iq_refused(c->alg->iq, c->gateway, error);
	c->gateways_tried |= UINT64_C(1) << c->gateway;
	cp_media_subtract(c);	/* half of it may have been made */
	cp_media_forget(c);
	if (cp_media_reserve(c))
		return false;
	CP_COUNT(iq_add_again);
	return true;
}

static void on_iq_reply(void *user, const struct cp_iq_ref *ref, const struct iq_txn *reply)
{
	struct cp_alg *a = user;
	struct cp_call *c = gw_map_get_u64(&a->by_id, ref->call);
	uint32_t made;

	if (ref->step == STEP_SUBTRACT || ref->step == STEP_SUBTRACT_AGAIN) {
		subtracted(a, ref, reply);
		return;
	}
	if (!c) {
		/* the call ended while the gateway was at work: what it made has no owner */
		made = ref->step == STEP_ADD && reply && reply->n_actions ? reply->actions[0].context : 0;
		if (made != IQ_CONTEXT_NULL && made < IQ_CONTEXT_CHOOSE) {
			struct cp_call stray = { .alg = a, .id = ref->call, .gateway = ref->gateway, .context = made };

			stray.call_id = (char *)(uintptr_t)"-";
			cp_iq_context_added(a->iq, ref->gateway);
			cp_media_subtract(&stray);
		}
		return;
	}
	CP_TRACE_IQ(CP_TRACE_IN, c->call_id, cp_call_user(c), !reply ? "no reply" : error_of(reply) ? "Error" : "Reply");
	if (ref->step == STEP_ADD) {
		if (cp_media_reserved(c, reply)) {
			if (!reserve_again(c, ref, reply))
				cp_call_not_reserved(c);
		} else if (c->ex.is_delayed) {
			cp_call_relay_waiting(c);
		} else {
			cp_call_send_offer(c);
		}
		return;
	}
	if (ref->step == STEP_RESTART) {
		bool is_ok = reply && error_of(reply) == 0;

		if (is_ok)
			cp_media_configured(c, reply);
		cp_loss_restarted(c, is_ok);
		return;
	}
	if (!reply || error_of(reply) || reply->actions[0].n_cmds < 2) {
		CP_COUNT(iq_errors);
		cp_call_release(c, 503, "media gateway refused the answer");
		return;
	}
	cp_media_configured(c, reply);
	if (ref->step == STEP_MODIFY)
		cp_call_relay_waiting(c);
}

static struct cp_call *by_context(struct cp_alg *a, unsigned gateway, uint32_t context)
{
	GW_LIST_FOREACH(it, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (c->context == context && c->gateway == gateway)
			return c;
	}
	return NULL;
}

/* Of the line the call lives by: it goes on without its video. */
static bool is_main(const struct cp_call *c, const struct iq_item *ev)
{
	int line = cp_media_line(c);
	const struct cp_media_line *l = line < 0 ? NULL : cp_call_transport(c, (unsigned)line);

	if (l && l->bundle == CP_LINE_MEMBER)
		l = cp_bundle_transport(c);
	return ev->stream == 0 || !l || ev->stream == l->index + 1;
}

/* Data channels beside media: their loss is seen by the ends, and the call goes on. */
static bool is_lost_data(struct cp_call *c, const struct iq_item *ev)
{
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].index + 1 == ev->stream && !is_main(c, ev) && c->lines[i].local_access &&
			strstr(c->lines[i].local_access, "m=application ")) {
			CP_COUNT(call_data_lost);
			return true;
		}
	return false;
}

static void ice_connected(struct cp_call *c)
{
	c->ice_ms = c->ice_ms ? c->ice_ms : cp_loop_now(c->alg->s->loop);
	c->ice_ok = true;
	cp_call_save(c);
}

static void dtls_connected(struct cp_call *c)
{
	c->dtls_ms = c->dtls_ms ? c->dtls_ms : cp_loop_now(c->alg->s->loop);
	c->dtls_up = true;
	cp_call_save(c);
}

static bool is_ice_failure(const struct iq_item *ev)
{
	return gw_sv_ieq(iq_item_param(ev, ev->id == IQ_EV_X_ICE ? GW_SV("res") : GW_SV("ccresult")), GW_SV("failed"));
}

/* The call is at another node: it is told what it would do. false: no such context */
static bool lent_event(struct cp_alg *a, unsigned gateway, uint32_t context, const struct iq_item *ev)
{
	switch (ev->id) {
	case IQ_EV_X_ICE:
	case IQ_EV_ICE_RESULT:
		return cp_lent_event(a, gateway, context, is_ice_failure(ev) ? "failed" : "connected");
	case IQ_EV_X_DTLS:
		return cp_lent_event(a, gateway, context,
			gw_sv_ieq(iq_item_param(ev, GW_SV("state")), GW_SV("up")) ? "up" : "failed");
	case IQ_EV_BNC_CHANGE:
		return cp_lent_event(a, gateway, context,
			gw_sv_ieq(iq_item_param(ev, GW_SV("Type")), GW_SV("Est")) ? "up" : "failed");
	case IQ_EV_CONSENT:
	case IQ_EV_X_CONSENT:
		return cp_lent_event(a, gateway, context, "consent");
	default:
		return cp_lent_event(a, gateway, context, NULL);
	}
}

static bool on_iq_notify(void *user, unsigned gateway, uint32_t context, struct gw_sv term,
	const struct iq_item *ev)
{
	struct cp_alg *a = user;
	struct cp_call *c = by_context(a, gateway, context);
	struct gw_sv state;

	if (!c)
		return lent_event(a, gateway, context, ev);
	GW_LOG_INFO(a->s->log, "iq.event", "call=%s term=%.*s event=%.*s", c->call_id, GW_SV_FMT(term),
		GW_SV_FMT(iq_name_text(ev->id)));
	CP_TRACE_IQ(CP_TRACE_IN, c->call_id, cp_call_user(c), "Notify");
	switch (ev->id) {
	case IQ_EV_X_ICE:
	case IQ_EV_ICE_RESULT:
		if (is_ice_failure(ev)) {
			cp_call_release(c, 503, "no connectivity");
			break;
		}
		cp_loss_over(c);
		if (is_main(c, ev))
			ice_connected(c);
		break;
	case IQ_EV_X_DTLS:
		state = iq_item_param(ev, GW_SV("state"));
		if (gw_sv_ieq(state, GW_SV("up"))) {
			if (is_main(c, ev))
				dtls_connected(c);
		} else if (!is_lost_data(c, ev)) {
			cp_call_release(c, 503, "DTLS failed");
		}
		break;
	case IQ_EV_BNC_CHANGE:		/* 4.6; established: there was connectivity, too */
		if (gw_sv_ieq(iq_item_param(ev, GW_SV("Type")), GW_SV("Est"))) {
			if (is_main(c, ev)) {
				ice_connected(c);
				dtls_connected(c);
			}
		} else if (!is_lost_data(c, ev)) {
			cp_call_release(c, 503, "DTLS association ended");
		}
		break;
	case IQ_EV_CONSENT:
	case IQ_EV_X_CONSENT:	/* W2-ICE-12: the client may come back within the grace */
		cp_loss_begin(c);
		break;
	default:		/* heartbeats: the call is alive, that is the answer (F-24) */
		break;
	}
	return true;
}

static void on_iq_lost(void *user, unsigned gateway)
{
	struct cp_alg *a = user;

	GW_LIST_FOREACH_SAFE(it, next, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (!c->context || c->gateway != gateway)
			continue;
		c->context = 0;		/* it died with the gateway */
		cp_iq_context_gone(a->iq, gateway);
		cp_call_release(c, 503, "media gateway restarted");
	}
	cp_lent_lost(a, gateway, NULL);
}

/* An interface of the gateway has failed: the calls by it are over, their contexts are still there. */
static void on_terms_lost(void *user, unsigned gateway, uint32_t context, struct gw_sv pattern)
{
	struct cp_alg *a = user;

	GW_LIST_FOREACH_SAFE(it, next, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (c->context && c->gateway == gateway && (context == IQ_CONTEXT_ALL || context == c->context) &&
			((c->term_access && iq_term_matches(pattern, gw_sv_cstr(c->term_access))) ||
				(c->term_core && iq_term_matches(pattern, gw_sv_cstr(c->term_core)))))
			cp_call_release(c, 503, "media interface out of service");
	}
}

/* What the gateway has and what we believe it has: calls without a context end, contexts without a call are named. */
static unsigned census(void *user, unsigned gateway, uint32_t *ids, unsigned n)
{
	struct cp_alg *a = user;
	struct gw_map there = { 0 };
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++)
		if (gw_map_put_u64(&there, ids[i], a)) {	/* no memory: all is left as it is */
			gw_map_free(&there);
			return 0;
		}
	cp_lent_lost(a, gateway, &there);
	GW_LIST_FOREACH_SAFE(it, next, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (!c->context || c->gateway != gateway)
			continue;
		if (gw_map_del_u64(&there, c->context)) {
			CP_COUNT(iq_contexts_kept);
			continue;
		}
		c->context = 0;
		cp_iq_context_gone(a->iq, gateway);
		cp_call_release(c, 503, "media gateway has lost the call");
	}
	for (unsigned i = 0; i < n; i++)
		if (gw_map_get_u64(&there, ids[i]) && !cp_lent_event(a, gateway, ids[i], NULL))
			ids[left++] = ids[i];
	gw_map_free(&there);
	return left;
}

const struct cp_iq_ops cp_alg_iq_ops = { on_iq_reply, on_iq_notify, on_iq_lost, on_terms_lost, census, NULL };
