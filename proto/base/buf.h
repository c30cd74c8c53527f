/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded writer over memory of the caller. Overflow is sticky and checked once, at the end. */
#ifndef GW_BUF_H
#define GW_BUF_H

#include <stdarg.h>

#include "proto/base/sv.h"

struct gw_buf {
	char *p;
	size_t len;
	size_t cap;
	bool overflow;
};

static inline struct gw_buf gw_buf(void *p, size_t cap)
{
	return (struct gw_buf){ p, 0, cap, false };
}

void gw_buf_put(struct gw_buf *b, struct gw_sv s);
void gw_buf_puts(struct gw_buf *b, const char *s);
void gw_buf_putc(struct gw_buf *b, char c);
void gw_buf_u64(struct gw_buf *b, uint64_t v);
/** Lower-case hexadecimal of n bytes. */
void gw_buf_hex(struct gw_buf *b, const void *p, size_t n);
void gw_buf_printf(struct gw_buf *b, const char *fmt, ...) GW_PRINTF(2, 3);
/** What was written so far (valid also after overflow: the part that fit). */
static inline struct gw_sv gw_buf_sv(const struct gw_buf *b)
{
	return gw_sv(b->p, b->len);
}
/** GW_OK and the written slice, or GW_ENOSPC if any write did not fit. */
enum gw_err gw_buf_done(const struct gw_buf *b, struct gw_sv *out) GW_NODISCARD;

#endif
