/* SPDX-License-Identifier: Apache-2.0 */
/* Message identifiers of H.248.1 Annex B, and the characters of values. */
#include "proto/base/addr.h"
#include "proto/h248/text.h"

bool h248_is_safe(char c)
{
	char l = gw_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
		(c && strchr("+-&!_/'?@^`~*$\\()%|.", c));
}

bool h248_is_plain(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!h248_is_safe(s.p[i]))
			return false;
	return s.len > 0;
}

static bool is_domain(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = gw_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (i == 0 || (c != '-' && c != '.')))
			return false;
	}
	return s.len > 0 && s.len <= 64;
}

static bool is_port(struct gw_sv rest)
{
	uint32_t n;

	return rest.len == 0 ||
		(rest.p[0] == ':' && gw_sv_uint_max(gw_sv_sub(rest, 1, rest.len), UINT16_MAX, &n) == GW_OK);
}

/* Octets in hexadecimal, two digits each: an MTP address has two to four of them. */
static bool is_mtp(struct gw_sv s)
{
	uint32_t n;

	return s.len >= 4 && s.len <= 8 && s.len % 2 == 0 && gw_sv_hex32(s, &n) == GW_OK;
}

bool h248_is_mid(struct gw_sv s)
{
	struct gw_addr a;
	struct gw_sv in, rest;

	if (s.len == 0)
		return false;
	if (s.p[0] == '[')
		return gw_sv_cut(gw_sv_sub(s, 1, s.len), ']', &in, &rest) && gw_addr_parse_ip(in, &a) == GW_OK &&
			is_port(rest);
	if (s.p[0] == '<')
		return gw_sv_cut(gw_sv_sub(s, 1, s.len), '>', &in, &rest) && is_domain(in) && is_port(rest);
	if (gw_sv_istarts(s, GW_SV("MTP{")))
		return s.p[s.len - 1] == '}' && is_mtp(gw_sv_sub(s, 4, s.len - 1));
	return s.len <= 64 && h248_is_plain(s);	/* deviceName = pathName */
}
