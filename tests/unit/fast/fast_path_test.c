/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's turn over net_ring ports: what a packet must be to pass, how it looks when it leaves, keys changed in
 * mid-call, hand-over between workers, no allocation.
 */
#include "tests/unit/fast/rig.h"

#include "proto/base/be.h"

#include "dataplane/fast/cksum.h"

/* By each way to add this CPU has; the largest datagram is all ones, so that nothing may overflow. */
static void checksum_of_every_length(void **state)
{
	static uint8_t ones[65507];
	uint8_t b[300];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 37 + 11);
	for (int isa = DP_SUM_AVX512; isa >= DP_SUM_BASE; isa--) {
		if (!dp_sum_use((enum dp_sum_isa)isa))
			continue;
		for (unsigned at = 0; at < 3; at++)
			for (unsigned n = 0; n + at <= sizeof(b); n++)
				assert_int_equal(dp_sum_fold(dp_sum(b + at, n)) % 0xffff, rte_raw_cksum(b + at, n) % 0xffff);
		assert_int_equal(dp_sum_fold(dp_sum(ones, sizeof(ones))) % 0xffff, rte_raw_cksum(ones, sizeof(ones)) % 0xffff);
	}
	assert_true(dp_sum_use(DP_SUM_AVX512) || dp_sum_use(DP_SUM_AVX2) || dp_sum_use(DP_SUM_BASE));
}

static void latency_buckets_hold_what_they_say(void **state)
{
	(void)state;
	for (uint64_t t = 1; t < UINT64_C(1) << 36; t += 1 + t / 7) {
		unsigned b = dp_latency_bucket(t);

		assert_true(t < dp_latency_limit(b));
		assert_true(b == 0 || t >= dp_latency_limit(b - 1));
	}
}

static void core_to_access(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal = session(1, true), *open = session(1, false);
	struct dp_flow_spec s = core_flow(30000, seal);
	dp_flow_id id = 0;

	(void)state;
	assert_int_equal(set(f, &id, &s).type, DP_EV_FLOW_SET);
	for (unsigned bytes = 12; bytes < 300; bytes++) {
		struct rte_mbuf *m, *plain = rtp((uint16_t)bytes, bytes);
		struct rte_ipv4_hdr *ip;
		struct rte_udp_hdr *u;
		enum dp_drop why;

		give(1, framed(rtp((uint16_t)bytes, bytes), 1, &core_peer, core_us, 30000));
		poll_all(f);
		m = take(0);
		assert_non_null(m);
		assert_int_equal(m->data_len, HEADERS + bytes + 10);
		ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
		u = (struct rte_udp_hdr *)(ip + 1);
		assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[5], 0x10);
		assert_int_equal(ip->type_of_service, 46 << 2);
		assert_int_equal((uint16_t)~rte_raw_cksum(ip, sizeof(*ip)), 0);
		assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, u), 0);
		assert_memory_equal(&ip->dst_addr, peer.b, 4);
		assert_int_equal(rte_be_to_cpu_16(u->dst_port), 5000);
		assert_int_equal(rte_be_to_cpu_16(u->src_port), 20000);
		rte_pktmbuf_adj(m, HEADERS);
		dp_srtp_burst.unprotect_burst(0, &m, &open, 1, &why);
		assert_int_equal(why, dp_drop_COUNT);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), rte_pktmbuf_mtod(plain, void *), bytes);
		rte_pktmbuf_free(m);
		rte_pktmbuf_free(plain);
	}
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
	dp_srtp_burst.session_free(open);
}

