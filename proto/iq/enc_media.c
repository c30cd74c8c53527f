/* SPDX-License-Identifier: Apache-2.0 */
/* Media and Audit descriptors of Iq as text. */
#include "proto/iq/codec_int.h"

static void name_is(struct iq_enc *e, bool *first, enum iq_name id)
{
	iq_enc_comma(e, first);
	gw_buf_put(e->b, iq_name_text(id));
	gw_buf_putc(e->b, '=');
}

static void on_off(struct iq_enc *e, bool *first, enum h248_token t, int v)
{
	if (v < 0)
		return;
	iq_enc_comma(e, first);
	iq_enc_token(e, t);
	gw_buf_puts(e->b, v ? "=ON" : "=OFF");
}

static void sdp(struct iq_enc *e, enum h248_token t, struct gw_sv text)
{
	if (gw_sv_chr(text, '}', 0) < text.len)
		e->is_bad = true;	/* T-7 */
	iq_enc_token(e, t);
	gw_buf_puts(e->b, "{\r\n");
	gw_buf_put(e->b, text);
	gw_buf_putc(e->b, '}');
}

static void field(struct iq_enc *e, bool *first, const struct iq_stream *s, const struct iq_field *f)
{
	const char *at = (const char *)s + f->offset;

	if (!iq_field_is_set(s, f))
		return;
	name_is(e, first, f->id);
	switch (iq_name_type(f->id)) {
	case IQ_T_STRING:
		iq_enc_quoted(e, *(const struct gw_sv *)(const void *)at);
		break;
	case IQ_T_UINT:
		gw_buf_u64(e->b, (uint64_t)*(const int64_t *)(const void *)at);
		break;
	case IQ_T_BOOL:
		gw_buf_puts(e->b, *(const int *)(const void *)at ? "ON" : "OFF");
		break;
	case IQ_T_DSCP:
		gw_buf_printf(e->b, "%02X", (unsigned)*(const int *)(const void *)at);
		break;
	default:	/* U16 */
		gw_buf_printf(e->b, "%d", *(const int *)(const void *)at);
	}
}

static void local_control(struct iq_enc *e, const struct iq_stream *s, bool *first)
{
	static const enum h248_token modes[] = { H248_TOK_NONE, H248_TOK_SEND_ONLY, H248_TOK_RECEIVE_ONLY,
		H248_TOK_SEND_RECEIVE, H248_TOK_INACTIVE, H248_TOK_LOOPBACK };
	size_t before = e->b->len, mark;
	bool is_first = *first, f1 = true;
	const struct iq_field *f;

	iq_enc_comma(e, &is_first);
	iq_enc_token(e, H248_TOK_LOCAL_CONTROL);
	gw_buf_putc(e->b, '{');
	mark = e->b->len;
	if (s->mode != IQ_MODE_UNSET) {
		iq_enc_comma(e, &f1);
		iq_enc_token(e, H248_TOK_MODE);
		gw_buf_putc(e->b, '=');
		iq_enc_token(e, modes[s->mode]);
	}
	on_off(e, &f1, H248_TOK_RESERVED_VALUE, s->reserve_value);
	on_off(e, &f1, H248_TOK_RESERVED_GROUP, s->reserve_group);
	for (unsigned i = 0; (f = iq_field_at(i)); i++)
		field(e, &f1, s, f);
	if (e->b->len == mark) {	/* nothing to say */
		e->b->len = before;
		return;
	}
	gw_buf_putc(e->b, '}');
	*first = false;
}

static void stream(struct iq_enc *e, const struct iq_stream *s)
{
	bool first = true;

	iq_enc_token(e, H248_TOK_STREAM);
	gw_buf_printf(e->b, "=%u{", s->id);
	local_control(e, s, &first);
	if (s->has_local) {
		iq_enc_comma(e, &first);
		sdp(e, H248_TOK_LOCAL, s->local);
	}
	if (s->has_remote) {
		iq_enc_comma(e, &first);
		sdp(e, H248_TOK_REMOTE, s->remote);
	}
	if (s->n_stats) {
		iq_enc_comma(e, &first);
		iq_enc_stats(e, s->stats, s->n_stats);
	}
	if (first)
		e->is_bad = true;	/* empty braces are a syntax error */
	gw_buf_putc(e->b, '}');
}

static void termination_state(struct iq_enc *e, const struct iq_cmd *c)
{
	bool first = true;

	iq_enc_token(e, H248_TOK_TERMINATION_STATE);
	gw_buf_putc(e->b, '{');
	if (c->has_service_state) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_SERVICE_STATES);
		gw_buf_putc(e->b, '=');
		iq_enc_token(e, c->is_in_service ? H248_TOK_IN_SERVICE :
			c->is_test ? H248_TOK_TEST : H248_TOK_OUT_OF_SERVICE);
	}
	for (unsigned i = 0; i < c->n_props; i++) {
		name_is(e, &first, c->props[i].id);
		iq_enc_value(e, iq_name_type(c->props[i].id), c->props[i].value);
	}
	gw_buf_putc(e->b, '}');
}

void iq_enc_media(struct iq_enc *e, const struct iq_cmd *c)
{
	bool first = true;

	iq_enc_token(e, H248_TOK_MEDIA);
	gw_buf_putc(e->b, '{');
	if (c->has_service_state || c->n_props) {
		iq_enc_comma(e, &first);
		termination_state(e, c);
	}
	for (unsigned i = 0; i < c->n_streams; i++) {
		iq_enc_comma(e, &first);
		stream(e, &c->streams[i]);
	}
	gw_buf_putc(e->b, '}');
}

