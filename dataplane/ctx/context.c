/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of contexts and terminations: made, found, ended. */
#include "dataplane/ctx/context.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>
#include <rte_common.h>

#include "dataplane/ctx/ctx_int.h"

const struct gw_ctr_info dp_ctx_ctr_info[dp_ctx_ctr_COUNT] = GW_CTR_INFO(dp_ctx_ctr, DP_CTX_CTR_LIST);

void dp_ctx_random_bytes(void *dst, size_t n)
{
	if (RAND_bytes(dst, (int)n) != 1)
		abort();	/* no randomness: no secrets, no service */
}

uint32_t dp_ctx_random(void)
{
	uint32_t v;

	dp_ctx_random_bytes(&v, sizeof(v));
	return v;
}

uint32_t dp_ctx_generation(struct dp_ctx *c)
{
	/* 2^32 of them: what had the same one has gone long ago */
	if (++c->next_generation == 0)
		c->next_generation++;
	return c->next_generation;
}

enum gw_err dp_ctx_new(struct dp_ctx **out, const struct dp_ctx_conf *conf)
{
	struct dp_ctx *c = calloc(1, sizeof(*c));
	uint32_t n = conf->max_contexts + dp_ctx_extra(conf->max_contexts);

	if (!c)
		return GW_ENOMEM;
	c->c = *conf;
	c->by_id_mask = rte_align32pow2(n) - 1;
	c->by_id = calloc(c->by_id_mask + 1, sizeof(*c->by_id));
	gw_list_init(&c->contexts);
	gw_list_init(&c->backlog);
	/* three flows a context: as many streams, those included that are being closed */
	if (!c->by_id || dp_pool_init(&c->context_pool, n, sizeof(struct dp_context)) ||
		dp_pool_init(&c->term_pool, n * 2, sizeof(struct dp_term)) ||
		dp_pool_init(&c->stream_pool, n * DP_FLOWS_PER_CONTEXT, sizeof(struct dp_stream)) ||
		dp_pool_init(&c->access_pool, n * DP_FLOWS_PER_CONTEXT, sizeof(struct dp_access)) ||
		gw_timers_reserve(conf->timers, n * (2 + DP_FLOWS_PER_CONTEXT * 2) + 64)) {
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
	if (!c)
		return;
	dp_orders_drop(c);
	gw_map_free(&c->wanted);
	free(c->by_id);
	dp_pool_free(&c->context_pool);
	dp_pool_free(&c->term_pool);
	dp_pool_free(&c->stream_pool);
	dp_pool_free(&c->access_pool);
	free(c);
}

/* IDs follow one another: the chains are short. */
static uint32_t *chain_of(struct dp_ctx *c, uint32_t id)
{
	return &c->by_id[id & c->by_id_mask];
}

struct dp_context *dp_ctx_find(struct dp_ctx *c, uint32_t id)
{
	for (uint32_t at = *chain_of(c, id); at;) {
		struct dp_context *cx = dp_pool_at(&c->context_pool, at - 1);

		if (cx->id == id)
			return cx;
		at = cx->next;
	}
	return NULL;
}

static void chain(struct dp_ctx *c, struct dp_context *cx)
{
	uint32_t *at = chain_of(c, cx->id);

	cx->next = *at;
	*at = dp_pool_index(&c->context_pool, cx) + 1;
}

static void unchain(struct dp_ctx *c, const struct dp_context *cx)
{
	uint32_t place = dp_pool_index(&c->context_pool, cx) + 1, *at = chain_of(c, cx->id);

	while (*at != place)
		at = &((struct dp_context *)dp_pool_at(&c->context_pool, *at - 1))->next;
	*at = cx->next;
}

enum gw_err dp_ctx_create(struct dp_ctx *c, uint64_t now_ms, bool is_preferred, struct dp_context **out)
{
	struct dp_context *cx;

