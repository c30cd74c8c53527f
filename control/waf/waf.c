/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded WAF: start, once a second, which path goes where, and the metadata of RFC 8414. */
#include "control/waf/shared.h"

#include <stdlib.h>

#include <jansson.h>
#include <openssl/crypto.h>

#define TICK_MS 1000
#define SOON_MS 10
#define HOUSEKEEP_S 60
#define MINUTE_MS 60000ull
#define USERS_AT_ONCE 200u	/* changes looked at in one turn of the loop */

/* ---- small things shared ----------------------------------------------------------------------------------- */

void cp_waf_json(struct cp_web_req *r, unsigned status, const char *text)
{
	cp_web_answer(r, status, "application/json", gw_sv_cstr(text));
}

void cp_waf_retry_after(struct cp_web_req *r, uint64_t wait_ms)
{
	char text[24];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_u64(&b, (wait_ms + 999) / 1000);
	cp_web_header(r, "Retry-After", gw_buf_sv(&b));
}

/* scheme://host[:port] of a URI */
static struct gw_sv origin_of(struct gw_sv uri)
{
	size_t at = gw_sv_find(uri, GW_SV("://"));

	return at == uri.len ? GW_SV_NONE : gw_sv_sub(uri, 0, gw_sv_chr(uri, '/', at + 3));
}

void cp_waf_allow_origin(struct cp_waf *w, struct cp_web_req *r)
{
	if (!r->origin.len)
		return;
	for (unsigned i = 0; i < w->conf->n_clients; i++)
		for (unsigned k = 0; k < w->conf->clients[i].n_redirect_uris; k++)
			if (gw_sv_eq(r->origin, origin_of(gw_sv_cstr(w->conf->clients[i].redirect_uris[k])))) {
				cp_web_header(r, "Access-Control-Allow-Origin", r->origin);
				cp_web_header(r, "Vary", GW_SV("Origin"));
				return;
			}
}

/* ---- documents ---------------------------------------------------------------------------------------------- */

static void set_endpoint(json_t *j, const struct cp_waf *w, const char *name, const char *path)
{
	char url[600];

	snprintf(url, sizeof(url), "%s%s", w->conf->issuer, path);
	json_object_set_new(j, name, json_string(url));
}

/* RFC 8414 2 */
static void metadata(struct cp_waf *w, struct cp_web_req *r)
{
	json_t *j = json_pack("{s:s, s:[s], s:[s], s:[s], s:[s,s], s:[s,s,s], s:[s,s], s:[s], s:b}", "issuer", w->conf->issuer,
		"scopes_supported", w->conf->scope, "response_types_supported", "code", "response_modes_supported", "query",
		"grant_types_supported", "authorization_code", "refresh_token", "token_endpoint_auth_methods_supported", "none",
		"client_secret_basic", "client_secret_post", "introspection_endpoint_auth_methods_supported",
		"client_secret_basic", "client_secret_post", "code_challenge_methods_supported", "S256",
		"authorization_response_iss_parameter_supported", 1);
	char *text;

	set_endpoint(j, w, "authorization_endpoint", CP_WAF_AUTHORIZE);
	set_endpoint(j, w, "token_endpoint", CP_WAF_TOKEN);
	set_endpoint(j, w, "revocation_endpoint", CP_WAF_REVOKE);
	set_endpoint(j, w, "introspection_endpoint", CP_WAF_INTROSPECT);
	set_endpoint(j, w, "jwks_uri", CP_WAF_JWKS);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	cp_web_header(r, "Access-Control-Allow-Origin", GW_SV("*"));
	r->cache = "max-age=300";
	cp_waf_json(r, text ? 200 : 503, text ? text : "{}");
	free(text);
}

static void jwks(struct cp_waf *w, struct cp_web_req *r)
{
	cp_web_header(r, "Access-Control-Allow-Origin", GW_SV("*"));
	r->cache = "max-age=300";
	cp_waf_json(r, 200, cp_keys_jwks(w->keys));
}

static void style(struct cp_waf *w, struct cp_web_req *r)
{
	(void)w;
	cp_waf_style(r);
}

/* ---- routes --------------------------------------------------------------------------------------------------- */

static const struct route {
	struct gw_sv path;
	bool takes_get, takes_post;
	void (*serve)(struct cp_waf *w, struct cp_web_req *r);
} routes[] = {
	{ GW_SV_INIT(CP_WAF_AUTHORIZE), true, true, cp_waf_authorize },
	{ GW_SV_INIT(CP_WAF_TOKEN), false, true, cp_waf_token },
	{ GW_SV_INIT(CP_WAF_REVOKE), false, true, cp_waf_revoke },
	{ GW_SV_INIT(CP_WAF_INTROSPECT), false, true, cp_waf_introspect },
	{ GW_SV_INIT(CP_WAF_STYLE), true, false, style },
	{ GW_SV_INIT(CP_WAF_JWKS), true, false, jwks },
	{ GW_SV_INIT(CP_WAF_METADATA), true, false, metadata },
};

