/* SPDX-License-Identifier: Apache-2.0 */
/* Iq requests executed: commands in order, the first failure ends the transaction (M-13). */
#include "dataplane/ctx/iq_int.h"

struct iq_cmd *dp_exec_result(struct dp_exec *e, const struct iq_cmd *cmd, struct gw_sv term)
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

/* As the text of an error: what would end it cannot be said. */
static struct gw_sv sayable(struct dp_iq *q, struct gw_sv text)
{
	return gw_sv_chr(text, '"', 0) == text.len ? gw_arena_sv(&q->arena, text) : GW_SV_NONE;
}

void dp_exec_fail(struct dp_exec *e, const struct iq_cmd *cmd, unsigned code, struct gw_sv text)
{
	struct iq_cmd *r = dp_exec_result(e, cmd, cmd->term.text);

	e->q->ctr[iq_errors]++;
	GW_LOG_NOTICE(e->q->c.log, "iq.error", "ctx=%u term=%.*s code=%u text=\"%.*s\"",
		e->cx ? e->cx->id : 0, GW_SV_FMT(cmd->term.text), code, GW_SV_FMT(text));
	if (r) {
		r->error = code;
		r->error_text = sayable(e->q, text);
	}
	e->stop |= !cmd->is_optional;
}

static void add_or_modify(struct dp_exec *e, const struct iq_cmd *cmd, struct dp_term *t)
{
	char id[DP_TERM_ID_BYTES];
	struct dp_applied done;
	struct iq_cmd *r;

	if (dp_ctx_apply(e->ctx, e->cx, t, cmd, &e->q->arena, e->q->now_ms, &done)) {
		e->cx = dp_ctx_find(e->ctx, e->id);
		if (!t && (done.code == 510 || done.code == 432))
			dp_iq_root_refused(e->q);
		dp_exec_fail(e, cmd, done.code, gw_sv_cstr(done.text));
		return;
	}
	r = dp_exec_result(e, cmd, gw_sv_cstr(dp_term_id(done.term, id)));
	if (!r)
		return;
	r->streams = done.streams;
	r->n_streams = done.n_streams;
}

static void subtract_matching(struct dp_exec *e, const struct iq_cmd *cmd)
{
	unsigned left = e->cx->n_terms, n = 0;
	struct iq_cmd *r;

	/* M-15: the context goes with its last termination */
	for (unsigned i = 0; i < left;) {
		struct dp_term *t = e->cx->terms[i];
		char id[DP_TERM_ID_BYTES];

		if (!iq_term_matches(cmd->term.text, gw_sv_cstr(dp_term_id(t, id)))) {
			i++;
			continue;
		}
		if (!cmd->is_wildcard_response && (r = dp_exec_result(e, cmd, gw_sv_cstr(id))) &&
			(cmd->audit & IQ_AUDIT_STATISTICS))
			dp_exec_put_stats(e, r, t);
		dp_ctx_subtract(e->ctx, t, e->q->now_ms);	/* the last one takes its place */
		left--;
		n++;
	}
	if (left == 0)
		e->cx = NULL;
	if (n == 0)
		dp_exec_fail(e, cmd, 431, GW_SV_NONE);
	else if (cmd->is_wildcard_response)
		dp_exec_result(e, cmd, cmd->term.text);
}

static void subtract(struct dp_exec *e, const struct iq_cmd *cmd)
{
	char id[DP_TERM_ID_BYTES];
	struct iq_cmd *r;

	if (cmd->term.kind == IQ_TERM_ALL) {
		subtract_matching(e, cmd);
		return;
	}
	struct dp_term *t = dp_ctx_term(e->cx, cmd->term.text);

	if (!t) {
		dp_exec_fail(e, cmd, 430, GW_SV_NONE);
		return;
	}
	r = dp_exec_result(e, cmd, gw_sv_cstr(dp_term_id(t, id)));
	if (r && (cmd->audit & IQ_AUDIT_STATISTICS))
		dp_exec_put_stats(e, r, t);
	if (e->cx->n_terms == 1) {
		dp_ctx_subtract(e->ctx, t, e->q->now_ms);
		e->cx = NULL;
	} else {
		dp_ctx_subtract(e->ctx, t, e->q->now_ms);
	}
}

static void service_change(struct dp_exec *e, const struct iq_cmd *cmd)
{
	if (cmd->term.kind != IQ_TERM_ROOT) {
		dp_exec_fail(e, cmd, 501, GW_SV_NONE);
		return;
	}
	if (cmd->sc.method == IQ_HANDOFF && cmd->sc.mgc_id.len) {
		if (dp_iq_hand_off(e->q, cmd->sc.mgc_id))
			dp_exec_fail(e, cmd, 449, cmd->sc.mgc_id);
		else
			dp_exec_result(e, cmd, GW_SV("ROOT"));
		return;
	}
	dp_exec_result(e, cmd, GW_SV("ROOT"));
	/* 3.3: the ALG restarted, or orders us to register (again): with the calls we still have */
	if (cmd->sc.method == IQ_RESTART || cmd->sc.method == IQ_HANDOFF)
		dp_iq_reregister(e->q, cmd->sc.method == IQ_HANDOFF ? IQ_HANDOFF : IQ_DISCONNECTED,
			cmd->sc.method == IQ_HANDOFF ? 903 : 900);
}

