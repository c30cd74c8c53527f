/* SPDX-License-Identifier: Apache-2.0 */
/* AuditValue and AuditCapability (iq.md 2.11), and the statistics of Subtract. */
#include <stdio.h>

#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

static void stat(struct dp_iq *q, struct iq_cmd *r, enum iq_name id, uint64_t v)
{
	char text[24];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_u64(&b, v);
	r->stats[r->n_stats++] = (struct iq_stat){ id, gw_arena_sv(&q->arena, gw_buf_sv(&b)) };
}

void dp_exec_put_stats(struct dp_exec *e, struct iq_cmd *r, const struct dp_term *t)
{
	struct dp_flow_stats in, out;
	char percent[16];
	uint64_t expected;

	r->stats = gw_arena_array(&e->q->arena, struct iq_stat, 12);
	if (!r->stats)
		return;
	dp_term_stats(e->ctx, t, &in, &out);
	expected = in.rx_packets + in.lost;
	snprintf(percent, sizeof(percent), "%.2f",
		expected ? 100.0 * (double)in.lost / (double)expected : 0.0);
	stat(e->q, r, IQ_ST_PS, out.tx_packets);
	stat(e->q, r, IQ_ST_PR, in.rx_packets);
	r->stats[r->n_stats++] = (struct iq_stat){ IQ_ST_PL,
		gw_arena_sv(&e->q->arena, gw_sv_cstr(percent)) };
	stat(e->q, r, IQ_ST_JIT, in.jitter_ts);
	stat(e->q, r, IQ_ST_OS, out.tx_bytes);
	stat(e->q, r, IQ_ST_OR, in.rx_bytes);
	stat(e->q, r, IQ_ST_DUR, e->q->now_ms - t->created_ms);
	stat(e->q, r, IQ_ST_DP, in.drops);
}

static struct gw_sv kept(struct dp_exec *e, const struct gw_buf *b)
{
	return gw_arena_sv(&e->q->arena, gw_buf_sv(b));
}

static void audit_control(struct dp_exec *e, struct iq_stream *r, const struct dp_control *k)
{
	char text[GW_ADDR_STR_BYTES + 8];
	struct gw_buf b = gw_buf(text, sizeof(text));

	r->dscp = k->dscp;
	r->tb = k->tb;
	r->saf = k->saf;
	r->spf = k->spf;
	r->rtcp_rsb = k->rsb;
	r->pol = k->pol;
	r->sdr = k->sdr ? (int64_t)k->sdr : -1;
	r->mbs = k->mbs ? (int64_t)k->mbs : -1;
	r->pdr = k->pdr ? (int64_t)k->pdr : -1;
	r->dvt = k->dvt ? (int64_t)k->dvt : -1;
	if (k->sam_prefix) {
		gw_buf_putc(&b, '[');
		gw_addr_put_ip(&b, &k->sam);
		gw_buf_printf(&b, "]/%u", k->sam_prefix);
		r->sam = kept(e, &b);
	}
	if (k->spr_first) {
		b = gw_buf(text, sizeof(text));
		gw_buf_printf(&b, "%u-%u", k->spr_first, k->spr_last);
		r->spr = kept(e, &b);
	}
}

static void audit_stream(struct dp_exec *e, struct iq_stream *r, const struct dp_stream *s)
{
	struct dp_sdp_pair texts;

	*r = iq_stream(s->id);
	r->mode = (enum iq_mode)s->ctl.mode;
	r->realm = gw_sv_cstr(s->term->realm->name);
	audit_control(e, r, &s->ctl);
	(void)!dp_stream_recall(s, &e->q->arena, &texts);	/* an arena that is full says nothing */
	r->local = texts.local;
	r->has_local = r->local.len > 0;
	r->remote = texts.remote;
	/* T-7: what holds a brace cannot be said */
	r->has_remote = r->remote.len && gw_sv_chr(r->remote, '}', 0) == r->remote.len;
}

/* One property of LocalControl, from all of them. */
static void keep_property(struct iq_stream *to, const struct iq_stream *from, enum iq_name name)
{
	switch (name) {
#define KEEP(id, field)                                                                            \
	case IQ_##id:                                                                              \
		to->field = from->field;                                                           \
		break;
	IQ_STREAM_LIST(KEEP)
#undef KEEP
	default:
		break;
	}
}

static void keep_part(struct iq_stream *to, const struct iq_stream *from, const struct iq_audit_item *it)
{
	switch (it->what) {
	case IQ_AUDIT_LOCAL:
		to->has_local = from->has_local;
		to->local = from->local;
		break;
	case IQ_AUDIT_REMOTE:
		to->has_remote = from->has_remote;
		to->remote = from->remote;
		break;
	case IQ_AUDIT_MODE:
		to->mode = from->mode;
		break;
	case IQ_AUDIT_LOCAL_CONTROL:
		keep_property(to, from, it->name);
		break;
	default:
		break;
	}
}

static bool is_media_part(const struct iq_audit_item *it)
{
	return it->what == IQ_AUDIT_LOCAL || it->what == IQ_AUDIT_REMOTE || it->what == IQ_AUDIT_MODE ||
		it->what == IQ_AUDIT_LOCAL_CONTROL;
}

/* The parts asked for; the whole with IQ_AUDIT_MEDIA. */
static void audit_media(struct dp_exec *e, struct iq_cmd *r, const struct iq_cmd *cmd, const struct dp_term *t)
{
	bool is_whole = cmd->audit & IQ_AUDIT_MEDIA;

	r->streams = t->n_streams ? gw_arena_array(&e->q->arena, struct iq_stream, t->n_streams) : NULL;
	for (const struct dp_stream *s = t->streams; r->streams && s; s = s->next) {
		struct iq_stream whole, *to = &r->streams[r->n_streams];
		bool is_asked = is_whole;

		audit_stream(e, &whole, s);
		*to = is_whole ? whole : iq_stream(s->id);
		for (unsigned i = 0; !is_whole && i < cmd->n_audit_items; i++) {
			const struct iq_audit_item *it = &cmd->audit_items[i];

			if (!is_media_part(it) || (it->stream && it->stream != s->id))
				continue;
			keep_part(to, &whole, it);
			is_asked = true;
		}
		r->n_streams += is_asked;
	}
}

