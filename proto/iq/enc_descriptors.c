/* SPDX-License-Identifier: Apache-2.0 */
/* Events, Signals, Services, Packages and Statistics of Iq as text; and which descriptors a command has. */
#include "proto/iq/codec_int.h"

static bool is_plain(struct gw_sv v)
{
	if (v.len == 0)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return true;
}

/* T-8: words may be tokens, so everything but numbers is quoted. Elements of a list have commas between them. */
void iq_enc_value(struct iq_enc *e, enum iq_type type, struct gw_sv v)
{
	struct gw_sv one;
	bool more = true, first = true;

	if (type != IQ_T_LIST || gw_sv_chr(v, ',', 0) == v.len) {
		if (is_plain(v))
			gw_buf_put(e->b, v);
		else
			iq_enc_quoted(e, v);
		return;
	}
	gw_buf_putc(e->b, '[');
	while (more) {
		more = gw_sv_cut(v, ',', &one, &v);
		iq_enc_comma(e, &first);
		iq_enc_quoted(e, one);
	}
	gw_buf_putc(e->b, ']');
}

static void completion(struct iq_enc *e, unsigned bits)
{
	static const enum h248_token words[] = { H248_TOK_TIME_OUT, H248_TOK_BY_EVENT, H248_TOK_BY_SIGNALS,
		H248_TOK_OTHER_REASON, H248_TOK_ITERATION };
	bool first = true;

	iq_enc_token(e, H248_TOK_NOTIFY_COMPLETION);
	gw_buf_puts(e->b, "={");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (bits >> i & 1) {
			iq_enc_comma(e, &first);
			iq_enc_token(e, words[i]);
		}
	gw_buf_putc(e->b, '}');
}

static void signal_params(struct iq_enc *e, const struct iq_item *it, bool *first)
{
	static const enum h248_token types[] = { H248_TOK_NONE, H248_TOK_ON_OFF, H248_TOK_TIME_OUT, H248_TOK_BRIEF };

	if (it->type != IQ_SIGNAL_DEFAULT) {
		iq_enc_comma(e, first);
		iq_enc_token(e, H248_TOK_SIGNAL_TYPE);
		gw_buf_putc(e->b, '=');
		iq_enc_token(e, types[it->type]);
	}
	if (it->duration) {
		iq_enc_comma(e, first);
		iq_enc_token(e, H248_TOK_DURATION);
		gw_buf_printf(e->b, "=%d", it->duration);
	}
	if (it->completion) {
		iq_enc_comma(e, first);
		completion(e, it->completion);
	}
	if (it->request_id) {
		iq_enc_comma(e, first);
		iq_enc_token(e, H248_TOK_REQUEST_ID);
		gw_buf_printf(e->b, "=%u", it->request_id);
	}
	if (it->is_keep_active) {
		iq_enc_comma(e, first);
		iq_enc_token(e, H248_TOK_KEEP_ACTIVE);
	}
}

static void item(struct iq_enc *e, const struct iq_item *it)
{
	bool first = true;
	size_t mark;

	if (it->timestamp.len) {
		gw_buf_put(e->b, it->timestamp);
		gw_buf_putc(e->b, ':');
	}
	gw_buf_put(e->b, iq_name_text(it->id));
	mark = e->b->len;
	gw_buf_putc(e->b, '{');
	if (it->stream) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_STREAM);
		gw_buf_printf(e->b, "=%u", it->stream);
	}
	signal_params(e, it, &first);
	for (unsigned i = 0; i < it->n_params; i++) {
		const struct iq_param_row *row = iq_param_row(it->id, it->params[i].name);

		iq_enc_comma(e, &first);
		gw_buf_put(e->b, row ? row->emitted : it->params[i].name);
		gw_buf_putc(e->b, '=');
		iq_enc_value(e, row ? row->type : IQ_T_STRING, it->params[i].value);
	}
	if (e->b->len == mark + 1)
		e->b->len = mark;	/* 6.2: empty braces are a syntax error */
	else
		gw_buf_putc(e->b, '}');
}

static void item_list(struct iq_enc *e, enum h248_token t, bool has_id, uint32_t id,
	const struct iq_item *list, unsigned n)
{
	bool first = true;

	iq_enc_token(e, t);
	if (n == 0)
		return;
	if (has_id)
		gw_buf_printf(e->b, "=%u", id);
	gw_buf_putc(e->b, '{');
	for (unsigned i = 0; i < n; i++) {
		iq_enc_comma(e, &first);
		item(e, &list[i]);
	}
	gw_buf_putc(e->b, '}');
}

