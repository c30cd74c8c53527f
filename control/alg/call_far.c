/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls and their media at different nodes (docs/decisions/011-nodes.md). A gateway has one controller (H.248.1 11.5), so
 * a call that moves with its WIC leaves its context behind: lent. The node of the gateway keeps it, passes on what the
 * gateway reports, and gives it back when the node that has the call says so.
 *
 * Lines between them: "lent G C OWNER" (the call has moved), "release G C", "event NODE G C WHAT", "ask NODE G C".
 */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/state/share.h"

struct lent {
	unsigned gateway;
	uint32_t context;
	char *owner;                 /* node that has the call */
};

static uint64_t key_of(unsigned gateway, uint32_t context)
{
	return (uint64_t)gateway << 32 | context;
}

static const char *gateway_name(const struct cp_alg *a, unsigned gateway)
{
	return a->s->conf->iq.gateways[gateway].name;
}

/* ---- the node of the gateway ---------------------------------------------------------------------------------- */

static void drop(struct cp_alg *a, struct lent *l)
{
	gw_map_del_u64(&a->lent, key_of(l->gateway, l->context));
	CP_GAUGE_ADD(iq_contexts_lent, -1);
	free(l->owner);
	free(l);
}

void cp_lent_add(struct cp_alg *a, unsigned gateway, uint32_t context, struct gw_sv owner)
{
	struct lent *l = gw_map_get_u64(&a->lent, key_of(gateway, context));
	char *name = gw_sv_dup(owner);

	if (l && name) {
		free(l->owner);
		l->owner = name;
		return;
	}
	if (!l && name && (l = calloc(1, sizeof(*l)))) {
		*l = (struct lent){ gateway, context, name };
		if (gw_map_put_u64(&a->lent, key_of(gateway, context), l) == GW_OK) {
			CP_GAUGE_ADD(iq_contexts_lent, 1);
			return;
		}
		free(l);
	}
	free(name);	/* no memory: its heartbeat will end it */
}

bool cp_lent_remove(struct cp_alg *a, unsigned gateway, uint32_t context)
{
	struct lent *l = gw_map_get_u64(&a->lent, key_of(gateway, context));

	if (l)
		drop(a, l);
	return l != NULL;
}

void cp_lent_count(const struct cp_alg *a)
{
	size_t it = 0;
	void *v;

	while (gw_map_next(&a->lent, &it, &v))
		cp_iq_context_added(a->iq, ((const struct lent *)v)->gateway);
}

static void tell_owner(struct cp_alg *a, const struct lent *l, const char *word, const char *what)
{
	char line[512];
	struct gw_buf b = gw_buf(line, sizeof(line));

	gw_buf_printf(&b, "%s %s %s %u%s", word, a->s->conf->state.node, gateway_name(a, l->gateway), l->context, what);
	cp_store_tell(a->s->store, gw_sv_cstr(l->owner), gw_buf_sv(&b));
}

void cp_lent_lost(struct cp_alg *a, unsigned gateway, const struct gw_map *there)
{
	size_t it = 0;
	void *v;

	while (gw_map_next(&a->lent, &it, &v)) {
		struct lent *l = v;

		if (l->gateway != gateway || (there && gw_map_get_u64(there, l->context)))
			continue;
		tell_owner(a, l, "event", " failed");
		cp_iq_context_gone(a->iq, l->gateway);
		drop(a, l);
		it = 0;			/* the map has changed */
	}
}

bool cp_lent_event(struct cp_alg *a, unsigned gateway, uint32_t context, const char *what)
{
	const struct lent *l = gw_map_get_u64(&a->lent, key_of(gateway, context));
	char text[32];

	if (l && what) {
		snprintf(text, sizeof(text), " %s", what);
		tell_owner(a, l, "event", text);
	}
	return l != NULL;
}

