/* SPDX-License-Identifier: Apache-2.0 */
/* Reading SIP by the line, and the digest's arithmetic. */
#include "bench/signalling/text.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "proto/base/buf.h"

unsigned text_status(struct gw_sv msg)
{
	uint32_t status;

	if (!gw_sv_starts(msg, GW_SV("SIP/2.0 ")) || gw_sv_u32(gw_sv_sub(msg, 8, 11), &status))
		return 0;
	return status;
}

struct gw_sv text_method(struct gw_sv msg)
{
	struct gw_sv v = msg, word = GW_SV_NONE;

	if (text_status(msg)) {
		v = text_first(msg, GW_SV("CSeq"));
		gw_sv_word(&v, &word);
	}
	gw_sv_word(&v, &word);
	return gw_sv_trim(word);
}

bool text_header(struct gw_sv msg, struct gw_sv name, size_t *at, struct gw_sv *value)
{
	while (*at < msg.len) {
		const char *p = msg.p + *at, *end = memchr(p, '\n', msg.len - *at);
		size_t n = end ? (size_t)(end - p) : msg.len - *at;

		*at += n + 1;
		if (n <= 1)
			break; /* the empty line */
		if (n > name.len && p[name.len] == ':' && gw_sv_ieq(gw_sv(p, name.len), name)) {
			*value = gw_sv_trim(gw_sv(p + name.len + 1, n - name.len - 1));
			return true;
		}
	}
	*at = msg.len;
	return false;
}

struct gw_sv text_first(struct gw_sv msg, struct gw_sv name)
{
	struct gw_sv v = GW_SV_NONE;
	size_t at = 0;

	text_header(msg, name, &at, &v);
	return v;
}

struct gw_sv text_uri(struct gw_sv value)
{
	size_t from = gw_sv_chr(value, '<', 0);

	return from == value.len ? value : gw_sv_sub(value, from + 1, gw_sv_chr(value, '>', from));
}

struct gw_sv text_param(struct gw_sv value, struct gw_sv name)
{
	for (size_t at = 0; at + name.len < value.len; at++) {
		bool is_word =
			at == 0 || value.p[at - 1] == ' ' || value.p[at - 1] == ',' || value.p[at - 1] == ';';
		size_t from = at + name.len + 1;

		if (!is_word || value.p[at + name.len] != '=' ||
			!gw_sv_ieq(gw_sv(value.p + at, name.len), name))
			continue;
		if (from < value.len && value.p[from] == '"')
			return gw_sv_sub(value, from + 1, gw_sv_chr(value, '"', from + 1));
		return gw_sv_trim(gw_sv_sub(value, from, gw_sv_chr(value, ',', from)));
	}
	return GW_SV_NONE;
}

struct gw_sv text_body(struct gw_sv msg)
{
	return gw_sv_sub(msg, gw_sv_find(msg, GW_SV("\r\n\r\n")) + 4, msg.len);
}

bool text_has(struct gw_sv s, struct gw_sv needle)
{
	return memmem(s.p, s.len, needle.p, needle.len) != NULL;
}

static void md5_hex(struct gw_sv s, char out[33])
{
	static EVP_MD *md5;
	static EVP_MD_CTX *ctx;
	unsigned char sum[EVP_MAX_MD_SIZE];
	struct gw_buf b = gw_buf(out, 32);

	if (!md5 && (!(md5 = EVP_MD_fetch(NULL, "MD5", NULL)) || !(ctx = EVP_MD_CTX_new())))
		abort();
	if (!EVP_DigestInit_ex2(ctx, md5, NULL) || !EVP_DigestUpdate(ctx, s.p, s.len) ||
		!EVP_DigestFinal_ex(ctx, sum, NULL))
		abort();
	gw_buf_hex(&b, sum, 16);
	out[32] = '\0';
}

void text_ha1(const char *user, const char *realm, const char *password, char out[33])
{
	char text[300];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_printf(&b, "%s:%s:%s", user, realm, password);
	md5_hex(gw_buf_sv(&b), out);
}

void text_digest(const char *ha1, struct gw_sv nonce, const char *cnonce, const char *method,
	struct gw_sv uri, char out[33])
{
	char text[500], ha2[33];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_printf(&b, "%s:%.*s", method, GW_SV_FMT(uri));
	md5_hex(gw_buf_sv(&b), ha2);
	b = gw_buf(text, sizeof(text));
	gw_buf_printf(&b, "%s:%.*s:00000001:%s:auth:%s", ha1, GW_SV_FMT(nonce), cnonce, ha2);
	md5_hex(gw_buf_sv(&b), out);
}
