/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that fails leaves the termination as it was (iq.md 10.4): each allocation, flow, port and place of an Add and
 * of a Modify fails in turn; what holds is described before and after, and everything taken is given back.
 */
#include "dataplane/ctx/ctx_int.h"
#include "dataplane/slow/dtls_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- memory: the n-th allocation of our own code fails ------------------------------------------------------ */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);
void *__real_gw_arena_alloc(struct gw_arena *a, size_t size);
void *__real_gw_arena_calloc(struct gw_arena *a, size_t n, size_t size);
void *__wrap_gw_arena_alloc(struct gw_arena *a, size_t size);
void *__wrap_gw_arena_calloc(struct gw_arena *a, size_t n, size_t size);

static unsigned fail_at, n_allocs;
static long n_live;

static bool fails(void)
{
	return fail_at && ++n_allocs == fail_at;
}

static void *counted(void *p)
{
	n_live += p != NULL;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
	if (fails())
		return NULL;
	return p ? __real_realloc(p, n) : counted(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
	n_live -= p != NULL;
	__real_free(p);
}

/* An arena may have what it needs already: its allocations count for themselves. */
void *__wrap_gw_arena_alloc(struct gw_arena *a, size_t size)
{
	return fails() ? NULL : __real_gw_arena_alloc(a, size);
}

void *__wrap_gw_arena_calloc(struct gw_arena *a, size_t n, size_t size)
{
	return fails() ? NULL : __real_gw_arena_calloc(a, n, size);
}

/* ---- stand-ins for workers and neighbours --------------------------------------------------------------------- */

struct dp_fast {
	unsigned n_open, flow_fail_at, n_asked, n_sets;
	uint32_t room;
	struct dp_event gone[64];
	unsigned n_gone;
	uint64_t cookies[256];
	bool has_no_route;
};

static struct dp_fast fast;

uint16_t dp_owner(const struct dp_fast *f, uint16_t local_port)
{
	(void)f, (void)local_port;
	return 0;
}

uint16_t dp_n_workers(const struct dp_fast *f)
{
	(void)f;
	return 1;
}

uint32_t dp_flow_free(const struct dp_fast *f, uint16_t worker)
{
	(void)worker;
	return f->room;
}

enum gw_err dp_flow_alloc(struct dp_fast *f, uint16_t local_port, dp_flow_id *out)
{
	(void)local_port;
	if (f->flow_fail_at && ++f->n_asked == f->flow_fail_at)
		return GW_ELIMIT;
	*out = ++f->n_open;
	return GW_OK;
}

void dp_flow_release(struct dp_fast *f, dp_flow_id id)
{
	(void)f, (void)id;
}

enum gw_err dp_cmd_send(struct dp_fast *f, const struct dp_cmd *cmd)
{
	f->n_sets += cmd->type == DP_CMD_FLOW_SET;
	if (cmd->type == DP_CMD_FLOW_SET)
		f->cookies[cmd->flow % 256] = cmd->spec.cookie;
	else if (cmd->type == DP_CMD_FLOW_DEL)
		f->gone[f->n_gone++] = (struct dp_event){ .type = DP_EV_FLOW_GONE, .flow = cmd->flow,
			.cookie = f->cookies[cmd->flow % 256] };
	return GW_OK;
}

enum gw_err dp_flow_stats_read(const struct dp_fast *f, dp_flow_id id, struct dp_flow_stats *out)
{
	(void)f, (void)id;
	memset(out, 0, sizeof(*out));
	return GW_OK;
}

void dp_punt_again(struct dp_fast *f, struct rte_mbuf *m)
{
	(void)f, (void)m;
}

void dp_tx_udp(struct dp_fast *f, struct rte_mbuf *m, const struct dp_path *path)
{
	(void)f, (void)m, (void)path;
}

enum gw_err dp_neigh_route(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *dst, uint64_t now_ms, uint16_t *nexthop)
{
	(void)n, (void)laddr, (void)dst, (void)now_ms;
	*nexthop = 0;
	return fast.has_no_route ? GW_ENOENT : GW_OK;
}

/* ---- the rig ------------------------------------------------------------------------------------------------------ */

static void session_free(struct dp_srtp_session *s)
{
	assert_null(s);
}

static void no_notify(void *user, struct dp_term *t, struct dp_stream *s, enum iq_name event, const struct iq_param *params,
	unsigned n)
{
	(void)user, (void)t, (void)s, (void)event, (void)params, (void)n;
}

static uint32_t no_random(void)
{
	return 0;
}

static const struct dp_srtp_ops srtp = { .name = "none", .session_free = session_free };

struct rig {
	struct gw_timers timers;
	struct gw_log log;
	struct dp_laddr laddrs[3];	/* of each realm; another for the core realm, where a test says so */
	struct dp_realm realms[2];
	struct dp_dtls_ctx *dtls;
	struct dp_ice_msg *ice;
	struct dp_ctx *ctx;
	struct dp_context *cx;
	struct dp_term *access, *core;
	uint64_t now;
};

static int set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct dp_dtls_conf d = { .profiles = { DP_SRTP_AES128_CM_SHA1_80 }, .n_profiles = 1, .mtu = 1200, .certificate_days = 1 };
	struct dp_ctx_conf c = { .fast = &fast, .timers = &r->timers, .log = &r->log, .srtp = &srtp, .laddrs = r->laddrs,
		.realms = r->realms, .n_realms = 2, .max_contexts = 4, .consent_timeout_ms = 30000, .tsc_hz = 1000000000,
		.ops.notify = no_notify };

	memset(&fast, 0, sizeof(fast));
	fast.room = 1000;
	r->log.level = GW_LOG_ERROR;
	r->now = 100000;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(gw_addr_parse_ip(i ? GW_SV("10.20.0.10") : GW_SV("192.0.2.10"), &r->laddrs[i].ip), GW_OK);
		snprintf(r->realms[i].name, sizeof(r->realms[i].name), "%s", i ? "core" : "access");
		snprintf(r->realms[i].interface, sizeof(r->realms[i].interface), "%s0", i ? "core" : "access");
		r->realms[i].laddrs[0] = (uint16_t)i;
		r->realms[i].n_addrs = 1;
		assert_int_equal(dp_port_pool_new(&r->realms[i].pools[0], 20000, 20999, no_random), GW_OK);
	}
	assert_int_equal(dp_dtls_ctx_new(&r->dtls, &d, &r->log), GW_OK);
	assert_int_equal(dp_ice_msg_new(&r->ice), GW_OK);
	c.dtls = r->dtls;
	c.ice = r->ice;
	assert_int_equal(dp_ctx_new(&r->ctx, &c), GW_OK);
	assert_int_equal(dp_ctx_create(r->ctx, r->now, false, &r->cx), GW_OK);
	*state = r;
	return 0;
}

