/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets by name: rates, burst, expiry, the bound of the table; what counts as one source. */
#include "control/transport/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static unsigned take(struct cp_rate *r, const char *name, unsigned n, uint64_t now)
{
	unsigned ok = 0;

	for (unsigned i = 0; i < n; i++)
		ok += cp_rate_take(r, gw_sv_cstr(name), now);
	return ok;
}

static void ten_seconds_worth_at_once_then_the_rate(void **state)
{
	struct cp_rate r;

	(void)state;
	cp_rate_init(&r, 3, 100);
	assert_int_equal(take(&r, "a", 100, 5000), 30);
	assert_int_equal(take(&r, "a", 100, 5333), 0);
	assert_int_equal(take(&r, "a", 100, 5334), 1);
	assert_int_equal(take(&r, "a", 100, 6334), 3);
	assert_int_equal(take(&r, "b", 100, 6334), 30);	/* another name has its own */
	assert_int_equal(take(&r, "a", 100, 1000000), 30);	/* never more than the burst */
	cp_rate_free(&r);
}

static void zero_is_no_limit_and_keeps_nothing(void **state)
{
	struct cp_rate r;

	(void)state;
	cp_rate_init(&r, 0, 100);
	assert_int_equal(take(&r, "a", 1000, 0), 1000);
	assert_int_equal(cp_rate_count(&r), 0);
	cp_rate_free(&r);
}

static void names_that_were_quiet_are_forgotten(void **state)
{
	struct cp_rate r;
	char name[16];

	(void)state;
	cp_rate_init(&r, 1, 1000);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		take(&r, name, 1, 100);
	}
	assert_int_equal(cp_rate_count(&r), 100);
	for (int i = 0; i < 60; i++)	/* two a call */
		take(&r, "busy", 1, 100 + CP_RATE_BURST_S * 1000u);
	assert_int_equal(cp_rate_count(&r), 1);
	cp_rate_free(&r);
}

static void the_table_has_a_bound_and_the_oldest_goes(void **state)
{
	struct cp_rate r;
	char name[16];

	(void)state;
	cp_rate_init(&r, 1, 10);
	assert_int_equal(take(&r, "kept", 10, 0), 10);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		take(&r, name, 1, 1);
		assert_false(cp_rate_take(&r, GW_SV("kept"), 1));	/* used all the time: stays */
	}
	assert_int_equal(cp_rate_count(&r), 10);
	cp_rate_free(&r);
}

static bool same_net(const char *x, const char *y, enum cp_net which)
{
	char m[CP_NET_BYTES], n[CP_NET_BYTES];
	struct gw_addr a, b;

	assert_int_equal(gw_addr_parse_ip(gw_sv_cstr(x), &a), GW_OK);
	assert_int_equal(gw_addr_parse_ip(gw_sv_cstr(y), &b), GW_OK);
	a.port = 1;
	b.port = 2;
	return gw_sv_eq(cp_rate_net(&a, which, m), cp_rate_net(&b, which, n));
}

static void a_source_is_an_ipv4_address_or_an_ipv6_64(void **state)
{
	(void)state;
	assert_true(same_net("192.0.2.1", "192.0.2.1", CP_NET_SOURCE));
	assert_false(same_net("192.0.2.1", "192.0.2.2", CP_NET_SOURCE));
	assert_true(same_net("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", CP_NET_SOURCE));
	assert_false(same_net("2001:db8:1:2::1", "2001:db8:1:3::1", CP_NET_SOURCE));
	assert_true(same_net("192.0.2.1", "192.0.2.200", CP_NET_PREFIX));
	assert_false(same_net("192.0.2.1", "192.0.3.1", CP_NET_PREFIX));
	assert_true(same_net("2001:db8:1:2::1", "2001:db8:1:3::1", CP_NET_PREFIX));
	assert_false(same_net("2001:db8:1::1", "2001:db8:2::1", CP_NET_PREFIX));
	assert_false(same_net("32.1.13.184", "2001:db8::1", CP_NET_SOURCE));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ten_seconds_worth_at_once_then_the_rate),
		cmocka_unit_test(zero_is_no_limit_and_keeps_nothing),
		cmocka_unit_test(names_that_were_quiet_are_forgotten),
		cmocka_unit_test(the_table_has_a_bound_and_the_oldest_goes),
		cmocka_unit_test(a_source_is_an_ipv4_address_or_an_ipv6_64) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
