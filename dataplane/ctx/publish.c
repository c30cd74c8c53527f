/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of joined streams as flow specifications for the worker that owns their ports. */
#include <rte_cycles.h>

#include "dataplane/ctx/sdes.h"

enum gw_err dp_publish_open(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	enum gw_err err = dp_flow_alloc(c->c.fast, s->port, &s->flow);

	if (err)
		return err;
	s->has_flow = true;
	c->n_flows++;
	dp_publish(c, s, now_ms);
	return GW_OK;
}

static uint64_t consent_tsc(struct dp_ctx *c, const struct dp_access *a, uint64_t now_ms)
{
	uint64_t left;

	if (!a || a->ice.consent != DP_ICE_CONSENT_VALID || a->ice.consent_until_ms <= now_ms)
		return 0;
	left = a->ice.consent_until_ms - now_ms;
	return rte_rdtsc() + left * (c->c.tsc_hz / 1000);
}

/* Until when something may come in by this stream, or go out by it. */
static uint64_t until_tsc(struct dp_ctx *c, const struct dp_stream *s, uint64_t now_ms)
{
	return dp_stream_has_ice(s) ? consent_tsc(c, s->access, now_ms) : UINT64_MAX;
}

/* Where this stream's peer is, by its description or what it latched to; family 0: not known. */
struct gw_addr dp_stream_remote(const struct dp_stream *s, bool is_rtcp)
{
	if (s->latch && s->latch->kind != DP_LATCH_OFF && s->latch->learned[is_rtcp].family)
		return s->latch->learned[is_rtcp];
	if (!s->has_remote || (s->latch && s->latch->kind == DP_LATCH_FIRST))
		return (struct gw_addr){ 0 };
	return is_rtcp ? s->remote_rtcp : s->remote;
}

/* Where this stream's peer is reached, if it is known. */
static void fill_path(struct dp_ctx *c, struct dp_path *p, const struct dp_stream *s, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = dp_stream_has_ice(s) ? dp_ice_selected(&s->access->ice) : NULL;

	*p = (struct dp_path){ .laddr = s->laddr, .local_port = s->port, .dscp = s->ctl.dscp,
		.keep_dscp = s->ctl.tb == 1 };
	if (pair)
		p->remote = pair->remote;
	else if (!dp_stream_has_ice(s))
		p->remote = dp_stream_remote(s, false);
	if (p->remote.family && dp_neigh_route(c->c.neigh, s->laddr, &p->remote, now_ms, &p->nexthop)) {
		p->remote.family = 0;
		c->ctr[ctx_no_route]++;
	}
}

static void fill_line(const struct dp_stream *s, struct dp_line *l)
{
	l->transport = s->transport ? s->transport->flow : 0;
	l->mid_ext = s->mid_ext;
	l->mid_len = s->mid_len;
	memcpy(l->mid, s->mid, sizeof(l->mid));
}

static void access_spec(struct dp_ctx *c, struct dp_stream *s, struct dp_flow_spec *f, uint64_t now_ms)
{
	const struct dp_stream *core = dp_stream_peer(s);
	const struct dp_ice_pair *pair = dp_ice_selected(&s->access->ice);

	f->kind = DP_FLOW_ACCESS;
	f->check_source = f->check_port = true;
	if (pair)
		f->source = pair->remote;
	f->is_open = dp_mode_receives(s->ctl.mode);
	f->open_until_tsc = consent_tsc(c, s->access, now_ms);
	f->out_until_tsc = UINT64_MAX;
	f->srtp = s->access->srtp_rx;
	f->is_srtp_lent = s->transport != NULL;
	f->srtp_kept = s->transport ? NULL : s->access->srtp_tx;
	f->has_no_media = s->has_no_media;
	fill_line(s, &f->line);
	if (core) {
		f->seals = core->sdes != NULL;
		f->out_is_open = dp_mode_sends(core->ctl.mode);
		if (core->has_flow)
			f->reverse = core->flow;	/* what it latches to is where this flow sends */
		fill_path(c, &f->out, core, now_ms);
	}
}

/* F-18: the address of the description, or the mask and range ordered; only an explicit OFF opens it (threat M1). */
static struct gw_addr allowed_source(const struct dp_stream *s, const struct gw_addr *remote)
{
	struct gw_addr a = s->has_remote ? *remote : (struct gw_addr){ 0 };

