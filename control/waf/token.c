/* SPDX-License-Identifier: Apache-2.0 */
/* Token endpoint (RFC 6749 3.2, RFC 9700 4.14), revocation (RFC 7009), introspection (RFC 7662). */
#include <stdlib.h>

#include <jansson.h>
#include <openssl/sha.h>

#include "control/waf/waf_int.h"

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

static void give(struct cp_waf *w, struct cp_web_req *r, struct cp_grant *g, uint64_t now_s)
{
	char *text = gw_arena_alloc(&r->arena, TOKEN_BYTES), refresh[CP_REFRESH_BYTES];
	struct gw_buf b = gw_buf(text, TOKEN_BYTES);
	const struct cp_live_token *t;
	enum gw_err err = text ? cp_grants_rotate(w->grants, g, now_s, refresh, &t) : GW_ENOMEM;

	if (err == GW_ELIMIT) {
		cp_waf_retry_after(r, 10000);
		error(r, 429, "slow_down");
		return;
	}
	if (err || (err = sign(w, g, t, now_s, &b))) {
		GW_LOG_ERROR(w->log, "waf.token_failed", "error=%s", gw_err_name(err));
		cp_grants_revoke(w->grants, g, now_s);	/* the client has no token that fits any more */
		error(r, 503, "temporarily_unavailable");
		return;
	}
	CP_COUNT(waf_tokens_issued);
	json(r, token_answer(w, g, t, now_s, gw_buf_sv(&b), refresh));
}

void cp_waf_token(struct cp_waf *w, struct cp_web_req *r)
{
	struct cp_form f;
	const struct cp_conf_client *c = begin(w, r, &f);
	struct gw_sv type, scope;
	uint64_t now_s = cp_loop_wall_s();
	struct cp_grant *g;
	enum gw_err err;

	if (!c)
		return;
	type = cp_form_get(&f, "grant_type");
	scope = cp_form_get(&f, "scope");
	if (gw_sv_eq(type, GW_SV("authorization_code"))) {
		err = cp_grants_redeem(w->grants, cp_form_get(&f, "code"), c, cp_form_get(&f, "redirect_uri"),
			cp_form_get(&f, "code_verifier"), now_s, &g);
	} else if (gw_sv_eq(type, GW_SV("refresh_token"))) {
		err = scope.len && !gw_sv_eq(scope, gw_sv_cstr(w->conf->scope)) ? GW_EUNSUPP :
			cp_grants_refresh(w->grants, cp_form_get(&f, "refresh_token"), c, now_s, &g);
	} else {
		error(r, 400, type.len ? "unsupported_grant_type" : "invalid_request");
		return;
	}
	if (err == GW_OK)
		give(w, r, g, now_s);
	else if (err == GW_ENOMEM)
		error(r, 503, "temporarily_unavailable");
	else
		error(r, 400, err == GW_EUNSUPP ? "invalid_scope" : "invalid_grant");
}

void cp_waf_revoke(struct cp_waf *w, struct cp_web_req *r)
{
	struct cp_form f;
	const struct cp_conf_client *c = begin(w, r, &f);
	uint64_t now_s = cp_loop_wall_s();
	const struct cp_live_token *t;
	struct cp_grant *g;
	struct gw_sv token;
	char jti[64];

	if (!c)
		return;
	token = cp_form_get(&f, "token");
	if (!token.len) {
		error(r, 400, "invalid_request");
		return;
	}
	g = cp_grants_by_refresh(w->grants, token, now_s);
	if (!g && cp_jwt_is_ours(w->keys, token, jti) && (t = cp_grants_by_jti(w->grants, gw_sv_cstr(jti), now_s)))
		g = t->grant;
	if (g && g->client == c) {
		CP_COUNT(waf_revoked);
		GW_LOG_INFO(w->log, "waf.signed_out", "sub=%s client=%s", g->person->sub, c->id);
		cp_grants_revoke(w->grants, g, now_s);
	}
	cp_waf_json(r, 200, "{}");	/* RFC 7009 2.2: a token that is none is gone as well */
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

void cp_waf_introspect(struct cp_waf *w, struct cp_web_req *r)
{
	struct cp_form f;
	const struct cp_conf_client *c = begin(w, r, &f);
	const struct cp_live_token *t = NULL;
	char jti[64];

	if (!c)
		return;
	if (!c->may_introspect) {
		error(r, 403, "unauthorized_client");
		return;
	}
	if (cp_jwt_is_ours(w->keys, cp_form_get(&f, "token"), jti))
		t = cp_grants_by_jti(w->grants, gw_sv_cstr(jti), cp_loop_wall_s());
	json(r, t ? active(w, t) : json_pack("{s:b}", "active", 0));
}
