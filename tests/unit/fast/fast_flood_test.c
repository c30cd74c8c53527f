/* SPDX-License-Identifier: Apache-2.0 */
/* What junk may cost: its own flow, the neighbours, the addresses everybody needs (threat M14). */
#include "tests/unit/fast/rig.h"

static struct rte_mbuf *stun_like(void)
{
	struct rte_mbuf *m = rtp(0, 40);

	rte_pktmbuf_mtod(m, uint8_t *)[0] = 0;
	return m;
}

static void a_flood_is_kept_in_its_flow(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *in[2] = { session(1, false), session(2, false) }, *send = session(2, true);
	struct dp_flow_spec a = access_flow(20000, in[0]), b = access_flow(20002, in[1]);
	dp_flow_id ida = 0, idb = 0;
	unsigned stun_a = 0, stun_b = 0, heard = 0;

	(void)state;
	set(f, &ida, &a);
	set(f, &idb, &b);
	for (unsigned i = 0; i < 400; i++) {
		struct rte_mbuf *m;
		enum dp_drop why;

		for (unsigned k = 0; k < 16; k++) {
			m = rtp((uint16_t)(i * 16 + k), 40);
			if (k % 2)
				rte_pktmbuf_mtod(m, uint8_t *)[0] = 0;
			give(0, framed(m, 0, &peer, us, 20000));
		}
		m = rtp((uint16_t)i, RTP_BYTES);
		dp_srtp_burst.protect_burst(0, &m, &send, 1, &why);
		give(0, framed(m, 0, &peer, us, 20002));
		if (i % 100 == 0) {
			give(0, framed(stun_like(), 0, &peer, us, 20002));
		}
		poll_all(f);
		while ((m = take(1)) != NULL) {
			heard++;
			rte_pktmbuf_free(m);
		}
		while (dp_punt_poll(f, &m, 1)) {
			stun_a += dp_punt_info(m)->cookie == 20000;
			stun_b += dp_punt_info(m)->cookie == 20002;
			rte_pktmbuf_free(m);
		}
	}
	assert_int_equal(heard, 400);
	assert_int_equal(stun_b, 4);
	/* 30 in 0.1 s; the loop takes a fraction of that, a slow machine a few times as long */
	assert_in_range(stun_a, 30, 1200);
	assert_int_equal(drops(f, DP_DROP_FLOW_BUDGET), 3200 - stun_a);
	assert_int_equal(drops(f, DP_DROP_SRTP_AUTH) + drops(f, DP_DROP_AUTH_BUDGET), 3200);
	assert_true(drops(f, DP_DROP_SRTP_AUTH) >= 2000);
	dp_fast_free(f);
	dp_srtp_burst.session_free(in[0]);
	dp_srtp_burst.session_free(in[1]);
	dp_srtp_burst.session_free(send);
}

#define SPRAYED 40u
#define ROUNDS 60u

/* Each port stays below its own allowance, together they are more than the class may have. */
static void junk_at_many_ports_leaves_the_checks_of_the_peers(void **state)
{
	static const struct gw_addr stranger = { .family = 4, .b = { 192, 0, 2, 66 }, .port = 7 };
	struct dp_fast *f = gateway(1);
	struct dp_flow_spec s;
	unsigned mine = 0;

	(void)state;
	for (unsigned i = 0; i < SPRAYED; i++) {
		dp_flow_id id = 0;

		s = access_flow((uint16_t)(20000 + 2 * i), NULL);
		set(f, &id, &s);
	}
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned i = 0; i < SPRAYED; i++)
			give(0, framed(stun_like(), 0, &stranger, us, (uint16_t)(20000 + 2 * i)));
		if (r % 10 == 0)
			give(0, framed(stun_like(), 0, &peer, us, 20000));
		poll_all(f);
		poll_all(f);
		for (struct rte_mbuf *m; dp_punt_poll(f, &m, 1); rte_pktmbuf_free(m))
			mine += gw_addr_eq(&dp_punt_info(m)->src, &peer);
	}
	assert_true(drops(f, DP_DROP_FLOW_BUDGET) + drops(f, DP_DROP_PUNT_BUDGET) > 0);
	assert_int_equal(mine, ROUNDS / 10);
	dp_fast_free(f);
}

