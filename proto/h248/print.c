/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of items as text. */
#include "proto/h248/text.h"

struct out {
	struct gw_buf *b;
	bool is_long;
	bool is_bad;
};

static void quoted(struct out *o, struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] == '"' || (v.p[i] >= 0 && v.p[i] < ' ' && v.p[i] != '\t'))
			o->is_bad = true;
	gw_buf_putc(o->b, '"');
	gw_buf_put(o->b, v);
	gw_buf_putc(o->b, '"');
}

/* O- and W- stay, the token may be spelt the other way. */
static void name(struct out *o, const struct h248_item *it)
{
	struct gw_sv n = it->name;

	if (it->timestamp.len) {
		gw_buf_put(o->b, it->timestamp);
		gw_buf_putc(o->b, ':');
	}
	if (it->is_quoted_name) {
		quoted(o, n);
		return;
	}
	if (it->token == H248_TOK_NONE) {
		gw_buf_put(o->b, n);
		return;
	}
	for (; gw_sv_istarts(n, GW_SV("O-")) || gw_sv_istarts(n, GW_SV("W-")); n = gw_sv_sub(n, 2, n.len))
		gw_buf_puts(o->b, gw_lower(n.p[0]) == 'o' ? "O-" : "W-");
	gw_buf_put(o->b, h248_token_text(it->token, o->is_long));
}

static void value(struct out *o, const struct h248_item *it)
{
	if (it->value_token != H248_TOK_NONE)
		gw_buf_put(o->b, h248_token_text(it->value_token, o->is_long));
	else if (it->is_quoted)
		quoted(o, it->value);
	else
		gw_buf_put(o->b, it->value);
}

static void values(struct out *o, const struct h248_item *it)
{
	if (it->relation)
		gw_buf_putc(o->b, it->relation);
	if (!it->relation && !it->bracket)
		return;
	if (it->bracket)
		gw_buf_putc(o->b, it->bracket == '{' ? '{' : '[');
	value(o, it);
	for (const struct h248_item *v = it->list; v; v = v->next) {
		gw_buf_putc(o->b, it->bracket == ':' ? ':' : ',');
		value(o, v);
	}
	if (it->bracket)
		gw_buf_putc(o->b, it->bracket == '{' ? '}' : ']');
}

static void items(struct out *o, const struct h248_item *first, unsigned depth)
{
	for (const struct h248_item *it = first; it; it = it->next) {
		if (it != first)
			gw_buf_putc(o->b, depth ? ',' : ' ');
		name(o, it);
		values(o, it);
		if (it->token == H248_TOK_DIGIT_MAP && it->has_braces && !it->relation)
			gw_buf_putc(o->b, '=');
		if (!it->has_braces)
			continue;
		gw_buf_putc(o->b, '{');
		if (it->raw.len) {
			if (gw_sv_chr(it->raw, '}', 0) < it->raw.len)
				o->is_bad = true;
			gw_buf_puts(o->b, it->token == H248_TOK_DIGIT_MAP ? "" : "\r\n");
			gw_buf_put(o->b, it->raw);
		} else if (depth < H248_MAX_DEPTH) {
			items(o, it->child, depth + 1);
		} else if (it->child) {
			o->is_bad = true;
		}
		gw_buf_putc(o->b, '}');
	}
}

enum gw_err h248_print(const struct h248_message *m, bool is_long, struct gw_buf *out)
{
	struct out o = { .b = out, .is_long = is_long };

	gw_buf_puts(out, is_long ? "MEGACO/" : "!/");
	gw_buf_u64(out, m->version);
	gw_buf_putc(out, ' ');
	gw_buf_put(out, m->mid);
	gw_buf_putc(out, ' ');
	items(&o, m->body, 0);
	if (o.is_bad)
		return GW_EINVAL;
	return out->overflow ? GW_ENOSPC : GW_OK;
}
