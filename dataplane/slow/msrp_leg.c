/* SPDX-License-Identifier: Apache-2.0 */
/* MSRP over a data channel on one side, over the kernel's TCP on the other. */
#include "dataplane/slow/msrp_leg_int.h"

#include "dataplane/slow/tcp_sock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS      32
#define LOOK_MS     1000u      /* so often it is looked what is due */
#define IN_BYTES    16384u
#define ANSWER_MAX  8192u      /* room for a response, or for what a chunk's head grows by */
#define TX_BYTES    (DP_MSRP_MESSAGE_MAX + 2 * ANSWER_MAX)
#define TURNS       64         /* chunks of a leg in a run: the others want theirs, too */

_Static_assert(MSRP_OUT_MAX <= ANSWER_MAX, "whatever the bridge adds has room");

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

enum gw_err dp_msrp_set_new(struct dp_msrp_set **out, unsigned max_legs)
{
	struct dp_msrp_set *set = calloc(1, sizeof(*set));

	if (!set)
		return GW_ENOMEM;
	set->max_legs = max_legs;
	gw_list_init(&set->legs);
	gw_list_init(&set->busy);
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

/* ---- descriptors --------------------------------------------------------------------------------------- */

void leg_drop(struct leg_fd *f)
{
	if (f->fd >= 0)
		close(f->fd);	/* epoll forgets it */
	f->fd = -1;
}

bool leg_watch(struct leg_fd *f, uint32_t events, int how)
{
	struct epoll_event ev = { .events = events, .data.ptr = f };

	return epoll_ctl(f->leg->set->epoll, how, f->fd, &ev) == 0;
}

static void set_busy(struct dp_msrp *m)
{
	gw_list_remove(&m->busy);
	gw_list_append(&m->set->busy, &m->busy);
}

/* Nothing is open any more but the listener, whose port has been told. */
static void close_all(struct dp_msrp *m)
{
	if (m->state != LEG_NEW && m->state != LEG_ENDED)
		(void)leg_watch(&m->listener, 0, EPOLL_CTL_DEL);
	leg_drop(&m->link);
	for (unsigned i = 0; i < DP_MSRP_GUESTS; i++)
		leg_drop(&m->guests[i].at);
	gw_list_remove(&m->busy);
	m->state = LEG_ENDED;
}

static void end(struct dp_msrp *m, enum dp_msrp_event why)
{
	bool has_ended = m->state == LEG_ENDED;

	close_all(m);
	if (!has_ended)
		m->ops->event(m->user, why);
}

/* Read only what can be worked on; write only what is there. */
static void set_interest(struct dp_msrp *m)
{
	uint32_t want = m->tx_len ? (uint32_t)EPOLLOUT : 0;

	if (m->state != LEG_UP)
		return;
	if (m->in_len < IN_BYTES && m->out_len == 0 && !m->has_eof)
		want |= EPOLLIN;
	if (want == m->interest)
		return;
	m->interest = want;
	if (!leg_watch(&m->link, want, EPOLL_CTL_MOD))
		end(m, DP_MSRP_FAILED);
}

static void is_up(struct dp_msrp *m)
{
	m->state = LEG_UP;
	m->moved_ms = m->set->now_ms;
	m->ops->event(m->user, DP_MSRP_CONNECTED);
}

void leg_bind(struct dp_msrp *m, int fd)
{
	m->link.fd = fd;
	m->interest = EPOLLIN;
	if (leg_watch(&m->link, m->interest, EPOLL_CTL_MOD))
		is_up(m);
	else
		end(m, DP_MSRP_FAILED);
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
	if (m->is_broken || part.len > tx_room(m))
		return;		/* the latter is not reached: who calls the bridge has looked */
	memcpy(tx + m->tx_at + m->tx_len, part.p, part.len);
	m->tx_len += part.len;
	m->tx_total += part.len;
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
	ssize_t n = m->tx_len ? send(m->link.fd, tx_of(m) + m->tx_at, m->tx_len, MSG_NOSIGNAL) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		m->is_broken = true;
		m->tx_len = 0;
	}
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

