/* SPDX-License-Identifier: Apache-2.0 */
/* MSRP over a data channel on one side, over the kernel's TCP on the other. */
#include "dataplane/slow/msrp_leg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS      32
#define IN_BYTES    16384u
#define ANSWER_MAX  8192u      /* room for a response, or for what a chunk's head grows by */
#define TX_BYTES    (DP_MSRP_MESSAGE_MAX + 2 * ANSWER_MAX)
#define TURNS       64         /* chunks of a leg in a run: the others want theirs, too */

enum leg_state { LEG_NEW, LEG_LISTENING, LEG_CONNECTING, LEG_UP, LEG_ENDED };

struct dp_msrp_set {
	int epoll;
	struct gw_list legs;
};

struct dp_msrp {
	struct gw_list node;
	struct dp_msrp_set *set;
	const struct dp_msrp_ops *ops;
	void *user;
	enum leg_state state;
	bool has_told;             /* CLOSED or FAILED */
	int listener, fd;          /* -1: none */
	uint32_t interest;         /* of epoll in fd */
	struct gw_addr local, peer;
	struct msrp_bridge *bridge;
	char *paths;               /* the bridge's texts */
	char *buffers;             /* in, piece, out, tx: in this order */
	size_t in_len;             /* of the stream, not used yet */
	size_t out_len;            /* a message that waits for the channel */
	size_t tx_at, tx_len;      /* bytes that wait for the connection */
};

static char *in_of(const struct dp_msrp *m)
{
	return m->buffers;
}

static char *piece_of(const struct dp_msrp *m)
{
	return m->buffers + IN_BYTES;
}

static char *out_of(const struct dp_msrp *m)
{
	return piece_of(m) + DP_MSRP_CHUNK_MAX;
}

static char *tx_of(const struct dp_msrp *m)
{
	return out_of(m) + DP_MSRP_CHUNK_MAX + ANSWER_MAX;
}

#define BUFFERS_BYTES (IN_BYTES + 2 * DP_MSRP_CHUNK_MAX + ANSWER_MAX + TX_BYTES)
_Static_assert(BUFFERS_BYTES <= DP_MSRP_LEG_BYTES, "what the header promises");

enum gw_err dp_msrp_set_new(struct dp_msrp_set **out)
{
	struct dp_msrp_set *set = calloc(1, sizeof(*set));

	if (!set)
		return GW_ENOMEM;
	gw_list_init(&set->legs);
	set->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (set->epoll < 0) {
		free(set);
		return GW_EIO;
	}
	*out = set;
	return GW_OK;
}

void dp_msrp_set_free(struct dp_msrp_set *set)
{
	if (!set)
		return;
	close(set->epoll);
	free(set);
}

/* ---- sockets ----------------------------------------------------------------------------------------- */

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

/* A TCP socket bound to the address, at a port of the kernel's choice. -1: errno */
static int bound_socket(const struct gw_addr *address)
{
	struct gw_addr any = *address;
	union address u;
	socklen_t len;
	int fd;

	any.port = 0;
	len = to_sockaddr(&any, &u);
	fd = socket(u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, &u.sa, len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);	/* epoll forgets it */
	*fd = -1;
}

static bool watch(struct dp_msrp *m, int fd, uint32_t events, int how)
{
	struct epoll_event ev = { .events = events, .data.ptr = m };

	return epoll_ctl(m->set->epoll, how, fd, &ev) == 0;
}

static void end(struct dp_msrp *m, enum dp_msrp_event why)
{
	drop(&m->fd);
	drop(&m->listener);
	m->state = LEG_ENDED;
	if (!m->has_told) {
		m->has_told = true;
		m->ops->event(m->user, why);
	}
}

/* Read only what can be worked on; write only what is there. */
static void set_interest(struct dp_msrp *m)
{
	uint32_t want = 0;

	if (m->state == LEG_CONNECTING)
		want = EPOLLOUT;
	if (m->state == LEG_UP)
		want = (m->in_len < IN_BYTES && m->out_len == 0 ? (uint32_t)EPOLLIN : 0) | (m->tx_len ? (uint32_t)EPOLLOUT : 0);
	if (m->fd < 0 || want == m->interest)
		return;
	m->interest = want;
	if (!watch(m, m->fd, want, EPOLL_CTL_MOD))
		end(m, DP_MSRP_FAILED);
}

static bool set_up(struct dp_msrp *m, int fd, enum leg_state state, uint32_t interest)
{
	const unsigned limit_ms = DP_MSRP_CONNECT_S * 1000;
	const int on = 1;

	m->fd = fd;
	m->state = state;
	m->interest = interest;
	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0 &&
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms)) == 0 && watch(m, fd, interest, EPOLL_CTL_ADD);
}

/* ---- what the bridge sends ----------------------------------------------------------------------------- */

static size_t tx_room(const struct dp_msrp *m)
{
	return TX_BYTES - m->tx_len;
}

