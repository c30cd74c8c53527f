/* SPDX-License-Identifier: Apache-2.0 */
/* Typed messages -> H.248 text. Conventions of iq.md 6.4. */
#include "proto/h248/text.h"
#include "proto/iq/iq.h"

struct enc {
	struct gw_buf *b;
	bool is_long;
	bool bad;
};

static void tok(struct enc *e, enum h248_token t)
{
	gw_buf_put(e->b, h248_token_text(t, e->is_long));
}

static void sep(struct enc *e, bool *first)
{
	if (!*first)
		gw_buf_putc(e->b, ',');
	*first = false;
}

static void quoted(struct enc *e, struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == '"' || ((unsigned char)v.p[i] < ' ' && v.p[i] != '\t'))	/* T-3 */
			e->bad = true;
	gw_buf_putc(e->b, '"');
	gw_buf_put(e->b, v);
	gw_buf_putc(e->b, '"');
}

static void error(struct enc *e, unsigned code, struct gw_sv text)
{
	tok(e, H248_TOK_ERROR);
	gw_buf_printf(e->b, "=%u{", code);
	quoted(e, text.len ? text : gw_sv_cstr(h248_error_text(code)));
	gw_buf_putc(e->b, '}');
}

static void on_off(struct enc *e, bool *first, enum iq_name id, int v)
{
	if (v < 0)
		return;
	sep(e, first);
	gw_buf_put(e->b, iq_name_text(id));
	gw_buf_puts(e->b, v ? "=ON" : "=OFF");
}

static void integer(struct enc *e, bool *first, enum iq_name id, int64_t v)
{
	if (v < 0)
		return;
	sep(e, first);
	gw_buf_put(e->b, iq_name_text(id));
	gw_buf_putc(e->b, '=');
	gw_buf_u64(e->b, (uint64_t)v);
}

static void sdp(struct enc *e, enum h248_token t, struct gw_sv text)
{
	if (gw_sv_chr(text, '}', 0) < text.len)
		e->bad = true;	/* T-7 */
	tok(e, t);
	gw_buf_puts(e->b, "{\r\n");
	gw_buf_put(e->b, text);
	gw_buf_putc(e->b, '}');
}

static bool has_local_control(const struct iq_stream *s)
{
	return s->mode || s->reserve_value >= 0 || s->realm.len || s->dscp >= 0 || s->saf >= 0 ||
		s->spf >= 0 || s->pol >= 0 || s->rtcp_rsb >= 0 || s->sdr >= 0 || s->mbs >= 0 ||
		s->pdr >= 0;
}

static void local_control(struct enc *e, const struct iq_stream *s)
{
	static const enum h248_token modes[] = { H248_TOK_NONE, H248_TOK_SEND_ONLY,
		H248_TOK_RECEIVE_ONLY, H248_TOK_SEND_RECEIVE, H248_TOK_INACTIVE };
	bool first = true;

	tok(e, H248_TOK_LOCAL_CONTROL);
	gw_buf_putc(e->b, '{');
	if (s->mode) {
		sep(e, &first);
		tok(e, H248_TOK_MODE);
		gw_buf_putc(e->b, '=');
		tok(e, modes[s->mode]);
	}
	if (s->reserve_value >= 0) {
		sep(e, &first);
		tok(e, H248_TOK_RESERVED_VALUE);
		gw_buf_puts(e->b, s->reserve_value ? "=ON" : "=OFF");
	}
	if (s->realm.len) {
		sep(e, &first);
		gw_buf_put(e->b, iq_name_text(IQ_REALM));
		gw_buf_putc(e->b, '=');
		quoted(e, s->realm);
	}
	on_off(e, &first, IQ_SAF, s->saf);
	on_off(e, &first, IQ_SPF, s->spf);
	on_off(e, &first, IQ_POL, s->pol);
	integer(e, &first, IQ_SDR, s->sdr);
	integer(e, &first, IQ_MBS, s->mbs);
	integer(e, &first, IQ_PDR, s->pdr);
	if (s->dscp >= 0) {
		sep(e, &first);
		gw_buf_put(e->b, iq_name_text(IQ_DSCP));
		gw_buf_printf(e->b, "=%02X", (unsigned)s->dscp);
	}
	on_off(e, &first, IQ_RTCPH_RSB, s->rtcp_rsb);
	gw_buf_putc(e->b, '}');
}

