/* SPDX-License-Identifier: Apache-2.0 */
/* REGISTER of scenario 1a (W2-REG-10 to -23, -40, -60 to -67). */
#include "control/sip/reg.h"

#include <stdlib.h>

#include <openssl/hmac.h>

#include "control/alg/call.h"
#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "proto/sip/policy.h"
#include "proto/sip/register.h"

#define MARGIN_MS 32000u	/* kept a little longer than granted (W2-REG-60) */

struct cp_reg {
	struct cp_sip *s;
	struct gw_list all, attempts;
	struct gw_map by_key, by_id;
	struct gw_map by_conn;       /* one binding of a connection; the others are in its ring */
	uint32_t next_id;
	unsigned char secret[32];
};

/*
 * One REGISTER on its way to the core. Nothing of it is in a binding before the core's 2xx: who is not
 * authenticated makes none and changes none.
 */
struct attempt {
	struct gw_list node;
	struct cp_reg *reg;
	struct cp_uas *u;            /* NULL: the WIC is gone */
	uint32_t id;                 /* of the binding: there already, or to be */
	char *key, *aor, *contact;
	bool has_ob, is_star;
	cp_conn_id replaced;         /* connection the instance was reached by until the 2xx; 0: none */
	unsigned entry;
};

/* ---- flow tokens ------------------------------------------------------------------------------------ */

/* "b<id hex><mac hex>": opaque to others, and not to be guessed (RFC 5626 5.2). */
static void make_token(const struct cp_reg *r, uint32_t id, char token[CP_TOKEN_BYTES])
{
	unsigned char mac[32];
	unsigned n = sizeof(mac);
	struct gw_buf b = gw_buf(token, CP_TOKEN_BYTES - 1);

	HMAC(EVP_sha256(), r->secret, sizeof(r->secret), (const unsigned char *)&id, sizeof(id), mac, &n);
	gw_buf_printf(&b, "b%08x", id);
	gw_buf_hex(&b, mac, 12);
	token[b.len] = '\0';
}

struct cp_binding *cp_reg_by_id(struct cp_reg *r, uint32_t id)
{
	return id ? gw_map_get_u64(&r->by_id, id) : NULL;
}

struct cp_binding *cp_reg_by_token(struct cp_reg *r, struct gw_sv token)
{
	char want[CP_TOKEN_BYTES];
	uint32_t id;

	if (token.len != 33 || token.p[0] != 'b' || gw_sv_hex32(gw_sv_sub(token, 1, 9), &id))
		return NULL;
	make_token(r, id, want);
	if (!gw_sv_eq_const_time(token, gw_sv_cstr(want)))
		return NULL;
	return cp_reg_by_id(r, id);
}

static uint32_t new_id(struct cp_reg *r)
{
	do
		r->next_id++;
	while (r->next_id == 0 || gw_map_get_u64(&r->by_id, r->next_id));
	return r->next_id;
}

/* ---- bindings ----------------------------------------------------------------------------------------- */

static void clear_routes(struct cp_binding *b)
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

static void remove_binding(struct cp_binding *b, const char *why)
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
	clear_routes(b);
	free(b->key);
	free(b->aor);
	free(b->impi);
	free(b->contact);
	free(b->impus);
	free(b);
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

	(void)now_ms;
	remove_binding(b, cp_binding_alive(b) ? "expired" : "connection lost and not back in time");
}

/* A binding of the attempt, reached by the connection of u; NULL: no memory, or too many. */
static struct cp_binding *new_binding(struct cp_reg *r, const struct attempt *at, const struct cp_uas *u)
{
	struct cp_binding *b;

