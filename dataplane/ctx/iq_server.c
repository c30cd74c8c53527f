/* SPDX-License-Identifier: Apache-2.0 */
/* Iq socket, registration (iq.md 3.3, X-15), replies and notifications. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

#define VERSION 3
#define REGISTER_RETRY_MS 2000
#define MGC_PORT 2944
#define SEEN_MIN 4096u
#define SEEN_PER_CONTEXT 4u	/* a call in 30 s: reserved, configured, opened, released */
#define POLL_MAX 32

const struct gw_ctr_info dp_iq_ctr_info[dp_iq_ctr_COUNT] = GW_CTR_INFO(dp_iq_ctr, DP_IQ_CTR_LIST);

static socklen_t to_sockaddr(const struct gw_addr *a, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->b, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->b, 16);
	return sizeof(*in6);
}

static void from_sockaddr(const struct sockaddr_storage *ss, struct gw_addr *a)
{
	*a = (struct gw_addr){ 0 };
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

		a->family = 4;
		a->port = ntohs(in->sin_port);
		memcpy(a->b, &in->sin_addr, 4);
	} else {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

		a->family = 6;
		a->port = ntohs(in6->sin6_port);
		memcpy(a->b, &in6->sin6_addr, 16);
	}
}

static void send_to(struct dp_iq *q, const struct gw_addr *a, struct gw_sv bytes)
{
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(a, &ss);

	/* a lost datagram is repeated by the transaction layer */
	if (sendto(q->fd, bytes.p, bytes.len, MSG_NOSIGNAL, (struct sockaddr *)&ss, len) < 0 &&
		errno != ECONNREFUSED && errno != EAGAIN)
		GW_LOG_WARN(q->c.log, "iq.send_failed", "errno=%d (%s)", errno, strerror(errno));
}

static void xact_send(void *user, void *peer, struct gw_sv bytes)
{
	struct dp_iq *q = user;

	(void)peer;
	send_to(q, &q->c.controllers[q->controller], bytes);
}

static void schedule_register(struct dp_iq *q, uint64_t after_ms)
{
	(void)gw_timer_arm(q->c.timers, &q->reg_timer, q->now_ms + after_ms);
}

static void next_controller(struct dp_iq *q)
{
	if (q->c.n_controllers == 1)
		return;
	q->controller = (q->controller + 1) % q->c.n_controllers;
	if (q->ctr[iq_registrations]) {	/* 3.3: our calls are still here; before, it is the cold boot that is told */
		q->reg_method = IQ_FAILOVER;
		q->reg_reason = 909;
	}
}

/*
 * A Notify is remembered by what it was about, so that one without an answer can be sent again: an odd
 * number, which no pointer is; the termination may have gone in the meantime.
 */
static void *notify_tag(const struct dp_term *t, enum iq_name event)
{
	return (void *)(uintptr_t)((uint64_t)t->generation << 32 | (uint64_t)(t->slot + 1) << 6 |
				   (uint64_t)event << 1 | 1);
}

static void hold_event(struct dp_iq *q, struct dp_term *t, enum iq_name event)
{
	if (event == IQ_EV_HANGTERM)	/* the next one comes by itself */
		return;
	q->ctr[iq_held] += !(t->held >> event & 1);
	t->held |= 1u << event;
}

static void hold(void *user, void *tag)
{
	struct dp_iq *q = user;
	uint64_t v = (uintptr_t)tag;
	uint32_t slot = (uint32_t)v >> 6;
	struct dp_term *t;

	if (!(v & 1) || slot == 0 || slot > q->ctx->n_term_slots)
		return;
	t = &q->ctx->terms[slot - 1];
	if (t->is_used && t->generation == (uint32_t)(v >> 32))
		hold_event(q, t, (enum iq_name)(v >> 1 & 31));
}

