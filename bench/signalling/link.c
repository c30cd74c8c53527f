/* SPDX-License-Identifier: Apache-2.0 */
/* A browser's connection: TCP, TLS 1.3 as a client, the upgrade, WebSocket frames (RFC 6455 5; masked with
 * zeros). */
#include <stdlib.h>

#include <openssl/err.h>

#include "bench/signalling/load.h"

#define READ_BYTES     65536
#define OP_TEXT	       1u
#define OP_CLOSE       8u
#define OP_PING	       9u
#define OP_PONG	       10u
#define FRAME_HEAD_MAX 8u /* of what we send: two bytes, a length of 16 bits, the mask */

struct packet {
	uv_write_t req;
	char bytes[];
};

static void on_closed(uv_handle_t *h)
{
	struct browser *b = h->data;

	SSL_free(b->ssl);
	b->ssl = NULL;
	free(b->held);
	b->held = NULL;
	b->held_len = b->held_cap = 0;
}

static void link_down(struct browser *b, const char *why)
{
	struct load *l = b->load;
	enum link_state was = b->state;

	if (was == LINK_DOWN)
		return;
	b->state = LINK_DOWN;
	uv_close((uv_handle_t *)&b->tcp, on_closed);
	load_wrong(l, why, GW_SV_NONE);
	if (was == LINK_OPEN) {
		l->n_open--;
		ua_lost(b);
	} else {
		l->n_opening--;
		l->n_failed++;
	}
}

static void on_written(uv_write_t *req, int status)
{
	(void)status; /* the reading side says it too */
	free(GW_CONTAINER(req, struct packet, req));
}

static void flush_out(struct browser *b)
{
	uv_buf_t bytes;
	struct packet *p;
	char *data;
	long n = BIO_get_mem_data(b->out, &data);
	int sent;

	if (n <= 0)
		return;
	bytes = uv_buf_init(data, (unsigned)n);
	sent = uv_try_write((uv_stream_t *)&b->tcp, &bytes, 1);
	if (sent < 0)
		sent = 0;
	if (sent < n && (p = malloc(sizeof(*p) + (size_t)(n - sent)))) {
		memcpy(p->bytes, data + sent, (size_t)(n - sent));
		bytes = uv_buf_init(p->bytes, (unsigned)(n - sent));
		if (uv_write(&p->req, (uv_stream_t *)&b->tcp, &bytes, 1, on_written))
			free(p);
	}
	(void)BIO_reset(b->out);
}

static void put_plain(struct browser *b, const char *p, size_t n)
{
	if (SSL_write(b->ssl, p, (int)n) <= 0)
		ERR_clear_error();
	flush_out(b);
}

static void send_frame(struct browser *b, unsigned opcode, struct gw_sv payload)
{
	char frame[MESSAGE_MAX + FRAME_HEAD_MAX];
	size_t n = 0;

	frame[n++] = (char)(0x80u | opcode);
	if (payload.len < 126) {
		frame[n++] = (char)(0x80u | payload.len);
	} else {
		frame[n++] = (char)(0x80u | 126u);
		frame[n++] = (char)(payload.len >> 8);
		frame[n++] = (char)payload.len;
	}
	memset(frame + n, 0, 4); /* the mask; a browser's is random, and costs the edge as much */
	n += 4;
	memcpy(frame + n, payload.p, payload.len);
	put_plain(b, frame, n + payload.len);
}

void link_send(struct browser *b, struct gw_sv message)
{
	if (b->state == LINK_OPEN && message.len <= MESSAGE_MAX)
		send_frame(b, OP_TEXT, message);
}

static void send_upgrade(struct browser *b)
{
	const struct load_conf *c = &b->load->conf;
	char text[400];
	struct gw_buf t = gw_buf(text, sizeof(text));

	gw_buf_printf(&t,
		"GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Protocol: sip\r\n\r\n",
		c->path, c->edge_ip, c->edge_port);
	put_plain(b, t.p, t.len);
	b->state = LINK_UPGRADE;
}

