/* SPDX-License-Identifier: Apache-2.0 */
/* Persons, sessions, codes and grants against a fake clock, with and without a state file. */
#include "control/waf/grants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define T0 1000000ull

static char wic[] = "wic", other[] = "other", cb[] = "https://a/cb", pattern[] = "sip:g{1..2}@h";
static char *uris[] = { cb };
static char *patterns[] = { pattern };
static struct cp_conf_client clients[] = { { .id = wic, .redirect_uris = uris, .n_redirect_uris = 1 },
	{ .id = other, .redirect_uris = uris, .n_redirect_uris = 1 } };
static struct cp_conf_waf conf;
static struct cp_pool *pool;
static struct cp_grants *g;
static unsigned revoked;

static void on_revoked(void *user, struct gw_sv jti, uint64_t until_s)
{
	(void)user;
	assert_true(until_s > T0);
	assert_int_equal(jti.len, CP_ID_CHARS);
	revoked++;
}

static void open_with(struct cp_state *state, uint64_t now)
{
	assert_int_equal(cp_pool_new(&pool, patterns, 1), GW_OK);
	assert_int_equal(cp_grants_new(&g, &conf, pool, state, on_revoked, NULL, now), GW_OK);
}

static int rig(void **state)
{
	(void)state;
	conf = (struct cp_conf_waf){ .code_s = 60, .access_token_s = 600, .refresh_token_s = 3600, .session_s = 40000,
		.max_sessions = 100, .clients = clients, .n_clients = 2 };
	revoked = 0;
	open_with(NULL, T0);
	return 0;
}

static int no_rig(void **state)
{
	(void)state;
	cp_grants_free(g);
	cp_pool_free(pool);
	return 0;
}

static struct cp_user alice(void)
{
	return (struct cp_user){ .login = GW_SV("alice"), .impi = GW_SV("alice@h"), .impu = { GW_SV("sip:alice@h") },
		.n_impus = 1, .stamp = 7 };
}

struct signed_in {
	struct cp_person *p;
	char cookie[CP_SECRET_CHARS + 1], code[CP_SECRET_CHARS + 1];
};

static struct signed_in sign_in(const struct cp_user *u, uint64_t now)
{
	struct signed_in s;

	assert_int_equal(cp_grants_sign_in(g, u, now, s.cookie, &s.p), GW_OK);
	assert_int_equal(cp_grants_code(g, s.p, &clients[0], cb, GW_SV(CHALLENGE), gw_sv_cstr(s.cookie), now, s.code), GW_OK);
	return s;
}

static enum gw_err redeem(const char *code, uint64_t now, struct cp_grant **out)
{
	return cp_grants_redeem(g, gw_sv_cstr(code), &clients[0], gw_sv_cstr(cb), GW_SV(VERIFIER), now, out);
}

struct tokens {
	struct cp_grant *grant;
	char refresh[CP_REFRESH_BYTES];
	const struct cp_live_token *access;
};

static struct tokens tokens_of(const struct cp_user *u, uint64_t now)
{
	struct signed_in s = sign_in(u, now);
	struct tokens t;

	assert_int_equal(redeem(s.code, now, &t.grant), GW_OK);
	assert_int_equal(cp_grants_rotate(g, t.grant, now, t.refresh, &t.access), GW_OK);
	return t;
}

static void a_code_lives_for_a_minute_and_once(void **state)
{
	struct cp_user u = alice();
	struct signed_in s = sign_in(&u, T0);
	struct cp_grant *grant;

	(void)state;
	assert_int_equal(redeem(s.code, T0 + 60, &grant), GW_EAUTH);
	assert_int_equal(redeem(s.code, T0 + 59, &grant), GW_OK);
	assert_int_equal(redeem(s.code, T0 + 59, &grant), GW_EAUTH);
	assert_int_equal(cp_grants_count(g), 0);	/* what the first use had given is gone */
}

