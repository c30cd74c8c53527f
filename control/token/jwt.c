/* SPDX-License-Identifier: Apache-2.0 */
/* JWT: header, signature, claims. */
#include "control/token/jwt.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "proto/sip/param.h"

/* Only the one spelling an encoder makes: no padding, no spare bits (RFC 7515 2). */
static bool is_canonical(struct gw_sv part)
{
	uint8_t *raw = NULL;
	char *again = NULL;
	size_t raw_len = 0, again_len = 0;
	bool ok;

	if (part.len == 0 || !cjose_base64url_decode(part.p, part.len, &raw, &raw_len, NULL))
		return false;
	ok = raw_len && cjose_base64url_encode(raw, raw_len, &again, &again_len, NULL) &&
		gw_sv_eq(gw_sv(again, again_len), part);
	cjose_get_dealloc()(raw);
	cjose_get_dealloc()(again);
	return ok;
}

static struct gw_sv text_of(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_string(v) ? gw_sv(json_string_value(v), json_string_length(v)) : GW_SV_NONE;
}

/* RFC 8725 3.11: a token made for another use says so. "JWT" and none are those of RFC 7519. */
static bool typ_ok(const json_t *head)
{
	struct gw_sv typ = text_of(head, "typ");

	return !json_object_get(head, "typ") || gw_sv_ieq(typ, GW_SV("at+jwt")) ||
		gw_sv_ieq(typ, GW_SV("application/at+jwt")) || gw_sv_ieq(typ, GW_SV("JWT"));
}

static bool read_head(struct cp_jwt *j, const json_t *head)
{
	struct gw_sv alg = text_of(head, "alg");

	j->alg = gw_sv_eq(alg, GW_SV("RS256")) ? CP_JWS_RS256 :
		gw_sv_eq(alg, GW_SV("ES256")) ? CP_JWS_ES256 : CP_JWS_NONE;
	j->kid = text_of(head, "kid");
	return j->alg != CP_JWS_NONE && typ_ok(head) && !json_object_get(head, "crit") &&
		(!json_object_get(head, "kid") || j->kid.len);
}

