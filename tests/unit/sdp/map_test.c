/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of one data line of W2 as m-lines of the core, both ways, in offers, answers and re-offers (W2-SDP-04, W2-DC-21, W2 14.8). */
#include "proto/sdp/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define SESSION "v=0\r\no=- 1 1 IN IP4 10.30.0.5\r\ns=-\r\nc=IN IP4 10.30.0.5\r\nt=0 0\r\n"
#define SECURE(role) "a=setup:" role "\r\n" "a=ice-ufrag:Yx3d\r\na=ice-pwd:0p4Kq9s8d7f6g5h4j3k2l1z0\r\n" \
	"a=fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n"
#define AUDIO_OF(role) "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\n" SECURE(role) "a=mid:a\r\n"
#define VIDEO_OF(role) "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n" SECURE(role) "a=mid:v\r\n"
#define DATA_OF(role) "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" SECURE(role) "a=mid:d\r\na=sctp-port:5000\r\n"
#define AUDIO AUDIO_OF("actpass")
#define VIDEO VIDEO_OF("actpass")
#define DATA DATA_OF("actpass")
#define NO_VIDEO "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n"
#define NO_DATA "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n"
#define MSRP(n) "a=dcmap:" #n " subprotocol=\"msrp\";label=\"chat\"\r\na=dcsa:" #n " path:msrps://b.invalid:9/s" #n ";dc\r\n"
#define T140(n) "a=dcmap:" #n " subprotocol=\"t140\";label=\"text\"\r\n"
#define CORE_AUDIO "m=audio 49000 RTP/AVP 8\r\n"
#define CORE_VIDEO "m=video 49002 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n"
#define CORE_MSRP "m=message 2855 TCP/MSRP *\r\na=path:msrp://10.30.0.5:2855/core;tcp\r\na=accept-types:*\r\n"
#define CORE_TEXT "m=text 49004 RTP/AVP 105 104\r\na=rtpmap:105 red/1000\r\na=fmtp:105 104/104/104\r\na=rtpmap:104 t140/1000\r\n"

struct rig {
	struct gw_arena arena;
	struct sdp_policy policy;
	struct sdp_model offer, answer;
	struct sdp_map map;
	struct sdp_stream streams[SDP_MAX_MEDIA];
	struct sdp_local locals[SDP_MAX_MEDIA];
	struct sdp_origin origin;
	char text[16384];
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->policy = (struct sdp_policy){ .codecs = { GW_SV("PCMA") }, .n_codecs = 1, .video = { GW_SV("VP8") }, .n_video = 1,
		.ends_text = true, .ends_msrp = true };
	for (unsigned i = 0; i < SDP_MAX_MEDIA; i++) {
		assert_int_equal(gw_addr_parse(GW_SV("10.20.0.10:30000"), 0, &r->locals[i].addr), GW_OK);
		r->locals[i].addr.port = (uint16_t)(30000 + 2 * i);
		r->locals[i].ice_ufrag = GW_SV("gw7Q2s");
		r->locals[i].ice_pwd = GW_SV("Zk1x9vB3nM5qW7eR2tY4uI6o");
		r->locals[i].fingerprint = GW_SV("sha-256 11:22");
		r->locals[i].setup = SDP_SETUP_ACTIVE;
		r->locals[i].path = GW_SV("msrp://10.20.0.10:30000/own;tcp");
	}
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	gw_arena_reset(&((struct rig *)*state)->arena);
	free(*state);
	return 0;
}

