/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets for the service core. A token bucket per class, so that one kind cannot starve another; and of each class
 * a second one for what comes from where it is expected, so that junk at many ports (each below its flow's allowance)
 * cannot use up the checks and reports that keep running calls alive (threat M14).
 */
#include "dataplane/fast/fast_int.h"

#define PUNT_PER_S_DEFAULT 20000u
#define BUCKET_PARTS 100u	/* refilled a hundred times a second */
#define ECHO_PART 20u		/* of the rate, for echo requests: nobody's call depends on them */

static bool take_token(struct dp_worker *w, enum dp_punt_class cls, bool is_known, uint64_t tsc)
{
	struct dp_budget *b = &w->budget[cls][is_known];

	if (tsc >= b->refill_tsc) {
		uint32_t rate = w->fast->conf.punt_per_s ? w->fast->conf.punt_per_s : PUNT_PER_S_DEFAULT;

		if (cls == DP_PUNT_L2 && !is_known)
			rate /= ECHO_PART;
		b->tokens = rate / BUCKET_PARTS + 1;
		b->refill_tsc = tsc + w->fast->hz / BUCKET_PARTS;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}

void dp_punt(struct dp_worker *w, struct dp_pkt *p, enum dp_punt_class cls, uint64_t tsc)
{
	struct dp_punt_info *i = dp_punt_info(p->m);

	if (!take_token(w, cls, p->is_known, tsc)) {
		dp_drop(w, p->m, DP_DROP_PUNT_BUDGET);
		return;
	}
	*i = (struct dp_punt_info){
		.cls = cls,
		.cookie = cls == DP_PUNT_L2 ? 0 : dp_rest_of(w, p->flow)->cookie,
		.rx_tsc = tsc,
		.laddr = cls == DP_PUNT_L2 ? DP_LADDR_MAX : p->laddr,
		.local_port = cls == DP_PUNT_L2 ? 0 : p->local_port,
		.ethdev = p->m->port,
		.vlan = p->vlan,
		.headers = cls == DP_PUNT_L2 ? 0 : p->payload_off,
	};
	if (cls != DP_PUNT_L2)
		i->flow = dp_flow_id_of(w, p->flow);
	if (cls != DP_PUNT_L2) {
		dp_pkt_source(p, &i->src);
		i->tos = dp_pkt_tos(p);
		memcpy(i->src_mac, p->ip - p->ip_off + offsetof(struct rte_ether_hdr, src_addr), 6);
		rte_pktmbuf_adj(p->m, p->payload_off);
		rte_pktmbuf_trim(p->m, (uint16_t)(p->m->data_len - p->payload_len));
	}
	if (rte_ring_sp_enqueue(w->punt, p->m)) {
		dp_drop(w, p->m, DP_DROP_PUNT_RING);
		return;
	}
	w->stats.punted[cls]++;
}
