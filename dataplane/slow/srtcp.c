/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SRTCP of one access transport (RFC 3711 3.4, RFC 7714 9) over OpenSSL: a few hundred bytes a call, where libsrtp2
 * takes 36 to 60 KB (docs/decisions/009). Its state is independent of SRTP's, so it can live on the service core.
 */
#include "dataplane/slow/srtcp.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "dataplane/backend/srtp_kdf.h"
#include "dataplane/backend/srtp_stream.h"
#include "proto/rtp/rtp.h"

#define SSRC_MAX 8		/* of the peer's, once authenticated (threat M5) */
#define WINDOW 128u
#define HEADER_BYTES 8u		/* fixed header and sender SSRC: what is never encrypted */
#define WORD_BYTES 4u		/* E flag and index */
#define E_FLAG UINT32_C(0x80000000)
#define GCM_IV_BYTES 12
#define SHA1_BYTES 20

_Static_assert(WINDOW % 64 == 0 && (WINDOW & (WINDOW - 1)) == 0, "srtp_stream.h");

struct rx_stream {
	_Alignas(struct srtp_stream) uint8_t bytes[sizeof(struct srtp_stream) + WINDOW / 8];
};

enum side { TX, RX, SIDES };

/* Both sides of an association have the same profile. */
struct dp_srtcp {
	struct rx_stream *more;     /* all SSRCs but the first, room for cap_more */
	uint32_t tx_index;          /* one for all SSRCs: receivers take gaps, and no SSRC needs a memory */
	uint8_t n_rx : 4, cap_more : 4;
	uint8_t enc_len, tag_len;
	bool is_aead;
	struct rx_stream first;     /* mostly there is one */
	uint8_t keys[];             /* [SIDES]: encryption, salt, and not with an AEAD authentication; no more than they take */
};

/* One side's keys. */
struct key_view {
	const uint8_t *enc, *salt, *auth;
	uint8_t enc_len, tag_len;
	bool is_aead;
};

static size_t side_bytes(uint8_t enc_len, bool is_aead)
{
	return (size_t)enc_len + DP_SRTP_SALT_MAX + (is_aead ? 0 : SRTP_AUTH_KEY_BYTES);
}

static struct key_view keys_of(const struct dp_srtcp *s, enum side side)
{
	const uint8_t *at = s->keys + side * side_bytes(s->enc_len, s->is_aead);

	return (struct key_view){ .enc = at, .salt = at + s->enc_len, .auth = at + s->enc_len + DP_SRTP_SALT_MAX,
		.enc_len = s->enc_len, .tag_len = s->tag_len, .is_aead = s->is_aead };
}

static void keep_keys(struct dp_srtcp *s, enum side side, const struct srtp_session_keys *k)
{
	uint8_t *at = s->keys + side * side_bytes(s->enc_len, s->is_aead);

	memcpy(at, k->enc, k->enc_len);
	memcpy(at + k->enc_len, k->salt, DP_SRTP_SALT_MAX);
	if (!k->is_aead)
		memcpy(at + k->enc_len + DP_SRTP_SALT_MAX, k->auth, SRTP_AUTH_KEY_BYTES);
}

static size_t object_bytes(uint8_t enc_len, bool is_aead)
{
	return offsetof(struct dp_srtcp, keys) + SIDES * side_bytes(enc_len, is_aead);
}

enum gw_err dp_srtcp_new(struct dp_srtcp **out, const struct dp_srtp_keys *local,
	const struct dp_srtp_keys *remote)
{
	struct srtp_session_keys k[SIDES];
	struct dp_srtcp *s = NULL;
	enum gw_err err;

	if ((err = srtcp_kdf(local, &k[TX])) || (err = srtcp_kdf(remote, &k[RX])))
		goto out;
	err = GW_EINVAL;
	if (local->profile != remote->profile)
		goto out;
	err = GW_ENOMEM;
	s = calloc(1, object_bytes(k[TX].enc_len, k[TX].is_aead));
	if (!s)
		goto out;
	s->enc_len = k[TX].enc_len;
	s->tag_len = k[TX].tag_len;
	s->is_aead = k[TX].is_aead;
	keep_keys(s, TX, &k[TX]);
	keep_keys(s, RX, &k[RX]);
	s->tx_index = 1;	/* as libsrtp2 and so most of the world begins; RFC 3711 3.4 has 0 */
	*out = s;
	err = GW_OK;
out:
	OPENSSL_cleanse(k, sizeof(k));
	return err;
}

