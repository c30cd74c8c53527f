/* SPDX-License-Identifier: Apache-2.0 */
/* Token endpoint (RFC 6749 3.2, RFC 9700 4.14), revocation (RFC 7009), introspection (RFC 7662). */
#include <stdlib.h>

#include <jansson.h>
#include <openssl/sha.h>

#include "control/waf/shared.h"

#define TOKEN_BYTES 8192

static void error(struct cp_web_req *r, unsigned status, const char *code)
{
	char text[96];
	struct gw_buf b = gw_buf(text, sizeof(text) - 1);

	gw_buf_printf(&b, "{\"error\":\"%s\"}", code);
	text[b.len] = '\0';
	CP_COUNT(waf_token_refused);
	cp_waf_json(r, status, text);
}

static void json(struct cp_web_req *r, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	if (text)
		cp_waf_json(r, 200, text);
	else
		error(r, 503, "temporarily_unavailable");
	free(text);
}

/* ---- who asks --------------------------------------------------------------------------------------------- */

static bool secret_fits(const struct cp_conf_client *c, struct gw_sv secret)
{
	struct gw_sv want = gw_sv_cstr(c->secret);
	unsigned char a[32], b[32];

	/* hashed, so that the time tells nothing about the length either */
	SHA256((const unsigned char *)secret.p, secret.len, a);
	SHA256((const unsigned char *)want.p, want.len, b);
	return gw_sv_eq_const_time(gw_sv(a, sizeof(a)), gw_sv(b, sizeof(b)));
}

/* RFC 6749 2.3: by Basic, by the form, or by the name alone when it is a public client. */
static const struct cp_conf_client *client_of(struct cp_waf *w, struct cp_web_req *r, const struct cp_form *f)
{
	struct gw_sv id = cp_form_get(f, "client_id"), secret = cp_form_get(f, "client_secret"), basic_id, basic_secret;
	enum gw_err err = r->authorization.len ? cp_basic_parse(&r->arena, r->authorization, &basic_id, &basic_secret) : GW_ENOENT;
	const struct cp_conf_client *c;

	if (err && err != GW_ENOENT)
		return NULL;
	if (err == GW_OK) {
		if (secret.len || (id.len && !gw_sv_eq(id, basic_id)))
			return NULL;	/* one way at a time */
		id = basic_id;
		secret = basic_secret;
	}
	c = cp_grants_client(w->conf, id);
	if (!c)
		return NULL;
	return c->secret[0] ? (secret_fits(c, secret) ? c : NULL) : (secret.len ? NULL : c);
}

/* @return the client; NULL: answered */
static const struct cp_conf_client *begin(struct cp_waf *w, struct cp_web_req *r, struct cp_form *f)
{
	char net[CP_NET_BYTES];
	struct gw_sv source = cp_rate_net(&r->peer, CP_NET_SOURCE, net);
	uint64_t now = cp_loop_now(w->loop), wait = cp_backoff_wait(&w->by_source, source, now);
	const struct cp_conf_client *c;

	cp_waf_allow_origin(w, r);
	if (!gw_sv_istarts(r->content_type, GW_SV("application/x-www-form-urlencoded")) ||
		cp_form_parse(f, &r->arena, r->body)) {
		error(r, 400, "invalid_request");
		return NULL;
	}
	if (wait) {
		cp_waf_retry_after(r, wait);
		error(r, 429, "slow_down");
		return NULL;
	}
	c = client_of(w, r, f);
	if (c)
		return c;
	cp_backoff_hit(&w->by_source, source, now);
	cp_web_header(r, "WWW-Authenticate", GW_SV("Basic realm=\"waf\""));
	error(r, 401, "invalid_client");
	return NULL;
}

/* ---- tokens ----------------------------------------------------------------------------------------------- */

static enum gw_err sign(struct cp_waf *w, const struct cp_grant *g, const struct cp_live_token *t, uint64_t now_s, struct gw_buf *out)
{
	const struct cp_person *p = g->person;
	struct cp_jwt_claims c = { .issuer = w->conf->issuer, .audience = w->conf->audience, .client_id = g->client->id,
		.scope = w->conf->scope, .waf_id = w->conf->waf_id, .wwsf_id = w->conf->wwsf_id, .jti = t->jti, .sub = p->sub,
		.impi = p->impi, .impu = p->impu, .n_impus = p->n_impus, .issued_s = now_s, .expires_s = t->expires_s };

