/* SPDX-License-Identifier: Apache-2.0 */
/* A burst of packets of known flows: demultiplex, gate, source, SRTP, new headers, out. */
#include <rte_prefetch.h>

#include "dataplane/fast/fast_int.h"

void dp_refuse(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why)
{
	struct dp_flow_stats *s = &p->flow->stats;

	if (p->is_rtcp_port) {	/* these are the media's: anybody can send to the port beside it */
		dp_drop(w, p->m, why);
		return;
	}
	s->drops++;
	s->auth_fail += why == DP_DROP_SRTP_AUTH || why == DP_DROP_DTLS_AUTH;
	s->replay += why == DP_DROP_SRTP_REPLAY || why == DP_DROP_DTLS_REPLAY;
	s->policed += why == DP_DROP_RATE;
	s->filtered += why == DP_DROP_SOURCE;
	s->gated += why == DP_DROP_GATE || why == DP_DROP_CONSENT;
	dp_drop(w, p->m, why);
}

bool dp_source_ok(const struct dp_worker *w, struct dp_pkt *p)
{
	const struct dp_source *s = dp_source_of(w, p);

	if (s->check == DP_SOURCE_ANY || dp_is_from(s, p))
		return true;
	if (s->check == DP_SOURCE_EXACT || !dp_source_admits(w, p))
		return false;
	p->is_elsewhere = true;
	return true;
}

/*
 * RFC 3711 3.3.1: who misses 2^15 packets of a sender guesses its index wrong for ever, and hears it no more: 11 minutes on hold of a
 * client that goes on sending. So one in so many packets at a closed gate is authenticated all the same, and goes no further.
 */
#define FOLLOW_EVERY 8192u

static bool may_follow(const struct dp_worker *w, const struct dp_flow *fl)
{
	return dp_opens(fl) && fl->srtp && !dp_rest_of(w, fl)->is_open &&
		fl->stats.gated % FOLLOW_EVERY == FOLLOW_EVERY - 1;
}

static enum dp_drop admit(struct dp_worker *w, struct dp_flow *fl, struct dp_pkt *p, uint64_t tsc)
{
	if (unlikely(!dp_source_ok(w, p)))
		return DP_DROP_SOURCE;
	if (unlikely(p->is_stray))
		return DP_DROP_LINE;
	if (unlikely(tsc >= fl->until_tsc)) {
		p->is_only_followed = may_follow(w, fl);
		if (!p->is_only_followed)
			return dp_rest_of(w, fl)->is_open ? DP_DROP_CONSENT : DP_DROP_GATE;
	}
	if (unlikely(!fl->srtp && fl->kind < DP_FLOW_CORE_CLEAR))
		return DP_DROP_NO_KEYS;
	if (unlikely(!rtp_parse(rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off), p->payload_len,
		    &p->rtp)))
		return DP_DROP_RTP_HEADER;
	if (unlikely(!(fl->pt_mask[p->rtp.pt >> 6] >> (p->rtp.pt & 63) & 1)))
		return DP_DROP_PAYLOAD_TYPE;
	/* the tag of SRTP covers what the checksum would; an empty allowance refuses before the work is done */
	if (dp_opens(fl))
		return unlikely(fl->left[DP_ALLOW_BAD_TAG] == 0) ? DP_DROP_AUTH_BUDGET : dp_drop_COUNT;
	if (unlikely(!dp_udp_sum_ok(p)))
		return DP_DROP_UDP_CHECKSUM;
	return unlikely(p->is_elsewhere) && !dp_source_commit(w, p) ? DP_DROP_SOURCE : dp_drop_COUNT;
}

static bool police_rtcp(struct dp_worker *w, const struct dp_pkt *p, uint64_t tsc)
{
	struct dp_policer *police = dp_policer_of(w, p->flow);
	uint32_t bytes = dp_pkt_ip_bytes(p);

	if (!dp_policer_rtcp_fits(police, bytes, w->fast->hz, tsc) ||
		(!p->is_rtcp_port && !dp_policer_take(police, bytes, tsc)))
		return false;
	dp_bucket_charge(&police->rtcp, bytes, tsc);
	return true;
}

/* Of what only the ends can open, the header that is in clear is all there is to see (RFC 3711 3.4). */
static bool is_rtcp(const struct dp_worker *w, const struct dp_pkt *p)
{
	const uint8_t *b = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off);

	return dp_rest_of(w, p->flow)->is_of_ends ? rtcp_header_is_valid(b, p->payload_len) : rtcp_is_valid(b, p->payload_len);
}

