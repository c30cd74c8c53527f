/* SPDX-License-Identifier: Apache-2.0 */
/* JWT access tokens: what is taken, and every way to be refused (RFC 8725, W2-TOK-05, W2-HDR-12). */
#include "control/token/impus.h"
#include "control/token/introspect.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/bn.h>

#include <cmocka.h>

static cjose_jwk_t *ec, *rsa, *other;
static struct cp_jwks *keys;

static int make_keys(void **state)
{
	cjose_jwk_t *both[2];
	char *jwks;

	(void)state;
	both[0] = ec = make_key(CP_JWS_ES256, "e1");
	both[1] = rsa = make_key(CP_JWS_RS256, "r1");
	other = make_key(CP_JWS_ES256, "e1");
	jwks = make_jwks(both, 2, NULL);
	assert_int_equal(cp_jwks_parse(&keys, gw_sv_cstr(jwks)), GW_OK);
	free(jwks);
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	cp_jwks_free(keys);
	cjose_jwk_release(ec);
	cjose_jwk_release(rsa);
	cjose_jwk_release(other);
	return 0;
}

/* Read, verify and judge as the verifier does; the token is freed. */
static enum cp_verdict judge_at(char *token, uint64_t now_s, struct cp_identity **id)
{
	enum cp_verdict v = CP_TOKEN_INVALID;
	struct cp_jwt j;

	if (cp_jwt_read(&j, gw_sv_cstr(token)) == GW_OK) {
		if (cp_jwt_verify(&j, keys))
			v = cp_claims_check(j.claims, &issuer, now_s, 60, id);
		cp_jwt_free(&j);
	}
	free(token);
	return v;
}

static enum cp_verdict judge(char *token)
{
	struct cp_identity *id = NULL;
	enum cp_verdict v = judge_at(token, NOW, &id);

	assert_true((v == CP_TOKEN_VALID) == (id != NULL));
	cp_identity_unref(id);
	return v;
}

#define ES256 "{\"alg\":\"ES256\",\"kid\":\"e1\"}"

static void good_tokens_give_their_identity(void **state)
{
	struct cp_identity *id = NULL;

	(void)state;
	assert_int_equal(judge_at(make_token(ec, ES256, good_claims), NOW, &id), CP_TOKEN_VALID);
	assert_string_equal(id->impi, "alice_priv@home1.example");
	assert_int_equal(id->n_impus, 2);
	assert_string_equal(id->wwsf_id, "shop");
	assert_string_equal(id->waf_id, "waf1");
	assert_string_equal(id->jti, "j1");
	assert_int_equal(id->expires_s, 1700003600);
	assert_false(id->is_pool);
	assert_true(cp_identity_owns(id, GW_SV("sip:alice@HOME1.example")));
	assert_true(cp_identity_owns(id, GW_SV("tel:+1-555-123-0001")));
	assert_false(cp_identity_owns(id, GW_SV("sip:bob@home1.example")));
	cp_identity_unref(id);
	assert_int_equal(judge(make_token(rsa, "{\"alg\":\"RS256\",\"kid\":\"r1\",\"typ\":\"at+jwt\"}", good_claims)),
		CP_TOKEN_VALID);
	assert_int_equal(judge(make_token(rsa, "{\"alg\":\"RS256\",\"typ\":\"application/at+jwt\"}", good_claims)),
		CP_TOKEN_VALID);
}