	return cp_jwt_sign(w->keys, &c, out);
}

/* The WWSF hands over the identities with the token: a WIC need not read the token to know them. */
static json_t *token_answer(const struct cp_waf *w, const struct cp_grant *g, const struct cp_live_token *t, uint64_t now_s,
	struct gw_sv access, const char *refresh)
{
	return json_pack("{s:s%, s:s, s:I, s:s, s:s, s:s, s:o}", "access_token", access.p, access.len, "token_type", "Bearer",
		"expires_in", (json_int_t)(t->expires_s - now_s), "refresh_token", refresh, "scope", w->conf->scope, "impi",
		g->person->impi, "impu", cp_jwt_impus(g->person->impu, g->person->n_impus));
}

/** A request on its way; in the request's arena. */
struct asking {
	struct cp_waf *w;
	struct cp_web_req *r;
	const struct cp_conf_client *client;
	struct cp_form f;
	bool is_code;             /* else a refresh token */
	struct gw_sv before;      /* shared: the grant's record as it was; empty: it is new */
	char *answer;
	char jti[64];             /* empty: no access token of ours */
};

static struct asking *asking_new(struct cp_waf *w, struct cp_web_req *r, const struct cp_conf_client *c, const struct cp_form *f)
{
	struct asking *a = gw_arena_new(&r->arena, struct asking);

	if (!a) {
		error(r, 503, "temporarily_unavailable");
		return NULL;
	}
	*a = (struct asking){ .w = w, .r = r, .client = c, .f = *f };
	return a;
}

struct grant_key { char text[CP_NET_BYTES + 256]; };

/* Who fails with grants: a client at a source. */
static struct gw_sv put_grant_key(const struct asking *a, struct grant_key *key)
{
	struct gw_buf b = gw_buf(key->text, sizeof(key->text));
	char net[CP_NET_BYTES];

	gw_buf_put(&b, cp_rate_net(&a->r->peer, CP_NET_SOURCE, net));
	gw_buf_printf(&b, " %s", a->client->id);
	return gw_buf_sv(&b);
}

/* A code or a refresh token that is none, or not any more. */
static void invalid_grant(struct asking *a)
{
	struct grant_key key;

	cp_backoff_hit(&a->w->grants_failed, put_grant_key(a, &key), cp_loop_now(a->w->loop));
	error(a->r, 400, "invalid_grant");
}

/* @return answered: too many of them did not succeed */
static bool must_wait(struct asking *a)
{
	struct grant_key key;
	uint64_t wait = cp_backoff_wait(&a->w->grants_failed, put_grant_key(a, &key), cp_loop_now(a->w->loop));

	if (!wait)
		return false;
	cp_waf_retry_after(a->r, wait);
	error(a->r, 429, "slow_down");
	return true;
}

static void answer_tokens(void *user, enum gw_err err, struct gw_sv text)
{
	struct asking *a = user;

	(void)text;
	if (err == GW_ENOENT) {
		invalid_grant(a);
	} else if (err) {
		error(a->r, 503, "temporarily_unavailable");
	} else {
		CP_COUNT(waf_tokens_issued);
		cp_waf_json(a->r, 200, a->answer);
	}
}

/* The answer, before anybody gets it. NULL: out of memory */
static char *make_answer(struct asking *a, struct cp_grant *g, const struct cp_live_token *t, const char *refresh, uint64_t now_s)
{
	char *token = gw_arena_alloc(&a->r->arena, TOKEN_BYTES), *text = NULL, *copy;
	struct gw_buf b = gw_buf(token, TOKEN_BYTES);
	json_t *j = token && sign(a->w, g, t, now_s, &b) == GW_OK ? token_answer(a->w, g, t, now_s, gw_buf_sv(&b), refresh) : NULL;

	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	copy = text ? gw_arena_cstr(&a->r->arena, gw_sv_cstr(text)) : NULL;
	free(text);
	return copy;
}

