/* SPDX-License-Identifier: Apache-2.0 */
/* Iq messages of TS 29.334 in text form: decoded, encoded again, refused at the right level; transactions. */
#include "proto/iq/iq.h"
#include "proto/iq/tpkt.h"
#include "proto/iq/xact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const char add[] =
	"MEGACO/3 [192.0.2.1]:2944\nTransaction = 5001 {\n Context = $ {\n  Priority = 3,\n  Add = ip/$/$/$ {\n   Media {\n"
	"    Stream = 1 {\n     LocalControl { Mode = Inactive, ReservedValue = ON,\n      ipdc/realm = \"access\", tman/pol = ON, "
	"tman/sdr = 16000, tman/mbs = 4000,\n      ds/dscp = 2E, rtcph/rsb = OFF },\n     Local {\nv=0\nc=IN IP4 $\n"
	"m=audio $ UDP/TLS/RTP/SAVPF 111 0 101\na=ice-ufrag:$\n},\n     Remote {\nv=0\nc=IN IP4 198.51.100.7\n"
	"m=audio 50000 UDP/TLS/RTP/SAVPF 111 0 101\n} } },\n   Events = 2001 {\n    hangterm/thb { timerx = 600 },\n    g/cause,\n"
	"    tlsbsc/BNCChange { Stream = 1 },\n    adid/ipstop { dt = 60, dir = \"BOTH\" } },\n"
	"   Signals { mgastuns/astuns { Stream = 1 } } } } }";

