/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sdp/crypto.h"

#define TAG_MAX 999999999u	/* RFC 4568 9.1: 1*9DIGIT */
#define LIFETIME_BITS_MAX 48u	/* RFC 3711 9.2 */
#define WINDOW_MIN 64u		/* WSH, RFC 4568 6.3.7 */

static const struct {
	struct gw_sv name;
	uint8_t key_bytes, salt_bytes;
} suites[SDP_SUITES] = {
	[SDP_SUITE_NONE] = { { NULL, 0 }, 0, 0 },
	[SDP_SUITE_CM_80] = { GW_SV_INIT("AES_CM_128_HMAC_SHA1_80"), 16, 14 },
	[SDP_SUITE_CM_32] = { GW_SV_INIT("AES_CM_128_HMAC_SHA1_32"), 16, 14 },
	[SDP_SUITE_GCM_128] = { GW_SV_INIT("AEAD_AES_128_GCM"), 16, 12 },
	[SDP_SUITE_GCM_256] = { GW_SV_INIT("AEAD_AES_256_GCM"), 32, 12 },
};

struct gw_sv sdp_suite_name(enum sdp_suite suite)
{
	return suites[suite].name;
}

enum sdp_suite sdp_suite_of(struct gw_sv name)
{
	unsigned s = SDP_SUITES - 1;

	while (s > SDP_SUITE_NONE && !gw_sv_ieq(name, suites[s].name))
		s--;
	return (enum sdp_suite)s;
}

size_t sdp_suite_key_bytes(enum sdp_suite suite)
{
	return suites[suite].key_bytes;
}

size_t sdp_suite_salt_bytes(enum sdp_suite suite)
{
	return suites[suite].salt_bytes;
}

static size_t bytes_of(enum sdp_suite suite)
{
	return (size_t)suites[suite].key_bytes + suites[suite].salt_bytes;
}

/* ---- base64 (RFC 4648 4), of exactly n bytes ------------------------------------------------------------ */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Padding is there or is not: some leave it out. What is left over of the last letter is zero. */
static bool decode(struct gw_sv text, uint8_t *out, size_t n)
{
	size_t letters = (n * 8 + 5) / 6, k = 0;
	uint32_t bits = 0;
	unsigned have = 0;

	if (text.len != letters && text.len != (letters + 3) / 4 * 4)
		return false;
	for (size_t i = letters; i < text.len; i++)
		if (text.p[i] != '=')
			return false;
	for (size_t i = 0; i < letters; i++) {
		int v = value_of(text.p[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[k++] = (uint8_t)(bits >> have);
		}
	}
	return k == n && (bits & ((1u << have) - 1)) == 0;
}

static void encode(struct gw_buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 3) {
		uint32_t bits = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);

		gw_buf_putc(b, alphabet[bits >> 18]);
		gw_buf_putc(b, alphabet[bits >> 12 & 63]);
		gw_buf_putc(b, i + 1 < n ? alphabet[bits >> 6 & 63] : '=');
		gw_buf_putc(b, i + 2 < n ? alphabet[bits & 63] : '=');
	}
}

/* ---- the attribute --------------------------------------------------------------------------------------- */

/* "2^31", or a number. */
static enum gw_err read_lifetime(struct gw_sv v)
{
	uint32_t power;
	uint64_t n;

	if (gw_sv_starts(v, GW_SV("2^"))) {
		if (gw_sv_uint_max(gw_sv_sub(v, 2, v.len), LIFETIME_BITS_MAX, &power))
			return GW_EBADMSG;
		n = UINT64_C(1) << power;
	} else if (gw_sv_u64(v, &n) || n == 0 || n > UINT64_C(1) << LIFETIME_BITS_MAX) {
		return GW_EBADMSG;
	}
	return n >> SDP_CRYPTO_LIFETIME_BITS ? GW_OK : GW_EUNSUPP;
}

/* "inline:" key and salt, "|" lifetime, "|" MKI ":" its bytes */
static enum gw_err read_key(struct gw_sv v, struct sdp_crypto *c)
{
	struct gw_sv key, rest, part;

	if (gw_sv_chr(v, ';', 0) < v.len)
		return GW_EUNSUPP;	/* several keys, told apart by MKI */
	if (!gw_sv_istarts(v, GW_SV("inline:")))
		return GW_EUNSUPP;
	gw_sv_cut(gw_sv_sub(v, 7, v.len), '|', &key, &rest);
	if (!decode(key, c->key, bytes_of(c->suite)))
		return GW_EBADMSG;
	if (rest.len == 0)
		return key.len + 7 == v.len ? GW_OK : GW_EBADMSG;
	gw_sv_cut(rest, '|', &part, &rest);
	if (gw_sv_chr(part, ':', 0) < part.len || rest.len)
		return GW_EUNSUPP;	/* an MKI stands in each packet */
	return read_lifetime(part);
}

/* RFC 4568 6.3: what is not known, and not marked as optional by "-", is a reason not to take the line. */
static enum gw_err read_session_param(struct gw_sv p)
{
	struct gw_sv name, value;
	uint32_t n;

	gw_sv_cut(p, '=', &name, &value);
	if (gw_sv_ieq(name, GW_SV("WSH")))
		return gw_sv_u32(value, &n) || n < WINDOW_MIN ? GW_EBADMSG : GW_OK;	/* a hint */
	return p.p[0] == '-' ? GW_OK : GW_EUNSUPP;
}

static enum gw_err read(struct gw_sv rest, struct sdp_crypto *c)
{
	struct gw_sv tag, suite, key, p;
	enum gw_err err;

	if (!gw_sv_word(&rest, &tag) || gw_sv_uint_max(tag, TAG_MAX, &c->tag) || c->tag == 0 || !gw_sv_word(&rest, &suite) ||
		!gw_sv_word(&rest, &key))
		return GW_EBADMSG;
	c->suite = sdp_suite_of(suite);
	if (c->suite == SDP_SUITE_NONE)
		return GW_EUNSUPP;
	err = read_key(key, c);
	while (!err && gw_sv_word(&rest, &p))
		err = read_session_param(p);
	return err;
}

enum gw_err sdp_crypto_read(struct gw_sv value, struct sdp_crypto *out)
{
	enum gw_err err;

	memset(out, 0, sizeof(*out));
	err = read(value, out);
	if (err)
		explicit_bzero(out, sizeof(*out));
	return err;
}

void sdp_crypto_put(struct gw_buf *b, const struct sdp_crypto *c)
{
	gw_buf_printf(b, "%u %.*s inline:", c->tag, GW_SV_FMT(suites[c->suite].name));
	encode(b, c->key, bytes_of(c->suite));
}

enum gw_err sdp_crypto_next(const struct sdp_media *m, unsigned *at, struct sdp_crypto *out)
{
	while (*at < m->n_attrs) {
		const struct sdp_attr *a = &m->attrs[(*at)++];

		if (!a->is_deleted && gw_sv_eq(a->name, GW_SV("crypto")))
			return sdp_crypto_read(a->value, out);
	}
	return GW_ENOENT;
}

bool sdp_crypto_is_same_key(const struct sdp_crypto *a, const struct sdp_crypto *b)
{
	return a->suite == b->suite && gw_sv_eq_const_time(gw_sv(a->key, bytes_of(a->suite)), gw_sv(b->key, bytes_of(b->suite)));
}
