/* SPDX-License-Identifier: Apache-2.0 */
/* usrsctp 0.9.5 with AF_CONN, no threads that run, and everything off that a data channel has no use for. */
#include "dataplane/slow/sctp.h"

#include <usrsctp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define OUT_PACKETS  256u      /* waiting for DTLS, of all associations; more are lost, as on any path */
#define OUT_BYTES    1500u
#define COMMON_HEADER 12u     /* usrsctp counts a path of AF_CONN without it */
#define READS_A_RUN  32u       /* messages of an association in a run: the others want theirs, too */

struct dp_sctp {
	struct socket *socket;
	uint32_t id;               /* generation in the high 16 bits, index + 1 in the low: never 0 */
	bool is_up, is_closed;
	struct gw_list ready;      /* in g.ready while usrsctp has something for it, or its receiver said "not now" */
	bool is_ready;
	const struct dp_sctp_ops *ops;
	void *user;
	char *held;                /* a message that is being gathered, or that its receiver did not want yet */
	size_t held_len;
	uint16_t held_stream;
	uint32_t held_ppid;
	bool is_whole, is_oversize;
	bool is_skipping;          /* the rest of a message that was too large */
};

struct out_packet {
	uint32_t id;
	uint16_t len;
	char bytes[OUT_BYTES];
};

static struct {
	struct dp_sctp_limits limits;
	struct dp_sctp **table;
	struct gw_list ready;
	uint16_t *generations;
	unsigned used;
	uint64_t ran_ms;
	bool has_run, is_init;
	struct out_packet *out;    /* a ring */
	unsigned head, count;
} g;

static void *address_of(uint32_t id)
{
	return (void *)(uintptr_t)id;
}

static struct dp_sctp *by_id(uint32_t id)
{
	uint32_t i = (id & 0xffff) - 1;
	struct dp_sctp *a = i < g.limits.associations ? g.table[i] : NULL;

	return a && a->id == id ? a : NULL;
}

/* From inside usrsctp, with its locks held: only notes it. */
static void note_ready(struct socket *socket, void *address, int flags)
{
	struct dp_sctp *a = by_id((uint32_t)(uintptr_t)address);

	(void)socket;
	(void)flags;
	if (!a || a->is_ready)
		return;
	a->is_ready = true;
	gw_list_append(&g.ready, &a->ready);
}

/* The same: only keeps the packet. */
static int keep_packet(void *address, void *bytes, size_t len, uint8_t tos, uint8_t df)
{
	struct out_packet *p;

	(void)tos;
	(void)df;
	if (g.count == OUT_PACKETS || len > OUT_BYTES)
		return ENOBUFS;
	p = &g.out[(g.head + g.count++) % OUT_PACKETS];
	p->id = (uint32_t)(uintptr_t)address;
	p->len = (uint16_t)len;
	memcpy(p->bytes, bytes, len);
	return 0;
}

enum gw_err dp_sctp_init(const struct dp_sctp_limits *l)
{
	if (g.is_init)
		return GW_ESTATE;
	if (l->associations == 0 || l->associations > 0xfffe || l->streams == 0 || l->streams > DP_SCTP_STREAMS_MAX || l->mtu < 512 ||
		l->mtu > OUT_BYTES || l->message_max == 0 || l->message_max > l->receive_bytes || l->message_max > l->send_bytes)
		return GW_EINVAL;
	memset(&g, 0, sizeof(g));
	g.limits = *l;
	gw_list_init(&g.ready);
	g.table = calloc(l->associations, sizeof(*g.table));
	g.generations = calloc(l->associations, sizeof(*g.generations));
	g.out = calloc(OUT_PACKETS, sizeof(*g.out));
	if (!g.table || !g.generations || !g.out) {
		free(g.table);
		free(g.generations);
		free(g.out);
		return GW_ENOMEM;
	}
	usrsctp_init_nothreads(0, keep_packet, NULL);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_sysctl_set_sctp_asconf_enable(0);
	usrsctp_sysctl_set_sctp_auto_asconf(0);
	usrsctp_sysctl_set_sctp_auth_enable(0);
	usrsctp_sysctl_set_sctp_nrsack_enable(0);
	usrsctp_sysctl_set_sctp_pktdrop_enable(0);
	/*
	 * Its timers are driven by dp_sctp_run, but the age of what was sent it takes from gettimeofday: should somebody set
	 * the host's clock back, what is lost then is sent again only when that time has come once more.
	 */
	usrsctp_sysctl_set_sctp_rto_min_default(200);
	usrsctp_sysctl_set_sctp_rto_initial_default(1000);
	usrsctp_sysctl_set_sctp_rto_max_default(5000);
	usrsctp_sysctl_set_sctp_blackhole(2);	/* says nothing to packets that belong to no association */
	usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(l->streams);
	usrsctp_sysctl_set_sctp_nr_incoming_streams_default(l->streams);
	g.is_init = true;
	return GW_OK;
}

