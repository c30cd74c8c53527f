/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's listener: who may see its pages, and what they ask for. */
#include "control/web/admin.h"

#include <stdlib.h>

#include "control/app/agw_ask.h"
#include "control/app/recent.h"
#include "control/waf/form.h"
#include "control/web/httpd_int.h"

#define KEY_CHARS 32u
#define PLACE_CHARS 16u
#define LINK_MS 60000u                     /* to open it */
#define SESSION_MS (12u * 3600u * 1000u)   /* a shift */
#define PAGE_BYTES 98304u
#define COOKIE "w2gw-admin"

struct cp_admin {
	const struct cp_sip *s;
	struct cp_httpd *httpd;
	char link[KEY_CHARS + 1], session[KEY_CHARS + 1];
	char place[PLACE_CHARS + 3];               /* "/.../": below it are the pages, and the cookie goes nowhere else */
	uint64_t link_until_ms, session_until_ms;  /* 0: there is none */
	struct gw_list questions;
};

/* A page that waits for the gateway; in the arena of its request. */
struct question {
	struct gw_list node;
	struct cp_admin *a;
	struct cp_web_req *r;
	struct cp_agw_ask *ask;
	json_t *call;
};

/* ---- answers ---------------------------------------------------------------------------------------------- */

static struct gw_buf page_begin(void)
{
	static char bytes[PAGE_BYTES];
	struct gw_buf b = gw_buf(bytes, sizeof(bytes));

	cp_web_page_begin(&b, "w2gw", "style.css");
	gw_buf_puts(&b, "<form action=\"why\"><a href=\"./\">calls</a> <label>why has <input name=\"call\" size=\"40\" required "
		"placeholder=\"number, Call-ID or IMPU\"></label> <button>no audio?</button></form>\n");
	return b;
}

static void say(struct cp_web_req *r, unsigned status, const char *what)
{
	struct gw_buf b = page_begin();

	gw_buf_printf(&b, "<p>%s</p>\n", what);
	cp_web_page_end(r, &b, status);
}

/* ---- who may see it ----------------------------------------------------------------------------------------- */

static bool is_key(struct gw_sv v, const char *key, uint64_t until_ms, uint64_t now)
{
	return now < until_ms && gw_sv_eq_const_time(v, gw_sv(key, KEY_CHARS));
}

/*
 * The link works once; the browser has a cookie from then on. Cookies know no ports: what else listens on this host would be sent
 * ours, but for a path that nobody can guess.
 */
static void sign_in(struct cp_admin *a, struct cp_web_req *r, uint64_t now)
{
	char text[160], place[PLACE_CHARS + 1];
	struct gw_buf b = gw_buf(text, sizeof(text));

	a->link_until_ms = 0;
	if (now >= a->session_until_ms) {
		cp_random_token(a->session, KEY_CHARS);
		a->place[0] = a->place[PLACE_CHARS + 1] = '/';
		cp_random_token(place, PLACE_CHARS);
		memcpy(a->place + 1, place, PLACE_CHARS);
	}
	a->session_until_ms = now + SESSION_MS;
	gw_buf_printf(&b, COOKIE "=%s; Path=%s; HttpOnly; SameSite=Strict", a->session, a->place);
	cp_web_header(r, "Set-Cookie", gw_buf_sv(&b));
	cp_web_header(r, "Location", gw_sv_cstr(a->place));
	cp_web_answer(r, 303, "text/plain", GW_SV_NONE);
}

/* "page": a link for who may use the control socket. */
static json_t *make_link(void *user, struct gw_sv args)
{
	struct cp_admin *a = user;
	char addr[GW_ADDR_STR_BYTES], url[GW_ADDR_STR_BYTES + KEY_CHARS + 32];

	(void)args;
	if (!a)
		return cp_ctl_error("web.admin_listen is not set: there are no pages");
	cp_random_token(a->link, KEY_CHARS);
	a->link_until_ms = cp_loop_now(a->s->loop) + LINK_MS;
	snprintf(url, sizeof(url), "http://%s/?key=%s", gw_addr_str(&a->s->conf->web.admin_listen, addr), a->link);
	return json_pack("{s:s, s:i}", "link", url, "seconds", (int)(LINK_MS / 1000));
}

/* ---- calls ------------------------------------------------------------------------------------------------- */

static void list_calls(struct cp_admin *a, struct cp_web_req *r, struct gw_sv from_text)
{
	struct gw_buf b = page_begin();
	uint32_t from;
	json_t *calls;
	char args[16];

	if (gw_sv_u32(from_text, &from))
		from = 0;
	snprintf(args, sizeof(args), "%u", from);
	calls = cp_alg_show(a->s->alg, gw_sv_cstr(args));
	cp_admin_put_calls(&b, calls, from);
	json_decref(calls);
	cp_web_page_end(r, &b, 200);
}

static void show_why(struct cp_web_req *r, json_t *call, json_t *streams, bool is_asked)
{
	json_t *recent = cp_recent_show(NULL, gw_sv_cstr(json_string_value(json_object_get(call, "call_id"))));
	struct gw_buf b = page_begin();

	cp_admin_put_why(&b, call, streams, is_asked, json_object_get(recent, "error") ? NULL : recent);
	json_decref(recent);
	cp_web_page_end(r, &b, 200);
}

static void on_answer(void *user, json_t *answer)
{
	struct question *q = user;
	json_t *call = q->call;

	gw_list_remove(&q->node);
	show_why(q->r, call, json_object_get(answer, "error") ? NULL : answer, answer != NULL);
	json_decref(call);
}

