/* SPDX-License-Identifier: Apache-2.0 */
/* Data channel lines: RFC 8841, the drafts before it, RFC 8864, and how they cross in relay mode (W2 section 8). */
#include "proto/sdp/iq_sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define HASH "6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08"
#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define ICE "a=ice-ufrag:Yx3d\r\na=ice-pwd:0p4Kq9s8d7f6g5h4j3k2l1z0\r\n"
#define DTLS(SETUP) "a=fingerprint:sha-256 " HASH "\r\na=setup:" SETUP "\r\n"
#define LINE "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
#define SCTP "a=sctp-port:5000\r\na=max-message-size:262144\r\n"
#define CHANNELS "a=dcmap:0 subprotocol=\"msrp\";label=\"chat\"\r\na=dcsa:0 accept-types:text/plain\r\n" \
	"a=dcmap:2 label=\"a;b%22c\";ordered=false;max-retr=3;priority=512\r\na=dcsa:4 x:y\r\na=dcmap:2 label=\"again\"\r\n"

static const char wic_offer[] = HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n" ICE DTLS("actpass")
	"a=mid:0\r\na=rtcp-mux\r\n" LINE ICE DTLS("actpass") "a=mid:1\r\na=sendonly\r\n" SCTP CHANNELS;
static const char core_answer[] = HEAD "c=IN IP4 10.30.0.5\r\nm=audio 49000 RTP/AVP 0\r\n"
	"m=application 49100 UDP/DTLS/SCTP webrtc-datachannel\r\n" DTLS("passive") "a=sctp-port:6000\r\n"
	"a=dcmap:2 label=\"a;b%22c\"\r\na=dcmap:8 label=\"not offered\"\r\na=dcsa:8 x\r\n";

