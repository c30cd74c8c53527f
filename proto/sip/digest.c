/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials header values. */
#include "proto/sip/digest.h"

#include "proto/sip/hdr.h"

/* What a Digest credential may carry (RFC 7616 3.4, RFC 3310 3.4). */
enum { P_USERNAME, P_REALM, P_NONCE, P_URI, P_RESPONSE, P_ALGORITHM, P_CNONCE, P_OPAQUE, P_QOP, P_NC, P_AUTS,
	P_USERHASH, P_INTEGRITY, P_COUNT, P_OTHER = P_COUNT };

static const struct gw_sv names[P_COUNT] = { GW_SV_INIT("username"), GW_SV_INIT("realm"), GW_SV_INIT("nonce"),
	GW_SV_INIT("uri"), GW_SV_INIT("response"), GW_SV_INIT("algorithm"), GW_SV_INIT("cnonce"),
	GW_SV_INIT("opaque"), GW_SV_INIT("qop"), GW_SV_INIT("nc"), GW_SV_INIT("auts"), GW_SV_INIT("userhash"),
	GW_SV_INIT("integrity-protected") };

static unsigned name_id(struct gw_sv name)
{
	unsigned i = 0;

	while (i < P_COUNT && !gw_sv_ieq(name, names[i]))
		i++;
	return i;
}

/* @return 1 taken, 0 the end, -1 malformed */
static int next(struct gw_sv *rest, struct sip_param *p)
{
	if (gw_sv_trim(*rest).len == 0)
		return 0;
	if (rest->p[0] == ',')
		*rest = gw_sv_sub(*rest, 1, rest->len);
	if (sip_param_take(rest, p) || !p->has_value || (!p->is_quoted && !sip_is_token(p->value)) ||
		(rest->len && rest->p[0] != ','))
		return -1;
	return 1;
}

static enum gw_err read_digest(struct sip_auth *a)
{
	struct gw_sv rest = a->params, value[P_COUNT] = { 0 };
	unsigned seen = 0, id;
	struct sip_param p;
	int more;

	if (rest.len && rest.p[0] == ',')
		return GW_EBADMSG;
	while ((more = next(&rest, &p)) > 0) {
		id = name_id(p.name);
		if (id == P_OTHER)
			continue;
		if (seen & 1u << id)
			return GW_EBADMSG;
		seen |= 1u << id;
		value[id] = p.value;
	}
	a->username = value[P_USERNAME];
	a->realm = value[P_REALM];
	a->response = value[P_RESPONSE];
	a->algorithm = value[P_ALGORITHM];
	a->has_auts = seen & 1u << P_AUTS;
	return more < 0 || seen == 0 ? GW_EBADMSG : GW_OK;
}

enum gw_err sip_auth_parse(struct gw_sv value, struct sip_auth *out)
{
	struct sip_auth a = { 0 };
	struct gw_sv scheme, rest = value;
	enum gw_err err = GW_OK;

	if (!gw_sv_word(&rest, &scheme) || !sip_is_token(scheme))
		return GW_EBADMSG;
	a.params = gw_sv_trim(rest);
	a.scheme = gw_sv_ieq(scheme, GW_SV("Digest")) ? SIP_AUTH_DIGEST :
		gw_sv_ieq(scheme, GW_SV("Bearer")) ? SIP_AUTH_BEARER : SIP_AUTH_OTHER;
	if (a.scheme == SIP_AUTH_DIGEST && (err = read_digest(&a)))
		return err;
	*out = a;
	return GW_OK;
}

void sip_auth_put_integrity(struct gw_buf *b, const struct sip_auth *a, struct gw_sv integrity)
{
	struct gw_sv rest = a->params;
	const char *sep = " ";
	struct sip_param p;

	gw_buf_puts(b, "Digest");
	while (next(&rest, &p) > 0) {
		const char *quote = p.is_quoted ? "\"" : "";

		if (name_id(p.name) >= P_INTEGRITY)
			continue;
		gw_buf_puts(b, sep);
		gw_buf_put(b, p.name);
		gw_buf_putc(b, '=');
		gw_buf_puts(b, quote);
		gw_buf_put(b, p.value);
		gw_buf_puts(b, quote);
		sep = ", ";
	}
	if (integrity.len) {
		gw_buf_puts(b, sep);
		gw_buf_puts(b, "integrity-protected=\"");
		gw_buf_put(b, integrity);
		gw_buf_putc(b, '"');
	}
}

static bool is_key(struct gw_sv name)
{
	return gw_sv_ieq(name, GW_SV("ik")) || gw_sv_ieq(name, GW_SV("ck"));
}

/* Could a reader less strict than we find a key in it? */
static bool may_hold_key(struct gw_sv value)
{
	for (size_t i = 0; i + 2 < value.len; i++)
		if (is_key(gw_sv_sub(value, i, i + 2)) && (value.p[i + 2] == '=' || value.p[i + 2] == ' ' || value.p[i + 2] == '\t'))
			return true;
	return false;
}

enum gw_err sip_auth_put_challenge(struct gw_buf *b, struct gw_sv value)
{
	struct gw_sv scheme, rest = value;
	const char *sep = " ";
	bool is_found = false;
	struct sip_param p;
	int more;

	if (!may_hold_key(value))
		return GW_ENOENT;
	if (!gw_sv_word(&rest, &scheme) || !sip_is_token(scheme))
		return GW_EBADMSG;
	rest = gw_sv_trim(rest);
	gw_buf_put(b, scheme);
	while ((more = next(&rest, &p)) > 0) {
		if (is_key(p.name)) {
			is_found = true;
			continue;
		}
		gw_buf_printf(b, "%s%.*s=%s%.*s%s", sep, GW_SV_FMT(p.name), p.is_quoted ? "\"" : "", GW_SV_FMT(p.value),
			p.is_quoted ? "\"" : "");
		sep = ", ";
	}
	return more < 0 ? GW_EBADMSG : is_found ? GW_OK : GW_ENOENT;
}
