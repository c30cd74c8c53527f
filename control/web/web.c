/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the web side. */
#include "control/web/web.h"

#include <assert.h>
#include <string.h>

void cp_web_header(struct cp_web_req *r, const char *name, struct gw_sv value)
{
	size_t end = 0;

	while (end < value.len && value.p[end] != '\r' && value.p[end] != '\n' && value.p[end])
		end++;
	assert(r->n_headers < CP_WEB_HEADERS_MAX);
	r->header[r->n_headers].name = name;
	r->header[r->n_headers].value = gw_arena_cstr(&r->arena, gw_sv_sub(value, 0, end));
	r->n_headers += r->header[r->n_headers].value != NULL;
}

void cp_web_answer(struct cp_web_req *r, unsigned status, const char *type, struct gw_sv body)
{
	assert(r->status == 0);
	r->status = status;
	r->type = gw_sv_cstr(type);
	r->answer = gw_arena_sv(&r->arena, body);
	if (body.len && !r->answer.p)
		r->status = 503;
	r->done(r);
}

void cp_web_answer_file(struct cp_web_req *r, const char *type, int fd, uint64_t bytes)
{
	assert(r->status == 0);
	r->status = 200;
	r->type = gw_sv_cstr(type);
	r->fd = fd;
	r->fd_bytes = bytes;
	r->done(r);
}

void cp_web_put_html(struct gw_buf *b, struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if (c < ' ' || c == 0x7f || strchr("&<>\"'`", (int)c))
			gw_buf_printf(b, "&#%u;", c < ' ' || c == 0x7f ? 0xfffdu : c);
		else
			gw_buf_putc(b, (char)c);
	}
}

void cp_web_page_begin(struct gw_buf *b, const char *title, const char *style)
{
	gw_buf_printf(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"stylesheet\" href=\"%s\"></head><body>\n", title, style);
}

void cp_web_page_end(struct cp_web_req *r, struct gw_buf *b, unsigned status)
{
	gw_buf_puts(b, "</body></html>\n");
	if (b->overflow)
		cp_web_answer(r, 503, "text/plain", GW_SV("this page cannot be made\n"));
	else
		cp_web_answer(r, status, "text/html; charset=utf-8", gw_buf_sv(b));
}
