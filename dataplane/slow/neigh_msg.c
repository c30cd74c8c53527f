/* SPDX-License-Identifier: Apache-2.0 */
/* ARP, neighbour discovery and echo: the frames themselves, checked and answered. */
#include <rte_arp.h>
#include <rte_ethdev.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "dataplane/fast/cksum.h"
#include "dataplane/slow/neigh_int.h"

#define ECHO_PER_S 100u
#define ND_NS 135
#define ND_NA 136
#define ND_OPTIONS 24u           /* of both: where options begin */
#define ND_SOURCE_LLA 1
#define ND_TARGET_LLA 2
#define ND_SOLICITED 0x40
#define ND_OVERRIDE 0x20
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY 129

static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
static const uint8_t unspecified[16];

/* ---- frames we make ----------------------------------------------------------------------------- */

static struct rte_mbuf *new_frame(struct dp_neigh *n, uint16_t laddr, const uint8_t *dst, uint16_t type, uint16_t body,
	uint8_t **p)
{
	const struct dp_laddr *l = &n->laddrs[laddr];
	struct rte_mbuf *m = rte_pktmbuf_alloc(n->c.pool);
	uint16_t l2 = l->vlan ? 18 : 14;
	struct rte_ether_addr mac;
	uint8_t *f = m ? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(l2 + body)) : NULL;

	if (!f || rte_eth_macaddr_get(l->ethdev, &mac)) {
		rte_pktmbuf_free(m);
		n->ctr[neigh_no_buffer]++;
		return NULL;
	}
	memcpy(f, dst, 6);
	memcpy(f + 6, &mac, 6);
	if (l->vlan) {
		f[12] = 0x81, f[13] = 0;
		f[14] = (uint8_t)(l->vlan >> 8), f[15] = (uint8_t)l->vlan;
	}
	f[l2 - 2] = (uint8_t)(type >> 8);
	f[l2 - 1] = (uint8_t)type;
	memset(f + l2, 0, body);
	m->port = l->ethdev;
	*p = f + l2;
	return m;
}

static void send_arp(struct dp_neigh *n, uint16_t laddr, uint16_t op, const uint8_t *dst_mac, const uint8_t *target_ip)
{
	struct rte_ether_addr mac;
	struct rte_arp_hdr *a;
	uint8_t *p;
	struct rte_mbuf *m = new_frame(n, laddr, dst_mac ? dst_mac : broadcast_mac, RTE_ETHER_TYPE_ARP, sizeof(*a), &p);

	if (!m)
		return;
	rte_eth_macaddr_get(n->laddrs[laddr].ethdev, &mac);
	a = (struct rte_arp_hdr *)p;
	a->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	a->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	a->arp_hlen = 6;
	a->arp_plen = 4;
	a->arp_opcode = rte_cpu_to_be_16(op);
	a->arp_data.arp_sha = mac;
	memcpy(&a->arp_data.arp_sip, n->laddrs[laddr].ip.b, 4);
	if (dst_mac)
		memcpy(&a->arp_data.arp_tha, dst_mac, 6);
	memcpy(&a->arp_data.arp_tip, target_ip, 4);
	dp_tx_frame(n->c.fast, m);
}

static void finish_icmp6(struct rte_ipv6_hdr *ip, uint8_t *icmp, uint16_t len)
{
	uint16_t sum;

	ip->vtc_flow = rte_cpu_to_be_32(6u << 28);
	ip->payload_len = rte_cpu_to_be_16(len);
	ip->proto = IPPROTO_ICMPV6;
	ip->hop_limits = 255;
	icmp[2] = icmp[3] = 0;
	sum = rte_ipv6_udptcp_cksum(ip, icmp);
	memcpy(icmp + 2, &sum, 2);
}

/* A message of one option, the port's own address; the rest is the caller's. */
static struct rte_mbuf *new_nd(struct dp_neigh *n, uint16_t laddr, const uint8_t *dst_mac, const uint8_t *dst_ip,
	uint8_t **icmp)
{
	struct rte_ether_addr mac;
	struct rte_ipv6_hdr *ip;
	uint8_t *p;
	struct rte_mbuf *m = new_frame(n, laddr, dst_mac, RTE_ETHER_TYPE_IPV6, sizeof(*ip) + ND_OPTIONS + 8, &p);

	if (!m)
		return NULL;
	rte_eth_macaddr_get(n->laddrs[laddr].ethdev, &mac);
	ip = (struct rte_ipv6_hdr *)p;
	memcpy(ip->src_addr, n->laddrs[laddr].ip.b, 16);
	memcpy(ip->dst_addr, dst_ip, 16);
	p += sizeof(*ip);
	p[ND_OPTIONS + 1] = 1;		/* of eight bytes */
	memcpy(p + ND_OPTIONS + 2, &mac, 6);
	*icmp = p;
	return m;
}

