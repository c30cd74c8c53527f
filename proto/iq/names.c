/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of package item names (iq.md 4.1), and small constructors. */
#include "proto/iq/iq.h"

static const struct {
	struct gw_sv name, alias;
} names[IQ_NAME_COUNT] = {
#define IQ_NAME_ROW(id, text, other) [IQ_##id] = { GW_SV_INIT(text), GW_SV_INIT(other) },
	IQ_NAME_LIST(IQ_NAME_ROW)
#undef IQ_NAME_ROW
};

enum iq_name iq_name_lookup(struct gw_sv name)
{
	for (int i = 1; i < IQ_NAME_COUNT; i++)
		if (gw_sv_ieq(name, names[i].name) ||
			(names[i].alias.len && gw_sv_ieq(name, names[i].alias)))
			return (enum iq_name)i;
	return IQ_NAME_UNKNOWN;
}

struct gw_sv iq_name_text(enum iq_name id)
{
	return names[id].name;
}

bool iq_package_known(struct gw_sv name)
{
	struct gw_sv pkg, item, p, i;

	gw_sv_cut(name, '/', &pkg, &item);
	for (int k = 1; k < IQ_NAME_COUNT; k++) {
		gw_sv_cut(names[k].name, '/', &p, &i);
		if (gw_sv_ieq(pkg, p))
			return true;
	}
	return false;
}

bool iq_is_event(enum iq_name id)
{
	return id >= IQ_EV_HANGTERM && id <= IQ_EV_OVERLOAD;
}

bool iq_is_signal(enum iq_name id)
{
	return id >= IQ_SG_STUN_SERVER && id <= IQ_SG_LATCH;
}

struct iq_term iq_term(struct gw_sv text)
{
	struct iq_term t = { IQ_TERM_ID, text };

	if (gw_sv_ieq(text, GW_SV("ROOT")))
		t.kind = IQ_TERM_ROOT;
	else if (gw_sv_chr(text, '$', 0) < text.len)
		t.kind = IQ_TERM_CHOOSE;
	else if (gw_sv_chr(text, '*', 0) < text.len)
		t.kind = IQ_TERM_ALL;
	return t;
}

bool iq_term_matches(struct gw_sv pattern, struct gw_sv id)
{
	struct gw_sv p, i;
	bool more_p, more_i;

	if (gw_sv_eq(pattern, GW_SV("*")))
		return true;
	do {
		more_p = gw_sv_cut(pattern, '/', &p, &pattern);
		more_i = gw_sv_cut(id, '/', &i, &id);
		if (!gw_sv_eq(p, GW_SV("*")) && !gw_sv_ieq(p, i))
			return false;
	} while (more_p && more_i);
	return more_p == more_i;
}

struct iq_stream iq_stream(uint16_t id)
{
	return (struct iq_stream){ .id = id, .reserve_value = -1, .dscp = -1, .saf = -1, .spf = -1,
		.pol = -1, .rtcp_rsb = -1, .sdr = -1, .mbs = -1, .pdr = -1 };
}

struct gw_sv iq_item_param(const struct iq_item *it, struct gw_sv name)
{
	for (unsigned i = 0; i < it->n_params; i++)
		if (gw_sv_ieq(it->params[i].name, name))
			return it->params[i].value;
	return GW_SV_NONE;
}
