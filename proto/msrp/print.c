/* SPDX-License-Identifier: Apache-2.0 */
/* Writing MSRP (RFC 4975 7.1 to 7.3). */
#include "proto/msrp/msg.h"

#include <stdio.h>

static void put_header(struct gw_buf *b, const char *name, struct gw_sv value)
{
	gw_buf_puts(b, name);
	gw_buf_puts(b, ": ");
	gw_buf_put(b, value);
	gw_buf_puts(b, "\r\n");
}

static void put_number(struct gw_buf *b, bool is_given, uint64_t n)
{
	if (is_given)
		gw_buf_u64(b, n);
	else
		gw_buf_putc(b, '*');
}

static void put_range(struct gw_buf *b, const struct msrp_range *r)
{
	gw_buf_puts(b, "Byte-Range: ");
	gw_buf_u64(b, r->start);
	gw_buf_putc(b, '-');
	put_number(b, r->has_end, r->end);
	gw_buf_putc(b, '/');
	put_number(b, r->has_total, r->total);
	gw_buf_puts(b, "\r\n");
}

static void put_start(struct gw_buf *b, struct gw_sv tid, struct gw_sv what, struct gw_sv to, struct gw_sv from)
{
	gw_buf_puts(b, "MSRP ");
	gw_buf_put(b, tid);
	gw_buf_putc(b, ' ');
	gw_buf_put(b, what);
	gw_buf_puts(b, "\r\n");
	put_header(b, "To-Path", to);
	put_header(b, "From-Path", from);
}

static bool is_written_apart(struct gw_sv name)
{
	return gw_sv_ieq(name, GW_SV("To-Path")) || gw_sv_ieq(name, GW_SV("From-Path")) || gw_sv_ieq(name, GW_SV("Byte-Range")) ||
		gw_sv_ieq(name, GW_SV("Content-Type"));
}

enum gw_err msrp_print_head(const struct msrp_head *h, struct gw_buf *out)
{
	bool has_range = h->has_range;
	struct gw_sv text;

	put_start(out, h->tid, h->method_name, h->to_path, h->from_path);
	for (unsigned i = 0; i < h->n_headers; i++) {
		const struct msrp_header *e = &h->headers[i];

		/* Mime headers stand right before Content-Type; Message-ID, which no request lacks, is none of them */
		if (!is_written_apart(e->name)) {
			gw_buf_put(out, e->name);
			gw_buf_puts(out, ": ");
			gw_buf_put(out, e->value);
			gw_buf_puts(out, "\r\n");
		}
		if (has_range && gw_sv_ieq(e->name, GW_SV("Message-ID"))) {
			put_range(out, &h->range);
			has_range = false;
		}
	}
	if (h->content_type.len) {
		put_header(out, "Content-Type", h->content_type);
		gw_buf_puts(out, "\r\n");
	}
	return gw_buf_done(out, &text);
}

enum gw_err msrp_print_end(struct gw_sv tid, enum msrp_flag flag, bool is_after_body, struct gw_buf *out)
{
	struct gw_sv text;

	gw_buf_puts(out, is_after_body ? "\r\n-------" : "-------");
	gw_buf_put(out, tid);
	gw_buf_putc(out, (char)flag);
	gw_buf_puts(out, "\r\n");
	return gw_buf_done(out, &text);
}

static struct gw_sv first_of(struct gw_sv path)
{
	struct gw_sv uri = GW_SV_NONE;

	(void)gw_sv_word(&path, &uri);
	return uri;
}

static const char *comment_of(unsigned status)
{
	switch (status) {
	case 200:
		return "200 OK";
	case 400:
		return "400 Bad Request";
	case 408:
		return "408 Timeout";
	case 413:
		return "413 Stop Sending";
	case 415:
		return "415 Unsupported Media Type";
	case 481:
		return "481 No Such Session";
	case 501:
		return "501 Unknown Method";
	default:
		return NULL;
	}
}

enum gw_err msrp_print_response(const struct msrp_head *request, unsigned status, struct gw_buf *out)
{
	const char *text = comment_of(status);
	char number[8];

	snprintf(number, sizeof(number), "%03u", status % 1000);
	put_start(out, request->tid, gw_sv_cstr(text ? text : number), first_of(request->from_path), first_of(request->to_path));
	return msrp_print_end(request->tid, MSRP_COMPLETE, false, out);
}

enum gw_err msrp_print_report(const struct msrp_report *r, struct gw_buf *out)
{
	put_start(out, r->tid, GW_SV("REPORT"), r->to_path, r->from_path);
	put_header(out, "Message-ID", r->message_id);
	put_range(out, &r->range);
	gw_buf_printf(out, "Status: 000 %03u\r\n", r->status % 1000);
	return msrp_print_end(r->tid, MSRP_COMPLETE, false, out);
}