static bool wants(const struct iq_cmd *cmd, enum iq_audit what, enum iq_name name)
{
	if (cmd->audit & what)
		return true;
	for (unsigned i = 0; i < cmd->n_audit_items; i++)
		if (cmd->audit_items[i].what == what && cmd->audit_items[i].name == name)
			return true;
	return false;
}

static bool wants_any(const struct iq_cmd *cmd, enum iq_audit what)
{
	if (cmd->audit & what)
		return true;
	for (unsigned i = 0; i < cmd->n_audit_items; i++)
		if (cmd->audit_items[i].what == what)
			return true;
	return false;
}

static void audit_events(struct dp_exec *e, struct iq_cmd *r, const struct iq_cmd *cmd, const struct dp_term *t)
{
	static const char *const directions[] = { "BOTH", "IN", "OUT" };

	r->has_events = true;
	r->events_id = t->events_id;
	r->events = gw_arena_array(&e->q->arena, struct iq_item, IQ_MAX_EVENTS);
	for (unsigned i = 0; r->events && i < dp_events_count(t); i++) {
		const struct dp_wanted *w = &t->wanted->w[i];
		struct iq_item *it = &r->events[r->n_events];
		char text[16];

		if (!wants(cmd, IQ_AUDIT_EVENTS, (enum iq_name)w->event))
			continue;
		r->n_events++;
		*it = (struct iq_item){ .id = (enum iq_name)w->event, .stream = w->stream };
		if (!w->value)
			continue;
		snprintf(text, sizeof(text), "%u", w->value);
		it->params[it->n_params++] = (struct iq_param){ .name = it->id == IQ_EV_HANGTERM ? GW_SV("timerx") : GW_SV("dt"),
			.value = gw_arena_sv(&e->q->arena, gw_sv_cstr(text)) };
		if (it->id == IQ_EV_IPSTOP)
			it->params[it->n_params++] = (struct iq_param){ .name = GW_SV("dir"),
				.value = gw_sv_cstr(directions[w->direction]) };
	}
}

/* The STUN server of an access stream is on from its first moment. */
static void audit_signals(struct dp_exec *e, struct iq_cmd *r, const struct dp_term *t)
{
	r->has_signals = true;
	if (!t->is_access || !t->n_streams)
		return;
	r->signals = gw_arena_array(&e->q->arena, struct iq_item, t->n_streams);
	for (const struct dp_stream *s = t->streams; r->signals && s; s = s->next)
		if (s->access && !s->transport)
			r->signals[r->n_signals++] = (struct iq_item){ .id = IQ_SG_STUN_SERVER, .stream = s->id };
}

static void keep_stats(struct iq_cmd *r, const struct iq_cmd *cmd)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < r->n_stats; i++)
		if (wants(cmd, IQ_AUDIT_STATISTICS, r->stats[i].id))
			r->stats[kept++] = r->stats[i];
	r->n_stats = kept;
}

static void audit_term(struct dp_exec *e, const struct iq_cmd *cmd, const struct dp_term *t)
{
	char id[DP_TERM_ID_BYTES];
	struct iq_cmd *r = dp_exec_result(e, cmd, gw_sv_cstr(dp_term_id(t, id)));

	if (!r)
		return;
	if (wants_any(cmd, IQ_AUDIT_STATISTICS)) {
		dp_exec_put_stats(e, r, t);
		keep_stats(r, cmd);
	}
	audit_media(e, r, cmd, t);
	if (wants_any(cmd, IQ_AUDIT_EVENTS))
		audit_events(e, r, cmd, t);
	if (wants(cmd, IQ_AUDIT_SIGNALS, IQ_SG_STUN_SERVER))
		audit_signals(e, r, t);
	if (cmd->audit & IQ_AUDIT_STATE)
		r->has_service_state = true;
	r->is_in_service = !t->realm->faults;
	if (cmd->audit & IQ_AUDIT_PACKAGES)
		dp_exec_put_packages(r);
}

void dp_exec_audit(struct dp_exec *e, const struct iq_cmd *cmd)
{
	if (cmd->term.kind == IQ_TERM_ROOT) {
		dp_exec_audit_root(e, cmd);
		return;
	}
	if (!e->cx) {
		dp_exec_fail(e, cmd, 410, GW_SV_NONE);
		return;
	}
	if (cmd->is_wildcard_response && !cmd->audit && !cmd->n_audit_items && e->cx->n_terms) {
		dp_exec_result(e, cmd, cmd->term.text);	/* only whether they are there */
		return;
	}
	if (cmd->term.kind == IQ_TERM_ALL) {
		unsigned before = e->out->n_cmds;
		char id[DP_TERM_ID_BYTES];

		for (unsigned i = 0; i < e->cx->n_terms; i++)
			if (iq_term_matches(cmd->term.text, gw_sv_cstr(dp_term_id(e->cx->terms[i], id))))
				audit_term(e, cmd, e->cx->terms[i]);
		if (e->out->n_cmds == before)
			dp_exec_fail(e, cmd, 431, GW_SV_NONE);
		return;
	}
	struct dp_term *t = dp_ctx_term(e->cx, cmd->term.text);

	if (t)
		audit_term(e, cmd, t);
	else
		dp_exec_fail(e, cmd, 430, GW_SV_NONE);
}
