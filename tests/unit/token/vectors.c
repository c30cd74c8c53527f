/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and tokens made by the test. */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>

const char good_claims[] =
	"{\"iss\":\"https://waf.example\",\"aud\":[\"x\",\"epcscf.example\"],\"exp\":1700003600,\"nbf\":1699999990,"
	"\"iat\":1699999990,\"jti\":\"j1\",\"scope\":\"openid ims\",\"impi\":\"alice_priv@home1.example\","
	"\"impu\":[\"sip:alice@home1.example\",\"tel:+15551230001\"],\"waf_id\":\"waf1\",\"wwsf_id\":\"shop\"}";

static char *audience[] = { (char *)(uintptr_t)"epcscf.example" };
static char *pool_impus[] = { (char *)(uintptr_t)"sip:guest{1..100}@home1.example" };
static struct cp_conf_pool pools[] = { { (char *)(uintptr_t)"visitors", pool_impus, 1, false } };

#define S(text) (char *)(uintptr_t)(text)
const struct cp_conf_issuer issuer = { .name = S("https://waf.example"), .keys = S("own"), .introspection = S(""),
	.client_file = S(""), .ca_file = S(""), .audience = audience, .n_audience = 1, .scope = S("ims"),
	.claim_impi = S("impi"), .claim_impu = S("impu"), .claim_waf_id = S("waf_id"), .claim_wwsf_id = S("wwsf_id"),
	.claim_scope = S("scope"), .cache_s = 60, .pools = pools, .n_pools = 1 };

cjose_jwk_t *make_key(enum cp_jws_alg alg, const char *kid)
{
	static const uint8_t e[] = { 1, 0, 1 };
	cjose_jwk_t *k = alg == CP_JWS_RS256 ? cjose_jwk_create_RSA_random(2048, e, sizeof(e), NULL) :
		cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);

	if (!k || !cjose_jwk_set_kid(k, kid, strlen(kid), NULL))
		abort();
	return k;
}

char *make_jwks(cjose_jwk_t *const *keys, unsigned n, const char *extra)
{
	char *text = calloc(1, 16384), *p = text;

	p += sprintf(p, "{\"keys\":[");
	for (unsigned i = 0; i < n; i++) {
		char *one = cjose_jwk_to_json(keys[i], false, NULL);

		p += sprintf(p, "%s%.*s%s%s}", i ? "," : "", (int)strlen(one) - 1, one, extra ? "," : "",
			extra ? extra : "");
		cjose_get_dealloc()(one);
	}
	strcpy(p, "]}");
	return text;
}

char *make_token(const cjose_jwk_t *key, const char *head, const char *claims)
{
	json_t *h = json_loads(head, 0, NULL);
	cjose_jws_t *jws = cjose_jws_sign(key, (cjose_header_t *)h, (const uint8_t *)claims, strlen(claims), NULL);
	const char *text;
	char *copy;

	if (!jws || !cjose_jws_export(jws, &text, NULL))
		abort();
	copy = gw_sv_dup(gw_sv_cstr(text));
	cjose_jws_release(jws);
	json_decref(h);
	return copy;
}

static void put(char *dst, const char *text)
{
	char *out;
	size_t len;

	if (!cjose_base64url_encode((const uint8_t *)text, strlen(text), &out, &len, NULL))
		abort();
	strncat(dst, out, len);
	cjose_get_dealloc()(out);
}

char *make_raw(const char *head, const char *claims, const char *signature)
{
	char *text = calloc(1, 8192);

	put(text, head);
	strcat(text, ".");
	put(text, claims);
	strcat(text, ".");
	strcat(text, signature);
	return text;
}
