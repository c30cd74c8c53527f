/* SPDX-License-Identifier: Apache-2.0 */
/* Iq client: socket, registrations, audits, transactions. */
#include "control/iq/client.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"
#include "proto/iq/xact.h"

#define VERSION 3
#define SEEN_MAX 8192
#define CENSUS_MAX 800u		/* contexts one answer can surely tell: 64 KB, about 60 bytes each */
#define OUT_BYTES 65536
#define PROBE_MS 10000u		/* back in service within 60 s (threats Q3, Q4), whatever audit_s is */

/* Steps of our own, beside those of the user (small numbers); 0: nobody waits. */
enum own_step { OWN_PROBE = 0x100, OWN_CLEAR, OWN_CENSUS };

/*
 * Out of service until it registers; then cleared of contexts nobody owns; only then in service. A
 * Subtract that arrives late, repeated, must not meet a call that has begun since. Where calls have survived a
 * restart of ours the contexts are counted (M-20: AuditValue of all) and the orphans go one by one.
 */
enum gateway_state { GATEWAY_DOWN, GATEWAY_CLEARING, GATEWAY_UP };

struct gateway {
	const struct cp_conf_gateway *conf;
	enum gateway_state state;
	bool has_xwrtc, has_tlsbsc;
	bool is_locked;              /* said itself that it leaves: comes back by itself, too */
	bool is_probing, needs_clear;
	unsigned version;
	uint64_t last_heard_ms;
	struct gw_timer audit;
	struct cp_iq *q;
	uint64_t requests, timeouts;
};

struct cp_iq {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	struct cp_iq_ops ops;
	uv_udp_t udp;
	struct iq_xact xact;
	struct gateway *gw;
	unsigned n, next;
	char out[OUT_BYTES];
};

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
	const struct gateway *g = peer;

	send_to(user, &g->conf->address, bytes);
}

static void subtract_stray(struct cp_iq *q, struct gateway *g, uint32_t context);

static unsigned contexts(const struct cp_iq *q, const struct gateway *g)
{
	return q->ops.contexts(q->ops.user, (unsigned)(g - q->gw));
}

/*
 * The contexts a gateway says it has. false: it does not tell (533: too many for one answer, 501): all calls are
 * believed, and an orphan is found by its heartbeat (F-25).
 */
static bool take_census(struct cp_iq *q, struct gateway *g, const struct iq_txn *reply)
{
	uint32_t *ids = calloc(reply->n_actions ? reply->n_actions : 1, sizeof(*ids));
	unsigned n = 0, left;

	for (unsigned i = 0; ids && i < reply->n_actions; i++) {
		const struct iq_action *a = &reply->actions[i];
		unsigned error = a->error ? a->error : a->n_cmds ? a->cmds[0].error : 0;

		if (error == 431 || error == 411)	/* none is there */
			continue;
		if (error || a->context == IQ_CONTEXT_NULL || a->context >= IQ_CONTEXT_CHOOSE) {
			free(ids);
			return false;
		}
		ids[n++] = a->context;
	}
	if (!ids || reply->error) {
		free(ids);
		return false;
	}
	left = q->ops.census(q->ops.user, (unsigned)(g - q->gw), ids, n);
	for (unsigned i = 0; i < left; i++) {
		CP_COUNT(iq_contexts_orphaned);
		subtract_stray(q, g, ids[i]);
	}
	GW_LOG_NOTICE(q->log, "iq.census", "gateway=%s contexts=%u orphans=%u", g->conf->name, n, left);
	free(ids);
	return true;
}

static void gateway_up(struct cp_iq *q, struct gateway *g)
{
	g->state = GATEWAY_UP;
	CP_GAUGE_ADD(iq_gateways_up, 1);
	GW_LOG_NOTICE(q->log, "iq.gateway_up", "gateway=%s version=%u", g->conf->name, g->version);
}

static void own_reply(struct cp_iq *q, struct gateway *g, unsigned step, const struct iq_txn *reply)
{
	if (step == OWN_PROBE) {
		g->is_probing = false;
		return;
	}
	if (!reply || g->state != GATEWAY_CLEARING)	/* lost again meanwhile */
		return;
	if (step == OWN_CENSUS) {
		if (!take_census(q, g, reply))
			GW_LOG_WARN(q->log, "iq.census_failed", "gateway=%s", g->conf->name);
	} else if (reply->error || (reply->n_actions && reply->actions[0].error)) {
		CP_COUNT(iq_errors);	/* what is left there is found by its heartbeats (F-25) */
		GW_LOG_WARN(q->log, "iq.clear_failed", "gateway=%s", g->conf->name);
	}
	gateway_up(q, g);
}

static void finish(struct cp_iq *q, struct cp_iq_ref *w, const struct iq_txn *reply)
{
	struct cp_iq_ref copy = *w;

	free(w);
	if (copy.step >= OWN_PROBE)
		own_reply(q, &q->gw[copy.gateway], copy.step, reply);
	else if (copy.step)
		q->ops.reply(q->ops.user, &copy, reply);
}

