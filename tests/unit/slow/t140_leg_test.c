/* SPDX-License-Identifier: Apache-2.0 */
/* A leg of real-time text between a channel and RTP (W2-DC-16): two of them face to face, and each end by hand. */
#include "dataplane/slow/t140_leg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define LOSS "\xef\xbf\xbd"

struct end {
	struct dp_t140 *leg;
	struct end *peer;
	unsigned n_packets, lose_every;      /* each lose_every-th is lost; 0: none */
	bool is_full;                        /* the channel takes nothing */
	unsigned n_messages;
	size_t len, largest;
	char text[20000];                    /* what the channel got */
};

struct rig {
	struct end a, b;
	uint64_t now;
};

static void packet(void *user, struct gw_sv bytes, uint64_t now)
{
	struct end *e = user;

	if (e->lose_every && ++e->n_packets % e->lose_every == 0)
		return;
	assert_int_equal(dp_t140_packet(e->peer->leg, bytes, now), GW_OK);
}

static enum gw_err channel(void *user, struct gw_sv text)
{
	struct end *e = user;

	if (e->is_full)
		return GW_EAGAIN;
	assert_true(e->len + text.len <= sizeof(e->text));
	memcpy(e->text + e->len, text.p, text.len);
	e->len += text.len;
	e->n_messages++;
	if (text.len > e->largest)
		e->largest = text.len;
	return GW_OK;
}

static const struct dp_t140_ops ops = { packet, channel };
static const struct dp_t140_conf plain = { .pt_t140_in = 104, .pt_red_in = 105, .pt_t140_out = 104, .pt_red_out = 105, .generations = 2,
	.may_send = true, .cps_core = 100, .cps_channel = 100 };
static const uint32_t randoms[3] = { 1, 2, 3 };

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->now = 1000;
	r->a.peer = &r->b;
	r->b.peer = &r->a;
	assert_int_equal(dp_t140_new(&r->a.leg, &ops, &r->a), GW_OK);
	assert_int_equal(dp_t140_new(&r->b.leg, &ops, &r->b), GW_OK);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;

	dp_t140_free(r->a.leg);
	dp_t140_free(r->b.leg);
	free(r);
	return 0;
}

static void configure(struct rig *r, struct end *e, const struct dp_t140_conf *conf)
{
	assert_int_equal(dp_t140_configure(e->leg, conf, randoms, r->now), GW_OK);
}

/* Until then, from dead-line to dead-line. */
static void run_to(struct rig *r, uint64_t until)
{
	for (;;) {
		uint64_t a = dp_t140_deadline(r->a.leg, r->now), b = dp_t140_deadline(r->b.leg, r->now), at = a < b ? a : b;

		if (at > until)
			break;
		r->now = at > r->now ? at : r->now;
		dp_t140_tick(r->a.leg, r->now);
		dp_t140_tick(r->b.leg, r->now);
	}
	r->now = until;
}

static bool got(const struct end *e, const char *text)
{
	return gw_sv_eq(gw_sv(e->text, e->len), gw_sv_cstr(text));
}

static void what_is_typed_arrives_as_it_is_typed(void **state)
{
	struct rig *r = *state;
	static const char *const typed[] = { "G", "r", "ü", "ß", "e", " ", "😀" };
	struct dp_t140_counts n;

	configure(r, &r->a, &plain);
	configure(r, &r->b, &plain);
	for (unsigned i = 0; i < 7; i++) {
		assert_true(dp_t140_message(r->a.leg, gw_sv_cstr(typed[i])));
		run_to(r, r->now + 150);
	}
	run_to(r, r->now + 1000);
	assert_true(got(&r->b, "Grüße 😀"));
	assert_int_equal(r->a.len, 0);
	assert_int_equal(r->b.n_messages, 5);	/* blocks of 300 ms: one, and then two letters in each */
	dp_t140_counts(r->a.leg, &n);
	assert_int_equal(n.messages_in, 7);
	assert_int_equal(n.text_in, strlen("Grüße 😀"));
	assert_int_equal(n.packets_out, 5 + 2);	/* the last one is repeated twice */
	dp_t140_counts(r->b.leg, &n);
	assert_int_equal(n.text_out, strlen("Grüße 😀"));
}

static void one_packet_of_three_lost_is_not_seen(void **state)
{
	struct rig *r = *state;
	char sent[401] = "";
	struct dp_t140_counts n;

	r->a.lose_every = 3;
	configure(r, &r->a, &plain);
	configure(r, &r->b, &plain);
	for (unsigned i = 0; i < 400; i++) {
		sent[i] = (char)('a' + i % 26);
		assert_true(dp_t140_message(r->a.leg, gw_sv(sent + i, 1)));
		run_to(r, r->now + 100);
	}
	run_to(r, r->now + 2000);
	assert_true(got(&r->b, sent));
	dp_t140_counts(r->b.leg, &n);
	assert_true(n.recovered > 20);
	assert_int_equal(n.lost, 0);
}