static void give(struct asking *a, struct cp_grant *g, uint64_t now_s)
{
	char refresh[CP_REFRESH_BYTES];
	const struct cp_live_token *t;
	enum gw_err err = cp_grants_rotate(a->w->grants, g, now_s, refresh, &t);

	if (err == GW_ELIMIT) {
		cp_waf_retry_after(a->r, 10000);
		error(a->r, 429, "slow_down");
		return;
	}
	if (err || !(a->answer = make_answer(a, g, t, refresh, now_s))) {
		GW_LOG_ERROR(a->w->log, "waf.token_failed", "error=%s", gw_err_name(err));
		cp_grants_revoke(a->w->grants, g, now_s);	/* the client has no token that fits any more */
		error(a->r, 503, "temporarily_unavailable");
	} else if (a->w->is_shared) {
		cp_shared_put(a->w, g, a->before, a->is_code ? cp_form_get(&a->f, "code") : GW_SV_NONE, answer_tokens, a);
	} else {
		answer_tokens(a, GW_OK, GW_SV_NONE);
	}
}

static void give_or_refuse(struct asking *a, enum gw_err err, struct cp_grant *g, uint64_t now_s)
{
	if (err == GW_OK)
		give(a, g, now_s);
	else if (err == GW_ENOMEM)
		error(a->r, 503, "temporarily_unavailable");
	else
		invalid_grant(a);
}

/* Shared: what the code or the refresh token stands for has come. */
static void on_record(void *user, enum gw_err err, struct gw_sv text)
{
	struct asking *a = user;
	uint64_t now_s = cp_loop_wall_s();
	struct cp_grant *g = NULL;

	if (err == GW_OK && a->is_code) {
		err = cp_shared_redeem(a->w, text, a->client, cp_form_get(&a->f, "redirect_uri"), cp_form_get(&a->f, "code_verifier"),
			now_s, &g);
	} else if (err == GW_OK && !(err = cp_grant_read(a->w->grants, text, now_s, &g))) {
		a->before = gw_arena_sv(&a->r->arena, text);
		err = cp_grants_refresh(a->w->grants, cp_form_get(&a->f, "refresh_token"), a->client, now_s, &g);
	}
	if (err == GW_EIO || (a->before.len == 0 && !a->is_code && err == GW_OK))
		error(a->r, 503, "temporarily_unavailable");
	else
		give_or_refuse(a, err, g, now_s);
}

