/* SPDX-License-Identifier: Apache-2.0 */
/* Two of our ends over a wire that loses and reorders: sizes, resets, a stalled receiver, ids on the wire (S1, S2, S4). */
#include "dataplane/slow/sctp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <cmocka.h>

#define WIRE 512u

struct end {
	struct dp_sctp *a;
	struct end *peer;
	unsigned ups, closed, restarts, resets, messages, oversizes;
	uint64_t bytes, hash;
	uint16_t last_stream, last_reset;
	uint32_t last_ppid;
	size_t last_len;
	bool is_stalled;
	struct {
		size_t len;
		char bytes[1500];
	} wire[WIRE];              /* on the way to this end */
	unsigned on_wire, lost_percent;
	size_t largest;
};

static struct end ends[2];
static uint64_t now = 1000000000;

/*
 * usrsctp counts its timers by dp_sctp_run, and the age of what it sent by this: a timer that fires marks nothing to be sent
 * again that is younger than the RTO. Both have to be one clock.
 */
__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	*tv = (struct timeval){ .tv_sec = (time_t)(now / 1000), .tv_usec = (suseconds_t)(now % 1000 * 1000) };
	return 0;
}

static void packet(void *user, struct gw_sv p)
{
	struct end *to = ((struct end *)user)->peer;
	unsigned at = to->on_wire;

	to->largest = p.len > to->largest ? p.len : to->largest;
	if (at == WIRE || (unsigned)(rand() % 100) < to->lost_percent)
		return;
	if (to->lost_percent && at && rand() % 10 == 0) {	/* overtakes the one before */
		to->wire[at] = to->wire[at - 1];
		at--;
	}
	to->wire[at].len = p.len;
	memcpy(to->wire[at].bytes, p.p, p.len);
	to->on_wire++;
}

static void event(void *user, enum dp_sctp_event ev)
{
	struct end *e = user;

	e->ups += ev == DP_SCTP_UP;
	e->closed += ev == DP_SCTP_CLOSED;
	e->restarts += ev == DP_SCTP_RESTARTED;
}

static bool message(void *user, uint16_t stream, uint32_t ppid, struct gw_sv m)
{
	struct end *e = user;

	if (e->is_stalled)
		return false;
	e->messages++;
	e->bytes += m.len;
	for (size_t i = 0; i < m.len; i++)
		e->hash = e->hash * 31 + (unsigned char)m.p[i];
	e->last_stream = stream;
	e->last_ppid = ppid;
	e->last_len = m.len;
	return true;
}

static bool oversize(void *user, uint16_t stream, uint32_t ppid, struct gw_sv beginning)
{
	struct end *e = user;

	if (e->is_stalled)
		return false;
	e->oversizes++;
	e->last_stream = stream;
	e->last_ppid = ppid;
	e->last_len = beginning.len;
	return true;
}

static void reset(void *user, uint16_t stream)
{
	struct end *e = user;

	e->resets++;
	e->last_reset = stream;
}

static const struct dp_sctp_ops ops = { packet, event, message, oversize, reset };

static void turn(unsigned ms)
{
	now += ms;
	for (unsigned again = 1; again; again = 0) {	/* one way a turn: with no way at all usrsctp measures no round trip */
		again = dp_sctp_run(now);
		for (unsigned i = 0; i < 2; i++) {
			unsigned n = ends[i].on_wire;

			for (unsigned k = 0; k < n && ends[i].a; k++)
				dp_sctp_input(ends[i].a, gw_sv(ends[i].wire[k].bytes, ends[i].wire[k].len));
			again += n;
			ends[i].on_wire = 0;
		}
	}
}

static void open_both(unsigned lost_percent)
{
	memset(ends, 0, sizeof(ends));
	srand(7);
	for (unsigned i = 0; i < 2; i++) {
		ends[i].peer = &ends[1 - i];
		ends[i].lost_percent = lost_percent;
		assert_int_equal(dp_sctp_new(&ends[i].a, 5000, 5000, &ops, &ends[i]), GW_OK);
	}
	for (unsigned i = 0; i < 3000 && !(ends[0].ups && ends[1].ups); i++)
		turn(10);
	assert_int_equal(ends[0].ups, 1);
	assert_int_equal(ends[1].ups, 1);
}

static void close_both(void)
{
	for (unsigned i = 0; i < 2; i++) {
		dp_sctp_free(ends[i].a);
		ends[i].a = NULL;
	}
	turn(10);
}

