/* SPDX-License-Identifier: Apache-2.0 */
/* Small parts of typed messages: TerminationIDs, streams, parameters, groups. */
#include "proto/iq/codec_int.h"

#include <stddef.h>

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
	return (struct iq_stream){ .id = id, .reserve_value = -1, .reserve_group = -1, .dscp = -1, .tb = -1,
		.saf = -1, .spf = -1, .esas = -1, .esps = -1, .lsp = -1, .pol = -1, .rtcp_rsb = -1, .ecn = -1,
		.msrp = -1, .sdr = -1, .mbs = -1, .pdr = -1, .dvt = -1 };
}

static const struct iq_field fields[] = {
#define FIELD(id, field) { IQ_##id, offsetof(struct iq_stream, field) },
	IQ_STREAM_LIST(FIELD)
#undef FIELD
};

const struct iq_field *iq_field_at(unsigned i)
{
	return i < sizeof(fields) / sizeof(fields[0]) ? &fields[i] : NULL;
}

bool iq_field_is_set(const struct iq_stream *s, const struct iq_field *f)
{
	const char *at = (const char *)s + f->offset;

	switch (iq_name_type(f->id)) {
	case IQ_T_STRING:
		return ((const struct gw_sv *)(const void *)at)->len > 0;
	case IQ_T_UINT:
		return *(const int64_t *)(const void *)at >= 0;
	default:	/* BOOL, U16, DSCP */
		return *(const int *)(const void *)at >= 0;
	}
}

bool iq_stream_has(const struct iq_stream *s, enum iq_name id)
{
	const struct iq_field *f;

	for (unsigned i = 0; (f = iq_field_at(i)); i++)
		if (f->id == id)
			return iq_field_is_set(s, f);
	return false;
}

enum gw_err iq_group_read(struct gw_sv text, struct iq_group *out)
{
	struct iq_group g = { .n_streams = 0 };
	struct gw_sv w;
	uint32_t n;

	if (!gw_sv_word(&text, &g.semantics))
		return GW_EBADMSG;
	while (gw_sv_word(&text, &w)) {
		if (gw_sv_uint_max(w, UINT16_MAX, &n) || n == 0)
			return GW_EBADMSG;
		if (g.n_streams == IQ_MAX_STREAMS)
			return GW_ELIMIT;
		g.streams[g.n_streams++] = (uint16_t)n;
	}
	*out = g;
	return g.n_streams ? GW_OK : GW_EBADMSG;
}

struct gw_sv iq_item_param(const struct iq_item *it, struct gw_sv name)
{
	for (unsigned i = 0; i < it->n_params; i++)
		if (gw_sv_ieq(it->params[i].name, name))
			return it->params[i].value;
	return GW_SV_NONE;
}
