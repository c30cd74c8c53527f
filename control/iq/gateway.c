/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One media gateway as its controller sees it: in service or not, its registration, what it is asked while it is
 * there (M-20, M-21, X-16).
 */
#include "control/iq/client_int.h"

#include <stdlib.h>

#include "control/app/metrics.h"

#define CENSUS_MAX 800u		/* contexts one answer can surely tell: 64 KB, about 60 bytes each */
#define PROBE_MS 10000u		/* back in service within 60 s (threats Q3, Q4), whatever audit_s is */

bool cp_gateway_command(struct cp_iq *q, struct cp_gateway *g, uint32_t context, struct iq_cmd *c, unsigned step)
{
	struct iq_action a = { .context = context, .priority = -1, .cmds = c, .n_cmds = 1 };

	if (cp_iq_send_action(q, g, &a, (uint64_t)(g - q->gw), step) == GW_OK)
		return true;
	GW_LOG_ERROR(q->log, "iq.send_failed", "gateway=%s", g->conf->name);
	return false;
}

/* F-25: a context nobody here knows is taken down. */
void cp_gateway_subtract_stray(struct cp_iq *q, struct cp_gateway *g, uint32_t context)
{
	struct iq_cmd c = { .kind = IQ_SUBTRACT, .term = { IQ_TERM_ALL, GW_SV("*") },
		.is_wildcard_response = true, .has_audit = true };

	(void)cp_gateway_command(q, g, context, &c, 0);
}

/*
 * The contexts a gateway says it has. false: it does not tell (533: too many for one answer, 501): all calls are
 * believed, and an orphan is found by its heartbeat (F-25).
 */
static bool take_census(struct cp_iq *q, struct cp_gateway *g, const struct iq_txn *reply)
{
	uint32_t *ids = calloc(reply->n_actions ? reply->n_actions : 1, sizeof(*ids));
	unsigned n = 0, left;

	for (unsigned i = 0; ids && i < reply->n_actions; i++) {
		const struct iq_action *a = &reply->actions[i];
		unsigned error = a->error ? a->error : a->n_cmds ? a->cmds[0].error : 0;

		if (error == 431 || error == 411)	/* none is there */
			continue;
		if (error || a->context == IQ_CONTEXT_NULL || a->context >= IQ_CONTEXT_CHOOSE) {
			free(ids);
			return false;
		}
		ids[n++] = a->context;
	}
	if (!ids || reply->error) {
		free(ids);
		return false;
	}
	left = q->ops.census(q->ops.user, (unsigned)(g - q->gw), ids, n);
	for (unsigned i = 0; i < left; i++) {
		CP_COUNT(iq_contexts_orphaned);
		cp_gateway_subtract_stray(q, g, ids[i]);
	}
	GW_LOG_NOTICE(q->log, "iq.census", "gateway=%s contexts=%u orphans=%u", g->conf->name, n, left);
	free(ids);
	return true;
}

static void gateway_up(struct cp_iq *q, struct cp_gateway *g)
{
	g->state = GATEWAY_UP;
	CP_GAUGE_ADD(iq_gateways_up, 1);
	GW_LOG_NOTICE(q->log, "iq.gateway_up", "gateway=%s version=%u", g->conf->name, g->version);
}

void cp_gateway_own_reply(struct cp_iq *q, struct cp_gateway *g, unsigned step, const struct iq_txn *reply)
{
	if (step == OWN_PROBE) {
		g->announcement = 0;
		return;
	}
	if (!reply || g->state != GATEWAY_CLEARING)	/* lost again meanwhile */
		return;
	if (step == OWN_CENSUS) {
		if (!take_census(q, g, reply))
			GW_LOG_WARN(q->log, "iq.census_failed", "gateway=%s", g->conf->name);
	} else if (reply->error || (reply->n_actions && reply->actions[0].error)) {
		CP_COUNT(iq_errors);	/* what is left there is found by its heartbeats (F-25) */
		GW_LOG_WARN(q->log, "iq.clear_failed", "gateway=%s", g->conf->name);
	}
	gateway_up(q, g);
}

void cp_gateway_down(struct cp_iq *q, struct cp_gateway *g, const char *why)
{
	enum gateway_state was = g->state;

	g->state = GATEWAY_DOWN;
	if (was == GATEWAY_DOWN)
		return;
	CP_COUNT(iq_gateway_lost);
	if (was == GATEWAY_UP)
		CP_GAUGE_ADD(iq_gateways_up, -1);
	GW_LOG_WARN(q->log, "iq.gateway_lost", "gateway=%s why=\"%s\"", g->conf->name, why);
	iq_xact_forget_peer(&q->xact, &g->peer, cp_iq_forget);
	q->ops.lost(q->ops.user, (unsigned)(g - q->gw));
}

