/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as the two far ends send them: RTP in clear from the core side, SRTP from the access side. */
#include "bench/gen/gen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "bench/gen/payload.h"
#include "dataplane/fast/cksum.h"

#define HUGE_PAGE (2u << 20)

void gen_put_headers(struct gen *g, enum gen_side side, const struct gen_leg *leg, struct rte_mbuf *m)
{
	uint16_t udp_len = (uint16_t)(m->data_len + sizeof(struct rte_udp_hdr));
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, GEN_HEADERS);
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)p;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	m->port = g->c.gate_ethdev[side];
	eth->dst_addr = g->c.gate_mac[side];
	eth->src_addr = g->mac[side];
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){ .version_ihl = 0x45, .time_to_live = 60, .next_proto_id = IPPROTO_UDP,
		.total_length = rte_cpu_to_be_16((uint16_t)(udp_len + sizeof(*ip))),
		.src_addr = rte_cpu_to_be_32(leg->far_ip), .dst_addr = rte_cpu_to_be_32(leg->gate_ip) };
	ip->hdr_checksum = (uint16_t)~dp_sum_fold(dp_sum(ip, sizeof(*ip)));
	*udp = (struct rte_udp_hdr){ .src_port = rte_cpu_to_be_16(leg->far_port),
		.dst_port = rte_cpu_to_be_16(leg->gate_port), .dgram_len = rte_cpu_to_be_16(udp_len) };
	udp->dgram_cksum = (uint16_t)~dp_sum_fold(dp_sum(udp, udp_len) + dp_sum(&ip->src_addr, 8) +
		rte_cpu_to_be_16(IPPROTO_UDP) + udp->dgram_len);
	if (udp->dgram_cksum == 0)
		udp->dgram_cksum = 0xffff;
}

/* Room for the headers is where the frame begins once they are there: where a NIC puts it. */
static int alloc(struct gen *g, struct rte_mbuf **m, unsigned n)
{
	int r = rte_pktmbuf_alloc_bulk(g->pool, m, n);

	for (unsigned k = 0; r == 0 && k < n; k++)
		m[k]->data_off = RTE_PKTMBUF_HEADROOM + GEN_HEADERS;
	return r;
}

static void seal(struct gen *g, struct rte_mbuf **m, struct dp_srtp_session **s, unsigned n)
{
	enum dp_drop why[DP_BURST];
	unsigned k = 0;

	if (n == 0)
		return;
	/* a call without keys goes in clear */
	for (unsigned i = 0; i < n; i++)
		k += s[i] != NULL;
	if (k == n)
		g->c.srtp->protect_burst(g->c.srtp_worker, m, s, (uint16_t)n, why);
}

static void finish(struct gen *g, enum gen_side side, uint32_t i, struct rte_mbuf *m)
{
	struct gen_leg leg = g->call[i].leg[side];
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	if (g->c.kind == GEN_BAD_TAG)
		p[m->data_len - 1] ^= 1;
	else if (g->c.kind == GEN_STUN)
		p[0] = 0;
	else if (g->c.kind == GEN_UNKNOWN)
		leg.gate_port = (uint16_t)(1000 + i % 8000);
	gen_put_headers(g, side, &leg, m);
}

static uint32_t call_after(const struct gen *g, uint32_t i)
{
	return i + 1 < g->c.calls ? i + 1 : gen_first(g);
}

/*
 * RTCP (a sender report) or STUN in its place in the mix; 0: the turn is a stream's. Each lap over the calls the
 * places move on by one, so that it is not always the same call's.
 */
