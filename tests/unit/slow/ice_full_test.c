/* SPDX-License-Identifier: Apache-2.0 */
/* Full ICE (RFC 8445, RFC 7675): two agents with a network between them that loses, maps and refuses; time is fake. */
#include "dataplane/slow/ice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define FLIGHT_MS 10
#define QUEUE 64

struct packet {
	uint64_t at_ms;
	bool to_b;
	struct gw_addr src, dst;
	size_t len;
	char bytes[DP_STUN_MAX_BYTES];
};

struct agent {
	struct dp_ice ice;
	struct ice_pace pace;
	struct dp_ice_msg *im;
	struct gw_addr addr, mapped;      /* mapped: what the other side sees; family 0: addr */
	unsigned n_sent, n_selected, n_prflx, n_failed, n_lost, n_auth;
	uint64_t last_sent_ms, selected_ms;
};

struct net {
	struct agent a, b;
	uint64_t now;
	struct packet q[QUEUE];
	unsigned n;
	bool is_cut, is_deaf_a;            /* nothing arrives; nothing arrives at a */
};

static struct gw_addr addr(const char *text)
{
	struct gw_addr a;

	assert_int_equal(gw_addr_parse(gw_sv_cstr(text), 0, &a), GW_OK);
	return a;
}

static void take(struct agent *x, const char *theirs)
{
	char ufrag[8], pwd[32];

	snprintf(ufrag, sizeof(ufrag), "uf%s", theirs);
	snprintf(pwd, sizeof(pwd), "%s0123456789012345678901", theirs);
	assert_int_equal(dp_ice_set_remote(&x->ice, gw_sv_cstr(ufrag)), GW_OK);
	dp_ice_take_remote_pwd(&x->ice, gw_sv_dup(gw_sv_cstr(pwd)));
}

static void give(struct agent *x, const char *name)
{
	char ufrag[8], pwd[32];

	snprintf(ufrag, sizeof(ufrag), "uf%s", name);
	snprintf(pwd, sizeof(pwd), "%s0123456789012345678901", name);
	if (x->ice.cred.ufrag[0]) {
		assert_int_equal(dp_ice_reserve(&x->ice), GW_OK);
		dp_ice_restart(&x->ice, ufrag, pwd);
	} else {
		dp_ice_init(&x->ice, ufrag, pwd, 0);
	}
}

static int set_up(void **state)
{
	struct net *n = calloc(1, sizeof(*n));

	n->now = 1000;
	n->a.addr = addr("192.0.2.10:30000");
	n->b.addr = addr("198.51.100.7:50000");
	assert_int_equal(dp_ice_msg_new(&n->a.im), GW_OK);
	assert_int_equal(dp_ice_msg_new(&n->b.im), GW_OK);
	give(&n->a, "aa");
	give(&n->b, "bb");
	take(&n->a, "bb");
	take(&n->b, "aa");
	n->a.ice.controls = true;
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	struct net *n = *state;

	dp_ice_clear(&n->a.ice);
	dp_ice_clear(&n->b.ice);
	dp_ice_msg_free(n->a.im);
	dp_ice_msg_free(n->b.im);
	free(n);
	return 0;
}

static void check(struct net *n, struct agent *x, const char *const *remotes, uint64_t tie)
{
	struct ice_candidate c[ICE_PAIRS_MAX];
	unsigned k;

	for (k = 0; remotes[k]; k++)
		c[k] = (struct ice_candidate){ addr(remotes[k]), ICE_PRIORITY_HOST - k, k };
	assert_int_equal(dp_ice_reserve_full(&x->ice, &x->pace), GW_OK);
	dp_ice_check(&x->ice, c, k, tie, false, n->now);
}

static void post(struct net *n, struct agent *from, const struct gw_addr *dst, struct gw_sv d)
{
	struct packet *p = &n->q[n->n++];

	assert_true(n->n < QUEUE);
	*p = (struct packet){ .at_ms = n->now + FLIGHT_MS, .to_b = from == &n->a, .dst = *dst, .len = d.len,
		.src = from->mapped.family ? from->mapped : from->addr };
	memcpy(p->bytes, d.p, d.len);
}