static void other_algorithms_are_refused(void **state)
{
	uint8_t zeros[256] = { 0 };
	cjose_jwk_t *oct = cjose_jwk_create_oct_spec(zeros, sizeof(zeros), NULL);
	char *public = cjose_jwk_to_json(rsa, false, NULL);
	cjose_jwk_t *as_secret = cjose_jwk_create_oct_spec((const uint8_t *)public, strlen(public), NULL);
	static const char *const none[] = { "none", "None", "NONE", "", "ES384", "PS256", "EdDSA", "HS256", "RS512" };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		char head[64];

		snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"kid\":\"e1\"}", none[i]);
		assert_int_equal(judge(make_raw(head, good_claims, "")), CP_TOKEN_INVALID);
		assert_int_equal(judge(make_raw(head, good_claims, "AAAA")), CP_TOKEN_INVALID);
	}
	assert_int_equal(judge(make_raw("{\"kid\":\"e1\"}", good_claims, "AAAA")), CP_TOKEN_INVALID);
	assert_int_equal(judge(make_raw("{\"alg\":[\"ES256\"]}", good_claims, "AAAA")), CP_TOKEN_INVALID);
	/* HMAC with what everybody knows: the public key */
	assert_int_equal(judge(make_token(as_secret, "{\"alg\":\"HS256\",\"kid\":\"r1\"}", good_claims)), CP_TOKEN_INVALID);
	assert_int_equal(judge(make_token(oct, "{\"alg\":\"HS256\"}", good_claims)), CP_TOKEN_INVALID);
	/* RSA-PSS and a longer hash by the right key: not what the key set is for */
	assert_int_equal(judge(make_token(rsa, "{\"alg\":\"PS256\",\"kid\":\"r1\"}", good_claims)), CP_TOKEN_INVALID);
	assert_int_equal(judge(make_token(rsa, "{\"alg\":\"RS384\",\"kid\":\"r1\"}", good_claims)), CP_TOKEN_INVALID);
	cjose_jwk_release(oct);
	cjose_jwk_release(as_secret);
	cjose_get_dealloc()(public);
}

static void the_key_is_of_the_kind_alg_says(void **state)
{
	struct cp_jwt j;
	char *t;

	(void)state;
	assert_int_equal(judge(make_token(ec, "{\"alg\":\"ES256\",\"kid\":\"r1\"}", good_claims)), CP_TOKEN_INVALID);
	assert_int_equal(judge(make_token(rsa, "{\"alg\":\"RS256\",\"kid\":\"e1\"}", good_claims)), CP_TOKEN_INVALID);
	assert_int_equal(judge(make_token(other, ES256, good_claims)), CP_TOKEN_INVALID);	/* a stranger's key, our kid */
	t = make_token(ec, "{\"alg\":\"ES256\",\"kid\":\"new\"}", good_claims);
	assert_int_equal(cp_jwt_read(&j, gw_sv_cstr(t)), GW_OK);
	assert_false(cp_jwt_has_key(&j, keys));
	cp_jwt_free(&j);
	free(t);
}

static void headers_that_ask_for_more_are_refused(void **state)
{
	static const char *const heads[] = { "\"typ\":\"secevent+jwt\"", "\"typ\":\"dpop+jwt\"", "\"typ\":7",
		"\"crit\":[\"exp\"]", "\"kid\":7", "\"kid\":\"\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char head[128];

		snprintf(head, sizeof(head), "{\"alg\":\"ES256\",%s}", heads[i]);
		assert_int_equal(judge(make_token(ec, head, good_claims)), CP_TOKEN_INVALID);
	}
}

static void every_changed_bit_is_noticed(void **state)
{
	char *t = make_token(ec, ES256, good_claims);
	size_t n = strlen(t);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		char *copy = gw_sv_dup(gw_sv_cstr(t));

		copy[i] = copy[i] == 'A' ? 'B' : 'A';
		if (strcmp(copy, t) != 0)
			assert_int_equal(judge(copy), CP_TOKEN_INVALID);
		else
			free(copy);
	}
	for (size_t i = 0; i < n; i++)	/* cut short */
		assert_int_equal(judge(gw_sv_dup(gw_sv(t, i))), CP_TOKEN_INVALID);
	free(t);
}

