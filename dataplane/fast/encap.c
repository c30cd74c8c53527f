/* SPDX-License-Identifier: Apache-2.0 */
/* New Ethernet, VLAN, IP and UDP headers before a payload: the NAT of RTP, and what we send ourselves. */
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/fast/cksum.h"
#include "dataplane/fast/fast_int.h"

#define HOP_LIMIT 64
#define ECN_BITS 3u

static uint8_t tos_of(const struct dp_path *p)
{
	return p->keep_dscp ? 0 : (uint8_t)(p->dscp << 2);
}

static void make_ipv4(struct rte_ipv4_hdr *ip, const struct dp_laddr *l, const struct dp_path *p)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.type_of_service = tos_of(p),
		/* RFC 6864: an atomic datagram (DF set) needs no identification */
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = HOP_LIMIT,
		.next_proto_id = IPPROTO_UDP,
	};
	memcpy(&ip->src_addr, l->ip.b, 4);
	memcpy(&ip->dst_addr, p->remote.b, 4);
}

static void make_ipv6(struct rte_ipv6_hdr *ip, const struct dp_laddr *l, const struct dp_path *p)
{
	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(6u << 28 | (uint32_t)tos_of(p) << 20),
		.proto = IPPROTO_UDP,
		.hop_limits = HOP_LIMIT,
	};
	memcpy(ip->src_addr, l->ip.b, 16);
	memcpy(ip->dst_addr, p->remote.b, 16);
}

static uint8_t make_ethernet(uint8_t *p, const struct dp_nexthop *nh, bool is_v4)
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)p;
	rte_be16_t type = rte_cpu_to_be_16(is_v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	struct rte_vlan_hdr *v = (struct rte_vlan_hdr *)(eth + 1);

	memcpy(&eth->src_addr, nh->src_mac, RTE_ETHER_ADDR_LEN);
	memcpy(&eth->dst_addr, nh->dst_mac, RTE_ETHER_ADDR_LEN);
	eth->ether_type = type;
	if (!nh->vlan)
		return sizeof(*eth);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
	v->vlan_tci = rte_cpu_to_be_16(nh->vlan);
	v->eth_proto = type;
	return sizeof(*eth) + sizeof(*v);
}

static uint8_t reason(const struct dp_nexthop *nh, const struct dp_path *path, const struct dp_laddr *l)
{
	if (path->remote.family != l->ip.family || path->remote.port == 0)
		return DP_DROP_NO_DEST;
	return nh->is_valid ? dp_drop_COUNT : DP_DROP_NO_NEXTHOP;
}

void dp_encap_make(const struct dp_fast *f, const struct dp_nexthop *nh, const struct dp_path *path,
	struct dp_encap *e)
{
	const struct dp_laddr *l = &f->laddrs[path->laddr % DP_LADDR_MAX];
	bool is_v4 = l->ip.family == 4;
	size_t ip_bytes = is_v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	struct rte_udp_hdr *udp;
	uint8_t *ip;

	memset(e, 0, sizeof(*e));
	e->version = nh->version;
	e->nexthop = path->nexthop % DP_NEXTHOPS_MAX;
	e->why = reason(nh, path, l);
	if (e->why != dp_drop_COUNT)
		return;
	e->is_v4 = is_v4;
	e->keep_tos = path->keep_dscp ? UINT8_MAX : ECN_BITS;
	/* what we send to ourselves sees no device */
	e->is_nic_sum = f->has_nic_sum[nh->ethdev] && !nh->is_own;
	e->ethdev = nh->is_own ? nh->ethdev | DP_PORT_OWN : nh->ethdev;
	e->room = (uint16_t)(f->mtu[nh->ethdev] - ip_bytes - sizeof(*udp));
	e->l2_bytes = make_ethernet(e->bytes, nh, is_v4);
	e->n_bytes = (uint8_t)(e->l2_bytes + ip_bytes + sizeof(*udp));
	ip = e->bytes + e->l2_bytes;
	udp = (struct rte_udp_hdr *)(ip + ip_bytes);
	udp->src_port = rte_cpu_to_be_16(path->local_port);
	udp->dst_port = rte_cpu_to_be_16(path->remote.port);
	if (is_v4) {
		struct rte_ipv4_hdr *h = (struct rte_ipv4_hdr *)ip;

		make_ipv4(h, l, path);
		e->ip_sum = dp_sum_fold(dp_sum(h, sizeof(*h)));
		e->udp_sum = dp_sum_fold(dp_sum(&h->src_addr, 8) + rte_cpu_to_be_16(IPPROTO_UDP));
	} else {
		struct rte_ipv6_hdr *h = (struct rte_ipv6_hdr *)ip;

		make_ipv6(h, l, path);
		e->udp_sum = dp_sum_fold(dp_sum(h->src_addr, 32) + rte_cpu_to_be_16(IPPROTO_UDP));
	}
	if (!e->is_nic_sum)
		e->udp_sum = dp_sum_fold(e->udp_sum + dp_sum(udp, sizeof(*udp)));
}

