/* SPDX-License-Identifier: Apache-2.0 */
/* Between neigh.c (table, routes, resolution) and neigh_msg.c (frames). Service thread only. */
#ifndef DP_NEIGH_INT_H
#define DP_NEIGH_INT_H

#include "dataplane/slow/neigh.h"

#define DP_NEIGH_ENTRIES DP_NEXTHOPS_MAX

struct dp_neigh_entry {
	bool is_used, is_valid;
	bool was_valid;               /* has answered at least once */
	bool is_gateway;              /* of a route: never taken out */
	bool is_dirty;                /* the workers know something older */
	uint16_t laddr;
	struct gw_addr ip;
	uint8_t mac[6];
	uint64_t next_ms;             /* when to ask (again) */
	uint64_t used_ms;             /* when somebody was last sent this way */
	uint64_t since_ms;            /* when it was made */
	unsigned tries;
};

struct dp_neigh {
	struct dp_neigh_conf c;
	struct dp_laddr laddrs[DP_LADDR_MAX];
	uint16_t laddr_realms[DP_LADDR_MAX];
	struct dp_route routes[DP_ROUTES_MAX];
	struct dp_neigh_entry e[DP_NEIGH_ENTRIES];
	unsigned n_entries;           /* all that are used or dirty lie below */
	unsigned next_slot;           /* slots go round: one that became free is taken again as late as can be */
	uint64_t echo_window_ms;
	unsigned echo_left;
	uint64_t ctr[dp_neigh_ctr_COUNT];
};

/** This address on that host's interface, if it is one we sent to: nobody else is learnt (no poisoning). */
void dp_neigh_learn(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *ip, const uint8_t *mac, uint64_t now_ms);
/** ARP request or neighbour solicitation for ip, from local address laddr of the same family. */
void dp_neigh_solicit(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *ip);

#endif
