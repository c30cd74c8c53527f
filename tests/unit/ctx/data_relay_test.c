/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data lines in relay mode (W2-DC-01, iq.md F-68), by the service core and by the workers: two peers with OpenSSL's DTLS,
 * the gateway's own contexts, flows and record engine between them; threats S2, S4, D2, D7 on the way.
 */
#include "tests/unit/ctx/data_rig.h"

#define CHACHA "ECDHE-ECDSA-CHACHA20-POLY1305"
#define AES_256 "ECDHE-ECDSA-AES256-GCM-SHA384"

/* ---- by the service core ---------------------------------------------------------------------------------- */

static void packets_pass_whole_both_ways_by_openssl_when_the_suite_is_another(void **state)
{
	(void)state;
	data_open(CHACHA, 1);
	data_connect();
	assert_false(data_is_fast());
	for (uint16_t n = 12; n <= 1200; n = (uint16_t)(n + 99))
		data_exchange(n);
	assert_int_equal(R.core.n_got, 1 + 13);
	assert_int_equal(dp_ctx_counters(R.ctx)[ctx_data_slow], 2);
	assert_int_equal(dp_ctx_counters(R.ctx)[ctx_data_fast], 0);
	data_close();
}

/* SCTP begins as soon as one side is up: its INIT need not be lost. */
static void first_packets_wait_for_the_other_handshake_but_no_more_than_a_few(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_add_access();
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	assert_int_equal(R.told_up, 1);
	data_add_core("active");
	R.core.keeps_out = true;	/* its handshake takes a while */
	data_settle();
	for (uint16_t i = 0; i < DP_DATA_WAITING + 3; i++)
		data_send(&R.wic, (uint16_t)(100 + i));
	data_settle();
	assert_int_equal(dp_ctx_counters(R.ctx)[ctx_data_dropped], 3);
	data_release(&R.core);
	assert_int_equal(R.told_up, 2);
	assert_int_equal(R.core.n_got, DP_DATA_WAITING);
	for (unsigned i = 0; i < DP_DATA_WAITING; i++)
		assert_int_equal(R.core.got[i].len, 100 + i);
	data_close();
}

static void what_waits_is_freed_with_its_leg(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_add_access();
	data_add_core("active");
	R.core.keeps_out = true;
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	data_send(&R.wic, 100);
	data_settle();
	assert_int_equal(R.core.stream->access->data->n_waiting, 1);
	data_close();	/* the sanitizer looks */
}

static void gate_of_either_side_closes_its_direction(const char *suite)
{
	unsigned at_core, at_wic;

	data_open(suite, 1);
	data_connect();
	at_core = R.core.n_got;
	at_wic = R.wic.n_got;
	data_set_mode(DATA_ACCESS, IQ_MODE_SEND_ONLY);
	data_send(&R.wic, 200);
	data_send(&R.core, 201);
	data_settle();
	assert_int_equal(R.core.n_got, at_core);
	data_expect(&R.wic, at_wic + 1, 201);
	data_set_mode(DATA_ACCESS, IQ_MODE_INACTIVE);
	data_send(&R.core, 202);
	data_settle();
	assert_int_equal(R.wic.n_got, at_wic + 1);
	data_set_mode(DATA_ACCESS, IQ_MODE_SEND_RECEIVE);
	data_set_mode(DATA_CORE, IQ_MODE_RECEIVE_ONLY);
	data_send(&R.wic, 203);
	data_send(&R.core, 204);
	data_settle();
	assert_int_equal(R.core.n_got, at_core);
	data_expect(&R.wic, at_wic + 2, 204);
	data_set_mode(DATA_CORE, IQ_MODE_SEND_RECEIVE);
	data_send(&R.wic, 205);
	data_settle();
	data_expect(&R.core, at_core + 1, 205);
	data_close();
}

static void gates_close_what_the_service_core_carries(void **state)
{
	(void)state;
	gate_of_either_side_closes_its_direction(CHACHA);
}

static void gates_close_what_the_workers_carry(void **state)
{
	(void)state;
	gate_of_either_side_closes_its_direction(NULL);
}

