/* SPDX-License-Identifier: Apache-2.0 */
/* Introspection. */
#include "control/token/introspect.h"

#include "control/token/jwt.h"
#include "control/waf/form.h"

void cp_introspect_form(struct gw_buf *b, struct gw_sv token)
{
	gw_buf_puts(b, "token=");
	cp_form_put(b, token);
	gw_buf_puts(b, "&token_type_hint=access_token");
}

static void put_default(json_t *claims, const char *name, json_t *value)
{
	if (json_object_get(claims, name))
		json_decref(value);
	else
		json_object_set_new(claims, name, value);
}

enum cp_verdict cp_introspect_read(struct gw_sv body, const struct cp_conf_issuer *conf, uint64_t now_s,
	unsigned skew_s, struct cp_identity **out, uint64_t *until_s)
{
	json_t *claims = json_loadb(body.p ? body.p : "", body.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *active = json_object_get(claims, "active");
	enum cp_verdict verdict = CP_TOKEN_UNAVAILABLE;
	uint64_t limit = now_s + conf->cache_s;

	if (json_is_false(active))
		verdict = CP_TOKEN_INVALID;
	if (json_is_true(active)) {
		bool has_end = json_object_get(claims, "exp");

		put_default(claims, "iss", json_string(conf->name));
		put_default(claims, "aud", json_string(conf->audience[0]));
		put_default(claims, "exp", json_integer((json_int_t)limit));
		verdict = cp_claims_check(claims, conf, now_s, skew_s, out);
		if (verdict == CP_TOKEN_VALID) {
			*until_s = (*out)->expires_s < limit ? (*out)->expires_s : limit;
			if (!has_end)	/* its end is not known: the registration is not shortened, but asked again */
				(*out)->expires_s = UINT64_MAX;
		}
	}
	json_decref(claims);
	return verdict;
}
