/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets of policing (H.248.53) on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/fast/police.h"

#define HZ UINT64_C(2449999321)	/* a calibrated TSC is no round number */
#define PACKET 200u

/* Offered at a steady rate for so long. @return bytes that passed */
static uint64_t pass(struct dp_policer *p, double rate, uint32_t packet, double seconds, uint64_t from)
{
	uint64_t n = (uint64_t)(rate * seconds / packet), passed = 0;

	for (uint64_t i = 0; i < n; i++)
		passed += dp_policer_take(p, packet, from + (uint64_t)((double)i * packet / rate * (double)HZ)) ? packet : 0;
	return passed;
}

static void a_steady_stream_passes_its_rate_and_no_more(void **state)
{
	static const struct {
		uint32_t sdr, mbs, packet;
		double seconds;
	} rows[] = { { 16000, 4000, 200, 600 }, { 10037, 3000, 171, 600 }, { 1, 1000, 100, 4e6 }, { 7, 300, 100, 3e6 },
		{ 250000, 64000, 1200, 300 }, { 1000000007, 1 << 20, 1500, 2 }, { 3999999937u, 1 << 20, 9000, 2 } };

	(void)state;
	for (unsigned r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct dp_police by = { .sdr = rows[r].sdr, .mbs = rows[r].mbs };
		struct dp_policer p = { 0 };
		double due = rows[r].sdr * rows[r].seconds;

		dp_policer_set(&p, &by, HZ, 1000);
		/* the burst comes once, then nothing but the rate */
		assert_true(abs((int)((double)pass(&p, 2.0 * rows[r].sdr, rows[r].packet, rows[r].seconds, 1000) - due -
			    rows[r].mbs)) <= rows[r].packet + 2e-5 * due);
		p = (struct dp_policer){ 0 };
		dp_policer_set(&p, &by, HZ, 1000);
		assert_int_equal(pass(&p, rows[r].sdr * 0.9999, rows[r].packet, rows[r].seconds, 1000),
			(uint64_t)(rows[r].sdr * 0.9999 * rows[r].seconds / rows[r].packet) * rows[r].packet);
		assert_int_equal(pass(&p, rows[r].sdr * 0.5, rows[r].packet, rows[r].seconds, (uint64_t)1e17),
			(uint64_t)(rows[r].sdr * 0.5 * rows[r].seconds / rows[r].packet) * rows[r].packet);
	}
}

static unsigned burst(struct dp_policer *p, uint64_t tsc)
{
	unsigned n = 0;

	while (dp_policer_take(p, PACKET, tsc))
		n++;
	return n;
}

static void a_burst_may_be_as_long_as_its_size(void **state)
{
	struct dp_police by = { .sdr = 16000, .mbs = 4000 };
	struct dp_policer p = { 0 };

	(void)state;
	dp_policer_set(&p, &by, HZ, 5);
	assert_int_equal(burst(&p, 5), 20);
	assert_int_equal(burst(&p, 5 + HZ / 80 - HZ / 1000), 0);
	assert_int_equal(burst(&p, 5 + HZ / 80 + 1000), 1);
	assert_int_equal(burst(&p, 5 + HZ), 20);
	assert_int_equal(burst(&p, 5 + HZ + HZ / 8 + 1000), 10);
	assert_false(dp_policer_fits(&p, 4001, 5 + 20 * HZ));
	assert_true(dp_policer_fits(&p, 4000, 5 + 20 * HZ));
}

static void a_silence_of_years_is_worth_one_burst(void **state)
{
	struct dp_police by = { .sdr = 16000, .mbs = 4000, .pdr = 64000, .dvt_ns = 1000000000 };
	struct dp_policer p = { 0 };

	(void)state;
	dp_policer_set(&p, &by, HZ, 0);
	assert_int_equal(burst(&p, 0), 20);
	for (uint64_t years = 1; years <= 100; years *= 10)
		assert_int_equal(burst(&p, HZ * 31557600 * years), 20);
}

static void a_peak_rate_is_the_distance_of_packets(void **state)
{
	/* 200 bytes at 20000 bytes/s: one each 10 ms, up to 15 ms too early */
	struct dp_police by = { .pdr = 20000, .dvt_ns = 15000000 };
	struct dp_policer p = { 0 };
	uint64_t ms = HZ / 1000;

	(void)state;
	dp_policer_set(&p, &by, HZ, 0);
	assert_int_equal(burst(&p, 0), 2);
	assert_int_equal(burst(&p, 4 * ms), 0);
	assert_int_equal(burst(&p, 6 * ms), 1);
	assert_int_equal(burst(&p, 1000 * ms), 2);
	by.dvt_ns = 0;
	p = (struct dp_policer){ 0 };
	dp_policer_set(&p, &by, HZ, 0);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(burst(&p, 11 * ms * i), 1);
		assert_int_equal(burst(&p, 11 * ms * i + 9 * ms), 0);
	}
}

static void what_one_rate_refuses_is_not_charged_to_the_other(void **state)
{
	struct dp_police by = { .sdr = 1000, .mbs = 600, .pdr = 20000, .dvt_ns = 0 };
	struct dp_policer p = { 0 };

	(void)state;
	dp_policer_set(&p, &by, HZ, 0);
	assert_true(dp_policer_take(&p, PACKET, 0));
	for (unsigned i = 0; i < 100; i++)
		assert_false(dp_policer_take(&p, PACKET, HZ / 1000));	/* too early for the peak rate */
	assert_true(dp_policer_take(&p, PACKET, HZ / 50));
	assert_true(dp_policer_take(&p, PACKET, HZ / 25));
	for (unsigned i = 0; i < 100; i++)
		assert_false(dp_policer_take(&p, PACKET, HZ / 10));	/* the burst is used up */
	assert_int_equal(dp_bucket_ahead(&p.peak, HZ / 10), 0);
}

