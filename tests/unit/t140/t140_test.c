/* SPDX-License-Identifier: Apache-2.0 */
/* Real-time text: RFC 4103 with RFC 2198 octet by octet, loss, order, rate, BOM (W2-DC-16). */
#include "proto/t140/rtp_in.h"
#include "proto/t140/rtp_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define BOM  "\xef\xbb\xbf"
#define LOSS "\xef\xbf\xbd"

static const struct t140_out_conf two_generations = { .pt_t140 = 104, .pt_red = 105, .generations = 2, .interval_ms = 300,
	.ssrc = 0x11223344, .ts = 1000, .seq = 7 };

struct rig {
	struct t140_queue from, to;
	struct t140_out out;
	struct t140_in in;
	uint64_t now;
	char packet[T140_PACKET_MAX], text[T140_QUEUE_BYTES];
	struct gw_buf buf;
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	const struct t140_in_conf in = { .pt_t140 = 104, .pt_red = 105, .wait_ms = T140_WAIT_MS };

	r->now = 5000;
	t140_queue_init(&r->from, 0);
	t140_queue_init(&r->to, 0);
	t140_in_init(&r->in, &in);
	assert_int_equal(t140_out_init(&r->out, &two_generations, r->now), GW_OK);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static enum gw_err next_packet(struct rig *r)
{
	r->buf = gw_buf(r->packet, sizeof(r->packet));
	return t140_out_packet(&r->out, &r->from, r->now, &r->buf);
}

static struct gw_sv arrived(struct rig *r)
{
	return gw_sv(r->text, t140_queue_take(&r->to, r->text, sizeof(r->text), r->now));
}

static void carry(struct rig *r)
{
	assert_int_equal(t140_in_packet(&r->in, gw_buf_sv(&r->buf), r->now, &r->to), GW_OK);
}

/* Goes to the next dead-line of the sender; false: nothing more to send. */
static bool step(struct rig *r)
{
	uint64_t at = t140_out_deadline(&r->out, &r->from, r->now);

	if (at == UINT64_MAX)
		return false;
	r->now = at > r->now ? at : r->now;
	assert_int_equal(next_packet(r), GW_OK);
	return true;
}

static void assert_packet(struct rig *r, struct gw_sv octets)
{
	assert_int_equal(r->buf.len, octets.len);
	assert_memory_equal(r->packet, octets.p, octets.len);
}

static void a_letter_goes_out_three_times_and_then_there_is_silence(void **state)
{
	struct rig *r = *state;

	t140_queue_put(&r->from, GW_SV("A"));
	assert_true(step(r));
	assert_packet(r, GW_SV("\x80\xe9\x00\x07\x00\x00\x17\x70\x11\x22\x33\x44" "\xe8\x00\x00\x00" "\xe8\x00\x00\x00" "\x68" "A"));
	assert_int_equal(next_packet(r), GW_EAGAIN);
	assert_true(step(r));	/* 300 ms: 0x12c, a shift by ten bits */
	assert_packet(r, GW_SV("\x80\x69\x00\x08\x00\x00\x18\x9c\x11\x22\x33\x44" "\xe8\x00\x00\x00" "\xe8\x04\xb0\x01" "\x68" "A"));
	assert_true(step(r));
	assert_packet(r, GW_SV("\x80\x69\x00\x09\x00\x00\x19\xc8\x11\x22\x33\x44" "\xe8\x09\x60\x01" "\xe8\x00\x00\x00" "\x68" "A"));
	assert_false(step(r));
	assert_int_equal(r->now, 5600);
	r->now += 10000;
	t140_queue_put(&r->from, GW_SV("B"));
	assert_true(step(r));
	assert_int_equal((unsigned char)r->packet[1], 0xe9);	/* the marker after a pause */
	assert_int_equal(r->now, 15600);
}

static void without_redundancy_the_payload_is_the_text(void **state)
{
	struct rig *r = *state;
	struct t140_out_conf conf = two_generations;

	conf.generations = 0;
	assert_int_equal(t140_out_init(&r->out, &conf, r->now), GW_OK);
	t140_queue_put(&r->from, GW_SV("\xc3\xa9t\xc3\xa9"));
	assert_true(step(r));
	assert_packet(r, GW_SV("\x80\xe8\x00\x07\x00\x00\x17\x70\x11\x22\x33\x44" "\xc3\xa9t\xc3\xa9"));
	assert_false(step(r));
	carry(r);
	assert_true(gw_sv_eq(arrived(r), GW_SV("\xc3\xa9t\xc3\xa9")));
	conf.generations = T140_GENERATIONS_MAX + 1;
	assert_int_equal(t140_out_init(&r->out, &conf, r->now), GW_EINVAL);
}

static void two_lost_in_a_row_are_repaired_without_delay(void **state)
{
	struct rig *r = *state;
	static const char *const words[] = { "one ", "two ", "three ", "four " };

	for (unsigned i = 0; i < 4; i++) {
		t140_queue_put(&r->from, gw_sv_cstr(words[i]));
		assert_true(step(r));
		if (i == 0 || i == 3)
			carry(r);
	}
	assert_true(gw_sv_eq(arrived(r), GW_SV("one two three four ")));
	assert_int_equal(r->in.recovered, 2);
	assert_int_equal(t140_in_deadline(&r->in), UINT64_MAX);
	carry(r);	/* the same once more */
	assert_int_equal(arrived(r).len, 0);
}

static void a_longer_gap_waits_and_is_then_marked_once(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 6; i++) {
		char c = (char)('a' + i);

		t140_queue_put(&r->from, gw_sv(&c, 1));
		assert_true(step(r));
		if (i == 0 || i == 5)
			carry(r);	/* b to e are lost; f repeats e and d */
	}
	assert_true(gw_sv_eq(arrived(r), GW_SV("a")));
	assert_int_equal(t140_in_deadline(&r->in), r->now + T140_WAIT_MS);
	t140_in_tick(&r->in, r->now + T140_WAIT_MS - 1, &r->to);
	assert_int_equal(arrived(r).len, 0);
	t140_in_tick(&r->in, r->now + T140_WAIT_MS, &r->to);
	assert_true(gw_sv_eq(arrived(r), GW_SV(LOSS "def")));
	assert_int_equal(r->in.lost, 2);
	assert_int_equal(t140_in_deadline(&r->in), UINT64_MAX);
}

