/* SPDX-License-Identifier: Apache-2.0 */
/* Which SSRCs a session keeps: a core that changes its own often, a WIC that may have so many, forgeries. */
#include "tests/unit/fast/rig.h"

#define MOST 4	/* SSRCs a session keeps */

static struct dp_srtp_session *few(bool is_protect)
{
	struct dp_srtp_keys k = { .profile = DP_SRTP_AES128_CM_SHA1_80, .key = { 9 }, .max_ssrc = MOST };
	struct dp_srtp_session *s;

	assert_int_equal(dp_srtp_burst.session_new(&s, &k, is_protect), GW_OK);
	return s;
}

static struct rte_mbuf *of(uint32_t ssrc, uint16_t seq)
{
	struct rte_mbuf *m = rtp(seq, RTP_BYTES);
	rte_be32_t be = rte_cpu_to_be_32(ssrc);

	memcpy(rte_pktmbuf_mtod_offset(m, void *, 8), &be, sizeof(be));
	return m;
}

static enum dp_drop seal(struct dp_srtp_session *s, struct rte_mbuf *m)
{
	enum dp_drop why;

	dp_srtp_burst.protect_burst(0, &m, &s, 1, &why);
	return why;
}

static enum dp_drop sealed(struct dp_srtp_session *s, uint32_t ssrc, uint16_t seq)
{
	struct rte_mbuf *m = of(ssrc, seq);
	enum dp_drop why = seal(s, m);

	rte_pktmbuf_free(m);
	return why;
}

/* Numbers whose hashes differ, as those of honest cores mostly do. */
static uint32_t nth(unsigned i)
{
	return 0x1000 + i;
}

static void the_oldest_ssrc_of_the_core_makes_room(void **state)
{
	struct dp_srtp_session *s = few(true);

	(void)state;
	for (unsigned i = 0; i < 10 * MOST; i++)
		for (uint16_t seq = 0; seq < 3; seq++)
			assert_int_equal(sealed(s, nth(i), seq), dp_drop_COUNT);
	dp_srtp_burst.session_free(s);
}

/* Else its packets would be ciphered with key stream that was used before. */
static void an_ssrc_that_made_room_never_comes_back(void **state)
{
	struct dp_srtp_session *s = few(true);

	(void)state;
	for (unsigned i = 0; i < 2 * MOST; i++)
		assert_int_equal(sealed(s, nth(i), 1), dp_drop_COUNT);
	for (unsigned i = 0; i < MOST; i++)
		assert_int_equal(sealed(s, nth(i), 1), DP_DROP_SSRC_LIMIT);
	for (unsigned i = MOST; i < 2 * MOST; i++)
		assert_int_equal(sealed(s, nth(i), 2), dp_drop_COUNT);
	dp_srtp_burst.session_free(s);
}

static void a_burst_in_which_an_ssrc_makes_room_loses_only_that_ones_packets(void **state)
{
	struct dp_srtp_session *s = few(true), *all[3] = { s, s, s };
	struct rte_mbuf *m[3];
	enum dp_drop why[3];

	(void)state;
	for (unsigned i = 0; i < MOST; i++)
		assert_int_equal(sealed(s, nth(i), 1), dp_drop_COUNT);
	m[0] = of(nth(MOST), 1);	/* takes the place of the first */
	m[1] = of(nth(0), 2);
	m[2] = of(nth(1), 2);
	dp_srtp_burst.protect_burst(0, m, all, 3, why);
	assert_int_equal(why[0], dp_drop_COUNT);
	assert_int_equal(why[1], DP_DROP_SSRC_LIMIT);
	assert_int_equal(why[2], dp_drop_COUNT);
	rte_pktmbuf_free_bulk(m, 3);
	dp_srtp_burst.session_free(s);
}

/* Threat M5 (b): with a good tag too. */
static void the_cap_is_hard_towards_the_core(void **state)
{
	struct dp_srtp_session *s = few(false);

	(void)state;
	for (unsigned i = 0; i < 3 * MOST; i++) {
		struct dp_srtp_session *one = few(true);
		struct rte_mbuf *m = of(nth(i), 1);
		enum dp_drop why;

		assert_int_equal(seal(one, m), dp_drop_COUNT);
		dp_srtp_burst.unprotect_burst(0, &m, &s, 1, &why);
		assert_int_equal(why, i < MOST ? dp_drop_COUNT : DP_DROP_SSRC_LIMIT);
		rte_pktmbuf_free(m);
		dp_srtp_burst.session_free(one);
	}
	dp_srtp_burst.session_free(s);
}

/* A transfer brings another key and another SSRC; what was heard under old keys must not fill the places. */
static void a_new_key_has_room_for_new_ssrcs(void **state)
{
	struct dp_srtp_session *s = few(false);

	(void)state;
	for (unsigned i = 0; i < 3 * MOST; i++) {
		struct dp_srtp_session *sender = few(true), *next = few(false);
		struct rte_mbuf *m = of(nth(i), 1);
		enum dp_drop why;

		dp_srtp_burst.carry_on(next, s);
		dp_srtp_burst.session_free(s);
		s = next;
		assert_int_equal(seal(sender, m), dp_drop_COUNT);
		dp_srtp_burst.unprotect_burst(0, &m, &s, 1, &why);
		assert_int_equal(why, dp_drop_COUNT);
		rte_pktmbuf_free(m);
		dp_srtp_burst.session_free(sender);
	}
	dp_srtp_burst.session_free(s);
}

static void a_forged_packet_in_front_does_not_steer_the_first_true_one(void **state)
{
	struct dp_srtp_session *s = few(false), *both[2] = { s, s }, *sender = few(true);
	struct rte_mbuf *m[2] = { of(7, 0xfff0), of(7, 5) };
	enum dp_drop why[2];

	(void)state;
	assert_int_equal(seal(sender, m[1]), dp_drop_COUNT);
	dp_srtp_burst.unprotect_burst(0, m, both, 2, why);
	assert_int_equal(why[0], DP_DROP_SRTP_AUTH);
	assert_int_equal(why[1], dp_drop_COUNT);
	rte_pktmbuf_free_bulk(m, 2);
	dp_srtp_burst.session_free(s);
	dp_srtp_burst.session_free(sender);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_ssrc_of_the_core_makes_room),
		cmocka_unit_test(an_ssrc_that_made_room_never_comes_back),
		cmocka_unit_test(a_burst_in_which_an_ssrc_makes_room_loses_only_that_ones_packets),
		cmocka_unit_test(the_cap_is_hard_towards_the_core),
		cmocka_unit_test(a_new_key_has_room_for_new_ssrcs),
		cmocka_unit_test(a_forged_packet_in_front_does_not_steer_the_first_true_one),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
