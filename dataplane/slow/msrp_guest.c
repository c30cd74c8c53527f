/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to a leg that have not named its session yet (RFC 4975 5.4, 14.1: the session's name is what authorises). What
 * they send is looked at and not read, so they take no memory of ours, and nothing is lost when one becomes the leg's.
 */
#include "dataplane/slow/msrp_leg_int.h"

#include "dataplane/slow/tcp_sock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define LOOK_BYTES (MSRP_HEAD_MAX + MSRP_END_MAX)

static bool is_from(const struct dp_msrp_source *s, const struct gw_addr *from)
{
	return (s->net.family == 0 || gw_addr_in(from, &s->net, s->prefix)) &&
		(s->last_port == 0 || (from->port >= s->first_port && from->port <= s->last_port));
}

static void refuse(struct dp_msrp *m, struct leg_fd *f, enum dp_msrp_refusal why)
{
	leg_drop(f);
	m->ops->refused(m->user, why);
}

/* A free place, or that of who has waited longest: the right one speaks at once, and needs it no longer than that. */
static struct leg_guest *place(struct dp_msrp *m)
{
	struct leg_guest *g = &m->guests[0];

	for (unsigned i = 0; i < DP_MSRP_GUESTS; i++) {
		if (m->guests[i].at.fd < 0)
			return &m->guests[i];
		if (m->guests[i].until_ms < g->until_ms)
			g = &m->guests[i];
	}
	refuse(m, &g->at, DP_MSRP_UNBOUND);
	return g;
}

unsigned leg_guest_arrives(struct dp_msrp *m)
{
	struct leg_fd f = { .leg = m };
	struct leg_guest *g;
	struct gw_addr from;

	f.fd = dp_tcp_accept(m->listener.fd, &from);
	if (f.fd < 0)
		return 0;
	if (!is_from(&m->how.source, &from)) {
		refuse(m, &f, DP_MSRP_STRANGER);
		return 1;
	}
	g = place(m);
	*g = (struct leg_guest){ .at = f, .until_ms = m->set->now_ms + DP_MSRP_GUEST_MS };
	/* edge: what was looked at stays there */
	if (!leg_watch(&g->at, EPOLLIN | (uint32_t)EPOLLET, EPOLL_CTL_ADD))
		refuse(m, &g->at, DP_MSRP_UNBOUND);
	return 1;
}

/* RFC 4975 7.3: it is told why, if it takes so much at once. */
static void answer(int fd, const struct msrp_head *request, unsigned status)
{
	char text[2 * MSRP_HEAD_MAX];
	struct gw_buf b = gw_buf(text, sizeof(text));

	if (request->method != MSRP_REPORT && msrp_print_response(request, status, &b) == GW_OK)
		(void)!send(fd, b.p, b.len, MSG_NOSIGNAL);
}

void leg_guest_speaks(struct dp_msrp *m, struct leg_guest *g)
{
	char text[LOOK_BYTES];
	ssize_t n = recv(g->at.fd, text, sizeof(text), MSG_PEEK);
	struct msrp_reader reader = { 0 };
	struct msrp_item item;
	struct msrp_head head;
	enum gw_err err;
	int fd = g->at.fd;
	bool is_ours;
	size_t used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	err = n > 0 ? msrp_read(&reader, gw_sv(text, (size_t)n), &item, &used) : GW_EBADMSG;
	if (err == GW_EAGAIN && (size_t)n < sizeof(text))
		return;
	if (err || item.kind != MSRP_ITEM_HEAD || msrp_head_parse(item.bytes, &head) || head.status) {
		refuse(m, &g->at, DP_MSRP_UNBOUND);
		return;
	}
	is_ours = msrp_bridge_is_ours(m->bridge, MSRP_STREAM, &head);
	if (!is_ours || m->state != LEG_UNBOUND) {
		answer(fd, &head, is_ours ? 506 : 481);
		(void)!recv(fd, text, sizeof(text), 0);	/* what is left unread makes a reset of the close, which may overtake the answer */
		refuse(m, &g->at, DP_MSRP_OTHER_SESSION);
		return;
	}
	g->at.fd = -1;
	leg_bind(m, fd);
}

void leg_guests_leave(struct dp_msrp *m, uint64_t now_ms)
{
	for (unsigned i = 0; i < DP_MSRP_GUESTS; i++)
		if (m->guests[i].at.fd >= 0 && now_ms >= m->guests[i].until_ms)
			refuse(m, &m->guests[i].at, DP_MSRP_UNBOUND);
}