/* The service core opens it and looks into it; source and rate are looked at here. It teaches no flow of RTP an address. */
static enum dp_drop admit_rtcp(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	if (!dp_source_ok(w, p))
		return DP_DROP_SOURCE;
	if (p->flow->is_policed && !police_rtcp(w, p, tsc))
		return DP_DROP_RATE;
	if (!p->is_elsewhere || !dp_source_of(w, p)->is_latching)
		return dp_drop_COUNT;
	if (p->flow->kind == DP_FLOW_CORE_SRTP && p->is_rtcp_port)
		return dp_drop_COUNT;	/* only the service core can tell whether it is true, and learns the address itself */
	return p->is_rtcp_port && is_rtcp(w, p) && dp_source_commit(w, p) ? dp_drop_COUNT : DP_DROP_SOURCE;
}

/* What carries SCTP: as much as a file, where handshakes are a dozen records. */
static bool is_data_record(const struct dp_pkt *p, enum rtp_class cls)
{
	return cls == RTP_CLASS_DTLS && (p->flow->kind == DP_FLOW_DATA || p->flow->kind == DP_FLOW_CORE_DATA) &&
		*rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off) == DP_RECORD_DATA;
}

void dp_to_service(struct dp_worker *w, struct dp_pkt *p, enum rtp_class cls, uint64_t tsc)
{
	static const struct {
		enum dp_punt_class punt;
		enum dp_allowance allowance;
	} as[] = { [RTP_CLASS_STUN] = { DP_PUNT_STUN, DP_ALLOW_STUN }, [RTP_CLASS_DTLS] = { DP_PUNT_DTLS, DP_ALLOW_DTLS },
		[RTP_CLASS_RTCP] = { DP_PUNT_RTCP, DP_ALLOW_RTCP } };

	enum dp_punt_class punt = as[cls].punt;
	enum dp_allowance allowance = as[cls].allowance;
	enum dp_drop why = dp_drop_COUNT;

	p->is_known = dp_is_from(dp_source_of(w, p), p);
	if (p->is_known)
		allowance = DP_ALLOW_PEER;
	if (p->is_known && is_data_record(p, cls)) {
		allowance = DP_ALLOW_RECORD;
		punt = DP_PUNT_RECORD;
	}
	if (!dp_flow_allow(w->fast, p->flow, allowance, tsc)) {
		dp_drop(w, p->m, DP_DROP_FLOW_BUDGET);
		return;
	}
	if (!dp_udp_sum_ok(p)) {
		dp_drop(w, p->m, DP_DROP_UDP_CHECKSUM);
		return;
	}
	if (cls == RTP_CLASS_RTCP)
		why = admit_rtcp(w, p, tsc);
	if (why == dp_drop_COUNT)
		dp_punt(w, p, punt, tsc);
	else
		dp_refuse(w, p, why);
}

/* Text is for the service core: a few packets a second, and it pays for what it takes before. */
static void text_to_service(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;

	if (fl->is_policed && !dp_policer_take(dp_policer_of(w, fl), dp_pkt_ip_bytes(p), tsc)) {
		dp_refuse(w, p, DP_DROP_RATE);
		return;
	}
	if (!dp_flow_allow(w->fast, fl, DP_ALLOW_RTCP, tsc)) {
		dp_refuse(w, p, DP_DROP_FLOW_BUDGET);
		return;
	}
	dp_flow_account(fl, &p->rtp, p->payload_len, tsc);
	p->is_known = dp_is_from(&fl->source, p);
	dp_punt(w, p, DP_PUNT_TEXT, tsc);
}

/* true: the packet is media and goes on */
static bool dispatch(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;
	enum rtp_class cls;
	enum dp_drop why;

	if (unlikely(fl->kind == DP_FLOW_OPAQUE)) {
		dp_opaque(w, p, tsc);
		return false;
	}
	cls = rtp_classify(rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off), p->payload_len);
	if (dp_is_data(fl))
		return dp_data_dispatch(w, p, cls, tsc);
	if (unlikely(cls == RTP_CLASS_RTCP ||
		    (fl->kind == DP_FLOW_ACCESS && (cls == RTP_CLASS_STUN || cls == RTP_CLASS_DTLS)))) {
		dp_to_service(w, p, cls, tsc);
		return false;
	}
	if (unlikely(cls != RTP_CLASS_RTP || p->is_rtcp_port)) {
		dp_refuse(w, p, DP_DROP_CLASS);
		return false;
	}
	why = admit(w, fl, p, tsc);
	if (unlikely(why != dp_drop_COUNT)) {
		if (why == DP_DROP_AUTH_BUDGET)
			(void)dp_flow_allow(w->fast, fl, DP_ALLOW_BAD_TAG, tsc);	/* a new window gives anew */
		dp_refuse(w, p, why);
		return false;
	}
	if (unlikely(fl->kind == DP_FLOW_CORE_TEXT)) {
		text_to_service(w, p, tsc);
		return false;
	}
	dp_pkt_strip(p);
	return true;
}