static void a_refresh_token_dies_unused_and_with_the_session(void **state)
{
	struct cp_user u = alice();
	struct tokens t = tokens_of(&u, T0);
	struct cp_grant *grant;
	uint64_t now = T0;

	(void)state;
	assert_int_equal(t.access->expires_s, T0 + 600);
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(t.refresh), &clients[0], T0 + 3600, &grant), GW_EAUTH);
	while (now + 3000 < T0 + 40000) {
		now += 3000;
		assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(t.refresh), &clients[0], now, &grant), GW_OK);
		assert_int_equal(cp_grants_rotate(g, grant, now, t.refresh, &t.access), GW_OK);
		(void)cp_grants_sweep(g, now);
	}
	assert_int_equal(now, T0 + 39000);
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(t.refresh), &clients[0], T0 + 39700, &grant), GW_OK);
	assert_int_equal(cp_grants_rotate(g, grant, T0 + 39700, t.refresh, &t.access), GW_OK);
	assert_int_equal(t.access->expires_s, T0 + 40000);	/* no token outlives the sign-in */
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(t.refresh), &clients[0], T0 + 40000, &grant), GW_EAUTH);
	while (cp_grants_sweep(g, T0 + 40000))
		;
	assert_int_equal(cp_grants_count(g) + cp_grants_sessions(g), 0);
	assert_int_equal(revoked, 0);			/* all had ended by themselves */
}

static void reuse_of_a_refresh_token_revokes_all_access_tokens(void **state)
{
	struct cp_user u = alice();
	struct tokens t = tokens_of(&u, T0);
	char first[CP_REFRESH_BYTES];
	struct cp_grant *grant;

	(void)state;
	memcpy(first, t.refresh, sizeof(first));
	assert_int_equal(cp_grants_rotate(g, t.grant, T0 + 1, t.refresh, &t.access), GW_OK);
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(first), &clients[1], T0 + 2, &grant), GW_EAUTH);
	assert_int_equal(revoked, 0);			/* another client cannot do it */
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(first), &clients[0], T0 + 2, &grant), GW_EAUTH);
	assert_int_equal(revoked, 2);
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(t.refresh), &clients[0], T0 + 2, &grant), GW_EAUTH);
}

static void one_person_cannot_fill_the_tables(void **state)
{
	struct cp_user u = alice();

	(void)state;
	for (int i = 0; i < 3 * CP_PER_PERSON; i++)
		(void)tokens_of(&u, T0);
	assert_int_equal(cp_grants_count(g), CP_PER_PERSON);
	assert_int_equal(cp_grants_sessions(g), CP_PER_PERSON);
	assert_int_equal(revoked, 2 * CP_PER_PERSON);
}

static void many_persons_push_out_the_oldest(void **state)
{
	char login[16];

	(void)state;
	for (int i = 0; i < 250; i++) {
		struct cp_user u = alice();

		snprintf(login, sizeof(login), "u%d", i);
		u.login = gw_sv_cstr(login);
		(void)tokens_of(&u, T0);
	}
	assert_int_equal(cp_grants_count(g), 100);
	assert_int_equal(cp_grants_sessions(g), 100);
}

static void a_guest_who_never_comes_back_frees_his_place(void **state)
{
	struct signed_in s = sign_in(NULL, T0);
	struct tokens t = tokens_of(NULL, T0);
	char cookie[CP_SECRET_CHARS + 1];
	struct cp_person *p;

	(void)state;
	assert_int_equal(cp_pool_left(pool), 0);
	assert_int_equal(cp_grants_sign_in(g, NULL, T0, cookie, &p), GW_ELIMIT);
	assert_false(cp_grants_sweep(g, T0 + 60));	/* the first one's code was never used */
	assert_int_equal(cp_pool_left(pool), 1);
	assert_null(cp_grants_session(g, gw_sv_cstr(s.cookie), T0 + 60));
	(void)cp_grants_sweep(g, T0 + 3599);
	assert_int_equal(cp_pool_left(pool), 1);
	(void)cp_grants_sweep(g, T0 + 3600);		/* the second one closed his browser */
	assert_int_equal(cp_pool_left(pool), 2);
	(void)t;
}

