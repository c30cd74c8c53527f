/* SPDX-License-Identifier: Apache-2.0 */
/* MSRP heads, URIs and the reader of streams: messages of our own after RFC 4975 4 and 14. */
#include "proto/msrp/reader.h"
#include "proto/msrp/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define TO    "To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n"
#define FROM  "From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n"
#define ID    "Message-ID: 12339sdqwer\r\n"
#define PLAIN "Content-Type: text/plain\r\n"
#define SEND  "MSRP d93kswow SEND\r\n" TO FROM ID "Byte-Range: 1-16/16\r\nSuccess-Report: yes\r\nFailure-Report: partial\r\n" PLAIN

static void a_send_is_read_and_written_with_all_it_has(void **state)
{
	char text[1024];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct msrp_head h;

	(void)state;
	assert_int_equal(msrp_head_parse(GW_SV(SEND), &h), GW_OK);
	assert_int_equal(h.status, 0);
	assert_int_equal(h.method, MSRP_SEND);
	assert_true(gw_sv_eq(h.tid, GW_SV("d93kswow")) && gw_sv_eq(h.message_id, GW_SV("12339sdqwer")));
	assert_true(h.wants_success && h.failure == MSRP_FAILURE_PARTIAL);
	assert_true(h.has_range && h.range.start == 1 && h.range.end == 16 && h.range.total == 16);
	assert_int_equal(msrp_print_head(&h, &b), GW_OK);
	assert_int_equal(msrp_print_end(h.tid, MSRP_MORE, true, &b), GW_OK);
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV(SEND "\r\n\r\n-------d93kswow+\r\n")));
}

static void a_response_goes_to_the_hop_the_request_came_from(void **state)
{
	char text[1024];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct msrp_head h;

	(void)state;
	assert_int_equal(msrp_head_parse(GW_SV("MSRP 6aef SEND\r\nTo-Path: msrps://r.example.com:9/x;tcp msrps://b.example.com/s2;tcp\r\n"
		"From-Path: msrps://a.example.com:8/jshA7we;tcp msrps://c.example.com:7/u;tcp\r\nMessage-ID: 87652\r\n"), &h), GW_OK);
	assert_false(h.has_range || h.range.has_end || h.range.has_total);
	assert_int_equal(h.range.start, 1);
	assert_int_equal(msrp_print_response(&h, 413, &b), GW_OK);
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV("MSRP 6aef 413 Stop Sending\r\nTo-Path: msrps://a.example.com:8/jshA7we;tcp\r\n"
		"From-Path: msrps://r.example.com:9/x;tcp\r\n-------6aef$\r\n")));
	assert_int_equal(msrp_head_parse(GW_SV("MSRP 6aef 413 Stop Sending\r\n" TO FROM), &h), GW_OK);
	assert_int_equal(h.status, 413);
	assert_true(gw_sv_eq(h.comment, GW_SV("Stop Sending")));
}

static void a_report_says_what_arrived(void **state)
{
	const struct msrp_report r = { GW_SV_INIT("dkei38sd"), GW_SV_INIT("msrp://a.example.com:1/x;tcp"), GW_SV_INIT("msrp://b.example.com:2/y;tcp"),
		GW_SV_INIT("12339sdqwer"), { 1, 106, 106, true, true }, 200 };
	char text[512];
	struct gw_buf b = gw_buf(text, sizeof(text));

	(void)state;
	assert_int_equal(msrp_print_report(&r, &b), GW_OK);
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV("MSRP dkei38sd REPORT\r\nTo-Path: msrp://a.example.com:1/x;tcp\r\n"
		"From-Path: msrp://b.example.com:2/y;tcp\r\n" ID "Byte-Range: 1-106/106\r\nStatus: 000 200\r\n-------dkei38sd$\r\n")));
}

