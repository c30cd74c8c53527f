/* SPDX-License-Identifier: Apache-2.0 */
/* Slices, buffers, arena, map, timers and addresses. */
#include "proto/base/addr.h"
#include "proto/base/arena.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/map.h"
#include "proto/base/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void numbers_refuse_what_does_not_fit(void **state)
{
	uint32_t v = 99;

	(void)state;
	assert_int_equal(gw_sv_u32(GW_SV("4294967295"), &v), GW_OK);
	assert_int_equal(v, UINT32_MAX);
	assert_int_equal(gw_sv_u32(GW_SV("4294967296"), &v), GW_EBADMSG);
	assert_int_equal(gw_sv_u32(GW_SV("99999999999999999999999"), &v), GW_EBADMSG);
	assert_int_equal(gw_sv_u32(GW_SV(""), &v), GW_EBADMSG);
	assert_int_equal(gw_sv_u32(GW_SV("-1"), &v), GW_EBADMSG);
	assert_int_equal(gw_sv_uint_max(GW_SV("70"), 69, &v), GW_EBADMSG);
	assert_int_equal(v, UINT32_MAX);	/* untouched on failure */
}

static void lines_end_in_any_of_three_ways(void **state)
{
	struct gw_sv s = GW_SV("a\r\nb\nc\rd"), l;

	(void)state;
	for (const char *want = "abcd"; *want; want++) {
		assert_true(gw_sv_line(&s, &l));
		assert_int_equal(l.len, 1);
		assert_int_equal(l.p[0], *want);
	}
	assert_false(gw_sv_line(&s, &l));
}

static void buffer_overflow_is_sticky(void **state)
{
	char mem[8];
	struct gw_buf b = gw_buf(mem, sizeof(mem));
	struct gw_sv out;

	(void)state;
	gw_buf_puts(&b, "12345678");
	assert_int_equal(gw_buf_done(&b, &out), GW_OK);
	gw_buf_putc(&b, '9');
	b.len = 0;
	gw_buf_putc(&b, '1');
	assert_int_equal(gw_buf_done(&b, &out), GW_ENOSPC);
}

static void arena_keeps_to_its_limit(void **state)
{
	struct gw_arena a = GW_ARENA_INIT(10000);

	(void)state;
	assert_non_null(gw_arena_alloc(&a, 6000));
	assert_null(gw_arena_alloc(&a, 6000));
	assert_true(a.failed);
	gw_arena_reset(&a);
	assert_null(gw_arena_calloc(&a, SIZE_MAX / 2, 4));
	gw_arena_reset(&a);
	assert_non_null(gw_arena_alloc(&a, 6000));
	gw_arena_reset(&a);
}

static void map_survives_a_random_walk(void **state)
{
	enum { N = 2000 };
	static bool in[N];
	struct gw_map m = { 0 };
	unsigned seed = 1, count = 0;

	(void)state;
	for (int i = 0; i < 40000; i++) {
		unsigned k;

		seed = seed * 1103515245u + 12345u;
		k = (seed >> 8) % N;
		if (seed >> 31) {
			assert_int_equal(gw_map_put_u64(&m, k, &in[k]), GW_OK);
			count += !in[k];
			in[k] = true;
		} else {
			assert_ptr_equal(gw_map_del_u64(&m, k), in[k] ? &in[k] : NULL);
			count -= in[k];
			in[k] = false;
		}
		assert_int_equal(m.count, count);
	}
	for (unsigned k = 0; k < N; k++)
		assert_ptr_equal(gw_map_get_u64(&m, k), in[k] ? &in[k] : NULL);
	gw_map_free(&m);
}

struct tick {
	struct gw_timer t;
	struct gw_timers *set;
	uint64_t fired;
	unsigned n;
};

static void on_tick(struct gw_timer *t, uint64_t now)
{
	struct tick *k = GW_CONTAINER(t, struct tick, t);

	k->fired = now;
	if (k->n++ == 0)
		gw_timer_arm(k->set, t, now + 5);
}

