/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the streams: their state, their numbers, and of one context all there is. */
#include "dataplane/app/telemetry_streams.h"

#include <stdio.h>

#include <rte_cycles.h>

#define ROWS_MAX 200u	/* of a list: more does not fit a telemetry message */
#define PAIRS_SHOWN 4u

typedef void (*row_fn)(struct rte_tel_data *r, struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms);

static void put_addr(struct rte_tel_data *d, const char *name, const struct gw_addr *a)
{
	char text[GW_ADDR_STR_BYTES];

	rte_tel_data_add_dict_string(d, name, a->family ? gw_addr_str(a, text) : "-");
}

/* A channel of an association has none of its own. */
static bool has_ice(const struct dp_stream *s)
{
	return s->access && s->term->is_access;
}

static const char *mode_name(const struct dp_stream *s)
{
	static const char *const modes[] = { "-", "sendonly", "receiveonly", "sendreceive", "inactive" };

	return modes[s->ctl.mode];
}

static const char *dtls_name(const struct dp_stream *s)
{
	static const char *const names[] = { "new", "handshake", "held", "up", "closed", "failed" };

	return s->access ? names[dp_dtls_state(s->access->dtls)] : "-";
}

static const char *const consent_names[] = { "none", "valid", "lost" };

/* @return false: no more fit */
static bool stream_row(struct rte_tel_data *d, struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms, row_fn row)
{
	char name[RTE_TEL_MAX_STRING_LEN], id[DP_TERM_ID_BYTES];
	struct rte_tel_data *r = rte_tel_data_alloc();

	if (!r)
		return false;
	rte_tel_data_start_dict(r);
	dp_tel_put(r, "context", s->term->ctx->id);
	rte_tel_data_add_dict_string(r, "termination", dp_term_id(s->term, id));
	dp_tel_put(r, "stream", s->id);
	row(r, c, s, now_ms);
	/* the first of a termination goes by its name alone */
	if (s == s->term->streams)
		snprintf(name, sizeof(name), "term_%u", s->term->number);
	else
		snprintf(name, sizeof(name), "term_%u_%u", s->term->number, s->id);
	rte_tel_data_add_dict_container(d, name, r, 0);
	return true;
}

/* @return false: no more fit; rows counts on */
static bool context_rows(struct rte_tel_data *d, struct dp_ctx *c, struct dp_context *cx, uint64_t now_ms, row_fn row,
	unsigned *rows)
{
	for (unsigned i = 0; i < cx->n_terms; i++)
		for (struct dp_stream *s = cx->terms[i]->streams; s; s = s->next) {
			if ((*rows)++ >= ROWS_MAX) {
				rte_tel_data_add_dict_u64(d, "rows_left_off", dp_ctx_streams(c) - ROWS_MAX);
				return false;
			}
			if (!stream_row(d, c, s, now_ms, row))
				return false;
		}
	return true;
}

static void each_stream(struct rte_tel_data *d, struct dp_ctx *c, row_fn row)
{
	unsigned rows = 0;

	GW_LIST_FOREACH(it, dp_ctx_list(c))
		if (!context_rows(d, c, GW_CONTAINER(it, struct dp_context, node), 0, row, &rows))
			return;
}

static void state_row(struct rte_tel_data *r, struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = has_ice(s) ? dp_ice_selected(&s->access->ice) : NULL;
	struct gw_addr none = { 0 };

	(void)c;
	(void)now_ms;
	rte_tel_data_add_dict_string(r, "realm", s->term->realm->name);
	rte_tel_data_add_dict_string(r, "mode", mode_name(s));
	dp_tel_put(r, "local_port", s->port);
	put_addr(r, "remote", has_ice(s) ? (pair ? &pair->remote : &none) : &s->remote);
	rte_tel_data_add_dict_string(r, "dtls", dtls_name(s));
	rte_tel_data_add_dict_string(r, "consent", has_ice(s) ? consent_names[s->access->ice.consent] : "-");
}

static void put_numbers(struct rte_tel_data *r, const struct dp_flow_stats *in, const struct dp_flow_stats *out)
{
	dp_tel_put(r, "rx_packets", in->rx_packets);
	dp_tel_put(r, "rx_bytes", in->rx_bytes);
	dp_tel_put(r, "tx_packets", out->tx_packets);
	dp_tel_put(r, "tx_bytes", out->tx_bytes);
	dp_tel_put(r, "lost", in->lost);
	dp_tel_put(r, "jitter_ts", in->jitter_ts);
	dp_tel_put(r, "drops", in->drops);
	dp_tel_put(r, "auth_fail", in->auth_fail);
	dp_tel_put(r, "replay", in->replay);
}

