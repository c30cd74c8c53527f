/* SPDX-License-Identifier: Apache-2.0 */
/* Lexer and parser of the H.248 text syntax (H.248.1 Annex B, iq.md 6.1). */
#include "proto/h248/grammar.h"

struct lex {
	struct gw_sv s;
	size_t i;
	struct gw_arena *arena;
	struct gw_diag *diag;
	unsigned items;
};

static enum gw_err bad(struct lex *x, const char *what)
{
	if (x->diag) {
		x->diag->off = x->i;
		x->diag->what = what;
	}
	return GW_EBADMSG;
}

/* T-4: spaces, line ends and comments. */
static void skip(struct lex *x)
{
	while (x->i < x->s.len) {
		char c = x->s.p[x->i];

		if (c == ';')
			while (x->i < x->s.len && x->s.p[x->i] != '\r' && x->s.p[x->i] != '\n')
				x->i++;
		else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			x->i++;
		else
			return;
	}
}

static char peek(const struct lex *x)
{
	return x->i < x->s.len ? x->s.p[x->i] : '\0';
}

static bool take(struct lex *x, char c)
{
	skip(x);
	if (peek(x) != c)
		return false;
	x->i++;
	return true;
}

static enum gw_err word(struct lex *x, struct gw_sv *out)
{
	size_t from = x->i;

	while (x->i < x->s.len && h248_is_safe(x->s.p[x->i]))
		x->i++;
	if (x->i == from)
		return bad(x, "a name or value is expected here");
	*out = gw_sv_sub(x->s, from, x->i);
	return GW_OK;
}

/* T-3: no escape, no line end inside. */
static enum gw_err quoted(struct lex *x, struct gw_sv *out)
{
	size_t from = ++x->i;

	while (x->i < x->s.len && x->s.p[x->i] != '"') {
		unsigned char c = (unsigned char)x->s.p[x->i];

		if (c < ' ' && c != '\t')
			return bad(x, "line end or control character in a quoted string");
		x->i++;
	}
	if (x->i == x->s.len)
		return bad(x, "quoted string has no end");
	*out = gw_sv_sub(x->s, from, x->i++);
	return GW_OK;
}

static enum gw_err value(struct lex *x, struct h248_item *it)
{
	skip(x);
	if (peek(x) == '"') {
		it->is_quoted = true;
		return quoted(x, &it->value);
	}
	return word(x, &it->value);
}

static struct h248_item *new_item(struct lex *x)
{
	struct h248_item *it;

	if (++x->items > H248_MAX_ITEMS)
		return NULL;
	it = gw_arena_new(x->arena, struct h248_item);
	if (it)
		it->off = x->i;
	return it;
}

/* "[a, b]", "[a : b]" and "{a, b}" values. */
static enum gw_err value_list(struct lex *x, struct h248_item *it)
{
	struct h248_item **tail = &it->list;
	enum gw_err err;

	it->bracket = x->s.p[x->i++];
	if ((err = value(x, it)))
		return err;
	if (it->bracket == '[' && take(x, ':')) {
		it->bracket = ':';
		if (!(*tail = new_item(x)))
			return GW_ELIMIT;
		if ((err = value(x, *tail)))
			return err;
	}
	while (it->bracket != ':' && take(x, ',')) {
		if (!(*tail = new_item(x)))
			return GW_ELIMIT;
		if ((err = value(x, *tail)))
			return err;
		tail = &(*tail)->next;
	}
	return take(x, it->bracket == '{' ? '}' : ']') ? GW_OK : bad(x, "value list has no end");
}

/* A mId: it has characters that are none of a value. Whether it is a right one the grammar says. */
static enum gw_err mid(struct lex *x, struct gw_sv *out)
{
	size_t from = x->i;
	char close = peek(x) == '[' ? ']' : peek(x) == '<' ? '>' : 0;