enum gw_err dp_sctp_exit(void)
{
	if (!g.is_init)
		return GW_OK;
	if (g.used || usrsctp_finish())
		return GW_ESTATE;
	free(g.table);
	free(g.generations);
	free(g.out);
	memset(&g, 0, sizeof(g));
	return GW_OK;
}

static bool set_option(struct socket *s, int level, int name, const void *value, size_t len)
{
	return usrsctp_setsockopt(s, level, name, value, (socklen_t)len) == 0;
}

static bool set_options(struct socket *s)
{
	static const uint16_t events[] = { SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT };
	const struct sctp_initmsg init = { .sinit_num_ostreams = (uint16_t)g.limits.streams, .sinit_max_instreams = (uint16_t)g.limits.streams };
	const struct sctp_assoc_value reset = { .assoc_id = SCTP_ALL_ASSOC, .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ };
	const struct sctp_assoc_value fair = { .assoc_id = SCTP_ALL_ASSOC, .assoc_value = SCTP_SS_ROUND_ROBIN };
	const struct linger abort_on_close = { .l_onoff = 1, .l_linger = 0 };
	const struct sctp_assoc_value segment = { .assoc_id = SCTP_ALL_ASSOC, .assoc_value = g.limits.mtu - 80 };
	const int on = 1, send_bytes = (int)g.limits.send_bytes, receive_bytes = (int)g.limits.receive_bytes;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		const struct sctp_event e = { .se_assoc_id = SCTP_ALL_ASSOC, .se_type = events[i], .se_on = 1 };

		if (!set_option(s, IPPROTO_SCTP, SCTP_EVENT, &e, sizeof(e)))
			return false;
	}
	return usrsctp_set_non_blocking(s, 1) == 0 && set_option(s, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof(abort_on_close)) &&
		set_option(s, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes)) &&
		set_option(s, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)) &&
		set_option(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on)) &&
		set_option(s, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof(on)) &&
		set_option(s, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init)) &&
		set_option(s, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof(reset)) &&
		set_option(s, IPPROTO_SCTP, SCTP_MAXSEG, &segment, sizeof(segment)) &&
		set_option(s, IPPROTO_SCTP, SCTP_PLUGGABLE_SS, &fair, sizeof(fair));
}

static struct sockaddr_conn conn_address(uint32_t id, uint16_t port)
{
	struct sockaddr_conn c = { .sconn_family = AF_CONN, .sconn_port = htons(port) };

	c.sconn_addr = address_of(id);
	return c;
}

/* The path's MTU is known: nothing is to be found out by losing packets. */
static bool fix_mtu(struct dp_sctp *a, const struct sockaddr_conn *peer)
{
	struct sctp_paddrparams p = { .spp_assoc_id = SCTP_FUTURE_ASSOC, .spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = g.limits.mtu - COMMON_HEADER };

	memcpy(&p.spp_address, peer, sizeof(*peer));
	return set_option(a->socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &p, sizeof(p));
}

enum gw_err dp_sctp_new(struct dp_sctp **out, uint16_t local_port, uint16_t remote_port, const struct dp_sctp_ops *ops, void *user)
{
	struct sockaddr_conn local, remote;
	struct dp_sctp *a;
	unsigned i = 0;

