/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the grammar table: which rows, how often, with which names and values, is left to chance. */
#include "tests/unit/h248/generate.h"

#include <stdio.h>

struct gen {
	uint64_t state;
	unsigned version;
	struct gw_arena *arena;
	unsigned left;		/* items that may still be made */
	unsigned serial;	/* keeps names apart */
};

uint64_t chance(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ull;
}

static unsigned below(struct gen *g, unsigned n)
{
	return (unsigned)((chance(&g->state) >> 32) % n);
}

static struct gw_sv text(struct gen *g, const char *fmt, unsigned n)
{
	char s[96];

	snprintf(s, sizeof(s), fmt, n);
	return gw_arena_sv(g->arena, gw_sv_cstr(s));
}

#define PICK(g, list) (list)[below(g, sizeof(list) / sizeof((list)[0]))]

static struct gw_sv term(struct gen *g)
{
	static const char *const fmt[] = { "ip/1/acc0/%u", "ROOT", "*", "$", "ip/$/$/$", "ip/%u/*/*", "r%u@gw.example", "T%u" };

	return text(g, PICK(g, fmt), below(g, 10000));
}

static struct gw_sv word(struct gen *g, enum h248_word w)
{
	static const char *const packaged[] = { "tman/p%u", "ipdc/realm%u", "nt/x%u_y", "gm/s%u", "rtp/q%u", "xwrtc/e%u" },
		*const names[] = { "timerx%u", "dtx%u", "napt%u", "Value_%u" };

	switch (w) {
	case H248_W_PACKAGED:
		return text(g, PICK(g, packaged), ++g->serial);
	case H248_W_NAME:
		return text(g, PICK(g, names), ++g->serial);
	case H248_W_TERM:
		return term(g);
	case H248_W_ACK:
		return below(g, 2) ? text(g, "%u", below(g, 4000000000u)) : text(g, "5-%u", 5 + below(g, 1000));
	case H248_W_PACKAGE:
		return text(g, "pkg%u-2", ++g->serial);
	case H248_W_QUOTED:
		return GW_SV("why: it [is] so {here}; 1 < 2");
	case H248_W_TIMESTAMP:
		return text(g, "20261122T%08u", below(g, 23595999));
	case H248_W_EXTENSION:
		return text(g, "X-ext%u", below(g, 10));
	case H248_W_TOKEN:
		break;
	}
	return GW_SV_NONE;
}

static void any_value(struct gen *g, struct h248_item *it)
{
	static const char *const plain[] = { "2E", "16000", "on1", "a.b-c", "0.17", "x/y@z", "+1", "(a|b)", "~`^!?" },
		*const quoted[] = { "access", "ON", "BOTH", "", "a b\tc", "[10.0.0.0]/8", "{x},;:#<>=", "IN" };

	it->is_quoted = below(g, 2);
	it->value = gw_sv_cstr(it->is_quoted ? PICK(g, quoted) : PICK(g, plain));
}

static void further(struct gen *g, struct h248_item *it, unsigned n, void (*fill)(struct gen *g, struct h248_item *v))
{
	struct h248_item **tail = &it->list;

	for (unsigned i = 0; i < n && (*tail = gw_arena_new(g->arena, struct h248_item)); i++) {
		fill(g, *tail);
		tail = &(*tail)->next;
	}
}

static void a_term(struct gen *g, struct h248_item *v)
{
	v->value = term(g);
}

static void a_context(struct gen *g, struct h248_item *v)
{
	v->value = below(g, 8) ? text(g, "%u", 1 + below(g, 100000)) : gw_sv_cstr("*");
}

static void any(struct gen *g, struct h248_item *it)
{
	it->relation = "=====#<>"[below(g, 8)];
	any_value(g, it);
	if (it->relation != '=' || below(g, 4))
		return;
	it->bracket = "[{:"[below(g, 3)];
	further(g, it, it->bracket == ':' ? 1 : below(g, 3), any_value);
}

static void token_value(struct gen *g, struct h248_item *it, const enum h248_token *set)
{
	unsigned n = 0;

	while (set[n] != H248_TOK_NONE)
		n++;
	n -= set[n - 1] == H248_TOK_ITERATION && g->version < 3;
	it->value_token = set[below(g, n)];
	it->value = h248_token_text(it->value_token, below(g, 2));
}

static struct gw_sv plain_value(struct gen *g, enum h248_form form)
{
	static const char *const context[] = { "-", "$", "*", "%u", "%u", "%u" },
		*const mid[] = { "[192.0.2.%u]:2944", "[2001:db8::%u]:55", "<mgc%u.example>:2944", "mgc%u", "<a>" };