static void statistics_are_of_packets_without_dtls(const char *suite)
{
	struct dp_flow_stats in, out;

	data_open(suite, 1);
	data_connect();
	data_send(&R.wic, 500);
	data_settle();
	dp_stream_stats(R.ctx, R.wic.stream, &in, &out);
	assert_int_equal(in.rx_packets, 2);
	assert_int_equal(in.rx_bytes, 600);
	assert_int_equal(out.tx_packets, 1);
	assert_int_equal(out.tx_bytes, 101);
	assert_true(in.last_rx_tsc != 0);
	dp_stream_stats(R.ctx, R.core.stream, &in, &out);
	assert_int_equal(in.rx_packets, 1);
	assert_int_equal(in.rx_bytes, 101);
	assert_int_equal(out.tx_packets, 2);
	assert_int_equal(out.tx_bytes, 600);
	data_close();
}

static void statistics_hold_by_either_way(void **state)
{
	(void)state;
	statistics_are_of_packets_without_dtls(CHACHA);
	statistics_are_of_packets_without_dtls(NULL);
}

/* ---- who may speak ----------------------------------------------------------------------------------------- */

static void without_ice_dtls_is_taken_from_the_address_of_remote_only(void **state)
{
	static const uint8_t hello[] = { 22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1 };
	struct gw_addr other_port = core_peer, other_host = core_peer;

	(void)state;
	data_open(NULL, 1);
	data_add_access();
	data_add_core("passive");
	other_port.port++;
	other_host.b[3] ^= 3;
	data_inject(&R.core, &other_port, hello, sizeof(hello));
	data_inject(&R.core, &other_host, hello, sizeof(hello));
	data_settle();
	assert_int_equal(drops(R.fast, DP_DROP_SOURCE), 2);
	assert_int_equal(R.core.datagrams, 0);
	data_close();
}

static void core_side_can_be_the_server(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_add_access();
	data_add_core("passive");
	assert_int_equal(dp_dtls_set_role(R.core.d, true), GW_OK);
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	assert_int_equal(dp_dtls_start(R.core.d, R.now), GW_OK);
	data_settle();
	assert_int_equal(R.told_up, 2);
	data_send(&R.core, 70);
	data_settle();
	data_expect(&R.wic, 1, 70);
	data_send(&R.wic, 71);
	data_settle();
	data_expect(&R.core, 1, 71);
	assert_true(data_is_fast());
	data_close();
}

static void rtp_and_stun_have_no_business_on_a_data_line_of_the_core(void **state)
{
	static const uint8_t rtp[12] = { 0x80 }, stun[20] = { 0, 1 };

	(void)state;
	data_open(NULL, 1);
	data_connect();
	data_inject(&R.core, &core_peer, rtp, sizeof(rtp));
	data_inject(&R.core, &core_peer, stun, sizeof(stun));
	data_inject(&R.wic, &peer, rtp, sizeof(rtp));
	data_settle();
	assert_int_equal(drops(R.fast, DP_DROP_CLASS), 3);
	data_close();
}

/* ---- by the workers ---------------------------------------------------------------------------------------- */

static void workers_carry_it(const char *suite, uint16_t workers)
{
	uint64_t relayed;

	data_open(suite, workers);
	data_connect();
	assert_true(data_is_fast());
	assert_int_equal(dp_ctx_counters(R.ctx)[ctx_data_fast], 2);
	relayed = dp_ctx_counters(R.ctx)[ctx_data_relayed];
	rig_allocations = 0;
	for (uint16_t n = 1; n <= 1200; n = (uint16_t)(n + 53))
		data_exchange(n);
#ifdef RIG_COUNTS
	assert_true(rig_device || rig_allocations == 0);
#endif
	assert_int_equal(dp_ctx_counters(R.ctx)[ctx_data_relayed], relayed);
	data_close();
}

static void workers_open_and_seal_what_openssl_seals_and_opens(void **state)
{
	(void)state;
	workers_carry_it(NULL, 1);
	workers_carry_it(AES_256, 1);
	workers_carry_it(NULL, 2);
}

