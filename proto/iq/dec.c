/* SPDX-License-Identifier: Apache-2.0 */
/* H.248 tree -> typed messages. What is wrong is noted at its own level (iq.md 3.5). */
#include "proto/iq/codec_int.h"

void iq_dec_fault(struct iq_cmd *c, unsigned code, struct gw_sv text)
{
	if (c->error == 0) {
		c->error = code;
		c->error_text = text;
	}
}

/* Grows by doubling: 0, 1, 2, 4, 8 are full. */
void *iq_dec_grow(struct iq_dec *d, void **list, unsigned *n, size_t size, unsigned max)
{
	if (*n >= max)
		return NULL;
	if ((*n & (*n - 1)) == 0) {
		void *g = gw_arena_calloc(d->arena, *n ? *n * 2u : 1, size);

		if (!g)
			return NULL;
		if (*n)
			memcpy(g, *list, *n * size);
		*list = g;
	}
	return (char *)*list + size * (*n)++;
}

static void services(struct iq_cmd *c, const struct h248_item *sv)
{
	static const enum h248_token methods[] = { H248_TOK_NONE, H248_TOK_RESTART, H248_TOK_GRACEFUL,
		H248_TOK_FORCED, H248_TOK_DISCONNECTED, H248_TOK_HANDOFF, H248_TOK_FAILOVER };
	uint32_t n;

	for (const struct h248_item *p = sv->child; p; p = p->next) {
		switch (p->token) {
		case H248_TOK_METHOD:
			for (int i = 1; i <= IQ_FAILOVER; i++)
				if (h248_token_lookup(p->value) == methods[i])
					c->sc.method = (enum iq_method)i;
			break;
		case H248_TOK_REASON:	/* M-17: 901, "901", "901 Cold boot" */
			if (gw_sv_uint_max(gw_sv_sub(p->value, 0, 3), 999, &n) == GW_OK)
				c->sc.reason = n;
			break;
		case H248_TOK_VERSION:
			if (gw_sv_uint_max(p->value, 99, &n) == GW_OK)
				c->sc.version = n;
			break;
		case H248_TOK_PROFILE:
			c->sc.profile = p->value;
			break;
		case H248_TOK_MGC_ID:
			c->sc.mgc_id = p->value;
			break;
		case H248_TOK_DELAY:
			if (gw_sv_u32(p->value, &n) == GW_OK)
				c->sc.delay_s = n;
			break;
		case H248_TOK_SERVICE_CHANGE_ADDRESS:
			c->sc.address = p->value;
			break;
		default:	/* a time stamp; extensions are of no use to us */
			if (!p->relation && p->name.len == 17)
				c->sc.timestamp = p->name;
			break;
		}
	}
}

static bool read_error(const struct h248_item *it, unsigned *code, struct gw_sv *text)
{
	uint32_t n;

	if (it->token != H248_TOK_ERROR || gw_sv_uint_max(it->value, 999, &n))
		return false;
	*code = n ? n : 500;
	*text = it->child && it->child->is_quoted_name ? it->child->name : GW_SV_NONE;
	return true;
}

void iq_dec_descriptor(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *p)
{
	unsigned code;

	switch (p->token) {
	case H248_TOK_MEDIA:
		iq_dec_media(d, c, p);
		break;
	case H248_TOK_EVENTS:
	case H248_TOK_SIGNALS:
	case H248_TOK_OBSERVED_EVENTS:
		iq_dec_items(d, c, p);
		break;
	case H248_TOK_AUDIT:
		iq_dec_audit(d, c, p);
		break;
	case H248_TOK_SERVICES:
		services(c, p);
		break;
	case H248_TOK_STATISTICS:
		iq_dec_stats(d, c, &c->stats, &c->n_stats, p);
		break;
	case H248_TOK_PACKAGES:
		for (const struct h248_item *q = p->child; q; q = q->next) {
			struct gw_sv *s = iq_dec_grow(d, (void **)&c->packages, &c->n_packages, sizeof(*s), 64);

			if (s)
				*s = q->name;
		}
		break;
	case H248_TOK_ERROR:
		if (read_error(p, &code, &c->error_text))
			c->error = code;
		break;
	default:	/* EventBuffer, DigitMap, Modem, Mux too: no procedure of Iq has them */
		iq_dec_fault(c, 444, p->name);
	}
}

static bool cmd_kind(enum h248_token t, enum iq_cmd_kind *out)
{
	static const enum h248_token kinds[] = { H248_TOK_ADD, H248_TOK_MODIFY, H248_TOK_SUBTRACT,
		H248_TOK_MOVE, H248_TOK_AUDIT_VALUE, H248_TOK_AUDIT_CAPABILITY, H248_TOK_NOTIFY,
		H248_TOK_SERVICE_CHANGE };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (t == kinds[i]) {
			*out = (enum iq_cmd_kind)i;
			return true;
		}
	return false;
}

