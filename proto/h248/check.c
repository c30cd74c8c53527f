/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of items held against the grammar; mistakes get their H.248.8 code at their level. */
#include "proto/h248/check.h"

#define MAX_PROPERTIES 64	/* of one descriptor; more are no gateway's, and comparing them all would take long */

enum level { L_MESSAGE, L_TRANSACTION, L_ACTION, L_COMMAND };

struct chk {
	struct h248_message *m;
	struct gw_arena *arena;
	struct gw_diag *diag;
	enum level level;
	struct h248_item *at;	/* the transaction, action or command we are in */
};

static const unsigned syntax_codes[] = { 400, 403, 422, 442 };

static enum gw_err fault_near(struct chk *c, const struct h248_item *it, unsigned code, const char *what,
	struct gw_sv near)
{
	struct h248_fault *f;

	if (c->m->n_faults == 0 && c->diag && c->diag->what[0] == '\0')
		*c->diag = (struct gw_diag){ it->off, what };
	if (c->level == L_MESSAGE)
		return GW_EBADMSG;
	if (c->at->fault)	/* the first one is reported */
		return GW_OK;
	f = gw_arena_new(c->arena, struct h248_fault);
	if (!f)
		return GW_ENOMEM;
	*f = (struct h248_fault){ code ? code : syntax_codes[c->level], it->off, what, near };
	c->at->fault = f;
	c->m->n_faults++;
	return GW_OK;
}

static enum gw_err fault(struct chk *c, const struct h248_item *it, unsigned code, const char *what)
{
	return fault_near(c, it, code, what, it->is_quoted_name ? GW_SV_NONE : it->name);
}

/* "O-", "W-" and "O-W-" belong to the commands of a request, to nothing else. */
static bool prefix_is_legal(struct gw_sv name, const struct h248_row *row)
{
	bool has_o = gw_sv_istarts(name, GW_SV("O-")), has_w;

	if (has_o)
		name = gw_sv_sub(name, 2, name.len);
	has_w = gw_sv_istarts(name, GW_SV("W-"));
	if (has_w)
		name = gw_sv_sub(name, 2, name.len);
	if (gw_sv_istarts(name, GW_SV("O-")) || gw_sv_istarts(name, GW_SV("W-")))
		return false;
	return (!has_o && !has_w) || (row->rule == H248_R_ACTION && row->form == H248_F_TERMS);
}

static const struct h248_row *match(const struct h248_item *it, enum h248_rule rule, unsigned version)
{
	unsigned n;
	const struct h248_row *rows = h248_rows(rule, &n), *word = NULL, *token = NULL;

	for (unsigned i = 0; i < n; i++) {
		if (rows[i].since > version && !(rows[i].since == 1))
			continue;
		if (rows[i].word == H248_W_TOKEN) {
			if (rows[i].token == it->token && !it->is_quoted_name && prefix_is_legal(it->name, &rows[i]))
				token = &rows[i];
		} else if (!word && h248_word_is(rows[i].word, it)) {
			word = &rows[i];
		}
	}
	/* "KA=1" is a parameter that happens to be spelt as a token */
	if (token && word && token->form == H248_F_NONE && it->relation)
		return word;
	return token ? token : word;
}

static bool is_descriptor(enum h248_token t)
{
	return t == H248_TOK_MEDIA || t == H248_TOK_MODEM || t == H248_TOK_MUX || t == H248_TOK_EVENTS ||
		t == H248_TOK_EVENT_BUFFER || t == H248_TOK_SIGNALS || t == H248_TOK_DIGIT_MAP ||
		t == H248_TOK_AUDIT || t == H248_TOK_STATISTICS || t == H248_TOK_OBSERVED_EVENTS ||
		t == H248_TOK_SERVICES || t == H248_TOK_PACKAGES;
}