/* While OpenSSL gives the records away there are some under way: in the ring to the service core, and on the wire. */
static void nothing_is_lost_or_doubled_while_the_workers_take_over(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_add_access();
	data_add_core("active");
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	for (uint16_t i = 0; i < 20; i++) {
		data_send(&R.wic, (uint16_t)(300 + i));
		data_send(&R.core, (uint16_t)(400 + i));
		poll_all(R.fast);	/* all of it is punted: nobody has keys yet */
	}
	assert_false(data_is_fast());
	data_settle();
	assert_true(data_is_fast());
	assert_int_equal(R.core.n_got, 20);
	assert_int_equal(R.wic.n_got, 20);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(R.core.got[i].len, 300 + i);
		assert_int_equal(R.wic.got[i].len, 400 + i);
	}
	data_close();
}

/* A server's Finished can be lost; what a worker sealed must not make the repeated one a replay. */
static void workers_wait_for_a_sign_that_the_last_flight_has_arrived(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_add_access();
	data_add_core("active");
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	data_send(&R.core, 60);
	data_settle();
	assert_false(data_is_fast());	/* the WIC has sent nothing with its keys */
	data_expect(&R.wic, 1, 60);
	data_send(&R.wic, 61);
	data_settle();
	assert_true(data_is_fast());
	data_expect(&R.core, 1, 61);
	data_close();
}

/* ---- records that are no good (threat D7 and RFC 6347 4.1.2.6) --------------------------------------------- */

static uint8_t rec[2048];
static size_t rec_len;

/* The WIC's next record, which does not leave. */
static void catch_record(uint16_t n)
{
	R.wic.keeps_out = true;
	data_send(&R.wic, n);
	R.wic.keeps_out = false;
	rec_len = R.wic.out[0]->data_len;
	memcpy(rec, rte_pktmbuf_mtod(R.wic.out[0], void *), rec_len);
	rte_pktmbuf_free(R.wic.out[0]);
	R.wic.n_out = 0;
}

/* Records of n bytes, n + step, ... one behind the other. @return the length of all */
static size_t catch_records(uint8_t *all, unsigned count, uint16_t n, uint16_t step)
{
	size_t len = 0;

	for (unsigned i = 0; i < count; i++) {
		catch_record((uint16_t)(n + i * step));
		memcpy(all + len, rec, rec_len);
		len += rec_len;
	}
	return len;
}

static void replayed_records_are_dropped_in_one_burst_and_in_another(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	catch_record(80);
	for (unsigned i = 0; i < 3; i++)
		data_inject(&R.wic, &peer, rec, rec_len);
	data_settle();
	data_inject(&R.wic, &peer, rec, rec_len);
	data_settle();
	data_expect(&R.core, 2, 80);
	assert_int_equal(drops(R.fast, DP_DROP_DTLS_REPLAY), 3);
	data_close();
}

/* What OpenSSL opened before the workers took over they do not open again. */
static void records_from_before_the_workers_are_replays_too(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_add_access();
	data_add_core("active");
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	catch_record(90);
	data_inject(&R.wic, &peer, rec, rec_len);
	data_settle();
	assert_true(data_is_fast());
	data_expect(&R.core, 1, 90);
	data_inject(&R.wic, &peer, rec, rec_len);
	data_settle();
	assert_int_equal(R.core.n_got, 1);
	assert_int_equal(drops(R.fast, DP_DROP_DTLS_REPLAY), 1);
	data_close();
}

static void records_out_of_order_pass_within_the_window(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	R.wic.keeps_out = true;
	for (uint16_t i = 0; i < 10; i++)
		data_send(&R.wic, (uint16_t)(600 + i));
	R.wic.keeps_out = false;
	while (R.wic.n_out) {	/* the last one first */
		struct rte_mbuf *m = R.wic.out[--R.wic.n_out];

		data_inject(&R.wic, &peer, rte_pktmbuf_mtod(m, void *), m->data_len);
		rte_pktmbuf_free(m);
		data_settle();
	}
	assert_int_equal(R.core.n_got, 11);
	data_expect(&R.core, 11, 600);
	data_close();
}

