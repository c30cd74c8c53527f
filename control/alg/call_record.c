/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call records: what a call was, written when it is over and the gateway has told what went through (F-76).
 * docs/operations.md lists the fields.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/alg/call_int.h"

/* A call that is over, waiting for the reply to its Subtract. */
struct ended {
	json_t *record;
	unsigned gateway;
	uint32_t context;
};

/* RFC 3339 in UTC with milliseconds; null: it did not happen */
static json_t *moment(const struct cp_call *c, uint64_t ms)
{
	uint64_t wall = cp_loop_wall_ms() - (cp_loop_now(c->alg->s->loop) - ms);
	time_t s = (time_t)(wall / 1000);
	char text[40];
	struct tm tm;
	size_t n;

	if (!ms)
		return json_null();
	gmtime_r(&s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(wall % 1000));
	return json_string(text);
}

static json_t *text_of(struct gw_sv v)
{
	return v.len ? json_stringn(v.p, v.len) : json_null();	/* NULL, left out: not UTF-8 */
}

static json_t *uri_of(const char *identity)
{
	struct sip_addr a;

	return identity && sip_addr_parse(gw_sv_cstr(identity), &a) == GW_OK ? text_of(a.uri.text) : json_null();
}

static json_t *codecs(const struct cp_call *c)
{
	json_t *list = json_array();
	struct gw_sv rest = gw_sv_cstr(c->codecs ? c->codecs : ""), one;

	while (rest.len) {
		gw_sv_cut(rest, ' ', &one, &rest);
		json_array_append_new(list, json_stringn(one.p, one.len));
	}
	return list;
}

static json_t *record_of(const struct cp_call *c, const char *why)
{
	const struct cp_half *caller = c->origin == CP_SIDE_W2 ? &c->w2 : &c->core;
	const struct cp_half *callee = c->origin == CP_SIDE_W2 ? &c->core : &c->w2;
	uint64_t now = cp_loop_now(c->alg->s->loop);
	struct cp_iq_gateway_info g = { 0 };
	json_t *r = json_object();

	if (c->context && !c->far_node)
		(void)cp_iq_gateway(c->alg->iq, c->gateway, &g);
	json_object_set_new(r, "node", json_string(c->alg->s->conf->state.node));
	json_object_set_new(r, "call_id", json_string(c->call_id ? c->call_id : ""));
	json_object_set_new(r, "icid", json_string(c->icid));
	json_object_set_new(r, "far_ioi", c->far_ioi ? json_string(c->far_ioi) : json_null());
	json_object_set_new(r, "origin", json_string(c->origin == CP_SIDE_W2 ? "wic" : "core"));
	json_object_set_new(r, "impu", c->b ? json_string(c->b->aor) : json_null());
	json_object_set_new(r, "caller", uri_of(caller->identity));
	json_object_set_new(r, "called", c->called ? json_string(c->called) : uri_of(callee->identity));
	json_object_set_new(r, "start", moment(c, c->start_ms));
	json_object_set_new(r, "ringing", moment(c, c->ring_ms));
	json_object_set_new(r, "answer", moment(c, c->answer_ms));
	json_object_set_new(r, "ice", moment(c, c->ice_ms));
	json_object_set_new(r, "dtls", moment(c, c->dtls_ms));
	json_object_set_new(r, "lost", moment(c, c->lost_ms));
	json_object_set_new(r, "end", moment(c, now));
	json_object_set_new(r, "setup_ms", json_integer(c->answer_ms ? (json_int_t)(c->answer_ms - c->start_ms) : 0));
	json_object_set_new(r, "talk_ms", json_integer(c->answer_ms ? (json_int_t)(now - c->answer_ms) : 0));
	json_object_set_new(r, "answered", json_boolean(c->is_answered));
	json_object_set_new(r, "emergency", json_boolean(c->is_emergency));
	json_object_set_new(r, "priority", json_boolean(c->is_priority));
	json_object_set_new(r, "why", json_string(why));
	json_object_set_new(r, "codecs", codecs(c));
	json_object_set_new(r, "gateway", g.name ? json_string(g.name) : c->far_gateway ? json_string(c->far_gateway) :
		json_null());
	json_object_set_new(r, "context", c->context ? json_integer(c->context) : json_null());
	json_object_set_new(r, "media", json_null());
	return r;
}