/* The workers let go of what was ordered to go. */
static void let_go(struct rig *r)
{
	for (unsigned i = 0; i < fast.n_gone; i++)
		dp_ctx_event(r->ctx, &fast.gone[i], r->now);
	fast.n_gone = 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;

	fail_at = 0;
	while (dp_ctx_count(r->ctx) && r->cx->n_terms)
		dp_ctx_subtract(r->ctx, r->cx->terms[0], r->now);
	let_go(r);
	assert_int_equal(dp_ctx_streams(r->ctx), 0);
	assert_int_equal(dp_ctx_flows(r->ctx), 0);
	assert_int_equal(dp_ctx_ports_in_use(r->ctx), 0);
	dp_ctx_free(r->ctx);
	dp_ice_msg_free(r->ice);
	dp_dtls_ctx_free(r->dtls);
	for (unsigned i = 0; i < 2; i++)
		dp_port_pool_free(r->realms[i].pools[0]);
	gw_timers_free(&r->timers);
	free(r);
	return 0;
}

/* ---- what holds --------------------------------------------------------------------------------------------------- */

static void describe_stream(struct gw_buf *b, const struct dp_stream *s, struct gw_arena *arena)
{
	char addr[GW_ADDR_STR_BYTES];
	struct dp_sdp_pair texts;

	assert_int_equal(dp_stream_recall(s, arena, &texts), GW_OK);
	gw_buf_printf(b, " stream %u port %u mode %u dscp %u sdr %u pol %d remote %s latch %d local [", s->id, s->port, s->ctl.mode,
		s->ctl.dscp, s->ctl.sdr, s->ctl.pol, s->has_remote ? gw_addr_str(&s->remote, addr) : "-",
		s->latch ? (int)s->latch->kind : 0);
	gw_buf_put(b, texts.local);
	gw_buf_puts(b, "] remote [");
	gw_buf_put(b, texts.remote);
	gw_buf_putc(b, ']');
	if (s->access) {
		const struct dp_ice *i = &s->access->ice;
		struct gw_sv peer = dp_ice_remote_ufrag(&i->cred);

		gw_buf_printf(b, " ice %s %s of %.*s lite %d previous %d checks %d consent %d dtls %d client %d", i->cred.ufrag, i->cred.pwd,
			GW_SV_FMT(peer), i->is_lite, i->has_previous, i->full && i->full->wants_checks,
			i->full && i->full->asks_consent, (int)dp_dtls_state(s->access->dtls), dp_dtls_is_client(s->access->dtls));
	}
	gw_buf_putc(b, '\n');
}

