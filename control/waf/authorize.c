/* SPDX-License-Identifier: Apache-2.0 */
/* The authorization endpoint: RFC 6749 4.1.1, RFC 7636, RFC 9207, RFC 9700. */
#include "control/waf/pkce.h"
#include "control/waf/shared.h"

#define STATE_MAX 1024
#define SESSION_COOKIE "__Host-w2gw"

/* ---- answers by redirect ------------------------------------------------------------------------------ */

static void redirect(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, const char *name, const char *value)
{
	size_t cap = 1024 + strlen(a->redirect_uri) + 3 * a->state.len + 3 * strlen(w->conf->issuer);
	struct gw_buf b = gw_buf(gw_arena_alloc(&r->arena, cap), cap);

	if (!b.p)
		b.cap = 0;
	gw_buf_puts(&b, a->redirect_uri);
	gw_buf_printf(&b, "%c%s=", strchr(a->redirect_uri, '?') ? '&' : '?', name);
	cp_form_put(&b, gw_sv_cstr(value));
	if (a->state.len) {
		gw_buf_puts(&b, "&state=");
		cp_form_put(&b, a->state);
	}
	gw_buf_puts(&b, "&iss=");	/* RFC 9207: a client with two servers knows which one spoke */
	cp_form_put(&b, gw_sv_cstr(w->conf->issuer));
	if (b.overflow) {
		cp_waf_page_error(r, 503, "The server is short of memory.");
		return;
	}
	cp_web_header(r, "Location", gw_buf_sv(&b));
	cp_web_answer(r, 303, "text/plain", GW_SV_NONE);	/* RFC 9700 4.12: 303 never repeats the POST */
}

static void refuse(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, const char *error)
{
	CP_COUNT(waf_authorize_refused);
	redirect(w, r, a, "error", error);
}

/* ---- the request ---------------------------------------------------------------------------------------- */

static const char *redirect_uri_of(const struct cp_conf_client *c, struct gw_sv uri)
{
	for (unsigned i = 0; i < c->n_redirect_uris; i++)
		if (gw_sv_eq(uri, gw_sv_cstr(c->redirect_uris[i])))
			return c->redirect_uris[i];
	return NULL;
}

/* @return NULL, or the error code of RFC 6749 4.1.2.1 to send to the client */
static const char *check(const struct cp_waf *w, const struct cp_form *f, struct cp_authz *a)
{
	struct gw_sv mode = cp_form_get(f, "response_mode");

	if (a->state.len > STATE_MAX) {
		a->state = GW_SV_NONE;
		return "invalid_request";
	}
	if (!gw_sv_eq(cp_form_get(f, "response_type"), GW_SV("code")))
		return cp_form_get(f, "response_type").len ? "unsupported_response_type" : "invalid_request";
	if ((mode.len && !gw_sv_eq(mode, GW_SV("query"))) || !cp_pkce_is_challenge(a->challenge) ||
		!gw_sv_eq(cp_form_get(f, "code_challenge_method"), GW_SV("S256")))
		return "invalid_request";
	if (cp_form_get(f, "request").len || cp_form_get(f, "request_uri").len)
		return cp_form_get(f, "request").len ? "request_not_supported" : "request_uri_not_supported";
	if (a->scope.len && !gw_sv_has_word(a->scope, gw_sv_cstr(w->conf->scope)))
		return "invalid_scope";
	return NULL;
}

/* @return false: answered */
static bool parse(struct cp_waf *w, struct cp_web_req *r, struct cp_authz *a, struct cp_form *f)
{
	const char *error;

	*a = (struct cp_authz){ 0 };
	if (cp_form_parse(f, &r->arena, r->query)) {
		cp_waf_page_error(r, 400, "The request is malformed.");
		return false;
	}
	a->client = cp_grants_client(w->conf, cp_form_get(f, "client_id"));
	if (a->client)
		a->redirect_uri = redirect_uri_of(a->client, cp_form_get(f, "redirect_uri"));
	if (!a->redirect_uri) {		/* no redirect to where nobody vouches for (RFC 9700 4.11) */
		CP_COUNT(waf_authorize_refused);
		cp_waf_page_error(r, 400, a->client ? "This return address is not registered for the application." :
			"The application is not known here.");
		return false;
	}
	a->state = cp_form_get(f, "state");
	a->scope = cp_form_get(f, "scope");
	a->challenge = cp_form_get(f, "code_challenge");
	a->asks_login = gw_sv_eq(cp_form_get(f, "prompt"), GW_SV("login"));
	if ((error = check(w, f, a))) {
		refuse(w, r, a, error);
		return false;
	}
	return true;
}

