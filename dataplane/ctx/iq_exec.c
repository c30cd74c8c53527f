/* SPDX-License-Identifier: Apache-2.0 */
/* Iq requests executed: commands in order, the first failure ends the transaction (M-13). */
#include <stdio.h>

#include "dataplane/ctx/iq_int.h"

struct exec {
	struct dp_iq *q;
	struct dp_ctx *ctx;
	struct dp_context *cx;          /* of the action; NULL: null context, or gone */
	uint32_t id;                    /* of the action: a failed Add or a Subtract may end the context */
	struct iq_action *out;
	unsigned cap;
	bool stop;
};

static struct iq_cmd *result(struct exec *e, const struct iq_cmd *cmd, struct gw_sv term)
{
	struct iq_cmd *r;

	if (e->out->n_cmds == e->cap) {
		unsigned cap = e->cap ? e->cap * 2 : 8;
		struct iq_cmd *g = gw_arena_array(&e->q->arena, struct iq_cmd, cap);

		if (!g) {
			e->out->error = 510;
			e->stop = true;
			return NULL;
		}
		if (e->out->n_cmds)
			memcpy(g, e->out->cmds, e->out->n_cmds * sizeof(*g));
		e->out->cmds = g;
		e->cap = cap;
	}
	r = &e->out->cmds[e->out->n_cmds++];
	*r = (struct iq_cmd){ .kind = cmd->kind, .term = iq_term(gw_arena_sv(&e->q->arena, term)) };
	return r;
}

static void fail(struct exec *e, const struct iq_cmd *cmd, unsigned code, struct gw_sv text)
{
	struct iq_cmd *r = result(e, cmd, cmd->term.text);

	e->q->ctr[iq_errors]++;
	GW_LOG_NOTICE(e->q->c.log, "iq.error", "ctx=%u term=%.*s code=%u text=\"%.*s\"",
		e->cx ? e->cx->id : 0, GW_SV_FMT(cmd->term.text), code, GW_SV_FMT(text));
	if (r) {
		r->error = code;
		r->error_text = gw_sv_chr(text, '"', 0) == text.len ?
			gw_arena_sv(&e->q->arena, text) : GW_SV_NONE;
	}
	e->stop |= !cmd->is_optional;
}

static void add_or_modify(struct exec *e, const struct iq_cmd *cmd, struct dp_term *t)
{
	struct dp_term *done;
	const char *text;
	unsigned code;
	struct gw_sv local;
	struct iq_cmd *r;

	if (dp_ctx_apply(e->ctx, e->cx, t, cmd, &e->q->arena, e->q->now_ms, &done, &local, &code,
		    &text)) {
		e->cx = dp_ctx_find(e->ctx, e->id);
		fail(e, cmd, code, gw_sv_cstr(text));
		return;
	}
	r = result(e, cmd, gw_sv_cstr(done->id));
	if (!r || local.len == 0)	/* M-7: only what was under-specified */
		return;
	r->streams = gw_arena_new(&e->q->arena, struct iq_stream);
	if (!r->streams)
		return;
	r->streams[0] = iq_stream(done->stream_id);
	r->streams[0].has_local = true;
	r->streams[0].local = local;
	r->n_streams = 1;
}

static void stat(struct dp_iq *q, struct iq_cmd *r, enum iq_name id, uint64_t v)
{
	char text[24];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_u64(&b, v);
	r->stats[r->n_stats++] = (struct iq_stat){ id, gw_arena_sv(&q->arena, gw_buf_sv(&b)) };
}

static void put_stats(struct exec *e, struct iq_cmd *r, const struct dp_term *t)
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

static void subtract_matching(struct exec *e, const struct iq_cmd *cmd)
{
	unsigned left = e->cx->n_terms, n = 0;
	struct iq_cmd *r;

	/* M-15: the context goes with its last termination */
	for (unsigned i = 0; i < left;) {
		struct dp_term *t = e->cx->terms[i];

		if (!iq_term_matches(cmd->term.text, gw_sv_cstr(t->id))) {
			i++;
			continue;
		}
		if (!cmd->is_wildcard_response && (r = result(e, cmd, gw_sv_cstr(t->id))) &&
			(cmd->audit & IQ_AUDIT_STATISTICS))
			put_stats(e, r, t);
		dp_ctx_subtract(e->ctx, t, e->q->now_ms);	/* the last one takes its place */
		left--;
		n++;
	}
	if (left == 0)
		e->cx = NULL;
	if (n == 0)
		fail(e, cmd, 431, GW_SV_NONE);
	else if (cmd->is_wildcard_response)
		result(e, cmd, cmd->term.text);
}