/* "G C", and what is behind it. @return false: no gateway of ours */
static bool read_context(const struct cp_alg *a, struct gw_sv line, unsigned *gateway, uint32_t *context, struct gw_sv *rest)
{
	const struct cp_conf *conf = a->s->conf;
	struct gw_sv name, number;

	gw_sv_cut(line, ' ', &name, &line);
	gw_sv_cut(line, ' ', &number, rest);
	for (*gateway = 0; *gateway < conf->iq.n_gateways; (*gateway)++)
		if (gw_sv_eq(gw_sv_cstr(conf->iq.gateways[*gateway].name), name))
			return gw_sv_u32(number, context) == GW_OK;
	return false;
}

/* The node that has the call gives its context back. */
static void release(struct cp_alg *a, unsigned gateway, uint32_t context)
{
	struct cp_call gone = { .alg = a, .gateway = gateway, .context = context, .call_id = (char *)(uintptr_t)"-" };

	if (!cp_lent_remove(a, gateway, context))
		return;
	cp_media_subtract(&gone);
}

static void restore(void *user, struct gw_sv key, struct gw_sv owner)
{
	struct cp_alg *a = user;
	struct gw_sv rest;
	uint32_t context;
	unsigned gateway;

	if (read_context(a, key, &gateway, &context, &rest))
		cp_lent_add(a, gateway, context, owner);
}

enum gw_err cp_lent_restore(struct cp_alg *a)
{
	return cp_store_is_shared(a->s->store) ? cp_store_load(a->s->store, CP_STORE_LENT, restore, a) : GW_OK;
}

void cp_lent_free(struct cp_alg *a)
{
	size_t it;
	void *v;

	for (it = 0; gw_map_next(&a->lent, &it, &v); it = 0)
		drop(a, v);
	gw_map_free(&a->lent);
}

/* ---- the node of the call ---------------------------------------------------------------------------------- */

static struct gw_sv record_key(const struct cp_call *c, struct gw_buf *b)
{
	gw_buf_printf(b, "%s %s %u", c->far_node, c->far_gateway, c->context);
	return gw_buf_sv(b);
}

void cp_far_begin(struct cp_call *c)
{
	const char *me = c->alg->s->conf->state.node;
	char text[512];
	struct gw_buf b = gw_buf(text, sizeof(text));

	cp_store_put(c->alg->s->store, CP_STORE_LENT, record_key(c, &b), gw_sv_cstr(me), 0);
	b.len = 0;
	gw_buf_printf(&b, "lent %s %u %s", c->far_gateway, c->context, me);
	cp_store_tell(c->alg->s->store, gw_sv_cstr(c->far_node), gw_buf_sv(&b));
}

void cp_far_end(struct cp_call *c)
{
	char text[512];
	struct gw_buf b = gw_buf(text, sizeof(text));

	cp_store_del(c->alg->s->store, CP_STORE_LENT, record_key(c, &b));
}

static struct cp_call *find_far(struct cp_alg *a, struct gw_sv node, struct gw_sv gateway, uint32_t context)
{
	GW_LIST_FOREACH(it, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (c->far_node && c->context == context && gw_sv_eq(gw_sv_cstr(c->far_node), node) &&
			gw_sv_eq(gw_sv_cstr(c->far_gateway), gateway))
			return c;
	}
	return NULL;
}

static void event(struct cp_call *c, struct gw_sv what)
{
	if (gw_sv_eq(what, GW_SV("failed"))) {
		cp_call_release(c, 503, "media lost at another node");
	} else if (gw_sv_eq(what, GW_SV("consent"))) {
		cp_loss_begin(c);
	} else {
		cp_loss_over(c);
		c->ice_ok = true;
		c->dtls_up |= gw_sv_eq(what, GW_SV("up"));
		cp_call_save(c);
	}
}

