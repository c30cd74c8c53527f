/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policed flows (F-21 to F-23): what is over the rate is dropped and counted, and costs nobody else anything. Rates are
 * so low that no token comes back while a test runs; how they come back is police_test.c's.
 */
#include "tests/unit/fast/rig.h"

#define IP_BYTES (RTP_BYTES + 28u)
#define TAG_BYTES 10u

static const struct dp_police slowly = { .sdr = 1, .mbs = 10 * IP_BYTES };

static struct rte_mbuf *sealed(struct dp_srtp_session *far, uint16_t seq)
{
	struct rte_mbuf *m = rtp(seq, RTP_BYTES);
	enum dp_drop why;

	dp_srtp_burst.protect_burst(0, &m, &far, 1, &why);
	return m;
}

static struct rte_mbuf *first_byte(struct rte_mbuf *m, uint8_t b)
{
	rte_pktmbuf_mtod(m, uint8_t *)[0] = b;
	return m;
}

static struct rte_mbuf *report(unsigned bytes)
{
	struct rte_mbuf *m = rtp(0, bytes);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	p[1] = 200;
	p[3] = (uint8_t)(bytes / 4 - 1);
	return m;
}

static unsigned count(unsigned dev)
{
	unsigned n = 0;

	for (struct rte_mbuf *m; (m = take(dev)) != NULL; n++)
		rte_pktmbuf_free(m);
	return n;
}

static struct dp_flow_stats stats_of(struct dp_fast *f, dp_flow_id id)
{
	struct dp_flow_stats s;

	assert_int_equal(dp_flow_stats_read(f, id, &s), GW_OK);
	return s;
}

