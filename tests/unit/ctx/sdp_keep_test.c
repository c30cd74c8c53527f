/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a description comes back as it was, whatever it was; an ordinary one takes a third of its text. */
#include "dataplane/ctx/sdp_keep.h"

#include "proto/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <malloc.h>

static const char remote[] = "v=0\r\nc=IN IP4 198.51.100.7\r\nm=audio 50000 UDP/TLS/RTP/SAVPF 111 0 8 101\r\n"
	"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtcp-mux\r\n"
	"a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n"
	"a=candidate:1 1 UDP 2130706431 198.51.100.7 50000 typ host generation 0\r\n"
	"a=candidate:2 1 UDP 1694498815 203.0.113.141 50000 typ srflx raddr 198.51.100.7 rport 50000\r\n"
	"a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF\r\n"
	"a=setup:actpass\r\n";

static const struct dp_sdp_own none, own = { { GW_SV("k1Pq+8aZ"), GW_SV("x9vB3nM5qW7eR2tY4uI6oZk1"),
	GW_SV("01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F:20") } };

static void pair_comes_back(struct gw_sv local, struct gw_sv far)
{
	struct gw_arena arena = GW_ARENA_INIT(1 << 20);
	struct dp_sdp_pair texts = { local, far }, back;
	struct dp_sdp_kept *k;

	for (unsigned i = 0; i < 2; i++) {
		const struct dp_sdp_own *o = i ? &own : &none;

		assert_int_equal(dp_sdp_keep(&texts, o, &k), GW_OK);
		assert_non_null(k);
		assert_int_equal(dp_sdp_recall(k, o, &arena, &back), GW_OK);
		assert_true(gw_sv_eq(back.local, local));
		assert_true(gw_sv_eq(back.remote, far));
		dp_sdp_forget(k);
	}
	gw_arena_reset(&arena);
}

static void comes_back(struct gw_sv text)
{
	pair_comes_back(text, GW_SV_NONE);
	pair_comes_back(GW_SV_NONE, text);
	pair_comes_back(gw_sv_cstr(remote), text);
	pair_comes_back(text, text);
}

static void an_ordinary_description_comes_back_from_a_third(void **state)
{
	struct dp_sdp_pair texts = { .remote = gw_sv_cstr(remote) };
	struct dp_sdp_kept *k;

	(void)state;
	assert_int_equal(dp_sdp_keep(&texts, &none, &k), GW_OK);
	assert_in_range(malloc_usable_size(k), 1, sizeof(remote) / 3);
	dp_sdp_forget(k);
	comes_back(gw_sv_cstr(remote));
}

/* Of any length, whole or not, one after the other, and where the mark of one stands in the text itself. */
static void digests_come_back(void **state)
{
	static const char *const texts[] = { "\x01" "AB:CD", "\x01\x20", "\x02", "a\x04", "5AB:CD:EF:", "ab:CD:ef", "A", "AB", "AB:", "AB:C" };
	char text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		comes_back(gw_sv_cstr(texts[i]));
	for (unsigned pairs = 1; pairs < 800; pairs++) {
		struct gw_buf b = gw_buf(text, sizeof(text));

		gw_buf_puts(&b, pairs % 3 ? "a=fingerprint:sha-256 " : "");
		for (unsigned k = 0; k < pairs; k++)
			gw_buf_printf(&b, "%s%02X", k ? ":" : "", (k * 37 + pairs) & 255);
		gw_buf_puts(&b, pairs % 2 ? "\r\n" : "");
		comes_back(gw_buf_sv(&b));
	}
}

static const char local[] = "v=0\r\na=ice-ufrag:k1Pq+8aZ\r\na=ice-pwd:x9vB3nM5qW7eR2tY4uI6oZk1\r\n"
	"a=fingerprint:sha-256 01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F:20\r\n";

