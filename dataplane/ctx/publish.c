/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of terminations as flow specifications for the worker that owns their ports. */
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/ctx/ctx_int.h"

struct port_ref {
	struct dp_port_pool *pool;
	uint16_t port;               /* 0: belongs to the pair of another flow */
	bool lends_srtp;             /* its session belongs to the access termination: not freed with the flow */
	struct dp_srtp_session *srtp; /* freed with the flow although it never was the flow's */
};

/* A command a worker had no room for: its hypervisor may have stopped it for a while. */
struct waiting_cmd {
	struct gw_list node;
	struct dp_cmd cmd;
};

#define RETRY_MS 1u

static void on_backlog(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_ctx *c = GW_CONTAINER(timer, struct dp_ctx, backlog_timer);

	while (!gw_list_empty(&c->backlog)) {
		struct waiting_cmd *w = GW_CONTAINER(c->backlog.next, struct waiting_cmd, node);

		if (dp_cmd_send(c->c.fast, &w->cmd) == GW_EAGAIN) {
			(void)gw_timer_arm(c->c.timers, timer, now_ms + RETRY_MS);
			return;
		}
		gw_list_remove(&w->node);
		free(w);
	}
}

/* In the order they were given, and none is lost: a lost FLOW_DEL would keep its port and its memory for ever. */
static void send_cmd(struct dp_ctx *c, const struct dp_cmd *cmd, uint64_t now_ms)
{
	struct waiting_cmd *w;

	if (gw_list_empty(&c->backlog) && dp_cmd_send(c->c.fast, cmd) != GW_EAGAIN)
		return;
	w = malloc(sizeof(*w));
	if (!w) {
		c->ctr[ctx_cmd_lost]++;
		return;
	}
	c->ctr[ctx_cmd_late]++;
	w->cmd = *cmd;
	gw_list_append(&c->backlog, &w->node);
	if (!gw_timer_armed(&c->backlog_timer)) {
		c->backlog_timer.fn = on_backlog;
		(void)gw_timer_arm(c->c.timers, &c->backlog_timer, now_ms + RETRY_MS);
	}
}

void dp_publish_drop_backlog(struct dp_ctx *c)
{
	gw_timer_stop(c->c.timers, &c->backlog_timer);
	GW_LIST_FOREACH_SAFE(it, next, &c->backlog)
		free(GW_CONTAINER(it, struct waiting_cmd, node));
	gw_list_init(&c->backlog);
}

static enum gw_err open_flow(struct dp_ctx *c, struct dp_term *t, int k)
{
	uint16_t port = (uint16_t)(t->port + k);
	struct port_ref *ref = calloc(1, sizeof(*ref));
	enum gw_err err;

	if (!ref)
		return GW_ENOMEM;
	ref->pool = t->realm->pools[t->addr_index];
	ref->port = k == 0 ? t->port : 0;
	if ((err = dp_flow_alloc(c->c.fast, port, &t->flow[k]))) {
		free(ref);
		return err;
	}
	if ((err = gw_map_put_u64(&c->flow_ports, t->flow[k], ref))) {
		dp_flow_release(c->c.fast, t->flow[k]);
		free(ref);
		return err;
	}
	t->has_flow[k] = true;
	return GW_OK;
}

/* The flow was never installed: ids go back at once. */
static void undo_flow(struct dp_ctx *c, struct dp_term *t, int k)
{
	if (!t->has_flow[k])
		return;
	free(gw_map_del_u64(&c->flow_ports, t->flow[k]));
	dp_flow_release(c->c.fast, t->flow[k]);
	t->has_flow[k] = false;
}

enum gw_err dp_publish_open(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	enum gw_err err;

	if ((err = open_flow(c, t, 0)) || (!t->is_access && (err = open_flow(c, t, 1)))) {
		undo_flow(c, t, 0);
		return err;
	}
	dp_publish(c, t, now_ms);
	return GW_OK;
}

static uint64_t consent_tsc(struct dp_ctx *c, const struct dp_term *access, uint64_t now_ms)
{
	uint64_t left;

	if (!access || access->ice.consent != DP_ICE_CONSENT_VALID ||
		access->ice.consent_until_ms <= now_ms)
		return 0;
	left = access->ice.consent_until_ms - now_ms;
	return rte_rdtsc() + left * (c->c.tsc_hz / 1000);
}

/* Where this termination's peer is reached, if it is known. */
static void fill_path(struct dp_ctx *c, struct dp_path *p, const struct dp_term *t, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = t->is_access ? dp_ice_selected(&t->ice) : NULL;

	*p = (struct dp_path){ .laddr = t->laddr, .local_port = t->port, .dscp = t->dscp };
	if (t->is_access ? !pair : !t->has_remote)
		return;
	p->remote = pair ? pair->remote : t->remote;
	if (dp_neigh_route(c->c.neigh, t->laddr, &p->remote, now_ms, &p->nexthop)) {
		p->remote.family = 0;
		c->ctr[ctx_no_route]++;
	}
}

static void access_spec(struct dp_ctx *c, struct dp_term *t, struct dp_flow_spec *s, uint64_t now_ms)
{
	const struct dp_term *core = dp_term_peer(t);
	const struct dp_ice_pair *pair = dp_ice_selected(&t->ice);

	s->kind = DP_FLOW_ACCESS;
	s->check_source = s->check_port = true;
	if (pair)
		s->source = pair->remote;
	s->is_open = dp_mode_receives(t->mode);
	s->open_until_tsc = consent_tsc(c, t, now_ms);
	s->out_until_tsc = UINT64_MAX;
	s->srtp = t->srtp_rx;
	if (core) {
		s->out_is_open = dp_mode_sends(core->mode);
		fill_path(c, &s->out, core, now_ms);
	}
}