/* iq.md 8: E-1, E-2, E-4, E-6, E-10 in both spellings */
static const char *const examples[] = { add,
	"MEGACO/1 [192.0.2.10]:2944\nTransaction = 1 {\n Context = - {\n  ServiceChange = ROOT {\n   Services {\n    Method = Restart, "
	"Reason = \"901 Cold Boot\",\n    Profile = ThreeGIq/2, Version = 3,\n    20261122T10480000 } } } }",
	"MEGACO/3 [192.0.2.1]:2944\nTransaction = 2 { Context = - { Modify = ROOT { Events = 1 { ocp/mg_overload, it/ito { mit = 3000 } } },"
	" AuditValue = ROOT { Audit { Packages } } } }",
	"MEGACO/3 [192.0.2.10]:2944\nReply = 2 { Context = - { Modify = ROOT, AuditValue = ROOT { Packages { g-1, root-2, xwrtc-1 } } } }",
	"!/3 [192.0.2.10]:2944 T=90013{C=17{N=ip/1/acc0/1001{OE=2001{20261122T11000200:tlsbsc/BNCChange{ST=1,Type=\"RelUnexpected\"}}}}}",
	"!/3 [192.0.2.10]:2944 T=90010{C=17{N=ip/1/acc0/1001{OE=2001{20261122T11000000:hangterm/thb}}}}",
	"!/3 [192.0.2.1]:2944 T=7006{C=17{W-S=*{AT{}}}}", "!/3 [192.0.2.10]:2944 P=7006{C=17{S=*}}",
	"!/3 [192.0.2.1]:2944 T=7001{C=-{AV=ROOT{AT{}}}}", "!/3 [192.0.2.10]:2944 P=7001{C=-{AV=ROOT}}",
	"!/3 [192.0.2.10]:2944 P=7002{C=99{ER=411{\"The transaction refers to an unknown ContextID\"}}}",
	"!/3 [192.0.2.10]:2944 P=7003{C=17{A=ip/1/acc0/1003{ER=449{\"a=setup:holdconn\"}}}}",
	"!/3 [192.0.2.10]:2944 PN=7004{}", "!/3 [192.0.2.10]:2944 P=7005{IA,C=17{MF=ip/1/acc0/1001}}",
	"!/3 [192.0.2.10]:2944 K{5001-5003,7001}", "!/3 [192.0.2.10]:2944 ER=400{\"Syntax error in message\"}",
	"!/1 [192.0.2.10]:2944 T=1{C=-{SC=ROOT{SV{MT=RS,RE=\"902\",PF=ThreeGIq/2,V=3}}}}",
	"!/1 [2001:db8::7] T=2523{C=-{SC=ROOT{SV{MT=RS,RE=901,PF=ETSI_BGF/2,V=3}}}}",
	"!/3 [192.0.2.1]:2944 T=7020{C=-{SC=ROOT{SV{MT=HO,RE=\"903 MGC directed change\",MG=[192.0.2.2]:2944}}}}",
	"!/3 [192.0.2.1]:2944 T=7007{C=17{TP{ip/1/acc0/1001,ip/1/core0/1002,BW,ST=1,ip/1/a/1,ip/1/b/2,IS},PR=3,EGO,IEPS=ON,"
	"MF=ip/1/acc0/1001{M{ST=1{O{MO=SR}}}}}}",
	"!/3 [192.0.2.1]:2944 T=8{C=17{CA{TP,EG,PR,IEPS},AV=ip/1/acc0/1001{AT{PG,M{TS{mgroup/gs},ST=1{O{ipdc/realm}},ST=1{L},"
	"ST=2{O{MO}},ST=2{SA{rtp/ps}}},E{g/cause},SG{ipnapt/latch},SA{rtp/pr},PG{g-1}}}}}",
	"!/3 [192.0.2.1]:2944 T=9{C=-{MF=ROOT{M{TS{SI=TE,root/maxNumberOfContexts=500,ipra/ar=[\"access\",\"core\"]}},E=7{ipra/arc,"
	"chp/mgcon,it/ito{mit=3000}}}}}",
	"!/3 [192.0.2.10]:2944 T=10{C=-{N=ROOT{OE=7{20261122T11000100:chp/mgcon{reduction=40},ipra/arc{nar=[a,b],nur=c}}}}}",
	"!/3 [192.0.2.1]:2944 T=11{C=17{MF=ip/1/acc0/1001{M{TS{mgroup/gs=[\"BUNDLE 3 1 2\",\"DEAGG 3 4\"]},ST=1{O{RG=OFF,RV=ON,"
	"gm/saf=ON,gm/sam=\"[10.0.0.0]/8\",gm/spf=ON,gm/spr=\"5000-6000\",gm/esas=ON,gm/lsa=\"10.0.0.1\",gm/esps=ON,gm/lsp=5000,"
	"tman/pol=ON,tman/sdr=1,tman/mbs=2,tman/pdr=3,tman/dvp=4,ds/dscp=2E,ds/tb=ON,gm/rsb=ON,seplink/sepl=\"2\"},"
	"SA{rtp/ps=1,rtp/pr}}},SG{ipnapt/latch{ST=1,SY=BR,DR=20,NC={TO,IBE},KA,napt=\"OFF\"}}}}}",
	"!/3 [192.0.2.10]:2944 T=12{C=-{SC=ROOT{SV{MT=FO,RE=\"905\",AD=2946,DL=60,20261122T11000100}}}}",
	"MEGACO/3 [192.0.2.10]:2944\nReply = 5003 { Context = 17 { Subtract = ip/1/acc0/1001 { Statistics { rtp/ps = 3012, rtp/pl = 0.17,"
	" nt/dur = 60240, gm/dp = 2 } } } }" };

static struct gw_sv encode(const struct iq_msg *m, bool is_long, char *buf, size_t cap)
{
	struct iq_codec c = { is_long };
	struct gw_buf b = gw_buf(buf, cap);

	assert_int_equal(iq_encode(m, &c, &b), GW_OK);
	return gw_buf_sv(&b);
}

static void examples_survive_both_spellings(void **state)
{
	static char one[16384], two[16384], three[16384], four[16384];

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct gw_arena a = GW_ARENA_INIT(0);
		struct iq_msg m, n, k;
		struct gw_diag d;
		struct gw_sv s;

		if (iq_decode(&a, gw_sv_cstr(examples[i]), &m, &d))
			fail_msg("example %zu: %s at %zu", i, d.what, d.off);
		s = encode(&m, true, one, sizeof(one));
		assert_int_equal(iq_decode(&a, s, &n, &d), GW_OK);
		s = encode(&n, false, two, sizeof(two));
		assert_int_equal(iq_decode(&a, s, &k, &d), GW_OK);
		/* the short form of both is the same text: nothing was lost on the way */
		s = encode(&m, false, three, sizeof(three));
		assert_true(gw_sv_eq(s, encode(&k, false, four, sizeof(four))));
		gw_arena_reset(&a);
	}
}

