/* SPDX-License-Identifier: Apache-2.0 */
/* W2 connections: accept, TLS over libuv, bytes to the request head, the WebSocket or the web side. */
#include <stdlib.h>

#include <openssl/err.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"

#define READS_TO_URGENT 8u	/* so many messages at most before those of calls that are there already */
#define READ_BYTES 16384
#define WEB_QUEUE_MAX (4u << 20)
#define FRAMING_BYTES 4096	/* of the last message taken: frame and record headers, our own bookkeeping */
#define LINGER_MS 2000
#define W2_TIMERS 5
#define BEYOND_LIMIT 64u	/* connections in addition, for the answer that there is no place */

struct write_req {
	uv_write_t req;
	struct cp_w2 *c;
	size_t n;
	char bytes[];
};

static void on_closed(uv_handle_t *h)
{
	struct cp_w2 *c = h->data;

	if (c->ssl)
		SSL_free(c->ssl);	/* frees both BIOs */
	free(c->head);
	free(c->origin);
	free(c);
}

/* The connection is nobody's any more but ours; its id is dead. */
static void leave(struct cp_w2 *c)
{
	struct cp_transport *t = c->t;
	struct cp_peer peer = { c->ssl ? CP_PROTO_WSS : CP_PROTO_WS, c->id, c->peer };

	gw_timer_stop(&t->loop->timers, &c->deadline);
	gw_timer_stop(&t->loop->timers, &c->ping);
	gw_timer_stop(&t->loop->timers, &c->message);
	cp_hold_end(c);	/* its end must be seen */
	cp_httpd_detach(c);
	cp_slot_release(t, c->id);
	c->id = 0;
	if (!c->ws)
		return;
	cp_ws_free(c);
	CP_GAUGE_ADD(w2_connections, -1);
	if (!t->is_stopping)
		t->ops->on_closed(t->user, &peer);
}

/* @return how many the source has now; 0: no memory to count it */
static unsigned count_source(struct cp_transport *t, const struct gw_addr *a, int n)
{
	char net[CP_NET_BYTES];
	uint64_t id = gw_sv_hash(cp_rate_net(a, CP_NET_SOURCE, net));
	uintptr_t now = (uintptr_t)gw_map_get_u64(&t->per_source, id) + (uintptr_t)(intptr_t)n;

	if (now == 0)
		gw_map_del_u64(&t->per_source, id);
	else if (gw_map_put_u64(&t->per_source, id, (void *)now))
		return 0;
	return (unsigned)now;
}

static void drop(struct cp_w2 *c)
{
	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	c->state = W2_CLOSING;
	leave(c);
	gw_timer_stop(&c->t->loop->timers, &c->soon);
	if (c->is_counted)
		(void)count_source(c->t, &c->peer, -1);
	gw_list_remove(&c->node);
	c->t->n_w2--;
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void flush_tls(struct cp_w2 *c);

static void on_shutdown(uv_shutdown_t *req, int status)
{
	(void)status;	/* the client's end, or the deadline, comes next */
	free(req);
}

/* A socket closed with unread input is reset, and the reset may overtake our last words: half-close, then wait. */
static void linger(struct cp_w2 *c)
{
	uv_shutdown_t *req = malloc(sizeof(*req));

	leave(c);
	c->state = W2_LINGER;
	if (c->ssl && SSL_is_init_finished(c->ssl)) {
		SSL_shutdown(c->ssl);
		ERR_clear_error();
		flush_tls(c);
	}
	if (!req || uv_shutdown(req, (uv_stream_t *)&c->tcp, on_shutdown)) {
		free(req);
		drop(c);
		return;
	}
	if (gw_timer_arm(&c->t->loop->timers, &c->deadline, cp_loop_now(c->t->loop) + LINGER_MS))
		drop(c);
}

static void on_soon(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_w2 *c = GW_CONTAINER(timer, struct cp_w2, soon);

	(void)now_ms;
	if (c->state == W2_CLOSING)
		drop(c);
	else if (c->state != W2_LINGER && c->close_after_flush && c->queued_bytes == 0)
		linger(c);
}

static void arm_soon(struct cp_w2 *c)
{
	/* room for it was reserved when the connection came */
	(void)gw_timer_arm(&c->t->loop->timers, &c->soon, cp_loop_now(c->t->loop));
}

void cp_w2_close(struct cp_w2 *c)
{
	if (uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	c->state = W2_CLOSING;
	if (c->t->is_stopping)
		drop(c);
	else
		arm_soon(c);
}

void cp_w2_finish(struct cp_w2 *c)
{
	if (c->close_after_flush || c->state >= W2_LINGER)
		return;
	c->close_after_flush = true;
	(void)gw_timer_arm(&c->t->loop->timers, &c->deadline,
		cp_loop_now(c->t->loop) + c->t->conf->w2.handshake_s * 1000ull);
	arm_soon(c);
}

static void on_written(uv_write_t *req, int status)
{
	struct write_req *w = GW_CONTAINER(req, struct write_req, req);
	struct cp_w2 *c = w->c;

	c->queued_bytes -= w->n + sizeof(*w);
	free(w);
	if (status < 0)
		cp_w2_close(c);
	else if (c->close_after_flush && c->queued_bytes == 0 && c->state < W2_LINGER)
		arm_soon(c);
}

/* The one way out. What is queued has a limit whoever queued it: messages, pongs, TLS, web pages (W2-WS-14). */
static void raw_write(struct cp_w2 *c, const void *p, size_t n)
{
	size_t max = FRAMING_BYTES + (c->state == W2_WEB ? WEB_QUEUE_MAX : c->t->conf->w2.send_queue_bytes);
	struct write_req *w;
	uv_buf_t buf;

	if (c->state == W2_CLOSING || uv_is_closing((uv_handle_t *)&c->tcp))
		return;
	if (c->queued_bytes == 0) {	/* nothing waits: the socket takes it now, nearly always */
		uv_buf_t now = uv_buf_init((char *)(uintptr_t)p, (unsigned)n);
		int sent = uv_try_write((uv_stream_t *)&c->tcp, &now, 1);

		if (sent > 0) {
			p = (const char *)p + sent;
			n -= (size_t)sent;
		}
		if (n == 0)
			return;
	}
	w = malloc(sizeof(*w) + n);
	if (!w) {
		cp_w2_close(c);
		return;
	}
	w->c = c;
	w->n = n;
	memcpy(w->bytes, p, n);
	buf = uv_buf_init(w->bytes, (unsigned)n);
	if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written)) {
		free(w);
		cp_w2_close(c);
		return;
	}
	c->queued_bytes += n + sizeof(*w);
	if (c->queued_bytes > max) {
		CP_COUNT(w2_closed_slow);
		cp_w2_close(c);
	}
}

