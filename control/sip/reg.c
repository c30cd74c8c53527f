/* SPDX-License-Identifier: Apache-2.0 */
/* The table of bindings: who is registered, under which identities, until when. */
#include "control/sip/reg_int.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "control/app/metrics.h"
#include "control/sip/session.h"

struct cp_binding *cp_reg_by_id(struct cp_reg *r, uint32_t id)
{
	return id ? gw_map_get_u64(&r->by_id, id) : NULL;
}

uint32_t cp_reg_new_id(struct cp_reg *r)
{
	uint32_t id;

	do {
		r->next_id++;
		id = r->number ? (uint32_t)r->number << 24 | (r->next_id & 0xffffff) : r->next_id;
	} while (id == 0 || gw_map_get_u64(&r->by_id, id));
	return id;
}

void cp_reg_set(char **dst, char *v)
{
	if (!v)
		return;
	free(*dst);
	*dst = v;
}

void cp_binding_clear_routes(struct cp_binding *b)
{
	for (unsigned i = 0; i < b->n_service_route; i++)
		free(b->service_route[i]);
	b->n_service_route = 0;
}

/* ---- rings: bindings of the same connection, and of the same AOR ------------------------------------------ */

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

static enum gw_err join_aor(struct cp_binding *b)
{
	struct cp_binding *first = cp_reg_by_aor(b->reg, gw_sv_cstr(b->aor));

	if (!first)
		return gw_map_put(&b->reg->by_aor, gw_sv_cstr(b->aor), b);
	gw_list_append(&first->aor_ring, &b->aor_ring);
	return GW_OK;
}

static void leave_aor(struct cp_binding *b)
{
	struct gw_map *map = &b->reg->by_aor;
	struct cp_binding *next = GW_CONTAINER(b->aor_ring.next, struct cp_binding, aor_ring);

	gw_list_remove(&b->aor_ring);
	if (gw_map_get(map, gw_sv_cstr(b->aor)) != b)
		return;
	gw_map_del(map, gw_sv_cstr(b->aor));	/* the key's bytes go with b */
	if (next != b)
		(void)!gw_map_put(map, gw_sv_cstr(next->aor), next);
}

struct cp_binding *cp_reg_by_aor(struct cp_reg *r, struct gw_sv aor)
{
	return gw_map_get(&r->by_aor, aor);
}

struct cp_binding *cp_reg_by_conn(struct cp_reg *r, cp_conn_id conn)
{
	return gw_map_get_u64(&r->by_conn, conn);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static void free_binding(struct cp_binding *b)
{
	cp_binding_clear_routes(b);
	free(b->key);
	free(b->aor);
	free(b->impi);
	free(b->contact);
	free(b->contact_params);
	free(b->granted_params);
	free(b->call_id);
	free(b->impus);
	free(b->default_impu);
	free(b->term_ioi);
	free(b->feature_caps);
	free(b);
}

void cp_binding_remove(struct cp_binding *b, const char *why)
{
	struct cp_reg *r = b->reg;
	cp_conn_id conn = b->peer.conn;

	GW_LOG_INFO(r->s->log, "reg.removed", "impu=%s why=\"%s\"", b->aor, why);
	CP_COUNT(reg_removed);
	cp_binding_forget(b);
	CP_GAUGE_ADD(reg_bindings, -1);
	r->n_anonymous -= b->is_anonymous;
	cp_alg_binding_gone(b);
	cp_reg_event_leave(b);
	gw_timer_stop(&r->s->loop->timers, &b->timer);
	cp_reg_auth_unbound(b);
	gw_map_del(&r->by_key, gw_sv_cstr(b->key));
	gw_map_del_u64(&r->by_id, b->id);
	while (b->n_former)
		gw_map_del_u64(&r->by_id, b->former[--b->n_former]);
	leave_conn(b);
	leave_aor(b);
	gw_list_remove(&b->node);
	free_binding(b);
	if (!cp_reg_by_conn(r, conn) && !cp_transport_alive(r->s->transport, conn))
		cp_sip_flow_drop(r->s, conn);
}

bool cp_binding_alive(const struct cp_binding *b)
{
	return b->is_registered && cp_transport_alive(b->reg->s->transport, b->peer.conn);
}

static void on_binding_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_binding *b = GW_CONTAINER(timer, struct cp_binding, timer);
	const char *lost = "connection lost and not back in time";
	struct cp_reg *r = b->reg;
	cp_conn_id conn = b->peer.conn;
	bool closes = b->closes_socket;