static void add_means_what_it_says(void **state)
{
	struct gw_arena a = GW_ARENA_INIT(0);
	const struct iq_cmd *c;
	struct iq_msg m;

	(void)state;
	assert_int_equal(iq_decode(&a, gw_sv_cstr(add), &m, NULL), GW_OK);
	assert_int_equal(m.version, 3);
	assert_int_equal(m.txns[0].id, 5001);
	assert_int_equal(m.txns[0].actions[0].context, IQ_CONTEXT_CHOOSE);
	assert_int_equal(m.txns[0].actions[0].priority, 3);
	c = &m.txns[0].actions[0].cmds[0];
	assert_int_equal(c->term.kind, IQ_TERM_CHOOSE);
	assert_int_equal(c->streams[0].mode, IQ_MODE_INACTIVE);
	assert_int_equal(c->streams[0].dscp, 0x2e);
	assert_int_equal(c->streams[0].sdr, 16000);
	assert_true(gw_sv_eq(c->streams[0].realm, GW_SV("access")));
	assert_true(c->streams[0].has_remote);
	assert_int_equal(c->events_id, 2001);
	assert_int_equal(c->n_events, 4);
	assert_true(gw_sv_eq(iq_item_param(&c->events[0], GW_SV("timerx")), GW_SV("600")));
	assert_int_equal(c->signals[0].id, IQ_SG_STUN_SERVER);
	assert_int_equal(c->error, 0);
	gw_arena_reset(&a);
}

static void names_are_what_configuration_says(void **state)
{
	static const struct {
		const char *logical, *emitted;
		bool is_good;
	} rows[] = { { "event.consent", "cfresh/fail", true }, { "signal.latch.mode", "mode", true },
		{ "event.nothing", "a/b", false }, { "signal.latch.nothing", "x", false },
		{ "event.consent", "no_slash", false }, { "event.consent", "a/b c", false },
		{ "signal.latch.mode", "a/b", false }, { "event.consent", "ipdc/realm", false } };
	static const char text[] = "!/3 a T=1{C=1{MF=x{E=1{stuncf/cft},SG{ipnapt/latch{mode=RELATCH}}}}}";
	struct gw_arena a = GW_ARENA_INIT(0);
	const struct iq_cmd *c;
	struct iq_msg m;
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(!iq_names_override(gw_sv_cstr(rows[i].logical), gw_sv_cstr(rows[i].emitted)), rows[i].is_good);
	/* the default is still understood, and users of parameters need not know */
	assert_int_equal(iq_decode(&a, gw_sv_cstr(text), &m, NULL), GW_OK);
	c = &m.txns[0].actions[0].cmds[0];
	assert_int_equal(c->events[0].id, IQ_EV_CONSENT);
	assert_true(gw_sv_eq(iq_item_param(&c->signals[0], GW_SV("napt")), GW_SV("RELATCH")));
	assert_true(gw_sv_eq(encode(&m, false, out, sizeof(out)),
		GW_SV("!/3 a T=1{C=1{MF=x{E=1{cfresh/fail},SG{ipnapt/latch{mode=\"RELATCH\"}}}}}")));
	assert_null(iq_names_override(GW_SV("event.consent"), GW_SV("stuncf/cft")));
	assert_null(iq_names_override(GW_SV("signal.latch.mode"), GW_SV("napt")));
	gw_arena_reset(&a);
}

static void lists_of_terminations_are_commands_for_each(void **state)
{
	struct gw_arena a = GW_ARENA_INIT(0);
	struct iq_msg m;

	(void)state;
	assert_int_equal(iq_decode(&a, GW_SV("!/3 a T=1{C=1{O-MF=[x,ip/1/*/$]{M{O{MO=SR}}}}}"), &m, NULL), GW_OK);
	assert_int_equal(m.txns[0].actions[0].n_cmds, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(m.txns[0].actions[0].cmds[i].is_optional);
		assert_int_equal(m.txns[0].actions[0].cmds[i].streams[0].mode, IQ_MODE_SEND_RECEIVE);
	}
	assert_true(gw_sv_eq(m.txns[0].actions[0].cmds[1].term.text, GW_SV("ip/1/*/$")));
	gw_arena_reset(&a);
}