static void what_comes_in_the_wrong_order_is_put_right(void **state)
{
	struct rig *r = *state;
	char kept[6][T140_PACKET_MAX];
	size_t len[6];
	static const unsigned order[] = { 0, 5, 4, 1, 3, 2 };

	for (unsigned i = 0; i < 6; i++) {
		char c = (char)('a' + i);

		t140_queue_put(&r->from, gw_sv(&c, 1));
		assert_true(step(r));
		memcpy(kept[i], r->packet, len[i] = r->buf.len);
	}
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(t140_in_packet(&r->in, gw_sv(kept[order[i]], len[order[i]]), r->now, &r->to), GW_OK);
	assert_true(gw_sv_eq(arrived(r), GW_SV("abcdef")));
	assert_int_equal(r->in.lost, 0);
}

static void an_outage_longer_than_the_window_is_marked_at_once(void **state)
{
	struct rig *r = *state;

	for (unsigned i = 0; i < 40; i++) {
		char c = (char)('0' + i);

		t140_queue_put(&r->from, gw_sv(&c, 1));
		assert_true(step(r));
		if (i == 0 || i == 39)
			carry(r);
	}
	t140_in_tick(&r->in, r->now + T140_WAIT_MS, &r->to);
	assert_true(gw_sv_eq(arrived(r), GW_SV("0" LOSS LOSS "UVW")));
}