static void write_record(struct cp_alg *a, json_t *r)
{
	char *text = json_dumps(r, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (text)
		cp_cdr_file_add(a->cdr, gw_sv_cstr(text));
	free(text);
	json_decref(r);
}

void cp_call_record_end(struct cp_call *c, const char *why)
{
	struct cp_alg *a = c->alg;
	struct ended *e;

	if (!a->cdr || c->lives_on)
		return;
	e = c->context && !c->far_node ? calloc(1, sizeof(*e)) : NULL;
	if (!e) {
		write_record(a, record_of(c, why));
		return;
	}
	*e = (struct ended){ record_of(c, why), c->gateway, c->context };
	if (gw_map_put_u64(&a->ended, c->id, e)) {
		write_record(a, e->record);
		free(e);
	}
}

/*
 * MOS of G.711 by the E-model (ITU-T G.107) out of the loss alone: R = 93.2 - Ie,eff, with the Ie of 0 and the
 * Bpl of 25.1 that G.113 gives for concealment by the receiver; delay and jitter are not in it.
 */
static double mos_g711(double percent_lost)
{
	double r = 93.2 - 95.0 * percent_lost / (percent_lost + 25.1);

	return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}

static json_t *media_of(const struct iq_cmd *cmd, bool is_g711)
{
	static const struct { enum iq_name id; const char *key; } keys[] = { { IQ_ST_PR, "packets_received" },
		{ IQ_ST_OR, "octets_received" }, { IQ_ST_PS, "packets_sent" }, { IQ_ST_OS, "octets_sent" },
		{ IQ_ST_DP, "packets_dropped" }, { IQ_ST_PL, "lost_percent" }, { IQ_ST_JIT, "jitter" } };
	json_t *m = json_object();
	double lost = -1, received = 0;

	for (unsigned i = 0; i < cmd->n_stats; i++)
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			char text[32];
			double v;

			if (cmd->stats[i].id != keys[k].id || gw_sv_copy(cmd->stats[i].value, text, sizeof(text)))
				continue;
			v = strtod(text, NULL);
			if (!(v >= 0 && v < 9e15))	/* what a double counts exactly */
				continue;
			if (keys[k].id == IQ_ST_PL)
				lost = v;
			else if (keys[k].id == IQ_ST_PR)
				received = v;
			json_object_set_new(m, keys[k].key, keys[k].id == IQ_ST_PL ? json_real(v) : json_integer((json_int_t)v));
		}
	if (is_g711 && received > 0 && lost >= 0 && lost <= 100)
		json_object_set_new(m, "mos", json_real(round(mos_g711(lost) * 100) / 100));
	return m;
}

void cp_call_record_media(struct cp_alg *a, const struct cp_iq_ref *ref, const struct iq_txn *reply)
{
	const struct iq_action *act = reply && reply->n_actions ? &reply->actions[0] : NULL;
	struct ended *e = gw_map_get_u64(&a->ended, ref->call);
	const char *codec;
	json_t *media;

	if (!e || e->gateway != ref->gateway || e->context != ref->context)
		return;
	(void)gw_map_del_u64(&a->ended, ref->call);
	if (act && act->n_cmds == 2) {	/* as cp_media_subtract() asks */
		codec = json_string_value(json_array_get(json_object_get(e->record, "codecs"), 0));
		media = json_object();
		json_object_set_new(media, "access", media_of(&act->cmds[0], codec && strstr(codec, "PCM")));
		json_object_set_new(media, "core", media_of(&act->cmds[1], codec && strstr(codec, "PCM")));
		json_object_set_new(e->record, "media", media);
	}
	write_record(a, e->record);
	free(e);
}

/* A core's request has the WIC's contact as its URI; who was meant is in P-Called-Party-ID, or else in To. */
void cp_call_record_called(struct cp_call *c, const struct sip_msg *invite)
{
	struct gw_sv v = sip_msg_value(invite, SIP_HDR_P_CALLED_PARTY_ID);
	struct sip_addr a;

	if (c->origin == CP_SIDE_W2)
		c->called = gw_sv_dup(invite->ruri);
	else if (sip_addr_parse(v.len ? v : sip_msg_value(invite, SIP_HDR_TO), &a) == GW_OK)
		c->called = gw_sv_dup(a.uri.text);
}

void cp_call_record_codecs(struct cp_call *c)
{
	char text[512];
	struct gw_buf b = gw_buf(text, sizeof(text) - 1);

	if (!c->alg->cdr || !c->ex.streams || !c->ex.is_applied)
		return;
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++) {
		const struct sdp_stream *s = &c->ex.streams[i];

		if (s->is_active && s->is_data)
			gw_buf_printf(&b, "%s%s", b.len ? " " : "", s->is_text ? "text" : "data");
		else if (s->is_active && s->n_codecs)
			gw_buf_printf(&b, "%s%s/%.*s", b.len ? " " : "", s->is_video ? "video" : "audio",
				GW_SV_FMT(s->codecs[0].name));
	}
	text[b.len] = '\0';
	free(c->codecs);
	c->codecs = gw_sv_dup(gw_buf_sv(&b));
}

void cp_call_record_flush(struct cp_alg *a)
{
	size_t it = 0;
	void *e;

	while (gw_map_next(&a->ended, &it, &e)) {
		write_record(a, ((struct ended *)e)->record);
		free(e);
	}
	gw_map_free(&a->ended);
}
