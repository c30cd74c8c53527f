/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A burst of a data line's DTLS records: opened with one leg's keys, sealed with the other's, and on. What is in them, SCTP,
 * is nobody's business here (W2-DC-01). Handshakes, and records whose keys are not here, go to the service core.
 */
#include "dataplane/fast/fast_int.h"

static void refuse(struct dp_worker *w, struct dp_pkt *p, enum dp_drop why, uint64_t tsc)
{
	if (why == DP_DROP_DTLS_AUTH)
		(void)dp_flow_allow(w->fast, p->flow, DP_ALLOW_BAD_TAG, tsc);
	dp_refuse(w, p, why);
}

/* Alerts are no data that is charged, but what they cost has an end too (F-23). */
static enum dp_drop allow_alert(struct dp_worker *w, struct dp_flow *fl, uint64_t tsc)
{
	return dp_flow_allow(w->fast, fl, DP_ALLOW_PEER, tsc) ? dp_drop_COUNT : DP_DROP_FLOW_BUDGET;
}

/* Not yet authenticated, and cheap to look at. */
static enum dp_drop admit(struct dp_worker *w, struct dp_pkt *p, uint8_t type, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;

	if (unlikely(!dp_source_ok(w, p)))
		return DP_DROP_SOURCE;
	if (unlikely(tsc >= fl->until_tsc))
		return dp_rest_of(w, fl)->is_open ? DP_DROP_CONSENT : DP_DROP_GATE;
	if (unlikely(fl->left[DP_ALLOW_BAD_TAG] == 0 && !dp_flow_allow(w->fast, fl, DP_ALLOW_BAD_TAG, tsc)))
		return DP_DROP_AUTH_BUDGET;
	if (unlikely(fl->is_policed && type == DP_RECORD_DATA && !dp_policer_fits(dp_policer_of(w, fl), dp_pkt_ip_bytes(p), tsc)))
		return DP_DROP_RATE;
	return unlikely(type == DP_RECORD_ALERT) ? allow_alert(w, fl, tsc) : dp_drop_COUNT;
}

static bool is_application(uint8_t type)
{
	return type == DP_RECORD_DATA || type == DP_RECORD_ALERT;
}

/* In clear for as long as nobody has the keys: the service core's OpenSSL opens it, at most at the rate ordered. */
static bool is_over_rate(struct dp_worker *w, const struct dp_pkt *p, uint8_t type, uint64_t tsc)
{
	return p->flow->is_policed && type == DP_RECORD_DATA && !dp_policer_take(dp_policer_of(w, p->flow), dp_pkt_ip_bytes(p), tsc);
}

bool dp_data_dispatch(struct dp_worker *w, struct dp_pkt *p, enum rtp_class cls, uint64_t tsc)
{
	struct dp_flow *fl = p->flow;
	uint8_t type = *rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off);
	bool has_ice = fl->kind == DP_FLOW_DATA;
	enum dp_drop why;

	if (likely(cls == RTP_CLASS_DTLS && fl->open && is_application(type))) {
		why = admit(w, p, type, tsc);
		if (likely(why == dp_drop_COUNT)) {
			p->is_charged = false;
			dp_pkt_strip(p);
			return true;
		}
		dp_refuse(w, p, why);
	} else if (cls != RTP_CLASS_DTLS && !(has_ice && cls == RTP_CLASS_STUN)) {
		dp_refuse(w, p, DP_DROP_CLASS);
	} else if (!has_ice && !dp_source_ok(w, p)) {
		dp_refuse(w, p, DP_DROP_SOURCE);	/* without ICE nothing else tells whose it is */
	} else if (cls == RTP_CLASS_DTLS && is_over_rate(w, p, type, tsc)) {
		dp_refuse(w, p, DP_DROP_RATE);
	} else {
		dp_to_service(w, p, cls, tsc);
	}
	return false;
}

/* ---- records ------------------------------------------------------------------------------------------ */

/* What comes after the first record of a datagram, as a packet of its own. Peers put one in each (RFC 8261 5). */
static bool split(struct dp_worker *w, const struct dp_pkt *p, const uint8_t *rest, uint16_t n, struct dp_pkt *out)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->fast->conf.pool);
	uint8_t *copy;

	if (!m)
		return false;
	copy = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(p->payload_off + n));
	if (!copy) {
		rte_pktmbuf_free(m);
		return false;
	}
	/* with the headers it came with: the traffic class is asked for later */
	memcpy(copy, p->ip - p->ip_off, p->payload_off);
	memcpy(copy + p->payload_off, rest, n);
	*out = *p;
	out->m = m;
	m->port = p->m->port;
	out->ip = copy + p->ip_off;
	out->payload_len = n;
	dp_pkt_strip(out);
	return true;
}

/*
 * The first alert that ends the association is an event: the peer says it once, so it needs no budget and must not be lost
 * among datagrams. RFC 5246 7.2: fatal, or close_notify. false: there was no room; the next one tries again.
 */
static bool tell_end(struct dp_worker *w, const struct dp_pkt *p)
{
	struct dp_flow_rest *rest = dp_rest_of(w, p->flow);
	const uint8_t *alert = rte_pktmbuf_mtod(p->m, const uint8_t *);
	struct dp_event ev = { .type = DP_EV_ALERT, .flow = dp_flow_id_of(w, p->flow), .cookie = rest->cookie };

	if (rest->is_ended || p->m->data_len != sizeof(ev.alert) || (alert[0] != 2 && alert[1] != 0))
		return true;
	memcpy(ev.alert, alert, sizeof(ev.alert));
	rest->is_ended = dp_event_put(w, &ev);
	return rest->is_ended;
}