	while (m->state == LEG_UP && m->out_len == 0 && m->in_len && !m->is_starved && tx_room(m) >= ANSWER_MAX && n < TURNS) {
		size_t used = 0;
		enum gw_err err = msrp_bridge_stream(m->bridge, gw_sv(in_of(m), m->in_len), &used);

		m->in_len -= used;
		memmove(in_of(m), in_of(m) + used, m->in_len);
		if (err && (err != GW_EAGAIN || m->in_len == IN_BYTES)) {
			end(m, DP_MSRP_FAILED);
			return n;
		}
		m->is_starved = err == GW_EAGAIN;
		n += err == GW_OK;
	}
	return n;
}

static unsigned read_some(struct dp_msrp *m)
{
	ssize_t n;

	if (m->in_len == IN_BYTES || m->has_eof)
		return 0;
	n = recv(m->link.fd, in_of(m) + m->in_len, IN_BYTES - m->in_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0) {
		m->in_len += (size_t)n;
		m->is_starved = false;
	}
	m->has_eof = n <= 0;
	m->is_broken |= n < 0;
	return 1;
}

/* Whatever can be done without the socket saying so first. */
static unsigned turn(struct dp_msrp *m)
{
	unsigned n = 0;

	gw_list_remove(&m->busy);
	if (m->state != LEG_UP)
		return 0;
	try_channel(m);
	n = use_input(m);
	if (m->state == LEG_UP)
		n += write_some(m);
	if (m->state == LEG_UP && m->has_eof && m->out_len == 0 && (m->in_len == 0 || m->is_starved))
		end(m, m->is_broken ? DP_MSRP_FAILED : DP_MSRP_CLOSED);
	set_interest(m);
	if (m->state == LEG_UP && (m->out_len || n >= TURNS))
		set_busy(m);
	return n;
}

static unsigned on_link(struct dp_msrp *m, uint32_t events)
{
	unsigned n = 0;

	if (m->state == LEG_CONNECTING) {
		if (dp_tcp_is_connected(m->link.fd)) {
			is_up(m);
			msrp_bridge_hello(m->bridge);
		} else {
			end(m, DP_MSRP_FAILED);
		}
		n = 1;
	} else if (m->state == LEG_UP && events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
		n = read_some(m);
	}
	return n + turn(m);
}

static unsigned on_event(struct leg_fd *f, uint32_t events)
{
	struct dp_msrp *m = f->leg;

	if (f->fd < 0)
		return 0;	/* closed by an event before this one */
	if (f == &m->link)
		return on_link(m, events);
	if (f == &m->listener)
		return leg_guest_arrives(m);
	leg_guest_speaks(m, GW_CONTAINER(f, struct leg_guest, at));
	return 1;
}

/*
 * Does the peer take what it is sent? TCP_USER_TIMEOUT would ask that too, but of those as well who take nothing because we
 * read nothing: many peers write before they read.
 */
static bool is_stuck(struct dp_msrp *m, uint64_t now_ms)
{
	size_t waits = m->tx_len + dp_tcp_unacknowledged(m->link.fd);
	uint64_t acked = m->tx_total - waits;

	if (waits == 0 || m->out_len || acked != m->acked)
		m->moved_ms = now_ms;
	m->acked = acked;
	return now_ms - m->moved_ms >= DP_MSRP_STUCK_MS;
}

static void look(struct dp_msrp *m, uint64_t now_ms)
{
	if (m->state == LEG_NEW || m->state == LEG_ENDED)
		return;
	leg_guests_leave(m, now_ms);
	if ((m->state == LEG_CONNECTING && now_ms >= m->due_ms) || (m->state == LEG_UP && is_stuck(m, now_ms)))
		end(m, DP_MSRP_FAILED);
}