	if (r->by_key.count >= r->s->conf->reg.max_bindings || !(b = calloc(1, sizeof(*b))))
		return NULL;
	b->reg = r;
	b->id = gw_map_get_u64(&r->by_id, at->id) ? new_id(r) : at->id;
	b->peer = u->peer;
	b->timer.fn = on_binding_timer;
	gw_list_init(&b->node);
	gw_list_init(&b->conn_ring);
	b->key = gw_sv_dup(gw_sv_cstr(at->key));
	b->aor = gw_sv_dup(gw_sv_cstr(at->aor));
	if (!b->key || !b->aor || gw_map_put(&r->by_key, gw_sv_cstr(b->key), b))
		goto fail;
	if (gw_map_put_u64(&r->by_id, b->id, b))
		goto fail_key;
	if (join_conn(b))
		goto fail_id;
	make_token(r, b->id, b->token);
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

static void start_guard(struct cp_binding *b)
{
	struct cp_reg *r = b->reg;

	/* W2-REG-65: loss is not de-registration; the client has guard_s to come back */
	GW_LOG_NOTICE(r->s->log, "reg.connection_lost", "impu=%s guard_s=%u", b->aor, r->s->conf->reg.guard_s);
	(void)gw_timer_arm(&r->s->loop->timers, &b->timer,
		cp_loop_now(r->s->loop) + r->s->conf->reg.guard_s * 1000ull);
}

void cp_reg_connection_lost(struct cp_reg *r, cp_conn_id conn)
{
	struct cp_binding *b = cp_reg_by_conn(r, conn);

	if (!b)
		return;
	start_guard(b);
	GW_LIST_FOREACH(it, &b->conn_ring)
		start_guard(GW_CONTAINER(it, struct cp_binding, conn_ring));
}

/* ---- REGISTER towards the core -------------------------------------------------------------------------- */

static void put_path(struct cp_reg *r, struct sip_msg *m, const struct attempt *at)
{
	char text[512], token[CP_TOKEN_BYTES];
	struct gw_buf p = gw_buf(text, sizeof(text));

	make_token(r, at->id, token);
	gw_buf_printf(&p, "<sip:%s@", token);
	cp_sip_mw_host(r->s, &p);
	gw_buf_printf(&p, ";lr%s>", at->has_ob ? ";ob" : "");
	sip_msg_del(m, SIP_HDR_PATH);
	sip_msg_add(m, SIP_HDR_PATH, gw_buf_sv(&p));
	if (!sip_msg_has_token(m, SIP_HDR_REQUIRE, GW_SV("path")))
		sip_msg_add(m, SIP_HDR_REQUIRE, GW_SV("path"));
}

/* W2-REG-20, -22: what the WIC says of itself is replaced by what this connection is. */
static void put_integrity(struct sip_msg *m, const struct cp_binding *bound)
{
	struct gw_sv value = sip_msg_value(m, SIP_HDR_AUTHORIZATION), integrity = GW_SV("tls-pending");
	char text[SIP_AUTH_MAX_BYTES];
	struct gw_buf out = gw_buf(text, sizeof(text));
	struct sip_auth a;

	if (value.len == 0 || sip_auth_parse(value, &a) || a.response.len == 0)
		return;
	if (bound && bound->impi && gw_sv_eq(gw_sv_cstr(bound->impi), a.username))
		integrity = GW_SV("tls-yes");
	sip_auth_put_integrity(&out, &a, integrity);
	if (out.overflow)	/* never: the length was checked; without the header the core challenges */
		sip_msg_del(m, SIP_HDR_AUTHORIZATION);
	else
		sip_msg_set(m, SIP_HDR_AUTHORIZATION, gw_buf_sv(&out));
}

static void edit_register(struct cp_reg *r, struct sip_msg *m, const struct attempt *at)
{
	char icid[64];

	cp_core_strip(r->s, m);		/* W2-REG-03: credentials are Digest without integrity-protected now */
	sip_msg_del(m, SIP_HDR_ROUTE);
	sip_msg_del(m, SIP_HDR_P_PREFERRED_IDENTITY);
	put_path(r, m, at);
	put_integrity(m, cp_reg_by_conn(r, at->u->peer.conn));
	sip_msg_addf(m, SIP_HDR_P_VISITED_NETWORK_ID, "\"%s\"", r->s->conf->mw.visited_network_id);
	cp_core_icid(icid, sizeof(icid));
	sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%s\";icid-generated-at=%s;orig-ioi=%s", icid,
		r->s->conf->mw.host, r->s->conf->mw.orig_ioi);
}

