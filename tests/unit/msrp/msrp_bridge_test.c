/* SPDX-License-Identifier: Apache-2.0 */
/* MSRP from channel to stream and back: paths, CEMA, chunks, reports, refusals, 100 MB in the memory of one chunk. */
#include "proto/msrp/bridge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define GW_DC    "msrps://gw.example.net:9/d1;dc"
#define GW_TCP   "msrp://10.20.0.10:30010/t1;tcp"
#define WIC      "msrps://k2b7x9q4d1.invalid:9/si438ds;dc"
#define CORE     "msrp://10.30.0.30:2855/s1;tcp"
#define RELAYED  "msrp://10.30.0.1:2855;tcp " CORE
#define HEAD(tid, to, from) "MSRP " tid " SEND\r\nTo-Path: " to "\r\nFrom-Path: " from "\r\nMessage-ID: m123\r\n"
#define PLAIN    "Content-Type: text/plain\r\n\r\n"
#define OUR_TID(n) "gw00000000000000ab00000000000" #n

struct rig {
	struct msrp_bridge bridge;
	char piece[4096], log[2][16384];
	struct gw_buf sent[2];
	size_t largest[2];
	unsigned n_sent[2];
	uint64_t hash, body;
	bool only_counts;
};

static void sent(void *user, enum msrp_side to, const struct msrp_chunk *c)
{
	struct rig *r = user;
	size_t len = c->head.len + c->body.len + c->end.len;

	r->n_sent[to]++;
	r->largest[to] = len > r->largest[to] ? len : r->largest[to];
	r->body += c->body.len;
	for (size_t i = 0; i < c->body.len; i++)
		r->hash = r->hash * 31 + (unsigned char)c->body.p[i];
	if (r->only_counts)
		return;
	gw_buf_put(&r->sent[to], c->head);
	gw_buf_put(&r->sent[to], c->body);
	gw_buf_put(&r->sent[to], c->end);
}

static struct rig *rig_new(bool is_cema, struct gw_sv core_path)
{
	struct rig *r = calloc(1, sizeof(*r));
	const struct msrp_bridge_conf conf = { .side = { { GW_SV(GW_DC), GW_SV(WIC) }, { GW_SV(GW_TCP), core_path } }, .is_cema = is_cema,
		.piece = r->piece, .channel_max = sizeof(r->piece), .nonce = 0xab };

	assert_int_equal(msrp_bridge_init(&r->bridge, &conf, sent, r), GW_OK);
	r->sent[0] = gw_buf(r->log[0], sizeof(r->log[0]));
	r->sent[1] = gw_buf(r->log[1], sizeof(r->log[1]));
	return r;
}

static int set_up(void **state)
{
	*state = rig_new(false, GW_SV(RELAYED));
	return 0;
}

static int set_up_cema(void **state)
{
	*state = rig_new(true, GW_SV(CORE));
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void assert_sent(struct rig *r, enum msrp_side to, const char *want)
{
	assert_string_equal((r->log[to][r->sent[to].len] = 0, r->log[to]), want);
	r->sent[to].len = 0;
}

static void stream(struct rig *r, const char *text)
{
	struct gw_sv in = gw_sv_cstr(text);
	enum gw_err err;
	size_t used;

	while ((err = msrp_bridge_stream(&r->bridge, in, &used)) == GW_OK)
		in = gw_sv_sub(in, used, in.len);
	assert_int_equal(err, GW_EAGAIN);
	assert_int_equal(in.len, used);
}

static void paths_are_rewritten_and_each_hop_is_answered(void **state)
{
	struct rig *r = *state;

	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV(HEAD("abcd", GW_DC, WIC) PLAIN "hi\r\n-------abcd$\r\n")), GW_OK);
	assert_sent(r, MSRP_STREAM, "MSRP " OUR_TID(1) " SEND\r\nTo-Path: " RELAYED "\r\nFrom-Path: " GW_TCP "\r\nMessage-ID: m123\r\n"
		"Byte-Range: 1-2/*\r\n" PLAIN "hi\r\n-------" OUR_TID(1) "$\r\n");
	assert_sent(r, MSRP_CHANNEL, "MSRP abcd 200 OK\r\nTo-Path: " WIC "\r\nFrom-Path: " GW_DC "\r\n-------abcd$\r\n");
	stream(r, "MSRP " OUR_TID(1) " 200 OK\r\nTo-Path: " GW_TCP "\r\nFrom-Path: msrp://10.30.0.1:2855;tcp\r\n-------" OUR_TID(1) "$\r\n"
		HEAD("wxyz", GW_TCP, RELAYED) "Success-Report: yes\r\nByte-Range: 1-3/3\r\n" PLAIN "ho!\r\n-------wxyz$\r\n");
	assert_sent(r, MSRP_CHANNEL, "MSRP " OUR_TID(2) " SEND\r\nTo-Path: " WIC "\r\nFrom-Path: " GW_DC "\r\nMessage-ID: m123\r\n"
		"Byte-Range: 1-3/3\r\nSuccess-Report: yes\r\n" PLAIN "ho!\r\n-------" OUR_TID(2) "$\r\n");
	assert_sent(r, MSRP_STREAM, "MSRP wxyz 200 OK\r\nTo-Path: msrp://10.30.0.1:2855;tcp\r\nFrom-Path: " GW_TCP "\r\n-------wxyz$\r\n");
}

