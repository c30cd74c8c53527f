/* SPDX-License-Identifier: Apache-2.0 */
/* Table of neighbours, routes, and what the workers are told of both. */
#include "dataplane/slow/neigh_int.h"

#include <stdlib.h>

#include <rte_ethdev.h>

#define RETRY_MS 250u
#define RETRY_SLOW_MS 5000u      /* after ten tries */
#define GIVE_UP_TRIES 20u        /* about a minute */
#define REFRESH_MS 30000u
#define SILENT_MS 60000u         /* twice the longest time between two consent checks (RFC 7675) */
#define UNUSED_MS 600000u

const struct gw_ctr_info dp_neigh_ctr_info[dp_neigh_ctr_COUNT] = GW_CTR_INFO(dp_neigh_ctr, DP_NEIGH_CTR_LIST);

/* ---- what the workers are told -------------------------------------------------------------------- */

/* Both ends of a call may be ours: nobody but us answers for our address, and the workers keep such packets. */
static bool is_own(const struct dp_neigh *n, const struct dp_neigh_entry *e)
{
	const struct dp_laddr *l = &n->laddrs[e->laddr];

	for (unsigned i = 0; i < n->c.n_laddrs; i++)
		if (n->laddrs[i].ethdev == l->ethdev && n->laddrs[i].vlan == l->vlan && gw_addr_ip_eq(&n->laddrs[i].ip, &e->ip))
			return true;
	return false;
}

static void flush(struct dp_neigh *n, struct dp_neigh_entry *e)
{
	const struct dp_laddr *l = &n->laddrs[e->laddr];
	struct dp_cmd c = { .type = DP_CMD_NEXTHOP };
	struct rte_ether_addr mac;

	if (!e->is_dirty || rte_eth_macaddr_get(l->ethdev, &mac))
		return;
	c.nexthop.index = (uint16_t)(e - n->e);
	c.nexthop.nh = (struct dp_nexthop){ .ethdev = l->ethdev, .vlan = l->vlan, .is_valid = e->is_valid,
		.is_own = is_own(n, e) };
	memcpy(c.nexthop.nh.src_mac, &mac, 6);
	memcpy(c.nexthop.nh.dst_mac, e->mac, 6);
	if (dp_cmd_send(n->c.fast, &c) == GW_OK)
		e->is_dirty = false;
	else
		n->ctr[neigh_late]++;	/* a ring is full; some workers may know it already, which does no harm */
}

/* ---- the table ---------------------------------------------------------------------------------- */

static struct dp_neigh_entry *find(struct dp_neigh *n, const struct dp_laddr *l, const struct gw_addr *ip)
{
	for (unsigned i = 0; i < n->n_entries; i++) {
		struct dp_neigh_entry *e = &n->e[i];
		const struct dp_laddr *x = &n->laddrs[e->laddr];

		if (e->is_used && x->ethdev == l->ethdev && x->vlan == l->vlan && gw_addr_ip_eq(&e->ip, ip))
			return e;
	}
	return NULL;
}

static void evict(struct dp_neigh *n, struct dp_neigh_entry *e)
{
	e->is_used = e->is_valid = false;
	e->is_dirty = true;
	n->ctr[neigh_evicted]++;
	flush(n, e);
}

/*
 * Which entry a new one may take the place of. Those that never answered come first, the oldest of them at once:
 * whoever sends from a thousand addresses of the link fills the table with these, while a host that is there
 * answers long before a thousand others have been asked for.
 */
static struct dp_neigh_entry *victim(struct dp_neigh *n, uint64_t now_ms)
{
	struct dp_neigh_entry *silent = NULL, *unused = NULL;

	for (unsigned i = 0; i < n->n_entries; i++) {
		struct dp_neigh_entry *e = &n->e[i];

		if (e->is_gateway)
			continue;
		if (!e->was_valid && (!silent || e->since_ms < silent->since_ms))
			silent = e;
		if (e->was_valid && now_ms - e->used_ms > UNUSED_MS && (!unused || e->used_ms < unused->used_ms))
			unused = e;
	}
	return silent ? silent : unused;
}

static struct dp_neigh_entry *new_entry(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *ip, uint64_t now_ms)
{
	struct dp_neigh_entry *e = NULL;
	bool is_dirty;
	unsigned at;

	for (unsigned i = 0; i < DP_NEIGH_ENTRIES && !e; i++) {
		at = (n->next_slot + i) % DP_NEIGH_ENTRIES;
		if (!n->e[at].is_used)
			e = &n->e[at];
	}
	if (!e) {
		e = victim(n, now_ms);
		if (!e)
			return NULL;
		evict(n, e);
	}
	at = (unsigned)(e - n->e);
	n->next_slot = (at + 1) % DP_NEIGH_ENTRIES;
	if (at >= n->n_entries)
		n->n_entries = at + 1;
	is_dirty = e->is_dirty;
	*e = (struct dp_neigh_entry){ .is_used = true, .is_dirty = is_dirty, .laddr = laddr, .ip = *ip,
		.used_ms = now_ms, .since_ms = now_ms };
	e->ip.port = 0;
	return e;
}

static bool is_route_sane(const struct dp_neigh *n, const struct dp_route *r)
{
	return r->laddr < n->c.n_laddrs && n->laddrs[r->laddr].ip.family == r->net.family &&
		(!r->via.family || r->via.family == r->net.family);
}

enum gw_err dp_neigh_new(struct dp_neigh **out, const struct dp_neigh_conf *conf)
{
	struct dp_neigh *n;