static char *describe(struct rig *r)
{
	static char text[2][16384];
	static int which;
	char *out = text[which ^= 1];
	struct gw_arena arena = { .limit = 1 << 20 };
	struct gw_buf b = gw_buf(out, sizeof(text[0]) - 1);

	gw_buf_printf(&b, "contexts %u terms %u streams %u flows %u ports %u\n", dp_ctx_count(r->ctx), dp_ctx_terms(r->ctx),
		dp_ctx_streams(r->ctx), dp_ctx_flows(r->ctx), dp_ctx_ports_in_use(r->ctx));
	for (unsigned i = 0; i < r->cx->n_terms; i++) {
		const struct dp_term *t = r->cx->terms[i];

		gw_buf_printf(&b, "term %u streams %u events %u:", t->number, t->n_streams, t->events_id);
		for (unsigned k = 0; k < dp_events_count(t); k++)
			gw_buf_printf(&b, " %u/%u=%u", t->wanted->w[k].event, t->wanted->w[k].stream, t->wanted->w[k].value);
		gw_buf_putc(&b, '\n');
		for (const struct dp_stream *s = t->streams; s; s = s->next)
			describe_stream(&b, s, &arena);
	}
	assert_false(b.overflow);
	out[b.len] = '\0';
	gw_arena_reset(&arena);
	return out;
}

/* ---- commands ------------------------------------------------------------------------------------------------------- */

#define MEDIA "a=rtpmap:0 PCMU/8000\n"
#define ACCESS_LOCAL "v=0\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 0\n" MEDIA \
	"a=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\na=fingerprint:sha-256 $\na=setup:passive\n"
#define FINGERPRINT "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF"
#define ACCESS_REMOTE(ufrag, port) "v=0\nc=IN IP4 198.51.100.7\nm=audio " port " UDP/TLS/RTP/SAVPF 0\n" MEDIA \
	"a=rtcp-mux\na=ice-ufrag:" ufrag "\na=ice-pwd:asd88fgpdd777uzjYhagZg\n" \
	"a=candidate:1 1 UDP 2130706431 198.51.100.7 " port " typ host\na=fingerprint:sha-256 " FINGERPRINT "\na=setup:actpass\n"
#define CORE_LOCAL "v=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n" MEDIA
#define CORE_REMOTE(port) "v=0\nc=IN IP4 10.30.0.20\nm=audio " port " RTP/AVP 0\n" MEDIA

static const char add_access[] = "A=${M{ST=1{O{MO=IN,ipdc/realm=\"access\",tman/pol=ON,tman/sdr=8000},L{\n" ACCESS_LOCAL "},R{\n"
	ACCESS_REMOTE("8hhY", "50000") "}},ST=2{O{MO=SR},L{\n" ACCESS_LOCAL "}}},E=1{hangterm/thb{timerx=600},adid/ipstop{dt=60,dir=BOTH},"
	"ostuncc/ccr{ST=1}},SG{mgastuns/astuns{ST=1},ostuncc/scc,stuncf/cfr}}";
static const char add_core[] = "A=${M{ST=1{O{MO=SR,ipdc/realm=\"core\",gm/saf=ON},L{\n" CORE_LOCAL "},R{\n" CORE_REMOTE("4000")
	"}}},E=2{g/cause},SG{ipnapt/latch{ST=1,napt=LATCH}}}";