/* What TLS wants to say goes out; one uv_write for all of it. */
static void flush_tls(struct cp_w2 *c)
{
	char *p;
	long n = BIO_get_mem_data(c->out, &p);

	if (n <= 0)
		return;
	raw_write(c, p, (size_t)n);
	(void)BIO_reset(c->out);
}

void cp_w2_write(struct cp_w2 *c, const void *p, size_t n)
{
	if (!c->ssl) {
		raw_write(c, p, n);
		return;
	}
	if (SSL_write(c->ssl, p, (int)n) <= 0)
		ERR_clear_error();
	flush_tls(c);
}

static void plain_input(struct cp_w2 *c, struct gw_sv bytes)
{
	if (c->close_after_flush)
		return;
	switch (c->state) {
	case W2_TLS:
	case W2_HEAD:
		cp_head_input(c, bytes);
		break;
	case W2_WS:
		cp_ws_input(c, bytes);
		break;
	case W2_WEB:
		cp_httpd_input(c, bytes);
		break;
	case W2_LINGER:
	case W2_CLOSING:
		break;
	}
}

static void tls_input(struct cp_w2 *c)
{
	char buf[READ_BYTES];
	int n, e;

	if (c->state == W2_TLS) {
		n = SSL_do_handshake(c->ssl);
		e = SSL_get_error(c->ssl, n);
		flush_tls(c);
		if (n != 1 && e != SSL_ERROR_WANT_READ) {
			ERR_clear_error();
			CP_COUNT(w2_tls_failed);
			cp_w2_close(c);
			return;
		}
		if (n != 1)
			return;
		c->state = W2_HEAD;
	}
	while (c->state < W2_LINGER && !c->close_after_flush && (n = SSL_read(c->ssl, buf, sizeof(buf))) > 0)
		plain_input(c, gw_sv(buf, (size_t)n));
	if (c->state >= W2_LINGER || c->close_after_flush)
		return;
	e = SSL_get_error(c->ssl, n);
	ERR_clear_error();
	flush_tls(c);
	if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
		cp_w2_close(c);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	static char shared[READ_BYTES];	/* consumed before the callback returns */

	(void)h;
	(void)want;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct cp_w2 *c = s->data;

	if (++c->t->n_reads % READS_TO_URGENT == 0)
		cp_loop_run_urgent(c->t->loop);
	if (uv_is_closing((uv_handle_t *)s))
		return;
	if (n < 0) {
		cp_w2_close(c);
		return;
	}
	if (n == 0 || c->state >= W2_LINGER || c->close_after_flush)
		return;		/* what comes behind the end is read, so that no reset is sent, and forgotten */
	if (!c->ssl) {
		plain_input(c, gw_sv(buf->base, (size_t)n));
		return;
	}
	if (BIO_write(c->in, buf->base, (int)n) == (int)n)
		tls_input(c);
	else
		cp_w2_close(c);
}

