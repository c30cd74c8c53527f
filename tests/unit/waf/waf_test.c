/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the embedded WAF that need no event loop: forms, PKCE, pool, back-off, keys and tokens. */
#include "control/waf/form.h"
#include "control/waf/jwt.h"
#include "control/waf/keys.h"
#include "control/waf/pkce.h"
#include "control/waf/pool.h"
#include "control/waf/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/core_names.h>

#include <cmocka.h>

#define EXPECT_SV(s, text) assert_true(gw_sv_eq((s), gw_sv_cstr(text)))

/* ---- forms ---------------------------------------------------------------------------------------- */

static void form_fields_are_decoded(void **state)
{
	struct gw_arena a = { 0 };
	struct cp_form f;

	(void)state;
	assert_int_equal(cp_form_parse(&f, &a, GW_SV("user=al%69ce&&p=a+b%2B%26%3d&empty=&flag")), GW_OK);
	assert_int_equal(f.n, 4);
	EXPECT_SV(cp_form_get(&f, "user"), "alice");
	EXPECT_SV(cp_form_get(&f, "p"), "a b+&=");
	EXPECT_SV(cp_form_get(&f, "empty"), "");
	EXPECT_SV(cp_form_get(&f, "absent"), "");
	gw_arena_reset(&a);
}

static void broken_forms_are_refused(void **state)
{
	static const char *const bad[] = { "a=%", "a=%4", "a=%4g", "%zz=1", "a=%00", "a=1&a=2", "a=1&%61=2" };
	char many[256] = "";
	struct gw_arena a = { 0 };
	struct cp_form f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cp_form_parse(&f, &a, gw_sv_cstr(bad[i])), GW_EBADMSG);
	for (int i = 0; i <= CP_FORM_FIELDS_MAX; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "f%d&", i);
	assert_int_equal(cp_form_parse(&f, &a, gw_sv_cstr(many)), GW_ELIMIT);
	gw_arena_reset(&a);
}

static void what_is_encoded_decodes_to_itself(void **state)
{
	char text[800], all[255];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct gw_arena a = { 0 };
	struct cp_form f;

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	gw_buf_puts(&b, "v=");
	cp_form_put(&b, gw_sv(all, sizeof(all)));
	assert_false(b.overflow);
	assert_int_equal(cp_form_parse(&f, &a, gw_buf_sv(&b)), GW_OK);
	assert_true(gw_sv_eq(cp_form_get(&f, "v"), gw_sv(all, sizeof(all))));
	gw_arena_reset(&a);
}

static void cookies_are_found_by_whole_name(void **state)
{
	(void)state;
	EXPECT_SV(cp_cookie_get(GW_SV("a=1; __Host-s=x=y; b=2"), GW_SV("__Host-s")), "x=y");
	EXPECT_SV(cp_cookie_get(GW_SV("x__Host-s=1; s=2"), GW_SV("__Host-s")), "");
	EXPECT_SV(cp_cookie_get(GW_SV("s=1; s=2"), GW_SV("s")), "");	/* somebody put a second one in front */
}

static void basic_credentials_are_decoded(void **state)
{
	struct gw_arena a = { 0 };
	struct gw_sv u, p;

	(void)state;
	assert_int_equal(cp_basic_parse(&a, GW_SV("Basic cnM6czNjcmV0"), &u, &p), GW_OK);
	EXPECT_SV(u, "rs");
	EXPECT_SV(p, "s3cret");
	assert_int_equal(cp_basic_parse(&a, GW_SV("basic cnM6YSUzQWI="), &u, &p), GW_OK);
	EXPECT_SV(p, "a:b");
	assert_int_equal(cp_basic_parse(&a, GW_SV("Bearer cnM6"), &u, &p), GW_ENOENT);
	assert_int_equal(cp_basic_parse(&a, GW_SV("Basic cnM6c"), &u, &p), GW_EBADMSG);
	assert_int_equal(cp_basic_parse(&a, GW_SV("Basic !!!!"), &u, &p), GW_EBADMSG);
	assert_int_equal(cp_basic_parse(&a, GW_SV("Basic cnNz"), &u, &p), GW_EBADMSG);
	gw_arena_reset(&a);
}

/* ---- PKCE: the vector of RFC 7636 appendix B -------------------------------------------------------- */

