/* SPDX-License-Identifier: Apache-2.0 */
/* Where packets of a stream go, and whether they get there: for operators. */
#include "dataplane/ctx/ctx_int.h"

struct gw_addr dp_stream_local(const struct dp_ctx *c, const struct dp_stream *s)
{
	struct gw_addr a = c->c.laddrs[s->laddr].ip;

	a.port = s->port;
	return a;
}

enum dp_way dp_stream_way(const struct dp_ctx *c, const struct dp_stream *s, struct gw_addr *to)
{
	const struct dp_ice_pair *pair = dp_stream_has_ice(s) ? dp_ice_selected(&s->access->ice) : NULL;

	*to = pair ? pair->remote : dp_stream_has_ice(s) ? (struct gw_addr){ 0 } : dp_stream_remote(s, false);
	if (!to->family)
		return DP_WAY_NO_ADDRESS;
	switch (dp_neigh_state(c->c.neigh, s->laddr, to)) {
	case DP_NEIGH_NO_ROUTE:
		return DP_WAY_NO_ROUTE;
	case DP_NEIGH_SILENT:
		return DP_WAY_NO_NEIGHBOUR;
	case DP_NEIGH_KNOWN:
		break;
	}
	return DP_WAY_OPEN;
}
