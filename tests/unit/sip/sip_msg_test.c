/* SPDX-License-Identifier: Apache-2.0 */
/* SIP messages: what RFC 4475 says of valid and invalid ones, framing, edits, injection. */
#include "proto/sip/bearer.h"
#include "proto/sip/digest.h"
#include "proto/sip/policy.h"
#include "proto/sip/register.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define HEAD                                                                                       \
	"Via: SIP/2.0/WSS k2b.invalid;branch=z9hG4bK1;rport;keep\r\n"                              \
	"From: \"A, lice\" <sip:alice@home1.example>;tag=r7\r\nTo: <sip:bob@home1.example>\r\n"    \
	"Call-ID: c1@x\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n"
#define INVITE "INVITE sip:bob@home1.example SIP/2.0\r\n" HEAD

struct parsed {
	struct gw_arena arena;
	struct sip_msg m;
	struct gw_diag diag;
	enum gw_err err;
};

static struct parsed parse(const char *text, enum sip_framing f)
{
	struct parsed p = { .arena = GW_ARENA_INIT(0) };

	p.err = sip_msg_parse(&p.m, &p.arena, gw_sv_cstr(text), f, &p.diag);
	return p;
}

static void expect(const char *text, enum gw_err err)
{
	struct parsed p = parse(text, SIP_DATAGRAM);

	if (p.err != err)
		print_message("%s (%s) for:\n%s\n", gw_err_name(p.err), p.diag.what, text);
	assert_int_equal(p.err, err);
	gw_arena_reset(&p.arena);
}

/* RFC 4475 3.1.1.1, "a short tortuous INVITE" */
static const char tortuous[] =
	"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
	"TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
	"from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n"
	"MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\nContent-Length   : 5\r\n"
	"cseq: 0009\r\n  INVITE\r\n"
	"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
	"s :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
	"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\n"
	"Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
	"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
	" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
	"m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n"
	"  secondparam ; q = 0.33\r\n\r\nv=0\r\n";

static void tortuous_invite_is_understood(void **state)
{
	struct parsed p = parse(tortuous, SIP_DATAGRAM);
	struct sip_elements e = { 0 };
	struct gw_sv v;
	unsigned vias = 0;

	(void)state;
	assert_int_equal(p.err, GW_OK);
	assert_true(gw_sv_eq(p.m.to_tag, GW_SV("1918181833n")));
	assert_true(gw_sv_eq(p.m.from_tag, GW_SV("98asjd8")));
	assert_int_equal(p.m.cseq.number, 9);
	while (sip_msg_element(&p.m, SIP_HDR_VIA, &e, &v))
		vias++;
	assert_int_equal(vias, 3);
	assert_true(gw_sv_eq(p.m.via.branch, GW_SV("390skdjuw")));
	gw_arena_reset(&p.arena);
}

