/* SPDX-License-Identifier: Apache-2.0 */
/* JWK Sets. */
#include "control/token/jwks.h"

#include <stdlib.h>

#include <jansson.h>

#define RSA_BITS_MIN 2048	/* RFC 7518 3.3 */
#define RSA_BITS_MAX 8192	/* one verification stays well below a millisecond */

struct key {
	cjose_jwk_t *jwk;
	enum cp_jws_alg alg;
	char *kid;           /* empty: none */
	char *text;          /* the public members, to compare by */
};

struct cp_jwks {
	struct key keys[CP_JWKS_KEYS_MAX];
	unsigned n;
};

static bool is_member(const json_t *jwk, const char *name, const char *value)
{
	const json_t *v = json_object_get(jwk, name);

	return !v || (json_is_string(v) && strcmp(json_string_value(v), value) == 0);
}

static bool may_verify(const json_t *jwk)
{
	const json_t *ops = json_object_get(jwk, "key_ops");

	if (!is_member(jwk, "use", "sig") || (ops && !json_is_array(ops)))
		return false;
	for (size_t i = 0; ops && i < json_array_size(ops); i++)
		if (json_is_string(json_array_get(ops, i)) &&
			strcmp(json_string_value(json_array_get(ops, i)), "verify") == 0)
			return true;
	return !ops;
}

static enum cp_jws_alg alg_of(const json_t *jwk)
{
	const json_t *kty = json_object_get(jwk, "kty");

	if (!json_is_string(kty))
		return CP_JWS_NONE;
	if (strcmp(json_string_value(kty), "RSA") == 0 && is_member(jwk, "alg", "RS256"))
		return CP_JWS_RS256;
	if (strcmp(json_string_value(kty), "EC") == 0 && is_member(jwk, "alg", "ES256") && is_member(jwk, "crv", "P-256"))
		return CP_JWS_ES256;
	return CP_JWS_NONE;
}

bool cp_is_base64url(struct gw_sv part)
{
	for (size_t i = 0; i < part.len; i++) {
		char c = part.p[i], l = gw_lower(c);

		if (!((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

/* cjose 0.6.2 asserts on padding within a number, so none gets there. */
static bool has_numbers(const json_t *jwk, enum cp_jws_alg alg)
{
	const json_t *a = json_object_get(jwk, alg == CP_JWS_RS256 ? "n" : "x"),
		*b = json_object_get(jwk, alg == CP_JWS_RS256 ? "e" : "y");

	return json_is_string(a) && json_string_length(a) && json_is_string(b) && json_string_length(b) &&
		cp_is_base64url(gw_sv(json_string_value(a), json_string_length(a))) &&
		cp_is_base64url(gw_sv(json_string_value(b), json_string_length(b)));
}

/* Public members only, in a fixed order. */
static char *public_text(const json_t *jwk, enum cp_jws_alg alg)
{
	static const char *const rsa[] = { "kty", "n", "e" }, *const ec[] = { "kty", "crv", "x", "y" };
	const char *const *names = alg == CP_JWS_RS256 ? rsa : ec;
	json_t *o = json_object();
	char *text;

	for (unsigned i = 0; o && i < (alg == CP_JWS_RS256 ? 3 : 4); i++)
		json_object_set(o, names[i], json_object_get(jwk, names[i]));
	text = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(o);
	return text;
}

static bool is_strong(const cjose_jwk_t *jwk, enum cp_jws_alg alg)
{
	size_t bits = cjose_jwk_get_keysize(jwk, NULL);

	return alg == CP_JWS_RS256 ? bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX :
		cjose_jwk_EC_get_curve(jwk, NULL) == CJOSE_JWK_EC_P_256;
}

static void add_key(struct cp_jwks *k, const json_t *jwk)
{
	enum cp_jws_alg alg = alg_of(jwk);
	const json_t *kid = json_object_get(jwk, "kid");
	struct key *key = &k->keys[k->n];

	if (alg == CP_JWS_NONE || !may_verify(jwk) || !has_numbers(jwk, alg) || (kid && !json_is_string(kid)) ||
		!(key->text = public_text(jwk, alg)))
		return;
	key->alg = alg;
	key->jwk = cjose_jwk_import(key->text, strlen(key->text), NULL);
	key->kid = kid ? gw_sv_dup(gw_sv(json_string_value(kid), json_string_length(kid))) : gw_sv_dup(GW_SV(""));
	if (key->jwk && key->kid && is_strong(key->jwk, alg)) {
		k->n++;
		return;
	}
	if (key->jwk)
		cjose_jwk_release(key->jwk);
	free(key->kid);
	free(key->text);
	*key = (struct key){ 0 };
}

enum gw_err cp_jwks_parse(struct cp_jwks **out, struct gw_sv text)
{
	json_t *root = json_loadb(text.p ? text.p : "", text.len, JSON_REJECT_DUPLICATES, NULL), *keys, *jwk;
	struct cp_jwks *k = calloc(1, sizeof(*k));
	size_t i;

	if (!k) {
		json_decref(root);
		return GW_ENOMEM;
	}
	keys = json_object_get(root, "keys");
	json_array_foreach(keys, i, jwk)
		if (k->n < CP_JWKS_KEYS_MAX)
			add_key(k, jwk);
	json_decref(root);
	if (k->n == 0) {
		cp_jwks_free(k);
		return GW_EBADMSG;
	}
	*out = k;
	return GW_OK;
}

void cp_jwks_free(struct cp_jwks *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->n; i++) {
		cjose_jwk_release(k->keys[i].jwk);
		free(k->keys[i].kid);
		free(k->keys[i].text);
	}
	free(k);
}

const cjose_jwk_t *cp_jwks_next(const struct cp_jwks *k, enum cp_jws_alg alg, struct gw_sv kid, unsigned *it)
{
	while (k && *it < k->n) {
		const struct key *key = &k->keys[(*it)++];

		if (key->alg == alg && (kid.len == 0 || gw_sv_eq(kid, gw_sv_cstr(key->kid))))
			return key->jwk;
	}
	return NULL;
}

bool cp_jwks_within(const struct cp_jwks *a, const struct cp_jwks *b)
{
	for (unsigned i = 0; a && i < a->n; i++) {
		bool is_found = false;

		for (unsigned j = 0; b && j < b->n; j++)
			is_found |= strcmp(a->keys[i].text, b->keys[j].text) == 0;
		if (!is_found)
			return false;
	}
	return true;
}
