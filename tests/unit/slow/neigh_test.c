/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours on two ring ports: what is asked, learnt, answered, refused, and what the workers know of it. */
#include "tests/unit/fast/rig.h"

#include <rte_arp.h>

#include "dataplane/slow/neigh.h"

enum { OTHER = LADDRS, N_LADDRS };	/* a second realm on the access port */

#define SOLICITED_MAC { 0x33, 0x33, 0xff, 0, 0, 0x10 }

static const uint8_t them[6] = { 2, 0, 0, 0, 0, 0x99 }, many[6] = { 3, 0, 0, 0, 0, 0x99 };
static const uint8_t us6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x10 };
static const uint8_t solicited[16] = { 0xff, 2, [11] = 1, 0xff, [15] = 0x10 };
static const uint8_t them6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 }, nobody[16], group6[16] = { 0xff, 2, [15] = 7 };
static const struct gw_addr router = { .family = 4, .b = { 192, 0, 2, 254 } };
static const struct gw_addr router6 = { .family = 6, .b = { 0x20, 1, 0xd, 0xb8, [15] = 0xfe } };
static const struct gw_addr other_router = { .family = 4, .b = { 192, 0, 3, 254 } };
static const struct gw_addr any4 = { .family = 4 }, any6 = { .family = 6 };

static struct dp_fast *fast;
static struct dp_neigh *n;
static struct dp_laddr laddrs[N_LADDRS];

static enum gw_err open_with(const struct dp_route *routes, unsigned n_routes)
{
	static const uint16_t realms[N_LADDRS] = { [CORE] = 1, [OTHER] = 2 };
	struct dp_neigh_conf c = { .fast = fast, .pool = pool, .laddrs = laddrs, .laddr_realms = realms,
		.n_laddrs = N_LADDRS, .routes = routes, .n_routes = n_routes };

	return dp_neigh_new(&n, &c);
}

static int begin(void **state)
{
	const struct dp_route routes[] = {
		{ { .family = 4, .b = { 192, 0, 2, 0 } }, 24, { 0 }, ACCESS },
		{ { .family = 4, .b = { 10, 20, 0, 0 } }, 16, { 0 }, CORE },
		{ { .family = 6, .b = { 0x20, 1, 0xd, 0xb8 } }, 64, { 0 }, ACCESS6 },
		{ any4, 0, other_router, OTHER },
		{ any4, 0, router, ACCESS },
		{ any6, 0, router6, ACCESS6 },
	};

	(void)state;
	laddrs[ACCESS] = (struct dp_laddr){ { .family = 4, .b = { 192, 0, 2, 10 } }, ethdev[0], 0 };
	laddrs[CORE] = (struct dp_laddr){ { .family = 4, .b = { 10, 20, 0, 10 } }, ethdev[1], 0 };
	laddrs[ACCESS6] = (struct dp_laddr){ { .family = 6 }, ethdev[0], 0 };
	memcpy(laddrs[ACCESS6].ip.b, us6, 16);
	laddrs[OTHER] = (struct dp_laddr){ { .family = 4, .b = { 192, 0, 3, 10 } }, ethdev[0], 0 };
	fast = gateway(1);
	poll_all(fast);
	assert_int_equal(open_with(routes, 6), GW_OK);
	return 0;
}

static int end(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	poll_all(fast);
	for (unsigned d = 0; d < 2; d++)
		while ((m = take(d)))
			rte_pktmbuf_free(m);
	(void)punts(fast, 0);
	dp_neigh_free(n);
	dp_fast_free(fast);
	return 0;
}

static uint64_t count(enum dp_neigh_ctr c)
{
	return dp_neigh_counters(n)[c];
}

/* ---- frames --------------------------------------------------------------------------------------- */

static struct rte_mbuf *ethernet(unsigned dev, const uint8_t *dst, const uint8_t *src, uint16_t type, uint16_t body,
	uint8_t **p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *e = NULL;

	if (m)
		e = (struct rte_ether_hdr *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*e) + body));
	if (!e)
		abort();
	memset(e, 0, sizeof(*e) + body);
	if (dst)
		memcpy(&e->dst_addr, dst, 6);
	else
		assert_int_equal(rte_eth_macaddr_get(ethdev[dev], &e->dst_addr), 0);
	memcpy(&e->src_addr, src, 6);
	e->ether_type = rte_cpu_to_be_16(type);
	m->port = ethdev[dev];
	*p = (uint8_t *)(e + 1);
	return m;
}