/* What stands here and must not. */
static enum gw_err unknown(struct chk *c, const struct h248_item *it, enum h248_rule rule)
{
	switch (rule) {
	case H248_R_ACTION:
		return fault(c, it, 443, "no command and no property of a context");
	case H248_R_AMM:
	case H248_R_AUDIT_ONLY:
	case H248_R_NOTIFY:
	case H248_R_SERVICE_CHANGE:
	case H248_R_AMM_REPLY:
	case H248_R_ERROR_ONLY:
	case H248_R_SERVICE_CHANGE_REPLY:
		return is_descriptor(it->token) ? fault(c, it, 447, "descriptor is not legal in this command") :
						  fault(c, it, 444, "unknown descriptor");
	case H248_R_MEDIA:
	case H248_R_STREAM:
	case H248_R_AUDIT:
	case H248_R_AUDIT_MEDIA:
	case H248_R_AUDIT_STREAM:
		return fault(c, it, 444, "unknown part of a descriptor");
	case H248_R_LOCAL_CONTROL:
	case H248_R_STATE:
		return fault(c, it, 445, "neither a property nor package/name");
	case H248_R_EVENT:
	case H248_R_EVENT_2:
	case H248_R_OBSERVED_EVENT:
	case H248_R_SIGNAL:
		return fault(c, it, 446, "no parameter of an event or signal");
	default:
		return fault(c, it, 0, "does not belong here");
	}
}

static enum gw_err twice(struct chk *c, const struct h248_item *it, enum h248_rule rule)
{
	if (rule == H248_R_LOCAL_CONTROL || rule == H248_R_STATE)
		return fault(c, it, 456, "property appears twice");
	if (c->level == L_COMMAND && (is_descriptor(it->token) || rule == H248_R_MEDIA || rule == H248_R_STREAM))
		return fault(c, it, 448, "descriptor appears twice");
	return fault(c, it, 0, "appears twice");
}

/* 456 for names, too. */
static enum gw_err properties(struct chk *c, const struct h248_item *parent)
{
	unsigned n = 0;

	for (const struct h248_item *a = parent->child; a; a = a->next) {
		if (++n > MAX_PROPERTIES)
			return fault(c, a, 0, "too many properties in one descriptor");
		for (const struct h248_item *b = parent->child; b != a; b = b->next)
			if (a->token == H248_TOK_NONE && gw_sv_ieq(a->name, b->name))
				return fault(c, a, 456, "property appears twice");
	}
	return GW_OK;
}

static unsigned form_code(const struct h248_row *row)
{
	switch (row->form) {
	case H248_F_MODE:
		return 517;
	case H248_F_TERMS:
		return 410;
	case H248_F_ONOFF:
	case H248_F_STATE:
	case H248_F_BUFFER:
		return row->rule == H248_R_LOCAL_CONTROL || row->rule == H248_R_STATE ? 449 : 0;
	default:
		return 0;
	}
}

static const struct h248_item *has(const struct h248_item *parent, enum h248_token t)
{
	return h248_child(parent, t);
}

static bool is_direction(enum h248_token t)
{
	return t == H248_TOK_BOTHWAY || t == H248_TOK_ISOLATE || t == H248_TOK_ONEWAY ||
		t == H248_TOK_ONEWAY_EXTERNAL || t == H248_TOK_ONEWAY_BOTH;
}

/* terminationA, terminationB, direction [, Stream], again and again. */
static bool triples(const struct h248_item *parent)
{
	const struct h248_item *p = parent->child;

	while (p) {
		if (p->token || !p->next || p->next->token || !p->next->next || !is_direction(p->next->next->token))
			return false;
		p = p->next->next->next;
		if (p && p->token == H248_TOK_STREAM)
			p = p->next;
	}
	return true;
}

