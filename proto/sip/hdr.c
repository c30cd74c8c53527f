/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of header and method names. */
#include "proto/sip/hdr.h"

struct row {
	struct gw_sv name;
	char compact;
};

static const struct row rows[SIP_HDR_COUNT] = {
#define SIP_HDR_ROW(id, text, short_form)                                                          \
	[SIP_HDR_##id] = { GW_SV_INIT(text), short_form },
	SIP_HDR_LIST(SIP_HDR_ROW)
#undef SIP_HDR_ROW
};

static const struct gw_sv methods[SIP_METHOD_COUNT] = {
#define SIP_METHOD_ROW(m) [SIP_##m] = GW_SV_INIT(#m),
	SIP_METHOD_LIST(SIP_METHOD_ROW)
#undef SIP_METHOD_ROW
};

enum sip_hdr_id sip_hdr_lookup(struct gw_sv name)
{
	for (int i = 1; i < SIP_HDR_COUNT; i++) {
		if (name.len == 1 ? rows[i].compact == gw_lower(name.p[0]) :
				    gw_sv_ieq(name, rows[i].name))
			return (enum sip_hdr_id)i;
	}
	return SIP_HDR_OTHER;
}

struct gw_sv sip_hdr_name(enum sip_hdr_id id)
{
	return (unsigned)id < SIP_HDR_COUNT ? rows[id].name : GW_SV_NONE;
}

enum sip_method sip_method_lookup(struct gw_sv name)
{
	for (int i = 1; i < SIP_METHOD_COUNT; i++)
		if (gw_sv_eq(name, methods[i]))
			return (enum sip_method)i;
	return SIP_OTHER;
}

struct gw_sv sip_method_name(enum sip_method m)
{
	return (unsigned)m < SIP_METHOD_COUNT ? methods[m] : GW_SV_NONE;
}

bool sip_is_token(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = gw_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    (c && strchr("-.!%*_+`'~", c))))
			return false;
	}
	return s.len > 0;
}