static void truncations_never_pass_for_a_message(void **state)
{
	(void)state;
	for (size_t n = 0; n + 1 < sizeof(add) - 1; n++) {
		struct gw_arena a = GW_ARENA_INIT(0);
		char *exact = malloc(n + 1);
		struct iq_msg m;

		memcpy(exact, add, n);
		assert_int_not_equal(iq_decode(&a, gw_sv(exact, n), &m, NULL), GW_OK);
		gw_arena_reset(&a);
		free(exact);
	}
}

static void mistakes_are_noted_at_their_level(void **state)
{
	static const struct {
		const char *text;
		unsigned command, action, transaction;
	} rows[] = {
		{ "!/3 a T=1{C=1{MF=x{M{O{nope/thing=1}}}}}", 440, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{gm/thing=1}}}}}", 450, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{ds/dscp=FF}}}}}", 449, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{tman/sdr>5}}}}}", 449, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{tman/sdr=[1,2]}}}}}", 449, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{gm/lsp=70000}}}}}", 449, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{root/maxNumberOfContexts=1}}}}}", 455, 0, 0 },
		{ "!/3 a T=1{C=-{MF=ROOT{M{TS{gm/saf=ON}}}}}", 455, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{rtp/ps=1}}}}}", 450, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{TS{mgroup/gs=\"BUNDLE 3 x\"}}}}}", 449, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{SG{ipnapt/latch{napt=SIDEWAYS}}}}}", 454, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{SG{ipnapt/latch{ST=1}}}}}", 457, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{SG{ipnapt/latch{napt=LATCH,zork=1}}}}}", 446, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{SG{SL=1{ipnapt/latch{napt=LATCH}}}}}}", 501, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{E=1{adid/ipstop{dt=60,dir=UP}}}}}", 454, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{E=1{adid/ipstop{dt=soon}}}}}", 449, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{E=1{g/cause{EM{SG{ipnapt/latch{napt=LATCH}}}}}}}}", 501, 0, 0 },
		{ "!/3 a T=1{C=1{AV=x{AT{SA{rtp/nothing}}}}}", 532, 0, 0 },
		{ "!/3 a T=1{C=1{PR=16,MF=x}}", 0, 422, 0 },
		{ "!/3 a T=1{C=1{TP{a,b},MF=x}}", 0, 422, 0 },
		{ "!/3 a T=1{C=1{CT{bcp/x=1},MF=x}}", 0, 440, 0 },
		{ "!/3 a T=1{C=1{MF=x{E=1{g/nothing}}}}", 451, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{SG{mgastuns/nothing}}}}", 452, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{SG{}}}}", 442, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{Zork}}}", 444, 0, 0 },
		{ "!/3 a T=1{C=1{MF=x{M{O{MO=SideWays}}}}}", 517, 0, 0 },
		{ "!/3 a T=1{C=99999999999{MF=x}}", 0, 422, 0 },
		{ "!/3 a T=1{C=1{Zork=x}}", 0, 443, 0 },
		{ "!/3 a T=1{Zork}", 0, 0, 403 },
		{ "!/3 a T=0{C=-{AV=ROOT}}", 0, 0, 403 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gw_arena a = GW_ARENA_INIT(0);
		const struct iq_txn *t;
		struct iq_msg m;

		assert_int_equal(iq_decode(&a, gw_sv_cstr(rows[i].text), &m, NULL), GW_OK);
		t = &m.txns[0];
		assert_int_equal(t->error, rows[i].transaction);
		if (rows[i].action)
			assert_int_equal(t->actions[0].error, rows[i].action);
		if (rows[i].command)
			assert_int_equal(t->actions[0].cmds[0].error, rows[i].command);
		gw_arena_reset(&a);
	}
	struct gw_arena a = GW_ARENA_INIT(0);
	struct iq_msg m;

	assert_int_equal(iq_decode(&a, GW_SV("HELLO"), &m, NULL), GW_EBADMSG);
	assert_int_equal(iq_decode(&a, GW_SV("!/3 a X=1{}"), &m, NULL), GW_EBADMSG);
	gw_arena_reset(&a);
}

static void depth_and_size_are_bounded(void **state)
{
	static char deep[4096];
	struct gw_buf b = gw_buf(deep, sizeof(deep));
	struct gw_arena a = GW_ARENA_INIT(0);
	struct iq_msg m;

	(void)state;
	gw_buf_puts(&b, "!/3 a T=1");
	for (int i = 0; i < 500; i++)
		gw_buf_puts(&b, "{x");
	assert_int_not_equal(iq_decode(&a, gw_buf_sv(&b), &m, NULL), GW_OK);
	gw_arena_reset(&a);
}

