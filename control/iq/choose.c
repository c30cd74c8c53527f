/* SPDX-License-Identifier: Apache-2.0 */
/* Which gateway a new call goes to: in service, not locked, least loaded by its weight, not over load (F-75). */
#include "control/iq/client_int.h"

#include "control/app/metrics.h"

#define FULL_MS 5000u		/* after 412, 510: contexts end, so it is tried again */

static bool is_open(const struct cp_gateway *g)
{
	return g->state == GATEWAY_UP && cp_gateway_is_reachable(g) && !g->is_leaving && !g->is_locked;
}

/* Is a less loaded than b, each by its weight? */
static bool is_less(const struct cp_gateway *a, const struct cp_gateway *b)
{
	return (a->n_contexts + 1ull) * b->conf->weight < (b->n_contexts + 1ull) * a->conf->weight;
}

static struct cp_gateway *least(struct cp_iq *q, uint64_t without)
{
	struct cp_gateway *best = NULL;

	for (unsigned i = 0; i < q->n; i++) {
		unsigned k = (q->next + i) % q->n;	/* among equals one after the other */

		if (is_open(&q->gw[k]) && !(without >> k & 1) && (!best || is_less(&q->gw[k], best)))
			best = &q->gw[k];
	}
	return best;
}

static enum gw_err take(struct cp_iq *q, const struct cp_gateway *g, unsigned *gateway)
{
	*gateway = (unsigned)(g - q->gw);
	q->next = *gateway + 1;
	return GW_OK;
}

enum gw_err cp_iq_pick(struct cp_iq *q, const struct cp_iq_want *want, unsigned *gateway)
{
	uint64_t without = want->tried, now = cp_loop_now(q->loop);
	struct cp_gateway *g, *full = NULL;
	enum gw_err err = GW_ENOENT;

	while ((g = least(q, without))) {
		bool is_full = now < g->full_until_ms;

		if (want->is_exempt || (!is_full && iq_throttle_admit(&g->throttle, now)))
			return take(q, g, gateway);
		if (is_full && !full)
			full = g;
		without |= UINT64_C(1) << (g - q->gw);
		err = GW_ELIMIT;
		CP_COUNT(iq_throttled);
	}
	if (full && iq_throttle_admit(&full->throttle, now))	/* better asked than the caller refused: calls end */
		return take(q, full, gateway);
	return err;
}

void cp_iq_refused(struct cp_iq *q, unsigned gateway, unsigned error)
{
	struct cp_gateway *g = &q->gw[gateway];

	if (error != 412 && error != 432 && error != 510)
		return;
	g->full_until_ms = cp_loop_now(q->loop) + FULL_MS;
	GW_LOG_WARN(q->log, "iq.gateway_full", "gateway=%s contexts=%u code=%u", g->conf->name, g->n_contexts, error);
}

void cp_iq_context_added(struct cp_iq *q, unsigned gateway)
{
	CP_GAUGE_ADD(iq_contexts, 1);
	if (gateway < q->n)	/* else it is none of the configured ones any more */
		q->gw[gateway].n_contexts++;
}

void cp_iq_context_gone(struct cp_iq *q, unsigned gateway)
{
	CP_GAUGE_ADD(iq_contexts, -1);
	if (gateway < q->n)
		q->gw[gateway].n_contexts--;
}

void cp_gateway_event(struct cp_iq *q, struct cp_gateway *g, const struct iq_item *ev)
{
	uint64_t now = cp_loop_now(q->loop);
	uint32_t percent;

	if (ev->id == IQ_EV_OVERLOAD) {
		CP_COUNT(iq_overloads);
		iq_throttle_overload(&g->throttle, now);
	} else if (ev->id == IQ_EV_CONGESTION && ev->n_params &&
		gw_sv_uint_max(ev->params[0].value, 100, &percent) == GW_OK) {
		CP_COUNT(iq_overloads);
		iq_throttle_percent(&g->throttle, percent, now);
	}
}

struct cp_gateway *cp_gateway_named(struct cp_iq *q, struct gw_sv name)
{
	for (unsigned i = 0; i < q->n; i++)
		if (gw_sv_eq(gw_sv_cstr(q->gw[i].conf->name), name))
			return &q->gw[i];
	return NULL;
}

enum gw_err cp_iq_lock(struct cp_iq *q, struct gw_sv name, bool is_locked)
{
	struct cp_gateway *g = cp_gateway_named(q, name);

	if (!g)
		return GW_ENOENT;
	g->is_locked = is_locked;
	GW_LOG_NOTICE(q->log, is_locked ? "iq.gateway_locked" : "iq.gateway_unlocked", "gateway=%s contexts=%u",
		g->conf->name, g->n_contexts);
	return GW_OK;
}

enum gw_err cp_iq_hand_off(struct cp_iq *q, struct gw_sv name, struct gw_sv mgc_id)
{
	struct cp_gateway *g = cp_gateway_named(q, name);
	struct iq_cmd c = { .kind = IQ_SERVICE_CHANGE, .term = IQ_ROOT };

	if (!g)
		return GW_ENOENT;
	c.sc.method = IQ_HANDOFF;
	c.sc.reason = 903;
	c.sc.mgc_id = mgc_id;
	return g->state == GATEWAY_UP && cp_gateway_command(q, g, IQ_CONTEXT_NULL, &c, 0) ? GW_OK : GW_ECLOSED;
}