struct rig {
	struct gw_arena arena;
	struct sdp_policy policy;
	struct sdp_model offer, answer;
	struct sdp_stream streams[SDP_MAX_MEDIA];
	struct sdp_local locals[SDP_MAX_MEDIA];
	struct sdp_origin origin;
	char text[16384];
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->policy = (struct sdp_policy){ .codecs = { GW_SV("PCMU") }, .n_codecs = 1, .relay_data = true };
	for (unsigned i = 0; i < 2; i++) {
		struct sdp_local *l = &r->locals[i];

		assert_int_equal(gw_addr_parse(i ? GW_SV("10.20.0.10:30002") : GW_SV("10.20.0.10:30000"), 0, &l->addr), GW_OK);
		l->ice_ufrag = GW_SV("gw7Q2s");
		l->ice_pwd = GW_SV("Zk1x9vB3nM5qW7eR2tY4uI6o");
		l->candidates[l->n_candidates++] = GW_SV("1 1 UDP 2130706431 10.20.0.10 30002 typ host");
		l->fingerprint = GW_SV("sha-256 11:22");
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

static enum sdp_refusal choose(struct rig *r, const char *text, enum sdp_side from)
{
	assert_int_equal(sdp_model_read(&r->offer, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	return sdp_choose_offer(&r->offer, from, &r->policy, r->streams);
}

static enum sdp_refusal answer(struct rig *r, const char *text, enum sdp_side from)
{
	assert_int_equal(sdp_model_read(&r->answer, &r->arena, gw_sv_cstr(text), SDP_SIP, NULL), GW_OK);
	return sdp_choose_answer(&r->answer, from, r->streams, r->offer.n_lines);
}

static struct gw_sv write_leg(struct rig *r, enum sdp_side to, bool is_answer)
{
	struct sdp_write w = { .to = to, .is_answer = is_answer, .peer = &r->offer, .remote = is_answer ? &r->offer : NULL,
		.streams = r->streams, .locals = r->locals, .n = r->offer.n_lines, .ice_lite = true };
	struct gw_buf b = gw_buf(r->text, sizeof(r->text));

	for (unsigned i = 0; i < w.n; i++)
		r->locals[i].setup = r->streams[i].setup;
	assert_int_equal(sdp_write_leg(&w, &r->origin, &b), GW_OK);
	return gw_buf_sv(&b);
}

static bool has(struct gw_sv text, const char *what)
{
	return gw_sv_find(text, gw_sv_cstr(what)) < text.len;
}

static void core_gets_a_data_line_without_ice_and_with_a_role(void **state)
{
	struct rig *r = *state;
	struct gw_sv t;

	assert_int_equal(choose(r, wic_offer, SDP_W2), SDP_OK);
	t = write_leg(r, SDP_CORE, false);
	assert_true(has(t, "m=application 30002 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 10.20.0.10\r\n"
		"a=fingerprint:sha-256 11:22\r\na=setup:active\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
		"a=dcmap:0 subprotocol=\"msrp\";label=\"chat\"\r\n"
		"a=dcmap:2 subprotocol=\"\";label=\"a;b%22c\";ordered=false;max-retr=3;priority=512\r\n"
		"a=dcsa:0 accept-types:text/plain\r\n"));
	assert_false(has(t, "ice") || has(t, "mid") || has(t, "candidate") || has(t, "again") || has(t, "dcsa:4"));
}

static void answer_reaches_the_wic_with_the_far_ends_association(void **state)
{
	struct rig *r = *state;
	struct gw_sv t;

	assert_int_equal(choose(r, wic_offer, SDP_W2), SDP_OK);
	assert_int_equal(answer(r, core_answer, SDP_CORE), SDP_OK);
	t = write_leg(r, SDP_W2, true);
	assert_true(has(t, "a=setup:passive\r\na=mid:1\r\na=sctp-port:6000\r\na=max-message-size:65536\r\na=dcmap:2 "));
	assert_true(has(t, "m=application 30002 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 10.20.0.10\r\na=ice-ufrag:gw7Q2s\r\n"));
	assert_false(has(t, "dcmap:8") || has(t, "dcsa:8"));
	assert_int_equal(answer(r, core_answer, SDP_CORE), SDP_OK);	/* from a fork, once more */
	assert_true(has(write_leg(r, SDP_W2, true), "a=dcmap:2 "));
}

static void core_answer_of_our_own_role_is_no_answer(void **state)
{
	struct rig *r = *state;

	assert_int_equal(choose(r, HEAD LINE ICE DTLS("actpass") SCTP, SDP_W2), SDP_OK);
	assert_int_equal(answer(r, HEAD "c=IN IP4 1.2.3.4\r\nm=application 1 UDP/DTLS/SCTP webrtc-datachannel\r\n"
		DTLS("active") SCTP, SDP_CORE), SDP_BAD_SETUP);
}

static void role_of_a_core_offer_goes_through_to_the_wic(void **state)
{
	static const char *const roles[][2] = { { DTLS("active"), "a=setup:active" },
		{ DTLS("passive"), "a=setup:passive" }, { DTLS("actpass"), "a=setup:actpass" } };
	struct rig *r = *state;
	char text[4096];

	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), HEAD "c=IN IP4 10.30.0.5\r\n"
			"m=application 49100 UDP/DTLS/SCTP webrtc-datachannel\r\n%s" SCTP, roles[i][0]);
		assert_int_equal(choose(r, text, SDP_CORE), SDP_OK);
		assert_true(has(write_leg(r, SDP_W2, false), roles[i][1]));
	}
	assert_int_equal(answer(r, HEAD LINE ICE DTLS("active") SCTP, SDP_W2), SDP_OK);	/* to actpass */
	assert_true(has(write_leg(r, SDP_CORE, true), "a=setup:active\r\na=sctp-port:5000\r\n"));
}

static void lines_are_refused_by_policy_and_for_what_they_lack(void **state)
{
	static const struct {
		const char *text;
		enum sdp_refusal want;
	} rows[] = {
		{ HEAD LINE ICE DTLS("actpass") "a=max-message-size:1\r\n", SDP_BAD_LINE },
		{ HEAD LINE ICE DTLS("actpass") "a=sctp-port:0\r\n", SDP_BAD_LINE },
		{ HEAD LINE ICE DTLS("actpass") "a=sctp-port:65536\r\n", SDP_BAD_LINE },
		{ HEAD LINE ICE DTLS("actpass") "a=sctp-port:5000\r\na=max-message-size:x\r\n", SDP_BAD_LINE },
		{ HEAD LINE ICE "a=setup:actpass\r\n" SCTP, SDP_NO_FINGERPRINT },
		{ HEAD LINE DTLS("actpass") SCTP, SDP_NO_ICE },
		{ HEAD LINE ICE DTLS("holdconn") SCTP, SDP_BAD_SETUP },
		{ HEAD "m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" ICE DTLS("actpass") SCTP,
			SDP_NO_MEDIA },
		{ HEAD "m=application 9 UDP/DTLS/SCTP other\r\nc=IN IP4 0.0.0.0\r\n" ICE DTLS("actpass") SCTP, SDP_NO_MEDIA },
		{ HEAD "m=application 9 DTLS/SCTP 5000\r\nc=IN IP4 0.0.0.0\r\n" ICE DTLS("actpass")
			"a=sctpmap:5001 webrtc-datachannel 256\r\n", SDP_BAD_LINE },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(choose(r, rows[i].text, SDP_W2), rows[i].want);
	r->policy.relay_data = false;
	assert_int_equal(choose(r, wic_offer, SDP_W2), SDP_OK);
	assert_true(has(write_leg(r, SDP_CORE, false), "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
}

static void draft_form_is_answered_in_kind(void **state)
{
	struct rig *r = *state;

	assert_int_equal(choose(r, HEAD "m=application 9 DTLS/SCTP 5001\r\nc=IN IP4 0.0.0.0\r\n" ICE DTLS("actpass")
		"a=sctpmap:5001 webrtc-datachannel 1024\r\n", SDP_W2), SDP_OK);
	assert_true(has(write_leg(r, SDP_CORE, false), "UDP/DTLS/SCTP webrtc-datachannel\r\n"));
	assert_true(has(write_leg(r, SDP_CORE, false), "a=sctp-port:5001\r\na=max-message-size:65536\r\n"));
	assert_int_equal(answer(r, HEAD "c=IN IP4 1.2.3.4\r\nm=application 1 UDP/DTLS/SCTP webrtc-datachannel\r\n"
		DTLS("passive") SCTP, SDP_CORE), SDP_OK);
	assert_true(has(write_leg(r, SDP_W2, true), "m=application 30000 DTLS/SCTP 5000\r\n"));
	assert_true(has(write_leg(r, SDP_W2, true), "a=sctpmap:5000 webrtc-datachannel 65535\r\n"));
	assert_false(has(write_leg(r, SDP_W2, true), "sctp-port"));
}

static void dcmap_follows_rfc_8864(void **state)
{
	static const char *const bad[] = { "", "x", "65535", "65536 label=\"a\"", "0 label=a", "0 label=\"a", "0 label=\"a\"b",
		"0 label=\"a%2\"", "0 label=\"a%zz\"", "0 label=\"a\x01\"", "0 ordered=perhaps", "0 max-retr=", "0 max-retr=-1",
		"0 max-retr=1;max-time=1", "0 max-time=4294967296", "0 priority=65536", "0 =1", "0 label" };
	struct sdp_dcmap d;
	char text[64];
	struct gw_buf b = gw_buf(text, sizeof(text));

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sdp_dcmap_read(gw_sv_cstr(bad[i]), &d) == GW_OK)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(sdp_dcmap_read(GW_SV("65534"), &d), GW_OK);
	assert_int_equal(d.stream, 65534);
	assert_int_equal(d.priority, 256);
	assert_int_equal(d.reliability, SDP_DC_RELIABLE);
	assert_false(d.is_unordered);
	assert_int_equal(sdp_dcmap_read(GW_SV("7 max-time=150;ordered=false;x=1;label=\"f;%22%C3%A4\";subprotocol=\"t140\""), &d), GW_OK);
	assert_int_equal(d.reliability, SDP_DC_MAX_TIME);
	assert_int_equal(d.limit, 150);
	assert_true(d.is_unordered);
	assert_true(gw_sv_eq(d.subprotocol, GW_SV("t140")));
	sdp_dc_text(d.label, &b);
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV("f;\"\xC3\xA4")));
}

static void gateway_fills_in_a_core_line_of_data(void **state)
{
	struct rig *r = *state;
	char want[4096], done[4096];
	struct gw_buf b = gw_buf(want, sizeof(want)), d = gw_buf(done, sizeof(done));
	struct sdp_iq_chosen c = { .fingerprint_hash = GW_SV("sha-256"), .fingerprint = GW_SV("AA:BB") };
	struct sdp_local l;
	struct sdp s;
	bool lite = false;

	c.addr = r->locals[1].addr;
	assert_int_equal(choose(r, wic_offer, SDP_W2), SDP_OK);
	assert_int_equal(sdp_iq_core_local(&r->streams[1], false, SDP_SETUP_ACTIVE, &b), GW_OK);
	assert_false(has(gw_buf_sv(&b), "ice"));
	assert_int_equal(sdp_parse(&s, &r->arena, gw_buf_sv(&b), SDP_IQ, NULL), GW_OK);
	assert_int_equal(sdp_iq_complete_local(&s, &c, &d), GW_OK);
	assert_true(has(gw_buf_sv(&d), "m=application 30002 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 10.20.0.10\r\na=sctp-port:5000\r\n"));
	assert_int_equal(sdp_iq_read_local(&r->arena, gw_buf_sv(&d), false, &l, &lite), GW_OK);
	assert_true(gw_sv_eq(l.fingerprint, GW_SV("sha-256 AA:BB")));
	b = gw_buf(want, sizeof(want));
	assert_int_equal(answer(r, core_answer, SDP_CORE), SDP_OK);
	assert_int_equal(sdp_iq_core_remote(&r->streams[1], &r->answer.lines[1], SDP_SETUP_PASSIVE, &b), GW_OK);
	assert_true(has(gw_buf_sv(&b), "c=IN IP4 10.30.0.5\r\nm=application 49100 UDP/DTLS/SCTP webrtc-datachannel\r\n"
		"a=sctp-port:6000\r\na=max-message-size:65536\r\na=fingerprint:sha-256 " HASH "\r\na=setup:passive\r\n"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(core_gets_a_data_line_without_ice_and_with_a_role),
		T(answer_reaches_the_wic_with_the_far_ends_association), T(core_answer_of_our_own_role_is_no_answer),
		T(role_of_a_core_offer_goes_through_to_the_wic), T(lines_are_refused_by_policy_and_for_what_they_lack),
		T(draft_form_is_answered_in_kind), T(dcmap_follows_rfc_8864), T(gateway_fills_in_a_core_line_of_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