void cp_waf_token(struct cp_waf *w, struct cp_web_req *r)
{
	struct cp_form f;
	const struct cp_conf_client *c = begin(w, r, &f);
	struct gw_sv type, scope, code, refresh;
	uint64_t now_s = cp_loop_wall_s();
	struct cp_grant *g = NULL;
	struct asking *a;
	enum gw_err err;

	if (!c || !(a = asking_new(w, r, c, &f)) || must_wait(a))
		return;
	type = cp_form_get(&f, "grant_type");
	scope = cp_form_get(&f, "scope");
	code = cp_form_get(&f, "code");
	refresh = cp_form_get(&f, "refresh_token");
	a->is_code = gw_sv_eq(type, GW_SV("authorization_code"));
	if (!a->is_code && !gw_sv_eq(type, GW_SV("refresh_token"))) {
		error(r, 400, type.len ? "unsupported_grant_type" : "invalid_request");
		return;
	}
	if (!a->is_code && scope.len && !gw_sv_eq(scope, gw_sv_cstr(w->conf->scope))) {
		error(r, 400, "invalid_scope");
		return;
	}
	if (w->is_shared) {
		if (a->is_code)
			cp_shared_take_code(w, code, on_record, a);
		else
			cp_shared_grant(w, refresh, on_record, a);
		return;
	}
	err = a->is_code ? cp_grants_redeem(w->grants, code, c, cp_form_get(&f, "redirect_uri"), cp_form_get(&f, "code_verifier"),
		now_s, &g) : cp_grants_refresh(w->grants, refresh, c, now_s, &g);
	give_or_refuse(a, err, g, now_s);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* RFC 7009 2.2: a token that is none is gone as well */
static void answer_revoked(void *user, enum gw_err err, struct gw_sv text)
{
	struct asking *a = user;

	(void)text;
	if (err == GW_EIO)
		error(a->r, 503, "temporarily_unavailable");
	else
		cp_waf_json(a->r, 200, "{}");
}

/* The grant of a refresh or access token. a->jti: of an access token of ours */
static struct cp_grant *grant_of(const struct asking *a, uint64_t now_s)
{
	const struct cp_live_token *t = a->jti[0] ? cp_grants_by_jti(a->w->grants, gw_sv_cstr(a->jti), now_s) : NULL;

	return t ? t->grant : cp_grants_by_refresh(a->w->grants, cp_form_get(&a->f, "token"), now_s);
}

static void sign_out(struct asking *a)
{
	uint64_t now_s = cp_loop_wall_s();
	struct cp_grant *g = grant_of(a, now_s);

	if (!g || g->client != a->client) {
		answer_revoked(a, GW_OK, GW_SV_NONE);
		return;
	}
	CP_COUNT(waf_revoked);
	GW_LOG_INFO(a->w->log, "waf.signed_out", "sub=%s client=%s", g->person->sub, a->client->id);
	if (a->w->is_shared) {
		cp_shared_end(a->w, g->id, answer_revoked, a);
		return;
	}
	cp_grants_revoke(a->w->grants, g, now_s);
	answer_revoked(a, GW_OK, GW_SV_NONE);
}

static void on_revoke(void *user, enum gw_err err, struct gw_sv text)
{
	struct asking *a = user;
	struct cp_grant *g;

	if (err == GW_OK && !(err = cp_grant_read(a->w->grants, text, cp_loop_wall_s(), &g)))
		sign_out(a);
	else
		answer_revoked(a, err, GW_SV_NONE);
}

void cp_waf_revoke(struct cp_waf *w, struct cp_web_req *r)
{
	struct cp_form f;
	const struct cp_conf_client *c = begin(w, r, &f);
	struct gw_sv token;
	struct asking *a;

	if (!c || !(a = asking_new(w, r, c, &f)))
		return;
	token = cp_form_get(&f, "token");
	if (!token.len) {
		error(r, 400, "invalid_request");
		return;
	}
	if (!cp_jwt_is_ours(w->keys, token, a->jti))
		a->jti[0] = '\0';
	if (!w->is_shared)
		sign_out(a);
	else if (a->jti[0])
		cp_shared_grant_of(w, gw_sv_cstr(a->jti), on_revoke, a);
	else
		cp_shared_grant(w, token, on_revoke, a);
}

static json_t *active(const struct cp_waf *w, const struct cp_live_token *t)
{
	const struct cp_grant *g = t->grant;
	const struct cp_person *p = g->person;

	return json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:s, s:s}", "active", 1, "iss", w->conf->issuer,
		"aud", w->conf->audience, "sub", p->sub, "client_id", g->client->id, "scope", w->conf->scope, "token_type", "Bearer",
		"exp", (json_int_t)t->expires_s, "jti", t->jti, "impi", p->impi, "impu", cp_jwt_impus(p->impu, p->n_impus), "waf_id", w->conf->waf_id,
		"wwsf_id", w->conf->wwsf_id);
}

static void introspect(struct asking *a)
{
	const struct cp_live_token *t = a->jti[0] ? cp_grants_by_jti(a->w->grants, gw_sv_cstr(a->jti), cp_loop_wall_s()) : NULL;

	json(a->r, t ? active(a->w, t) : json_pack("{s:b}", "active", 0));
}

static void on_introspect(void *user, enum gw_err err, struct gw_sv text)
{
	struct asking *a = user;
	struct cp_grant *g;

	if (err == GW_OK)
		(void)!cp_grant_read(a->w->grants, text, cp_loop_wall_s(), &g);	/* what is none is not active */
	if (err == GW_EIO)
		error(a->r, 503, "temporarily_unavailable");
	else
		introspect(a);
}

void cp_waf_introspect(struct cp_waf *w, struct cp_web_req *r)
{
	struct cp_form f;
	const struct cp_conf_client *c = begin(w, r, &f);
	struct asking *a;

	if (!c || !(a = asking_new(w, r, c, &f)))
		return;
	if (!c->may_introspect) {
		error(r, 403, "unauthorized_client");
		return;
	}
	if (!cp_jwt_is_ours(w->keys, cp_form_get(&f, "token"), a->jti))
		a->jti[0] = '\0';
	if (w->is_shared && a->jti[0])
		cp_shared_grant_of(w, gw_sv_cstr(a->jti), on_introspect, a);
	else
		introspect(a);
}