static void valid_and_invalid_messages_are_told_apart(void **state)
{
	(void)state;
	expect(INVITE "\r\n", GW_OK);
	expect("INVITE sip:bob@home1.example SIP/2.0\n" "Via: SIP/2.0/UDP a;branch=z9hG4bKx\nf: <sip:a@b>;tag=1\n"
	       "t: <sip:c@d>\ni: 1\nCSeq: 1 INVITE\n\n", GW_OK);
	expect("!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)@example.com SIP/2.0\r\n"
	       "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\r\n"
	       "To: <sip:x@y>\r\nFrom: token1~` token2'+_ token3*%!.- <sip:m@example.com>;tag=_token~1'+`*%!-.\r\n"
	       "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n"
	       "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\r\n\r\n", GW_OK);
	expect("INVITE sip:bob@home1.example SIP/7.0\r\n" HEAD "\r\n", GW_EUNSUPP);
	expect("INVITE <sip:user@example.com> SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:user@example.com; lr SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:bob@home1.example  SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:bob@home1.example SIP/2.0 \r\n" HEAD "\r\n", GW_EBADMSG);
	expect("OPTIONS sip:bob@home1.example SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);	/* CSeq differs */
	expect(INVITE "Content-Length: -999\r\n\r\n", GW_EBADMSG);
	expect(INVITE "Content-Length: 9999\r\n\r\nv=0\r\n", GW_EBADMSG);
	expect(INVITE "Content-Length: 4294967299\r\n\r\n", GW_EBADMSG);
	expect(INVITE "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", GW_EBADMSG);
	expect(INVITE "CSeq: 8 INVITE\r\n\r\n", GW_EBADMSG);
	expect(INVITE "no colon here\r\n\r\n", GW_EBADMSG);
	expect("INVITE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\n\r\n", GW_EBADMSG);
	expect("SIP/2.0 4294967301 better not\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("SIP/2.0 099 low\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("SIP/2.0 200 \r\n" HEAD "\r\n", GW_OK);
	expect("INVITE sip:b@c SIP/2.0\r\n" "Via: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b;tag=1\r\n"
	       "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 36893488147419103232 INVITE\r\n\r\n", GW_EBADMSG);
	expect("", GW_EBADMSG);
	expect("\r\n\r\n", GW_EBADMSG);
}

static void refused_requests_can_still_be_answered(void **state)
{
	struct parsed p = parse(INVITE "Content-Length: 9\r\n\r\n", SIP_DATAGRAM), q;

	(void)state;
	assert_int_equal(p.err, GW_EBADMSG);
	assert_true(sip_msg_answerable(&p.m));
	q = parse("INVITE sip:b@c SIP/2.0\r\nFrom: x\r\n\r\n", SIP_DATAGRAM);
	assert_false(sip_msg_answerable(&q.m));
	gw_arena_reset(&p.arena);
	gw_arena_reset(&q.arena);
}

static void stream_is_incomplete_at_every_byte_but_the_last(void **state)
{
	static const char text[] = INVITE "Content-Length: 4\r\n\r\nbody";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct gw_arena a = GW_ARENA_INIT(0);
		struct sip_msg m;

		assert_int_equal(sip_msg_parse(&m, &a, gw_sv(text, n), SIP_STREAM, NULL), GW_EAGAIN);
		gw_arena_reset(&a);
	}
	struct parsed p = parse(INVITE "Content-Length: 4\r\n\r\nbodyINVITE", SIP_STREAM);

	assert_int_equal(p.err, GW_OK);
	assert_int_equal(p.m.consumed, sizeof(text) - 1);
	assert_true(gw_sv_eq(p.m.body, GW_SV("body")));
	gw_arena_reset(&p.arena);
}

static void each_transport_frames_in_its_own_way(void **state)
{
	static const struct {
		const char *text;
		enum gw_err stream, datagram, whole;
		bool is_unframed;
	} rows[] = {
		{ INVITE "Content-Length: 4\r\n\r\nbody", GW_OK, GW_OK, GW_OK, false },
		{ INVITE "Content-Length: 3\r\n\r\nbody", GW_OK, GW_OK, GW_EBADMSG, false },
		{ INVITE "Content-Length: 5\r\n\r\nbody", GW_EAGAIN, GW_EBADMSG, GW_EBADMSG, false },
		{ INVITE "\r\nbody", GW_EBADMSG, GW_OK, GW_OK, true },
		{ INVITE "Content-Length: -4\r\n\r\nbody", GW_EBADMSG, GW_EBADMSG, GW_EBADMSG, true },
		{ INVITE "Content-Length: 4\r\nl: 4\r\n\r\nbody", GW_EBADMSG, GW_EBADMSG, GW_EBADMSG, true },
		{ INVITE "Content-Length: 4\r\nCSeq: 8 INVITE\r\n\r\nbody", GW_EBADMSG, GW_EBADMSG, GW_EBADMSG, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p = parse(rows[i].text, SIP_STREAM);

		assert_int_equal(p.err, rows[i].stream);
		assert_int_equal(p.m.is_unframed, rows[i].is_unframed);
		if (p.err != GW_EAGAIN && p.m.is_unframed)
			assert_int_equal(p.m.consumed, strlen(rows[i].text));
		gw_arena_reset(&p.arena);
		p = parse(rows[i].text, SIP_DATAGRAM);
		assert_int_equal(p.err, rows[i].datagram);
		assert_false(p.m.is_unframed);
		gw_arena_reset(&p.arena);
		p = parse(rows[i].text, SIP_WHOLE);
		assert_int_equal(p.err, rows[i].whole);
		gw_arena_reset(&p.arena);
	}
}

static void addresses_are_read_by_the_letter(void **state)
{
	static const struct {
		const char *line;
		enum gw_err err;
	} rows[] = {
		{ "Contact: <sip:a@b>, \"x, y\" <sip:c@d;p=1>;q=0.5;ok, sip:e@f;tag=1", GW_OK },
		{ "Contact: *", GW_OK },
		{ "Contact: J\xc3\xb6rg B <sip:a@b>", GW_OK },
		{ "Contact: \"a \\\" , b\"<sip:a@b?Subject=x,y>", GW_OK },
		{ "Contact: <sip:a@b>;;;", GW_EBADMSG },
		{ "Contact: <sip:a@b>,,<sip:c@d>", GW_EBADMSG },
		{ "Contact: ,<sip:a@b>", GW_EBADMSG },
		{ "Contact: <sip:a@b>,", GW_EBADMSG },
		{ "Contact: <sip:a@b>;", GW_EBADMSG },
		{ "Contact: sip:a@b?Route=x", GW_EBADMSG },
		{ "Contact: Bell, A. <sip:a@b>", GW_EBADMSG },
		{ "Contact: a@b <sip:a@b>", GW_EBADMSG },
		{ "Contact: \"x\" y <sip:a@b>", GW_EBADMSG },
		{ "Contact: < sip:a@b>", GW_EBADMSG },
		{ "Route: <sip:a;lr>;", GW_EBADMSG },
		{ "Record-Route: nonsense", GW_EBADMSG },
		{ "Via: SIP/2.0/UDP a;branch=z9hG4bKa;;", GW_EBADMSG },
		{ "X-Mine: ;;,,;", GW_OK },
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), INVITE "%s\r\n\r\n", rows[i].line);
		expect(text, rows[i].err);
	}
	expect("INVITE sip:bob@home1.example?Subject=x SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:a@b;x=1;y;z SIP/2.0\r\n" HEAD "\r\n", GW_OK);
	expect("INVITE sip:a@b;x=1;y;X=2 SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:a@b;=1 SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:[2001:db8::1]:5070 SIP/2.0\r\n" HEAD "\r\n", GW_OK);
	expect("INVITE sip:[2001:db8::192.0.2.1] SIP/2.0\r\n" HEAD "\r\n", GW_OK);
	expect("INVITE sip:[2001:db8:::1] SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:[192.0.2.1] SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
	expect("INVITE sip:2001:db8::1 SIP/2.0\r\n" HEAD "\r\n", GW_EBADMSG);
}

static void what_is_printed_parses_to_the_same(void **state)
{
	struct parsed p = parse(tortuous, SIP_DATAGRAM), q;
	static char one[4096], two[4096];
	struct gw_buf a = gw_buf(one, sizeof(one) - 1), b = gw_buf(two, sizeof(two) - 1);

	(void)state;
	p.m.arena = &p.arena;
	assert_int_equal(sip_msg_print(&p.m, &a), GW_OK);
	one[a.len] = '\0';
	q = parse(one, SIP_DATAGRAM);
	assert_int_equal(q.err, GW_OK);
	q.m.arena = &q.arena;
	assert_int_equal(q.m.n_hdrs, p.m.n_hdrs);
	assert_int_equal(sip_msg_print(&q.m, &b), GW_OK);
	assert_true(gw_sv_eq(gw_buf_sv(&a), gw_buf_sv(&b)));
	gw_arena_reset(&p.arena);
	gw_arena_reset(&q.arena);
}

static void edits_do_what_they_say(void **state)
{
	struct parsed p = parse(INVITE "Route: <sip:a;lr>, <sip:b;lr>\r\nRoute: <sip:c;lr>\r\n"
		"Supported: 100rel, trickle-ice , timer\r\nSupported: ice\r\n\r\n", SIP_DATAGRAM);
	struct sip_elements e = { 0 };
	struct gw_sv v;

	(void)state;
	p.m.arena = &p.arena;	/* the struct was returned by value */
	sip_msg_pop(&p.m, SIP_HDR_ROUTE);
	assert_true(sip_msg_element(&p.m, SIP_HDR_ROUTE, &e, &v));
	assert_true(gw_sv_eq(v, GW_SV("<sip:b;lr>")));
	sip_msg_pop(&p.m, SIP_HDR_ROUTE);
	sip_msg_push(&p.m, SIP_HDR_ROUTE, GW_SV("<sip:top;lr>"));
	e = (struct sip_elements){ 0 };
	assert_true(sip_msg_element(&p.m, SIP_HDR_ROUTE, &e, &v));
	assert_true(gw_sv_eq(v, GW_SV("<sip:top;lr>")));
	assert_true(sip_msg_element(&p.m, SIP_HDR_ROUTE, &e, &v));
	assert_true(gw_sv_eq(v, GW_SV("<sip:c;lr>")));
	assert_true(sip_msg_del_token(&p.m, SIP_HDR_SUPPORTED, GW_SV("Trickle-ICE")));
	assert_true(sip_msg_del_token(&p.m, SIP_HDR_SUPPORTED, GW_SV("ice")));
	assert_true(gw_sv_eq(sip_msg_value(&p.m, SIP_HDR_SUPPORTED), GW_SV("100rel, timer")));
	assert_false(sip_msg_has_token(&p.m, SIP_HDR_SUPPORTED, GW_SV("ice")));
	gw_arena_reset(&p.arena);
}

static void line_breaks_in_a_value_are_never_written(void **state)
{
	struct parsed p = parse(INVITE "\r\n", SIP_DATAGRAM);
	char out[2048];
	struct gw_buf b = gw_buf(out, sizeof(out));

	(void)state;
	p.m.arena = &p.arena;
	sip_msg_add(&p.m, SIP_HDR_SUBJECT, GW_SV("x\r\nP-Asserted-Identity: <sip:evil@x>"));
	assert_int_equal(sip_msg_print(&p.m, &b), GW_EINVAL);
	gw_arena_reset(&p.arena);
}

static void uris_compare_as_rfc3261_says(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{ "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
		{ "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false },
		{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false },
		{ "tel:+1-555-123", "tel:+1555123", true },
		{ "sips:a@b", "sip:a@b", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_uri a, b;

		assert_int_equal(sip_uri_parse(gw_sv_cstr(rows[i].a), &a), GW_OK);
		assert_int_equal(sip_uri_parse(gw_sv_cstr(rows[i].b), &b), GW_OK);
		assert_int_equal(sip_uri_eq(&a, &b), rows[i].equal);
		assert_int_equal(sip_uri_eq(&b, &a), rows[i].equal);
	}
}

static void integrity_protected_is_ours_alone(void **state)
{
	char out[512];
	struct gw_buf b = gw_buf(out, sizeof(out));
	struct sip_auth a;

	(void)state;
	assert_int_equal(sip_auth_parse(GW_SV("Digest username=\"a\", integrity-protected=\"auth-done\", realm=\"r, x\","
		"response=\"00\", nc=00000001"), &a), GW_OK);
	assert_true(gw_sv_eq(a.realm, GW_SV("r, x")));
	sip_auth_put_integrity(&b, &a, GW_SV("tls-pending"));
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV("Digest username=\"a\", realm=\"r, x\", response=\"00\", "
						   "nc=00000001, integrity-protected=\"tls-pending\"")));
}

/* What a reader that knows no brackets, or no escapes, would find an integrity-protected in. */
static void credentials_are_read_by_the_letter(void **state)
{
	static const char *const bad[] = { "",
		"Digest",
		"Digest ,username=\"a\"",
		"Digest username=\"a\", x=<, integrity-protected=\"auth-done\", y=>",
		"Digest username=\"a\", foo\", integrity-protected=\"auth-done\", x=\"",
		"Digest username=\"a\\\", integrity-protected=\\\"auth-done\\\", x=\"",
		"Digest username=\"a\" integrity-protected=\"auth-done\"",
		"Digest username=\"a\"b",
		"Digest username=\"a",
		"Digest username=\"a\", username=\"b\"",
		"Digest username=\"a\", response",
		"Digest username=\"a\", nc=[1]",
		"Digest username=\"a\",",
		"Digest x=y",
		"\"Digest username=\"a\"" };
	char out[256];
	struct gw_buf b = gw_buf(out, sizeof(out));
	struct sip_auth a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sip_auth_parse(gw_sv_cstr(bad[i]), &a) == GW_OK)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(sip_auth_parse(GW_SV("DIGEST  username = \"a\" ,x=\"<\",nc=1"), &a), GW_OK);
	sip_auth_put_integrity(&b, &a, GW_SV_NONE);
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV("Digest username=\"a\", nc=1")));
}

