/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an SRTP session is: with a worker that keeps its flows as fast/flow.c does, each is freed once, unused. */
#include "dataplane/ctx/ctx_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX 16

/* ---- the worker ------------------------------------------------------------------------------------------ */

struct dp_fast {
	struct dp_cmd cmds[64];
	unsigned n_cmds, next;
	struct {
		bool is_used;
		struct dp_srtp_session *srtp, *kept;
		bool is_lent;
		uint64_t cookie;
	} flows[MAX];
	struct dp_event events[64];
	unsigned n_events;
	unsigned n_freed[MAX];
	bool is_full;
};

static struct dp_fast fast;
static unsigned mallocs_to_fail;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

void *__wrap_malloc(size_t n)
{
	if (mallocs_to_fail == 0)
		return __real_malloc(n);
	mallocs_to_fail--;
	return NULL;
}

enum gw_err dp_flow_alloc(struct dp_fast *f, uint16_t local_port, dp_flow_id *out)
{
	(void)local_port;
	*out = f->next++;
	return GW_OK;
}

void dp_flow_release(struct dp_fast *f, dp_flow_id id)
{
	assert_false(f->flows[id].is_used);
}

enum gw_err dp_cmd_send(struct dp_fast *f, const struct dp_cmd *cmd)
{
	if (f->is_full)
		return GW_EAGAIN;
	f->cmds[f->n_cmds++] = *cmd;
	return GW_OK;
}

/* Data lines are ctx-data-relay's. */
void dp_media_alert(struct dp_ctx *c, struct dp_stream *s, struct gw_sv alert, uint64_t now_ms)
{
	(void)c, (void)s, (void)alert, (void)now_ms;
}

void dp_data_records_free(struct dp_ctx *c, struct dp_stream *s)
{
	(void)c, (void)s;
	fail();
}

/* Sessions are numbers here. */
static struct dp_srtp_session *session(unsigned k)
{
	return (struct dp_srtp_session *)(uintptr_t)k;
}

static void session_free(struct dp_srtp_session *s)
{
	unsigned k = (unsigned)(uintptr_t)s;

	if (!s)
		return;
	assert_int_equal(++fast.n_freed[k], 1);
	for (int i = 0; i < MAX; i++)	/* nobody can be using it */
		assert_false(fast.flows[i].is_used && (fast.flows[i].srtp == s || fast.flows[i].kept == s));
}

static void work(void)
{
	for (unsigned i = 0; i < fast.n_cmds; i++) {
		const struct dp_cmd *c = &fast.cmds[i];
		struct dp_event ev = { .type = DP_EV_FLOW_SET, .flow = c->flow };

		if (c->type == DP_CMD_FLOW_SET) {
			assert_false(c->spec.srtp && fast.n_freed[(uintptr_t)c->spec.srtp]);
			if (fast.flows[c->flow].is_used && fast.flows[c->flow].srtp != c->spec.srtp && !fast.flows[c->flow].is_lent)
				ev.old_srtp = fast.flows[c->flow].srtp;
			if (fast.flows[c->flow].is_used && fast.flows[c->flow].kept != c->spec.srtp_kept)
				ev.old_kept = fast.flows[c->flow].kept;
			fast.flows[c->flow].is_used = true;
			fast.flows[c->flow].srtp = c->spec.srtp;
			fast.flows[c->flow].kept = c->spec.srtp_kept;
			fast.flows[c->flow].is_lent = c->spec.is_srtp_lent;
			fast.flows[c->flow].cookie = ev.cookie = c->spec.cookie;
		} else if (c->type == DP_CMD_FLOW_DEL) {
			ev.type = DP_EV_FLOW_GONE;
			ev.cookie = fast.flows[c->flow].cookie;
			ev.old_srtp = fast.flows[c->flow].is_lent ? NULL : fast.flows[c->flow].srtp;
			ev.old_kept = fast.flows[c->flow].kept;
			fast.flows[c->flow].is_used = false;
		} else {
			continue;
		}
		fast.events[fast.n_events++] = ev;
	}
	fast.n_cmds = 0;
}

/* ---- the rest of the tables -------------------------------------------------------------------------------- */

enum gw_err dp_neigh_route(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *remote, uint64_t now_ms,
	uint16_t *nexthop)
{
	(void)n, (void)laddr, (void)remote, (void)now_ms;
	*nexthop = 0;
	return GW_OK;
}

const struct dp_ice_pair *dp_ice_selected(const struct dp_ice *ice)
{
	(void)ice;
	return NULL;
}