#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static void pkce_takes_the_verifier_of_the_rfc_and_no_other(void **state)
{
	(void)state;
	assert_true(cp_pkce_matches(GW_SV(CHALLENGE), GW_SV(VERIFIER)));
	assert_false(cp_pkce_matches(GW_SV(CHALLENGE), GW_SV("eBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
	assert_false(cp_pkce_matches(GW_SV(CHALLENGE), GW_SV("")));
	assert_false(cp_pkce_matches(GW_SV(VERIFIER), GW_SV(VERIFIER)));	/* "plain" */
	assert_false(cp_pkce_is_challenge(GW_SV("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c=")));
}

/* ---- pool ------------------------------------------------------------------------------------------ */

static void pool_hands_out_each_impu_once_and_an_old_one_last(void **state)
{
	char many[] = "sip:guest{08..10}@h.example", one[] = "sip:extra@h.example";
	char *patterns[] = { many, one };
	static const char *const want[] = { "sip:guest08@h.example", "sip:guest09@h.example", "sip:guest10@h.example",
		"sip:extra@h.example" };
	char impu[CP_IMPU_BYTES];
	struct cp_pool *p;
	uint32_t i[4], again;

	(void)state;
	assert_int_equal(cp_pool_new(&p, patterns, 2), GW_OK);
	assert_int_equal(cp_pool_size(p), 4);
	for (int k = 0; k < 4; k++) {
		assert_int_equal(cp_pool_take(p, &i[k]), GW_OK);
		cp_pool_impu(p, i[k], impu);
		assert_string_equal(impu, want[k]);
	}
	assert_int_equal(cp_pool_take(p, &again), GW_ELIMIT);
	assert_int_equal(cp_pool_left(p), 0);
	cp_pool_give(p, i[2]);
	cp_pool_give(p, i[0]);
	assert_int_equal(cp_pool_take(p, &again), GW_OK);
	assert_int_equal(again, i[2]);
	cp_pool_free(p);
}

static void pool_remembers_what_was_leased_before_a_restart(void **state)
{
	char pattern[] = "sip:g{1..3}@h", *patterns[] = { pattern };
	struct cp_pool *p;
	uint32_t i, k;

	(void)state;
	assert_int_equal(cp_pool_new(&p, patterns, 1), GW_OK);
	assert_int_equal(cp_pool_claim(p, GW_SV("sip:g2@h"), &i), GW_OK);
	assert_int_equal(cp_pool_claim(p, GW_SV("sip:g2@h"), &k), GW_EEXIST);
	assert_int_equal(cp_pool_claim(p, GW_SV("sip:g02@h"), &k), GW_ENOENT);
	assert_int_equal(cp_pool_claim(p, GW_SV("sip:g4@h"), &k), GW_ENOENT);
	for (int n = 0; n < 2; n++) {
		assert_int_equal(cp_pool_take(p, &k), GW_OK);
		assert_int_not_equal(k, i);
	}
	assert_int_equal(cp_pool_take(p, &k), GW_ELIMIT);
	assert_int_equal(cp_pool_claim(p, GW_SV("sip:g1@h"), &k), GW_ESTATE);
	cp_pool_give(p, i);
	assert_int_equal(cp_pool_take(p, &k), GW_OK);
	assert_int_equal(k, i);
	cp_pool_free(p);
}

static void pool_patterns_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = { "", "sip:g{1..}@h", "sip:g{2..1}@h", "sip:g{1..2}{3..4}@h", "sip:g}1..2{@h",
		"sip:g{1..2@h", "sip:g{-1..2}@h", "sip:g{1..99999999}@h", "sip:g{a..b}@h" };
	struct cp_pool_range r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cp_pool_parse(gw_sv_cstr(bad[i]), &r), GW_EBADMSG);
}

/* ---- back-off --------------------------------------------------------------------------------------- */

static void failures_double_the_wait(void **state)
{
	struct cp_backoff *r = calloc(1, sizeof(*r));

	(void)state;
	*r = (struct cp_backoff){ .free_hits = 3, .base_ms = 1000, .max_ms = 10000, .forget_ms = 60000 };
	for (int i = 0; i < 3; i++)
		cp_backoff_hit(r, GW_SV("k"), 0);
	assert_int_equal(cp_backoff_wait(r, GW_SV("k"), 0), 0);
	for (uint64_t want = 1000; want < 16000; want *= 2) {
		cp_backoff_hit(r, GW_SV("k"), 0);
		assert_int_equal(cp_backoff_wait(r, GW_SV("k"), 0), want < 10000 ? want : 10000);
	}
	cp_backoff_hit(r, GW_SV("k"), 0);
	assert_int_equal(cp_backoff_wait(r, GW_SV("k"), 0), 10000);
	assert_int_equal(cp_backoff_wait(r, GW_SV("k"), 9000), 1000);
	assert_int_equal(cp_backoff_wait(r, GW_SV("other"), 0), 0);
	cp_backoff_hit(r, GW_SV("k"), 70001);	/* quiet for longer than forget_ms */
	assert_int_equal(cp_backoff_wait(r, GW_SV("k"), 70001), 0);
	for (int i = 0; i < 9; i++)
		cp_backoff_hit(r, GW_SV("k"), 70001);
	cp_backoff_clear(r, GW_SV("k"));
	assert_int_equal(cp_backoff_wait(r, GW_SV("k"), 70001), 0);
	free(r);
}

static void a_flood_of_keys_pushes_out_the_quietest(void **state)
{
	struct cp_backoff *r = calloc(1, sizeof(*r));
	char key[32];

	(void)state;
	*r = (struct cp_backoff){ .free_hits = 0, .base_ms = 100000000, .max_ms = 100000000, .forget_ms = 60000 };
	for (int i = 0; i < 10 * CP_BACKOFF_SETS * CP_BACKOFF_WAYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		cp_backoff_hit(r, gw_sv_cstr(key), (uint64_t)i);
		assert_true(cp_backoff_wait(r, gw_sv_cstr(key), (uint64_t)i) > 0);
	}
	assert_int_equal(cp_backoff_wait(r, GW_SV("k0"), 90000), 0);
	free(r);
}

/* ---- keys and tokens -------------------------------------------------------------------------------- */

static char dir[] = "/tmp/w2gw-waf-XXXXXX";
static char path[64];

static int in_folder(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/keys.json", dir);
	return 0;
}

static int no_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static struct cp_keys *keys_at(uint64_t now_s)
{
	char why[256];
	struct cp_keys *k;

	assert_int_equal(cp_keys_load(&k, path, 1000, 100, now_s, why), GW_OK);
	return k;
}

static void signing_keys_are_private_and_survive_a_restart(void **state)
{
	struct cp_keys *k = keys_at(5000);
	char *first = strdup(cp_keys_jwks(k));
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_null(strstr(first, "\"d\""));
	assert_non_null(strstr(first, "\"crv\":\"P-256\""));
	cp_keys_free(k);
	k = keys_at(9000);
	assert_string_equal(first, cp_keys_jwks(k));
	cp_keys_free(k);
	free(first);
}

static void a_key_is_published_before_it_signs_and_after(void **state)
{
	struct cp_keys *k = keys_at(5000);
	const cjose_jwk_t *first = cp_keys_signer(k, 5000);

	(void)state;
	assert_int_equal(cp_keys_turn(k, 5999), GW_OK);
	assert_int_equal(cp_keys_turn(k, 6000), GW_EAGAIN);
	assert_int_equal(cp_keys_count(k), 2);
	assert_ptr_equal(cp_keys_signer(k, 6099), first);
	assert_ptr_not_equal(cp_keys_signer(k, 6100), first);
	assert_int_equal(cp_keys_turn(k, 6199), GW_OK);
	assert_int_equal(cp_keys_turn(k, 6200), GW_EAGAIN);
	assert_int_equal(cp_keys_count(k), 1);
	cp_keys_free(k);
	k = keys_at(6200);
	assert_int_equal(cp_keys_count(k), 1);
	cp_keys_free(k);
}

static void a_key_file_that_is_not_ours_is_refused(void **state)
{
	static const char *const bad[] = { "", "{}", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"EC\"}]}", "[1]", "nonsense" };
	struct cp_keys *k;
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *f = fopen(path, "w");

		fputs(bad[i], f);
		fclose(f);
		assert_int_equal(cp_keys_load(&k, path, 1000, 100, 1, why), GW_EINVAL);
		assert_non_null(strstr(why, path));
	}
}

