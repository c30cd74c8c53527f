/* SPDX-License-Identifier: Apache-2.0 */
/* The socket of Iq: messages in, transactions both ways. */
#include "control/iq/client_int.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"

#define SEEN_MAX 8192

struct packet {
	uv_udp_send_t req;
	char bytes[];
};

static void on_sent(uv_udp_send_t *req, int status)
{
	(void)status;
	free(GW_CONTAINER(req, struct packet, req));
}

static void send_to(struct cp_iq *q, const struct gw_addr *to, struct gw_sv bytes)
{
	struct packet *p = malloc(sizeof(*p) + bytes.len);
	struct sockaddr_storage ss;
	uv_buf_t buf;

	if (!p)
		return;
	memcpy(p->bytes, bytes.p, bytes.len);
	buf = uv_buf_init(p->bytes, (unsigned)bytes.len);
	cp_addr_to(to, &ss);
	if (uv_udp_send(&p->req, &q->udp, &buf, 1, (struct sockaddr *)&ss, on_sent))
		free(p);
}

static void xact_send(void *user, void *peer, struct gw_sv bytes)
{
	const struct cp_gateway *g = peer;

	send_to(user, &g->conf->address, bytes);
}

static void finish(struct cp_iq *q, struct cp_iq_ref *w, const struct iq_txn *reply)
{
	struct cp_iq_ref copy = *w;

	free(w);
	if (copy.step >= OWN_PROBE)
		cp_gateway_own_reply(q, &q->gw[copy.gateway], copy.step, reply);
	else if (copy.step)
		q->ops.reply(q->ops.user, &copy, reply);
}

void cp_iq_forget(void *user, void *tag)
{
	finish(user, tag, NULL);
}