static uint16_t put_service(struct gen *g, enum gen_side side, struct rte_mbuf *m)
{
	static const uint8_t report[28] = { 0x80, 200, 0, 6 }, check[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
	uint64_t t = g->turn[side]++;
	uint64_t place = (t + t / g->c.calls) % GEN_MIX;
	const struct gen_mix *mix = g->c.mix;
	bool is_rtcp = place < (uint64_t)mix->media + mix->rtcp;
	const uint8_t *from = is_rtcp ? report : check;
	uint16_t bytes = is_rtcp ? sizeof(report) : sizeof(check);

	if (place < mix->media || (side == GEN_CORE && from == check))
		return 0;
	memcpy(rte_pktmbuf_append(m, bytes), from, bytes);
	return bytes;
}

/*
 * Round robin over the calls. First all packets, then all headers: so T1's worker finds the frames of a large n
 * as warm as it found them in the runs before; one at a time, they are 70 cycles colder.
 */
static enum gw_err make(struct gen *g, enum gen_side side, struct rte_mbuf **m, unsigned n)
{
	struct dp_srtp_session *s[DP_BURST];
	uint32_t i = g->next[side];
	unsigned at = 0;

	if (alloc(g, m, n))
		return GW_ENOMEM;
	for (unsigned k = 0; k < n; k++, i = call_after(g, i)) {
		uint16_t seq, bytes;

		if (g->c.rtp_bytes == 0 && put_service(g, side, m[k])) {
			if (side == GEN_ACCESS)
				seal(g, m + k - at, s, at);
			at = 0;
			continue;
		}
		seq = g->call[i].made[side]++;
		bytes = gen_rtp_bytes(g, i, seq);
		gen_rtp(i, seq, (uint8_t *)rte_pktmbuf_append(m[k], bytes), bytes);
		s[at++] = g->call[i].seal;
		if (at == DP_BURST || k == n - 1) {
			if (side == GEN_ACCESS)
				seal(g, m + k + 1 - at, s, at);
			at = 0;
		}
	}
	i = g->next[side];
	for (unsigned k = 0; k < n; k++, i = call_after(g, i))
		finish(g, side, i, m[k]);
	g->next[side] = i;
	return GW_OK;
}

static enum gw_err copy_stored(struct gen *g, enum gen_side side, struct rte_mbuf **m, unsigned n)
{
	struct gen_store *s = &g->store[side];

	if (s->n - s->at < n)
		return GW_ENOENT;
	if (rte_pktmbuf_alloc_bulk(g->pool, m, n))
		return GW_ENOMEM;
	for (unsigned k = 0; k < n; k++, s->at++) {
		const uint8_t *p = s->frames + (size_t)s->at * s->stride;
		uint16_t bytes;

		memcpy(&bytes, p, sizeof(bytes));
		memcpy(rte_pktmbuf_append(m[k], bytes), p + sizeof(bytes), bytes);
		m[k]->port = g->c.gate_ethdev[side];
	}
	return GW_OK;
}

enum gw_err gen_make(struct gen *g, enum gen_side side, struct rte_mbuf **m, unsigned n)
{
	if (g->store[side].n)
		return copy_stored(g, side, m, n);
	return make(g, side, m, n);
}

enum gw_err gen_make_junk(struct gen *g, struct rte_mbuf **m, unsigned n)
{
	static const uint8_t first_byte[] = { 0x00, 0x16, 0x80 };	/* STUN, DTLS, RTP (whose tag is not one) */

	if (alloc(g, m, n))
		return GW_ENOMEM;
	for (unsigned k = 0; k < n; k++) {
		uint16_t seq = g->call[0].made[GEN_ACCESS]++;
		uint16_t bytes = (uint16_t)(gen_rtp_bytes(g, 0, seq) + DP_SRTP_TRAILER_MAX);
		uint8_t *p = (uint8_t *)rte_pktmbuf_append(m[k], bytes);

		gen_rtp(0, seq, p, bytes);
		p[0] = first_byte[seq % 3];
		gen_put_headers(g, GEN_ACCESS, &g->call[0].leg[GEN_ACCESS], m[k]);
	}
	return GW_OK;
}

enum gw_err gen_make_spray(struct gen *g, struct rte_mbuf **m, unsigned n)
{
	static const uint8_t check[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };

	if (alloc(g, m, n))
		return GW_ENOMEM;
	for (unsigned k = 0; k < n; k++) {
		struct gen_leg leg = g->call[g->next_spray].leg[GEN_ACCESS];

		leg.far_ip ^= 1u << 8;	/* a stranger's */
		memcpy(rte_pktmbuf_append(m[k], sizeof(check)), check, sizeof(check));
		gen_put_headers(g, GEN_ACCESS, &leg, m[k]);
		g->next_spray = (g->next_spray + 1) % ((g->c.calls + 1) / 2);
	}
	return GW_OK;
}

static enum gw_err fill(struct gen *g, enum gen_side side)
{
	struct gen_store s = { .n = g->c.ahead,
		.stride = GEN_HEADERS + GEN_RTP_MOST(g->c.rtp_bytes) + DP_SRTP_TRAILER_MAX + (uint32_t)sizeof(uint16_t) };
	struct rte_mbuf *m[DP_BURST];
	size_t bytes = RTE_ALIGN((size_t)s.n * s.stride, HUGE_PAGE);
	enum gw_err err;

	s.frames = aligned_alloc(HUGE_PAGE, bytes);
	if (!s.frames)
		return GW_ENOMEM;
	(void)madvise(s.frames, bytes, MADV_HUGEPAGE);
	for (uint32_t i = 0; i < s.n; i++) {
		if ((err = gen_make(g, side, m, 1))) {
			free(s.frames);
			return err;
		}
		memcpy(s.frames + (size_t)i * s.stride, &m[0]->data_len, sizeof(uint16_t));
		memcpy(s.frames + (size_t)i * s.stride + sizeof(uint16_t), rte_pktmbuf_mtod(m[0], void *), m[0]->data_len);
		rte_pktmbuf_free(m[0]);
	}
	g->store[side] = s;
	return GW_OK;
}

enum gw_err gen_store_fill(struct gen *g)
{
	enum gw_err err = GW_OK;

	for (unsigned side = 0; !err && g->c.ahead && side < GEN_SIDES; side++)
		if (g->c.sends[side])
			err = fill(g, (enum gen_side)side);
	return err;
}