	if (s->ctl.sam_prefix) {
		uint16_t port = a.port;

		a = s->ctl.sam;
		a.port = port;
	}
	if (s->ctl.spr_first)
		a.port = s->ctl.spr_first;
	return a;
}

static void fill_filter(const struct dp_stream *s, struct dp_flow_spec *f)
{
	bool is_latching = s->latch && s->latch->kind != DP_LATCH_OFF;

	/* F-14: who latches does not believe the description; F-19: an ordered filter bounds what it latches to */
	f->check_source = is_latching ? s->ctl.saf == 1 : s->ctl.saf != 0;
	f->check_port = s->ctl.spf == 1;
	f->source = allowed_source(s, &s->remote);
	f->rtcp.source = allowed_source(s, &s->remote_rtcp);
	f->source_prefix = s->ctl.sam_prefix;
	if (s->ctl.spr_first)
		f->source_port_last = s->ctl.spr_last;
}

static void fill_latch(const struct dp_stream *s, struct dp_flow_spec *f)
{
	if (!s->latch)
		return;
	f->latch = (enum dp_latch)s->latch->kind;
	f->latch_order = s->latch->order;
	if (f->latch == DP_LATCH_AGAIN) {
		f->latched = dp_stream_remote(s, false);
		f->rtcp.latched = dp_stream_remote(s, true);
	}
}

/* F-21: what comes in by this stream. */
static void fill_police(const struct dp_stream *s, struct dp_flow_spec *f)
{
	const struct dp_control *k = &s->ctl;

	if (k->pol == 1)
		f->police = (struct dp_police){ .sdr = k->sdr, .mbs = k->mbs, .pdr = k->pdr, .dvt_ns = k->dvt * 100ull };
}

/* What one leg makes of its packets. */
enum protection { CLEAR, BY_DTLS, BY_SDES, OF_THE_ENDS };

static enum protection protection_of(const struct dp_stream *s)
{
	if (s->sdes)
		return dp_sdes_has_keys(s->sdes) ? BY_SDES : OF_THE_ENDS;
	return s->access ? BY_DTLS : CLEAR;
}

/* Sessions of what came by SDP are their own flow's, which others look into: they can be replaced at any time. */
static void fill_keys(struct dp_stream *s, const struct dp_stream *peer, struct dp_flow_spec *f)
{
	enum protection ours = protection_of(s), theirs = peer ? protection_of(peer) : OF_THE_ENDS;

	f->kind = DP_FLOW_CORE_RTP;	/* with no session: nothing passes */
	if (ours == BY_SDES) {
		f->kind = DP_FLOW_CORE_SRTP;
		f->srtp = s->sdes->rx;
		f->srtp_kept = s->sdes->tx;
		f->carries_on = s->sdes->carries_on;
		f->seals = theirs != CLEAR;
	} else if (ours == CLEAR && theirs == BY_DTLS) {
		f->srtp = peer->access->srtp_tx;
		f->is_srtp_lent = true;
	} else if (ours == theirs || (ours == CLEAR && theirs == BY_SDES)) {
		f->kind = DP_FLOW_CORE_CLEAR;
		f->seals = theirs == BY_SDES;
		f->is_of_ends = ours == OF_THE_ENDS;
	}
}

static void core_spec(struct dp_ctx *c, struct dp_stream *s, struct dp_flow_spec *f, uint64_t now_ms)
{
	struct dp_stream *peer = dp_stream_peer(s);

	f->rtcp.local_port = (uint16_t)(s->port + 1);
	fill_filter(s, f);
	fill_latch(s, f);
	if (peer && peer->has_flow)
		f->reverse = peer->flow;
	f->is_open = dp_mode_receives(s->ctl.mode);
	f->open_until_tsc = UINT64_MAX;
	if (s->text) {	/* the service core's: consent is the association's, which carries it on */
		f->kind = DP_FLOW_CORE_TEXT;
		f->out_is_open = peer && dp_mode_sends(peer->ctl.mode);
		f->out_until_tsc = UINT64_MAX;
		return;
	}
	f->out_until_tsc = peer ? until_tsc(c, peer, now_ms) : 0;
	fill_keys(s, peer, f);
	if (peer) {
		f->out_is_open = dp_mode_sends(peer->ctl.mode);
		fill_path(c, &f->out, peer, now_ms);
		fill_line(peer, &f->line);
		f->line.transport = 0;	/* it has a port of its own; its packets go to the peer's with this MID */
		f->line.mid_ext = peer->peer_mid_ext;
	}
}