static void with_5_percent_loss_every_letter_arrives_once_and_in_order(void **state)
{
	struct rig *r = *state;
	char sent[3000], got[4096];
	size_t n = 0, have = 0;

	srand(4);
	while (n < sizeof(sent)) {
		char c = (char)('a' + n % 26);

		sent[n++] = c;
		t140_queue_put(&r->from, gw_sv(&c, 1));
		assert_true(step(r));
		if (n == 1 || rand() % 20)
			carry(r);
		have += t140_queue_take(&r->to, got + have, sizeof(got) - have, r->now);
		t140_in_tick(&r->in, r->now, &r->to);
	}
	while (step(r))
		carry(r);
	have += t140_queue_take(&r->to, got + have, sizeof(got) - have, r->now);
	assert_true(r->in.recovered > 100);
	/* three in a row are lost once in 8000 */
	assert_int_equal(r->in.lost, 0);
	assert_int_equal(have, n);
	assert_memory_equal(got, sent, n);
}

static void a_new_source_starts_anew_and_a_lone_jump_is_not_believed(void **state)
{
	struct rig *r = *state;

	t140_queue_put(&r->from, GW_SV("a"));
	assert_true(step(r));
	carry(r);
	r->out.conf.seq = 40000;
	t140_queue_put(&r->from, GW_SV("b"));
	assert_true(step(r));
	assert_int_equal(t140_in_packet(&r->in, gw_buf_sv(&r->buf), r->now, &r->to), GW_EAGAIN);
	assert_true(gw_sv_eq(arrived(r), GW_SV("a")));
	t140_queue_put(&r->from, GW_SV("c"));
	assert_true(step(r));
	carry(r);
	assert_true(gw_sv_eq(arrived(r), GW_SV("abc")));	/* its repetitions, too: nothing tells that they were seen */
	r->out.conf.ssrc++;
	r->out.conf.seq = 9;
	assert_int_equal(t140_out_init(&r->out, &r->out.conf, r->now), GW_OK);
	t140_queue_put(&r->from, GW_SV("d"));
	assert_true(step(r));
	carry(r);
	t140_queue_put(&r->from, GW_SV("e"));
	assert_true(step(r));
	carry(r);
	assert_true(gw_sv_eq(arrived(r), GW_SV("de")));
}

static void the_rate_is_the_mean_of_ten_seconds_and_whole_characters_leave(void **state)
{
	struct rig *r = *state;
	unsigned seen = 0;

	t140_queue_init(&r->from, 20);
	for (unsigned i = 0; i < 250; i++)
		t140_queue_put(&r->from, GW_SV("\xe2\x82\xac"));
	for (uint64_t end = r->now + 9000; r->now < end && t140_out_deadline(&r->out, &r->from, r->now) < end;) {
		assert_true(step(r));
		carry(r);
		seen += (unsigned)arrived(r).len;
	}
	assert_int_equal(seen, 200 * 3);
	r->now = 5000 + 9000;
	assert_int_equal(t140_queue_ready(&r->from, r->now), 15000);	/* when the first second leaves the window */
	while (step(r)) {
		carry(r);
		seen += (unsigned)arrived(r).len;
	}
	assert_int_equal(seen, 250 * 3);
	assert_int_equal(t140_queue_take(&r->to, r->text, 0, r->now), 0);
	t140_queue_put(&r->to, GW_SV("\xe2\x82\xac\xe2\x82\xac"));
	assert_int_equal(t140_queue_take(&r->to, r->text, 5, r->now), 3);
}

static void text_that_never_leaves_is_bounded_and_marked(void **state)
{
	struct rig *r = *state;
	struct gw_sv text;

	for (unsigned i = 0; i < 10000; i++)
		t140_queue_put(&r->to, GW_SV("x"));
	text = arrived(r);
	assert_int_equal(text.len, T140_QUEUE_BYTES);
	assert_true(gw_sv_ends(text, GW_SV("x" LOSS)));
	assert_int_equal(r->to.lost_bytes, 10000 - (T140_QUEUE_BYTES - 3));
	t140_queue_put(&r->to, GW_SV("y"));
	assert_true(gw_sv_eq(arrived(r), GW_SV("y")));
}