static void with_cema_paths_pass_and_the_session_decides(void **state)
{
	struct rig *r = *state;

	/* the core peer is behind another address than the browser knows: session s1 it is */
	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV(HEAD("abcd", "msrps://gw.invalid:1/s1;dc", WIC) "-------abcd$\r\n")), GW_OK);
	assert_sent(r, MSRP_STREAM, HEAD(OUR_TID(1), "msrps://gw.invalid:1/s1;dc", WIC) "-------" OUR_TID(1) "$\r\n");
	r->sent[MSRP_CHANNEL].len = 0;
	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV(HEAD("abce", "msrps://gw.invalid:1/s2;dc", WIC) "-------abce$\r\n")), GW_OK);
	assert_sent(r, MSRP_CHANNEL, "MSRP abce 481 No Such Session\r\nTo-Path: " WIC "\r\nFrom-Path: msrps://gw.invalid:1/s2;dc\r\n"
		"-------abce$\r\n");
	assert_sent(r, MSRP_STREAM, "");
}

static void another_session_or_method_is_refused(void **state)
{
	struct rig *r = *state;

	stream(r, HEAD("abcd", "msrp://10.20.0.10:30010/T1;tcp", CORE) PLAIN "x\r\n-------abcd$\r\n");
	assert_sent(r, MSRP_STREAM, "MSRP abcd 481 No Such Session\r\nTo-Path: " CORE "\r\nFrom-Path: msrp://10.20.0.10:30010/T1;tcp\r\n-------abcd$\r\n");
	stream(r, "MSRP abcd AUTH\r\nTo-Path: " GW_TCP "\r\nFrom-Path: " CORE "\r\n-------abcd$\r\n");
	assert_sent(r, MSRP_STREAM, "MSRP abcd 501 Unknown Method\r\nTo-Path: " CORE "\r\nFrom-Path: " GW_TCP "\r\n-------abcd$\r\n");
	assert_sent(r, MSRP_CHANNEL, "");
	assert_int_equal(r->bridge.way[MSRP_STREAM].counts.refused, 2);
}

static void a_failure_report_of_no_or_partial_gets_no_200(void **state)
{
	struct rig *r = *state;

	stream(r, HEAD("abcd", GW_TCP, CORE) "Failure-Report: no\r\n" PLAIN "x\r\n-------abcd$\r\n");
	stream(r, HEAD("abce", GW_TCP, CORE) "Failure-Report: partial\r\n" PLAIN "x\r\n-------abce$\r\n");
	assert_sent(r, MSRP_STREAM, "");
	assert_int_equal(r->n_sent[MSRP_CHANNEL], 2);
}

static void reports_pass_and_are_not_answered(void **state)
{
	struct rig *r = *state;

	stream(r, "MSRP rrrr REPORT\r\nTo-Path: " GW_TCP "\r\nFrom-Path: " CORE "\r\nMessage-ID: m123\r\nByte-Range: 1-2/2\r\n"
		"Status: 000 200 OK\r\n-------rrrr$\r\n");
	assert_sent(r, MSRP_CHANNEL, "MSRP " OUR_TID(1) " REPORT\r\nTo-Path: " WIC "\r\nFrom-Path: " GW_DC "\r\nMessage-ID: m123\r\n"
		"Byte-Range: 1-2/2\r\nStatus: 000 200 OK\r\n-------" OUR_TID(1) "$\r\n");
	assert_sent(r, MSRP_STREAM, "");
}