static unsigned n_streams_freed;

void dp_stream_free(struct dp_ctx *c, struct dp_stream *s, uint64_t now_ms)
{
	(void)now_ms;
	n_streams_freed++;
	dp_pool_give(&c->stream_pool, s);
}

const char *dp_term_id(const struct dp_term *t, char text[DP_TERM_ID_BYTES])
{
	(void)t;
	text[0] = '\0';
	return text;
}

struct dp_stream *dp_stream_peer(const struct dp_stream *s)
{
	for (unsigned i = 0; i < s->term->ctx->n_terms; i++)
		if (s->term->ctx->terms[i] != s->term)
			for (struct dp_stream *o = s->term->ctx->terms[i]->streams; o; o = o->next)
				if (o->id == s->id)
					return o;
	return NULL;
}

/* ---- the rig --------------------------------------------------------------------------------------------------- */

static struct dp_ctx c;
static struct dp_context cx;
static struct dp_term access_term, core_term;
static struct dp_access access_side;
static struct gw_timers timers;
static const struct dp_srtp_ops ops = { .session_free = session_free };

static void events(void)
{
	work();
	for (unsigned i = 0; i < fast.n_events; i++)
		dp_ctx_event(&c, &fast.events[i], 0);
	fast.n_events = 0;
}

static void add(struct dp_term *t, bool is_access)
{
	struct dp_stream *s = dp_pool_take(&c.stream_pool);

	assert_non_null(s);
	*t = (struct dp_term){ .ctx = &cx, .is_access = is_access, .streams = s };
	*s = (struct dp_stream){ .term = t, .id = 1, .generation = ++c.next_generation, .port = 20000,
		.access = is_access ? &access_side : NULL };
	cx.terms[cx.n_terms++] = t;
	assert_int_equal(dp_publish_open(&c, s, 0), GW_OK);
}

/* Another line, which on the access side shares the transport of the first. */
static void add_line(struct dp_term *t)
{
	struct dp_stream *s = dp_pool_take(&c.stream_pool);

	assert_non_null(s);
	*s = (struct dp_stream){ .term = t, .id = 2, .generation = ++c.next_generation, .port = 20000, .access = t->streams->access,
		.transport = t->streams->access ? t->streams : NULL };
	t->streams->next = s;
	assert_int_equal(dp_publish_open(&c, s, 0), GW_OK);
}

/* As dp_stream_close: what is shared leaves after those who share it. */
static void subtract(struct dp_term *t)
{
	struct dp_stream *s[2] = { t->streams->next, t->streams };

	for (unsigned i = 0; i < 2; i++) {
		struct dp_stream *peer = s[i] ? dp_stream_peer(s[i]) : NULL;

		if (!s[i])
			continue;
		if (t->streams == s[i])
			t->streams = NULL;
		else
			t->streams->next = NULL;
		s[i]->term = NULL;
		if (peer)
			dp_publish(&c, peer, 0);
		assert_true(dp_publish_close(&c, s[i], 0));
	}
	if (cx.terms[0] == t)
		cx.terms[0] = cx.terms[1];
	cx.n_terms--;
}

static void keys(void)
{
	access_side.srtp_rx = session(1);
	access_side.srtp_tx = session(2);
	dp_publish(&c, access_term.streams, 0);
}

static int set_up(void **state)
{
	(void)state;
	memset(&fast, 0, sizeof(fast));
	memset(&c, 0, sizeof(c));
	memset(&cx, 0, sizeof(cx));
	memset(&access_side, 0, sizeof(access_side));
	n_streams_freed = 0;
	assert_int_equal(dp_pool_init(&c.stream_pool, 8, sizeof(struct dp_stream)), GW_OK);
	c.c.fast = &fast;
	c.c.srtp = &ops;
	c.c.timers = &timers;
	assert_int_equal(gw_timers_reserve(&timers, 4), GW_OK);
	gw_list_init(&c.backlog);
	add(&access_term, true);
	return 0;
}

static void nothing_left(void)
{
	events();
	assert_int_equal(c.n_flows, 0);
	assert_int_equal(c.stream_pool.in_use, 0);
	assert_int_not_equal(n_streams_freed, 0);
	dp_pool_free(&c.stream_pool);
	gw_timers_free(&timers);
	timers = (struct gw_timers){ 0 };
}

static int all_freed(void **state)
{
	(void)state;
	nothing_left();
	assert_int_equal(fast.n_freed[1], 1);
	assert_int_equal(fast.n_freed[2], 1);
	return 0;
}