	while (i < g.limits.associations && g.table[i])
		i++;
	if (i == g.limits.associations)
		return GW_ELIMIT;
	a = calloc(1, sizeof(*a));
	if (!a || !(a->held = malloc(g.limits.message_max))) {
		free(a);
		return GW_ENOMEM;
	}
	a->ops = ops;
	a->user = user;
	a->id = (uint32_t)++g.generations[i] << 16 | (i + 1);
	g.table[i] = a;
	g.used++;
	usrsctp_register_address(address_of(a->id));
	local = conn_address(a->id, local_port);
	remote = conn_address(a->id, remote_port);
	a->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (!a->socket || !set_options(a->socket) || usrsctp_set_upcall(a->socket, note_ready, address_of(a->id)) || usrsctp_bind(a->socket, (struct sockaddr *)&local, sizeof(local)) ||
		(usrsctp_connect(a->socket, (struct sockaddr *)&remote, sizeof(remote)) && errno != EINPROGRESS) || !fix_mtu(a, &remote)) {
		dp_sctp_free(a);
		return GW_EIO;
	}
	*out = a;
	return GW_OK;
}

void dp_sctp_free(struct dp_sctp *a)
{
	if (!a)
		return;
	if (a->socket)
		usrsctp_close(a->socket);
	if (a->is_ready)
		gw_list_remove(&a->ready);
	usrsctp_deregister_address(address_of(a->id));
	g.table[(a->id & 0xffff) - 1] = NULL;
	g.used--;
	free(a->held);
	free(a);
}

void dp_sctp_input(struct dp_sctp *a, struct gw_sv packet)
{
	usrsctp_conninput(address_of(a->id), packet.p, packet.len, 0);
}

enum gw_err dp_sctp_send(struct dp_sctp *a, const struct dp_sctp_send *how, struct gw_sv message)
{
	struct sctp_sendv_spa spa = { .sendv_flags = SCTP_SEND_SNDINFO_VALID };

	if (how->stream >= g.limits.streams || message.len == 0 || message.len > g.limits.send_bytes)
		return GW_EINVAL;
	if (!a->is_up)
		return a->is_closed ? GW_ECLOSED : GW_ESTATE;
	spa.sendv_sndinfo.snd_sid = how->stream;
	spa.sendv_sndinfo.snd_ppid = htonl(how->ppid);
	spa.sendv_sndinfo.snd_flags = (uint16_t)(SCTP_EOR | (how->is_unordered ? SCTP_UNORDERED : 0));
	if (how->has_lifetime || how->has_retransmits) {
		spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
		spa.sendv_prinfo.pr_policy = how->has_lifetime ? SCTP_PR_SCTP_TTL : SCTP_PR_SCTP_RTX;
		spa.sendv_prinfo.pr_value = how->limit;
	}
	if (usrsctp_sendv(a->socket, message.p, message.len, NULL, 0, &spa, sizeof(spa), SCTP_SENDV_SPA, 0) >= 0)
		return GW_OK;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? GW_EAGAIN : errno == EINVAL ? GW_EINVAL : GW_ECLOSED;
}

enum gw_err dp_sctp_reset(struct dp_sctp *a, uint16_t stream)
{
	union {
		struct sctp_reset_streams r;
		char room[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)];
	} u = { .r = { .srs_assoc_id = SCTP_ALL_ASSOC, .srs_flags = SCTP_STREAM_RESET_OUTGOING, .srs_number_streams = 1 } };

	u.r.srs_stream_list[0] = stream;
	if (!a->is_up)
		return GW_ESTATE;
	return set_option(a->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, &u, sizeof(u)) ? GW_OK : GW_EIO;
}

static void take_change(struct dp_sctp *a, const struct sctp_assoc_change *c)
{
	switch (c->sac_state) {
	case SCTP_COMM_UP:
		a->is_up = true;
		a->ops->event(a->user, DP_SCTP_UP);
		return;
	case SCTP_RESTART:
		a->held_len = 0;	/* the rest of it will not come */
		a->is_whole = a->is_oversize = a->is_skipping = false;
		a->ops->event(a->user, DP_SCTP_RESTARTED);
		return;
	case SCTP_COMM_LOST:
	case SCTP_SHUTDOWN_COMP:
	case SCTP_CANT_STR_ASSOC:
		if (!a->is_closed) {
			a->is_closed = true;
			a->is_up = false;
			a->ops->event(a->user, DP_SCTP_CLOSED);
		}
		return;
	}
}

static void take_notification(struct dp_sctp *a, const union sctp_notification *n, size_t len)
{
	const struct sctp_stream_reset_event *r = &n->sn_strreset_event;

	if (len < sizeof(n->sn_header) || n->sn_header.sn_length != len)
		return;
	if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE && len >= sizeof(n->sn_assoc_change))
		take_change(a, &n->sn_assoc_change);
	if (n->sn_header.sn_type != SCTP_STREAM_RESET_EVENT || len < sizeof(*r) || !(r->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN))
		return;
	for (size_t i = 0; i < (len - sizeof(*r)) / sizeof(uint16_t); i++)
		a->ops->reset(a->user, r->strreset_stream_list[i]);
}