	if (gw_sv_istarts(gw_sv_sub(x->s, from, x->s.len), GW_SV("MTP{")))
		close = '}';
	while (close && x->i < x->s.len && x->s.p[x->i] != close && (unsigned char)x->s.p[x->i] > ' ')
		x->i++;
	if (close && peek(x) == close)
		x->i++;
	while (x->i < x->s.len && (h248_is_safe(x->s.p[x->i]) || x->s.p[x->i] == ':'))
		x->i++;
	*out = gw_sv_sub(x->s, from, x->i);
	return x->i > from ? GW_OK : bad(x, "a message identifier is expected here");
}

/* T-7: octets up to an unescaped '}'. */
static enum gw_err raw(struct lex *x, struct h248_item *it)
{
	size_t from = x->i;
	bool escaped = false;

	while (x->i < x->s.len && x->s.p[x->i] != '}') {
		if (x->s.p[x->i] == '\\' && x->i + 1 < x->s.len && x->s.p[x->i + 1] == '}') {
			escaped = true;
			x->i++;
		}
		if (x->s.p[x->i] == '\0')
			return bad(x, "an octet 0 among octets");
		x->i++;
	}
	if (x->i >= x->s.len)
		return bad(x, "octets have no end");
	it->raw = gw_sv_sub(x->s, from, x->i++);
	while (it->raw.len && (it->raw.p[0] == '\r' || it->raw.p[0] == '\n' || it->raw.p[0] == ' '))
		it->raw = gw_sv_sub(it->raw, 1, it->raw.len);	/* the line end behind '{' (6.4) */
	if (escaped) {
		char *d = gw_arena_alloc(x->arena, it->raw.len);
		size_t n = 0;

		if (!d)
			return GW_ENOMEM;
		for (size_t i = 0; i < it->raw.len; i++)
			if (it->raw.p[i] != '\\' || i + 1 == it->raw.len || it->raw.p[i + 1] != '}')
				d[n++] = it->raw.p[i];
		it->raw = gw_sv(d, n);
	}
	return GW_OK;
}

static enum gw_err items(struct lex *x, struct h248_item **out, unsigned depth, bool is_top);

static bool is_octets(enum h248_token t)
{
	return t == H248_TOK_LOCAL || t == H248_TOK_REMOTE || t == H248_TOK_DIGIT_MAP;
}

/* "O-Add", "W-Subtract", "O-W-": the prefixes stay in the name, the token is that of the rest. */
static enum h248_token token_of(struct gw_sv name)
{
	while (gw_sv_istarts(name, GW_SV("O-")) || gw_sv_istarts(name, GW_SV("W-")))
		name = gw_sv_sub(name, 2, name.len);
	return h248_token_lookup(name);
}

static enum gw_err braces(struct lex *x, struct h248_item *it, unsigned depth)
{
	it->has_braces = true;
	x->i++;
	if (is_octets(it->token))
		return raw(x, it);
	skip(x);
	if (peek(x) == '}') {	/* empty braces are legal for few; who may is decided above */
		x->i++;
		return GW_OK;
	}
	return items(x, &it->child, depth + 1, false);
}

static enum gw_err relation(struct lex *x, struct h248_item *it)
{
	if (it->token == H248_TOK_MODEM && peek(x) == '[')	/* the one list that follows no relation */
		return value_list(x, it);
	if (!peek(x) || !strchr("=#<>", peek(x)))
		return GW_OK;
	it->relation = x->s.p[x->i++];
	skip(x);
	if (it->token == H248_TOK_MGC_ID || it->token == H248_TOK_SERVICE_CHANGE_ADDRESS)
		return mid(x, &it->value);
	if (it->token == H248_TOK_DIGIT_MAP && it->relation == '=' && peek(x) == '{') {	/* a map without a name */
		it->relation = 0;
		return GW_OK;
	}
	return peek(x) == '[' || peek(x) == '{' ? value_list(x, it) : value(x, it);
}

static enum gw_err item(struct lex *x, struct h248_item **out, unsigned depth)
{
	struct h248_item *it = new_item(x);
	enum gw_err err;