static int set_up(void **state)
{
	const struct dp_sctp_limits limits = { .associations = 4, .streams = 16, .mtu = 1150, .send_bytes = 1u << 20, .receive_bytes = 1u << 20,
		.message_max = 256u << 10 };

	(void)state;
	return dp_sctp_init(&limits);
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		if (dp_sctp_exit() == GW_OK)
			return 0;
		turn(100);
	}
	return 1;
}

static void everything_arrives(unsigned lost_percent)
{
	static const size_t sizes[] = { 1, 2, 1000, 1150, 16384, 65536, 256u << 10 };
	static char text[256u << 10];
	struct dp_sctp_send how = { .stream = 3, .ppid = 53 };
	uint64_t hash = 0, bytes = 0;

	open_both(lost_percent);
	for (unsigned n = 0; n < 28; n++) {
		size_t len = sizes[n % 7];
		unsigned tries = 0;
		enum gw_err err;

		for (size_t i = 0; i < len; i++) {
			text[i] = (char)(n * 7 + i * 13);
			hash = hash * 31 + (unsigned char)text[i];
		}
		while ((err = dp_sctp_send(ends[0].a, &how, gw_sv(text, len))) == GW_EAGAIN && tries++ < 100000)
			turn(10);
		assert_int_equal(err, GW_OK);
		bytes += len;
	}
	for (unsigned i = 0; i < 100000 && ends[1].messages < 28; i++)
		turn(10);
	assert_int_equal(ends[1].messages, 28);
	assert_int_equal(ends[1].bytes, bytes);
	assert_true(ends[1].hash == hash);
	assert_int_equal(ends[1].last_ppid, 53);
	assert_int_equal(ends[1].last_stream, 3);
	assert_in_range(ends[1].largest, 1000, 1150);
	close_both();
}

static void messages_of_all_sizes_arrive(void **state)
{
	(void)state;
	everything_arrives(0);
}

static void and_so_they_do_with_loss_and_reorder(void **state)
{
	(void)state;
	everything_arrives(1);
	everything_arrives(5);
	everything_arrives(10);
}

static void a_channel_is_closed_in_each_direction_and_used_again(void **state)
{
	struct dp_sctp_send how = { .stream = 5, .ppid = 51 };

	(void)state;
	open_both(0);
	for (unsigned round = 1; round <= 3; round++) {
		assert_int_equal(dp_sctp_send(ends[0].a, &how, GW_SV("x")), GW_OK);
		for (unsigned i = 0; i < 100; i++)
			turn(10);
		assert_int_equal(dp_sctp_reset(ends[0].a, 5), GW_OK);
		for (unsigned i = 0; i < 500 && ends[1].resets < round; i++)
			turn(10);
		assert_int_equal(ends[1].resets, round);
		assert_int_equal(ends[1].last_reset, 5);
		assert_int_equal(dp_sctp_reset(ends[1].a, 5), GW_OK);
		for (unsigned i = 0; i < 500 && ends[0].resets < round; i++)
			turn(10);
		assert_int_equal(ends[0].resets, round);
	}
	assert_int_equal(ends[1].messages, 3);
	close_both();
}

static void a_stalled_receiver_holds_its_sender_and_loses_nothing(void **state)
{
	static char text[16384];
	struct dp_sctp_send how = { .stream = 1, .ppid = 53 };
	unsigned sent = 0;

	(void)state;
	open_both(0);
	ends[1].is_stalled = true;
	for (unsigned i = 0; i < 2000; i++) {
		if (dp_sctp_send(ends[0].a, &how, gw_sv(text, sizeof(text))) == GW_OK)
			sent++;
		turn(10);
	}
	assert_in_range(sent, 64, 140);	/* a window, a queue, and no more */
	assert_int_equal(ends[1].messages, 0);
	/* the other direction flows */
	assert_int_equal(dp_sctp_send(ends[1].a, &how, GW_SV("still here")), GW_OK);
	for (unsigned i = 0; i < 100; i++)
		turn(10);
	assert_int_equal(ends[0].messages, 1);
	ends[1].is_stalled = false;
	for (unsigned i = 0; i < 20000 && ends[1].messages < sent; i++)
		turn(10);
	assert_int_equal(ends[1].messages, sent);
	close_both();
}