/* W-: in the place of one result for each (M-15). */
static void one_result(struct dp_exec *e, const struct iq_cmd *cmd, unsigned before)
{
	e->out->n_cmds = before;
	dp_exec_result(e, cmd, cmd->term.text);
}

static void modify(struct dp_exec *e, const struct iq_cmd *cmd)
{
	unsigned n = 0, before = e->out->n_cmds;
	char id[DP_TERM_ID_BYTES];

	if (cmd->term.kind == IQ_TERM_ROOT) {
		dp_exec_modify_root(e, cmd);
		return;
	}
	for (unsigned i = 0; e->cx && i < e->cx->n_terms && !e->stop; i++)
		if (iq_term_matches(cmd->term.text, gw_sv_cstr(dp_term_id(e->cx->terms[i], id)))) {
			add_or_modify(e, cmd, e->cx->terms[i]);
			n++;
		}
	if (n && cmd->is_wildcard_response && !e->stop)
		one_result(e, cmd, before);
	if (n == 0)
		dp_exec_fail(e, cmd, cmd->term.kind == IQ_TERM_ALL ? 431 : 430, GW_SV_NONE);
}

static void command(struct dp_exec *e, const struct iq_cmd *cmd)
{
	if (cmd->error) {
		dp_exec_fail(e, cmd, cmd->error, cmd->error_text);
		return;
	}
	switch (cmd->kind) {
	case IQ_ADD:
		if (!e->cx)
			dp_exec_fail(e, cmd, 411, GW_SV_NONE);
		else if (cmd->term.kind != IQ_TERM_CHOOSE)
			dp_exec_fail(e, cmd, 430, GW_SV("TerminationIDs are chosen here"));
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
			dp_exec_fail(e, cmd, 411, GW_SV_NONE);
		return;
	case IQ_AUDIT_VALUE:
	case IQ_AUDIT_CAPABILITY:
		dp_exec_audit(e, cmd);
		return;
	case IQ_SERVICE_CHANGE:
		service_change(e, cmd);
		return;
	case IQ_MOVE:
	case IQ_NOTIFY:
		break;
	}
	dp_exec_fail(e, cmd, 501, GW_SV_NONE);
}

/* "Context = * { W-Subtract = * }": a controller that lost its state starts anew (Q4). */
static void subtract_everything(struct dp_exec *e, const struct iq_cmd *cmd)
{
	struct gw_list *l = dp_ctx_list(e->ctx);

	while (!gw_list_empty(l)) {
		struct dp_context *cx = GW_CONTAINER(l->next, struct dp_context, node);

		for (unsigned n = cx->n_terms; n > 0; n--)
			dp_ctx_subtract(e->ctx, cx->terms[0], e->q->now_ms);
	}
	dp_exec_result(e, cmd, cmd->term.text);
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
	struct dp_exec e = { .q = q, .ctx = q->ctx };

	GW_LIST_FOREACH_SAFE(it, next, l) {
		e = (struct dp_exec){ .q = q, .ctx = q->ctx, .cx = GW_CONTAINER(it, struct dp_context, node),
			.out = &reply->actions[reply->n_actions++] };
		*e.out = (struct iq_action){ .context = e.cx->id, .priority = -1 };
		for (unsigned i = 0; i < a->n_cmds && !e.stop; i++)
			command(&e, &a->cmds[i]);
	}
	if (gw_list_empty(l)) {
		e.out = &reply->actions[reply->n_actions++];
		*e.out = (struct iq_action){ .context = IQ_CONTEXT_ALL, .priority = -1 };
		dp_exec_fail(&e, &a->cmds[0], 431, GW_SV_NONE);
	}
	*stop = e.stop;
}

static void action(struct dp_iq *q, const struct iq_action *a, struct iq_action *out, bool *stop)
{
	struct dp_exec e = { .q = q, .ctx = q->ctx, .out = out };
	uint32_t id = a->context;

	*out = (struct iq_action){ .context = a->context, .priority = -1 };
	if (a->error) {
		out->error = a->error;
		out->error_text = sayable(q, a->error_text);
		*stop = true;
		return;
	}
	for (unsigned i = 0; i < a->n_topology; i++)
		if (a->topology[i].direction != IQ_BOTHWAY) {	/* both ways is what there is (2.16) */
			out->error = 522;
			*stop = true;
			return;
		}
	if (id == IQ_CONTEXT_CHOOSE && q->lock != DP_UNLOCKED) {
		out->error = 503;
		*stop = true;
		return;
	}
	if (id == IQ_CONTEXT_CHOOSE) {
		if (dp_ctx_create(q->ctx, q->now_ms, a->is_emergency || a->priority == IQ_PRIORITY_MAX, &e.cx)) {
			dp_iq_root_refused(q);
			out->error = 412;
			*stop = true;
			return;
		}
		id = out->context = e.cx->id;
		e.cx->priority = (int8_t)a->priority;
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
		reply->error_text = sayable(q, req->error_text);
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