static void send_nd(struct dp_neigh *n, struct rte_mbuf *m, uint8_t *icmp)
{
	finish_icmp6((struct rte_ipv6_hdr *)(icmp - sizeof(struct rte_ipv6_hdr)), icmp, ND_OPTIONS + 8);
	dp_tx_frame(n->c.fast, m);
}

/* To the solicited-node address of the target (RFC 4291 2.7.1). */
static void send_ns(struct dp_neigh *n, uint16_t laddr, const uint8_t *t)
{
	const uint8_t mac[6] = { 0x33, 0x33, 0xff, t[13], t[14], t[15] };
	const uint8_t ip[16] = { 0xff, 2, [11] = 1, 0xff, t[13], t[14], t[15] };
	uint8_t *icmp;
	struct rte_mbuf *m = new_nd(n, laddr, mac, ip, &icmp);

	if (!m)
		return;
	icmp[0] = ND_NS;
	memcpy(icmp + 8, t, 16);
	icmp[ND_OPTIONS] = ND_SOURCE_LLA;
	send_nd(n, m, icmp);
}

/* RFC 4861 7.2.4: who asks without an address of his own (is it taken?) is told by way of all nodes, unsolicited. */
static void send_na(struct dp_neigh *n, uint16_t laddr, const uint8_t *asker_mac, const uint8_t *asker)
{
	bool has_address = memcmp(asker, unspecified, 16) != 0;
	uint8_t *icmp;
	struct rte_mbuf *m = has_address ? new_nd(n, laddr, asker_mac, asker, &icmp) :
					   new_nd(n, laddr, all_nodes_mac, all_nodes, &icmp);

	if (!m)
		return;
	icmp[0] = ND_NA;
	icmp[4] = has_address ? ND_SOLICITED | ND_OVERRIDE : ND_OVERRIDE;
	memcpy(icmp + 8, n->laddrs[laddr].ip.b, 16);
	icmp[ND_OPTIONS] = ND_TARGET_LLA;
	send_nd(n, m, icmp);
}

void dp_neigh_solicit(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *ip)
{
	if (ip->family == 4)
		send_arp(n, laddr, RTE_ARP_OP_REQUEST, NULL, ip->b);
	else
		send_ns(n, laddr, ip->b);
}

/* ---- frames that came in -------------------------------------------------------------------------- */

/* What became of a frame: ANSWERED in place (the mbuf is gone), TAKEN, or the counter it is refused under. */
#define TAKEN ((int)dp_neigh_ctr_COUNT)
#define ANSWERED (TAKEN + 1)

struct frame {
	struct rte_mbuf *m;
	const struct dp_punt_info *info;
	uint8_t *l2, *l3;
	size_t len;                   /* from l3 */
	uint64_t now_ms;
};

static uint16_t our_laddr(const struct dp_neigh *n, const struct dp_punt_info *i, uint8_t family, const uint8_t *ip)
{
	for (uint16_t k = 0; k < n->c.n_laddrs; k++) {
		const struct dp_laddr *l = &n->laddrs[k];

		if (l->ethdev == i->ethdev && l->vlan == i->vlan && l->ip.family == family &&
			memcmp(l->ip.b, ip, family == 4 ? 4 : 16) == 0)
			return k;
	}
	return DP_LADDR_MAX;
}

static int input_arp(struct dp_neigh *n, const struct frame *f)
{
	const struct rte_arp_hdr *a = (const struct rte_arp_hdr *)f->l3;
	const uint8_t *sha = (const uint8_t *)&a->arp_data.arp_sha, *sip = (const uint8_t *)&a->arp_data.arp_sip;
	struct gw_addr sender = { .family = 4 };
	uint16_t laddr;

	if (f->len < sizeof(*a) || a->arp_protocol != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		a->arp_hlen != 6 || a->arp_plen != 4)
		return neigh_malformed;
	laddr = our_laddr(n, f->info, 4, (const uint8_t *)&a->arp_data.arp_tip);
	if (laddr == DP_LADDR_MAX)
		return neigh_not_ours;	/* neither answered nor learnt (no gratuitous poisoning) */
	if (sha[0] & 1 || sip[0] >= 224 || our_laddr(n, f->info, 4, sip) != DP_LADDR_MAX)
		return neigh_source;
	memcpy(sender.b, sip, 4);
	dp_neigh_learn(n, laddr, &sender, sha, f->now_ms);
	if (a->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST))
		send_arp(n, laddr, RTE_ARP_OP_REPLY, sha, sip);
	return TAKEN;
}