void dp_srtcp_carry_on(struct dp_srtcp *s, struct dp_srtcp *before, bool has_peers_old_key)
{
	s->tx_index = before->tx_index;
	if (!has_peers_old_key)
		return;
	free(s->more);
	s->n_rx = before->n_rx;
	s->cap_more = before->cap_more;
	s->first = before->first;
	s->more = before->more;
	before->more = NULL;
	before->n_rx = before->cap_more = 0;
}

void dp_srtcp_free(struct dp_srtcp *s)
{
	if (!s)
		return;
	free(s->more);
	OPENSSL_cleanse(s, object_bytes(s->enc_len, s->is_aead));
	free(s);
}

static struct srtp_stream *stream_at(struct dp_srtcp *s, unsigned i)
{
	return (struct srtp_stream *)(i ? s->more[i - 1].bytes : s->first.bytes);
}

static struct srtp_stream *find(struct dp_srtcp *s, uint32_t ssrc)
{
	for (unsigned i = 0; i < s->n_rx; i++)
		if (stream_at(s, i)->ssrc == ssrc)
			return stream_at(s, i);
	return NULL;
}

/* Room for one more; authenticated packets only come here. */
static bool has_room(struct dp_srtcp *s)
{
	uint8_t cap = s->cap_more ? (uint8_t)(s->cap_more * 2) : 1;
	struct rx_stream *grown;

	if (s->n_rx <= s->cap_more)
		return true;
	grown = realloc(s->more, cap * sizeof(*grown));
	if (!grown)
		return false;
	memset(&grown[s->cap_more], 0, (cap - s->cap_more) * sizeof(*grown));
	s->more = grown;
	s->cap_more = cap;
	return true;
}

static void xor_be32(uint8_t *p, uint32_t v)
{
	gw_put_be32(p, gw_be32(p) ^ v);
}

/* RFC 3711 4.1.1 with the SRTCP index; RFC 7714 9.1. */
static void make_iv(const struct key_view *k, uint32_t ssrc, uint32_t index, uint8_t iv[16])
{
	memset(iv, 0, 16);
	memcpy(iv, k->salt, k->is_aead ? GCM_IV_BYTES : DP_SRTP_SALT_MAX);
	xor_be32(iv + (k->is_aead ? 2 : 4), ssrc);
	xor_be32(iv + (k->is_aead ? 8 : 10), index);
}

static bool counter_mode(const struct key_view *k, const uint8_t iv[16], uint8_t *p, size_t n)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int got = 0;
	bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, k->enc, iv) == 1 &&
		EVP_EncryptUpdate(c, p, &got, p, (int)n) == 1;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

static bool tag_of(const struct key_view *k, const uint8_t *p, size_t n, uint8_t tag[SHA1_BYTES])
{
	return HMAC(EVP_sha1(), k->auth, SRTP_AUTH_KEY_BYTES, p, n, tag, NULL) != NULL;
}

/* What is clear: header, then E flag and index, which stand at the end of the packet (RFC 7714 9.2). */
static bool gcm(const struct key_view *k, const uint8_t iv[16], const uint8_t word[WORD_BYTES], uint8_t *p,
	size_t n, uint8_t *tag, int is_seal)
{
	const EVP_CIPHER *aes = k->enc_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t none[16];
	int got = 0;
	bool ok = c && EVP_CipherInit_ex(c, aes, NULL, k->enc, iv, is_seal) == 1 &&
		EVP_CipherUpdate(c, NULL, &got, p, HEADER_BYTES) == 1 &&
		EVP_CipherUpdate(c, NULL, &got, word, WORD_BYTES) == 1 &&
		(n == HEADER_BYTES ||
			EVP_CipherUpdate(c, p + HEADER_BYTES, &got, p + HEADER_BYTES, (int)(n - HEADER_BYTES)) == 1) &&
		(is_seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, k->tag_len, tag) == 1) &&
		EVP_CipherFinal_ex(c, none, &got) == 1 &&
		(!is_seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, k->tag_len, tag) == 1);

	EVP_CIPHER_CTX_free(c);
	return ok;
}

