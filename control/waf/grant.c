/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: refresh tokens with rotation, the access tokens made of them, and their copy in the state file. */
#include <stdlib.h>

#include "control/app/loop.h"
#include "control/app/metrics.h"
#include "control/waf/grants_int.h"
#include "control/waf/jwt.h"

static const char hex_digits[] = "0123456789abcdef";

bool cp_grant_from_hex(const char *in, unsigned char out[32])
{
	if (!in || strlen(in) != 64 || strspn(in, hex_digits) != 64)
		return false;
	for (int i = 0; i < 32; i++)
		out[i] = (unsigned char)((strchr(hex_digits, in[2 * i]) - hex_digits) << 4 |
			(strchr(hex_digits, in[2 * i + 1]) - hex_digits));
	return true;
}

/* ---- the copy in the state file ---------------------------------------------------------------------- */

static json_t *tokens_to_json(const struct cp_grant *t)
{
	json_t *list = json_object();

	for (int i = 0; i < CP_LIVE_TOKENS; i++)
		if (t->token[i].expires_s)
			json_object_set_new(list, t->token[i].jti, json_integer((json_int_t)t->token[i].expires_s));
	return list;
}

char *cp_grant_text(const struct cp_grant *t)
{
	const struct cp_person *p = t->person;
	json_t *j;
	char secret[65] = "", session[65] = "", *text;
	struct gw_buf b = gw_buf(secret, sizeof(secret) - 1), s = gw_buf(session, sizeof(session) - 1);

	gw_buf_hex(&b, t->secret, 32);
	gw_buf_hex(&s, t->session, 32);
	j = json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:b, s:s, s:s, s:I, s:I, s:o}", "id", t->id, "client", t->client->id, "sub",
		p->sub, "impi", p->impi, "impus", cp_jwt_impus(p->impu, p->n_impus), "stamp", (json_int_t)p->stamp, "guest", (int)p->is_guest, "secret",
		secret, "session", session, "idle", (json_int_t)t->idle_s, "end", (json_int_t)t->end_s, "tokens", tokens_to_json(t));
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	return text;
}

static enum gw_err save(struct cp_grants *g, const struct cp_grant *t)
{
	char *text = g->state ? cp_grant_text(t) : NULL;
	enum gw_err err = !g->state ? GW_OK : text ? cp_state_put(g->state, t->id, text, t->idle_s) : GW_ENOMEM;

	free(text);
	return err;
}

struct loading {
	struct cp_grants *g;
	uint64_t now_s;
	enum gw_err err;
};

struct cp_person *cp_person_read(struct cp_grants *g, json_t *j)
{
	struct cp_user u = { .stamp = json_integer_value(json_object_get(j, "stamp")) };
	const char *sub, *impi;
	uint32_t lease = CP_POOL_NONE;
	struct cp_person *p;
	int is_guest;
	json_t *v;
	size_t i;

	if (json_unpack(j, "{s:s, s:s, s:b}", "sub", &sub, "impi", &impi, "guest", &is_guest))
		return NULL;
	u.login = gw_sv_cstr(sub);
	u.impi = gw_sv_cstr(impi);
	if ((p = gw_map_get(&g->persons, u.login)))
		return p;
	json_array_foreach(json_object_get(j, "impus"), i, v)
		if (u.n_impus < CP_IMPUS_MAX && json_is_string(v))
			u.impu[u.n_impus++] = gw_sv_cstr(json_string_value(v));
	/* a guest of before the pool was configured otherwise has no place */
	if (!u.n_impus || (is_guest && !g->drop && cp_pool_claim(g->pool, u.impu[0], &lease)))
		return NULL;
	p = cp_person_new(g, &u, lease);
	if (p)
		p->is_guest = is_guest;
	else if (lease != CP_POOL_NONE)
		cp_pool_give(g->pool, lease);
	return p;
}

static bool remember(struct cp_grants *g, struct cp_grant *grant, struct cp_live_token *t)
{
	t->grant = grant;
	return gw_map_put(&g->tokens, gw_sv_cstr(t->jti), t) == GW_OK;
}

static void load_tokens(struct cp_grants *g, struct cp_grant *t, json_t *tokens, uint64_t now_s)
{
	const char *jti;
	json_t *v;
	int n = 0;

	json_object_foreach(tokens, jti, v) {
		struct cp_live_token *slot = &t->token[n];

		if (n == CP_LIVE_TOKENS || (uint64_t)json_integer_value(v) <= now_s ||
			gw_sv_copy(gw_sv_cstr(jti), slot->jti, sizeof(slot->jti)) || !remember(g, t, slot))
			continue;
		slot->expires_s = (uint64_t)json_integer_value(v);
		n++;
	}
}