static void xact_timeout(void *user, void *peer, uint32_t tid, void *tag)
{
	struct cp_iq *q = user;
	struct cp_gateway *g = peer;
	bool is_probe = ((struct cp_iq_ref *)tag)->step == OWN_PROBE;

	(void)tid;
	CP_COUNT(iq_timeouts);
	g->timeouts++;
	finish(q, tag, NULL);
	if (!is_probe)		/* else it is down, or has registered and does not care for our word */
		cp_gateway_down(q, g, "no answer for 30 s");
	else if (g->state == GATEWAY_DOWN)	/* calls from before a restart of ours do not wait for ever */
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

enum gw_err cp_iq_send_action(struct cp_iq *q, struct cp_gateway *g, const struct iq_action *a,
	uint64_t call, unsigned step)
{
	struct iq_txn t = { .kind = IQ_REQUEST, .id = iq_xact_tid(&q->xact),
		.actions = (struct iq_action *)(uintptr_t)a, .n_actions = 1 };
	const struct iq_msg m = { .version = g->version ? g->version : 1,
		.mid = gw_sv_cstr(q->conf->iq.mid), .txns = &t, .n_txns = 1 };
	struct iq_codec codec = { .long_tokens = q->conf->iq.long_tokens };
	struct gw_buf b = gw_buf(q->out, sizeof(q->out));
	struct cp_iq_ref *w = malloc(sizeof(*w));
	enum gw_err err = GW_ENOMEM;

	if (!w)
		return err;
	*w = (struct cp_iq_ref){ call, step, (unsigned)(g - q->gw), a->context };
	if ((err = iq_encode(&m, &codec, &b)) ||
		(err = iq_xact_send(&q->xact, g, t.id, gw_buf_sv(&b), w, cp_loop_now(q->loop)))) {
		free(w);
		return err;
	}
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
	for (unsigned i = 0; i < c->n_observed && r->error == 0; i++)
		if (!q->ops.notify(q->ops.user, (unsigned)(g - q->gw), context, c->term.text,
			    &c->observed[i]))
			r->error = 411;
}

static void request(struct cp_iq *q, struct cp_gateway *g, const struct iq_msg *m, const struct iq_txn *t)
{
	struct iq_cmd result = { .error = 0 };
	struct iq_action a = { .context = IQ_CONTEXT_NULL, .priority = -1, .cmds = &result, .n_cmds = 1 };
	struct iq_txn reply = { .kind = IQ_REPLY, .id = t->id, .actions = &a, .n_actions = 1 };
	struct iq_msg out = { .version = m->version, .mid = gw_sv_cstr(q->conf->iq.mid), .txns = &reply,
		.n_txns = 1 };
	struct iq_codec codec = { .long_tokens = q->conf->iq.long_tokens };
	struct gw_buf b = gw_buf(q->out, sizeof(q->out));
	const struct iq_action *in = t->n_actions == 1 ? &t->actions[0] : NULL;
	const struct iq_cmd *c = in && in->n_cmds == 1 ? &in->cmds[0] : NULL;
	bool registered = false, stray = false;
	struct gw_sv stored;

	switch (iq_xact_request(&q->xact, m->mid, t->id, cp_loop_now(q->loop), &stored)) {
	case IQ_XACT_REPLIED:
		send_to(q, &g->conf->address, stored);
		return;
	case IQ_XACT_EXECUTING:
		return;
	case IQ_XACT_NEW:
		break;
	}
	if (t->error || !c || in->error) {
		reply.n_actions = 0;
		reply.error = t->error ? t->error : 501;
	} else {
		a.context = in->context;
		if (c->kind == IQ_SERVICE_CHANGE)
			cp_gateway_service_change(q, g, c, &result, &registered);
		else if (c->kind == IQ_NOTIFY)
			notify(q, g, in->context, c, &result);
		else
			result = (struct iq_cmd){ .kind = c->kind, .term = c->term, .error = 501 };
		stray = result.error == 411;
	}
	if (iq_encode(&out, &codec, &b))
		return;
	iq_xact_answer(&q->xact, m->mid, t->id, gw_buf_sv(&b));
	send_to(q, &g->conf->address, gw_buf_sv(&b));
	if (registered)
		cp_gateway_greet(q, g);
	if (stray && a.context != IQ_CONTEXT_NULL)
		cp_gateway_subtract_stray(q, g, a.context);
}

static void input(struct cp_iq *q, struct cp_gateway *g, struct gw_sv bytes)
{
	struct gw_arena arena = GW_ARENA_INIT(8u << 20);	/* a census fills a whole datagram with small actions */
	struct gw_diag diag = { 0, "" };
	struct iq_msg m;
	void *tag;

	if (iq_decode(&arena, bytes, &m, &diag)) {
		CP_COUNT(iq_bad_message);
		GW_LOG_NOTICE(q->log, "iq.bad_message", "gateway=%s offset=%zu what=\"%s\"", g->conf->name,
			diag.off, diag.what);
		gw_arena_reset(&arena);
		return;
	}
	if (g->conf->mid[0] && !gw_sv_ieq(m.mid, gw_sv_cstr(g->conf->mid))) {	/* */
		CP_COUNT(iq_refused_source);
		gw_arena_reset(&arena);
		return;
	}
	g->last_heard_ms = cp_loop_now(q->loop);
	for (unsigned i = 0; i < m.n_txns; i++) {
		const struct iq_txn *t = &m.txns[i];

		switch (t->kind) {
		case IQ_REQUEST:
			request(q, g, &m, t);
			break;
		case IQ_REPLY:
			if (iq_xact_reply(&q->xact, t->id, &tag))
				break;
			cp_gateway_learn(g, t);
			finish(q, tag, t);
			break;
		case IQ_PENDING:
			iq_xact_pending(&q->xact, t->id, cp_loop_now(q->loop));
			break;
		case IQ_ACK:
			iq_xact_ack(&q->xact, m.mid, t->id, t->id_last);
			break;
		}
	}
	gw_arena_reset(&arena);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	static char shared[65536];

	(void)h;
	(void)want;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void on_datagram(uv_udp_t *u, ssize_t n, const uv_buf_t *buf, const struct sockaddr *sa,
	unsigned flags)
{
	struct cp_iq *q = u->data;
	struct gw_addr from;

	(void)flags;
	if (n <= 0 || !sa)
		return;
	cp_addr_from(sa, &from);
	for (unsigned i = 0; i < q->n; i++)
		if (gw_addr_eq(&q->gw[i].conf->address, &from)) {
			input(q, &q->gw[i], gw_sv(buf->base, (size_t)n));
			return;
		}
	CP_COUNT(iq_refused_source);
}

enum gw_err cp_iq_new(struct cp_iq **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log, const struct cp_iq_ops *ops)
{
	static const struct iq_xact_ops xops = { xact_send, xact_timeout };
	struct cp_iq *q = calloc(1, sizeof(*q));
	char text[GW_ADDR_STR_BYTES];
	struct sockaddr_storage ss;
	int r = 0;

	if (!q)
		return GW_ENOMEM;
	q->conf = conf;
	q->loop = loop;
	q->log = log;
	q->ops = *ops;
	q->n = conf->iq.n_gateways;
	q->gw = calloc(q->n, sizeof(*q->gw));
	iq_xact_init(&q->xact, &xops, q, &loop->timers, random_u32, SEEN_MAX);
	uv_udp_init(&loop->uv, &q->udp);
	q->udp.data = q;
	cp_addr_to(&conf->iq.bind, &ss);
	if (!q->gw || (r = uv_udp_bind(&q->udp, (struct sockaddr *)&ss, 0)) ||
		(r = uv_udp_recv_start(&q->udp, on_alloc, on_datagram))) {
		GW_LOG_ERROR(log, "iq.bind_failed", "address=%s error=\"%s\"",
			gw_addr_str(&conf->iq.bind, text), q->gw ? uv_strerror(r) : "memory");
		cp_iq_free(q);
		return GW_EIO;
	}
	for (unsigned i = 0; i < q->n; i++) {
		q->gw[i].conf = &conf->iq.gateways[i];
		q->gw[i].q = q;
		q->gw[i].audit.fn = cp_gateway_on_audit;
		cp_gateway_on_audit(&q->gw[i].audit, cp_loop_now(loop));
	}
	*out = q;
	return GW_OK;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
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
	(void)uv_udp_recv_stop(&q->udp);	/* and with it notifies */
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
		iq_xact_forget_peer(&q->xact, &q->gw[i], drop);
	}
	iq_xact_dispose(&q->xact);
	free(q->gw);
	uv_close((uv_handle_t *)&q->udp, on_closed);
}

enum gw_err cp_iq_pick(struct cp_iq *q, unsigned *gateway)
{
	for (unsigned i = 0; i < q->n; i++) {
		unsigned k = (q->next + i) % q->n;

		if (q->gw[k].state != GATEWAY_UP)
			continue;
		q->next = k + 1;
		*gateway = k;
		return GW_OK;
	}
	return GW_ENOENT;
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
		g->has_xwrtc, g->has_tlsbsc, g->version, g->requests, g->timeouts };
	return true;
}
