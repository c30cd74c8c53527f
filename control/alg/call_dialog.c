/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of a call's dialog: what a request of our own needs (W2-SIP-72). */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/sip/core.h"

void cp_half_clear(struct cp_half *h)
{
	free(h->target);
	free(h->identity);
	free(h->tag);
	for (unsigned i = 0; i < h->n_routes; i++)
		free(h->routes[i]);
	*h = (struct cp_half){ 0 };
}

void cp_half_target(struct cp_half *h, const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct sip_addr a;
	struct gw_sv v;
	char *t;

	if (!sip_msg_element(m, SIP_HDR_CONTACT, &e, &v) || sip_addr_parse(v, &a) || a.is_star)
		return;
	t = gw_sv_dup(a.uri.text);
	if (t) {
		free(h->target);
		h->target = t;
	}
}

void cp_half_identity(struct cp_half *h, const struct sip_msg *m, enum sip_hdr_id id)
{
	struct sip_addr a;

	free(h->identity);
	h->identity = gw_sv_dup(sip_msg_value(m, id));
	if (sip_addr_parse(sip_msg_value(m, id), &a) == GW_OK) {
		free(h->tag);
		h->tag = gw_sv_dup(sip_addr_tag(&a));
	}
}

void cp_half_routes(struct cp_call *c, const struct sip_msg *m, bool is_reversed)
{
	struct cp_half *h = &c->core;
	struct gw_sv list[CP_ROUTES_MAX];
	unsigned n = cp_core_entries(c->alg->s, m, is_reversed, list, CP_ROUTES_MAX);

	for (unsigned i = 0; i < h->n_routes; i++)
		free(h->routes[i]);
	h->n_routes = 0;
	for (unsigned i = 0; i < n; i++)
		if ((h->routes[h->n_routes] = gw_sv_dup(list[i])))
			h->n_routes++;
}

void cp_call_learn_ioi(struct cp_call *c, const struct sip_msg *m)
{
	struct gw_sv name = c->origin == CP_SIDE_MW ? GW_SV("orig-ioi") : GW_SV("term-ioi");
	struct sip_param p;

	if (!sip_param_get(sip_msg_value(m, SIP_HDR_P_CHARGING_VECTOR), name, &p) || p.value.len == 0)
		return;
	free(c->far_ioi);
	c->far_ioi = gw_sv_dup(p.value);
}

/* Room for one more: a new place, or that of one that has ended. */
static struct cp_fork *fork_place(struct cp_call *c)
{
	if (c->n_forks < CP_FORKS_MAX)
		return &c->forks[c->n_forks++];
	for (unsigned i = 0; i < c->n_forks; i++)
		if (c->forks[i].has_ended && !(c->rel.rseq && c->rel.fork == i)) {
			free(c->forks[i].tag);
			free(c->forks[i].answer);
			return &c->forks[i];
		}
	return NULL;
}

struct cp_fork *cp_call_fork(struct cp_call *c, struct gw_sv tag)
{
	struct cp_fork *f;
	char *copy;

	for (unsigned i = 0; i < c->n_forks; i++)
		if (gw_sv_eq(gw_sv_cstr(c->forks[i].tag), tag))
			return &c->forks[i];
	copy = tag.len ? gw_sv_dup(tag) : NULL;
	f = copy ? fork_place(c) : NULL;
	if (!f) {
		free(copy);
		return NULL;
	}
	*f = (struct cp_fork){ .tag = copy, .early = CP_GATE_UNSAID };
	return f;
}

static bool is_fork(const struct cp_call *c, struct gw_sv tag)
{
	for (unsigned i = 0; i < c->n_forks; i++)
		if (gw_sv_eq(gw_sv_cstr(c->forks[i].tag), tag))
			return true;
	return false;
}

/* Until the call is answered the callee has the tag of any early dialog. */
static bool has_tag(const struct cp_call *c, enum cp_side side, struct gw_sv tag)
{
	const struct cp_half *h = side == CP_SIDE_W2 ? &c->w2 : &c->core;

	return h->tag ? gw_sv_eq(gw_sv_cstr(h->tag), tag) : is_fork(c, tag);
}

bool cp_call_in_dialog(const struct cp_call *c, const struct sip_msg *m, enum cp_side from)
{
	return has_tag(c, from, m->from_tag) && has_tag(c, cp_other(from), m->to_tag);
}

bool cp_call_in_fork(const struct cp_call *c, const struct sip_msg *m, enum cp_side from)
{
	return from == c->origin ? has_tag(c, from, m->from_tag) && is_fork(c, m->to_tag) :
				   has_tag(c, cp_other(from), m->to_tag) && is_fork(c, m->from_tag);
}

bool cp_alg_routes(const struct cp_binding *b, const struct sip_msg *m, struct cp_route_set *set)
{
	GW_LIST_FOREACH(it, &b->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, of_binding);
		const struct cp_early *d;

		if (!gw_sv_eq(gw_sv_cstr(c->call_id), m->call_id))
			continue;
		set->icid = gw_sv_cstr(c->icid);
		d = c->ex.c ? cp_uac_early(c->ex.c, m->to_tag) : NULL;
		if (d) {
			set->n = d->n_routes;
			memcpy(set->routes, d->routes, d->n_routes * sizeof(set->routes[0]));
			return true;
		}
		if (!c->core.tag || !gw_sv_eq(gw_sv_cstr(c->core.tag), m->to_tag))
			continue;
		for (set->n = 0; set->n < c->core.n_routes; set->n++)
			set->routes[set->n] = gw_sv_cstr(c->core.routes[set->n]);
		return true;
	}
	return false;
}