/* What a worker would say of it. */
static void input(struct rte_mbuf *m, uint64_t now_ms)
{
	*dp_punt_info(m) = (struct dp_punt_info){ .cls = DP_PUNT_L2, .laddr = DP_LADDR_MAX, .ethdev = m->port };
	dp_neigh_input(n, m, now_ms);
	poll_all(fast);
}

static void arp_reply(unsigned dev, const uint8_t *from_ip, const uint8_t *to_ip, const uint8_t *mac, uint64_t now_ms)
{
	struct rte_arp_hdr *a;
	uint8_t *p;
	struct rte_mbuf *m = ethernet(dev, NULL, mac, RTE_ETHER_TYPE_ARP, sizeof(*a), &p);

	a = (struct rte_arp_hdr *)p;
	*a = (struct rte_arp_hdr){ .arp_hardware = rte_cpu_to_be_16(1),
		.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4), .arp_hlen = 6, .arp_plen = 4, .arp_opcode = rte_cpu_to_be_16(2) };
	memcpy(&a->arp_data.arp_sha, mac, 6);
	memcpy(&a->arp_data.arp_sip, from_ip, 4);
	memcpy(&a->arp_data.arp_tip, to_ip, 4);
	*dp_punt_info(m) = (struct dp_punt_info){ .cls = DP_PUNT_L2, .laddr = DP_LADDR_MAX, .ethdev = m->port };
	dp_neigh_input(n, m, now_ms);
}

static struct rte_mbuf *icmp4(const uint8_t *dst_mac, const uint8_t *src_mac, const uint8_t *src)
{
	struct rte_ipv4_hdr *ip;
	uint8_t *p;
	struct rte_mbuf *m = ethernet(0, dst_mac, src_mac, RTE_ETHER_TYPE_IPV4, sizeof(*ip) + 12, &p);
	uint16_t sum;

	ip = (struct rte_ipv4_hdr *)p;
	*ip = (struct rte_ipv4_hdr){ .version_ihl = 0x45, .total_length = rte_cpu_to_be_16(sizeof(*ip) + 12),
		.time_to_live = 9, .next_proto_id = IPPROTO_ICMP };
	memcpy(&ip->src_addr, src, 4);
	memcpy(&ip->dst_addr, us, 4);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	p += sizeof(*ip);
	p[0] = 8;
	p[11] = 0x5a;
	sum = (uint16_t)~rte_raw_cksum(p, 12);
	memcpy(p + 2, &sum, 2);
	return m;
}

/* body: after type, code and checksum */
static struct rte_mbuf *icmp6(uint8_t type, const uint8_t *dst_mac, const uint8_t *src, const uint8_t *dst,
	const uint8_t *body, uint16_t bytes)
{
	struct rte_ipv6_hdr *ip;
	uint8_t *p;
	struct rte_mbuf *m = ethernet(0, dst_mac, them, RTE_ETHER_TYPE_IPV6, (uint16_t)(sizeof(*ip) + 4 + bytes), &p);
	uint16_t sum;

	ip = (struct rte_ipv6_hdr *)p;
	*ip = (struct rte_ipv6_hdr){ .vtc_flow = rte_cpu_to_be_32(6u << 28),
		.payload_len = rte_cpu_to_be_16((uint16_t)(4 + bytes)), .proto = IPPROTO_ICMPV6, .hop_limits = 255 };
	memcpy(ip->src_addr, src, 16);
	memcpy(ip->dst_addr, dst, 16);
	p += sizeof(*ip);
	p[0] = type;
	memcpy(p + 4, body, bytes);
	sum = rte_ipv6_udptcp_cksum(ip, p);
	memcpy(p + 2, &sum, 2);
	return m;
}