static void xact_timeout(void *user, void *peer, uint32_t tid, void *tag)
{
	struct dp_iq *q = user;

	(void)peer;
	(void)tid;
	q->ctr[iq_timeouts]++;
	if (tag == q) {
		next_controller(q);
		schedule_register(q, 0);
		return;
	}
	hold(q, tag);
	if (q->is_registered)	/* to the same one first, which keeps the calls */
		dp_iq_reregister(q, IQ_DISCONNECTED, 900);
}

static enum gw_err send_request(struct dp_iq *q, struct iq_txn *t, unsigned version, void *tag)
{
	const struct iq_msg m = { .version = version, .mid = gw_sv_cstr(q->c.mid), .txns = t,
		.n_txns = 1 };
	struct iq_codec codec = { .long_tokens = q->c.long_tokens };
	struct gw_buf b = gw_buf(q->out, sizeof(q->out));
	enum gw_err err;

	t->id = iq_xact_tid(&q->xact);
	if ((err = iq_encode(&m, &codec, &b)))
		return err;
	return iq_xact_send(&q->xact, q, t->id, gw_buf_sv(&b), tag, q->now_ms);
}

static void service_change(struct dp_iq *q, enum iq_method method, unsigned reason, void *tag)
{
	struct iq_cmd cmd = { .kind = IQ_SERVICE_CHANGE, .term = IQ_ROOT };
	struct iq_action a = { .context = IQ_CONTEXT_NULL, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn t = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	cmd.sc.method = method;
	cmd.sc.reason = reason;
	if (method != IQ_FORCED) {
		cmd.sc.version = VERSION;
		cmd.sc.profile = gw_sv_cstr(q->c.profile);
	}
	/* M-16: the first message says 1, the negotiated version comes with the reply */
	if (send_request(q, &t, method == IQ_FORCED ? q->version : 1, tag))
		GW_LOG_ERROR(q->c.log, "iq.service_change_failed", "method=%d", (int)method);
}

static void on_register(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_iq *q = GW_CONTAINER(timer, struct dp_iq, reg_timer);
	char addr[GW_ADDR_STR_BYTES];

	q->now_ms = now_ms;
	q->is_registered = false;
	GW_LOG_INFO(q->c.log, "iq.register", "controller=%s method=%s reason=%u",
		gw_addr_str(&q->c.controllers[q->controller], addr),
		q->reg_method == IQ_RESTART ? "Restart" : q->reg_method == IQ_HANDOFF ? "HandOff" :
		q->reg_method == IQ_FAILOVER ? "Failover" : "Disconnected", q->reg_reason);
	service_change(q, q->reg_method, q->reg_reason, q);
}

void dp_iq_reregister(struct dp_iq *q, enum iq_method method, unsigned reason)
{
	/*
	 * An older registration still on its way would arrive after this one and take it back: a late
	 * Restart makes the controller release calls that are well.
	 */
	iq_xact_forget_peer(&q->xact, q, hold);
	if (q->ctr[iq_registrations] == 0) {	/* nobody has seen our cold boot yet */
		method = IQ_RESTART;
		reason = 901;
	}
	q->reg_method = method;
	q->reg_reason = reason;
	schedule_register(q, 0);
}

enum gw_err dp_iq_hand_off(struct dp_iq *q, struct gw_sv mgc_id)
{
	struct gw_addr a;

	if (gw_addr_parse(mgc_id, MGC_PORT, &a))
		return GW_ENOENT;
	for (unsigned i = 0; i < q->c.n_controllers; i++)
		if (gw_addr_eq(&q->c.controllers[i], &a)) {
			dp_iq_reregister(q, IQ_HANDOFF, 903);
			q->controller = i;
			return GW_OK;
		}
	return GW_ENOENT;
}

enum gw_err dp_iq_new(struct dp_iq **out, const struct dp_iq_conf *conf, uint64_t now_ms)
{
	static const struct iq_xact_ops ops = { xact_send, xact_timeout };
	struct dp_iq *q = calloc(1, sizeof(*q));
	struct sockaddr_storage ss;
	char addr[GW_ADDR_STR_BYTES];
	socklen_t len;

	if (!q)
		return GW_ENOMEM;
	q->c = *conf;
	q->version = 1;
	q->now_ms = now_ms;
	q->reg_method = IQ_RESTART;
	q->reg_reason = 901;
	q->reg_timer.fn = on_register;
	q->arena.limit = 1u << 20;
	iq_xact_init(&q->xact, &ops, q, conf->timers, dp_ctx_random, SEEN_MIN);
	len = to_sockaddr(&conf->bind, &ss);
	q->fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (q->fd < 0 || bind(q->fd, (struct sockaddr *)&ss, len) < 0) {
		GW_LOG_ERROR(conf->log, "iq.bind_failed", "address=%s error=\"%s\"",
			gw_addr_str(&conf->bind, addr), strerror(errno));
		dp_iq_free(q);
		return GW_EIO;
	}
	schedule_register(q, dp_ctx_random() % 200);	/* */
	*out = q;
	return GW_OK;
}

void dp_iq_attach(struct dp_iq *q, struct dp_ctx *ctx)
{
	q->ctx = ctx;
	if (ctx->c.max_contexts * SEEN_PER_CONTEXT > SEEN_MIN)
		q->xact.max_seen = ctx->c.max_contexts * SEEN_PER_CONTEXT;
}

void dp_iq_notify(void *user, struct dp_term *t, enum iq_name event, const struct iq_param *params,
	unsigned n_params)
{
	struct dp_iq *q = user;
	struct iq_item it = { .id = event, .n_params = n_params };
	struct iq_cmd cmd = { .kind = IQ_NOTIFY, .term = iq_term(gw_sv_cstr(t->id)),
		.observed_id = t->events_id, .observed = &it, .n_observed = 1 };
	struct iq_action a = { .context = t->ctx->id, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn txn = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	if (event >= 32 || !(t->wanted >> event & 1))
		return;
	if (!q->is_registered) {
		hold_event(q, t, event);
		return;
	}
	if (event != IQ_EV_HANGTERM && event != IQ_EV_CAUSE)
		it.stream = t->stream_id;
	for (unsigned i = 0; i < n_params && i < IQ_MAX_PARAMS; i++)
		it.params[i] = params[i];
	q->ctr[iq_notifies]++;
	if (send_request(q, &txn, q->version, notify_tag(t, event)))
		GW_LOG_ERROR(q->c.log, "iq.notify_failed", "ctx=%u term=%s", t->ctx->id, t->id);
}

/* What a held event says is in the state of the termination. */
static struct iq_param held_param(const struct dp_term *t, enum iq_name event)
{
	bool is_failed = t->dtls && dp_dtls_state(t->dtls) == DP_DTLS_FAILED;

	switch (event) {
	case IQ_EV_BNC_CHANGE:
		return (struct iq_param){ GW_SV("Type"), is_failed ? GW_SV("Fail") : GW_SV("RelUnexpected") };
	case IQ_EV_CAUSE:
		return (struct iq_param){ GW_SV("generalcause"), GW_SV("FP") };
	case IQ_EV_ICE_RESULT:
		return (struct iq_param){ GW_SV("ccresult"), GW_SV("succeeded") };
	case IQ_EV_X_ICE:
		return (struct iq_param){ GW_SV("res"), GW_SV("selected") };
	case IQ_EV_X_DTLS:
		return (struct iq_param){ GW_SV("state"), is_failed ? GW_SV("failed") : GW_SV("up") };
	case IQ_EV_X_CONSENT:
		return (struct iq_param){ GW_SV("state"), GW_SV("lost") };
	default:	/* the other names carry none, or are no events */
		return (struct iq_param){ GW_SV_NONE, GW_SV_NONE };
	}
}

static void send_held(struct dp_iq *q)
{
	GW_LIST_FOREACH_SAFE(it, next, dp_ctx_list(q->ctx)) {
		struct dp_context *cx = GW_CONTAINER(it, struct dp_context, node);

		for (unsigned i = 0; i < cx->n_terms; i++) {
			struct dp_term *t = cx->terms[i];
			uint32_t held = t->held;

			t->held = 0;
			for (unsigned ev = 1; held >> ev; ev++) {
				struct iq_param p = held_param(t, (enum iq_name)ev);

				if (held >> ev & 1)
					dp_iq_notify(q, t, (enum iq_name)ev, &p, p.name.len ? 1 : 0);
			}
		}
	}
}

/* ---- input --------------------------------------------------------------------------------------- */

static void on_registered(struct dp_iq *q, const struct iq_txn *t)
{
	const struct iq_cmd *c = t->n_actions && t->actions[0].n_cmds ? &t->actions[0].cmds[0] : NULL;
	unsigned error = t->error ? t->error : t->n_actions && t->actions[0].error ?
		t->actions[0].error : c ? c->error : 0;
	char addr[GW_ADDR_STR_BYTES];

	if (error || !c) {
		GW_LOG_ERROR(q->c.log, "iq.register_refused", "controller=%s code=%u",
			gw_addr_str(&q->c.controllers[q->controller], addr), error);
		next_controller(q);
		schedule_register(q, REGISTER_RETRY_MS);
		return;
	}
	if (c->sc.version >= 1 && c->sc.version <= VERSION)
		q->version = c->sc.version;
	q->is_registered = true;
	q->ctr[iq_registrations]++;
	GW_LOG_NOTICE(q->c.log, "iq.registered", "controller=%s version=%u",
		gw_addr_str(&q->c.controllers[q->controller], addr), q->version);
	send_held(q);
}

static enum gw_err send_msg(struct dp_iq *q, const struct gw_addr *to, const struct iq_msg *m,
	struct gw_sv *text)
{
	struct iq_codec codec = { .long_tokens = q->c.long_tokens };
	struct gw_buf b = gw_buf(q->out, sizeof(q->out));

	enum gw_err err;

	*text = GW_SV_NONE;
	if ((err = iq_encode(m, &codec, &b))) {
		GW_LOG_ERROR(q->c.log, "iq.encode_failed", "bytes=%zu", b.len);
		return err;
	}
	*text = gw_buf_sv(&b);
	send_to(q, to, *text);
	return GW_OK;
}

static void request(struct dp_iq *q, const struct gw_addr *from, const struct iq_msg *m,
	const struct iq_txn *t)
{
	struct iq_txn reply = { .kind = IQ_PENDING, .id = t->id };
	struct iq_msg out = { .version = q->version > m->version ? q->version : m->version,
		.mid = gw_sv_cstr(q->c.mid), .txns = &reply, .n_txns = 1 };
	struct gw_sv stored, text;
	enum gw_err err;

	if (!gw_addr_eq(&q->c.controllers[q->controller], from) && !dp_iq_is_service_change(t)) {
		q->ctr[iq_unauthorised]++;	/* threat Q1: another one's calls are not its to end */
		reply = (struct iq_txn){ .kind = IQ_REPLY, .id = t->id, .error = 504 };
		(void)!send_msg(q, from, &out, &text);
		return;
	}
	switch (iq_xact_request(&q->xact, m->mid, t->id, q->now_ms, &stored)) {
	case IQ_XACT_REPLIED:
		q->ctr[iq_duplicates]++;
		send_to(q, from, stored);
		return;
	case IQ_XACT_EXECUTING:
		q->ctr[iq_duplicates]++;
		(void)!send_msg(q, from, &out, &text);
		return;
	case IQ_XACT_NEW:
		break;
	}
	q->ctr[iq_requests]++;
	if (q->is_registered)
		out.version = q->version;
	dp_iq_execute(q, t, &reply);
	if ((err = send_msg(q, from, &out, &text))) {
		/* without an answer the request would be repeated for 30 s and each time found executing */
		q->ctr[iq_unanswerable]++;
		reply = (struct iq_txn){ .kind = IQ_REPLY, .id = t->id, .error = err == GW_ENOSPC ? 533 : 500 };
		(void)!send_msg(q, from, &out, &text);
	}
	if (text.len)
		iq_xact_answer(&q->xact, m->mid, t->id, text);
}

static void message_error(struct dp_iq *q, const struct gw_addr *from, unsigned code, const char *what)
{
	struct iq_msg m = { .version = q->version, .mid = gw_sv_cstr(q->c.mid), .error = code,
		.error_text = gw_sv_cstr(what) };
	struct gw_sv text;

	q->ctr[iq_bad_message]++;
	GW_LOG_NOTICE(q->c.log, "iq.bad_message", "code=%u what=\"%s\"", code, what);
	(void)!send_msg(q, from, &m, &text);
}

static void input(struct dp_iq *q, const struct gw_addr *from, struct gw_sv bytes)
{
	struct gw_diag diag = { 0, "" };
	bool is_ours = gw_addr_eq(&q->c.controllers[q->controller], from);
	struct iq_msg m;
	void *tag;
	enum gw_err err;

	err = iq_decode(&q->arena, bytes, &m, &diag);
	if (err) {
		message_error(q, from, 400, diag.what);
		return;
	}
	if (m.version > VERSION && m.n_txns) {	/* X-17; an error message is never answered */
		message_error(q, from, 406, "");
		return;
	}
	if (m.n_txns > IQ_MAX_TRANSACTIONS) {
		message_error(q, from, 413, "more than 10 transactions");
		return;
	}
	for (unsigned i = 0; i < m.n_txns; i++) {
		const struct iq_txn *t = &m.txns[i];

		if (!is_ours && t->kind != IQ_REQUEST)	/* an answer to nothing we asked there */
			continue;
		switch (t->kind) {
		case IQ_REQUEST:
			request(q, from, &m, t);
			break;
		case IQ_REPLY:
			if (iq_xact_reply(&q->xact, t->id, &tag) == GW_OK && tag == q)
				on_registered(q, t);
			break;
		case IQ_PENDING:
			iq_xact_pending(&q->xact, t->id, q->now_ms);
			break;
		case IQ_ACK:
			iq_xact_ack(&q->xact, m.mid, t->id, t->id_last);
			break;
		}
	}
}

unsigned dp_iq_poll(struct dp_iq *q, uint64_t now_ms)
{
	static char in[65536];	/* one service thread; too large for its stack */
	unsigned n = 0;

	q->now_ms = now_ms;
	for (; n < POLL_MAX; n++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		ssize_t got = recvfrom(q->fd, in, sizeof(in), 0, (struct sockaddr *)&ss, &len);
		struct gw_addr from;
		bool ours = false;

		if (got < 0)
			break;
		from_sockaddr(&ss, &from);
		for (unsigned i = 0; i < q->c.n_controllers; i++)
			ours |= gw_addr_eq(&q->c.controllers[i], &from);
		if (!ours) {	/* threat Q1 */
			q->ctr[iq_foreign]++;
			continue;
		}
		input(q, &from, gw_sv(in, (size_t)got));
		gw_arena_reset(&q->arena);
	}
	q->ctr[iq_evicted] = q->xact.n_evicted;
	return n;
}

int dp_iq_fd(const struct dp_iq *q)
{
	return q->fd;
}

bool dp_iq_registered(const struct dp_iq *q)
{
	return q->is_registered;
}

const uint64_t *dp_iq_counters(const struct dp_iq *q)
{
	return q->ctr;
}

void dp_iq_goodbye(struct dp_iq *q)
{
	if (q->is_registered)
		service_change(q, IQ_FORCED, 905, NULL);
}

void dp_iq_free(struct dp_iq *q)
{
	if (!q)
		return;
	gw_timer_stop(q->c.timers, &q->reg_timer);
	iq_xact_dispose(&q->xact);
	gw_arena_reset(&q->arena);
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}