static uint32_t context_id(struct gw_sv v)
{
	uint32_t n = IQ_CONTEXT_NULL;

	if (gw_sv_eq(v, GW_SV("$")))
		return IQ_CONTEXT_CHOOSE;
	if (gw_sv_eq(v, GW_SV("*")))
		return IQ_CONTEXT_ALL;
	(void)!gw_sv_u32(v, &n);	/* "-", or a number: the grammar saw to it */
	return n;
}

static void command(struct iq_dec *d, struct iq_action *a, const struct h248_item *it,
	enum iq_cmd_kind kind, struct gw_sv term)
{
	struct iq_cmd *c = iq_dec_grow(d, (void **)&a->cmds, &a->n_cmds, sizeof(*c), IQ_MAX_COMMANDS);

	if (!c) {
		a->error = 510;
		return;
	}
	*c = (struct iq_cmd){ .kind = kind, .term = iq_term(term) };
	for (struct gw_sv n = it->name; n.len > 2 && n.p[1] == '-'; n = gw_sv_sub(n, 2, n.len)) {
		c->is_optional |= gw_lower(n.p[0]) == 'o';
		c->is_wildcard_response |= gw_lower(n.p[0]) == 'w';
	}
	if (it->fault) {
		iq_dec_fault(c, it->fault->code, it->fault->near);
		return;
	}
	for (const struct h248_item *p = it->child; p; p = p->next)
		iq_dec_descriptor(d, c, p);
}

/* A list of terminations is the command for each of them (H.248.1 version 3). */
static void commands(struct iq_dec *d, struct iq_action *a, const struct h248_item *it, enum iq_cmd_kind kind)
{
	command(d, a, it, kind, it->value);
	for (const struct h248_item *t = it->list; t; t = t->next)
		command(d, a, it, kind, t->value);
}

static bool direction_of(enum h248_token t, enum iq_direction *out)
{
	static const enum h248_token words[] = { H248_TOK_BOTHWAY, H248_TOK_ISOLATE, H248_TOK_ONEWAY,
		H248_TOK_ONEWAY_EXTERNAL, H248_TOK_ONEWAY_BOTH };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (t == words[i]) {
			*out = (enum iq_direction)i;
			return true;
		}
	return false;
}

/* Triples "from, to, direction", each with its Stream behind it if it has one. */
static bool topology(struct iq_dec *d, struct iq_action *a, const struct h248_item *tp)
{
	const struct h248_item *p = tp->child;
	uint32_t n;

	while (p) {
		struct iq_topology *t = iq_dec_grow(d, (void **)&a->topology, &a->n_topology, sizeof(*t), 64);

		if (!t || !p->next || !p->next->next || !direction_of(p->next->next->token, &t->direction))
			return false;
		t->from = iq_term(p->name);
		t->to = iq_term(p->next->name);
		t->stream = 0;
		p = p->next->next->next;
		if (p && p->token == H248_TOK_STREAM) {
			if (gw_sv_uint_max(p->value, UINT16_MAX, &n))
				return false;
			t->stream = (uint16_t)n;
			p = p->next;
		}
	}
	return a->n_topology > 0;
}

static unsigned context_audit(const struct h248_item *ca)
{
	unsigned bits = 0;

	for (const struct h248_item *p = ca->child; p; p = p->next) {
		bits |= p->token == H248_TOK_TOPOLOGY ? IQ_AUDIT_TOPOLOGY : 0;
		bits |= p->token == H248_TOK_EMERGENCY ? IQ_AUDIT_EMERGENCY : 0;
		bits |= p->token == H248_TOK_PRIORITY ? IQ_AUDIT_PRIORITY : 0;
		bits |= p->token == H248_TOK_IEPS_CALL ? IQ_AUDIT_IEPS : 0;
	}
	return bits;
}

/* M-3. @return the code of what is wrong, or 0 */
static unsigned context_property(struct iq_dec *d, struct iq_action *a, const struct h248_item *p)
{
	enum h248_token v;
	uint32_t n;

	switch (p->token) {
	case H248_TOK_PRIORITY:
		if (gw_sv_uint_max(p->value, 15, &n))
			return 422;
		a->priority = (int)n;
		return 0;
	case H248_TOK_EMERGENCY:
		a->is_emergency = true;
		return 0;
	case H248_TOK_EMERGENCY_OFF:
		a->is_emergency_off = true;
		return 0;
	case H248_TOK_IEPS_CALL:
		v = h248_token_lookup(p->value);
		a->ieps = v == H248_TOK_ON ? IQ_ON : IQ_OFF;
		return v == H248_TOK_ON || v == H248_TOK_OFF ? 0 : 422;
	case H248_TOK_TOPOLOGY:
		return topology(d, a, p) ? 0 : 422;
	case H248_TOK_CONTEXT_AUDIT:
		a->context_audit = context_audit(p);
		return 0;
	case H248_TOK_CONTEXT_ATTR:	/* the base context package is none of Iq's */
		return 440;
	default:
		return 443;
	}
}

