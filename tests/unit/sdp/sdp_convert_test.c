/* SPDX-License-Identifier: Apache-2.0 */
/* WebRTC <-> IMS descriptions: W2 section 5 with the shape of 14.5 to 14.7, and what is refused. */
#include "proto/sdp/iq_sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define FP "a=fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n"
#define ICE "a=ice-ufrag:Yx3d\r\na=ice-pwd:0p4Kq9s8d7f6g5h4j3k2l1z0\r\na=ice-options:trickle\r\n"
#define HEAD "v=0\r\no=- 4611733054762223410 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

static const char offer[] = HEAD
	"a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS s1\r\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" ICE FP
	"a=candidate:1 1 udp 2122260223 3f2a1b.local 50000 typ host\r\n"
	"a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\n"
	"a=msid:s1 t1\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
	"a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
	"a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n"
	"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=ssrc:2570614123 cname:k4p1\r\n"
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n" ICE FP "a=setup:actpass\r\na=mid:1\r\na=rtcp-mux\r\n"
	"a=rtpmap:96 VP8/90000\r\n";

static const char core_answer[] = "v=0\r\no=- 5551 1 IN IP4 10.30.0.5\r\ns=-\r\nc=IN IP4 10.30.0.5\r\nt=0 0\r\n"
	"m=audio 49000 RTP/AVP 8 126\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n"
	"a=fmtp:126 0-15\r\na=ptime:20\r\na=sendrecv\r\nm=video 0 RTP/AVPF 96\r\n";

struct rig {
	struct gw_arena arena;
	struct sdp_policy policy;
	struct sdp_model offer, answer;
	struct sdp_stream streams[SDP_MAX_MEDIA];
	struct sdp_local core, w2;
	struct sdp_local locals[SDP_MAX_MEDIA];
	struct sdp_origin o_core, o_w2;
	char text[16384];
	struct gw_buf out;
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->policy = (struct sdp_policy){ .codecs = { GW_SV("PCMU"), GW_SV("PCMA"), GW_SV("G722"), GW_SV("opus") },
		.n_codecs = 4, .accept_bundle = true };
	assert_int_equal(gw_addr_parse(GW_SV("10.20.0.10:30000"), 0, &r->core.addr), GW_OK);
	assert_int_equal(gw_addr_parse(GW_SV("203.0.113.10:40000"), 0, &r->w2.addr), GW_OK);
	r->w2.ice_ufrag = GW_SV("gw7Q2s");
	r->w2.ice_pwd = GW_SV("Zk1x9vB3nM5qW7eR2tY4uI6o");
	r->w2.candidates[r->w2.n_candidates++] = GW_SV("1 1 UDP 2130706431 203.0.113.10 40000 typ host");
	r->w2.fingerprint = GW_SV("sha-256 11:22");
	r->w2.setup = SDP_SETUP_ACTIVE;
	r->o_core.id = 90210001;
	r->o_w2.id = 90210002;
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;

	gw_arena_reset(&r->arena);
	free(r);
	return 0;
}