static struct gw_sv header(const struct sip_msg *m, enum sip_hdr_id id)
{
	return sip_msg_value(m, id);
}

static void only_what_a_ue_may_set_is_kept(void **state)
{
	struct parsed p = parse(INVITE "P-Asserted-Identity: <sip:x@y>\r\nRemote-Party-ID: <sip:x@y>\r\nX-A: 1\r\n"
		"X-B: 2\r\nDiversion: <sip:x@y>\r\nRecord-Route: <sip:x>\r\nu: presence\r\nAuthorization: Basic x\r\n"
		"Proxy-Authorization: Digest username=\"a\", integrity-protected=\"yes\"\r\n\r\n", SIP_DATAGRAM);
	char x[] = "x-b", *extra[] = { x };

	(void)state;
	assert_int_equal(p.err, GW_OK);
	assert_int_equal(sip_policy_keep_allowed(&p.m, extra, 1), 5);
	assert_int_equal(header(&p.m, SIP_HDR_P_ASSERTED_IDENTITY).len, 0);
	assert_true(gw_sv_eq(header(&p.m, SIP_HDR_OTHER), GW_SV("2")));
	assert_true(gw_sv_eq(header(&p.m, SIP_HDR_ALLOW_EVENTS), GW_SV("presence")));
	assert_int_equal(sip_policy_clean_auth(&p.m), 1);
	assert_true(gw_sv_eq(header(&p.m, SIP_HDR_PROXY_AUTHORIZATION), GW_SV("Digest username=\"a\"")));
	gw_arena_reset(&p.arena);
}

