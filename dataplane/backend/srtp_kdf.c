/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/evp.h>

#include "dataplane/backend/srtp_kdf.h"

enum label { LABEL_ENC = 0, LABEL_AUTH = 1, LABEL_SALT = 2, SRTCP_LABELS = 3 };	/* RFC 3711 4.3.1, 4.3.2 */

/* Key stream of AES-CM with the IV of RFC 3711 4.3.3: salt, with the label in the byte of the key id. */
static bool prf(const struct dp_srtp_keys *k, const uint8_t salt[DP_SRTP_SALT_MAX], int key_len,
	unsigned label, uint8_t *out, int n)
{
	const EVP_CIPHER *aes = key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t iv[16] = { 0 };
	int got = 0;
	bool ok;

	memcpy(iv, salt, DP_SRTP_SALT_MAX);
	iv[7] ^= (uint8_t)label;
	memset(out, 0, (size_t)n);
	ok = c && EVP_EncryptInit_ex(c, aes, NULL, k->key, iv) == 1 &&
		EVP_EncryptUpdate(c, out, &got, out, n) == 1 && got == n;
	EVP_CIPHER_CTX_free(c);
	return ok;
}

static bool shape(enum dp_srtp_profile profile, struct srtp_session_keys *out, int *salt_len)
{
	switch (profile) {
	case DP_SRTP_AES128_CM_SHA1_80:
		*out = (struct srtp_session_keys){ .enc_len = 16, .tag_len = 10 };
		*salt_len = 14;
		return true;
	case DP_SRTP_AES128_CM_SHA1_32:
		*out = (struct srtp_session_keys){ .enc_len = 16, .tag_len = 4 };
		*salt_len = 14;
		return true;
	case DP_SRTP_AEAD_AES_128_GCM:
		*out = (struct srtp_session_keys){ .enc_len = 16, .tag_len = 16, .is_aead = true };
		*salt_len = 12;
		return true;
	case DP_SRTP_AEAD_AES_256_GCM:
		*out = (struct srtp_session_keys){ .enc_len = 32, .tag_len = 16, .is_aead = true };
		*salt_len = 12;
		return true;
	case DP_SRTP_NONE:
	default:
		return false;
	}
}

static enum gw_err derive(const struct dp_srtp_keys *master, unsigned labels, struct srtp_session_keys *out)
{
	uint8_t salt[DP_SRTP_SALT_MAX] = { 0 };
	int salt_len;
	bool ok;

	if (!shape(master->profile, out, &salt_len))
		return GW_EUNSUPP;
	memcpy(salt, master->salt, (size_t)salt_len);	/* RFC 7714 11: zeros behind a salt of 96 bits */
	ok = prf(master, salt, out->enc_len, labels + LABEL_ENC, out->enc, out->enc_len) &&
		prf(master, salt, out->enc_len, labels + LABEL_SALT, out->salt, salt_len) &&
		(out->is_aead || prf(master, salt, out->enc_len, labels + LABEL_AUTH, out->auth, SRTP_AUTH_KEY_BYTES));
	explicit_bzero(salt, sizeof(salt));
	return ok ? GW_OK : GW_EIO;
}

enum gw_err srtp_kdf(const struct dp_srtp_keys *master, struct srtp_session_keys *out)
{
	return derive(master, 0, out);
}

enum gw_err srtcp_kdf(const struct dp_srtp_keys *master, struct srtp_session_keys *out)
{
	enum gw_err err = derive(master, SRTCP_LABELS, out);

	if (err == GW_OK && !out->is_aead)
		out->tag_len = 10;
	return err;
}