/* Every byte of a record, and records too short to be one. */
static void records_that_are_broken_in_any_byte_pass_nothing(void **state)
{
	unsigned before;

	(void)state;
	data_open(NULL, 1);
	data_connect();
	catch_record(40);
	before = R.core.datagrams;
	for (size_t i = 0; i < rec_len; i++) {
		rec[i] ^= 1;
		data_inject(&R.wic, &peer, rec, rec_len);
		data_settle();
		rec[i] ^= 1;
	}
	for (size_t n = 0; n < 13 + 24 + 1; n++) {
		uint8_t shortened[64];

		memcpy(shortened, rec, n);
		if (n > 12)
			shortened[12] = (uint8_t)(n - 13);
		if (n)
			data_inject(&R.wic, &peer, shortened, n);
		data_settle();
	}
	assert_int_equal(R.core.datagrams, before);
	assert_true(drops(R.fast, DP_DROP_DTLS_AUTH) >= 8 + 40 + 16);
	assert_true(drops(R.fast, DP_DROP_DTLS_RECORD) >= 24);
	data_inject(&R.wic, &peer, rec, rec_len);	/* and it is still good */
	data_settle();
	data_expect(&R.core, 2, 40);
	data_close();
}

/* Several records of one datagram: each goes on by itself; a bad one ends it. */
static void datagrams_of_several_records_are_taken_apart(void **state)
{
	uint8_t all[2048];
	size_t n;

	(void)state;
	data_open(NULL, 1);
	data_connect();
	n = catch_records(all, 5, 30, 1);
	data_inject(&R.wic, &peer, all, n);
	data_settle();
	assert_int_equal(R.core.n_got, 6);
	data_expect(&R.core, 6, 34);
	catch_record(50);
	memcpy(all, rec, rec_len);
	n = rec_len;
	catch_record(51);
	memcpy(all + n, rec, rec_len);
	all[n + 30] ^= 1;
	memcpy(all + n + rec_len, all, 20);	/* and junk */
	data_inject(&R.wic, &peer, all, n + rec_len + 20);
	data_settle();
	data_expect(&R.core, 7, 50);
	data_close();
}

static void records_from_elsewhere_are_dropped_unopened(void **state)
{
	struct gw_addr other = peer;

	(void)state;
	data_open(NULL, 1);
	data_connect();
	catch_record(80);
	other.port++;
	data_inject(&R.wic, &other, rec, rec_len);
	data_settle();
	assert_int_equal(R.core.n_got, 1);
	assert_int_equal(drops(R.fast, DP_DROP_SOURCE), 1);
	data_close();
}

/* Threat D2: clear records of a handshake, of any claimed size, after it is over. */
static void junk_handshakes_cost_an_association_nothing(void **state)
{
	uint8_t junk[64] = { 22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 51, 1, 0xff, 0xff, 0xff };

	(void)state;
	data_open(NULL, 1);
	data_connect();
	for (unsigned i = 0; i < 500; i++) {
		junk[10] = (uint8_t)i;
		data_inject(&R.wic, &peer, junk, sizeof(junk));
		data_settle();
	}
	data_send(&R.wic, 77);
	data_settle();
	data_expect(&R.core, 2, 77);
	assert_true(data_is_fast());
	data_close();
}

static void what_does_not_fit_the_mtu_of_the_other_side_is_counted(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	data_send(&R.wic, 1500 - 28 - 37);
	data_settle();
	data_expect(&R.core, 2, 1500 - 28 - 37);
	data_send(&R.wic, 1500 - 28 - 37 + 1);
	data_settle();
	assert_int_equal(R.core.n_got, 2);
	assert_int_equal(drops(R.fast, DP_DROP_MTU), 1);
	data_close();
}

/* ---- the end (threat S4) ------------------------------------------------------------------------------------ */

static void close_notify_of_a_peer_is_told_and_stops_the_relay(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	dp_dtls_close(R.wic.d);
	data_settle();
	assert_int_equal(R.told_closed, 1);
	assert_false(data_is_fast());
	data_send(&R.core, 88);
	data_settle();
	assert_int_equal(R.wic.n_got, 1);
	assert_int_equal(R.told_closed, 1);
	data_close();
}

/* Under the worker's numbers, so that the peer believes it. */
static void close_notify_of_ours_is_believed_after_the_workers_sealed(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	for (uint16_t i = 0; i < 30; i++)
		data_send(&R.core, 100);
	data_settle();
	assert_int_equal(R.wic.n_got, 31);
	data_subtract(DATA_ACCESS);
	assert_int_equal(dp_dtls_state(R.wic.d), DP_DTLS_CLOSED);
	assert_int_equal(dp_dtls_state(R.core.d), DP_DTLS_UP);
	data_subtract(DATA_CORE);
	assert_int_equal(dp_dtls_state(R.core.d), DP_DTLS_CLOSED);
	data_close();
}