enum gw_err dp_srtcp_protect(struct dp_srtcp *s, void *packet, size_t *len, size_t cap)
{
	const struct key_view view = keys_of(s, TX), *k = &view;
	uint8_t *p = packet, iv[16], tag[SHA1_BYTES];
	size_t n = *len;
	bool ok;

	if (n < HEADER_BYTES || n > INT16_MAX)
		return GW_EBADMSG;
	if (cap < n + DP_SRTCP_TRAILER_MAX)
		return GW_ENOSPC;
	if (s->tx_index & E_FLAG)
		return GW_ELIMIT;	/* 2^31 packets: the key is used up (RFC 3711 9.2) */
	make_iv(k, gw_be32(p + 4), s->tx_index, iv);
	if (k->is_aead) {
		uint8_t word[WORD_BYTES];

		gw_put_be32(word, E_FLAG | s->tx_index);
		ok = gcm(k, iv, word, p, n, p + n, 1);
		memcpy(p + n + k->tag_len, word, WORD_BYTES);
	} else {
		gw_put_be32(p + n, E_FLAG | s->tx_index);
		ok = counter_mode(k, iv, p + HEADER_BYTES, n - HEADER_BYTES) && tag_of(k, p, n + WORD_BYTES, tag);
		memcpy(p + n + WORD_BYTES, tag, k->tag_len);
	}
	if (!ok)
		return GW_EIO;
	s->tx_index++;
	*len = n + WORD_BYTES + k->tag_len;
	return GW_OK;
}

static enum gw_err open_packet(const struct key_view *k, uint8_t *p, size_t n, const uint8_t *word)
{
	uint8_t iv[16], tag[SHA1_BYTES];

	make_iv(k, gw_be32(p + 4), gw_be32(word) & ~E_FLAG, iv);
	if (k->is_aead)
		return gcm(k, iv, word, p, n, p + n, 0) ? GW_OK : GW_EAUTH;
	if (!tag_of(k, p, n + WORD_BYTES, tag))
		return GW_EIO;
	if (CRYPTO_memcmp(tag, p + n + WORD_BYTES, k->tag_len) != 0)
		return GW_EAUTH;
	return counter_mode(k, iv, p + HEADER_BYTES, n - HEADER_BYTES) ? GW_OK : GW_EIO;
}

enum gw_err dp_srtcp_unprotect(struct dp_srtcp *s, void *packet, size_t *len)
{
	const struct key_view view = keys_of(s, RX), *k = &view;
	uint8_t *p = packet, *word;
	struct srtp_stream *st;
	uint32_t ssrc, index;
	enum gw_err err;
	size_t n;

	if (*len < HEADER_BYTES + WORD_BYTES + k->tag_len || *len > INT16_MAX)	/* threat M7 */
		return GW_EBADMSG;
	n = *len - WORD_BYTES - k->tag_len;
	word = p + (k->is_aead ? n + k->tag_len : n);
	if (!(gw_be32(word) & E_FLAG))
		return GW_EBADMSG;	/* in clear: not what was agreed */
	index = gw_be32(word) & ~E_FLAG;
	ssrc = gw_be32(p + 4);
	st = find(s, ssrc);
	if (!st && s->n_rx == SSRC_MAX)
		return GW_ELIMIT;
	if (st && !srtp_stream_is_new(st, index, WINDOW))
		return GW_EEXIST;
	err = open_packet(k, p, n, word);
	if (err)
		return err;
	if (!st) {	/* stored after authentication only */
		if (!has_room(s))
			return GW_ENOMEM;
		st = stream_at(s, s->n_rx++);
		st->ssrc = ssrc;
	}
	srtp_stream_commit(st, index, WINDOW);
	*len = n;
	return GW_OK;
}