static enum sdp_refusal choose(struct rig *r, const char *text, enum sdp_side from)
{
	assert_int_equal(sdp_model_read(&r->offer, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	return sdp_choose_offer(&r->offer, from, &r->policy, r->streams);
}

static struct gw_sv write_leg(struct rig *r, enum sdp_side to, bool is_answer)
{
	struct sdp_write w = { .to = to, .is_answer = is_answer, .peer = &r->offer,
		.remote = is_answer ? &r->offer : NULL, .streams = r->streams, .locals = r->locals,
		.n = r->offer.n_lines, .ice_lite = true };

	for (unsigned i = 0; i < SDP_MAX_MEDIA; i++)
		r->locals[i] = to == SDP_W2 ? r->w2 : r->core;
	r->locals[0].is_bundled = to == SDP_W2 && r->policy.accept_bundle;
	r->out = gw_buf(r->text, sizeof(r->text));
	assert_int_equal(sdp_write_leg(&w, to == SDP_W2 ? &r->o_w2 : &r->o_core, &r->out), GW_OK);
	return gw_buf_sv(&r->out);
}

static bool has(struct gw_sv text, const char *what)
{
	return gw_sv_find(text, gw_sv_cstr(what)) < text.len;
}

static void core_offer_holds_nothing_of_webrtc(void **state)
{
	static const char *const never[] = { "ice", "fingerprint", "setup", "group", "mid", "msid", "ssrc", "rtcp-mux",
		"rsize", "extmap", "opus", "red/", "transport-cc", "candidate", "SAVP", "127.0.0.1", ".local", "VP8" };
	struct rig *r = *state;
	struct gw_sv t;

	assert_int_equal(choose(r, offer, SDP_W2), SDP_OK);
	t = write_leg(r, SDP_CORE, false);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (has(t, never[i]))
			fail_msg("\"%s\" leaked into:\n%.*s", never[i], GW_SV_FMT(t));
	assert_true(has(t, "m=audio 30000 RTP/AVP 9 0 8 13 126\r\nc=IN IP4 10.20.0.10\r\nb=AS:80\r\n"));
	assert_true(has(t, "m=video 0 RTP/AVPF 96\r\n"));
	assert_true(has(t, "a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-15\r\n"));
	assert_true(has(t, "o=- 90210001 1 IN IP4 10.20.0.10\r\n"));
}

static void opus_crosses_only_by_policy(void **state)
{
	struct rig *r = *state;

	r->policy.opus_to_core = true;
	assert_int_equal(choose(r, offer, SDP_W2), SDP_OK);
	assert_true(has(write_leg(r, SDP_CORE, false), "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"));
	assert_true(has(write_leg(r, SDP_CORE, false), "a=rtpmap:110 telephone-event/48000\r\n"));
}

static void wic_answer_has_all_a_browser_needs(void **state)
{
	struct rig *r = *state;
	struct gw_sv t;

	assert_int_equal(choose(r, offer, SDP_W2), SDP_OK);
	assert_int_equal(sdp_model_read(&r->answer, &r->arena, gw_sv_cstr(core_answer), SDP_SIP, NULL), GW_OK);
	assert_int_equal(sdp_choose_answer(&r->answer, SDP_CORE, r->streams, r->offer.n_lines), SDP_OK);
	t = write_leg(r, SDP_W2, true);
	assert_true(has(t, "m=audio 40000 UDP/TLS/RTP/SAVPF 8 126\r\nc=IN IP4 203.0.113.10\r\n"));
	assert_true(has(t, "a=group:BUNDLE 0\r\n"));
	assert_true(has(t, "a=ice-lite\r\n"));
	assert_true(has(t, "a=ice-ufrag:gw7Q2s\r\na=ice-pwd:Zk1x9vB3nM5qW7eR2tY4uI6o\r\n"));
	assert_true(has(t, "a=candidate:1 1 UDP 2130706431 203.0.113.10 40000 typ host\r\na=end-of-candidates\r\n"));
	assert_true(has(t, "a=setup:active\r\n"));
	assert_true(has(t, "a=mid:0\r\n"));
	assert_true(has(t, "a=rtcp-mux\r\n"));
	assert_true(has(t, "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"));
	assert_true(has(t, "a=mid:1\r\n"));
	assert_false(has(t, "10.30.0.5"));
	assert_false(has(t, "tls-id"));
	r->policy.accept_bundle = false;
	assert_false(has(write_leg(r, SDP_W2, true), "BUNDLE"));
}

static void version_steps_only_when_the_bytes_change(void **state)
{
	struct rig *r = *state;

	assert_int_equal(choose(r, offer, SDP_W2), SDP_OK);
	assert_true(has(write_leg(r, SDP_CORE, false), "o=- 90210001 1 "));
	assert_true(has(write_leg(r, SDP_CORE, false), "o=- 90210001 1 "));
	r->streams[0].dir = SDP_SENDONLY;
	assert_true(has(write_leg(r, SDP_CORE, false), "o=- 90210001 2 "));
}

static void core_offer_reaches_the_wic_with_actpass(void **state)
{
	struct rig *r = *state;
	struct gw_sv t;

	assert_int_equal(choose(r, core_answer, SDP_CORE), SDP_OK);
	r->w2.setup = SDP_SETUP_ACTPASS;
	t = write_leg(r, SDP_W2, false);
	assert_true(has(t, "m=audio 40000 UDP/TLS/RTP/SAVPF 8 126\r\n"));
	assert_true(has(t, "a=setup:actpass\r\n"));
	assert_true(has(t, "a=mid:0\r\n"));
	assert_true(has(t, "a=rtcp-mux\r\n"));
}

static void unusable_offers_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *from, *to;
		enum sdp_refusal want;
	} rows[] = {
		{ "a=fingerprint", "a=x-fingerprint", SDP_NO_FINGERPRINT },
		{ "sha-256", "sha-1", SDP_BAD_HASH },
		{ "sha-256 6B", "sha-256 6", SDP_BAD_LINE },
		{ "a=ice-ufrag", "a=x-ufrag", SDP_NO_ICE },
		{ "a=ice-ufrag:Yx3d", "a=ice-ufrag:Y x", SDP_BAD_LINE },
		{ "UDP/TLS/RTP/SAVPF", "RTP/AVP", SDP_NOT_SECURE },
		{ "a=setup:actpass", "a=setup:holdconn", SDP_BAD_SETUP },
		{ "111 63 9 0 8 13 110 126", "111 63", SDP_NO_CODEC },
		{ "m=audio 9", "m=audio 0", SDP_NO_MEDIA },
	};
	const char *body = strstr(offer, "a=extmap-allow-mixed");	/* no group: what a line lacks, no other one has for it */
	struct rig *r = *state;
	char text[8192];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = strstr(body, rows[i].from);
		struct gw_buf b = gw_buf(text, sizeof(text) - 1);