static size_t b64url(const char *in, size_t n, unsigned char *out)
{
	char text[4096];
	size_t len = n;

	for (size_t i = 0; i < n; i++)
		text[i] = in[i] == '-' ? '+' : in[i] == '_' ? '/' : in[i];
	while (len % 4)
		text[len++] = '=';
	assert_int_equal(EVP_DecodeBlock(out, (unsigned char *)text, (int)len), (int)(len / 4 * 3));
	return n * 3 / 4;
}

/* The other side's view, by OpenSSL alone: public key from the JWK set, raw ES256 signature. */
static bool openssl_verifies(const char *jwks, const char *token)
{
	json_t *j = json_loads(jwks, 0, NULL), *key = json_array_get(json_object_get(j, "keys"), 0);
	const char *x = json_string_value(json_object_get(key, "x")), *y = json_string_value(json_object_get(key, "y"));
	const char *dot = strrchr(token, '.');
	unsigned char point[72] = { 4 }, raw[96], der[80], *d = der;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM *params;
	int len;
	bool ok;

	b64url(x, strlen(x), point + 1);
	b64url(y, strlen(y), point + 33);
	OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
	OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, 65);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
	assert_int_equal(EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
	assert_int_equal(b64url(dot + 1, strlen(dot + 1), raw), 64);
	ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
	len = i2d_ECDSA_SIG(sig, &d);
	assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, pkey), 1);
	ok = EVP_DigestVerify(md, der, (size_t)len, (const unsigned char *)token, (size_t)(dot - token)) == 1;
	EVP_MD_CTX_free(md);
	ECDSA_SIG_free(sig);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	json_decref(j);
	return ok;
}

