/* SPDX-License-Identifier: Apache-2.0 */
/* The Iq socket: messages in, requests executed once, replies and transactions out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

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

static void xact_timeout(void *user, void *peer, uint32_t tid, void *tag)
{
	struct dp_iq *q = user;

	(void)peer;
	(void)tid;
	q->ctr[iq_timeouts]++;
	if (tag == q) {
		dp_iq_next_controller(q);
		dp_iq_register_in(q, 0);
		return;
	}
	dp_iq_hold(q, tag);
	if (q->is_registered)	/* to the same one first, which keeps the calls */
		dp_iq_reregister(q, IQ_DISCONNECTED, 900);
}

enum gw_err dp_iq_send_request(struct dp_iq *q, struct iq_txn *t, unsigned version, void *tag)
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
	q->reg_timer.fn = dp_iq_on_register;
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
	dp_iq_register_in(q, dp_ctx_random() % 200);	/* */
	*out = q;
	return GW_OK;
}

void dp_iq_attach(struct dp_iq *q, struct dp_ctx *ctx)
{
	q->ctx = ctx;
	if (ctx->c.max_contexts * SEEN_PER_CONTEXT > SEEN_MIN)
		q->xact.max_seen = ctx->c.max_contexts * SEEN_PER_CONTEXT;
}

/* ---- input --------------------------------------------------------------------------------------- */

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
	if (m.version > IQ_VERSION_MAX && m.n_txns) {	/* X-17; an error message is never answered */
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
				dp_iq_registered_reply(q, t);
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