static void a_stranger_cannot_use_up_the_checks_of_a_flow(void **state)
{
	static const struct gw_addr stranger = { .family = 4, .b = { 192, 0, 2, 66 }, .port = 7 };
	struct dp_fast *f = gateway(1);
	struct dp_flow_spec s = access_flow(20000, NULL);
	dp_flow_id id = 0;
	unsigned mine = 0;

	(void)state;
	set(f, &id, &s);
	for (unsigned r = 0; r < 20; r++) {
		for (unsigned i = 0; i < 20; i++)
			give(0, framed(stun_like(), 0, &stranger, us, 20000));
		give(0, framed(stun_like(), 0, &peer, us, 20000));
		poll_all(f);
		for (struct rte_mbuf *m; dp_punt_poll(f, &m, 1); rte_pktmbuf_free(m))
			mine += gw_addr_eq(&dp_punt_info(m)->src, &peer);
	}
	assert_true(drops(f, DP_DROP_FLOW_BUDGET) > 0);
	assert_int_equal(mine, 20);
	dp_fast_free(f);
}

static struct rte_mbuf *dtls(uint8_t type)
{
	struct rte_mbuf *m = rtp(0, 40);

	rte_pktmbuf_mtod(m, uint8_t *)[0] = type;
	return m;
}

/* A file over a data line that ends here is thousands of records a second: they leave the handshakes of the peer what these need. */
static void records_of_a_data_line_have_an_allowance_of_their_own(void **state)
{
	static const struct gw_addr stranger = { .family = 4, .b = { 192, 0, 2, 66 }, .port = 7 };
	struct dp_fast *f = gateway(1);
	struct dp_flow_spec s = access_flow(20000, NULL);
	unsigned n[DP_PUNT_CLASSES] = { 0 }, foreign = 0;
	dp_flow_id id = 0;

	(void)state;
	s.kind = DP_FLOW_DATA;
	set(f, &id, &s);
	for (unsigned r = 0; r < 20; r++) {
		for (unsigned i = 0; i < 50; i++)
			give(0, framed(dtls(23), 0, &peer, us, 20000));
		give(0, framed(dtls(22), 0, &peer, us, 20000));
		poll_all(f);
		poll_all(f);
		for (struct rte_mbuf *m; dp_punt_poll(f, &m, 1); rte_pktmbuf_free(m))
			n[dp_punt_info(m)->cls]++;
	}
	assert_int_equal(n[DP_PUNT_DTLS], 20);
	assert_int_equal(n[DP_PUNT_RECORD] + drops(f, DP_DROP_PUNT_BUDGET), 1000);
	assert_true(n[DP_PUNT_RECORD] > 150);
	assert_int_equal(drops(f, DP_DROP_FLOW_BUDGET), 0);
	for (unsigned i = 0; i < 40; i++)
		give(0, framed(dtls(23), 0, &stranger, us, 20000));
	poll_all(f);
	poll_all(f);
	for (struct rte_mbuf *m; dp_punt_poll(f, &m, 1); rte_pktmbuf_free(m))
		foreign += dp_punt_info(m)->cls == DP_PUNT_RECORD;
	assert_int_equal(foreign, 0);
	dp_fast_free(f);
}

static struct rte_mbuf *with_protocol(struct rte_mbuf *m, uint16_t ether_type, uint8_t proto)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);

	eth->ether_type = rte_cpu_to_be_16(ether_type);
	if (ether_type == RTE_ETHER_TYPE_IPV4) {
		ip->next_proto_id = proto;
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	return m;
}

static void a_flood_of_pings_leaves_arp_alone(void **state)
{
	struct dp_fast *f = gateway(1);
	unsigned arp = 0, ping = 0;

	(void)state;
	for (unsigned r = 0; r < 50; r++) {
		for (unsigned i = 0; i < 20; i++)
			give(0, with_protocol(framed(rtp(0, 40), 0, &peer, us, 1), RTE_ETHER_TYPE_IPV4, IPPROTO_ICMP));
		give(0, with_protocol(framed(rtp(0, 40), 0, &peer, us, 1), RTE_ETHER_TYPE_ARP, 0));
		poll_all(f);
		for (struct rte_mbuf *m; dp_punt_poll(f, &m, 1); rte_pktmbuf_free(m)) {
			bool is_arp = rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->ether_type ==
				rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);

			arp += is_arp;
			ping += !is_arp;
		}
	}
	assert_int_equal(arp, 50);
	assert_in_range(ping, 1, 900);
	assert_int_equal(drops(f, DP_DROP_PUNT_BUDGET), 1000 - ping);
	dp_fast_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_is_kept_in_its_flow),
		cmocka_unit_test(junk_at_many_ports_leaves_the_checks_of_the_peers),
		cmocka_unit_test(a_stranger_cannot_use_up_the_checks_of_a_flow),
		cmocka_unit_test(records_of_a_data_line_have_an_allowance_of_their_own),
		cmocka_unit_test(a_flood_of_pings_leaves_arp_alone),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
