/* SPDX-License-Identifier: Apache-2.0 */
/* A burst of packets of known flows: demultiplex, gate, source, SRTP, new headers, out. */
#include <rte_ip.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

#include "dataplane/fast/fast_int.h"
#include "proto/rtp/demux.h"

static void refuse(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why)
{
	p->flow->stats.drops++;
	p->flow->stats.auth_fail += why == DP_DROP_SRTP_AUTH;
	p->flow->stats.replay += why == DP_DROP_SRTP_REPLAY;
	dp_drop(w, p->m, why);
}

static bool is_from_source(const struct dp_flow *fl, const struct dp_pkt *p)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->ip_off);
	rte_be16_t port;

	memcpy(&port, rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off - sizeof(struct rte_udp_hdr)),
		sizeof(port));
	if (fl->source_port && fl->source_port != port)
		return false;
	if (p->is_v4)
		return fl->source_family == 4 &&
			memcmp(ip + offsetof(struct rte_ipv4_hdr, src_addr), fl->source_ip, 4) == 0;
	return fl->source_family == 6 &&
		memcmp(ip + offsetof(struct rte_ipv6_hdr, src_addr), fl->source_ip, 16) == 0;
}

/* Threat M1: where it came from is decided by the service core, never by the packet. */
static bool source_ok(const struct dp_flow *fl, const struct dp_pkt *p)
{
	return !fl->check_source || is_from_source(fl, p);
}

static enum dp_drop admit(const struct dp_flow *fl, struct dp_pkt *p, uint64_t tsc)
{
	if (unlikely(!source_ok(fl, p)))
		return DP_DROP_SOURCE;
	if (unlikely(tsc >= fl->until_tsc))
		return fl->spec.is_open && fl->spec.out_is_open ? DP_DROP_CONSENT : DP_DROP_GATE;
	if (unlikely(!fl->srtp))
		return DP_DROP_NO_KEYS;
	if (unlikely(!rtp_parse(rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off), p->payload_len,
		    &p->rtp)))
		return DP_DROP_RTP_HEADER;
	if (unlikely(!(fl->pt_mask[p->rtp.pt >> 6] >> (p->rtp.pt & 63) & 1)))
		return DP_DROP_PAYLOAD_TYPE;
	/* the tag of SRTP covers what the checksum would; an empty allowance refuses before the work is done */
	if (fl->kind == DP_FLOW_ACCESS)
		return unlikely(fl->left[DP_ALLOW_BAD_TAG] == 0) ? DP_DROP_AUTH_BUDGET : dp_drop_COUNT;
	return unlikely(!dp_udp_sum_ok(p)) ? DP_DROP_UDP_CHECKSUM : dp_drop_COUNT;
}

static void to_service(struct dp_worker *w, struct dp_pkt *p, enum rtp_class cls, uint64_t tsc)
{
	static const struct {
		enum dp_punt_class punt;
		enum dp_allowance allowance;
	} as[] = { [RTP_CLASS_STUN] = { DP_PUNT_STUN, DP_ALLOW_STUN }, [RTP_CLASS_DTLS] = { DP_PUNT_DTLS, DP_ALLOW_DTLS },
		[RTP_CLASS_RTCP] = { DP_PUNT_RTCP, DP_ALLOW_RTCP } };

	p->is_known = is_from_source(p->flow, p);
	if (!dp_flow_allow(w->fast, p->flow, p->is_known ? DP_ALLOW_PEER : as[cls].allowance, tsc))
		dp_drop(w, p->m, DP_DROP_FLOW_BUDGET);
	else if (!dp_udp_sum_ok(p))
		dp_drop(w, p->m, DP_DROP_UDP_CHECKSUM);
	else
		dp_punt(w, p, as[cls].punt, tsc);
}