	switch (form) {
	case H248_F_CONTEXT:
		return text(g, PICK(g, context), 1 + below(g, 4000000000u));
	case H248_F_PRIORITY:
		return text(g, "%u", below(g, 16));
	case H248_F_U16:
		return text(g, "%u", below(g, 65536));
	case H248_F_CODE:
		return text(g, "%u", 400 + below(g, 140));
	case H248_F_PROFILE:
		return text(g, "Iq%u/2", below(g, 9));
	case H248_F_VERSION:
		return text(g, "%u", 1 + below(g, 3));
	case H248_F_MID:
		return text(g, PICK(g, mid), 1 + below(g, 250));
	case H248_F_ADDRESS:
		return below(g, 2) ? text(g, "%u", below(g, 65536)) : text(g, PICK(g, mid), 1 + below(g, 250));
	case H248_F_MUX:
		return GW_SV("H221");
	case H248_F_MODEM:
		return GW_SV("V18");
	case H248_F_MAP:
		return GW_SV("map1");
	default:
		return text(g, "%u", below(g, 4294967295u));
	}
}

static void form(struct gen *g, struct h248_item *it, const struct h248_row *row)
{
	const enum h248_token *set = h248_form_tokens(row->form);

	switch (row->form) {
	case H248_F_NONE:
		return;
	case H248_F_OPT_MODE:
	case H248_F_OPT_STATE:
	case H248_F_MAP:
	case H248_F_STATISTIC:
		if (below(g, 2) || (g->version < 2 && row->rule == H248_R_AUDIT))
			return;
		break;
	case H248_F_OPT_REQUEST_ID:	/* goes with braces */
		if (!it->has_braces)
			return;
		break;
	default:
		break;
	}
	it->relation = '=';
	if (set) {
		token_value(g, it, set);
		it->bracket = row->form == H248_F_COMPLETION ? '{' : 0;
	} else if (row->form == H248_F_ANY) {
		any(g, it);
	} else if (row->form == H248_F_TERMS) {
		it->value = term(g);
		if (g->version == 3 && below(g, 8) == 0) {
			it->bracket = '[';
			further(g, it, 1 + below(g, 2), a_term);
		}
	} else if (row->form == H248_F_CONTEXTS) {
		a_context(g, it);
		it->bracket = '{';
		further(g, it, below(g, 3), a_context);
	} else if (row->form == H248_F_VALUE || row->form == H248_F_STATISTIC) {
		any_value(g, it);
	} else if (row->form == H248_F_TID_SEGMENT) {
		it->value = g->version == 3 && it->token == H248_TOK_SEGMENT ? text(g, "77/%u/END", 9) :
									       text(g, "%u", below(g, 4294967295u));
	} else {
		it->value = plain_value(g, row->form);
	}
}

static struct h248_item *items(struct gen *g, enum h248_rule rule);

static void braces(struct gen *g, struct h248_item *it, const struct h248_row *row)
{
	static const char sdp[] = "v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 0 101\r\na=fmtp:101 0-15 {\r\n",
		groups[] = "v=0\r\nm=audio 5 RTP/AVP 0\r\nv=0\r\nm=audio 5 RTP/AVP 8\r\n";

	if (!it->has_braces)
		return;
	if (row->inside != H248_R_RAW)
		it->child = items(g, row->inside);
	if (row->inside != H248_R_RAW && !it->child && row->braces == H248_B_MAY) {	/* nothing of this version */
		it->has_braces = false;
		if (row->form == H248_F_OPT_REQUEST_ID) {
			it->relation = 0;
			it->value = GW_SV_NONE;
		}
	} else if (row->inside == H248_R_RAW && row->token == H248_TOK_DIGIT_MAP)
		it->raw = GW_SV("(0S|00S|[1-7]xlxx|8lxxxxxxx|#xxxxxxx|*xx|9l1xxxxxxxxxx|9l011x.s)");
	else if (row->inside == H248_R_RAW)
		it->raw = below(g, 3) ? gw_sv_cstr(sdp) : gw_sv_cstr(groups);
}

static bool wants_braces(struct gen *g, const struct h248_row *row)
{
	if (row->braces == H248_B_MUST || (row->rule == H248_R_REPLY && row->form == H248_F_CONTEXT && g->version < 3))
		return true;
	return row->braces == H248_B_MAY && g->left > 3 && below(g, 4);
}

static struct h248_item *item(struct gen *g, const struct h248_row *row)
{
	static const char *const prefixes[] = { "O-", "W-", "O-W-" };
	struct h248_item *it = gw_arena_new(g->arena, struct h248_item);