/* What is wrong by its name; else in a sentence. */
static struct gw_sv fault_text(const struct h248_fault *f)
{
	return f->near.len ? f->near : gw_sv_cstr(f->what);
}

static void action(struct iq_dec *d, struct iq_txn *t, const struct h248_item *it)
{
	struct iq_action *a = iq_dec_grow(d, (void **)&t->actions, &t->n_actions, sizeof(*a),
		t->kind == IQ_REPLY ? IQ_MAX_REPLY_ACTIONS : IQ_MAX_ACTIONS);
	enum iq_cmd_kind kind;
	unsigned code;

	if (!a) {
		t->error = 510;
		return;
	}
	*a = (struct iq_action){ .priority = -1 };
	a->context = context_id(it->value);
	if (it->fault) {
		a->error = it->fault->code;
		a->error_text = fault_text(it->fault);
		return;
	}
	for (const struct h248_item *p = it->child; p; p = p->next) {
		if (cmd_kind(p->token, &kind)) {
			commands(d, a, p, kind);
		} else if (!read_error(p, &a->error, &a->error_text) &&
			(code = context_property(d, a, p)) && a->error == 0) {
			a->error = code;
			a->error_text = p->name;
		}
	}
}

/* "tid", "tid/segment", "tid/segment/END"; a reply that is whole in one segment is a reply. */
static void reply_id(struct iq_txn *t, struct gw_sv v)
{
	struct gw_sv id, segment;

	gw_sv_cut(v, '/', &id, &segment);
	(void)!gw_sv_u32(id, &t->id);	/* the grammar saw to it */
	if (segment.len && !gw_sv_ieq(segment, GW_SV("1/END")) && !gw_sv_eq(segment, GW_SV("1/&")))
		t->error = 501;		/* segments are put together by nobody on Iq (0.2.4) */
}

static void request_or_reply(struct iq_dec *d, struct iq_txn *t, const struct h248_item *it)
{
	reply_id(t, it->value);
	if (t->kind == IQ_REQUEST && t->id == 0)	/* */
		t->error = 403;
	if (it->fault) {
		t->error = it->fault->code;
		t->error_text = fault_text(it->fault);
		return;
	}
	for (const struct h248_item *p = it->child; p; p = p->next) {
		if (p->token == H248_TOK_CONTEXT)
			action(d, t, p);
		else if (p->token == H248_TOK_IMM_ACK)
			t->imm_ack = true;
		else
			(void)read_error(p, &t->error, &t->error_text);
	}
}

static void acks(struct iq_dec *d, struct iq_msg *m, const struct h248_item *it)
{
	for (const struct h248_item *p = it->child; p; p = p->next) {
		struct iq_txn *t = iq_dec_grow(d, (void **)&m->txns, &m->n_txns, sizeof(*t), 64);
		struct gw_sv a, b;

		if (!t)
			return;
		*t = (struct iq_txn){ .kind = IQ_ACK };
		if (!gw_sv_cut(p->name, '-', &a, &b))
			b = a;
		(void)!gw_sv_u32(a, &t->id);
		(void)!gw_sv_u32(b, &t->id_last);
	}
}

static enum gw_err transaction(struct iq_dec *d, struct iq_msg *m, const struct h248_item *it)
{
	struct iq_txn *t;
	enum iq_txn_kind kind;

	switch (it->token) {
	case H248_TOK_TRANSACTION:
		kind = IQ_REQUEST;
		break;
	case H248_TOK_REPLY:
		kind = IQ_REPLY;
		break;
	case H248_TOK_PENDING:
		kind = IQ_PENDING;
		break;
	case H248_TOK_RESPONSE_ACK:
		acks(d, m, it);
		return GW_OK;
	default:	/* an error, or a receipt for a segment */
		(void)read_error(it, &m->error, &m->error_text);
		return GW_OK;
	}
	t = iq_dec_grow(d, (void **)&m->txns, &m->n_txns, sizeof(*t), 64);
	if (!t)
		return GW_ELIMIT;
	*t = (struct iq_txn){ .kind = kind };
	request_or_reply(d, t, it);
	return GW_OK;
}

enum gw_err iq_decode(struct gw_arena *arena, struct gw_sv text, struct iq_msg *m,
	struct gw_diag *diag)
{
	struct iq_dec d = { arena };
	struct h248_message h;
	enum gw_err err;

	err = h248_parse(&h, arena, text, diag);
	*m = (struct iq_msg){ .version = h.version, .mid = h.mid };
	for (const struct h248_item *it = h.body; it && err == GW_OK; it = it->next)
		err = transaction(&d, m, it);
	return err == GW_OK && arena->failed ? GW_ENOMEM : err;
}
