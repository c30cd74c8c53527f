/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks and consent ordered (F-59 to F-66): ostuncc/scc and sacc, stuncf/cfr of a plan, read, prepared, committed. scc
 * and sacc begin something that ends by itself; cfr lasts until a Signals descriptor comes without it (M-9).
 */
#include <stdlib.h>

#include "dataplane/ctx/plan.h"

enum gw_err dp_plan_read_ice_signal(struct dp_plan *p, const struct iq_item *it)
{
	if (!p->is_access)
		return dp_plan_refuse(p, 513, "ICE where there is none");
	p->ice_orders[p->n_ice_orders++] = (struct dp_ice_order){ it->id, it->stream };
	return GW_OK;
}

bool dp_plan_orders(const struct dp_plan *p, uint16_t stream, enum iq_name signal)
{
	for (unsigned i = 0; i < p->n_ice_orders; i++)
		if (p->ice_orders[i].signal == signal && (!p->ice_orders[i].stream || p->ice_orders[i].stream == stream))
			return true;
	return false;
}

static const struct dp_stream_plan *plan_of(const struct dp_plan *p, const struct dp_stream *s)
{
	for (unsigned i = 0; i < p->cmd->n_streams; i++)
		if (p->streams[i].stream == s)
			return &p->streams[i];
	return NULL;
}

/* The peer's description as it will hold; NULL: not known yet. */
static enum gw_err find_remote(struct dp_plan *p, const struct dp_stream *s, const struct sdp_line **out)
{
	const struct dp_stream_plan *sp = plan_of(p, s);
	struct sdp_model *m;
	struct gw_diag diag;
	struct dp_sdp_pair texts;

	*out = sp && sp->has_remote ? &sp->remote.lines[0] : NULL;
	if (*out || !s->kept || (sp && (sp->clears_remote || sp->asks_ice)))	/* asks_ice: those of before the restart */
		return GW_OK;
	m = gw_arena_alloc(p->arena, sizeof(*m));
	if (!m || dp_stream_recall(s, p->arena, &texts))
		return dp_plan_refuse(p, 510, "no memory");
	if (!texts.remote.len)
		return GW_OK;
	if (sdp_model_read(m, p->arena, texts.remote, SDP_IQ, &diag) || m->n_lines != 1)
		return dp_plan_refuse(p, 500, "the remote description kept cannot be read");
	*out = &m->lines[0];
	return GW_OK;
}

static enum gw_err prepare_stream(struct dp_plan *p, struct dp_stream *s)
{
	const struct dp_stream_plan *sp = plan_of(p, s);
	struct dp_ice *ice = &s->access->ice;
	struct dp_ice_plan *x = &p->ice[p->n_ice];
	bool is_lite = sp && sp->asks_ice ? sp->is_lite : ice->is_lite;
	enum gw_err err;

	*x = (struct dp_ice_plan){ .stream = s, .checks = dp_plan_orders(p, s->id, IQ_SG_CHECK),
		.again = dp_plan_orders(p, s->id, IQ_SG_MORE_CHECKS), .consent = dp_plan_orders(p, s->id, IQ_SG_CONSENT) };
	if ((x->checks || x->again) && is_lite)
		return dp_plan_refuse(p, 513, "the agent is ICE-lite: a=ice-lite was answered");
	x->checks |= x->again || (ice->full && ice->full->wants_checks);
	if (!x->checks && !x->consent && !ice->full)
		return GW_OK;
	p->n_ice++;
	if (dp_ice_reserve_full(ice, &s->term->ice_pace))
		return dp_plan_refuse(p, 510, "no memory");
	if ((err = find_remote(p, s, &x->remote)) || !x->remote || !x->remote->ice_pwd.len)
		return err;
	x->pwd = gw_sv_dup(x->remote->ice_pwd);
	return x->pwd ? GW_OK : dp_plan_refuse(p, 510, "no memory");
}

enum gw_err dp_plan_prepare_ice(struct dp_plan *p)
{
	unsigned found = 0;
	enum gw_err err;

	if (!p->term->is_access)
		return GW_OK;
	p->ice = gw_arena_array(p->arena, struct dp_ice_plan, p->term->n_streams ? p->term->n_streams : 1);
	if (!p->ice)
		return dp_plan_refuse(p, 510, "no memory");
	for (struct dp_stream *s = p->term->streams; s; s = s->next) {
		const struct dp_stream_plan *sp = plan_of(p, s);

		if ((sp && sp->is_released) || !s->access || s->transport)
			continue;
		if ((err = prepare_stream(p, s)))
			return err;
		for (unsigned i = 0; i < p->n_ice_orders; i++)
			found += !p->ice_orders[i].stream || p->ice_orders[i].stream == s->id;
	}
	return found >= p->n_ice_orders ? GW_OK : dp_plan_refuse(p, 473, "checks of a stream that is not there");
}

void dp_plan_undo_ice(struct dp_plan *p)
{
	for (unsigned i = 0; i < p->n_ice; i++) {
		if (p->ice[i].pwd)
			explicit_bzero(p->ice[i].pwd, strlen(p->ice[i].pwd));
		free(p->ice[i].pwd);
	}
}

static unsigned read_candidates(const struct dp_ctx *c, const struct dp_stream *s, const struct sdp_line *l,
	struct ice_candidate *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < l->n_candidates && n < ICE_PAIRS_MAX; i++)
		if (ice_candidate_read(l->candidates[i], &out[n]) == GW_OK && out[n].addr.family == c->c.laddrs[s->laddr].ip.family)
			n++;
	return n;
}

void dp_commit_ice(struct dp_ctx *c, struct dp_plan *p, uint64_t now_ms)
{
	for (unsigned i = 0; i < p->n_ice; i++) {
		struct dp_ice_plan *x = &p->ice[i];
		struct dp_ice *ice = &x->stream->access->ice;
		struct ice_candidate found[ICE_PAIRS_MAX];
		unsigned n = 0;

		dp_ice_take_remote_pwd(ice, x->pwd);
		x->pwd = NULL;
		if (x->remote) {
			n = read_candidates(c, x->stream, x->remote, found);
			ice->controls |= x->remote->has_ice_lite;
		}
		if (x->checks)
			dp_ice_check(ice, found, n, (uint64_t)dp_ctx_random() << 32 | dp_ctx_random(), x->again, now_ms);
		if (p->cmd->has_signals)
			dp_ice_ask_consent(ice, x->consent);
		dp_media_arm_ice(c, x->stream, now_ms);
	}
}
