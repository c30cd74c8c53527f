/* SPDX-License-Identifier: Apache-2.0 */
/* Claims to identity; nothing that could break out of a SIP header gets through. */
#include "control/token/identity.h"

#include <stdlib.h>

#include "control/app/conf_check.h"
#include "control/token/impus.h"
#include "proto/sip/uri.h"

static struct gw_sv claim(const json_t *claims, const char *name)
{
	const json_t *v = json_object_get(claims, name);

	return json_is_string(v) ? gw_sv(json_string_value(v), json_string_length(v)) : GW_SV_NONE;
}

static bool take(char **dst, struct gw_sv v, bool is_optional)
{
	if (v.len ? v.len > CP_IMS_ID_MAX_BYTES || !cp_conf_is_quotable(v) : !is_optional)
		return false;
	return (*dst = gw_sv_dup(v)) != NULL;
}

static bool take_impus(struct cp_identity *id, const json_t *v)
{
	size_t n = json_is_array(v) ? json_array_size(v) : 1;

	if (n == 0 || n > CP_IMPUS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *e = json_is_array(v) ? json_array_get(v, i) : v;
		struct gw_sv text;

		if (!json_is_string(e))
			return false;
		text = gw_sv(json_string_value(e), json_string_length(e));
		if (!cp_is_impu(text) || !(id->impus[id->n_impus] = gw_sv_dup(text)))
			return false;
		id->n_impus++;
	}
	return true;
}

/* RFC 8693 4.2: one string; some providers write a list. */
static bool take_scope(struct cp_identity *id, const json_t *v)
{
	char text[1024];
	struct gw_buf b = gw_buf(text, sizeof(text));
	size_t i;
	json_t *e;

	if (json_is_string(v))
		gw_buf_put(&b, gw_sv(json_string_value(v), json_string_length(v)));
	json_array_foreach((json_t *)(uintptr_t)v, i, e)
		gw_buf_printf(&b, "%s%s", i ? " " : "", json_is_string(e) ? json_string_value(e) : "");
	if (b.overflow || (b.len && !cp_conf_is_quotable(gw_buf_sv(&b))))
		return false;
	return (id->scope = gw_sv_dup(gw_buf_sv(&b))) != NULL;
}

static uint64_t seconds(const json_t *claims, const char *name)
{
	const json_t *v = json_object_get(claims, name);
	double d = json_is_number(v) ? json_number_value(v) : 0;

	return d >= 1 && d < 1e12 ? (uint64_t)d : 0;
}

static bool in_pool(const struct cp_conf_pool *p, struct gw_sv uri)
{
	for (unsigned i = 0; i < p->n_impus; i++)
		if (cp_impus_match(gw_sv_cstr(p->impus[i]), uri))
			return true;
	return false;
}

/* Is this a token of scenario 3? A WWSF that holds a pool speaks for nobody else, unless it also has users. */
static void find_pool(struct cp_identity *id, const struct cp_conf_issuer *conf)
{
	for (unsigned i = 0; i < conf->n_pools; i++)
		if (strcmp(conf->pools[i].wwsf_id, id->wwsf_id) == 0 &&
			(!conf->pools[i].has_users || in_pool(&conf->pools[i], gw_sv_cstr(id->impus[0]))))
			id->pool = &conf->pools[i];
	id->is_pool = id->pool != NULL;
}

enum gw_err cp_identity_new(struct cp_identity **out, const struct cp_conf_issuer *conf, const json_t *claims)
{
	struct cp_identity *id = calloc(1, sizeof(*id));
	struct gw_sv impi = claim(claims, conf->claim_impi);

	if (!id)
		return GW_ENOMEM;
	id->refs = 1;
	if (!cp_is_impi(impi) || !(id->impi = gw_sv_dup(impi)) ||
		!take_impus(id, json_object_get(claims, conf->claim_impu)) ||
		!take(&id->waf_id, claim(claims, conf->claim_waf_id), true) ||
		!take(&id->wwsf_id, claim(claims, conf->claim_wwsf_id), true) ||
		!take(&id->issuer, gw_sv_cstr(conf->name), false) || !take(&id->jti, claim(claims, "jti"), true) ||
		!take_scope(id, json_object_get(claims, conf->claim_scope))) {
		cp_identity_unref(id);
		return GW_EBADMSG;
	}
	id->issued_s = seconds(claims, "iat");
	id->expires_s = seconds(claims, "exp");
	find_pool(id, conf);
	*out = id;
	return GW_OK;
}

json_t *cp_identity_claims(const struct cp_identity *id, const struct cp_conf_issuer *conf)
{
	json_t *impus = json_array();

	for (unsigned i = 0; i < id->n_impus; i++)
		json_array_append_new(impus, json_string(id->impus[i]));
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:I, s:I}", conf->claim_impi, id->impi, conf->claim_impu, impus,
		conf->claim_waf_id, id->waf_id, conf->claim_wwsf_id, id->wwsf_id, "jti", id->jti, conf->claim_scope,
		id->scope, "iat", (json_int_t)id->issued_s, "exp",
		(json_int_t)(id->expires_s == UINT64_MAX ? 0 : id->expires_s));
}

struct cp_identity *cp_identity_ref(struct cp_identity *id)
{
	id->refs++;
	return id;
}

void cp_identity_unref(struct cp_identity *id)
{
	if (!id || --id->refs)
		return;
	for (unsigned i = 0; i < id->n_impus; i++)
		free(id->impus[i]);
	free(id->impi);
	free(id->waf_id);
	free(id->wwsf_id);
	free(id->issuer);
	free(id->jti);
	free(id->scope);
	free(id);
}

bool cp_identity_owns(const struct cp_identity *id, struct gw_sv uri)
{
	struct sip_uri want, have;

	if (sip_uri_parse(uri, &want))
		return false;
	for (unsigned i = 0; i < id->n_impus; i++)
		if (sip_uri_parse(gw_sv_cstr(id->impus[i]), &have) == GW_OK && sip_uri_eq(&want, &have))
			return !id->is_pool || in_pool(id->pool, uri);
	return false;
}