static void closing_brace_is_never_emitted_in_sdp(void **state)
{
	struct iq_stream s = iq_stream(1);
	struct iq_cmd c = { .kind = IQ_MODIFY, .term = iq_term(GW_SV("x")), .streams = &s, .n_streams = 1 };
	struct iq_action a = { .context = 1, .priority = -1, .cmds = &c, .n_cmds = 1 };
	struct iq_txn t = { .kind = IQ_REQUEST, .id = 1, .actions = &a, .n_actions = 1 };
	const struct iq_msg m = { .version = 3, .mid = GW_SV("a"), .txns = &t, .n_txns = 1 };
	struct iq_codec codec = { false };
	char out[512];
	struct gw_buf b = gw_buf(out, sizeof(out));

	(void)state;
	s.has_local = true;
	s.local = GW_SV("v=0\r\na=fmtp:1 }\r\n");
	assert_int_equal(iq_encode(&m, &codec, &b), GW_EINVAL);
}

static void wildcards_stand_for_one_component(void **state)
{
	static const struct {
		const char *pattern;
		bool matches;
	} t[] = { { "*", true }, { "ip/1/acc0/*", true }, { "IP/1/*/1001", true }, { "ip/*/*/*", true },
		{ "ip/1/core0/*", false }, { "ip/1/*", false }, { "ip/1/acc0/*/1", false }, { "ip/1/acc0/10*", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (iq_term_matches(gw_sv_cstr(t[i].pattern), GW_SV("ip/1/acc0/1001")) != t[i].matches)
			fail_msg("%s", t[i].pattern);
}

/* ---- transactions ------------------------------------------------------------------------------------ */

struct wire {
	struct gw_timers timers;
	struct iq_xact x;
	struct iq_xact_peer peer;
	unsigned sent, timeouts;
};

static void on_send(void *user, struct iq_xact_peer *peer, struct gw_sv b)
{
	(void)peer;
	assert_true(gw_sv_eq(b, GW_SV("request")));
	((struct wire *)user)->sent++;
}

static void on_timeout(void *user, struct iq_xact_peer *peer, uint32_t tid, void *tag)
{
	(void)peer;
	(void)tid;
	assert_ptr_equal(tag, user);
	((struct wire *)user)->timeouts++;
}

static uint32_t no_random(void)
{
	return 0;
}

static const struct iq_xact_ops ops = { on_send, on_timeout };

static void request_is_repeated_for_30_s(void **state)
{
	struct wire w = { .sent = 0 };

	(void)state;
	iq_xact_init(&w.x, &ops, &w, &w.timers, no_random, 100);
	assert_int_equal(iq_xact_send(&w.x, &w.peer, iq_xact_tid(&w.x), GW_SV("request"), &w, 0), GW_OK);
	for (uint64_t t = 0; t < 30000; t += 100)
		gw_timers_run(&w.timers, t);
	assert_int_equal(w.timeouts, 0);
	assert_in_range(w.sent, 8, 12);	/* 0, 0.5, 1.5, 3.5, 7.5, 11.5 ... */
	for (uint64_t t = 30000; t < 36000; t += 100)
		gw_timers_run(&w.timers, t);
	assert_int_equal(w.timeouts, 1);
	iq_xact_dispose(&w.x);
	gw_timers_free(&w.timers);
}

static void reply_ends_the_repetition(void **state)
{
	struct wire w = { .sent = 0 };
	uint32_t tid;
	void *tag;

	(void)state;
	iq_xact_init(&w.x, &ops, &w, &w.timers, no_random, 100);
	tid = iq_xact_tid(&w.x);
	assert_int_equal(iq_xact_send(&w.x, &w.peer, tid, GW_SV("request"), &w, 0), GW_OK);
	assert_int_equal(iq_xact_reply(&w.x, tid, 1, &tag), GW_OK);
	assert_ptr_equal(tag, &w);
	assert_int_equal(iq_xact_reply(&w.x, tid, 1, &tag), GW_ENOENT);
	gw_timers_run(&w.timers, 100000);
	assert_int_equal(w.sent, 1);
	iq_xact_dispose(&w.x);
	gw_timers_free(&w.timers);
}

static void request_is_executed_at_most_once(void **state)
{
	struct wire w = { .sent = 0 };
	struct gw_sv stored;

	(void)state;
	iq_xact_init(&w.x, &ops, &w, &w.timers, no_random, 3);
	assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 0, &stored), IQ_XACT_NEW);
	assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 1, &stored), IQ_XACT_EXECUTING);
	iq_xact_answer(&w.x, GW_SV("mgc"), 7, GW_SV("reply"));
	assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 29999, &stored), IQ_XACT_REPLIED);
	assert_true(gw_sv_eq(stored, GW_SV("reply")));
	assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 30000, &stored), IQ_XACT_NEW);	/* another */
	iq_xact_answer(&w.x, GW_SV("mgc"), 7, GW_SV("reply"));
	assert_int_equal(iq_xact_request(&w.x, GW_SV("other"), 7, 1, &stored), IQ_XACT_NEW);
	iq_xact_ack(&w.x, GW_SV("mgc"), 1, 10);
	assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 2, &stored), IQ_XACT_ACKED);	/* a late twin */
	for (uint32_t i = 100; i < 200; i++)	/* bounded: the oldest give way */
		assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), i, 3, &stored), IQ_XACT_NEW);
	assert_in_range(w.x.seen.count, 1, 3);
	iq_xact_dispose(&w.x);
	gw_timers_free(&w.timers);
}

