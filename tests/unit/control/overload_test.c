/* SPDX-License-Identifier: Apache-2.0 */
/* The throttle of overload control, and what counts as an emergency. */
#include "control/sip/overload.h"

#include "control/sip/emergency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void ticks(struct cp_throttle *t, unsigned pressure, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cp_throttle_tick(t, pressure);
}

static unsigned admitted(struct cp_throttle *t, unsigned of)
{
	unsigned n = 0;

	for (unsigned i = 0; i < of; i++)
		n += cp_throttle_admit(t);
	return n;
}

static void below_the_limits_all_is_let_in(void **state)
{
	struct cp_throttle t;

	(void)state;
	cp_throttle_init(&t);
	ticks(&t, 74, 1000);
	assert_int_equal(t.load, CP_LOAD_NORMAL);
	assert_int_equal(admitted(&t, 1000), 1000);
}

static void high_load_refuses_connections_and_no_request(void **state)
{
	struct cp_throttle t;

	(void)state;
	cp_throttle_init(&t);
	ticks(&t, 99, 1000);
	assert_int_equal(t.load, CP_LOAD_HIGH);
	assert_int_equal(admitted(&t, 1000), 1000);
}

static void high_load_ends_well_below_where_it_began(void **state)
{
	struct cp_throttle t;

	(void)state;
	cp_throttle_init(&t);
	ticks(&t, 74, 1);
	assert_int_equal(t.load, CP_LOAD_NORMAL);
	ticks(&t, 75, 1);
	assert_int_equal(t.load, CP_LOAD_HIGH);
	ticks(&t, 50, 100);
	assert_int_equal(t.load, CP_LOAD_HIGH);
	ticks(&t, 49, 1);
	assert_int_equal(t.load, CP_LOAD_NORMAL);
}

static void overload_lets_less_and_less_in_down_to_nothing(void **state)
{
	struct cp_throttle t;

	(void)state;
	cp_throttle_init(&t);
	ticks(&t, 100, 1);
	assert_int_equal(t.load, CP_LOAD_OVERLOAD);
	assert_int_equal(admitted(&t, 1024), 768);
	ticks(&t, 250, 1);
	assert_int_equal(admitted(&t, 1024), 576);
	ticks(&t, 100, 100);
	assert_int_equal(t.admit, 0);
	assert_int_equal(admitted(&t, 1000), 0);
}

static void the_share_comes_back_step_by_step_and_waits_between_the_limits(void **state)
{
	struct cp_throttle t;

	(void)state;
	cp_throttle_init(&t);
	ticks(&t, 100, 100);
	ticks(&t, 80, 100);
	assert_int_equal(t.admit, 0);
	assert_int_equal(t.load, CP_LOAD_OVERLOAD);
	ticks(&t, 74, 16);
	assert_int_equal(t.admit, CP_ADMIT_ALL / 2);
	assert_int_equal(t.load, CP_LOAD_OVERLOAD);
	ticks(&t, 74, 16);
	assert_int_equal(t.admit, CP_ADMIT_ALL);
	assert_int_equal(t.load, CP_LOAD_HIGH);
	ticks(&t, 0, 1);
	assert_int_equal(t.load, CP_LOAD_NORMAL);
}

static void the_admitted_are_spread_evenly(void **state)
{
	struct cp_throttle t = { .admit = CP_ADMIT_ALL / 4 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(admitted(&t, 4), 1);
}

static bool emergency(const char *ruri)
{
	static char police[] = "911", common[] = "112", *numbers[] = { police, common };
	static struct cp_conf conf = { .emergency = { .numbers = numbers, .n_numbers = 2 } };
	struct sip_msg m = { .is_request = true, .ruri = gw_sv_cstr(ruri) };

	return cp_emergency_is(&conf, &m);
}

static void emergency_is_the_service_and_its_children(void **state)
{
	(void)state;
	assert_true(emergency("urn:service:sos"));
	assert_true(emergency("URN:Service:SOS.police"));
	assert_false(emergency("urn:service:sosial"));
	assert_false(emergency("urn:service:counseling"));
	assert_false(emergency("sip:urn:service:sos@home1.example"));
	assert_false(emergency(""));
	assert_true(emergency("tel:112"));
	assert_true(emergency("sip:1-1-2@home1.example;user=phone"));
	assert_false(emergency("tel:1122"));
	assert_false(emergency("tel:11"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(below_the_limits_all_is_let_in),
		cmocka_unit_test(high_load_refuses_connections_and_no_request),
		cmocka_unit_test(high_load_ends_well_below_where_it_began),
		cmocka_unit_test(overload_lets_less_and_less_in_down_to_nothing),
		cmocka_unit_test(the_share_comes_back_step_by_step_and_waits_between_the_limits),
		cmocka_unit_test(the_admitted_are_spread_evenly),
		cmocka_unit_test(emergency_is_the_service_and_its_children) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
