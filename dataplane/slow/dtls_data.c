/* SPDX-License-Identifier: Apache-2.0 */
/* What data channels need of a DTLS association: its application data, and its record layer for the workers. */
#include "dataplane/slow/dtls_int.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "proto/base/be.h"

#define EPOCH 1u	/* of the one handshake an association has: there is no renegotiation */
#define KEY_BLOCK_MAX (2 * (DP_RECORD_KEY_MAX + DP_RECORD_SALT_BYTES))

void dp_dtls_set_data(struct dp_dtls *d, dp_dtls_data_fn data)
{
	d->tls->data = data;
}

bool dp_dtls_is_kept(const struct dp_dtls *d)
{
	return d->tls != NULL;
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

void dp_dtls_note_sent(struct dp_dtls *d, struct gw_sv datagram)
{
	struct dp_record_numbers *n = &d->tls->numbers;
	const uint8_t *p = (const uint8_t *)datagram.p;
	struct dp_record_view v;

	for (size_t at = 0; dp_record_parse(p + at, datagram.len - at, &v); at += DP_RECORD_HEADER_BYTES + v.bytes) {
		if (v.epoch != EPOCH || v.bytes < DP_RECORD_NONCE_BYTES)
			continue;
		n->tx_seq = v.seq;
		n->tx_nonce = gw_be64(p + at + DP_RECORD_HEADER_BYTES);	/* OpenSSL's begin anywhere, then count */
	}
}

/* So that a record opened here is not opened again by a worker. OpenSSL was fed it last, and keeps none for later (dtls_bio.c). */
static void note_received(struct dp_dtls *d)
{
	const struct dp_record_view *v = &d->tls->fed;

	if (v->epoch == EPOCH && v->type == DP_RECORD_DATA && dp_record_is_new(&d->tls->numbers, v->seq))
		dp_record_commit(&d->tls->numbers, v->seq);
}

/* ---- application data --------------------------------------------------------------------------------- */

bool dp_dtls_read_data(struct dp_dtls *d, int *ssl_error)
{
	static uint8_t record[SSL3_RT_MAX_PLAIN_LENGTH];	/* one service thread */
	bool is_wanted = true;
	int r;

	while ((r = SSL_read(d->tls->ssl, record, sizeof(record))) > 0) {
		/* held: nobody knows yet whose it is (F-39); SCTP sends again */
		if (d->tls->data && d->state == DP_DTLS_UP) {
			note_received(d);
			d->tls->data(d->tls->user, gw_sv((const char *)record, (size_t)r));
		} else {
			is_wanted = false;
		}
	}
	*ssl_error = SSL_get_error(d->tls->ssl, r);
	ERR_clear_error();
	return is_wanted;
}

enum gw_err dp_dtls_write(struct dp_dtls *d, struct gw_sv packet)
{
	int r;

	if (d->state != DP_DTLS_UP || !d->tls || !d->tls->data)
		return GW_ESTATE;
	if (packet.len == 0 || packet.len > SSL3_RT_MAX_PLAIN_LENGTH)
		return GW_EINVAL;
	if (!dp_dtls_wake(d))	/* of one that had media alone before */
		return GW_EIO;
	r = SSL_write(d->tls->ssl, packet.p, (int)packet.len);
	ERR_clear_error();
	return r == (int)packet.len ? GW_OK : GW_EIO;
}

/* ---- the record layer ----------------------------------------------------------------------------------- */

static bool is_gcm(const SSL_CIPHER *c, uint8_t *key_bytes)
{
	int nid = SSL_CIPHER_get_cipher_nid(c);

	*key_bytes = nid == NID_aes_256_gcm ? 32 : 16;
	return nid == NID_aes_128_gcm || nid == NID_aes_256_gcm;
}

/* RFC 5246 6.3: PRF(master secret, "key expansion", server random + client random) */
static enum gw_err key_block(SSL *ssl, uint8_t *out, size_t n)
{
	static const char label[] = "key expansion";
	uint8_t master[SSL_MAX_MASTER_KEY_LENGTH], randoms[2 * SSL3_RANDOM_SIZE];
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[5], *p = params;
	enum gw_err err = GW_EIO;
	size_t master_bytes = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));

	if (!ctx || !md || master_bytes == 0 || SSL_get_server_random(ssl, randoms, SSL3_RANDOM_SIZE) != SSL3_RANDOM_SIZE ||
		SSL_get_client_random(ssl, randoms + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE) != SSL3_RANDOM_SIZE)
		goto out;
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)EVP_MD_get0_name(md), 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, master_bytes);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (char *)(uintptr_t)label, sizeof(label) - 1);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, randoms, sizeof(randoms));
	*p = OSSL_PARAM_construct_end();
	if (EVP_KDF_derive(ctx, out, n, params) == 1)
		err = GW_OK;
out:
	OPENSSL_cleanse(master, sizeof(master));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	return err;
}

enum gw_err dp_dtls_record_keys(const struct dp_dtls *d, struct dp_record_keys *out)
{
	struct dp_record_keys k = { .epoch = EPOCH };
	uint8_t block[KEY_BLOCK_MAX];
	const uint8_t *keys = block, *salts;
	unsigned ours = d->is_client ? 0 : 1;	/* the client's come first */
	enum gw_err err;

	if (d->state != DP_DTLS_UP || !d->tls)
		return GW_ESTATE;
	if (!is_gcm(SSL_get_current_cipher(d->tls->ssl), &k.key_bytes))
		return GW_EUNSUPP;
	if ((err = key_block(d->tls->ssl, block, 2 * ((size_t)k.key_bytes + DP_RECORD_SALT_BYTES))))
		return err;
	salts = block + 2 * (size_t)k.key_bytes;
	memcpy(k.tx_key, keys + ours * k.key_bytes, k.key_bytes);
	memcpy(k.rx_key, keys + (1 - ours) * k.key_bytes, k.key_bytes);
	memcpy(k.tx_salt, salts + ours * DP_RECORD_SALT_BYTES, DP_RECORD_SALT_BYTES);
	memcpy(k.rx_salt, salts + (1 - ours) * DP_RECORD_SALT_BYTES, DP_RECORD_SALT_BYTES);
	k.numbers = d->tls->numbers;
	*out = k;
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&k, sizeof(k));
	return GW_OK;
}