	if (!b->is_registered || b->is_anonymous) {
		cp_binding_remove(b, b->is_anonymous ? "emergency call over" : "ended by the network");
		if (closes)
			cp_reg_close_unused(r, conn, "registration ended");
	} else if (!b->guard_ms || now_ms < b->guard_ms) {
		cp_binding_remove(b, "expired");
	} else if (r->s->conf->reg.guard_deregister && cp_store_is_certain(r->s->store)) {
		cp_reg_deregister(b, lost, false);
	} else {
		cp_binding_remove(b, lost);
	}
}

void cp_binding_arm(struct cp_binding *b)
{
	struct cp_sip *s = b->reg->s;
	uint64_t due = b->expires_ms + 64ull * s->conf->mw.t1_ms;

	if (b->is_anonymous)	/* as long as its call, which a lost connection does not end at once */
		due = b->guard_ms;
	if (b->guard_ms && b->guard_ms < due)
		due = b->guard_ms;
	(void)gw_timer_arm(&s->loop->timers, &b->timer, due);
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
	gw_list_init(&b->aor_ring);
	gw_list_init(&b->event_node);
	gw_list_init(&b->calls);
	b->key = gw_sv_dup(gw_sv_cstr(key));
	b->aor = gw_sv_dup(gw_sv_cstr(aor));
	b->contact = gw_sv_dup(GW_SV(""));
	b->default_impu = gw_sv_dup(gw_sv_cstr(aor));
	if (!b->key || !b->aor || !b->contact || !b->default_impu || gw_map_put(&r->by_key, gw_sv_cstr(b->key), b))
		goto fail;
	if (gw_map_put_u64(&r->by_id, b->id, b))
		goto fail_key;
	if (join_conn(b))
		goto fail_id;
	if (join_aor(b))
		goto fail_conn;
	cp_flow_token_make(&r->keys, b->id, b->peer.conn, b->token);
	gw_list_append(&r->all, &b->node);
	b->is_registered = true;
	CP_GAUGE_ADD(reg_bindings, 1);
	return b;
fail_conn:
	leave_conn(b);
fail_id:
	gw_map_del_u64(&r->by_id, b->id);
fail_key:
	gw_map_del(&r->by_key, gw_sv_cstr(b->key));
fail:
	free_binding(b);
	return NULL;
}

struct cp_binding *cp_binding_anonymous(struct cp_reg *r, const struct cp_peer *peer)
{
	struct cp_binding *b = NULL;
	char key[32];

	snprintf(key, sizeof(key), "anonymous %llx", (unsigned long long)peer->conn);
	if (r->n_anonymous < r->s->conf->emergency.anonymous_calls)
		b = cp_binding_new(r, key, "sip:anonymous@anonymous.invalid", cp_reg_new_id(r), peer);
	if (!b)
		return NULL;
	r->n_anonymous++;
	b->is_anonymous = b->is_aor_barred = b->closes_socket = true;
	b->registered_ms = cp_loop_now(r->s->loop);
	cp_transport_set_registered(r->s->transport, peer->conn, true);
	return b;
}

void cp_binding_call_over(struct cp_binding *b)
{
	struct cp_sip *s = b->reg->s;

	if (b->is_anonymous && b->n_calls == 0)		/* BYE and its answer are still on their way */
		(void)gw_timer_arm(&s->loop->timers, &b->timer, cp_loop_now(s->loop) + 64ull * s->conf->w2.t1_ms);
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

	if (b->id != id && !gw_map_get_u64(&r->by_id, id) && gw_map_put_u64(&r->by_id, id, b) == GW_OK) {
		gw_map_del_u64(&r->by_id, b->id);
		b->id = id;
	}
	cp_flow_token_make(&r->keys, b->id, b->peer.conn, b->token);
}

/* ---- identities ------------------------------------------------------------------------------------------- */

bool cp_binding_is_listed(const struct cp_binding *b, const struct sip_uri *uri)
{
	struct gw_sv list = gw_sv_cstr(b->impus), e;
	struct sip_addr a;

	while (sip_list_next(&list, &e))
		if (sip_addr_parse(e, &a) == GW_OK && sip_uri_eq(uri, &a.uri))
			return true;
	return false;
}

