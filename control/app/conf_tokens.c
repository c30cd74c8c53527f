/* SPDX-License-Identifier: Apache-2.0 */
/* Reads tokens: issuers, their pools, and who may register how (W2-REG-01, -02, -12, W2-TOK-04 to -20). */
#include "control/app/conf_tokens.h"

#include "control/app/conf_check.h"
#include "control/token/impus.h"

#define ALL_SCENARIOS ((1u << CP_SCENARIO_COUNT) - 1)
#define OWN 1u	/* issuer that needs no entry: the WAF of this process */

static const char *const scenario_names[CP_SCENARIO_COUNT + 1] = { "digest", "aka", "web", "pool", NULL };

static bool is_url(struct gw_sv v)
{
	return gw_sv_starts(v, GW_SV("https://")) && v.len > 8 && cp_conf_is_quotable(v) &&
		gw_sv_chr(v, ' ', 0) == v.len;
}

static const struct conf_form quotable_form = { cp_conf_is_quotable, "printable ASCII without quotes and backslashes" },
	header_form = { cp_conf_is_token, "the name of a header field" },
	url_form = { is_url, "a URL that begins with https://" };

/* Unlike conf_texts: an empty one is an error, for it would name nobody. */
static char **texts(struct conf *c, struct conf_node *m, const char *key, unsigned *n)
{
	struct conf_node *l = conf_list(c, m, key, false);

	for (struct conf_node *e = l ? l->child : NULL; e; e = e->next)
		if (e->kind == CONF_SCALAR && !cp_conf_is_quotable(e->value))
			conf_error(c, e, "each must be printable ASCII without quotes and backslashes");
	return conf_strs(c, m, key, false, n);
}

static unsigned scenarios(struct conf *c, struct conf_node *m, unsigned dflt)
{
	struct conf_node *l = conf_list(c, m, "scenarios", false);
	unsigned bits = 0;

	for (struct conf_node *e = l ? l->child : NULL; e; e = e->next) {
		unsigned i = 0;

		e->is_used = true;
		while (scenario_names[i] && !gw_sv_eq(e->value, gw_sv_cstr(scenario_names[i])))
			i++;
		if (!scenario_names[i])
			conf_error(c, e, "each must be of digest, aka, web, pool");
		else
			bits |= 1u << i;
	}
	if (l && bits == 0)
		conf_error(c, l, "needs at least one of digest, aka, web, pool");
	return l ? bits : dflt;
}

static void read_pools(struct conf *c, struct conf_node *m, struct cp_conf_issuer *i)
{
	struct conf_node *l = conf_list(c, m, "pools", false);

	if (!l)
		return;
	i->pools = gw_arena_array(c->arena, struct cp_conf_pool, l->n_children ? l->n_children : 1);
	for (struct conf_node *e = l->child; i->pools && e; e = e->next) {
		struct cp_conf_pool *p = &i->pools[i->n_pools];
		struct conf_node *impus;

		e->is_used = true;
		if (e->kind != CONF_MAP) {
			conf_error(c, e, "each pool has a wwsf_id and impus");
			continue;
		}
		p->wwsf_id = conf_text(c, e, "wwsf_id", NULL, &quotable_form);
		p->impus = conf_strs(c, e, "impus", true, &p->n_impus);
		impus = conf_list(c, e, "impus", false);
		for (struct conf_node *u = impus ? impus->child : NULL; u; u = u->next)
			if (!cp_impus_pattern_ok(u->value))
				conf_error(c, u, "must be a sip or tel URI, with one * or {FIRST..LAST} in its user part");
		i->n_pools++;
	}
}

