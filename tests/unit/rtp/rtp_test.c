/* SPDX-License-Identifier: Apache-2.0 */
/* First bytes of datagrams (threat M15) and lengths of compound RTCP (threat M3), each buffer as long as it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rtp/demux.h"
#include "proto/rtp/ext.h"
#include "proto/rtp/rtp.h"

/* Of its own allocation: a read beyond is seen by valgrind and the address sanitizer. */
static uint8_t *exact(size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	assert_non_null(p);
	memset(p, 0, len);
	return p;
}

/* RFC 7983 7, figure 3; what is not in it is dropped, and so are ZRTP and TURN channels, which nobody here speaks. */
static const struct {
	unsigned first, last;
	enum rtp_class cls;
} ranges[] = {
	{ 0, 3, RTP_CLASS_STUN },
	{ 4, 15, RTP_CLASS_NONE },
	{ 16, 19, RTP_CLASS_NONE },	/* ZRTP */
	{ 20, 63, RTP_CLASS_DTLS },
	{ 64, 79, RTP_CLASS_NONE },	/* TURN channel */
	{ 80, 127, RTP_CLASS_NONE },
	{ 128, 191, RTP_CLASS_RTP },
	{ 192, 255, RTP_CLASS_NONE },
};

static enum rtp_class expected(unsigned first, unsigned second)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (first >= ranges[i].first && first <= ranges[i].last)
			return ranges[i].cls == RTP_CLASS_RTP && second >= 192 && second <= 223 ?
				RTP_CLASS_RTCP : ranges[i].cls;	/* RFC 5761 4 */
	abort();
}

static void each_first_byte_is_of_the_class_the_rfc_gives_it(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (size_t len = 0; len <= 3; len++) {
			for (unsigned second = 0; second < (len < 2 ? 1u : 256u); second++) {
				uint8_t *p = exact(len);

				if (len > 0)
					p[0] = (uint8_t)first;
				if (len > 1)
					p[1] = (uint8_t)second;
				assert_int_equal(rtp_classify(p, len),
					len < 2 ? RTP_CLASS_NONE : expected(first, second));
				free(p);
			}
		}
	}
}

static uint8_t *report(uint8_t *p, uint16_t words)
{
	p[0] = 0x80, p[1] = 200;
	p[2] = (uint8_t)(words >> 8), p[3] = (uint8_t)words;
	return p;
}

/* A length word counts 32-bit words after the first: only 1 fits eight bytes, only 2 fits twelve. */
static void rtcp_is_taken_only_when_its_length_word_fits(void **state)
{
	static const uint16_t words[] = { 0, 1, 2, 0xffff };

	(void)state;
	for (size_t len = 0; len <= 12; len++) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			uint8_t *p = exact(len), head[4];

			report(head, words[i]);
			memcpy(p, head, len < 4 ? len : 4);
			assert_int_equal(rtcp_is_valid(p, len), len >= 8 && len == 4u * (words[i] + 1u));
			free(p);
		}
	}
}

static void each_packet_of_a_compound_is_held_against_what_is_left(void **state)
{
	(void)state;
	for (size_t len = 8; len <= 20; len++) {
		for (unsigned words = 0; words <= 3; words++) {
			uint8_t *p = exact(len), head[4];

			report(p, 1);
			report(head, (uint16_t)words);
			memcpy(p + 8, head, len < 12 ? len - 8 : 4);
			assert_int_equal(rtcp_is_valid(p, len), len == 8 || (len >= 12 && len == 12 + 4u * words));
			free(p);
		}
	}
}

static void a_compound_may_end_in_a_packet_of_its_head_only(void **state)
{
	uint8_t *p = exact(12);

	(void)state;
	report(p, 1);
	report(p + 8, 0);
	p[9] = 203;	/* BYE of nobody */
	assert_true(rtcp_is_valid(p, 12));
	report(p + 8, 0xffff);
	assert_false(rtcp_is_valid(p, 12));
	report(p + 8, 0);
	p[8] = 0x40;	/* version 1 */
	assert_false(rtcp_is_valid(p, 12));
	p[8] = 0x80;
	p[9] = 96;	/* no RTCP packet type */
	assert_false(rtcp_is_valid(p, 12));
	free(p);
	p = exact(8);
	report(p, 0);	/* two heads: the second is all zero, so of version 0 */
	assert_false(rtcp_is_valid(p, 8));
	report(p + 4, 0);
	assert_true(rtcp_is_valid(p, 8));
	free(p);
}

