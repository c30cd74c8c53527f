/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a description comes back as it was, whatever it was; an ordinary one takes a third of its text. */
#include "dataplane/ctx/sdp_keep.h"

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

static void comes_back(struct gw_sv text)
{
	struct gw_arena arena = GW_ARENA_INIT(1 << 20);
	struct dp_sdp_kept *k = dp_sdp_keep(text);

	assert_non_null(k);
	assert_true(gw_sv_eq(dp_sdp_recall(k, &arena), text));
	dp_sdp_forget(k);
	gw_arena_reset(&arena);
}

static void an_ordinary_description_comes_back_from_a_third(void **state)
{
	struct dp_sdp_kept *k = dp_sdp_keep(gw_sv_cstr(remote));

	(void)state;
	assert_non_null(k);
	assert_in_range(malloc_usable_size(k), 1, sizeof(remote) * 2 / 5);
	dp_sdp_forget(k);
	comes_back(gw_sv_cstr(remote));
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

	(void)state;
	assert_null(dp_sdp_keep(GW_SV_NONE));
	assert_null(dp_sdp_keep(gw_sv(text, sizeof(text))));
	assert_int_equal(dp_sdp_recall(NULL, &arena).len, 0);
	dp_sdp_forget(NULL);
}

static int end(void **state)
{
	(void)state;
	dp_sdp_keep_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_description_comes_back_from_a_third),
		cmocka_unit_test(anything_comes_back),
		cmocka_unit_test(nothing_and_too_much_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