/* @return false: its gateway cannot be asked */
static bool ask_gateway(struct cp_admin *a, struct cp_web_req *r, json_t *call)
{
	const struct cp_conf *conf = a->s->conf;
	struct gw_sv name = gw_sv_cstr(json_string_value(json_object_get(call, "gateway")));
	struct question *q = gw_arena_new(&r->arena, struct question);
	char command[40];

	snprintf(command, sizeof(command), "/w2gw/context,%lld", (long long)json_integer_value(json_object_get(call, "context")));
	for (unsigned i = 0; q && i < conf->iq.n_gateways; i++) {
		if (!gw_sv_eq(gw_sv_cstr(conf->iq.gateways[i].name), name) || !conf->iq.gateways[i].telemetry[0])
			continue;
		*q = (struct question){ .a = a, .r = r, .call = call };
		q->ask = cp_agw_ask(a->s->loop, conf->iq.gateways[i].telemetry, command, on_answer, q);
		if (!q->ask)
			return false;
		json_incref(call);
		gw_list_append(&a->questions, &q->node);
		return true;
	}
	return false;
}

static void why(struct cp_admin *a, struct cp_web_req *r, struct gw_sv who)
{
	json_t *calls = cp_alg_show_call(a->s->alg, who), *recent;
	json_t *call = json_array_get(calls, 0);
	struct gw_buf b;

	if (json_array_size(calls) > 1) {
		b = page_begin();
		cp_admin_put_calls(&b, calls, 0);
		cp_web_page_end(r, &b, 200);
	} else if (!call) {
		recent = cp_recent_show(NULL, who);
		if (json_object_get(recent, "error")) {
			say(r, 404, "There is no such call.");
		} else {
			b = page_begin();
			cp_admin_put_ended(&b, recent);
			cp_web_page_end(r, &b, 200);
		}
		json_decref(recent);
	} else if (json_integer_value(json_object_get(call, "context")) == 0 || !ask_gateway(a, r, call)) {
		show_why(r, call, NULL, false);
	}
	json_decref(calls);
}

/* What is asked for below the place of the session; NULL: it is none of it. */
static const char *below(const struct cp_admin *a, const struct cp_web_req *r, const char *url, uint64_t now)
{
	size_t n = strlen(a->place);

	return is_key(cp_cookie_get(r->cookie, GW_SV(COOKIE)), a->session, a->session_until_ms, now) && strncmp(url, a->place, n) == 0 ?
		url + n : NULL;
}

static void serve(struct cp_httpd *h, struct cp_web_req *r, const char *url)
{
	struct cp_admin *a = h->user;
	uint64_t now = cp_loop_now(a->s->loop);
	struct cp_form query;
	bool is_ok = cp_form_parse(&query, &r->arena, r->query) == GW_OK;
	const char *what = below(a, r, url, now);

	r->csp = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
	if (!gw_sv_eq(r->method, GW_SV("GET")) && !gw_sv_eq(r->method, GW_SV("HEAD"))) {
		cp_web_header(r, "Allow", GW_SV("GET, HEAD"));
		cp_web_answer(r, 405, "text/plain", GW_SV("only GET and HEAD\n"));
	} else if (!is_ok) {
		cp_web_answer(r, 400, "text/plain", GW_SV("malformed\n"));
	} else if (is_key(cp_form_get(&query, "key"), a->link, a->link_until_ms, now)) {
		sign_in(a, r, now);
	} else if (!what) {
		cp_web_answer(r, 403, "text/plain", GW_SV("\"w2gwctl cscf page\" gives a link that opens these pages\n"));
	} else if (strcmp(what, "") == 0) {
		list_calls(a, r, cp_form_get(&query, "from"));
	} else if (strcmp(what, "why") == 0) {
		why(a, r, gw_sv_trim(cp_form_get(&query, "call")));
	} else if (strcmp(what, "style.css") == 0) {
		cp_web_answer(r, 200, "text/css; charset=utf-8", gw_sv_cstr(cp_admin_style));
	} else {
		say(r, 404, "There is no such page.");
	}
}

/* ---- start and stop ------------------------------------------------------------------------------------------ */

enum gw_err cp_admin_new(struct cp_admin **out, const struct cp_sip *s, struct cp_ctl *ctl)
{
	struct cp_admin *a = NULL;
	struct cp_httpd *h;
	enum gw_err err;

	if (!s->conf->web.admin_listen.port)
		return cp_ctl_command(ctl, "page", make_link, NULL);
	a = calloc(1, sizeof(*a));
	h = calloc(1, sizeof(*h));
	if (!a || !h) {
		free(a);
		free(h);
		return GW_ENOMEM;
	}
	*a = (struct cp_admin){ .s = s, .httpd = h };
	gw_list_init(&a->questions);
	*h = (struct cp_httpd){ .loop = s->loop, .conf = s->conf, .serve = serve, .user = a };
	if ((err = cp_httpd_start(h, s->log, &s->conf->web.admin_listen))) {
		free(a);
		return err;
	}
	*out = a;
	return cp_ctl_command(ctl, "page", make_link, a);
}

void cp_admin_free(struct cp_admin *a)
{
	if (!a)
		return;
	GW_LIST_FOREACH_SAFE(it, next, &a->questions) {
		struct question *q = GW_CONTAINER(it, struct question, node);

		gw_list_remove(&q->node);
		cp_agw_ask_drop(q->ask);
		json_decref(q->call);
		cp_web_answer(q->r, 503, "text/plain", GW_SV("epcscf stops\n"));
	}
	cp_httpd_free(a->httpd);
	free(a);
}
