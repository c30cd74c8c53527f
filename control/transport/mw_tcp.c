/* SPDX-License-Identifier: Apache-2.0 */
/* Mw over TCP (RFC 3261 18): connections, framing by Content-Length, queues with a limit. */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"
#include "proto/sip/msg.h"

#define TCP_IN_MAX_BYTES (SIP_MSG_MAX_BYTES + 1u)
#define TCP_QUEUE_MAX_BYTES (1u << 20)
#define CONNECT_MS 4000		/* well below Timer F (64*T1), so that another way can still be tried */

struct cp_mw_msg {
	struct gw_list node;
	uv_write_t write;
	struct cp_mw_tcp *c;
	enum cp_mw_why why;
	size_t n;
	char bytes[];
};

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	static char shared[65536];

	(void)h;
	(void)want;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void on_tcp_closed(uv_handle_t *h)
{
	struct cp_mw_tcp *c = h->data;

	free(c->in);
	free(c);
}

/* Nobody took the connection (RFC 3261 18.1.1: then the request is tried by UDP after all). */
static void back_to_udp(struct cp_mw_tcp *c, struct cp_mw_msg *m)
{
	size_t at = cp_mw_via_transport(gw_sv(m->bytes, m->n));

	if (at < m->n)
		memcpy(m->bytes + at, "UDP", 3);
	cp_mw_note_no_tcp(c->t, &c->peer);
	CP_COUNT(mw_long_by_udp);
	(void)cp_mw_udp_send(c->t, &c->peer, gw_sv(m->bytes, m->n));	/* the timers of the transaction decide */
}

static void tcp_close(struct cp_mw_tcp *c)
{
	struct cp_peer peer = { CP_PROTO_TCP, c->id, c->peer };
	struct cp_transport *t = c->t;

	bool has_failed = false;

	if (c->is_closing)
		return;
	c->is_closing = true;
	gw_timer_stop(&t->loop->timers, &c->connecting);
	gw_list_remove(&c->node);
	cp_slot_release(t, c->id);
	uv_close((uv_handle_t *)&c->tcp, on_tcp_closed);
	while (!gw_list_empty(&c->waiting)) {
		struct cp_mw_msg *m = GW_CONTAINER(c->waiting.next, struct cp_mw_msg, node);

		gw_list_remove(&m->node);
		if (m->why == CP_MW_BY_SIZE && !t->is_stopping)
			back_to_udp(c, m);
		else
			has_failed = true;
		free(m);
	}
	if (t->is_stopping)
		return;
	if (has_failed)
		t->ops->on_send_failed(t->user, &peer);
	if (c->id)
		t->ops->on_closed(t->user, &peer);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	struct cp_mw_tcp *c = req->data;

	(void)status;
	free(req);
	tcp_close(c);	/* harmless when it was a close that ended the wait */
}

/* What was written goes out first; nothing is read any more. */
static void tcp_finish(struct cp_mw_tcp *c)
{
	uv_shutdown_t *req = malloc(sizeof(*req));

	if (c->is_closing || c->is_ending) {
		free(req);
		return;
	}
	c->is_ending = true;
	uv_read_stop((uv_stream_t *)&c->tcp);
	if (req)
		req->data = c;
	if (!req || uv_shutdown(req, (uv_stream_t *)&c->tcp, on_shutdown)) {
		free(req);
		tcp_close(c);
	}
}

/* Frames by Content-Length; a message that cannot be framed ends the connection. */
static void tcp_frames(struct cp_mw_tcp *c)
{
	struct cp_peer from = { CP_PROTO_TCP, c->id, c->peer };
	size_t done = 0;

	while (!c->is_closing && done < c->in_len) {
		struct gw_arena a = GW_ARENA_INIT(1u << 20);
		struct gw_sv rest = gw_sv(c->in + done, c->in_len - done);
		struct sip_msg m;
		enum gw_err err;

		while (rest.len && (rest.p[0] == '\r' || rest.p[0] == '\n'))
			rest = gw_sv_sub(rest, 1, rest.len), done++;
		if (rest.len == 0)
			break;
		err = sip_msg_parse(&m, &a, rest, SIP_STREAM, NULL);
		gw_arena_reset(&a);
		if (err == GW_EAGAIN)
			break;
		if (err == GW_ELIMIT || err == GW_ENOMEM || m.consumed == 0 ||
			(err && !m.consumed)) {
			CP_COUNT(mw_closed_framing);
			tcp_close(c);
			return;
		}
		CP_COUNT(mw_messages_in);
		c->t->ops->on_message(c->t->user, &from, gw_sv_sub(rest, 0, m.consumed));
		done += m.consumed;
		if (m.is_unframed) {	/* answered, if that was possible; what follows cannot be read */
			CP_COUNT(mw_closed_framing);
			tcp_finish(c);
			return;
		}
	}
	if (c->is_closing)
		return;
	memmove(c->in, c->in + done, c->in_len - done);
	c->in_len -= done;
}