static void access_network_info_of(const char *value, const char *want)
{
	char text[1024];
	struct parsed p;

	snprintf(text, sizeof(text), INVITE "P-Access-Network-Info: %s\r\n\r\n", value);
	p = parse(text, SIP_DATAGRAM);
	sip_policy_access_network_info(&p.m);
	if (!gw_sv_eq(header(&p.m, SIP_HDR_P_ACCESS_NETWORK_INFO), gw_sv_cstr(want)))
		fail_msg("%s became %.*s", value, GW_SV_FMT(header(&p.m, SIP_HDR_P_ACCESS_NETWORK_INFO)));
	gw_arena_reset(&p.arena);
}

static void np_of_access_network_info_is_ours_alone(void **state)
{
	(void)state;
	access_network_info_of("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=23;NP ;x=\"a;np\"",
		"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=23;x=\"a;np\"");
	access_network_info_of("A;np, IEEE-802.11;network-provided;i-wlan-node-id=ff",
		"A, IEEE-802.11;i-wlan-node-id=ff");
	access_network_info_of("A;x=<;np;y=>", "");
	access_network_info_of("A;x\";np;y=\"", "");
	access_network_info_of("A;;np", "");
}

static enum gw_err key_of(const char *contact, char key[256])
{
	char text[1024];
	struct gw_buf b = gw_buf(key, 255);
	struct sip_register r;
	struct parsed p;
	enum gw_err err;

