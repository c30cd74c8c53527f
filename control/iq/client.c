/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of Iq: transactions both ways. */
#include "control/iq/client_int.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/app/trace.h"

#define SEEN_MAX 8192

static void put(struct cp_iq *q, const struct cp_gateway *g, const struct iq_path *to, struct gw_sv bytes)
{
	CP_TRACE_H248(CP_TRACE_OUT, g->conf->name, bytes);
	iq_net_send(q->net, to, bytes);
}

static void xact_send(void *user, struct iq_xact_peer *peer, struct gw_sv bytes)
{
	struct cp_iq *q = user;

	struct cp_gateway *g = GW_CONTAINER(peer, struct cp_gateway, peer);

	put(q, g, &g->path, bytes);
}

static void finish(struct cp_iq *q, struct cp_iq_ref *w, const struct iq_txn *reply)
{
	struct cp_iq_ref copy = *w;

	free(w);
	if (copy.step == OWN_BY_HAND)
		cp_iq_by_hand_answered(q, reply ? q->in : GW_SV_NONE);
	else if (copy.step >= OWN_PROBE)
		cp_gateway_own_reply(q, &q->gw[copy.gateway], copy.step, reply);
	else if (copy.step)
		q->ops.reply(q->ops.user, &copy, reply);
}

void cp_iq_forget(void *user, void *tag)
{
	finish(user, tag, NULL);
}

static void xact_timeout(void *user, struct iq_xact_peer *peer, uint32_t tid, void *tag)
{
	struct cp_iq *q = user;
	struct cp_gateway *g = GW_CONTAINER(peer, struct cp_gateway, peer);
	bool is_probe = ((struct cp_iq_ref *)tag)->step == OWN_PROBE;

	(void)tid;
	CP_COUNT(iq_timeouts);
	g->timeouts++;
	finish(q, tag, NULL);
	if (!is_probe)
		cp_gateway_down(q, g, "no answer for 30 s");
	else	/* it is down: calls from before a restart of ours do not wait for ever */
		q->ops.lost(q->ops.user, (unsigned)(g - q->gw));
}

/* Spreads retransmissions: a guess of it is worth nothing, and cp_random makes system calls. xorshift32. */
static uint32_t random_u32(void)
{
	static uint32_t v;

	while (v == 0)
		cp_random(&v, sizeof(v));
	v ^= v << 13;
	v ^= v >> 17;
	v ^= v << 5;
	return v;
}

/* What waits to be acknowledged rides along. @return transactions in txns */
static unsigned add_acks(struct cp_gateway *g, struct iq_txn *txns, unsigned n)
{
	struct iq_xact_range r[IQ_XACT_ACKS];
	unsigned k = iq_xact_take_acks(&g->peer, r);

	for (unsigned i = 0; i < k; i++)
		txns[n++] = (struct iq_txn){ .kind = IQ_ACK, .id = r[i].first, .id_last = r[i].last };
	return n;
}

enum gw_err cp_iq_send_action(struct cp_iq *q, struct cp_gateway *g, const struct iq_action *a,
	uint64_t call, unsigned step)
{
	struct iq_txn t[1 + IQ_XACT_ACKS] = { { .kind = IQ_REQUEST, .id = iq_xact_tid(&q->xact),
		.actions = (struct iq_action *)(uintptr_t)a, .n_actions = 1 } };
	struct iq_msg m = { .version = g->version ? g->version : 1, .mid = gw_sv_cstr(q->conf->iq.mid), .txns = t };
	struct iq_codec codec = { .long_tokens = q->conf->iq.long_tokens };
	struct gw_buf b = gw_buf(q->out, sizeof(q->out));
	struct cp_iq_ref *w = malloc(sizeof(*w));
	enum gw_err err = GW_ENOMEM;

	if (!w)
		return err;
	*w = (struct cp_iq_ref){ call, step, (unsigned)(g - q->gw), a->context };
	m.n_txns = add_acks(g, t, 1);
	if ((err = iq_encode(&m, &codec, &b)) ||
		(err = iq_xact_send(&q->xact, &g->peer, t[0].id, gw_buf_sv(&b), w, cp_loop_now(q->loop)))) {
		free(w);
		return err;
	}
	if (step == OWN_PROBE)
		g->announcement = t[0].id;
	g->requests++;
	CP_COUNT(iq_requests);
	return GW_OK;
}

