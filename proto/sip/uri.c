/* SPDX-License-Identifier: Apache-2.0 */
/* URIs and name-addr. */
#include "proto/sip/uri.h"

#include "proto/base/addr.h"

static bool is_scheme(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = gw_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') ||
			    (i && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))))
			return false;
	}
	return s.len > 0;
}

static bool is_clean(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '"')
			return false;
	return true;
}

static bool is_host(struct gw_sv h, bool is_ipv6)
{
	struct gw_addr a;

	if (is_ipv6)
		return gw_addr_parse_ip(h, &a) == GW_OK && a.family == 6;
	for (size_t i = 0; i < h.len; i++) {
		char c = gw_lower(h.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(".-_", c))))
			return false;
	}
	return h.len > 0;
}

static enum gw_err parse_hostport(struct gw_sv s, struct sip_uri *u)
{
	struct gw_sv port = GW_SV_NONE;
	uint32_t n;
	size_t end;

	if (s.len && s.p[0] == '[') {
		end = gw_sv_chr(s, ']', 0);
		if (end == s.len)
			return GW_EBADMSG;
		u->host = gw_sv_sub(s, 1, end);
		u->is_ipv6 = true;
		s = gw_sv_sub(s, end + 1, s.len);
		if (s.len && s.p[0] != ':')
			return GW_EBADMSG;
		port = gw_sv_sub(s, 1, s.len);
		if (s.len && port.len == 0)
			return GW_EBADMSG;
	} else if (gw_sv_cut(s, ':', &u->host, &port) && port.len == 0) {
		return GW_EBADMSG;
	}
	if (!is_host(u->host, u->is_ipv6))
		return GW_EBADMSG;
	if (port.len) {
		if (gw_sv_uint_max(port, UINT16_MAX, &n) || n == 0)
			return GW_EBADMSG;
		u->port = (uint16_t)n;
	}
	return GW_OK;
}

/* Each once (RFC 3261 19.1.1), and not more than anybody needs: they are compared each with each. */
static bool are_params(struct gw_sv params)
{
	struct gw_sv names[SIP_URI_MAX_PARAMS];
	struct sip_param p;
	unsigned n = 0;

	while (sip_param_next(&params, ';', &p)) {
		if (p.name.len == 0 || n == SIP_URI_MAX_PARAMS)
			return false;
		for (unsigned i = 0; i < n; i++)
			if (gw_sv_ieq(names[i], p.name))
				return false;
		names[n++] = p.name;
	}
	return true;
}

enum gw_err sip_uri_parse(struct gw_sv text, struct sip_uri *out)
{
	struct sip_uri u = { .text = text };
	struct gw_sv rest, userinfo, hostpart;
	size_t at, i;

	if (text.len == 0 || !is_clean(text) || !gw_sv_cut(text, ':', &u.scheme_name, &rest) ||
		!is_scheme(u.scheme_name) || rest.len == 0)
		return GW_EBADMSG;
	if (gw_sv_ieq(u.scheme_name, GW_SV("sip")))
		u.scheme = SIP_SCHEME_SIP;
	else if (gw_sv_ieq(u.scheme_name, GW_SV("sips")))
		u.scheme = SIP_SCHEME_SIPS;
	else if (gw_sv_ieq(u.scheme_name, GW_SV("tel")))
		u.scheme = SIP_SCHEME_TEL;
	else if (gw_sv_ieq(u.scheme_name, GW_SV("urn")))
		u.scheme = SIP_SCHEME_URN;
	else
		u.scheme = SIP_SCHEME_OTHER;
	if (u.scheme > SIP_SCHEME_SIPS) {
		gw_sv_cut(rest, ';', &u.user, &u.params);
		if (u.user.len == 0)
			return GW_EBADMSG;
		*out = u;
		return GW_OK;
	}
	/* ';' and '?' may stand in the user part: the '@' decides where the host begins */
	at = gw_sv_chr(rest, '@', 0);
	if (at < rest.len) {
		userinfo = gw_sv_sub(rest, 0, at);
		rest = gw_sv_sub(rest, at + 1, rest.len);
		gw_sv_cut(userinfo, ':', &u.user, &u.password);
		if (u.user.len == 0 || gw_sv_chr(rest, '@', 0) < rest.len)
			return GW_EBADMSG;
	}
	i = gw_sv_chr(rest, '?', 0);
	u.headers = gw_sv_sub(rest, i + 1, rest.len);
	rest = gw_sv_sub(rest, 0, i);
	gw_sv_cut(rest, ';', &hostpart, &u.params);
	if (parse_hostport(hostpart, &u) || !are_params(u.params))
		return GW_EBADMSG;
	*out = u;
	return GW_OK;
}

