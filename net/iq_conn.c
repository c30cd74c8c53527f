/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of Iq: TCP with TPKT, SCTP and UNIX with the borders of messages kept by the kernel. */
#include "net/iq_net_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/sctp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/un.h>

#include "proto/iq/tpkt.h"

#define OUT_MAX_BYTES (1u << 20)	/* not read by the peer */
#define READS_MAX 16	/* in one go */
#define PPID_H248 7u	/* */
#define DEAD_MS 10000u	/* sent and not acknowledged: the peer is gone, whatever TCP hopes */

struct iq_out {
	struct gw_list node;
	size_t len, off;
	char bytes[];
};

struct iq_conn *iq_conn_get(struct iq_net *n, uint32_t id)
{
	GW_LIST_FOREACH(it, &n->conns) {
		struct iq_conn *c = GW_CONTAINER(it, struct iq_conn, node);

		if (c->id == id)
			return c;
	}
	return NULL;
}

void iq_conn_free(struct iq_conn *c)
{
	while (!gw_list_empty(&c->out)) {
		struct iq_out *o = GW_CONTAINER(c->out.next, struct iq_out, node);

		gw_list_remove(&o->node);
		free(o);
	}
	gw_list_remove(&c->node);
	c->net->n_conns--;
	close(c->fd);	/* and it is out of the epoll set */
	explicit_bzero(c->in, sizeof(c->in));	/* keys of calls pass here */
	free(c);
}

static void lost(struct iq_conn *c, enum iq_close why)
{
	struct iq_path path = { c->id, c->addr };
	struct iq_net *n = c->net;

	iq_conn_free(c);
	n->ops.closed(n->user, &path, why);
}

/* Takes the descriptor, on failure too. */
static struct iq_conn *conn_new(struct iq_net *n, int fd, const struct gw_addr *addr)
{
	struct iq_conn *c = n->n_conns < IQ_CONNS_MAX ? calloc(1, sizeof(*c)) : NULL;
	int on = 1, tries = 3;
	unsigned dead_ms = DEAD_MS;
	struct sctp_sndrcvinfo info = { .sinfo_ppid = htonl(PPID_H248) };

	if (!c) {
		close(fd);
		return NULL;
	}
	if (n->c.transport == IQ_TCP) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
	} else if (n->c.transport == IQ_SCTP) {
		(void)setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
		(void)setsockopt(fd, IPPROTO_SCTP, SCTP_DEFAULT_SEND_PARAM, &info, sizeof(info));
	}
	if (n->next_id < IQ_ID_FIRST)	/* after 2^32 of them */
		n->next_id = IQ_ID_FIRST;
	c->net = n;
	c->fd = fd;
	c->id = n->next_id++;
	c->addr = *addr;
	gw_list_init(&c->out);
	gw_list_append(&n->conns, &c->node);
	n->n_conns++;
	return c;
}

/* The UNIX socket is for us and root: the mode of the path says so, and the kernel says who it is. */
static bool is_trusted(int fd)
{
	struct ucred who = { 0 };
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == geteuid());
}

void iq_accept(struct iq_net *n)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	int fd = accept4(n->socket, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct gw_addr addr = { 0 };
	struct iq_path path;
	struct iq_conn *c;

	if (fd < 0)
		return;
	iq_addr(&ss, &addr);
	if ((n->c.transport == IQ_UNIX && !is_trusted(fd)) || !n->ops.may_connect(n->user, &addr)) {
		close(fd);
		return;
	}
	c = conn_new(n, fd, &addr);
	if (!c)
		return;
	if (iq_watch(n, fd, c->id, EPOLLIN)) {
		iq_conn_free(c);
		return;
	}
	c->is_open = true;
	path = (struct iq_path){ c->id, c->addr };
	n->ops.opened(n->user, &path);
}

static int start_connect(struct iq_net *n, int fd, const struct gw_addr *to)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct gw_addr from = n->c.bind;
	struct sockaddr_storage ss;
	socklen_t len;

	if (n->c.transport == IQ_UNIX) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", n->c.path);
		return connect(fd, (struct sockaddr *)&un, sizeof(un));
	}
	from.port = 0;	/* our port is the listener's */
	len = iq_sockaddr(&from, &ss);
	if (bind(fd, (struct sockaddr *)&ss, len) < 0)
		return -1;
	len = iq_sockaddr(to, &ss);
	return connect(fd, (struct sockaddr *)&ss, len);
}

enum gw_err iq_net_connect(struct iq_net *n, const struct gw_addr *to, struct iq_path *path)
{
	static const struct gw_addr none;
	int fd = iq_socket(n);
	struct iq_conn *c;

	if (fd < 0)
		return GW_EIO;
	c = conn_new(n, fd, n->c.transport == IQ_UNIX ? &none : to);
	if (!c)
		return GW_ENOMEM;
	if ((start_connect(n, fd, to) < 0 && errno != EINPROGRESS) || iq_watch(n, fd, c->id, EPOLLOUT)) {
		iq_conn_free(c);
		return GW_EIO;
	}
	*path = (struct iq_path){ c->id, c->addr };
	return GW_OK;
}