static void on_event(struct agent *x, enum dp_ice_event ev, uint64_t now)
{
	if (ev == DP_ICE_EV_SELECTED) {
		x->n_selected++;
		x->selected_ms = now;
	}
	x->n_prflx += ev == DP_ICE_EV_PRFLX;
	x->n_failed += ev == DP_ICE_EV_FAILED;
	x->n_lost += ev == DP_ICE_EV_LOST;
}

static void deliver(struct net *n, const struct packet *p)
{
	struct agent *x = p->to_b ? &n->b : &n->a;
	char bytes[DP_STUN_MAX_BYTES];
	struct gw_buf reply = gw_buf(bytes, sizeof(bytes));
	enum dp_ice_event ev;
	enum gw_err err;

	if (n->is_cut || (n->is_deaf_a && x == &n->a) || !gw_addr_eq(&p->dst, x->mapped.family ? &x->mapped : &x->addr))
		return;
	err = dp_ice_input(&x->ice, x->im, gw_sv(p->bytes, p->len), &p->src, 0, n->now, &reply, &ev);
	x->n_auth += err == GW_EAUTH;
	if (err)
		return;
	on_event(x, ev, n->now);
	if (reply.len)
		post(n, x, &p->src, gw_buf_sv(&reply));
}

static void run_agent(struct net *n, struct agent *x)
{
	char bytes[DP_STUN_MAX_BYTES];
	struct gw_buf out = gw_buf(bytes, sizeof(bytes));
	struct gw_addr to;

	on_event(x, dp_ice_tick(&x->ice, n->now), n->now);
	while (dp_ice_poll(&x->ice, x->im, n->now, &out, &to)) {
		x->n_sent++;
		x->last_sent_ms = n->now;
		post(n, x, &to, gw_buf_sv(&out));
	}
	assert_true(dp_ice_deadline(&x->ice) > n->now);	/* or the timer would be due for ever */
}

/* A millisecond at a time: what is due, then what arrives. */
static void run(struct net *n, uint64_t ms)
{
	for (uint64_t end = n->now + ms; n->now < end; n->now++) {
		if (dp_ice_deadline(&n->a.ice) <= n->now)
			run_agent(n, &n->a);
		if (dp_ice_deadline(&n->b.ice) <= n->now)
			run_agent(n, &n->b);
		for (unsigned i = 0; i < n->n;) {
			struct packet p = n->q[i];

			if (p.at_ms > n->now) {
				i++;
				continue;
			}
			n->q[i] = n->q[--n->n];
			deliver(n, &p);
		}
	}
}

static const char *const at_b[] = { "198.51.100.7:50000", NULL };
static const char *const at_a[] = { "192.0.2.10:30000", NULL };
static const char *const nowhere[] = { "203.0.113.1:9", NULL };
static const char *const none[] = { NULL };

static void assert_selected(const struct agent *x, const struct gw_addr *remote)
{
	assert_non_null(dp_ice_selected(&x->ice));
	assert_true(gw_addr_eq(&dp_ice_selected(&x->ice)->remote, remote));
	assert_int_equal(x->ice.consent, DP_ICE_CONSENT_VALID);
}

static void two_full_agents_select_the_same_pair(void **state)
{
	struct net *n = *state;

	check(n, &n->a, at_b, 7);
	check(n, &n->b, at_a, 8);
	run(n, 300);
	assert_selected(&n->a, &n->b.addr);
	assert_selected(&n->b, &n->a.addr);
	assert_int_equal(n->a.n_selected, 1);
	assert_int_equal(n->b.n_selected, 1);
	assert_true(n->a.n_sent <= 4);	/* one that asks, one triggered at most, one that nominates */
	run(n, 25000);
	assert_true(n->a.n_sent <= 4);	/* nothing goes on */
}

static void a_full_agent_checks_and_nominates_at_a_lite_one(void **state)
{
	struct net *n = *state;

	check(n, &n->a, at_b, 7);
	run(n, 300);
	assert_selected(&n->a, &n->b.addr);
	assert_selected(&n->b, &n->a.addr);
	assert_int_equal(n->b.n_sent, 0);
}

