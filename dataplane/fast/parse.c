/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet, VLAN, IPv4, IPv6 and UDP of a received frame: checked, or a reason to drop it. */
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/fast/cksum.h"
#include "dataplane/fast/fast_int.h"

static bool is_laddr(const struct dp_laddr *l, const struct dp_pkt *p, uint8_t family, const uint8_t *ip)
{
	if (l->ethdev != p->m->port || l->vlan != p->vlan || l->ip.family != family)
		return false;
	return family == 4 ? memcmp(l->ip.b, ip, 4) == 0 : memcmp(l->ip.b, ip, 16) == 0;
}

static uint16_t find_laddr(struct dp_worker *w, const struct dp_pkt *p, uint8_t family, const uint8_t *ip)
{
	const struct dp_fast *f = w->fast;

	if (likely(is_laddr(&f->laddrs[w->laddr_last], p, family, ip)))
		return w->laddr_last;
	for (uint16_t i = 0; i < f->conf.n_laddrs; i++)
		if (is_laddr(&f->laddrs[i], p, family, ip))
			return w->laddr_last = i;
	return DP_LADDR_MAX;
}

/* Threat Q6: nothing with such a source may get an answer from us. */
static bool is_bad_source4(const uint8_t *a)
{
	return a[0] == 0 || a[0] == 127 || a[0] >= 224;
}

static bool is_bad_source6(const uint8_t *a)
{
	static const uint8_t zero[15];

	return a[0] == 0xff || (memcmp(a, zero, 15) == 0 && a[15] <= 1);
}

static enum dp_drop parse_udp(struct dp_pkt *p, uint16_t off, uint16_t l4_len)
{
	const struct rte_udp_hdr *u;
	uint16_t len;

	if (l4_len < sizeof(*u))
		return DP_DROP_UDP_HEADER;
	u = rte_pktmbuf_mtod_offset(p->m, const struct rte_udp_hdr *, off);
	len = rte_be_to_cpu_16(u->dgram_len);
	if (len < sizeof(*u) || len > l4_len || u->src_port == 0 || u->dst_port == 0)
		return DP_DROP_UDP_HEADER;
	p->local_port = rte_be_to_cpu_16(u->dst_port);
	p->payload_off = (uint16_t)(off + sizeof(*u));
	p->payload_len = (uint16_t)(len - sizeof(*u));
	return dp_drop_COUNT;
}

bool dp_udp_sum_ok(const struct dp_pkt *p)
{
	uint64_t flag = p->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	const struct rte_udp_hdr *u = dp_pkt_udp(p);
	size_t at = p->is_v4 ? offsetof(struct rte_ipv4_hdr, src_addr) : offsetof(struct rte_ipv6_hdr, src_addr);

	if (flag == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return false;
	if (u->dgram_cksum == 0)	/* "none": IPv4 only */
		return p->is_v4;
	if (flag == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		return true;
	/* pseudo header, header and payload: with a right checksum all ones */
	return dp_sum_fold(dp_sum(p->ip + at, p->is_v4 ? 8 : 32) + rte_cpu_to_be_16(IPPROTO_UDP) +
		u->dgram_len + dp_sum(u, sizeof(*u) + p->payload_len)) == 0xffff;
}

void dp_pkt_source(const struct dp_pkt *p, struct gw_addr *out)
{
	*out = (struct gw_addr){ .family = p->is_v4 ? 4 : 6, .port = rte_be_to_cpu_16(dp_pkt_udp(p)->src_port) };
	if (p->is_v4)
		memcpy(out->b, p->ip + offsetof(struct rte_ipv4_hdr, src_addr), 4);
	else
		memcpy(out->b, p->ip + offsetof(struct rte_ipv6_hdr, src_addr), 16);
}

static enum dp_drop parse_ipv4(struct dp_worker *w, struct dp_pkt *p, uint16_t off)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(p->m, const struct rte_ipv4_hdr *, off);
	uint16_t room = (uint16_t)(p->m->data_len - off), total;

	if (room < sizeof(*ip))
		return DP_DROP_RUNT;
	total = rte_be_to_cpu_16(ip->total_length);
	if (ip->version_ihl >> 4 != 4 || total < sizeof(*ip) || total > room)
		return DP_DROP_IP_HEADER;
	if (ip->version_ihl != 0x45)
		return DP_DROP_IP_OPTIONS;
	if ((p->m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) != RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
		dp_sum_fold(dp_sum(ip, sizeof(*ip))) != 0xffff)
		return DP_DROP_IP_CHECKSUM;
	if (ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK))
		return DP_DROP_FRAGMENT;
	if (is_bad_source4((const uint8_t *)&ip->src_addr))
		return DP_DROP_IP_SOURCE;
	p->laddr = find_laddr(w, p, 4, (const uint8_t *)&ip->dst_addr);
	if (p->laddr == DP_LADDR_MAX)
		return DP_DROP_IP_DEST;
	p->is_v4 = true;
	p->ip = (const uint8_t *)ip;
	p->ip_off = (uint8_t)off;
	if (ip->next_proto_id == IPPROTO_ICMP) {
		p->is_l2 = true;
		return dp_drop_COUNT;
	}
	if (ip->next_proto_id != IPPROTO_UDP)
		return DP_DROP_L4_PROTO;
	return parse_udp(p, (uint16_t)(off + sizeof(*ip)), (uint16_t)(total - sizeof(*ip)));
}