#define MEMBER_LOCAL "v=0\nc=IN IP4 -\nm=audio - UDP/TLS/RTP/SAVPF 0\n" MEDIA "a=mid:1\n"
/* an ICE restart, a new description, another stream and one that shares its transport, other events and signals */
static const char modify_access[] = "MF=${M{TS{mgroup/gs=\"BUNDLE 3 4\"},ST=4{L{\n" MEMBER_LOCAL "}},ST=1{O{MO=SR,ds/dscp=2E,tman/sdr=9000},L{\n" ACCESS_LOCAL "},R{\n"
	ACCESS_REMOTE("9iiZ", "50002") "}},ST=3{O{MO=SR},L{\n" ACCESS_LOCAL "}}},E=3{hangterm/thb{timerx=60},g/cause,stuncf/cft},"
	"SG{ostuncc/sacc{ST=1},stuncf/cfr{ST=3}}}";
static const char modify_core[] = "MF=${M{ST=1{O{MO=RC,ds/dscp=1A},L{\n" CORE_LOCAL "},R{\n" CORE_REMOTE("4002") "}},ST=2{O{MO=SR},L{\n"
	CORE_LOCAL "}}},E=4{adid/ipstop{dt=5,dir=IN}},SG{ipnapt/latch{ST=2,napt=RELATCH}}}";

/* Decoded before anything fails; then only the execution is. */
static enum gw_err execute(struct rig *r, const char *text, struct dp_term *t, struct dp_applied *out)
{
	struct gw_arena decoded = { .limit = 1 << 20 }, arena = { .limit = 1 << 20 };
	unsigned fail = fail_at;
	char whole[8192];
	struct gw_diag diag;
	struct iq_msg m;
	enum gw_err err;

	fail_at = 0;
	snprintf(whole, sizeof(whole), "!/3 [192.0.2.1]:2944 T=1{C=1{%s}}", text);
	assert_int_equal(iq_decode(&decoded, gw_sv_cstr(whole), &m, &diag), GW_OK);
	assert_int_equal(m.txns[0].actions[0].n_cmds, 1);
	assert_int_equal(m.txns[0].actions[0].cmds[0].error, 0);
	n_allocs = 0;
	fail_at = fail;
	err = dp_ctx_apply(r->ctx, r->cx, t, &m.txns[0].actions[0].cmds[0], &arena, r->now, out);
	fail_at = 0;
	gw_arena_reset(&decoded);
	gw_arena_reset(&arena);
	let_go(r);
	return err;
}

static void add(struct rig *r, const char *text, struct dp_term **t)
{
	struct dp_applied out = { 0 };

	fail_at = 0;
	fast.flow_fail_at = 0;
	assert_int_equal(execute(r, text, NULL, &out), GW_OK);
	*t = out.term;
}

/* Was everything as it was, and is as much memory in use? Commands to workers may only have closed what was new. */
static void refused(struct rig *r, const char *text, struct dp_term *t, const char *why)
{
	struct dp_applied out = { 0 };
	unsigned keep = r->cx->n_terms, fail = fail_at;
	char before[16384];
	long live;

	fail_at = 0;
	snprintf(before, sizeof(before), "%s", describe(r));
	live = n_live;
	fail_at = fail;
	assert_int_not_equal(execute(r, text, t, &out), GW_OK);
	assert_int_not_equal(out.code, 0);
	if (r->cx->n_terms != keep || strcmp(before, describe(r)) != 0)
		fail_msg("%s, code %u: before\n%s\nafter\n%s", why, out.code, before, describe(r));
	/* what is allocated once and stays with the stream: latch, memory for a restart and for checks */
	assert_in_range(n_live - live, 0, 4);
}

/* @return how many steps could fail */
static unsigned each_allocation_fails(struct rig *r, const char *text, struct dp_term *t)
{
	char before[16384];
	struct dp_applied out;
	unsigned n;

	for (n = 1; n < 500; n++) {
		enum gw_err err;

		fail_at = 0;
		snprintf(before, sizeof(before), "%s", describe(r));
		fail_at = n;
		memset(&out, 0, sizeof(out));
		err = execute(r, text, t, &out);
		if (n_allocs < n) {	/* none failed */
			assert_int_equal(err, GW_OK);
			return n - 1;
		}
		if (err == GW_OK)	/* one it can do without */
			return n;
		assert_in_range(strlen(out.text), 1, 200);	/* a text there is */
		if (strcmp(before, describe(r)) != 0)
			fail_msg("allocation %u, code %u %s: before\n%s\nafter\n%s", n, out.code, out.text, before, describe(r));
	}
	return n;
}