/* Of our address, with a source link-layer option or without any. */
static struct rte_mbuf *ns(const uint8_t *src, bool has_option)
{
	static const uint8_t mac[6] = SOLICITED_MAC;
	uint8_t body[28] = { 0 };

	memcpy(body + 4, us6, 16);
	body[20] = 1, body[21] = 1;
	memcpy(body + 22, them, 6);
	return icmp6(135, mac, src, solicited, body, has_option ? 28 : 20);
}

static struct rte_mbuf *echo6(const uint8_t *src)
{
	return icmp6(128, NULL, src, us6, (const uint8_t *)"\0\7\0\1abcd", 8);
}

/* ---- what comes out ----------------------------------------------------------------------------------- */

/* The next frame that left by this port: its bytes, to be read before the next call. NULL: none. */
static const uint8_t *sent(unsigned dev)
{
	static uint8_t bytes[256];
	struct rte_mbuf *m;

	poll_all(fast);
	m = take(dev);
	if (!m)
		return NULL;
	memcpy(bytes, rte_pktmbuf_mtod(m, void *), m->data_len < sizeof(bytes) ? m->data_len : sizeof(bytes));
	rte_pktmbuf_free(m);
	return bytes;
}

static bool is_silent(void)
{
	return !sent(0) && !sent(1);
}

static void clear_sent(void)
{
	while (sent(0) || sent(1))
		;
}

static uint16_t route(uint16_t laddr, const struct gw_addr *dst, uint64_t now_ms)
{
	uint16_t hop = UINT16_MAX;

	assert_int_equal(dp_neigh_route(n, laddr, dst, now_ms, &hop), GW_OK);
	return hop;
}

static struct gw_addr host(unsigned i)
{
	return (struct gw_addr){ .family = 4, .b = { 10, 20, (uint8_t)(1 + i / 250), (uint8_t)(1 + i % 250) } };
}

/* ---- routes ----------------------------------------------------------------------------------------------- */

static void a_router_is_asked_for_from_the_address_of_its_family(void **state)
{
	const struct gw_addr far6 = { .family = 6, .b = { 0x24, 1 } };
	bool is_asked4 = false, is_asked6 = false;
	const uint8_t *f;

	(void)state;
	dp_neigh_tick(n, 0);
	while ((f = sent(0))) {
		if (f[12] == 0x08 && f[13] == 0x06 && memcmp(f + 38, router.b, 4) == 0)
			is_asked4 = memcmp(f + 28, us, 4) == 0;
		if (f[12] == 0x86 && f[54] == 135 && memcmp(f + 62, router6.b, 16) == 0)
			is_asked6 = memcmp(f + 22, us6, 16) == 0;
	}
	assert_true(is_asked4);
	assert_true(is_asked6);
	(void)route(ACCESS6, &far6, 0);
	assert_true(is_silent());	/* by way of the router, who has been asked for */
}

static void a_route_of_another_family_than_its_address_is_refused(void **state)
{
	const struct dp_route bad = { any6, 0, router6, ACCESS };
	struct dp_neigh *old = n;

	(void)state;
	assert_int_equal(open_with(&bad, 1), GW_EINVAL);
	n = old;
}

static void no_route_leads_to_another_family(void **state)
{
	const struct gw_addr far6 = { .family = 6, .b = { 0x24, 1 } };
	uint16_t hop;

	(void)state;
	assert_int_equal(dp_neigh_route(n, ACCESS, &far6, 0, &hop), GW_ENOENT);
}

static void of_two_routes_of_one_length_the_own_realm_s_is_taken(void **state)
{
	const struct gw_addr far = { .family = 4, .b = { 203, 0, 113, 1 } };
	const uint16_t a = route(ACCESS, &far, 0), b = route(OTHER, &far, 0);

	(void)state;
	assert_int_not_equal(a, b);
	assert_int_equal(a, route(ACCESS, &router, 0));
	assert_int_equal(b, route(OTHER, &other_router, 0));
}

/* ---- the table -------------------------------------------------------------------------------------------- */