static void media(struct enc *e, const struct iq_cmd *c)
{
	bool first = true;

	tok(e, H248_TOK_MEDIA);
	gw_buf_putc(e->b, '{');
	if (c->has_service_state) {
		sep(e, &first);
		tok(e, H248_TOK_TERMINATION_STATE);
		gw_buf_putc(e->b, '{');
		tok(e, H248_TOK_SERVICE_STATES);
		gw_buf_putc(e->b, '=');
		tok(e, c->is_in_service ? H248_TOK_IN_SERVICE : H248_TOK_OUT_OF_SERVICE);
		gw_buf_putc(e->b, '}');
	}
	for (unsigned i = 0; i < c->n_streams; i++) {
		const struct iq_stream *s = &c->streams[i];
		bool f = true;

		sep(e, &first);
		tok(e, H248_TOK_STREAM);
		gw_buf_printf(e->b, "=%u{", s->id);
		if (has_local_control(s)) {
			sep(e, &f);
			local_control(e, s);
		}
		if (s->has_local) {
			sep(e, &f);
			sdp(e, H248_TOK_LOCAL, s->local);
		}
		if (s->has_remote) {
			sep(e, &f);
			sdp(e, H248_TOK_REMOTE, s->remote);
		}
		gw_buf_putc(e->b, '}');
	}
	gw_buf_putc(e->b, '}');
}

static bool is_plain(struct gw_sv v)
{
	if (v.len == 0)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return true;
}

static void item(struct enc *e, const struct iq_item *it)
{
	bool first = true;

	gw_buf_put(e->b, iq_name_text(it->id));
	if (it->stream == 0 && it->n_params == 0)
		return;		/* 6.2: empty braces are a syntax error */
	gw_buf_putc(e->b, '{');
	if (it->stream) {
		sep(e, &first);
		tok(e, H248_TOK_STREAM);
		gw_buf_printf(e->b, "=%u", it->stream);
	}
	for (unsigned i = 0; i < it->n_params; i++) {
		sep(e, &first);
		gw_buf_put(e->b, it->params[i].name);
		gw_buf_putc(e->b, '=');
		/* T-8: words may be tokens, so everything but numbers is quoted */
		if (is_plain(it->params[i].value))
			gw_buf_put(e->b, it->params[i].value);
		else
			quoted(e, it->params[i].value);
	}
	gw_buf_putc(e->b, '}');
}

static void item_list(struct enc *e, enum h248_token t, bool has_id, uint32_t id,
	const struct iq_item *list, unsigned n)
{
	bool first = true;

	tok(e, t);
	if (n == 0)
		return;
	if (has_id)
		gw_buf_printf(e->b, "=%u", id);
	gw_buf_putc(e->b, '{');
	for (unsigned i = 0; i < n; i++) {
		sep(e, &first);
		item(e, &list[i]);
	}
	gw_buf_putc(e->b, '}');
}

static void audit(struct enc *e, unsigned bits)
{
	static const struct {
		unsigned bit;
		enum h248_token token;
	} t[] = { { IQ_AUDIT_MEDIA, H248_TOK_MEDIA }, { IQ_AUDIT_EVENTS, H248_TOK_EVENTS },
		{ IQ_AUDIT_SIGNALS, H248_TOK_SIGNALS }, { IQ_AUDIT_STATISTICS, H248_TOK_STATISTICS },
		{ IQ_AUDIT_PACKAGES, H248_TOK_PACKAGES } };
	bool first = true;

	tok(e, H248_TOK_AUDIT);
	gw_buf_putc(e->b, '{');
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (bits & t[i].bit) {
			sep(e, &first);
			tok(e, t[i].token);
		}
	gw_buf_putc(e->b, '}');
}