static void services(struct iq_enc *e, const struct iq_cmd *c)
{
	static const enum h248_token methods[] = { H248_TOK_NONE, H248_TOK_RESTART, H248_TOK_GRACEFUL,
		H248_TOK_FORCED, H248_TOK_DISCONNECTED, H248_TOK_HANDOFF, H248_TOK_FAILOVER };
	static const char *const reasons[] = { "Service Restored", "Cold Boot", "Warm Boot",
		"MGC Directed Change", "Termination malfunctioning", "Termination taken out of service",
		"Loss of lower layer connectivity", "Transmission failure", "MG impending failure",
		"MGC impending failure", "Media capability failure", "Modem capability failure", "Mux capability failure",
		"Signal capability failure", "Event capability failure", "State loss", "Packages change",
		"Capability change", "Cancel graceful", "Warm failover", "Cold failover" };
	bool first = true;

	iq_enc_token(e, H248_TOK_SERVICES);
	gw_buf_putc(e->b, '{');
	if (c->sc.method) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_METHOD);
		gw_buf_putc(e->b, '=');
		iq_enc_token(e, methods[c->sc.method]);
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_REASON);
		gw_buf_printf(e->b, "=\"%03u %s\"", c->sc.reason,
			c->sc.reason >= 900 && c->sc.reason < 900 + sizeof(reasons) / sizeof(reasons[0]) ? reasons[c->sc.reason - 900] : "");
	}
	if (c->sc.delay_s) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_DELAY);
		gw_buf_printf(e->b, "=%u", c->sc.delay_s);
	}
	if (c->sc.address.len) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_SERVICE_CHANGE_ADDRESS);
		gw_buf_putc(e->b, '=');
		gw_buf_put(e->b, c->sc.address);
	}
	if (c->sc.mgc_id.len) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_MGC_ID);
		gw_buf_putc(e->b, '=');
		gw_buf_put(e->b, c->sc.mgc_id);
	}
	if (c->sc.profile.len) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_PROFILE);
		gw_buf_putc(e->b, '=');
		gw_buf_put(e->b, c->sc.profile);
	}
	if (c->sc.version) {
		iq_enc_comma(e, &first);
		iq_enc_token(e, H248_TOK_VERSION);
		gw_buf_printf(e->b, "=%u", c->sc.version);
	}
	if (c->sc.timestamp.len) {
		iq_enc_comma(e, &first);
		gw_buf_put(e->b, c->sc.timestamp);
	}
	gw_buf_putc(e->b, '}');
}

void iq_enc_stats(struct iq_enc *e, const struct iq_stat *list, unsigned n)
{
	bool first = true;

	iq_enc_token(e, H248_TOK_STATISTICS);
	if (n == 0)
		return;
	gw_buf_putc(e->b, '{');
	for (unsigned i = 0; i < n; i++) {
		iq_enc_comma(e, &first);
		gw_buf_put(e->b, iq_name_text(list[i].id));
		if (list[i].value.len == 0)
			continue;
		gw_buf_putc(e->b, '=');
		gw_buf_put(e->b, list[i].value);
	}
	gw_buf_putc(e->b, '}');
}

static void packages(struct iq_enc *e, const struct iq_cmd *c)
{
	bool first = true;

	iq_enc_token(e, H248_TOK_PACKAGES);
	gw_buf_putc(e->b, '{');
	for (unsigned i = 0; i < c->n_packages; i++) {
		iq_enc_comma(e, &first);
		gw_buf_put(e->b, c->packages[i]);
	}
	gw_buf_putc(e->b, '}');
}

void iq_enc_descriptors(struct iq_enc *e, const struct iq_cmd *c)
{
	bool first = true;

	if (c->n_streams || c->has_service_state || c->n_props) {
		iq_enc_comma(e, &first);
		iq_enc_media(e, c);
	}
	if (c->has_events) {
		iq_enc_comma(e, &first);
		item_list(e, H248_TOK_EVENTS, true, c->events_id, c->events, c->n_events);
	}
	if (c->has_signals) {
		iq_enc_comma(e, &first);
		item_list(e, H248_TOK_SIGNALS, false, 0, c->signals, c->n_signals);
	}
	if (c->n_observed) {
		iq_enc_comma(e, &first);
		item_list(e, H248_TOK_OBSERVED_EVENTS, true, c->observed_id, c->observed, c->n_observed);
	}
	if (c->has_audit) {
		iq_enc_comma(e, &first);
		iq_enc_audit(e, c);
	}
	if (c->sc.method || c->sc.version || c->sc.profile.len) {
		iq_enc_comma(e, &first);
		services(e, c);
	}
	if (c->n_packages) {
		iq_enc_comma(e, &first);
		packages(e, c);
	}
	if (c->n_stats) {
		iq_enc_comma(e, &first);
		iq_enc_stats(e, c->stats, c->n_stats);
	}
	if (c->error) {
		iq_enc_comma(e, &first);
		iq_enc_error(e, c->error, c->error_text);
	}
}
