/* SPDX-License-Identifier: Apache-2.0 */
/* Mw: who is listened to (W2-ARC-10), UDP, and what goes by UDP or TCP (RFC 3261 18). */
#include <stdlib.h>
#include <sys/socket.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"

#define UDP_ID 1ull
#define READ_MAX 256u		/* datagrams at a time */
#define RECEIVE_BYTES (4 << 20)	/* as far as net.core.rmem_max goes: answers wait here while WICs are served */
#define NO_TCP_MS 60000		/* a core that refused a connection is asked again after this */

struct msg {
	uv_udp_send_t send;
	char bytes[];
};

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
	struct cp_transport *t = u->data;
	struct cp_peer from = { .proto = CP_PROTO_UDP, .conn = UDP_ID };

	(void)flags;
	if (n <= 0 || !sa)
		return;
	cp_addr_from(sa, &from.addr);
	if (!t->ops->is_trusted(t->user, &from.addr)) {
		CP_COUNT(mw_refused_source);
		return;
	}
	if (n <= 4)		/* keep-alive: CRLF CRLF, or a zero byte */
		return;
	CP_COUNT(mw_messages_in);
	t->ops->on_message(t->user, &from, gw_sv(buf->base, (size_t)n));
}

static void read_all(void *user)
{
	static char bytes[65536];
	struct cp_transport *t = user;
	uv_buf_t buf = uv_buf_init(bytes, sizeof(bytes));
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uv_os_fd_t fd;
	ssize_t n;

	for (unsigned i = 0; i < READ_MAX && uv_fileno((uv_handle_t *)&t->udp, &fd) == 0; i++) {
		n = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (n < 0)
			return;
		on_datagram(&t->udp, n, &buf, (struct sockaddr *)&from, 0);
		len = sizeof(from);
	}
}

static void on_udp_sent(uv_udp_send_t *req, int status)
{
	(void)status;		/* retransmissions and timers of the transaction decide */
	free(GW_CONTAINER(req, struct msg, send));
}

enum gw_err cp_mw_udp_send(struct cp_transport *t, const struct gw_addr *to, struct gw_sv bytes)
{
	struct msg *m = malloc(sizeof(*m) + bytes.len);
	struct sockaddr_storage ss;
	uv_buf_t buf;

	if (!m)
		return GW_ENOMEM;
	memcpy(m->bytes, bytes.p, bytes.len);
	cp_addr_to(to, &ss);
	buf = uv_buf_init(m->bytes, (unsigned)bytes.len);
	if (uv_udp_send(&m->send, &t->udp, &buf, 1, (struct sockaddr *)&ss, on_udp_sent)) {
		free(m);
		return GW_EIO;
	}
	CP_COUNT(mw_messages_out);
	return GW_OK;
}

size_t cp_mw_via_transport(struct gw_sv msg)
{
	const struct gw_sv via = GW_SV("\r\nVia: SIP/2.0/");	/* as sip_msg_print writes it; ours is on top */
	size_t at = gw_sv_find(msg, via) + via.len;

	return at + 3 <= msg.len ? at : msg.len;
}

void cp_mw_note_no_tcp(struct cp_transport *t, const struct gw_addr *a)
{
	struct cp_no_tcp *n = &t->no_tcp[t->next_no_tcp++ % CP_NO_TCP_MAX];

	n->addr = *a;
	n->until_ms = cp_loop_now(t->loop) + NO_TCP_MS;
}

/*
 * RFC 3261 18.1.1: a request too long for one datagram goes by TCP, where the core takes TCP. Done below the
 * transactions: their retransmissions of what TCP has already are dropped (mw_tcp.c), their timers stay.
 */
bool cp_transport_is_long(const struct cp_transport *t, const struct cp_peer *to, struct gw_sv bytes)
{
	if (to->proto != CP_PROTO_UDP || (bytes.len <= t->conf->mw.udp_max_bytes && !to->is_long) ||
		gw_sv_istarts(bytes, GW_SV("SIP/2.0 ")) || cp_mw_via_transport(bytes) == bytes.len)
		return false;
	for (unsigned i = 0; i < CP_NO_TCP_MAX; i++)
		if (gw_addr_eq(&t->no_tcp[i].addr, &to->addr) && cp_loop_now(t->loop) < t->no_tcp[i].until_ms)
			return false;
	return true;
}

enum gw_err cp_mw_send(struct cp_transport *t, const struct cp_peer *to, struct gw_sv bytes)
{
	if (to->proto != CP_PROTO_UDP)
		return cp_mw_tcp_send(t, to, bytes, CP_MW_BY_TRANSPORT);
	if (cp_transport_is_long(t, to, bytes)) {
		struct cp_peer tcp = { .proto = CP_PROTO_TCP, .addr = to->addr };

		if (cp_mw_tcp_send(t, &tcp, bytes, CP_MW_BY_SIZE) == GW_OK)
			return GW_OK;
	}
	return cp_mw_udp_send(t, &to->addr, bytes);
}

enum gw_err cp_mw_open(struct cp_transport *t)
{
	struct sockaddr_storage ss;
	char text[GW_ADDR_STR_BYTES];
	int r, bytes = RECEIVE_BYTES;

	cp_addr_to(&t->conf->mw.bind, &ss);
	uv_udp_init(&t->loop->uv, &t->udp);
	uv_tcp_init(&t->loop->uv, &t->tcp_listener);
	t->udp.data = t->tcp_listener.data = t;
	t->has_mw = true;
	if ((r = uv_udp_bind(&t->udp, (struct sockaddr *)&ss, 0)) ||
		(r = uv_udp_recv_start(&t->udp, on_alloc, on_datagram)) ||
		(r = uv_tcp_bind(&t->tcp_listener, (struct sockaddr *)&ss, 0)) || (r = cp_mw_tcp_listen(t))) {
		GW_LOG_ERROR(t->log, "mw.listen_failed", "address=%s error=\"%s\"",
			gw_addr_str(&t->conf->mw.bind, text), uv_strerror(r));
		return GW_EIO;
	}
	(void)uv_recv_buffer_size((uv_handle_t *)&t->udp, &bytes);
	t->udp_urgent = (struct cp_urgent){ .read = read_all, .user = t };
	cp_loop_add_urgent(t->loop, &t->udp_urgent);
	GW_LOG_INFO(t->log, "mw.listen", "address=%s", gw_addr_str(&t->conf->mw.bind, text));
	return GW_OK;
}

void cp_mw_close(struct cp_transport *t)
{
	if (!t->has_mw)
		return;
	cp_loop_del_urgent(&t->udp_urgent);
	uv_close((uv_handle_t *)&t->udp, NULL);
	uv_close((uv_handle_t *)&t->tcp_listener, NULL);
	cp_mw_tcp_close(t);
}
