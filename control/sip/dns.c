/* SPDX-License-Identifier: Apache-2.0 */
/* c-ares and libuv: sockets are polled, time-outs are timers of the loop. */
#include "control/sip/dns.h"

#include <stdlib.h>

#include <ares.h>
#include <netinet/in.h>
#include <sys/time.h>

#include "proto/base/list.h"

#define TIMEOUT_MS 2000
#define TRIES 3
#define CLASS_IN 1
#define TYPE_SRV 33
#define TYPE_NAPTR 35
#define HEADER_BYTES 12
#define RR_FIXED_BYTES 10	/* type, class, TTL, length */

struct cp_dns {
	struct cp_loop *loop;
	ares_channel channel;
	uint8_t family;
	struct gw_timer timer;
	struct watch *watches;
};

struct watch {
	struct watch *next;
	struct cp_dns *d;
	uv_poll_t poll;
	ares_socket_t fd;
};

struct question {
	struct cp_dns *d;
	void *user;
	union {
		void (*naptr)(void *, struct sip_naptr *, unsigned, uint32_t);
		void (*srv)(void *, const struct cp_dns_srv *, unsigned, uint32_t);
		void (*addrs)(void *, const struct cp_dns_addrs *);
	} cb;
};

/* ---- loop ------------------------------------------------------------------------------------------------- */

static void arm(struct cp_dns *d)
{
	struct timeval tv, *t = ares_timeout(d->channel, NULL, &tv);

	if (!t)
		gw_timer_stop(&d->loop->timers, &d->timer);
	else
		(void)gw_timer_arm(&d->loop->timers, &d->timer,
			cp_loop_now(d->loop) + (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1);
}

static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_dns *d = GW_CONTAINER(timer, struct cp_dns, timer);

	(void)now_ms;
	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(d);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct watch *w = p->data;
	struct cp_dns *d = w->d;
	bool is_error = status < 0;	/* c-ares finds out which by reading */

	ares_process_fd(d->channel, is_error || (events & UV_READABLE) ? w->fd : ARES_SOCKET_BAD,
		is_error || (events & UV_WRITABLE) ? w->fd : ARES_SOCKET_BAD);
	arm(d);
}

static void on_poll_closed(uv_handle_t *h)
{
	free(h->data);
}