void iq_net_close(struct iq_net *n, const struct iq_path *path)
{
	struct iq_conn *c = iq_conn_get(n, path->conn);

	if (c)
		iq_conn_free(c);
}

/* ---- out ----------------------------------------------------------------------------------------------- */

/* false: not all could be written now, or never (that shows on the reading side). */
static bool flush(struct iq_conn *c)
{
	while (c->is_open && !gw_list_empty(&c->out)) {
		struct iq_out *o = GW_CONTAINER(c->out.next, struct iq_out, node);
		ssize_t done = send(c->fd, o->bytes + o->off, o->len - o->off, MSG_NOSIGNAL);

		if (done < 0)
			return false;
		o->off += (size_t)done;
		if (o->off < o->len)
			return false;
		c->out_bytes -= o->len;
		gw_list_remove(&o->node);
		free(o);
	}
	return c->is_open;
}

static void watch_out(struct iq_conn *c, bool is_wanted)
{
	if (c->is_open && c->wants_write != is_wanted &&
		iq_watch(c->net, c->fd, c->id, is_wanted ? EPOLLIN | EPOLLOUT : EPOLLIN) == GW_OK)
		c->wants_write = is_wanted;
}

void iq_conn_send(struct iq_conn *c, struct gw_sv bytes)
{
	size_t head = c->net->c.transport == IQ_TCP ? IQ_TPKT_HEADER_BYTES : 0;
	struct iq_out *o;

	if (bytes.len > IQ_MESSAGE_MAX)
		return;
	if (c->out_bytes + bytes.len > OUT_MAX_BYTES) {
		(void)shutdown(c->fd, SHUT_RDWR);	/* found by the next poll, not in the middle of the caller's work */
		return;
	}
	o = malloc(sizeof(*o) + head + bytes.len);
	if (!o)
		return;
	*o = (struct iq_out){ .len = head + bytes.len };
	if (head)
		iq_tpkt_header((unsigned char *)o->bytes, bytes.len);
	memcpy(o->bytes + head, bytes.p, bytes.len);
	c->out_bytes += o->len;
	gw_list_append(&c->out, &o->node);
	watch_out(c, !flush(c));
}

/* ---- in ------------------------------------------------------------------------------------------------ */

static void connected(struct iq_conn *c)
{
	struct iq_path path = { c->id, c->addr };
	struct iq_net *n = c->net;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error || iq_watch(n, c->fd, c->id, EPOLLIN)) {
		lost(c, IQ_CLOSE_PEER);
		return;
	}
	c->is_open = true;
	watch_out(c, !flush(c));
	n->ops.opened(n->user, &path);
}

/* What is whole goes up. The connection may be closed by what it says: NULL then. */
static struct iq_conn *frames(struct iq_conn *c)
{
	struct iq_path path = { c->id, c->addr };
	struct iq_net *n = c->net;
	struct gw_sv body = GW_SV_NONE;
	size_t done = 0, used = 0;
	enum gw_err err;

	while ((err = iq_tpkt_read(gw_sv(c->in + done, c->in_len - done), &body, &used)) == GW_OK) {
		n->ops.message(n->user, &path, body);
		if (!(c = iq_conn_get(n, path.conn)))
			return NULL;
		done += used;
	}
	if (err != GW_EAGAIN) {
		lost(c, IQ_CLOSE_FRAMING);
		return NULL;
	}
	memmove(c->in, c->in + done, c->in_len - done);
	c->in_len -= done;
	return c;
}

static struct iq_conn *record(struct iq_conn *c)
{
	struct iq_path path = { c->id, c->addr };
	struct iq_net *n = c->net;
	size_t len = c->in_len;

	c->in_len = 0;
	n->ops.message(n->user, &path, gw_sv(c->in, len));
	return iq_conn_get(n, path.conn);
}

static void read_in(struct iq_conn *c)
{
	enum iq_transport transport = c->net->c.transport;

	for (unsigned k = 0; c && k < READS_MAX; k++) {
		struct iovec iov = { c->in + c->in_len, sizeof(c->in) - c->in_len };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t got = recvmsg(c->fd, &m, 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			lost(c, IQ_CLOSE_PEER);
			return;
		}
		c->in_len += (size_t)got;
		if (transport == IQ_TCP) {
			c = frames(c);
		} else if (m.msg_flags & MSG_TRUNC || (c->in_len == sizeof(c->in) && !(m.msg_flags & MSG_EOR))) {
			lost(c, IQ_CLOSE_FRAMING);	/* larger than any message may be */
			return;
		} else if (transport == IQ_UNIX || m.msg_flags & MSG_EOR) {	/* SCTP may hand it over in parts */
			c = record(c);
		}
	}
}

void iq_conn_event(struct iq_net *n, uint32_t id, uint32_t events)
{
	struct iq_conn *c = iq_conn_get(n, id);

	if (!c)
		return;
	if (!c->is_open) {
		connected(c);
		return;
	}
	if (events & EPOLLOUT)
		watch_out(c, !flush(c));
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_in(c);
}
