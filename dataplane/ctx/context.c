/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of contexts and terminations: made, found, ended. */
#include "dataplane/ctx/context.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "dataplane/ctx/ctx_int.h"

const struct gw_ctr_info dp_ctx_ctr_info[dp_ctx_ctr_COUNT] = GW_CTR_INFO(dp_ctx_ctr, DP_CTX_CTR_LIST);

uint32_t dp_ctx_random(void)
{
	uint32_t v;

	if (RAND_bytes((unsigned char *)&v, sizeof(v)) != 1)
		abort();	/* no randomness: no secrets, no service */
	return v;
}

enum gw_err dp_ctx_new(struct dp_ctx **out, const struct dp_ctx_conf *conf)
{
	struct dp_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return GW_ENOMEM;
	c->c = *conf;
	gw_list_init(&c->contexts);
	gw_list_init(&c->backlog);
	c->n_term_slots = conf->max_contexts * 2;
	c->terms = calloc(c->n_term_slots, sizeof(*c->terms));
	if (!c->terms || gw_timers_reserve(conf->timers, c->n_term_slots * 3 + 64)) {
		dp_ctx_free(c);
		return GW_ENOMEM;
	}
	c->next_context = dp_ctx_random() & 0xffffff;
	c->next_term = 1000;
	*out = c;
	return GW_OK;
}

void dp_ctx_free(struct dp_ctx *c)
{
	void *ref;

	if (!c)
		return;
	dp_publish_drop_backlog(c);
	for (size_t it = 0; gw_map_next(&c->flow_ports, &it, &ref);)
		free(ref);
	gw_map_free(&c->flow_ports);
	while (!gw_list_empty(&c->contexts)) {
		struct dp_context *cx = GW_CONTAINER(c->contexts.next, struct dp_context, node);

		gw_list_remove(&cx->node);
		free(cx);
	}
	gw_map_free(&c->by_id);
	free(c->terms);
	free(c);
}

struct dp_context *dp_ctx_find(struct dp_ctx *c, uint32_t id)
{
	return gw_map_get_u64(&c->by_id, id);
}

enum gw_err dp_ctx_create(struct dp_ctx *c, uint64_t now_ms, struct dp_context **out)
{
	struct dp_context *cx;

	if (c->by_id.count >= c->c.max_contexts)
		return GW_ELIMIT;
	cx = calloc(1, sizeof(*cx));
	if (!cx)
		return GW_ENOMEM;
	do
		cx->id = ++c->next_context & 0x7fffffff;
	while (cx->id == 0 || dp_ctx_find(c, cx->id));
	if (gw_map_put_u64(&c->by_id, cx->id, cx)) {
		free(cx);
		return GW_ENOMEM;
	}
	cx->priority = -1;
	cx->created_ms = now_ms;
	gw_list_append(&c->contexts, &cx->node);
	*out = cx;
	return GW_OK;
}

void dp_ctx_remove_if_empty(struct dp_ctx *c, struct dp_context *cx)
{
	if (cx->n_terms)
		return;
	gw_map_del_u64(&c->by_id, cx->id);
	gw_list_remove(&cx->node);
	free(cx);
}

struct gw_list *dp_ctx_list(struct dp_ctx *c)
{
	return &c->contexts;
}

unsigned dp_ctx_count(const struct dp_ctx *c)
{
	return (unsigned)c->by_id.count;
}

unsigned dp_ctx_terms(const struct dp_ctx *c)
{
	return c->n_terms;
}

unsigned dp_ctx_flows(const struct dp_ctx *c)
{
	return (unsigned)c->flow_ports.count;
}

unsigned dp_ctx_ports_in_use(const struct dp_ctx *c)
{
	unsigned n = 0;

	for (unsigned r = 0; r < c->c.n_realms; r++)
		for (unsigned a = 0; a < c->c.realms[r].n_addrs; a++)
			n += dp_port_in_use(c->c.realms[r].pools[a]);
	return n;
}

const uint64_t *dp_ctx_counters(const struct dp_ctx *c)
{
	return c->ctr;
}

struct dp_term *dp_ctx_term(struct dp_context *cx, struct gw_sv id)
{
	for (unsigned i = 0; i < cx->n_terms; i++)
		if (gw_sv_ieq(gw_sv_cstr(cx->terms[i]->id), id))
			return cx->terms[i];
	return NULL;
}

struct dp_term *dp_term_peer(const struct dp_term *t)
{
	/* M-2: streams of equal id are joined; here one access and one core side */
	for (unsigned i = 0; i < t->ctx->n_terms; i++) {
		struct dp_term *o = t->ctx->terms[i];

		if (o != t && o->stream_id == t->stream_id && o->is_access != t->is_access)
			return o;
	}
	return NULL;
}

void dp_term_stats(struct dp_ctx *c, const struct dp_term *t, struct dp_flow_stats *in,
	struct dp_flow_stats *out)
{
	const struct dp_term *peer = dp_term_peer(t);

	memset(in, 0, sizeof(*in));
	*out = t->sent;
	if (t->has_flow[0])
		(void)!dp_flow_stats_read(c->c.fast, t->flow[0], in);
	if (peer && peer->has_flow[0])	/* what the peer's flow sent on left by this termination */
		(void)!dp_flow_stats_read(c->c.fast, peer->flow[0], out);
}

void dp_ctx_subtract(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	struct dp_context *cx = t->ctx;
	struct dp_term *peer = dp_term_peer(t);

	gw_timer_stop(c->c.timers, &t->heartbeat);
	if (peer && t->has_flow[0])
		(void)!dp_flow_stats_read(c->c.fast, t->flow[0], &peer->sent);
	if (t->is_access)
		dp_media_close(c, t);
	dp_publish_close(c, t, now_ms);
	for (unsigned i = 0; i < cx->n_terms; i++)
		if (cx->terms[i] == t) {
			cx->terms[i] = cx->terms[--cx->n_terms];
			break;
		}
	if (peer)	/* what is left sends nowhere */
		dp_publish(c, peer, now_ms);
	free(t->local_sdp);
	free(t->remote_sdp);
	dp_ice_clear(&t->ice);
	t->local_sdp = t->remote_sdp = NULL;
	t->is_used = false;
	c->n_terms--;
	dp_ctx_remove_if_empty(c, cx);
}
