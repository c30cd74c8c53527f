/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROOT: its properties and packages, and its events: inactivity timeout (it/ito, H.248.14) for transports that do not notice
 * that a controller has gone, overload (ocp, H.248.11), congestion (chp, H.248.10), realms (ipra, H.248.41).
 */
#include <stdio.h>

#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

#define ITO_UNIT_MS 10u
#define OVERLOAD_EVERY_MS 100u	/* a report for each call refused, but not a storm of them */
#define CONGESTION_LOOK_MS 1000u
#define CONGESTED_AT 90u	/* per cent in use: from here to 100 fewer and fewer new calls are good */
#define CONGESTION_STEP 10u	/* a change worth a report */
#define CONGESTION_AGAIN_MS 20000u	/* so often it is said again: an old one may be forgotten (H.248.10) */

void dp_exec_put_packages(struct iq_cmd *r)
{
	static struct gw_sv packages[] = { GW_SV_INIT("g-1"), GW_SV_INIT("root-2"), GW_SV_INIT("nt-1"), GW_SV_INIT("rtp-1"),
		GW_SV_INIT("gm-2"), GW_SV_INIT("tman-1"), GW_SV_INIT("ipdc-1"), GW_SV_INIT("ipnapt-1"), GW_SV_INIT("hangterm-1"),
		GW_SV_INIT("adid-1"), GW_SV_INIT("ds-2"), GW_SV_INIT("rtcph-1"), GW_SV_INIT("it-1"), GW_SV_INIT("ocp-1"),
		GW_SV_INIT("chp-1"), GW_SV_INIT("ipra-1"),
		GW_SV_INIT("mgastuns-1"), GW_SV_INIT("ostuncc-1"), GW_SV_INIT("stuncf-1"), GW_SV_INIT("tlsbsc-1"),
		GW_SV_INIT("mgroup-1"), GW_SV_INIT("xwrtc-1") };

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

/* F-13: those in service, a comma between two; nothing when none is */
static struct gw_sv realms_in_service(struct dp_exec *e)
{
	char text[DP_REALMS_MAX * sizeof(((struct dp_realm *)0)->name)];
	struct gw_buf b = gw_buf(text, sizeof(text));

	for (unsigned i = 0; i < e->ctx->c.n_realms; i++) {
		const struct dp_realm *r = &e->ctx->c.realms[i];

		if (!r->faults)
			gw_buf_printf(&b, "%s%s", b.len ? "," : "", r->name);
	}
	return gw_arena_sv(&e->q->arena, gw_buf_sv(&b));
}

static void audit_props(struct dp_exec *e, struct iq_cmd *r, const struct iq_cmd *cmd)
{
	const struct {
		enum iq_name id;
		uint32_t value;
	} props[] = { { IQ_MAX_CONTEXTS, e->ctx->c.max_contexts }, { IQ_MAX_TERMS, DP_TERMS_PER_CONTEXT } };

	struct gw_sv realms;

	r->props = gw_arena_array(&e->q->arena, struct iq_prop, sizeof(props) / sizeof(props[0]) + 1);
	for (size_t i = 0; r->props && i < sizeof(props) / sizeof(props[0]); i++) {
		char text[16];

		if (!wants_prop(cmd, props[i].id))
			continue;
		snprintf(text, sizeof(text), "%u", props[i].value);
		r->props[r->n_props++] = (struct iq_prop){ .id = props[i].id, .number = props[i].value,
			.value = gw_arena_sv(&e->q->arena, gw_sv_cstr(text)) };
	}
	if (r->props && wants_prop(cmd, IQ_REALMS) && (realms = realms_in_service(e)).len)
		r->props[r->n_props++] = (struct iq_prop){ .id = IQ_REALMS, .value = realms };
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

static void notify_root(struct dp_iq *q, enum iq_name event, const char *name, struct gw_sv value)
{
	struct iq_item it = { .id = event, .n_params = name ? 1 : 0 };
	struct iq_cmd cmd = { .kind = IQ_NOTIFY, .term = IQ_ROOT, .observed_id = q->root.events_id, .observed = &it,
		.n_observed = 1 };
	struct iq_action a = { .context = IQ_CONTEXT_NULL, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn txn = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	if (!q->is_registered)
		return;
	if (name)
		it.params[0] = (struct iq_param){ gw_sv_cstr(name), value };
	q->ctr[iq_notifies]++;
	if (dp_iq_send_request(q, &txn, q->version, NULL))
		GW_LOG_ERROR(q->c.log, "iq.notify_failed", "term=ROOT");
}

/* nothing was heard for so long. The answer shows that somebody is there; none for 30 s begins a registration. */
static void on_ito(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_iq *q = GW_CONTAINER(timer, struct dp_iq, root.ito_timer);

	q->now_ms = now_ms;
	notify_root(q, IQ_EV_ITO, NULL, GW_SV_NONE);
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
	notify_root(q, IQ_EV_OVERLOAD, NULL, GW_SV_NONE);
}

/* F-75 (b): how many of the new calls would better go elsewhere. */
static unsigned reduction(const struct dp_ctx *c)
{
	unsigned full = dp_ctx_fullness(c);

	return full <= CONGESTED_AT ? 0 : (full - CONGESTED_AT) * 100 / (100 - CONGESTED_AT);
}

static void on_congestion(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_iq *q = GW_CONTAINER(timer, struct dp_iq, root.congestion_timer);
	unsigned now = reduction(q->ctx), told = q->root.reduction;
	bool is_news = now > told ? now - told >= CONGESTION_STEP : now == 0 ? told != 0 : told - now >= CONGESTION_STEP;
	char text[16];

	q->now_ms = now_ms;
	if (is_news || (told && now_ms - q->root.reduction_ms >= CONGESTION_AGAIN_MS)) {
		q->root.reduction = (uint8_t)now;
		q->root.reduction_ms = now_ms;
		snprintf(text, sizeof(text), "%u", now);
		notify_root(q, IQ_EV_CONGESTION, "reduction", gw_sv_cstr(text));
	}
	(void)gw_timer_arm(q->c.timers, timer, now_ms + CONGESTION_LOOK_MS);
}

void dp_iq_root_realm(struct dp_iq *q, const struct dp_realm *r)
{
	if (q->root.wants_realms)
		notify_root(q, IQ_EV_REALMS, r->faults ? "nur" : "nar", gw_sv_cstr(r->name));
}

void dp_iq_root_clear(struct dp_iq *q)
{
	gw_timer_stop(q->c.timers, &q->root.ito_timer);
	gw_timer_stop(q->c.timers, &q->root.congestion_timer);
	q->root = (struct dp_iq_root){ .events_id = 0 };
}

static unsigned read_events(const struct iq_cmd *cmd, struct dp_iq_root *to)
{
	uint32_t n;

	for (unsigned i = 0; i < cmd->n_events; i++) {
		const struct iq_item *it = &cmd->events[i];

		if (it->id == IQ_EV_OVERLOAD)
			to->wants_overload = true;
		else if (it->id == IQ_EV_CONGESTION)
			to->wants_congestion = true;
		else if (it->id == IQ_EV_REALMS)
			to->wants_realms = true;
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
		dp_iq_root_clear(q);
		q->root = wanted;
		q->root.ito_timer.fn = on_ito;
		q->root.congestion_timer.fn = on_congestion;
		if (wanted.wants_congestion)
			(void)gw_timer_arm(q->c.timers, &q->root.congestion_timer, q->now_ms + CONGESTION_LOOK_MS);
		dp_iq_root_heard(q);
	}
	dp_exec_result(e, cmd, GW_SV("ROOT"));
}
