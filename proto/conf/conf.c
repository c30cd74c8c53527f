/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text -> tree with lines; typed readers. */
#include "proto/conf/conf.h"

#include <stdio.h>
#include <yaml.h>

#define SOCKET_PATH_BYTES 108u	/* sun_path of Linux */
#define DEPTH_MAX 16
#define LINE_BYTES 512

static void report(struct conf *c, unsigned line, struct gw_sv key, const char *what)
{
	c->n_errors++;
	gw_buf_printf(c->errors, "%s:%u: %.*s%s%s\n", c->file, line, GW_SV_FMT(key),
		key.len ? ": " : "", what);
}

void conf_error(struct conf *c, const struct conf_node *n, const char *fmt, ...)
{
	char what[LINE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	report(c, n->line, n->key.len || !n->parent ? n->key : n->parent->key, what);
}

/* ---- the tree ------------------------------------------------------------------------------------ */

static struct conf_node *build(struct conf *c, yaml_document_t *doc, yaml_node_t *y,
	const struct conf_node *parent, struct gw_sv key, unsigned line, unsigned depth);

static void append(struct conf_node *parent, struct conf_node *child)
{
	struct conf_node **tail = &parent->child;

	while (*tail)
		tail = &(*tail)->next;
	*tail = child;
	parent->n_children++;
}

static void build_map(struct conf *c, yaml_document_t *doc, yaml_node_t *y, struct conf_node *n,
	unsigned depth)
{
	for (yaml_node_pair_t *p = y->data.mapping.pairs.start; p < y->data.mapping.pairs.top; p++) {
		yaml_node_t *k = yaml_document_get_node(doc, p->key);
		yaml_node_t *v = yaml_document_get_node(doc, p->value);
		unsigned line = (unsigned)k->start_mark.line + 1;
		struct conf_node *child;
		struct gw_sv key;

		if (k->type != YAML_SCALAR_NODE) {
			report(c, line, GW_SV_NONE, "a key must be a plain word");
			continue;
		}
		key = gw_arena_sv(c->arena, gw_sv(k->data.scalar.value, k->data.scalar.length));
		for (child = n->child; child; child = child->next)
			if (gw_sv_eq(child->key, key))
				report(c, line, key, "key is given twice");
		child = build(c, doc, v, n, key, line, depth + 1);
		if (child)
			append(n, child);
	}
}

static struct conf_node *build(struct conf *c, yaml_document_t *doc, yaml_node_t *y,
	const struct conf_node *parent, struct gw_sv key, unsigned line, unsigned depth)
{
	struct conf_node *n = gw_arena_new(c->arena, struct conf_node);

	if (!n)
		return NULL;
	n->key = key;
	n->parent = parent;
	n->line = line;
	if (depth > DEPTH_MAX) {
		report(c, line, key, "nested too deep");
		return NULL;
	}
	switch (y->type) {
	case YAML_SCALAR_NODE:
		n->kind = CONF_SCALAR;
		n->value = gw_arena_sv(c->arena, gw_sv(y->data.scalar.value, y->data.scalar.length));
		break;
	case YAML_SEQUENCE_NODE:
		n->kind = CONF_LIST;
		for (yaml_node_item_t *i = y->data.sequence.items.start;
			i < y->data.sequence.items.top; i++) {
			yaml_node_t *v = yaml_document_get_node(doc, *i);
			struct conf_node *child = build(c, doc, v, n, GW_SV_NONE,
				(unsigned)v->start_mark.line + 1, depth + 1);

			if (child)
				append(n, child);
		}
		break;
	case YAML_MAPPING_NODE:
		n->kind = CONF_MAP;
		build_map(c, doc, y, n, depth);
		break;
	case YAML_NO_NODE:
	default:
		break;
	}
	return n;
}

enum gw_err conf_parse(struct conf *c, struct gw_arena *arena, const char *file, struct gw_sv text,
	struct gw_buf *errors)
{
	yaml_document_t doc;
	yaml_parser_t parser;
	yaml_node_t *root;

	*c = (struct conf){ .arena = arena, .file = file, .errors = errors };
	if (!yaml_parser_initialize(&parser))
		return GW_ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.len);
	if (!yaml_parser_load(&parser, &doc)) {
		report(c, (unsigned)parser.problem_mark.line + 1, GW_SV_NONE,
			parser.problem ? parser.problem : "not YAML");
		yaml_parser_delete(&parser);
		return GW_EBADMSG;
	}
	root = yaml_document_get_root_node(&doc);
	if (root && root->type == YAML_MAPPING_NODE)
		c->root = build(c, &doc, root, NULL, GW_SV_NONE, 1, 0);
	else
		report(c, 1, GW_SV_NONE, "the file must hold \"key: value\" lines");
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	if (arena->failed)
		return GW_ENOMEM;
	return c->root ? GW_OK : GW_EBADMSG;
}