/* What rows cannot say: order, choice, what has to be there. NULL: all is well. */
static const char *whole(const struct h248_item *p, enum h248_rule rule)
{
	const struct h248_item *first = p->child, *e;
	bool is_single = first && !first->next;

	switch (rule) {
	case H248_R_AUDIT_ONLY:
	case H248_R_NOTIFY:
	case H248_R_SERVICE_CHANGE:
	case H248_R_ERROR_ONLY:
	case H248_R_SERVICE_CHANGE_REPLY:
	case H248_R_ERROR:
	case H248_R_EMBED_2:
	case H248_R_AUDIT_STREAM:
	case H248_R_AUDIT_STATE:
	case H248_R_AUDIT_EVENTS:
	case H248_R_AUDIT_BUFFER:
	case H248_R_AUDIT_SIGNALS:
	case H248_R_AUDIT_SIGNAL_LIST:
	case H248_R_AUDIT_STATS:
	case H248_R_AUDIT_PACKAGES:
		return is_single || !first ? NULL : "one thing is legal here";
	case H248_R_EVENT:
	case H248_R_EVENT_2:
		return !!has(p, H248_TOK_NEVER_NOTIFY) + !!has(p, H248_TOK_IMMEDIATE_NOTIFY) +
				!!has(p, H248_TOK_REGULATED_NOTIFY) > 1 ? "one way of notifying" : NULL;
	case H248_R_REPLY:
		if ((e = has(p, H248_TOK_IMM_ACK)) && (e != first || !e->next))
			return "ImmAckRequired stands first, and something behind it";
		e = has(p, H248_TOK_ERROR);
		return e && (e->next || (e != first && first->token != H248_TOK_IMM_ACK)) ? "an error stands alone" : NULL;
	case H248_R_ACTION_REPLY:
		e = has(p, H248_TOK_ERROR);
		if (e && e->next)
			return "an error stands last";
		/* fall through */
	case H248_R_ACTION:
		return has(p, H248_TOK_EMERGENCY) && has(p, H248_TOK_EMERGENCY_OFF) ? "an emergency, or none" : NULL;
	case H248_R_TOPOLOGY:
		return triples(p) ? NULL : "topology is of triples";
	case H248_R_CONTEXT_ATTR:
		return has(p, H248_TOK_CONTEXT_LIST) && !is_single ? "ContextList stands alone" : NULL;
	case H248_R_CONTEXT_AUDIT:
		return has(p, H248_TOK_CONTEXT_ATTR) && !is_single ? "ContextAttr stands alone" : NULL;
	case H248_R_MEDIA:
	case H248_R_AUDIT_MEDIA:
		return has(p, H248_TOK_STREAM) &&
				(has(p, H248_TOK_LOCAL) || has(p, H248_TOK_REMOTE) || has(p, H248_TOK_LOCAL_CONTROL) ||
					has(p, H248_TOK_STATISTICS)) ?
			"either streams or what stands in them" : NULL;
	case H248_R_EMBED:
		e = has(p, H248_TOK_EVENTS);
		return e && e->next ? "signals stand before events" : NULL;
	case H248_R_SERVICES:
		if (!has(p, H248_TOK_METHOD) || !has(p, H248_TOK_REASON))
			return "Method and Reason are required";
		/* fall through */
	case H248_R_SERVICES_REPLY:
		return has(p, H248_TOK_SERVICE_CHANGE_ADDRESS) && has(p, H248_TOK_MGC_ID) ?
			"either ServiceChangeAddress or MgcIdToTry" : NULL;
	default:
		return NULL;
	}
}

static enum gw_err items(struct chk *c, struct h248_item *parent, enum h248_rule rule);

static bool may_be_empty(enum h248_rule r)
{
	return r == H248_R_AUDIT || r == H248_R_ERROR || r == H248_R_EMPTY || r == H248_R_AUDIT_SIGNALS;
}

static enum h248_rule inside(const struct h248_item *it, const struct h248_row *row)
{
	/* "AuditValue = Context { terminations }": which ones a context has */
	if (row->rule == H248_R_ACTION_REPLY && row->inside == H248_R_AMM_REPLY && !it->bracket &&
		(it->token == H248_TOK_AUDIT_VALUE || it->token == H248_TOK_AUDIT_CAPABILITY) &&
		h248_token_lookup(it->value) == H248_TOK_CONTEXT)
		return it->child && it->child->token == H248_TOK_ERROR ? H248_R_ERROR_ONLY : H248_R_TERMS;
	return row->inside;
}

static enum gw_err braces(struct chk *c, struct h248_item *it, const struct h248_row *row)
{
	enum h248_rule in = inside(it, row);
	bool has_id = it->relation != 0;

