/* SPDX-License-Identifier: Apache-2.0 */
/* Form fields, cookies, Basic credentials. */
#include "control/waf/form.h"

#include <openssl/evp.h>

#define BASIC_MAX_BYTES 1024

static int hex(char c)
{
	char l = gw_lower(c);

	if (l >= '0' && l <= '9')
		return l - '0';
	return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static enum gw_err decode(struct gw_arena *a, struct gw_sv in, struct gw_sv *out)
{
	char *p = gw_arena_alloc(a, in.len + 1);
	size_t n = 0;

	if (!p)
		return GW_ENOMEM;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.p[i] == '+' ? ' ' : in.p[i];

		if (c == '%') {
			if (i + 2 >= in.len || hex(in.p[i + 1]) < 0 || hex(in.p[i + 2]) < 0)
				return GW_EBADMSG;
			c = (char)(hex(in.p[i + 1]) << 4 | hex(in.p[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return GW_EBADMSG;
		p[n++] = c;
	}
	*out = gw_sv(p, n);
	return GW_OK;
}

static bool has(const struct cp_form *f, struct gw_sv name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (gw_sv_eq(f->field[i].name, name))
			return true;
	return false;
}

enum gw_err cp_form_parse(struct cp_form *f, struct gw_arena *a, struct gw_sv text)
{
	struct gw_sv part, name, value, rest = text;
	enum gw_err err;

	f->n = 0;
	while (rest.len) {
		gw_sv_cut(rest, '&', &part, &rest);
		if (part.len == 0)
			continue;
		if (f->n == CP_FORM_FIELDS_MAX)
			return GW_ELIMIT;
		gw_sv_cut(part, '=', &name, &value);
		if ((err = decode(a, name, &name)) || (err = decode(a, value, &value)))
			return err;
		if (has(f, name))
			return GW_EBADMSG;
		f->field[f->n].name = name;
		f->field[f->n++].value = value;
	}
	return GW_OK;
}

struct gw_sv cp_form_get(const struct cp_form *f, const char *name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (gw_sv_eq(f->field[i].name, gw_sv_cstr(name)))
			return f->field[i].value;
	return GW_SV_NONE;
}

void cp_form_put(struct gw_buf *b, struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++) {
		char c = v.p[i], l = gw_lower(c);

		if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c)))
			gw_buf_putc(b, c);
		else
			gw_buf_printf(b, "%%%02X", (unsigned char)c);
	}
}

struct gw_sv cp_cookie_get(struct gw_sv header, struct gw_sv name)
{
	struct gw_sv pair, key, value, found = GW_SV_NONE, rest = header;

	while (rest.len) {
		gw_sv_cut(rest, ';', &pair, &rest);
		if (!gw_sv_cut(gw_sv_trim(pair), '=', &key, &value) || !gw_sv_eq(key, name))
			continue;
		if (found.p)
			return GW_SV_NONE;
		found = value;
	}
	return found;
}

enum gw_err cp_basic_parse(struct gw_arena *a, struct gw_sv header, struct gw_sv *user, struct gw_sv *password)
{
	struct gw_sv b64, name, secret;
	enum gw_err err;
	char *raw;
	int n;

	if (!gw_sv_istarts(header, GW_SV("Basic ")))
		return GW_ENOENT;
	b64 = gw_sv_trim(gw_sv_sub(header, 6, header.len));
	if (b64.len == 0 || b64.len % 4 || b64.len > BASIC_MAX_BYTES)
		return GW_EBADMSG;
	raw = gw_arena_alloc(a, b64.len);
	if (!raw)
		return GW_ENOMEM;
	n = EVP_DecodeBlock((unsigned char *)raw, (const unsigned char *)b64.p, (int)b64.len);
	if (n < 3)
		return GW_EBADMSG;
	n -= (b64.p[b64.len - 1] == '=') + (b64.p[b64.len - 2] == '=');	/* EVP counts the padding */
	if (!gw_sv_cut(gw_sv(raw, (size_t)n), ':', &name, &secret))
		return GW_EBADMSG;
	if ((err = decode(a, name, &name)) || (err = decode(a, secret, &secret)))
		return err;
	*user = name;
	*password = secret;
	return GW_OK;
}