static json_t *decode(struct gw_sv part)
{
	uint8_t *raw = NULL;
	size_t len = 0;
	json_t *o = NULL;

	if (cjose_base64url_decode(part.p, part.len, &raw, &len, NULL))
		o = json_loadb((const char *)raw, len, JSON_REJECT_DUPLICATES, NULL);
	cjose_get_dealloc()(raw);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

/* head.claims.signature, each base64url; what is not is a token of another kind. */
static bool split(struct gw_sv token, struct gw_sv part[3])
{
	struct gw_sv rest = token;

	if (!gw_sv_cut(rest, '.', &part[0], &rest) || !gw_sv_cut(rest, '.', &part[1], &part[2]))
		return false;
	return part[0].len && part[1].len && cp_is_base64url(part[0]) && cp_is_base64url(part[1]) && cp_is_base64url(part[2]);
}

enum gw_err cp_jwt_read(struct cp_jwt *j, struct gw_sv token)
{
	struct gw_sv part[3];
	json_t *head;

	*j = (struct cp_jwt){ .text = token };
	if (token.len > CP_JWT_MAX_BYTES)
		return GW_EBADMSG;
	if (!split(token, part) || !(head = decode(part[0])))
		return GW_EUNSUPP;
	json_decref(head);
	if (!is_canonical(part[0]) || !is_canonical(part[1]) || !is_canonical(part[2]) ||
		!(j->jws = cjose_jws_import(token.p, token.len, NULL)))
		return GW_EBADMSG;
	if (read_head(j, (const json_t *)cjose_jws_get_protected(j->jws)) && (j->claims = decode(part[1]))) {
		j->issuer = text_of(j->claims, "iss");
		return GW_OK;
	}
	cp_jwt_free(j);
	return GW_EBADMSG;
}

void cp_jwt_free(struct cp_jwt *j)
{
	if (j->jws)
		cjose_jws_release(j->jws);
	json_decref(j->claims);
	*j = (struct cp_jwt){ 0 };
}

bool cp_jwt_verify(const struct cp_jwt *j, const struct cp_jwks *keys)
{
	const cjose_jwk_t *jwk;
	unsigned it = 0;

	/* the key is chosen by alg and kid among keys of that kind: alg cannot pick the kind of the key (RFC 8725 3.1) */
	while ((jwk = cp_jwks_next(keys, j->alg, j->kid, &it)))
		if (cjose_jws_verify(j->jws, jwk, NULL))
			return true;
	return false;
}

bool cp_jwt_has_key(const struct cp_jwt *j, const struct cp_jwks *keys)
{
	unsigned it = 0;

	return cp_jwks_next(keys, j->alg, j->kid, &it) != NULL;
}

void cp_jwt_id(const struct cp_jwt *j, unsigned char id[CP_TOKEN_HASH_BYTES])
{
	size_t end = j->text.len;

	while (end && j->text.p[end - 1] != '.')
		end--;
	EVP_Digest(j->text.p, end, id, NULL, EVP_sha256(), NULL);
}

/* ---- claims ------------------------------------------------------------------------------------------ */

static bool names_us(const json_t *v, const struct cp_conf_issuer *conf)
{
	struct gw_sv text = json_is_string(v) ? gw_sv(json_string_value(v), json_string_length(v)) : GW_SV_NONE;

	for (unsigned i = 0; text.len && i < conf->n_audience; i++)
		if (gw_sv_eq(text, gw_sv_cstr(conf->audience[i])))
			return true;
	return false;
}

static bool audience_ok(const json_t *aud, const struct cp_conf_issuer *conf)
{
	size_t n = json_is_array(aud) ? json_array_size(aud) : 0;

	for (size_t i = 0; i < n; i++)
		if (names_us(json_array_get(aud, i), conf))
			return true;
	return names_us(aud, conf);
}

/* exp has to be there; what else is there has to be a time, and to fit. */
static bool time_ok(const json_t *claims, uint64_t now_s, unsigned skew_s)
{
	const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf"),
		*iat = json_object_get(claims, "iat");
	double now = (double)now_s;

	if (!json_is_number(exp) || (nbf && !json_is_number(nbf)) || (iat && !json_is_number(iat)))
		return false;
	return json_number_value(exp) + skew_s > now && json_number_value(exp) < 1e12 &&
		(!nbf || json_number_value(nbf) <= now + skew_s) && (!iat || json_number_value(iat) <= now + skew_s);
}

static bool scope_ok(const json_t *v, struct gw_sv wanted)
{
	size_t n = json_is_array(v) ? json_array_size(v) : 0;

	for (size_t i = 0; i < n; i++)
		if (json_is_string(json_array_get(v, i)) && scope_ok(json_array_get(v, i), wanted))
			return true;
	return wanted.len == 0 ||
		(json_is_string(v) && gw_sv_has_word(gw_sv(json_string_value(v), json_string_length(v)), wanted));
}

enum cp_verdict cp_claims_check(const json_t *claims, const struct cp_conf_issuer *conf, uint64_t now_s,
	unsigned skew_s, struct cp_identity **out)
{
	struct cp_identity *id = NULL;
	enum gw_err err;

	if (!gw_sv_eq(text_of(claims, "iss"), gw_sv_cstr(conf->name)) ||
		!audience_ok(json_object_get(claims, "aud"), conf) || !time_ok(claims, now_s, skew_s))
		return CP_TOKEN_INVALID;
	if (!scope_ok(json_object_get(claims, conf->claim_scope), gw_sv_cstr(conf->scope)))
		return CP_TOKEN_SCOPE;
	err = cp_identity_new(&id, conf, claims);
	if (err)
		return err == GW_ENOMEM ? CP_TOKEN_UNAVAILABLE : CP_TOKEN_INVALID;
	*out = id;
	return CP_TOKEN_VALID;
}
