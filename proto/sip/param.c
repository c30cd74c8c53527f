/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting header values at commas and semicolons. */
#include "proto/sip/param.h"

#include "proto/sip/hdr.h"

size_t sip_chr_unquoted(struct gw_sv s, char c, size_t from)
{
	bool quoted = false;
	unsigned angle = 0;

	for (size_t i = from; i < s.len; i++) {
		char x = s.p[i];

		if (quoted) {
			if (x == '\\')
				i++;
			else if (x == '"')
				quoted = false;
			continue;
		}
		if (x == c && angle == 0)
			return i;
		if (x == '"')
			quoted = true;
		else if (x == '<')
			angle = 1;	/* brackets do not nest (RFC 3261 25.1) */
		else if (x == '>')
			angle = 0;
	}
	return s.len;
}

bool sip_list_next(struct gw_sv *list, struct gw_sv *element)
{
	while (list->len) {
		size_t i = sip_chr_unquoted(*list, ',', 0);
		struct gw_sv e = gw_sv_trim(gw_sv_sub(*list, 0, i));

		*list = gw_sv_sub(*list, i + 1, list->len);
		if (e.len) {
			*element = e;
			return true;
		}
	}
	return false;
}

bool sip_list_has(struct gw_sv list, struct gw_sv token)
{
	struct gw_sv e;

	while (sip_list_next(&list, &e))
		if (gw_sv_ieq(e, token))
			return true;
	return false;
}

bool sip_param_next(struct gw_sv *params, char sep, struct sip_param *out)
{
	struct gw_sv one, value;
	size_t i;

	do {
		if (params->len == 0)
			return false;
		i = sip_chr_unquoted(*params, sep, 0);
		one = gw_sv_trim(gw_sv_sub(*params, 0, i));
		*params = gw_sv_sub(*params, i + 1, params->len);
	} while (one.len == 0);
	*out = (struct sip_param){ 0 };
	out->has_value = gw_sv_cut(one, '=', &out->name, &value);
	out->name = gw_sv_trim(out->name);
	value = gw_sv_trim(value);
	if (value.len >= 2 && value.p[0] == '"' && value.p[value.len - 1] == '"') {
		out->is_quoted = true;
		value = gw_sv_sub(value, 1, value.len - 1);
	}
	out->value = value;
	return true;
}

static void skip_blanks(struct gw_sv *s)
{
	while (s->len && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = gw_sv_sub(*s, 1, s->len);
}

/* token; for values also what a host is written with: "[", "]" and ":" */
static struct gw_sv take_token(struct gw_sv *s, bool is_value)
{
	struct gw_sv t;
	size_t n = 0;

	while (n < s->len && (sip_is_token(gw_sv_sub(*s, n, n + 1)) ||
				     (is_value && s->p[n] && strchr("[]:", s->p[n]))))
		n++;
	t = gw_sv_sub(*s, 0, n);
	*s = gw_sv_sub(*s, n, s->len);
	return t;
}

static enum gw_err take_quoted(struct gw_sv *s, struct gw_sv *value)
{
	size_t n = 1;

	while (n < s->len && s->p[n] != '"') {
		unsigned char c = (unsigned char)s->p[n++];

		if (c == '\\' || (c < ' ' && c != '\t') || c == 0x7f)
			return GW_EBADMSG;
	}
	if (n == s->len)
		return GW_EBADMSG;
	*value = gw_sv_sub(*s, 1, n);
	*s = gw_sv_sub(*s, n + 1, s->len);
	return GW_OK;
}

enum gw_err sip_param_take(struct gw_sv *s, struct sip_param *out)
{
	struct sip_param p = { 0 };

	skip_blanks(s);
	p.name = take_token(s, false);
	if (p.name.len == 0)
		return GW_EBADMSG;
	skip_blanks(s);
	if (s->len && s->p[0] == '=') {
		*s = gw_sv_sub(*s, 1, s->len);
		p.has_value = true;
		skip_blanks(s);
		if (s->len && s->p[0] == '"') {
			p.is_quoted = true;
			if (take_quoted(s, &p.value))
				return GW_EBADMSG;
		} else {
			p.value = take_token(s, true);
			if (p.value.len == 0)
				return GW_EBADMSG;
		}
		skip_blanks(s);
	}
	*out = p;
	return GW_OK;
}

bool sip_param_get(struct gw_sv params, struct gw_sv name, struct sip_param *out)
{
	struct sip_param p;

	while (sip_param_next(&params, ';', &p))
		if (gw_sv_ieq(p.name, name)) {
			*out = p;
			return true;
		}
	return false;
}
