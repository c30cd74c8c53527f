/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier: cache, keys of the own WAF and their rotation, revocation (W2-TOK-03, -05, -19). */
#include "control/app/metrics.h"
#include "control/token/cache.h"
#include "control/token/token.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct rig {
	struct cp_conf conf;
	struct cp_loop loop;
	struct gw_log log;
	struct cp_token *v;
	cjose_jwk_t *key;
	enum cp_verdict verdict;
	unsigned n_done, n_revoked;
};

static void set_keys(struct rig *r, cjose_jwk_t *key)
{
	char *jwks = make_jwks(&key, 1, NULL);

	assert_int_equal(cp_token_set_keys(r->v, GW_SV("https://waf.example"), gw_sv_cstr(jwks)), GW_OK);
	free(jwks);
}

static int start(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->conf.tokens.issuers = (struct cp_conf_issuer *)(uintptr_t)&issuer;	/* only read */
	r->conf.tokens.n_issuers = 1;
	r->conf.tokens.max_skew_s = 60;
	r->conf.tokens.cache_entries = 16;
	r->conf.tokens.negative_s = 10;
	r->log.level = GW_LOG_ERROR;
	assert_int_equal(cp_loop_init(&r->loop), GW_OK);
	assert_int_equal(cp_token_new(&r->v, &r->conf, &r->loop, &r->log), GW_OK);
	r->key = make_key(CP_JWS_ES256, "k1");
	*state = r;
	return 0;
}

static int stop(void **state)
{
	struct rig *r = *state;

	cp_token_free(r->v);
	assert_int_equal(cp_loop_close(&r->loop, 5000), GW_OK);
	cjose_jwk_release(r->key);
	free(r);
	return 0;
}