/* One thing wrong at a time; each has its counter, nothing leaves. */
static void what_must_not_pass(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal = session(1, true);
	struct dp_flow_spec s = core_flow(30000, seal);
	struct gw_addr stranger = core_peer;
	dp_flow_id id = 0;
	struct rte_mbuf *m;
	uint16_t seq = 1;

	(void)state;
	set(f, &id, &s);
	stranger.b[3] = 77;
	give(1, framed(rtp(seq++, RTP_BYTES), 1, &stranger, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_SOURCE), 1);
	m = framed(rtp(seq++, RTP_BYTES), 1, &core_peer, core_us, 30000);
	rte_pktmbuf_mtod(m, uint8_t *)[HEADERS + 50] ^= 1;
	give(1, m);
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_UDP_CHECKSUM), 1);
	m = rtp(seq++, RTP_BYTES);
	rte_pktmbuf_mtod(m, uint8_t *)[1] = 1;
	give(1, framed(m, 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_PAYLOAD_TYPE), 1);
	give(1, framed(rtp(seq++, RTP_BYTES), 1, &core_peer, core_us, 30002));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_NO_FLOW), 1);
	m = rtp(seq++, RTP_BYTES);
	rte_pktmbuf_mtod(m, uint8_t *)[0] = 0x40;
	give(1, framed(m, 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_CLASS), 1);
	s.open_until_tsc = rte_rdtsc();
	set(f, &id, &s);
	give(1, framed(rtp(seq++, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_CONSENT), 1);
	s.is_open = false;
	set(f, &id, &s);
	give(1, framed(rtp(seq++, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_GATE), 1);
	s.is_open = true;
	s.open_until_tsc = UINT64_MAX;
	s.srtp = NULL;
	assert_ptr_equal(set(f, &id, &s).old_srtp, seal);
	give(1, framed(rtp(seq++, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_NO_KEYS), 1);
	assert_null(take(0));
	assert_null(take(1));
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
}

/* 11 minutes of 20 ms packets at a closed gate are more than the half of all sequence numbers. */
static void a_client_that_sends_on_while_it_is_held_is_heard_after_eleven_minutes(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal = session(1, true), *open = session(1, false);
	struct dp_flow_spec s = access_flow(20000, open);
	dp_flow_id id = 0;
	struct rte_mbuf *m;
	enum dp_drop why;

	(void)state;
	set(f, &id, &s);
	for (unsigned i = 0; i <= 11 * 60 * 50; i++) {
		m = rtp((uint16_t)(40000 + i), RTP_BYTES);
		dp_srtp_burst.protect_burst(0, &m, &seal, 1, &why);
		give(0, framed(m, 0, &peer, us, 20000));
		if (i == 0 || i == 11 * 60 * 50 - 1) {
			poll_all(f);
			s.is_open = i != 0;
			set(f, &id, &s);
		} else if (i % 16 == 0) {
			poll_all(f);
		}
	}
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_GATE), 11 * 60 * 50 - 1);
	assert_int_equal(drops(f, DP_DROP_SRTP_AUTH), 0);
	for (unsigned i = 0; i < 2; i++) {	/* the first, and the one after the hold */
		assert_non_null(m = take(1));
		rte_pktmbuf_free(m);
	}
	assert_null(take(1));
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
	dp_srtp_burst.session_free(open);
}

static void keys_change_between_bursts(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *old = session(1, false), *new = session(2, false);
	struct dp_srtp_session *send_old = session(1, true), *send_new = session(2, true);
	struct dp_flow_spec s = access_flow(20000, old);
	dp_flow_id id = 0;
	struct rte_mbuf *m;
	enum dp_drop why;

	(void)state;
	set(f, &id, &s);
	m = rtp(1, RTP_BYTES);
	dp_srtp_burst.protect_burst(0, &m, &send_old, 1, &why);
	give(0, framed(m, 0, &peer, us, 20000));
	poll_all(f);
	m = take(1);
	assert_non_null(m);
	rte_pktmbuf_free(m);
	s.srtp = new;
	assert_ptr_equal(set(f, &id, &s).old_srtp, old);
	m = rtp(2, RTP_BYTES);
	dp_srtp_burst.protect_burst(0, &m, &send_new, 1, &why);
	give(0, framed(m, 0, &peer, us, 20000));
	m = rtp(3, RTP_BYTES);
	dp_srtp_burst.protect_burst(0, &m, &send_old, 1, &why);
	give(0, framed(m, 0, &peer, us, 20000));
	poll_all(f);
	m = take(1);
	assert_non_null(m);
	rte_pktmbuf_free(m);
	assert_null(take(1));
	assert_int_equal(drops(f, DP_DROP_SRTP_AUTH), 1);
	dp_fast_free(f);
	dp_srtp_burst.session_free(old);
	dp_srtp_burst.session_free(new);
	dp_srtp_burst.session_free(send_old);
	dp_srtp_burst.session_free(send_new);
}