static bool link_grant(struct cp_grants *g, struct cp_grant *t, struct cp_person *p)
{
	if (gw_map_put(&g->grants, gw_sv_cstr(t->id), t))
		return false;
	t->person = p;
	gw_list_append(&p->grants, &t->of_person);
	gw_list_append(&g->grant_ages, &t->by_age);
	p->n_grants++;
	return true;
}

enum gw_err cp_grant_read(struct cp_grants *g, struct gw_sv text, uint64_t now_s, struct cp_grant **out)
{
	json_t *j = json_loadb(text.p, text.len, 0, NULL), *tokens;
	const char *id, *client, *secret, *session;
	struct cp_grant *t = calloc(1, sizeof(*t));
	enum gw_err err = t ? GW_ENOENT : GW_ENOMEM;
	struct cp_person *p = NULL;
	json_int_t idle, end;

	if (t && j && json_unpack(j, "{s:s, s:s, s:s, s:I, s:I, s:o}", "id", &id, "client", &client, "secret", &secret, "idle",
			&idle, "end", &end, "tokens", &tokens) == 0 &&
		gw_sv_copy(gw_sv_cstr(id), t->id, sizeof(t->id)) == GW_OK && cp_grant_from_hex(secret, t->secret) &&
		(t->client = cp_grants_client(g->conf, gw_sv_cstr(client))) && end > (json_int_t)now_s)
		p = cp_person_read(g, j);
	if (p) {
		session = json_string_value(json_object_get(j, "session"));
		(void)cp_grant_from_hex(session, t->session);	/* grants of an older version have none */
		t->idle_s = (uint64_t)idle;
		t->end_s = (uint64_t)end;
		err = link_grant(g, t, p) ? GW_OK : GW_ENOMEM;
		if (err == GW_OK)
			load_tokens(g, t, tokens, now_s);
		cp_person_settle(g, p);
	}
	if (err == GW_OK)
		*out = t;
	else
		free(t);
	json_decref(j);
	return err;
}

static void on_grant(void *arg, struct gw_sv text, uint64_t until_s)
{
	struct loading *l = arg;
	struct cp_grant *t;
	enum gw_err err = until_s > l->now_s ? cp_grant_read(l->g, text, l->now_s, &t) : GW_OK;

	if (err && err != GW_ENOENT)
		l->err = err;
}

static void on_revoked(void *arg, struct gw_sv jti, uint64_t until_s)
{
	struct loading *l = arg;

	if (until_s > l->now_s && l->g->revoke)
		l->g->revoke(l->g->user, jti, until_s);
}

enum gw_err cp_grant_load(struct cp_grants *g, uint64_t now_s)
{
	struct loading l = { g, now_s, GW_OK };
	enum gw_err err = cp_state_each(g->state, on_grant, on_revoked, &l);

	return err ? err : l.err;
}

/* ---- life ------------------------------------------------------------------------------------------- */

struct cp_grant *cp_grant_new(struct cp_grants *g, const struct cp_code *code, struct cp_person *p, uint64_t now_s)
{
	struct cp_grant *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	cp_random_token(t->id, CP_ID_CHARS);
	cp_random(t->secret, sizeof(t->secret));	/* nobody knows its source: there is no refresh token yet */
	memcpy(t->session, code->session, sizeof(t->session));
	t->client = code->client;
	t->end_s = now_s + g->conf->session_s;
	t->idle_s = now_s + g->conf->refresh_token_s;
	if (t->idle_s > t->end_s)
		t->idle_s = t->end_s;
	if (!link_grant(g, t, p)) {
		free(t);
		return NULL;
	}
	if (p->n_grants > CP_PER_PERSON)
		cp_grant_drop(g, GW_CONTAINER(p->grants.next, struct cp_grant, of_person), now_s);
	else if (g->grants.count > g->conf->max_sessions)
		cp_grant_drop(g, GW_CONTAINER(g->grant_ages.next, struct cp_grant, by_age), now_s);
	return t;
}

void cp_grant_free(struct cp_grants *g, struct cp_grant *t)
{
	struct cp_person *p = t->person;

	for (int i = 0; i < CP_LIVE_TOKENS; i++)
		if (t->token[i].expires_s)
			gw_map_del(&g->tokens, gw_sv_cstr(t->token[i].jti));
	gw_map_del(&g->grants, gw_sv_cstr(t->id));
	gw_list_remove(&t->of_person);
	gw_list_remove(&t->by_age);
	free(t);
	p->n_grants--;
	cp_person_settle(g, p);
}