static void addresses_nobody_has_do_not_keep_a_new_host_out(void **state)
{
	struct gw_addr h;
	uint16_t hop;

	(void)state;
	for (unsigned i = 0; i < 2 * DP_NEXTHOPS_MAX; i++) {
		h = host(i);
		(void)route(CORE, &h, i);
		clear_sent();
	}
	hop = route(CORE, &core_peer, 5000);
	arp_reply(1, core_peer.b, core_us, them, 5001);
	for (unsigned i = 0; i < 2 * DP_NEXTHOPS_MAX; i++) {
		h = host(i);
		(void)route(CORE, &h, 6000 + i);
		clear_sent();
	}
	assert_int_equal(route(CORE, &core_peer, 9000), hop);	/* who answered stays */
	assert_int_equal(count(neigh_full), 0);
	/* and so do the routers, which have not been heard of */
	h = (struct gw_addr){ .family = 4, .b = { 203, 0, 113, 1 } };
	clear_sent();
	(void)route(ACCESS, &h, 9000);
	assert_true(is_silent());
}

static void a_table_of_hosts_that_answer_has_room_when_one_is_not_used(void **state)
{
	uint16_t hop = 0, oldest = 0;
	struct gw_addr h;
	unsigned i;

	(void)state;
	for (i = 0; dp_neigh_route(n, CORE, &(struct gw_addr){ .family = 4, .b = { 10, 20, (uint8_t)(1 + i / 250),
		(uint8_t)(1 + i % 250) } }, i, &hop) == GW_OK && i < DP_NEXTHOPS_MAX; i++) {
		h = host(i);
		if (i == 0)
			oldest = hop;
		arp_reply(1, h.b, core_us, them, i);
		clear_sent();
	}
	assert_int_equal(i, DP_NEXTHOPS_MAX - 3);	/* three are routers */
	assert_int_equal(count(neigh_full), 1);
	assert_int_equal(dp_neigh_route(n, CORE, &core_peer, 600001, &hop), GW_OK);
	assert_int_equal(hop, oldest);
}

static void what_never_answered_is_forgotten_after_a_minute(void **state)
{
	struct gw_addr h = host(0);

	(void)state;
	(void)route(CORE, &h, 1000);
	dp_neigh_tick(n, 61000);
	assert_int_equal(count(neigh_evicted), 0);
	dp_neigh_tick(n, 61001);
	assert_int_equal(count(neigh_evicted), 1);
	for (unsigned i = 0; i < 700; i++)	/* the routers are asked for still */
		dp_neigh_tick(n, 62000 + i * 100);
	assert_int_equal(count(neigh_evicted), 1);
	clear_sent();
}

/* The worker's own table, seen by where its packets go. */
static void a_next_hop_lost_to_a_full_ring_is_told_again_until_it_got_through(void **state)
{
	const struct dp_cmd filler = { .type = DP_CMD_NEXTHOP, .nexthop.index = DP_NEXTHOPS_MAX - 1 };
	struct dp_srtp_session *s = session(7, true);
	struct dp_flow_spec spec = core_flow(30000, s);
	const uint8_t *f;
	dp_flow_id id = 0;
	struct dp_cmd del = { .type = DP_CMD_FLOW_DEL };
	struct dp_event ev;

	(void)state;
	spec.out.nexthop = route(ACCESS, &peer, 0);
	(void)set(fast, &id, &spec);
	clear_sent();
	while (dp_cmd_send(fast, &filler) == GW_OK)
		;
	arp_reply(0, peer.b, us, them, 10);
	dp_neigh_tick(n, 20);
	dp_neigh_tick(n, 30);
	for (unsigned i = 0; i < 1000; i++)
		poll_all(fast);
	dp_neigh_tick(n, 40);
	clear_sent();
	give(1, framed(rtp(1, RTP_BYTES), 1, &core_peer, core_us, 30000));
	f = sent(0);
	assert_non_null(f);
	assert_memory_equal(f, them, 6);
	assert_true(count(neigh_late) > 0);
	del.flow = id;
	assert_int_equal(dp_cmd_send(fast, &del), GW_OK);
	poll_all(fast);
	assert_int_equal(dp_event_poll(fast, &ev, 1), 1);
	dp_srtp_burst.session_free(ev.old_srtp);
}

