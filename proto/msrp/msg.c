/* SPDX-License-Identifier: Apache-2.0 */
/* Start line and headers of an MSRP message (RFC 4975 9). */
#include "proto/msrp/msg.h"

#include "proto/msrp/uri.h"

static bool is_alnum(char c)
{
	char l = gw_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

/* ident = ALPHANUM 3*31ident-char */
static bool is_ident(struct gw_sv s)
{
	if (s.len < MSRP_IDENT_MIN || s.len > MSRP_IDENT_MAX || !is_alnum(s.p[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_alnum(s.p[i]) && (s.p[i] == 0 || !strchr(".-+%=", s.p[i])))
			return false;
	return true;
}

static bool is_path(struct gw_sv path)
{
	struct msrp_uri u;

	return msrp_path_last(path, &u) == GW_OK;
}

/* A line with its CRLF; bare CR and LF stand nowhere in a head. */
static bool next_line(struct gw_sv *text, struct gw_sv *line)
{
	size_t end = gw_sv_find(*text, GW_SV("\r\n"));

	if (end == text->len)
		return false;
	*line = gw_sv_sub(*text, 0, end);
	*text = gw_sv_sub(*text, end + 2, text->len);
	return gw_sv_chr(*line, '\n', 0) == end && gw_sv_chr(*line, '\r', 0) == end && gw_sv_chr(*line, '\0', 0) == end;
}

/* "MSRP tid METHOD" or "MSRP tid NNN comment" */
static bool parse_start(struct gw_sv line, struct msrp_head *h)
{
	struct gw_sv word, rest;
	uint32_t n;

	if (!gw_sv_starts(line, GW_SV("MSRP ")) || !gw_sv_cut(gw_sv_sub(line, 5, line.len), ' ', &h->tid, &rest) ||
		!is_ident(h->tid))
		return false;
	gw_sv_cut(rest, ' ', &word, &h->comment);
	if (word.len == 3 && gw_sv_u32(word, &n) == GW_OK && n >= 100) {
		h->status = n;
		return true;
	}
	for (size_t i = 0; i < word.len; i++)
		if (word.p[i] < 'A' || word.p[i] > 'Z')
			return false;
	h->method_name = word;
	h->method = gw_sv_eq(word, GW_SV("SEND")) ? MSRP_SEND : gw_sv_eq(word, GW_SV("REPORT")) ? MSRP_REPORT : MSRP_OTHER_METHOD;
	return word.len > 0 && h->comment.len == 0;
}

static bool parse_number(struct gw_sv s, uint64_t *n, bool *is_given)
{
	*is_given = !gw_sv_eq(s, GW_SV("*"));
	return !*is_given || gw_sv_u64(s, n) == GW_OK;
}

static bool parse_range(struct gw_sv s, struct msrp_range *r)
{
	struct gw_sv start, end, total;

	return gw_sv_cut(s, '-', &start, &end) && gw_sv_cut(end, '/', &end, &total) && gw_sv_u64(start, &r->start) == GW_OK &&
		r->start > 0 && r->start < INT64_MAX && parse_number(end, &r->end, &r->has_end) &&
		parse_number(total, &r->total, &r->has_total) && (!r->has_end || r->end + 1 >= r->start) &&
		(!r->has_end || !r->has_total || r->end <= r->total);
}

static bool parse_yes(struct gw_sv v, bool *out)
{
	*out = gw_sv_ieq(v, GW_SV("yes"));
	return *out || gw_sv_ieq(v, GW_SV("no"));
}

static bool parse_failure(struct gw_sv v, enum msrp_failure_report *out)
{
	bool is_yes;

	if (gw_sv_ieq(v, GW_SV("partial"))) {
		*out = MSRP_FAILURE_PARTIAL;
		return true;
	}
	if (!parse_yes(v, &is_yes))
		return false;
	*out = is_yes ? MSRP_FAILURE_YES : MSRP_FAILURE_NO;
	return true;
}

static bool set_once(struct gw_sv *field, struct gw_sv v)
{
	bool is_first = field->len == 0;

	*field = v;
	return is_first && v.len > 0;
}

static bool parse_header(struct msrp_head *h, struct gw_sv name, struct gw_sv v)
{
	if (gw_sv_ieq(name, GW_SV("To-Path")))
		return set_once(&h->to_path, v) && is_path(v);
	if (gw_sv_ieq(name, GW_SV("From-Path")))
		return set_once(&h->from_path, v) && is_path(v);
	if (gw_sv_ieq(name, GW_SV("Message-ID")))
		return set_once(&h->message_id, v) && is_ident(v);
	if (gw_sv_ieq(name, GW_SV("Content-Type")))
		return set_once(&h->content_type, v);
	if (gw_sv_ieq(name, GW_SV("Success-Report")))
		return parse_yes(v, &h->wants_success);
	if (gw_sv_ieq(name, GW_SV("Failure-Report")))
		return parse_failure(v, &h->failure);
	if (gw_sv_ieq(name, GW_SV("Byte-Range"))) {
		if (h->has_range)
			return false;
		h->has_range = true;
		return parse_range(v, &h->range);
	}
	return true;
}

enum gw_err msrp_head_parse(struct gw_sv text, struct msrp_head *out)
{
	struct msrp_head h = { .range = { .start = 1 } };
	struct gw_sv line, name, value;

	if (!next_line(&text, &line) || !parse_start(line, &h))
		return GW_EBADMSG;
	while (text.len) {
		if (!next_line(&text, &line) || !gw_sv_cut(line, ':', &name, &value) || name.len == 0)
			return GW_EBADMSG;
		if (h.n_headers == MSRP_HEADERS_MAX)
			return GW_ELIMIT;
		value = gw_sv_trim(value);
		h.headers[h.n_headers++] = (struct msrp_header){ name, value };
		if (!parse_header(&h, name, value))
			return GW_EBADMSG;
	}
	if (h.to_path.len == 0 || h.from_path.len == 0 ||
		(h.status == 0 && h.method != MSRP_OTHER_METHOD && h.message_id.len == 0))
		return GW_EBADMSG;
	*out = h;
	return GW_OK;
}