static void a_message_too_large_is_told_and_skipped(void **state)
{
	static char text[600u << 10];
	struct dp_sctp_send how = { .stream = 2, .ppid = 53 };

	(void)state;
	open_both(0);
	for (unsigned round = 1; round <= 3; round++) {
		static const size_t sizes[] = { (256u << 10) + 1, 300u << 10, 600u << 10 };

		ends[1].is_stalled = true;
		assert_int_equal(dp_sctp_send(ends[0].a, &how, gw_sv(text, sizes[round - 1])), GW_OK);
		for (unsigned i = 0; i < 200; i++)
			turn(10);
		assert_int_equal(ends[1].oversizes, round - 1);
		ends[1].is_stalled = false;
		assert_int_equal(dp_sctp_send(ends[0].a, &how, GW_SV("after it")), GW_OK);
		for (unsigned i = 0; i < 5000 && ends[1].messages < round; i++)
			turn(10);
		assert_int_equal(ends[1].oversizes, round);
		assert_int_equal(ends[1].messages, round);
		assert_int_equal(ends[1].last_len, 8);
	}
	assert_int_equal(ends[1].closed, 0);
	close_both();
}

static void resets_follow_what_was_sent_and_each_other(void **state)
{
	static char text[65536];
	struct dp_sctp_send how = { .ppid = 53 };

	(void)state;
	open_both(5);
	for (uint16_t stream = 0; stream < 8; stream++) {
		how.stream = stream;
		assert_int_equal(dp_sctp_send(ends[0].a, &how, gw_sv(text, sizeof(text))), GW_OK);
		assert_int_equal(dp_sctp_reset(ends[0].a, stream), GW_OK);
	}
	for (unsigned i = 0; i < 5000 && ends[1].resets < 8; i++)
		turn(10);
	assert_int_equal(ends[1].messages, 8);
	assert_int_equal(ends[1].resets, 8);
	close_both();
}

/* S4: a peer that has forgotten the association, in the middle of a message of it. */
static void a_restarted_peer_begins_with_a_clean_message(void **state)
{
	static char text[200u << 10];
	struct dp_sctp_send how = { .stream = 2, .ppid = 53 };

	(void)state;
	open_both(0);
	assert_int_equal(dp_sctp_send(ends[0].a, &how, gw_sv(text, sizeof(text))), GW_OK);
	turn(10);
	turn(10);
	dp_sctp_free(ends[0].a);
	assert_int_equal(dp_sctp_new(&ends[0].a, 5000, 5000, &ops, &ends[0]), GW_OK);
	for (unsigned i = 0; i < 3000 && !ends[1].restarts && !ends[1].closed; i++)
		turn(10);
	assert_int_equal(ends[1].restarts, 1);
	for (unsigned i = 0; i < 3000 && ends[0].ups < 2; i++)
		turn(10);
	assert_int_equal(dp_sctp_send(ends[0].a, &how, GW_SV("anew")), GW_OK);
	for (unsigned i = 0; i < 3000 && !ends[1].messages; i++)
		turn(10);
	assert_int_equal(ends[1].messages, 1);
	assert_int_equal(ends[1].last_len, 4);
	close_both();
}

static void an_abort_of_the_peer_is_one_event_and_limits_hold(void **state)
{
	struct dp_sctp_send how = { .stream = 16, .ppid = 53 };
	static char large[(1u << 20) + 1];
	struct dp_sctp *more[3];

	(void)state;
	open_both(0);
	assert_int_equal(dp_sctp_send(ends[0].a, &how, GW_SV("x")), GW_EINVAL);
	how.stream = 0;
	assert_int_equal(dp_sctp_send(ends[0].a, &how, gw_sv(large, sizeof(large))), GW_EINVAL);
	assert_int_equal(dp_sctp_new(&more[0], 5000, 5000, &ops, &ends[0]), GW_OK);
	assert_int_equal(dp_sctp_new(&more[1], 5000, 5000, &ops, &ends[0]), GW_OK);
	assert_int_equal(dp_sctp_new(&more[2], 5000, 5000, &ops, &ends[0]), GW_ELIMIT);
	dp_sctp_free(more[0]);
	dp_sctp_free(more[1]);
	{	/* a whole ABORT with the tag reflected would need the tag: junk must not end it */
		char junk[64];

		memset(junk, 0x41, sizeof(junk));
		dp_sctp_input(ends[1].a, gw_sv(junk, sizeof(junk)));
		dp_sctp_input(ends[1].a, gw_sv(junk, 3));
	}
	turn(10);
	assert_int_equal(ends[1].closed, 0);
	close_both();
}

int main(void)
{
#define T(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		T(messages_of_all_sizes_arrive),
		T(and_so_they_do_with_loss_and_reorder),
		T(a_channel_is_closed_in_each_direction_and_used_again),
		T(a_stalled_receiver_holds_its_sender_and_loses_nothing),
		T(a_message_too_large_is_told_and_skipped),
		T(resets_follow_what_was_sent_and_each_other),
		T(a_restarted_peer_begins_with_a_clean_message),
		T(an_abort_of_the_peer_is_one_event_and_limits_hold),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