bool cp_binding_owns(const struct cp_binding *b, struct gw_sv text)
{
	struct sip_uri want, have;

	if (sip_uri_parse(text, &want))
		return false;
	return (!b->is_aor_barred && sip_uri_parse(gw_sv_cstr(b->aor), &have) == GW_OK && sip_uri_eq(&want, &have)) ||
		cp_binding_is_listed(b, &want);
}

static struct cp_binding *owner_on(struct cp_binding *first, struct gw_sv header)
{
	struct cp_binding *b = first;
	struct sip_addr a;

	if (sip_addr_parse(header, &a))
		return NULL;
	do {
		if (b->is_registered && cp_binding_owns(b, a.uri.text))
			return b;
		b = GW_CONTAINER(b->conn_ring.next, struct cp_binding, conn_ring);
	} while (b != first);
	return NULL;
}

/* Within a dialog it is the one whose call it is. */
static struct cp_binding *caller_on(struct cp_binding *first, struct gw_sv call_id)
{
	struct cp_binding *b = first;

	do {
		if (b->is_registered && cp_alg_has_call(b, call_id))
			return b;
		b = GW_CONTAINER(b->conn_ring.next, struct cp_binding, conn_ring);
	} while (b != first);
	return NULL;
}

bool cp_reg_conn_has_calls(struct cp_reg *r, cp_conn_id conn)
{
	const struct cp_binding *first = cp_reg_by_conn(r, conn), *b = first;

	while (b && b->n_calls == 0) {
		b = GW_CONTAINER(b->conn_ring.next, struct cp_binding, conn_ring);
		if (b == first)
			return false;
	}
	return b != NULL;
}

struct cp_binding *cp_reg_by_sender(struct cp_reg *r, cp_conn_id conn, const struct sip_msg *m)
{
	struct cp_binding *first = cp_reg_by_conn(r, conn), *b;

	if (!first)
		return NULL;
	if (m->to_tag.len && (b = caller_on(first, m->call_id)))
		return b;
	if ((b = owner_on(first, sip_msg_value(m, SIP_HDR_P_PREFERRED_IDENTITY))) ||
		(b = owner_on(first, sip_msg_value(m, SIP_HDR_FROM))))
		return b;
	for (b = first; !b->is_registered || b->is_anonymous;) {
		b = GW_CONTAINER(b->conn_ring.next, struct cp_binding, conn_ring);
		if (b == first)
			return b->is_registered ? b : NULL;
	}
	return b;
}

struct cp_binding *cp_reg_sender(const struct cp_uas *u)
{
	struct cp_binding *b = u->side == CP_SIDE_W2 ? cp_reg_by_id(u->sip->reg, u->binding) : NULL;

	return b && b->is_registered ? b : NULL;
}

struct gw_sv cp_binding_contact_param(const struct cp_binding *b, struct gw_sv name)
{
	struct sip_param p;

	return sip_param_get(gw_sv_cstr(b->contact_params), name, &p) ? p.value : GW_SV_NONE;
}

/* ---- the table -------------------------------------------------------------------------------------------- */

enum gw_err cp_reg_new(struct cp_reg **out, struct cp_sip *s)
{
	struct cp_reg *r = calloc(1, sizeof(*r));

	if (!r)
		return GW_ENOMEM;
	r->s = s;
	gw_list_init(&r->all);
	gw_list_init(&r->attempts);
	gw_list_init(&r->events);
	cp_random(&r->next_id, sizeof(r->next_id));
	cp_random(r->keys.secret, sizeof(r->keys.secret));
	cp_reg_flows_start(r);
	*out = r;
	return GW_OK;
}

void cp_reg_free(struct cp_reg *r)
{
	if (!r)
		return;
	cp_reg_events_free(r);
	while (!gw_list_empty(&r->all))
		cp_binding_remove(GW_CONTAINER(r->all.next, struct cp_binding, node), "stopping");
	cp_reg_attempts_free(r);
	gw_timer_stop(&r->s->loop->timers, &r->epoch);
	gw_map_free(&r->by_key);
	gw_map_free(&r->by_id);
	gw_map_free(&r->by_conn);
	gw_map_free(&r->by_aor);
	gw_map_free(&r->event_by_impu);
	gw_map_free(&r->event_by_call_id);
	OPENSSL_cleanse(&r->keys, sizeof(r->keys));
	free(r);
}

struct gw_list *cp_reg_list(struct cp_reg *r)
{
	return &r->all;
}
