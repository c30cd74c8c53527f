/* SPDX-License-Identifier: Apache-2.0 */
/* What names and values of H.248.1 Annex B look like. */
#include "proto/h248/check.h"

static bool is_alpha(char c)
{
	c = gw_lower(c);
	return c >= 'a' && c <= 'z';
}

static bool is_digits(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.len > 0;
}

/* NAME = ALPHA *63(ALPHA / DIGIT / "_") */
static bool is_name(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alpha(s.p[i]) && (i == 0 || (s.p[i] != '_' && !(s.p[i] >= '0' && s.p[i] <= '9'))))
			return false;
	return s.len > 0 && s.len <= 64;
}

static bool is_packaged(struct gw_sv s)
{
	struct gw_sv pkg, item;

	return gw_sv_cut(s, '/', &pkg, &item) && (is_name(pkg) || gw_sv_eq(pkg, GW_SV("*"))) &&
		(is_name(item) || gw_sv_eq(item, GW_SV("*")));
}

static bool is_ack(struct gw_sv s)
{
	struct gw_sv a, b;
	uint32_t n;

	if (!gw_sv_cut(s, '-', &a, &b))
		b = a;
	return gw_sv_u32(a, &n) == GW_OK && gw_sv_u32(b, &n) == GW_OK;
}

/* packagesItem = NAME "-" UINT16 */
static bool is_package(struct gw_sv s)
{
	struct gw_sv name, version;
	uint32_t n;

	return gw_sv_cut(s, '-', &name, &version) && is_name(name) && gw_sv_uint_max(version, 99, &n) == GW_OK;
}

/* yyyymmddThhmmsscc */
static bool is_timestamp(struct gw_sv s)
{
	return s.len == 17 && gw_lower(s.p[8]) == 't' && is_digits(gw_sv_sub(s, 0, 8)) && is_digits(gw_sv_sub(s, 9, 17));
}