static void malformed_heads_are_refused(void **state)
{
	static const char *const bad[] = {
		"MSRP d93kswow SEND\r\n" FROM ID,
		"MSRP d93kswow SEND\r\n" TO ID,
		"MSRP d93kswow SEND\r\n" TO FROM,
		"MSRP d93 SEND\r\n" TO FROM ID,
		"MSRP d93kswowd93kswowd93kswowd93kswow1 SEND\r\n" TO FROM ID,
		"MSRP d93k\"wow SEND\r\n" TO FROM ID,
		"MSRP d93kswow send\r\n" TO FROM ID,
		"MSRP d93kswow SEND now\r\n" TO FROM ID,
		"msrp d93kswow SEND\r\n" TO FROM ID,
		"MSRP d93kswow SEND\r\n" TO TO FROM ID,
		"MSRP d93kswow SEND\r\n" TO FROM ID ID,
		"MSRP d93kswow SEND\r\n" TO FROM ID "Byte-Range: 0-1/2\r\n",
		"MSRP d93kswow SEND\r\n" TO FROM ID "Byte-Range: 5-2/9\r\n",
		"MSRP d93kswow SEND\r\n" TO FROM ID "Byte-Range: 1-9/2\r\n",
		"MSRP d93kswow SEND\r\n" TO FROM ID "Byte-Range: 1-18446744073709551615/*\r\n",
		"MSRP d93kswow SEND\r\n" TO FROM ID "Byte-Range: 1-99999999999999999999/*\r\n",
		"MSRP d93kswow SEND\r\n" TO FROM ID "Failure-Report: maybe\r\n",
		"MSRP d93kswow SEND\r\n" TO FROM ID "no colon\r\n",
		"MSRP d93kswow SEND\r\n" TO FROM ID "A: b\nc\r\n",
		"MSRP d93kswow SEND\r\nTo-Path: http://bob.example.com/x;tcp\r\n" FROM ID,
		"MSRP d93kswow SEND\r\nTo-Path: \r\n" FROM ID,
		"MSRP d93kswow SEND\r\n" TO FROM "Message-ID: a b c d\r\n",
		"", "\r\n", "MSRP",
	};
	struct msrp_head h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(msrp_head_parse(gw_sv_cstr(bad[i]), &h), GW_EBADMSG);
}