static void on_socket(void *user, ares_socket_t fd, int readable, int writable)
{
	struct cp_dns *d = user;
	struct watch **p = &d->watches, *w;

	while (*p && (*p)->fd != fd)
		p = &(*p)->next;
	w = *p;
	if (!readable && !writable) {	/* c-ares closes the socket behind this */
		if (!w)
			return;
		*p = w->next;
		uv_poll_stop(&w->poll);
		uv_close((uv_handle_t *)&w->poll, on_poll_closed);
		return;
	}
	if (!w) {
		if (!(w = calloc(1, sizeof(*w))))
			return;		/* the question times out */
		w->d = d;
		w->fd = fd;
		w->poll.data = w;
		if (uv_poll_init_socket(&d->loop->uv, &w->poll, fd)) {
			free(w);
			return;
		}
		w->next = d->watches;
		d->watches = w;
	}
	uv_poll_start(&w->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static unsigned u16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Bytes of a name at at; 0: beyond the end. c-ares has parsed the answer before: only its TTLs it does not tell. */
static size_t name_bytes(const unsigned char *msg, size_t n, size_t at)
{
	size_t from = at;

	while (at < n) {
		if (msg[at] >= 0xc0)
			return at + 2 <= n ? at + 2 - from : 0;
		if (msg[at] == 0)
			return at + 1 - from;
		at += 1u + msg[at];
	}
	return 0;
}

/* Smallest TTL of the answer section. */
static uint32_t min_ttl(const unsigned char *msg, int len)
{
	size_t n = len < 0 ? 0 : (size_t)len, at = HEADER_BYTES, name;
	uint32_t min = UINT32_MAX;

	if (n < HEADER_BYTES)
		return min;
	for (unsigned i = u16(msg + 4); i > 0; i--) {
		if (!(name = name_bytes(msg, n, at)))
			return min;
		at += name + 4;
	}
	for (unsigned i = u16(msg + 6); i > 0; i--) {
		uint32_t ttl;

		if (at >= n || !(name = name_bytes(msg, n, at)) || at + name + RR_FIXED_BYTES > n)
			return min;
		at += name;
		ttl = (uint32_t)u16(msg + at + 4) << 16 | u16(msg + at + 6);
		if (ttl < min)
			min = ttl;
		at += RR_FIXED_BYTES + u16(msg + at + 8);
	}
	return min;
}

static void on_naptr(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct ares_naptr_reply *first = NULL;
	struct sip_naptr list[CP_DNS_RECORDS_MAX];
	struct question *q = arg;
	unsigned n = 0;

	(void)timeouts;
	if (status == ARES_SUCCESS && ares_parse_naptr_reply(msg, len, &first) == ARES_SUCCESS)
		for (struct ares_naptr_reply *r = first; r && n < CP_DNS_RECORDS_MAX; r = r->next)
			list[n++] = (struct sip_naptr){ r->order, r->preference, gw_sv_cstr((char *)r->flags),
				gw_sv_cstr((char *)r->service), gw_sv_cstr(r->replacement), SIP_TRANSPORT_ANY };
	q->cb.naptr(q->user, list, n, n ? min_ttl(msg, len) : UINT32_MAX);
	if (first)
		ares_free_data(first);
	free(q);
}

static void on_srv(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct cp_dns_srv list[CP_DNS_RECORDS_MAX];
	struct ares_srv_reply *first = NULL;
	struct question *q = arg;
	unsigned n = 0;

	(void)timeouts;
	if (status == ARES_SUCCESS && ares_parse_srv_reply(msg, len, &first) == ARES_SUCCESS)
		for (struct ares_srv_reply *r = first; r && n < CP_DNS_RECORDS_MAX; r = r->next)
			list[n++] = (struct cp_dns_srv){ r->host, r->priority, r->weight, r->port };
	q->cb.srv(q->user, list, n, n ? min_ttl(msg, len) : UINT32_MAX);
	if (first)
		ares_free_data(first);
	free(q);
}

static bool read_addr(const struct sockaddr *sa, struct gw_addr *out)
{
	*out = (struct gw_addr){ 0 };
	if (sa->sa_family == AF_INET) {
		out->family = 4;
		memcpy(out->b, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		out->family = 6;
		memcpy(out->b, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	}
	return out->family != 0;
}

static void on_addrs(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
	struct cp_dns_addrs a = { .ttl_s = UINT32_MAX };
	struct question *q = arg;

	(void)timeouts;
	for (struct ares_addrinfo_node *i = status == ARES_SUCCESS ? res->nodes : NULL; i; i = i->ai_next) {
		if (a.n == CP_DNS_RECORDS_MAX || !read_addr(i->ai_addr, &a.list[a.n]))
			continue;
		a.n++;
		if (i->ai_ttl >= 0 && (uint32_t)i->ai_ttl < a.ttl_s)
			a.ttl_s = (uint32_t)i->ai_ttl;
	}
	q->cb.addrs(q->user, a.n ? &a : NULL);
	if (res)
		ares_freeaddrinfo(res);
	free(q);
}

/* ---- questions ------------------------------------------------------------------------------------------------ */

static struct question *new_question(struct cp_dns *d, void *user)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->d = d;
	q->user = user;
	return q;
}

void cp_dns_naptr(struct cp_dns *d, const char *name,
	void (*cb)(void *user, struct sip_naptr *list, unsigned count, uint32_t ttl_s), void *user)
{
	struct question *q = new_question(d, user);

	if (!q) {
		cb(user, NULL, 0, UINT32_MAX);
		return;
	}
	q->cb.naptr = cb;
	ares_query(d->channel, name, CLASS_IN, TYPE_NAPTR, on_naptr, q);
	arm(d);
}

void cp_dns_srv(struct cp_dns *d, const char *name,
	void (*cb)(void *user, const struct cp_dns_srv *list, unsigned count, uint32_t ttl_s), void *user)
{
	struct question *q = new_question(d, user);

	if (!q) {
		cb(user, NULL, 0, UINT32_MAX);
		return;
	}
	q->cb.srv = cb;
	ares_query(d->channel, name, CLASS_IN, TYPE_SRV, on_srv, q);
	arm(d);
}

void cp_dns_addrs(struct cp_dns *d, const char *host, void (*cb)(void *user, const struct cp_dns_addrs *a), void *user)
{
	const struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT,
		.ai_family = d->family == 6 ? AF_INET6 : AF_INET, .ai_socktype = SOCK_DGRAM };
	struct question *q = new_question(d, user);

	if (!q) {
		cb(user, NULL);
		return;
	}
	q->cb.addrs = cb;
	ares_getaddrinfo(d->channel, host, NULL, &hints, on_addrs, q);
	arm(d);
}

enum gw_err cp_dns_new(struct cp_dns **out, struct cp_loop *loop, uint8_t family, const char *servers)
{
	struct cp_dns *d = calloc(1, sizeof(*d));
	struct ares_options o = { .flags = ARES_FLAG_NOSEARCH, .timeout = TIMEOUT_MS, .tries = TRIES, .ndots = 1, .sock_state_cb = on_socket,
		.sock_state_cb_data = d };

	if (!d)
		return GW_ENOMEM;
	d->loop = loop;
	d->family = family;
	d->timer.fn = on_timer;
	if (ares_library_init(ARES_LIB_INIT_ALL) ||
		ares_init_options(&d->channel, &o,
			ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SOCK_STATE_CB)) {
		free(d);
		return GW_ENOMEM;
	}
	if (servers[0] && ares_set_servers_ports_csv(d->channel, servers)) {
		cp_dns_free(d);
		return GW_EINVAL;
	}
	*out = d;
	return GW_OK;
}

void cp_dns_free(struct cp_dns *d)
{
	if (!d)
		return;
	ares_destroy(d->channel);	/* each question is answered, each socket given back */
	ares_library_cleanup();
	gw_timer_stop(&d->loop->timers, &d->timer);
	free(d);
}