static bool may_echo(struct dp_neigh *n, uint64_t now_ms)
{
	if (now_ms >= n->echo_window_ms) {
		n->echo_window_ms = now_ms + 1000;
		n->echo_left = ECHO_PER_S;
	}
	if (n->echo_left == 0)
		return false;
	n->echo_left--;
	return true;
}

/* Both ends are one host each: an answer to many, or to ourselves, would make us an amplifier (RFC 1122 3.2.2.6). */
static bool is_one_to_one(const struct dp_neigh *n, const struct frame *f, uint8_t family, const uint8_t *src)
{
	return !(f->l2[0] & 1) && !(f->l2[6] & 1) && our_laddr(n, f->info, family, src) == DP_LADDR_MAX;
}

static int turn_round(struct dp_neigh *n, const struct frame *f)
{
	uint8_t mac[6];

	memcpy(mac, f->l2, 6), memcpy(f->l2, f->l2 + 6, 6), memcpy(f->l2 + 6, mac, 6);
	f->m->ol_flags = 0;
	dp_tx_frame(n->c.fast, f->m);
	return ANSWERED;
}

/* The worker has checked the header: version, length of it, sum, fragment, source. */
static int input_icmp4(struct dp_neigh *n, const struct frame *f)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)f->l3;
	uint8_t *icmp = f->l3 + sizeof(*ip);
	uint16_t total, sum;
	rte_be32_t t;

	if (f->len < sizeof(*ip) + 8)
		return neigh_malformed;
	total = rte_be_to_cpu_16(ip->total_length);
	if (total > f->len || total < sizeof(*ip) + 8)
		return neigh_malformed;
	if (ip->next_proto_id != IPPROTO_ICMP || icmp[0] != RTE_IP_ICMP_ECHO_REQUEST || icmp[1] != 0)
		return neigh_unhandled;
	if (our_laddr(n, f->info, 4, (const uint8_t *)&ip->dst_addr) == DP_LADDR_MAX)
		return neigh_not_ours;
	if (!is_one_to_one(n, f, 4, (const uint8_t *)&ip->src_addr) || *(const uint8_t *)&ip->src_addr >= 224)
		return neigh_source;
	if (!may_echo(n, f->now_ms))
		return neigh_echo_rate;
	if (rte_raw_cksum(icmp, total - sizeof(*ip)) != 0xffff)
		return neigh_checksum;
	icmp[0] = RTE_IP_ICMP_ECHO_REPLY;
	icmp[2] = icmp[3] = 0;
	sum = (uint16_t)~rte_raw_cksum(icmp, total - sizeof(*ip));
	memcpy(icmp + 2, &sum, 2);
	t = ip->src_addr, ip->src_addr = ip->dst_addr, ip->dst_addr = t;
	ip->time_to_live = 64;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return turn_round(n, f);
}

static int input_echo6(struct dp_neigh *n, const struct frame *f, struct rte_ipv6_hdr *ip, uint8_t *icmp, uint16_t len)
{
	uint8_t tmp[16];

	if (our_laddr(n, f->info, 6, ip->dst_addr) == DP_LADDR_MAX)
		return neigh_not_ours;
	if (!is_one_to_one(n, f, 6, ip->src_addr) || ip->src_addr[0] == 0xff || !memcmp(ip->src_addr, unspecified, 16))
		return neigh_source;
	if (!may_echo(n, f->now_ms))
		return neigh_echo_rate;
	icmp[0] = ICMP6_ECHO_REPLY;
	memcpy(tmp, ip->src_addr, 16), memcpy(ip->src_addr, ip->dst_addr, 16), memcpy(ip->dst_addr, tmp, 16);
	finish_icmp6(ip, icmp, len);
	return turn_round(n, f);
}

/* RFC 4861 7.1: an option of no length makes the message void. *lla is left alone when there is no such option. */
static bool read_options(const uint8_t *icmp, size_t len, uint8_t kind, const uint8_t **lla)
{
	size_t at = ND_OPTIONS;

	while (at < len) {
		size_t n = len - at < 2 ? 0 : (size_t)icmp[at + 1] * 8;

		if (n == 0 || n > len - at)
			return false;
		if (icmp[at] == kind)
			*lla = icmp + at + 2;
		at += n;
	}
	return true;
}

