/* SPDX-License-Identifier: Apache-2.0 */
/* AuditValue and AuditCapability (iq.md 2.11), and the statistics of Subtract. */
#include <stdio.h>

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

static void audit_root(struct dp_exec *e, const struct iq_cmd *cmd)
{
	static const struct gw_sv packages[] = { GW_SV_INIT("g-1"), GW_SV_INIT("root-2"),
		GW_SV_INIT("nt-1"), GW_SV_INIT("rtp-1"), GW_SV_INIT("gm-2"), GW_SV_INIT("ipdc-1"),
		GW_SV_INIT("hangterm-1"), GW_SV_INIT("ds-2"), GW_SV_INIT("rtcph-1"),
		GW_SV_INIT("mgastuns-1"), GW_SV_INIT("ostuncc-1"), GW_SV_INIT("stuncf-1"),
		GW_SV_INIT("tlsbsc-1"), GW_SV_INIT("xwrtc-1") };
	struct iq_cmd *r = dp_exec_result(e, cmd, GW_SV("ROOT"));

	if (!r)
		return;
	if (cmd->audit & IQ_AUDIT_PACKAGES) {
		r->packages = (struct gw_sv *)(uintptr_t)packages;
		r->n_packages = sizeof(packages) / sizeof(packages[0]);
	}
	if (cmd->audit & IQ_AUDIT_STATE)
		r->has_service_state = r->is_in_service = true;
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
	*r = iq_stream(s->id);
	r->mode = (enum iq_mode)s->ctl.mode;
	r->realm = gw_sv_cstr(s->term->realm->name);
	audit_control(e, r, &s->ctl);
	r->local = dp_sdp_recall(s->local, &e->q->arena);
	r->has_local = r->local.len > 0;
	r->remote = dp_sdp_recall(s->remote_sdp, &e->q->arena);
	/* T-7: what holds a brace cannot be said */
	r->has_remote = r->remote.len && gw_sv_chr(r->remote, '}', 0) == r->remote.len;
}

static void audit_media(struct dp_exec *e, struct iq_cmd *r, const struct dp_term *t)
{
	r->streams = t->n_streams ? gw_arena_array(&e->q->arena, struct iq_stream, t->n_streams) : NULL;
	for (const struct dp_stream *s = t->streams; r->streams && s; s = s->next)
		audit_stream(e, &r->streams[r->n_streams++], s);
}

static void audit_events(struct dp_exec *e, struct iq_cmd *r, const struct dp_term *t)
{
	r->has_events = true;
	r->events_id = t->events_id;
	r->events = gw_arena_array(&e->q->arena, struct iq_item, IQ_MAX_EVENTS);
	for (unsigned i = 0; r->events && i < t->n_wanted; i++) {
		struct iq_item *it = &r->events[r->n_events++];
		char text[16];

		*it = (struct iq_item){ .id = (enum iq_name)t->wanted[i].event, .stream = t->wanted[i].stream };
		if (it->id != IQ_EV_HANGTERM)
			continue;
		snprintf(text, sizeof(text), "%u", t->wanted[i].value);
		it->params[it->n_params++] = (struct iq_param){ .name = GW_SV("timerx"),
			.value = gw_arena_sv(&e->q->arena, gw_sv_cstr(text)) };
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
		r->signals[r->n_signals++] = (struct iq_item){ .id = IQ_SG_STUN_SERVER, .stream = s->id };
}

static void audit_term(struct dp_exec *e, const struct iq_cmd *cmd, const struct dp_term *t)
{
	char id[DP_TERM_ID_BYTES];
	struct iq_cmd *r = dp_exec_result(e, cmd, gw_sv_cstr(dp_term_id(t, id)));

	if (!r)
		return;
	if (cmd->audit & IQ_AUDIT_STATISTICS)
		dp_exec_put_stats(e, r, t);
	if (cmd->audit & IQ_AUDIT_MEDIA)
		audit_media(e, r, t);
	if (cmd->audit & IQ_AUDIT_EVENTS)
		audit_events(e, r, t);
	if (cmd->audit & IQ_AUDIT_SIGNALS)
		audit_signals(e, r, t);
}

void dp_exec_audit(struct dp_exec *e, const struct iq_cmd *cmd)
{
	if (cmd->term.kind == IQ_TERM_ROOT) {
		audit_root(e, cmd);
		return;
	}
	if (!e->cx) {
		dp_exec_fail(e, cmd, 410, GW_SV_NONE);
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