	if (row->form == H248_F_OPT_REQUEST_ID && row->rule != H248_R_AUDIT && has_id != it->has_braces)
		return fault(c, it, 0, "a request identifier and a list belong together");
	if (row->form == H248_F_MUX && has_id != it->has_braces)
		return fault(c, it, 0, "a type of multiplex and a list of terminations belong together");
	if (row->form == H248_F_MAP && row->braces == H248_B_MAY && !has_id && !it->has_braces &&
		row->rule != H248_R_AMM_REPLY)
		return fault(c, it, 0, "a digit map has a name or a value");
	if (row->form == H248_F_MAP && row->rule == H248_R_AUDIT && has_id && c->m->version < 2)
		return fault(c, it, 0, "one digit map is asked for from version 2 on");
	if (row->form == H248_F_MODEM && !has_id && !it->bracket && row->rule != H248_R_AMM_REPLY)
		return fault(c, it, 0, "a modem has a type");
	if (!it->has_braces && row->rule == H248_R_REPLY && row->form == H248_F_CONTEXT && c->m->version < 3)
		return fault(c, it, 0, "an action without anything is of version 3");
	if (!it->has_braces)
		return row->braces == H248_B_MUST ? fault(c, it, 0, "'{' is missing") : GW_OK;
	if (row->braces == H248_B_NO)
		return fault(c, it, 0, "'{' is not expected here");
	if (row->form == H248_F_MAP && (it->raw.len == 0 || (has_id && row->rule != H248_R_AMM && row->rule != H248_R_AMM_REPLY)))
		return fault(c, it, 0, "a digit map of an event has a name or a value, and none is empty");
	if (in == H248_R_RAW)
		return GW_OK;
	if (!it->child && !may_be_empty(in))
		return fault(c, it, 0, "empty braces");
	return items(c, it, in);
}

static enum level level_of(const struct h248_row *row, enum level now)
{
	if (row->rule == H248_R_BODY && (row->inside == H248_R_REQUEST || row->inside == H248_R_REPLY))
		return L_TRANSACTION;
	if (row->token == H248_TOK_CONTEXT && row->form == H248_F_CONTEXT)
		return L_ACTION;
	return row->form == H248_F_TERMS ? L_COMMAND : now;
}

static enum gw_err one(struct chk *c, struct h248_item *it, const struct h248_row *row)
{
	struct chk outer = *c;
	enum gw_err err = GW_OK;

	it->token = row->token;
	if (row->rule == H248_R_BODY && !h248_form_is(it, row->form, c->m->version))
		return fault(c, it, 0, "identifier of a transaction is expected here");
	if (row->rule == H248_R_BODY && row->braces == H248_B_MUST && !it->has_braces)
		return fault(c, it, 0, "'{' is missing");
	c->level = level_of(row, c->level);
	if (c->level != outer.level)
		c->at = it;
	if (it->timestamp.len && (row->rule != H248_R_OBSERVED ||
			!h248_word_is(H248_W_TIMESTAMP, &(struct h248_item){ .name = it->timestamp })))
		err = fault(c, it, 0, "no time stamp of an event");
	if (!err && row->rule != H248_R_BODY && !h248_form_is(it, row->form, c->m->version))
		err = fault_near(c, it, form_code(row), "value is not of the form that is expected here",
			it->value.len ? it->value : it->name);
	if (!err)
		err = braces(c, it, row);
	c->level = outer.level;
	c->at = outer.at;
	return err;
}

static enum gw_err items(struct chk *c, struct h248_item *parent, enum h248_rule rule)
{
	uint32_t seen = 0;
	unsigned n;
	const struct h248_row *rows = h248_rows(rule, &n);
	enum gw_err err = GW_OK;
	const char *wrong;

	for (struct h248_item *it = parent->child; it && !err; it = it->next) {
		const struct h248_row *row = match(it, rule, c->m->version);

		if (!row) {
			err = unknown(c, it, rule);
			continue;
		}
		if (row->is_once && seen >> (row - rows) & 1)
			err = twice(c, it, rule);
		seen |= 1u << (row - rows);
		if (!err)
			err = one(c, it, row);
	}
	if (!err && (wrong = whole(parent, rule)))
		err = fault(c, parent->child, 0, wrong);
	if (!err && (rule == H248_R_LOCAL_CONTROL || rule == H248_R_STATE))
		err = properties(c, parent);
	return err;
}

enum gw_err h248_check(struct h248_message *m, struct gw_arena *arena, struct gw_diag *diag)
{
	struct chk c = { .m = m, .arena = arena, .diag = diag, .level = L_MESSAGE };
	struct h248_item top = { .child = m->body };
	enum gw_err err = items(&c, &top, H248_R_BODY);

	for (const struct h248_item *it = m->body; it && !err && m->body->next; it = it->next)
		if (it->token == H248_TOK_ERROR)
			err = fault(&c, it, 0, "an error stands alone");
	return err;
}
