/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded writer with sticky overflow. */
#include "proto/base/buf.h"

#include <stdio.h>

void gw_buf_put(struct gw_buf *b, struct gw_sv s)
{
	if (b->overflow || s.len > b->cap - b->len) {
		b->overflow = true;
		return;
	}
	if (s.len)
		memcpy(b->p + b->len, s.p, s.len);
	b->len += s.len;
}

void gw_buf_puts(struct gw_buf *b, const char *s)
{
	gw_buf_put(b, gw_sv_cstr(s));
}

void gw_buf_putc(struct gw_buf *b, char c)
{
	gw_buf_put(b, gw_sv(&c, 1));
}

void gw_buf_u64(struct gw_buf *b, uint64_t v)
{
	char tmp[20];
	size_t i = sizeof(tmp);

	do
		tmp[--i] = (char)('0' + v % 10);
	while (v /= 10);
	gw_buf_put(b, gw_sv(tmp + i, sizeof(tmp) - i));
}

void gw_buf_hex(struct gw_buf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *u = p;

	for (size_t i = 0; i < n; i++) {
		gw_buf_putc(b, digits[u[i] >> 4]);
		gw_buf_putc(b, digits[u[i] & 15]);
	}
}

void gw_buf_printf(struct gw_buf *b, const char *fmt, ...)
{
	size_t room = b->cap - b->len;
	va_list ap;
	int n;

	if (b->overflow)
		return;
	va_start(ap, fmt);
	n = vsnprintf(room ? b->p + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		b->overflow = true;	/* vsnprintf needs room for its NUL: one byte is given up */
	else
		b->len += (size_t)n;
}

enum gw_err gw_buf_done(const struct gw_buf *b, struct gw_sv *out)
{
	if (b->overflow)
		return GW_ENOSPC;
	*out = gw_buf_sv(b);
	return GW_OK;
}
