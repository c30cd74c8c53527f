/* SPDX-License-Identifier: Apache-2.0 */
/* Does a packet that came out of the gateway belong to a call, and is it what went in at the other side? */
#include <string.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "bench/gen/gen.h"
#include "bench/gen/payload.h"
#include "proto/rtp/rtp.h"

uint32_t gen_call_of(const struct gen *g, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t i;

	if (m->data_len < GEN_HEADERS + RTP_FIXED_BYTES || p[12] != 8 || p[13] != 0 || p[14] != 0x45 ||
		p[23] != IPPROTO_UDP || p[GEN_HEADERS] >> 6 != 2 ||
		(p[GEN_HEADERS + 1] >= 192 && p[GEN_HEADERS + 1] <= 223))	/* RTCP, RFC 5761 4 */
		return UINT32_MAX;
	i = gw_be32(p + GEN_HEADERS + 8) - GEN_SSRC_FIRST;
	return i < g->c.calls ? i : UINT32_MAX;
}

/* From the gateway's address of this leg to the far one. */
static bool has_addresses(const struct gen_leg *leg, const uint8_t *p)
{
	return gw_be32(p + 26) == leg->gate_ip && gw_be32(p + 30) == leg->far_ip &&
		(p[34] << 8 | p[35]) == leg->gate_port && (p[36] << 8 | p[37]) == leg->far_port;
}

bool gen_is_intact(struct gen *g, enum gen_side out, struct rte_mbuf *m)
{
	uint8_t want[2048], *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t i = gen_call_of(g, m);
	struct dp_srtp_session *s;
	enum dp_drop why;
	uint16_t seq, bytes;

	if (i == UINT32_MAX || !has_addresses(&g->call[i].leg[out], p))
		return false;
	s = g->call[i].open;
	p = (uint8_t *)rte_pktmbuf_adj(m, GEN_HEADERS);
	seq = (uint16_t)(p[2] << 8 | p[3]);
	bytes = gen_rtp_bytes(g, i, seq);
	if (out == GEN_ACCESS && s) {
		g->c.srtp->unprotect_burst(g->c.srtp_worker, &m, &s, 1, &why);
		if (why != dp_drop_COUNT)
			return false;
	}
	gen_rtp(i, seq, want, bytes);
	return m->data_len == bytes && memcmp(p, want, bytes) == 0;
}