static void on_tcp_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct cp_mw_tcp *c = s->data;
	char *g;

	if (n < 0) {
		tcp_close(c);
		return;
	}
	if (c->in_len + (size_t)n > TCP_IN_MAX_BYTES + 65536) {
		CP_COUNT(mw_closed_framing);
		tcp_close(c);
		return;
	}
	if (c->in_len + (size_t)n > c->in_cap) {
		g = realloc(c->in, c->in_len + (size_t)n);
		if (!g) {
			tcp_close(c);
			return;
		}
		c->in = g;
		c->in_cap = c->in_len + (size_t)n;
	}
	if (n)
		memcpy(c->in + c->in_len, buf->base, (size_t)n);
	c->in_len += (size_t)n;
	tcp_frames(c);
}

/* Memory counts, not bytes of the wire: the limit is there for us. */
static size_t held(const struct cp_mw_msg *m)
{
	return sizeof(*m) + m->n;
}

static void on_tcp_written(uv_write_t *req, int status)
{
	struct cp_mw_msg *m = GW_CONTAINER(req, struct cp_mw_msg, write);
	struct cp_mw_tcp *c = m->c;

	c->queued_bytes -= held(m);
	free(m);
	if (status < 0)
		tcp_close(c);
}

static void tcp_write(struct cp_mw_tcp *c, struct cp_mw_msg *m)
{
	uv_buf_t buf = uv_buf_init(m->bytes, (unsigned)m->n);

	m->c = c;
	if (uv_write(&m->write, (uv_stream_t *)&c->tcp, &buf, 1, on_tcp_written)) {
		c->queued_bytes -= held(m);
		free(m);
		tcp_close(c);
	}
}

static void on_tcp_connected(uv_connect_t *req, int status)
{
	struct cp_mw_tcp *c = GW_CONTAINER(req, struct cp_mw_tcp, connect);

	if (status < 0) {
		tcp_close(c);
		return;
	}
	c->is_connected = true;
	gw_timer_stop(&c->t->loop->timers, &c->connecting);
	uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_tcp_read);
	while (!c->is_closing && !gw_list_empty(&c->waiting)) {
		struct cp_mw_msg *m = GW_CONTAINER(c->waiting.next, struct cp_mw_msg, node);

		gw_list_remove(&m->node);
		tcp_write(c, m);
	}
}

static void on_connecting_timer(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	tcp_close(GW_CONTAINER(timer, struct cp_mw_tcp, connecting));
}

static struct cp_mw_tcp *tcp_new(struct cp_transport *t)
{
	struct cp_mw_tcp *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->t = t;
	c->connecting.fn = on_connecting_timer;
	gw_list_init(&c->waiting);
	uv_tcp_init(&t->loop->uv, &c->tcp);
	c->tcp.data = c;
	gw_list_append(&t->tcp, &c->node);
	return c;
}

static void on_tcp_connection(uv_stream_t *server, int status)
{
	struct cp_transport *t = server->data;
	struct cp_mw_tcp *c = status < 0 ? NULL : tcp_new(t);
	struct sockaddr_storage ss;
	int len = sizeof(ss);

	if (!c)
		return;
	/* accepted first, refused then: libuv stops listening when a connection is left where it is */
	if (uv_accept(server, (uv_stream_t *)&c->tcp) ||
		uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&ss, &len)) {
		tcp_close(c);
		return;
	}
	cp_addr_from((struct sockaddr *)&ss, &c->peer);
	if (!t->ops->is_trusted(t->user, &c->peer)) {
		CP_COUNT(mw_refused_source);
		tcp_close(c);
		return;
	}
	c->id = cp_slot_take(t, SLOT_TCP, c);
	if (!c->id) {
		CP_COUNT(mw_refused_limit);
		tcp_close(c);
		return;
	}
	c->is_connected = true;
	uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_tcp_read);
}

