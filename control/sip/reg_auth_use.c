/* SPDX-License-Identifier: Apache-2.0 */
/* One connection for a token (W2-TOK-20), one instance for an IMPU of a pool (W2-TOK-08), and revocation (-19). */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/reg_auth_int.h"
#include "control/sip/reg_int.h"
#include "proto/sip/uri.h"

#define TOKENS_PER_CONN 16u	/* refreshed tokens stay bound: an old one still counts until its end */

struct cp_token_conn {
	cp_conn_id conn;
	struct gw_list uses;
	unsigned n;
};

/* Which connection and instance use a token. */
struct cp_token_use {
	struct gw_list node;
	struct cp_token_conn *by;
	unsigned char token_id[CP_TOKEN_HASH_BYTES];
	char *instance;
};

struct cp_pool_claim {
	unsigned refs;
	char *impu, *instance;
};

/* ---- tokens --------------------------------------------------------------------------------------------- */

static struct gw_sv key_of(const unsigned char *token_id)
{
	return gw_sv(token_id, CP_TOKEN_HASH_BYTES);
}

static void drop_use(struct cp_reg_auth *a, struct cp_token_use *t)
{
	cp_reg_auth_token_left(a->s, t->token_id);
	gw_map_del(&a->uses, key_of(t->token_id));
	gw_list_remove(&t->node);
	t->by->n--;
	free(t->instance);
	free(t);
}

static struct cp_token_conn *get_conn(struct cp_reg_auth *a, cp_conn_id conn)
{
	struct cp_token_conn *c = gw_map_get_u64(&a->conns, conn);

	if (c || !(c = calloc(1, sizeof(*c))))
		return c;
	c->conn = conn;
	gw_list_init(&c->uses);
	if (gw_map_put_u64(&a->conns, conn, c) == GW_OK)
		return c;
	free(c);
	return NULL;
}

static bool add_use(struct cp_reg_auth *a, const struct cp_identity *id, cp_conn_id conn, struct gw_sv instance)
{
	struct cp_token_conn *c = get_conn(a, conn);
	struct cp_token_use *t = c ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return false;
	t->by = c;
	memcpy(t->token_id, id->token_id, sizeof(t->token_id));
	t->instance = gw_sv_dup(instance);
	if (!t->instance || gw_map_put(&a->uses, key_of(t->token_id), t)) {
		free(t->instance);
		free(t);
		return false;
	}
	if (c->n >= TOKENS_PER_CONN)
		drop_use(a, GW_CONTAINER(c->uses.next, struct cp_token_use, node));
	gw_list_append(&c->uses, &t->node);
	c->n++;
	return true;
}

bool cp_token_use_take(struct cp_reg_auth *a, const struct cp_identity *id, cp_conn_id conn, struct gw_sv instance)
{
	struct cp_token_use *t = gw_map_get(&a->uses, key_of(id->token_id));

	if (t && t->by->conn == conn)
		return true;
	if (t && cp_transport_alive(a->s->transport, t->by->conn) &&
		(instance.len == 0 || !gw_sv_eq(instance, gw_sv_cstr(t->instance))))
		return false;
	if (t)
		drop_use(a, t);
	return add_use(a, id, conn, instance);
}

void cp_token_use_leave(struct cp_reg_auth *a, const struct cp_identity *id)
{
	struct cp_token_use *t = gw_map_get(&a->uses, key_of(id->token_id));

	if (t)
		drop_use(a, t);
}

void cp_token_conn_free(struct cp_reg_auth *a, struct cp_token_conn *c)
{
	gw_map_del_u64(&a->conns, c->conn);
	while (!gw_list_empty(&c->uses))
		drop_use(a, GW_CONTAINER(c->uses.next, struct cp_token_use, node));
	free(c);
}

void cp_reg_auth_connection_lost(struct cp_sip *s, cp_conn_id conn)
{
	struct cp_token_conn *c = gw_map_get_u64(&s->auth->conns, conn);

	if (c)
		cp_token_conn_free(s->auth, c);
}

/* ---- pools ---------------------------------------------------------------------------------------------- */

struct cp_pool_claim *cp_pool_claim_ref(struct cp_pool_claim *c)
{
	c->refs++;
	return c;
}

/* What the IMPU is by RFC 3261 19.1.4: the user as it is written, scheme and host without case. */
static struct gw_sv claim_key(struct gw_sv impu, char *text, size_t cap)
{
	struct gw_buf b = gw_buf(text, cap);
	struct sip_uri u;
	size_t user;

	if (sip_uri_parse(impu, &u))
		return GW_SV_NONE;
	gw_buf_printf(&b, "%.*s:", GW_SV_FMT(u.scheme_name));
	user = b.len;
	gw_buf_printf(&b, "%.*s@%.*s", GW_SV_FMT(u.user), GW_SV_FMT(u.host));
	for (size_t i = 0; i < b.len; i++)
		if (i < user || i >= user + u.user.len)
			b.p[i] = gw_lower(b.p[i]);
	return b.overflow ? GW_SV_NONE : gw_buf_sv(&b);
}

