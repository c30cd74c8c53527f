/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3263 4: the names of a core, their lookups and what is kept of them. The c-ares side is in dns.c. */
#include "control/sip/resolve.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/dns.h"
#include "proto/base/list.h"

#define NAMES_MAX 64u        /* the least used makes room */
#define HOST_BYTES 256u
#define SERVERS_MAX 16u      /* SRV targets kept of a name */
#define ADDRS_MAX 4u         /* addresses kept of a target */
#define TTL_MIN_S 5u         /* a TTL of 0 must not become a lookup for each request */
#define TTL_MAX_S 3600u
#define RETRY_S 10u          /* after a lookup without a result */

struct server {
	uint16_t group, priority, weight, port;
	enum cp_proto proto;
	char host[HOST_BYTES];
	struct gw_addr addrs[ADDRS_MAX];
	unsigned n_addrs;
};

struct servers {
	struct server list[SERVERS_MAX];
	unsigned n;
};

struct name {
	struct gw_list node;
	struct cp_resolver *r;
	char host[HOST_BYTES];
	uint16_t port;
	enum sip_transport transport;
	struct servers known, next;  /* next: of the lookup on its way */
	unsigned n_open;             /* questions on their way; 0: no lookup */
	uint32_t ttl_s;              /* smallest seen during the lookup */
	uint64_t due_ms;             /* to be looked up again */
	bool was_asked;              /* a lookup has ended */
	bool is_host_done;           /* of the lookup on its way: the name itself was asked for, or is known not to serve */
};

struct cp_resolver {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	struct cp_dns *dns;
	struct gw_list names;        /* last used at the end */
	unsigned n_names;
	bool is_stopping;
	void (*on_change)(void *user);
	void *user;
};

/* A question on its way; index: NAPTR group, or the server whose addresses are asked. */
struct question {
	struct name *name;
	unsigned index;
	enum sip_transport transport;
};

static enum sip_transport default_transport(const struct cp_resolver *r)
{
	return strcmp(r->conf->mw.transport, "tcp") == 0 ? SIP_TRANSPORT_TCP : SIP_TRANSPORT_UDP;
}

static enum cp_proto proto_of(enum sip_transport t)
{
	return t == SIP_TRANSPORT_TCP ? CP_PROTO_TCP : CP_PROTO_UDP;
}

static void finish(struct name *n)
{
	struct cp_resolver *r = n->r;
	unsigned found = 0;

	for (unsigned i = 0; i < n->next.n; i++)
		found += n->next.list[i].n_addrs;
	n->was_asked = true;
	if (found) {
		uint32_t ttl = n->ttl_s < TTL_MIN_S ? TTL_MIN_S : n->ttl_s > TTL_MAX_S ? TTL_MAX_S : n->ttl_s;

		n->known = n->next;
		n->due_ms = cp_loop_now(r->loop) + ttl * 1000ull;
		GW_LOG_DEBUG(r->log, "dns.resolved", "name=%s servers=%u addresses=%u ttl_s=%u", n->host,
			n->known.n, found, ttl);
	} else {
		CP_COUNT(dns_failed);
		n->due_ms = cp_loop_now(r->loop) + RETRY_S * 1000ull;
		GW_LOG_WARN(r->log, "dns.failed", "name=%s kept=%u", n->host, n->known.n);
	}
	r->on_change(r->user);
}

static void add_host(struct name *n);

/* UINT32_MAX: an answer without a TTL. */
static void answered(struct name *n, uint32_t ttl_s)
{
	if (ttl_s < n->ttl_s)
		n->ttl_s = ttl_s;
	if (--n->n_open)
		return;
	if (n->next.n == 0 && !n->is_host_done) {	/* RFC 3263 4.2: no SRV at all, so the name itself */
		n->n_open = 1;
		add_host(n);
		answered(n, UINT32_MAX);
		return;
	}
	finish(n);
}

static struct question *ask(struct name *n, unsigned index, enum sip_transport transport)
{
	struct question *q = n->r->is_stopping ? NULL : malloc(sizeof(*q));

	if (!q)
		return NULL;
	*q = (struct question){ n, index, transport };
	n->n_open++;
	return q;
}

/* ---- A, AAAA -------------------------------------------------------------------------------------------- */

static void on_addrs(void *user, const struct cp_dns_addrs *a)
{
	struct question *q = user;
	struct server *s = &q->name->next.list[q->index];

	for (unsigned i = 0; a && i < a->n && s->n_addrs < ADDRS_MAX; i++) {
		s->addrs[s->n_addrs] = a->list[i];
		s->addrs[s->n_addrs++].port = s->port;
	}
	answered(q->name, a && a->n ? a->ttl_s : UINT32_MAX);
	free(q);
}