/* In bursts in which both flows are mixed: to the core, then from it. */
static void excess_is_dropped_and_the_neighbour_unharmed(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal[2] = { session(1, true), session(2, true) };
	struct dp_flow_spec s[2] = { core_flow(30000, seal[0]), core_flow(30002, seal[1]) };
	dp_flow_id id[2] = { 0, 0 };
	struct dp_flow_stats st;

	(void)state;
	s[0].police = slowly;
	for (unsigned i = 0; i < 2; i++)
		set(f, &id[i], &s[i]);
	for (uint16_t seq = 0; seq < 100; seq++) {
		for (unsigned i = 0; i < 2; i++)
			give(1, framed(rtp(seq, RTP_BYTES), 1, &core_peer, core_us, (uint16_t)(30000 + 2 * i)));
		if (seq % 7 == 6)
			poll_all(f);
		if (seq % 25 == 24)	/* a consent renewed gives no tokens */
			set(f, &id[0], &s[0]);
	}
	poll_all(f);
	assert_int_equal(count(0), 110);
	st = stats_of(f, id[0]);
	assert_int_equal(st.rx_packets, 10);
	assert_int_equal(st.policed, 90);
	assert_int_equal(st.drops, 90);
	assert_int_equal(drops(f, DP_DROP_RATE), 90);
	st = stats_of(f, id[1]);
	assert_int_equal(st.tx_packets, 100);
	assert_int_equal(st.policed + st.drops, 0);
	s[0].police = (struct dp_police){ 0 };	/* policing off */
	set(f, &id[0], &s[0]);
	for (uint16_t seq = 100; seq < 120; seq++)
		give(1, framed(rtp(seq, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(count(0), 20);
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal[0]);
	dp_srtp_burst.session_free(seal[1]);
}

/* Forged, replayed, from elsewhere: whoever sends it must not use up what the peer may send. */
static void only_what_the_tag_vouches_for_is_charged(void **state)
{
	static const struct gw_addr stranger = { .family = 4, .b = { 192, 0, 2, 66 }, .port = 7 };
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *open = session(2, false), *far = session(2, true);
	struct dp_flow_spec s = access_flow(20000, open);
	dp_flow_id id = 0;
	struct dp_flow_stats st;
	struct rte_mbuf *m, *copy;

	(void)state;
	s.police = slowly;
	s.police.mbs += 10 * TAG_BYTES;
	set(f, &id, &s);
	for (unsigned i = 0; i < 100; i++) {
		m = rtp((uint16_t)i, RTP_BYTES);
		give(0, framed(m, 0, i % 2 ? &peer : &stranger, us, 20000));
	}
	m = sealed(far, 0);
	copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);
	give(0, framed(m, 0, &peer, us, 20000));
	for (unsigned i = 0; i < 20; i++)
		give(0, framed(rte_pktmbuf_copy(copy, pool, 0, UINT32_MAX), 0, &peer, us, 20000));
	rte_pktmbuf_free(copy);
	for (unsigned i = 0; i < 4; i++)
		poll_all(f);
	assert_int_equal(count(1), 1);
	st = stats_of(f, id);
	assert_int_equal(st.policed, 0);
	assert_int_equal(st.auth_fail, 50);
	assert_int_equal(st.replay, 20);
	for (uint16_t seq = 1; seq < 30; seq++)	/* one burst: all were looked at before the first was charged */
		give(0, framed(sealed(far, seq), 0, &peer, us, 20000));
	poll_all(f);
	assert_int_equal(count(1), 9);
	for (uint16_t seq = 30; seq < 40; seq++)
		give(0, framed(sealed(far, seq), 0, &peer, us, 20000));
	poll_all(f);
	assert_int_equal(count(1), 0);
	st = stats_of(f, id);
	assert_int_equal(st.policed, 30);
	assert_int_equal(st.rx_packets, 10);
	dp_fast_free(f);
	dp_srtp_burst.session_free(open);
	dp_srtp_burst.session_free(far);
}

/* F-23 */
static void checks_and_handshakes_are_not_charged(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *open = session(2, false), *far = session(2, true);
	struct dp_flow_spec s = access_flow(20000, open);
	dp_flow_id id = 0;

	(void)state;
	s.police = slowly;
	s.police.mbs += 10 * TAG_BYTES;
	set(f, &id, &s);
	for (unsigned i = 0; i < 50; i++)
		give(0, framed(first_byte(rtp(0, RTP_BYTES), i % 2 ? 0 : 22), 0, &peer, us, 20000));
	poll_all(f);
	assert_int_equal(punts(f, 20000), 50);
	for (uint16_t seq = 0; seq < 10; seq++)
		give(0, framed(sealed(far, seq), 0, &peer, us, 20000));
	poll_all(f);
	assert_int_equal(count(1), 10);
	for (unsigned i = 0; i < 10; i++)
		give(0, framed(first_byte(rtp(0, RTP_BYTES), 0), 0, &peer, us, 20000));
	poll_all(f);
	assert_int_equal(punts(f, 20000), 10);
	dp_fast_free(f);
	dp_srtp_burst.session_free(open);
	dp_srtp_burst.session_free(far);
}

/* F-22. 3000 bytes are the least burst of RTCP: 30 reports of 72 and 28 bytes. */
static void rtcp_has_a_share_and_on_the_port_of_rtp_no_more(void **state)
{
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal = session(1, true);
	struct dp_flow_spec s = core_flow(30000, seal);
	unsigned n[2] = { 0, 0 };
	dp_flow_id id = 0;

	(void)state;
	s.police = (struct dp_police){ .sdr = 1, .mbs = 50 * 100 };
	s.rtcp.local_port = 30001;
	s.rtcp.source = core_peer;
	set(f, &id, &s);
	for (unsigned i = 0; i < 40; i++)
		give(1, framed(report(72), 1, &core_peer, core_us, (uint16_t)(30000 + i % 2)));
	for (unsigned i = 0; i < 3; i++)
		poll_all(f);
	for (struct rte_mbuf *m; dp_punt_poll(f, &m, 1); rte_pktmbuf_free(m))
		n[dp_punt_info(m)->local_port - 30000]++;
	assert_int_equal(n[0], 15);
	assert_int_equal(n[1], 15);
	assert_int_equal(stats_of(f, id).policed, 5);	/* of the port of RTP: the numbers are those of the media */
	assert_int_equal(drops(f, DP_DROP_RATE), 10);
	/* what came to the port of RTP, 1500 bytes, is missing there: (5000 - 1500) / 200 */
	for (uint16_t seq = 0; seq < 20; seq++)
		give(1, framed(rtp(seq, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(count(0), 17);
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
}

/* Threat M2: what is refused for another reason is not charged either. */
static void what_is_not_taken_is_not_charged(void **state)
{
	static const struct gw_addr stranger = { .family = 4, .b = { 10, 20, 0, 66 }, .port = 4000 };
	struct dp_fast *f = gateway(1);
	struct dp_srtp_session *seal = session(1, true);
	struct dp_flow_spec s = core_flow(30000, seal);
	dp_flow_id id = 0;
	struct rte_mbuf *m;

	(void)state;
	s.police = slowly;
	set(f, &id, &s);
	for (unsigned i = 0; i < 20; i++) {
		give(1, framed(rtp(1, RTP_BYTES), 1, &stranger, core_us, 30000));
		m = rtp(1, RTP_BYTES);
		rte_pktmbuf_mtod(m, uint8_t *)[1] = 99;
		give(1, framed(m, 1, &core_peer, core_us, 30000));
		m = framed(rtp(1, RTP_BYTES), 1, &core_peer, core_us, 30000);
		rte_pktmbuf_mtod_offset(m, uint8_t *, 100)[0] ^= 1;
		give(1, m);
	}
	s.is_open = false;
	poll_all(f);
	set(f, &id, &s);
	for (unsigned i = 0; i < 20; i++)
		give(1, framed(rtp(1, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(stats_of(f, id).gated, 20);
	s.is_open = true;
	set(f, &id, &s);
	for (uint16_t seq = 0; seq < 20; seq++)
		give(1, framed(rtp(seq, RTP_BYTES), 1, &core_peer, core_us, 30000));
	poll_all(f);
	assert_int_equal(count(0), 10);
	dp_fast_free(f);
	dp_srtp_burst.session_free(seal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(excess_is_dropped_and_the_neighbour_unharmed),
		cmocka_unit_test(only_what_the_tag_vouches_for_is_charged),
		cmocka_unit_test(checks_and_handshakes_are_not_charged),
		cmocka_unit_test(rtcp_has_a_share_and_on_the_port_of_rtp_no_more),
		cmocka_unit_test(what_is_not_taken_is_not_charged),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