		assert_non_null(at);
		gw_buf_puts(&b, HEAD);
		gw_buf_put(&b, gw_sv(body, (size_t)(at - body)));
		gw_buf_puts(&b, rows[i].to);
		gw_buf_puts(&b, at + strlen(rows[i].from));
		text[b.len] = '\0';
		assert_int_equal(choose(r, text, SDP_W2), rows[i].want);
	}
}

/* RFC 9143 7.1.3: what the transport needs is said once; without a group each line has to say it. */
static void lines_of_a_group_have_the_transport_of_the_one_that_says_it(void **state)
{
	static const char *const groups[] = { "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0\r\n" };
	struct rig *r = *state;
	char text[2048];

	for (unsigned i = 0; i < 2; i++) {
		const struct sdp_line *l;

		snprintf(text, sizeof(text), HEAD "%sm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:Yx3d\r\n"
			"a=ice-pwd:0p4Kq9s8d7f6g5h4j3k2l1z0\r\na=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=rtcp-mux\r\n"
			"m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=bundle-only\r\na=rtpmap:96 VP8/90000\r\n", groups[i]);
		assert_int_equal(sdp_model_read(&r->offer, &r->arena, gw_arena_sv(&r->arena, gw_sv_cstr(text)), SDP_SIP, NULL), GW_OK);
		l = r->offer.lines;
		assert_int_equal(gw_sv_eq(l[1].ice_ufrag, GW_SV("Yx3d")) && l[1].ice_pwd.len == 24, i == 0);
		assert_int_equal(l[1].n_fp, i == 0);
		assert_int_equal(l[1].setup, i == 0 ? SDP_SETUP_ACTPASS : SDP_SETUP_NONE);
		assert_int_equal(l[1].rtcp_mux, i == 0);
	}
}

static void answers_that_break_rfc3264_are_refused(void **state)
{
	struct rig *r = *state;

	assert_int_equal(choose(r, offer, SDP_W2), SDP_OK);
	assert_int_equal(sdp_model_read(&r->answer, &r->arena, GW_SV(HEAD "c=IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP 8\r\n"),
		SDP_SIP, NULL), GW_OK);
	assert_int_equal(sdp_choose_answer(&r->answer, SDP_CORE, r->streams, r->offer.n_lines), SDP_FEWER_LINES);
	assert_int_equal(sdp_model_read(&r->answer, &r->arena,
		GW_SV(HEAD "c=IN IP4 1.2.3.4\r\nm=audio 1 RTP/AVP 3\r\nm=video 0 RTP/AVP 96\r\n"), SDP_SIP, NULL), GW_OK);
	assert_int_equal(sdp_choose_answer(&r->answer, SDP_CORE, r->streams, r->offer.n_lines), SDP_NO_CODEC);
}

static void every_truncation_is_survived(void **state)
{
	struct rig *r = *state;

	for (size_t n = 0; n < sizeof(offer); n++) {
		char *exact = malloc(n + 1);
		struct sdp_model m;

		memcpy(exact, offer, n);
		(void)!sdp_model_read(&m, &r->arena, gw_sv(exact, n), SDP_SIP, NULL);
		gw_arena_reset(&r->arena);
		free(exact);
	}
	struct sdp s;

	assert_int_equal(sdp_parse(&s, &r->arena, GW_SV("v=0\r\ns=-\r\nt=0 0\r\n"), SDP_SIP, NULL), GW_EBADMSG);
	assert_int_equal(sdp_parse(&s, &r->arena, GW_SV("x"), SDP_SIP, NULL), GW_EBADMSG);
}