/* ---- answers ------------------------------------------------------------------------------------------------ */

static void a_solicitation_is_answered_to_who_asked(void **state)
{
	const uint8_t *f;

	(void)state;
	input(ns(them6, true), 0);
	f = sent(0);
	assert_non_null(f);
	assert_memory_equal(f, them, 6);
	assert_memory_equal(f + 38, them6, 16);
	assert_int_equal(f[54], 136);
	assert_int_equal(f[58], 0x60);		/* solicited, override */
}

/* RFC 4861 7.2.4 */
static void a_host_that_tries_our_address_hears_it_with_all_nodes(void **state)
{
	static const uint8_t all_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 }, all[16] = { 0xff, 2, [15] = 1 };
	const uint8_t *f;

	(void)state;
	input(ns(nobody, false), 0);
	f = sent(0);
	assert_non_null(f);
	assert_memory_equal(f, all_mac, 6);
	assert_memory_equal(f + 38, all, 16);
	assert_int_equal(f[54], 136);
	assert_int_equal(f[58], 0x20);		/* override only */
	assert_memory_equal(f + 62, us6, 16);
	input(ns(nobody, true), 0);		/* RFC 4861 7.1.1: void */
	assert_true(is_silent());
	assert_int_equal(count(neigh_malformed), 1);
}

static void icmpv6_with_a_wrong_checksum_is_neither_answered_nor_learnt(void **state)
{
	struct gw_addr h = { .family = 6 };
	struct rte_mbuf *m;

	(void)state;
	memcpy(h.b, them6, 16);
	(void)route(ACCESS6, &h, 0);
	clear_sent();
	m = ns(them6, true);
	rte_pktmbuf_mtod(m, uint8_t *)[56] ^= 1;
	input(m, 0);
	m = echo6(them6);
	rte_pktmbuf_mtod(m, uint8_t *)[65] ^= 1;
	input(m, 0);
	assert_true(is_silent());
	assert_int_equal(count(neigh_checksum), 2);
	dp_neigh_tick(n, 250);		/* had it been learnt, it would not be asked for again so soon */
	for (const uint8_t *f; (f = sent(0));)
		if (f[12] == 0x86 && memcmp(f + 62, them6, 16) == 0)
			return;
	fail();
}

static void echo_is_answered_to_one_host_only(void **state)
{
	const uint8_t group[4] = { 224, 0, 0, 9 };
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct rte_mbuf *m;
	const uint8_t *f;

	(void)state;
	input(icmp4(NULL, them, peer.b), 0);
	f = sent(0);
	assert_non_null(f);
	assert_memory_equal(f, them, 6);
	assert_int_equal(f[34], 0);
	input(echo6(them6), 0);
	f = sent(0);
	assert_non_null(f);
	assert_int_equal(f[54], 129);
	input(icmp4(NULL, many, peer.b), 0);
	input(icmp4(all, them, peer.b), 0);
	input(icmp4(NULL, them, group), 0);
	input(icmp4(NULL, them, us), 0);
	input(echo6(group6), 0);
	input(echo6(nobody), 0);
	input(echo6(us6), 0);
	m = echo6(them6);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 6, many, 6);
	input(m, 0);
	assert_true(is_silent());
	assert_int_equal(count(neigh_source), 8);
	m = icmp4(NULL, them, peer.b);
	rte_pktmbuf_mtod(m, uint8_t *)[45] ^= 1;
	input(m, 0);
	assert_true(is_silent());
	assert_int_equal(count(neigh_checksum), 1);
}

/* Cut by the link or on purpose: no answer is made of bytes that did not come. */
static void a_frame_cut_anywhere_is_refused(void **state)
{
	const unsigned bytes[3] = { 14 + 40 + 32, 14 + 40 + 12, 14 + 20 + 12 };

	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		for (unsigned len = 14; len < bytes[kind]; len++) {
			struct rte_mbuf *m = kind == 0 ? ns(them6, true) :
				kind == 1 ? echo6(them6) : icmp4(NULL, them, peer.b);

			assert_int_equal(m->data_len, bytes[kind]);
			rte_pktmbuf_trim(m, (uint16_t)(bytes[kind] - len));
			input(m, 0);
			assert_true(is_silent());
		}
	}
	assert_int_equal(count(neigh_malformed), 72 + 52 + 32);
}