static void the_best_pair_is_waited_for(void **state)
{
	struct net *n = *state;
	const char *const two[] = { "203.0.113.1:9", "198.51.100.7:50000", NULL };

	check(n, &n->a, two, 7);
	run(n, 200);
	assert_null(dp_ice_selected(&n->a.ice));	/* the first may still answer */
	run(n, 300);
	assert_selected(&n->a, &n->b.addr);
}

static void checks_are_paced(void **state)
{
	struct net *n = *state;
	const char *const four[] = { "203.0.113.1:1", "203.0.113.1:2", "203.0.113.1:3", "203.0.113.1:4", NULL };

	check(n, &n->a, four, 7);
	run(n, 1);
	assert_int_equal(n->a.n_sent, 1);
	run(n, 49);
	assert_int_equal(n->a.n_sent, 1);
	run(n, 101);
	assert_int_equal(n->a.n_sent, 4);
	run(n, 340);
	assert_int_equal(n->a.n_sent, 4);	/* none again before 500 ms */
	run(n, 200);
	assert_int_equal(n->a.n_sent, 8);
}

static void a_conflict_ends_with_the_larger_tie_breaker_controlling(void **state)
{
	struct net *n = *state;

	for (int both = 0; both < 2; both++) {
		give(&n->a, both ? "ac" : "ab");
		give(&n->b, both ? "bc" : "bd");
		take(&n->a, both ? "bc" : "bd");
		take(&n->b, both ? "ac" : "ab");
		n->a.ice.controls = n->b.ice.controls = both;
		check(n, &n->a, at_b, UINT64_C(1) << 60);
		check(n, &n->b, at_a, 8);
		n->a.n_selected = n->b.n_selected = 0;
		run(n, 1000);
		assert_true(n->a.ice.full->checks.is_controlling);
		assert_false(n->b.ice.full->checks.is_controlling);
		assert_int_equal(n->a.n_selected, 1);
		assert_int_equal(n->b.n_selected, 1);
	}
}

/* B sits behind a NAT and tells an address that leads nowhere. */
static void a_peer_reflexive_candidate_is_told_and_selected(void **state)
{
	struct net *n = *state;

	n->b.mapped = addr("198.51.100.99:1024");
	check(n, &n->a, nowhere, 7);
	check(n, &n->b, at_a, 8);
	run(n, 600);
	assert_int_equal(n->a.n_prflx, 1);
	assert_selected(&n->a, &n->b.mapped);
	assert_selected(&n->b, &n->a.addr);
}

static void checks_without_an_answer_fail_after_39_5_s(void **state)
{
	struct net *n = *state;

	n->is_cut = true;
	check(n, &n->a, at_b, 7);
	run(n, 39499);
	assert_int_equal(n->a.n_failed, 0);
	assert_int_equal(n->a.n_sent, ICE_SENDS);
	run(n, 2);
	assert_int_equal(n->a.n_failed, 1);
	run(n, 60000);
	assert_int_equal(n->a.n_failed, 1);
	assert_int_equal(n->a.n_sent, ICE_SENDS);
	n->is_cut = false;	/* ostuncc/sacc */
	dp_ice_check(&n->a.ice, NULL, 0, 0, true, n->now);
	run(n, 1000);
	assert_selected(&n->a, &n->b.addr);
}

static void a_list_without_candidates_waits_for_the_peer(void **state)
{
	struct net *n = *state;

	check(n, &n->a, none, 7);
	run(n, 20000);
	check(n, &n->b, at_a, 8);
	run(n, 600);
	assert_int_equal(n->a.n_failed, 0);
	assert_selected(&n->a, &n->b.addr);
}

