/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the event loop: it waits for what ends, and for nothing that does not. */
#include "control/app/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static bool is_done;

static void work(uv_work_t *w)
{
	(void)w;
	usleep(50000);
}

static void on_done(uv_work_t *w, int status)
{
	(void)w;
	(void)status;
	is_done = true;
}

static void work_of_the_pool_is_waited_for(void **state)
{
	struct cp_loop l;
	uv_work_t w;

	(void)state;
	assert_int_equal(cp_loop_init(&l), GW_OK);
	assert_int_equal(uv_queue_work(&l.uv, &w, work, on_done), 0);
	assert_int_equal(cp_loop_close(&l, 60000), GW_OK);
	assert_true(is_done);
}

static void a_handle_nobody_closes_is_left(void **state)
{
	struct cp_loop l;
	uv_timer_t t;

	(void)state;
	assert_int_equal(cp_loop_init(&l), GW_OK);
	uv_timer_init(&l.uv, &t);
	uv_timer_start(&t, (uv_timer_cb)abort, 3600000, 0);
	assert_int_equal(cp_loop_close(&l, 20), GW_EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(work_of_the_pool_is_waited_for),
		cmocka_unit_test(a_handle_nobody_closes_is_left) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