static void forget(void *user, void *tag)
{
	finish(user, tag, NULL);
}

static void gateway_down(struct cp_iq *q, struct gateway *g, const char *why)
{
	enum gateway_state was = g->state;

	g->state = GATEWAY_DOWN;
	if (was == GATEWAY_DOWN)
		return;
	CP_COUNT(iq_gateway_lost);
	if (was == GATEWAY_UP)
		CP_GAUGE_ADD(iq_gateways_up, -1);
	GW_LOG_WARN(q->log, "iq.gateway_lost", "gateway=%s why=\"%s\"", g->conf->name, why);
	iq_xact_forget_peer(&q->xact, g, forget);
	q->ops.lost(q->ops.user, (unsigned)(g - q->gw));
}

static void xact_timeout(void *user, void *peer, uint32_t tid, void *tag)
{
	struct cp_iq *q = user;
	struct gateway *g = peer;
	bool is_probe = ((struct cp_iq_ref *)tag)->step == OWN_PROBE;

	(void)tid;
	CP_COUNT(iq_timeouts);
	g->timeouts++;
	finish(q, tag, NULL);
	if (!is_probe)		/* else it is down, or has registered and does not care for our word */
		gateway_down(q, g, "no answer for 30 s");
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

static enum gw_err send_action(struct cp_iq *q, struct gateway *g, const struct iq_action *a,
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

static bool send_command(struct cp_iq *q, struct gateway *g, uint32_t context, struct iq_cmd *c,
	unsigned step)
{
	struct iq_action a = { .context = context, .priority = -1, .cmds = c, .n_cmds = 1 };

	if (send_action(q, g, &a, (uint64_t)(g - q->gw), step) == GW_OK)
		return true;
	GW_LOG_ERROR(q->log, "iq.send_failed", "gateway=%s", g->conf->name);
	return false;
}

/* A controller that starts, or has lost sight of a gateway, tells it; it registers again (3.3, M-21). */
static void announce(struct cp_iq *q, struct gateway *g)
{
	struct iq_cmd c = { .kind = IQ_SERVICE_CHANGE, .term = IQ_ROOT };

	/* 2.9: a restart; warm (902) when the calls there are still known */
	c.sc.method = IQ_RESTART;
	c.sc.reason = contexts(q, g) ? 902 : 901;
	g->is_probing = send_command(q, g, IQ_CONTEXT_NULL, &c, OWN_PROBE);
}

/*
 * Liveness: an empty audit when nothing was heard for a while. A gateway out of service is
 * called all the time, for it may never have noticed that we gave it up.
 */
static void on_audit(struct gw_timer *timer, uint64_t now_ms)
{
	struct gateway *g = GW_CONTAINER(timer, struct gateway, audit);
	struct iq_cmd c = { .kind = IQ_AUDIT_VALUE, .term = IQ_ROOT, .has_audit = true };
	uint64_t period = g->q->conf->iq.audit_s * 1000ull;

	if (g->state == GATEWAY_DOWN && !g->is_locked && !g->is_probing) {
		CP_COUNT(iq_probes);
		announce(g->q, g);
	} else if (g->state != GATEWAY_DOWN && now_ms - g->last_heard_ms >= period) {
		(void)send_command(g->q, g, IQ_CONTEXT_NULL, &c, 0);
	}
	if (g->state == GATEWAY_DOWN && period > PROBE_MS)
		period = PROBE_MS;
	(void)gw_timer_arm(&g->q->loop->timers, timer, now_ms + period);
}

/* ---- requests of the gateway ----------------------------------------------------------------------- */

static bool profile_ok(const struct cp_conf *c, struct gw_sv profile)
{
	struct gw_sv name, version;

	gw_sv_cut(profile, '/', &name, &version);
	for (unsigned i = 0; i < c->iq.n_profiles; i++)
		if (gw_sv_ieq(name, gw_sv_cstr(c->iq.profiles[i])) ||
			gw_sv_ieq(profile, gw_sv_cstr(c->iq.profiles[i])))
			return true;
	return c->iq.n_profiles == 0 || profile.len == 0;	/* M-18: names cannot be relied on */
}

/* After the reply has gone: what M-21 asks for, and a clean slate where we know of no call. */
static void greet(struct cp_iq *q, struct gateway *g)
{
	struct iq_cmd audit = { .kind = IQ_AUDIT_VALUE, .term = IQ_ROOT, .has_audit = true,
		.audit = IQ_AUDIT_PACKAGES };
	unsigned n = contexts(q, g);
	struct iq_cmd list = { .kind = IQ_AUDIT_VALUE, .term = { IQ_TERM_ALL, GW_SV("*") }, .has_audit = true };
	struct iq_cmd clear = { .kind = IQ_SUBTRACT, .term = { IQ_TERM_ALL, GW_SV("*") },
		.is_wildcard_response = true, .has_audit = true };

	(void)send_command(q, g, IQ_CONTEXT_NULL, &audit, 0);
	if (g->needs_clear && n > CENSUS_MAX)
		gateway_up(q, g);	/* believed; orphans are found by their heartbeats (F-25) */
	else if (g->needs_clear && !send_command(q, g, IQ_CONTEXT_ALL, n ? &list : &clear, n ? OWN_CENSUS : OWN_CLEAR))
		gateway_down(q, g, "cannot be cleared");
	g->needs_clear = false;
	(void)gw_timer_arm(&q->loop->timers, &g->audit, cp_loop_now(q->loop) + q->conf->iq.audit_s * 1000ull);
}

static void service_change(struct cp_iq *q, struct gateway *g, const struct iq_cmd *c, struct iq_cmd *r,
	bool *registered)
{
	unsigned version = c->sc.version && c->sc.version < VERSION ? c->sc.version : VERSION;

	*r = (struct iq_cmd){ .kind = IQ_SERVICE_CHANGE, .term = c->term };
	if (c->term.kind != IQ_TERM_ROOT || c->sc.method == IQ_GRACEFUL)
		return;
	if (c->sc.method == IQ_FORCED) {
		g->is_locked = true;
		gateway_down(q, g, "taken out of service");
		return;
	}
	if (!profile_ok(q->conf, c->sc.profile)) {
		r->error = 459;
		return;
	}
	if (c->sc.method == IQ_RESTART && g->state == GATEWAY_DOWN)
		q->ops.lost(q->ops.user, (unsigned)(g - q->gw));	/* of calls from before a restart of ours, too */
	else if (c->sc.method == IQ_RESTART)	/* M-20: its contexts are gone */
		gateway_down(q, g, "restarted");
	g->version = version;
	r->sc.version = version;
	r->sc.profile = c->sc.profile;
	g->is_locked = false;
	g->has_xwrtc = g->has_tlsbsc = false;	/* told anew by the audit that follows */
	if (g->state == GATEWAY_DOWN) {
		g->state = GATEWAY_CLEARING;
		g->needs_clear = true;
	}
	GW_LOG_NOTICE(q->log, "iq.gateway_registered", "gateway=%s version=%u reason=%u", g->conf->name, version,
		c->sc.reason);
	*registered = true;
}

static void notify(struct cp_iq *q, struct gateway *g, uint32_t context, const struct iq_cmd *c,
	struct iq_cmd *r)
{
	*r = (struct iq_cmd){ .kind = IQ_NOTIFY, .term = c->term };
	CP_COUNT(iq_notifies);
	for (unsigned i = 0; i < c->n_observed && r->error == 0; i++)
		if (!q->ops.notify(q->ops.user, (unsigned)(g - q->gw), context, c->term.text,
			    &c->observed[i]))
			r->error = 411;
}

/* F-25: a context nobody here knows is taken down. */
static void subtract_stray(struct cp_iq *q, struct gateway *g, uint32_t context)
{
	struct iq_cmd c = { .kind = IQ_SUBTRACT, .term = { IQ_TERM_ALL, GW_SV("*") },
		.is_wildcard_response = true, .has_audit = true };

	(void)send_command(q, g, context, &c, 0);
}

static void request(struct cp_iq *q, struct gateway *g, const struct iq_msg *m, const struct iq_txn *t)
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
			service_change(q, g, c, &result, &registered);
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
		greet(q, g);
	if (stray && a.context != IQ_CONTEXT_NULL)
		subtract_stray(q, g, a.context);
}

static void learn_packages(struct gateway *g, const struct iq_txn *t)
{
	for (unsigned i = 0; i < t->n_actions; i++)
		for (unsigned k = 0; k < t->actions[i].n_cmds; k++) {
			const struct iq_cmd *c = &t->actions[i].cmds[k];

			for (unsigned p = 0; p < c->n_packages; p++) {
				g->has_xwrtc |= gw_sv_istarts(c->packages[p], GW_SV("xwrtc-"));
				g->has_tlsbsc |= gw_sv_istarts(c->packages[p], GW_SV("tlsbsc-"));
			}
		}
}

static void input(struct cp_iq *q, struct gateway *g, struct gw_sv bytes)
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
			learn_packages(g, t);
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
		q->gw[i].audit.fn = on_audit;
		on_audit(&q->gw[i].audit, cp_loop_now(loop));
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
	return send_action(q, &q->gw[gateway], a, call, step);
}

size_t cp_iq_waiting(const struct cp_iq *q)
{
	return q->xact.sent.count;
}

bool cp_iq_gateway(const struct cp_iq *q, unsigned gateway, struct cp_iq_gateway_info *out)
{
	const struct gateway *g = &q->gw[gateway];

	if (gateway >= q->n)
		return false;
	*out = (struct cp_iq_gateway_info){ g->conf->name, g->conf->address, g->state == GATEWAY_UP,
		g->has_xwrtc, g->has_tlsbsc, g->version, g->requests, g->timeouts };
	return true;
}