static void subtract(struct exec *e, const struct iq_cmd *cmd)
{
	struct iq_cmd *r;

	if (cmd->term.kind == IQ_TERM_ALL) {
		subtract_matching(e, cmd);
		return;
	}
	struct dp_term *t = dp_ctx_term(e->cx, cmd->term.text);

	if (!t) {
		fail(e, cmd, 430, GW_SV_NONE);
		return;
	}
	r = result(e, cmd, gw_sv_cstr(t->id));
	if (r && (cmd->audit & IQ_AUDIT_STATISTICS))
		put_stats(e, r, t);
	if (e->cx->n_terms == 1) {
		dp_ctx_subtract(e->ctx, t, e->q->now_ms);
		e->cx = NULL;
	} else {
		dp_ctx_subtract(e->ctx, t, e->q->now_ms);
	}
}

static void audit_root(struct exec *e, const struct iq_cmd *cmd)
{
	static const struct gw_sv packages[] = { GW_SV_INIT("g-1"), GW_SV_INIT("root-2"),
		GW_SV_INIT("nt-1"), GW_SV_INIT("rtp-1"), GW_SV_INIT("gm-2"), GW_SV_INIT("ipdc-1"),
		GW_SV_INIT("hangterm-1"), GW_SV_INIT("ds-2"), GW_SV_INIT("rtcph-1"),
		GW_SV_INIT("mgastuns-1"), GW_SV_INIT("ostuncc-1"), GW_SV_INIT("stuncf-1"),
		GW_SV_INIT("tlsbsc-1"), GW_SV_INIT("xwrtc-1") };
	struct iq_cmd *r = result(e, cmd, GW_SV("ROOT"));

	if (!r)
		return;
	if (cmd->audit & IQ_AUDIT_PACKAGES) {
		r->packages = (struct gw_sv *)(uintptr_t)packages;
		r->n_packages = sizeof(packages) / sizeof(packages[0]);
	}
	if (cmd->audit & IQ_AUDIT_STATE)
		r->has_service_state = r->is_in_service = true;
}

static void audit_media(struct exec *e, struct iq_cmd *r, const struct dp_term *t)
{
	struct iq_stream *s = gw_arena_new(&e->q->arena, struct iq_stream);

	if (!s)
		return;
	*s = iq_stream(t->stream_id);
	s->mode = t->mode;
	s->realm = gw_sv_cstr(t->realm->name);
	s->dscp = t->dscp;
	s->saf = t->saf;
	s->spf = t->spf;
	s->has_local = t->local_sdp != NULL;
	s->local = gw_sv_cstr(t->local_sdp);
	s->remote = gw_sv_cstr(t->remote_sdp);
	/* T-7: what holds a brace cannot be said */
	s->has_remote = t->remote_sdp && gw_sv_chr(s->remote, '}', 0) == s->remote.len;
	r->streams = s;
	r->n_streams = 1;
}

static void audit_events(struct exec *e, struct iq_cmd *r, const struct dp_term *t)
{
	r->has_events = true;
	r->events_id = t->events_id;
	r->events = gw_arena_array(&e->q->arena, struct iq_item, IQ_MAX_EVENTS);
	for (unsigned ev = 1; r->events && r->n_events < IQ_MAX_EVENTS && ev < 32 && t->wanted >> ev; ev++) {
		struct iq_item *it = &r->events[r->n_events];
		char text[16];

		if (!(t->wanted >> ev & 1))
			continue;
		r->n_events++;
		it->id = (enum iq_name)ev;
		if (ev != IQ_EV_HANGTERM)
			continue;
		snprintf(text, sizeof(text), "%u", t->heartbeat_s);
		it->params[it->n_params++] = (struct iq_param){ GW_SV("timerx"),
			gw_arena_sv(&e->q->arena, gw_sv_cstr(text)) };
	}
}

/* The STUN server of an access termination is on from its first moment. */
static void audit_signals(struct exec *e, struct iq_cmd *r, const struct dp_term *t)
{
	r->has_signals = true;
	if (!t->is_access || !(r->signals = gw_arena_new(&e->q->arena, struct iq_item)))
		return;
	r->signals[0] = (struct iq_item){ .id = IQ_SG_STUN_SERVER, .stream = t->stream_id };
	r->n_signals = 1;
}

static void audit_term(struct exec *e, const struct iq_cmd *cmd, const struct dp_term *t)
{
	struct iq_cmd *r = result(e, cmd, gw_sv_cstr(t->id));

	if (!r)
		return;
	if (cmd->audit & IQ_AUDIT_STATISTICS)
		put_stats(e, r, t);
	if (cmd->audit & IQ_AUDIT_MEDIA)
		audit_media(e, r, t);
	if (cmd->audit & IQ_AUDIT_EVENTS)
		audit_events(e, r, t);
	if (cmd->audit & IQ_AUDIT_SIGNALS)
		audit_signals(e, r, t);
}

