/* SPDX-License-Identifier: Apache-2.0 */
/* First bytes of datagrams (threat M15) and lengths of compound RTCP (threat M3), each buffer as long as it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rtp/demux.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_first_byte_is_of_the_class_the_rfc_gives_it),
		cmocka_unit_test(rtcp_is_taken_only_when_its_length_word_fits),
		cmocka_unit_test(each_packet_of_a_compound_is_held_against_what_is_left),
		cmocka_unit_test(a_compound_may_end_in_a_packet_of_its_head_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