/* ---- requests of the gateway ----------------------------------------------------------------------- */

static void notify(struct cp_iq *q, struct cp_gateway *g, uint32_t context, const struct iq_cmd *c,
	struct iq_cmd *r)
{
	*r = (struct iq_cmd){ .kind = IQ_NOTIFY, .term = c->term };
	CP_COUNT(iq_notifies);
	for (unsigned i = 0; c->term.kind == IQ_TERM_ROOT && i < c->n_observed; i++)
		cp_gateway_event(q, g, &c->observed[i]);
	for (unsigned i = 0; c->term.kind != IQ_TERM_ROOT && i < c->n_observed && r->error == 0; i++)
		if (!q->ops.notify(q->ops.user, (unsigned)(g - q->gw), context, c->term.text,
			    &c->observed[i]))
			r->error = 411;
}

static enum gw_err send_msg(struct cp_iq *q, const struct cp_gateway *g, const struct iq_path *to, const struct iq_msg *m, struct gw_sv *text)
{
	struct iq_codec codec = { .long_tokens = q->conf->iq.long_tokens };
	struct gw_buf b = gw_buf(q->out, sizeof(q->out));
	enum gw_err err = iq_encode(m, &codec, &b);

	if (err)
		return err;
	*text = gw_buf_sv(&b);
	put(q, g, to, *text);
	return GW_OK;
}

static void request(struct cp_iq *q, struct cp_gateway *g, const struct iq_path *from, const struct iq_msg *m,
	const struct iq_txn *t)
{
	struct iq_cmd result = { .error = 0 };
	struct iq_action a = { .context = IQ_CONTEXT_NULL, .priority = -1, .cmds = &result, .n_cmds = 1 };
	struct iq_txn reply = { .kind = IQ_REPLY, .id = t->id, .actions = &a, .n_actions = 1 };
	struct iq_msg out = { .version = m->version, .mid = gw_sv_cstr(q->conf->iq.mid), .txns = &reply,
		.n_txns = 1 };
	const struct iq_action *in = t->n_actions == 1 ? &t->actions[0] : NULL;
	const struct iq_cmd *c = in && in->n_cmds == 1 ? &in->cmds[0] : NULL;
	bool registered = false, stray = false;
	unsigned error = t->error ? t->error : !c || in->error ? 501 : 0;
	struct gw_sv text;

	switch (iq_xact_request(&q->xact, m->mid, t->id, cp_loop_now(q->loop), &text)) {
	case IQ_XACT_REPLIED:
		put(q, g, from, text);
		return;
	case IQ_XACT_EXECUTING:
		reply = (struct iq_txn){ .kind = IQ_PENDING, .id = t->id };
		(void)!send_msg(q, g, from, &out, &text);
		return;
	case IQ_XACT_ACKED:
		return;
	case IQ_XACT_ABORTED:
		error = 506;
		break;
	case IQ_XACT_NEW:
		break;
	}
	if (error) {
		reply.n_actions = 0;
		reply.error = error;
	} else {
		a.context = in->context;
		if (c->kind == IQ_SERVICE_CHANGE)
			cp_gateway_service_change(q, g, in->context, c, &result, &registered);
		else if (c->kind == IQ_NOTIFY)
			notify(q, g, in->context, c, &result);
		else
			result = (struct iq_cmd){ .kind = c->kind, .term = c->term, .error = 501 };
		stray = result.error == 411;
	}
	reply.imm_ack = !g->peer.is_reliable && iq_xact_was_pending(&q->xact, m->mid, t->id);
	if (send_msg(q, g, from, &out, &text))
		return;
	iq_xact_answer(&q->xact, m->mid, t->id, text);
	if (registered)
		cp_gateway_greet(q, g);
	if (stray && a.context != IQ_CONTEXT_NULL)
		cp_gateway_subtract_stray(q, g, a.context);
}