/* Nobody who does not know the password can end a pair or select one. */
static void a_forged_answer_changes_nothing(void **state)
{
	struct net *n = *state;
	char bytes[DP_STUN_MAX_BYTES], reply[DP_STUN_MAX_BYTES];
	struct gw_buf out = gw_buf(bytes, sizeof(bytes)), r = gw_buf(reply, sizeof(reply));
	enum dp_ice_event ev;
	struct gw_addr to;

	check(n, &n->a, at_b, 7);
	assert_true(dp_ice_poll(&n->a.ice, n->a.im, n->now, &out, &to));
	assert_int_equal(dp_ice_input(&n->b.ice, n->b.im, gw_buf_sv(&out), &n->a.addr, 0, n->now, &r, &ev), GW_OK);
	for (size_t i = 0; i < r.len; i++) {
		char forged[DP_STUN_MAX_BYTES];
		struct gw_buf no = gw_buf(bytes, sizeof(bytes));

		memcpy(forged, reply, r.len);
		forged[i] ^= 1;
		assert_int_not_equal(dp_ice_input(&n->a.ice, n->a.im, gw_sv(forged, r.len), &n->b.addr, 0, n->now, &no, &ev), GW_OK);
		assert_int_equal(no.len, 0);
	}
	/* an error without integrity, as anybody on the path could send */
	memcpy(bytes, "\x01\x11\x00\x08", 4);
	memcpy(bytes + 4, reply + 4, 16);
	memcpy(bytes + 20, "\x00\x09\x00\x04\x00\x00\x04\x00", 8);
	assert_int_not_equal(dp_ice_input(&n->a.ice, n->a.im, gw_sv(bytes, 28), &n->b.addr, 0, n->now, &out, &ev), GW_OK);
	assert_int_equal(n->a.ice.full->checks.pairs[0].state, ICE_IN_PROGRESS);
	assert_int_equal(dp_ice_input(&n->a.ice, n->a.im, gw_buf_sv(&r), &n->b.addr, 0, n->now, &out, &ev), GW_OK);
	assert_true(n->a.ice.full->checks.pairs[0].is_valid);
	assert_int_equal(dp_ice_input(&n->a.ice, n->a.im, gw_buf_sv(&r), &n->b.addr, 0, n->now, &out, &ev), GW_EBADMSG);
}

/* F-61: the old pair, and consent by the old credentials, until the new pair is there. */
static void a_restart_keeps_the_old_pair_until_the_new_one_is_selected(void **state)
{
	struct net *n = *state;

	check(n, &n->a, at_b, 7);
	check(n, &n->b, at_a, 8);
	dp_ice_ask_consent(&n->a.ice, true);
	run(n, 1000);
	give(&n->a, "ax");
	assert_selected(&n->a, &n->b.addr);
	run(n, 29000);	/* only consent of the old credentials keeps it */
	assert_selected(&n->a, &n->b.addr);
	assert_int_equal(n->a.n_lost, 0);
	n->b.mapped = addr("198.51.100.99:1024");	/* another network */
	give(&n->b, "bx");
	take(&n->a, "bx");
	take(&n->b, "ax");
	n->a.ice.controls = true;
	check(n, &n->a, none, 7);
	check(n, &n->b, at_a, 8);
	run(n, 1000);
	assert_selected(&n->a, &n->b.mapped);
	assert_int_equal(n->a.n_selected, 2);
	assert_false(n->a.ice.has_previous);
}

static void consent_is_asked_every_5_s_and_ends_30_s_after_the_last_answer(void **state)
{
	struct net *n = *state;
	unsigned before;

	check(n, &n->a, at_b, 7);
	dp_ice_ask_consent(&n->a.ice, true);
	run(n, 1000);
	assert_selected(&n->a, &n->b.addr);
	before = n->a.n_sent;
	run(n, 300000);
	assert_in_range(n->a.n_sent - before, 300 / 6, 300 / 4);
	assert_int_equal(n->a.n_lost, 0);
	n->is_cut = true;
	run(n, 24000);
	assert_int_equal(n->a.n_lost, 0);
	run(n, 6100);
	assert_int_equal(n->a.n_lost, 1);
	assert_int_equal(n->a.ice.consent, DP_ICE_CONSENT_LOST);
	before = n->a.n_sent;
	n->is_cut = false;
	run(n, 60000);
	assert_int_equal(n->a.n_sent, before);	/* 5.1: it does not come back by itself */
	assert_int_equal(n->a.n_lost, 1);
}