static void line_and_media_counts_are_capped(void **state)
{
	struct rig *r = *state;
	static char text[65536];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sdp s;

	gw_buf_puts(&b, HEAD);
	for (int i = 0; i < 33; i++)
		gw_buf_puts(&b, "m=audio 1 RTP/AVP 0\r\n");
	assert_int_equal(sdp_parse(&s, &r->arena, gw_buf_sv(&b), SDP_SIP, NULL), GW_ELIMIT);
	b = gw_buf(text, sizeof(text));
	gw_buf_puts(&b, HEAD);
	for (int i = 0; i < 1001; i++)
		gw_buf_puts(&b, "a=x\r\n");
	assert_int_equal(sdp_parse(&s, &r->arena, gw_buf_sv(&b), SDP_SIP, NULL), GW_ELIMIT);
}

/* Each number counts once; what is written of 24 and 24 the same would be 576. */
static void payload_types_said_again_and_again_count_once(void **state)
{
	static const char again[] = " 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 8\r\n";
	struct rig *r = *state;
	struct sdp_stream streams[SDP_MAX_MEDIA];
	struct sdp_model first, second;
	char text[1024];

	snprintf(text, sizeof(text), HEAD "c=IN IP4 1.2.3.4\r\nm=audio 49000 RTP/AVP%s", again);
	assert_int_equal(sdp_model_read(&first, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	assert_int_equal(first.lines[0].n_codecs, 1);
	assert_int_equal(sdp_choose_offer(&first, SDP_CORE, &r->policy, streams), SDP_OK);
	assert_int_equal(streams[0].n_codecs, 1);
	assert_int_equal(sdp_model_read(&second, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	assert_int_equal(sdp_choose_answer(&second, SDP_CORE, streams, 1), SDP_OK);
	assert_int_equal(streams[0].n_codecs, 1);
}

static void iq_local_is_completed_and_read_back(void **state)
{
	struct rig *r = *state;
	char want[4096], done[4096];
	struct gw_buf b = gw_buf(want, sizeof(want)), d = gw_buf(done, sizeof(done));
	struct sdp_iq_chosen c = { .ufrag = GW_SV("gw7Q2s"), .pwd = GW_SV("Zk1x9vB3nM5qW7eR2tY4uI6o"),
		.candidate = GW_SV("1 1 UDP 2130706431 203.0.113.10 40000 typ host"),
		.fingerprint_hash = GW_SV("sha-256"), .fingerprint = GW_SV("AA:BB"), .ice_lite = true };
	struct sdp_local l;
	struct sdp s;
	bool lite = false;

	c.addr = r->w2.addr;
	assert_int_equal(choose(r, offer, SDP_W2), SDP_OK);
	assert_int_equal(sdp_iq_access_local(&r->streams[0], GW_SV("UDP/TLS/RTP/SAVPF"), false, SDP_SETUP_PASSIVE, &b), GW_OK);
	assert_int_equal(sdp_parse(&s, &r->arena, gw_buf_sv(&b), SDP_IQ, NULL), GW_OK);
	assert_int_equal(sdp_iq_complete_local(&s, &c, &d), GW_OK);
	assert_false(has(gw_buf_sv(&d), "$"));
	assert_int_equal(sdp_iq_read_local(&r->arena, gw_buf_sv(&d), true, &l, &lite), GW_OK);
	assert_true(lite);
	assert_true(gw_addr_eq(&l.addr, &r->w2.addr));
	assert_true(gw_sv_eq(l.fingerprint, GW_SV("sha-256 AA:BB")));
	assert_int_equal(l.setup, SDP_SETUP_PASSIVE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(core_offer_holds_nothing_of_webrtc), T(opus_crosses_only_by_policy),
		T(wic_answer_has_all_a_browser_needs), T(version_steps_only_when_the_bytes_change),
		T(core_offer_reaches_the_wic_with_actpass), T(unusable_offers_are_refused_with_the_reason),
		T(lines_of_a_group_have_the_transport_of_the_one_that_says_it),
		T(answers_that_break_rfc3264_are_refused), T(every_truncation_is_survived),
		T(line_and_media_counts_are_capped), T(payload_types_said_again_and_again_count_once), T(iq_local_is_completed_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