static int input_ns(struct dp_neigh *n, const struct frame *f, const struct rte_ipv6_hdr *ip, const uint8_t *icmp,
	size_t len)
{
	const uint8_t *lla = NULL, *mac = f->l2 + 6;
	struct gw_addr asker = { .family = 6 };
	uint16_t laddr = our_laddr(n, f->info, 6, icmp + 8);

	if (!read_options(icmp, len, ND_SOURCE_LLA, &lla))
		return neigh_malformed;
	if (laddr == DP_LADDR_MAX)
		return neigh_not_ours;
	if (memcmp(ip->src_addr, unspecified, 16) == 0) {
		if (lla || ip->dst_addr[0] != 0xff)	/* RFC 4861 7.1.1 */
			return neigh_malformed;
		send_na(n, laddr, NULL, unspecified);
		return TAKEN;
	}
	if (lla)
		mac = lla;
	if (mac[0] & 1 || ip->src_addr[0] == 0xff || our_laddr(n, f->info, 6, ip->src_addr) != DP_LADDR_MAX)
		return neigh_source;
	memcpy(asker.b, ip->src_addr, 16);
	dp_neigh_learn(n, laddr, &asker, mac, f->now_ms);
	send_na(n, laddr, mac, ip->src_addr);
	return TAKEN;
}

static int input_na(struct dp_neigh *n, const struct frame *f, const struct rte_ipv6_hdr *ip, const uint8_t *icmp,
	uint16_t len)
{
	uint16_t laddr = our_laddr(n, f->info, 6, ip->dst_addr);
	struct gw_addr target = { .family = 6 };
	const uint8_t *lla = NULL;

	if (!read_options(icmp, len, ND_TARGET_LLA, &lla))
		return neigh_malformed;
	if (!lla)
		return neigh_unhandled;
	if (laddr == DP_LADDR_MAX)
		return neigh_not_ours;
	if (lla[0] & 1 || icmp[8] == 0xff)
		return neigh_source;
	memcpy(target.b, icmp + 8, 16);
	dp_neigh_learn(n, laddr, &target, lla, f->now_ms);
	return TAKEN;
}

static int input_icmp6(struct dp_neigh *n, const struct frame *f)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)f->l3;
	uint8_t *icmp = f->l3 + sizeof(*ip);
	uint16_t len;

	if (f->len < sizeof(*ip) + 8)
		return neigh_malformed;
	len = rte_be_to_cpu_16(ip->payload_len);
	if (ip->proto != IPPROTO_ICMPV6 || len > f->len - sizeof(*ip) || len < 8)
		return neigh_malformed;
	if (icmp[0] != ICMP6_ECHO_REQUEST && icmp[0] != ND_NS && icmp[0] != ND_NA)
		return neigh_unhandled;
	if (dp_sum_fold(dp_sum(ip->src_addr, 32) + rte_cpu_to_be_16(IPPROTO_ICMPV6) + ip->payload_len +
			dp_sum(icmp, len)) != 0xffff)
		return neigh_checksum;
	if (icmp[0] == ICMP6_ECHO_REQUEST)
		return input_echo6(n, f, ip, icmp, len);
	/* RFC 4861 7.1: only from the link itself, which hop limit 255 proves */
	if (ip->hop_limits != 255)
		return neigh_hop_limit;
	if (icmp[1] != 0 || len < ND_OPTIONS)
		return neigh_malformed;
	return icmp[0] == ND_NS ? input_ns(n, f, ip, icmp, len) : input_na(n, f, ip, icmp, len);
}

static int input(struct dp_neigh *n, struct frame *f)
{
	size_t off = 14;
	uint16_t type;

	if (f->m->data_len >= 18 && f->l2[12] == 0x81 && f->l2[13] == 0)
		off = 18;
	if (f->m->data_len < off)
		return neigh_malformed;
	type = (uint16_t)(f->l2[off - 2] << 8 | f->l2[off - 1]);
	f->l3 = f->l2 + off;
	f->len = f->m->data_len - off;
	if (type == RTE_ETHER_TYPE_ARP)
		return input_arp(n, f);
	if (type == RTE_ETHER_TYPE_IPV4)
		return input_icmp4(n, f);
	return type == RTE_ETHER_TYPE_IPV6 ? input_icmp6(n, f) : neigh_unhandled;
}

void dp_neigh_input(struct dp_neigh *n, struct rte_mbuf *m, uint64_t now_ms)
{
	struct frame f = { m, dp_punt_info(m), rte_pktmbuf_mtod(m, uint8_t *), NULL, 0, now_ms };
	int r = input(n, &f);

	if (r < TAKEN)
		n->ctr[r]++;
	if (r != ANSWERED)
		rte_pktmbuf_free(m);
}
