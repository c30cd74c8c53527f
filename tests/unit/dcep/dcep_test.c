/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8832 5: the octets of OPEN and ACK, and what is refused (S3). */
#include "proto/dcep/dcep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* partial reliability, unordered, 1500 ms, priority 256, "chat", "msrp" */
#define OPEN_CHAT "\x03\x82\x01\x00\x00\x00\x05\xdc\x00\x04\x00\x04" "chatmsrp"

static void open_is_read_and_written_as_the_rfc_draws_it(void **state)
{
	struct dcep_channel c;
	enum dcep_type type;
	char text[DCEP_MESSAGE_MAX];
	struct gw_buf b = gw_buf(text, sizeof(text));

	(void)state;
	assert_int_equal(dcep_parse(GW_SV(OPEN_CHAT), &type, &c), GW_OK);
	assert_int_equal(type, DCEP_OPEN);
	assert_int_equal(c.reliability, DCEP_MAX_LIFETIME);
	assert_true(c.is_unordered);
	assert_int_equal(c.limit, 1500);
	assert_int_equal(c.priority, 256);
	assert_true(gw_sv_eq(c.label, GW_SV("chat")) && gw_sv_eq(c.protocol, GW_SV("msrp")));
	assert_int_equal(dcep_print_open(&c, &b), GW_OK);
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV(OPEN_CHAT)));
}

static void a_reliable_channel_has_no_limit(void **state)
{
	struct dcep_channel c;
	enum dcep_type type;

	(void)state;
	assert_int_equal(dcep_parse(GW_SV("\x03\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00"), &type, &c), GW_OK);
	assert_int_equal(c.reliability, DCEP_RELIABLE);
	assert_int_equal(c.limit, 0);
	assert_false(c.is_unordered);
	assert_int_equal(c.label.len + c.protocol.len, 0);
}

static void ack_is_one_byte(void **state)
{
	char text[4];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct dcep_channel c;
	enum dcep_type type = DCEP_OPEN;

	(void)state;
	assert_int_equal(dcep_print_ack(&b), GW_OK);
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV("\x02")));
	assert_int_equal(dcep_parse(gw_buf_sv(&b), &type, &c), GW_OK);
	assert_int_equal(type, DCEP_ACK);
}

static void malformed_and_large_is_refused(void **state)
{
	static char large[12 + 65535] = { 3 };
	const struct {
		struct gw_sv in;
		enum gw_err err;
	} rows[] = {
		{ GW_SV(""), GW_EBADMSG },
		{ GW_SV("\x07"), GW_EUNSUPP },
		{ GW_SV("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), GW_EBADMSG },
		{ GW_SV("\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), GW_EBADMSG },       /* no such type */
		{ GW_SV("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00" "chat"), GW_EBADMSG },    /* a byte short */
		{ GW_SV("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00" "chat"), GW_EBADMSG },    /* one too many */
		{ GW_SV("\x03\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"), GW_EBADMSG },
		{ GW_SV("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\xc0\x80"), GW_EBADMSG },   /* no UTF-8 */
		{ GW_SV("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\xed\xa0\x80"), GW_EBADMSG },
		{ { large, sizeof(large) }, GW_ELIMIT },
	};
	struct dcep_channel c;
	enum dcep_type type;

	(void)state;
	large[8] = large[9] = (char)0xff;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(dcep_parse(rows[i].in, &type, &c), rows[i].err);
	c = (struct dcep_channel){ .label = gw_sv(large + 12, DCEP_NAME_MAX + 1) };
	assert_int_equal(dcep_print_open(&c, &(struct gw_buf){ large, 0, sizeof(large), false }), GW_EINVAL);
}

static void the_dtls_client_opens_even_streams(void **state)
{
	(void)state;
	assert_true(dcep_is_peers_stream(0, true) && dcep_is_peers_stream(1, false));
	assert_false(dcep_is_peers_stream(1, true) || dcep_is_peers_stream(65534, false) || dcep_is_peers_stream(65535, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_is_read_and_written_as_the_rfc_draws_it),
		cmocka_unit_test(a_reliable_channel_has_no_limit),
		cmocka_unit_test(ack_is_one_byte),
		cmocka_unit_test(malformed_and_large_is_refused),
		cmocka_unit_test(the_dtls_client_opens_even_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
