/* SPDX-License-Identifier: Apache-2.0 */
/* Reads web: the page, where it signs in, and the embedded WAF. */
#include "control/app/conf_web.h"

#include <stdio.h>

#include "control/app/conf_check.h"
#include "control/app/conf_tokens.h"

/* A form of values, and how it is said to the operator. */
static const struct conf_form prefix_form = { cp_conf_is_prefix, "address/prefix" },
	token_form = { cp_conf_is_token, "a word of letters, digits and -.!%*_+`'~" },
	quotable_form = { cp_conf_is_quotable, "printable ASCII without quotes and backslashes" },
	issuer_form = { cp_conf_is_issuer, "https://host[:port], lower case, no path and no slash at the end" },
	server_form = { cp_conf_is_server, "https://host[:port][/path] without a slash at the end" },
	redirect_form = { cp_conf_is_redirect, "an https URI, a private scheme with a dot, or http to 127.0.0.1; no fragment" },
	impu_form = { cp_conf_is_impu_pattern, "a sip: or tel: URI with at most one range like {1..100}" };

static void read_clients(struct conf *c, struct conf_node *m, struct cp_conf_waf *w)
{
	struct conf_node *l = conf_list(c, m, "clients", false);
	unsigned n = l && l->n_children ? l->n_children : 1;

	w->clients = gw_arena_array(c->arena, struct cp_conf_client, n);
	for (struct conf_node *e = l ? l->child : NULL; w->clients && e; e = e->next) {
		struct cp_conf_client *k = &w->clients[w->n_clients];

		e->is_used = true;
		if (e->kind != CONF_MAP) {
			conf_error(c, e, "each client has an id");
			continue;
		}
		k->id = conf_text(c, e, "id", NULL, &token_form);
		k->secret = conf_text(c, e, "secret", "", &quotable_form);
		k->redirect_uris = conf_texts(c, e, "redirect_uris", &k->n_redirect_uris, &redirect_form);
		k->may_introspect = conf_bool(c, e, "introspect", false);
		if (k->may_introspect && !k->secret[0])
			conf_error(c, e, "a client that may introspect needs a secret");
		for (unsigned i = 0; i < w->n_clients; i++)
			if (strcmp(w->clients[i].id, k->id) == 0)
				conf_error(c, e, "client \"%s\" is given twice", k->id);
		w->n_clients++;
	}
}

/* With no client configured there is one: the page this node serves. */
static void own_page(struct conf *c, struct cp_conf *d)
{
	struct cp_conf_waf *w = &d->web.waf;
	char uri[512];
	int n = snprintf(uri, sizeof(uri), "%s/", w->issuer);

	if (w->n_clients || !w->clients)
		return;
	w->clients[0] = (struct cp_conf_client){ .id = d->web.client_id, .secret = conf_str(c, NULL, "", "", false),
		.redirect_uris = gw_arena_array(c->arena, char *, 1), .n_redirect_uris = 1 };
	w->n_clients = 1;
	if (w->clients[0].redirect_uris)
		w->clients[0].redirect_uris[0] = gw_arena_cstr(c->arena, gw_sv(uri, (size_t)n < sizeof(uri) ? (size_t)n : 0));
}

static void read_waf(struct conf *c, struct conf_node *web, struct cp_conf *d)
{
	struct conf_node *m = conf_map(c, web, "waf", false), *n = conf_scalar(c, m, "enabled", false);
	struct cp_conf_waf *w = &d->web.waf;
	char issuer[512];

	/* passwords never go in the clear, and one authorization server is enough */
	w->is_enabled = conf_bool(c, m, "enabled", !d->w2.insecure_ws && !d->web.authorization_server[0]);
	if (w->is_enabled && d->w2.insecure_ws)
		conf_error(c, n, "not together with w2.insecure_ws: passwords would go unencrypted");
	if (d->w2.n_listen && d->w2.listen[0].port != 443)
		snprintf(issuer, sizeof(issuer), "https://%s:%u", d->w2.host, d->w2.listen[0].port);
	else
		snprintf(issuer, sizeof(issuer), "https://%s", d->w2.host);
	w->issuer = conf_text(c, m, "issuer", issuer, &issuer_form);
	w->audience = conf_text(c, m, "audience", d->w2.host, &quotable_form);
	w->scope = conf_text(c, m, "scope", "ims", &token_form);
	w->waf_id = conf_text(c, m, "waf_id", d->w2.host, &quotable_form);
	w->wwsf_id = conf_text(c, m, "wwsf_id", d->w2.host, &quotable_form);
	w->users_db = conf_str(c, m, "users_db", "/var/lib/w2gw/users.db", false);
	w->state_db = conf_str(c, m, "state_db", "/var/lib/w2gw/waf.db", false);
	w->signing_keys = conf_str(c, m, "signing_keys", "/var/lib/w2gw/waf-keys.json", false);
	w->code_s = conf_uint(c, m, "code_s", 1, 600, 60);
	w->access_token_s = conf_uint(c, m, "access_token_s", 30, 86400, 600);
	w->refresh_token_s = conf_uint(c, m, "refresh_token_s", 60, 31536000, 3600);
	w->session_s = conf_uint(c, m, "session_s", 60, 31536000, 43200);
	w->max_sessions = conf_uint(c, m, "max_sessions", 1, 1000000, 100000);
	w->key_rotation_s = conf_uint(c, m, "key_rotation_s", 600, 315360000, 2592000);
	w->key_overlap_s = conf_uint(c, m, "key_overlap_s", 60, 31536000, 86400);
	if (w->key_overlap_s < w->access_token_s || w->key_rotation_s < w->key_overlap_s)
		conf_error(c, m, "access_token_s, key_overlap_s, key_rotation_s: none may be greater than the next");
	w->guest_impus = conf_texts(c, m, "guest_impus", &w->n_guest_impus, &impu_form);
	read_clients(c, m, w);
	if (w->is_enabled)
		own_page(c, d);
}