static void named(struct iq_enc *e, enum h248_token t, struct gw_sv name)
{
	iq_enc_token(e, t);
	gw_buf_putc(e->b, '{');
	gw_buf_put(e->b, name);
	gw_buf_putc(e->b, '}');
}

/* What stands within Media: version 2 has one thing in a stream or in TerminationState. */
static void media_part(struct iq_enc *e, const struct iq_audit_item *it)
{
	if (it->what == IQ_AUDIT_STATE) {
		named(e, H248_TOK_TERMINATION_STATE, iq_name_text(it->name));
		return;
	}
	if (it->stream) {
		iq_enc_token(e, H248_TOK_STREAM);
		gw_buf_printf(e->b, "=%u{", it->stream);
	}
	if (it->what == IQ_AUDIT_LOCAL || it->what == IQ_AUDIT_REMOTE)
		iq_enc_token(e, it->what == IQ_AUDIT_LOCAL ? H248_TOK_LOCAL : H248_TOK_REMOTE);
	else if (it->what == IQ_AUDIT_MODE)
		named(e, H248_TOK_LOCAL_CONTROL, h248_token_text(H248_TOK_MODE, e->is_long));
	else if (it->what == IQ_AUDIT_RESERVE)
		named(e, H248_TOK_LOCAL_CONTROL, h248_token_text(H248_TOK_RESERVED_VALUE, e->is_long));
	else if (it->what == IQ_AUDIT_STATISTICS)
		named(e, H248_TOK_STATISTICS, iq_name_text(it->name));
	else
		named(e, H248_TOK_LOCAL_CONTROL, iq_name_text(it->name));
	if (it->stream)
		gw_buf_putc(e->b, '}');
}

static bool is_media_part(const struct iq_audit_item *it)
{
	return it->what == IQ_AUDIT_LOCAL || it->what == IQ_AUDIT_REMOTE || it->what == IQ_AUDIT_MODE ||
		it->what == IQ_AUDIT_RESERVE || it->what == IQ_AUDIT_LOCAL_CONTROL ||
		it->what == IQ_AUDIT_STATE || (it->what == IQ_AUDIT_STATISTICS && it->stream);
}

static void audit_media(struct iq_enc *e, const struct iq_cmd *c, bool *first)
{
	bool f = true;

	for (unsigned i = 0; i < c->n_audit_items; i++)
		f = f && !is_media_part(&c->audit_items[i]);
	if (f && !(c->audit & IQ_AUDIT_STATE))
		return;
	f = true;
	iq_enc_comma(e, first);
	iq_enc_token(e, H248_TOK_MEDIA);
	gw_buf_putc(e->b, '{');
	if (c->audit & IQ_AUDIT_STATE) {
		iq_enc_comma(e, &f);
		named(e, H248_TOK_TERMINATION_STATE, h248_token_text(H248_TOK_SERVICE_STATES, e->is_long));
	}
	for (unsigned i = 0; i < c->n_audit_items; i++)
		if (is_media_part(&c->audit_items[i])) {
			iq_enc_comma(e, &f);
			media_part(e, &c->audit_items[i]);
		}
	gw_buf_putc(e->b, '}');
}

static void audit_part(struct iq_enc *e, const struct iq_audit_item *it)
{
	if (it->what == IQ_AUDIT_PACKAGES)
		named(e, H248_TOK_PACKAGES, it->package);
	else
		named(e, it->what == IQ_AUDIT_EVENTS ? H248_TOK_EVENTS :
				it->what == IQ_AUDIT_SIGNALS ? H248_TOK_SIGNALS : H248_TOK_STATISTICS,
			iq_name_text(it->name));
}

void iq_enc_audit(struct iq_enc *e, const struct iq_cmd *c)
{
	static const struct {
		unsigned bit;
		enum h248_token token;
	} t[] = { { IQ_AUDIT_MEDIA, H248_TOK_MEDIA }, { IQ_AUDIT_EVENTS, H248_TOK_EVENTS },
		{ IQ_AUDIT_SIGNALS, H248_TOK_SIGNALS }, { IQ_AUDIT_STATISTICS, H248_TOK_STATISTICS },
		{ IQ_AUDIT_PACKAGES, H248_TOK_PACKAGES }, { IQ_AUDIT_OBSERVED, H248_TOK_OBSERVED_EVENTS },
		{ IQ_AUDIT_EVENT_BUFFER, H248_TOK_EVENT_BUFFER }, { IQ_AUDIT_DIGIT_MAP, H248_TOK_DIGIT_MAP } };
	bool first = true;

	iq_enc_token(e, H248_TOK_AUDIT);
	gw_buf_putc(e->b, '{');
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (c->audit & t[i].bit) {
			iq_enc_comma(e, &first);
			iq_enc_token(e, t[i].token);
		}
	audit_media(e, c, &first);
	for (unsigned i = 0; i < c->n_audit_items; i++)
		if (!is_media_part(&c->audit_items[i])) {
			iq_enc_comma(e, &first);
			audit_part(e, &c->audit_items[i]);
		}
	gw_buf_putc(e->b, '}');
}