static void access_side_leaves_first(void **state)
{
	(void)state;
	add(&core_term, false);
	keys();
	events();
	subtract(&access_term);
	subtract(&core_term);
	all_freed(state);
}

static void core_side_leaves_first(void **state)
{
	(void)state;
	add(&core_term, false);
	keys();
	events();
	subtract(&core_term);
	subtract(&access_term);
	all_freed(state);
}

static void core_side_comes_again_with_the_same_session(void **state)
{
	(void)state;
	add(&core_term, false);
	keys();
	subtract(&core_term);
	add(&core_term, false);	/* before the worker has seen any of it */
	events();
	assert_int_equal(fast.n_freed[2], 0);
	subtract(&core_term);
	events();
	assert_int_equal(fast.n_freed[2], 0);
	add(&core_term, false);
	events();
	assert_ptr_equal(fast.flows[core_term.streams->flow].srtp, session(2));
	subtract(&access_term);
	events();
	subtract(&core_term);
	all_freed(state);
}

/* Another association is ordered in the transaction that takes the core side away: the worker has seen neither. */
static void keys_are_dropped_before_the_worker_let_the_core_side_go(void **state)
{
	(void)state;
	add(&core_term, false);
	keys();
	events();
	subtract(&core_term);
	dp_publish_drop_keys(&c, access_term.streams, 0);
	assert_int_equal(fast.n_freed[2], 0);	/* a packet that comes now finds it */
	events();
	assert_int_equal(fast.n_freed[2], 1);
	assert_null(fast.flows[access_term.streams->flow].srtp);
	subtract(&access_term);
	all_freed(state);
}

static void keys_are_dropped_beside_a_core_side(void **state)
{
	(void)state;
	add(&core_term, false);
	keys();
	dp_publish_drop_keys(&c, access_term.streams, 0);
	assert_int_equal(fast.n_freed[1] + fast.n_freed[2], 0);
	events();
	subtract(&core_term);
	subtract(&access_term);
	all_freed(state);
}

/* Four flows, one pair of sessions; whichever side is first. */
static void lines_that_share_a_transport(void **state)
{
	(void)state;
	add_line(&access_term);
	add(&core_term, false);
	add_line(&core_term);
	keys();
	events();
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(fast.flows[i].srtp);
	subtract(&access_term);
	subtract(&core_term);
	all_freed(state);
	set_up(state);
	add_line(&access_term);
	add(&core_term, false);
	add_line(&core_term);
	keys();
	subtract(&core_term);
	events();
	assert_int_equal(fast.n_freed[1] + fast.n_freed[2], 0);
	subtract(&access_term);
	all_freed(state);
}

static void learned(uint8_t order, uint16_t port)
{
	struct dp_event ev = { .type = DP_EV_LATCHED, .cookie = dp_cookie(&c, core_term.streams), .latch_order = order,
		.latched = { .family = 4, .b = { 10, 30, 0, 20 }, .port = port } };

	dp_ctx_event(&c, &ev, 0);
}

/* As commit_latches(). */
static void order(enum dp_latch kind)
{
	struct dp_stream_latch *l = core_term.streams->latch;

	l->kind = (uint8_t)kind;
	l->order++;
	if (kind != DP_LATCH_AGAIN) {
		memset(l->learned, 0, sizeof(l->learned));
		l->since = l->order;
	}
}

static void what_an_order_before_learned_is_not_of_the_new_one(void **state)
{
	struct dp_stream_latch latch = { .order = 254 };

	(void)state;
	add(&core_term, false);
	core_term.streams->latch = &latch;
	order(DP_LATCH_FIRST);		/* 255 */
	order(DP_LATCH_FIRST);		/* 0 */
	learned(255, 4000);		/* was on its way */
	assert_int_equal(dp_stream_remote(core_term.streams, false).family, 0);
	learned(0, 4002);
	assert_int_equal(dp_stream_remote(core_term.streams, false).port, 4002);
	order(DP_LATCH_AGAIN);		/* 1: keeps what is, also what is told of it late */
	learned(0, 4004);
	assert_int_equal(dp_stream_remote(core_term.streams, false).port, 4004);
	learned(1, 4006);
	assert_int_equal(dp_stream_remote(core_term.streams, false).port, 4006);
	order(DP_LATCH_FIRST);		/* 2 */
	order(DP_LATCH_AGAIN);		/* 3 */
	learned(1, 4008);
	assert_int_equal(dp_stream_remote(core_term.streams, false).family, 0);
	learned(2, 4010);
	assert_int_equal(dp_stream_remote(core_term.streams, false).port, 4010);
	subtract(&core_term);
	keys();
	subtract(&access_term);
	all_freed(state);
}