static void a_refusal_stops_the_message_and_only_that(void **state)
{
	struct rig *r = *state;

	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV(HEAD("abcd", GW_DC, WIC) "Byte-Range: 1-2/4\r\n" PLAIN "ab\r\n-------abcd+\r\n")), GW_OK);
	stream(r, "MSRP " OUR_TID(1) " 413 Stop\r\nTo-Path: " GW_TCP "\r\nFrom-Path: " CORE "\r\n-------" OUR_TID(1) "$\r\n");
	r->sent[0].len = r->sent[1].len = 0;
	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV(HEAD("abce", GW_DC, WIC) "Byte-Range: 3-4/4\r\n" PLAIN "cd\r\n-------abce$\r\n")), GW_OK);
	assert_sent(r, MSRP_CHANNEL, "MSRP abce 413 Stop Sending\r\nTo-Path: " WIC "\r\nFrom-Path: " GW_DC "\r\n-------abce$\r\n");
	assert_sent(r, MSRP_STREAM, "");
	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV("MSRP abcf SEND\r\nTo-Path: " GW_DC "\r\nFrom-Path: " WIC "\r\nMessage-ID: m124\r\n"
		PLAIN "ef\r\n-------abcf$\r\n")), GW_OK);
	assert_int_equal(r->n_sent[MSRP_STREAM], 2);
}

static void a_refusal_after_the_end_becomes_a_report(void **state)
{
	struct rig *r = *state;

	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV(HEAD("abcd", GW_DC, WIC) PLAIN "hi\r\n-------abcd$\r\n")), GW_OK);
	r->sent[0].len = 0;
	for (unsigned twice = 0; twice < 2; twice++)
		stream(r, "MSRP " OUR_TID(1) " 415 No\r\nTo-Path: " GW_TCP "\r\nFrom-Path: " CORE "\r\n-------" OUR_TID(1) "$\r\n");
	assert_sent(r, MSRP_CHANNEL, "MSRP " OUR_TID(2) " REPORT\r\nTo-Path: " WIC "\r\nFrom-Path: " GW_DC "\r\nMessage-ID: m123\r\n"
		"Byte-Range: 1-2/2\r\nStatus: 000 415\r\n-------" OUR_TID(2) "$\r\n");
	stream(r, "MSRP abcd 481 No\r\nTo-Path: " GW_TCP "\r\nFrom-Path: " CORE "\r\n-------abcd$\r\n");	/* none of ours */
	assert_sent(r, MSRP_CHANNEL, "");
}

static void a_body_cannot_end_the_chunk_it_is_carried_in(void **state)
{
	struct rig *r = *state;

	assert_int_equal(msrp_bridge_message(&r->bridge, GW_SV(HEAD("abcd", GW_DC, WIC) PLAIN "x\r\n-------" OUR_TID(1) "$\r\n\r\n-------abcd$\r\n")),
		GW_OK);
	assert_sent(r, MSRP_STREAM, "MSRP " OUR_TID(2) " SEND\r\nTo-Path: " RELAYED "\r\nFrom-Path: " GW_TCP "\r\nMessage-ID: m123\r\n"
		"Byte-Range: 1-43/*\r\n" PLAIN "x\r\n-------" OUR_TID(1) "$\r\n\r\n-------" OUR_TID(2) "$\r\n");
}

