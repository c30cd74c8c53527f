/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of the kernel's TCP. */
#include "dataplane/slow/tcp_sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 131072    /* each way; without a size the kernel lets them grow to megabytes */
#define IDLE_S       60        /* a peer that has gone without a word is found out in this and three probes */
#define PROBE_S      10
#define PROBES       3

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t to_sockaddr(const struct gw_addr *a, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 6) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(a->port);
		memcpy(&out->v6.sin6_addr, a->b, 16);
		return sizeof(out->v6);
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons(a->port);
	memcpy(&out->v4.sin_addr, a->b, 4);
	return sizeof(out->v4);
}

static struct gw_addr from_sockaddr(const union address *u)
{
	struct gw_addr a = { .family = u->sa.sa_family == AF_INET6 ? 6 : 4 };

	if (a.family == 6) {
		memcpy(a.b, &u->v6.sin6_addr, 16);
		a.port = ntohs(u->v6.sin6_port);
	} else {
		memcpy(a.b, &u->v4.sin_addr, 4);
		a.port = ntohs(u->v4.sin_port);
	}
	return a;
}

static bool set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* What is accepted has it from its listener. */
static bool set_options(int fd)
{
	return set(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES) && set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES) &&
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
		set(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S) && set(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S) &&
		set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

static int fail(int fd)
{
	int err = errno;

	close(fd);
	errno = err;
	return -1;
}

static int bound(const struct gw_addr *address)
{
	struct gw_addr any = *address;
	union address u;
	socklen_t len;
	int fd;

	any.port = 0;
	len = to_sockaddr(&any, &u);
	fd = socket(u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && (!set_options(fd) || bind(fd, &u.sa, len)))
		return fail(fd);
	return fd;
}

int dp_tcp_listen(const struct gw_addr *address, struct gw_addr *out)
{
	int fd = bound(address);
	union address u;
	socklen_t len = sizeof(u);

	if (fd < 0)
		return -1;
	if (listen(fd, DP_TCP_BACKLOG) || getsockname(fd, &u.sa, &len))
		return fail(fd);
	*out = from_sockaddr(&u);
	return fd;
}

int dp_tcp_connect(const struct gw_addr *address, const struct gw_addr *peer)
{
	int fd = bound(address);
	union address u;
	socklen_t len = to_sockaddr(peer, &u);

	if (fd >= 0 && connect(fd, &u.sa, len) && errno != EINPROGRESS)
		return fail(fd);
	return fd;
}

int dp_tcp_accept(int listener, struct gw_addr *from)
{
	union address u;
	socklen_t len = sizeof(u);
	int fd = accept4(listener, &u.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		*from = from_sockaddr(&u);
	return fd;
}

bool dp_tcp_is_connected(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err == 0;
}

size_t dp_tcp_unacknowledged(int fd)
{
	int n = 0;

	return ioctl(fd, TIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0;	/* SIOCOUTQ: tcp(7) */
}