static void an_outage_is_marked_for_the_channel(void **state)
{
	struct rig *r = *state;

	configure(r, &r->a, &plain);
	configure(r, &r->b, &plain);
	for (unsigned i = 0; i < 8; i++) {
		r->a.lose_every = i >= 2 && i < 6 ? 1 : 0;
		assert_true(dp_t140_message(r->a.leg, gw_sv("01234567" + i, 1)));
		run_to(r, r->now + 300);
	}
	run_to(r, r->now + 3000);
	assert_true(got(&r->b, "01" LOSS "4567"));
}

static void a_channel_without_room_is_asked_again(void **state)
{
	struct rig *r = *state;

	configure(r, &r->a, &plain);
	configure(r, &r->b, &plain);
	r->b.is_full = true;
	assert_true(dp_t140_message(r->a.leg, GW_SV("later")));
	run_to(r, r->now + 2000);
	assert_int_equal(r->b.len, 0);
	assert_true(dp_t140_deadline(r->b.leg, r->now) <= r->now + DP_T140_RETRY_MS);
	r->b.is_full = false;
	run_to(r, r->now + DP_T140_RETRY_MS);
	assert_true(got(&r->b, "later"));
}

static void a_message_waits_for_room_and_nothing_is_lost(void **state)
{
	struct rig *r = *state;
	char text[3000];
	struct dp_t140_conf slow = plain;
	struct dp_t140_counts n;

	memset(text, 'x', sizeof(text));
	slow.cps_core = 50;
	configure(r, &r->a, &slow);
	configure(r, &r->b, &plain);
	assert_true(dp_t140_message(r->a.leg, gw_sv(text, sizeof(text))));
	assert_false(dp_t140_message(r->a.leg, gw_sv(text, sizeof(text))));
	run_to(r, r->now + 5000);
	assert_int_equal(r->b.len, 500);	/* the mean of ten seconds */
	run_to(r, r->now + 60000);
	assert_true(dp_t140_message(r->a.leg, gw_sv(text, sizeof(text))));
	run_to(r, r->now + 70000);
	assert_int_equal(r->b.len, 2 * sizeof(text));
	dp_t140_counts(r->a.leg, &n);
	assert_int_equal(n.cut, 0);
}

static void messages_are_as_small_as_the_channel_wants_them(void **state)
{
	struct rig *r = *state;
	struct dp_t140_conf small = plain;

	small.message_max = 3;
	assert_int_equal(dp_t140_configure(r->b.leg, &small, randoms, r->now), GW_EINVAL);
	small.message_max = 7;
	configure(r, &r->a, &plain);
	configure(r, &r->b, &small);
	assert_true(dp_t140_message(r->a.leg, GW_SV("€€€€")));
	run_to(r, r->now + 1000);
	assert_true(got(&r->b, "€€€€"));
	assert_int_equal(r->b.largest, 6);
}

static void a_closed_gate_holds_text_and_keep_alives_back(void **state)
{
	struct rig *r = *state;
	struct dp_t140_conf held = plain;
	struct dp_t140_counts n;

	held.may_send = false;
	configure(r, &r->a, &held);
	configure(r, &r->b, &plain);
	assert_true(dp_t140_message(r->a.leg, GW_SV("early")));
	run_to(r, r->now + 60000);
	dp_t140_counts(r->a.leg, &n);
	assert_int_equal(n.packets_out, 0);
	configure(r, &r->a, &plain);	/* the gate opens: nothing begins anew */
	run_to(r, r->now + 1000);
	assert_true(got(&r->b, "early"));
}

static void after_its_end_it_takes_everything_and_does_nothing(void **state)
{
	struct rig *r = *state;

	assert_int_equal(dp_t140_packet(r->a.leg, GW_SV("x"), r->now), GW_ESTATE);
	assert_int_equal(dp_t140_deadline(r->a.leg, r->now), UINT64_MAX);
	configure(r, &r->a, &plain);
	assert_int_not_equal(dp_t140_deadline(r->a.leg, r->now), UINT64_MAX);
	dp_t140_stop(r->a.leg);
	configure(r, &r->a, &plain);
	assert_true(dp_t140_message(r->a.leg, GW_SV("gone")));
	assert_int_equal(dp_t140_packet(r->a.leg, GW_SV("x"), r->now), GW_ESTATE);
	assert_int_equal(dp_t140_deadline(r->a.leg, r->now), UINT64_MAX);
	dp_t140_free(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_typed_arrives_as_it_is_typed),
		T(one_packet_of_three_lost_is_not_seen),
		T(an_outage_is_marked_for_the_channel),
		T(a_channel_without_room_is_asked_again),
		T(a_message_waits_for_room_and_nothing_is_lost),
		T(messages_are_as_small_as_the_channel_wants_them),
		T(a_closed_gate_holds_text_and_keep_alives_back),
		T(after_its_end_it_takes_everything_and_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