static void a_nomination_without_an_answer_leaves_nothing_due(void **state)
{
	struct net *n = *state;
	const char *const two[] = { "198.51.100.7:50000", "203.0.113.1:9", NULL };

	check(n, &n->a, two, 7);
	while (!n->a.ice.full->checks.pairs[0].is_nominating)
		run(n, 1);
	n->is_deaf_a = true;
	n->a.ice.full->checks.pairs[1].is_valid = true;	/* the other one has answered, too */
	run(n, 5000);
	assert_null(dp_ice_selected(&n->a.ice));
}

static void consent_cannot_be_asked_before_the_peers_password_is_known(void **state)
{
	struct net *n = *state;

	free(n->b.ice.cred.remote_pwd);
	n->b.ice.cred.remote_pwd = NULL;
	assert_int_equal(dp_ice_reserve_full(&n->b.ice, &n->b.pace), GW_OK);
	dp_ice_ask_consent(&n->b.ice, true);
	check(n, &n->a, at_b, 7);
	run(n, 1000);
	assert_selected(&n->b, &n->a.addr);
	run_agent(n, &n->b);
	assert_int_equal(n->b.n_sent, 0);
}

/* Its answers count, not what the peer asks: that shows only that the peer can send. */
static void checks_of_the_peer_do_not_renew_asked_consent(void **state)
{
	struct net *n = *state;

	check(n, &n->a, at_b, 7);
	check(n, &n->b, at_a, 8);
	run(n, 1000);
	dp_ice_ask_consent(&n->a.ice, true);
	dp_ice_ask_consent(&n->b.ice, true);
	run(n, 60000);
	assert_int_equal(n->a.n_lost + n->b.n_lost, 0);
	n->is_deaf_a = true;
	run(n, 31000);
	assert_int_equal(n->a.n_lost, 1);
	assert_int_equal(n->b.n_lost, 1);
}

static void candidates_are_read(void **state)
{
	struct ice_candidate c, d;
	char text[128];
	struct gw_buf b = gw_buf(text, sizeof(text));

	(void)state;
	assert_int_equal(ice_candidate_read(GW_SV("1 1 UDP 2130706431 198.51.100.7 50000 typ host"), &c), GW_OK);
	assert_int_equal(c.priority, ICE_PRIORITY_HOST);
	assert_int_equal(c.addr.port, 50000);
	assert_int_equal(ice_candidate_read(GW_SV("1 1 udp 5 2001:db8::7 1 typ srflx raddr :: rport 9"), &d), GW_OK);
	assert_int_equal(d.foundation, c.foundation);
	assert_int_equal(d.addr.family, 6);
	assert_int_equal(ice_candidate_read(GW_SV("1 1 TCP 5 192.0.2.1 9 typ host tcptype active"), &c), GW_EUNSUPP);
	assert_int_equal(ice_candidate_read(GW_SV("1 2 UDP 5 192.0.2.1 9 typ host"), &c), GW_EUNSUPP);
	assert_int_equal(ice_candidate_read(GW_SV("1 1 UDP 5 f00.local 9 typ host"), &c), GW_EUNSUPP);
	assert_int_equal(ice_candidate_read(GW_SV("1 1 UDP 5 192.0.2.1 0 typ host"), &c), GW_EBADMSG);
	assert_int_equal(ice_candidate_read(GW_SV("1 1 UDP 0 192.0.2.1 9"), &c), GW_EBADMSG);
	assert_int_equal(ice_candidate_read(GW_SV("1 1 UDP 5"), &c), GW_EBADMSG);
	ice_candidate_put_prflx(&b, &d.addr, 7);
	assert_int_equal(ice_candidate_read(gw_buf_sv(&b), &c), GW_OK);
	assert_true(gw_addr_eq(&c.addr, &d.addr));
	assert_int_equal(ice_pair_priority(2, 1), (1ull << 32) + 4 + 1);
	assert_int_equal(ice_pair_priority(1, 2), (1ull << 32) + 4);
}

