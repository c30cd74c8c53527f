/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3263 4.1 and RFC 2782: services of NAPTR, order of SRV targets, shares by weight. */
#include "proto/sip/locate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define N(order, preference, flags, service, replacement) \
	{ order, preference, GW_SV_INIT(flags), GW_SV_INIT(service), GW_SV_INIT(replacement), SIP_TRANSPORT_ANY }

static void naptr_is_sorted_and_only_what_we_speak_stays(void **state)
{
	struct sip_naptr list[] = { N(20, 1, "s", "SIP+D2T", "t"), N(10, 9, "S", "sip+d2u", "u"),
		N(10, 1, "s", "SIPS+D2T", "tls"), N(10, 10, "s", "SIP+D2T", "t2"), N(1, 1, "a", "SIP+D2U", "flag a"),
		N(1, 1, "s", "SIP+D2S", "sctp"), N(1, 1, "s", "SIP+D2U", "") };

	(void)state;
	assert_int_equal(sip_naptr_choose(list, 7, SIP_TRANSPORT_ANY), 3);
	assert_true(gw_sv_eq(list[0].replacement, GW_SV("u")) && list[0].transport == SIP_TRANSPORT_UDP);
	assert_true(gw_sv_eq(list[1].replacement, GW_SV("t2")) && list[1].transport == SIP_TRANSPORT_TCP);
	assert_true(gw_sv_eq(list[2].replacement, GW_SV("t")));
	assert_int_equal(sip_naptr_choose(list, 3, SIP_TRANSPORT_TCP), 2);
	assert_true(gw_sv_eq(list[0].replacement, GW_SV("t2")));
	assert_int_equal(sip_naptr_choose(list, 0, SIP_TRANSPORT_ANY), 0);
}

static uint32_t draw_fixed(void *user, uint32_t max)
{
	const uint32_t *v = user;

	return *v < max ? *v : max;
}

/* A small generator of its own: the shares are the same in each run. */
static uint32_t draw_many(void *user, uint32_t max)
{
	uint64_t *x = user;

	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33) % (max + 1);
}

static void srv_goes_by_group_and_priority_first(void **state)
{
	struct sip_srv list[] = { { 1, 1, 100, 0 }, { 0, 20, 100, 1 }, { 0, 10, 0, 2 }, { 0, 10, 50, 3 } };
	uint32_t zero = 0, most = UINT32_MAX;

	(void)state;
	sip_srv_order(list, 4, draw_fixed, &zero);	/* 0 takes the first of the running sums: weight 0 leads */
	assert_int_equal(list[0].index, 2);
	assert_int_equal(list[1].index, 3);
	assert_int_equal(list[2].index, 1);
	assert_int_equal(list[3].index, 0);
	sip_srv_order(list, 4, draw_fixed, &most);
	assert_int_equal(list[0].index, 3);
	assert_int_equal(list[1].index, 2);
	sip_srv_order(list, 0, draw_fixed, &zero);
}

static void shares_follow_the_weights(void **state)
{
	uint64_t seed = 1;
	unsigned first[4] = { 0 }, second[4] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		struct sip_srv list[] = { { 0, 1, 10, 0 }, { 0, 1, 20, 1 }, { 0, 1, 30, 2 }, { 0, 1, 0, 3 } };
		unsigned seen = 0;

		sip_srv_order(list, 4, draw_many, &seed);
		for (unsigned k = 0; k < 4; k++)
			seen |= 1u << list[k].index;
		assert_int_equal(seen, 15);	/* none lost, none twice */
		first[list[0].index]++;
		second[list[1].index]++;
	}
	assert_in_range(first[0], 9000, 11000);		/* 1/6 of 60000 */
	assert_in_range(first[1], 18500, 21500);
	assert_in_range(first[2], 28000, 32000);
	assert_in_range(first[3], 500, 1500);		/* 1/61: a small chance, not none (RFC 2782) */
	assert_true(second[0] > first[0]);
}

static void equal_weights_share_alike_and_zero_weights_keep_their_order(void **state)
{
	struct sip_srv zero[] = { { 0, 1, 0, 0 }, { 0, 1, 0, 1 } };
	uint64_t seed = 7;
	unsigned first[2] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		struct sip_srv list[] = { { 0, 1, 1000, 0 }, { 0, 1, 1000, 1 } };

		sip_srv_order(list, 2, draw_many, &seed);
		first[list[0].index]++;
	}
	assert_in_range(first[0], 4700, 5300);
	sip_srv_order(zero, 2, draw_many, &seed);
	assert_int_equal(zero[0].index, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(naptr_is_sorted_and_only_what_we_speak_stays),
		cmocka_unit_test(srv_goes_by_group_and_priority_first),
		cmocka_unit_test(shares_follow_the_weights),
		cmocka_unit_test(equal_weights_share_alike_and_zero_weights_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