static void read_keys(struct conf *c, struct conf_node *e, struct cp_conf_issuer *i)
{
	struct conf_node *n;

	i->keys = conf_text(c, e, "keys", "", &quotable_form);
	i->introspection = conf_text(c, e, "introspection", "", &url_form);
	i->client_file = conf_text(c, e, "client_file", "", &quotable_form);
	i->ca_file = conf_text(c, e, "ca_file", "", &quotable_form);
	i->cache_s = conf_uint(c, e, "cache_s", 1, 3600, 60);
	n = conf_scalar(c, e, "keys", false);
	if (n && n->value.len && strcmp(i->keys, "own") != 0 && i->keys[0] != '/' && !is_url(n->value))
		conf_error(c, n, "must be own, an absolute path, or a URL that begins with https://");
	if (!i->keys[0] == !i->introspection[0])
		conf_error(c, e, "needs one of keys and introspection");
	if (i->introspection[0] && !i->client_file[0])
		conf_error(c, e, "introspection needs client_file: no endpoint answers strangers (RFC 7662 2.1)");
}

static void read_claims(struct conf *c, struct conf_node *e, struct cp_conf_issuer *i)
{
	struct conf_node *m = conf_map(c, e, "claims", false);

	i->claim_impi = conf_text(c, m, "impi", "impi", &quotable_form);
	i->claim_impu = conf_text(c, m, "impu", "impu", &quotable_form);
	i->claim_waf_id = conf_text(c, m, "waf_id", "waf_id", &quotable_form);
	i->claim_wwsf_id = conf_text(c, m, "wwsf_id", "wwsf_id", &quotable_form);
	i->claim_scope = conf_text(c, m, "scope", "scope", &quotable_form);
}

static void read_issuer(struct conf *c, struct conf_node *e, struct cp_conf *d, struct cp_conf_issuer *i)
{
	bool has_list = e && conf_list(c, e, "audience", false);

	i->scope = conf_text(c, e, "scope", d->tokens.scope, &quotable_form);
	read_claims(c, e, i);
	if (has_list)
		i->audience = texts(c, e, "audience", &i->n_audience);
	if (has_list && i->n_audience == 0)
		conf_error(c, e, "audience is empty: no token would be taken");
	if (has_list)
		return;
	i->audience = gw_arena_array(c->arena, char *, 1);
	if (i->audience)
		i->audience[i->n_audience++] = d->w2.host_name;
}

struct cp_conf_issuer *cp_conf_own_issuer(struct conf *c, struct cp_conf *d, char *name)
{
	struct cp_conf_issuer *own = d->tokens.issuers ? &d->tokens.issuers[d->tokens.n_issuers] : NULL;

	for (unsigned i = 0; i < d->tokens.n_issuers; i++)
		if (strcmp(d->tokens.issuers[i].name, name) == 0)
			return NULL;
	if (!own)
		return NULL;
	read_issuer(c, NULL, d, own);
	own->name = name;
	own->keys = gw_arena_cstr(c->arena, GW_SV("own"));
	own->introspection = own->client_file = own->ca_file = gw_arena_cstr(c->arena, GW_SV(""));
	d->tokens.n_issuers++;
	return own;
}

static void read_issuers(struct conf *c, struct conf_node *m, struct cp_conf *d)
{
	struct conf_node *l = conf_list(c, m, "issuers", false);
	unsigned n_introspection = 0;

	d->tokens.issuers = gw_arena_array(c->arena, struct cp_conf_issuer, (l ? l->n_children : 0) + OWN);
	for (struct conf_node *e = l ? l->child : NULL; d->tokens.issuers && e; e = e->next) {
		struct cp_conf_issuer *i = &d->tokens.issuers[d->tokens.n_issuers];

		e->is_used = true;
		if (e->kind != CONF_MAP) {
			conf_error(c, e, "each issuer has a name and keys or introspection");
			continue;
		}
		i->name = conf_text(c, e, "name", NULL, &quotable_form);
		read_keys(c, e, i);
		read_issuer(c, e, d, i);
		read_pools(c, e, i);
		n_introspection += i->introspection[0] != '\0';
		if (i->introspection[0] && n_introspection == 2)
			conf_error(c, e, "only one issuer may have introspection: opaque tokens do not name theirs");
		for (unsigned k = 0; k < d->tokens.n_issuers; k++)
			if (i->name && strcmp(d->tokens.issuers[k].name, i->name) == 0)
				conf_error(c, e, "issuer \"%s\" is given twice", i->name);
		d->tokens.n_issuers++;
	}
}