/* "event NODE G C WHAT" or "ask NODE G C" of the node of the gateway. */
static void told_of_far(struct cp_alg *a, struct gw_sv line, bool is_event)
{
	struct gw_sv node, gateway, number, what;
	char text[512];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct cp_call *c;
	uint32_t context;

	gw_sv_cut(line, ' ', &node, &line);
	gw_sv_cut(line, ' ', &gateway, &line);
	gw_sv_cut(line, ' ', &number, &what);
	if (gw_sv_u32(number, &context))
		return;
	c = find_far(a, node, gateway, context);
	if (c && is_event) {
		event(c, what);
	} else if (!c && !is_event) {	/* it ended while nobody could be told */
		gw_buf_printf(&b, "release %.*s %u", GW_SV_FMT(gateway), context);
		cp_store_tell(a->s->store, node, gw_buf_sv(&b));
	}
}

void cp_alg_told(struct cp_alg *a, struct gw_sv line)
{
	struct gw_sv word, rest, owner;
	uint32_t context;
	unsigned gateway;

	gw_sv_cut(line, ' ', &word, &rest);
	if (gw_sv_eq(word, GW_SV("event")) || gw_sv_eq(word, GW_SV("ask")))
		told_of_far(a, rest, gw_sv_eq(word, GW_SV("event")));
	else if (!read_context(a, rest, &gateway, &context, &owner))
		return;
	else if (gw_sv_eq(word, GW_SV("lent")) && cp_lent_event(a, gateway, context, NULL))
		cp_lent_add(a, gateway, context, owner);
	else if (gw_sv_eq(word, GW_SV("release")))
		release(a, gateway, context);
}

void cp_alg_resync(struct cp_alg *a)
{
	size_t it = 0;
	void *v;

	GW_LIST_FOREACH(it2, &a->calls)
		cp_call_save(GW_CONTAINER(it2, struct cp_call, node));
	while (gw_map_next(&a->lent, &it, &v))
		tell_owner(a, v, "ask", "");
}

/* ---- a binding moves ----------------------------------------------------------------------------------------- */

static bool is_listed(struct gw_sv ids, uint64_t id)
{
	struct gw_sv one;
	uint64_t n;

	while (gw_sv_cut(ids, ',', &one, &ids))
		if (gw_sv_u64(one, &n) == GW_OK && n == id)
			return true;
	return false;
}

void cp_alg_hand_over(struct cp_alg *a, const struct cp_binding *b, struct gw_sv node, struct gw_sv ids)
{
	GW_LIST_FOREACH_SAFE(it, next, &a->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);

		if (c->b != b || !c->is_answered || !is_listed(ids, c->id))
			continue;	/* what is left is released with its binding */
		if (c->context && c->far_node)
			cp_iq_context_gone(a->iq, c->gateway);
		else if (c->context)
			cp_lent_add(a, c->gateway, c->context, node);
		c->context = 0;		/* at its gateway it stays, and counts there */
		c->lives_on = true;
		cp_call_end(c, "taken over by another node");
	}
}

void cp_alg_take_over(struct cp_alg *a, const struct cp_share_answer *from, struct gw_sv key)
{
	for (unsigned i = 0; i < from->n_calls; i++) {
		char text[2048];
		struct gw_buf b = gw_buf(text, sizeof(text));
		struct cp_call *c;

		gw_buf_printf(&b, "%.*s %.*s", GW_SV_FMT(from->calls[i].id), GW_SV_FMT(key));
		c = cp_call_restore(a, gw_buf_sv(&b), from->calls[i].value);
		if (!c)
			continue;
		CP_COUNT(state_adopted_calls);
		GW_LOG_NOTICE(a->s->log, "call.taken_over", "call=%s id=%llu from=%.*s media=%s", c->call_id,
			(unsigned long long)c->id, GW_SV_FMT(from->node), c->far_node ? c->far_node : "here");
		if (c->far_node)
			cp_far_begin(c);
		if (c->far_node || !cp_lent_remove(a, c->gateway, c->context))
			cp_iq_context_added(a->iq, c->gateway);
		cp_call_save(c);
		cp_call_settle(c);
	}
}