	if (!it)
		return NULL;
	g->left -= g->left > 0;
	it->token = row->token;
	it->name = row->token ? h248_token_text(row->token, below(g, 2)) : word(g, row->word);
	if (row->word == H248_W_PACKAGED && row->is_once && below(g, 4) == 0)
		it->name = below(g, 2) ? GW_SV("*/*") : GW_SV("gm/*");
	it->is_quoted_name = row->word == H248_W_QUOTED;
	it->has_braces = wants_braces(g, row);
	if (row->rule == H248_R_ACTION && row->form == H248_F_TERMS && below(g, 6) == 0) {
		char s[64];

		snprintf(s, sizeof(s), "%s%.*s", PICK(g, prefixes), GW_SV_FMT(it->name));
		it->name = gw_arena_sv(g->arena, gw_sv_cstr(s));
	}
	if (row->rule == H248_R_OBSERVED && below(g, 2))
		it->timestamp = word(g, H248_W_TIMESTAMP);
	form(g, it, row);
	if (row->form == H248_F_MAP && row->rule != H248_R_AUDIT && row->rule != H248_R_AMM_REPLY)
		it->has_braces = it->relation ? it->has_braces && row->rule == H248_R_AMM : true;
	if (row->form == H248_F_MUX && row->rule == H248_R_AMM_REPLY)
		it->has_braces = true;
	braces(g, it, row);
	return it;
}

/* Rules with one thing in them, and which row of them. */
static bool is_single(enum h248_rule r)
{
	return r == H248_R_AUDIT_ONLY || r == H248_R_NOTIFY || r == H248_R_SERVICE_CHANGE || r == H248_R_ERROR_ONLY ||
		r == H248_R_SERVICE_CHANGE_REPLY || r == H248_R_ERROR || r == H248_R_EMBED_2 ||
		(r >= H248_R_AUDIT_STREAM && r <= H248_R_AUDIT_PACKAGES && r != H248_R_AUDIT_CONTROL);
}

/* What must not stand beside what. A set bit of the mask: that row is out. */
static uint32_t without(struct gen *g, enum h248_rule rule, const struct h248_row *rows, unsigned n)
{
	bool a = below(g, 2), alone = below(g, 5) == 0;
	uint32_t out = 0;

	for (unsigned i = 0; i < n; i++) {
		enum h248_token t = rows[i].token;
		bool not = rows[i].since > g->version;

		switch (rule) {
		case H248_R_BODY:
			not |= t == H248_TOK_ERROR;
			break;
		case H248_R_ACTION:
		case H248_R_ACTION_REPLY:
			not |= t == (a ? H248_TOK_EMERGENCY : H248_TOK_EMERGENCY_OFF);
			break;
		case H248_R_EVENT:
		case H248_R_EVENT_2:
			not |= t == (a ? H248_TOK_NEVER_NOTIFY : H248_TOK_IMMEDIATE_NOTIFY) ||
				(!alone && t == H248_TOK_REGULATED_NOTIFY) ||
				(alone && (t == H248_TOK_NEVER_NOTIFY || t == H248_TOK_IMMEDIATE_NOTIFY));
			break;
		case H248_R_REPLY:
			not |= alone ? t == H248_TOK_CONTEXT : t == H248_TOK_ERROR;
			break;
		case H248_R_MEDIA:
		case H248_R_AUDIT_MEDIA:
			not |= t != H248_TOK_TERMINATION_STATE && a != (t == H248_TOK_STREAM);
			break;
		case H248_R_CONTEXT_ATTR:
		case H248_R_CONTEXT_AUDIT:
			not |= (a && g->version == 3) != (t == H248_TOK_CONTEXT_LIST || t == H248_TOK_CONTEXT_ATTR);
			break;
		case H248_R_SERVICES:
		case H248_R_SERVICES_REPLY:
			not |= t == (a ? H248_TOK_MGC_ID : H248_TOK_SERVICE_CHANGE_ADDRESS);
			break;
		default:
			break;
		}
		out |= (uint32_t)not << i;
	}
	return out;
}

static bool is_required(const struct h248_row *r)
{
	return r->rule == H248_R_SERVICES && (r->token == H248_TOK_METHOD || r->token == H248_TOK_REASON);
}

static struct h248_item *triples(struct gen *g)
{
	static const enum h248_token ways[] = { H248_TOK_BOTHWAY, H248_TOK_ISOLATE, H248_TOK_ONEWAY };
	struct h248_item *first = NULL, **tail = &first;