void cp_w2_read(struct cp_w2 *c)
{
	uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void on_deadline(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_w2 *c = GW_CONTAINER(timer, struct cp_w2, deadline);

	(void)now_ms;
	if (c->state == W2_WS && !c->close_after_flush) {
		CP_COUNT(w2_closed_no_register);
		cp_ws_close(c, 1008, "no registration");
		return;
	}
	if (c->state == W2_TLS)
		CP_COUNT(w2_tls_failed);
	cp_w2_close(c);
}

/* Threats P8, W9: who comes too often is not worth a handshake. */
static bool is_too_often(struct cp_transport *t, const struct gw_addr *a)
{
	uint64_t now = cp_loop_now(t->loop);
	char net[CP_NET_BYTES];

	if (!cp_rate_take(&t->rate_source, cp_rate_net(a, CP_NET_SOURCE, net), now)) {
		CP_COUNT(w2_refused_rate_source);
		return true;
	}
	if (!cp_rate_take(&t->rate_prefix, cp_rate_net(a, CP_NET_PREFIX, net), now)) {
		CP_COUNT(w2_refused_rate_prefix);
		return true;
	}
	return false;
}

static bool start_tls(struct cp_w2 *c)
{
	if (c->t->conf->w2.insecure_ws) {
		c->state = W2_HEAD;
		return true;
	}
	c->ssl = SSL_new(c->t->ssl_ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	if (!c->ssl || !c->in || !c->out) {
		BIO_free(c->in);
		BIO_free(c->out);
		return false;
	}
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_accept_state(c->ssl);
	return true;
}

/* A place in the table, memory for its timers, TLS. A few beyond the limit are let in to be told (W2-ERR-04). */
static bool admit(struct cp_w2 *c)
{
	struct cp_transport *t = c->t;
	unsigned of_source = count_source(t, &c->peer, 1);

	c->is_counted = of_source > 0;
	c->is_beyond_limit = t->n_w2 > t->conf->w2.max_connections;
	return of_source && of_source <= t->conf->w2.max_connections_per_source &&
		t->n_w2 <= t->conf->w2.max_connections + BEYOND_LIMIT &&
		gw_timers_reserve(&t->loop->timers, t->loop->timers.count + W2_TIMERS * t->n_w2) == GW_OK &&
		(c->id = cp_slot_take(t, SLOT_W2, c)) && start_tls(c);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct cp_transport *t = server->data;
	struct cp_w2 *c = calloc(1, sizeof(*c));
	struct sockaddr_storage ss;
	int len = sizeof(ss);

	if (!c)
		return;
	c->t = t;
	gw_list_init(&c->node);
	c->deadline.fn = on_deadline;
	c->soon.fn = on_soon;
	cp_hold_init(c);
	uv_tcp_init(&t->loop->uv, &c->tcp);
	c->tcp.data = c;
	if (status < 0 || uv_accept(server, (uv_stream_t *)&c->tcp) ||
		uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&ss, &len)) {
		uv_close((uv_handle_t *)&c->tcp, on_closed);
		return;
	}
	cp_addr_from((struct sockaddr *)&ss, &c->peer);
	if (is_too_often(t, &c->peer)) {
		uv_close((uv_handle_t *)&c->tcp, on_closed);
		return;
	}
	gw_list_append(&t->w2, &c->node);
	t->n_w2++;
	if (!admit(c)) {
		CP_COUNT(w2_refused_limit);
		drop(c);
		return;
	}
	CP_COUNT(w2_connections_total);
	uv_tcp_nodelay(&c->tcp, 1);
	(void)gw_timer_arm(&t->loop->timers, &c->deadline,
		cp_loop_now(t->loop) + t->conf->w2.handshake_s * 1000ull);
	cp_w2_read(c);
}

enum gw_err cp_w2_listen(struct cp_transport *t)
{
	char text[GW_ADDR_STR_BYTES];
	int r;

	t->listeners = calloc(t->conf->w2.n_listen, sizeof(*t->listeners));
	if (!t->listeners)
		return GW_ENOMEM;
	for (unsigned i = 0; i < t->conf->w2.n_listen; i++) {
		struct sockaddr_storage ss;
		uv_tcp_t *l = &t->listeners[i];

		cp_addr_to(&t->conf->w2.listen[i], &ss);
		uv_tcp_init(&t->loop->uv, l);
		l->data = t;
		t->n_listeners++;
		if ((r = uv_tcp_bind(l, (struct sockaddr *)&ss, 0)) ||
			(r = uv_listen((uv_stream_t *)l, 512, on_connection))) {
			GW_LOG_ERROR(t->log, "w2.listen_failed", "address=%s error=\"%s\"",
				gw_addr_str(&t->conf->w2.listen[i], text), uv_strerror(r));
			return GW_EIO;
		}
		GW_LOG_INFO(t->log, "w2.listen", "address=%s tls=%d",
			gw_addr_str(&t->conf->w2.listen[i], text), !t->conf->w2.insecure_ws);
	}
	return GW_OK;
}