static void to_stream(struct dp_msrp *m, struct gw_sv part)
{
	char *tx = tx_of(m);

	if (m->tx_at + m->tx_len + part.len > TX_BYTES) {
		memmove(tx, tx + m->tx_at, m->tx_len);
		m->tx_at = 0;
	}
	if (part.len > tx_room(m))
		return;		/* not reached: who calls the bridge has looked */
	memcpy(tx + m->tx_at + m->tx_len, part.p, part.len);
	m->tx_len += part.len;
}

static void try_channel(struct dp_msrp *m)
{
	if (m->out_len && m->ops->channel(m->user, gw_sv(out_of(m), m->out_len)) != GW_EAGAIN)
		m->out_len = 0;
}

static void bridge_sends(void *user, enum msrp_side to, const struct msrp_chunk *c)
{
	const struct gw_sv parts[] = { c->head, c->body, c->end };
	struct dp_msrp *m = user;

	for (unsigned i = 0; i < 3; i++) {
		if (to == MSRP_STREAM) {
			to_stream(m, parts[i]);
		} else if (parts[i].len && m->out_len + parts[i].len <= DP_MSRP_CHUNK_MAX + ANSWER_MAX) {
			memcpy(out_of(m) + m->out_len, parts[i].p, parts[i].len);
			m->out_len += parts[i].len;
		}
	}
	if (to == MSRP_CHANNEL)
		try_channel(m);
}

/* ---- the connection ------------------------------------------------------------------------------------ */

static unsigned write_some(struct dp_msrp *m)
{
	ssize_t n = m->tx_len ? send(m->fd, tx_of(m) + m->tx_at, m->tx_len, MSG_NOSIGNAL) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		end(m, DP_MSRP_FAILED);
	if (n <= 0)
		return 0;
	m->tx_at += (size_t)n;
	m->tx_len -= (size_t)n;
	if (m->tx_len == 0)
		m->tx_at = 0;
	return 1;
}

/* What has come, as far as the channel and the answers have room. */
static unsigned use_input(struct dp_msrp *m)
{
	unsigned n = 0;

	while (m->state == LEG_UP && m->out_len == 0 && m->in_len && tx_room(m) >= ANSWER_MAX && n < TURNS) {
		size_t used = 0;
		enum gw_err err = msrp_bridge_stream(m->bridge, gw_sv(in_of(m), m->in_len), &used);

		m->in_len -= used;
		memmove(in_of(m), in_of(m) + used, m->in_len);
		if (err && (err != GW_EAGAIN || m->in_len == IN_BYTES)) {
			end(m, DP_MSRP_FAILED);
			return n;
		}
		if (err)
			break;
		n++;
	}
	return n;
}

static unsigned read_some(struct dp_msrp *m)
{
	ssize_t n = m->in_len < IN_BYTES ? recv(m->fd, in_of(m) + m->in_len, IN_BYTES - m->in_len, 0) : -1;

	if (n == 0)
		end(m, DP_MSRP_CLOSED);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		end(m, DP_MSRP_FAILED);
	if (n <= 0)
		return 0;
	m->in_len += (size_t)n;
	return use_input(m) + 1;
}

static void accept_peer(struct dp_msrp *m)
{
	union address u;
	socklen_t len = sizeof(u);
	int fd = accept4(m->listener, &u.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct gw_addr from;

	if (fd < 0)
		return;
	from = from_sockaddr(&u);
	if (!gw_addr_ip_eq(&from, &m->peer)) {	/* a stranger; the peer may still come */
		close(fd);
		return;
	}
	drop(&m->listener);	/* one connection a session */
	if (set_up(m, fd, LEG_UP, EPOLLIN))
		m->ops->event(m->user, DP_MSRP_CONNECTED);
	else
		end(m, DP_MSRP_FAILED);
}

static void connected(struct dp_msrp *m)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
		end(m, DP_MSRP_FAILED);
		return;
	}
	m->state = LEG_UP;
	m->ops->event(m->user, DP_MSRP_CONNECTED);
}

static unsigned on_event(struct dp_msrp *m, uint32_t events)
{
	unsigned n = 0;

	switch (m->state) {
	case LEG_LISTENING:
		accept_peer(m);
		return 1;
	case LEG_CONNECTING:
		connected(m);
		return 1;
	case LEG_UP:
		if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			n += read_some(m);
		if (m->state == LEG_UP && events & EPOLLOUT)
			n += write_some(m);
		return n;
	case LEG_NEW:
	case LEG_ENDED:
		break;
	}
	return 0;
}

