/* SPDX-License-Identifier: Apache-2.0 */
/* Transaction machines of RFC 3261 17 and RFC 6026 under a fake clock. */
#include "proto/sip/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct rig {
	struct sip_txn t;	/* first: callbacks find the rig by it */
	struct gw_timers timers;
	unsigned sent, timeouts, ended;
	char last[64];
};

static void on_send(struct sip_txn *t, struct gw_sv b)
{
	struct rig *r = (struct rig *)t;

	r->sent++;
	assert_int_equal(gw_sv_copy(b, r->last, sizeof(r->last)), GW_OK);
}

static void on_timeout(struct sip_txn *t)
{
	((struct rig *)t)->timeouts++;
}

static void on_end(struct sip_txn *t)
{
	((struct rig *)t)->ended++;
}

static const struct sip_txn_ops ops = { on_send, on_timeout, on_end };
static const struct sip_txn_conf udp = { 500, 4000, 5000, false }, wss = { 500, 4000, 5000, true };

static void done(struct rig *r)
{
	sip_txn_dispose(&r->t);
	gw_timers_free(&r->timers);
}

static void invite_is_repeated_until_timer_b(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uac_start(&r.t, true, &udp, &ops, &r.timers, GW_SV("INVITE"), 0), GW_OK);
	assert_int_equal(r.sent, 1);
	gw_timers_run(&r.timers, 499);
	assert_int_equal(r.sent, 1);
	for (uint64_t t = 500, n = 2, step = 1000; t < 32000; t += step, step *= 2, n++) {
		gw_timers_run(&r.timers, t);
		assert_int_equal(r.sent, n);
	}
	gw_timers_run(&r.timers, 31999);
	assert_int_equal(r.timeouts, 0);
	gw_timers_run(&r.timers, 32000);
	assert_int_equal(r.timeouts, 1);
	assert_int_equal(r.ended, 1);
	done(&r);
}

static void provisional_stops_the_repetition_and_timer_b(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uac_start(&r.t, true, &udp, &ops, &r.timers, GW_SV("INVITE"), 0), GW_OK);
	assert_int_equal(sip_txn_uac_response(&r.t, 180, GW_SV_NONE, 100), SIP_TXN_PASS);
	gw_timers_run(&r.timers, 100000);
	assert_int_equal(r.sent, 1);
	assert_int_equal(r.timeouts, 0);
	done(&r);
}

static void refusal_is_acknowledged_each_time_it_comes(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uac_start(&r.t, true, &udp, &ops, &r.timers, GW_SV("INVITE"), 0), GW_OK);
	assert_int_equal(sip_txn_uac_response(&r.t, 486, GW_SV("ACK"), 10), SIP_TXN_PASS);
	assert_string_equal(r.last, "ACK");
	assert_int_equal(sip_txn_uac_response(&r.t, 486, GW_SV("other"), 20), SIP_TXN_ABSORB);
	assert_string_equal(r.last, "ACK");
	assert_int_equal(r.sent, 3);
	gw_timers_run(&r.timers, 10 + 32000);
	assert_int_equal(r.ended, 1);
	done(&r);
}

static void every_2xx_is_passed_while_accepted(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uac_start(&r.t, true, &udp, &ops, &r.timers, GW_SV("INVITE"), 0), GW_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sip_txn_uac_response(&r.t, 200, GW_SV_NONE, 10), SIP_TXN_PASS);
	assert_int_equal(sip_txn_uac_response(&r.t, 486, GW_SV("ACK"), 11), SIP_TXN_ABSORB);
	gw_timers_run(&r.timers, 10 + 32000);	/* Timer M */
	assert_int_equal(r.ended, 1);
	assert_int_equal(r.sent, 1);
	done(&r);
}

static void reliable_transports_send_once_and_end_at_once(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uac_start(&r.t, false, &wss, &ops, &r.timers, GW_SV("MESSAGE"), 0), GW_OK);
	gw_timers_run(&r.timers, 31999);
	assert_int_equal(r.sent, 1);
	assert_int_equal(sip_txn_uac_response(&r.t, 200, GW_SV_NONE, 31999), SIP_TXN_PASS);
	gw_timers_run(&r.timers, 31999);
	assert_int_equal(r.ended, 1);
	done(&r);
}

static void refused_invite_is_repeated_until_the_ack(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uas_start(&r.t, true, &udp, &ops, &r.timers), GW_OK);
	assert_int_equal(sip_txn_uas_respond(&r.t, 100, GW_SV("100"), 0), GW_OK);
	assert_int_equal(sip_txn_uas_request(&r.t, false, 10), SIP_TXN_ABSORB);
	assert_int_equal(r.sent, 2);
	assert_int_equal(sip_txn_uas_respond(&r.t, 486, GW_SV("486"), 20), GW_OK);
	gw_timers_run(&r.timers, 520);
	gw_timers_run(&r.timers, 1520);
	assert_int_equal(r.sent, 5);
	assert_int_equal(sip_txn_uas_request(&r.t, true, 1600), SIP_TXN_ABSORB);
	gw_timers_run(&r.timers, 6599);
	assert_int_equal(r.sent, 5);
	assert_int_equal(r.ended, 0);
	gw_timers_run(&r.timers, 6600);	/* Timer I */
	assert_int_equal(r.ended, 1);
	assert_int_equal(r.timeouts, 0);
	done(&r);
}