/* More candidates than there are places: the best stay, and one the peer shows takes the place of one that failed. */
static void the_table_keeps_the_best(void **state)
{
	struct ice_pace pace = { 0 };
	struct ice_checks l;
	struct gw_addr a = addr("203.0.113.1:1");

	(void)state;
	ice_checks_init(&l, &pace, false, 1, 0);
	for (unsigned i = 0; i < 3 * ICE_PAIRS_MAX; i++) {
		a.port = (uint16_t)(i + 1);
		ice_checks_add(&l, &(struct ice_candidate){ a, i + 1, i });
	}
	assert_int_equal(l.n, ICE_PAIRS_MAX);
	for (unsigned i = 0; i < l.n; i++)
		assert_true(l.pairs[i].remote_priority > 2 * ICE_PAIRS_MAX);
	a.port = 9999;
	assert_int_equal(ice_checks_request(&l, &a, 1, false), ICE_EV_NONE);
	l.pairs[3].state = ICE_PAIR_FAILED;
	assert_int_equal(ice_checks_request(&l, &a, 1, false), ICE_EV_NEW_PRFLX);
	assert_true(gw_addr_eq(&l.pairs[3].remote, &a));
	assert_ptr_equal(ice_checks_next(&l, 0), &l.pairs[3]);	/* triggered goes first */
}

/* Whose description is not here yet: an offerer controls, before it can check. */
static void an_offerer_without_a_list_has_its_role(void **state)
{
	struct net *n = *state;

	assert_int_equal(dp_ice_reserve_full(&n->a.ice, &n->a.pace), GW_OK);
	assert_int_equal(dp_ice_reserve_full(&n->b.ice, &n->b.pace), GW_OK);
	n->b.ice.controls = false;
	check(n, &n->b, at_a, 8);
	run(n, 40);
	assert_true(dp_ice_is_valid(&n->a.ice, &n->b.addr));
	assert_int_equal(n->a.ice.n_role_conflicts, 0);
	assert_false(n->b.ice.full->checks.is_controlling);
	check(n, &n->a, at_b, 7);
	run(n, 600);
	assert_selected(&n->a, &n->b.addr);
	assert_selected(&n->b, &n->a.addr);
}

static void an_offerer_without_a_list_yields_its_role_to_nobody(void **state)
{
	struct net *n = *state;

	assert_int_equal(dp_ice_reserve_full(&n->a.ice, &n->a.pace), GW_OK);
	n->b.ice.controls = true;
	check(n, &n->b, at_a, 8);
	run(n, 600);
	assert_int_equal(n->a.ice.n_role_conflicts, 1);
	assert_false(n->b.ice.full->checks.is_controlling);
}

/* How many checks of a list leave until `until`, all answered 487. */
static unsigned checks_conflicting(struct ice_checks *l, uint64_t now, uint64_t until)
{
	uint8_t id[ICE_ID_BYTES] = { 0 };
	unsigned n = 0;

	for (; now < until; now++) {
		struct ice_pair *p = ice_checks_next(l, now);

		(void)ice_checks_give_up(l, now);
		if (!p)
			continue;
		id[0] = (uint8_t)++n;
		ice_checks_sent(l, p, id, now);
		assert_int_equal(ice_checks_response(l, p, &p->remote, 487, now), ICE_EV_NONE);
	}
	return n;
}

static void a_peer_that_claims_every_role_is_not_asked_for_ever(void **state)
{
	struct ice_candidate c = { addr("203.0.113.1:1"), 5, 1 };
	struct ice_pace pace = { 0 };
	struct ice_checks l;

	(void)state;
	ice_checks_init(&l, &pace, true, 1, 0);
	ice_checks_add(&l, &c);
	assert_int_equal(checks_conflicting(&l, 0, 60000), 1 + ICE_CONFLICTS_MAX);
	assert_int_equal(l.outcome, ICE_FAILED);
	/* its own check asks for one more, as it should (RFC 8863), and for no more than one */
	assert_int_equal(ice_checks_request(&l, &c.addr, 5, false), ICE_EV_NONE);
	assert_int_equal(checks_conflicting(&l, 60000, 90000), 1);
}

