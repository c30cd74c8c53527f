/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, key sets and introspection answers. First byte: what the rest is. Whatever is accepted, no string of an
 * identity may break out of a SIP header (W2-HDR-12).
 */
#include <stdlib.h>

#include "control/token/introspect.h"
#include "control/token/jwt.h"

#define S(text) (char *)(uintptr_t)(text)

static char *audience[] = { S("epcscf") };
static char *pool_impus[] = { S("sip:guest{1..100}@home1.example") };
static struct cp_conf_pool pools[] = { { S("visitors"), pool_impus, 1, false } };
static const struct cp_conf_issuer issuer = { .name = S("https://waf.example"), .keys = S("own"), .introspection = S(""),
	.audience = audience, .n_audience = 1, .scope = S("ims"), .claim_impi = S("impi"), .claim_impu = S("impu"),
	.claim_waf_id = S("waf_id"), .claim_wwsf_id = S("wwsf_id"), .claim_scope = S("scope"), .cache_s = 60,
	.pools = pools, .n_pools = 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_tame(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~' || *s == '"' || *s == '\\')
			abort();
}

static void look_at(struct cp_identity *id)
{
	must_be_tame(id->impi);
	must_be_tame(id->waf_id);
	must_be_tame(id->wwsf_id);
	must_be_tame(id->jti);
	for (unsigned i = 0; i < id->n_impus; i++) {
		must_be_tame(id->impus[i]);
		if (!id->is_pool && !cp_identity_owns(id, gw_sv_cstr(id->impus[i])))
			abort();
	}
	cp_identity_unref(id);
}

static void read_token(struct gw_sv text)
{
	unsigned char token_id[CP_TOKEN_HASH_BYTES];
	struct cp_identity *id = NULL;
	struct cp_jwt j;

	if (cp_jwt_read(&j, text))
		return;
	if (j.alg != CP_JWS_RS256 && j.alg != CP_JWS_ES256)
		abort();
	cp_jwt_id(&j, token_id);
	if (cp_jwt_verify(&j, NULL))
		abort();
	if (cp_claims_check(j.claims, &issuer, 1700000000, 60, &id) == CP_TOKEN_VALID)
		look_at(id);
	cp_jwt_free(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv rest = gw_sv(data + (size > 0), size - (size > 0));
	struct cp_identity *id = NULL;
	struct cp_jwks *keys;
	uint64_t until;

	if (size == 0)
		return 0;
	if (data[0] == 't')
		read_token(rest);
	else if (data[0] == 'k' && cp_jwks_parse(&keys, rest) == GW_OK)
		cp_jwks_free(keys);
	else if (data[0] == 'i' && cp_introspect_read(rest, &issuer, 1700000000, 60, &id, &until) == CP_TOKEN_VALID)
		look_at(id);
	return 0;
}