static void teardown_with_packets_under_way_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		data_open(NULL, 2);
		data_connect();
		for (uint16_t i = 0; i < 20; i++) {
			data_send(&R.wic, 900);
			data_send(&R.core, 900);
		}
		dp_ctx_subtract(R.ctx, (order ? &R.wic : &R.core)->stream->term, R.now);
		(order ? &R.wic : &R.core)->stream = NULL;
		poll_all(R.fast);
		data_send(&R.wic, 100);
		data_send(&R.core, 100);
		data_close();
	}
}

/* The core changes, the WIC stays: its numbers go on, with another partner. */
static void a_leg_that_stays_gets_a_new_partner(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	data_subtract(DATA_CORE);
	data_renew(&R.core, NULL, false);	/* another peer at the same place */
	data_add_core("active");
	data_settle();
	data_exchange(55);
	assert_true(data_is_fast());
	data_close();
}

/* The new partner's last flight may be lost: until that is known OpenSSL stays, and the service core carries both. */
static void a_new_partner_is_waited_for_by_a_leg_that_stays(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	data_subtract(DATA_CORE);
	data_renew(&R.core, NULL, true);
	data_add_core("passive");
	assert_int_equal(dp_dtls_start(R.core.d, R.now), GW_OK);
	data_settle();
	data_send(&R.wic, 55);
	data_settle();
	data_expect(&R.core, 1, 55);
	assert_false(data_is_fast());
	data_exchange(57);
	assert_true(data_is_fast());
	data_exchange(59);
	data_close();
}

/* Of no suite of the workers: its partner, which is theirs already, is carried with it by the service core. */
static void a_leg_that_stays_can_get_a_partner_of_another_suite(void **state)
{
	(void)state;
	data_open(NULL, 1);
	data_connect();
	data_subtract(DATA_CORE);
	data_renew(&R.core, CHACHA, false);
	data_add_core("active");
	data_settle();
	for (uint16_t n = 20; n < 1200; n = (uint16_t)(n + 97))
		data_exchange(n);
	assert_false(data_is_fast());
	/* and then one of theirs again */
	data_subtract(DATA_CORE);
	assert_int_equal(dp_dtls_state(R.core.d), DP_DTLS_CLOSED);
	data_renew(&R.core, NULL, false);
	data_add_core("active");
	data_settle();
	data_exchange(55);
	assert_true(data_is_fast());
	data_subtract(DATA_CORE);
	data_renew(&R.core, CHACHA, false);
	data_add_core("active");
	data_settle();
	data_exchange(56);
	dp_dtls_close(R.wic.d);
	data_settle();
	assert_int_equal(R.told_closed, 1);
	data_close();
}

/* F-65. The path of close_notify was good when the relay stopped; then consent ended. */
static void without_consent_not_even_close_notify_leaves(void **state)
{
	unsigned before;

	(void)state;
	data_open(NULL, 1);
	data_connect();
	dp_dtls_close(R.wic.d);
	data_settle();
	assert_int_equal(R.told_closed, 1);
	R.now += 31000;
	(void)gw_timers_run(&R.timers, R.now);
	assert_int_equal(R.wic.stream->access->ice.consent, DP_ICE_CONSENT_LOST);
	before = R.wic.datagrams;
	data_subtract(DATA_ACCESS);
	assert_int_equal(R.wic.datagrams, before);
	data_close();
}

/* F-21: bytes of IP packets, as they came. Five records in each of two datagrams. */
static void a_datagram_of_several_records_is_charged_once(void **state)
{
	uint8_t all[2048];
	size_t n;

	(void)state;
	data_open(NULL, 1);
	data_connect();
	data_police(DATA_ACCESS, 1, 2 * (5 * (100 + 37) + 28));
	for (unsigned k = 0; k < 3; k++) {
		n = catch_records(all, 5, 100, 0);
		data_inject(&R.wic, &peer, all, n);
		data_settle();
	}
	assert_int_equal(R.core.n_got, 1 + 2 * 5);
	assert_int_equal(drops(R.fast, DP_DROP_RATE), 1);
	/* what ends the association is not data, and the peer says it once */
	dp_dtls_close(R.wic.d);
	data_settle();
	assert_int_equal(R.told_closed, 1);
	data_close();
}

