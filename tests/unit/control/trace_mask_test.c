/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace shows of a message: no credential, no key, no control character (W2-WS-18, threat P11). */
#include "control/app/trace_mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static char text[65536];

static const char *mask(const char *in)
{
	struct gw_buf b = gw_buf(text, sizeof(text) - 1);

	cp_trace_mask(&b, gw_sv_cstr(in));
	assert_false(b.overflow);
	text[b.len] = '\0';
	return text;
}

static void credentials_are_masked(void **state)
{
	static const char *const spellings[] = { "Authorization: Digest username=\"alice\", response=\"s3cret\"",
		"authorization : Digest nonce=s3cret,username=alice", "Authorization:\r\n Bearer s3cret",
		"Authorization\r\n : Bearer s3cret", "Proxy-Authorization: Bearer s3cret", "Authorization: s3cret",
		"Authorization: s3cret=\"a\", b", "Authorization: Basic s3cret", "Authorization: Digest x, s3cret",
		"Authorization: Digest a=\"\\\", b\", c=\"s3cret\"", "WWW-Authenticate: Digest realm=\"h\", nonce=\"s3cret\"",
		"WWW-Authenticate: Digest realm=\"h\", ik=\"s3cret\"", "Authentication-Info: nextnonce=\"s3cret\"",
		"X-Anything: Bearer s3cret", "X-Anything: bearer\r\n  s3cret", "Refer-To: <sip:a@b?Authorization=Bearer%20x>;"
		"access_token=s3cret", "Subject: eyJhbGciOiJFUzI1NiJ9.s3cret.abcdefgh",
		"Contact: <sip:a@b>;token=\"s3cret\"", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:s3cret", "a=ice-pwd:s3cret",
		"A=ICE-PWD:s3cret", "k=clear:s3cret", "a=key-mgmt:mikey s3cret" };

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		char in[512];

		snprintf(in, sizeof(in), "INVITE sip:b@h SIP/2.0\r\n%s\r\nTo: x\r\n\r\n", spellings[i]);
		if (strstr(mask(in), "s3cret") || !strstr(text, "***") || !strstr(text, "\nTo: x\r\n"))
			fail_msg("%s: %s", spellings[i], text);
	}
}

static void what_operators_need_stays(void **state)
{
	(void)state;
	assert_string_equal(mask("Authorization: Digest username=\"a@h\", realm=\"h\",uri=\"sip:h\", response=\"1\", "
				 "nc=00000001, auts=\"x\"\r\n"),
		"Authorization: Digest username=\"a@h\", realm=\"h\", uri=\"sip:h\", response=***, nc=00000001, auts=***\r\n");
	assert_string_equal(mask("WWW-Authenticate: Bearer realm=\"h\", error=\"invalid_token\"\r\n"),
		"WWW-Authenticate: Bearer realm=\"h\", error=\"invalid_token\"\r\n");
	assert_string_equal(mask("From: <sip:bearer@h>;tag=1\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA:BB\r\n"),
		"From: <sip:bearer@h>;tag=1\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA:BB\r\n");
	assert_string_equal(mask("Subject: a\r\n\tb\r\nTo: x"), "Subject: a\r\n\tb\r\nTo: x\r\n");
}

static void the_terminal_is_not_commanded(void **state)
{
	(void)state;
	assert_string_equal(mask("Subject: \x1b[2J\x07\x7f \xc2\x9b" "2J \xff\xfe \xc3\xa4 \xe2\x82\xac \xed\xa0\x80 \r"
				 "x\r\n"),
		"Subject: \\x1b[2J\\x07\\x7f \\xc2\\x9b2J \\xff\\xfe \xc3\xa4 \xe2\x82\xac \\xed\\xa0\\x80 \\x0dx\r\n");
}

static void headers_are_found_by_both_names(void **state)
{
	struct gw_sv m = gw_sv_cstr("OPTIONS sip:h SIP/2.0\r\nI : abc@x\r\nto: y\r\n\r\nCall-ID: no\r\n");

	(void)state;
	assert_true(gw_sv_eq(cp_trace_header(m, GW_SV("Call-ID"), 'i'), GW_SV("abc@x")));
	assert_true(gw_sv_eq(cp_trace_header(m, GW_SV("To"), 't'), GW_SV("y")));
	assert_int_equal(cp_trace_header(m, GW_SV("From"), 'f').len, 0);
}

static void any_bytes_are_printable_afterwards(void **state)
{
	unsigned seed = 4;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		static const char alphabet[] = "Authorization: Bearer eyJ=\"\\,\r\n \t\x01\xc2\xe2\xf0\x80\xbf;a=";
		char in[200];
		size_t n = (size_t)(rand_r(&seed) % 199);

		for (size_t i = 0; i < n; i++)
			in[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
		in[n] = '\0';
		for (const char *p = mask(in); *p; p++)
			assert_true((unsigned char)*p >= 0x20 || *p == '\r' || *p == '\n' || *p == '\t');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(credentials_are_masked),
		cmocka_unit_test(what_operators_need_stays), cmocka_unit_test(the_terminal_is_not_commanded),
		cmocka_unit_test(headers_are_found_by_both_names), cmocka_unit_test(any_bytes_are_printable_afterwards) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