static void add_server(struct name *n, const struct server *s)
{
	struct gw_addr literal;
	struct question *q;
	unsigned at = n->next.n;

	if (at == SERVERS_MAX)
		return;
	n->next.list[at] = *s;
	n->next.n++;
	if (gw_addr_parse_ip(gw_sv_cstr(s->host), &literal) == GW_OK) {
		literal.port = s->port;
		n->next.list[at].addrs[n->next.list[at].n_addrs++] = literal;
	} else if ((q = ask(n, at, SIP_TRANSPORT_ANY))) {
		cp_dns_addrs(n->r->dns, s->host, on_addrs, q);
	}
}

static void add_host(struct name *n)
{
	enum sip_transport t = n->transport == SIP_TRANSPORT_ANY ? default_transport(n->r) : n->transport;
	struct server s = { .port = n->port ? n->port : 5060, .proto = proto_of(t) };

	n->is_host_done = true;
	snprintf(s.host, sizeof(s.host), "%s", n->host);
	add_server(n, &s);
}

/* ---- SRV ------------------------------------------------------------------------------------------------- */

static void on_srv(void *user, const struct cp_dns_srv *list, unsigned count, uint32_t ttl_s)
{
	struct question *q = user;
	struct name *n = q->name;

	for (unsigned i = 0; i < count; i++) {
		struct server s = { .group = (uint16_t)q->index, .priority = list[i].priority, .weight = list[i].weight,
			.port = list[i].port, .proto = proto_of(q->transport) };

		if (strcmp(list[i].host, ".") == 0 || list[i].host[0] == '\0') {	/* RFC 2782: decidedly not here */
			n->is_host_done = true;
			continue;
		}
		snprintf(s.host, sizeof(s.host), "%s", list[i].host);
		add_server(n, &s);
	}
	answered(n, count ? ttl_s : UINT32_MAX);
	free(q);
}

static void ask_srv(struct name *n, unsigned group, const char *srv, enum sip_transport transport)
{
	struct question *q = ask(n, group, transport);

	if (q)
		cp_dns_srv(n->r->dns, srv, on_srv, q);
}

static void ask_srv_of(struct name *n, unsigned group, enum sip_transport transport)
{
	char srv[HOST_BYTES + 16];

	snprintf(srv, sizeof(srv), "_sip._%s.%s", transport == SIP_TRANSPORT_TCP ? "tcp" : "udp", n->host);
	ask_srv(n, group, srv, transport);
}

/* ---- NAPTR ----------------------------------------------------------------------------------------------- */

static void on_naptr(void *user, struct sip_naptr *list, unsigned count, uint32_t ttl_s)
{
	struct question *q = user;
	struct name *n = q->name;
	unsigned kept = sip_naptr_choose(list, count, n->transport);

	for (unsigned i = 0; i < kept; i++) {
		char srv[HOST_BYTES];

		if (gw_sv_copy(list[i].replacement, srv, sizeof(srv)) == GW_OK)
			ask_srv(n, i, srv, list[i].transport);
	}
	if (kept == 0) {	/* RFC 3263 4.1: SRV of what we speak, what the operator prefers first */
		enum sip_transport first = default_transport(n->r);

		ask_srv_of(n, 0, first);
		ask_srv_of(n, 1, first == SIP_TRANSPORT_UDP ? SIP_TRANSPORT_TCP : SIP_TRANSPORT_UDP);
	}
	answered(n, kept ? ttl_s : UINT32_MAX);
	free(q);
}

static void look_up(struct name *n)
{
	struct question *q;

	CP_COUNT(dns_lookups);
	n->next.n = 0;
	n->ttl_s = UINT32_MAX;
	n->is_host_done = false;
	n->n_open = 1;		/* held until all questions are asked: answers may come at once */
	if (n->port)
		add_host(n);
	else if (n->transport != SIP_TRANSPORT_ANY)
		ask_srv_of(n, 0, n->transport);
	else if ((q = ask(n, 0, SIP_TRANSPORT_ANY)))
		cp_dns_naptr(n->r->dns, n->host, on_naptr, q);
	answered(n, UINT32_MAX);
}

/* ---- names ------------------------------------------------------------------------------------------------ */

static bool is_name(const struct name *n, const struct cp_name *want)
{
	return n->port == want->port && n->transport == want->transport && gw_sv_ieq(gw_sv_cstr(n->host), want->host);
}

