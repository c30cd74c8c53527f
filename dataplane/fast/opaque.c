/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams that are passed on as they are, of whatever protocol (F-73, F-52): address, port and DSCP are made anew, gate, source,
 * latch and rate hold, and nothing looks into them. What their ends agree on, keys and candidates included, is theirs alone.
 */
#include "dataplane/fast/fast_int.h"

static enum dp_drop admit(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;

	if (unlikely(!dp_source_ok(w, p)))
		return DP_DROP_SOURCE;
	if (unlikely(tsc >= fl->until_tsc))
		return DP_DROP_GATE;
	if (unlikely(!dp_udp_sum_ok(p)))
		return DP_DROP_UDP_CHECKSUM;
	if (unlikely(p->is_elsewhere) && !dp_source_commit(w, p))
		return DP_DROP_SOURCE;
	return unlikely(fl->is_policed) && !dp_policer_take(dp_policer_of(w, fl), dp_pkt_ip_bytes(p), tsc) ?
		DP_DROP_RATE : dp_drop_COUNT;
}

void dp_opaque(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	enum dp_drop why = admit(w, p, tsc);

	if (unlikely(why != dp_drop_COUNT)) {
		dp_refuse(w, p, why);
		return;
	}
	dp_pkt_strip(p);
	dp_flow_count(p->flow, p->payload_len, tsc);
	dp_send_on(w, p, p->payload_len);
}
