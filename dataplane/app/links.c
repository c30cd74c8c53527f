/* SPDX-License-Identifier: Apache-2.0 */
/* Link states, as the drivers have them. */
#include "dataplane/app/links.h"

#include <rte_ethdev.h>

#define LOOK_MS 1000u

_Static_assert(DP_PORTS_MAX <= 32, "a bit each");

static bool is_down(struct dp_links *l, uint16_t ethdev)
{
	uint32_t bit = UINT32_C(1) << (ethdev % 32);
	struct rte_eth_link link;

	if (ethdev >= 32 || rte_eth_link_get_nowait(ethdev, &link))
		return false;
	if (link.link_status)
		l->seen_up |= bit;
	return !link.link_status && l->seen_up & bit;
}

void dp_links_look(struct dp_links *l, uint64_t now_ms)
{
	if (now_ms < l->next_ms)
		return;
	l->next_ms = now_ms + LOOK_MS;
	for (unsigned i = 0; i < l->n_realms; i++) {
		struct dp_realm *r = &l->realms[i];
		bool down = is_down(l, l->laddrs[r->laddrs[0]].ethdev);	/* a realm is of one port */

		if (down != !!(r->faults & DP_REALM_LINK))
			dp_iq_realm_fault(l->iq, r, DP_REALM_LINK, down, now_ms);
	}
}