	snprintf(text, sizeof(text), INVITE "%s\r\n\r\n", contact);
	p = parse(text, SIP_DATAGRAM);
	err = sip_register_read(&p.m, &r, &b);
	key[b.len] = '\0';
	gw_arena_reset(&p.arena);
	return err;
}

static bool is_end(const char *headers)
{
	char text[1024];
	struct parsed p;
	bool is;

	snprintf(text, sizeof(text), INVITE "%s\r\n\r\n", headers);
	p = parse(text, SIP_DATAGRAM);
	is = sip_register_is_end(&p.m);
	gw_arena_reset(&p.arena);
	return is;
}

static void a_register_that_ends_its_binding(void **state)
{
	(void)state;
	assert_true(is_end("Contact: <sip:a@x.invalid>;expires=0"));
	assert_true(is_end("Contact: <sip:a@x.invalid>\r\nExpires: 0"));
	assert_true(is_end("Contact: *\r\nExpires: 0"));
	assert_true(is_end("Contact: <sip:a@x.invalid>;expires=0\r\nExpires: 600"));	/* the Contact's own counts */
	assert_false(is_end("Contact: <sip:a@x.invalid>;expires=600\r\nExpires: 0"));
	assert_false(is_end("Contact: <sip:a@x.invalid>"));
	assert_false(is_end("Contact: *\r\nExpires: 600"));
	assert_false(is_end("Contact: <sip:a@x.invalid>;expires=0, <sip:b@x.invalid>;expires=0"));
	assert_false(is_end("Contact: <sip:a@x.invalid>;expires=zero"));
	assert_false(is_end("Expires: 0"));	/* a query */
}