static void byte_order_marks_end_here_and_no_utf8_is_marked(void **state)
{
	struct rig *r = *state;

	t140_queue_put(&r->to, GW_SV(BOM "a" BOM "\xff\xfe" "b\xc3"));
	assert_true(gw_sv_eq(arrived(r), GW_SV("a" LOSS "b" LOSS)));
}

static void a_silent_line_is_kept_alive_by_boms(void **state)
{
	struct rig *r = *state;
	struct t140_out_conf conf = two_generations;

	conf.keepalive_ms = 15000;
	assert_int_equal(t140_out_init(&r->out, &conf, r->now), GW_OK);
	assert_true(step(r));
	assert_true(gw_sv_ends(gw_buf_sv(&r->buf), GW_SV("\x68" BOM)));
	carry(r);
	assert_true(step(r) && step(r));
	assert_int_equal(r->now, 5600);
	assert_true(step(r));
	assert_int_equal(r->now, 20000);
	carry(r);
	assert_int_equal(arrived(r).len, 0);	/* for the peer it is no text */
}

static void malformed_packets_are_refused(void **state)
{
	struct rig *r = *state;
	static const struct gw_sv bad[] = {
		GW_SV_INIT("\x80\x69\x00\x01"),
		GW_SV_INIT("\x40\x69\x00\x01\0\0\0\0\0\0\0\1\x68"),
		GW_SV_INIT("\x80\x69\x00\x01\0\0\0\0\0\0\0\1"),                   /* no header of a block */
		GW_SV_INIT("\x80\x69\x00\x01\0\0\0\0\0\0\0\1\xe8\x00\x00\x05"),   /* no primary */
		GW_SV_INIT("\x80\x69\x00\x01\0\0\0\0\0\0\0\1\xe8\x00\x00\x05\x68" "abcd"),
		GW_SV_INIT("\xa0\x68\x00\x01\0\0\0\0\0\0\0\1" "ab\x04"),          /* more padding than there is */
		GW_SV_INIT("\xa0\x68\x00\x01\0\0\0\0\0\0\0\1" "ab\x00"),
		GW_SV_INIT("\x80\x69\x00\x01\0\0\0\0\0\0\0\1\xe8\0\0\0\xe8\0\0\0\xe8\0\0\0\xe8\0\0\0\xe8\0\0\0\xe8\0\0\0\xe8\0\0\0\xe8\0\0\0\x68"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(t140_in_packet(&r->in, bad[i], r->now, &r->to), GW_EBADMSG);
	assert_int_equal(t140_in_packet(&r->in, GW_SV("\x80\x00\x00\x01\0\0\0\0\0\0\0\1" "a"), r->now, &r->to), GW_EUNSUPP);
	assert_false(r->in.has_started);
	/* with padding, and a block of another type in between that takes its place and gives no text */
	assert_int_equal(t140_in_packet(&r->in, GW_SV("\xa0\x69\x00\x01\0\0\0\0\0\0\0\1\x80\x00\x00\x02\x68zzok\x00\x02"), r->now, &r->to),
		GW_OK);
	assert_true(gw_sv_eq(arrived(r), GW_SV("ok")));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_letter_goes_out_three_times_and_then_there_is_silence),
		T(without_redundancy_the_payload_is_the_text),
		T(two_lost_in_a_row_are_repaired_without_delay),
		T(a_longer_gap_waits_and_is_then_marked_once),
		T(what_comes_in_the_wrong_order_is_put_right),
		T(an_outage_longer_than_the_window_is_marked_at_once),
		T(with_5_percent_loss_every_letter_arrives_once_and_in_order),
		T(a_new_source_starts_anew_and_a_lone_jump_is_not_believed),
		T(the_rate_is_the_mean_of_ten_seconds_and_whole_characters_leave),
		T(text_that_never_leaves_is_bounded_and_marked),
		T(byte_order_marks_end_here_and_no_utf8_is_marked),
		T(a_silent_line_is_kept_alive_by_boms),
		T(malformed_packets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