static void audit(struct exec *e, const struct iq_cmd *cmd)
{
	if (cmd->term.kind == IQ_TERM_ROOT) {
		audit_root(e, cmd);
		return;
	}
	if (!e->cx) {
		fail(e, cmd, 410, GW_SV_NONE);
		return;
	}
	if (cmd->term.kind == IQ_TERM_ALL) {
		unsigned before = e->out->n_cmds;

		for (unsigned i = 0; i < e->cx->n_terms; i++)
			if (iq_term_matches(cmd->term.text, gw_sv_cstr(e->cx->terms[i]->id)))
				audit_term(e, cmd, e->cx->terms[i]);
		if (e->out->n_cmds == before)
			fail(e, cmd, 431, GW_SV_NONE);
		return;
	}
	struct dp_term *t = dp_ctx_term(e->cx, cmd->term.text);

	if (t)
		audit_term(e, cmd, t);
	else
		fail(e, cmd, 430, GW_SV_NONE);
}

static void service_change(struct exec *e, const struct iq_cmd *cmd)
{
	if (cmd->term.kind != IQ_TERM_ROOT) {
		fail(e, cmd, 501, GW_SV_NONE);
		return;
	}
	if (cmd->sc.method == IQ_HANDOFF && cmd->sc.mgc_id.len) {
		if (dp_iq_hand_off(e->q, cmd->sc.mgc_id))
			fail(e, cmd, 449, cmd->sc.mgc_id);
		else
			result(e, cmd, GW_SV("ROOT"));
		return;
	}
	result(e, cmd, GW_SV("ROOT"));
	/* 3.3: the ALG restarted, or orders us to register (again): with the calls we still have */
	if (cmd->sc.method == IQ_RESTART || cmd->sc.method == IQ_HANDOFF)
		dp_iq_reregister(e->q, cmd->sc.method == IQ_HANDOFF ? IQ_HANDOFF : IQ_DISCONNECTED,
			cmd->sc.method == IQ_HANDOFF ? 903 : 900);
}

static void modify(struct exec *e, const struct iq_cmd *cmd)
{
	unsigned n = 0;

	if (cmd->term.kind == IQ_TERM_ROOT) {
		if (cmd->n_events)	/* none of ROOT would ever be reported */
			fail(e, cmd, 512, GW_SV_NONE);
		else
			result(e, cmd, GW_SV("ROOT"));
		return;
	}
	for (unsigned i = 0; e->cx && i < e->cx->n_terms && !e->stop; i++)
		if (iq_term_matches(cmd->term.text, gw_sv_cstr(e->cx->terms[i]->id))) {
			add_or_modify(e, cmd, e->cx->terms[i]);
			n++;
		}
	if (n == 0)
		fail(e, cmd, cmd->term.kind == IQ_TERM_ALL ? 431 : 430, GW_SV_NONE);
}

static void command(struct exec *e, const struct iq_cmd *cmd)
{
	if (cmd->error) {
		fail(e, cmd, cmd->error, cmd->error_text);
		return;
	}
	switch (cmd->kind) {
	case IQ_ADD:
		if (!e->cx)
			fail(e, cmd, 411, GW_SV_NONE);
		else if (cmd->term.kind != IQ_TERM_CHOOSE)
			fail(e, cmd, 430, GW_SV("TerminationIDs are chosen here"));
		else
			add_or_modify(e, cmd, NULL);
		return;
	case IQ_MODIFY:
		modify(e, cmd);
		return;
	case IQ_SUBTRACT:
		if (e->cx)
			subtract(e, cmd);
		else
			fail(e, cmd, 411, GW_SV_NONE);
		return;
	case IQ_AUDIT_VALUE:
	case IQ_AUDIT_CAPABILITY:
		audit(e, cmd);
		return;
	case IQ_SERVICE_CHANGE:
		service_change(e, cmd);
		return;
	case IQ_MOVE:
	case IQ_NOTIFY:
		break;
	}
	fail(e, cmd, 501, GW_SV_NONE);
}

/* "Context = * { W-Subtract = * }": a controller that lost its state starts anew (Q4). */
static void subtract_everything(struct exec *e, const struct iq_cmd *cmd)
{
	struct gw_list *l = dp_ctx_list(e->ctx);

	while (!gw_list_empty(l)) {
		struct dp_context *cx = GW_CONTAINER(l->next, struct dp_context, node);

		for (unsigned n = cx->n_terms; n > 0; n--)
			dp_ctx_subtract(e->ctx, cx->terms[0], e->q->now_ms);
	}
	result(e, cmd, cmd->term.text);
}