	for (unsigned i = 0; i < 3 && (*tail = gw_arena_new(g->arena, struct h248_item)); i++) {
		(*tail)->token = i < 2 ? H248_TOK_NONE : PICK(g, ways);
		(*tail)->name = i < 2 ? term(g) : h248_token_text((*tail)->token, true);
		tail = &(*tail)->next;
	}
	return first;
}

/* In order of the rows, so that what has to stand first or last does. */
static struct h248_item *items(struct gen *g, enum h248_rule rule)
{
	unsigned n, begin, chosen = 0;
	const struct h248_row *rows = h248_rows(rule, &n);
	struct h248_item *first = NULL, **tail = &first;
	uint32_t out;

	if (n == 0 || (rule == H248_R_AUDIT && below(g, 4) == 0))
		return NULL;
	if (rule == H248_R_TOPOLOGY)
		return triples(g);
	out = without(g, rule, rows, n);
	if (out == (n < 32 ? (1u << n) - 1 : UINT32_MAX))
		return NULL;
	begin = below(g, n);
	while (out >> begin & 1)
		begin = (begin + 1) % n;
	for (unsigned i = 0; i < n; i++) {
		unsigned times = i == begin || is_required(&rows[i]) ? 1 :
			is_single(rule) || g->left < 5 || (out >> i & 1) ? 0 : below(g, 3) == 0;

		/* a wildcard stands alone, a property once: names are made different */
		if (times && !rows[i].is_once && !is_single(rule) && g->left > 5)
			times += below(g, 3);
		while (times-- && (*tail = item(g, &rows[i]))) {
			tail = &(*tail)->next;
			chosen++;
		}
	}
	if (rule == H248_R_REPLY && chosen == 1 && first->token == H248_TOK_IMM_ACK)
		return items(g, rule);
	return first;
}

void generate(uint64_t seed, unsigned version, struct gw_arena *arena, struct h248_message *m)
{
	static const char *const mids[] = { "[192.0.2.1]:2944", "<mgc.example>:2944", "mgc1", "[2001:db8::1]:2944" };
	struct gen g = { .state = (seed + 1) * 0x9e3779b97f4a7c15ull, .version = version, .arena = arena };

	g.left = 5 + below(&g, 60);
	*m = (struct h248_message){ .version = version, .mid = gw_sv_cstr(PICK(&g, mids)) };
	m->body = items(&g, H248_R_BODY);
}

static bool same_values(const struct h248_item *a, const struct h248_item *b)
{
	for (; a && b; a = a->next, b = b->next)
		if (a->value_token != b->value_token || a->is_quoted != b->is_quoted ||
			(!a->value_token && !gw_sv_eq(a->value, b->value)))
			return false;
	return !a && !b;
}

static struct gw_sv prefix(const struct h248_item *it)
{
	size_t n = 0;

	while (n + 2 < it->name.len && it->name.p[n + 1] == '-')
		n += 2;
	return gw_sv_sub(it->name, 0, n);
}

bool same_items(const struct h248_item *a, const struct h248_item *b)
{
	for (; a && b; a = a->next, b = b->next) {
		struct h248_item va = *a, vb = *b;

		va.next = a->list;
		vb.next = b->list;
		if (a->token != b->token || a->relation != b->relation || a->bracket != b->bracket ||
			a->has_braces != b->has_braces || a->is_quoted_name != b->is_quoted_name ||
			!gw_sv_eq(a->timestamp, b->timestamp) || !gw_sv_eq(a->raw, b->raw) ||
			!(a->token ? gw_sv_ieq(prefix(a), prefix(b)) : gw_sv_eq(a->name, b->name)) ||
			!same_values(&va, &vb) || !same_items(a->child, b->child))
			return false;
	}
	return !a && !b;
}

size_t mutate(uint64_t seed, const char *text, size_t len, char *out, size_t cap)
{
	static const char *const pieces[] = { "{", "}", ",", "=", " ", "[", "]", "\"", ";", ":", "\r\n", "-", "ST=1", "AT{}", "*", "$",
		"M{O{MO=SR}}", "E", "SG{}", "99999999999", "ER=400{}", "O-", "W-", "x/y", "=[1,2]", "#", "<" };
	uint64_t state = (seed + 1) * 0xd1342543de82ef95ull;
	unsigned n = 1 + (unsigned)(chance(&state) >> 40) % 3;

	len = len < cap ? len : cap;
	memcpy(out, text, len);
	while (n--) {
		size_t at = len ? (chance(&state) >> 20) % len : 0, k = 1 + (chance(&state) >> 40) % 8;
		const char *p = pieces[(chance(&state) >> 30) % (sizeof(pieces) / sizeof(pieces[0]))];

		switch ((chance(&state) >> 50) % 4) {
		case 0:	/* another octet */
			out[at] = (char)(32 + (chance(&state) >> 30) % 95);
			break;
		case 1:	/* some octets less */
			k = k < len - at ? k : len - at;
			memmove(out + at, out + at + k, len - at - k);
			len -= k;
			break;
		case 2:	/* a piece more */
			k = strlen(p);
			if (len + k > cap)
				break;
			memmove(out + at + k, out + at, len - at);
			memcpy(out + at, p, k);
			len += k;
			break;
		default:	/* a part twice */
			k = k < len - at ? k : len - at;
			if (len + k > cap)
				break;
			memmove(out + at + k, out + at, len - at);
			len += k;
		}
		if (len == 0)
			break;
	}
	return len;
}

