/* SPDX-License-Identifier: Apache-2.0 */
/* a=crypto: what is taken, what is refused, and that it reads what it writes. */
#include "proto/sdp/crypto.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KEY "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"	/* RFC 4568 6.1 */

static enum gw_err read_text(const char *text, struct sdp_crypto *c)
{
	return sdp_crypto_read(gw_sv_cstr(text), c);
}

static void the_examples_of_the_rfc_are_read(void **state)
{
	struct sdp_crypto c;

	(void)state;
	assert_int_equal(read_text("1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^20", &c), GW_OK);
	assert_int_equal(c.tag, 1);
	assert_int_equal(c.suite, SDP_SUITE_CM_80);
	assert_memory_equal(c.key, "YS___semctl () {\t220;}\n}\nunles", 30);
	assert_int_equal(read_text("2 AES_CM_128_HMAC_SHA1_32 inline:" KEY, &c), GW_OK);
	assert_int_equal(c.suite, SDP_SUITE_CM_32);
}

static void what_is_written_is_read_again(void **state)
{
	(void)state;
	for (unsigned s = SDP_SUITE_CM_80; s < SDP_SUITES; s++) {
		struct sdp_crypto c = { .tag = 999999999, .suite = (enum sdp_suite)s }, d;
		char text[SDP_CRYPTO_TEXT_MAX];
		struct gw_buf b = gw_buf(text, sizeof(text));

		for (unsigned i = 0; i < sdp_suite_key_bytes(c.suite) + sdp_suite_salt_bytes(c.suite); i++)
			c.key[i] = (uint8_t)(i * 37 + s);
		sdp_crypto_put(&b, &c);
		assert_false(b.overflow);
		assert_int_equal(sdp_crypto_read(gw_buf_sv(&b), &d), GW_OK);
		assert_true(sdp_crypto_is_same_key(&c, &d));
		assert_int_equal(d.tag, c.tag);
		d.key[5] ^= 1;
		assert_false(sdp_crypto_is_same_key(&c, &d));
		while (b.len && text[b.len - 1] == '=')	/* some leave it out */
			b.len--;
		assert_int_equal(sdp_crypto_read(gw_buf_sv(&b), &d), GW_OK);
		assert_true(sdp_crypto_is_same_key(&c, &d));
	}
}

static void what_changes_nothing_on_the_wire_is_taken(void **state)
{
	static const char *const fine[] = { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^31", "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|1048576",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^48 WSH=64", "1  aes_cm_128_hmac_sha1_80  INLINE:" KEY " -X=1" };
	struct sdp_crypto c;

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_int_equal(read_text(fine[i], &c), GW_OK);
}

static void what_we_do_not_have_is_told_from_what_is_malformed(void **state)
{
	static const struct {
		const char *text;
		enum gw_err err;
	} bad[] = {
		{ "1 F8_128_HMAC_SHA1_80 inline:" KEY, GW_EUNSUPP }, { "1 AES_256_CM_HMAC_SHA1_80 inline:" KEY, GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^20|1:4", GW_EUNSUPP }, { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|1:4", GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^20|1:4;inline:" KEY "|2^20|2:4", GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^19", GW_EUNSUPP }, { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|1048575", GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 uri:x", GW_EUNSUPP }, { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY " KDR=1", GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY " UNENCRYPTED_SRTP", GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY " UNAUTHENTICATED_SRTP", GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY " UNENCRYPTED_SRTCP", GW_EUNSUPP },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY " FEC_ORDER=FEC_SRTP", GW_EUNSUPP }, { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY " X", GW_EUNSUPP },
		{ "", GW_EBADMSG }, { "1", GW_EBADMSG }, { "1 AES_CM_128_HMAC_SHA1_80", GW_EBADMSG },
		{ "0 AES_CM_128_HMAC_SHA1_80 inline:" KEY, GW_EBADMSG }, { "x AES_CM_128_HMAC_SHA1_80 inline:" KEY, GW_EBADMSG },
		{ "1000000000 AES_CM_128_HMAC_SHA1_80 inline:" KEY, GW_EBADMSG }, { "1 AES_CM_128_HMAC_SHA1_80 inline:", GW_EBADMSG },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "A", GW_EBADMSG }, { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "====", GW_EBADMSG },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGV", GW_EBADMSG },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubG-z", GW_EBADMSG },
		{ "1 AEAD_AES_128_GCM inline:" KEY, GW_EBADMSG },	/* 28 bytes, not 30 */
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|", GW_EBADMSG }, { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^49", GW_EBADMSG },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|0", GW_EBADMSG }, { "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "|2^x", GW_EBADMSG },
		{ "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY " WSH=63", GW_EBADMSG },
	};
	static const struct sdp_crypto none;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sdp_crypto c;

		memset(&c, 0x55, sizeof(c));
		if (read_text(bad[i].text, &c) != bad[i].err)
			fail_msg("\"%s\": %s", bad[i].text, gw_err_name(read_text(bad[i].text, &c)));
		assert_memory_equal(&c, &none, sizeof(c));	/* nothing of the key is left */
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_are_read),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(what_changes_nothing_on_the_wire_is_taken),
		cmocka_unit_test(what_we_do_not_have_is_told_from_what_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