/* Either side of datagrams that pass as they are: nobody here has a consent to watch. */
static void opaque_spec(struct dp_ctx *c, struct dp_stream *s, struct dp_flow_spec *f, uint64_t now_ms)
{
	struct dp_stream *to = dp_stream_peer(s);

	f->kind = DP_FLOW_OPAQUE;
	fill_filter(s, f);
	fill_latch(s, f);
	f->is_open = dp_mode_receives(s->ctl.mode);
	f->open_until_tsc = f->out_until_tsc = UINT64_MAX;
	if (!to)
		return;
	f->out_is_open = dp_mode_sends(to->ctl.mode);
	if (to->has_flow)
		f->reverse = to->flow;
	fill_path(c, &f->out, to, now_ms);
}

/* Either side of a data line; both ends of it have gates. */
static void data_spec(struct dp_ctx *c, struct dp_stream *s, struct dp_flow_spec *f, uint64_t now_ms)
{
	struct dp_stream *to = dp_stream_peer(s);

	f->kind = s->term->is_access ? DP_FLOW_DATA : DP_FLOW_CORE_DATA;
	if (s->term->is_access) {
		const struct dp_ice_pair *pair = dp_ice_selected(&s->access->ice);

		f->check_source = f->check_port = true;
		if (pair)
			f->source = pair->remote;
		if (!s->transport) {	/* lent to the media of its group */
			f->srtp = s->access->srtp_rx;
			f->srtp_kept = s->access->srtp_tx;
		}
		fill_line(s, &f->line);
	} else {
		fill_filter(s, f);
		f->check_port = s->ctl.spf != 0;	/* DTLS comes from where it goes */
	}
	f->is_open = dp_mode_receives(s->ctl.mode);
	f->open_until_tsc = until_tsc(c, s, now_ms);
	f->out_until_tsc = to ? until_tsc(c, to, now_ms) : 0;
	if (!to)
		return;
	f->out_is_open = dp_mode_sends(to->ctl.mode);
	fill_path(c, &f->out, to, now_ms);
	if (s->records && to->records && s->records->is_in_use && to->records->is_in_use) {
		f->open = s->records->session;
		f->seal = to->records->session;
	}
}

void dp_publish_one(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_cmd cmd = { .type = DP_CMD_FLOW_SET, .flow = s->flow };

	if (!s->has_flow)
		return;
	cmd.spec.laddr = s->laddr;
	cmd.spec.local_port = s->port;
	cmd.spec.cookie = dp_cookie(c, s);
	cmd.spec.clock_hz = s->clock_hz;
	memcpy(cmd.spec.pt_mask, s->pt_mask, sizeof(s->pt_mask));
	fill_police(s, &cmd.spec);
	if (dp_stream_is_data(s))
		data_spec(c, s, &cmd.spec, now_ms);
	else if (s->is_opaque)
		opaque_spec(c, s, &cmd.spec, now_ms);
	else if (s->access)
		access_spec(c, s, &cmd.spec, now_ms);
	else
		core_spec(c, s, &cmd.spec, now_ms);
	dp_order(c, s, &cmd, now_ms);
}

/* The access side last: SRTP sessions are its flow's to give back, once no other uses them. */
static void publish_pair(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_stream *peer = dp_stream_peer(s);

	if (peer && s->term->is_access)
		dp_publish_one(c, peer, now_ms);
	dp_publish_one(c, s, now_ms);
	if (peer && !s->term->is_access)
		dp_publish_one(c, peer, now_ms);
}

void dp_publish(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	for (struct dp_stream *o = s->term->streams; o; o = o->next)
		if (o->transport == s)
			publish_pair(c, o, now_ms);
	publish_pair(c, s, now_ms);
}

