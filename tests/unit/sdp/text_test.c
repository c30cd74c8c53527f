/* SPDX-License-Identifier: Apache-2.0 */
/* Real-time text in descriptions: a channel of t140 <-> m=text of RTP, both ways, and what is refused (W2-DC-16, W2 14.8). */
#include "proto/sdp/iq_sdp.h"
#include "proto/sdp/map.h"
#include "proto/sdp/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 10.30.0.5\r\ns=-\r\nc=IN IP4 10.30.0.5\r\nt=0 0\r\n"
#define DATA "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Yx3d\r\na=ice-pwd:0p4Kq9s8d7f6g5h4j3k2l1z0\r\n" \
	"a=fingerprint:sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n" \
	"a=mid:0\r\na=sctp-port:5000\r\n"
#define CHANNEL "a=dcmap:2 subprotocol=\"t140\";label=\"rtt\"\r\na=dcsa:2 fmtp:t140 cps=20\r\na=dcsa:2 sendrecv\r\na=dcsa:2 hlang-send:sv\r\n"
#define TEXT "m=text 49000 RTP/AVP 100 98\r\na=rtpmap:100 red/1000\r\na=fmtp:100 98/98/98\r\na=rtpmap:98 t140/1000\r\na=fmtp:98 cps=15\r\n"

struct rig {
	struct gw_arena arena;
	struct sdp_policy policy;
	struct sdp_model offer, answer;
	struct sdp_map map;
	struct sdp_stream streams[SDP_MAX_MEDIA];
	struct sdp_local locals[SDP_MAX_MEDIA];
	struct sdp_origin origin;
	char text[16384];
	struct gw_buf out;
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->policy.ends_text = r->policy.ends_msrp = true;
	assert_int_equal(gw_addr_parse(GW_SV("10.20.0.10:30000"), 0, &r->locals[0].addr), GW_OK);
	r->locals[0].ice_ufrag = GW_SV("gw7Q2s");
	r->locals[0].ice_pwd = GW_SV("Zk1x9vB3nM5qW7eR2tY4uI6o");
	r->locals[0].fingerprint = GW_SV("sha-256 11:22");
	r->locals[0].setup = SDP_SETUP_ACTIVE;
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
	r->map.n = r->map.n_w2 = 0;
	if (from == SDP_W2)
		assert_int_equal(sdp_map_w2_offer(&r->map, &r->offer, &r->policy, &r->arena), GW_OK);
	else
		sdp_map_core_offer(&r->map, &r->offer, &r->policy);
	return sdp_choose_offer(&r->offer, from, &r->policy, r->streams);
}