/* SRTP whose tag verified: only now it may teach an address, or use up what the flow may have. */
static enum dp_drop admit_authentic(struct dp_worker *w, struct dp_flow *fl, const struct dp_pkt *p, uint64_t tsc)
{
	if (p->is_elsewhere && !dp_source_commit(w, p))
		return DP_DROP_SOURCE;
	return fl->is_policed && !dp_policer_take(dp_policer_of(w, fl), dp_pkt_ip_bytes(p), tsc) ? DP_DROP_RATE : dp_drop_COUNT;
}

void dp_send_on(struct dp_worker *w, struct dp_pkt *p, uint32_t bytes)
{
	struct dp_flow *fl = p->flow;
	uint8_t hops = dp_pkt_hops(p);	/* the new headers may come to lie there */
	enum dp_drop why;

	if (unlikely(fl->encap.version != w->nexthops[fl->encap.nexthop].version))
		dp_flow_encap(w, fl);
	why = dp_encap_put(&fl->encap, p->m, dp_pkt_tos(p));
	if (unlikely(why == dp_drop_COUNT && (fl->encap.ethdev & DP_PORT_OWN) && !dp_encap_hops(&fl->encap, p->m, hops)))
		why = DP_DROP_HOPS;
	if (unlikely(why != dp_drop_COUNT)) {
		dp_refuse(w, p, why);
		return;
	}
	fl->stats.tx_packets++;
	fl->stats.tx_bytes += bytes;
	dp_tx_enqueue(w, p->m);
}

/* true: it is to be sealed yet */
static bool forward(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;

	if (why == dp_drop_COUNT && unlikely(p->is_only_followed))
		why = DP_DROP_GATE;
	if (why == dp_drop_COUNT && unlikely(p->is_elsewhere || fl->is_policed) && dp_opens(fl))
		why = admit_authentic(w, fl, p, tsc);
	if (unlikely(why != dp_drop_COUNT)) {
		if (why == DP_DROP_SRTP_AUTH)
			(void)dp_flow_allow(w->fast, fl, DP_ALLOW_BAD_TAG, tsc);
		dp_refuse(w, p, why);
		return false;
	}
	if (unlikely(p->teaches || p->mid_ext))
		dp_bundle_authentic(w, p);
	dp_flow_account(fl, &p->rtp, p->payload_len, tsc);
	if (unlikely(fl->seals))
		return true;
	dp_send_on(w, p, p->m->data_len);
	return false;
}

/* What the other leg has kept for what is sent to it: its owner's affair, so it is asked for each time. */
static struct dp_srtp_session *kept_by_reverse(struct dp_worker *w, const struct dp_flow *fl)
{
	const struct dp_flow *to = dp_flow_reverse(w, fl);
	dp_flow_id transport = to ? dp_flow_transport(w, to) : 0;

	if (transport)
		to = dp_flow_used(w, transport);
	return to ? dp_rest_of(w, to)->srtp_kept : NULL;
}

/* The second session on the way of a packet: SRTP on both legs (F-32). */
static void seal(struct dp_worker *w, struct dp_pkt **p, uint16_t n)
{
	struct dp_srtp_session *s[DP_BURST];
	struct rte_mbuf *m[DP_BURST];
	enum dp_drop why[DP_BURST];
	bool gets_mid = false;
	uint16_t k = 0;

	for (uint16_t i = 0; i < n; i++) {
		s[k] = kept_by_reverse(w, p[i]->flow);
		if (unlikely(!s[k])) {
			dp_refuse(w, p[i], DP_DROP_NO_KEYS);
			continue;
		}
		rte_prefetch0(s[k]);
		m[k] = p[i]->m;
		gets_mid |= p[i]->flow->gets_mid;
		p[k++] = p[i];
	}
	if (k == 0)
		return;
	if (unlikely(gets_mid))
		dp_bundle_stamp(w, p, k);
	w->fast->conf.srtp->protect_burst(w->id, m, s, k, why);
	dp_stage(w, DP_STAGE_CRYPTO);
	for (uint16_t i = 0; i < k; i++) {
		if (likely(why[i] == dp_drop_COUNT))
			dp_send_on(w, p[i], p[i]->m->data_len);
		else
			dp_refuse(w, p[i], why[i]);
	}
}