static void a_failed_allocation_changes_nothing(void **state)
{
	struct rig *r = *state;
	unsigned n;

	/* a context with nothing in it would go: the core side holds it */
	add(r, add_core, &r->core);
	n = each_allocation_fails(r, add_access, NULL);
	assert_in_range(n, 10, 400);
	r->access = r->cx->terms[1];
	n = each_allocation_fails(r, modify_access, r->access);
	assert_in_range(n, 10, 400);
	n = each_allocation_fails(r, modify_core, r->core);
	assert_in_range(n, 5, 400);
}

static void a_missing_flow_changes_nothing(void **state)
{
	struct rig *r = *state;

	add(r, add_core, &r->core);
	for (unsigned n = 1; n <= 2; n++) {	/* a flow a stream */
		fast.flow_fail_at = n;
		fast.n_asked = 0;
		refused(r, add_access, NULL, "no flow");
	}
	add(r, add_access, &r->access);
	fast.flow_fail_at = 1;
	fast.n_asked = 0;
	refused(r, modify_access, r->access, "no flow");
	fast.n_asked = 0;
	refused(r, modify_core, r->core, "no flow of the core");
}

static void a_missing_port_changes_nothing(void **state)
{
	struct rig *r = *state;
	uint16_t port;

	add(r, add_core, &r->core);
	while (dp_port_in_use(r->realms[0].pools[0]) < dp_port_total(r->realms[0].pools[0]) - 1)
		assert_int_equal(dp_port_take(r->realms[0].pools[0], r->now, NULL, NULL, &port), GW_OK);
	refused(r, add_access, NULL, "one port for two streams");
	for (uint16_t p = 20000; p < 21000; p += 2)
		dp_port_give_back(r->realms[0].pools[0], p, 0);
	add(r, add_access, &r->access);
	while (dp_port_take(r->realms[0].pools[0], r->now, NULL, NULL, &port) == GW_OK)
		;
	refused(r, modify_access, r->access, "no port");
	for (uint16_t p = 20000; p < 21000; p += 2) {
		bool is_ours = false;

		for (const struct dp_stream *s = r->access->streams; s; s = s->next)
			is_ours |= s->port == p;
		if (!is_ours)
			dp_port_give_back(r->realms[0].pools[0], p, 0);
	}
}

/* Both addresses of the core realm are used, and the streams of one termination have the same. */
static void streams_go_where_most_ports_are_free(void **state)
{
	struct rig *r = *state;
	struct dp_realm *core = &r->realms[1];
	struct dp_term *t;
	uint16_t port;

	assert_int_equal(gw_addr_parse_ip(GW_SV("10.20.0.11"), &r->laddrs[2].ip), GW_OK);
	assert_int_equal(dp_port_pool_new(&core->pools[1], 20000, 20999, no_random), GW_OK);
	core->laddrs[1] = 2;
	core->n_addrs = 2;
	for (unsigned busy = 0; busy < 2; busy++) {
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(dp_port_take(core->pools[busy], r->now, NULL, NULL, &port), GW_OK);
		add(r, add_core, &t);
		assert_int_equal(t->streams->laddr, core->laddrs[!busy]);
		for (unsigned i = 0; i < 9; i++)
			assert_int_equal(dp_port_take(core->pools[!busy], r->now, NULL, NULL, &port), GW_OK);
		assert_int_equal(execute(r, modify_core, t, &(struct dp_applied){ 0 }), GW_OK);
		assert_int_equal(t->n_streams, 2);
		assert_int_equal(t->streams->next->laddr, core->laddrs[!busy]);
		dp_ctx_subtract(r->ctx, t, r->now);
		let_go(r);
		for (unsigned p = 0; p < 2; p++)
			for (port = 20000; port < 21000; port += 2)
				dp_port_give_back(core->pools[p], port, 0);
		assert_int_equal(dp_ctx_create(r->ctx, r->now, false, &r->cx), GW_OK);	/* it went with its last termination */
	}
	dp_port_pool_free(core->pools[1]);
	core->n_addrs = 1;
}

static void full_tables_change_nothing(void **state)
{
	struct rig *r = *state;
	void *taken[64];
	unsigned n = 0;

	add(r, add_core, &r->core);
	add(r, add_access, &r->access);
	while ((taken[n] = dp_pool_take(&r->ctx->access_pool)))
		n++;
	refused(r, modify_access, r->access, "no DTLS session");
	while (n)
		dp_pool_give(&r->ctx->access_pool, taken[--n]);
	while ((taken[n] = dp_pool_take(&r->ctx->stream_pool)))
		n++;
	refused(r, modify_access, r->access, "no stream");
	refused(r, modify_core, r->core, "no stream of the core");
	while (n)
		dp_pool_give(&r->ctx->stream_pool, taken[--n]);
}

