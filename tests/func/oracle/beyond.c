/* SPDX-License-Identifier: Apache-2.0 */
/* The classes of what megaco cannot read or loses, and messages without them. */
#include "tests/func/oracle/beyond.h"

struct place {
	const struct h248_item *it, *parent;
	unsigned version;
};

static bool is_of(const struct h248_item *it, enum h248_token t)
{
	return it && it->token == t;
}

static bool context_audit_1(const struct place *p)
{
	return p->version == 1 && is_of(p->it, H248_TOK_CONTEXT_AUDIT);
}

static bool context_attr_audit(const struct place *p)
{
	return is_of(p->it, H248_TOK_CONTEXT_ATTR) && is_of(p->parent, H248_TOK_CONTEXT_AUDIT);
}

static bool select_logic(const struct place *p)
{
	return is_of(p->it, H248_TOK_AND_SELECT) || is_of(p->it, H248_TOK_OR_SELECT);
}

static bool segment(const struct place *p)
{
	return is_of(p->it, H248_TOK_SEGMENT);
}

/* An item of Audit that says more than its token, or says it again. */
static bool audit_item(const struct place *p)
{
	if (!is_of(p->parent, H248_TOK_AUDIT))
		return false;
	for (const struct h248_item *a = p->parent->child; a != p->it; a = a->next)
		if (a->token == p->it->token)
			return true;
	return p->it->has_braces || p->it->relation;
}

static bool parameter(const struct place *p)
{
	const struct h248_item *it = p->it;

	return it->token == H248_TOK_NONE && it->relation && (it->relation != '=' || it->bracket) &&
		gw_sv_chr(it->name, '/', 0) == it->name.len;
}

static bool modem(const struct place *p)
{
	return is_of(p->it, H248_TOK_MODEM);
}

static bool regulated(const struct place *p)
{
	return is_of(p->it, H248_TOK_REGULATED_NOTIFY);
}

static bool embedded(const struct place *p)
{
	return is_of(p->it, H248_TOK_EMBED) && p->it->child && !p->it->child->has_braces;
}

static bool extension(const struct place *p)
{
	return is_of(p->parent, H248_TOK_SERVICES) && h248_word_is(H248_W_EXTENSION, p->it);
}

static bool notify_error(const struct place *p)
{
	return is_of(p->it, H248_TOK_NOTIFY) && is_of(p->it->child, H248_TOK_ERROR);
}

static bool iteration(const struct place *p)
{
	for (const struct h248_item *v = p->it; v && is_of(p->it, H248_TOK_NOTIFY_COMPLETION); v = v == p->it ? v->list : v->next)
		if (v->value_token == H248_TOK_ITERATION)
			return true;
	return false;
}

static bool kept_and_embedded(const struct place *p)
{
	return is_of(p->it, H248_TOK_KEEP_ACTIVE) && p->parent && h248_child(p->parent, H248_TOK_EMBED);
}

static bool empty_reason(const struct place *p)
{
	return is_of(p->it, H248_TOK_REASON) && p->it->value.len == 0;
}

static bool device_address(const struct place *p)
{
	uint32_t n;

	return is_of(p->it, H248_TOK_SERVICE_CHANGE_ADDRESS) && p->it->value.p[0] != '[' && p->it->value.p[0] != '<' &&
		gw_sv_u32(p->it->value, &n);
}

/* "Topology { SG, ...": a name that could be a token is one to its parser. */
static bool term_as_token(const struct place *p)
{
	return (is_of(p->parent, H248_TOK_TOPOLOGY) || is_of(p->parent, H248_TOK_MUX)) && p->it->token == H248_TOK_NONE &&
		h248_token_lookup(p->it->name);
}

static bool parameter_as_token(const struct place *p)
{
	return p->it->token == H248_TOK_NONE && p->it->relation && h248_token_lookup(p->it->name);
}

static bool value_as_token(const struct place *p)
{
	return p->it->token == H248_TOK_NONE && p->it->relation && !p->it->is_quoted && h248_token_lookup(p->it->value);
}

static bool has_empty_part(struct gw_sv id)
{
	struct gw_sv part;
	bool more = id.len > 0;

	while (more) {
		more = gw_sv_cut(id, '/', &part, &id);
		if (part.len == 0)
			return true;
	}
	return false;
}

/* ip//1, ip/1/: a path may be so written. */
static bool empty_part(const struct place *p)
{
	for (const struct h248_item *v = p->it; v; v = v == p->it ? v->list : v->next)
		if (has_empty_part(v->value))
			return true;
	return p->it->token == H248_TOK_NONE && !p->it->relation && has_empty_part(p->it->name);
}

static void as_path(struct h248_item *it)
{
	it->list = NULL;
	it->bracket = 0;
	if (it->relation)
		it->value = GW_SV("T1");
	else
		it->name = GW_SV("T1");
}

static bool is_sdp_line(struct gw_sv line)
{
	struct gw_sv w[4], more;
	unsigned n = 0;
	uint32_t v;

	if (line.len < 3 || line.p[1] != '=' || gw_sv_chr(line, '\r', 0) < line.len)
		return line.len == 0;
	if (line.p[0] < 'a' || line.p[0] > 'z')
		return false;
	if (line.p[0] == 'v')
		return gw_sv_eq(line, GW_SV("v=0"));
	if (line.p[0] != 'c' && line.p[0] != 'm')
		return true;
	while (n < 4 && gw_sv_word(&line, &w[n]))
		n++;
	if (w[0].p[0] == 'c')
		return n == 3;
	for (more = w[3]; n == 4 && more.len; n -= !gw_sv_word(&line, &more))
		if (gw_sv_u32(more, &v) && !gw_sv_eq(more, GW_SV("-")) && !gw_sv_eq(more, GW_SV("$")))
			return false;
	return n >= 3;
}