/* A second association: nothing of the first is used any more when its sessions are freed. */
static void keys_made_anew_while_lines_share_them(void **state)
{
	(void)state;
	add_line(&access_term);
	add(&core_term, false);
	add_line(&core_term);
	keys();
	access_side.srtp_rx = access_side.srtp_tx = NULL;
	dp_publish(&c, access_term.streams, 0);
	access_side.srtp_rx = session(3);
	access_side.srtp_tx = session(4);
	dp_publish(&c, access_term.streams, 0);
	events();
	assert_int_equal(fast.n_freed[1] + fast.n_freed[2], 2);
	assert_int_equal(fast.n_freed[3] + fast.n_freed[4], 0);
	subtract(&core_term);
	subtract(&access_term);
	all_freed(state);
	assert_int_equal(fast.n_freed[3] + fast.n_freed[4], 2);
}

static void there_never_is_a_core_side(void **state)
{
	(void)state;
	keys();
	events();
	subtract(&access_term);
	all_freed(state);
}

/* A worker that does not take its orders, and no memory to keep them. */
static void without_memory(bool is_so)
{
	fast.is_full = is_so;
	mallocs_to_fail = is_so ? 100 : 0;
	if (!is_so)
		(void)gw_timers_run(&timers, 2);
}

static void what_was_lost_is_said_again(void **state)
{
	add(&core_term, false);
	keys();
	events();
	without_memory(true);
	dp_publish_drop_keys(&c, access_term.streams, 0);
	assert_int_equal(c.ctr[ctx_cmd_lost], 2);
	assert_true(c.is_unsure);
	without_memory(false);
	assert_int_equal(fast.n_cmds, 2);
	events();
	assert_int_equal(fast.n_freed[1], 1);
	assert_false(c.is_unsure);
	without_memory(true);
	subtract(&core_term);
	subtract(&access_term);
	events();
	assert_int_equal(c.n_flows, 2);
	without_memory(false);
	all_freed(state);
	assert_false(c.is_unsure);
}

/* The core's flow has been lent what the access side's gives back, and nobody has told it: that session is nobody's. */
static void a_session_that_may_be_in_use_is_not_freed_but_the_next_one_is(void **state)
{
	add(&core_term, false);
	keys();
	events();
	fast.is_full = true;
	mallocs_to_fail = 1;
	dp_publish_drop_keys(&c, access_term.streams, 0);	/* the core's order is lost, the other waits */
	assert_int_equal(c.ctr[ctx_cmd_lost], 1);
	fast.is_full = false;
	(void)gw_timers_run(&timers, 2);
	assert_int_equal(fast.n_cmds, 3);	/* that, and then both anew */
	fast.n_cmds = 1;
	events();				/* session_free() looks who uses it */
	assert_int_equal(fast.n_freed[1] + fast.n_freed[2], 0);
	memmove(&fast.cmds[0], &fast.cmds[1], 2 * sizeof(fast.cmds[0]));
	fast.n_cmds = 2;
	events();
	assert_false(c.is_unsure);
	access_side.srtp_rx = session(3);
	access_side.srtp_tx = session(4);
	dp_publish(&c, access_term.streams, 0);
	dp_publish_drop_keys(&c, access_term.streams, 0);
	events();
	assert_int_equal(fast.n_freed[3] + fast.n_freed[4], 2);
	subtract(&core_term);
	subtract(&access_term);
	nothing_left();
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(access_side_leaves_first, set_up),
		cmocka_unit_test_setup(core_side_leaves_first, set_up),
		cmocka_unit_test_setup(core_side_comes_again_with_the_same_session, set_up),
		cmocka_unit_test_setup(there_never_is_a_core_side, set_up),
		cmocka_unit_test_setup(keys_are_dropped_before_the_worker_let_the_core_side_go, set_up),
		cmocka_unit_test_setup(keys_are_dropped_beside_a_core_side, set_up),
		cmocka_unit_test_setup(what_an_order_before_learned_is_not_of_the_new_one, set_up),
		cmocka_unit_test_setup(what_was_lost_is_said_again, set_up),
		cmocka_unit_test_setup(a_session_that_may_be_in_use_is_not_freed_but_the_next_one_is, set_up),
		cmocka_unit_test_setup(lines_that_share_a_transport, set_up),
		cmocka_unit_test_setup(keys_made_anew_while_lines_share_them, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
