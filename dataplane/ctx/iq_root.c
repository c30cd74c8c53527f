/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROOT: its properties and packages, and its events: inactivity timeout (it/ito, H.248.14) for transports that do not notice
 * that a controller has gone, overload (ocp, H.248.11).
 */
#include <stdio.h>

#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

#define ITO_UNIT_MS 10u
#define OVERLOAD_EVERY_MS 100u	/* a report for each call refused, but not a storm of them */

void dp_exec_put_packages(struct iq_cmd *r)
{
	static struct gw_sv packages[] = { GW_SV_INIT("g-1"), GW_SV_INIT("root-2"), GW_SV_INIT("nt-1"), GW_SV_INIT("rtp-1"),
		GW_SV_INIT("gm-2"), GW_SV_INIT("tman-1"), GW_SV_INIT("ipdc-1"), GW_SV_INIT("ipnapt-1"), GW_SV_INIT("hangterm-1"),
		GW_SV_INIT("adid-1"), GW_SV_INIT("ds-2"), GW_SV_INIT("rtcph-1"), GW_SV_INIT("it-1"), GW_SV_INIT("ocp-1"),
		GW_SV_INIT("mgastuns-1"), GW_SV_INIT("ostuncc-1"), GW_SV_INIT("stuncf-1"), GW_SV_INIT("tlsbsc-1"),
		GW_SV_INIT("xwrtc-1") };

	r->packages = packages;
	r->n_packages = sizeof(packages) / sizeof(packages[0]);
}

/* ---- audit ---------------------------------------------------------------------------------------------------- */

static bool wants_prop(const struct iq_cmd *cmd, enum iq_name name)
{
	for (unsigned i = 0; i < cmd->n_audit_items; i++)
		if (cmd->audit_items[i].what == IQ_AUDIT_STATE && cmd->audit_items[i].name == name)
			return true;
	return cmd->audit & IQ_AUDIT_MEDIA;
}

static void audit_props(struct dp_exec *e, struct iq_cmd *r, const struct iq_cmd *cmd)
{
	const struct {
		enum iq_name id;
		uint32_t value;
	} props[] = { { IQ_MAX_CONTEXTS, e->ctx->c.max_contexts }, { IQ_MAX_TERMS, DP_TERMS_PER_CONTEXT } };

	r->props = gw_arena_array(&e->q->arena, struct iq_prop, sizeof(props) / sizeof(props[0]));
	for (size_t i = 0; r->props && i < sizeof(props) / sizeof(props[0]); i++) {
		char text[16];

		if (!wants_prop(cmd, props[i].id))
			continue;
		snprintf(text, sizeof(text), "%u", props[i].value);
		r->props[r->n_props++] = (struct iq_prop){ .id = props[i].id, .number = props[i].value,
			.value = gw_arena_sv(&e->q->arena, gw_sv_cstr(text)) };
	}
}

void dp_exec_audit_root(struct dp_exec *e, const struct iq_cmd *cmd)
{
	struct iq_cmd *r = dp_exec_result(e, cmd, GW_SV("ROOT"));

	if (!r)
		return;
	if (cmd->audit & IQ_AUDIT_PACKAGES)
		dp_exec_put_packages(r);
	if (cmd->audit & (IQ_AUDIT_STATE | IQ_AUDIT_MEDIA))
		r->has_service_state = r->is_in_service = true;
	audit_props(e, r, cmd);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void notify_root(struct dp_iq *q, enum iq_name event)
{
	struct iq_item it = { .id = event };
	struct iq_cmd cmd = { .kind = IQ_NOTIFY, .term = IQ_ROOT, .observed_id = q->root.events_id, .observed = &it,
		.n_observed = 1 };
	struct iq_action a = { .context = IQ_CONTEXT_NULL, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn txn = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	if (!q->is_registered)
		return;
	q->ctr[iq_notifies]++;
	if (dp_iq_send_request(q, &txn, q->version, NULL))
		GW_LOG_ERROR(q->c.log, "iq.notify_failed", "term=ROOT");
}

/* nothing was heard for so long. The answer shows that somebody is there; none for 30 s begins a registration. */
static void on_ito(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_iq *q = GW_CONTAINER(timer, struct dp_iq, root.ito_timer);

	q->now_ms = now_ms;
	notify_root(q, IQ_EV_ITO);
	dp_iq_root_heard(q);
}

void dp_iq_root_heard(struct dp_iq *q)
{
	if (q->root.ito_ms)
		(void)gw_timer_arm(q->c.timers, &q->root.ito_timer, q->now_ms + q->root.ito_ms);
}

void dp_iq_root_refused(struct dp_iq *q)
{
	if (!q->root.wants_overload || q->now_ms < q->root.overload_until_ms)
		return;
	q->root.overload_until_ms = q->now_ms + OVERLOAD_EVERY_MS;
	notify_root(q, IQ_EV_OVERLOAD);
}

static unsigned read_events(const struct iq_cmd *cmd, struct dp_iq_root *to)
{
	uint32_t n;

	for (unsigned i = 0; i < cmd->n_events; i++) {
		const struct iq_item *it = &cmd->events[i];

		if (it->id == IQ_EV_OVERLOAD)
			to->wants_overload = true;
		else if (it->id != IQ_EV_ITO)
			return 512;	/* would never be reported */
		else if (gw_sv_u32(iq_item_param(it, GW_SV("mit")), &n) || n < 100 || n > 360000)
			return 457;	/* a second to an hour */
		else
			to->ito_ms = n * ITO_UNIT_MS;
	}
	return 0;
}

void dp_exec_modify_root(struct dp_exec *e, const struct iq_cmd *cmd)
{
	struct dp_iq_root wanted = { .events_id = cmd->events_id };
	struct dp_iq *q = e->q;
	unsigned code = read_events(cmd, &wanted);

	if (cmd->n_streams)
		code = 447;
	else if (!code && cmd->n_props)
		code = 445;
	if (code) {
		dp_exec_fail(e, cmd, code, GW_SV_NONE);
		return;
	}
	if (cmd->has_events) {	/* M-9: the list replaces the one before */
		gw_timer_stop(q->c.timers, &q->root.ito_timer);
		q->root = wanted;
		q->root.ito_timer.fn = on_ito;
		dp_iq_root_heard(q);
	}
	dp_exec_result(e, cmd, GW_SV("ROOT"));
}
