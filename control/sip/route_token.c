/* SPDX-License-Identifier: Apache-2.0 */
/* nonce, ciphertext and tag in base64url; the Call-ID is authenticated along: a token fits its dialog only. */
#include "control/sip/route_token.h"

#include <openssl/evp.h>

#include "control/app/loop.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16
#define PLAIN_MAX_BYTES 1024
#define SEALED_MAX_BYTES (NONCE_BYTES + PLAIN_MAX_BYTES + TAG_BYTES)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put_base64url(struct gw_buf *b, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0u);

		for (size_t k = 0; k < (n - i < 3 ? n - i + 1 : 4); k++)
			gw_buf_putc(b, alphabet[v >> (18 - 6 * k) & 63]);
	}
}

/* @return bytes written; 0: not base64url, or too long */
static size_t get_base64url(struct gw_sv s, unsigned char *out, size_t cap)
{
	unsigned bits = 0, v = 0;
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		const char *at = s.p[i] ? strchr(alphabet, s.p[i]) : NULL;

		if (!at || n == cap)
			return 0;
		v = (v << 6 | (unsigned)(at - alphabet)) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (unsigned char)(v >> bits);
		}
	}
	return n;
}

static int seal(unsigned char out[SEALED_MAX_BYTES], const unsigned char *key, struct gw_sv aad, struct gw_sv plain)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char *body = out + NONCE_BYTES;
	int n = 0, total = 0;

	cp_random(out, NONCE_BYTES);
	if (c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
		EVP_EncryptUpdate(c, NULL, &n, (const unsigned char *)aad.p, (int)aad.len) == 1 &&
		EVP_EncryptUpdate(c, body, &n, (const unsigned char *)plain.p, (int)plain.len) == 1 &&
		EVP_EncryptFinal_ex(c, body + n, &total) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + n) == 1)
		total = NONCE_BYTES + n + TAG_BYTES;
	else
		total = 0;
	EVP_CIPHER_CTX_free(c);
	return total;
}

static bool open_sealed(unsigned char *in, size_t n, const unsigned char *key, struct gw_sv aad, unsigned char *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	size_t body = n - NONCE_BYTES - TAG_BYTES;
	int len = 0;
	bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, in) == 1 &&
		EVP_DecryptUpdate(c, NULL, &len, (const unsigned char *)aad.p, (int)aad.len) == 1 &&
		EVP_DecryptUpdate(c, out, &len, in + NONCE_BYTES, (int)body) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, in + n - TAG_BYTES) == 1 &&
		EVP_DecryptFinal_ex(c, out + len, &len) == 1;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

bool cp_route_token_put(struct gw_buf *b, const unsigned char key[CP_ROUTE_KEY_BYTES], struct gw_sv call_id,
	const struct cp_route_set *set)
{
	unsigned char sealed[SEALED_MAX_BYTES];
	char text[PLAIN_MAX_BYTES];
	struct gw_buf plain = gw_buf(text, sizeof(text));
	int n;

	gw_buf_put(&plain, set->icid);	/* neither it nor a route can hold a line end */
	for (unsigned i = 0; i < set->n; i++) {
		gw_buf_putc(&plain, '\n');
		gw_buf_put(&plain, set->routes[i]);
	}
	n = plain.overflow ? 0 : seal(sealed, key, call_id, gw_buf_sv(&plain));
	if (n)
		put_base64url(b, sealed, (size_t)n);
	return n > 0;
}

enum gw_err cp_route_token_get(struct gw_sv token, const unsigned char key[CP_ROUTE_KEY_BYTES], struct gw_sv call_id,
	struct gw_arena *arena, struct cp_route_set *set)
{
	unsigned char sealed[SEALED_MAX_BYTES], plain[SEALED_MAX_BYTES];
	size_t n = get_base64url(token, sealed, sizeof(sealed));
	struct gw_sv rest;
	char *copy;

	if (n < NONCE_BYTES + TAG_BYTES || !open_sealed(sealed, n, key, call_id, plain))
		return GW_EAUTH;
	n -= NONCE_BYTES + TAG_BYTES;
	copy = gw_arena_cstr(arena, gw_sv(plain, n));
	if (!copy)
		return GW_ENOMEM;
	rest = gw_sv(copy, n);
	*set = (struct cp_route_set){ 0 };
	gw_sv_cut(rest, '\n', &set->icid, &rest);
	while (rest.len && set->n < CP_TOKEN_ROUTES_MAX)
		gw_sv_cut(rest, '\n', &set->routes[set->n++], &rest);
	return GW_OK;
}