/* The signature's second spelling (r, n - s) is as good; the token is still the same one (W2-TOK-20). */
static void a_twin_signature_is_the_same_token(void **state)
{
	char *t = make_token(ec, ES256, good_claims), *twin = NULL, *dot = strrchr(t, '.');
	unsigned char ida[CP_TOKEN_HASH_BYTES], idb[CP_TOKEN_HASH_BYTES];
	BIGNUM *s = BN_new(), *order = NULL;
	uint8_t *raw;
	size_t len, out_len;
	struct cp_jwt j;
	char *out;

	(void)state;
	assert_true(BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"));
	assert_true(cjose_base64url_decode(dot + 1, strlen(dot + 1), &raw, &len, NULL));
	assert_int_equal(len, 64);
	BN_bin2bn(raw + 32, 32, s);
	BN_sub(s, order, s);
	BN_bn2binpad(s, raw + 32, 32);
	assert_true(cjose_base64url_encode(raw, len, &out, &out_len, NULL));
	assert_int_equal(out_len, strlen(dot + 1));
	twin = calloc(1, strlen(t) + 1);
	assert_non_null(twin);
	memcpy(twin, t, (size_t)(dot - t) + 1);
	memcpy(twin + (dot - t) + 1, out, out_len);
	assert_string_not_equal(twin, t);
	assert_int_equal(cp_jwt_read(&j, gw_sv_cstr(t)), GW_OK);
	cp_jwt_id(&j, ida);
	cp_jwt_free(&j);
	assert_int_equal(cp_jwt_read(&j, gw_sv_cstr(twin)), GW_OK);
	assert_true(cp_jwt_verify(&j, keys));
	cp_jwt_id(&j, idb);
	cp_jwt_free(&j);
	assert_memory_equal(ida, idb, sizeof(ida));
	BN_free(s);
	BN_free(order);
	cjose_get_dealloc()(raw);
	cjose_get_dealloc()(out);
	free(t);
	free(twin);
}

static void text_that_is_no_jwt_is_opaque(void **state)
{
	static const char *const opaque[] = { "", "abc", "a.b", "a.b.c.d", "2YotnFZFEjr1zCsicMWpAA", "..", "a..b",
		"not json.not json.x", "mF_9.B5f-4.1JqM" };
	struct cp_jwt j;

	(void)state;
	for (size_t i = 0; i < sizeof(opaque) / sizeof(opaque[0]); i++)
		assert_int_equal(cp_jwt_read(&j, gw_sv_cstr(opaque[i])), GW_EUNSUPP);
}

/* ---- claims ------------------------------------------------------------------------------------------ */

static enum cp_verdict with(const char *name, const char *json, uint64_t now_s)
{
	json_t *c = json_loads(good_claims, 0, NULL);
	struct cp_identity *id = NULL;
	enum cp_verdict v;

	if (json)
		json_object_set_new(c, name, json_loads(json, JSON_DECODE_ANY, NULL));
	else
		json_object_del(c, name);
	v = cp_claims_check(c, &issuer, now_s, 60, &id);
	cp_identity_unref(id);
	json_decref(c);
	return v;
}

static void time_has_a_minute_of_grace_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(with("exp", "1700000000", NOW + 59), CP_TOKEN_VALID);
	assert_int_equal(with("exp", "1700000000", NOW + 60), CP_TOKEN_INVALID);
	assert_int_equal(with("nbf", "1700000060", NOW), CP_TOKEN_VALID);
	assert_int_equal(with("nbf", "1700000061", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("iat", "1700000061", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("exp", NULL, NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("exp", "\"1800000000\"", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("exp", "1e300", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("nbf", "\"0\"", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("nbf", NULL, NOW), CP_TOKEN_VALID);
}

static void issuer_audience_and_scope_have_to_fit(void **state)
{
	(void)state;
	assert_int_equal(with("iss", "\"https://waf.example/\"", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("iss", NULL, NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("aud", "\"epcscf.example\"", NOW), CP_TOKEN_VALID);
	assert_int_equal(with("aud", "\"epcscf.example.evil\"", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("aud", "[]", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("aud", "{\"epcscf.example\":1}", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("aud", NULL, NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("scope", "\"openid imsx\"", NOW), CP_TOKEN_SCOPE);
	assert_int_equal(with("scope", NULL, NOW), CP_TOKEN_SCOPE);
	assert_int_equal(with("scope", "[\"x\",\"ims\"]", NOW), CP_TOKEN_VALID);
	assert_int_equal(with("scope", "[[\"ims\"]]", NOW), CP_TOKEN_SCOPE);
}

static void claims_that_do_not_fit_sip_are_refused(void **state)
{
	static const char *const impi[] = { "\"\"", "\"a\\\"b@x\"", "\"a\\r\\nX: y@x\"", "\"a\\\\b@x\"", "\"a b@x\"",
		"\"\\u00e4@x\"", "[\"a@x\"]", "7", "\"a<b@x\"", "\"a,b@x\"" };
	static const char *const impu[] = { "\"\"", "\"alice\"", "\"sip:home1.example\"", "\"sip:a@x\\r\\nX: y\"",
		"\"sip:a@x>;evil\"", "\"sip:a@x?Subject=y\"", "\"urn:service:sos\"", "[]", "[\"sip:a@x\",7]", "{}",
		"\"http://x\"", "\"sip:a\\\"@x\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(impi) / sizeof(impi[0]); i++)
		assert_int_equal(with("impi", impi[i], NOW), CP_TOKEN_INVALID);
	for (size_t i = 0; i < sizeof(impu) / sizeof(impu[0]); i++)
		assert_int_equal(with("impu", impu[i], NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("impi", NULL, NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("impu", NULL, NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("wwsf_id", "\"a\\r\\nb\"", NOW), CP_TOKEN_INVALID);
	assert_int_equal(with("waf_id", NULL, NOW), CP_TOKEN_VALID);
}

static void claims_given_twice_are_refused(void **state)
{
	char claims[1024];

	(void)state;
	snprintf(claims, sizeof(claims), "{\"impi\":\"x@x\",%s", good_claims + 1);
	assert_int_equal(judge(make_token(ec, ES256, claims)), CP_TOKEN_INVALID);
	snprintf(claims, sizeof(claims), "{\"x\":\"a\\u0000b\",%s", good_claims + 1);	/* C strings would end there */
	assert_int_equal(judge(make_token(ec, ES256, claims)), CP_TOKEN_INVALID);
}

static void pools_hold_what_their_patterns_mean(void **state)
{
	static const struct {
		const char *pattern, *uri;
		bool is_in;
	} rows[] = { { "sip:guest{1..100}@home1.example", "sip:guest1@home1.example", true },
		{ "sip:guest{1..100}@home1.example", "SIP:guest100@HOME1.example", true },
		{ "sip:guest{1..100}@home1.example", "sip:guest101@home1.example", false },
		{ "sip:guest{1..100}@home1.example", "sip:guest0@home1.example", false },
		{ "sip:guest{1..100}@home1.example", "sip:guest01@home1.example", false },
		{ "sip:guest{1..100}@home1.example", "sip:guest1@evil.example", false },
		{ "sip:guest{1..100}@home1.example", "sip:guest1@home1.example;user=phone", false },
		{ "sip:guest{1..100}@home1.example", "sip:guest1:pw@home1.example", false },
		{ "sip:guest{1..100}@home1.example", "sip:alice@home1.example", false },
		{ "tel:+1555{000..999}", "tel:+1555007", true }, { "tel:+1555{000..999}", "tel:+15557", false },
		{ "sip:v*@home1.example", "sip:visitor.7@home1.example", true },
		{ "sip:v*@home1.example", "sip:v@home1.example", false },
		{ "sip:v*@home1.example", "sip:vx%40y@home1.example", false },
		{ "sip:v@home1.example", "sip:v@home1.example", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (cp_impus_match(gw_sv_cstr(rows[i].pattern), gw_sv_cstr(rows[i].uri)) != rows[i].is_in)
			fail_msg("%s in %s", rows[i].uri, rows[i].pattern);
	assert_false(cp_impus_pattern_ok(GW_SV("guest*")));
	assert_false(cp_impus_pattern_ok(GW_SV("sip:a*b*@x")));
	assert_false(cp_impus_pattern_ok(GW_SV("sip:a{9..1}@x")));
	assert_false(cp_impus_pattern_ok(GW_SV("sip:a{1..}@x")));
	assert_false(cp_impus_pattern_ok(GW_SV("sip:*")));
	assert_false(cp_impus_pattern_ok(GW_SV("sip:a*@*")));
}

static void a_pool_token_speaks_for_its_pool_only(void **state)
{
	json_t *c = json_loads(good_claims, 0, NULL);
	struct cp_identity *id = NULL;

	(void)state;
	json_object_set_new(c, "wwsf_id", json_string("visitors"));
	json_object_set_new(c, "impu", json_pack("[s,s]", "sip:guest7@home1.example", "sip:alice@home1.example"));
	assert_int_equal(cp_claims_check(c, &issuer, NOW, 60, &id), CP_TOKEN_VALID);
	assert_true(id->is_pool);
	assert_true(cp_identity_owns(id, GW_SV("sip:guest7@home1.example")));
	assert_false(cp_identity_owns(id, GW_SV("sip:guest8@home1.example")));
	assert_false(cp_identity_owns(id, GW_SV("sip:alice@home1.example")));	/* named, but outside the pool */
	cp_identity_unref(id);
	json_decref(c);
}

/* ---- key sets -------------------------------------------------------------------------------------------- */

static void key_sets_are_read_for_signatures_only(void **state)
{
	cjose_jwk_t *p384 = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_384, NULL);
	static const uint8_t e[] = { 1, 0, 1 };
	cjose_jwk_t *weak = cjose_jwk_create_RSA_random(1024, e, sizeof(e), NULL);
	cjose_jwk_t *list[2] = { p384, weak };
	static const char *const bad[] = { "", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[7,{},{\"kty\":7}]}",
		"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"}]}",
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
		"{\"keys\":[{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}]}",
		"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AAAAA\",\"e\":\"AQAB\"}]}",	/* no length of base64url */
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"Ir9ZSsRd9OZLF2i_P=30Cp-0ePyO2OdvPSnEyln98bY\","
		"\"y\":\"JuMiOrk15YQs0Mz0qV05VHqBWgV_4bOMUxckRPxQb64\"}]}" };
	static const char *const unfit[] = { "\"use\":\"enc\"", "\"key_ops\":[\"sign\"]", "\"alg\":\"ES384\"" };
	struct cp_jwks *k = NULL;
	char *text = make_jwks(list, 2, NULL);

	(void)state;
	assert_int_equal(cp_jwks_parse(&k, gw_sv_cstr(text)), GW_EBADMSG);
	free(text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cp_jwks_parse(&k, gw_sv_cstr(bad[i])), GW_EBADMSG);
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		text = make_jwks(&ec, 1, unfit[i]);
		assert_int_equal(cp_jwks_parse(&k, gw_sv_cstr(text)), GW_EBADMSG);
		free(text);
	}
	text = make_jwks(&ec, 1, "\"use\":\"sig\",\"key_ops\":[\"verify\"],\"alg\":\"ES256\"");
	assert_int_equal(cp_jwks_parse(&k, gw_sv_cstr(text)), GW_OK);
	assert_true(cp_jwks_within(k, keys));
	assert_false(cp_jwks_within(keys, k));
	cp_jwks_free(k);
	free(text);
	cjose_jwk_release(p384);
	cjose_jwk_release(weak);
}

/* ---- introspection ----------------------------------------------------------------------------------------- */

static enum cp_verdict introspect(const char *body, uint64_t *until_s)
{
	struct cp_identity *id = NULL;
	enum cp_verdict v = cp_introspect_read(gw_sv_cstr(body), &issuer, NOW, 60, &id, until_s);

	cp_identity_unref(id);
	return v;
}

#define ACTIVE "\"active\":true,\"scope\":\"ims\",\"impi\":\"a@x\",\"impu\":\"sip:a@x\""

static void introspection_counts_no_longer_than_allowed(void **state)
{
	uint64_t until = 0;

	(void)state;
	assert_int_equal(introspect("{" ACTIVE ",\"exp\":1700000030}", &until), CP_TOKEN_VALID);
	assert_int_equal(until, NOW + 30);
	assert_int_equal(introspect("{" ACTIVE ",\"exp\":1700009999}", &until), CP_TOKEN_VALID);
	assert_int_equal(until, NOW + 60);
	assert_int_equal(introspect("{" ACTIVE "}", &until), CP_TOKEN_VALID);
	assert_int_equal(until, NOW + 60);
}

static void introspection_that_does_not_say_yes_is_no(void **state)
{
	uint64_t until;

	(void)state;
	assert_int_equal(introspect("{\"active\":false}", &until), CP_TOKEN_INVALID);
	assert_int_equal(introspect("{\"active\":\"true\"}", &until), CP_TOKEN_UNAVAILABLE);
	assert_int_equal(introspect("{}", &until), CP_TOKEN_UNAVAILABLE);
	assert_int_equal(introspect("<html>", &until), CP_TOKEN_UNAVAILABLE);
	assert_int_equal(introspect("", &until), CP_TOKEN_UNAVAILABLE);
	assert_int_equal(introspect("{" ACTIVE ",\"active\":false}", &until), CP_TOKEN_UNAVAILABLE);
	assert_int_equal(introspect("{" ACTIVE ",\"exp\":1699999000}", &until), CP_TOKEN_INVALID);
	assert_int_equal(introspect("{" ACTIVE ",\"iss\":\"https://evil\"}", &until), CP_TOKEN_INVALID);
	assert_int_equal(introspect("{" ACTIVE ",\"aud\":\"other\"}", &until), CP_TOKEN_INVALID);
	assert_int_equal(introspect("{\"active\":true,\"impi\":\"a@x\",\"impu\":\"sip:a@x\"}", &until), CP_TOKEN_SCOPE);
}

static void the_form_escapes_the_token(void **state)
{
	char text[64];
	struct gw_buf b = gw_buf(text, sizeof(text));

	(void)state;
	cp_introspect_form(&b, GW_SV("a+/=&~"));
	assert_true(gw_sv_eq(gw_buf_sv(&b), GW_SV("token=a%2B%2F%3D%26~&token_type_hint=access_token")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good_tokens_give_their_identity),
		cmocka_unit_test(other_algorithms_are_refused), cmocka_unit_test(the_key_is_of_the_kind_alg_says),
		cmocka_unit_test(headers_that_ask_for_more_are_refused), cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(a_twin_signature_is_the_same_token), cmocka_unit_test(text_that_is_no_jwt_is_opaque),
		cmocka_unit_test(time_has_a_minute_of_grace_and_no_more),
		cmocka_unit_test(issuer_audience_and_scope_have_to_fit),
		cmocka_unit_test(claims_that_do_not_fit_sip_are_refused), cmocka_unit_test(claims_given_twice_are_refused),
		cmocka_unit_test(pools_hold_what_their_patterns_mean),
		cmocka_unit_test(a_pool_token_speaks_for_its_pool_only),
		cmocka_unit_test(key_sets_are_read_for_signatures_only),
		cmocka_unit_test(introspection_counts_no_longer_than_allowed),
		cmocka_unit_test(introspection_that_does_not_say_yes_is_no), cmocka_unit_test(the_form_escapes_the_token) };

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
