/* SPDX-License-Identifier: Apache-2.0 */
/* Masking of credentials and escaping of control characters, line by line, whatever the message is. */
#include "control/app/trace_mask.h"

#define TOKEN_MIN 20	/* a shorter "eyJ..." is no JWT */

/* Parameters of Digest that may be read; all others may be, or reveal, a secret. */
static const struct gw_sv harmless[] = { GW_SV_INIT("username"), GW_SV_INIT("realm"), GW_SV_INIT("uri"),
	GW_SV_INIT("algorithm"), GW_SV_INIT("qop"), GW_SV_INIT("nc"), GW_SV_INIT("stale"), GW_SV_INIT("domain"),
	GW_SV_INIT("scope"), GW_SV_INIT("error"), GW_SV_INIT("authz_server"), GW_SV_INIT("integrity-protected") };

static const struct gw_sv auth_headers[] = { GW_SV_INIT("authorization"), GW_SV_INIT("proxy-authorization"),
	GW_SV_INIT("www-authenticate"), GW_SV_INIT("proxy-authenticate"), GW_SV_INIT("authentication-info"),
	GW_SV_INIT("proxy-authentication-info") };

/* Lines of SDP with a key in them, up to what may be read (RFC 4568, RFC 8839, RFC 8866 5.12). */
static const struct gw_sv key_lines[] = { GW_SV_INIT("a=crypto:"), GW_SV_INIT("a=ice-pwd:"), GW_SV_INIT("a=key-mgmt:"),
	GW_SV_INIT("k=") };

static const struct gw_sv token_words[] = { GW_SV_INIT("bearer"), GW_SV_INIT("access_token="),
	GW_SV_INIT("refresh_token="), GW_SV_INIT("id_token="), GW_SV_INIT("token=") };

/* ---- escaping ------------------------------------------------------------------------------------------- */

static bool is_tail(struct gw_sv s, size_t i, size_t n)
{
	for (size_t k = 1; k <= n; k++)
		if (i + k >= s.len || ((unsigned char)s.p[i + k] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Bytes of the printable UTF-8 character at i; 0: none stands there. C1 controls and surrogates are none. */
static size_t printable(struct gw_sv s, size_t i)
{
	unsigned char c = (unsigned char)s.p[i], d = i + 1 < s.len ? (unsigned char)s.p[i + 1] : 0;

	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (c >= 0xc2 && c <= 0xdf && is_tail(s, i, 1))
		return c == 0xc2 && d < 0xa0 ? 0 : 2;
	if (c >= 0xe0 && c <= 0xef && is_tail(s, i, 2))
		return (c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) ? 0 : 3;
	if (c >= 0xf0 && c <= 0xf4 && is_tail(s, i, 3))
		return (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f) ? 0 : 4;
	return 0;
}

/* Bytes of the line end of a folded header at i, or 0. */
static size_t fold(struct gw_sv s, size_t i)
{
	size_t n = s.p[i] == '\r' ? 2 : 1;

	if (i + n >= s.len || s.p[i + n - 1] != '\n')
		return 0;
	return s.p[i + n] == ' ' || s.p[i + n] == '\t' ? n : 0;
}

static void put(struct gw_buf *out, struct gw_sv s)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		n = printable(s, i);
		if (n) {
			gw_buf_put(out, gw_sv_sub(s, i, i + n));
		} else if ((n = fold(s, i))) {
			gw_buf_puts(out, "\r\n");
		} else if (s.p[i] == '\t') {
			gw_buf_putc(out, '\t');
			n = 1;
		} else {
			gw_buf_printf(out, "\\x%02x", (unsigned char)s.p[i]);
			n = 1;
		}
	}
}

/* ---- tokens anywhere -------------------------------------------------------------------------------------- */

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		c == '.' || c == '~' || c == '+' || c == '/' || c == '=' || c == '%';
}

static size_t run(struct gw_sv s, size_t i)
{
	size_t e = i;

	while (e < s.len && is_token_char(s.p[e]))
		e++;
	return e;
}

/* Ends the secret that begins at or behind i, when one does: *from is its first byte. */
static size_t secret(struct gw_sv s, size_t i, size_t *from)
{
	struct gw_sv rest = gw_sv_sub(s, i, s.len);
	bool is_begin = i == 0 || !is_token_char(s.p[i - 1]) || s.p[i - 1] == '=' || s.p[i - 1] == '/';

	if (gw_sv_starts(rest, GW_SV("eyJ")) && run(s, i) - i >= TOKEN_MIN) {	/* a JWT: base64url of {" */
		*from = i;
		return run(s, i);
	}
	for (size_t k = 0; is_begin && k < sizeof(token_words) / sizeof(token_words[0]); k++) {
		if (!gw_sv_istarts(rest, token_words[k]))
			continue;
		*from = i + token_words[k].len;
		while (*from < s.len && memchr(" \t\r\n\"", s.p[*from], 5))
			++*from;
		return k == 0 && *from == i + token_words[k].len ? 0 : run(s, *from);
	}
	return 0;
}

static void put_without_tokens(struct gw_buf *out, struct gw_sv s)
{
	size_t done = 0, from, end;

	for (size_t i = 0; i < s.len; i++) {
		end = secret(s, i, &from);
		if (end <= from || end == 0)
			continue;
		put(out, gw_sv_sub(s, done, from));
		gw_buf_puts(out, "***");
		done = end;
		i = end - 1;
	}
	put(out, gw_sv_sub(s, done, s.len));
}