static void publish_gate(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_stream *core = dp_stream_peer(s);
	struct dp_cmd cmd = { .type = DP_CMD_FLOW_GATE, .flow = s->flow };
	uint64_t until = consent_tsc(c, s->access, now_ms);

	if (!s->has_flow)
		return;
	if (dp_stream_is_data(s)) {
		publish_pair(c, s, now_ms);
		return;
	}
	cmd.gate.is_open = dp_mode_receives(s->ctl.mode);
	cmd.gate.out_is_open = core && dp_mode_sends(core->ctl.mode);
	cmd.gate.open_until_tsc = until;
	cmd.gate.out_until_tsc = UINT64_MAX;
	dp_order(c, s, &cmd, now_ms);
	if (!core || !core->has_flow)
		return;
	cmd.flow = core->flow;
	cmd.gate.is_open = dp_mode_receives(core->ctl.mode);
	cmd.gate.out_is_open = dp_mode_sends(s->ctl.mode);
	cmd.gate.open_until_tsc = UINT64_MAX;
	cmd.gate.out_until_tsc = until;
	dp_order(c, core, &cmd, now_ms);
}

void dp_publish_gate(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	for (struct dp_stream *o = s->term->streams; o; o = o->next)
		if (o->transport == s)
			publish_gate(c, o, now_ms);
	publish_gate(c, s, now_ms);
}

/*
 * SRTP sessions are of the access stream that made them: its flow gives them back, and is the last to use them, for all flows of a
 * context are one worker's, which does as it is told in the order it is told. When a core side leaves they stay for the next
 * one: made anew, that which sends would begin its indices again.
 */
bool dp_publish_close(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	struct dp_cmd cmd = { .type = DP_CMD_FLOW_DEL, .flow = s->flow };

	if (s->has_flow)
		dp_order(c, s, &cmd, now_ms);
	return s->has_flow;
}

void dp_publish_drop_keys(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	s->access->srtp_rx = s->access->srtp_tx = NULL;
	dp_publish(c, s, now_ms);
}

static void flow_gone(struct dp_ctx *c, struct dp_stream *s, dp_flow_id flow, uint64_t now_ms)
{
	if (!s->has_flow || s->flow != flow)
		return;
	if (s->records)
		dp_data_records_free(c, s);
	dp_flow_release(c->c.fast, s->flow);
	s->has_flow = false;
	c->n_flows--;
	if (!s->term)
		dp_stream_free(c, s, now_ms);
}

/* Of an order before, another one may hold by now: RELATCH alone keeps what was learned until then. */
static bool is_of_now(const struct dp_stream_latch *l, uint8_t order)
{
	return (uint8_t)(order - l->since) <= (uint8_t)(l->order - l->since);
}

static void latched(struct dp_ctx *c, struct dp_stream *s, const struct dp_event *ev, uint64_t now_ms)
{
	char addr[GW_ADDR_STR_BYTES], id[DP_TERM_ID_BYTES];

	if (!s->term || !s->latch || s->latch->kind == DP_LATCH_OFF || !is_of_now(s->latch, ev->latch_order))
		return;
	s->latch->learned[ev->is_rtcp] = ev->latched;
	c->ctr[ctx_latched]++;
	GW_LOG_INFO(c->c.log, "latched", "ctx=%u term=%s stream=%u rtcp=%d remote=%s", s->term->ctx->id,
		dp_term_id(s->term, id), s->id, ev->is_rtcp, gw_addr_str(&ev->latched, addr));
	dp_publish(c, s, now_ms);
}

void dp_ctx_event(struct dp_ctx *c, const struct dp_event *ev, uint64_t now_ms)
{
	bool is_gone = ev->type == DP_EV_FLOW_GONE, is_of_peer = ev->type == DP_EV_LATCHED || ev->type == DP_EV_ALERT;
	struct dp_stream *s = is_gone || is_of_peer ? dp_cookie_stream(c, ev->cookie) : NULL;

	if (!is_of_peer)
		dp_orders_acked(c);
	/* a flow that has been lent them may not have been told that they are void: better lost than used by two */
	if (!c->is_unsure) {
		c->c.srtp->session_free(ev->old_srtp);
		c->c.srtp->session_free(ev->old_kept);
	}
	if (ev->type == DP_EV_NAK)
		GW_LOG_ERROR(c->c.log, "flow.nak", "flow=%016llx", (unsigned long long)ev->flow);
	if (s && is_gone)
		flow_gone(c, s, ev->flow, now_ms);
	else if (s && ev->type == DP_EV_ALERT)
		dp_media_alert(c, s, gw_sv((const char *)ev->alert, sizeof(ev->alert)), now_ms);
	else if (s)
		latched(c, s, ev, now_ms);
}