/* A token bucket in whole numbers without rounding: tokens are bytes times HZ. */
struct exact {
	unsigned __int128 tokens, most;
	uint64_t last;
};

static bool exact_take(struct exact *e, const struct dp_police *by, uint32_t bytes, uint64_t tsc)
{
	e->tokens += (unsigned __int128)(tsc - e->last) * by->sdr;
	e->last = tsc;
	if (e->tokens > e->most)
		e->tokens = e->most;
	if (e->tokens < (unsigned __int128)bytes * HZ)
		return false;
	e->tokens -= (unsigned __int128)bytes * HZ;
	return true;
}

static uint64_t random64(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

/* Also over the wrap of the counter: decisions do not depend on where it stands. */
static void random_streams_pass_as_by_exact_arithmetic(void **state)
{
	uint64_t seed = 88172645463325252;

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		struct dp_police by = { .sdr = (uint32_t)(random64(&seed) % 4000000 + 1),
			.mbs = (uint32_t)(random64(&seed) % 60000 + 1600) };
		struct dp_policer p = { 0 }, wrapping = { 0 };
		struct exact e = { .tokens = (unsigned __int128)by.mbs * HZ, .most = (unsigned __int128)by.mbs * HZ };
		uint64_t gap = 2 * (uint64_t)(800.0 / by.sdr * (double)HZ * (double)(random64(&seed) % 200 + 30) / 100), now = 0;
		uint64_t wrap_at = gap * 2000, exactly = 0, ours = 0;

		dp_policer_set(&p, &by, HZ, 0);
		dp_policer_set(&wrapping, &by, HZ, -wrap_at);
		for (unsigned i = 0; i < 5000; i++) {
			uint32_t bytes = (uint32_t)(random64(&seed) % 1461 + 40);
			bool is_in = dp_policer_take(&p, bytes, now);

			assert_int_equal(dp_policer_take(&wrapping, bytes, now - wrap_at), is_in);
			ours += is_in ? bytes : 0;
			exactly += exact_take(&e, &by, bytes, now) ? bytes : 0;
			now += random64(&seed) % (gap + 1);
		}
		/* a packet at the very edge may go either way, and one after it make up for that */
		assert_in_range(ours + 1500, exactly, exactly + 3000);
	}
}

static void the_same_order_again_gives_nothing_anew(void **state)
{
	struct dp_police by = { .sdr = 1000, .mbs = 2000, .pdr = 2000, .dvt_ns = 1000000000 };
	struct dp_policer p = { 0 };

	(void)state;
	dp_policer_set(&p, &by, HZ, 0);
	assert_int_equal(burst(&p, 0), 10);
	for (unsigned i = 0; i < 100; i++) {
		dp_policer_set(&p, &by, HZ, 0);
		assert_int_equal(burst(&p, 0), 0);
	}
	by.sdr = 2000;	/* twice the rate: refilled in half the time */
	dp_policer_set(&p, &by, HZ, 0);
	assert_int_equal(burst(&p, 0), 0);
	by.mbs = 400;	/* what is gone is gone, but no more than it holds */
	dp_policer_set(&p, &by, HZ, 0);
	assert_int_equal(burst(&p, HZ / 5), 2);
	by = (struct dp_police){ 0 };
	dp_policer_set(&p, &by, HZ, HZ);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(dp_policer_take(&p, 65535, HZ));
	by.sdr = 16000;	/* without a burst of its own: 0.1 s, but a packet at least */
	dp_policer_set(&p, &by, HZ, HZ);
	assert_int_equal(burst(&p, HZ), 8);
	by.sdr = 100;
	dp_policer_set(&p, &by, HZ, 2 * HZ);
	assert_true(dp_policer_take(&p, 1500, 100 * HZ));
}

static void rtcp_has_five_percent_unless_it_is_told(void **state)
{
	struct dp_police by = { .sdr = 16000, .mbs = 4000 };
	struct dp_policer p = { 0 };
	unsigned n = 0;

	(void)state;
	dp_policer_set(&p, &by, HZ, 0);
	for (uint64_t t = 0; t < 1000; t++)
		for (unsigned k = 0; k < 10 && dp_policer_rtcp_fits(&p, 100, HZ, t * HZ); k++, n++)
			dp_bucket_charge(&p.rtcp, 100, t * HZ);
	assert_in_range(n, 8000, 8040);	/* 800 bytes/s */
	by.rtcp = 400;
	p = (struct dp_policer){ 0 };
	dp_policer_set(&p, &by, HZ, 0);
	for (n = 0; dp_policer_rtcp_fits(&p, 100, HZ, 0); n++)
		dp_bucket_charge(&p.rtcp, 100, 0);
	assert_int_equal(n, 30);
	assert_false(dp_policer_rtcp_fits(&p, 400, HZ, HZ / 2));
	assert_true(dp_policer_rtcp_fits(&p, 400, HZ, HZ + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_stream_passes_its_rate_and_no_more),
		cmocka_unit_test(a_burst_may_be_as_long_as_its_size),
		cmocka_unit_test(a_silence_of_years_is_worth_one_burst),
		cmocka_unit_test(a_peak_rate_is_the_distance_of_packets),
		cmocka_unit_test(what_one_rate_refuses_is_not_charged_to_the_other),
		cmocka_unit_test(random_streams_pass_as_by_exact_arithmetic),
		cmocka_unit_test(the_same_order_again_gives_nothing_anew),
		cmocka_unit_test(rtcp_has_five_percent_unless_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