/* ---- readers --------------------------------------------------------------------------------------- */

static struct conf_node *get(struct conf *c, struct conf_node *map, const char *key, bool is_required,
	enum conf_kind kind)
{
	static const char *const kinds[] = { "a single value", "\"key: value\" lines", "a list" };
	struct conf_node *n;

	if (!map)
		return NULL;
	for (n = map->child; n; n = n->next)
		if (gw_sv_eq(n->key, gw_sv_cstr(key)))
			break;
	if (!n || (n->kind == CONF_SCALAR && kind != CONF_SCALAR && n->value.len == 0)) {
		if (is_required)
			report(c, map->line, gw_sv_cstr(key), "is missing");
		if (n)
			n->is_used = true;
		return NULL;
	}
	n->is_used = true;
	if (n->kind != kind) {
		conf_error(c, n, "must be %s", kinds[kind]);
		return NULL;
	}
	return n;
}

struct conf_node *conf_map(struct conf *c, struct conf_node *map, const char *key, bool is_required)
{
	return get(c, map, key, is_required, CONF_MAP);
}

struct conf_node *conf_list(struct conf *c, struct conf_node *map, const char *key, bool is_required)
{
	return get(c, map, key, is_required, CONF_LIST);
}

struct conf_node *conf_scalar(struct conf *c, struct conf_node *map, const char *key, bool is_required)
{
	return get(c, map, key, is_required, CONF_SCALAR);
}

char *conf_str(struct conf *c, struct conf_node *map, const char *key, const char *dflt,
	bool is_required)
{
	struct conf_node *n = conf_scalar(c, map, key, is_required);

	if (n && n->value.len == 0 && is_required)
		conf_error(c, n, "is empty");
	return gw_arena_cstr(c->arena, n ? n->value : gw_sv_cstr(dflt));
}

char *conf_socket(struct conf *c, struct conf_node *map, const char *key, const char *dflt)
{
	struct conf_node *n = conf_scalar(c, map, key, false);

	if (n && n->value.len >= SOCKET_PATH_BYTES)
		conf_error(c, n, "must be shorter than %u bytes, the limit of a UNIX socket", SOCKET_PATH_BYTES);
	return conf_str(c, map, key, dflt, false);
}

unsigned conf_uint(struct conf *c, struct conf_node *map, const char *key, unsigned min, unsigned max,
	unsigned dflt)
{
	struct conf_node *n = conf_scalar(c, map, key, false);
	uint32_t v;

	if (!n)
		return dflt;
	if (gw_sv_uint_max(n->value, max, &v) == GW_OK && v >= min)
		return v;
	conf_error(c, n, "must be a number from %u to %u, not \"%.*s\"", min, max, GW_SV_FMT(n->value));
	return dflt;
}

bool conf_bool(struct conf *c, struct conf_node *map, const char *key, bool dflt)
{
	struct conf_node *n = conf_scalar(c, map, key, false);

	if (!n)
		return dflt;
	if (gw_sv_ieq(n->value, GW_SV("true")) || gw_sv_ieq(n->value, GW_SV("yes")))
		return true;
	if (!gw_sv_ieq(n->value, GW_SV("false")) && !gw_sv_ieq(n->value, GW_SV("no")))
		conf_error(c, n, "must be true or false, not \"%.*s\"", GW_SV_FMT(n->value));
	return false;
}