void cp_grant_drop(struct cp_grants *g, struct cp_grant *t, uint64_t now_s)
{
	if (g->drop)
		g->drop(g->user, t->id);
	for (int i = 0; i < CP_LIVE_TOKENS; i++) {
		if (t->token[i].expires_s <= now_s || g->drop)
			continue;
		(void)cp_state_put_revoked(g->state, t->token[i].jti, t->token[i].expires_s);
		if (g->revoke)
			g->revoke(g->user, gw_sv_cstr(t->token[i].jti), t->token[i].expires_s);
	}
	(void)cp_state_del(g->state, t->id);
	cp_grant_free(g, t);
}

/* Splits "ID.SECRET". @return the live grant of that id, or NULL */
static struct cp_grant *grant_of(struct cp_grants *g, struct gw_sv token, unsigned char secret[32], uint64_t now_s)
{
	struct gw_sv id, rest;
	struct cp_grant *t;

	if (token.len != CP_REFRESH_BYTES - 1 || !gw_sv_cut(token, '.', &id, &rest))
		return NULL;
	cp_grants_hash(rest, secret);
	t = gw_map_get(&g->grants, id);
	return t && t->idle_s > now_s && t->end_s > now_s ? t : NULL;
}

struct cp_grant *cp_grants_by_refresh(struct cp_grants *g, struct gw_sv token, uint64_t now_s)
{
	unsigned char secret[32];
	struct cp_grant *t = grant_of(g, token, secret, now_s);

	return t && gw_sv_eq_const_time(gw_sv(secret, 32), gw_sv(t->secret, 32)) ? t : NULL;
}

enum gw_err cp_grants_refresh(struct cp_grants *g, struct gw_sv token, const struct cp_conf_client *client,
	uint64_t now_s, struct cp_grant **out)
{
	unsigned char secret[32];
	struct cp_grant *t = grant_of(g, token, secret, now_s);

	if (!t || t->client != client)
		return GW_EAUTH;
	if (!gw_sv_eq_const_time(gw_sv(secret, 32), gw_sv(t->secret, 32))) {
		CP_COUNT(waf_reused);
		cp_grant_drop(g, t, now_s);	/* it was used before: somebody has a copy */
		return GW_EAUTH;
	}
	*out = t;
	return GW_OK;
}

const struct cp_live_token *cp_grants_by_jti(struct cp_grants *g, struct gw_sv jti, uint64_t now_s)
{
	const struct cp_live_token *token = gw_map_get(&g->tokens, jti);

	return token && token->expires_s > now_s && token->grant->end_s > now_s ? token : NULL;
}

static struct cp_live_token *free_slot(struct cp_grants *g, struct cp_grant *t, uint64_t now_s)
{
	for (int i = 0; i < CP_LIVE_TOKENS; i++) {
		if (t->token[i].expires_s > now_s)
			continue;
		if (t->token[i].expires_s)
			gw_map_del(&g->tokens, gw_sv_cstr(t->token[i].jti));
		t->token[i].expires_s = 0;
		return &t->token[i];
	}
	return NULL;
}

enum gw_err cp_grants_rotate(struct cp_grants *g, struct cp_grant *t, uint64_t now_s, char refresh[CP_REFRESH_BYTES],
	const struct cp_live_token **access)
{
	struct cp_live_token *slot = free_slot(g, t, now_s);
	uint64_t end_s = now_s + g->conf->access_token_s, idle_s = now_s + g->conf->refresh_token_s;
	char *secret = refresh + CP_ID_CHARS + 1;

	if (!slot)
		return GW_ELIMIT;
	cp_random_token(slot->jti, CP_ID_CHARS);
	if (!remember(g, t, slot))
		return GW_ENOMEM;
	slot->expires_s = end_s < t->end_s ? end_s : t->end_s;
	t->idle_s = idle_s < t->end_s ? idle_s : t->end_s;
	gw_list_remove(&t->by_age);
	gw_list_append(&g->grant_ages, &t->by_age);
	memcpy(refresh, t->id, CP_ID_CHARS);
	refresh[CP_ID_CHARS] = '.';
	cp_random_token(secret, CP_SECRET_CHARS);
	cp_grants_hash(gw_sv_cstr(secret), t->secret);
	*access = slot;
	return save(g, t);
}
