/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9068 access tokens by libcjose. */
#include "control/waf/jwt.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/token/jwt.h"

json_t *cp_jwt_impus(const char *const *impu, unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_string(impu[i]));
	return list;
}

static json_t *claims_of(const struct cp_jwt_claims *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:s, s:s}", "iss", c->issuer, "aud",
		c->audience, "sub", c->sub, "client_id", c->client_id, "scope", c->scope, "jti", c->jti, "iat",
		(json_int_t)c->issued_s, "nbf", (json_int_t)c->issued_s, "exp", (json_int_t)c->expires_s, "impi", c->impi,
		"impu", cp_jwt_impus(c->impu, c->n_impus), "waf_id", c->waf_id, "wwsf_id", c->wwsf_id);
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

bool cp_jwt_is_ours(const struct cp_keys *keys, struct gw_sv token, char jti[64])
{
	const char *v;
	struct cp_jwt j;
	bool ok;

	if (cp_jwt_read(&j, token))
		return false;
	v = json_string_value(json_object_get(j.claims, "jti"));
	ok = v && j.alg == CP_JWS_ES256 && j.kid.len && cp_jwt_verify(&j, cp_keys_set(keys)) &&
		snprintf(jti, 64, "%s", v) < 64;
	cp_jwt_free(&j);
	return ok;
}