static bool is_sdp(struct gw_sv s)
{
	struct gw_sv line;
	size_t brace = gw_sv_chr(s, '{', 0);

	/* one at the end of a line is a word to it, other ones are not */
	if (brace < s.len && (gw_sv_chr(s, '{', brace + 1) < s.len || brace == 0 || s.p[brace - 1] != ' ' ||
			(brace + 1 < s.len && s.p[brace + 1] != '\r')))
		return false;
	while (s.len) {
		gw_sv_cut(s, '\n', &line, &s);
		if (!is_sdp_line(gw_sv_trim(line)))
			return false;
	}
	return true;
}

static bool octets(const struct place *p)
{
	return (is_of(p->it, H248_TOK_LOCAL) || is_of(p->it, H248_TOK_REMOTE)) && p->it->raw.len &&
		(!is_sdp(p->it->raw) || gw_sv_chr(p->it->raw, '}', 0) < p->it->raw.len);
}

static void as_sdp(struct h248_item *it)
{
	it->raw = GW_SV("v=0\r\n");
}

static void as_term(struct h248_item *it)
{
	it->name = GW_SV("T1");
}

static void as_number(struct h248_item *it)
{
	it->value = GW_SV("900");
}

static const struct {
	const char *name;
	bool (*is)(const struct place *p);
	void (*amend)(struct h248_item *it);	/* NULL: it goes */
} classes[] = {
	{ "ContextAudit in version 1", context_audit_1, NULL },
	{ "ContextAttr within ContextAudit", context_attr_audit, NULL },
	{ "ANDLgc, ORLgc", select_logic, NULL },
	{ "Segment", segment, NULL },
	{ "single items within Audit", audit_item, NULL },
	{ "relations, lists and ranges in parameters", parameter, NULL },
	{ "Modem", modem, NULL },
	{ "RegulatedNotify", regulated, NULL },
	{ "Embed without braces within", embedded, NULL },
	{ "KeepActive beside Embed", kept_and_embedded, NULL },
	{ "extensions of ServiceChange", extension, NULL },
	{ "an Error in the place of ObservedEvents", notify_error, NULL },
	{ "NotifyCompletion={Iteration}", iteration, NULL },
	{ "an empty Reason", empty_reason, as_number },
	{ "a device name for ServiceChangeAddress", device_address, as_number },
	{ "a termination that is spelt as a token", term_as_token, as_term },
	{ "a parameter that is spelt as a token", parameter_as_token, NULL },
	{ "a value that is spelt as a token", value_as_token, NULL },
	{ "a TerminationID with an empty part", empty_part, as_path },
	{ "Local or Remote that is no SDP, or has a brace", octets, as_sdp },
};
#define N_CLASSES (sizeof(classes) / sizeof(classes[0]))
#define LATER_VERSION N_CLASSES

const char *beyond_name(unsigned i)
{
	return i < N_CLASSES ? classes[i].name : i == LATER_VERSION ? "a version after 3" : NULL;
}

static unsigned class_of(const struct place *p)
{
	unsigned i = 0;

	while (i < N_CLASSES && !classes[i].is(p))
		i++;
	return i;
}

/* What braces that have become empty mean: nothing, or they go. */
static bool stays(struct h248_item *it)
{
	unsigned n;
	const struct h248_row *rows;

	if (it->token == H248_TOK_NONE)
		it->has_braces = false;
	if (it->token == H248_TOK_NONE || it->token == H248_TOK_AUDIT)
		return true;
	for (unsigned r = H248_R_BODY; r < H248_R_COUNT; r++) {
		rows = h248_rows((enum h248_rule)r, &n);
		for (unsigned i = 0; i < n; i++)
			if (rows[i].token == it->token && it->token && rows[i].braces == H248_B_MAY && rows[i].form == H248_F_TERMS && it->token != H248_TOK_NOTIFY) {
				it->has_braces = false;
				return true;
			}
	}
	return false;
}

static uint32_t take_out(struct h248_item **list, const struct h248_item *parent, unsigned version)
{
	uint32_t found = 0;

	for (struct h248_item **p = list; *p;) {
		struct h248_item *it = *p;
		unsigned k = class_of(&(struct place){ it, parent, version });
		bool had = it->child;

		if (k < N_CLASSES) {
			found |= 1u << k;
			if (!classes[k].amend) {
				*p = it->next;
				continue;
			}
			classes[k].amend(it);
		}
		found |= take_out(&it->child, it, version);
		if (had && !it->child && !stays(it))
			*p = it->next;
		else
			p = &it->next;
	}
	return found;
}

uint32_t beyond_take_out(struct h248_message *m, struct gw_arena *arena)
{
	struct h248_item *pending;
	uint32_t found = take_out(&m->body, NULL, m->version);

	if (m->version > 3) {	/* the transaction is answered with 406 */
		m->version = 3;
		found |= 1u << LATER_VERSION;
	}

	if (!m->body && (pending = gw_arena_new(arena, struct h248_item))) {	/* something has to be there */
		pending->token = H248_TOK_PENDING;
		pending->relation = '=';
		pending->value = GW_SV("1");
		pending->has_braces = true;
		m->body = pending;
	}
	return found;
}