/* ---- headers of authentication ---------------------------------------------------------------------------- */

static bool is_harmless(struct gw_sv name)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (gw_sv_ieq(name, harmless[i]))
			return true;
	return false;
}

/* The next parameter of a comma-separated list; commas in quotes are none. */
static bool next_param(struct gw_sv *rest, struct gw_sv *param)
{
	bool is_quoted = false;
	size_t i = 0;

	if (rest->len == 0)
		return false;
	for (; i < rest->len && (is_quoted || rest->p[i] != ','); i++) {
		if (is_quoted && rest->p[i] == '\\')
			i++;
		else if (rest->p[i] == '"')
			is_quoted = !is_quoted;
	}
	i = i < rest->len ? i : rest->len;
	*param = gw_sv_trim(gw_sv_sub(*rest, 0, i));
	*rest = gw_sv_sub(*rest, i + 1, rest->len);
	return true;
}

static void put_params(struct gw_buf *out, struct gw_sv rest)
{
	struct gw_sv p, name, value;
	const char *sep = "";

	while (next_param(&rest, &p)) {
		bool has_value = gw_sv_cut(p, '=', &name, &value);

		gw_buf_puts(out, sep);
		sep = ", ";
		if (has_value && is_harmless(gw_sv_trim(name))) {
			put_without_tokens(out, p);
		} else if (has_value && run(name, 0) == name.len) {
			put(out, name);
			gw_buf_puts(out, "=***");
		} else {
			gw_buf_puts(out, "***");	/* token68, or no parameter at all */
		}
	}
}

static void put_auth(struct gw_buf *out, struct gw_sv name, struct gw_sv value)
{
	struct gw_sv scheme, rest = gw_sv_trim(value);

	put(out, name);
	gw_buf_puts(out, ": ");
	if (gw_sv_ieq(name, GW_SV("authentication-info")) ||
		gw_sv_ieq(name, GW_SV("proxy-authentication-info"))) {	/* no scheme in front */
		put_params(out, rest);
		return;
	}
	if (!gw_sv_word(&rest, &scheme))
		return;
	if (!gw_sv_ieq(scheme, GW_SV("Digest")) && !gw_sv_ieq(scheme, GW_SV("Bearer")) &&
		!gw_sv_ieq(scheme, GW_SV("Basic"))) {	/* whatever it is, it may be the secret */
		gw_buf_puts(out, "***");
		return;
	}
	put(out, scheme);
	gw_buf_putc(out, ' ');
	put_params(out, gw_sv_trim(rest));
}

/* ---- lines ------------------------------------------------------------------------------------------------ */

/* The next line with the folded ones behind it; without the line end. */
static bool next_line(struct gw_sv *s, struct gw_sv *line)
{
	size_t end, begin = 0;

	if (s->len == 0)
		return false;
	do {
		end = gw_sv_chr(*s, '\n', begin);
		begin = end + 1;
	} while (begin < s->len && end > 0 && !(end == 1 && s->p[0] == '\r') &&
		(s->p[begin] == ' ' || s->p[begin] == '\t'));
	*line = gw_sv_sub(*s, 0, end);
	if (line->len && line->p[line->len - 1] == '\r')
		line->len--;
	*s = gw_sv_sub(*s, begin, s->len);
	return true;
}

static bool is_auth(struct gw_sv name)
{
	for (size_t i = 0; i < sizeof(auth_headers) / sizeof(auth_headers[0]); i++)
		if (gw_sv_ieq(name, auth_headers[i]))
			return true;
	return false;
}

/* @return length of what may be read of the line; its length when all may be */
static size_t key_at(struct gw_sv line)
{
	for (size_t i = 0; i < sizeof(key_lines) / sizeof(key_lines[0]); i++)
		if (gw_sv_istarts(line, key_lines[i]))
			return key_lines[i].len;
	return line.len;
}

static void put_line(struct gw_buf *out, struct gw_sv line)
{
	struct gw_sv name, value, trimmed = gw_sv_trim(line);
	size_t key = key_at(trimmed);

	if (key < trimmed.len) {
		put(out, gw_sv_sub(trimmed, 0, key));
		gw_buf_puts(out, "***");
	} else if (gw_sv_cut(line, ':', &name, &value) && is_auth(gw_sv_trim(name))) {
		put_auth(out, gw_sv_trim(name), value);
	} else {
		put_without_tokens(out, line);
	}
}

void cp_trace_mask(struct gw_buf *out, struct gw_sv msg)
{
	struct gw_sv line;

	while (next_line(&msg, &line)) {
		put_line(out, line);
		gw_buf_puts(out, "\r\n");
	}
}

struct gw_sv cp_trace_header(struct gw_sv msg, struct gw_sv name, char compact)
{
	struct gw_sv line, n, v;

	while (next_line(&msg, &line) && line.len) {
		if (!gw_sv_cut(line, ':', &n, &v))
			continue;
		n = gw_sv_trim(n);
		if (gw_sv_ieq(n, name) || (compact && n.len == 1 && gw_lower(n.p[0]) == compact))
			return gw_sv_trim(v);
	}
	return GW_SV_NONE;
}