/* A part of a message; it may lie where it belongs. */
static void take_part(struct dp_sctp *a, struct gw_sv part, bool is_last, const struct sctp_rcvinfo *info)
{
	size_t room = g.limits.message_max - a->held_len;
	bool is_over = part.len > room || (part.len == room && !is_last);

	if (a->is_skipping) {
		a->is_skipping = !is_last;
		return;
	}
	memmove(a->held + a->held_len, part.p, is_over ? room : part.len);
	a->held_len += is_over ? room : part.len;
	a->held_stream = info->rcv_sid;
	a->held_ppid = ntohl(info->rcv_ppid);
	a->is_whole = is_over || is_last;
	a->is_oversize = is_over;
	a->is_skipping = is_over && !is_last;
}

/* Reads on: false when nothing is there. Parts of a message are joined in a->held. */
static bool read_some(struct dp_sctp *a)
{
	struct sctp_rcvinfo info = { 0 };
	socklen_t info_len = sizeof(info), from_len = 0;
	unsigned type = 0;
	int flags = 0;
	_Alignas(union sctp_notification) char note[2048];
	char *at = a->held + a->held_len;
	size_t room = g.limits.message_max - a->held_len;
	ssize_t n;

	/* a notification may come between two parts */
	n = usrsctp_recvv(a->socket, room >= sizeof(note) ? at : note, room >= sizeof(note) ? room : sizeof(note), NULL, &from_len, &info,
		&info_len, &type, &flags);
	if (n <= 0)
		return false;
	if (room < sizeof(note))
		at = note;
	if (flags & MSG_NOTIFICATION) {
		if ((size_t)n > sizeof(note))
			return true;
		memmove(note, at, (size_t)n);
		take_notification(a, (const union sctp_notification *)note, (size_t)n);
		return true;
	}
	take_part(a, gw_sv(at, (size_t)n), flags & MSG_EOR, &info);
	return true;
}

/* @return how much was done; *more: there may be more, or it was not taken. a may be gone. */
static unsigned receive(struct dp_sctp *a, bool *more)
{
	uint32_t id = a->id;
	unsigned n = 0;

	*more = false;
	while (n < READS_A_RUN && !a->is_closed) {
		if (a->is_whole) {
			*more = !(a->is_oversize ? a->ops->oversize : a->ops->message)(a->user, a->held_stream, a->held_ppid,
				gw_sv(a->held, a->held_len));
			if (by_id(id) != a || *more)
				return n;
			a->held_len = 0;
			a->is_whole = false;
			n++;
		}
		if (!read_some(a))
			return n;
		if (by_id(id) != a)
			return n;
	}
	*more = !a->is_closed;
	return n;
}

/* Those that were ready when this run began. */
static unsigned receive_all(void)
{
	unsigned done = 0, n = 0;
	struct gw_list *it;

	for (it = g.ready.next; it != &g.ready; it = it->next)
		n++;
	while (n-- && !gw_list_empty(&g.ready)) {
		struct dp_sctp *a = GW_CONTAINER(g.ready.next, struct dp_sctp, ready);
		uint32_t id = a->id;
		bool more;

		gw_list_remove(&a->ready);
		a->is_ready = false;
		done += receive(a, &more);
		if (more && by_id(id) == a)
			note_ready(NULL, address_of(id), 0);
	}
	return done;
}

unsigned dp_sctp_run(uint64_t now_ms)
{
	unsigned done;

	if (!g.is_init)
		return 0;
	if (g.has_run && now_ms > g.ran_ms)
		usrsctp_handle_timers((uint32_t)(now_ms - g.ran_ms));
	g.ran_ms = now_ms;
	g.has_run = true;
	done = receive_all();
	for (; g.count; done++) {
		const struct out_packet *p = &g.out[g.head];
		struct dp_sctp *a = by_id(p->id);

		if (a)
			a->ops->packet(a->user, gw_sv(p->bytes, p->len));
		g.head = (g.head + 1) % OUT_PACKETS;
		g.count--;
	}
	return done;
}