static char *dup_list(const struct sip_msg *m, enum sip_hdr_id id)
{
	char text[4096];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sip_elements e = { 0 };
	struct gw_sv v;

	while (sip_msg_element(m, id, &e, &v)) {
		if (b.len)
			gw_buf_puts(&b, ", ");
		gw_buf_put(&b, v);
	}
	return gw_sv_dup(gw_buf_sv(&b));
}

static void set(char **dst, char *v)
{
	if (!v)
		return;
	free(*dst);
	*dst = v;
}

/* W2-REG-51: a new flow of the same instance. @return the connection nobody uses any more, or 0 */
static cp_conn_id reattach(struct cp_reg *r, struct cp_binding *b, const struct cp_uas *u)
{
	cp_conn_id before = b->peer.conn;

	if (before == u->peer.conn)
		return 0;
	CP_COUNT(reg_reattached);
	GW_LOG_NOTICE(r->s->log, "reg.reattached", "impu=%s", b->aor);
	leave_conn(b);
	b->peer = u->peer;
	if (join_conn(b))
		GW_LOG_WARN(r->s->log, "reg.no_memory", "impu=%s", b->aor);
	return cp_reg_by_conn(r, before) ? 0 : before;
}

/* Two first REGISTERs at once: the core has the Path of the later one. */
static void take_id(struct cp_reg *r, struct cp_binding *b, uint32_t id)
{
	if (b->id == id || gw_map_get_u64(&r->by_id, id) || gw_map_put_u64(&r->by_id, id, b))
		return;
	gw_map_del_u64(&r->by_id, b->id);
	b->id = id;
	make_token(r, id, b->token);
}

static void store_lists(struct cp_binding *b, const struct cp_uas *u, const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct sip_auth auth;
	struct gw_sv v;

	clear_routes(b);	/* W2-REG-40: replaced completely */
	while (b->n_service_route < CP_SERVICE_ROUTES_MAX && sip_msg_element(m, SIP_HDR_SERVICE_ROUTE, &e, &v))
		if ((b->service_route[b->n_service_route] = gw_sv_dup(v)))
			b->n_service_route++;
	free(b->impus);
	b->impus = dup_list(m, SIP_HDR_P_ASSOCIATED_URI);
	if (sip_auth_parse(sip_msg_value(&u->req, SIP_HDR_AUTHORIZATION), &auth) == GW_OK && auth.username.len)
		set(&b->impi, gw_sv_dup(auth.username));
}

/* Contact: * (W2-REG-19): of this user's contacts go those the core does not list any more. */
static void remove_unlisted(struct cp_reg *r, const char *aor, const struct sip_msg *m)
{
	GW_LIST_FOREACH_SAFE(it, next, &r->all) {
		struct cp_binding *b = GW_CONTAINER(it, struct cp_binding, node);

		if (strcmp(b->aor, aor) == 0 && sip_register_granted(m, gw_sv_cstr(b->contact)) == 0)
			remove_binding(b, "de-registered");
	}
}

