/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9068 access tokens by libcjose. */
#include "control/waf/jwt.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#define TOKEN_MAX_BYTES 8192

static json_t *claims_of(const struct cp_jwt_claims *c)
{
	json_t *impus = json_array();

	for (unsigned i = 0; i < c->n_impus; i++)
		json_array_append_new(impus, json_string(c->impu[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:s, s:s}", "iss", c->issuer, "aud",
		c->audience, "sub", c->sub, "client_id", c->client_id, "scope", c->scope, "jti", c->jti, "iat",
		(json_int_t)c->issued_s, "nbf", (json_int_t)c->issued_s, "exp", (json_int_t)c->expires_s, "impi", c->impi,
		"impu", impus, "waf_id", c->waf_id, "wwsf_id", c->wwsf_id);
}

static cjose_header_t *header_of(const cjose_jwk_t *key)
{
	cjose_header_t *h = cjose_header_new(NULL);

	if (h && cjose_header_set(h, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, NULL) &&
		cjose_header_set(h, "typ", "at+jwt", NULL) &&
		cjose_header_set(h, CJOSE_HDR_KID, cjose_jwk_get_kid(key, NULL), NULL))
		return h;
	cjose_header_release(h);
	return NULL;
}

enum gw_err cp_jwt_sign(const struct cp_keys *keys, const struct cp_jwt_claims *claims, struct gw_buf *out)
{
	const cjose_jwk_t *key = cp_keys_signer(keys, claims->issued_s);
	json_t *payload = claims_of(claims);
	char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
	cjose_header_t *header = header_of(key);
	cjose_jws_t *jws = NULL;
	const char *token = NULL;

	if (text && header)
		jws = cjose_jws_sign(key, header, (const uint8_t *)text, strlen(text), NULL);
	if (jws && cjose_jws_export(jws, &token, NULL))
		gw_buf_puts(out, token);
	cjose_jws_release(jws);
	cjose_header_release(header);
	free(text);
	json_decref(payload);
	if (!token)
		return GW_ENOMEM;
	return out->overflow ? GW_ENOSPC : GW_OK;
}

static bool read_jti(const cjose_jws_t *jws, char jti[64])
{
	uint8_t *text;
	size_t len;
	json_t *j;
	const char *v;
	bool ok;

	if (!cjose_jws_get_plaintext(jws, &text, &len, NULL))
		return false;
	j = json_loadb((const char *)text, len, 0, NULL);
	v = json_string_value(json_object_get(j, "jti"));
	ok = v && snprintf(jti, 64, "%s", v) < 64;
	json_decref(j);
	return ok;
}

bool cp_jwt_is_ours(const struct cp_keys *keys, struct gw_sv token, char jti[64])
{
	cjose_jws_t *jws = token.len && token.len <= TOKEN_MAX_BYTES ? cjose_jws_import(token.p, token.len, NULL) : NULL;
	cjose_header_t *h = jws ? cjose_jws_get_protected(jws) : NULL;
	const char *alg = h ? cjose_header_get(h, CJOSE_HDR_ALG, NULL) : NULL;
	const char *kid = h ? cjose_header_get(h, CJOSE_HDR_KID, NULL) : NULL;
	const cjose_jwk_t *key = kid ? cp_keys_find(keys, gw_sv_cstr(kid)) : NULL;
	/* the header may not choose how it is verified (RFC 8725 3.1) */
	bool ok = key && alg && strcmp(alg, CJOSE_HDR_ALG_ES256) == 0 && cjose_jws_verify(jws, key, NULL) &&
		read_jti(jws, jti);

	cjose_jws_release(jws);
	return ok;
}