static void checks_of_the_peer_do_not_hurry_ours_beyond_ta(void **state)
{
	struct ice_candidate c = { addr("203.0.113.1:1"), 5, 1 };
	uint8_t id[ICE_ID_BYTES] = { 1 };
	struct ice_pace pace = { 0 };
	struct ice_checks l;
	unsigned n = 0;

	(void)state;
	ice_checks_init(&l, &pace, true, 1, 0);
	ice_checks_add(&l, &c);
	for (uint64_t now = 0; now < 1000; now++) {
		struct ice_pair *p = ice_checks_next(&l, now);

		if (p) {
			ice_checks_sent(&l, p, id, now);
			n++;
		}
		(void)ice_checks_request(&l, &c.addr, 5, false);
		assert_true(ice_checks_deadline(&l) <= now + ICE_TA_MS);
	}
	assert_int_equal(n, 1000 / ICE_TA_MS);
	assert_non_null(ice_checks_find_id(&l, id));	/* an answer to any of them holds */
}

/* RFC 8445 6.1.4.2: Ta is of the agent, and its lists take turns. */
static void lists_of_an_agent_share_its_pace(void **state)
{
	struct ice_pace pace = { 0 };
	struct ice_checks l[3];
	uint64_t last = 0;
	unsigned n[3] = { 0 }, sent = 0;

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		ice_checks_init(&l[k], &pace, true, 1, 1000);
		for (uint16_t i = 0; i < 4; i++) {
			struct ice_candidate c = { addr("203.0.113.1:1"), 100, i };

			c.addr.port = (uint16_t)(i + 1);
			ice_checks_add(&l[k], &c);
		}
	}
	for (uint64_t now = 1000; now < 1400; now++)
		for (unsigned k = 0; k < 3; k++) {
			struct ice_pair *p = ice_checks_next(&l[k], now);
			uint8_t id[ICE_ID_BYTES] = { (uint8_t)++sent };

			if (!p)
				continue;
			ice_checks_sent(&l[k], p, id, now);
			assert_true(n[0] + n[1] + n[2] == 0 || now >= last + ICE_TA_MS);
			last = now;
			n[k]++;
		}
	assert_int_equal(n[0] + n[1] + n[2], 400 / ICE_TA_MS);
	assert_true(n[0] >= 2 && n[1] >= 2 && n[2] >= 2);
	/* one that had nothing to say for long does not come between the others */
	assert_int_equal(ice_checks_request(&l[0], &(struct gw_addr){ .family = 4, .port = 9 }, 5, false), ICE_EV_NEW_PRFLX);
	l[0].next_ms = 1000;
	assert_null(ice_checks_next(&l[0], last + 1));
	assert_non_null(ice_checks_next(&l[0], l[0].next_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
		ROW(two_full_agents_select_the_same_pair),
		ROW(a_full_agent_checks_and_nominates_at_a_lite_one),
		ROW(the_best_pair_is_waited_for),
		ROW(checks_are_paced),
		cmocka_unit_test(lists_of_an_agent_share_its_pace),
		ROW(a_conflict_ends_with_the_larger_tie_breaker_controlling),
		ROW(a_peer_reflexive_candidate_is_told_and_selected),
		ROW(checks_without_an_answer_fail_after_39_5_s),
		ROW(a_list_without_candidates_waits_for_the_peer),
		ROW(a_forged_answer_changes_nothing),
		ROW(a_restart_keeps_the_old_pair_until_the_new_one_is_selected),
		ROW(consent_is_asked_every_5_s_and_ends_30_s_after_the_last_answer),
		ROW(checks_of_the_peer_do_not_renew_asked_consent),
		ROW(a_nomination_without_an_answer_leaves_nothing_due),
		ROW(consent_cannot_be_asked_before_the_peers_password_is_known),
		ROW(an_offerer_without_a_list_has_its_role),
		ROW(an_offerer_without_a_list_yields_its_role_to_nobody),
		cmocka_unit_test(a_peer_that_claims_every_role_is_not_asked_for_ever),
		cmocka_unit_test(checks_of_the_peer_do_not_hurry_ours_beyond_ta),
		cmocka_unit_test(candidates_are_read),
		cmocka_unit_test(the_table_keeps_the_best),
	};

	return cmocka_run_group_tests_name("ice_full", tests, NULL, NULL);
}
