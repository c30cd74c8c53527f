/* SPDX-License-Identifier: Apache-2.0 */
/* Typed messages -> H.248 text. Conventions of iq.md 6.4. */
#include "proto/iq/codec_int.h"

void iq_enc_token(struct iq_enc *e, enum h248_token t)
{
	gw_buf_put(e->b, h248_token_text(t, e->is_long));
}

void iq_enc_comma(struct iq_enc *e, bool *first)
{
	if (!*first)
		gw_buf_putc(e->b, ',');
	*first = false;
}

void iq_enc_quoted(struct iq_enc *e, struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == '"' || ((unsigned char)v.p[i] < ' ' && v.p[i] != '\t'))	/* T-3 */
			e->is_bad = true;
	gw_buf_putc(e->b, '"');
	gw_buf_put(e->b, v);
	gw_buf_putc(e->b, '"');
}

void iq_enc_error(struct iq_enc *e, unsigned code, struct gw_sv text)
{
	iq_enc_token(e, H248_TOK_ERROR);
	gw_buf_printf(e->b, "=%u{", code);
	iq_enc_quoted(e, text.len ? text : gw_sv_cstr(h248_error_text(code)));
	gw_buf_putc(e->b, '}');
}

static void command(struct iq_enc *e, const struct iq_cmd *c)
{
	static const enum h248_token kinds[] = { H248_TOK_ADD, H248_TOK_MODIFY, H248_TOK_SUBTRACT,
		H248_TOK_MOVE, H248_TOK_AUDIT_VALUE, H248_TOK_AUDIT_CAPABILITY, H248_TOK_NOTIFY,
		H248_TOK_SERVICE_CHANGE };
	size_t mark;

	if (c->is_optional)
		gw_buf_puts(e->b, "O-");
	if (c->is_wildcard_response)
		gw_buf_puts(e->b, "W-");
	iq_enc_token(e, kinds[c->kind]);
	gw_buf_putc(e->b, '=');
	gw_buf_put(e->b, c->term.text);
	mark = e->b->len;
	gw_buf_putc(e->b, '{');
	iq_enc_descriptors(e, c);
	if (e->b->len == mark + 1)
		e->b->len = mark;
	else
		gw_buf_putc(e->b, '}');
}

static void topology(struct iq_enc *e, const struct iq_action *a)
{
	static const enum h248_token words[] = { H248_TOK_BOTHWAY, H248_TOK_ISOLATE, H248_TOK_ONEWAY,
		H248_TOK_ONEWAY_EXTERNAL, H248_TOK_ONEWAY_BOTH };
	bool first = true;

	iq_enc_token(e, H248_TOK_TOPOLOGY);
	gw_buf_putc(e->b, '{');
	for (unsigned i = 0; i < a->n_topology; i++) {
		const struct iq_topology *t = &a->topology[i];

		iq_enc_comma(e, &first);
		gw_buf_put(e->b, t->from.text);
		gw_buf_putc(e->b, ',');
		gw_buf_put(e->b, t->to.text);
		gw_buf_putc(e->b, ',');
		iq_enc_token(e, words[t->direction]);
		if (t->stream) {
			gw_buf_putc(e->b, ',');
			iq_enc_token(e, H248_TOK_STREAM);
			gw_buf_printf(e->b, "=%u", t->stream);
		}
	}
	gw_buf_putc(e->b, '}');
}

static void context_audit(struct iq_enc *e, unsigned bits)
{
	static const struct {
		unsigned bit;
		enum h248_token token;
	} t[] = { { IQ_AUDIT_TOPOLOGY, H248_TOK_TOPOLOGY }, { IQ_AUDIT_EMERGENCY, H248_TOK_EMERGENCY },
		{ IQ_AUDIT_PRIORITY, H248_TOK_PRIORITY }, { IQ_AUDIT_IEPS, H248_TOK_IEPS_CALL } };
	bool first = true;

	iq_enc_token(e, H248_TOK_CONTEXT_AUDIT);
	gw_buf_putc(e->b, '{');
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (bits & t[i].bit) {
			iq_enc_comma(e, &first);
			iq_enc_token(e, t[i].token);
		}
	gw_buf_putc(e->b, '}');
}