static void numbers_row(struct rte_tel_data *r, struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_flow_stats in, out;

	(void)now_ms;
	dp_stream_stats(c, s, &in, &out);
	put_numbers(r, &in, &out);
}

void dp_tel_contexts(struct rte_tel_data *d, struct dp_ctx *c)
{
	each_stream(d, c, state_row);
}

void dp_tel_flows(struct rte_tel_data *d, struct dp_ctx *c)
{
	each_stream(d, c, numbers_row);
}

/* ---- one context --------------------------------------------------------------------------------------- */

static void put_ice(struct rte_tel_data *r, const struct dp_ice *ice, uint64_t now_ms)
{
	const struct dp_ice_pair *best = dp_ice_selected(ice);
	char name[16], text[RTE_TEL_MAX_STRING_LEN], addr[GW_ADDR_STR_BYTES];

	rte_tel_data_add_dict_string(r, "ice", ice->is_lite ? "lite" : "full");
	dp_tel_put(r, "peer_credentials", ice->cred.remote_ufrag_chars > 0);
	dp_tel_put(r, "checks", ice->n_checks);
	dp_tel_put(r, "checks_auth_failed", ice->n_auth_failures);
	dp_tel_put(r, "checks_malformed", ice->n_bad);
	for (unsigned i = 0; i < ice->n_pairs && i < PAIRS_SHOWN; i++) {
		const struct dp_ice_pair *p = &ice->pairs[i];

		snprintf(name, sizeof(name), "pair_%u", i + 1);
		snprintf(text, sizeof(text), "%s checked %llu ms ago%s%s", gw_addr_str(&p->remote, addr),
			(unsigned long long)(now_ms - p->last_check_ms), p->last_nomination ? ", nominated" : "",
			p == best ? ", selected" : "");
		rte_tel_data_add_dict_string(r, name, text);
	}
	rte_tel_data_add_dict_string(r, "consent", consent_names[ice->consent]);
}

static uint64_t ms_ago(uint64_t tsc)
{
	return (rte_rdtsc() - tsc) / (rte_get_tsc_hz() / 1000);
}

static const char *media_name(const struct dp_stream *s)
{
	if (s->text || (s->end && s->end->is_text))
		return "text";
	if (s->end)
		return "msrp";
	if (dp_stream_is_data(s))
		return "data";
	return s->is_opaque ? "datagrams" : "rtp";
}

static void everything_row(struct rte_tel_data *r, struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	static const char *const ways[] = { "open", "no address", "no route", "no neighbour" };
	struct gw_addr local = dp_stream_local(c, s), remote;
	enum dp_way way = dp_stream_way(c, s, &remote);
	struct dp_flow_stats in, out;

	rte_tel_data_add_dict_string(r, "realm", s->term->realm->name);
	rte_tel_data_add_dict_string(r, "side", s->term->is_access ? "access" : "core");
	rte_tel_data_add_dict_string(r, "media", media_name(s));
	rte_tel_data_add_dict_string(r, "mode", mode_name(s));
	put_addr(r, "local", &local);
	put_addr(r, "remote", &remote);
	rte_tel_data_add_dict_string(r, "way", ways[way]);
	if (has_ice(s))
		put_ice(r, &s->access->ice, now_ms);
	if (s->access) {
		rte_tel_data_add_dict_string(r, "dtls", dtls_name(s));
		rte_tel_data_add_dict_string(r, "dtls_role", dp_dtls_is_client(s->access->dtls) ? "client" : "server");
		rte_tel_data_add_dict_string(r, "dtls_why", dp_dtls_why(s->access->dtls));
		dp_tel_put(r, "keys", s->access->srtp_rx != NULL);
	}
	dp_stream_stats(c, s, &in, &out);
	put_numbers(r, &in, &out);
	dp_tel_put(r, "policed", in.policed);
	dp_tel_put(r, "filtered", in.filtered);
	dp_tel_put(r, "gated", in.gated);
	if (in.rx_packets && in.first_rx_tsc) {
		dp_tel_put(r, "first_rx_ms_ago", ms_ago(in.first_rx_tsc));
		dp_tel_put(r, "last_rx_ms_ago", ms_ago(in.last_rx_tsc));
	}
}

void dp_tel_context(struct rte_tel_data *d, struct dp_ctx *c, struct dp_context *cx, uint64_t now_ms)
{
	unsigned rows = 0;

	(void)context_rows(d, c, cx, now_ms, everything_row, &rows);
}