/* @return true: a packet to send on */
static bool is_packet(struct dp_worker *w, struct dp_pkt *p, uint8_t type, uint64_t tsc)
{
	if (unlikely(type == DP_RECORD_ALERT)) {
		if (likely(tell_end(w, p)))
			rte_pktmbuf_free(p->m);
		else
			dp_refuse(w, p, DP_DROP_PUNT_RING);
		return false;
	}
	if (unlikely(p->m->data_len == 0)) {
		dp_refuse(w, p, DP_DROP_DTLS_RECORD);
		return false;
	}
	dp_flow_count(p->flow, p->m->data_len, tsc);
	return true;
}

/* A datagram is charged once, as it came, when its first record proved authentic; one over the rate has no parts. */
static bool is_within_rate(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	if (likely(!p->flow->is_policed) || p->is_charged)
		return true;
	p->is_charged = dp_policer_take(dp_policer_of(w, p->flow), dp_pkt_ip_bytes(p), tsc);
	return p->is_charged;
}

static void seal(struct dp_worker *w, struct dp_pkt **p, uint16_t n, uint64_t tsc)
{
	struct dp_record_session *s[DP_BURST];
	struct rte_mbuf *m[DP_BURST];
	enum dp_drop why[DP_BURST];
	uint32_t bytes[DP_BURST];

	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++) {
		m[i] = p[i]->m;
		s[i] = p[i]->flow->seal;
		bytes[i] = m[i]->data_len;
	}
	w->fast->conf.records->seal_burst(w->id, m, s, n, why);
	dp_stage(w, DP_STAGE_CRYPTO);
	for (uint16_t i = 0; i < n; i++) {
		if (unlikely(why[i] != dp_drop_COUNT))
			refuse(w, p[i], why[i], tsc);
		else
			dp_send_on(w, p[i], bytes[i]);
	}
	dp_stage(w, DP_STAGE_HEADERS);
}

/* One record of each. @return in more: what else their datagrams hold */
static uint16_t relay(struct dp_worker *w, struct dp_pkt **p, uint16_t n, struct dp_pkt *more, uint64_t tsc)
{
	struct dp_record_session *s[DP_BURST];
	struct rte_mbuf *m[DP_BURST];
	enum dp_drop why[DP_BURST];
	struct dp_pkt *on[DP_BURST];
	uint16_t rest[DP_BURST], n_on = 0, n_more = 0;
	uint8_t type[DP_BURST];

	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *b = rte_pktmbuf_mtod(p[i]->m, const uint8_t *);
		struct dp_record_view v;

		m[i] = p[i]->m;
		s[i] = p[i]->flow->open;
		type[i] = b[0];
		rest[i] = 0;
		if (likely(dp_record_parse(b, m[i]->data_len, &v)))
			rest[i] = (uint16_t)(m[i]->data_len - DP_RECORD_HEADER_BYTES - v.bytes);
		rte_pktmbuf_trim(m[i], rest[i]);
	}
	w->fast->conf.records->open_burst(w->id, m, s, n, why);
	dp_stage(w, DP_STAGE_CRYPTO);
	for (uint16_t i = 0; i < n; i++) {
		if (unlikely(why[i] != dp_drop_COUNT)) {
			refuse(w, p[i], why[i], tsc);	/* and what is behind it */
			continue;
		}
		if (unlikely(type[i] == DP_RECORD_DATA && !is_within_rate(w, p[i], tsc))) {
			dp_refuse(w, p[i], DP_DROP_RATE);
			continue;
		}
		/* nothing has written behind the tag yet */
		if (unlikely(rest[i]) && split(w, p[i], rte_pktmbuf_mtod(m[i], const uint8_t *) + m[i]->data_len + DP_RECORD_TAG_BYTES,
				rest[i], &more[n_more]))
			n_more++;
		if (likely(is_packet(w, p[i], type[i], tsc)))
			on[n_on++] = p[i];
	}
	dp_stage(w, DP_STAGE_ADMIT);
	seal(w, on, n_on, tsc);
	return n_more;
}

/* What follows a record in its datagram. */
static enum dp_drop admit_next(struct dp_worker *w, const struct dp_pkt *p, uint64_t tsc)
{
	uint8_t type = *rte_pktmbuf_mtod(p->m, const uint8_t *);

	if (!is_application(type))
		return DP_DROP_DTLS_RECORD;
	return type == DP_RECORD_ALERT ? allow_alert(w, p->flow, tsc) : dp_drop_COUNT;
}

void dp_data_burst(struct dp_worker *w, struct dp_pkt **p, uint16_t n, uint64_t tsc)
{
	struct dp_pkt more[2][DP_BURST], *again[DP_BURST];

	/* each round ends at least one record of each datagram */
	for (unsigned round = 0; n; round++) {
		struct dp_pkt *rest = more[round & 1];
		uint16_t k = 0;

		n = relay(w, p, n, rest, tsc);
		p = again;
		for (uint16_t i = 0; i < n; i++) {
			enum dp_drop why = admit_next(w, &rest[i], tsc);

			if (why == dp_drop_COUNT)
				again[k++] = &rest[i];
			else
				dp_refuse(w, &rest[i], why);
		}
		n = k;
	}
}