static void what_is_wrong_late_in_a_command_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"MF=${M{ST=1{O{MO=SR,ds/dscp=2E},L{\n" ACCESS_LOCAL "}},ST=3{O{MO=SR},L{\n" ACCESS_LOCAL "}}},SG{ostuncc/scc{ST=9}}}",
		"MF=${M{ST=1{O{MO=SR,ds/dscp=2E},L{\n" ACCESS_LOCAL "}}},SG{ipnapt/latch{ST=1,napt=LATCH}}}",
		"MF=${M{ST=1{O{MO=SR,ds/dscp=2E},L{\n" ACCESS_LOCAL "}}},E=9{nt/netfail}}",
		"MF=${M{ST=1{O{MO=SR,ipdc/realm=\"core\"},L{\n" ACCESS_LOCAL "}}},E=9{g/cause}}",
	};
	struct rig *r = *state;

	add(r, add_core, &r->core);
	add(r, add_access, &r->access);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(r, bad[i], r->access, bad[i]);
	r->realms[0].faults = DP_REALM_LINK;
	refused(r, modify_access, r->access, "realm out of service");
	r->realms[0].faults = 0;
}

/* Not a failure: the command is carried out, and packets wait for a route. */
static void without_a_route_a_command_is_carried_out(void **state)
{
	struct rig *r = *state;
	struct dp_applied out = { 0 };

	fast.has_no_route = true;
	add(r, add_core, &r->core);
	add(r, add_access, &r->access);
	assert_int_equal(execute(r, modify_core, r->core, &out), GW_OK);
	assert_int_equal(execute(r, modify_access, r->access, &out), GW_OK);
	assert_int_equal(execute(r, "MF=${SG{ipnapt/latch{ST=1,napt=OFF}}}", r->core, &out), GW_OK);
	assert_true(dp_ctx_counters(r->ctx)[ctx_no_route] > 0);
}

/* ---- F-42: another association, ordered while one is under way --------------------------------------------------- */

#define OTHER_FINGERPRINT "5B:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF"
#define OF_ACCESS(setup, fp) "v=0\nc=IN IP4 198.51.100.7\nm=audio 50000 UDP/TLS/RTP/SAVPF 0\n" MEDIA \
	"a=rtcp-mux\na=ice-ufrag:8hhY\na=ice-pwd:asd88fgpdd777uzjYhagZg\n" fp "a=setup:" setup "\n"
#define FP(hex) "a=fingerprint:sha-256 " hex "\n"
#define RESTART "L{\n" ACCESS_LOCAL "},"

/* The other end of a handshake, without a network between. */
struct peer {
	struct dp_dtls_ctx *ctx;
	struct dp_dtls *d;
	uint8_t to_us[16][2048], to_it[16][2048];
	size_t len_us[16], len_it[16];
	unsigned n_us, n_it;
};

static void to_us(void *user, struct gw_sv d)
{
	struct peer *p = user;

	memcpy(p->to_us[p->n_us % 16], d.p, d.len);
	p->len_us[p->n_us++ % 16] = d.len;
}

static void to_it(void *user, struct gw_sv d)
{
	struct peer *p = user;

	memcpy(p->to_it[p->n_it % 16], d.p, d.len);
	p->len_it[p->n_it++ % 16] = d.len;
}

static void shake_hands(struct rig *r, struct peer *p, struct dp_dtls *ours)
{
	struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AES128_CM_SHA1_80 }, .n_profiles = 1, .mtu = 1200, .certificate_days = 1 };
	struct dp_fingerprint fp;

	assert_int_equal(dp_dtls_ctx_new(&p->ctx, &conf, &r->log), GW_OK);
	assert_int_equal(dp_dtls_new(&p->d, p->ctx, true, to_us, p), GW_OK);
	assert_int_equal(dp_dtls_ctx_fingerprint(r->dtls, DP_HASH_SHA256, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(p->d, &fp, 1), GW_OK);
	ours->tls->send = to_it;
	ours->tls->user = p;
	assert_int_equal(dp_dtls_start(p->d, r->now), GW_OK);
	for (unsigned u = 0, i = 0; u < p->n_us || i < p->n_it;) {
		if (u < p->n_us) {
			(void)!dp_dtls_input(ours, gw_sv((char *)p->to_us[u % 16], p->len_us[u % 16]), r->now);
			u++;
		} else {
			(void)!dp_dtls_input(p->d, gw_sv((char *)p->to_it[i % 16], p->len_it[i % 16]), r->now);
			i++;
		}
	}
}