static void uris_are_compared_as_the_rfc_says(void **state)
{
	static const char *const bad[] = { "msrp://h:1/s", "msrp://h:0/s;tcp", "msrp://h:65536/s;tcp", "msrp://h:/s;tcp", "msrp:///s;tcp",
		"msrp://h:1/;tcp", "msrp://h:1/s;", "msrp://h:1/s s;tcp", "msrp://[::1/s;tcp", "msrp://[::1]9/s;tcp", "sip:h", "",
		"msrp://h:1/s;tcp;a\"b" };
	struct msrp_uri a, b;

	(void)state;
	assert_int_equal(msrp_uri_parse(GW_SV("msrps://u@[2001:DB8::1]:9/Si438ds;DC;x=y"), &a), GW_OK);
	assert_true(a.is_secure && a.port == 9 && gw_sv_eq(a.host, GW_SV("2001:DB8::1")) && gw_sv_eq(a.session, GW_SV("Si438ds")));
	assert_int_equal(msrp_uri_parse(GW_SV("MSRPS://[2001:db8::1]:9/Si438ds;dc"), &b), GW_OK);
	assert_true(msrp_uri_eq(&a, &b));
	assert_int_equal(msrp_uri_parse(GW_SV("msrps://[2001:db8::1]:9/si438ds;dc"), &b), GW_OK);
	assert_false(msrp_uri_eq(&a, &b));
	assert_int_equal(msrp_uri_parse(GW_SV("msrp://relay.example.com:2855;tcp"), &a), GW_OK);
	assert_int_equal(a.session.len, 0);
	assert_int_equal(msrp_path_last(GW_SV("msrp://a:1/x;tcp  msrp://b:2/y;tcp"), &a), GW_OK);
	assert_true(gw_sv_eq(a.host, GW_SV("b")));
	assert_int_equal(msrp_path_last(GW_SV("msrp://a:1/x msrp://b:2/y;tcp"), &a), GW_EBADMSG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(msrp_uri_parse(gw_sv_cstr(bad[i]), &a), GW_EBADMSG);
}

/* Reads a stream that comes in steps of so many bytes; bodies are joined, an item after the other is written down. */
static void read_in_steps(struct gw_sv all, size_t step, struct gw_buf *log, enum gw_err *last)
{
	struct msrp_reader r = { 0 };
	size_t from = 0, have = 0, used;
	bool was_body = false;

	*last = GW_EAGAIN;
	while (*last == GW_EAGAIN && have < all.len) {
		char *exact;

		have = have + step < all.len ? have + step : all.len;
		exact = malloc(have - from + 1);	/* exactly sized, for the sanitizer */
		memcpy(exact, all.p + from, have - from);
		for (size_t at = 0;;) {
			struct msrp_item item;

			*last = msrp_read(&r, gw_sv(exact + at, have - from), &item, &used);
			from += used;
			at += used;
			if (*last)
				break;
			if (item.kind == MSRP_ITEM_HEAD)
				gw_buf_printf(log, "[%.*s]", GW_SV_FMT(item.bytes));
			if (item.kind == MSRP_ITEM_BODY)
				gw_buf_printf(log, "%s%.*s", was_body ? "" : "<", GW_SV_FMT(item.bytes));
			if (item.kind == MSRP_ITEM_END)
				gw_buf_printf(log, "%s%c", was_body ? ">" : "", item.flag);
			was_body = item.kind == MSRP_ITEM_BODY;
		}
		free(exact);
	}
}

static void a_stream_is_read_alike_in_steps_of_any_size(void **state)
{
	static const char all[] = "MSRP aaaa SEND\r\nA: b\r\n\r\nhello\r\n-------aaaa$\r\n"
		"\r\nMSRP bbbb 200 OK\r\nA: b\r\n-------bbbb$\r\n"
		/* a body full of what is nearly its end */
		"MSRP cccc SEND\r\nA: b\r\n\r\n\r\n-------\r\n-------ccc\r\n-------cccc\r\n-------cccc!\r\n-------cccc$x\r\r\n\r\n-------cccc#\r\n"
		"MSRP dddd SEND\r\nA: b\r\n\r\n-------dddd+\r\n"
		"MSRP eeee SEND\r\nA: b\r\n\r\n\r\n-------eeee$\r\n";
	static const char want[] = "[MSRP aaaa SEND\r\nA: b\r\n]<hello>$[MSRP bbbb 200 OK\r\nA: b\r\n]$"
		"[MSRP cccc SEND\r\nA: b\r\n]<\r\n-------\r\n-------ccc\r\n-------cccc\r\n-------cccc!\r\n-------cccc$x\r\r\n>#"
		"[MSRP dddd SEND\r\nA: b\r\n]+[MSRP eeee SEND\r\nA: b\r\n]$";

	(void)state;
	for (size_t step = 1; step < sizeof(all); step++) {
		char text[1024];
		struct gw_buf log = gw_buf(text, sizeof(text));
		enum gw_err last;

		read_in_steps(gw_sv(all, sizeof(all) - 1), step, &log, &last);
		assert_int_equal(last, GW_EAGAIN);
		assert_true(gw_sv_eq(gw_buf_sv(&log), gw_sv(want, sizeof(want) - 1)));
	}
}

static void a_stream_that_is_no_msrp_or_has_no_end_of_a_head_is_given_up(void **state)
{
	static char large[MSRP_HEAD_MAX + 100];
	struct msrp_reader r = { 0 };
	struct msrp_item item;
	size_t used;

	(void)state;
	assert_int_equal(msrp_read(&r, GW_SV("GET / HTTP/1.1\r\n\r\n"), &item, &used), GW_EBADMSG);
	memset(large, 'x', sizeof(large));
	memset(&r, 0, sizeof(r));
	assert_int_equal(msrp_read(&r, gw_sv(large, sizeof(large)), &item, &used), GW_ELIMIT);
	memcpy(large, "MSRP aaaa SEND\r\n", 16);
	memset(&r, 0, sizeof(r));
	assert_int_equal(msrp_read(&r, gw_sv(large, sizeof(large)), &item, &used), GW_ELIMIT);
	memcpy(large + MSRP_HEAD_MAX + 50, "\r\n\r\n", 4);
	memset(&r, 0, sizeof(r));
	assert_int_equal(msrp_read(&r, gw_sv(large, sizeof(large)), &item, &used), GW_ELIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_send_is_read_and_written_with_all_it_has),
		cmocka_unit_test(a_response_goes_to_the_hop_the_request_came_from),
		cmocka_unit_test(a_report_says_what_arrived),
		cmocka_unit_test(malformed_heads_are_refused),
		cmocka_unit_test(uris_are_compared_as_the_rfc_says),
		cmocka_unit_test(a_stream_is_read_alike_in_steps_of_any_size),
		cmocka_unit_test(a_stream_that_is_no_msrp_or_has_no_end_of_a_head_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
