/* SPDX-License-Identifier: Apache-2.0 */
/* Throttling of new calls by what a gateway reports (F-75). */
#include "proto/iq/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Calls offered each 10 ms from first to last; how many were admitted. An event for each that is above the limit. */
static unsigned offer(struct iq_throttle *t, uint64_t first, uint64_t last, unsigned limit)
{
	unsigned all = 0, second = 0;

	for (uint64_t now = first; now < last; now += 10) {
		if ((now - first) % 1000 == 0)
			second = 0;
		if (!iq_throttle_admit(t, now))
			continue;
		all++;
		if (++second > limit)
			iq_throttle_overload(t, now);
	}
	return all;
}

static void everything_passes_until_something_is_reported(void **state)
{
	struct iq_throttle t = { .is_active = false };

	(void)state;
	assert_int_equal(offer(&t, 1000, 11000, 1000), 1000);
	assert_int_equal(iq_throttle_rate(&t), 0);
}

static void the_rate_settles_near_what_the_gateway_bears(void **state)
{
	struct iq_throttle t = { .is_active = false };
	unsigned n;

	(void)state;
	(void)offer(&t, 1000, 11000, 40);	/* 100 a second come, 40 are borne */
	n = offer(&t, 11000, 31000, 40);
	assert_in_range(n, 20 * 25, 20 * 46);
	/* no event for half a minute: it is over */
	assert_true(iq_throttle_admit(&t, 62000));
	assert_int_equal(iq_throttle_rate(&t), 0);
}

static void a_storm_of_events_leaves_a_trickle(void **state)
{
	struct iq_throttle t = { .is_active = false };
	unsigned n;

	(void)state;
	(void)offer(&t, 1000, 31000, 0);
	n = offer(&t, 31000, 51000, 0);
	assert_in_range(n, 5, 25);
}

static void percentage_spares_that_share(void **state)
{
	struct iq_throttle t = { .is_active = false };

	(void)state;
	iq_throttle_percent(&t, 30, 1000);
	assert_int_equal(offer(&t, 1000, 11000, 1000), 700);
	iq_throttle_percent(&t, 250, 11000);
	assert_int_equal(offer(&t, 11000, 12000, 1000), 0);
	iq_throttle_percent(&t, 0, 12000);
	assert_int_equal(offer(&t, 12000, 13000, 1000), 100);
	iq_throttle_percent(&t, 100, 13000);
	assert_int_equal(offer(&t, 73000, 74000, 1000), 100);	/* old news */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_passes_until_something_is_reported),
		cmocka_unit_test(the_rate_settles_near_what_the_gateway_bears),
		cmocka_unit_test(a_storm_of_events_leaves_a_trickle), cmocka_unit_test(percentage_spares_that_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