/* Junk on one port takes only what that flow may have; the other flow's checks and media go on. */
static void handed_over_to_the_owner(void **state)
{
	struct dp_fast *f = gateway(2);
	struct dp_srtp_session *seal[2] = { session(1, true), session(2, true) };
	struct dp_worker_stats w0, w1;
	dp_flow_id id[2] = { 0 };

	(void)state;
	assert_int_not_equal(dp_owner(f, 30000), dp_owner(f, 30002));
	assert_int_equal(dp_owner(f, 30000), dp_owner(f, 30001));
	for (unsigned i = 0; i < 2; i++) {
		struct dp_flow_spec s = core_flow((uint16_t)(30000 + 2 * i), seal[i]);

		assert_int_equal(set(f, &id[i], &s).type, DP_EV_FLOW_SET);
	}
	for (unsigned i = 0; i < 20; i++)
		give(1, framed(rtp((uint16_t)i, RTP_BYTES), 1, &core_peer, core_us, (uint16_t)(30000 + 2 * (i % 2))));
	poll_all(f);
	dp_worker_stats_read(f, 0, &w0);
	dp_worker_stats_read(f, 1, &w1);
	assert_int_equal(w0.rx_packets, 20);
	assert_int_equal(w0.handed_over, 10);
	assert_int_equal(w0.tx_packets, 10);
	assert_int_equal(w1.tx_packets, 10);
	for (struct rte_mbuf *m; (m = take(0)) != NULL;)
		rte_pktmbuf_free(m);
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal[0]);
	dp_srtp_burst.session_free(seal[1]);
}

/* While a burst is worked on, the next one is read: it leaves in its turn, and is freed where there is none any more. */
static void what_is_read_ahead_keeps_its_order_and_is_not_lost(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal = session(1, true);
	struct dp_flow_spec s = core_flow(30000, seal);
	struct dp_worker_stats w;
	dp_flow_id id = 0;
	uint16_t seq = 0;

	(void)state;
	set(f, &id, &s);
	for (unsigned i = 0; i < 2 * DP_BURST + 5; i++)
		give(1, framed(rtp((uint16_t)i, RTP_BYTES), 1, &core_peer, core_us, 30000));
	for (unsigned turn = 1; turn <= 4; turn++) {
		dp_worker_poll(f, 0);
		dp_worker_stats_read(f, 0, &w);
		assert_int_equal(w.rx_packets, turn < 3 ? turn * DP_BURST : 2 * DP_BURST + 5);
		assert_int_equal(w.tx_packets, w.rx_packets);
	}
	for (struct rte_mbuf *m; (m = take(0)) != NULL; seq++) {
		assert_int_equal(gw_be16(rte_pktmbuf_mtod_offset(m, const uint8_t *, HEADERS + 2)), seq);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(seq, 2 * DP_BURST + 5);
	for (unsigned i = 0; i < 2 * DP_BURST; i++)
		give(1, framed(rtp((uint16_t)(200 + i), RTP_BYTES), 1, &core_peer, core_us, 30000));
	dp_worker_poll(f, 0);
	for (struct rte_mbuf *m; (m = take(0)) != NULL;)
		rte_pktmbuf_free(m);
	dp_fast_stop(f);	/* rig_close() counts */
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
}

static void ipv6_and_a_next_hop_that_moves(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal = session(1, true);
	struct dp_flow_spec s = core_flow(30000, seal);
	struct dp_cmd moved = { .type = DP_CMD_NEXTHOP, .nexthop = { 0, { .ethdev = ethdev[0], .is_valid = true, .vlan = 9,
		.dst_mac = { 2, 0, 0, 0, 0, 0x99 } } } };
	dp_flow_id id = 0;
	struct rte_mbuf *m;

	(void)state;
	s.out = (struct dp_path){ .laddr = ACCESS6, .local_port = 20000, .remote = peer6, .nexthop = 0 };
	set(f, &id, &s);
	for (uint16_t i = 1; i <= 2; i++) {
		unsigned l2 = i == 1 ? 14 : 18;
		struct rte_ipv6_hdr *ip;

		give(1, framed(rtp(i, 99), 1, &core_peer, core_us, 30000));
		poll_all(f);
		m = take(0);
		assert_non_null(m);
		ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, l2);
		assert_int_equal(m->data_len, l2 + 40 + 8 + 99 + 10);
		assert_int_equal(rte_ipv6_udptcp_cksum_verify(ip, ip + 1), 0);
		assert_memory_equal(ip->dst_addr, peer6.b, 16);
		assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[5], i == 1 ? 0x10 : 0x99);
		rte_pktmbuf_free(m);
		assert_int_equal(dp_cmd_send(f, &moved), GW_OK);
		poll_all(f);
	}
	moved.nexthop.nh.is_valid = false;
	assert_int_equal(dp_cmd_send(f, &moved), GW_OK);
	poll_all(f);
	give(1, framed(rtp(9, 99), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_NO_NEXTHOP), 1);
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
}

