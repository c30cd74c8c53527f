/* SPDX-License-Identifier: Apache-2.0 */
/* The table of bindings: who is registered, under which identities, until when. */
#include "control/sip/reg_int.h"

#include <stdlib.h>

#include "control/alg/call.h"
#include "control/app/metrics.h"

struct cp_binding *cp_reg_by_id(struct cp_reg *r, uint32_t id)
{
	return id ? gw_map_get_u64(&r->by_id, id) : NULL;
}

uint32_t cp_reg_new_id(struct cp_reg *r)
{
	do
		r->next_id++;
	while (r->next_id == 0 || gw_map_get_u64(&r->by_id, r->next_id));
	return r->next_id;
}

void cp_binding_clear_routes(struct cp_binding *b)
{
	for (unsigned i = 0; i < b->n_service_route; i++)
		free(b->service_route[i]);
	b->n_service_route = 0;
}

static enum gw_err join_conn(struct cp_binding *b)
{
	struct cp_binding *first = gw_map_get_u64(&b->reg->by_conn, b->peer.conn);

	if (!first)
		return gw_map_put_u64(&b->reg->by_conn, b->peer.conn, b);
	gw_list_append(&first->conn_ring, &b->conn_ring);
	return GW_OK;
}

static void leave_conn(struct cp_binding *b)
{
	struct gw_map *map = &b->reg->by_conn;
	struct cp_binding *next = GW_CONTAINER(b->conn_ring.next, struct cp_binding, conn_ring);

	gw_list_remove(&b->conn_ring);
	if (gw_map_get_u64(map, b->peer.conn) != b)
		return;
	gw_map_del_u64(map, b->peer.conn);
	if (next != b)
		(void)!gw_map_put_u64(map, b->peer.conn, next);	/* a place has just become free */
}

void cp_binding_remove(struct cp_binding *b, const char *why)
{
	struct cp_reg *r = b->reg;
	cp_conn_id conn = b->peer.conn;

	GW_LOG_INFO(r->s->log, "reg.removed", "impu=%s why=\"%s\"", b->aor, why);
	CP_COUNT(reg_removed);
	CP_GAUGE_ADD(reg_bindings, -1);
	cp_alg_binding_gone(r->s->alg, b);
	gw_timer_stop(&r->s->loop->timers, &b->timer);
	gw_map_del(&r->by_key, gw_sv_cstr(b->key));
	gw_map_del_u64(&r->by_id, b->id);
	leave_conn(b);
	gw_list_remove(&b->node);
	cp_binding_clear_routes(b);
	free(b->key);
	free(b->aor);
	free(b->impi);
	free(b->contact);
	free(b->impus);
	free(b);
	if (!cp_reg_by_conn(r, conn) && !cp_transport_alive(r->s->transport, conn))
		cp_sip_flow_drop(r->s, conn);
}

static void on_binding_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_binding *b = GW_CONTAINER(timer, struct cp_binding, timer);

	(void)now_ms;
	cp_binding_remove(b, cp_binding_alive(b) ? "expired" : "connection lost and not back in time");
}

struct cp_binding *cp_binding_new(struct cp_reg *r, const char *key, const char *aor, uint32_t id,
	const struct cp_peer *peer)
{
	struct cp_binding *b;

	if (r->by_key.count >= r->s->conf->reg.max_bindings || !(b = calloc(1, sizeof(*b))))
		return NULL;
	b->reg = r;
	b->id = gw_map_get_u64(&r->by_id, id) ? cp_reg_new_id(r) : id;
	b->peer = *peer;
	b->timer.fn = on_binding_timer;
	gw_list_init(&b->node);
	gw_list_init(&b->conn_ring);
	b->key = gw_sv_dup(gw_sv_cstr(key));
	b->aor = gw_sv_dup(gw_sv_cstr(aor));
	if (!b->key || !b->aor || gw_map_put(&r->by_key, gw_sv_cstr(b->key), b))
		goto fail;
	if (gw_map_put_u64(&r->by_id, b->id, b))
		goto fail_key;
	if (join_conn(b))
		goto fail_id;
	cp_flow_token(r, b->id, b->token);
	gw_list_append(&r->all, &b->node);
	b->is_registered = true;
	CP_GAUGE_ADD(reg_bindings, 1);
	return b;
fail_id:
	gw_map_del_u64(&r->by_id, b->id);
fail_key:
	gw_map_del(&r->by_key, gw_sv_cstr(b->key));
fail:
	free(b->key);
	free(b->aor);
	free(b);
	return NULL;
}

cp_conn_id cp_binding_move(struct cp_binding *b, const struct cp_peer *peer)
{
	struct cp_reg *r = b->reg;
	cp_conn_id before = b->peer.conn;

	if (before == peer->conn)
		return 0;
	CP_COUNT(reg_reattached);
	GW_LOG_NOTICE(r->s->log, "reg.reattached", "impu=%s", b->aor);
	leave_conn(b);
	b->peer = *peer;
	if (join_conn(b))
		GW_LOG_WARN(r->s->log, "reg.no_memory", "impu=%s", b->aor);
	return cp_reg_by_conn(r, before) ? 0 : before;
}

void cp_binding_take_id(struct cp_binding *b, uint32_t id)
{
	struct cp_reg *r = b->reg;

	if (b->id == id || gw_map_get_u64(&r->by_id, id) || gw_map_put_u64(&r->by_id, id, b))
		return;
	gw_map_del_u64(&r->by_id, b->id);
	b->id = id;
	cp_flow_token(r, id, b->token);
}

bool cp_binding_alive(const struct cp_binding *b)
{
	return b->is_registered && cp_transport_alive(b->reg->s->transport, b->peer.conn);
}

struct cp_binding *cp_reg_by_conn(struct cp_reg *r, cp_conn_id conn)
{
	return gw_map_get_u64(&r->by_conn, conn);
}

bool cp_binding_owns(const struct cp_binding *b, struct gw_sv text)
{
	struct gw_sv list = gw_sv_cstr(b->impus), e;
	struct sip_uri want, have;
	struct sip_addr a;

	if (sip_uri_parse(text, &want))
		return false;
	if (sip_uri_parse(gw_sv_cstr(b->aor), &have) == GW_OK && sip_uri_eq(&want, &have))
		return true;
	while (sip_list_next(&list, &e))
		if (sip_addr_parse(e, &a) == GW_OK && sip_uri_eq(&want, &a.uri))
			return true;
	return false;
}

enum gw_err cp_reg_new(struct cp_reg **out, struct cp_sip *s)
{
	struct cp_reg *r = calloc(1, sizeof(*r));

	if (!r)
		return GW_ENOMEM;
	r->s = s;
	gw_list_init(&r->all);
	gw_list_init(&r->attempts);
	cp_random(r->secret, sizeof(r->secret));
	cp_random(&r->next_id, sizeof(r->next_id));
	*out = r;
	return GW_OK;
}

void cp_reg_free(struct cp_reg *r)
{
	if (!r)
		return;
	while (!gw_list_empty(&r->all))
		cp_binding_remove(GW_CONTAINER(r->all.next, struct cp_binding, node), "stopping");
	cp_reg_attempts_free(r);
	gw_map_free(&r->by_key);
	gw_map_free(&r->by_id);
	gw_map_free(&r->by_conn);
	free(r);
}

struct gw_list *cp_reg_list(struct cp_reg *r)
{
	return &r->all;
}