/* Claims that count now, by the real clock. */
static char *token_of(const cjose_jwk_t *key, const char *jti, int life_s)
{
	json_t *c = json_loads(good_claims, 0, NULL);
	json_int_t now = (json_int_t)cp_loop_wall_s();
	char head[64], *text, *t;

	json_object_set_new(c, "iat", json_integer(now));
	json_object_set_new(c, "nbf", json_integer(now));
	json_object_set_new(c, "exp", json_integer(now + life_s));
	json_object_set_new(c, "jti", json_string(jti));
	snprintf(head, sizeof(head), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", cjose_jwk_get_kid(key, NULL));
	text = json_dumps(c, 0);
	t = make_token(key, head, text);
	free(text);
	json_decref(c);
	return t;
}

static void on_done(void *user, enum cp_verdict verdict, struct cp_identity *id)
{
	struct rig *r = user;

	r->verdict = verdict;
	r->n_done++;
	assert_true((verdict == CP_TOKEN_VALID) == (id != NULL));
}

static enum cp_verdict check(struct rig *r, const char *token)
{
	unsigned before = r->n_done;

	assert_null(cp_token_check(r->v, gw_sv_cstr(token), on_done, r));
	assert_int_equal(r->n_done, before + 1);
	return r->verdict;
}

static enum cp_verdict cached(struct rig *r, const char *token)
{
	struct cp_identity *id;

	return cp_token_cached(r->v, gw_sv_cstr(token), &id);
}

static void a_verdict_is_remembered(void **state)
{
	struct rig *r = *state;
	char *good = token_of(r->key, "j1", 600), *bad = gw_sv_dup(gw_sv(good, strlen(good) - 4));
	uint64_t hits = cp_ctr_value[token_cache_hits];

	set_keys(r, r->key);
	assert_int_equal(cached(r, good), CP_TOKEN_UNKNOWN);
	assert_int_equal(check(r, good), CP_TOKEN_VALID);
	assert_int_equal(cached(r, good), CP_TOKEN_VALID);
	assert_int_equal(check(r, good), CP_TOKEN_VALID);
	assert_int_equal(check(r, bad), CP_TOKEN_INVALID);
	assert_int_equal(cached(r, bad), CP_TOKEN_INVALID);
	assert_int_equal(cp_ctr_value[token_cache_hits], hits + 1);
	free(good);
	free(bad);
}

static void without_keys_nobody_can_tell(void **state)
{
	struct rig *r = *state;
	char *t = token_of(r->key, "j1", 600);

	assert_int_equal(check(r, t), CP_TOKEN_UNAVAILABLE);	/* the WAF has not told them yet */
	assert_int_equal(cp_token_set_keys(r->v, GW_SV("https://waf.example"), GW_SV("{}")), GW_EBADMSG);
	free(t);
	t = token_of(r->key, "j2", 600);
	assert_int_equal(check(r, t), CP_TOKEN_UNAVAILABLE);
	assert_int_equal(cached(r, t), CP_TOKEN_UNKNOWN);	/* that is not remembered */
	set_keys(r, r->key);
	assert_int_equal(check(r, t), CP_TOKEN_VALID);
	free(t);
}

static void a_withdrawn_key_takes_its_verdicts_along(void **state)
{
	struct rig *r = *state;
	cjose_jwk_t *next = make_key(CP_JWS_ES256, "k2"), *both[2] = { r->key, next };
	char *old = token_of(r->key, "j1", 600), *new = token_of(next, "j2", 600), *jwks = make_jwks(both, 2, NULL);

	set_keys(r, r->key);
	assert_int_equal(check(r, old), CP_TOKEN_VALID);
	assert_int_equal(cp_token_set_keys(r->v, GW_SV("https://waf.example"), gw_sv_cstr(jwks)), GW_OK);
	assert_int_equal(cached(r, old), CP_TOKEN_VALID);	/* a key more: what was good stays good */
	assert_int_equal(check(r, new), CP_TOKEN_VALID);
	set_keys(r, next);
	assert_int_equal(cached(r, old), CP_TOKEN_UNKNOWN);
	assert_int_equal(check(r, old), CP_TOKEN_INVALID);
	assert_int_equal(check(r, new), CP_TOKEN_VALID);
	cjose_jwk_release(next);
	free(jwks);
	free(old);
	free(new);
}

static void on_revoked(void *user, const struct cp_token_revocation *r, const unsigned char *hash)
{
	(void)hash;
	((struct rig *)user)->n_revoked += r != NULL;
}

static void revoked_tokens_are_invalid_also_when_new_to_us(void **state)
{
	struct rig *r = *state;
	char *a = token_of(r->key, "a", 600), *b = token_of(r->key, "b", 600), *c = token_of(r->key, "c", 600);
	uint64_t now = cp_loop_wall_s();
	struct cp_token_revocation one = { .issuer = GW_SV("https://waf.example"), .jti = GW_SV("a"), .until_s = now + 600 };
	struct cp_token_revocation user = { .issuer = GW_SV("https://waf.example"),
		.impi = GW_SV("alice_priv@home1.example"), .issued_to_s = now, .until_s = now + 600 };

	cp_token_on_revoked(r->v, on_revoked, r);
	set_keys(r, r->key);
	assert_int_equal(check(r, a), CP_TOKEN_VALID);
	assert_int_equal(check(r, b), CP_TOKEN_VALID);
	assert_int_equal(cp_token_revoke(r->v, &one), GW_OK);
	assert_int_equal(cached(r, a), CP_TOKEN_UNKNOWN);
	assert_int_equal(check(r, a), CP_TOKEN_INVALID);
	assert_int_equal(cached(r, b), CP_TOKEN_VALID);
	assert_int_equal(cp_token_revoke(r->v, &user), GW_OK);
	assert_int_equal(check(r, b), CP_TOKEN_INVALID);
	assert_int_equal(check(r, c), CP_TOKEN_INVALID);	/* never seen before */
	assert_int_equal(r->n_revoked, 2);
	free(a);
	free(b);
	free(c);
}

static void the_least_used_verdict_makes_room(void **state)
{
	unsigned char h[20][CP_TOKEN_HASH_BYTES] = { { 0 } };
	struct cp_identity *id;
	struct cp_cache c;

	(void)state;
	cp_cache_init(&c, 4);
	for (unsigned i = 0; i < 20; i++)
		h[i][0] = (unsigned char)i;
	for (unsigned i = 0; i < 4; i++)
		cp_cache_put(&c, h[i], CP_TOKEN_INVALID, NULL, 100);
	assert_int_equal(cp_cache_get(&c, h[0], 50, &id), CP_TOKEN_INVALID);
	for (unsigned i = 4; i < 7; i++)
		cp_cache_put(&c, h[i], CP_TOKEN_SCOPE, NULL, 100);
	assert_int_equal(cp_cache_get(&c, h[0], 50, &id), CP_TOKEN_INVALID);
	assert_int_equal(cp_cache_get(&c, h[1], 50, &id), CP_TOKEN_UNKNOWN);
	assert_int_equal(c.by_hash.count, 4);
	assert_int_equal(cp_cache_get(&c, h[0], 100, &id), CP_TOKEN_UNKNOWN);	/* its time is over */
	cp_cache_free(&c);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = { WITH_RIG(a_verdict_is_remembered), WITH_RIG(without_keys_nobody_can_tell),
		WITH_RIG(a_withdrawn_key_takes_its_verdicts_along),
		WITH_RIG(revoked_tokens_are_invalid_also_when_new_to_us),
		cmocka_unit_test(the_least_used_verdict_makes_room) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