static void choose(struct rig *r, enum sdp_side from, const char *text)
{
	assert_int_equal(sdp_model_read(&r->offer, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	if (from == SDP_W2)
		assert_int_equal(sdp_map_w2_offer(&r->map, &r->offer, &r->policy, &r->arena), GW_OK);
	else
		sdp_map_core_offer(&r->map, &r->offer, &r->policy);
	assert_int_equal(sdp_choose_offer(&r->offer, from, &r->policy, r->streams), SDP_OK);
}

static void narrow(struct rig *r, enum sdp_side from, const char *text)
{
	assert_int_equal(sdp_model_read(&r->answer, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	if (from == SDP_W2)
		assert_int_equal(sdp_map_w2_answer(&r->map, &r->answer, &r->arena), GW_OK);
	assert_int_equal(sdp_choose_answer(&r->answer, from, r->streams, r->offer.n_lines), SDP_OK);
	sdp_map_settle(&r->map, r->streams);
}

/* The m-lines of what is written, "audio 30000 application 30004", and its channels, "0 msrp 2 t140". */
static const char *written(struct rig *r, enum sdp_side to, bool is_answer)
{
	struct sdp_write w = { .to = to, .is_answer = is_answer, .peer = is_answer ? NULL : &r->offer, .remote = is_answer ? &r->offer : NULL,
		.streams = r->streams, .locals = r->locals, .n = r->offer.n_lines, .map = &r->map };
	static char out[1024];
	struct gw_buf b = gw_buf(r->text, sizeof(r->text)), o = gw_buf(out, sizeof(out) - 1);
	struct gw_sv text, line, word;

	assert_int_equal(sdp_write_leg(&w, &r->origin, &b), GW_OK);
	for (text = gw_buf_sv(&b); gw_sv_line(&text, &line);) {
		if (gw_sv_starts(line, GW_SV("m="))) {
			gw_sv_cut(gw_sv_sub(line, 2, line.len), ' ', &word, &line);
			gw_buf_printf(&o, "%s%.*s ", o.len ? " " : "", GW_SV_FMT(word));
			gw_sv_cut(line, ' ', &word, &line);
			gw_buf_put(&o, word);
		} else if (gw_sv_starts(line, GW_SV("a=dcmap:"))) {
			struct sdp_dcmap d;

			assert_int_equal(sdp_dcmap_read(gw_sv_sub(line, 8, line.len), &d), GW_OK);
			gw_buf_printf(&o, " %u:%.*s", d.stream, GW_SV_FMT(d.subprotocol));
		}
	}
	out[o.len] = '\0';
	return out;
}

static void channels_of_the_client_are_lines_of_the_core(void **state)
{
	struct rig *r = *state;

	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0) T140(2) "a=dcmap:4 subprotocol=\"other\"\r\n" VIDEO);
	assert_string_equal(written(r, SDP_CORE, false), "audio 30000 message 30002 text 30004 video 30006");
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP CORE_TEXT CORE_VIDEO);
	assert_string_equal(written(r, SDP_W2, true), "audio 30000 application 30002 0:msrp 2:t140 video 30006");
}

static void what_the_core_refuses_is_no_channel(void **state)
{
	struct rig *r = *state;

	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0) T140(2));
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP "m=text 0 RTP/AVP 105 104\r\n");
	assert_string_equal(written(r, SDP_W2, true), "audio 30000 application 30002 0:msrp");
	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0) T140(2));
	narrow(r, SDP_CORE, SESSION CORE_AUDIO "m=message 0 TCP/MSRP *\r\n" CORE_TEXT);
	assert_string_equal(written(r, SDP_W2, true), "audio 30000 application 30004 2:t140");
	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0) T140(2));
	narrow(r, SDP_CORE, SESSION CORE_AUDIO "m=message 0 TCP/MSRP *\r\nm=text 0 RTP/AVP 105 104\r\n");
	assert_string_equal(written(r, SDP_W2, true), "audio 30000 application 0");
}

static void lines_of_the_core_are_channels_of_one_line(void **state)
{
	struct rig *r = *state;

	choose(r, SDP_CORE, SESSION CORE_TEXT CORE_AUDIO CORE_MSRP);
	assert_string_equal(written(r, SDP_W2, false), "application 30000 0:t140 1:msrp audio 30002");
	narrow(r, SDP_W2, SESSION DATA_OF("active") MSRP(1) AUDIO_OF("active"));
	assert_string_equal(written(r, SDP_CORE, true), "text 0 audio 30002 message 30004");
}

static void channels_come_and_go_in_re_offers(void **state)
{
	struct rig *r = *state;

	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0));
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP);
	/* another one, and a line of W2 behind it: the core's are added at the end */
	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0) T140(2) VIDEO);
	assert_string_equal(written(r, SDP_CORE, false), "audio 30000 message 30002 text 30004 video 30006");
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP CORE_TEXT CORE_VIDEO);
	/* the first one goes: its line stays, refused */
	choose(r, SDP_W2, SESSION AUDIO DATA T140(2) VIDEO);
	assert_string_equal(written(r, SDP_CORE, false), "audio 30000 message 0 text 30004 video 30006");
	narrow(r, SDP_CORE, SESSION CORE_AUDIO "m=message 0 TCP/MSRP *\r\n" CORE_TEXT CORE_VIDEO);
	assert_string_equal(written(r, SDP_W2, true), "audio 30000 application 30004 2:t140 video 30006");
	/* one of another stream takes its place */
	choose(r, SDP_W2, SESSION AUDIO DATA T140(2) MSRP(6) VIDEO);
	assert_string_equal(written(r, SDP_CORE, false), "audio 30000 message 30002 text 30004 video 30006");
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP CORE_TEXT CORE_VIDEO);
	assert_string_equal(written(r, SDP_W2, true), "audio 30000 application 30002 6:msrp 2:t140 video 30006");
	/* one that goes and one that comes in one offer: two lines, as the first still is what the core knows */
	choose(r, SDP_W2, SESSION AUDIO DATA T140(2) MSRP(8) VIDEO);
	assert_string_equal(written(r, SDP_CORE, false), "audio 30000 message 0 text 30004 video 30006 message 30008");
	/* the core drops text in an offer of its own */
	narrow(r, SDP_CORE, SESSION CORE_AUDIO "m=message 0 TCP/MSRP *\r\n" CORE_TEXT CORE_VIDEO CORE_MSRP);
	choose(r, SDP_CORE, SESSION CORE_AUDIO "m=message 0 TCP/MSRP *\r\nm=text 0 RTP/AVP 104\r\n" CORE_VIDEO CORE_MSRP);
	assert_string_equal(written(r, SDP_W2, false), "audio 30000 application 30008 8:msrp video 30006");
	/* the client's data line goes altogether */
	narrow(r, SDP_W2, SESSION AUDIO_OF("active") NO_DATA VIDEO_OF("active"));
	assert_string_equal(written(r, SDP_CORE, true), "audio 30000 message 0 text 0 video 30006 message 0");
}