static const struct route *route_of(struct gw_sv path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (gw_sv_eq(path, routes[i].path))
			return &routes[i];
	return NULL;
}

bool cp_waf_serves(struct gw_sv path)
{
	return route_of(path) != NULL;
}

void cp_waf_request(struct cp_waf *w, struct cp_web_req *r)
{
	const struct route *to = route_of(r->path);
	bool is_post = gw_sv_eq(r->method, GW_SV("POST"));
	bool is_get = gw_sv_eq(r->method, GW_SV("GET")) || gw_sv_eq(r->method, GW_SV("HEAD"));

	if (to && ((is_post && to->takes_post) || (is_get && to->takes_get))) {
		to->serve(w, r);
		return;
	}
	if (to)
		cp_web_header(r, "Allow", to->takes_get ? (to->takes_post ? GW_SV("GET, HEAD, POST") : GW_SV("GET, HEAD")) :
			GW_SV("POST"));
	cp_web_answer(r, to ? 405 : 404, "text/plain", to ? GW_SV("not with this method\n") : GW_SV("not found\n"));
}

/* ---- once a second -------------------------------------------------------------------------------------------- */

void cp_waf_publish(struct cp_waf *w)
{
	if (w->ops.set_keys)
		w->ops.set_keys(w->ops.user, gw_sv_cstr(w->conf->issuer), gw_sv_cstr(cp_keys_jwks(w->keys)));
}

static void do_checkpoint(uv_work_t *work)
{
	cp_state_checkpoint(GW_CONTAINER(work, struct cp_waf, checkpoint)->conf->state_db);
}

static void on_checkpoint(uv_work_t *work, int status)
{
	(void)status;
	GW_CONTAINER(work, struct cp_waf, checkpoint)->is_checkpointing = false;
}

static void turn_keys(struct cp_waf *w, uint64_t now_s)
{
	enum gw_err err = cp_keys_turn(w->keys, now_s);

	if (err == GW_EAGAIN) {
		GW_LOG_NOTICE(w->log, "waf.keys_changed", "published=%u", cp_keys_count(w->keys));
		cp_waf_publish(w);
	} else if (err) {
		GW_LOG_ERROR(w->log, "waf.key_rotation_failed", "file=%s error=%s", w->conf->signing_keys, gw_err_name(err));
	}
}

static void housekeep(struct cp_waf *w, uint64_t now_s)
{
	w->housekeep_s = now_s + HOUSEKEEP_S;
	turn_keys(w, now_s);
	if (w->is_shared)
		cp_shared_keys(w);
	else
		w->is_checkpointing = w->is_checkpointing ||
			uv_queue_work(&w->loop->uv, &w->checkpoint, do_checkpoint, on_checkpoint) == 0;
}

static void on_user(void *arg, struct gw_sv login)
{
	struct cp_waf *w = arg;

	cp_grants_check_user(w->grants, w->users, login, cp_loop_wall_s());
}

/* @return there is more: come again soon */
static bool look_at_users(struct cp_waf *w)
{
	if (!w->is_shared)
		return cp_users_changes(w->users, &w->users_seen, USERS_AT_ONCE, on_user, w) == USERS_AT_ONCE;
	cp_shared_tell_users(w);
	return false;
}

static void on_tick(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_waf *w = GW_CONTAINER(timer, struct cp_waf, tick);
	uint64_t now_s = cp_loop_wall_s();
	bool has_more = cp_grants_sweep(w->grants, now_s);

	has_more = look_at_users(w) || has_more;
	if (cp_state_prune(w->state, now_s))
		GW_LOG_ERROR(w->log, "waf.state_failed", "file=%s", w->conf->state_db);
	if (now_s >= w->housekeep_s)
		housekeep(w, now_s);
	cp_gauge_value[waf_grants] = cp_grants_count(w->grants);
	cp_gauge_value[waf_guests] = w->pool ? cp_pool_size(w->pool) - cp_pool_left(w->pool) : 0;
	(void)gw_timer_arm(&w->loop->timers, &w->tick, now_ms + (has_more ? SOON_MS : TICK_MS));
}

/* ---- start and stop --------------------------------------------------------------------------------------------- */

void cp_waf_revoked(struct cp_waf *w, struct gw_sv jti, uint64_t until_s)
{
	CP_COUNT(waf_tokens_revoked);
	if (w->ops.revoke)
		w->ops.revoke(w->ops.user, gw_sv_cstr(w->conf->issuer), jti, until_s);
}

static void on_revoked(void *user, struct gw_sv jti, uint64_t until_s)
{
	cp_waf_revoked(user, jti, until_s);
}