static void register_names_its_binding(void **state)
{
	char key[256];

	(void)state;
	assert_int_equal(key_of("m: <sip:a@b>;reg-id=2;+sip.instance=\"<urn:x>\"", key), GW_OK);
	assert_string_equal(key, "sip:bob@home1.example <urn:x> 2");
	assert_int_equal(key_of("m: <sip:a@b>", key), GW_OK);
	assert_string_equal(key, "sip:bob@home1.example sip:a@b");
	assert_int_equal(key_of("m: *\r\nExpires: 0", key), GW_OK);
	assert_int_equal(key_of("m: *\r\nExpires: 1", key), GW_EBADMSG);
	assert_int_equal(key_of("m: *", key), GW_EBADMSG);
	assert_int_equal(key_of("m: <sip:a@b>, <sip:c@d>", key), GW_EBADMSG);
	assert_int_equal(key_of("Expires: 0", key), GW_EBADMSG);
}

static void privacy_is_read_over_all_its_headers(void **state)
{
	static const struct {
		const char *text;
		bool hides;
	} rows[] = { { "Privacy: none", false }, { "Privacy: user;id", true },
		{ "Privacy: session; ID ;critical", true }, { "Privacy: session\r\nPrivacy: id", true },
		{ "Privacy: session, id", true }, { "Privacy: idx", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];
		struct parsed p;

		snprintf(text, sizeof(text), INVITE "%s\r\n\r\n", rows[i].text);
		p = parse(text, SIP_DATAGRAM);
		if (sip_policy_hides_identity(&p.m) != rows[i].hides)
			fail_msg("%s", rows[i].text);
		gw_arena_reset(&p.arena);
	}
}