/* ---- parts of a tree changed -------------------------------------------------------------------------- */

/* Where the n-th item of the tree hangs, counted from *n down; NULL: there are fewer. */
static struct h248_item **nth(struct h248_item **list, unsigned *n)
{
	for (struct h248_item **p = list; *p; p = &(*p)->next) {
		struct h248_item **deeper;

		if ((*n)-- == 0)
			return p;
		if ((deeper = nth(&(*p)->child, n)))
			return deeper;
	}
	return NULL;
}

static unsigned count(const struct h248_item *list)
{
	unsigned n = 0;

	for (; list; list = list->next)
		n += 1 + count(list->child);
	return n;
}

static struct h248_item **any_item(uint64_t *state, struct h248_message *m)
{
	unsigned n = (unsigned)((chance(state) >> 32) % count(m->body));

	return nth(&m->body, &n);
}

static void another_value(uint64_t *state, struct h248_item *it)
{
	static const char *const values[] = { "0", "1", "65535", "65536", "4294967295", "4294967296", "-1", "x", "*", "$", "-", "ON", "E",
		"SR", "a/b", "[1]:2", "1x", "16", "1000", "77/1/END", "Iq/2" };

	it->value_token = H248_TOK_NONE;
	it->value = gw_sv_cstr(values[(chance(state) >> 32) % (sizeof(values) / sizeof(values[0]))]);
	it->is_quoted = it->is_quoted && chance(state) >> 63;
	it->relation = it->relation ? it->relation : '=';
}

static void another_name(uint64_t *state, struct h248_item *it)
{
	static const char *const words[] = { "x/y", "*/*", "1/2", "a", "X-y1", "a-1", "ip/1/2/3" };
	uint64_t k = chance(state) >> 32;

	it->token = k % 3 ? (enum h248_token)(1 + (k >> 8) % (H248_TOK_COUNT - 1)) : H248_TOK_NONE;
	it->name = it->token ? h248_token_text(it->token, k >> 20 & 1) : gw_sv_cstr(words[(k >> 8) % (sizeof(words) / sizeof(words[0]))]);
}

static struct h248_item *copied(struct gw_arena *arena, const struct h248_item *list)
{
	struct h248_item *first = NULL, **tail = &first;

	for (; list && (*tail = gw_arena_new(arena, struct h248_item)); list = list->next) {
		**tail = *list;
		(*tail)->child = copied(arena, list->child);
		(*tail)->next = NULL;
		tail = &(*tail)->next;
	}
	return first;
}

static void change(uint64_t *state, struct gw_arena *arena, struct h248_message *m)
{
	struct h248_item **p = any_item(state, m), *it = *p, **q, *copy;

	switch ((chance(state) >> 32) % 7) {
	case 0:	/* away, unless it is all there is */
		if (m->body != it || it->next)
			*p = it->next;
		return;
	case 1:	/* twice */
		if (!(copy = gw_arena_new(arena, struct h248_item)))
			return;
		*copy = *it;
		it->next = copy;
		return;
	case 2:	/* also somewhere else, without the rest of where it was */
		q = any_item(state, m);
		if (!(copy = gw_arena_new(arena, struct h248_item)))
			return;
		*copy = *it;
		copy->child = copied(arena, it->child);
		copy->next = *q;
		*q = copy;
		return;
	case 3:
		another_name(state, it);
		return;
	case 4:
		another_value(state, it);
		return;
	case 5:
		it->relation = "=#<>\0"[(chance(state) >> 32) % 5];
		it->bracket = it->list ? it->bracket : 0;
		return;
	default:
		it->has_braces = !it->has_braces;
		return;
	}
}

void mutate_tree(uint64_t seed, struct gw_arena *arena, struct h248_message *m)
{
	uint64_t state = (seed + 1) * 0xa0761d6478bd642full;

	for (unsigned n = 1 + (unsigned)(chance(&state) >> 40) % 3; n > 0; n--)
		change(&state, arena, m);
}