/* F-23: what is not charged has a budget. Alerts that end nothing, each sealed by the peer. */
static void alerts_have_a_budget_of_their_own(void **state)
{
	struct dp_record_session *seal;
	struct dp_record_keys keys;

	(void)state;
	data_open(NULL, 1);
	data_connect();
	assert_int_equal(dp_dtls_record_keys(R.wic.d, &keys), GW_OK);
	assert_int_equal(dp_record_burst.session_new(&seal, &keys), GW_OK);
	for (unsigned i = 0; i < 600; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		memcpy(rte_pktmbuf_append(m, 2), "\1\144", 2);	/* no_renegotiation */
		assert_int_equal(dp_record_burst.seal_one(m, seal, DP_RECORD_ALERT), dp_drop_COUNT);
		data_inject(&R.wic, &peer, rte_pktmbuf_mtod(m, void *), m->data_len);
		rte_pktmbuf_free(m);
		poll_all(R.fast);
	}
	assert_in_range(drops(R.fast, DP_DROP_FLOW_BUDGET), 600 - 2 * 150, 600 - 150 + 10);	/* a window may have passed */
	assert_int_equal(R.told_closed, 0);
	data_send(&R.wic, 77);	/* data is not meant */
	data_settle();
	assert_int_equal(drops(R.fast, DP_DROP_DTLS_AUTH), 0);
	dp_record_burst.session_free(seal);
	data_close();
}

/* The peer that ended its association says it once: where nobody can be told, that is counted. */
static void an_alert_that_nobody_can_be_told_of_is_counted(void **state)
{
	struct dp_cmd bad = { .type = DP_CMD_FLOW_DEL };

	(void)state;
	data_open(NULL, 1);
	data_connect();
	bad.flow = R.wic.stream->flow ^ UINT64_C(1) << 32;	/* refused, with an event */
	for (unsigned n = 0; n < 8191; n++) {
		assert_int_equal(dp_cmd_send(R.fast, &bad), GW_OK);
		dp_worker_poll(R.fast, 0);
	}
	dp_dtls_close(R.wic.d);
	dp_worker_poll(R.fast, 0);
	assert_int_equal(drops(R.fast, DP_DROP_PUNT_RING), 1);
	data_settle();
	assert_int_equal(R.told_closed, 0);
	data_close();
}

/* An association that ends here is no way to another peer. */
static void what_ends_here_is_not_joined_with_a_peer(void **state)
{
	static const struct dp_sctp_limits limits = { .associations = 4, .streams = 16, .mtu = 1150, .send_bytes = 65536, .receive_bytes = 65536, .message_max = 65536 };
	static const struct dp_sctp_ops none;
	struct dp_data *d;

	(void)state;
	assert_int_equal(dp_sctp_init(&limits), GW_OK);
	data_open(NULL, 1);
	data_add_access();
	data_add_core("active");
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	assert_int_equal(R.told_up, 2);
	d = R.wic.stream->access->data;
	assert_int_equal(dp_sctp_new(&d->sctp, 5000, 5000, &none, R.wic.stream), GW_OK);
	data_send(&R.core, 300);
	data_send(&R.wic, 300);
	data_settle();
	assert_false(data_is_fast());
	assert_null(R.wic.stream->records);
	assert_int_equal(R.wic.n_got + R.core.n_got, 0);
	data_close();
	while (dp_sctp_exit() == GW_ESTATE)
		(void)dp_sctp_run(R.now += 1000);
}