static int unhex(char c)
{
	c = gw_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Next character with %HH decoded; *i moves on. */
static int next_char(struct gw_sv s, size_t *i)
{
	if (s.p[*i] == '%' && *i + 2 < s.len && unhex(s.p[*i + 1]) >= 0 && unhex(s.p[*i + 2]) >= 0) {
		int c = unhex(s.p[*i + 1]) << 4 | unhex(s.p[*i + 2]);

		*i += 3;
		return c;
	}
	return (unsigned char)s.p[(*i)++];
}

static bool eq_unescaped(struct gw_sv a, struct gw_sv b, bool fold)
{
	size_t i = 0, j = 0;

	while (i < a.len && j < b.len) {
		int x = next_char(a, &i), y = next_char(b, &j);

		if (fold && x < 128 && y < 128) {
			x = gw_lower((char)x);
			y = gw_lower((char)y);
		}
		if (x != y)
			return false;
	}
	return i == a.len && j == b.len;
}

static bool eq_tel(struct gw_sv a, struct gw_sv b)
{
	size_t i = 0, j = 0;

	for (;;) {
		while (i < a.len && strchr("-.()", a.p[i]))
			i++;
		while (j < b.len && strchr("-.()", b.p[j]))
			j++;
		if (i == a.len || j == b.len)
			return i == a.len && j == b.len;
		if (gw_lower(a.p[i++]) != gw_lower(b.p[j++]))
			return false;
	}
}

/* RFC 3261 19.1.4: user, ttl, method, maddr and transport never match when in one only. */
static bool params_agree(struct gw_sv a, struct gw_sv b)
{
	static const struct gw_sv strict[] = { GW_SV_INIT("user"), GW_SV_INIT("ttl"),
		GW_SV_INIT("method"), GW_SV_INIT("maddr"), GW_SV_INIT("transport") };
	struct gw_sv all = a;
	struct sip_param p, q;

	while (sip_param_next(&all, ';', &p)) {
		bool found = sip_param_get(b, p.name, &q);

		if (found && !eq_unescaped(p.value, q.value, true))
			return false;
		for (size_t i = 0; !found && i < sizeof(strict) / sizeof(strict[0]); i++)
			if (gw_sv_ieq(p.name, strict[i]))
				return false;
	}
	return true;
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	if (a->scheme == SIP_SCHEME_TEL)
		return eq_tel(a->user, b->user);
	if (a->scheme > SIP_SCHEME_SIPS)
		return gw_sv_ieq(a->scheme_name, b->scheme_name) && gw_sv_ieq(a->user, b->user);
	return eq_unescaped(a->user, b->user, false) &&
		eq_unescaped(a->password, b->password, false) && gw_sv_ieq(a->host, b->host) &&
		a->port == b->port && params_agree(a->params, b->params) &&
		params_agree(b->params, a->params) && gw_sv_ieq(a->headers, b->headers);
}

bool sip_uri_has_param(const struct sip_uri *u, struct gw_sv name)
{
	struct sip_param p;

	return sip_param_get(u->params, name, &p);
}

/* A quoted string, or words: without quotes no separator may stand in it (RFC 3261 25.1); UTF-8 is let through. */
static bool is_display(struct gw_sv d)
{
	if (d.len && d.p[0] == '"') {
		size_t i = 1;

		while (i < d.len && d.p[i] != '"')
			i += d.p[i] == '\\' ? 2 : 1;
		return i + 1 == d.len;
	}
	for (size_t i = 0; i < d.len; i++)
		if (strchr("()<>@,;:\\\"/[]?={}", d.p[i]))
			return false;
	return true;
}

enum gw_err sip_addr_parse(struct gw_sv e, struct sip_addr *out)
{
	struct sip_addr a = { 0 };
	size_t open, close = 0;
	bool quoted = false;

	e = gw_sv_trim(e);
	if (gw_sv_eq(e, GW_SV("*"))) {
		a.is_star = true;
		*out = a;
		return GW_OK;
	}
	for (open = 0; open < e.len; open++) {
		if (quoted && e.p[open] == '\\')
			open++;
		else if (e.p[open] == '"')
			quoted = !quoted;
		else if (e.p[open] == '<' && !quoted)
			break;
	}
	if (open >= e.len) {	/* addr-spec: what follows ';' belongs to the header */
		struct gw_sv uri;

		if (quoted)
			return GW_EBADMSG;
		gw_sv_cut(e, ';', &uri, &a.params);
		if (gw_sv_chr(uri, ',', 0) < uri.len || gw_sv_chr(uri, '?', 0) < uri.len ||	/* RFC 3261 20.10 */
			sip_uri_parse(gw_sv_trim(uri), &a.uri))
			return GW_EBADMSG;
		*out = a;
		return GW_OK;
	}
	close = gw_sv_chr(e, '>', open);
	if (close == e.len || sip_uri_parse(gw_sv_sub(e, open + 1, close), &a.uri))
		return GW_EBADMSG;
	a.display = gw_sv_trim(gw_sv_sub(e, 0, open));
	if (!is_display(a.display))
		return GW_EBADMSG;
	if (a.display.len >= 2 && a.display.p[0] == '"')
		a.display = gw_sv_sub(a.display, 1, a.display.len - 1);
	e = gw_sv_trim(gw_sv_sub(e, close + 1, e.len));
	if (e.len && e.p[0] != ';')
		return GW_EBADMSG;
	a.params = gw_sv_sub(e, 1, e.len);
	*out = a;
	return GW_OK;
}

struct gw_sv sip_addr_tag(const struct sip_addr *a)
{
	struct sip_param p;

	return sip_param_get(a->params, GW_SV("tag"), &p) ? p.value : GW_SV_NONE;
}