/* "Context = * { AuditValue }": each context answers for itself (M-20). */
static bool is_audit_of_all(const struct iq_action *a)
{
	for (unsigned i = 0; i < a->n_cmds; i++)
		if (a->cmds[i].kind != IQ_AUDIT_VALUE || a->cmds[i].term.kind == IQ_TERM_ROOT)
			return false;
	return a->context == IQ_CONTEXT_ALL && !a->error && a->n_cmds;
}

static void audit_all(struct dp_iq *q, const struct iq_action *a, struct iq_txn *reply, bool *stop)
{
	struct gw_list *l = dp_ctx_list(q->ctx);
	struct exec e = { .q = q, .ctx = q->ctx };

	GW_LIST_FOREACH_SAFE(it, next, l) {
		e = (struct exec){ .q = q, .ctx = q->ctx, .cx = GW_CONTAINER(it, struct dp_context, node),
			.out = &reply->actions[reply->n_actions++] };
		*e.out = (struct iq_action){ .context = e.cx->id, .priority = -1 };
		for (unsigned i = 0; i < a->n_cmds && !e.stop; i++)
			command(&e, &a->cmds[i]);
	}
	if (gw_list_empty(l)) {
		e.out = &reply->actions[reply->n_actions++];
		*e.out = (struct iq_action){ .context = IQ_CONTEXT_ALL, .priority = -1 };
		fail(&e, &a->cmds[0], 431, GW_SV_NONE);
	}
	*stop = e.stop;
}

static void action(struct dp_iq *q, const struct iq_action *a, struct iq_action *out, bool *stop)
{
	struct exec e = { .q = q, .ctx = q->ctx, .out = out };
	uint32_t id = a->context;

	*out = (struct iq_action){ .context = a->context, .priority = -1 };
	if (a->error) {
		out->error = a->error;
		*stop = true;
		return;
	}
	for (unsigned i = 0; i < a->n_topology; i++)
		if (a->topology[i].direction != IQ_BOTHWAY) {	/* both ways is what there is (2.16) */
			out->error = 522;
			*stop = true;
			return;
		}
	if (id == IQ_CONTEXT_CHOOSE) {
		if (dp_ctx_create(q->ctx, q->now_ms, &e.cx)) {
			out->error = 412;
			*stop = true;
			return;
		}
		id = out->context = e.cx->id;
		e.cx->priority = a->priority;
		e.cx->is_emergency = a->is_emergency;
	} else if (id == IQ_CONTEXT_ALL) {
		if (a->n_cmds == 1 && a->cmds[0].kind == IQ_SUBTRACT && !a->cmds[0].error &&
			a->cmds[0].term.kind == IQ_TERM_ALL && a->cmds[0].is_wildcard_response) {
			subtract_everything(&e, &a->cmds[0]);
			return;
		}
		out->error = 501;
		*stop = true;
		return;
	} else if (id != IQ_CONTEXT_NULL && !(e.cx = dp_ctx_find(q->ctx, id))) {
		out->error = 411;
		*stop = true;
		return;
	}
	e.id = id;
	for (unsigned i = 0; i < a->n_cmds && !e.stop; i++) {
		command(&e, &a->cmds[i]);
		if (id != IQ_CONTEXT_NULL)
			e.cx = dp_ctx_find(q->ctx, id);
	}
	if (e.cx)	/* a context made for commands that all failed does not stay */
		dp_ctx_remove_if_empty(q->ctx, e.cx);
	*stop = e.stop;
}

bool dp_iq_is_service_change(const struct iq_txn *req)
{
	return req->n_actions == 1 && req->actions[0].n_cmds == 1 &&
		req->actions[0].cmds[0].kind == IQ_SERVICE_CHANGE;
}

void dp_iq_execute(struct dp_iq *q, const struct iq_txn *req, struct iq_txn *reply)
{
	unsigned n = req->n_actions ? req->n_actions : 1;
	bool stop = false;

	*reply = (struct iq_txn){ .kind = IQ_REPLY, .id = req->id };
	if (req->error) {
		reply->error = req->error;
		return;
	}
	if (!q->is_registered && !dp_iq_is_service_change(req)) {
		reply->error = 505;	/* M-19 */
		return;
	}
	for (unsigned i = 0; i < req->n_actions; i++)
		n += is_audit_of_all(&req->actions[i]) ? dp_ctx_count(q->ctx) : 0;
	reply->actions = gw_arena_array(&q->arena, struct iq_action, n);
	if (!reply->actions) {
		reply->error = n > req->n_actions ? 533 : 510;	/* so many contexts do not fit into a message either */
		return;
	}
	for (unsigned i = 0; i < req->n_actions && !stop; i++)
		if (is_audit_of_all(&req->actions[i]))
			audit_all(q, &req->actions[i], reply, &stop);
		else
			action(q, &req->actions[i], &reply->actions[reply->n_actions++], &stop);
}