static void a_message_of_the_channel_is_one_whole_chunk(void **state)
{
	struct rig *r = *state;
	static const char *const bad[] = { "", "hello", HEAD("abcd", GW_DC, WIC) PLAIN "hi\r\n-------abcd",
		HEAD("abcd", GW_DC, WIC) PLAIN "hi\r\n-------abcd$\r\nMSRP", HEAD("abcd", GW_DC, WIC) "\r\nhi\r\n-------abcd$\r\n",
		HEAD("abcd", GW_DC, WIC) "Content-Type: a/b\r\n-------abcd$\r\n", "MSRP abcd SEND\r\n\r\n\r\n-------abcd$\r\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(msrp_bridge_message(&r->bridge, gw_sv_cstr(bad[i])), GW_EBADMSG);
	assert_int_equal(r->n_sent[0] + r->n_sent[1], 0);
}

static void feed_body(struct rig *r, uint64_t bytes, uint64_t *hash)
{
	static char block[65536];
	uint64_t x = 88172645463325252ull;

	while (bytes) {
		size_t n = bytes < sizeof(block) ? (size_t)bytes : sizeof(block), used;

		for (size_t i = 0; i < n; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			block[i] = (char)(x | 32);	/* no CR: all of it is used at once */
			*hash = *hash * 31 + (unsigned char)block[i];
		}
		for (size_t at = 0; at < n; at += used)
			assert_int_equal(msrp_bridge_stream(&r->bridge, gw_sv(block + at, n - at), &used), GW_OK);
		bytes -= n;
	}
}

static void one_chunk_of_100_mb_crosses_in_pieces_the_channel_takes(void **state)
{
	struct rig *r = *state;
	const uint64_t size = 100u << 20;
	uint64_t hash = 0;

	r->only_counts = true;
	stream(r, HEAD("abcd", GW_TCP, CORE) "Byte-Range: 1-104857600/104857600\r\n" PLAIN);
	feed_body(r, size, &hash);
	r->only_counts = false;
	stream(r, "\r\n-------abcd$\r\n");
	assert_int_equal(r->body, size);
	assert_int_equal(r->hash, hash);
	assert_in_range(r->largest[MSRP_CHANNEL], sizeof(r->piece) - 200, sizeof(r->piece));
	assert_true(gw_sv_find(gw_buf_sv(&r->sent[MSRP_CHANNEL]), GW_SV("-104857600/104857600\r\n")) < r->sent[MSRP_CHANNEL].len);
	assert_true(gw_sv_ends(gw_buf_sv(&r->sent[MSRP_CHANNEL]), GW_SV("$\r\n")));
	assert_int_equal(r->n_sent[MSRP_STREAM], 1);	/* one 200 for one chunk */
}

static void a_piece_that_is_just_full_has_the_senders_flag(void **state)
{
	struct rig *r = *state;
	uint64_t hash = 0;

	r->only_counts = true;
	stream(r, HEAD("abcd", GW_TCP, CORE) PLAIN);
	feed_body(r, r->bridge.piece_max, &hash);
	assert_int_equal(r->n_sent[MSRP_CHANNEL], 0);
	r->only_counts = false;
	stream(r, "\r\n-------abcd#\r\n");
	assert_int_equal(r->n_sent[MSRP_CHANNEL], 1);
	assert_true(gw_sv_ends(gw_buf_sv(&r->sent[MSRP_CHANNEL]), GW_SV("#\r\n")));
}

/* RFC 4975 5.4: nothing but the two paths, and nobody has to report on it. */
static void who_connects_names_the_session(void **state)
{
	struct rig *r = *state;
	struct msrp_reader reader = { 0 };
	struct msrp_item item;
	struct msrp_head h;
	size_t used;

	msrp_bridge_hello(&r->bridge);
	assert_int_equal(msrp_read(&reader, gw_buf_sv(&r->sent[MSRP_STREAM]), &item, &used), GW_OK);
	assert_int_equal(msrp_head_parse(item.bytes, &h), GW_OK);
	assert_int_equal(h.method, MSRP_SEND);
	assert_true(gw_sv_eq(h.to_path, r->bridge.conf.side[MSRP_STREAM].peer_path));
	assert_true(gw_sv_eq(h.from_path, GW_SV(GW_TCP)));
	assert_int_equal(h.content_type.len, 0);
	assert_true(h.has_range && h.range.has_end && h.range.end == 0 && h.range.total == 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(paths_are_rewritten_and_each_hop_is_answered),
		T(who_connects_names_the_session),
		cmocka_unit_test_setup_teardown(with_cema_paths_pass_and_the_session_decides, set_up_cema, tear_down),
		T(another_session_or_method_is_refused),
		T(a_failure_report_of_no_or_partial_gets_no_200),
		T(reports_pass_and_are_not_answered),
		T(a_refusal_stops_the_message_and_only_that),
		T(a_refusal_after_the_end_becomes_a_report),
		T(a_body_cannot_end_the_chunk_it_is_carried_in),
		T(a_message_of_the_channel_is_one_whole_chunk),
		T(one_chunk_of_100_mb_crosses_in_pieces_the_channel_takes),
		T(a_piece_that_is_just_full_has_the_senders_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