#define ND_FIRST 133	/* router solicitation .. redirect (RFC 4861 4) */
#define ND_LAST 137

/*
 * ND goes to addresses of all kinds, and comes from nobody's while an address is being tried (RFC 4862 5.4.2); but it
 * comes from this link: hop limit 255 (RFC 4861 7.1).
 */
static enum dp_drop parse_icmpv6(struct dp_worker *w, struct dp_pkt *p, const struct rte_ipv6_hdr *ip, uint16_t room)
{
	static const uint8_t unspecified[16];
	uint8_t type;

	if (room == sizeof(*ip))
		return DP_DROP_RUNT;
	type = *(const uint8_t *)(ip + 1);
	p->is_l2 = true;
	p->is_known = type >= ND_FIRST && type <= ND_LAST && ip->hop_limits == 255;
	if (is_bad_source6(ip->src_addr) && !(p->is_known && memcmp(ip->src_addr, unspecified, 16) == 0))
		return DP_DROP_IP_SOURCE;
	if (!p->is_known && find_laddr(w, p, 6, ip->dst_addr) == DP_LADDR_MAX)
		return DP_DROP_IP_DEST;
	return dp_drop_COUNT;
}

static enum dp_drop parse_ipv6(struct dp_worker *w, struct dp_pkt *p, uint16_t off)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(p->m, const struct rte_ipv6_hdr *, off);
	uint16_t room = (uint16_t)(p->m->data_len - off), len;

	if (room < sizeof(*ip))
		return DP_DROP_RUNT;
	len = rte_be_to_cpu_16(ip->payload_len);
	if ((rte_be_to_cpu_32(ip->vtc_flow) >> 28) != 6 || len > room - sizeof(*ip))
		return DP_DROP_IP_HEADER;
	if (ip->proto == IPPROTO_ICMPV6)
		return parse_icmpv6(w, p, ip, room);
	if (is_bad_source6(ip->src_addr))
		return DP_DROP_IP_SOURCE;
	p->laddr = find_laddr(w, p, 6, ip->dst_addr);
	if (p->laddr == DP_LADDR_MAX)
		return DP_DROP_IP_DEST;
	if (ip->proto == IPPROTO_FRAGMENT)
		return DP_DROP_FRAGMENT;
	if (ip->proto != IPPROTO_UDP)
		return ip->proto == IPPROTO_HOPOPTS || ip->proto == IPPROTO_ROUTING ||
				ip->proto == IPPROTO_DSTOPTS ?
			DP_DROP_IP_OPTIONS : DP_DROP_L4_PROTO;
	p->is_v4 = false;
	p->ip = (const uint8_t *)ip;
	p->ip_off = (uint8_t)off;
	return parse_udp(p, (uint16_t)(off + sizeof(*ip)), len);
}

enum dp_drop dp_parse(struct dp_worker *w, struct dp_pkt *p)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(p->m, const struct rte_ether_hdr *);
	uint16_t off = sizeof(*eth);
	rte_be16_t type;

	if (p->m->nb_segs != 1 || p->m->data_len < sizeof(*eth))
		return DP_DROP_RUNT;
	type = eth->ether_type;
	p->is_l2 = p->is_known = p->is_elsewhere = p->is_stray = p->teaches = p->is_only_followed = false;
	p->mid_ext = 0;
	p->vlan = 0;
	if (p->m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		p->vlan = p->m->vlan_tci & 0xfff;
	} else if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN)) {
		const struct rte_vlan_hdr *v =
			rte_pktmbuf_mtod_offset(p->m, const struct rte_vlan_hdr *, off);

		off += sizeof(*v);
		if (p->m->data_len < off)
			return DP_DROP_RUNT;
		p->vlan = rte_be_to_cpu_16(v->vlan_tci) & 0xfff;
		type = v->eth_proto;
	}
	if (!rte_is_multicast_ether_addr(&eth->dst_addr) &&
		!rte_is_same_ether_addr(&eth->dst_addr, &w->fast->mac[p->m->port]))
		return DP_DROP_L2;
	if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) {
		p->is_l2 = p->is_known = true;
		return dp_drop_COUNT;
	}
	if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		return parse_ipv4(w, p, off);
	if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		return parse_ipv6(w, p, off);
	return DP_DROP_L2;
}