static void services(struct enc *e, const struct iq_cmd *c)
{
	static const enum h248_token methods[] = { H248_TOK_NONE, H248_TOK_RESTART, H248_TOK_GRACEFUL,
		H248_TOK_FORCED, H248_TOK_DISCONNECTED, H248_TOK_HANDOFF, H248_TOK_FAILOVER };
	static const char *const reasons[] = { "Service Restored", "Cold Boot", "Warm Boot",
		"MGC Directed Change", "Termination malfunctioning", "Termination taken out of service",
		"Loss of lower layer connectivity", "Transmission failure", "MG impending failure",
		"MGC impending failure" };
	bool first = true;

	tok(e, H248_TOK_SERVICES);
	gw_buf_putc(e->b, '{');
	if (c->sc.method) {
		sep(e, &first);
		tok(e, H248_TOK_METHOD);
		gw_buf_putc(e->b, '=');
		tok(e, methods[c->sc.method]);
		sep(e, &first);
		tok(e, H248_TOK_REASON);
		gw_buf_printf(e->b, "=\"%u %s\"", c->sc.reason,
			c->sc.reason >= 900 && c->sc.reason < 910 ? reasons[c->sc.reason - 900] : "");
	}
	if (c->sc.delay_s) {
		sep(e, &first);
		tok(e, H248_TOK_DELAY);
		gw_buf_printf(e->b, "=%u", c->sc.delay_s);
	}
	if (c->sc.mgc_id.len) {
		sep(e, &first);
		tok(e, H248_TOK_MGC_ID);
		gw_buf_putc(e->b, '=');
		gw_buf_put(e->b, c->sc.mgc_id);
	}
	if (c->sc.profile.len) {
		sep(e, &first);
		tok(e, H248_TOK_PROFILE);
		gw_buf_putc(e->b, '=');
		gw_buf_put(e->b, c->sc.profile);
	}
	if (c->sc.version) {
		sep(e, &first);
		tok(e, H248_TOK_VERSION);
		gw_buf_printf(e->b, "=%u", c->sc.version);
	}
	gw_buf_putc(e->b, '}');
}

static void stats(struct enc *e, const struct iq_cmd *c)
{
	bool first = true;

	tok(e, H248_TOK_STATISTICS);
	gw_buf_putc(e->b, '{');
	for (unsigned i = 0; i < c->n_stats; i++) {
		sep(e, &first);
		gw_buf_put(e->b, iq_name_text(c->stats[i].id));
		gw_buf_putc(e->b, '=');
		gw_buf_put(e->b, c->stats[i].value);
	}
	gw_buf_putc(e->b, '}');
}

static void packages(struct enc *e, const struct iq_cmd *c)
{
	bool first = true;

	tok(e, H248_TOK_PACKAGES);
	gw_buf_putc(e->b, '{');
	for (unsigned i = 0; i < c->n_packages; i++) {
		sep(e, &first);
		gw_buf_put(e->b, c->packages[i]);
	}
	gw_buf_putc(e->b, '}');
}

static void descriptors(struct enc *e, const struct iq_cmd *c)
{
	bool first = true;

	if (c->n_streams || c->has_service_state) {
		sep(e, &first);
		media(e, c);
	}
	if (c->has_events) {
		sep(e, &first);
		item_list(e, H248_TOK_EVENTS, true, c->events_id, c->events, c->n_events);
	}
	if (c->has_signals) {
		sep(e, &first);
		item_list(e, H248_TOK_SIGNALS, false, 0, c->signals, c->n_signals);
	}
	if (c->n_observed) {
		sep(e, &first);
		item_list(e, H248_TOK_OBSERVED_EVENTS, true, c->observed_id, c->observed, c->n_observed);
	}
	if (c->has_audit) {
		sep(e, &first);
		audit(e, c->audit);
	}
	if (c->sc.method || c->sc.version || c->sc.profile.len) {
		sep(e, &first);
		services(e, c);
	}
	if (c->n_packages) {
		sep(e, &first);
		packages(e, c);
	}
	if (c->n_stats) {
		sep(e, &first);
		stats(e, c);
	}
	if (c->error) {
		sep(e, &first);
		error(e, c->error, c->error_text);
	}
}

