/* SPDX-License-Identifier: Apache-2.0 */
/* MSRP URIs (RFC 4975 9): msrp-scheme "://" authority ["/" session-id] ";" transport *(";" parameter). */
#include "proto/msrp/uri.h"

#include "proto/base/addr.h"

static bool is_of(struct gw_sv s, const char *marks)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = gw_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(marks, c))))
			return false;
	}
	return s.len > 0;
}

static enum gw_err parse_authority(struct gw_sv s, struct msrp_uri *u)
{
	struct gw_addr ip;
	struct gw_sv port = GW_SV_NONE;
	bool has_port;
	uint32_t n;

	s = gw_sv_sub(s, gw_sv_chr(s, '@', 0) < s.len ? gw_sv_chr(s, '@', 0) + 1 : 0, s.len);
	if (gw_sv_starts(s, GW_SV("["))) {
		size_t end = gw_sv_chr(s, ']', 0);

		u->host = gw_sv_sub(s, 1, end);
		port = gw_sv_sub(s, end + 1, s.len);
		has_port = port.len > 0;
		if (end == s.len || gw_addr_parse_ip(u->host, &ip) || ip.family != 6 || (has_port && port.p[0] != ':'))
			return GW_EBADMSG;
		port = gw_sv_sub(port, 1, port.len);
	} else {
		has_port = gw_sv_cut(s, ':', &u->host, &port);
		if (!is_of(u->host, ".-_"))
			return GW_EBADMSG;
	}
	if (has_port) {
		if (gw_sv_uint_max(port, UINT16_MAX, &n) || n == 0)
			return GW_EBADMSG;
		u->port = (uint16_t)n;
	}
	return GW_OK;
}

enum gw_err msrp_uri_parse(struct gw_sv text, struct msrp_uri *out)
{
	struct msrp_uri u = { .text = text };
	struct gw_sv rest, authority, params, param;

	if (text.len > MSRP_URI_MAX)
		return GW_EBADMSG;
	if (gw_sv_istarts(text, GW_SV("msrps://")))
		u.is_secure = true;
	else if (!gw_sv_istarts(text, GW_SV("msrp://")))
		return GW_EBADMSG;
	rest = gw_sv_sub(text, u.is_secure ? 8 : 7, text.len);
	if (!gw_sv_cut(rest, ';', &rest, &params))
		return GW_EBADMSG;
	if (gw_sv_cut(rest, '/', &authority, &u.session) && !is_of(u.session, "-._~+=/"))
		return GW_EBADMSG;
	if (parse_authority(authority, &u))
		return GW_EBADMSG;
	gw_sv_cut(params, ';', &u.transport, &params);
	if (!is_of(u.transport, ""))
		return GW_EBADMSG;
	while (params.len) {
		gw_sv_cut(params, ';', &param, &params);
		if (!is_of(param, "-.!%*_+`'~="))
			return GW_EBADMSG;
	}
	*out = u;
	return GW_OK;
}

bool msrp_uri_eq(const struct msrp_uri *a, const struct msrp_uri *b)
{
	return a->is_secure == b->is_secure && gw_sv_ieq(a->host, b->host) && a->port == b->port &&
		gw_sv_eq(a->session, b->session) && gw_sv_ieq(a->transport, b->transport);
}

enum gw_err msrp_path_last(struct gw_sv path, struct msrp_uri *out)
{
	enum gw_err err = GW_EBADMSG;
	struct msrp_uri u;
	struct gw_sv uri;

	while (gw_sv_word(&path, &uri))
		if ((err = msrp_uri_parse(uri, &u)))
			return err;
	if (err == GW_OK)
		*out = u;
	return err;
}