unsigned conf_enum(struct conf *c, struct conf_node *map, const char *key, const char *const *names,
	unsigned dflt)
{
	struct conf_node *n = conf_scalar(c, map, key, false);
	char all[LINE_BYTES];
	struct gw_buf b = gw_buf(all, sizeof(all));

	if (!n)
		return dflt;
	for (unsigned i = 0; names[i]; i++) {
		if (gw_sv_eq(n->value, gw_sv_cstr(names[i])))
			return i;
		gw_buf_printf(&b, "%s%s", i ? ", " : "", names[i]);
	}
	conf_error(c, n, "must be one of %.*s, not \"%.*s\"", GW_SV_FMT(gw_buf_sv(&b)),
		GW_SV_FMT(n->value));
	return dflt;
}

bool conf_node_addr(struct conf *c, const struct conf_node *n, uint16_t dflt_port, struct gw_addr *out)
{
	if (n->kind == CONF_SCALAR && gw_addr_parse(n->value, dflt_port, out) == GW_OK)
		return true;
	conf_error(c, n, "must be address%s, not \"%.*s\"", dflt_port ? "[:port]" : ":port",
		GW_SV_FMT(n->value));
	return false;
}

struct gw_addr conf_addr(struct conf *c, struct conf_node *map, const char *key, uint16_t dflt_port,
	const char *dflt)
{
	struct conf_node *n = conf_scalar(c, map, key, dflt == NULL);
	struct gw_addr a = { 0 };

	if (n)
		(void)conf_node_addr(c, n, dflt_port, &a);
	else if (dflt)
		(void)!gw_addr_parse(gw_sv_cstr(dflt), dflt_port, &a);
	return a;
}

char **conf_strs(struct conf *c, struct conf_node *map, const char *key, bool is_required, unsigned *n)
{
	struct conf_node *l = conf_list(c, map, key, is_required);
	char **list;

	*n = 0;
	if (!l)
		return NULL;
	list = gw_arena_array(c->arena, char *, l->n_children ? l->n_children : 1);
	for (struct conf_node *e = l->child; list && e; e = e->next) {
		e->is_used = true;
		if (e->kind != CONF_SCALAR || e->value.len == 0)
			conf_error(c, e, "must be a list of words");
		else
			list[(*n)++] = gw_arena_cstr(c->arena, e->value);
	}
	if (is_required && *n == 0)
		conf_error(c, l, "is empty");
	return list;
}

static void unknown(struct conf *c, const struct conf_node *n)
{
	for (const struct conf_node *k = n->child; k; k = k->next) {
		if (n->kind == CONF_MAP && !k->is_used)
			conf_error(c, k, "unknown key");
		else
			unknown(c, k);
	}
}

char *conf_text(struct conf *c, struct conf_node *map, const char *key, const char *dflt, const struct conf_form *f)
{
	struct conf_node *n = conf_scalar(c, map, key, false);

	if (n && n->value.len && !f->is(n->value))
		conf_error(c, n, "must be %s", f->what);
	return conf_str(c, map, key, dflt, dflt == NULL);
}

char **conf_texts(struct conf *c, struct conf_node *map, const char *key, unsigned *n, const struct conf_form *f)
{
	struct conf_node *l = conf_list(c, map, key, false);

	for (struct conf_node *e = l ? l->child : NULL; e; e = e->next)
		if (e->kind == CONF_SCALAR && e->value.len && !f->is(e->value))
			conf_error(c, e, "each must be %s", f->what);
	return conf_strs(c, map, key, false, n);
}

void conf_each(struct conf *c, struct conf_node *map, const char *key,
	const char *(*take)(struct gw_sv key, struct gw_sv value))
{
	struct conf_node *m = conf_map(c, map, key, false);

	for (struct conf_node *e = m ? m->child : NULL; e; e = e->next) {
		const char *wrong = e->kind == CONF_SCALAR ? take(e->key, e->value) : "must be a text";

		e->is_used = true;
		if (wrong)
			conf_error(c, e, "%s", wrong);
	}
}

enum gw_err conf_finish(struct conf *c)
{
	unknown(c, c->root);
	if (c->arena->failed)
		return GW_ENOMEM;
	return c->n_errors ? GW_EINVAL : GW_OK;
}