static json_t *part(const char *token, int which)
{
	unsigned char text[4096];
	const char *end;
	size_t n;

	for (; which; which--)
		token = strchr(token, '.') + 1;
	end = strchr(token, '.');
	n = b64url(token, (size_t)(end - token), text);
	return json_loadb((char *)text, n, 0, NULL);
}

static void tokens_follow_rfc_9068_and_others_can_verify_them(void **state)
{
	static const char *const impu[] = { "sip:alice@h", "tel:+1555" };
	struct cp_jwt_claims claims = { .issuer = "https://w", .audience = "cscf", .client_id = "wic", .scope = "ims",
		.waf_id = "w", .wwsf_id = "ww", .jti = "j1", .sub = "alice", .impi = "alice@h", .impu = impu,
		.n_impus = 2, .issued_s = 5000, .expires_s = 5600 };
	struct cp_keys *k = keys_at(5000);
	char token[2048], jti[64];
	struct gw_buf b = gw_buf(token, sizeof(token) - 1);
	json_t *header, *body;

	(void)state;
	assert_int_equal(cp_jwt_sign(k, &claims, &b), GW_OK);
	token[b.len] = '\0';
	header = part(token, 0);
	body = part(token, 1);
	assert_string_equal(json_string_value(json_object_get(header, "typ")), "at+jwt");
	assert_string_equal(json_string_value(json_object_get(header, "alg")), "ES256");
	assert_string_equal(json_string_value(json_object_get(body, "aud")), "cscf");
	assert_string_equal(json_string_value(json_object_get(body, "impi")), "alice@h");
	assert_int_equal(json_integer_value(json_object_get(body, "exp")), 5600);
	assert_int_equal(json_array_size(json_object_get(body, "impu")), 2);
	assert_true(openssl_verifies(cp_keys_jwks(k), token));
	assert_true(cp_jwt_is_ours(k, gw_buf_sv(&b), jti));
	assert_string_equal(jti, "j1");
	strchr(token, '.')[5] ^= 1;	/* one bit of the payload */
	assert_false(openssl_verifies(cp_keys_jwks(k), token));
	assert_false(cp_jwt_is_ours(k, gw_buf_sv(&b), jti));
	json_decref(header);
	json_decref(body);
	cp_keys_free(k);
}

static void a_token_cannot_choose_how_it_is_verified(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.eyJqdGkiOiJqMSJ9.",
		"eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJqMSJ9.AAAA" };
	struct cp_keys *k = keys_at(5000);
	char jti[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cp_jwt_is_ours(k, gw_sv_cstr(bad[i]), jti));
	cp_keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(form_fields_are_decoded),
		cmocka_unit_test(broken_forms_are_refused),
		cmocka_unit_test(what_is_encoded_decodes_to_itself),
		cmocka_unit_test(cookies_are_found_by_whole_name),
		cmocka_unit_test(basic_credentials_are_decoded),
		cmocka_unit_test(pkce_takes_the_verifier_of_the_rfc_and_no_other),
		cmocka_unit_test(pool_hands_out_each_impu_once_and_an_old_one_last),
		cmocka_unit_test(pool_remembers_what_was_leased_before_a_restart),
		cmocka_unit_test(pool_patterns_that_make_no_sense_are_refused),
		cmocka_unit_test(failures_double_the_wait),
		cmocka_unit_test(a_flood_of_keys_pushes_out_the_quietest),
		cmocka_unit_test_setup_teardown(signing_keys_are_private_and_survive_a_restart, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(a_key_is_published_before_it_signs_and_after, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(a_key_file_that_is_not_ours_is_refused, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(tokens_follow_rfc_9068_and_others_can_verify_them, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(a_token_cannot_choose_how_it_is_verified, in_folder, no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