/* @return bytes that are done with; 0: more are needed */
static size_t take_upgrade(struct browser *b, struct gw_sv in)
{
	struct load *l = b->load;
	size_t end = gw_sv_find(in, GW_SV("\r\n\r\n"));

	if (end == in.len)
		return 0;
	if (!gw_sv_starts(in, GW_SV("HTTP/1.1 101")) ||
		!text_has(in, GW_SV("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))) {
		load_wrong(l, "the upgrade was refused", in);
		link_down(b, "the upgrade was refused");
		return 0;
	}
	b->state = LINK_OPEN;
	l->n_opening--;
	l->n_open++;
	gw_list_append(&l->idle, &b->node);
	l->idle_count++;
	return end + 4;
}

static size_t take_frame(struct browser *b, struct gw_sv in)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t head = 2, len;

	if (in.len < 2)
		return 0;
	len = p[1] & 127u;
	if (len == 126) {
		if (in.len < 4)
			return 0;
		head = 4;
		len = (size_t)p[2] << 8 | p[3];
	}
	if (!(p[0] & 0x80) || p[1] & 0x80 || (p[1] & 127u) == 127) {
		link_down(b, "a frame that is fragmented, masked or huge");
		return 0;
	}
	if (in.len < head + len)
		return 0;
	if ((p[0] & 15u) == OP_TEXT || (p[0] & 15u) == 2)
		ua_input(b, gw_sv_sub(in, head, head + len));
	else if ((p[0] & 15u) == OP_PING)
		send_frame(b, OP_PONG, gw_sv_sub(in, head, head + len));
	else if ((p[0] & 15u) == OP_CLOSE)
		link_down(b, "the edge closed a WebSocket");
	return head + len;
}

/* All whole messages of what was read; the rest is held. */
static void take(struct browser *b, struct gw_sv in)
{
	char *grown;
	size_t n;

	if (b->held_len) {
		if (b->held_len + in.len > b->held_cap) {
			b->held_cap = 2 * (b->held_len + in.len);
			grown = realloc(b->held, b->held_cap);
			if (!grown)
				abort();
			b->held = grown;
		}
		memcpy(b->held + b->held_len, in.p, in.len);
		in = gw_sv(b->held, b->held_len + in.len);
	}
	while (in.len && b->state >= LINK_UPGRADE &&
		(n = b->state == LINK_UPGRADE ? take_upgrade(b, in) : take_frame(b, in)))
		in = gw_sv_sub(in, n, in.len);
	if (b->state == LINK_DOWN)
		return;
	if (in.len > b->held_cap) {
		grown = malloc(2 * in.len);
		if (!grown)
			abort();
		memcpy(grown, in.p, in.len);
		free(b->held);
		b->held = grown;
		b->held_cap = 2 * in.len;
	} else if (in.len) {
		memmove(b->held, in.p, in.len);
	}
	b->held_len = in.len;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct browser *b = s->data;
	char plain[16384];
	static unsigned reads;
	int got;

	if (++reads % 8 == 0)
		core_drain(b->load);
	if (n < 0) {
		link_down(b, "the edge ended a connection");
		return;
	}
	if (n == 0 || BIO_write(b->in, buf->base, (int)n) != (int)n)
		return;
	if (b->state == LINK_TLS) {
		got = SSL_do_handshake(b->ssl);
		flush_out(b);
		if (got != 1) {
			if (SSL_get_error(b->ssl, got) != SSL_ERROR_WANT_READ)
				link_down(b, "TLS handshake failed");
			ERR_clear_error();
			return;
		}
		send_upgrade(b);
	}
	while (b->state >= LINK_UPGRADE && (got = SSL_read(b->ssl, plain, sizeof(plain))) > 0)
		take(b, gw_sv(plain, (size_t)got));
	ERR_clear_error();
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	static char shared[READ_BYTES];

	(void)h;
	(void)want;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void on_connected(uv_connect_t *req, int status)
{
	struct browser *b = req->data;

	if (b->state != LINK_TCP)
		return;
	if (status || !(b->ssl = SSL_new(b->load->tls)) || !(b->in = BIO_new(BIO_s_mem())) ||
		!(b->out = BIO_new(BIO_s_mem()))) {
		link_down(b, status ? uv_strerror(status) : "no memory");
		return;
	}
	SSL_set_bio(b->ssl, b->in, b->out);
	SSL_set_connect_state(b->ssl);
	b->state = LINK_TLS;
	uv_tcp_nodelay(&b->tcp, 1);
	SSL_do_handshake(b->ssl);
	ERR_clear_error();
	flush_out(b);
	uv_read_start((uv_stream_t *)&b->tcp, on_alloc, on_read);
}

static void open_one(struct load *l)
{
	struct browser *b = calloc(1, sizeof(*b));
	struct sockaddr_in from, to;
	char ip[64], name[32];

	if (!b)
		abort();
	gw_list_init(&b->node);
	b->load = l;
	b->number = l->n;
	l->browsers[l->n++] = b;
	snprintf(name, sizeof(name), "web%u", b->number);
	text_ha1(name, DOMAIN_NAME, name, b->ha1);
	uv_tcp_init(&l->loop, &b->tcp);
	b->tcp.data = b->connect.data = b;
	b->state = LINK_TCP;
	l->n_opening++;
	snprintf(ip, sizeof(ip), "%s.%u", l->conf.source, 1 + b->number % l->conf.sources);
	if (uv_ip4_addr(ip, 0, &from) || uv_ip4_addr(l->conf.edge_ip, (int)l->conf.edge_port, &to) ||
		uv_tcp_bind(&b->tcp, (struct sockaddr *)&from, 0) ||
		uv_tcp_connect(&b->connect, &b->tcp, (struct sockaddr *)&to, on_connected))
		link_down(b, "no socket");
}

void link_open_more(struct load *l)
{
	while (l->n < l->n_wanted && l->n_opening < l->opening_max)
		open_one(l);
}