static void context_properties(struct iq_enc *e, const struct iq_action *a, bool *first)
{
	if (a->n_topology) {
		iq_enc_comma(e, first);
		topology(e, a);
	}
	if (a->priority >= 0) {
		iq_enc_comma(e, first);
		iq_enc_token(e, H248_TOK_PRIORITY);
		gw_buf_printf(e->b, "=%d", a->priority);
	}
	if (a->is_emergency || a->is_emergency_off) {
		iq_enc_comma(e, first);
		iq_enc_token(e, a->is_emergency ? H248_TOK_EMERGENCY : H248_TOK_EMERGENCY_OFF);
	}
	if (a->ieps != IQ_ABSENT) {
		iq_enc_comma(e, first);
		iq_enc_token(e, H248_TOK_IEPS_CALL);
		gw_buf_puts(e->b, a->ieps == IQ_ON ? "=ON" : "=OFF");
	}
	if (a->context_audit) {
		iq_enc_comma(e, first);
		context_audit(e, a->context_audit);
	}
}

static void action(struct iq_enc *e, const struct iq_action *a)
{
	bool first = true;
	size_t mark;

	iq_enc_token(e, H248_TOK_CONTEXT);
	if (a->context == IQ_CONTEXT_NULL)
		gw_buf_puts(e->b, "=-");
	else if (a->context == IQ_CONTEXT_CHOOSE)
		gw_buf_puts(e->b, "=$");
	else if (a->context == IQ_CONTEXT_ALL)
		gw_buf_puts(e->b, "=*");
	else
		gw_buf_printf(e->b, "=%u", a->context);
	mark = e->b->len;
	gw_buf_putc(e->b, '{');
	context_properties(e, a, &first);
	for (unsigned i = 0; i < a->n_cmds; i++) {
		iq_enc_comma(e, &first);
		command(e, &a->cmds[i]);
	}
	if (a->error) {
		iq_enc_comma(e, &first);
		iq_enc_error(e, a->error, a->error_text);
	}
	if (first)
		e->b->len = mark;	/* empty braces are a syntax error */
	else
		gw_buf_putc(e->b, '}');
}

static void transaction(struct iq_enc *e, const struct iq_txn *t)
{
	bool first = true;

	switch (t->kind) {
	case IQ_PENDING:
		iq_enc_token(e, H248_TOK_PENDING);
		gw_buf_printf(e->b, "=%u{}", t->id);
		return;
	case IQ_ACK:
		iq_enc_token(e, H248_TOK_RESPONSE_ACK);
		gw_buf_printf(e->b, "{%u", t->id);
		if (t->id_last > t->id)
			gw_buf_printf(e->b, "-%u", t->id_last);
		gw_buf_putc(e->b, '}');
		return;
	case IQ_REQUEST:
	case IQ_REPLY:
		break;
	}
	iq_enc_token(e, t->kind == IQ_REQUEST ? H248_TOK_TRANSACTION : H248_TOK_REPLY);
	gw_buf_printf(e->b, "=%u{", t->id);
	if (t->imm_ack) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_IMM_ACK);
	}
	for (unsigned i = 0; i < t->n_actions; i++) {
		iq_enc_comma(e, &first);
		action(e, &t->actions[i]);
	}
	if (t->error) {
		iq_enc_comma(e, &first);
		iq_enc_error(e, t->error, t->error_text);
	}
	gw_buf_putc(e->b, '}');
}

enum gw_err iq_encode(const struct iq_msg *m, const struct iq_codec *codec, struct gw_buf *out)
{
	struct iq_enc e = { .b = out, .is_long = codec->long_tokens };

	gw_buf_puts(out, e.is_long ? "MEGACO/" : "!/");
	gw_buf_printf(out, "%u ", m->version);
	gw_buf_put(out, m->mid);
	gw_buf_putc(out, ' ');
	if (m->error)
		iq_enc_error(&e, m->error, m->error_text);
	for (unsigned i = 0; i < m->n_txns; i++)
		transaction(&e, &m->txns[i]);
	if (e.is_bad)
		return GW_EINVAL;
	return out->overflow ? GW_ENOSPC : GW_OK;
}
