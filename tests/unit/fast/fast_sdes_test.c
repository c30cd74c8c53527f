/* SPDX-License-Identifier: Apache-2.0 */
/* SRTP on both legs (F-32): a packet is opened and sealed in one pass, keys of one leg change under the other's packets (RFC 3711 3.3.1). */
#include "tests/unit/fast/rig.h"

#define A_PORT 20000
#define C_PORT 30000
#define SEALED (RTP_BYTES + 10)

struct call {
	struct dp_fast *f;
	struct dp_flow_spec a, c;
	dp_flow_id a_id, c_id;
	/* the ends' */
	struct dp_srtp_session *wic_seal, *wic_open, *phone_seal, *phone_open;
	uint16_t seq, back;
};

/* DTLS-SRTP there, SDES here. */
static struct call call(void)
{
	struct call k = { .f = gateway(1), .wic_seal = session(1, true), .wic_open = session(2, false), .phone_seal = session(3, true),
		.phone_open = session(4, false) };

	assert_int_equal(dp_flow_alloc(k.f, C_PORT, &k.c_id), GW_OK);
	k.a = access_flow(A_PORT, session(1, false));
	k.a.srtp_kept = session(2, true);
	k.a.seals = true;
	k.a.reverse = k.c_id;
	set(k.f, &k.a_id, &k.a);
	k.c = core_flow(C_PORT, session(3, false));
	k.c.kind = DP_FLOW_CORE_SRTP;
	k.c.srtp_kept = session(4, true);
	k.c.seals = true;
	k.c.reverse = k.a_id;
	k.c.carries_on = true;
	set(k.f, &k.c_id, &k.c);
	return k;
}

static struct dp_event del(struct dp_fast *f, dp_flow_id id)
{
	struct dp_cmd c = { .type = DP_CMD_FLOW_DEL, .flow = id };
	struct dp_event ev = { 0 };

	assert_int_equal(dp_cmd_send(f, &c), GW_OK);
	poll_all(f);
	assert_int_equal(dp_event_poll(f, &ev, 1), 1);
	return ev;
}

static void free_old(const struct dp_event *ev)
{
	dp_srtp_burst.session_free(ev->old_srtp);
	dp_srtp_burst.session_free(ev->old_kept);
}

static void end(struct call *k)
{
	struct dp_event ev = del(k->f, k->a_id);

	free_old(&ev);
	ev = del(k->f, k->c_id);
	free_old(&ev);
	dp_fast_free(k->f);
	dp_srtp_burst.session_free(k->wic_seal);
	dp_srtp_burst.session_free(k->wic_open);
	dp_srtp_burst.session_free(k->phone_seal);
	dp_srtp_burst.session_free(k->phone_open);
}

static struct rte_mbuf *sealed(struct dp_srtp_session *s, uint16_t seq)
{
	struct rte_mbuf *m = rtp(seq, RTP_BYTES);
	enum dp_drop why;

	dp_srtp_burst.protect_burst(0, &m, &s, 1, &why);
	assert_int_equal(why, dp_drop_COUNT);
	assert_int_equal(m->data_len, SEALED);
	return m;
}

/* What left is this packet, for who has the key. */
static bool arrives(struct dp_fast *f, unsigned dev, struct dp_srtp_session *open, uint16_t seq)
{
	struct rte_mbuf *m, *want = rtp(seq, RTP_BYTES);
	enum dp_drop why = dp_drop_COUNT;
	bool is_it;

	poll_all(f);
	m = take(dev);
	if (m) {
		rte_pktmbuf_adj(m, HEADERS);
		assert_int_equal(m->data_len, open ? SEALED : RTP_BYTES);
		if (open)
			dp_srtp_burst.unprotect_burst(0, &m, &open, 1, &why);
	}
	is_it = m && why == dp_drop_COUNT && memcmp(rte_pktmbuf_mtod(m, void *), rte_pktmbuf_mtod(want, void *), RTP_BYTES) == 0;
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(want);
	return is_it;
}

static bool to_phone(struct call *k, uint16_t seq)
{
	give(0, framed(sealed(k->wic_seal, seq), 0, &peer, us, A_PORT));
	return arrives(k->f, 1, k->phone_open, seq);
}

static bool to_wic(struct call *k, uint16_t seq)
{
	give(1, framed(sealed(k->phone_seal, seq), 1, &core_peer, core_us, C_PORT));
	return arrives(k->f, 0, k->wic_open, seq);
}

static void a_packet_is_opened_and_sealed(void **state)
{
	struct call k = call();

	(void)state;
	for (uint16_t seq = 1; seq <= 5; seq++) {
		assert_true(to_phone(&k, seq));
		assert_true(to_wic(&k, seq));
	}
	end(&k);
}

static void a_burst_of_many_keeps_its_order(void **state)
{
	struct call k = call();

	(void)state;
	for (uint16_t seq = 1; seq <= DP_BURST; seq++)
		give(1, framed(sealed(k.phone_seal, seq), 1, &core_peer, core_us, C_PORT));
	for (uint16_t seq = 1; seq <= DP_BURST; seq++)
		assert_true(arrives(k.f, 0, k.wic_open, seq));
	end(&k);
}

static void what_does_not_authenticate_goes_no_further(void **state)
{
	struct call k = call();
	struct rte_mbuf *m = sealed(k.phone_seal, 1);

	(void)state;
	rte_pktmbuf_mtod(m, uint8_t *)[SEALED - 1] ^= 1;
	give(1, framed(m, 1, &core_peer, core_us, C_PORT));
	assert_false(arrives(k.f, 0, k.wic_open, 1));
	assert_int_equal(drops(k.f, DP_DROP_SRTP_AUTH), 1);
	give(1, framed(rtp(2, RTP_BYTES), 1, &core_peer, core_us, C_PORT));	/* in clear */
	assert_false(arrives(k.f, 0, k.wic_open, 2));
	assert_int_equal(drops(k.f, DP_DROP_SRTP_AUTH), 2);
	assert_true(to_wic(&k, 3));
	end(&k);
}