static void set_limits(struct cp_waf *w)
{
	w->by_source.free_hits = 20;	/* an office behind one address */
	w->by_source.base_ms = 1000;
	w->by_source.max_ms = 15 * MINUTE_MS;
	w->by_account.free_hits = 5;
	w->by_account.base_ms = 1000;
	w->by_account.max_ms = MINUTE_MS;	/* short: anybody can make the owner wait */
	w->guests.free_hits = 5;
	w->guests.base_ms = 10000;
	w->guests.max_ms = 60 * MINUTE_MS;
	w->grants_failed.free_hits = 50;	/* after a loss of state all of an office come with what is none */
	w->grants_failed.base_ms = 1000;
	w->grants_failed.max_ms = 10000;	/* short: who comes with a good one waits as well */
	w->grants_failed.forget_ms = MINUTE_MS;
	w->by_source.forget_ms = w->by_account.forget_ms = 15 * MINUTE_MS;
	w->guests.forget_ms = 10 * MINUTE_MS;
}

static enum gw_err open_files(struct cp_waf *w, uint64_t now_s, char *why)
{
	const struct cp_conf_waf *c = w->conf;
	char random[33];
	enum gw_err err;

	cp_random_token(random, sizeof(random) - 1);
	snprintf(why, 256, "libcrypt makes no yescrypt hash");
	if ((err = cp_password_hash(gw_sv_cstr(random), w->dummy_hash)) ||
		(err = cp_users_open(&w->users, c->users_db, 0, why)) ||
		(!w->is_shared && (err = cp_state_open(&w->state, c->state_db, why))) ||
		(w->is_shared && (err = cp_store_secret(w->store, "waf-csrf", w->csrf_key, sizeof(w->csrf_key)))))
		return err;
	return cp_keys_load(&w->keys, c->signing_keys, c->key_rotation_s, c->key_overlap_s, now_s, why);
}

enum gw_err cp_waf_new(struct cp_waf **out, const struct cp_conf *all, struct cp_store *store, struct cp_loop *loop,
	const struct gw_log *log, const struct cp_waf_ops *ops)
{
	const struct cp_conf_waf *conf = &all->web.waf;
	struct cp_waf *w = calloc(1, sizeof(*w));
	uint64_t now_s = cp_loop_wall_s();
	char why[256] = "";
	enum gw_err err;

	if (!w)
		return GW_ENOMEM;
	w->conf = conf;
	w->loop = loop;
	w->log = log;
	w->ops = *ops;
	w->store = store;
	w->node = all->state.node;
	w->is_shared = cp_store_is_shared(store);
	w->tick.fn = on_tick;
	gw_list_init(&w->jobs);
	cp_random(w->csrf_key, sizeof(w->csrf_key));
	set_limits(w);
	if ((err = open_files(w, now_s, why))) {
		GW_LOG_ERROR(log, "waf.start_failed", "error=\"%s\"", why);
		goto out;
	}
	cp_waf_publish(w);	/* before on_revoked tells of tokens that need the issuer */
	if ((conf->n_guest_impus && (err = cp_pool_new(&w->pool, conf->guest_impus, conf->n_guest_impus))) ||
		(err = cp_grants_new(&w->grants, conf, w->pool, w->state, on_revoked, w, now_s)) ||
		(err = gw_timers_reserve(&loop->timers, loop->timers.count + 1)))
		goto out;
	if (w->is_shared)
		cp_shared_start(w);
	while (!w->is_shared && look_at_users(w))	/* before anybody asks */
		;
	(void)gw_timer_arm(&loop->timers, &w->tick, cp_loop_now(loop));
	GW_LOG_NOTICE(log, "waf.ready", "issuer=%s clients=%u guests=%u", conf->issuer, conf->n_clients,
		w->pool ? cp_pool_size(w->pool) : 0);
	*out = w;
	return GW_OK;
out:
	cp_waf_free(w);
	return err;
}

void cp_waf_stop(struct cp_waf *w)
{
	if (!w)
		return;
	w->is_stopping = true;
	gw_timer_stop(&w->loop->timers, &w->tick);
	cp_waf_login_stop(w);
	while (w->is_checkpointing)
		uv_run(&w->loop->uv, UV_RUN_ONCE);
	cp_store_hear(w->store, NULL, NULL);
	w->store = NULL;
}

void cp_waf_free(struct cp_waf *w)
{
	if (!w)
		return;
	gw_timer_stop(&w->loop->timers, &w->tick);
	cp_grants_free(w->grants);
	cp_pool_free(w->pool);
	cp_keys_free(w->keys);
	cp_state_close(w->state);
	cp_users_close(w->users);
	OPENSSL_cleanse(w, sizeof(*w));
	free(w);
}