static enum sdp_refusal narrow(struct rig *r, const char *text, enum sdp_side from)
{
	assert_int_equal(sdp_model_read(&r->answer, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	if (from == SDP_W2)
		assert_int_equal(sdp_map_w2_answer(&r->map, &r->answer, &r->arena), GW_OK);
	return sdp_choose_answer(&r->answer, from, r->streams, r->offer.n_lines);
}

static bool says(struct rig *r, enum sdp_side to, bool is_answer, const char *what)
{
	struct sdp_write w = { .to = to, .is_answer = is_answer, .peer = is_answer ? NULL : &r->offer, .remote = is_answer ? &r->offer : NULL,
		.streams = r->streams, .locals = r->locals, .n = r->offer.n_lines, .map = &r->map, .ice_lite = true };

	r->out = gw_buf(r->text, sizeof(r->text));
	assert_int_equal(sdp_write_leg(&w, &r->origin, &r->out), GW_OK);
	return gw_sv_find(gw_buf_sv(&r->out), gw_sv_cstr(what)) < r->out.len;
}

static bool iq_says(struct rig *r, enum gw_err err, const char *what)
{
	assert_int_equal(err, GW_OK);
	return gw_sv_find(gw_buf_sv(&r->out), gw_sv_cstr(what)) < r->out.len;
}

static void a_channel_of_the_client_is_a_line_of_the_core(void **state)
{
	struct rig *r = *state;

	assert_int_equal(choose(r, HEAD DATA "a=setup:actpass\r\n" CHANNEL, SDP_W2), SDP_OK);
	assert_true(says(r, SDP_CORE, false, "m=text 30000 RTP/AVP 105 104\r\nc=IN IP4 10.20.0.10\r\nb=AS:4\r\nb=RS:0\r\nb=RR:0\r\n"
		"a=rtpmap:105 red/1000\r\na=fmtp:105 104/104/104\r\na=rtpmap:104 t140/1000\r\na=fmtp:104 cps=20\r\na=hlang-send:sv\r\na=sendrecv\r\n"));
	assert_int_equal(narrow(r, HEAD "m=text 49000 RTP/AVP 105 104\r\na=rtpmap:105 red/1000\r\na=fmtp:105 104/104/104\r\na=rtpmap:104 t140/1000\r\n"
		"a=fmtp:104 cps=15\r\na=recvonly\r\n", SDP_CORE), SDP_OK);
	assert_true(says(r, SDP_W2, true, "m=application 30000 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
	assert_true(says(r, SDP_W2, true, "a=dcmap:2 subprotocol=\"t140\";label=\"rtt\"\r\na=dcsa:2 fmtp:t140 cps=15\r\na=dcsa:2 recvonly\r\n"));
	assert_int_equal(r->streams[0].dir, SDP_RECVONLY);
}

static void a_core_without_redundancy_gets_none(void **state)
{
	struct rig *r = *state;

	assert_int_equal(choose(r, HEAD DATA "a=setup:actpass\r\n" CHANNEL, SDP_W2), SDP_OK);
	assert_int_equal(narrow(r, HEAD "m=text 49000 RTP/AVP 104\r\na=rtpmap:104 t140/1000\r\n", SDP_CORE), SDP_OK);
	assert_int_equal(r->streams[0].n_codecs, 1);
	r->out = gw_buf(r->text, sizeof(r->text));
	assert_true(iq_says(r, sdp_iq_core_remote(&r->streams[0], &r->answer.lines[0], SDP_SETUP_NONE, &r->out),
		"m=text 49000 RTP/AVP 104\r\na=rtpmap:104 t140/1000\r\n"));
	/* red alone is no text */
	assert_int_equal(choose(r, HEAD DATA "a=setup:actpass\r\n" CHANNEL, SDP_W2), SDP_OK);
	assert_int_equal(narrow(r, HEAD "m=text 49000 RTP/AVP 105\r\na=rtpmap:105 red/1000\r\n", SDP_CORE), SDP_NO_CODEC);
}

static void a_line_of_the_core_is_a_channel_of_the_client(void **state)
{
	struct rig *r = *state;

	assert_int_equal(choose(r, HEAD TEXT, SDP_CORE), SDP_OK);
	assert_true(says(r, SDP_W2, false, "m=application 30000 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
	assert_true(says(r, SDP_W2, false, "a=dcmap:0 subprotocol=\"t140\";label=\"t140\"\r\na=dcsa:0 fmtp:t140 cps=15\r\na=dcsa:0 sendrecv\r\n"));
	r->out = gw_buf(r->text, sizeof(r->text));
	assert_true(iq_says(r, sdp_iq_channel(&r->streams[0], NULL, &r->out), "a=dcmap:0 subprotocol=\"t140\"\r\n"));
	assert_int_equal(narrow(r, HEAD DATA "a=setup:active\r\na=dcmap:0 subprotocol=\"t140\"\r\na=dcsa:0 fmtp:t140 cps=25;x=1\r\n", SDP_W2), SDP_OK);
	assert_true(says(r, SDP_CORE, true, "m=text 30000 RTP/AVP 100 98\r\n"));
	assert_true(says(r, SDP_CORE, true, "a=rtpmap:98 t140/1000\r\na=fmtp:98 cps=25\r\na=sendrecv\r\n"));
	/* at the gateway each side's own rate */
	r->out = gw_buf(r->text, sizeof(r->text));
	assert_true(iq_says(r, sdp_iq_core_remote(&r->streams[0], &r->offer.lines[0], SDP_SETUP_NONE, &r->out),
		"m=text 49000 RTP/AVP 100 98\r\na=rtpmap:100 red/1000\r\na=fmtp:100 98/98/98\r\na=rtpmap:98 t140/1000\r\na=fmtp:98 cps=15\r\n"));
	r->out = gw_buf(r->text, sizeof(r->text));
	assert_true(iq_says(r, sdp_iq_channel(&r->streams[0], &r->answer.lines[0], &r->out), "a=dcsa:0 fmtp:t140 cps=25\r\n"));
}

static void what_cannot_be_text_is_refused(void **state)
{
	struct rig *r = *state;

	/* RFC 8865 4.1: reliable and ordered */
	assert_int_equal(choose(r, HEAD DATA "a=setup:actpass\r\na=dcmap:2 subprotocol=\"t140\";max-retr=3\r\n", SDP_W2), SDP_NO_MEDIA);
	assert_int_equal(choose(r, HEAD DATA "a=setup:actpass\r\na=dcmap:2 subprotocol=\"t140\";ordered=false\r\n", SDP_W2), SDP_NO_MEDIA);
	assert_int_equal(choose(r, HEAD DATA "a=setup:actpass\r\n", SDP_W2), SDP_NO_MEDIA);
	assert_int_equal(choose(r, HEAD "m=text 49000 RTP/AVP 98\r\na=rtpmap:98 t140/8000\r\n", SDP_CORE), SDP_NO_CODEC);
	/* an answer without the channel drops it */
	assert_int_equal(choose(r, HEAD TEXT, SDP_CORE), SDP_OK);
	assert_int_equal(narrow(r, HEAD DATA "a=setup:active\r\n", SDP_W2), SDP_NO_MEDIA);
	/* where it is not switched on it is none of ours */
	r->policy.ends_text = false;
	assert_int_equal(choose(r, HEAD DATA "a=setup:actpass\r\n" CHANNEL, SDP_W2), SDP_NO_MEDIA);
	assert_int_equal(choose(r, HEAD TEXT, SDP_CORE), SDP_NO_MEDIA);
}

static struct sdp_text read_codecs(struct rig *r, const char *line)
{
	struct sdp_text t = { 0 };
	struct sdp_model m;

	assert_int_equal(sdp_model_read(&m, &r->arena, gw_sv_cstr(line), SDP_SIP, NULL), GW_OK);
	assert_int_equal(sdp_text_read(m.lines[0].codecs, m.lines[0].n_codecs, &t), GW_OK);
	return t;
}

static void redundancy_counts_only_of_this_text(void **state)
{
	struct rig *r = *state;
	struct sdp_text t = read_codecs(r, HEAD TEXT);

	assert_int_equal(t.pt_t140, 98);
	assert_int_equal(t.pt_red, 100);
	assert_int_equal(t.generations, 2);
	assert_int_equal(t.cps, 15);
	t = read_codecs(r, HEAD "m=text 1 RTP/AVP 100 98\r\na=rtpmap:100 red/1000\r\na=fmtp:100 97/97\r\na=rtpmap:98 T140/1000\r\n");
	assert_int_equal(t.pt_red, 0);
	assert_int_equal(t.generations, 0);
	assert_int_equal(t.cps, SDP_TEXT_CPS_DEFAULT);
	assert_int_equal(sdp_text_cps(GW_SV("a=1; cps=0;cps=7")), 7);
	assert_int_equal(sdp_text_cps(GW_SV("cps=70000")), SDP_TEXT_CPS_DEFAULT);
	assert_int_equal(sdp_text_cps(GW_SV("cps")), SDP_TEXT_CPS_DEFAULT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_channel_of_the_client_is_a_line_of_the_core),
		T(a_core_without_redundancy_gets_none),
		T(a_line_of_the_core_is_a_channel_of_the_client),
		T(what_cannot_be_text_is_refused),
		T(redundancy_counts_only_of_this_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