	if (!is_preferred && dp_ctx_count(c) >= c->c.max_contexts)
		return GW_ELIMIT;
	cx = dp_pool_take(&c->context_pool);
	if (!cx)
		return GW_ELIMIT;
	do
		cx->id = ++c->next_context & 0x7fffffff;
	while (cx->id == 0 || dp_ctx_find(c, cx->id));
	chain(c, cx);
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
	unchain(c, cx);
	gw_list_remove(&cx->node);
	dp_pool_give(&c->context_pool, cx);
}

struct gw_list *dp_ctx_list(struct dp_ctx *c)
{
	return &c->contexts;
}

unsigned dp_ctx_count(const struct dp_ctx *c)
{
	return c->context_pool.in_use;
}

unsigned dp_ctx_terms(const struct dp_ctx *c)
{
	return c->term_pool.in_use;
}

unsigned dp_ctx_streams(const struct dp_ctx *c)
{
	return c->stream_pool.in_use;
}

unsigned dp_ctx_flows(const struct dp_ctx *c)
{
	return c->n_flows;
}

unsigned dp_ctx_ports_in_use(const struct dp_ctx *c)
{
	unsigned n = 0;

	for (unsigned r = 0; r < c->c.n_realms; r++)
		for (unsigned a = 0; a < c->c.realms[r].n_addrs; a++)
			n += dp_port_in_use(c->c.realms[r].pools[a]);
	return n;
}

static unsigned percent(uint64_t used, uint64_t of)
{
	return of ? (unsigned)(used * 100 / of) : 100;
}

unsigned dp_ctx_fullness(const struct dp_ctx *c)
{
	unsigned most = percent(dp_ctx_count(c), c->c.max_contexts), p;

	if ((p = percent(c->n_flows, c->c.max_contexts * (uint64_t)DP_FLOWS_PER_CONTEXT)) > most)
		most = p;
	for (unsigned r = 0; r < c->c.n_realms; r++)
		for (unsigned a = 0; a < c->c.realms[r].n_addrs; a++) {
			const struct dp_port_pool *pool = c->c.realms[r].pools[a];

			if ((p = percent(dp_port_in_use(pool), dp_port_total(pool))) > most)
				most = p;
		}
	return most;
}

const uint64_t *dp_ctx_counters(const struct dp_ctx *c)
{
	return c->ctr;
}

const char *dp_term_id(const struct dp_term *t, char text[DP_TERM_ID_BYTES])
{
	snprintf(text, DP_TERM_ID_BYTES, "ip/1/%s/%u", t->realm->interface, t->number);
	return text;
}

const char *dp_realm_terms(const struct dp_realm *r, char text[DP_TERM_ID_BYTES])
{
	snprintf(text, DP_TERM_ID_BYTES, "ip/1/%s/*", r->interface);
	return text;
}

struct dp_term *dp_ctx_term(struct dp_context *cx, struct gw_sv id)
{
	char text[DP_TERM_ID_BYTES];

	for (unsigned i = 0; i < cx->n_terms; i++)
		if (gw_sv_ieq(gw_sv_cstr(dp_term_id(cx->terms[i], text)), id))
			return cx->terms[i];
	return NULL;
}

struct dp_stream *dp_term_stream(const struct dp_term *t, uint16_t id)
{
	for (struct dp_stream *s = t->streams; s; s = s->next)
		if (s->id == id)
			return s;
	return NULL;
}

struct dp_stream *dp_stream_peer(const struct dp_stream *s)
{
	const struct dp_context *cx = s->term->ctx;
	struct dp_stream *o;

	for (unsigned i = 0; i < cx->n_terms; i++)
		if (cx->terms[i] != s->term && (o = dp_term_stream(cx->terms[i], s->id)))
			return o;
	return NULL;
}

void dp_stream_stats(struct dp_ctx *c, const struct dp_stream *s, struct dp_flow_stats *in, struct dp_flow_stats *out)
{
	const struct dp_stream *peer = dp_stream_peer(s);

	memset(in, 0, sizeof(*in));
	memset(out, 0, sizeof(*out));
	if (s->sent)
		*out = *s->sent;
	if (s->has_flow)
		(void)!dp_flow_stats_read(c->c.fast, s->flow, in);
	if (peer && peer->has_flow)	/* what the peer's flow sent on left by this stream */
		(void)!dp_flow_stats_read(c->c.fast, peer->flow, out);
	if (s->end && s->end->msrp) {
		in->rx_packets = dp_msrp_counts(s->end->msrp, MSRP_STREAM)->chunks_in;
		out->tx_packets = dp_msrp_counts(s->end->msrp, MSRP_CHANNEL)->chunks_out;
		out->tx_bytes = dp_msrp_counts(s->end->msrp, MSRP_CHANNEL)->body_bytes;
	}
	dp_text_add_stats(s, in, out);
	if (dp_stream_is_data(s))
		dp_data_add_stats(s->access->data, in, out);
}

static void add_stats(struct dp_flow_stats *to, const struct dp_flow_stats *s)
{
	to->rx_packets += s->rx_packets;
	to->rx_bytes += s->rx_bytes;
	to->tx_packets += s->tx_packets;
	to->tx_bytes += s->tx_bytes;
	to->lost += s->lost;
	to->drops += s->drops;
	to->auth_fail += s->auth_fail;
	to->replay += s->replay;
	if (s->jitter_ts > to->jitter_ts)
		to->jitter_ts = s->jitter_ts;
}

void dp_term_stats(struct dp_ctx *c, const struct dp_term *t, struct dp_flow_stats *in, struct dp_flow_stats *out)
{
	struct dp_flow_stats i, o;

	memset(in, 0, sizeof(*in));
	memset(out, 0, sizeof(*out));
	for (const struct dp_stream *s = t->streams; s; s = s->next) {
		dp_stream_stats(c, s, &i, &o);
		add_stats(in, &i);
		add_stats(out, &o);
	}
}

void dp_ctx_subtract(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	struct dp_context *cx = t->ctx;

	dp_events_set(c, t, 0, NULL, now_ms);
	while (t->streams)
		dp_stream_close(c, t->streams, now_ms);
	for (unsigned i = 0; i < cx->n_terms; i++)
		if (cx->terms[i] == t) {
			cx->terms[i] = cx->terms[--cx->n_terms];
			break;
		}
	dp_pool_give(&c->term_pool, t);
	dp_ctx_remove_if_empty(c, cx);
}
