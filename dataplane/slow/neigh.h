/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours and routes of the media ports: ARP (RFC 826), IPv6 ND (RFC 4861), echo replies
 * (RFC 792, RFC 4443), next hops for the workers. Service thread only; fixed tables.
 */
#ifndef DP_NEIGH_H
#define DP_NEIGH_H

#include "dataplane/fast/api.h"
#include "proto/base/log.h"

#define DP_ROUTES_MAX 64

#define DP_NEIGH_CTR_LIST(X)                                                                       \
	X(neigh_malformed, "ARP, ND or echo frames refused: shorter than they say, wrong fields or options") \
	X(neigh_checksum, "ICMP or ICMPv6 messages with a wrong checksum")                         \
	X(neigh_not_ours, "ARP, ND or echo for an address that is not ours")                       \
	X(neigh_source, "ARP, ND or echo whose sender is multicast, unspecified or ourselves")     \
	X(neigh_hop_limit, "ND with a hop limit other than 255: from beyond the link")             \
	X(neigh_unhandled, "ICMP and ICMPv6 messages of types nobody here needs")                  \
	X(neigh_echo_rate, "echo requests above 100 a second")                                     \
	X(neigh_full, "destinations refused because all next hops are in use")                     \
	X(neigh_evicted, "next hops taken out: silent, or not used for long")                      \
	X(neigh_late, "next hops the workers had no room to hear of; told again at the next tick") \
	X(neigh_no_buffer, "ARP and ND frames not sent for want of a buffer")

GW_CTR_ENUM(dp_neigh_ctr, DP_NEIGH_CTR_LIST);

extern const struct gw_ctr_info dp_neigh_ctr_info[dp_neigh_ctr_COUNT];

struct dp_route {
	struct gw_addr net;
	uint8_t prefix;
	struct gw_addr via;           /* family 0: on-link */
	uint16_t laddr;               /* local address of the same family, whose port and VLAN it leaves by */
};

struct dp_neigh;

struct dp_neigh_conf {
	struct dp_fast *fast;
	struct rte_mempool *pool;
	const struct dp_laddr *laddrs;
	const uint16_t *laddr_realms; /* [n_laddrs] which realm each belongs to; NULL: all to one */
	uint16_t n_laddrs;
	const struct dp_route *routes;
	unsigned n_routes;
	const struct gw_log *log;
};

/** GW_EINVAL: too many addresses or routes, or a route of another family than its local address; GW_ENOMEM. */
enum gw_err dp_neigh_new(struct dp_neigh **out, const struct dp_neigh_conf *conf) GW_NODISCARD;
void dp_neigh_free(struct dp_neigh *n);
/** A DP_PUNT_L2 frame; it is consumed. */
void dp_neigh_input(struct dp_neigh *n, struct rte_mbuf *m, uint64_t now_ms);
/**
 * Next hop of packets from local address laddr to dst; resolution starts if need be, and packets
 * are dropped (DP_DROP_NO_NEXTHOP) until it is known. GW_ENOENT: no route, or dst is of another family than laddr;
 * GW_ELIMIT: table full.
 *
 * The index is good while it is asked for again now and then: a next hop that never answered is given to another
 * address after 60 s without a question, or at once when the table is full; one that did answer, after 10 minutes.
 */
enum gw_err dp_neigh_route(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *dst,
	uint64_t now_ms, uint16_t *nexthop) GW_NODISCARD;
enum dp_neigh_state {
	DP_NEIGH_NO_ROUTE,            /* no route, or dst is of another family than laddr */
	DP_NEIGH_SILENT,              /* its next hop has not answered ARP or ND, or was never asked */
	DP_NEIGH_KNOWN,
};
/** What dp_neigh_route would find; nothing is asked for it. */
enum dp_neigh_state dp_neigh_state(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *dst);
/** Retries, refreshes, evictions; call every 100 ms or so. */
void dp_neigh_tick(struct dp_neigh *n, uint64_t now_ms);
/** [dp_neigh_ctr_COUNT] */
const uint64_t *dp_neigh_counters(const struct dp_neigh *n);

#endif
