/* SPDX-License-Identifier: Apache-2.0 */
/* Pools of IMPUs. */
#include "control/token/impus.h"

#include "proto/sip/uri.h"

#define NUMBER_DIGITS_MAX 9	/* fits 32 bits */

/* A pattern taken apart: head, what varies, tail, host. */
struct pattern {
	struct gw_sv scheme, head, tail, host;
	enum { FIXED, WILDCARD, RANGE } kind;
	uint32_t first, last;
	size_t width;               /* with leading zeros; 0: none */
};

static bool is_unreserved(char c)
{
	char l = gw_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-_.!~+", c));
}

static bool is_plain(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_unreserved(s.p[i]))
			return false;
	return true;
}

static bool read_range(struct pattern *p, struct gw_sv range)
{
	size_t dots = gw_sv_find(range, GW_SV(".."));
	struct gw_sv first = gw_sv_sub(range, 0, dots), last = gw_sv_sub(range, dots + 2, range.len);

	if (dots == range.len || first.len > NUMBER_DIGITS_MAX || last.len > NUMBER_DIGITS_MAX ||
		gw_sv_u32(first, &p->first) || gw_sv_u32(last, &p->last))
		return false;
	p->width = first.len > 1 && first.p[0] == '0' ? first.len : 0;
	p->kind = RANGE;
	return p->first <= p->last;
}

static bool read_user(struct pattern *p, struct gw_sv user)
{
	size_t star = gw_sv_chr(user, '*', 0), open = gw_sv_chr(user, '{', 0), close = gw_sv_chr(user, '}', 0);

	p->kind = FIXED;
	p->head = user;
	p->tail = GW_SV_NONE;
	if (star < user.len) {
		p->kind = WILDCARD;
		p->head = gw_sv_sub(user, 0, star);
		p->tail = gw_sv_sub(user, star + 1, user.len);
	} else if (open < user.len) {
		if (close <= open || !read_range(p, gw_sv_sub(user, open + 1, close)))
			return false;
		p->head = gw_sv_sub(user, 0, open);
		p->tail = gw_sv_sub(user, close + 1, user.len);
	}
	return user.len > 0 && is_plain(p->head) && is_plain(p->tail);
}

static bool read_pattern(struct gw_sv text, struct pattern *p)
{
	struct gw_sv rest, user;
	bool is_tel;

	if (!gw_sv_cut(text, ':', &p->scheme, &rest))
		return false;
	is_tel = gw_sv_ieq(p->scheme, GW_SV("tel"));
	if (!is_tel && !gw_sv_ieq(p->scheme, GW_SV("sip")) && !gw_sv_ieq(p->scheme, GW_SV("sips")))
		return false;
	if (gw_sv_cut(rest, '@', &user, &p->host) == is_tel || (!is_tel && (p->host.len == 0 || !is_plain(p->host))))
		return false;
	return read_user(p, user);
}

bool cp_impus_pattern_ok(struct gw_sv pattern)
{
	struct pattern p;

	return read_pattern(pattern, &p);
}

static bool match_user(const struct pattern *p, struct gw_sv user)
{
	struct gw_sv mid;
	uint32_t n;

	if (p->kind == FIXED)
		return gw_sv_eq(user, p->head);
	if (user.len <= p->head.len + p->tail.len || !gw_sv_starts(user, p->head) || !gw_sv_ends(user, p->tail))
		return false;
	mid = gw_sv_sub(user, p->head.len, user.len - p->tail.len);
	if (p->kind == WILDCARD)
		return is_plain(mid);
	/* one spelling of each number */
	return mid.len >= p->width && mid.len <= NUMBER_DIGITS_MAX && (mid.len == p->width || mid.len == 1 || mid.p[0] != '0') &&
		gw_sv_u32(mid, &n) == GW_OK && n >= p->first && n <= p->last;
}

bool cp_impus_match(struct gw_sv pattern, struct gw_sv uri)
{
	struct pattern p;
	struct sip_uri u;

	if (!read_pattern(pattern, &p) || sip_uri_parse(uri, &u))
		return false;
	if (!gw_sv_ieq(u.scheme_name, p.scheme) || u.params.len || u.headers.len || u.port || u.password.len)
		return false;
	return gw_sv_ieq(u.host, p.host) && match_user(&p, u.user);
}