static void what_is_ours_takes_next_to_nothing_and_comes_as_it_is_then(void **state)
{
	struct gw_arena arena = GW_ARENA_INIT(1 << 20);
	struct dp_sdp_pair texts = { .local = gw_sv_cstr(local) }, back;
	struct dp_sdp_own later = own, longer = own;
	struct dp_sdp_kept *k, *plain;

	(void)state;
	comes_back(gw_sv_cstr(local));
	assert_int_equal(dp_sdp_keep(&texts, &own, &k), GW_OK);
	assert_int_equal(dp_sdp_keep(&texts, &none, &plain), GW_OK);
	assert_in_range(malloc_usable_size(k), 1, malloc_usable_size(plain) - 64);
	later.text[1] = GW_SV("Zk1x9vB3nM5qW7eR2tY4uI6o");
	assert_int_equal(dp_sdp_recall(k, &later, &arena, &back), GW_OK);
	assert_int_equal(back.local.len, texts.local.len);
	assert_true(gw_sv_find(back.local, later.text[1]) < back.local.len);
	longer.text[1] = GW_SV("Zk1x9vB3nM5qW7eR2tY4uI6o+");
	assert_int_equal(dp_sdp_recall(k, &longer, &arena, &back), GW_EBADMSG);
	longer.text[1] = GW_SV("short");
	assert_int_equal(dp_sdp_recall(k, &longer, &arena, &back), GW_EBADMSG);
	assert_int_equal(dp_sdp_recall(k, &none, &arena, &back), GW_EBADMSG);
	dp_sdp_forget(k);
	dp_sdp_forget(plain);
	gw_arena_reset(&arena);
}

static void anything_comes_back(void **state)
{
	static char text[65535];

	(void)state;
	srandom(1);
	for (size_t n = 1; n <= sizeof(text); n = n * 3 + 1) {
		for (size_t i = 0; i < n; i++)
			text[i] = (char)random();
		comes_back(gw_sv(text, n));
		memset(text, 'x', n);
		comes_back(gw_sv(text, n));
	}
}

static void nothing_and_too_much_are_not_kept(void **state)
{
	static char text[65536];
	struct gw_arena arena = GW_ARENA_INIT(1 << 20);
	struct dp_sdp_pair nothing = { GW_SV_NONE, GW_SV_NONE }, much = { .remote = gw_sv(text, sizeof(text)) }, back;
	struct dp_sdp_kept *k;

	(void)state;
	assert_int_equal(dp_sdp_keep(&nothing, &none, &k), GW_OK);
	assert_null(k);
	assert_int_equal(dp_sdp_keep(&much, &none, &k), GW_EINVAL);
	assert_int_equal(dp_sdp_recall(NULL, &none, &arena, &back), GW_OK);
	assert_int_equal(back.local.len + back.remote.len, 0);
	dp_sdp_forget(NULL);
}

/* Everything the process has that can be written, but heap and stack; also what a sanitizer keeps free between two variables. */
__attribute__((no_sanitize("address"), no_sanitize("undefined"))) static bool is_left_in_static_memory(const char *what, size_t n)
{
	extern char __data_start, _end;
	const char *end = &_end;

	for (const volatile char *p = &__data_start; p + n <= end; p++) {
		size_t same = 0;

		while (same < n && p[same] == what[same])
			same++;
		if (same == n)
			return true;
	}
	return false;
}

static void no_password_is_left_behind(void **state)
{
	static const char line[] = "a=ice-pwd:";
	char password[] = "ZrtXBqLmWvKcPdHgJnYfTs", text[2048];
	struct gw_buf b = gw_buf(text, sizeof(text));

	(void)state;
	gw_buf_puts(&b, remote);
	gw_buf_puts(&b, line);
	gw_buf_puts(&b, password);
	comes_back(gw_buf_sv(&b));
	for (size_t i = 0; i + 8 <= sizeof(password) - 1; i++)	/* parts of it neither */
		assert_false(is_left_in_static_memory(password + i, 8));
	/* where the mark of digests stands in the text it goes another way */
	gw_buf_puts(&b, "\x01");
	comes_back(gw_buf_sv(&b));
	assert_false(is_left_in_static_memory(password, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_description_comes_back_from_a_third),
		cmocka_unit_test(digests_come_back),
		cmocka_unit_test(what_is_ours_takes_next_to_nothing_and_comes_as_it_is_then),
		cmocka_unit_test(anything_comes_back),
		cmocka_unit_test(nothing_and_too_much_are_not_kept),
		cmocka_unit_test(no_password_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