static void media_takes_the_place_of_a_closed_channel(void **state)
{
	struct rig *r = *state;

	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0) T140(2));
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP CORE_TEXT);
	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0));
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP "m=text 0 RTP/AVP 104\r\n");
	/* RFC 3264 8.2: the core has video there now; the channel beside it stays */
	choose(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP CORE_VIDEO);
	assert_string_equal(written(r, SDP_W2, false), "audio 30000 application 30002 0:msrp video 30004");
	narrow(r, SDP_W2, SESSION AUDIO_OF("active") DATA_OF("active") MSRP(0) VIDEO_OF("active"));
	assert_string_equal(written(r, SDP_CORE, true), "audio 30000 message 30002 video 30004");
	/* a client that has closed its data line does the same */
	choose(r, SDP_W2, SESSION AUDIO NO_DATA VIDEO);
	narrow(r, SDP_CORE, SESSION CORE_AUDIO "m=message 0 TCP/MSRP *\r\n" CORE_VIDEO);
	choose(r, SDP_W2, SESSION AUDIO VIDEO NO_VIDEO);
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_VIDEO "m=video 0 RTP/AVPF 96\r\n");
	choose(r, SDP_CORE, SESSION CORE_AUDIO "m=video 0 RTP/AVPF 96\r\n" "m=video 0 RTP/AVPF 96\r\n" CORE_MSRP);
	assert_string_equal(written(r, SDP_W2, false), "audio 30000 video 0 video 0 application 30006 0:msrp");
}

static void a_refused_re_offer_leaves_the_map_as_it_was(void **state)
{
	struct rig *r = *state;
	struct sdp_map agreed;

	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0));
	narrow(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP);
	agreed = r->map;
	choose(r, SDP_W2, SESSION AUDIO DATA MSRP(0) T140(2));
	r->map = agreed;	/* 488 of the core */
	choose(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP CORE_VIDEO);
	assert_string_equal(written(r, SDP_W2, false), "audio 30000 application 30002 0:msrp video 30004");
}

static void more_channels_than_a_line_may_have_are_left_out(void **state)
{
	struct rig *r = *state;

	choose(r, SDP_W2, SESSION DATA MSRP(0) MSRP(1) MSRP(2) MSRP(3) MSRP(4) MSRP(5));
	assert_string_equal(written(r, SDP_CORE, false), "message 30000 message 30002 message 30004 message 30006");
	r->map.n = r->map.n_w2 = 0;
	choose(r, SDP_CORE, SESSION CORE_MSRP CORE_MSRP CORE_MSRP CORE_MSRP CORE_MSRP);
	assert_string_equal(written(r, SDP_W2, false), "application 30000 0:msrp 1:msrp 2:msrp 3:msrp message 0");
}

static void an_answer_with_fewer_lines_is_none(void **state)
{
	struct rig *r = *state;

	choose(r, SDP_CORE, SESSION CORE_AUDIO CORE_MSRP CORE_TEXT);
	assert_int_equal(sdp_model_read(&r->answer, &r->arena, GW_SV(SESSION AUDIO), SDP_SIP, NULL), GW_OK);
	assert_int_equal(sdp_map_w2_answer(&r->map, &r->answer, &r->arena), GW_EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(channels_of_the_client_are_lines_of_the_core, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_the_core_refuses_is_no_channel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lines_of_the_core_are_channels_of_one_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(channels_come_and_go_in_re_offers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(media_takes_the_place_of_a_closed_channel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refused_re_offer_leaves_the_map_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(more_channels_than_a_line_may_have_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_answer_with_fewer_lines_is_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
