/* SPDX-License-Identifier: Apache-2.0 */
/* The association with a controller: ServiceChange, fail-over, hand-off (iq.md 3.3, X-15, X-16). */
#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

#define BACKOFF_FIRST_MS 1000u
#define BACKOFF_MAX_MS 60000u

void dp_iq_register_in(struct dp_iq *q, uint64_t after_ms)
{
	(void)gw_timer_arm(q->c.timers, &q->reg_timer, q->now_ms + after_ms);
}

static void next_controller(struct dp_iq *q)
{
	if (q->c.n_controllers == 1)
		return;
	q->controller = (q->controller + 1) % q->c.n_controllers;
	if (q->ctr[iq_registrations]) {	/* 3.3: our calls are still here; before, it is the cold boot that is told */
		q->reg_method = IQ_FAILOVER;
		q->reg_reason = 909;
	}
}

/* After each round of the list a longer pause. */
static uint64_t pause_ms(const struct dp_iq *q)
{
	unsigned rounds = q->n_failures / q->c.n_controllers;
	uint64_t ms = rounds > 6 ? BACKOFF_MAX_MS : BACKOFF_FIRST_MS << (rounds ? rounds - 1 : 0);

	if (q->n_failures % q->c.n_controllers)
		return 0;
	return (ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms) + dp_ctx_random() % 250;
}

/* After 30 s of silence there was pause enough. */
void dp_iq_try_next(struct dp_iq *q)
{
	q->n_failures++;
	next_controller(q);
	dp_iq_register_in(q, 0);
}

static void pause_and_try_next(struct dp_iq *q)
{
	q->n_failures++;
	next_controller(q);
	dp_iq_register_in(q, pause_ms(q));
}

void dp_iq_link_up(struct dp_iq *q)
{
	dp_iq_register_in(q, 0);
}

void dp_iq_link_down(struct dp_iq *q, bool was_open)
{
	/* a registration on its way is made again, a Notify after it */
	iq_xact_forget_peer(&q->xact, &q->controllers[q->controller].peer, dp_iq_hold);
	if (was_open && q->is_registered)
		dp_iq_reregister(q, IQ_DISCONNECTED, 900);
	else
		pause_and_try_next(q);
}

static void service_change(struct dp_iq *q, enum iq_method method, unsigned reason, void *tag)
{
	struct iq_cmd cmd = { .kind = IQ_SERVICE_CHANGE, .term = IQ_ROOT };
	struct iq_action a = { .context = IQ_CONTEXT_NULL, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn t = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	cmd.sc.method = method;
	cmd.sc.reason = reason;
	if (method != IQ_FORCED) {
		cmd.sc.version = IQ_VERSION_MAX;
		cmd.sc.profile = gw_sv_cstr(q->c.profile);
	}
	/* M-16: the first message says 1, the negotiated version comes with the reply */
	if (dp_iq_send_request(q, &t, method == IQ_FORCED ? q->version : 1, tag))
		GW_LOG_ERROR(q->c.log, "iq.service_change_failed", "method=%d", (int)method);
}

void dp_iq_on_register(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_iq *q = GW_CONTAINER(timer, struct dp_iq, reg_timer);
	char addr[GW_ADDR_STR_BYTES];

	q->now_ms = now_ms;
	if (q->lock == DP_LOCKED)
		return;
	q->is_registered = false;
	if (!dp_iq_link_dial(q))
		return;
	GW_LOG_INFO(q->c.log, "iq.register", "controller=%s method=%s reason=%u",
		gw_addr_str(&q->c.controllers[q->controller], addr),
		q->reg_method == IQ_RESTART ? "Restart" : q->reg_method == IQ_HANDOFF ? "HandOff" :
		q->reg_method == IQ_FAILOVER ? "Failover" : "Disconnected", q->reg_reason);
	service_change(q, q->reg_method, q->reg_reason, q);
}

void dp_iq_reregister(struct dp_iq *q, enum iq_method method, unsigned reason)
{
	/*
	 * An older registration still on its way would arrive after this one and take it back: a late
	 * Restart makes the controller release calls that are well.
	 */
	iq_xact_forget_peer(&q->xact, &q->controllers[q->controller].peer, dp_iq_hold);
	if (q->ctr[iq_registrations] == 0) {	/* nobody has seen our cold boot yet */
		method = IQ_RESTART;
		reason = 901;
	}
	q->reg_method = method;
	q->reg_reason = reason;
	dp_iq_register_in(q, 0);
}

enum gw_err dp_iq_hand_off(struct dp_iq *q, struct gw_sv mgc_id)
{
	struct gw_addr a;

	if (gw_addr_parse(mgc_id, IQ_PORT, &a))
		return GW_ENOENT;
	for (unsigned i = 0; i < q->c.n_controllers; i++)
		if (gw_addr_eq(&q->c.controllers[i], &a)) {
			dp_iq_reregister(q, IQ_HANDOFF, 903);
			q->controller = i;
			return GW_OK;
		}
	return GW_ENOENT;
}

void dp_iq_registered_reply(struct dp_iq *q, const struct iq_txn *t)
{
	const struct iq_cmd *c = t->n_actions && t->actions[0].n_cmds ? &t->actions[0].cmds[0] : NULL;
	unsigned error = t->error ? t->error : t->n_actions && t->actions[0].error ?
		t->actions[0].error : c ? c->error : 0;
	char addr[GW_ADDR_STR_BYTES];

	if (error || !c) {
		GW_LOG_ERROR(q->c.log, "iq.register_refused", "controller=%s code=%u",
			gw_addr_str(&q->c.controllers[q->controller], addr), error);
		pause_and_try_next(q);
		return;
	}
	if (c->sc.mgc_id.len && dp_iq_hand_off(q, c->sc.mgc_id) == GW_OK)	/* it serves us no more than that */
		return;
	if (c->sc.version >= 1 && c->sc.version <= IQ_VERSION_MAX)
		q->version = c->sc.version;
	q->is_registered = true;
	q->ctr[iq_registrations]++;
	q->n_failures = 0;
	dp_iq_link_keep_current(q);
	GW_LOG_NOTICE(q->c.log, "iq.registered", "controller=%s version=%u",
		gw_addr_str(&q->c.controllers[q->controller], addr), q->version);
	dp_iq_service_told(q);
	dp_iq_send_held(q);
}

void dp_iq_goodbye(struct dp_iq *q)
{
	if (q->is_registered)
		service_change(q, IQ_FORCED, 905, NULL);
}