static void repetition_follows_the_round_trip(void **state)
{
	struct wire w = { .sent = 0 };
	void *tag;

	(void)state;
	iq_xact_init(&w.x, &ops, &w, &w.timers, no_random, 100);
	for (uint64_t t = 0; t < 20; t++) {	/* 200 ms there and back */
		uint32_t tid = iq_xact_tid(&w.x);

		assert_int_equal(iq_xact_send(&w.x, &w.peer, tid, GW_SV("request"), &w, t * 1000), GW_OK);
		assert_int_equal(iq_xact_reply(&w.x, tid, t * 1000 + 200, &tag), GW_OK);
	}
	w.sent = 0;
	assert_int_equal(iq_xact_send(&w.x, &w.peer, iq_xact_tid(&w.x), GW_SV("request"), &w, 50000), GW_OK);
	gw_timers_run(&w.timers, 50199);
	assert_int_equal(w.sent, 1);
	gw_timers_run(&w.timers, 50260);
	assert_int_equal(w.sent, 2);
	iq_xact_dispose(&w.x);
	gw_timers_free(&w.timers);
}

static void nothing_is_repeated_or_acknowledged_on_a_connection(void **state)
{
	struct wire w = { .peer.is_reliable = true };
	struct iq_xact_range acks[IQ_XACT_ACKS];
	uint32_t tid;
	void *tag;

	(void)state;
	iq_xact_init(&w.x, &ops, &w, &w.timers, no_random, 100);
	tid = iq_xact_tid(&w.x);
	assert_int_equal(iq_xact_send(&w.x, &w.peer, tid, GW_SV("request"), &w, 0), GW_OK);
	gw_timers_run(&w.timers, 29999);
	assert_int_equal(w.sent, 1);
	iq_xact_resend(&w.x, &w.peer);	/* a new connection */
	assert_int_equal(w.sent, 2);
	assert_int_equal(iq_xact_reply(&w.x, tid, 29999, &tag), GW_OK);
	assert_int_equal(iq_xact_take_acks(&w.peer, acks), 0);
	assert_int_equal(iq_xact_send(&w.x, &w.peer, iq_xact_tid(&w.x), GW_SV("request"), &w, 30000), GW_OK);
	gw_timers_run(&w.timers, 60000);
	assert_int_equal(w.timeouts, 1);
	iq_xact_dispose(&w.x);
	gw_timers_free(&w.timers);
}