static void core_spec(struct dp_ctx *c, struct dp_term *t, struct dp_flow_spec *s, uint64_t now_ms)
{
	struct dp_term *access = dp_term_peer(t);

	s->kind = DP_FLOW_CORE_RTP;
	s->check_source = t->saf != 0;	/* only an explicit OFF opens it (threat M1) */
	s->check_port = t->spf == 1;
	if (t->has_remote)
		s->source = t->remote;
	s->is_open = dp_mode_receives(t->mode);
	s->open_until_tsc = UINT64_MAX;
	s->out_until_tsc = consent_tsc(c, access, now_ms);
	if (access) {
		s->out_is_open = dp_mode_sends(access->mode);
		s->srtp = access->srtp_tx;
		fill_path(c, &s->out, access, now_ms);
	}
}

static void publish_one(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	struct dp_cmd cmd = { .type = DP_CMD_FLOW_SET, .flow = t->flow[0] };

	if (!t->has_flow[0])
		return;
	cmd.spec.laddr = t->laddr;
	cmd.spec.local_port = t->port;
	cmd.spec.cookie = dp_cookie(t);
	cmd.spec.clock_hz = t->clock_hz;
	memcpy(cmd.spec.pt_mask, t->pt_mask, sizeof(t->pt_mask));
	if (t->is_access)
		access_spec(c, t, &cmd.spec, now_ms);
	else
		core_spec(c, t, &cmd.spec, now_ms);
	send_cmd(c, &cmd, now_ms);
	if (t->is_access || !t->has_flow[1])
		return;
	cmd.flow = t->flow[1];
	cmd.spec.kind = DP_FLOW_CORE_RTCP;
	cmd.spec.local_port = (uint16_t)(t->port + 1);
	cmd.spec.source = t->has_remote ? t->remote_rtcp : (struct gw_addr){ 0 };
	cmd.spec.srtp = NULL;
	send_cmd(c, &cmd, now_ms);
}

void dp_publish(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	struct dp_term *peer = dp_term_peer(t);

	publish_one(c, t, now_ms);
	if (peer)
		publish_one(c, peer, now_ms);
}

void dp_publish_gate(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	struct dp_term *core = dp_term_peer(t);
	struct dp_cmd cmd = { .type = DP_CMD_FLOW_GATE, .flow = t->flow[0] };
	uint64_t until = consent_tsc(c, t, now_ms);

	if (!t->has_flow[0])
		return;
	cmd.gate.is_open = dp_mode_receives(t->mode);
	cmd.gate.out_is_open = core && dp_mode_sends(core->mode);
	cmd.gate.open_until_tsc = until;
	cmd.gate.out_until_tsc = UINT64_MAX;
	send_cmd(c, &cmd, now_ms);
	if (!core || !core->has_flow[0])
		return;
	cmd.flow = core->flow[0];
	cmd.gate.is_open = dp_mode_receives(core->mode);
	cmd.gate.out_is_open = dp_mode_sends(t->mode);
	cmd.gate.open_until_tsc = UINT64_MAX;
	cmd.gate.out_until_tsc = until;
	send_cmd(c, &cmd, now_ms);
}

void dp_publish_close(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms)
{
	struct dp_term *peer = dp_term_peer(t);
	struct port_ref *ref = t->has_flow[0] ? gw_map_get_u64(&c->flow_ports, t->flow[0]) : NULL;

	/*
	 * The SRTP session that sends to an access termination is the core flow's to use. Whichever leaves
	 * first: the core flow stops using it before it is freed.
	 *  - The access side, with a peer: the FLOW_SET without keys that follows gives it back.
	 *  - The core side: the session stays for the next core flow; made anew it would begin its indices again.
	 *  - The access side, alone: with its own flow, for the same worker has then ended the last core flow.
	 */
	if (ref && !t->is_access && peer)
		ref->lends_srtp = true;
	if (ref && t->is_access && !peer)
		ref->srtp = t->srtp_tx;
	if (t->is_access)
		t->srtp_rx = t->srtp_tx = NULL;
	for (int k = 0; k < 2; k++) {
		struct dp_cmd cmd = { .type = DP_CMD_FLOW_DEL, .flow = t->flow[k] };

		if (!t->has_flow[k])
			continue;
		send_cmd(c, &cmd, now_ms);
		t->has_flow[k] = false;
	}
}

void dp_ctx_event(struct dp_ctx *c, const struct dp_event *ev, uint64_t now_ms)
{
	struct port_ref *ref = NULL;

	if (ev->type == DP_EV_FLOW_GONE)
		ref = gw_map_del_u64(&c->flow_ports, ev->flow);
	if (ev->old_srtp && !(ref && ref->lends_srtp))
		c->c.srtp->session_free(ev->old_srtp);
	if (ref && ref->srtp)
		c->c.srtp->session_free(ref->srtp);
	if (ev->type == DP_EV_NAK)
		GW_LOG_ERROR(c->c.log, "flow.nak", "flow=%016llx", (unsigned long long)ev->flow);
	if (ev->type != DP_EV_FLOW_GONE)
		return;
	if (ref && ref->port)
		dp_port_give_back(ref->pool, ref->port, now_ms);
	free(ref);
	dp_flow_release(c->c.fast, ev->flow);
}
