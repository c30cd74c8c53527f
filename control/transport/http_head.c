/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reader of a request head. */
#include "control/transport/http_head.h"

#include <openssl/evp.h>

static bool is_token_char(char c)
{
	char l = gw_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool keep(struct cp_http_head *h, struct gw_sv name, struct gw_sv value)
{
	static const struct {
		struct gw_sv name;
		size_t at;
		bool is_list;        /* may come twice; the first counts */
	} known[] = { { GW_SV_INIT("host"), offsetof(struct cp_http_head, host), false },
		{ GW_SV_INIT("origin"), offsetof(struct cp_http_head, origin), false },
		{ GW_SV_INIT("upgrade"), offsetof(struct cp_http_head, upgrade), false },
		{ GW_SV_INIT("connection"), offsetof(struct cp_http_head, connection), true },
		{ GW_SV_INIT("sec-websocket-version"), offsetof(struct cp_http_head, ws_version), false },
		{ GW_SV_INIT("sec-websocket-key"), offsetof(struct cp_http_head, ws_key), false },
		{ GW_SV_INIT("sec-websocket-protocol"), offsetof(struct cp_http_head, ws_protocol), true } };

	if (gw_sv_ieq(name, GW_SV("content-length"))) {
		if (h->has_length)
			return false;	/* repeated: request smuggling (threat W6) */
		h->has_length = true;
	}
	h->has_encoding |= gw_sv_ieq(name, GW_SV("transfer-encoding"));
	h->has_origin |= gw_sv_ieq(name, GW_SV("origin"));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (gw_sv_ieq(name, known[i].name)) {
			struct gw_sv *slot = (struct gw_sv *)((char *)h + known[i].at);

			if (slot->p && !known[i].is_list)
				return false;
			if (!slot->p)
				*slot = value;
		}
	return !(h->has_length && h->has_encoding);
}

static bool take_request_line(struct cp_http_head *h, struct gw_sv line)
{
	struct gw_sv rest = line;

	return gw_sv_word(&rest, &h->method) && gw_sv_word(&rest, &h->path) && gw_sv_word(&rest, &h->version) &&
		gw_sv_trim(rest).len == 0 && gw_sv_starts(h->version, GW_SV("HTTP/1."));
}

static bool take_field(struct cp_http_head *h, struct gw_sv line)
{
	size_t colon = gw_sv_chr(line, ':', 0);

	if (colon == 0 || colon == line.len || ++h->n > CP_HEAD_MAX_FIELDS)
		return false;
	for (size_t i = 0; i < colon; i++)
		if (!is_token_char(line.p[i]))
			return false;
	return keep(h, gw_sv_sub(line, 0, colon), gw_sv_trim(gw_sv_sub(line, colon + 1, line.len)));
}

static bool has_control(struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

enum gw_err cp_http_head_parse(struct gw_sv s, struct cp_http_head *out)
{
	struct cp_http_head h = { 0 };

	while (s.len) {
		size_t lf = gw_sv_chr(s, '\n', 0);
		struct gw_sv line;

		if (lf == 0 || lf == s.len || s.p[lf - 1] != '\r')
			return GW_EBADMSG;
		line = gw_sv_sub(s, 0, lf - 1);
		s = gw_sv_sub(s, lf + 1, s.len);
		if (line.len == 0) {
			if (!h.method.p || !h.host.p)
				return GW_EBADMSG;
			*out = h;
			return GW_OK;
		}
		if (has_control(line) || !(h.method.p ? take_field(&h, line) : take_request_line(&h, line)))
			return GW_EBADMSG;
	}
	return GW_EBADMSG;
}

bool cp_http_ws_key_ok(struct gw_sv key)
{
	unsigned char raw[32];

	return key.len == 24 && EVP_DecodeBlock(raw, (const unsigned char *)key.p, 24) == 18 &&
		gw_sv_ends(key, GW_SV("=="));
}
