/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BUNDLE (RFC 9143): a port that several lines share. Which line a packet is of decides whose gate, rate and statistics it meets; from
 * there on it goes as if that line had the port. What is sent to such a port has its line's MID, if the peer takes it: Chromium tells
 * lines apart by nothing else once one of them is inactive. What a packet says of its SSRC is believed once its tag was found right. RTP is of a line of
 * media, DTLS of the data line; STUN is of the port.
 */
#include "dataplane/fast/fast_int.h"
#include "proto/rtp/ext.h"

/* Place 0 is the line of the flow that has the port. */
static struct dp_flow *line_at(struct dp_worker *w, struct dp_flow *transport, unsigned at)
{
	const struct dp_bundle *b = dp_bundle_of(w, transport);

	if (at == 0)
		return transport;
	return b && b->line[at - 1] ? &w->flows[b->line[at - 1] - 1] : NULL;
}

/* RFC 9143 9.2: a MID counts above all else, and one that is not known condemns the packet. */
static struct dp_flow *by_mid(struct dp_worker *w, struct dp_flow *transport, const uint8_t *mid, uint8_t bytes, uint8_t *at)
{
	for (unsigned i = 0; i <= DP_BUNDLE_LINES; i++) {
		struct dp_flow *line = line_at(w, transport, i);
		const struct dp_line *l = line && !dp_is_data(line) ? dp_flow_line(w, line) : NULL;

		if (!l || bytes == 0 || l->mid_len != bytes || memcmp(l->mid, mid, bytes) != 0)
			continue;
		*at = (uint8_t)i;
		return line;
	}
	return NULL;
}

/* Where one line alone has this payload type. */
static struct dp_flow *by_payload_type(struct dp_worker *w, struct dp_flow *transport, uint8_t pt, uint8_t *at)
{
	struct dp_flow *found = NULL;

	for (unsigned i = 0; i <= DP_BUNDLE_LINES; i++) {
		struct dp_flow *line = line_at(w, transport, i);

		if (!line || dp_is_data(line) || !(line->pt_mask[pt >> 6] >> (pt & 63) & 1))
			continue;
		if (found)
			return NULL;
		found = line;
		*at = (uint8_t)i;
	}
	return found;
}

static struct dp_flow *line_of(struct dp_worker *w, struct dp_flow *transport, const uint8_t *b, const struct rtp_view *v, struct dp_pkt *p)
{
	const struct dp_bundle *bundle = dp_bundle_of(w, transport);
	struct dp_flow *line;
	struct rtp_ext e;
	uint8_t known = UINT8_MAX;

	for (unsigned i = 0; i < bundle->n_ssrc; i++)
		if (bundle->ssrc[i] == v->ssrc)
			known = bundle->at[i];
	if (unlikely(bundle->mid_ext && rtp_ext_find(b, v, bundle->mid_ext, &e))) {
		p->mid_ext = bundle->mid_ext;
		line = by_mid(w, transport, b + e.at + e.header_bytes, e.bytes, &p->line_at);
	} else if (likely(known != UINT8_MAX)) {
		p->line_at = known;
		line = line_at(w, transport, known);
	} else {
		line = by_payload_type(w, transport, v->pt, &p->line_at);
	}
	p->teaches = line && p->line_at != known;
	return line;
}

/* Any: its service core looks at what RTCP is about. */
static struct dp_flow *line_of_media(struct dp_worker *w, struct dp_flow *transport)
{
	for (unsigned i = 0; i <= DP_BUNDLE_LINES; i++) {
		struct dp_flow *line = line_at(w, transport, i);

		if (line && !dp_is_data(line))
			return line;
	}
	return NULL;
}

static struct dp_flow *line_of_data(struct dp_worker *w, struct dp_flow *transport)
{
	return line_at(w, transport, dp_bundle_of(w, transport)->data_at);
}

/* NULL: that of the port. */
static struct dp_flow *line_of_packet(struct dp_worker *w, struct dp_pkt *p)
{
	const uint8_t *b = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->payload_off);
	struct dp_flow *line = NULL;
	struct rtp_view v;

	switch (rtp_classify(b, p->payload_len)) {
	case RTP_CLASS_RTP:
		if (!rtp_parse(b, p->payload_len, &v))
			break;
		line = line_of(w, p->flow, b, &v, p);
		p->is_stray = line == NULL;
		break;
	case RTP_CLASS_RTCP:
		line = line_of_media(w, p->flow);
		break;
	case RTP_CLASS_DTLS:
		line = line_of_data(w, p->flow);
		break;
	case RTP_CLASS_STUN:
	case RTP_CLASS_NONE:
		break;
	}
	return line;
}

void dp_bundle_demux(struct dp_worker *w, struct dp_pkt *pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		struct dp_flow *line = pkts[i].is_shared ? line_of_packet(w, &pkts[i]) : NULL;

		if (line)
			pkts[i].flow = line;
		rte_prefetch0(pkts[i].flow);
	}
}

static void learn(struct dp_bundle *b, uint32_t ssrc, uint8_t at)
{
	unsigned i = 0;

	while (i < b->n_ssrc && b->ssrc[i] != ssrc)
		i++;
	if (i == b->n_ssrc && b->n_ssrc < DP_BUNDLE_SSRCS) {
		b->n_ssrc++;
	} else if (i == b->n_ssrc) {	/* the one noted longest ago */
		i = b->next;
		b->next = (uint8_t)((b->next + 1) % DP_BUNDLE_SSRCS);
	}
	b->ssrc[i] = ssrc;
	b->at[i] = at;
}

