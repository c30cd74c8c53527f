/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service states told to the controller: ROOT locked by the operator (TS 23.334 2.6, 2.7; reasons 905, 918), interfaces
 * that fail and come back (2.10, F-6), and with them the realms that are available (F-13, ipra).
 */
#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

#define DRAIN_LOOK_MS 500u

/* ---- interfaces and realms ------------------------------------------------------------------------------- */

static void tell_interface(struct dp_iq *q, struct dp_realm *r)
{
	char id[DP_TERM_ID_BYTES];
	struct iq_cmd cmd = { .kind = IQ_SERVICE_CHANGE };
	struct iq_action a = { .context = IQ_CONTEXT_ALL, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn t = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	if (!q->is_registered)	/* told after the registration */
		return;
	cmd.term = iq_term(gw_sv_cstr(dp_realm_terms(r, id)));
	cmd.sc.method = r->faults ? IQ_FORCED : IQ_RESTART;
	cmd.sc.reason = !r->faults ? 900 : r->faults & DP_REALM_LINK ? 906 : 905;
	r->is_told_out = r->faults != 0;
	if (dp_iq_send_request(q, &t, q->version, NULL))
		GW_LOG_ERROR(q->c.log, "iq.service_change_failed", "term=%s", id);
}

void dp_iq_realm_fault(struct dp_iq *q, struct dp_realm *r, enum dp_realm_fault fault, bool is_out, uint64_t now_ms)
{
	uint8_t before = r->faults;

	q->now_ms = now_ms;
	r->faults = (uint8_t)(is_out ? r->faults | fault : r->faults & ~fault);
	if (!before == !r->faults)
		return;
	GW_LOG_NOTICE(q->c.log, r->faults ? "realm.out_of_service" : "realm.in_service", "realm=%s why=%s", r->name,
		fault == DP_REALM_LINK ? "link" : "operator");
	tell_interface(q, r);
	dp_iq_root_realm(q, r);
}

void dp_iq_service_told(struct dp_iq *q)
{
	for (unsigned i = 0; i < q->ctx->c.n_realms; i++) {
		struct dp_realm *r = &q->ctx->c.realms[i];

		if (r->faults || r->is_told_out)	/* back meanwhile: that was not told */
			tell_interface(q, r);
	}
}

/* ---- ROOT ------------------------------------------------------------------------------------------------ */

static void tell_root(struct dp_iq *q, enum iq_method method, unsigned reason, uint32_t delay_s)
{
	struct iq_cmd cmd = { .kind = IQ_SERVICE_CHANGE, .term = IQ_ROOT };
	struct iq_action a = { .context = IQ_CONTEXT_NULL, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn t = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	if (!q->is_registered)
		return;
	cmd.sc.method = method;
	cmd.sc.reason = reason;
	cmd.sc.delay_s = delay_s;
	if (dp_iq_send_request(q, &t, q->version, NULL))
		GW_LOG_ERROR(q->c.log, "iq.service_change_failed", "term=ROOT");
}

static void subtract_all(struct dp_iq *q)
{
	struct gw_list *l = dp_ctx_list(q->ctx);

	while (!gw_list_empty(l)) {
		struct dp_context *cx = GW_CONTAINER(l->next, struct dp_context, node);

		for (unsigned n = cx->n_terms; n > 0; n--)
			dp_ctx_subtract(q->ctx, cx->terms[0], q->now_ms);
	}
}

/* Forced: the controller takes every call here for ended, so they end here, too. */
static void out_of_service(struct dp_iq *q)
{
	gw_timer_stop(q->c.timers, &q->lock_timer);
	GW_LOG_NOTICE(q->c.log, "iq.locked", "contexts=%u", dp_ctx_count(q->ctx));
	tell_root(q, IQ_FORCED, 905, 0);
	q->lock = DP_LOCKED;
	q->is_registered = false;
	dp_iq_root_clear(q);
	subtract_all(q);
}

static void on_lock(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_iq *q = GW_CONTAINER(timer, struct dp_iq, lock_timer);

	q->now_ms = now_ms;
	if (dp_ctx_count(q->ctx) == 0 || now_ms >= q->lock_until_ms)
		out_of_service(q);
	else
		(void)gw_timer_arm(q->c.timers, timer, now_ms + DRAIN_LOOK_MS);
}

void dp_iq_lock(struct dp_iq *q, uint32_t delay_s, uint64_t now_ms)
{
	q->now_ms = now_ms;
	if (q->lock == DP_LOCKED)
		return;
	q->lock_until_ms = now_ms + delay_s * 1000ull;
	if (delay_s == 0) {
		out_of_service(q);
		return;
	}
	GW_LOG_NOTICE(q->c.log, "iq.draining", "contexts=%u seconds=%u", dp_ctx_count(q->ctx), delay_s);
	q->lock = DP_DRAINING;
	tell_root(q, IQ_GRACEFUL, 905, delay_s);
	q->lock_timer.fn = on_lock;
	(void)gw_timer_arm(q->c.timers, &q->lock_timer, now_ms + DRAIN_LOOK_MS);
}

void dp_iq_unlock(struct dp_iq *q, uint64_t now_ms)
{
	enum dp_lock was = q->lock;

	q->now_ms = now_ms;
	q->lock = DP_UNLOCKED;
	gw_timer_stop(q->c.timers, &q->lock_timer);
	if (was == DP_UNLOCKED)
		return;
	GW_LOG_NOTICE(q->c.log, "iq.unlocked", "contexts=%u", dp_ctx_count(q->ctx));
	if (was == DP_DRAINING)
		tell_root(q, IQ_RESTART, 918, 0);
	else
		dp_iq_reregister(q, IQ_RESTART, 902);
}

enum dp_lock dp_iq_lock_state(const struct dp_iq *q)
{
	return q->lock;
}