/* A controller that starts, or has lost sight of a gateway, tells it; it registers again (3.3, M-21). */
static void announce(struct cp_iq *q, struct cp_gateway *g)
{
	struct iq_cmd c = { .kind = IQ_SERVICE_CHANGE, .term = IQ_ROOT };

	/* 2.9: a restart; warm (902) when the calls there are still known */
	c.sc.method = IQ_RESTART;
	c.sc.reason = g->n_contexts ? 902 : 901;
	(void)cp_gateway_command(q, g, IQ_CONTEXT_NULL, &c, OWN_PROBE);
}

/*
 * Liveness: an empty audit when nothing was heard for a while. A gateway out of service is
 * called all the time, for it may never have noticed that we gave it up.
 */
void cp_gateway_on_audit(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_gateway *g = GW_CONTAINER(timer, struct cp_gateway, audit);
	struct iq_cmd c = { .kind = IQ_AUDIT_VALUE, .term = IQ_ROOT, .has_audit = true };
	uint64_t period = g->q->conf->iq.audit_s * 1000ull;

	if (g->state == GATEWAY_DOWN && !g->is_gone && !g->announcement && cp_gateway_is_reachable(g)) {
		CP_COUNT(iq_probes);
		announce(g->q, g);
	} else if (g->state != GATEWAY_DOWN && now_ms - g->last_heard_ms >= period) {
		(void)cp_gateway_command(g->q, g, IQ_CONTEXT_NULL, &c, 0);
	}
	if (g->state == GATEWAY_DOWN && period > PROBE_MS)
		period = PROBE_MS;
	(void)gw_timer_arm(&g->q->loop->timers, timer, now_ms + period);
}

/* It has registered: repeated now, our announcement would make it do so again, and a Restart of it ends calls. */
static void withdraw_announcement(struct cp_iq *q, struct cp_gateway *g)
{
	void *tag = g->announcement ? iq_xact_forget(&q->xact, g->announcement) : NULL;

	if (tag)
		cp_iq_forget(q, tag);
}

static bool profile_ok(const struct cp_conf *c, struct gw_sv profile)
{
	struct gw_sv name, version;

	gw_sv_cut(profile, '/', &name, &version);
	for (unsigned i = 0; i < c->iq.n_profiles; i++)
		if (gw_sv_ieq(name, gw_sv_cstr(c->iq.profiles[i])) ||
			gw_sv_ieq(profile, gw_sv_cstr(c->iq.profiles[i])))
			return true;
	return c->iq.n_profiles == 0 || profile.len == 0;	/* M-18: names cannot be relied on */
}

/* After the reply has gone: what M-21 asks for, and a clean slate where we know of no call. */
void cp_gateway_greet(struct cp_iq *q, struct cp_gateway *g)
{
	struct iq_cmd audit = { .kind = IQ_AUDIT_VALUE, .term = IQ_ROOT, .has_audit = true,
		.audit = IQ_AUDIT_PACKAGES };
	unsigned n = g->n_contexts;
	struct iq_cmd list = { .kind = IQ_AUDIT_VALUE, .term = { IQ_TERM_ALL, GW_SV("*") }, .has_audit = true };
	struct iq_cmd clear = { .kind = IQ_SUBTRACT, .term = { IQ_TERM_ALL, GW_SV("*") },
		.is_wildcard_response = true, .has_audit = true };

	if (g->peer.is_reliable)
		iq_xact_resend(&q->xact, &g->peer);	/* what went down with the connection before */
	(void)cp_gateway_command(q, g, IQ_CONTEXT_NULL, &audit, 0);
	if (g->needs_clear && n > CENSUS_MAX)
		gateway_up(q, g);	/* believed; orphans are found by their heartbeats (F-25) */
	else if (g->needs_clear && !cp_gateway_command(q, g, IQ_CONTEXT_ALL, n ? &list : &clear, n ? OWN_CENSUS : OWN_CLEAR))
		cp_gateway_down(q, g, "cannot be cleared");
	g->needs_clear = false;
	(void)gw_timer_arm(&q->loop->timers, &g->audit, cp_loop_now(q->loop) + q->conf->iq.audit_s * 1000ull);
}