static void missing_ack_ends_by_timer_h(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uas_start(&r.t, true, &wss, &ops, &r.timers), GW_OK);
	assert_int_equal(sip_txn_uas_respond(&r.t, 503, GW_SV("503"), 0), GW_OK);
	gw_timers_run(&r.timers, 32000);
	assert_int_equal(r.timeouts, 1);
	assert_int_equal(r.ended, 1);
	done(&r);
}

static void ack_of_a_2xx_is_passed(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uas_start(&r.t, true, &udp, &ops, &r.timers), GW_OK);
	assert_int_equal(sip_txn_uas_respond(&r.t, 200, GW_SV("200"), 0), GW_OK);
	assert_int_equal(sip_txn_uas_respond(&r.t, 200, GW_SV("200"), 500), GW_OK);
	assert_int_equal(sip_txn_uas_request(&r.t, true, 600), SIP_TXN_PASS);
	assert_int_equal(sip_txn_uas_respond(&r.t, 486, GW_SV("486"), 700), GW_ESTATE);
	assert_int_equal(r.t.n_illegal, 1);
	assert_int_equal(r.sent, 2);
	done(&r);
}

static void final_answer_is_repeated_on_request_until_timer_j(void **state)
{
	struct rig r = { .sent = 0 };

	(void)state;
	assert_int_equal(sip_txn_uas_start(&r.t, false, &udp, &ops, &r.timers), GW_OK);
	assert_int_equal(sip_txn_uas_request(&r.t, false, 1), SIP_TXN_ABSORB);
	assert_int_equal(r.sent, 0);
	assert_int_equal(sip_txn_uas_respond(&r.t, 200, GW_SV("200"), 10), GW_OK);
	assert_int_equal(sip_txn_uas_request(&r.t, false, 20), SIP_TXN_ABSORB);
	assert_int_equal(r.sent, 2);
	gw_timers_run(&r.timers, 10 + 32000);
	assert_int_equal(r.ended, 1);
	done(&r);
}

static struct gw_sv key_of(const char *method, const char *branch, const char *call_id, char key[SIP_TXN_KEY_BYTES])
{
	static char text[4096];
	struct gw_arena a = GW_ARENA_INIT(0);
	struct sip_msg m;
	struct gw_sv k;

	snprintf(text, sizeof(text), "%s sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a%s\r\nFrom: <sip:a@b>;tag=1\r\n"
		"To: <sip:b@c>%s\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n\r\n", method, branch,
		strcmp(method, "ACK") == 0 ? ";tag=2" : "", call_id, method);
	assert_int_equal(sip_msg_parse(&m, &a, gw_sv_cstr(text), SIP_DATAGRAM, NULL), GW_OK);
	k = sip_txn_key(&m, true, key);
	gw_arena_reset(&a);
	return k;
}

/* RFC 3261 17.2.3 */
static void requests_of_rfc2543_are_told_by_what_they_have(void **state)
{
	char one[SIP_TXN_KEY_BYTES], two[SIP_TXN_KEY_BYTES], longer[600];

	(void)state;
	snprintf(longer, sizeof(longer), ";branch=z9hG4bK%0500d", 1);
	for (size_t i = 0; i < 3; i++) {
		const char *branch = i == 0 ? "" : i == 1 ? ";branch=z9hG4bK" : longer;
		struct gw_sv k = key_of("INVITE", branch, "c1", one);

		assert_true(k.len > 0);
		assert_true(gw_sv_eq(k, key_of("ACK", branch, "c1", two)));
		assert_true(gw_sv_eq(k, key_of("INVITE", branch, "c1", two)));
		assert_false(gw_sv_eq(k, key_of("CANCEL", branch, "c1", two)));
		assert_false(gw_sv_eq(k, key_of("INVITE", branch, "c2", two)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(requests_of_rfc2543_are_told_by_what_they_have),
		cmocka_unit_test(invite_is_repeated_until_timer_b),
		cmocka_unit_test(provisional_stops_the_repetition_and_timer_b),
		cmocka_unit_test(refusal_is_acknowledged_each_time_it_comes),
		cmocka_unit_test(every_2xx_is_passed_while_accepted),
		cmocka_unit_test(reliable_transports_send_once_and_end_at_once),
		cmocka_unit_test(refused_invite_is_repeated_until_the_ack),
		cmocka_unit_test(missing_ack_ends_by_timer_h),
		cmocka_unit_test(ack_of_a_2xx_is_passed),
		cmocka_unit_test(final_answer_is_repeated_on_request_until_timer_j),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
