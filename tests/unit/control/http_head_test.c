/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads: what two readers could understand differently is refused (threats W6, W7). */
#include "control/transport/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define LINE "GET /w2 HTTP/1.1\r\n"
#define HOST "Host: a.example\r\n"

static void expect(const char *text, enum gw_err err)
{
	struct cp_http_head h;
	enum gw_err e = cp_http_head_parse(gw_sv_cstr(text), &h);

	if (e != err)
		print_message("%s for:\n%s\n", gw_err_name(e), text);
	assert_int_equal(e, err);
}

static void fields_are_found_whatever_their_case(void **state)
{
	struct cp_http_head h;

	(void)state;
	assert_int_equal(cp_http_head_parse(GW_SV(LINE "hOsT:a.example\r\nORIGIN: https://x \r\nConnection: keep-alive\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Protocol:\tsip, chat\r\n\r\n"), &h), GW_OK);
	assert_true(gw_sv_eq(h.host, GW_SV("a.example")));
	assert_true(h.has_origin && gw_sv_eq(h.origin, GW_SV("https://x")));
	assert_true(gw_sv_eq(h.connection, GW_SV("keep-alive")));
	assert_true(gw_sv_eq(h.ws_protocol, GW_SV("sip, chat")));
	assert_int_equal(h.n, 5);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	(void)state;
	expect(LINE HOST "\r\n", GW_OK);
	expect(LINE HOST "Content-Length: 0\r\n\r\n", GW_OK);
	expect(LINE "\r\n", GW_EBADMSG);
	expect(LINE HOST HOST "\r\n", GW_EBADMSG);
	expect(LINE HOST, GW_EBADMSG);
	expect("\r\n" LINE HOST "\r\n", GW_EBADMSG);
	expect("", GW_EBADMSG);
	expect("GET /w2 HTTP/1.1\n" HOST "\r\n", GW_EBADMSG);
	expect(LINE "Host: a\n\r\n", GW_EBADMSG);
	expect(LINE HOST "X : y\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST " folded: y\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST "X: y\r\n folded\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST "X\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST ": y\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST "X: a\rb\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST "X: a\x7f\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", GW_EBADMSG);
	expect(LINE HOST "Origin: a\r\nOrigin: b\r\n\r\n", GW_EBADMSG);
	expect("GET /w2 HTTP/2.0\r\n" HOST "\r\n", GW_EBADMSG);
	expect("GET /w2\r\n" HOST "\r\n", GW_EBADMSG);
	expect("GET /w2 HTTP/1.1 more\r\n" HOST "\r\n", GW_EBADMSG);
}

static void too_many_fields_are_refused(void **state)
{
	static char text[4096];
	int n = snprintf(text, sizeof(text), LINE HOST);

	(void)state;
	for (int i = 1; i < CP_HEAD_MAX_FIELDS; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "X: y\r\n");
	snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
	expect(text, GW_OK);
	snprintf(text + n, sizeof(text) - (size_t)n, "X: y\r\n\r\n");
	expect(text, GW_EBADMSG);
}

static void a_key_is_sixteen_bytes_in_base64(void **state)
{
	(void)state;
	assert_true(cp_http_ws_key_ok(GW_SV("dGhlIHNhbXBsZSBub25jZQ==")));
	assert_false(cp_http_ws_key_ok(GW_SV("dGhlIHNhbXBsZSBub25jZWQ=")));
	assert_false(cp_http_ws_key_ok(GW_SV("dGhlIHNhbXBsZSBub25jZQ=")));
	assert_false(cp_http_ws_key_ok(GW_SV("dGhlIHNhbXBsZSBub25j ?==")));
	assert_false(cp_http_ws_key_ok(GW_SV("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fields_are_found_whatever_their_case),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused), cmocka_unit_test(too_many_fields_are_refused),
		cmocka_unit_test(a_key_is_sixteen_bytes_in_base64) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
