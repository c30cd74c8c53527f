/* SPDX-License-Identifier: Apache-2.0 */
/* Links of the media ports: a realm whose link is down is out of service (TS 23.334 2.10). Service thread. */
#ifndef DP_LINKS_H
#define DP_LINKS_H

#include "dataplane/ctx/iq_server.h"

struct dp_links {
	const struct dp_laddr *laddrs;
	struct dp_realm *realms;
	unsigned n_realms;
	struct dp_iq *iq;
	uint64_t next_ms;
	uint32_t seen_up;              /* bit i: the link of DPDK port i was up once. One that never was may not be able to tell */
};

/** To be called often: looks once a second. */
void dp_links_look(struct dp_links *l, uint64_t now_ms);

#endif