static struct name *room(struct cp_resolver *r)
{
	if (r->n_names < NAMES_MAX)
		return calloc(1, sizeof(struct name));
	GW_LIST_FOREACH(it, &r->names) {
		struct name *n = GW_CONTAINER(it, struct name, node);

		if (n->n_open)
			continue;
		gw_list_remove(&n->node);
		r->n_names--;
		*n = (struct name){ 0 };
		return n;
	}
	return NULL;
}

static struct name *name_of(struct cp_resolver *r, const struct cp_name *want)
{
	struct name *n;

	GW_LIST_FOREACH(it, &r->names) {
		n = GW_CONTAINER(it, struct name, node);
		if (!is_name(n, want))
			continue;
		gw_list_remove(&n->node);
		gw_list_append(&r->names, &n->node);
		return n;
	}
	if (!(n = room(r)))
		return NULL;
	if (gw_sv_copy(want->host, n->host, sizeof(n->host))) {
		free(n);
		return NULL;
	}
	n->r = r;
	n->port = want->port;
	n->transport = want->transport;
	gw_list_append(&r->names, &n->node);
	r->n_names++;
	return n;
}

/* RFC 7118 5, RFC 6761: such names stand for a WIC that has none. */
static bool is_invalid(struct gw_sv host)
{
	return gw_sv_ieq(host, GW_SV("invalid")) ||
		(host.len > 8 && gw_sv_ieq(gw_sv_sub(host, host.len - 8, host.len), GW_SV(".invalid")));
}

static uint32_t draw(void *user, uint32_t max)
{
	uint32_t v;

	(void)user;
	cp_random(&v, sizeof(v));
	return max == UINT32_MAX ? v : v % (max + 1);	/* the bias is below 2^-12: weights sum up to 2^20 */
}

unsigned cp_resolve(struct cp_resolver *r, const struct cp_name *want, struct cp_peer *out, unsigned max,
	bool *is_pending)
{
	struct name *n = want->host.len == 0 || is_invalid(want->host) ? NULL : name_of(r, want);
	struct sip_srv order[SERVERS_MAX];
	unsigned k = 0;

	if (is_pending)
		*is_pending = false;
	if (!n)
		return 0;
	if (n->n_open == 0 && cp_loop_now(r->loop) >= n->due_ms)
		look_up(n);
	if (is_pending)
		*is_pending = n->n_open && !n->was_asked;
	for (unsigned i = 0; i < n->known.n; i++)
		order[i] = (struct sip_srv){ n->known.list[i].group, n->known.list[i].priority, n->known.list[i].weight,
			(uint16_t)i };
	sip_srv_order(order, n->known.n, draw, NULL);
	for (unsigned i = 0; i < n->known.n; i++) {
		const struct server *s = &n->known.list[order[i].index];

		for (unsigned a = 0; a < s->n_addrs && k < max; a++)
			out[k++] = (struct cp_peer){ .proto = s->proto, .addr = s->addrs[a] };
	}
	return k;
}

json_t *cp_resolver_show(void *resolver)
{
	struct cp_resolver *r = resolver;
	json_t *list = json_array();
	uint64_t now = cp_loop_now(r->loop);

	GW_LIST_FOREACH(it, &r->names) {
		const struct name *n = GW_CONTAINER(it, struct name, node);

		for (unsigned i = 0; i < n->known.n; i++)
			json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:i, s:I}", "name", n->host,
				"host", n->known.list[i].host, "port", n->known.list[i].port, "transport",
				n->known.list[i].proto == CP_PROTO_TCP ? "tcp" : "udp", "priority",
				n->known.list[i].priority, "weight", n->known.list[i].weight, "addresses",
				(int)n->known.list[i].n_addrs, "ttl_s",
				(json_int_t)(n->due_ms > now ? (n->due_ms - now) / 1000 : 0)));
	}
	return list;
}

enum gw_err cp_resolver_new(struct cp_resolver **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log, void (*on_change)(void *user), void *user)
{
	struct cp_resolver *r = calloc(1, sizeof(*r));
	enum gw_err err;

	if (!r)
		return GW_ENOMEM;
	r->conf = conf;
	r->loop = loop;
	r->log = log;
	r->on_change = on_change;
	r->user = user;
	gw_list_init(&r->names);
	if ((err = cp_dns_new(&r->dns, loop, conf->mw.bind.family, conf->mw.dns))) {
		free(r);
		return err;
	}
	*out = r;
	return GW_OK;
}

static void no_change(void *user)
{
	(void)user;
}

void cp_resolver_free(struct cp_resolver *r)
{
	if (!r)
		return;
	r->on_change = no_change;
	r->is_stopping = true;
	cp_dns_free(r->dns);	/* ends all questions */
	GW_LIST_FOREACH_SAFE(it, next, &r->names)
		free(GW_CONTAINER(it, struct name, node));
	free(r);
}
