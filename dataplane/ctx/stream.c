/* SPDX-License-Identifier: Apache-2.0 */
/* Streams made and ended: a place in the tables, a port of the right worker, flows, a DTLS session. */
#include <stdlib.h>

#include "dataplane/ctx/sdes.h"

struct fit {
	const struct dp_fast *fast;
	uint16_t worker;
};

static bool is_of_worker(void *user, uint16_t port)
{
	const struct fit *f = user;

	return dp_owner(f->fast, port) == f->worker;
}

static bool has_room(void *user, uint16_t port)
{
	const struct fit *f = user;

	return dp_flow_free(f->fast, dp_owner(f->fast, port)) >= DP_FLOWS_PER_PAIR;
}

/* The worker with most room; among equals, the one after the last taken. */
static uint16_t idlest_worker(struct dp_ctx *c)
{
	uint16_t n = dp_n_workers(c->c.fast), best = c->next_worker % n;

	for (uint16_t k = 1; k < n; k++) {
		uint16_t w = (uint16_t)((c->next_worker + k) % n);

		if (dp_flow_free(c->c.fast, w) > dp_flow_free(c->c.fast, best))
			best = w;
	}
	return best;
}

/* One with a port. */
static const struct dp_stream *any_stream(const struct dp_context *cx)
{
	for (unsigned i = 0; i < cx->n_terms; i++)
		for (const struct dp_stream *s = cx->terms[i]->streams; s; s = s->next)
			if (!s->end)
				return s;
	return NULL;
}

/*
 * All streams of a context on one worker: the first decides, and looks that the other side finds room too. Where the
 * idlest worker has no port left, any worker with room will do.
 */
static enum gw_err take_port(struct dp_ctx *c, const struct dp_context *cx, struct dp_port_pool *pool,
	uint64_t now_ms, uint16_t *port)
{
	const struct dp_stream *first = any_stream(cx);
	struct fit fit = { .fast = c->c.fast };

	if (first) {
		fit.worker = dp_owner(c->c.fast, first->port);
		return dp_port_take(pool, now_ms, is_of_worker, &fit, port);
	}
	fit.worker = idlest_worker(c);
	if (dp_flow_free(c->c.fast, fit.worker) < DP_FLOWS_PER_PAIR)
		return GW_ELIMIT;
	if (dp_port_take(pool, now_ms, is_of_worker, &fit, port) &&
		dp_port_take(pool, now_ms, has_room, &fit, port))
		return GW_ELIMIT;
	c->next_worker = dp_owner(c->c.fast, *port) + 1;
	return GW_OK;
}

static void link_last(struct dp_term *t, struct dp_stream *s)
{
	struct dp_stream **at = &t->streams;

	while (*at)
		at = &(*at)->next;
	*at = s;
	s->term = t;
	t->n_streams++;
}

static void unlink_stream(struct dp_stream *s)
{
	struct dp_stream **at = &s->term->streams;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->term->n_streams--;
	s->term = NULL;
	s->next = NULL;
}

void dp_stream_free(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	if (s->ports && s->port)
		dp_port_give_back(s->ports, s->port, now_ms);
	dp_pool_give(&c->stream_pool, s);
}

/* BUNDLE: one port, ICE agent, DTLS association and pair of SRTP sessions for both. */
static void share_transport(struct dp_stream *s, struct dp_stream *transport)
{
	s->transport = transport;
	s->access = transport->access;
	s->laddr = transport->laddr;
	s->port = transport->port;
	s->ports = NULL;	/* not its own to give back */
}

enum gw_err dp_stream_new(struct dp_ctx *c, struct dp_term *t, const struct dp_stream_want *w, uint64_t now_ms,
	struct dp_stream **out, const char **text)
{
	struct dp_stream *s = dp_pool_take(&c->stream_pool);

	*text = "no stream left";
	if (!s)
		return GW_ELIMIT;
	s->generation = dp_ctx_generation(c);
	s->id = w->id;
	s->ports = w->realm->pools[w->addr_index];
	s->laddr = w->realm->laddrs[w->addr_index];
	s->ctl = dp_control_default();
	s->is_opaque = w->is_opaque;
	if (w->is_end) {
		link_last(t, s);
		*text = "no memory or socket for a data channel";
		if (dp_channel_open(c, s, w))
			goto out;
		*out = s;
		return GW_OK;
	}
	*text = "no local port left in this realm";
	if (w->transport) {
		share_transport(s, w->transport);
	} else if (take_port(c, t->ctx, s->ports, now_ms, &s->port)) {
		s->port = 0;
		dp_stream_free(c, s, now_ms);
		return GW_ELIMIT;
	}
	link_last(t, s);
	*text = "no memory for a DTLS session";
	if (!s->transport && !s->is_opaque && (w->is_access || w->is_data) && dp_media_open(c, s, w->is_client))
		goto out;
	*text = "no memory for a data line, or no keys on the association it would join";
	if (w->is_data && dp_data_open(c, s))
		goto out;
	*text = "no keys for media on the association it would join";
	if (s->transport && !w->is_data && dp_dtls_state(s->access->dtls) == DP_DTLS_UP && !s->access->srtp_rx)
		goto out;
	*text = "no memory for text";
	if (w->is_text && dp_text_open(s))
		goto out;
	*text = "no flow left";
	if (dp_publish_open(c, s, now_ms))
		goto out;
	*out = s;
	return GW_OK;
out:
	dp_text_close(s);
	if (s->records)
		dp_data_records_free(c, s);
	if (s->transport)
		dp_data_close(s);
	else if (s->access)
		dp_media_close(c, s);
	unlink_stream(s);
	dp_stream_free(c, s, 0);	/* no packet went by its port: it need not rest */
	return GW_ELIMIT;
}

void dp_stream_close(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_stream *peer = dp_stream_peer(s), *next;
	bool waits;

	for (struct dp_stream *o = s->term->streams; o; o = next) {
		next = o->next;
		if (o->transport == s)
			dp_stream_close(c, o, now_ms);	/* what it shares goes with it */
	}
	if (peer && s->has_flow && (peer->sent || (peer->sent = calloc(1, sizeof(*peer->sent)))))
		(void)!dp_flow_stats_read(c->c.fast, s->flow, peer->sent);
	if (s->records)
		dp_data_detach(c, s, now_ms);
	dp_text_close(s);
	dp_channel_close(s);
	if (s->transport)
		dp_data_close(s);
	else if (s->access)
		dp_media_close(c, s);
	s->access = NULL;
	dp_sdp_forget(s->kept);
	free(s->sent);
	free(s->latch);
	dp_sdes_close(c, s);
	s->kept = NULL;
	s->sent = NULL;
	s->latch = NULL;
	unlink_stream(s);
	if (peer)	/* what is left sends nowhere, and uses none of its keys */
		dp_publish(c, peer, now_ms);
	waits = dp_publish_close(c, s, now_ms);
	if (!waits)
		dp_stream_free(c, s, now_ms);
}