/* RFC 4861 7.1: such a message must not be looked at any further. */
static void an_option_of_no_length_voids_the_message(void **state)
{
	static const uint8_t mac[6] = SOLICITED_MAC;
	uint8_t body[28] = { 0 };

	(void)state;
	memcpy(body + 4, us6, 16);
	body[20] = 1;
	input(icmp6(135, mac, them6, solicited, body, 28), 0);
	body[21] = 2;		/* longer than what is left */
	input(icmp6(135, mac, them6, solicited, body, 28), 0);
	assert_true(is_silent());
	assert_int_equal(count(neigh_malformed), 2);
}

static void refused_frames_are_counted_by_reason(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	m = icmp4(NULL, them, peer.b);
	rte_pktmbuf_trim(m, 9);
	input(m, 0);
	assert_int_equal(count(neigh_malformed), 1);
	arp_reply(0, peer.b, peer.b, them, 0);
	assert_int_equal(count(neigh_not_ours), 1);
	arp_reply(0, peer.b, us, many, 0);
	assert_int_equal(count(neigh_source), 1);
	m = ns(them6, true);
	((struct rte_ipv6_hdr *)(rte_pktmbuf_mtod(m, uint8_t *) + 14))->hop_limits = 64;
	input(m, 0);
	assert_int_equal(count(neigh_hop_limit), 1);
	input(icmp6(1, NULL, them6, us6, (const uint8_t *)"\0\0\0\0", 4), 0);
	assert_int_equal(count(neigh_unhandled), 1);
	for (unsigned i = 0; i < 101; i++) {
		input(icmp4(NULL, them, peer.b), 5000);
		clear_sent();
	}
	assert_int_equal(count(neigh_echo_rate), 1);
}

/* ---- what the worker lets through ------------------------------------------------------------------------------ */

static unsigned punted(struct rte_mbuf *m)
{
	give(0, m);
	poll_all(fast);
	return punts(fast, 0);
}

static void the_worker_takes_icmpv6_of_no_address_for_discovery_only(void **state)
{
	static const uint8_t loop[16] = { [15] = 1 };

	(void)state;
	assert_int_equal(punted(ns(nobody, false)), 1);
	assert_int_equal(punted(ns(them6, true)), 1);
	assert_int_equal(punted(echo6(them6)), 1);
	assert_int_equal(drops(fast, DP_DROP_IP_SOURCE), 0);
	assert_int_equal(punted(echo6(nobody)), 0);
	assert_int_equal(punted(echo6(group6)), 0);
	assert_int_equal(punted(echo6(loop)), 0);
	assert_int_equal(punted(ns(group6, true)), 0);
	assert_int_equal(punted(ns(loop, true)), 0);
	assert_int_equal(drops(fast, DP_DROP_IP_SOURCE), 5);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_router_is_asked_for_from_the_address_of_its_family),
		T(a_route_of_another_family_than_its_address_is_refused),
		T(no_route_leads_to_another_family),
		T(of_two_routes_of_one_length_the_own_realm_s_is_taken),
		T(addresses_nobody_has_do_not_keep_a_new_host_out),
		T(a_table_of_hosts_that_answer_has_room_when_one_is_not_used),
		T(what_never_answered_is_forgotten_after_a_minute),
		T(a_next_hop_lost_to_a_full_ring_is_told_again_until_it_got_through),
		T(a_solicitation_is_answered_to_who_asked),
		T(a_host_that_tries_our_address_hears_it_with_all_nodes),
		T(icmpv6_with_a_wrong_checksum_is_neither_answered_nor_learnt),
		T(echo_is_answered_to_one_host_only),
		T(a_frame_cut_anywhere_is_refused),
		T(an_option_of_no_length_voids_the_message),
		T(refused_frames_are_counted_by_reason),
		T(the_worker_takes_icmpv6_of_no_address_for_discovery_only),
	};
	int failed;

	rig_open();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return rig_close(failed);
}