static void a_changed_user_starts_afresh(void **state)
{
	struct cp_user u = alice();
	struct tokens t = tokens_of(&u, T0), t2;
	struct cp_grant *grant;

	(void)state;
	u.stamp++;
	t2 = tokens_of(&u, T0 + 1);
	assert_int_equal(revoked, 1);
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(t.refresh), &clients[0], T0 + 2, &grant), GW_EAUTH);
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(t2.refresh), &clients[0], T0 + 2, &grant), GW_OK);
}

static void sign_out_ends_the_session_it_came_from_and_no_other(void **state)
{
	struct cp_user u = alice();
	struct signed_in a = sign_in(&u, T0), b = sign_in(&u, T0);
	struct cp_grant *ga, *gb;

	(void)state;
	assert_int_equal(redeem(a.code, T0, &ga), GW_OK);
	assert_int_equal(redeem(b.code, T0, &gb), GW_OK);
	cp_grants_revoke(g, ga, T0);
	assert_null(cp_grants_session(g, gw_sv_cstr(a.cookie), T0));
	assert_non_null(cp_grants_session(g, gw_sv_cstr(b.cookie), T0));
	assert_int_equal(cp_grants_count(g), 1);
}

static void a_restart_keeps_grants_leases_and_revocations(void **state)
{
	char dir[] = "/tmp/w2gw-grants-XXXXXX", path[64], why[256], jti[CP_ID_CHARS + 1];
	struct cp_user u = alice();
	struct tokens user, guest, gone;
	struct cp_grant *grant;
	struct cp_state *s;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s.db", dir);
	no_rig(NULL);
	assert_int_equal(cp_state_open(&s, path, why), GW_OK);
	open_with(s, T0);
	user = tokens_of(&u, T0);
	guest = tokens_of(NULL, T0);
	gone = tokens_of(&u, T0);
	memcpy(jti, user.access->jti, sizeof(jti));
	cp_grants_revoke(g, gone.grant, T0);
	assert_int_equal(revoked, 1);
	no_rig(NULL);
	cp_state_close(s);
	assert_int_equal(cp_state_open(&s, path, why), GW_OK);
	open_with(s, T0 + 10);
	assert_int_equal(revoked, 2);			/* told again: the verifier was restarted too */
	assert_int_equal(cp_grants_count(g), 2);
	assert_int_equal(cp_pool_left(pool), 1);
	assert_non_null(cp_grants_by_jti(g, gw_sv_cstr(jti), T0 + 10));
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(guest.refresh), &clients[0], T0 + 10, &grant), GW_OK);
	assert_true(grant->person->is_guest);
	assert_string_equal(grant->person->impu[0], "sip:g1@h");
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(user.refresh), &clients[0], T0 + 10, &grant), GW_OK);
	assert_string_equal(grant->person->impi, "alice@h");
	assert_int_equal(cp_grants_refresh(g, gw_sv_cstr(gone.refresh), &clients[0], T0 + 10, &grant), GW_EAUTH);
	no_rig(NULL);
	cp_state_close(s);
	assert_int_equal(cp_state_open(&s, path, why), GW_OK);
	open_with(s, T0 + 5000);			/* long after: all has ended */
	assert_int_equal(cp_grants_count(g), 0);
	assert_int_equal(cp_pool_left(pool), 2);
	assert_int_equal(revoked, 2);
	no_rig(NULL);
	cp_state_close(s);
	unlink(path);
	rmdir(dir);
	open_with(NULL, T0);				/* for the teardown */
}

int main(void)
{
#define RIG(name) cmocka_unit_test_setup_teardown(name, rig, no_rig)
	const struct CMUnitTest tests[] = {
		RIG(a_code_lives_for_a_minute_and_once),
		RIG(a_refresh_token_dies_unused_and_with_the_session),
		RIG(reuse_of_a_refresh_token_revokes_all_access_tokens),
		RIG(one_person_cannot_fill_the_tables),
		RIG(many_persons_push_out_the_oldest),
		RIG(a_guest_who_never_comes_back_frees_his_place),
		RIG(a_changed_user_starts_afresh),
		RIG(sign_out_ends_the_session_it_came_from_and_no_other),
		RIG(a_restart_keeps_grants_leases_and_revocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