unsigned dp_msrp_poll(struct dp_msrp_set *set)
{
	struct epoll_event ev[EVENTS];
	unsigned done = 0;
	int n;

	if (gw_list_empty(&set->legs))
		return 0;
	n = epoll_wait(set->epoll, ev, EVENTS, 0);
	for (int i = 0; i < n; i++)
		done += on_event(ev[i].data.ptr, ev[i].events);
	GW_LIST_FOREACH_SAFE(it, next, &set->legs) {
		struct dp_msrp *m = GW_CONTAINER(it, struct dp_msrp, node);

		if (m->state != LEG_UP)
			continue;
		try_channel(m);
		done += use_input(m);
		if (m->state == LEG_UP && m->tx_len)
			done += write_some(m);
		set_interest(m);
	}
	return done;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

enum gw_err dp_msrp_new(struct dp_msrp **out, struct dp_msrp_set *set, const struct gw_addr *address, const struct dp_msrp_ops *ops,
	void *user)
{
	struct dp_msrp *m = calloc(1, sizeof(*m));
	union address u;
	socklen_t len = sizeof(u);

	if (!m)
		return GW_ENOMEM;
	*m = (struct dp_msrp){ .set = set, .ops = ops, .user = user, .fd = -1 };
	gw_list_append(&set->legs, &m->node);
	m->listener = bound_socket(address);
	if (m->listener < 0 || listen(m->listener, 1) || getsockname(m->listener, &u.sa, &len)) {
		dp_msrp_free(m);
		return GW_EIO;
	}
	m->local = from_sockaddr(&u);
	*out = m;
	return GW_OK;
}

void dp_msrp_free(struct dp_msrp *m)
{
	if (!m)
		return;
	gw_list_remove(&m->node);
	drop(&m->fd);
	drop(&m->listener);
	free(m->bridge);
	free(m->paths);
	free(m->buffers);
	free(m);
}

const struct gw_addr *dp_msrp_local(const struct dp_msrp *m)
{
	return &m->local;
}

void dp_msrp_stop(struct dp_msrp *m)
{
	m->has_told = true;
	end(m, DP_MSRP_CLOSED);
}

bool dp_msrp_is_started(const struct dp_msrp *m)
{
	return m->state != LEG_NEW;
}

static struct gw_sv keep(char **at, struct gw_sv text)
{
	struct gw_sv out = gw_sv(*at, text.len);

	memcpy(*at, text.p, text.len);
	*at += text.len;
	return out;
}

static enum gw_err make_bridge(struct dp_msrp *m, const struct dp_msrp_start *how)
{
	struct msrp_bridge_conf conf = { .piece = piece_of(m), .channel_max = DP_MSRP_CHUNK_MAX, .nonce = how->nonce };
	char *at = m->paths;

	if (how->channel_max && how->channel_max < conf.channel_max)
		conf.channel_max = how->channel_max;
	for (unsigned i = 0; i < 2; i++) {
		conf.side[i].own_uri = keep(&at, how->side[i].own_uri);
		conf.side[i].peer_path = keep(&at, how->side[i].peer_path);
	}
	return msrp_bridge_init(m->bridge, &conf, bridge_sends, m);
}

static enum gw_err connect_out(struct dp_msrp *m)
{
	int fd = bound_socket(&m->local);
	union address u;
	socklen_t len = to_sockaddr(&m->peer, &u);

	drop(&m->listener);
	if (fd < 0)
		return GW_EIO;
	if (connect(fd, &u.sa, len) && errno != EINPROGRESS) {
		close(fd);
		return GW_EIO;
	}
	return set_up(m, fd, LEG_CONNECTING, EPOLLOUT) ? GW_OK : GW_EIO;
}

static enum gw_err begin(struct dp_msrp *m, const struct dp_msrp_start *how)
{
	m->peer = how->peer;
	if (how->is_active)
		return connect_out(m);
	m->state = LEG_LISTENING;
	return watch(m, m->listener, EPOLLIN, EPOLL_CTL_ADD) ? GW_OK : GW_EIO;
}

enum gw_err dp_msrp_start(struct dp_msrp *m, const struct dp_msrp_start *how)
{
	size_t text = 0;
	enum gw_err err;

	for (unsigned i = 0; i < 2; i++)
		text += how->side[i].own_uri.len + how->side[i].peer_path.len;
	if (m->state != LEG_NEW)
		return GW_EINVAL;
	m->bridge = malloc(sizeof(*m->bridge));
	m->paths = malloc(text + 1);
	m->buffers = malloc(BUFFERS_BYTES);
	err = !m->bridge || !m->paths || !m->buffers ? GW_ENOMEM : make_bridge(m, how);
	if (!err)
		err = begin(m, how);
	if (err) {
		m->has_told = true;	/* by the return value */
		end(m, DP_MSRP_FAILED);
	}
	return err;
}

bool dp_msrp_is_ended(const struct dp_msrp *m)
{
	return m->state == LEG_ENDED;
}

bool dp_msrp_message(struct dp_msrp *m, struct gw_sv message)
{
	if (m->state == LEG_ENDED)
		return true;	/* nobody is there */
	if (m->state != LEG_UP || m->out_len || tx_room(m) < message.len + ANSWER_MAX)
		return false;
	(void)!msrp_bridge_message(m->bridge, message);	/* what is no chunk is ignored, as by any hop of MSRP */
	(void)write_some(m);
	set_interest(m);
	return true;
}

const struct msrp_counts *dp_msrp_counts(const struct dp_msrp *m, enum msrp_side from)
{
	static const struct msrp_counts none;

	return m->bridge ? &m->bridge->way[from].counts : &none;
}