unsigned dp_msrp_poll(struct dp_msrp_set *set, uint64_t now_ms)
{
	struct epoll_event ev[EVENTS];
	unsigned done = 0, busy = 0;
	int n;

	set->now_ms = now_ms;
	if (gw_list_empty(&set->legs))
		return 0;
	GW_LIST_FOREACH(it, &set->busy)
		busy++;
	while (busy-- && !gw_list_empty(&set->busy))
		done += turn(GW_CONTAINER(set->busy.next, struct dp_msrp, busy));
	n = epoll_wait(set->epoll, ev, EVENTS, 0);
	for (int i = 0; i < n; i++)
		done += on_event(ev[i].data.ptr, ev[i].events);
	if (now_ms >= set->look_ms) {
		set->look_ms = now_ms + LOOK_MS;
		GW_LIST_FOREACH(it, &set->legs)
			look(GW_CONTAINER(it, struct dp_msrp, node), now_ms);
	}
	return done;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

enum gw_err dp_msrp_new(struct dp_msrp **out, struct dp_msrp_set *set, const struct gw_addr *address, const struct dp_msrp_ops *ops,
	void *user)
{
	struct dp_msrp *m;

	if (set->n_legs == set->max_legs)
		return GW_ELIMIT;
	m = calloc(1, sizeof(*m));
	if (!m)
		return GW_ENOMEM;
	*m = (struct dp_msrp){ .set = set, .ops = ops, .user = user, .link = { m, -1 }, .listener = { m, -1 } };
	for (unsigned i = 0; i < DP_MSRP_GUESTS; i++)
		m->guests[i].at = (struct leg_fd){ m, -1 };
	gw_list_append(&set->legs, &m->node);
	gw_list_init(&m->busy);
	set->n_legs++;
	m->listener.fd = dp_tcp_listen(address, &m->local);
	if (m->listener.fd < 0) {
		dp_msrp_free(m);
		return GW_EIO;
	}
	*out = m;
	return GW_OK;
}

void dp_msrp_free(struct dp_msrp *m)
{
	if (!m)
		return;
	close_all(m);
	leg_drop(&m->listener);
	gw_list_remove(&m->node);
	m->set->n_legs--;
	free(m->bridge);
	free(m->texts);
	free(m->buffers);
	free(m);
}

const struct gw_addr *dp_msrp_local(const struct dp_msrp *m)
{
	return &m->local;
}

void dp_msrp_stop(struct dp_msrp *m)
{
	m->is_stopped = true;
	close_all(m);
}

static struct gw_sv keep(char **at, struct gw_sv text)
{
	struct gw_sv out = gw_sv(*at, text.len);

	memcpy(*at, text.p, text.len);
	*at += text.len;
	return out;
}

/* The texts of a description in memory of the leg's. */
static enum gw_err keep_description(struct dp_msrp *m, const struct dp_msrp_start *how)
{
	size_t n = 1;
	char *at;

	for (unsigned i = 0; i < 2; i++)
		n += how->side[i].own_uri.len + how->side[i].peer_path.len;
	if (!(at = malloc(n)))
		return GW_ENOMEM;
	free(m->texts);
	m->texts = at;
	m->how = *how;
	for (unsigned i = 0; i < 2; i++) {
		m->how.side[i].own_uri = keep(&at, how->side[i].own_uri);
		m->how.side[i].peer_path = keep(&at, how->side[i].peer_path);
	}
	return GW_OK;
}

static bool is_same(const struct dp_msrp_start *a, const struct dp_msrp_start *b)
{
	for (unsigned i = 0; i < 2; i++)
		if (!gw_sv_eq(a->side[i].own_uri, b->side[i].own_uri) || !gw_sv_eq(a->side[i].peer_path, b->side[i].peer_path))
			return false;
	return gw_addr_eq(&a->peer, &b->peer) && gw_addr_ip_eq(&a->source.net, &b->source.net) && a->source.prefix == b->source.prefix &&
		a->is_active == b->is_active && a->channel_max == b->channel_max;
}

static enum gw_err make_bridge(struct dp_msrp *m)
{
	struct msrp_bridge_conf conf = { .side = { m->how.side[0], m->how.side[1] }, .piece = piece_of(m), .channel_max = DP_MSRP_CHUNK_MAX,
		.nonce = m->how.nonce };
	const struct msrp_counts before[2] = { m->bridge->way[0].counts, m->bridge->way[1].counts };
	enum gw_err err;

	if (m->how.channel_max && m->how.channel_max < conf.channel_max)
		conf.channel_max = m->how.channel_max;
	err = msrp_bridge_init(m->bridge, &conf, bridge_sends, m);
	for (unsigned i = 0; i < 2; i++)	/* what was counted stays */
		m->bridge->way[i].counts = before[i];
	return err;
}

static enum gw_err begin(struct dp_msrp *m)
{
	if (!leg_watch(&m->listener, EPOLLIN, EPOLL_CTL_ADD))
		return GW_EIO;
	m->state = LEG_UNBOUND;
	if (!m->how.is_active)
		return GW_OK;
	m->state = LEG_CONNECTING;
	m->due_ms = m->set->now_ms + DP_MSRP_CONNECT_MS;
	m->interest = EPOLLOUT;
	m->link.fd = dp_tcp_connect(&m->local, &m->how.peer);
	return m->link.fd >= 0 && leg_watch(&m->link, m->interest, EPOLL_CTL_ADD) ? GW_OK : GW_EIO;
}

static void clear(struct dp_msrp *m)
{
	close_all(m);
	m->in_len = m->out_len = m->tx_at = m->tx_len = 0;
	m->tx_total = m->acked = 0;
	m->has_eof = m->is_broken = m->is_starved = false;
}

enum gw_err dp_msrp_start(struct dp_msrp *m, const struct dp_msrp_start *how)
{
	enum gw_err err;

	if (m->is_stopped)
		return GW_OK;
	if (m->starts && is_same(&m->how, how)) {
		m->how.source = how->source;
		return GW_OK;
	}
	clear(m);
	m->starts++;
	if (!m->bridge)
		m->bridge = calloc(1, sizeof(*m->bridge));
	if (!m->buffers)
		m->buffers = malloc(BUFFERS_BYTES);
	err = !m->bridge || !m->buffers ? GW_ENOMEM : keep_description(m, how);
	if (!err)
		err = make_bridge(m);
	if (!err)
		err = begin(m);
	if (err)
		close_all(m);	/* who called is told by the return value */
	return err;
}

unsigned dp_msrp_starts(const struct dp_msrp *m)
{
	return m->starts;
}

bool dp_msrp_is_ended(const struct dp_msrp *m)
{
	return m->state == LEG_ENDED;
}

/* What a message of the channel has caused. */
static void push(struct dp_msrp *m)
{
	if (m->tx_len)
		(void)write_some(m);
	set_interest(m);
	if (m->state == LEG_UP && m->out_len)
		set_busy(m);
}

static bool takes(const struct dp_msrp *m, size_t len)
{
	return m->state == LEG_UP && m->out_len == 0 && tx_room(m) >= len + ANSWER_MAX;
}

bool dp_msrp_message(struct dp_msrp *m, struct gw_sv message)
{
	if (m->state == LEG_ENDED)
		return true;	/* nobody is there */
	if (!takes(m, message.len))
		return false;
	(void)!msrp_bridge_message(m->bridge, message);	/* what is no chunk is ignored, as by any hop of MSRP */
	push(m);
	return true;
}

bool dp_msrp_oversize(struct dp_msrp *m, struct gw_sv beginning)
{
	if (m->state == LEG_ENDED)
		return true;
	if (!takes(m, 0))
		return false;
	(void)!msrp_bridge_oversize(m->bridge, beginning);
	push(m);
	return true;
}

const struct msrp_counts *dp_msrp_counts(const struct dp_msrp *m, enum msrp_side from)
{
	static const struct msrp_counts none;

	return m->bridge ? &m->bridge->way[from].counts : &none;
}