/* A packet with an extension of these words. */
static uint8_t *extended(const char *words, uint8_t n_words, struct rtp_view *v)
{
	uint8_t *p = exact(12 + 4u * n_words);

	p[0] = 0x90;
	memcpy(p + 12, words, 4u * n_words);
	assert_true(rtp_parse(p, 12 + 4u * n_words, v));
	return p;
}

/* RFC 3611 4.7, behind a receiver report, as MTSI terminals send it. */
static void voip_metrics_pass_as_rtcp(void **state)
{
	static const uint8_t heads[] = { 0x80, 201, 0, 1, 1, 2, 3, 4, 0x80, 207, 0, 10, 1, 2, 3, 4, 7, 0, 0, 8 };
	uint8_t *p = exact(52);

	(void)state;
	memset(p, 0x7f, 52);
	memcpy(p, heads, sizeof(heads));
	assert_int_equal(rtp_classify(p, 52), RTP_CLASS_RTCP);
	assert_true(rtcp_is_valid(p, 52));
	assert_int_equal(rtp_classify(p + 8, 44), RTP_CLASS_RTCP);
	assert_false(rtcp_is_valid(p, 48));
	free(p);
}

static void an_element_is_found_in_either_form_of_rfc_8285(void **state)
{
	static const struct {
		const char *words;
		uint8_t n_words, id, at, bytes;	/* at 0: not found */
	} rows[] = {
		{ "\xbe\xde\0\1\x40" "0\0\0", 2, 4, 16, 1 },
		{ "\xbe\xde\0\1\0\0\x40" "0", 2, 4, 18, 1 },
		{ "\xbe\xde\0\2\x71" "ab\x42" "mid\0", 3, 4, 19, 3 },
		{ "\xbe\xde\0\1\x40" "0\0\0", 2, 5, 0, 0 },
		{ "\xbe\xde\0\1\xf0\x40" "0\0", 2, 4, 0, 0 },	/* 15 ends the list */
		{ "\xbe\xde\0\1\x43" "abc", 2, 4, 0, 0 },	/* four bytes, of which three are there */
		{ "\xbe\xde\0\1\0\0\0\x40", 2, 4, 0, 0 },
		{ "\x10\x0a\0\2\x04\3mid\0\0\0", 3, 4, 16, 3 },
		{ "\x10\0\0\1\x04\0\x05\0", 2, 5, 18, 0 },
		{ "\x10\0\0\1\0\0\0\x04", 2, 4, 0, 0 },	/* its length is beyond the end */
		{ "\x10\0\0\1\x04\3ab", 2, 4, 0, 0 },
		{ "\xab\xcd\0\1\x40" "0\0\0", 2, 4, 0, 0 },	/* something else (RFC 3550 5.3.1) */
		{ "\xbe\xde\0\0", 1, 4, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rtp_view v;
		struct rtp_ext e = { 0 };
		uint8_t *p = extended(rows[i].words, rows[i].n_words, &v);

		assert_int_equal(rtp_ext_find(p, &v, rows[i].id, &e), rows[i].at != 0);
		assert_int_equal(e.at, rows[i].at);
		assert_int_equal(e.bytes, rows[i].bytes);
		free(p);
	}
}

static void an_extension_goes_with_its_last_element(void **state)
{
	struct rtp_view v;
	struct rtp_ext e = { 0 };
	uint8_t *p = extended("\xbe\xde\0\1\x40" "0\0\0", 2, &v);

	(void)state;
	p[11] = 0x77;
	assert_true(rtp_ext_find(p, &v, 4, &e));
	assert_int_equal(rtp_ext_remove(p, &v, &e), 8);
	assert_int_equal(p[8], 0x80);
	assert_int_equal(p[19], 0x77);
	free(p);
	p = extended("\xbe\xde\0\1\x40" "0\x70\1", 2, &v);
	assert_true(rtp_ext_find(p, &v, 4, &e));
	assert_int_equal(rtp_ext_remove(p, &v, &e), 0);
	assert_false(rtp_ext_find(p, &v, 4, &e));
	assert_true(rtp_ext_find(p, &v, 7, &e));
	free(p);
}

static void rtcp_names_the_ssrcs_that_are_in_it(void **state)
{
	static const uint8_t pli[12] = { 0x81, 206, 0, 2, 0, 0, 0, 1, 0x12, 0x34, 0x56, 0x78 };

	(void)state;
	assert_true(rtcp_names(pli, sizeof(pli), 0x12345678));
	assert_true(rtcp_names(pli, sizeof(pli), 1));
	assert_false(rtcp_names(pli, sizeof(pli), 0x11234));	/* across a boundary */
	assert_false(rtcp_names(pli, sizeof(pli), 0x81ce0002));
	assert_false(rtcp_names(pli, 11, 0x12345678));
}

/* An element is put in: alone, behind others of either form, in the place of one of its id; of another kind nothing is known. */
static void an_element_is_put_in(void **state)
{
	static const struct {
		const char *words;
		uint8_t n_words;
		uint16_t growth;
		const char *after;       /* the extension */
		uint8_t n_after;
	} rows[] = {
		{ NULL, 0, 8, "\xbe\xde\0\1\x41" "ab\0", 8 },
		{ "\xbe\xde\0\1\x70\1\0\0", 2, 4, "\xbe\xde\0\2\x70\1\0\0\x41" "ab\0", 12 },
		{ "\x10\0\0\1\7\1\1\0", 2, 4, "\x10\0\0\2\7\1\1\0\4\2ab", 12 },
		{ "\xbe\xde\0\1\x40\1\x70\2", 2, 4, "\xbe\xde\0\2\0\0\x70\2\x41" "ab\0", 12 },
		{ "\x12\x34\0\1\1\2\3\4", 2, 0, NULL, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rtp_view v, after;
		struct rtp_ext e = { 0 };
		uint8_t room[RTP_EXT_GROWS_MAX + 64], plain[16] = { 0x80 };
		uint8_t *p = rows[i].words ? extended(rows[i].words, rows[i].n_words, &v) : plain, *at = room + RTP_EXT_GROWS_MAX;

		assert_true(rtp_parse(p, rows[i].words ? RTP_FIXED_BYTES + 4u * rows[i].n_words : sizeof(plain), &v));
		memcpy(at, p, v.header_bytes);
		at[v.header_bytes] = 0x5a;
		assert_int_equal(rtp_ext_growth(at, 2), rows[i].growth);
		if (!rows[i].growth)
			continue;
		rtp_ext_put(at - rows[i].growth, &v, rows[i].growth, 4, "ab", 2);
		at -= rows[i].growth;
		assert_true(rtp_parse(at, v.header_bytes + rows[i].growth, &after));
		assert_int_equal(after.header_bytes, v.header_bytes + rows[i].growth);
		assert_memory_equal(at + RTP_FIXED_BYTES, rows[i].after, rows[i].n_after);
		assert_int_equal(at[after.header_bytes], 0x5a);
		assert_true(rtp_ext_find(at, &after, 4, &e));
		assert_memory_equal(at + e.at + e.header_bytes, "ab", 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_first_byte_is_of_the_class_the_rfc_gives_it),
		cmocka_unit_test(rtcp_is_taken_only_when_its_length_word_fits),
		cmocka_unit_test(each_packet_of_a_compound_is_held_against_what_is_left),
		cmocka_unit_test(a_compound_may_end_in_a_packet_of_its_head_only),
		cmocka_unit_test(voip_metrics_pass_as_rtcp),
		cmocka_unit_test(an_element_is_found_in_either_form_of_rfc_8285),
		cmocka_unit_test(an_extension_goes_with_its_last_element),
		cmocka_unit_test(an_element_is_put_in),
		cmocka_unit_test(rtcp_names_the_ssrcs_that_are_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