#ifdef RIG_COUNTS
/* A worker that does not take its orders, and no memory to keep them: what it may still use is not given to another. */
static void a_session_a_worker_may_still_use_is_never_given_away(void **state)
{
	struct dp_record_session *taken[RIG_RECORDS], *lost;
	struct dp_record_keys keys = { .key_bytes = 16 };
	unsigned n = 0;

	(void)state;
	data_open(NULL, 1);
	data_connect();
	lost = R.core.stream->records->session;
	while (dp_ctx_counters(R.ctx)[ctx_cmd_late] == 0)
		dp_publish_one(R.ctx, R.wic.stream, R.now);	/* the ring is full */
	rig_mallocs_to_fail = 2;	/* the WIC's flow is not told that its partner leaves */
	dp_ctx_subtract(R.ctx, R.core.stream->term, R.now);
	R.core.stream = NULL;
	assert_int_equal(dp_ctx_counters(R.ctx)[ctx_cmd_lost], 2);
	while (dp_ctx_flows(R.ctx) > 1 || !gw_list_empty(&R.ctx->backlog)) {
		data_settle();
		(void)gw_timers_run(&R.timers, ++R.now);
	}
	assert_false(R.ctx->is_behind || R.ctx->is_unsure);	/* told by now */
	while (dp_record_burst.session_new(&taken[n], &keys) == GW_OK)
		assert_ptr_not_equal(taken[n++], lost);
	while (n)
		dp_record_burst.session_free(taken[--n]);
	dp_record_burst.session_free(lost);	/* this test's own knowledge */
	data_close();
}
#endif

/* More associations than the workers have room for: OpenSSL goes on. */
static void without_a_session_left_the_service_core_carries_it(void **state)
{
	struct dp_record_session *taken[RIG_RECORDS];
	struct dp_record_keys keys = { .key_bytes = 16 };

	(void)state;
	for (unsigned i = 0; i < RIG_RECORDS - 1; i++)
		assert_int_equal(dp_record_burst.session_new(&taken[i], &keys), GW_OK);
	data_open(NULL, 1);
	data_connect();
	assert_false(data_is_fast());
	assert_int_equal(dp_ctx_counters(R.ctx)[ctx_data_slow], 2);
	data_send(&R.wic, 44);
	data_settle();
	data_expect(&R.core, 2, 44);
	data_close();
	for (unsigned i = 0; i < RIG_RECORDS - 1; i++)
		dp_record_burst.session_free(taken[i]);
}

/* ---- in a group with media (RFC 8841, RFC 9143) -------------------------------------------------------------- */

#define SOUND 2u

/* A Modify of a stream of the access side, in a group or not. */
static unsigned modify(struct dp_term *t, uint16_t id, const char *local, bool is_grouped)
{
	struct iq_group group = { .semantics = GW_SV("BUNDLE"), .streams = { SOUND, 1 }, .n_streams = 2 };
	struct iq_prop prop = { .id = IQ_GROUPS };
	struct iq_stream s = iq_stream(id);
	struct iq_cmd cmd = { .kind = IQ_MODIFY, .streams = &s, .n_streams = 1, .props = &prop, .n_props = is_grouped, .groups = &group, .n_groups = is_grouped };
	struct gw_arena arena = GW_ARENA_INIT(1 << 20);
	struct dp_applied done = { 0 };
	unsigned code;

	s.mode = IQ_MODE_SEND_RECEIVE;
	s.has_local = true;
	s.local = gw_sv_cstr(local);
	code = dp_ctx_apply(R.ctx, R.cx, t, &cmd, &arena, R.now, &done) ? done.code : 0;
	gw_arena_reset(&arena);
	data_commands();
	return code;
}

static struct dp_term *add_sound(void)
{
	char text[1024];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct iq_stream s = iq_stream(SOUND);
	struct dp_term *t = NULL;

	s.mode = IQ_MODE_SEND_RECEIVE;
	s.has_local = s.has_remote = true;
	s.local = GW_SV("v=0\r\nc=IN IP4 $\r\nm=audio $ UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:$\r\na=ice-pwd:$\r\n"
		"a=candidate:$\r\na=fingerprint:sha-256 $\r\na=setup:passive\r\n");
	gw_buf_puts(&b, "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 5000 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:wicu\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n"
		"a=setup:active\r\n");
	data_put_fingerprint(&b, &R.wic);
	s.remote = gw_buf_sv(&b);
	assert_int_equal(data_apply(&t, &s, 1), 0);
	R.wic.stream = t->streams;
	R.wic.port = t->streams->port;
	data_commands();
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	assert_int_equal(R.told_up, 1);
	assert_non_null(R.wic.stream->access->srtp_rx);
	return t;
}

static void join(struct dp_term *t)
{
	assert_int_equal(modify(t, 1, "v=0\r\nc=IN IP4 -\r\nm=application - UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\na=mid:1\r\n", true), 0);
	R.wic.stream = dp_term_stream(t, 1);
	data_add_core("active");
	data_settle();
	data_exchange(100);
	data_exchange(1000);
	assert_true(data_is_fast());
}