	if (!it)
		return GW_ELIMIT;
	*out = it;
	skip(x);
	if (peek(x) == '"') {
		it->is_quoted_name = true;
		return quoted(x, &it->name);
	}
	if ((err = word(x, &it->name)))
		return err;
	skip(x);
	if (peek(x) == ':') {	/* the time stamp of an observed event */
		x->i++;
		it->timestamp = it->name;
		skip(x);
		if ((err = word(x, &it->name)))
			return err;
		skip(x);
	}
	it->token = token_of(it->name);
	if ((err = relation(x, it)))
		return err;
	skip(x);
	return peek(x) == '{' ? braces(x, it, depth) : GW_OK;
}

/* Inside braces items are separated by commas; transactions of a message just follow each other. */
static enum gw_err items(struct lex *x, struct h248_item **out, unsigned depth, bool is_top)
{
	struct h248_item **tail = out;
	enum gw_err err;

	if (depth > H248_MAX_DEPTH)
		return GW_ELIMIT;
	for (;;) {
		if ((err = item(x, tail, depth)))
			return err;
		tail = &(*tail)->next;
		skip(x);
		if (is_top) {
			if (x->i == x->s.len)
				return GW_OK;
			continue;
		}
		if (take(x, ','))
			continue;
		return take(x, '}') ? GW_OK : bad(x, "',' or '}' is expected here");
	}
}

static bool is_hex(struct gw_sv s, size_t min, size_t max)
{
	uint32_t n;

	if (!gw_sv_istarts(s, GW_SV("0x")) || s.len < 2 + min || s.len > 2 + max)
		return false;
	for (size_t i = 2; i < s.len; i++)
		if (gw_sv_hex32(gw_sv_sub(s, i, i + 1), &n))
			return false;
	return true;
}

/* authenticationHeader = AuthToken "=" SecurityParmIndex ":" SequenceNum ":" AuthData */
static enum gw_err authentication(struct lex *x)
{
	struct gw_sv part[3];
	enum gw_err err;

	for (int i = 0; i < 3; i++) {
		if (!take(x, i ? ':' : '='))
			return bad(x, "authentication header is incomplete");
		skip(x);
		if ((err = word(x, &part[i])))
			return err;
	}
	return is_hex(part[0], 8, 8) && is_hex(part[1], 8, 8) && is_hex(part[2], 24, 64) ? GW_OK :
		bad(x, "authentication header is not of numbers");
}

static enum gw_err header(struct lex *x, struct h248_message *m)
{
	struct gw_sv w, name, version;
	enum gw_err err;
	uint32_t n;

	skip(x);
	if ((err = word(x, &w)))
		return err;
	if (h248_token_lookup(w) == H248_TOK_AUTHENTICATION) {
		m->has_auth = true;
		if ((err = authentication(x)))
			return err;
		skip(x);
		if ((err = word(x, &w)))
			return err;
	}
	if (!gw_sv_cut(w, '/', &name, &version) || (!gw_sv_ieq(name, GW_SV("MEGACO")) && !gw_sv_eq(name, GW_SV("!"))))
		return bad(x, "message begins neither with MEGACO nor with !");
	if (version.len > 2 || gw_sv_u32(version, &n))
		return bad(x, "version is not a number");
	m->version = n;
	skip(x);
	if ((err = mid(x, &m->mid)))
		return err;
	return h248_is_mid(m->mid) ? GW_OK : bad(x, "no message identifier");
}

enum gw_err h248_parse(struct h248_message *m, struct gw_arena *arena, struct gw_sv text,
	struct gw_diag *diag)
{
	struct lex x = { .s = text, .arena = arena, .diag = diag };
	enum gw_err err;

	*m = (struct h248_message){ .refusal = 400 };
	if (diag)
		*diag = (struct gw_diag){ 0, "" };
	if (text.len > H248_MAX_BYTES)
		return GW_ELIMIT;
	if ((err = header(&x, m)))
		return err;
	skip(&x);
	err = items(&x, &m->body, 0, true);
	if (!err)
		err = h248_check(m, arena, diag);
	return arena->failed ? GW_ENOMEM : err;
}

const struct h248_item *h248_child(const struct h248_item *parent, enum h248_token token)
{
	for (const struct h248_item *c = parent->child; c; c = c->next)
		if (c->token == token)
			return c;
	return NULL;
}