struct cp_pool_claim *cp_pool_claim_take(struct cp_reg_auth *a, struct gw_sv impu, struct gw_sv instance)
{
	char text[1024];
	struct gw_sv key = claim_key(impu, text, sizeof(text));
	struct cp_pool_claim *c = gw_map_get(&a->claims, key);

	if (c && (gw_sv_eq(instance, gw_sv_cstr(c->instance)) || a->s->conf->tokens.share_pool))
		return cp_pool_claim_ref(c);
	if (c || key.len == 0 || !(c = calloc(1, sizeof(*c))))
		return NULL;
	c->refs = 1;
	c->impu = gw_sv_dup(key);
	c->instance = gw_sv_dup(instance);
	if (c->impu && c->instance && gw_map_put(&a->claims, gw_sv_cstr(c->impu), c) == GW_OK)
		return c;
	free(c->impu);
	free(c->instance);
	free(c);
	return NULL;
}

const char *cp_pool_claim_instance(const struct cp_pool_claim *c)
{
	return c->instance;
}

const char *cp_pool_claim_impu(const struct cp_pool_claim *c)
{
	return c->impu;
}

void cp_pool_claim_put(struct cp_reg_auth *a, struct cp_pool_claim *c)
{
	if (!c || --c->refs)
		return;
	cp_reg_auth_impu_left(a->s, c->impu);
	gw_map_del(&a->claims, gw_sv_cstr(c->impu));
	free(c->impu);
	free(c->instance);
	free(c);
}

/* ---- the life of a registration ----------------------------------------------------------------------------- */

/* W2-TOK-13: no fresh token came in time. The socket stays: the WIC may register again with one. */
static void on_token_end(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_binding *b = GW_CONTAINER(timer, struct cp_binding, token_end);
	bool is_revoked = b->auth.identity && cp_token_is_revoked(b->reg->s->tokens, b->auth.identity);

	(void)now_ms;
	cp_reg_deregister(b, is_revoked ? "token revoked" : "token ended", is_revoked);
}

void cp_token_end_arm(struct cp_binding *b)
{
	struct cp_sip *s = b->reg->s;
	const struct cp_identity *id = b->auth.identity;
	uint64_t wall = cp_loop_wall_s(), left;

	gw_timer_stop(&s->loop->timers, &b->token_end);
	if (!b->is_tna || (id && id->expires_s == UINT64_MAX))
		return;
	left = id && id->expires_s > wall ? id->expires_s - wall : 0;
	if (id && cp_token_is_revoked(s->tokens, id))	/* while the core was asked, or we were not there */
		left = 0;
	b->token_end.fn = on_token_end;
	(void)gw_timer_arm(&s->loop->timers, &b->token_end, cp_loop_now(s->loop) + left * 1000);
}

void cp_reg_auth_bound(struct cp_uas *u, struct cp_binding *b)
{
	struct cp_sip *s = u->sip;
	struct cp_auth before = b->auth;

	b->auth = (struct cp_auth){ .scenario = u->auth.scenario,
		.identity = u->auth.identity ? cp_identity_ref(u->auth.identity) : NULL,
		.claim = u->auth.claim ? cp_pool_claim_ref(u->auth.claim) : NULL };
	cp_auth_drop(s, &before);
	b->is_tna = b->auth.identity != NULL;
	cp_token_end_arm(b);
}

void cp_reg_auth_unbound(struct cp_binding *b)
{
	gw_timer_stop(&b->reg->s->loop->timers, &b->token_end);
	cp_auth_drop(b->reg->s, &b->auth);
}

static struct cp_binding *find_revoked(struct cp_reg_auth *a, const struct cp_token_revocation *r,
	const unsigned char *token_hash)
{
	GW_LIST_FOREACH(it, cp_reg_list(a->s->reg)) {
		struct cp_binding *b = GW_CONTAINER(it, struct cp_binding, node);
		const struct cp_identity *id = b->auth.identity;

		if (id && (r ? cp_token_revokes(r, id) : memcmp(id->token_hash, token_hash, CP_TOKEN_HASH_BYTES) == 0))
			return b;
	}
	return NULL;
}

void cp_reg_auth_on_revoked(void *user, const struct cp_token_revocation *r, const unsigned char *token_hash)
{
	struct cp_reg_auth *a = user;
	struct cp_binding *b;

	if (!r && !gw_map_get(&a->uses, key_of(token_hash)))	/* of an opaque token it is the id, too */
		return;
	while ((b = find_revoked(a, r, token_hash))) {
		CP_COUNT(token_users_removed);
		cp_reg_deregister(b, "token revoked", true);
	}
}
