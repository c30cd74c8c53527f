/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: pairs, no double use, a rest before re-use, the worker that shall own them. */
#include "dataplane/ctx/port_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint32_t seven(void)
{
	return 7;
}

static bool multiple_of_four(void *user, uint16_t port)
{
	(void)user;
	return port % 4 == 0;
}

static void each_pair_is_given_once_and_comes_back_after_a_rest(void **state)
{
	struct dp_port_pool *p;
	bool seen[20] = { false };
	uint16_t port;

	(void)state;
	assert_int_equal(dp_port_pool_new(&p, 20001, 20020, seven), GW_OK);	/* 20002 to 20019: 9 pairs */
	for (int i = 0; i < 9; i++) {
		assert_int_equal(dp_port_take(p, 0, NULL, NULL, &port), GW_OK);
		assert_int_equal(port % 2, 0);
		assert_in_range(port, 20002, 20018);
		assert_false(seen[port - 20001]);
		seen[port - 20001] = true;
	}
	assert_int_equal(dp_port_take(p, 0, NULL, NULL, &port), GW_ELIMIT);
	assert_int_equal(dp_port_in_use(p), 9);
	dp_port_give_back(p, 20004, 1000);
	dp_port_give_back(p, 20004, 1000);	/* twice is harmless */
	dp_port_give_back(p, 30000, 1000);
	assert_int_equal(dp_port_in_use(p), 8);
	assert_int_equal(dp_port_take(p, 1000 + DP_PORT_REST_MS - 1, NULL, NULL, &port), GW_ELIMIT);
	assert_int_equal(dp_port_take(p, 1000 + DP_PORT_REST_MS, NULL, NULL, &port), GW_OK);
	assert_int_equal(port, 20004);
	dp_port_pool_free(p);
}

static void only_fitting_ports_are_given(void **state)
{
	struct dp_port_pool *p;
	uint16_t port;

	(void)state;
	assert_int_equal(dp_port_pool_new(&p, 20000, 20019, seven), GW_OK);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(dp_port_take(p, 0, multiple_of_four, NULL, &port), GW_OK);
		assert_int_equal(port % 4, 0);
	}
	assert_int_equal(dp_port_take(p, 0, multiple_of_four, NULL, &port), GW_ELIMIT);
	assert_int_equal(dp_port_pool_new(&p, 20001, 20001, seven), GW_EINVAL);
	dp_port_pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pair_is_given_once_and_comes_back_after_a_rest),
		cmocka_unit_test(only_fitting_ports_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