/* 2.10. New calls need no memory of it: the gateway refuses them with 510, and the next one is asked. */
static void terms_changed(struct cp_iq *q, struct cp_gateway *g, uint32_t context, const struct iq_cmd *c)
{
	GW_LOG_NOTICE(q->log, c->sc.method == IQ_FORCED ? "iq.interface_down" : "iq.interface_up",
		"gateway=%s terminations=%.*s reason=%u", g->conf->name, GW_SV_FMT(c->term.text), c->sc.reason);
	if (c->sc.method == IQ_FORCED)
		q->ops.terms_lost(q->ops.user, (unsigned)(g - q->gw), context, c->term.text);
}

void cp_gateway_service_change(struct cp_iq *q, struct cp_gateway *g, uint32_t context, const struct iq_cmd *c, struct iq_cmd *r,
	bool *registered)
{
	unsigned version = c->sc.version && c->sc.version < IQ_VERSION_MAX ? c->sc.version : IQ_VERSION_MAX;

	*r = (struct iq_cmd){ .kind = IQ_SERVICE_CHANGE, .term = c->term };
	if (c->term.kind != IQ_TERM_ROOT) {
		terms_changed(q, g, context, c);
		return;
	}
	if (c->sc.method == IQ_GRACEFUL || (c->sc.method == IQ_RESTART && c->sc.reason == 918)) {	/* 918: it stays */
		g->is_leaving = c->sc.method == IQ_GRACEFUL;
		GW_LOG_NOTICE(q->log, g->is_leaving ? "iq.gateway_leaving" : "iq.gateway_stays", "gateway=%s contexts=%u",
			g->conf->name, g->n_contexts);
		return;
	}
	if (c->sc.method == IQ_FORCED) {
		g->is_gone = true;
		cp_gateway_down(q, g, "taken out of service");
		return;
	}
	if (!profile_ok(q->conf, c->sc.profile)) {
		r->error = 459;
		return;
	}
	if (c->sc.method == IQ_RESTART && g->state == GATEWAY_DOWN)
		q->ops.lost(q->ops.user, (unsigned)(g - q->gw));	/* of calls from before a restart of ours, too */
	else if (c->sc.method == IQ_RESTART)	/* M-20: its contexts are gone */
		cp_gateway_down(q, g, "restarted");
	withdraw_announcement(q, g);
	g->version = version;
	r->sc.version = version;
	r->sc.profile = c->sc.profile;
	g->is_gone = false;
	g->is_leaving = false;
	g->full_until_ms = 0;
	g->throttle = (struct iq_throttle){ .is_active = false };
	g->has_xwrtc = g->has_tlsbsc = g->has_mgroup = g->has_ocp = g->has_chp = false;	/* told anew by the audit that follows */
	if (g->state == GATEWAY_DOWN) {
		g->state = GATEWAY_CLEARING;
		g->needs_clear = true;
	}
	GW_LOG_NOTICE(q->log, "iq.gateway_registered", "gateway=%s version=%u reason=%u", g->conf->name, version,
		c->sc.reason);
	*registered = true;
}

/* M-21: its load is asked for once it has said that it can tell. */
static void subscribe(struct cp_iq *q, struct cp_gateway *g)
{
	struct iq_item ev[2];
	struct iq_cmd c = { .kind = IQ_MODIFY, .term = IQ_ROOT, .has_events = true, .events_id = 1, .events = ev };

	if (g->has_ocp)
		ev[c.n_events++] = (struct iq_item){ .id = IQ_EV_OVERLOAD };
	if (g->has_chp)
		ev[c.n_events++] = (struct iq_item){ .id = IQ_EV_CONGESTION };
	(void)cp_gateway_command(q, g, IQ_CONTEXT_NULL, &c, 0);
}

void cp_gateway_learn(struct cp_iq *q, struct cp_gateway *g, const struct iq_txn *t)
{
	bool had_load = g->has_ocp || g->has_chp;

	for (unsigned i = 0; i < t->n_actions; i++)
		for (unsigned k = 0; k < t->actions[i].n_cmds; k++) {
			const struct iq_cmd *c = &t->actions[i].cmds[k];

			for (unsigned p = 0; p < c->n_packages; p++) {
				g->has_xwrtc |= gw_sv_istarts(c->packages[p], GW_SV("xwrtc-"));
				g->has_tlsbsc |= gw_sv_istarts(c->packages[p], GW_SV("tlsbsc-"));
				g->has_mgroup |= gw_sv_istarts(c->packages[p], GW_SV("mgroup-"));
				g->has_ocp |= gw_sv_istarts(c->packages[p], GW_SV("ocp-"));
				g->has_chp |= gw_sv_istarts(c->packages[p], GW_SV("chp-"));
			}
		}
	if (!had_load && (g->has_ocp || g->has_chp))
		subscribe(q, g);
}