static void pendings_lengthen_the_wait_and_are_counted(void **state)
{
	struct wire w = { .sent = 0 };
	struct gw_sv stored;
	uint32_t tid;

	(void)state;
	iq_xact_init(&w.x, &ops, &w, &w.timers, no_random, 100);
	tid = iq_xact_tid(&w.x);
	assert_int_equal(iq_xact_send(&w.x, &w.peer, tid, GW_SV("request"), &w, 0), GW_OK);
	for (unsigned i = 0; i < IQ_XACT_PENDINGS_MAX; i++) {
		iq_xact_pending(&w.x, tid, i * 4000);
		gw_timers_run(&w.timers, i * 4000 + 3999);
		assert_int_equal(w.sent, 1);
	}
	assert_int_equal(w.timeouts, 0);	/* 80 s by now */
	iq_xact_pending(&w.x, tid, 80000);
	assert_int_equal(w.timeouts, 1);
	/* the other side of it */
	assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 0, &stored), IQ_XACT_NEW);
	assert_false(iq_xact_was_pending(&w.x, GW_SV("mgc"), 7));
	for (unsigned i = 0; i < IQ_XACT_PENDINGS_MAX; i++)
		assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 1, &stored), IQ_XACT_EXECUTING);
	assert_true(iq_xact_was_pending(&w.x, GW_SV("mgc"), 7));
	assert_int_equal(iq_xact_request(&w.x, GW_SV("mgc"), 7, 1, &stored), IQ_XACT_ABORTED);
	iq_xact_dispose(&w.x);
	gw_timers_free(&w.timers);
}

static void acknowledgements_are_ranges(void **state)
{
	struct iq_xact_peer p = { .n_acks = 0 };
	struct iq_xact_range r[IQ_XACT_ACKS];
	static const uint32_t ids[] = { 10, 12, 11, 9, 20, 30, 40, 50 };

	(void)state;
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		iq_xact_note_ack(&p, ids[i]);
	assert_int_equal(iq_xact_take_acks(&p, r), IQ_XACT_ACKS);
	assert_int_equal(r[0].first, 9);
	assert_int_equal(r[0].last, 11);	/* 12 began a range of its own before 11 joined them */
	assert_int_equal(r[1].first, 12);
	assert_int_equal(iq_xact_take_acks(&p, r), 0);
}

static void tpkt_frames_a_stream(void **state)
{
	unsigned char two[16];
	struct gw_sv body;
	size_t used;

	(void)state;
	iq_tpkt_header(two, 3);
	memcpy(two + 4, "abc", 3);
	iq_tpkt_header(two + 7, 1);
	two[11] = 'd';
	for (size_t n = 0; n < 7; n++)
		assert_int_equal(iq_tpkt_read(gw_sv((char *)two, n), &body, &used), GW_EAGAIN);
	assert_int_equal(iq_tpkt_read(gw_sv((char *)two, 12), &body, &used), GW_OK);
	assert_int_equal(used, 7);
	assert_true(gw_sv_eq(body, GW_SV("abc")));
	assert_int_equal(iq_tpkt_read(gw_sv((char *)two + 7, 5), &body, &used), GW_OK);
	assert_true(gw_sv_eq(body, GW_SV("d")));
	assert_int_equal(iq_tpkt_read(GW_SV("!/1"), &body, &used), GW_EBADMSG);
	assert_int_equal(iq_tpkt_read(gw_sv("\3\0\0\4", 4), &body, &used), GW_EBADMSG);	/* nothing in it */
	iq_tpkt_header(two, IQ_TPKT_MAX_BYTES);
	assert_int_equal(two[2] << 8 | two[3], 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_survive_both_spellings), cmocka_unit_test(add_means_what_it_says),
		cmocka_unit_test(names_are_what_configuration_says),
		cmocka_unit_test(lists_of_terminations_are_commands_for_each),
		cmocka_unit_test(truncations_never_pass_for_a_message), cmocka_unit_test(mistakes_are_noted_at_their_level),
		cmocka_unit_test(depth_and_size_are_bounded), cmocka_unit_test(closing_brace_is_never_emitted_in_sdp),
		cmocka_unit_test(wildcards_stand_for_one_component),
		cmocka_unit_test(request_is_repeated_for_30_s), cmocka_unit_test(reply_ends_the_repetition),
		cmocka_unit_test(request_is_executed_at_most_once), cmocka_unit_test(repetition_follows_the_round_trip),
		cmocka_unit_test(nothing_is_repeated_or_acknowledged_on_a_connection),
		cmocka_unit_test(pendings_lengthen_the_wait_and_are_counted),
		cmocka_unit_test(acknowledgements_are_ranges), cmocka_unit_test(tpkt_frames_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