static void modify(struct rig *r, const char *text)
{
	struct dp_applied out = { 0 };

	if (execute(r, text, r->access, &out))
		fail_msg("%u %s", out.code, out.text);
}

static void a_handshake_for_another_peer_is_given_up_with_an_ice_restart(void **state)
{
	static const char same_peer[] = "MF=${M{ST=1{" RESTART "R{\n" OF_ACCESS("passive", FP(FINGERPRINT)) "}}}}";
	static const char attack[] = "MF=${M{ST=1{R{\n" OF_ACCESS("passive", FP(OTHER_FINGERPRINT)) "}}}}";
	static const char other_peer[] = "MF=${M{ST=1{" RESTART "R{\n" OF_ACCESS("passive", FP(OTHER_FINGERPRINT)) "}}}}";
	struct rig *r = *state;
	struct dp_dtls *before;
	struct dp_access *a;

	add(r, "A=${M{ST=1{O{MO=SR},L{\n" ACCESS_LOCAL "},R{\n" OF_ACCESS("passive", FP(FINGERPRINT)) "}}}}", &r->access);
	a = r->access->streams->access;
	assert_int_equal(dp_dtls_start(a->dtls, r->now), GW_OK);	/* a pair was selected: the hello is out */
	assert_int_equal(dp_dtls_state(a->dtls), DP_DTLS_HANDSHAKE);
	before = a->dtls;
	modify(r, attack);	/* no restart: whoever has that certificate is not taken (D5) */
	modify(r, "MF=${M{ST=1{R{\n" OF_ACCESS("passive", FP(FINGERPRINT)) "}}}}");
	modify(r, same_peer);
	assert_ptr_equal(a->dtls, before);
	assert_int_equal(dp_dtls_state(a->dtls), DP_DTLS_HANDSHAKE);
	modify(r, other_peer);
	assert_int_equal(dp_ctx_counters(r->ctx)[ctx_dtls_renewed], 1);
	assert_int_equal(dp_dtls_state(a->dtls), DP_DTLS_NEW);
	/* and that one needs a restart of its own */
	assert_int_equal(dp_dtls_start(a->dtls, r->now), GW_OK);
	modify(r, "MF=${M{ST=1{R{\n" OF_ACCESS("passive", FP(FINGERPRINT)) "}}}}");
	assert_int_equal(dp_ctx_counters(r->ctx)[ctx_dtls_renewed], 1);
}

static void a_held_handshake_of_another_peer_is_given_up_with_an_ice_restart(void **state)
{
	struct rig *r = *state;
	struct peer *p = calloc(1, sizeof(*p));
	struct dp_access *a;

	assert_non_null(p);
	add(r, "A=${M{ST=1{O{MO=SR},L{\n" ACCESS_LOCAL "},R{\n" OF_ACCESS("active", "") "}}}}", &r->access);
	a = r->access->streams->access;
	shake_hands(r, p, a->dtls);
	assert_int_equal(dp_dtls_state(a->dtls), DP_DTLS_HELD);
	modify(r, "MF=${M{ST=1{" RESTART "R{\n" OF_ACCESS("active", FP(OTHER_FINGERPRINT)) "}}}}");
	assert_int_equal(dp_ctx_counters(r->ctx)[ctx_dtls_renewed], 1);
	assert_int_equal(dp_dtls_state(a->dtls), DP_DTLS_NEW);
	dp_dtls_free(p->d);
	dp_dtls_ctx_free(p->ctx);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
		ROW(a_failed_allocation_changes_nothing),
		ROW(a_missing_flow_changes_nothing),
		ROW(a_missing_port_changes_nothing),
		ROW(streams_go_where_most_ports_are_free),
		ROW(full_tables_change_nothing),
		ROW(what_is_wrong_late_in_a_command_changes_nothing),
		ROW(without_a_route_a_command_is_carried_out),
		ROW(a_handshake_for_another_peer_is_given_up_with_an_ice_restart),
		ROW(a_held_handshake_of_another_peer_is_given_up_with_an_ice_restart),
	};

	return cmocka_run_group_tests_name("apply_atomic", tests, NULL, NULL);
}