/* What the core's 2xx says. false: it cannot be kept, and the WIC must not be told it is registered. */
static bool store(struct attempt *at, const struct sip_msg *m)
{
	struct cp_reg *r = at->reg;
	struct cp_binding *b = gw_map_get(&r->by_key, gw_sv_cstr(at->key));
	uint32_t seconds = sip_register_granted(m, gw_sv_cstr(at->contact));

	if (at->is_star) {
		remove_unlisted(r, at->aor, m);
		return true;
	}
	if (seconds == 0) {
		if (b)
			remove_binding(b, "de-registered");
		return true;
	}
	if (!b && !(b = new_binding(r, at, at->u)))
		return false;
	at->replaced = reattach(r, b, at->u);
	take_id(r, b, at->id);
	set(&b->contact, gw_sv_dup(gw_sv_cstr(at->contact)));
	b->has_ob = at->has_ob;
	CP_COUNT(reg_ok);
	store_lists(b, at->u, m);
	b->expires_ms = cp_loop_now(r->s->loop) + seconds * 1000ull;
	(void)gw_timer_arm(&r->s->loop->timers, &b->timer, b->expires_ms + MARGIN_MS);
	cp_transport_set_registered(r->s->transport, b->peer.conn, true);
	if (!cp_binding_alive(b))	/* lost while the core was asked */
		start_guard(b);
	GW_LOG_INFO(r->s->log, "reg.ok", "impu=%s expires_s=%u service_routes=%u", b->aor, seconds,
		b->n_service_route);
	return true;
}

/* ---- attempts ------------------------------------------------------------------------------------------ */

static void send_attempt(struct attempt *at);

static void free_attempt(struct attempt *at)
{
	if (!at)
		return;
	if (at->u)
		at->u->on_gone = NULL;
	gw_list_remove(&at->node);
	free(at->key);
	free(at->aor);
	free(at->contact);
	free(at);
}

static void on_register_gone(void *user, struct cp_uas *u)
{
	struct attempt *at = user;

	(void)u;
	at->u = NULL;
}

static void finish(struct attempt *at, struct sip_msg *m, unsigned status)
{
	struct cp_sip *s = at->reg->s;
	struct cp_uas *u;
	bool is_kept = true;

	if (m && status / 100 == 2)
		is_kept = store(at, m);
	else if (status >= 300 && status != 401 && status != 407)
		CP_COUNT(reg_failed);
	u = at->u;
	if (!u)		/* the binding of a lost connection has just gone, and its transactions with it */
		return;
	if (!m || !is_kept) {
		cp_sip_refuse(u, m ? 503 : 504, NULL);
		return;
	}
	cp_core_edit_response(s, m, CP_SIDE_W2);
	if (status / 100 == 2)
		sip_msg_addf(m, SIP_HDR_FLOW_TIMER, "%u", s->conf->w2.ping_interval_s);
	cp_sip_respond(u, m);
	if (at->replaced) {	/* behind the 200: the WIC knows now where it is again (W2-REG-67) */
		cp_sip_flow_move(s, at->replaced, &u->peer);
		cp_transport_close(s->transport, at->replaced, 1000, "replaced");
	}
}

static void on_register_response(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct attempt *at = user;
	struct cp_sip *s = at->reg->s;

	(void)c;
	if (status < 200)
		return;
	if ((!m || status == 503) && at->u && at->entry + 1 < s->conf->mw.n_entry) {	/* W2-REG-17 */
		s->entry = ++at->entry;
		send_attempt(at);
		return;
	}
	if (at->u)
		finish(at, m, status);
	free_attempt(at);
}

static void send_attempt(struct attempt *at)
{
	struct cp_sip *s = at->reg->s;
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct cp_peer to = { .proto = strcmp(s->conf->mw.transport, "tcp") == 0 ? CP_PROTO_TCP : CP_PROTO_UDP,
		.addr = s->conf->mw.entry[at->entry] };
	struct sip_msg m;
	unsigned status = 0;

	cp_sip_clone(&m, &at->u->req, &a);
	edit_register(at->reg, &m, at);
	if (!cp_sip_hop(&m))
		status = 483;
	else if (cp_sip_send(s, &m, &to, on_register_response, NULL, at, NULL))
		status = 503;
	gw_arena_reset(&a);
	if (status) {
		cp_sip_refuse(at->u, status, NULL);
		free_attempt(at);
	}
}