static void data_in_a_group(bool is_forgotten)
{
	struct dp_stream *sound;
	struct dp_term *t;

	data_open(NULL, 1);
	t = add_sound();
	sound = t->streams;
	if (is_forgotten)
		dp_media_forget_tls(sound);
	assert_int_equal(dp_dtls_is_kept(sound->access->dtls), !is_forgotten);
	join(t);
	assert_non_null(sound->access->srtp_rx);
	/* it leaves, the association goes on, and another one comes */
	assert_int_equal(modify(t, 1, "v=0\r\nc=IN IP4 -\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n", false), 0);
	R.wic.stream = sound;
	data_subtract(DATA_CORE);
	assert_int_equal(dp_dtls_state(R.wic.d), DP_DTLS_UP);
	assert_non_null(sound->access->srtp_rx);
	data_renew(&R.core, NULL, false);
	R.wic.n_got = 0;
	join(t);
	data_close();
}

static void data_joins_an_association_of_media_leaves_it_and_comes_back(void **state)
{
	(void)state;
	data_in_a_group(false);
	data_in_a_group(true);
}

/* argument: a cryptodev, which then does what the CPU does else */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_pass_whole_both_ways_by_openssl_when_the_suite_is_another),
		cmocka_unit_test(first_packets_wait_for_the_other_handshake_but_no_more_than_a_few),
		cmocka_unit_test(what_waits_is_freed_with_its_leg),
		cmocka_unit_test(gates_close_what_the_service_core_carries),
		cmocka_unit_test(gates_close_what_the_workers_carry),
		cmocka_unit_test(statistics_hold_by_either_way),
		cmocka_unit_test(without_ice_dtls_is_taken_from_the_address_of_remote_only),
		cmocka_unit_test(core_side_can_be_the_server),
		cmocka_unit_test(rtp_and_stun_have_no_business_on_a_data_line_of_the_core),
		cmocka_unit_test(workers_open_and_seal_what_openssl_seals_and_opens),
		cmocka_unit_test(nothing_is_lost_or_doubled_while_the_workers_take_over),
		cmocka_unit_test(workers_wait_for_a_sign_that_the_last_flight_has_arrived),
		cmocka_unit_test(replayed_records_are_dropped_in_one_burst_and_in_another),
		cmocka_unit_test(records_from_before_the_workers_are_replays_too),
		cmocka_unit_test(records_out_of_order_pass_within_the_window),
		cmocka_unit_test(records_that_are_broken_in_any_byte_pass_nothing),
		cmocka_unit_test(datagrams_of_several_records_are_taken_apart),
		cmocka_unit_test(records_from_elsewhere_are_dropped_unopened),
		cmocka_unit_test(junk_handshakes_cost_an_association_nothing),
		cmocka_unit_test(what_does_not_fit_the_mtu_of_the_other_side_is_counted),
		cmocka_unit_test(close_notify_of_a_peer_is_told_and_stops_the_relay),
		cmocka_unit_test(close_notify_of_ours_is_believed_after_the_workers_sealed),
		cmocka_unit_test(teardown_with_packets_under_way_leaves_nothing),
		cmocka_unit_test(a_leg_that_stays_gets_a_new_partner),
		cmocka_unit_test(a_new_partner_is_waited_for_by_a_leg_that_stays),
		cmocka_unit_test(a_leg_that_stays_can_get_a_partner_of_another_suite),
		cmocka_unit_test(without_consent_not_even_close_notify_leaves),
		cmocka_unit_test(a_datagram_of_several_records_is_charged_once),
		cmocka_unit_test(alerts_have_a_budget_of_their_own),
		cmocka_unit_test(an_alert_that_nobody_can_be_told_of_is_counted),
		cmocka_unit_test(what_ends_here_is_not_joined_with_a_peer),
		cmocka_unit_test(data_joins_an_association_of_media_leaves_it_and_comes_back),
#ifdef RIG_COUNTS
		cmocka_unit_test(a_session_a_worker_may_still_use_is_never_given_away),
#endif
		cmocka_unit_test(without_a_session_left_the_service_core_carries_it),
	};

	rig_device = argc > 1 ? argv[1] : NULL;
	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