/* To ROC 1. */
static void roll_over(struct call *k)
{
	for (uint16_t n = 0, seq = 65534; n < 4; n++, seq++) {
		assert_true(to_phone(k, seq));
		assert_true(to_wic(k, seq));
	}
}

static void renew(struct dp_srtp_session **s, uint8_t key, bool is_protect, bool carries_on)
{
	struct dp_srtp_session *fresh = session(key, is_protect);

	if (carries_on)
		dp_srtp_burst.carry_on(fresh, *s);
	dp_srtp_burst.session_free(*s);
	*s = fresh;
}

static void another_key_goes_on_at_the_same_index(void **state)
{
	struct call k = call();
	struct dp_event ev;

	(void)state;
	roll_over(&k);
	k.c.srtp = session(5, false);
	k.c.srtp_kept = session(6, true);
	ev = set(k.f, &k.c_id, &k.c);
	assert_non_null(ev.old_srtp);
	assert_non_null(ev.old_kept);
	free_old(&ev);
	give(1, framed(sealed(k.phone_seal, 2), 1, &core_peer, core_us, C_PORT));
	assert_false(arrives(k.f, 0, k.wic_open, 2));	/* the old key */
	renew(&k.phone_seal, 5, true, true);
	renew(&k.phone_open, 6, false, true);
	assert_true(to_wic(&k, 3));
	assert_true(to_phone(&k, 3));
	end(&k);
}

static void at_another_address_another_key_begins_at_zero(void **state)
{
	struct call k = call();
	struct dp_event ev;

	(void)state;
	roll_over(&k);
	k.c.srtp = session(5, false);
	k.c.srtp_kept = session(6, true);
	k.c.carries_on = false;
	ev = set(k.f, &k.c_id, &k.c);
	free_old(&ev);
	renew(&k.phone_seal, 5, true, false);
	renew(&k.phone_open, 6, false, false);
	assert_true(to_wic(&k, 3));
	assert_true(to_phone(&k, 3));
	end(&k);
}

static void without_the_other_leg_nothing_leaves_in_clear(void **state)
{
	struct call k = call();
	struct dp_event ev = del(k.f, k.c_id);

	(void)state;
	free_old(&ev);
	assert_false(to_phone(&k, 1));
	assert_int_equal(drops(k.f, DP_DROP_NO_KEYS), 1);
	k.c.srtp = session(3, false);
	k.c.srtp_kept = NULL;	/* it has told its key, and was not told one */
	set(k.f, &k.c_id, &k.c);
	assert_false(to_phone(&k, 2));
	assert_int_equal(drops(k.f, DP_DROP_NO_KEYS), 2);
	assert_true(to_wic(&k, 1));
	end(&k);
}

static void plain_rtp_is_sealed_and_srtp_opened_to_plain(void **state)
{
	struct call k = call();
	struct dp_event ev;

	(void)state;
	k.a.kind = DP_FLOW_CORE_CLEAR;
	k.a.srtp = k.a.srtp_kept = NULL;
	ev = set(k.f, &k.a_id, &k.a);
	free_old(&ev);
	k.c.seals = false;
	set(k.f, &k.c_id, &k.c);
	give(0, framed(rtp(7, RTP_BYTES), 0, &peer, us, A_PORT));
	assert_true(arrives(k.f, 1, k.phone_open, 7));
	give(1, framed(sealed(k.phone_seal, 7), 1, &core_peer, core_us, C_PORT));
	assert_true(arrives(k.f, 0, NULL, 7));
	end(&k);
}

static void what_only_the_ends_can_open_passes_as_it_is(void **state)
{
	struct call k = call();
	struct dp_event ev;

	(void)state;
	k.a.kind = k.c.kind = DP_FLOW_CORE_CLEAR;
	k.a.srtp = k.a.srtp_kept = k.c.srtp = k.c.srtp_kept = NULL;
	k.a.seals = k.c.seals = false;
	k.a.police = (struct dp_police){ .sdr = 1, .mbs = 250 };	/* one packet */
	ev = set(k.f, &k.a_id, &k.a);
	free_old(&ev);
	ev = set(k.f, &k.c_id, &k.c);
	free_old(&ev);
	renew(&k.phone_open, 1, false, false);	/* they share a key we do not have */
	renew(&k.phone_seal, 2, true, false);
	assert_true(to_phone(&k, 9));
	assert_true(to_wic(&k, 9));
	assert_false(to_phone(&k, 10));
	assert_int_equal(drops(k.f, DP_DROP_RATE), 1);
	give(1, framed(rtp(11, RTP_BYTES), 1, &peer, core_us, C_PORT));
	assert_false(arrives(k.f, 0, NULL, 11));
	assert_int_equal(drops(k.f, DP_DROP_SOURCE), 1);
	end(&k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_opened_and_sealed),
		cmocka_unit_test(a_burst_of_many_keeps_its_order),
		cmocka_unit_test(what_does_not_authenticate_goes_no_further),
		cmocka_unit_test(another_key_goes_on_at_the_same_index),
		cmocka_unit_test(at_another_address_another_key_begins_at_zero),
		cmocka_unit_test(without_the_other_leg_nothing_leaves_in_clear),
		cmocka_unit_test(plain_rtp_is_sealed_and_srtp_opened_to_plain),
		cmocka_unit_test(what_only_the_ends_can_open_passes_as_it_is),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
