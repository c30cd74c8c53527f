/* SPDX-License-Identifier: Apache-2.0 */
/* Finds heads and end lines in a stream (RFC 4975 7.3.1): a body ends where its transaction id comes after seven hyphens. */
#include "proto/msrp/reader.h"

#define MARK_BYTES 7u

static const char mark[] = "-------";

/* Is s this message's end line? GW_EAGAIN: it may become one. */
static enum gw_err end_line(const struct msrp_reader *r, struct gw_sv s, enum msrp_flag *flag, size_t *len)
{
	size_t n = s.len < MARK_BYTES ? s.len : MARK_BYTES, tid, at = MARK_BYTES + r->tid_len;

	if (memcmp(s.p, mark, n))
		return GW_ENOENT;
	tid = s.len - n < r->tid_len ? s.len - n : r->tid_len;
	if (tid && memcmp(s.p + n, r->tid, tid))
		return GW_ENOENT;
	if (s.len > at && s.p[at] != MSRP_COMPLETE && s.p[at] != MSRP_MORE && s.p[at] != MSRP_ABORTED)
		return GW_ENOENT;
	if ((s.len > at + 1 && s.p[at + 1] != '\r') || (s.len > at + 2 && s.p[at + 2] != '\n'))
		return GW_ENOENT;
	if (s.len < at + 3)
		return GW_EAGAIN;
	*flag = (enum msrp_flag)s.p[at];
	*len = at + 3;
	return GW_OK;
}

/* The transaction id stands in the first line; msrp_head_parse checks it again, and the rest. */
static bool take_tid(struct msrp_reader *r, struct gw_sv line)
{
	struct gw_sv tid, rest;

	if (!gw_sv_starts(line, GW_SV("MSRP ")) || !gw_sv_cut(gw_sv_sub(line, 5, line.len), ' ', &tid, &rest) ||
		tid.len < MSRP_IDENT_MIN || tid.len > MSRP_IDENT_MAX)
		return false;
	memcpy(r->tid, tid.p, tid.len);
	r->tid_len = tid.len;
	return true;
}

static enum gw_err found_head(struct msrp_reader *r, struct gw_sv in, size_t end, bool has_body, struct msrp_item *out, size_t *used)
{
	if (end > MSRP_HEAD_MAX)
		return GW_ELIMIT;
	*out = (struct msrp_item){ .kind = MSRP_ITEM_HEAD, .bytes = gw_sv_sub(in, 0, end) };
	*used = has_body ? end + 2 : end;
	r->is_in_message = true;
	r->has_body = has_body;
	r->is_body_begun = false;
	r->scanned = 0;
	return GW_OK;
}

static enum gw_err read_head(struct msrp_reader *r, struct gw_sv in, struct msrp_item *out, size_t *used)
{
	enum msrp_flag flag;
	size_t len;

	for (;;) {
		struct gw_sv rest = gw_sv_sub(in, r->scanned, in.len);
		size_t end = gw_sv_find(rest, GW_SV("\r\n"));
		enum gw_err err = r->scanned && rest.len ? end_line(r, rest, &flag, &len) : GW_ENOENT;

		if (err == GW_OK)
			return found_head(r, in, r->scanned, false, out, used);
		if (end == rest.len)
			return r->scanned + rest.len > MSRP_HEAD_MAX ? GW_ELIMIT : GW_EAGAIN;
		if (end == 0 && r->scanned)
			return found_head(r, in, r->scanned, true, out, used);
		if (r->scanned == 0 && !take_tid(r, gw_sv_sub(rest, 0, end)))
			return GW_EBADMSG;
		r->scanned += end + 2;
	}
}

static enum gw_err found_end(struct msrp_reader *r, enum msrp_flag flag, size_t len, struct msrp_item *out, size_t *used)
{
	*out = (struct msrp_item){ .kind = MSRP_ITEM_END, .flag = flag };
	*used = len;
	r->is_in_message = false;
	return GW_OK;
}

static enum gw_err read_body(struct msrp_reader *r, struct gw_sv in, struct msrp_item *out, size_t *used)
{
	enum msrp_flag flag;
	size_t at = 0, len;
	enum gw_err err = in.len && !r->is_body_begun ? end_line(r, in, &flag, &len) : GW_ENOENT;

	if (err == GW_OK)	/* a body of nothing, not even its CRLF */
		return found_end(r, flag, len, out, used);
	if (err == GW_EAGAIN)
		return err;
	for (;; at++) {
		struct gw_sv rest;

		at = gw_sv_chr(in, '\r', at);
		if (at == in.len)
			break;
		rest = gw_sv_sub(in, at, in.len);
		if (rest.len > 1 && rest.p[1] != '\n')
			continue;
		err = rest.len > 2 ? end_line(r, gw_sv_sub(rest, 2, rest.len), &flag, &len) : GW_EAGAIN;
		if (err == GW_ENOENT)
			continue;
		if (err == GW_OK && at == 0)
			return found_end(r, flag, len + 2, out, used);
		break;	/* what is before it first */
	}
	if (at == 0)
		return GW_EAGAIN;
	*out = (struct msrp_item){ .kind = MSRP_ITEM_BODY, .bytes = gw_sv_sub(in, 0, at) };
	*used = at;
	r->is_body_begun = true;
	return GW_OK;
}

enum gw_err msrp_read(struct msrp_reader *r, struct gw_sv in, struct msrp_item *out, size_t *used)
{
	enum msrp_flag flag;
	enum gw_err err;
	size_t skip = 0, len;

	*used = 0;
	if (r->is_in_message && r->has_body)
		return read_body(r, in, out, used);
	if (r->is_in_message) {
		err = in.len ? end_line(r, in, &flag, &len) : GW_EAGAIN;
		return err == GW_OK ? found_end(r, flag, len, out, used) : err == GW_ENOENT ? GW_EBADMSG : err;
	}
	while (r->scanned == 0 && gw_sv_starts(gw_sv_sub(in, skip, in.len), GW_SV("\r\n")))
		skip += 2;	/* between messages: keep-alives */
	err = read_head(r, gw_sv_sub(in, skip, in.len), out, used);
	*used += skip;
	return err;
}