/* What the device must be told, and the sum it starts from. */
static uint16_t ask_nic(const struct dp_encap *e, struct rte_mbuf *m, rte_be16_t udp_len)
{
	m->l2_len = e->l2_bytes;
	m->l3_len = e->n_bytes - e->l2_bytes - sizeof(struct rte_udp_hdr);
	m->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM | (e->is_v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
	return dp_sum_fold((uint64_t)e->udp_sum + udp_len);
}

enum dp_drop dp_encap_put(const struct dp_encap *e, struct rte_mbuf *m, uint8_t tos)
{
	uint16_t payload = m->data_len;
	rte_be16_t udp_len = rte_cpu_to_be_16((uint16_t)(payload + sizeof(struct rte_udp_hdr)));
	struct rte_udp_hdr *udp;
	uint16_t sum = 0;
	uint8_t *p;

	if (unlikely(e->why != dp_drop_COUNT))
		return (enum dp_drop)e->why;
	if (unlikely(payload > e->room))
		return DP_DROP_MTU;
	/* the length stands in the pseudo header and in the UDP header */
	if (!e->is_nic_sum)
		sum = (uint16_t)~dp_sum_fold(dp_sum(rte_pktmbuf_mtod(m, void *), payload) + e->udp_sum +
			2 * (uint64_t)udp_len);
	p = (uint8_t *)rte_pktmbuf_prepend(m, e->n_bytes);
	if (unlikely(!p))
		return DP_DROP_HEADROOM;
	memcpy(p, e->bytes, 42);	/* of IPv4 without VLAN all of it: a fixed length is a few moves */
	if (e->n_bytes > 42)
		memcpy(p + 42, e->bytes + 42, e->n_bytes - 42u);
	udp = (struct rte_udp_hdr *)(p + e->n_bytes - sizeof(*udp));
	udp->dgram_len = udp_len;
	m->ol_flags = 0;
	tos &= e->keep_tos;	/* there the template has zeros */
	if (unlikely(e->is_nic_sum))
		udp->dgram_cksum = ask_nic(e, m, udp_len);
	else
		udp->dgram_cksum = sum ? sum : 0xffff;	/* 0 would mean "none" */
	if (e->is_v4) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(p + e->l2_bytes);

		ip->type_of_service |= tos;
		ip->total_length = rte_cpu_to_be_16((uint16_t)(payload + sizeof(*udp) + sizeof(*ip)));
		ip->hdr_checksum = (uint16_t)~dp_sum_fold((uint64_t)e->ip_sum + ip->total_length + rte_cpu_to_be_16(tos));
	} else {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(p + e->l2_bytes);

		ip->vtc_flow |= rte_cpu_to_be_32((uint32_t)tos << 20);
		ip->payload_len = udp_len;
	}
	m->port = e->ethdev;
	return dp_drop_COUNT;
}

bool dp_encap_hops(const struct dp_encap *e, struct rte_mbuf *m, uint8_t hops)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, e->l2_bytes);
	struct rte_ipv4_hdr *v4 = (struct rte_ipv4_hdr *)ip;

	if (hops <= 1)
		return false;
	hops = (uint8_t)(hops - 1 < HOP_LIMIT ? hops - 1 : HOP_LIMIT);
	if (!e->is_v4) {
		((struct rte_ipv6_hdr *)ip)->hop_limits = hops;
		return true;
	}
	v4->time_to_live = hops;
	v4->hdr_checksum = 0;
	v4->hdr_checksum = (uint16_t)~dp_sum_fold(dp_sum(v4, sizeof(*v4)));
	return true;
}