/* ---- the outcome --------------------------------------------------------------------------------------- */

static void give_code(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, struct cp_person *p, struct gw_sv cookie)
{
	char code[CP_SECRET_CHARS + 1];

	if (cp_grants_code(w->grants, p, a->client, a->redirect_uri, a->challenge, cookie, cp_loop_wall_s(), code)) {
		refuse(w, r, a, "temporarily_unavailable");
		return;
	}
	CP_COUNT(waf_codes);
	redirect(w, r, a, "code", code);
}

static void set_cookie(struct cp_waf *w, struct cp_web_req *r, const char *secret)
{
	char text[256];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_printf(&b, SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=%u", secret, w->conf->session_s);
	cp_web_header(r, "Set-Cookie", gw_buf_sv(&b));
}

static void signed_in(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, const char *sub, const char *impi,
	const char *cookie)
{
	GW_LOG_INFO(w->log, "waf.signed_in", "sub=%s impi=%s client=%s", sub, impi, a->client->id);
	set_cookie(w, r, cookie);
}

static void accept_here(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, const struct cp_user *user)
{
	char cookie[CP_SECRET_CHARS + 1];
	struct cp_person *p;
	enum gw_err err = cp_grants_sign_in(w->grants, user, cp_loop_wall_s(), cookie, &p);

	if (err == GW_ELIMIT) {
		CP_COUNT(waf_pool_exhausted);
		cp_waf_page(w, r, a, CP_NOTE_FULL, GW_SV_NONE, 60000);
		return;
	}
	if (err) {
		refuse(w, r, a, "temporarily_unavailable");
		return;
	}
	signed_in(w, r, a, p->sub, p->impi, cookie);
	give_code(w, r, a, p, gw_sv_cstr(cookie));
}

/* ---- with several nodes: by way of Redis ------------------------------------------------------------------- */

struct entering {
	struct cp_waf *w;
	struct cp_web_req *r;
	struct cp_authz a;
	json_t *person;
	struct cp_shared_code c;
	char cookie[CP_SECRET_CHARS + 1], guest[CP_ID_CHARS + 7];
	bool is_silent;           /* prompt=none */
	struct gw_sv hint;
};

static struct entering *entering_new(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a)
{
	struct entering *e = gw_arena_calloc(&r->arena, 1, sizeof(*e));

	if (!e) {
		refuse(w, r, a, "temporarily_unavailable");
		return NULL;
	}
	e->w = w;
	e->r = r;
	e->a = *a;
	return e;
}

/* Nobody is signed in. */
static void ask_who(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, bool is_silent, struct gw_sv hint)
{
	if (is_silent)
		refuse(w, r, a, "login_required");
	else
		cp_waf_page(w, r, a, CP_NOTE_NONE, hint, 0);
}

static void on_code(void *user, enum gw_err err, struct gw_sv text)
{
	struct entering *e = user;

	(void)text;
	if (err == GW_ENOENT && !e->guest[0]) {	/* who he was has changed */
		ask_who(e->w, e->r, &e->a, e->is_silent, e->hint);
	} else if (err) {
		refuse(e->w, e->r, &e->a, "temporarily_unavailable");
	} else {
		if (e->c.is_new)
			signed_in(e->w, e->r, &e->a, json_string_value(json_object_get(e->person, "sub")),
				json_string_value(json_object_get(e->person, "impi")), e->cookie);
		CP_COUNT(waf_codes);
		redirect(e->w, e->r, &e->a, "code", e->c.code);
	}
	json_decref(e->person);
}

static void give_shared_code(struct entering *e, json_t *person, struct gw_sv cookie)
{
	e->person = person;
	e->c.person = person;
	e->c.a = &e->a;
	e->c.is_new = cookie.len == 0;
	if (e->c.is_new)
		cp_random_token(e->cookie, CP_SECRET_CHARS);
	e->c.cookie = e->c.is_new ? gw_sv_cstr(e->cookie) : cookie;
	cp_shared_put_code(e->w, &e->c, on_code, e);
}

static void on_place(void *user, enum gw_err err, struct gw_sv impu)
{
	struct entering *e = user;

	if (err == GW_OK) {
		give_shared_code(e, cp_shared_person(NULL, e->guest, impu), GW_SV_NONE);
	} else if (err == GW_ENOENT) {
		CP_COUNT(waf_pool_exhausted);
		cp_waf_page(e->w, e->r, &e->a, CP_NOTE_FULL, GW_SV_NONE, 60000);
	} else {
		refuse(e->w, e->r, &e->a, "temporarily_unavailable");
	}
}

void cp_waf_accept(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, const struct cp_user *user)
{
	struct entering *e;

	if (!w->is_shared) {
		accept_here(w, r, a, user);
		return;
	}
	if (!(e = entering_new(w, r, a)))
		return;
	if (user) {
		give_shared_code(e, cp_shared_person(user, NULL, GW_SV_NONE), GW_SV_NONE);
		return;
	}
	memcpy(e->guest, "guest-", 6);
	cp_random_token(e->guest + 6, CP_ID_CHARS);
	cp_shared_claim(w, &r->arena, e->guest, on_place, e);
}

/* ---- GET and POST --------------------------------------------------------------------------------------- */

static void on_session(void *user, enum gw_err err, struct gw_sv text)
{
	struct entering *e = user;
	json_t *person = err == GW_OK ? json_loadb(text.p, text.len, 0, NULL) : NULL;

	if (person) {
		give_shared_code(e, person, cp_cookie_get(e->r->cookie, GW_SV(SESSION_COOKIE)));
		return;
	}
	if (err == GW_EIO)
		refuse(e->w, e->r, &e->a, "temporarily_unavailable");
	else
		ask_who(e->w, e->r, &e->a, e->is_silent, e->hint);
}

static void get(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, const struct cp_form *f)
{
	struct gw_sv cookie = cp_cookie_get(r->cookie, GW_SV(SESSION_COOKIE)), hint = cp_form_get(f, "login_hint");
	bool is_silent = gw_sv_eq(cp_form_get(f, "prompt"), GW_SV("none"));
	struct cp_person *p = NULL;
	struct entering *e;

	if (!a->asks_login && w->is_shared && cookie.len == CP_SECRET_CHARS) {
		if (!(e = entering_new(w, r, a)))
			return;
		e->is_silent = is_silent;
		e->hint = hint;
		cp_shared_session(w, cookie, on_session, e);
		return;
	}
	if (!a->asks_login && !w->is_shared)
		p = cp_grants_session(w->grants, cookie, cp_loop_wall_s());
	if (p)
		give_code(w, r, a, p, cookie);
	else
		ask_who(w, r, a, is_silent, hint);
}

static void guest(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a)
{
	char net[CP_NET_BYTES];
	struct gw_sv source = cp_rate_net(&r->peer, CP_NET_SOURCE, net);
	uint64_t now = cp_loop_now(w->loop), wait = cp_backoff_wait(&w->guests, source, now);

	if (wait) {
		CP_COUNT(waf_login_limited);
		cp_waf_page(w, r, a, CP_NOTE_SLOW, GW_SV_NONE, wait);
		return;
	}
	cp_backoff_hit(&w->guests, source, now);
	CP_COUNT(waf_guests_total);
	cp_waf_accept(w, r, a, NULL);
}

static bool is_own_origin(const struct cp_web_req *r)
{
	char own[512];
	struct gw_buf b = gw_buf(own, sizeof(own));

	gw_buf_puts(&b, "https://");
	gw_buf_put(&b, r->host);
	return !b.overflow && (!r->origin.len || gw_sv_ieq(r->origin, gw_buf_sv(&b))) &&
		(!r->fetch_site.len || gw_sv_eq(r->fetch_site, GW_SV("same-origin")));
}

static void post(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a)
{
	struct cp_form f;

	if (!gw_sv_istarts(r->content_type, GW_SV("application/x-www-form-urlencoded")) ||
		cp_form_parse(&f, &r->arena, r->body)) {
		cp_waf_page_error(r, 400, "The form is malformed.");
		return;
	}
	if (!is_own_origin(r) || !cp_waf_csrf_ok(w, r, cp_form_get(&f, "csrf"))) {
		CP_COUNT(waf_csrf_refused);
		cp_waf_page(w, r, a, CP_NOTE_STALE, GW_SV_NONE, 0);
		return;
	}
	if (w->pool && gw_sv_eq(cp_form_get(&f, "action"), GW_SV("guest")))
		guest(w, r, a);
	else
		cp_waf_login(w, r, &f, a);
}

void cp_waf_authorize(struct cp_waf *w, struct cp_web_req *r)
{
	struct cp_authz a;
	struct cp_form f;

	if (!parse(w, r, &a, &f))
		return;
	if (gw_sv_eq(r->method, GW_SV("POST")))
		post(w, r, &a);
	else
		get(w, r, &a, &f);
}
