/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTCP from leg to leg (F-27 to F-30): opened with the keys of the side it came to, looked at, sealed with those of the side it
 * leaves by. It follows consent, not Mode.
 */
#include "dataplane/ctx/sdes.h"
#include "proto/rtp/rtp.h"

#define RTCP_MAX_BYTES 2048u	/* more than an MTU */

/* ---- out ------------------------------------------------------------------------------------------------- */

/* With the keys the core has been told, or as it is. false: nothing may leave */
static bool seal_for_core(const struct dp_stream *core, struct gw_sv *rtcp, char sealed[RTCP_MAX_BYTES])
{
	size_t len = rtcp->len;

	if (!core->sdes)
		return true;
	if (!core->sdes->srtcp || len > RTCP_MAX_BYTES)
		return false;
	memcpy(sealed, rtcp->p, len);
	if (dp_srtcp_protect(core->sdes->srtcp, sealed, &len, RTCP_MAX_BYTES))
		return false;
	*rtcp = gw_sv(sealed, len);
	return true;
}

/* To where the RTCP of this stream's peer is, which may not want it. */
static bool send_to_core(struct dp_ctx *c, struct dp_stream *core, struct gw_sv rtcp, uint64_t now_ms)
{
	struct gw_addr remote = dp_stream_remote(core, true);
	struct dp_path path;

	if (!remote.family || remote.port == 0 || core->ctl.rsb == 0 || !dp_media_path(c, core, &remote, now_ms, &path))
		return false;
	path.local_port = (uint16_t)(core->port + 1);
	dp_media_send(c, &path, rtcp);
	return true;
}

/* Of one line of the access side. */
static bool relay_to_core(struct dp_ctx *c, struct dp_stream *s, struct gw_sv rtcp, uint64_t now_ms)
{
	struct dp_stream *core = dp_stream_peer(s);
	char sealed[RTCP_MAX_BYTES];

	return core && seal_for_core(core, &rtcp, sealed) && send_to_core(c, core, rtcp, now_ms);
}

static bool relay_to_access(struct dp_ctx *c, struct dp_stream *access, struct rte_mbuf *m, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = access->access ? dp_ice_selected(&access->access->ice) : NULL;
	size_t len = m->data_len;
	struct dp_path path;

	/* of text there is none: RTCP ends here, unanswered, as its SDP says (RFC 3556) */
	if (!pair || !access->access->srtcp || access->access->ice.consent != DP_ICE_CONSENT_VALID)
		return false;
	if (!rte_pktmbuf_append(m, DP_SRTCP_TRAILER_MAX) ||
		dp_srtcp_protect(access->access->srtcp, rte_pktmbuf_mtod(m, void *), &len, m->data_len))
		return false;
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len));
	if (!dp_media_path(c, access, &pair->remote, now_ms, &path))
		return false;
	dp_tx_udp(c->c.fast, m, &path);
	return true;
}

/* ---- several lines on one port ------------------------------------------------------------------------------ */

/* What passed last by either side of this line. */
static bool is_about(struct dp_ctx *c, const struct dp_stream *s, struct gw_sv rtcp)
{
	const struct dp_stream *core = dp_stream_peer(s);
	struct dp_flow_stats st;

	if (s->has_flow && dp_flow_stats_read(c->c.fast, s->flow, &st) == GW_OK && st.ssrc &&
		rtcp_names((const uint8_t *)rtcp.p, rtcp.len, st.ssrc))
		return true;
	return core && core->has_flow && dp_flow_stats_read(c->c.fast, core->flow, &st) == GW_OK && st.ssrc &&
		rtcp_names((const uint8_t *)rtcp.p, rtcp.len, st.ssrc);
}

static bool is_shared(const struct dp_stream *s)
{
	for (const struct dp_stream *o = s->term->streams; o; o = o->next)
		if (o->transport == s)
			return true;
	return false;
}

/* RFC 9143 9.2: to every line it speaks of, whole; a report about what is not a line's is nothing to its peer. */
static bool relay_shared(struct dp_ctx *c, struct dp_stream *s, struct gw_sv rtcp, uint64_t now_ms)
{
	bool any = false;

	for (struct dp_stream *o = s->term->streams; o; o = o->next)
		if (o->access == s->access && is_about(c, o, rtcp))
			any |= relay_to_core(c, o, rtcp, now_ms);
	return any;
}

/* ---- in ---------------------------------------------------------------------------------------------------- */

static bool is_valid(const struct rte_mbuf *m)
{
	return rtcp_is_valid(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
}

static bool open_in_place(struct dp_srtcp *s, struct rte_mbuf *m)
{
	size_t len = m->data_len;

	if (!s || dp_srtcp_unprotect(s, rte_pktmbuf_mtod(m, void *), &len))
		return false;
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - len));
	return true;
}

/* Browser to core. */
static bool from_access(struct dp_ctx *c, struct dp_stream *s, const struct gw_addr *src, struct rte_mbuf *m, uint64_t now_ms)
{
	const struct dp_ice_pair *pair = dp_ice_selected(&s->access->ice);
	struct gw_sv rtcp;

	if (!pair || !gw_addr_eq(&pair->remote, src) || s->access->ice.consent != DP_ICE_CONSENT_VALID ||
		!open_in_place(s->access->srtcp, m))
		return false;
	if (s->access->dtls_forget_ms != UINT64_MAX)	/* as good a sign as media */
		dp_media_forget_tls(s->access->stream);
	if (!is_valid(m))
		return false;
	rtcp = gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len);
	return is_shared(s->access->stream) ? relay_shared(c, s, rtcp, now_ms) : relay_to_core(c, s, rtcp, now_ms);
}

/* F-14, F-15: with keys the worker leaves it to this to say that RTCP came from the peer. What an order has learned stays. */
static void learn(struct dp_stream *s, const struct gw_addr *src)
{
	struct dp_stream_latch *l = s->latch;
	struct gw_addr now = dp_stream_remote(s, true);

	if (!l || l->kind == DP_LATCH_OFF || l->rtcp_order == l->order || (l->kind == DP_LATCH_AGAIN && gw_addr_eq(&now, src)))
		return;
	l->learned[true] = *src;
	l->rtcp_order = l->order;
}

/* Where it came from was looked at by the worker: the filter of the flow is for RTCP too. */
static bool from_core(struct dp_ctx *c, struct dp_stream *s, const struct dp_punt_info *i, struct rte_mbuf *m, uint64_t now_ms,
	bool *is_given)
{
	struct dp_stream *peer = dp_stream_peer(s);

	if (!peer || s->ctl.rsb == 0)
		return false;
	if (s->sdes && !dp_sdes_has_keys(s->sdes))	/* of the ends (F-33) */
		return peer->sdes && !dp_sdes_has_keys(peer->sdes) &&
			send_to_core(c, peer, gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len), now_ms);
	if (s->sdes && !open_in_place(s->sdes->srtcp, m))
		return false;
	if (!is_valid(m))
		return false;
	if (s->sdes && i->local_port != s->port)
		learn(s, &i->src);
	if (!peer->term->is_access)
		return relay_to_core(c, s, gw_sv(rte_pktmbuf_mtod(m, const char *), m->data_len), now_ms);
	*is_given = relay_to_access(c, peer, m, now_ms);
	return *is_given;
}

bool dp_rtcp_input(struct dp_ctx *c, struct dp_stream *s, struct rte_mbuf *m, uint64_t now_ms, bool *is_given)
{
	const struct dp_punt_info i = *dp_punt_info(m);

	if (s->access)
		return from_access(c, s, &i.src, m, now_ms);
	return from_core(c, s, &i, m, now_ms, is_given);
}
