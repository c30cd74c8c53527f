/* SPDX-License-Identifier: Apache-2.0 */
/* The DTLS context of the gateway: self-signed P-256 certificate, ciphers, SRTP profiles. */
#include "dataplane/slow/dtls_int.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#define SERIAL_BITS 64
#define CERT_MESSAGE_MAX 16384	/* threat D3: 16 kB of certificates at most */
#define CLOCK_SKEW_S 86400L

enum dp_hash dp_hash_parse(struct gw_sv name)
{
	if (gw_sv_ieq(name, GW_SV("sha-256")))
		return DP_HASH_SHA256;
	if (gw_sv_ieq(name, GW_SV("sha-384")))
		return DP_HASH_SHA384;
	if (gw_sv_ieq(name, GW_SV("sha-512")))
		return DP_HASH_SHA512;
	return DP_HASH_NONE;
}

static const EVP_MD *md_of(enum dp_hash hash)
{
	switch (hash) {
	case DP_HASH_SHA256:
		return EVP_sha256();
	case DP_HASH_SHA384:
		return EVP_sha384();
	case DP_HASH_SHA512:
		return EVP_sha512();
	case DP_HASH_NONE:
		break;
	}
	return NULL;
}

unsigned dp_hash_bytes(enum dp_hash hash)
{
	return hash == DP_HASH_SHA256 ? 32 : hash == DP_HASH_SHA384 ? 48 : hash == DP_HASH_SHA512 ? 64 : 0;
}

enum gw_err dp_fingerprint_of(const X509 *cert, enum dp_hash hash, struct dp_fingerprint *out)
{
	struct dp_fingerprint fp = { .hash = hash };
	const EVP_MD *md = md_of(hash);
	unsigned len = sizeof(fp.bytes);

	if (!md)
		return GW_EUNSUPP;
	if (!cert || X509_digest(cert, md, fp.bytes, &len) != 1)
		return GW_EIO;
	fp.len = (uint8_t)len;
	*out = fp;
	return GW_OK;
}

bool dp_dtls_key_allowed(const X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	char curve[32];
	size_t n;

	if (!key)
		return false;
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
		return EVP_PKEY_get_group_name(key, curve, sizeof(curve), &n) == 1 &&
			(gw_sv_eq(gw_sv(curve, n), GW_SV("prime256v1")) ||
				gw_sv_eq(gw_sv(curve, n), GW_SV("secp384r1")) ||
				gw_sv_eq(gw_sv(curve, n), GW_SV("secp521r1")));
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 8192;
	case EVP_PKEY_ED25519:
		return true;
	default:
		return false;
	}
}

/* No chain is built or judged: what counts is the digest, compared when the handshake is done. */
static int verify_key_only(X509_STORE_CTX *store, void *unused)
{
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	(void)unused;
	if (cert && dp_dtls_key_allowed(cert))
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static bool cert_fill(X509 *x, EVP_PKEY *key, unsigned days)
{
	X509_NAME *name = X509_get_subject_name(x);
	unsigned char serial[SERIAL_BITS / 8];
	BIGNUM *bn = NULL;
	bool ok;

	if (RAND_bytes(serial, sizeof(serial)) != 1)
		return false;
	serial[0] &= 0x7f;
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) &&
		X509_set_version(x, X509_VERSION_3) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(x), -CLOCK_SKEW_S) &&
		/* peers see it for as long as a call lasts after the last rotation */
		X509_gmtime_adj(X509_getm_notAfter(x), (long)(days + 30) * 86400L) &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			(const unsigned char *)"WebRTC", -1, -1, 0) == 1 &&
		X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
		X509_sign(x, key, EVP_sha256()) > 0;
	BN_free(bn);
	return ok;
}

static bool set_profiles(SSL_CTX *c, const struct dp_dtls_conf *conf)
{
	char text[160];
	struct gw_buf b = gw_buf(text, sizeof(text) - 1);

	for (unsigned i = 0; i < conf->n_profiles; i++) {
		if (i)
			gw_buf_putc(&b, ':');
		switch (conf->profiles[i]) {
		case DP_SRTP_AES128_CM_SHA1_80:
			gw_buf_puts(&b, "SRTP_AES128_CM_SHA1_80");
			break;
		case DP_SRTP_AES128_CM_SHA1_32:
			gw_buf_puts(&b, "SRTP_AES128_CM_SHA1_32");
			break;
		case DP_SRTP_AEAD_AES_128_GCM:
			gw_buf_puts(&b, "SRTP_AEAD_AES_128_GCM");
			break;
		case DP_SRTP_AEAD_AES_256_GCM:
			gw_buf_puts(&b, "SRTP_AEAD_AES_256_GCM");
			break;
		case DP_SRTP_NONE:
			return false;
		}
	}
	text[b.len] = '\0';
	/* this one function of OpenSSL returns 0 for success */
	return !b.overflow && b.len && SSL_CTX_set_tlsext_use_srtp(c, text) == 0;
}

static bool set_up(SSL_CTX *c, X509 *cert, EVP_PKEY *key, const struct dp_dtls_conf *conf)
{
	SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
		SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(c, verify_key_only, NULL);
	SSL_CTX_set_max_cert_list(c, CERT_MESSAGE_MAX);
	SSL_CTX_set_read_ahead(c, 1);
	return SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) == 1 &&
		SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-GCM-SHA256:"
			"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
			"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
			"ECDHE-RSA-CHACHA20-POLY1305") == 1 &&
		SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384:P-521") == 1 &&
		SSL_CTX_use_certificate(c, cert) == 1 && SSL_CTX_use_PrivateKey(c, key) == 1 &&
		set_profiles(c, conf);
}

enum gw_err dp_dtls_ctx_rotate(struct dp_dtls_ctx *ctx)
{
	SSL_CTX *c = SSL_CTX_new(DTLS_method());
	X509 *cert = X509_new();
	enum gw_err err = GW_ENOMEM;
	EVP_PKEY *key;

	dp_dtls_pkey_init();
	key = dp_dtls_pkey_new();
	if (!key || !cert || !c)
		goto out;
	err = GW_EIO;
	if (!cert_fill(cert, key, ctx->conf.certificate_days) || !set_up(c, cert, key, &ctx->conf))
		goto out;
	/* sessions in progress hold their own reference to the old pair (W2-SEC-07) */
	SSL_CTX_free(ctx->ssl_ctx);
	X509_free(ctx->cert);
	ctx->ssl_ctx = c;
	ctx->cert = cert;
	EVP_PKEY_free(key);
	return GW_OK;
out:
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(cert);
	SSL_CTX_free(c);
	return err;
}

enum gw_err dp_dtls_ctx_new(struct dp_dtls_ctx **out, const struct dp_dtls_conf *conf,
	const struct gw_log *log)
{
	struct dp_dtls_ctx *ctx = calloc(1, sizeof(*ctx));
	enum gw_err err;

	if (!ctx)
		return GW_ENOMEM;
	ctx->conf = *conf;
	ctx->log = log;
	if ((err = dp_dtls_ctx_rotate(ctx))) {
		dp_dtls_ctx_free(ctx);
		return err;
	}
	*out = ctx;
	return GW_OK;
}

enum gw_err dp_dtls_ctx_fingerprint(const struct dp_dtls_ctx *ctx, enum dp_hash hash,
	struct dp_fingerprint *out)
{
	return dp_fingerprint_of(ctx->cert, hash, out);
}

void dp_dtls_ctx_free(struct dp_dtls_ctx *ctx)
{
	if (!ctx)
		return;
	SSL_CTX_free(ctx->ssl_ctx);
	X509_free(ctx->cert);
	free(ctx);
}
