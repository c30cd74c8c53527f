/* SPDX-License-Identifier: Apache-2.0 */
/* Lexer, parser and token table of the H.248 text syntax. */
#include "proto/h248/text.h"

#include "proto/base/words.h"

#include <assert.h>

struct row {
	struct gw_sv text[2];	/* short, long */
};

static const struct row tokens[H248_TOK_COUNT] = {
#define H248_TOKEN_ROW(id, l, s) [H248_TOK_##id] = { { GW_SV_INIT(s), GW_SV_INIT(l) } },
	H248_TOKEN_LIST(H248_TOKEN_ROW)
#undef H248_TOKEN_ROW
};

static struct gw_words index_of_tokens;

/* Before main, so that no thread ever sees half of it. */
__attribute__((constructor)) static void index_tokens(void)
{
	bool ok = true;

	for (unsigned i = 1; i < H248_TOK_COUNT; i++)
		ok = gw_words_add(&index_of_tokens, tokens[i].text[0], i) == GW_OK &&
			gw_words_add(&index_of_tokens, tokens[i].text[1], i) == GW_OK && ok;
	assert(ok && "two tokens have one spelling, or gw_words is too small");
	(void)ok;
}

enum h248_token h248_token_lookup(struct gw_sv name)
{
	return (enum h248_token)gw_words_find(&index_of_tokens, name);
}

struct gw_sv h248_token_text(enum h248_token token, bool is_long)
{
	return tokens[token].text[is_long];
}

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

/* T-2 */
static bool is_safe(char c)
{
	char l = gw_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
		(c && strchr("+-&!_/'?@^`~*$\\()%|.", c));
}

static enum gw_err word(struct lex *x, struct gw_sv *out)
{
	size_t from = x->i;

	while (x->i < x->s.len && is_safe(x->s.p[x->i]))
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
static enum gw_err value_list(struct lex *x, struct h248_item *it, char close)
{
	struct h248_item *last = it;
	enum gw_err err;

	x->i++;
	if ((err = value(x, it)))
		return err;
	while (take(x, ',') || (close == ']' && take(x, ':'))) {
		struct h248_item *n = new_item(x);

		if (!n)
			return GW_ELIMIT;
		if ((err = value(x, n)))
			return err;
		if (last == it)
			it->list = n;
		else
			last->next = n;
		last = n;
	}
	return take(x, close) ? GW_OK : bad(x, "value list has no end");
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
		x->i++;
	}
	if (x->i >= x->s.len)
		return bad(x, "Local or Remote has no end");
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
	if (peek(x) && strchr("=#<>", peek(x))) {
		it->relation = x->s.p[x->i++];
		skip(x);
		/* a mId is the value of ServiceChangeAddress and MgcIdToTry: "[ip]:port", "<name>:port" */
		if (it->token == H248_TOK_MGC_ID || it->token == H248_TOK_SERVICE_CHANGE_ADDRESS) {
			size_t from = x->i;

			while (x->i < x->s.len && !strchr(" \t\r\n,}", x->s.p[x->i]))
				x->i++;
			it->value = gw_sv_sub(x->s, from, x->i);
			err = it->value.len ? GW_OK : bad(x, "an address is expected here");
		} else if (peek(x) == '[' || peek(x) == '{') {
			err = value_list(x, it, peek(x) == '[' ? ']' : '}');
		} else {
			err = value(x, it);
		}
		if (err)
			return err;
		skip(x);
	}
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

static enum gw_err header(struct lex *x, struct h248_message *m)
{
	struct gw_sv w;
	uint32_t n;
	size_t from;

	skip(x);
	from = x->i;
	while (x->i < x->s.len && x->s.p[x->i] != '/' && x->s.p[x->i] > ' ')
		x->i++;
	w = gw_sv_sub(x->s, from, x->i);
	if (!gw_sv_ieq(w, GW_SV("MEGACO")) && !gw_sv_eq(w, GW_SV("!")))
		return bad(x, "message begins neither with MEGACO nor with !");
	if (!take(x, '/'))
		return bad(x, "version is missing");
	from = x->i;
	while (x->i < x->s.len && x->s.p[x->i] >= '0' && x->s.p[x->i] <= '9')
		x->i++;
	if (gw_sv_uint_max(gw_sv_sub(x->s, from, x->i), 99, &n))
		return bad(x, "version is not a number");
	m->version = n;
	skip(x);
	from = x->i;
	while (x->i < x->s.len && !strchr(" \t\r\n;", x->s.p[x->i]))
		x->i++;
	m->mid = gw_sv_sub(x->s, from, x->i);
	if (m->mid.len == 0 || m->mid.len > 128)
		return bad(x, "message identifier is missing");
	return GW_OK;
}

enum gw_err h248_parse(struct h248_message *m, struct gw_arena *arena, struct gw_sv text,
	struct gw_diag *diag)
{
	struct lex x = { .s = text, .arena = arena, .diag = diag };
	enum gw_err err;

	*m = (struct h248_message){ 0 };
	if (diag)
		*diag = (struct gw_diag){ 0, "" };
	if (text.len > H248_MAX_BYTES)
		return GW_ELIMIT;
	if ((err = header(&x, m)))
		return err;
	skip(&x);
	err = items(&x, &m->body, 0, true);
	return arena->failed ? GW_ENOMEM : err;
}

const struct h248_item *h248_child(const struct h248_item *parent, enum h248_token token)
{
	for (const struct h248_item *c = parent->child; c; c = c->next)
		if (c->token == token)
			return c;
	return NULL;
}
