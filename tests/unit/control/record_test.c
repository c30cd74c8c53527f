/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the state store: round trip, unknown fields, and bytes that are no record. */
#include "control/state/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void fields_come_back_in_order(void **state)
{
	char bytes[256];
	struct gw_buf b = gw_buf(bytes, sizeof(bytes));
	struct cp_record r;
	struct gw_sv v;
	uint8_t tag;

	(void)state;
	cp_record_begin(&b, 3);
	cp_record_put_str(&b, 1, "alice");
	cp_record_put_str(&b, 2, NULL);
	cp_record_put_u64(&b, 250, 0x0102030405060708ull);
	cp_record_put(&b, 3, GW_SV(""));
	assert_int_equal(cp_record_open(&r, gw_buf_sv(&b), 3), GW_OK);
	assert_true(cp_record_next(&r, &tag, &v));
	assert_int_equal(tag, 1);
	assert_true(gw_sv_eq(v, GW_SV("alice")));
	assert_true(cp_record_next(&r, &tag, &v));
	assert_int_equal(tag, 250);
	assert_true(cp_record_u64(v) == 0x0102030405060708ull);
	assert_true(cp_record_next(&r, &tag, &v));
	assert_int_equal(tag, 3);
	assert_int_equal(v.len, 0);
	assert_int_equal(cp_record_u64(v), 0);
	assert_false(cp_record_next(&r, &tag, &v));
	assert_false(r.is_bad);
}

static void another_version_is_refused(void **state)
{
	struct cp_record r;

	(void)state;
	assert_int_equal(cp_record_open(&r, GW_SV("\x02"), 1), GW_EUNSUPP);
	assert_int_equal(cp_record_open(&r, GW_SV_NONE, 1), GW_EBADMSG);
	assert_int_equal(cp_record_open(&r, GW_SV("\x01"), 1), GW_OK);
}

static void a_cut_record_is_bad_wherever_it_is_cut(void **state)
{
	char bytes[64];
	struct gw_buf b = gw_buf(bytes, sizeof(bytes));

	(void)state;
	cp_record_begin(&b, 1);
	cp_record_put_str(&b, 1, "alice");
	cp_record_put_str(&b, 2, "bob");
	for (size_t n = 1; n < b.len; n++) {
		char *copy = malloc(n);		/* exactly so many: reading over the end is seen */
		struct cp_record r;
		struct gw_sv v;
		uint8_t tag;

		memcpy(copy, bytes, n);
		assert_int_equal(cp_record_open(&r, gw_sv(copy, n), 1), GW_OK);
		while (cp_record_next(&r, &tag, &v))
			assert_true(v.p >= copy && v.p + v.len <= copy + n);
		assert_int_equal(r.is_bad, n != 1 && n != 1 + 5 + 5);
		free(copy);
	}
}

static void a_length_beyond_the_end_is_bad(void **state)
{
	struct cp_record r;
	struct gw_sv v;
	uint8_t tag;

	(void)state;
	assert_int_equal(cp_record_open(&r, gw_sv("\x01\x01\xff\xff\xff\xff" "abc", 9), 1), GW_OK);
	assert_false(cp_record_next(&r, &tag, &v));
	assert_true(r.is_bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fields_come_back_in_order),
		cmocka_unit_test(another_version_is_refused), cmocka_unit_test(a_cut_record_is_bad_wherever_it_is_cut),
		cmocka_unit_test(a_length_beyond_the_end_is_bad) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