static void timers_fire_in_order_and_may_rearm(void **state)
{
	struct gw_timers set = { 0 };
	struct tick t[100];

	(void)state;
	for (int i = 0; i < 100; i++) {
		t[i] = (struct tick){ .t.fn = on_tick, .set = &set };
		assert_int_equal(gw_timer_arm(&set, &t[i].t, (uint64_t)((i * 37) % 100)), GW_OK);
	}
	for (int i = 0; i < 100; i += 2)
		gw_timer_stop(&set, &t[i].t);
	for (uint64_t now = 0; now < 200; now++) {
		assert_true(gw_timers_next(&set) >= now);
		gw_timers_run(&set, now);
	}
	for (int i = 0; i < 100; i++) {
		assert_int_equal(t[i].n, i % 2 ? 2 : 0);
		if (i % 2)
			assert_int_equal(t[i].fired, (i * 37) % 100 + 5);
	}
	assert_int_equal(gw_timers_next(&set), UINT64_MAX);
	gw_timers_free(&set);
}

static void some_addresses_are_no_host(void **state)
{
	static const char *const hosts[] = { "10.0.0.1", "192.0.2.1", "169.253.1.1", "2001:db8::1", "fd00::1", "fec0::1" };
	static const char *const others[] = { "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.0.9", "169.254.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
		"::ffff:10.0.0.1", "fe80::1", "febf::1", "ff02::1" };
	struct gw_addr a;

	(void)state;
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_true(gw_addr_parse_ip(gw_sv_cstr(hosts[i]), &a) == GW_OK && gw_addr_is_host(&a));
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_true(gw_addr_parse_ip(gw_sv_cstr(others[i]), &a) == GW_OK && !gw_addr_is_host(&a));
	assert_false(gw_addr_is_host(&(struct gw_addr){ 0 }));
}

static void addresses_are_read_and_written(void **state)
{
	static const char *const good[] = { "192.0.2.1:5060", "[2001:db8::1]:443" };
	char text[GW_ADDR_STR_BYTES];
	struct gw_addr a, net;
	uint8_t prefix;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gw_addr_parse(gw_sv_cstr(good[i]), 0, &a), GW_OK);
		assert_string_equal(gw_addr_str(&a, text), good[i]);
	}
	assert_int_equal(gw_addr_parse(GW_SV("192.0.2.1"), 0, &a), GW_EBADMSG);
	assert_int_equal(gw_addr_parse(GW_SV("192.0.2.1:70000"), 0, &a), GW_EBADMSG);
	assert_int_equal(gw_addr_parse(GW_SV("example.com:1"), 0, &a), GW_EBADMSG);
	assert_int_equal(gw_addr_parse_prefix(GW_SV("10.1.2.0/23"), &net, &prefix), GW_OK);
	assert_int_equal(gw_addr_parse_ip(GW_SV("10.1.3.255"), &a), GW_OK);
	assert_true(gw_addr_in(&a, &net, prefix));
	assert_int_equal(gw_addr_parse_ip(GW_SV("10.1.4.0"), &a), GW_OK);
	assert_false(gw_addr_in(&a, &net, prefix));
}

static void keep_line(void *user, enum gw_log_level level, const char *line)
{
	(void)level;
	snprintf(user, 256, "%s", line);
}

static void log_lines_cannot_be_forged(void **state)
{
	char line[256] = "";
	const struct gw_log sink = { GW_LOG_INFO, keep_line, line }, *volatile log = &sink;

	(void)state;
	GW_LOG_INFO(log, "sip.x", "from=%s", "a\r\nerror forged \033[31m");
	assert_string_equal(line, "sip.x from=a\\x0d\\x0aerror forged \\x1b[31m");
	line[0] = '\0';
	GW_LOG_DEBUG(log, "sip.x", "y=%d", 1);
	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_refuse_what_does_not_fit), cmocka_unit_test(lines_end_in_any_of_three_ways),
		cmocka_unit_test(buffer_overflow_is_sticky), cmocka_unit_test(arena_keeps_to_its_limit),
		cmocka_unit_test(map_survives_a_random_walk), cmocka_unit_test(timers_fire_in_order_and_may_rearm),
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(some_addresses_are_no_host), cmocka_unit_test(log_lines_cannot_be_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