static void read_access(struct conf *c, struct conf_node *m, struct cp_conf *d)
{
	struct conf_node *l = conf_list(c, m, "access", false);

	d->tokens.scenarios = scenarios(c, m, ALL_SCENARIOS);
	if (!l)
		return;
	d->tokens.access = gw_arena_array(c->arena, struct cp_conf_access, l->n_children ? l->n_children : 1);
	for (struct conf_node *e = l->child; d->tokens.access && e; e = e->next) {
		struct cp_conf_access *a = &d->tokens.access[d->tokens.n_access];
		struct conf_node *n;

		e->is_used = true;
		if (e->kind != CONF_MAP) {
			conf_error(c, e, "each has an origin and scenarios");
			continue;
		}
		n = conf_scalar(c, e, "origin", true);
		if (n && !cp_conf_is_origin(n->value))
			conf_error(c, n, "must be scheme://host[:port] as browsers send it");
		a->origin = conf_str(c, e, "origin", NULL, true);
		a->scenarios = scenarios(c, e, ALL_SCENARIOS);
		d->tokens.n_access++;
	}
}

static void read_visited(struct conf *c, struct cp_conf *d)
{
	struct conf_node *m = conf_map(c, conf_map(c, c->root, "mw", false), "visited_networks", false);

	for (unsigned i = 0; i < CP_SCENARIO_COUNT; i++)
		d->tokens.visited[i] = conf_text(c, m, scenario_names[i], d->mw.visited_network_id, &quotable_form);
}

static void read_aka(struct conf *c, struct conf_node *m, struct cp_conf *d)
{
	static const char *const dflt[] = { "AKAv2-SHA-256" };

	d->tokens.aka_algorithms = texts(c, m, "aka_algorithms", &d->tokens.n_aka_algorithms);
	if (d->tokens.n_aka_algorithms)
		return;
	d->tokens.aka_algorithms = (char **)(uintptr_t)dflt;
	d->tokens.n_aka_algorithms = 1;
}

void cp_conf_read_tokens(struct conf *c, struct cp_conf *d)
{
	static const char *const refused[] = { "403", "500", NULL };
	struct conf_node *m = conf_map(c, c->root, "tokens", false);

	d->tokens.scope = conf_text(c, m, "scope", "ims", &quotable_form);
	d->tokens.authz_server = conf_text(c, m, "authz_server", "", &url_form);
	d->tokens.max_skew_s = conf_uint(c, m, "max_skew_s", 0, 60, 60);
	d->tokens.min_life_s = conf_uint(c, m, "min_life_s", 1, 3600, 60);
	d->tokens.cache_entries = conf_uint(c, m, "cache_entries", 16, 1000000, 20000);
	d->tokens.negative_s = conf_uint(c, m, "negative_s", 1, 600, 10);
	d->tokens.refresh_s = conf_uint(c, m, "refresh_s", 10, 86400, 3600);
	d->tokens.refetch_s = conf_uint(c, m, "refetch_s", 1, 3600, 30);
	d->tokens.timeout_s = conf_uint(c, m, "timeout_s", 1, 30, 3);
	d->tokens.is_strict = conf_bool(c, m, "strict", false);
	d->tokens.share_pool = conf_bool(c, m, "share_pool", false);
	d->tokens.omit_empty = conf_bool(c, m, "omit_empty", false);
	d->tokens.refused_status = conf_enum(c, m, "core_challenge", refused, 0) ? 500 : 403;
	d->tokens.waf_header = conf_text(c, m, "waf_header", "", &header_form);
	d->tokens.wwsf_header = conf_text(c, m, "wwsf_header", "", &header_form);
	read_aka(c, m, d);
	read_issuers(c, m, d);
	read_access(c, m, d);
	read_visited(c, d);
}