/* "X" ("-" / "+") 1*6(ALPHA / DIGIT) */
static bool is_extension(struct gw_sv s)
{
	if (s.len < 3 || s.len > 8 || gw_lower(s.p[0]) != 'x' || (s.p[1] != '-' && s.p[1] != '+'))
		return false;
	for (size_t i = 2; i < s.len; i++)
		if (!is_alpha(s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9'))
			return false;
	return true;
}

bool h248_word_is(enum h248_word w, const struct h248_item *it)
{
	if (it->is_quoted_name)
		return w == H248_W_QUOTED;
	switch (w) {
	case H248_W_TOKEN:
	case H248_W_QUOTED:
		return false;
	case H248_W_PACKAGED:
		return is_packaged(it->name);
	case H248_W_NAME:
		return is_name(it->name);
	case H248_W_TERM:
		return it->name.len <= 64;
	case H248_W_ACK:
		return is_ack(it->name);
	case H248_W_PACKAGE:
		return is_package(it->name);
	case H248_W_TIMESTAMP:
		return is_timestamp(it->name);
	case H248_W_EXTENSION:
		return is_extension(it->name);
	}
	return false;
}

/* Is it ROOT, a path, "$" or "*"? The lexer saw to the characters. */
static bool terms(const struct h248_item *it, unsigned version)
{
	if (it->relation != '=' || (it->bracket && (it->bracket != '[' || version < 3)))
		return false;
	for (const struct h248_item *t = it; t; t = t == it ? it->list : t->next)
		if (t->is_quoted || t->value.len > 64)
			return false;
	return true;
}

static bool is_context(struct gw_sv v)
{
	uint32_t n;

	return gw_sv_eq(v, GW_SV("-")) || gw_sv_eq(v, GW_SV("$")) || gw_sv_eq(v, GW_SV("*")) ||
		(gw_sv_u32(v, &n) == GW_OK && n != 0 && n < 0xfffffffeu);
}

static bool contexts(const struct h248_item *it)
{
	if (it->bracket != '{' || it->relation != '=')
		return false;
	for (const struct h248_item *c = it; c; c = c == it ? it->list : c->next)
		if (c->is_quoted || !is_context(c->value))
			return false;
	return true;
}

/* transactionID, from version 3 on ["/" segmentNumber ["/" ("END" / "&")]] */
static bool tid_segment(const struct h248_item *it, unsigned version)
{
	struct gw_sv id, rest, number;
	bool has_segment = gw_sv_cut(it->value, '/', &id, &rest);
	bool has_end = gw_sv_cut(rest, '/', &number, &rest);
	uint32_t n;

	return gw_sv_u32(id, &n) == GW_OK && (version >= 3 || !has_segment) && (has_segment || it->token != H248_TOK_SEGMENT) &&
		(!has_segment || gw_sv_uint_max(number, UINT16_MAX, &n) == GW_OK) &&
		(!has_end || gw_sv_ieq(rest, GW_SV("END")) || gw_sv_eq(rest, GW_SV("&")));
}

static bool is_profile(struct gw_sv v)
{
	struct gw_sv name, version;
	uint32_t n;

	return gw_sv_cut(v, '/', &name, &version) && is_name(name) && version.len <= 2 &&
		gw_sv_u32(version, &n) == GW_OK;
}

static enum h248_token token_among(const enum h248_token *set, struct gw_sv v)
{
	enum h248_token t = h248_token_lookup(v);

	for (; *set != H248_TOK_NONE; set++)
		if (t == *set)
			return t;
	return H248_TOK_NONE;
}

/* One word, or for NotifyCompletion several. */
static bool tokens(struct h248_item *it, enum h248_form form, unsigned version)
{
	const enum h248_token *set = h248_form_tokens(form);

	if (it->relation != '=' && !(it->relation == '#' && (form == H248_F_OPT_MODE || form == H248_F_OPT_STATE)))
		return false;
	if (it->bracket != (form == H248_F_COMPLETION ? '{' : 0))
		return false;
	for (struct h248_item *v = it; v; v = v == it ? it->list : v->next) {
		v->value_token = v->is_quoted ? H248_TOK_NONE : token_among(set, v->value);
		if (v->value_token == H248_TOK_NONE || (v->value_token == H248_TOK_ITERATION && version < 3))
			return false;
	}
	return true;
}

static bool is_among(struct gw_sv v, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gw_sv_ieq(v, gw_sv_cstr(words[i])))
			return true;
	return is_extension(v);
}

static bool is_mux(struct gw_sv v)
{
	static const char *const types[] = { "H221", "H223", "H226", "V76", "Nx64Kservice", "N64" };

	return is_among(v, types, sizeof(types) / sizeof(types[0]));
}

static bool is_modem(struct gw_sv v)
{
	static const char *const types[] = { "V18", "V22", "V22bis", "V22b", "V32", "V32bis", "V32b", "V34", "V90", "V91",
		"SynchISDN", "SN" };

	return is_among(v, types, sizeof(types) / sizeof(types[0]));
}

/* Numbers and names, never quoted. */
static bool plain(const struct h248_item *it, enum h248_form form, unsigned version)
{
	struct gw_sv v = it->value;
	uint32_t n;

	if (it->relation != '=' || it->bracket || it->is_quoted)
		return false;
	switch (form) {
	case H248_F_TID:
	case H248_F_U32:
		return gw_sv_u32(v, &n) == GW_OK;
	case H248_F_TID_SEGMENT:
		return tid_segment(it, version);
	case H248_F_CONTEXT:
		return is_context(v);
	case H248_F_PRIORITY:
		return gw_sv_uint_max(v, 15, &n) == GW_OK;
	case H248_F_U16:
		return gw_sv_uint_max(v, UINT16_MAX, &n) == GW_OK;
	case H248_F_CODE:
		return gw_sv_uint_max(v, 999, &n) == GW_OK;
	case H248_F_REQUEST_ID:
	case H248_F_OPT_REQUEST_ID:
		return gw_sv_eq(v, GW_SV("*")) || gw_sv_u32(v, &n) == GW_OK;
	case H248_F_PROFILE:
		return is_profile(v);
	case H248_F_VERSION:
		return v.len <= 2 && gw_sv_u32(v, &n) == GW_OK;
	case H248_F_MID:
		return h248_is_mid(v);
	case H248_F_ADDRESS:
		return gw_sv_uint_max(v, UINT16_MAX, &n) == GW_OK || (!is_digits(v) && h248_is_mid(v));
	case H248_F_MUX:
		return is_mux(v);
	case H248_F_MODEM:
		return is_modem(v);
	case H248_F_MAP:
		return v.len == 0 || is_name(v);
	default:
		return false;
	}
}

bool h248_form_is(struct h248_item *it, enum h248_form form, unsigned version)
{
	switch (form) {
	case H248_F_NONE:
		return it->relation == 0 && !it->bracket;
	case H248_F_TERMS:
		return terms(it, version);
	case H248_F_CONTEXTS:
		return contexts(it);
	case H248_F_VALUE:
		return it->relation == '=' && !it->bracket;
	case H248_F_OPT_VALUE:
		return it->relation == 0 || (it->relation == '=' && !it->bracket);
	case H248_F_STATISTIC:
		return it->relation == 0 || (it->relation == '=' && (!it->bracket || it->bracket == '['));
	case H248_F_ANY:
		return it->relation == '=' || (it->relation && !it->bracket);
	case H248_F_OPT_MODE:
	case H248_F_OPT_STATE:
		return (it->relation == 0 && !it->bracket) || tokens(it, form, version);
	case H248_F_OPT_REQUEST_ID:
	case H248_F_MAP:
		return (it->relation == 0 && !it->bracket) || plain(it, form, version);
	case H248_F_MODEM:
		if (it->relation == 0 && it->bracket == '[')
			return true;
		return it->relation == 0 || plain(it, form, version);
	case H248_F_MUX:
		return it->relation == 0 || plain(it, form, version);
	default:
		return h248_form_tokens(form) ? tokens(it, form, version) : plain(it, form, version);
	}
}