static void punted_with_what_is_known(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_flow_spec s = access_flow(20000, NULL);
	struct dp_punt_info *i;
	struct rte_mbuf *m;
	dp_flow_id id = 0;

	(void)state;
	s.check_source = false;		/* a check may come from anywhere */
	set(f, &id, &s);
	m = rtp(0, 40);
	rte_pktmbuf_mtod(m, uint8_t *)[0] = 22;
	give(0, framed(m, 0, &peer, us, 20000));
	poll_all(f);
	assert_int_equal(dp_punt_poll(f, &m, 1), 1);
	i = dp_punt_info(m);
	assert_int_equal(i->cls, DP_PUNT_DTLS);
	assert_int_equal(i->flow, id);
	assert_int_equal(i->cookie, 20000);
	assert_true(gw_addr_eq(&i->src, &peer));
	assert_int_equal(m->data_len, 40);
	rte_pktmbuf_free(m);
	assert_int_equal(punts(f, 20000), 0);
	dp_fast_free(f);
}

static void text_ends_on_the_service_core_once_it_may_pass(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_flow_spec s = core_flow(30000, NULL);
	struct gw_addr stranger = core_peer;
	struct dp_flow_stats stats;
	struct rte_mbuf *m;
	dp_flow_id id = 0;
	uint16_t seq = 1;

	(void)state;
	stranger.b[3] = 77;
	s.kind = DP_FLOW_CORE_TEXT;
	s.cookie = 7;
	s.rtcp.local_port = 30001;
	s.rtcp.source = core_peer;
	s.police.sdr = 3000;
	s.police.mbs = 1500;
	set(f, &id, &s);
	give(1, framed(rtp(seq++, 60), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(dp_punt_poll(f, &m, 1), 1);
	assert_int_equal(dp_punt_info(m)->cls, DP_PUNT_TEXT);
	assert_int_equal(dp_punt_info(m)->cookie, 7);
	assert_int_equal(m->data_len, 60);
	assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[0], 0x80);
	rte_pktmbuf_free(m);
	give(1, framed(rtp(seq++, 60), 1, &stranger, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_SOURCE), 1);
	m = rtp(seq++, 60);
	rte_pktmbuf_mtod(m, uint8_t *)[1] = 1;
	give(1, framed(m, 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_PAYLOAD_TYPE), 1);
	for (unsigned i = 0; i < 2; i++)
		give(1, framed(rtp(seq++, 1000), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_RATE), 1);
	s.is_open = false;
	set(f, &id, &s);
	give(1, framed(rtp(seq++, 60), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(drops(f, DP_DROP_GATE), 1);
	assert_int_equal(punts(f, 7), 1);
	assert_null(take(0));
	assert_null(take(1));
	assert_int_equal(dp_flow_stats_read(f, id, &stats), GW_OK);
	assert_int_equal(stats.rx_packets, 2);
	assert_int_equal(stats.rx_bytes, 1060);
	assert_int_equal(stats.drops, 4);
	dp_fast_free(f);
}

static struct rte_mbuf *bytes(const char *b, unsigned n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	memcpy(rte_pktmbuf_append(m, (uint16_t)n), b, n);
	return m;
}

static void datagrams_pass_as_they_are(void **state)
{
	/* STUN, DTLS, RTP, RTCP, a channel of TURN, one byte, none */
	static const char first[][2] = { { 0, 1 }, { 22, (char)0xfe }, { (char)0x80, 0 }, { (char)0x81, (char)200 }, { 64, 0 } };
	struct dp_fast *f = gateway(1);
	struct dp_flow_spec s = core_flow(30000, NULL);
	struct gw_addr stranger = core_peer;
	struct dp_flow_stats stats;
	struct rte_mbuf *m;
	dp_flow_id id = 0;

	(void)state;
	stranger.b[3] = 77;
	s.kind = DP_FLOW_OPAQUE;
	s.cookie = 7;
	set(f, &id, &s);
	for (unsigned i = 0; i < 7; i++) {
		char b[100] = { 1, 2, 3 };
		unsigned n = i < 5 ? sizeof(b) : 6 - i;

		if (i < 5)
			memcpy(b, first[i], 2);
		give(1, framed(bytes(b, n), 1, &core_peer, core_us, 30000));
		poll_all(f);
		m = take(0);
		assert_non_null(m);
		assert_int_equal(m->data_len, HEADERS + n);
		assert_memory_equal(rte_pktmbuf_mtod_offset(m, char *, HEADERS), b, n);
		assert_memory_equal(&rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14)->dst_addr, peer.b, 4);
		rte_pktmbuf_free(m);
	}
	give(1, framed(bytes("stranger", 8), 1, &stranger, core_us, 30000));
	m = framed(bytes("damaged", 7), 1, &core_peer, core_us, 30000);
	rte_pktmbuf_mtod_offset(m, char *, HEADERS)[0] ^= 1;
	give(1, m);
	s.is_open = false;
	poll_all(f);
	set(f, &id, &s);
	give(1, framed(bytes("late", 4), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_null(take(0));
	assert_int_equal(punts(f, 7), 0);
	assert_int_equal(drops(f, DP_DROP_SOURCE), 1);
	assert_int_equal(drops(f, DP_DROP_UDP_CHECKSUM), 1);
	assert_int_equal(drops(f, DP_DROP_GATE), 1);
	assert_int_equal(dp_flow_stats_read(f, id, &stats), GW_OK);
	assert_int_equal(stats.rx_packets, 7);
	assert_int_equal(stats.rx_bytes, 501);
	assert_int_equal(stats.tx_packets, 7);
	assert_int_equal(stats.drops, 3);
	dp_fast_free(f);
}

/* Two descriptions that point at each other; a call between two of our own ports has its hop, a circle ends. */
static void what_turns_back_to_ourselves_does_not_do_so_for_ever(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_cmd own = { .type = DP_CMD_NEXTHOP, .nexthop = { 2, { .ethdev = ethdev[1], .is_valid = true, .is_own = true } } };
	struct rte_ether_addr mac;
	struct gw_addr at = core_peer;
	dp_flow_id id[2] = { 0 };

	(void)state;
	assert_int_equal(rte_eth_macaddr_get(ethdev[1], &mac), 0);
	memcpy(own.nexthop.nh.dst_mac, &mac, sizeof(mac));
	assert_int_equal(dp_cmd_send(f, &own), GW_OK);
	memcpy(at.b, core_us, 4);
	for (unsigned i = 0; i < 2; i++) {
		struct dp_flow_spec s = core_flow((uint16_t)(30000 + 2 * i), NULL);

		s.kind = DP_FLOW_OPAQUE;
		s.source = at;
		at.port = (uint16_t)(30002 - 2 * i);
		s.out = (struct dp_path){ .laddr = CORE, .local_port = (uint16_t)(30002 - 2 * i), .nexthop = 2, .remote = at };
		s.out.remote.port = (uint16_t)(30000 + 2 * i);
		set(f, &id[i], &s);
	}
	give(1, framed(bytes("round", 5), 1, &at, core_us, 30000));
	for (unsigned i = 0; i < 100; i++)
		poll_all(f);
	assert_int_equal(drops(f, DP_DROP_HOPS), 1);
	assert_null(take(1));
	dp_fast_free(f);
}

static void the_nic_is_asked_for_the_sum_where_it_makes_them(void **state)
{
	static const bool sums[2] = { true, false };
	struct dp_srtp_session *seal = session(1, true);
	struct dp_flow_spec s = core_flow(30000, seal);
	struct rte_ipv4_hdr *ip;
	struct rte_udp_hdr *u;
	struct dp_fast *f;
	struct rte_mbuf *m;
	dp_flow_id id = 0;

	(void)state;
	rig_nic_sums = sums;
	f = gateway(1);
	rig_nic_sums = NULL;
	set(f, &id, &s);
	give(1, framed(rtp(1, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	m = take(0);
	assert_non_null(m);
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	u = (struct rte_udp_hdr *)(ip + 1);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4);
	assert_int_equal(m->l2_len, sizeof(struct rte_ether_hdr));
	assert_int_equal(m->l3_len, sizeof(*ip));
	assert_int_equal(u->dgram_cksum, rte_ipv4_phdr_cksum(ip, m->ol_flags));
	assert_int_equal(dp_sum_fold(dp_sum(ip, sizeof(*ip))), 0xffff);	/* IPv4's own is made here */
	rte_pktmbuf_free(m);
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
}

static void nothing_was_allocated(void **state)
{
	(void)state;
#ifndef RIG_COUNTS
	skip();
#endif
	assert_int_equal(rig_allocations, 0);
	rig_in_turn = true;		/* the counter itself works, for a shared library's calls too */
	struct rte_kvargs *volatile args = rte_kvargs_parse("a=b", NULL);
	rig_in_turn = false;
	rte_kvargs_free(args);
	assert_true(rig_allocations > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_of_every_length),
		cmocka_unit_test(latency_buckets_hold_what_they_say),
		cmocka_unit_test(core_to_access),
		cmocka_unit_test(what_must_not_pass),
		cmocka_unit_test(a_client_that_sends_on_while_it_is_held_is_heard_after_eleven_minutes),
		cmocka_unit_test(keys_change_between_bursts),
		cmocka_unit_test(handed_over_to_the_owner),
		cmocka_unit_test(what_is_read_ahead_keeps_its_order_and_is_not_lost),
		cmocka_unit_test(ipv6_and_a_next_hop_that_moves),
		cmocka_unit_test(punted_with_what_is_known),
		cmocka_unit_test(text_ends_on_the_service_core_once_it_may_pass),
		cmocka_unit_test(datagrams_pass_as_they_are),
		cmocka_unit_test(what_turns_back_to_ourselves_does_not_do_so_for_ever),
		cmocka_unit_test(the_nic_is_asked_for_the_sum_where_it_makes_them),
		cmocka_unit_test(nothing_was_allocated),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
