/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of Iq: made, watched, and UDP. */
#include "net/iq_net_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>

#define POLL_EVENTS 32
#define DATAGRAMS_MAX 32	/* in one go; the loop has other work, too */
#define UDP_BUFFER_BYTES (4 << 20)	/* a census, or the calls of a second */

static const char *const names[] = { "UDP", "TCP", "SCTP", "UNIX" };

bool iq_path_eq(const struct iq_path *a, const struct iq_path *b)
{
	return a->conn == b->conn && gw_addr_eq(&a->addr, &b->addr);
}

socklen_t iq_sockaddr(const struct gw_addr *a, struct sockaddr_storage *ss)
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

void iq_addr(const struct sockaddr_storage *ss, struct gw_addr *a)
{
	*a = (struct gw_addr){ 0 };
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

		a->family = 4;
		a->port = ntohs(in->sin_port);
		memcpy(a->b, &in->sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

		a->family = 6;
		a->port = ntohs(in6->sin6_port);
		memcpy(a->b, &in6->sin6_addr, 16);
	}
}

int iq_socket(const struct iq_net *n)
{
	static const struct { int type, protocol; } how[] = { { SOCK_DGRAM, 0 }, { SOCK_STREAM, 0 },
		{ SOCK_STREAM, IPPROTO_SCTP }, { SOCK_SEQPACKET, 0 } };
	int family = n->c.transport == IQ_UNIX ? AF_UNIX : n->c.bind.family == 6 ? AF_INET6 : AF_INET;

	return socket(family, how[n->c.transport].type | SOCK_NONBLOCK | SOCK_CLOEXEC, how[n->c.transport].protocol);
}

enum gw_err iq_watch(struct iq_net *n, int fd, uint32_t id, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u32 = id };

	if (epoll_ctl(n->epoll, EPOLL_CTL_MOD, fd, &ev) == 0)
		return GW_OK;
	return errno == ENOENT && epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? GW_OK : GW_EIO;
}

static bool bind_unix(struct iq_net *n)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	mode_t before;
	int r;

	if ((size_t)snprintf(un.sun_path, sizeof(un.sun_path), "%s", n->c.path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	(void)unlink(n->c.path);	/* of a process that was killed */
	before = umask(0177);	/* 0600: whoever opens it controls media (threat Q1) */
	r = bind(n->socket, (struct sockaddr *)&un, sizeof(un));
	umask(before);
	n->is_bound = r == 0;
	return r == 0;
}

static bool bind_ip(struct iq_net *n)
{
	struct sockaddr_storage ss;
	socklen_t len = iq_sockaddr(&n->c.bind, &ss);
	int on = 1, bytes = UDP_BUFFER_BYTES;

	if (n->c.transport == IQ_UDP)	/* as far as the system allows */
		(void)setsockopt(n->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	else	/* connections of the process before us may still linger */
		(void)setsockopt(n->socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(n->socket, (struct sockaddr *)&ss, len) == 0;
}

static enum gw_err open_socket(struct iq_net *n)
{
	bool is_udp = n->c.transport == IQ_UDP;
	char addr[GW_ADDR_STR_BYTES];

	if (n->c.transport == IQ_UNIX && !n->c.is_controller)
		return GW_OK;	/* it only connects */
	n->socket = iq_socket(n);
	if (n->socket < 0 && (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT)) {
		GW_LOG_ERROR(n->c.log, "iq.no_transport", "transport=%s error=\"the kernel has none\"",
			names[n->c.transport]);
		return GW_EUNSUPP;
	}
	if (n->socket < 0 || !(n->c.transport == IQ_UNIX ? bind_unix(n) : bind_ip(n)) ||
		(!is_udp && listen(n->socket, 16) < 0) ||
		iq_watch(n, n->socket, is_udp ? IQ_ID_UDP : IQ_ID_LISTENER, EPOLLIN)) {
		GW_LOG_ERROR(n->c.log, "iq.bind_failed", "transport=%s address=%s error=\"%s\"", names[n->c.transport],
			n->c.transport == IQ_UNIX ? n->c.path : gw_addr_str(&n->c.bind, addr), strerror(errno));
		return GW_EIO;
	}
	return GW_OK;
}

enum gw_err iq_net_new(struct iq_net **out, const struct iq_net_conf *conf, const struct iq_net_ops *ops, void *user)
{
	struct iq_net *n = calloc(1, sizeof(*n));
	enum gw_err err;

	if (!n)
		return GW_ENOMEM;
	*n = (struct iq_net){ .c = *conf, .ops = *ops, .user = user, .socket = -1, .next_id = IQ_ID_FIRST };
	gw_list_init(&n->conns);
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	err = n->epoll < 0 ? GW_EIO : open_socket(n);
	if (err) {
		iq_net_free(n);
		return err;
	}
	*out = n;
	return GW_OK;
}

void iq_net_send(struct iq_net *n, const struct iq_path *to, struct gw_sv bytes)
{
	struct sockaddr_storage ss;
	struct iq_conn *c;
	socklen_t len;

	if (n->c.transport != IQ_UDP) {
		c = iq_conn_get(n, to->conn);
		if (c)
			iq_conn_send(c, bytes);
		return;
	}
	len = iq_sockaddr(&to->addr, &ss);
	/* a lost datagram is repeated by the transaction layer */
	if (sendto(n->socket, bytes.p, bytes.len, MSG_NOSIGNAL, (struct sockaddr *)&ss, len) < 0 &&
		errno != ECONNREFUSED && errno != EAGAIN)
		GW_LOG_WARN(n->c.log, "iq.send_failed", "errno=%d (%s)", errno, strerror(errno));
}

static void read_datagrams(struct iq_net *n)
{
	static char in[65536];	/* one thread a process; too large for a stack */

	for (unsigned k = 0; k < DATAGRAMS_MAX; k++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		ssize_t got = recvfrom(n->socket, in, sizeof(in), 0, (struct sockaddr *)&ss, &len);
		struct iq_path from = { 0 };

		if (got < 0 && errno == ECONNREFUSED)	/* of one we sent to */
			continue;
		if (got < 0)
			return;
		iq_addr(&ss, &from.addr);
		n->ops.message(n->user, &from, gw_sv(in, (size_t)got));
	}
}

int iq_net_fd(const struct iq_net *n)
{
	return n->epoll;
}

unsigned iq_net_poll(struct iq_net *n)
{
	struct epoll_event ev[POLL_EVENTS];
	int got = epoll_wait(n->epoll, ev, POLL_EVENTS, 0);

	for (int i = 0; i < got; i++) {	/* a connection that was closed by an earlier event is not found */
		if (ev[i].data.u32 == IQ_ID_UDP)
			read_datagrams(n);
		else if (ev[i].data.u32 == IQ_ID_LISTENER)
			iq_accept(n);
		else
			iq_conn_event(n, ev[i].data.u32, ev[i].events);
	}
	return got > 0 ? (unsigned)got : 0;
}

void iq_net_free(struct iq_net *n)
{
	if (!n)
		return;
	GW_LIST_FOREACH_SAFE(it, next, &n->conns)
		iq_conn_free(GW_CONTAINER(it, struct iq_conn, node));
	if (n->socket >= 0)
		close(n->socket);
	if (n->is_bound)
		(void)unlink(n->c.path);
	if (n->epoll >= 0)
		close(n->epoll);
	free(n);
}