/* Packets that need no session of their own leg: plain RTP, or SRTP whose keys only the ends have (F-33). */
static void pass(struct dp_worker *w, struct dp_pkt **p, uint16_t n, uint64_t tsc)
{
	uint16_t k = 0;

	for (uint16_t i = 0; i < n; i++)
		if (forward(w, p[i], dp_drop_COUNT, tsc))
			p[k++] = p[i];
	if (k)
		seal(w, p, k);
	dp_stage(w, DP_STAGE_HEADERS);
}

static void transform(struct dp_worker *w, struct dp_pkt **p, uint16_t n, bool is_protect,
	uint64_t tsc)
{
	const struct dp_srtp_ops *ops = w->fast->conf.srtp;
	struct dp_srtp_session *s[DP_BURST];
	struct rte_mbuf *m[DP_BURST];
	enum dp_drop why[DP_BURST];
	uint16_t n_seal = 0;

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
		if (unlikely(forward(w, p[i], why[i], tsc)))
			p[n_seal++] = p[i];
	if (unlikely(n_seal))
		seal(w, p, n_seal);
	dp_stage(w, DP_STAGE_HEADERS);
}

/*
 * Holds the flows that are policed against their rates. What SRTP has not authenticated is not charged yet, but work for
 * what is over the rate anyway is saved.
 */
static uint16_t police(struct dp_worker *w, struct dp_pkt **p, uint16_t n, uint64_t tsc)
{
	uint16_t k = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct dp_flow *fl = p[i]->flow;
		uint32_t bytes = dp_pkt_ip_bytes(p[i]);

		if (!fl->is_policed || (dp_opens(fl) ? dp_policer_fits(dp_policer_of(w, fl), bytes, tsc) :
				dp_policer_take(dp_policer_of(w, fl), bytes, tsc)))
			p[k++] = p[i];
		else
			dp_refuse(w, p[i], DP_DROP_RATE);
	}
	return k;
}

/* The lines forward() will need; the engine asks for the keys itself. */
static void prefetch(const struct dp_worker *w, const struct dp_flow *fl)
{
	if (unlikely(fl->seals))
		rte_prefetch0(&dp_rest_of(w, fl)->reverse);
	rte_prefetch0(dp_is_data(fl) ? (const void *)fl->open : (const void *)fl->srtp);
	rte_prefetch0(&fl->encap);
	rte_prefetch0((const uint8_t *)&fl->encap + RTE_CACHE_LINE_SIZE);
	rte_prefetch0(&fl->stats);
}

void dp_media_burst(struct dp_worker *w, struct dp_pkt *pkts, uint16_t n, uint64_t tsc)
{
	struct dp_pkt *in[DP_BURST], *out[DP_BURST], *data[DP_BURST], *clear[DP_BURST];
	uint16_t n_in = 0, n_out = 0, n_data = 0, n_clear = 0;
	bool is_policed = false, gets_mid = false;

	for (uint16_t i = 0; i < n; i++) {
		if (unlikely(!dispatch(w, &pkts[i], tsc)))
			continue;
		prefetch(w, pkts[i].flow);
		if (unlikely(pkts[i].flow->is_policed)) {
			rte_prefetch0(dp_policer_of(w, pkts[i].flow));
			is_policed = true;
		}
		gets_mid |= pkts[i].flow->gets_mid;
		if (dp_opens(pkts[i].flow))
			in[n_in++] = &pkts[i];
		else if (unlikely(dp_is_data(pkts[i].flow)))
			data[n_data++] = &pkts[i];
		else if (unlikely(pkts[i].flow->kind == DP_FLOW_CORE_CLEAR))
			clear[n_clear++] = &pkts[i];
		else
			out[n_out++] = &pkts[i];
	}
	if (unlikely(is_policed)) {
		n_in = police(w, in, n_in, tsc);
		n_out = police(w, out, n_out, tsc);
		n_clear = police(w, clear, n_clear, tsc);
	}
	if (unlikely(gets_mid))
		dp_bundle_stamp(w, out, n_out);
	dp_stage(w, DP_STAGE_ADMIT);
	transform(w, in, n_in, false, tsc);
	transform(w, out, n_out, true, tsc);
	if (n_clear)
		pass(w, clear, n_clear, tsc);
	if (n_data)
		dp_data_burst(w, data, n_data, tsc);
}