/* The core knows us, and trusts us, by the address of mw.bind (W2-ARC-10): any other is a stranger's. */
static int tcp_bind(struct cp_mw_tcp *c)
{
	struct gw_addr own = c->t->conf->mw.bind;
	struct sockaddr_storage ss;

	if (own.family != c->peer.family)
		return 0;
	own.port = 0;
	cp_addr_to(&own, &ss);
	return uv_tcp_bind(&c->tcp, (struct sockaddr *)&ss, 0);
}

static struct cp_mw_tcp *tcp_to(struct cp_transport *t, const struct cp_peer *to)
{
	struct cp_mw_tcp *c = to->conn ? cp_slot_get(t, to->conn, SLOT_TCP) : NULL;
	struct sockaddr_storage ss;

	if (c && !c->is_ending)
		return c;
	GW_LIST_FOREACH(it, &t->tcp) {
		c = GW_CONTAINER(it, struct cp_mw_tcp, node);
		if (!c->is_ending && gw_addr_eq(&c->peer, &to->addr))
			return c;
	}
	c = tcp_new(t);
	if (!c)
		return NULL;
	c->peer = to->addr;
	cp_addr_to(&to->addr, &ss);
	if (!(c->id = cp_slot_take(t, SLOT_TCP, c))) {
		CP_COUNT(mw_refused_limit);
	} else if (tcp_bind(c) == 0 && uv_tcp_connect(&c->connect, &c->tcp, (struct sockaddr *)&ss, on_tcp_connected) == 0) {
		(void)gw_timer_arm(&t->loop->timers, &c->connecting, cp_loop_now(t->loop) + CONNECT_MS);
		return c;
	}
	tcp_close(c);
	return NULL;
}

/* TCP delivers: what a transaction sends again, thinking of UDP, is on its way already. */
static bool is_repeated(struct cp_mw_tcp *c, struct gw_sv bytes)
{
	uint64_t h = gw_sv_hash(bytes);

	for (unsigned i = 0; i < CP_MW_SENT_MAX; i++)
		if (c->sent[i] == h)
			return true;
	c->sent[c->n_sent++ % CP_MW_SENT_MAX] = h;
	return false;
}

enum gw_err cp_mw_tcp_send(struct cp_transport *t, const struct cp_peer *to, struct gw_sv bytes, enum cp_mw_why why)
{
	struct cp_mw_tcp *c = tcp_to(t, to);
	struct cp_mw_msg *m;

	if (!c)
		return GW_EIO;
	if (why == CP_MW_BY_SIZE && is_repeated(c, bytes))
		return GW_OK;
	if (c->queued_bytes + sizeof(*m) + bytes.len > TCP_QUEUE_MAX_BYTES) {
		CP_COUNT(mw_queue_full);
		return GW_ELIMIT;
	}
	m = malloc(sizeof(*m) + bytes.len);
	if (!m)
		return GW_ENOMEM;
	gw_list_init(&m->node);
	m->n = bytes.len;
	m->why = why;
	memcpy(m->bytes, bytes.p, bytes.len);
	CP_COUNT(mw_messages_out);
	if (why == CP_MW_BY_SIZE) {
		memcpy(m->bytes + cp_mw_via_transport(bytes), "TCP", 3);	/* RFC 3261 18.1.1 */
		CP_COUNT(mw_long_by_tcp);
	}
	c->queued_bytes += held(m);
	if (c->is_connected)
		tcp_write(c, m);
	else
		gw_list_append(&c->waiting, &m->node);
	return GW_OK;
}

int cp_mw_tcp_listen(struct cp_transport *t)
{
	return uv_listen((uv_stream_t *)&t->tcp_listener, 128, on_tcp_connection);
}

void cp_mw_tcp_close(struct cp_transport *t)
{
	GW_LIST_FOREACH_SAFE(it, next, &t->tcp)
		tcp_close(GW_CONTAINER(it, struct cp_mw_tcp, node));
}