static void reply(struct cp_iq *q, struct cp_gateway *g, const struct iq_path *from, const struct iq_txn *t)
{
	struct iq_txn acks[1 + IQ_XACT_ACKS];
	struct iq_msg m = { .version = g->version ? g->version : 1, .mid = gw_sv_cstr(q->conf->iq.mid), .txns = acks };
	struct gw_sv text;
	void *tag = NULL;

	if (iq_xact_reply(&q->xact, t->id, cp_loop_now(q->loop), &tag) && t->imm_ack)
		iq_xact_note_ack(&g->peer, t->id);	/* ours was lost */
	if (t->imm_ack && (m.n_txns = add_acks(g, acks, 0)))
		(void)!send_msg(q, g, from, &m, &text);
	if (!tag)
		return;
	cp_gateway_learn(q, g, t);
	finish(q, tag, t);
}

static void message_error(struct cp_iq *q, const struct cp_gateway *g, const struct iq_path *from, unsigned code,
	const struct gw_diag *diag)
{
	struct iq_msg m = { .version = g->version ? g->version : 1, .mid = gw_sv_cstr(q->conf->iq.mid), .error = code,
		.error_text = gw_sv_cstr(diag->what) };
	struct gw_sv text;

	CP_COUNT(iq_bad_message);
	GW_LOG_NOTICE(q->log, "iq.bad_message", "gateway=%s code=%u offset=%zu what=\"%s\"", g->conf->name, code,
		diag->off, diag->what);
	(void)!send_msg(q, g, from, &m, &text);
}

/* what was agreed with a gateway in service; its registration says what it likes. */
static bool is_version_ok(const struct cp_gateway *g, const struct iq_msg *m)
{
	if (m->version > IQ_VERSION_MAX)
		return m->n_txns == 0;	/* an error message is never answered */
	for (unsigned i = 0; g->state != GATEWAY_DOWN && m->version != g->version && i < m->n_txns; i++) {
		const struct iq_txn *t = &m->txns[i];

		if (t->kind == IQ_REQUEST && !(t->n_actions && t->actions[0].n_cmds &&
				t->actions[0].cmds[0].kind == IQ_SERVICE_CHANGE))
			return false;
	}
	return true;
}

static void transactions(struct cp_iq *q, struct cp_gateway *g, const struct iq_path *from, const struct iq_msg *m)
{
	for (unsigned i = 0; i < m->n_txns; i++) {
		const struct iq_txn *t = &m->txns[i];

		switch (t->kind) {
		case IQ_REQUEST:
			request(q, g, from, m, t);
			break;
		case IQ_REPLY:
			reply(q, g, from, t);
			break;
		case IQ_PENDING:
			iq_xact_pending(&q->xact, t->id, cp_loop_now(q->loop));
			break;
		case IQ_ACK:
			iq_xact_ack(&q->xact, m->mid, t->id, t->id_last);
			break;
		}
	}
}

void cp_iq_input(struct cp_iq *q, const struct iq_path *from, struct gw_sv bytes)
{
	struct gw_arena arena = GW_ARENA_INIT(8u << 20);	/* a census fills a whole datagram with small actions */
	struct gw_diag diag = { 0, "" };
	struct iq_msg m = { .version = 0 };
	enum gw_err err = iq_decode(&arena, bytes, &m, &diag);
	struct cp_gateway *g = cp_iq_speaker(q, from, m.mid);

	if (g)
		CP_TRACE_H248(CP_TRACE_IN, g->conf->name, bytes);
	q->in = bytes;
	if (g && err) {
		message_error(q, g, from, 400, &diag);
	} else if (g && !is_version_ok(g, &m)) {
		message_error(q, g, from, 406, &diag);
	} else if (g) {
		g->last_heard_ms = cp_loop_now(q->loop);
		transactions(q, g, from, &m);
	}
	q->in = GW_SV_NONE;
	gw_arena_reset(&arena);
}