/* W2-REG-52: parallel flows of one instance; the key without its reg-id names the instance. */
static bool has_too_many_flows(struct cp_reg *r, struct gw_sv key)
{
	unsigned n = 0;
	size_t end = key.len;

	while (end && key.p[end - 1] != ' ')
		end--;
	GW_LIST_FOREACH(it, &r->all)
		n += gw_sv_starts(gw_sv_cstr(GW_CONTAINER(it, struct cp_binding, node)->key),
			gw_sv_sub(key, 0, end));
	return n >= r->s->conf->reg.flows_per_instance;
}

/* May this connection ask that for this user? 0: yes. */
static unsigned check_user(struct cp_reg *r, const struct cp_uas *u, const struct sip_addr *to, const char **why)
{
	const struct cp_binding *bound = cp_reg_by_conn(r, u->peer.conn);
	struct sip_auth auth;

	*why = "not our home domain";
	if (!gw_sv_ieq(to->uri.host, gw_sv_cstr(r->s->conf->mw.home_domain)) && to->uri.host.len)
		return 403;
	*why = "this connection belongs to another user";	/* W2-REG-23 */
	if (bound && bound->impi && sip_auth_parse(sip_msg_value(&u->req, SIP_HDR_AUTHORIZATION), &auth) == GW_OK &&
		auth.username.len && !gw_sv_eq(auth.username, gw_sv_cstr(bound->impi)))
		return 403;
	return 0;
}

static struct attempt *new_attempt(struct cp_reg *r, struct cp_uas *u, struct gw_sv key, const struct sip_register *q)
{
	const struct cp_binding *b = gw_map_get(&r->by_key, key), *any = cp_reg_by_conn(r, u->peer.conn);
	struct attempt *at = calloc(1, sizeof(*at));

	if (!at)
		return NULL;
	*at = (struct attempt){ .reg = r, .u = u, .key = gw_sv_dup(key), .aor = gw_sv_dup(q->to.uri.text),
		.contact = gw_sv_dup(q->contact.uri.text), .has_ob = q->has_reg_id, .is_star = q->contact.is_star,
		.entry = r->s->entry % r->s->conf->mw.n_entry };
	at->id = b ? b->id : at->is_star && any ? any->id : new_id(r);
	gw_list_append(&r->attempts, &at->node);
	if (at->key && at->aor && at->contact)
		return at;
	free_attempt(at);
	return NULL;
}

void cp_reg_request(struct cp_reg *r, struct cp_uas *u)
{
	char key[1024];
	struct gw_buf kb = gw_buf(key, sizeof(key));
	const char *why = "REGISTER needs exactly one Contact";
	struct sip_register q;
	struct attempt *at;
	unsigned status = sip_register_read(&u->req, &q, &kb) ? 400 : check_user(r, u, &q.to, &why);
	bool is_new = !status && !q.contact.is_star && !gw_map_get(&r->by_key, gw_buf_sv(&kb));

	if (is_new && q.has_reg_id && has_too_many_flows(r, gw_buf_sv(&kb))) {
		why = "too many flows of this instance";
		status = 403;
	} else if (is_new && r->by_key.count >= r->s->conf->reg.max_bindings) {
		why = "too many registrations";
		status = 503;
	}
	at = status ? NULL : new_attempt(r, u, gw_buf_sv(&kb), &q);
	if (!at) {
		cp_sip_refuse(u, status ? status : 503, status ? why : NULL);
		return;
	}
	u->on_gone = on_register_gone;
	u->user = at;
	send_attempt(at);
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
		remove_binding(GW_CONTAINER(r->all.next, struct cp_binding, node), "stopping");
	while (!gw_list_empty(&r->attempts)) {
		struct attempt *at = GW_CONTAINER(r->attempts.next, struct attempt, node);

		at->u = NULL;	/* gone with all transactions before this */
		free_attempt(at);
	}
	gw_map_free(&r->by_key);
	gw_map_free(&r->by_id);
	gw_map_free(&r->by_conn);
	free(r);
}

struct gw_list *cp_reg_list(struct cp_reg *r)
{
	return &r->all;
}