	if (conf->n_laddrs > DP_LADDR_MAX || conf->n_routes > DP_ROUTES_MAX)
		return GW_EINVAL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return GW_ENOMEM;
	n->c = *conf;
	memcpy(n->laddrs, conf->laddrs, sizeof(*conf->laddrs) * conf->n_laddrs);
	if (conf->laddr_realms)
		memcpy(n->laddr_realms, conf->laddr_realms, sizeof(*conf->laddr_realms) * conf->n_laddrs);
	if (conf->n_routes)
		memcpy(n->routes, conf->routes, sizeof(*conf->routes) * conf->n_routes);
	/* routers are asked for at the first tick: the first answer of a call must not wait for that */
	for (unsigned i = 0; i < conf->n_routes; i++) {
		const struct dp_route *r = &n->routes[i];

		if (!is_route_sane(n, r)) {
			free(n);
			return GW_EINVAL;
		}
		if (r->via.family && !find(n, &n->laddrs[r->laddr], &r->via))
			new_entry(n, r->laddr, &r->via, 0)->is_gateway = true;	/* fewer routes than entries */
	}
	*out = n;
	return GW_OK;
}

void dp_neigh_free(struct dp_neigh *n)
{
	free(n);
}

const uint64_t *dp_neigh_counters(const struct dp_neigh *n)
{
	return n->ctr;
}

/* ---- resolution --------------------------------------------------------------------------------- */

static void ask(struct dp_neigh *n, struct dp_neigh_entry *e, uint64_t now_ms)
{
	struct rte_ether_addr mac;

	if (is_own(n, e) && rte_eth_macaddr_get(n->laddrs[e->laddr].ethdev, &mac) == 0) {
		dp_neigh_learn(n, e->laddr, &e->ip, mac.addr_bytes, now_ms);
		return;
	}
	dp_neigh_solicit(n, e->laddr, &e->ip);
	e->tries++;
	e->next_ms = now_ms + (e->tries > 10 ? RETRY_SLOW_MS : RETRY_MS);
}

void dp_neigh_learn(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *ip, const uint8_t *mac, uint64_t now_ms)
{
	struct dp_neigh_entry *e = find(n, &n->laddrs[laddr], ip);

	if (!e)
		return;
	if (!e->is_valid || memcmp(e->mac, mac, 6) != 0)
		e->is_dirty = true;
	memcpy(e->mac, mac, 6);
	e->is_valid = e->was_valid = true;
	e->tries = 0;
	e->next_ms = now_ms + REFRESH_MS;
	flush(n, e);
}

/* The longest prefix; of two the same, the one of the realm the packets leave from. */
static const struct dp_route *best_route(const struct dp_neigh *n, uint16_t laddr, const struct gw_addr *dst)
{
	const struct dp_laddr *l = &n->laddrs[laddr];
	const struct dp_route *best = NULL;
	bool is_best_own = false;

	for (unsigned i = 0; i < n->c.n_routes; i++) {
		const struct dp_route *r = &n->routes[i];
		const struct dp_laddr *x = &n->laddrs[r->laddr];
		bool is_own = n->laddr_realms[r->laddr] == n->laddr_realms[laddr];

		if (x->ethdev != l->ethdev || x->vlan != l->vlan || !gw_addr_in(dst, &r->net, r->prefix))
			continue;
		if (!best || r->prefix > best->prefix || (r->prefix == best->prefix && is_own && !is_best_own)) {
			best = r;
			is_best_own = is_own;
		}
	}
	return best;
}

enum gw_err dp_neigh_route(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *dst,
	uint64_t now_ms, uint16_t *nexthop)
{
	const struct dp_route *r;
	struct dp_neigh_entry *e;
	const struct gw_addr *hop;

	if (dst->family != n->laddrs[laddr].ip.family || !(r = best_route(n, laddr, dst)))
		return GW_ENOENT;
	hop = r->via.family ? &r->via : dst;
	e = find(n, &n->laddrs[laddr], hop);
	if (!e) {
		e = new_entry(n, laddr, hop, now_ms);
		if (!e) {
			n->ctr[neigh_full]++;
			return GW_ELIMIT;
		}
		ask(n, e, now_ms);
	}
	e->used_ms = now_ms;
	*nexthop = (uint16_t)(e - n->e);
	return GW_OK;
}

enum dp_neigh_state dp_neigh_state(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *dst)
{
	const struct dp_route *r = dst->family == n->laddrs[laddr].ip.family ? best_route(n, laddr, dst) : NULL;
	const struct dp_neigh_entry *e = r ? find(n, &n->laddrs[laddr], r->via.family ? &r->via : dst) : NULL;

	return !r ? DP_NEIGH_NO_ROUTE : e && e->is_valid ? DP_NEIGH_KNOWN : DP_NEIGH_SILENT;
}

void dp_neigh_tick(struct dp_neigh *n, uint64_t now_ms)
{
	for (unsigned i = 0; i < n->n_entries; i++) {
		struct dp_neigh_entry *e = &n->e[i];

		flush(n, e);
		if (!e->is_used)
			continue;
		/* one that answers stays while there is room: a flow may be using it without anybody asking */
		if (!e->is_gateway && !e->is_valid && now_ms - e->used_ms > (e->was_valid ? UNUSED_MS : SILENT_MS)) {
			evict(n, e);
			continue;
		}
		if (now_ms < e->next_ms)
			continue;
		if (e->is_valid && e->tries > GIVE_UP_TRIES) {	/* gone for good: stop sending there */
			e->is_valid = false;
			e->is_dirty = true;
			flush(n, e);
		}
		ask(n, e, now_ms);
	}
}