static void command(struct enc *e, const struct iq_cmd *c)
{
	static const enum h248_token kinds[] = { H248_TOK_ADD, H248_TOK_MODIFY, H248_TOK_SUBTRACT,
		H248_TOK_MOVE, H248_TOK_AUDIT_VALUE, H248_TOK_AUDIT_CAPABILITY, H248_TOK_NOTIFY,
		H248_TOK_SERVICE_CHANGE };
	size_t mark;

	if (c->is_optional)
		gw_buf_puts(e->b, "O-");
	if (c->is_wildcard_response)
		gw_buf_puts(e->b, "W-");
	tok(e, kinds[c->kind]);
	gw_buf_putc(e->b, '=');
	gw_buf_put(e->b, c->term.text);
	mark = e->b->len;
	gw_buf_putc(e->b, '{');
	descriptors(e, c);
	if (e->b->len == mark + 1)
		e->b->len = mark;
	else
		gw_buf_putc(e->b, '}');
}

static void action(struct enc *e, const struct iq_action *a)
{
	bool first = true;

	tok(e, H248_TOK_CONTEXT);
	if (a->context == IQ_CONTEXT_NULL)
		gw_buf_puts(e->b, "=-{");
	else if (a->context == IQ_CONTEXT_CHOOSE)
		gw_buf_puts(e->b, "=${");
	else if (a->context == IQ_CONTEXT_ALL)
		gw_buf_puts(e->b, "=*{");
	else
		gw_buf_printf(e->b, "=%u{", a->context);
	if (a->priority >= 0) {
		sep(e, &first);
		tok(e, H248_TOK_PRIORITY);
		gw_buf_printf(e->b, "=%d", a->priority);
	}
	if (a->is_emergency) {
		sep(e, &first);
		tok(e, H248_TOK_EMERGENCY);
	}
	for (unsigned i = 0; i < a->n_cmds; i++) {
		sep(e, &first);
		command(e, &a->cmds[i]);
	}
	if (a->error) {
		sep(e, &first);
		error(e, a->error, a->error_text);
	}
	gw_buf_putc(e->b, '}');
}

static void transaction(struct enc *e, const struct iq_txn *t)
{
	bool first = true;

	switch (t->kind) {
	case IQ_PENDING:
		tok(e, H248_TOK_PENDING);
		gw_buf_printf(e->b, "=%u{}", t->id);
		return;
	case IQ_ACK:
		tok(e, H248_TOK_RESPONSE_ACK);
		gw_buf_printf(e->b, "{%u", t->id);
		if (t->id_last > t->id)
			gw_buf_printf(e->b, "-%u", t->id_last);
		gw_buf_putc(e->b, '}');
		return;
	case IQ_REQUEST:
	case IQ_REPLY:
		break;
	}
	tok(e, t->kind == IQ_REQUEST ? H248_TOK_TRANSACTION : H248_TOK_REPLY);
	gw_buf_printf(e->b, "=%u{", t->id);
	if (t->imm_ack) {
		sep(e, &first);
		tok(e, H248_TOK_IMM_ACK);
	}
	for (unsigned i = 0; i < t->n_actions; i++) {
		sep(e, &first);
		action(e, &t->actions[i]);
	}
	if (t->error) {
		sep(e, &first);
		error(e, t->error, t->error_text);
	}
	gw_buf_putc(e->b, '}');
}

enum gw_err iq_encode(const struct iq_msg *m, const struct iq_codec *codec, struct gw_buf *out)
{
	struct enc e = { .b = out, .is_long = codec->long_tokens };

	gw_buf_puts(out, e.is_long ? "MEGACO/" : "!/");
	gw_buf_printf(out, "%u ", m->version);
	gw_buf_put(out, m->mid);
	gw_buf_putc(out, ' ');
	if (m->error)
		error(&e, m->error, m->error_text);
	for (unsigned i = 0; i < m->n_txns; i++)
		transaction(&e, &m->txns[i]);
	if (e.bad)
		return GW_EINVAL;
	return out->overflow ? GW_ENOSPC : GW_OK;
}