static void bearer_has_two_spellings(void **state)
{
	static const struct {
		const char *value, *token, *username;
		enum gw_err err;
	} rows[] = { { "Bearer mF_9.B5f-4.1JqM", "mF_9.B5f-4.1JqM", "", GW_OK },
		{ "bearer\tab+/~==", "ab+/~==", "", GW_OK },
		{ "Bearer access_token=\"mF_9.B5f\"", "mF_9.B5f", "", GW_OK },
		{ "Bearer  username=\"a@h\" , Access_Token=\"x.y=\",z=1", "x.y=", "a@h", GW_OK },
		{ "Digest username=\"a\"", "", "", GW_ENOENT }, { "", "", "", GW_ENOENT },
		{ "Bearer", "", "", GW_EBADMSG }, { "Bearer a b", "", "", GW_EBADMSG }, { "Bearer ==", "", "", GW_EBADMSG },
		{ "Bearer access_token=\"a\", access_token=\"b\"", "", "", GW_EBADMSG },
		{ "Bearer access_token=\"a", "", "", GW_EBADMSG }, { "Bearer access_token=\"\"", "", "", GW_EBADMSG },
		{ "Bearer access_token=\"a\\\"b\"", "", "", GW_EBADMSG }, { "Bearer username=\"a\"", "", "", GW_EBADMSG },
		{ "Bearer access_token=\"a\";x=y", "", "", GW_EBADMSG } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_bearer b = { 0 };

		if (sip_bearer_parse(gw_sv_cstr(rows[i].value), &b) != rows[i].err)
			fail_msg("%s", rows[i].value);
		assert_true(gw_sv_eq(b.token, gw_sv_cstr(rows[i].token)));
		assert_true(gw_sv_eq(b.username, gw_sv_cstr(rows[i].username)));
	}
}

static void challenges_lose_their_keys(void **state)
{
	static const struct {
		const char *value, *written;
		enum gw_err err;
	} rows[] = { { "Digest realm=\"h\", nonce=\"ick\"", "", GW_ENOENT },
		{ "Digest realm=\"h\", ik=\"00\", ck=\"11\", algorithm=AKAv2-SHA-256",
			"Digest realm=\"h\", algorithm=AKAv2-SHA-256", GW_OK },
		{ "Digest IK = 00,realm=\"h\",Ck=11,qop=\"auth,auth-int\"", "Digest realm=\"h\", qop=\"auth,auth-int\"", GW_OK },
		{ "Digest realm=\"h\", x=<, ik=\"00\"", NULL, GW_EBADMSG },
		{ "Digest realm=\"h\" ik=\"00\"", NULL, GW_EBADMSG } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		struct gw_buf b = gw_buf(text, sizeof(text));

		assert_int_equal(sip_auth_put_challenge(&b, gw_sv_cstr(rows[i].value)), rows[i].err);
		assert_true(rows[i].err || gw_sv_eq(gw_buf_sv(&b), gw_sv_cstr(rows[i].written)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tortuous_invite_is_understood),
		cmocka_unit_test(valid_and_invalid_messages_are_told_apart),
		cmocka_unit_test(refused_requests_can_still_be_answered),
		cmocka_unit_test(stream_is_incomplete_at_every_byte_but_the_last),
		cmocka_unit_test(each_transport_frames_in_its_own_way),
		cmocka_unit_test(addresses_are_read_by_the_letter),
		cmocka_unit_test(what_is_printed_parses_to_the_same),
		cmocka_unit_test(edits_do_what_they_say),
		cmocka_unit_test(line_breaks_in_a_value_are_never_written),
		cmocka_unit_test(uris_compare_as_rfc3261_says),
		cmocka_unit_test(integrity_protected_is_ours_alone),
		cmocka_unit_test(credentials_are_read_by_the_letter),
		cmocka_unit_test(only_what_a_ue_may_set_is_kept),
		cmocka_unit_test(np_of_access_network_info_is_ours_alone),
		cmocka_unit_test(a_register_that_ends_its_binding),
		cmocka_unit_test(register_names_its_binding),
		cmocka_unit_test(privacy_is_read_over_all_its_headers),
		cmocka_unit_test(bearer_has_two_spellings),
		cmocka_unit_test(challenges_lose_their_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