/* true: the packet is media and goes on */
static bool dispatch(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;
	enum rtp_class cls = rtp_classify(rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off),
		p->payload_len);
	enum dp_drop why;

	if (unlikely(fl->kind == DP_FLOW_PUNT)) {
		dp_punt(w, p, DP_PUNT_DATA, tsc);
		return false;
	}
	if (unlikely(cls == RTP_CLASS_RTCP ||
		    (fl->kind == DP_FLOW_ACCESS && (cls == RTP_CLASS_STUN || cls == RTP_CLASS_DTLS)))) {
		to_service(w, p, cls, tsc);
		return false;
	}
	if (unlikely(cls != RTP_CLASS_RTP || fl->kind == DP_FLOW_CORE_RTCP)) {
		refuse(w, p, DP_DROP_CLASS);
		return false;
	}
	why = admit(fl, p, tsc);
	if (unlikely(why != dp_drop_COUNT)) {
		if (why == DP_DROP_AUTH_BUDGET)
			(void)dp_flow_allow(w->fast, fl, DP_ALLOW_BAD_TAG, tsc);	/* a new window gives anew */
		refuse(w, p, why);
		return false;
	}
	p->m->data_off += p->payload_off;
	p->m->data_len = p->payload_len;
	p->m->pkt_len = p->payload_len;
	return true;
}

static void forward(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;
	uint32_t bytes = p->m->data_len;

	if (likely(why == dp_drop_COUNT)) {
		dp_flow_account(fl, &p->rtp, p->payload_len, tsc);
		if (unlikely(fl->encap.version != w->nexthops[fl->encap.nexthop].version))
			dp_flow_encap(w, fl);
		why = dp_encap_put(&fl->encap, p->m);
	} else if (why == DP_DROP_SRTP_AUTH) {
		(void)dp_flow_allow(w->fast, fl, DP_ALLOW_BAD_TAG, tsc);
	}
	if (unlikely(why != dp_drop_COUNT)) {
		refuse(w, p, why);
		return;
	}
	fl->stats.tx_packets++;
	fl->stats.tx_bytes += bytes;
	dp_tx_enqueue(w, p->m);
}

static void transform(struct dp_worker *w, struct dp_pkt **p, uint16_t n, bool is_protect,
	uint64_t tsc)
{
	const struct dp_srtp_ops *ops = w->fast->conf.srtp;
	struct dp_srtp_session *s[DP_BURST];
	struct rte_mbuf *m[DP_BURST];
	enum dp_drop why[DP_BURST];

	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++) {
		m[i] = p[i]->m;
		s[i] = p[i]->flow->srtp;
	}
	if (is_protect)
		ops->protect_burst(w->id, m, s, n, why);
	else
		ops->unprotect_burst(w->id, m, s, n, why);
	dp_stage(w, DP_STAGE_CRYPTO);
	for (uint16_t i = 0; i < n; i++)
		forward(w, p[i], why[i], tsc);
	dp_stage(w, DP_STAGE_HEADERS);
}

/* The lines forward() will need; the engine asks for the keys itself. */
static void prefetch(const struct dp_flow *fl)
{
	rte_prefetch0(fl->srtp);
	rte_prefetch0(&fl->encap);
	rte_prefetch0((const uint8_t *)&fl->encap + RTE_CACHE_LINE_SIZE);
	rte_prefetch0(&fl->stats);
}

void dp_media_burst(struct dp_worker *w, struct dp_pkt *pkts, uint16_t n, uint64_t tsc)
{
	struct dp_pkt *in[DP_BURST], *out[DP_BURST];
	uint16_t n_in = 0, n_out = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (unlikely(!dispatch(w, &pkts[i], tsc)))
			continue;
		prefetch(pkts[i].flow);
		if (pkts[i].flow->kind == DP_FLOW_ACCESS)
			in[n_in++] = &pkts[i];
		else
			out[n_out++] = &pkts[i];
	}
	dp_stage(w, DP_STAGE_ADMIT);
	transform(w, in, n_in, false, tsc);
	transform(w, out, n_out, true, tsc);
}
