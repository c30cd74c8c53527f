/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer credentials. */
#include "proto/sip/bearer.h"

#include "proto/sip/digest.h"

#define SHORT_BYTES 16u		/* below that a text can stand somewhere by chance; no real token is so short */

/* b64token of RFC 6750 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool is_token(struct gw_sv s)
{
	size_t n = s.len;

	while (n && s.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		char c = s.p[i], l = gw_lower(c);

		if (!((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~+/", c))))
			return false;
	}
	return n > 0;
}

static enum gw_err read_params(struct gw_sv rest, struct sip_bearer *b)
{
	struct sip_param p;

	for (;;) {
		struct gw_sv *slot = NULL;

		if (sip_param_take(&rest, &p) || !p.has_value)
			return GW_EBADMSG;
		if (gw_sv_ieq(p.name, GW_SV("access_token")))
			slot = &b->token;
		else if (gw_sv_ieq(p.name, GW_SV("username")))
			slot = &b->username;
		if (slot && (slot->len || p.value.len == 0))
			return GW_EBADMSG;	/* twice, or empty */
		if (slot)
			*slot = p.value;
		if (rest.len == 0)
			return is_token(b->token) ? GW_OK : GW_EBADMSG;
		if (rest.p[0] != ',')
			return GW_EBADMSG;
		rest = gw_sv_sub(rest, 1, rest.len);
	}
}

enum gw_err sip_bearer_parse(struct gw_sv value, struct sip_bearer *out)
{
	struct sip_bearer b = { 0 };
	struct sip_auth a;
	enum gw_err err;

	if (sip_auth_parse(value, &a) || a.scheme != SIP_AUTH_BEARER)
		return GW_ENOENT;
	if (is_token(a.params))
		b.token = a.params;
	else if ((err = read_params(a.params, &b)))
		return err;
	*out = b;
	return GW_OK;
}

enum gw_err sip_bearer_find(const struct sip_msg *m, struct sip_bearer *out)
{
	const struct sip_hdr *h;
	struct sip_bearer b;
	unsigned it = 0;
	bool is_found = false;

	while ((h = sip_msg_next(m, SIP_HDR_AUTHORIZATION, &it))) {
		enum gw_err err = sip_bearer_parse(h->value, &b);

		if (err == GW_ENOENT)
			continue;
		if (err || is_found)
			return GW_EBADMSG;
		is_found = true;
		*out = b;
	}
	return is_found ? GW_OK : GW_ENOENT;
}

static bool holds(struct gw_sv text, struct gw_sv token)
{
	return gw_sv_find(text, token) < text.len;
}

bool sip_bearer_leaks(const struct sip_msg *m, struct gw_sv token)
{
	if (token.len < SHORT_BYTES)
		return false;
	for (unsigned i = 0; i < m->n_hdrs; i++)
		if (!m->hdrs[i].is_deleted && m->hdrs[i].id != SIP_HDR_AUTHORIZATION &&
			(holds(m->hdrs[i].value, token) || holds(m->hdrs[i].name, token)))
			return true;
	return holds(m->ruri, token) || holds(m->body, token);
}
