/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sign-in page: plain HTML that works without a script. Every value is encoded on output (threat P11); the form
 * carries a token that only this browser's cookie fits (threat W8).
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "control/waf/waf_int.h"

#define PAGE_BYTES 24576
#define CSRF_COOKIE "__Host-w2gw-csrf"

static struct gw_buf page_buf(struct cp_web_req *r)
{
	char *p = gw_arena_alloc(&r->arena, PAGE_BYTES);

	return gw_buf(p, p ? PAGE_BYTES : 0);
}

static void head(struct gw_buf *b, const char *title)
{
	cp_web_page_begin(b, title, CP_WAF_STYLE);
	gw_buf_printf(b, "<main>\n<h1>%s</h1>\n", title);
}

static void finish(struct cp_web_req *r, struct gw_buf *b, unsigned status)
{
	gw_buf_puts(b, "</main>");
	cp_web_page_end(r, b, status);
}

/* ---- the token against cross-site requests: HMAC of a random cookie -------------------------------------- */

static void token_of(const struct cp_waf *w, struct gw_sv cookie, char out[65])
{
	unsigned char mac[32];
	struct gw_buf b = gw_buf(out, 64);
	unsigned n = sizeof(mac);

	HMAC(EVP_sha256(), w->csrf_key, sizeof(w->csrf_key), (const unsigned char *)cookie.p, cookie.len, mac, &n);
	gw_buf_hex(&b, mac, sizeof(mac));
	out[64] = '\0';
}

bool cp_waf_csrf_ok(const struct cp_waf *w, const struct cp_web_req *r, struct gw_sv token)
{
	struct gw_sv cookie = cp_cookie_get(r->cookie, GW_SV(CSRF_COOKIE));
	char want[65];

	if (cookie.len != CP_SECRET_CHARS)
		return false;
	token_of(w, cookie, want);
	return gw_sv_eq_const_time(token, gw_sv(want, 64));
}