void dp_bundle_authentic(struct dp_worker *w, struct dp_pkt *p)
{
	uint32_t slot = *dp_port_slot(w, p->laddr, p->local_port) & DP_PORT_SLOT;
	uint8_t *b = rte_pktmbuf_mtod(p->m, uint8_t *);
	struct rtp_ext e;

	if (p->teaches)
		learn(dp_bundle_of(w, &w->flows[slot - 1]), p->rtp.ssrc, p->line_at);
	if (p->mid_ext && rtp_ext_find(b, &p->rtp, p->mid_ext, &e))	/* the core was never told of it */
		(void)rte_pktmbuf_adj(p->m, rtp_ext_remove(b, &p->rtp, &e));
}

#define TAG_MAX 16u	/* of SRTP, which comes behind */

void dp_bundle_stamp(struct dp_worker *w, struct dp_pkt **p, uint16_t n)
{
	/* the new front lies over UDP's header; the traffic class, at the front of IP's, is still asked for */
	_Static_assert(RTP_EXT_GROWS_MAX + 2 <= sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr), "there is room");

	for (uint16_t i = 0; i < n; i++) {
		const struct dp_flow *fl = p[i]->flow;
		struct rte_mbuf *m = p[i]->m;
		const struct dp_flow *to = fl->gets_mid ? dp_flow_reverse(w, fl) : NULL;
		const struct dp_line *l = to ? dp_flow_line(w, to) : NULL;
		uint16_t growth;

		if (!l || !l->mid_len || !l->mid_ext)
			continue;
		growth = rtp_ext_growth(rte_pktmbuf_mtod(m, const uint8_t *), l->mid_len);
		if (growth && m->data_len + growth + TAG_MAX <= fl->encap.room)
			rtp_ext_put((uint8_t *)rte_pktmbuf_prepend(m, growth), &p[i]->rtp, growth, l->mid_ext, l->mid, l->mid_len);
	}
}

/* ---- lines join and leave --------------------------------------------------------------------------- */

static uint32_t *port_of(struct dp_worker *w, const struct dp_flow *transport)
{
	const struct dp_flow_rest *rest = dp_rest_of(w, transport);

	return dp_port_slot(w, rest->laddr, rest->local_port);
}

void dp_bundle_init(struct dp_worker *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		w->bundles[i].line[0] = i + 1 < n ? i + 2 : 0;
	w->unused_bundle = n ? 1 : 0;
}

void dp_bundle_end(struct dp_worker *w, struct dp_flow *transport)
{
	struct dp_bundle *b = dp_bundle_of(w, transport);

	if (!b)
		return;
	*b = (struct dp_bundle){ .line[0] = w->unused_bundle };
	w->unused_bundle = transport->bundle;
	transport->bundle = 0;
}

/* Of a flow that has the port to itself yet. */
static struct dp_bundle *begin(struct dp_worker *w, struct dp_flow *transport)
{
	uint32_t place = w->unused_bundle;

	if (!place)	/* there are enough for all that can be shared */
		return NULL;
	transport->bundle = place;
	w->unused_bundle = w->bundles[place - 1].line[0];
	w->bundles[place - 1].line[0] = 0;
	return &w->bundles[place - 1];
}

static bool is_empty(const struct dp_bundle *b)
{
	for (unsigned i = 0; i < DP_BUNDLE_LINES; i++)
		if (b->line[i])
			return false;
	return true;
}

bool dp_bundle_join(struct dp_worker *w, struct dp_flow *fl, const struct dp_flow_spec *s)
{
	struct dp_flow *transport = dp_flow_used(w, s->line.transport);
	struct dp_bundle *b = !transport ? NULL : transport->bundle ? dp_bundle_of(w, transport) : begin(w, transport);
	uint32_t place = (uint32_t)(fl - w->flows) + 1;
	unsigned at = DP_BUNDLE_LINES;

	for (unsigned i = 0; b && i < DP_BUNDLE_LINES && at == DP_BUNDLE_LINES; i++)
		if (b->line[i] == place)
			at = i;
	for (unsigned i = 0; b && i < DP_BUNDLE_LINES && at == DP_BUNDLE_LINES; i++)
		if (!b->line[i])
			at = i;
	if (!b || at == DP_BUNDLE_LINES)
		return false;
	b->line[at] = place;
	if (s->kind == DP_FLOW_DATA)
		b->data_at = (uint8_t)(at + 1);
	if (s->line.mid_ext)
		b->mid_ext = s->line.mid_ext;
	*port_of(w, transport) |= DP_PORT_SHARED;
	return true;
}

static void forget_ssrcs(struct dp_bundle *b, unsigned at)
{
	for (unsigned i = 0; i < b->n_ssrc;) {
		if (b->at[i] != at) {
			i++;
			continue;
		}
		b->n_ssrc--;
		b->ssrc[i] = b->ssrc[b->n_ssrc];
		b->at[i] = b->at[b->n_ssrc];
	}
}

void dp_bundle_leave(struct dp_worker *w, const struct dp_flow *fl)
{
	struct dp_flow *transport = dp_flow_used(w, dp_flow_transport(w, fl));
	struct dp_bundle *b = transport ? dp_bundle_of(w, transport) : NULL;

	for (unsigned i = 0; b && i < DP_BUNDLE_LINES; i++) {
		if (b->line[i] != (uint32_t)(fl - w->flows) + 1)
			continue;
		b->line[i] = 0;
		if (b->data_at == i + 1)
			b->data_at = 0;
		forget_ssrcs(b, i + 1);
	}
	if (b && is_empty(b)) {
		*port_of(w, transport) &= DP_PORT_SLOT;
		dp_bundle_end(w, transport);
	}
}