enum gw_err cp_iq_new(struct cp_iq **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log, const struct cp_iq_ops *ops)
{
	static const struct iq_xact_ops xops = { xact_send, xact_timeout };
	struct cp_iq *q = calloc(1, sizeof(*q));
	enum gw_err err = GW_ENOMEM;

	if (!q)
		return err;
	q->conf = conf;
	q->loop = loop;
	q->log = log;
	q->ops = *ops;
	q->n = conf->iq.n_gateways;
	q->gw = calloc(q->n, sizeof(*q->gw));
	iq_xact_init(&q->xact, &xops, q, &loop->timers, random_u32, SEEN_MAX);
	if (!q->gw || (err = cp_iq_link_open(q))) {
		iq_xact_dispose(&q->xact);
		free(q->gw);
		free(q);
		return err;
	}
	for (unsigned i = 0; i < q->n; i++) {
		q->gw[i].q = q;
		q->gw[i].audit.fn = cp_gateway_on_audit;	/* after the calls of before a restart are known */
		(void)gw_timer_arm(&loop->timers, &q->gw[i].audit, cp_loop_now(loop));
	}
	*out = q;
	return GW_OK;
}

static void on_closed(uv_handle_t *h)
{
	struct cp_iq *q = h->data;

	iq_net_free(q->net);	/* not before: libuv still knew its descriptor */
	free(q);
}

static void drop(void *user, void *tag)
{
	(void)user;
	free(tag);
}

static void ignore_reply(void *user, const struct cp_iq_ref *ref, const struct iq_txn *reply)
{
	(void)user;
	(void)ref;
	(void)reply;
}

static void ignore_lost(void *user, unsigned gateway)
{
	(void)user;
	(void)gateway;
}

void cp_iq_stop(struct cp_iq *q)
{
	if (!q)
		return;
	(void)uv_poll_stop(&q->poll);	/* and with it notifies */
	cp_loop_del_urgent(&q->urgent);
	q->ops.reply = ignore_reply;
	q->ops.lost = ignore_lost;
	for (unsigned i = 0; i < q->n; i++)
		gw_timer_stop(&q->loop->timers, &q->gw[i].audit);
}

void cp_iq_free(struct cp_iq *q)
{
	if (!q)
		return;
	for (unsigned i = 0; q->gw && i < q->n; i++) {
		gw_timer_stop(&q->loop->timers, &q->gw[i].audit);
		iq_xact_forget_peer(&q->xact, &q->gw[i].peer, drop);
	}
	iq_xact_dispose(&q->xact);
	free(q->gw);
	cp_loop_del_urgent(&q->urgent);
	uv_close((uv_handle_t *)&q->poll, on_closed);
}

enum gw_err cp_iq_request(struct cp_iq *q, unsigned gateway, const struct iq_action *a, uint64_t call,
	unsigned step)
{
	if (gateway >= q->n || q->gw[gateway].state != GATEWAY_UP)
		return GW_ECLOSED;
	return cp_iq_send_action(q, &q->gw[gateway], a, call, step);
}

size_t cp_iq_waiting(const struct cp_iq *q)
{
	return q->xact.sent.count;
}

bool cp_iq_gateway(const struct cp_iq *q, unsigned gateway, struct cp_iq_gateway_info *out)
{
	const struct cp_gateway *g = &q->gw[gateway];

	if (gateway >= q->n)
		return false;
	*out = (struct cp_iq_gateway_info){ g->conf->name, g->conf->address, g->state == GATEWAY_UP,
		g->is_locked || g->is_leaving, g->has_xwrtc, g->has_tlsbsc, g->has_mgroup, g->version, g->n_contexts,
		iq_throttle_rate(&g->throttle), g->requests, g->timeouts };
	return true;
}