static void csrf_field(const struct cp_waf *w, struct cp_web_req *r, struct gw_buf *b)
{
	struct gw_sv cookie = cp_cookie_get(r->cookie, GW_SV(CSRF_COOKIE));
	char fresh[CP_SECRET_CHARS + 1], text[160], token[65];
	struct gw_buf c = gw_buf(text, sizeof(text));

	if (cookie.len != CP_SECRET_CHARS) {	/* an old one stays, so that two tabs both work */
		cp_random_token(fresh, CP_SECRET_CHARS);
		cookie = gw_sv_cstr(fresh);
		gw_buf_printf(&c, CSRF_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict", fresh);
		cp_web_header(r, "Set-Cookie", gw_buf_sv(&c));
	}
	token_of(w, cookie, token);
	gw_buf_printf(b, "<input type=\"hidden\" name=\"csrf\" value=\"%s\">\n", token);
}

/* ---- policy ----------------------------------------------------------------------------------------------- */

static const char *error_csp(void)
{
	return "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
}

/* Browsers apply form-action to the redirect after the form too: the client's origin must be in it. */
static const char *login_csp(struct cp_web_req *r, const struct cp_authz *a)
{
	struct gw_sv uri = gw_sv_cstr(a->redirect_uri);
	bool is_web = gw_sv_starts(uri, GW_SV("https://")) || gw_sv_starts(uri, GW_SV("http://"));
	size_t end = is_web ? gw_sv_chr(uri, '/', gw_sv_find(uri, GW_SV("://")) + 3) : gw_sv_chr(uri, ':', 0) + 1;
	size_t query = gw_sv_chr(uri, '?', 0);
	char text[768];
	struct gw_buf b = gw_buf(text, sizeof(text));
	char *csp;

	gw_buf_printf(&b, "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self' %.*s",
		GW_SV_FMT(gw_sv_sub(uri, 0, end < query ? end : query)));
	csp = b.overflow ? NULL : gw_arena_cstr(&r->arena, gw_buf_sv(&b));
	return csp ? csp : error_csp();
}

/* ---- pages ------------------------------------------------------------------------------------------------ */

static const struct {
	unsigned status;
	const char *text;
} notes[] = {
	[CP_NOTE_NONE] = { 200, NULL },
	[CP_NOTE_WRONG] = { 403, "The user name or the password is wrong." },
	[CP_NOTE_SLOW] = { 429, "Too many attempts. Please wait a moment." },
	[CP_NOTE_BUSY] = { 503, "The server is busy. Please try again." },
	[CP_NOTE_FULL] = { 503, "All guest places are taken. Please try again later." },
	[CP_NOTE_STALE] = { 403, "The page was open for too long, or cookies are blocked. Please try again." },
};

void cp_waf_page(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, enum cp_page_note note,
	struct gw_sv login, uint64_t wait_ms)
{
	struct gw_buf b = page_buf(r);

	head(&b, "Sign in");
	if (notes[note].text)
		gw_buf_printf(&b, "<p class=\"note\" role=\"alert\">%s</p>\n", notes[note].text);
	gw_buf_puts(&b, "<form method=\"post\" action=\"" CP_WAF_AUTHORIZE "?");
	cp_web_put_html(&b, r->query);
	gw_buf_puts(&b, "\">\n");
	csrf_field(w, r, &b);
	gw_buf_puts(&b, "<label>User name <input name=\"login\" autocomplete=\"username\" autocapitalize=\"none\" "
			"spellcheck=\"false\" maxlength=\"64\" autofocus value=\"");
	if (cp_users_is_login(login))
		cp_web_put_html(&b, login);
	gw_buf_puts(&b, "\"></label>\n<label>Password <input name=\"password\" type=\"password\" "
			"autocomplete=\"current-password\" maxlength=\"256\"></label>\n"
			"<button name=\"action\" value=\"login\">Sign in</button>\n");
	if (w->pool)
		gw_buf_puts(&b, "<button class=\"plain\" name=\"action\" value=\"guest\">Continue as guest</button>\n");
	gw_buf_puts(&b, "</form>\n");
	if (wait_ms)
		cp_waf_retry_after(r, wait_ms);
	r->csp = login_csp(r, a);
	r->referrer = "same-origin";	/* with no-referrer browsers send "Origin: null" with the form */
	finish(r, &b, notes[note].status);
}

void cp_waf_page_error(struct cp_web_req *r, unsigned status, const char *what)
{
	struct gw_buf b = page_buf(r);

	head(&b, "Sign-in is not possible");
	gw_buf_printf(&b, "<p class=\"note\" role=\"alert\">%s</p>\n", what);
	r->csp = error_csp();
	finish(r, &b, status);
}

void cp_waf_style(struct cp_web_req *r)
{
	static const char css[] =
		":root{color-scheme:light dark;--card:#fff;--back:#f1f5f4;--line:#c5d0ce;--text:#12211f;--main:#0f766e}\n"
		"@media(prefers-color-scheme:dark){:root{--card:#17211f;--back:#0c1312;--line:#33433f;--text:#e4eeec;--main:#2dd4bf}}\n"
		"*{box-sizing:border-box}\n"
		"body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--back);color:var(--text);"
		"font:16px/1.5 system-ui,sans-serif}\n"
		"main{width:min(24rem,calc(100vw - 2rem));padding:2rem;border-radius:1rem;background:var(--card);border:1px solid var(--line)}\n"
		"h1{margin:0 0 1rem;font-size:1.4rem}\n"
		"label{display:block;margin:0 0 1rem;font-size:.9rem}\n"
		"input{display:block;width:100%;margin-top:.25rem;padding:.7rem;font:inherit;color:inherit;background:transparent;"
		"border:1px solid var(--line);border-radius:.5rem}\n"
		"button{display:block;width:100%;margin-top:.75rem;padding:.75rem;font:inherit;font-weight:600;border-radius:.5rem;"
		"border:1px solid var(--main);background:var(--main);color:var(--card);cursor:pointer}\n"
		"button.plain{background:transparent;color:var(--main)}\n"
		"input:focus-visible,button:focus-visible{outline:3px solid var(--main);outline-offset:2px}\n"
		".note{margin:0 0 1rem;padding:.6rem .8rem;border-left:4px solid #dc2626;background:color-mix(in srgb,#dc2626 12%,transparent)}\n";

	r->cache = "max-age=300";
	cp_web_answer(r, 200, "text/css; charset=utf-8", gw_sv(css, sizeof(css) - 1));
}