static void read_sign_in(struct conf *c, struct conf_node *m, struct cp_conf *d)
{
	struct conf_node *l = conf_list(c, m, "sign_in", false);

	if (!l) {
		d->web.sign_in_oauth = d->web.authorization_server[0];
		d->web.sign_in_digest = !d->web.sign_in_oauth;
		return;
	}
	for (struct conf_node *e = l->child; e; e = e->next) {
		bool is_oauth = e->kind == CONF_SCALAR && gw_sv_eq(e->value, GW_SV("oauth"));

		e->is_used = true;
		if (!is_oauth && !(e->kind == CONF_SCALAR && gw_sv_eq(e->value, GW_SV("digest"))))
			conf_error(c, e, "must be one of oauth, digest");
		if (is_oauth && !d->web.authorization_server[0])
			conf_error(c, e, "oauth needs web.waf or web.authorization_server");
		d->web.sign_in_oauth |= is_oauth;
		d->web.sign_in_digest |= !is_oauth;
	}
}

/* The WAF of this process needs no entry under tokens: what it says of itself is what is asked of its tokens. */
static void trust_own_waf(struct conf *c, struct cp_conf *d)
{
	const struct cp_conf_waf *w = &d->web.waf;
	struct cp_conf_issuer *own;

	if (!d->tokens.authz_server[0])
		d->tokens.authz_server = d->web.authorization_server;
	if (!w->is_enabled || !(own = cp_conf_own_issuer(c, d, w->issuer)))
		return;
	own->audience = gw_arena_array(c->arena, char *, 1);
	own->n_audience = own->audience ? 1 : 0;
	if (own->audience)
		own->audience[0] = w->audience;
	own->scope = w->scope;
	own->pools = gw_arena_array(c->arena, struct cp_conf_pool, 1);
	own->n_pools = own->pools && w->n_guest_impus ? 1 : 0;
	if (own->n_pools)
		own->pools[0] = (struct cp_conf_pool){ .wwsf_id = w->wwsf_id, .impus = w->guest_impus,
			.n_impus = w->n_guest_impus, .has_users = true };
}

/* Pages about other people's calls are for who is on this host, or has a tunnel to it. */
static void read_admin(struct conf *c, struct conf_node *m, struct cp_conf *d)
{
	struct conf_node *n = conf_scalar(c, m, "admin_listen", false);
	const struct gw_addr *a = &d->web.admin_listen;
	struct gw_addr v4, v6;
	uint8_t bits4, bits6;

	if (!n || !n->value.len || !conf_node_addr(c, n, 0, &d->web.admin_listen))
		return;
	if (gw_addr_parse_prefix(GW_SV("127.0.0.0/8"), &v4, &bits4) || gw_addr_parse_prefix(GW_SV("::1/128"), &v6, &bits6) ||
		a->port == 0 || !(gw_addr_in(a, &v4, bits4) || gw_addr_in(a, &v6, bits6)))
		conf_error(c, n, "an address of loopback with a port, e.g. 127.0.0.1:9091");
}

void cp_conf_read_web(struct conf *c, struct cp_conf *d)
{
	struct conf_node *m = conf_map(c, c->root, "web", false);

	d->web.wic_dir = conf_str(c, m, "wic_dir", "", false);
	d->web.metrics_allow = conf_text(c, m, "metrics_allow", "127.0.0.0/8", &prefix_form);
	d->web.connections = conf_uint(c, m, "connections", 1, 100000, 256);
	d->web.authorization_server = conf_text(c, m, "authorization_server", "", &server_form);
	d->web.client_id = conf_text(c, m, "client_id", "wic", &token_form);
	read_admin(c, m, d);
	read_waf(c, m, d);
	d->web.scope = conf_text(c, m, "scope", d->web.waf.scope, &token_form);
	if (!d->web.authorization_server[0] && d->web.waf.is_enabled)
		d->web.authorization_server = d->web.waf.issuer;
	read_sign_in(c, m, d);
	trust_own_waf(c, d);
}
