/* SPDX-License-Identifier: Apache-2.0 */
/* Our DTLS against plain OpenSSL with certificates and groups of every kind a WIC may have. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "dataplane/slow/dtls.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define FLIGHT_MAX 8192

struct peer {
	SSL_CTX *ctx;
	SSL *ssl;
	X509 *cert;
};

struct flight {
	uint8_t b[FLIGHT_MAX];
	size_t len[16];
	unsigned n;
	size_t used;
};

static const struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AEAD_AES_128_GCM }, .n_profiles = 1, .mtu = 1200,
	.certificate_days = 1 };

static void put(void *user, struct gw_sv d)
{
	struct flight *f = user;

	assert_in_range(f->n, 0, 15);
	assert_true(f->used + d.len <= FLIGHT_MAX);
	memcpy(f->b + f->used, d.p, d.len);
	f->len[f->n++] = d.len;
	f->used += d.len;
}

static EVP_PKEY *ec_key(int nid)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, nid), 1);
	assert_int_equal(EVP_PKEY_keygen(c, &key), 1);
	EVP_PKEY_CTX_free(c);
	return key;
}

/* @param bits  of RSA; 0: Ed25519; negative: a curve */
static EVP_PKEY *key_of(int bits)
{
	if (bits < 0)
		return ec_key(-bits);
	return bits ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static void peer_open(struct peer *p, EVP_PKEY *key, const char *groups, bool is_client)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	assert_non_null(key);
	p->cert = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(p->cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(p->cert), 3600);
	assert_int_equal(X509_set_pubkey(p->cert, key), 1);
	assert_true(X509_sign(p->cert, key, EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) > 0);
	p->ctx = SSL_CTX_new(DTLS_method());
	SSL_CTX_set_security_level(p->ctx, 0);	/* it is for us to refuse what is weak */
	assert_int_equal(SSL_CTX_set1_groups_list(p->ctx, groups), 1);
	assert_int_equal(SSL_CTX_use_certificate(p->ctx, p->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(p->ctx, key), 1);
	assert_int_equal(SSL_CTX_set_tlsext_use_srtp(p->ctx, "SRTP_AEAD_AES_128_GCM"), 0);
	SSL_CTX_set_options(p->ctx, SSL_OP_NO_QUERY_MTU);
	p->ssl = SSL_new(p->ctx);
	SSL_set_verify(p->ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_bio(p->ssl, in, out);
	BIO_set_mem_eof_return(in, -1);
	SSL_set_mtu(p->ssl, 4000);
	if (is_client)
		SSL_set_connect_state(p->ssl);
	else
		SSL_set_accept_state(p->ssl);
	EVP_PKEY_free(key);
}

static int any_certificate(X509_STORE_CTX *c, void *unused)
{
	(void)c;
	(void)unused;
	return 1;
}

static void peer_close(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	X509_free(p->cert);
	ERR_clear_error();
}

/* @param kind  see key_of. @return our state when neither has more to say; the peer's handshake is done too when it is UP */
static enum dp_dtls_state handshake(int kind, const char *groups, bool we_are_client)
{
	struct dp_fingerprint fp = { .hash = DP_HASH_SHA256, .len = 32 };
	static struct flight to_peer;
	static uint8_t from_peer[FLIGHT_MAX];
	struct dp_dtls_ctx *ctx;
	enum dp_dtls_state end;
	struct dp_dtls *d;
	struct peer p;
	unsigned len;

	to_peer.n = 0;
	to_peer.used = 0;
	assert_int_equal(dp_dtls_ctx_new(&ctx, &conf, NULL), GW_OK);
	peer_open(&p, key_of(kind), groups, !we_are_client);
	SSL_CTX_set_cert_verify_callback(p.ctx, any_certificate, NULL);
	assert_int_equal(X509_digest(p.cert, EVP_sha256(), fp.bytes, &len), 1);
	assert_int_equal(dp_dtls_new(&d, ctx, we_are_client, put, &to_peer), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(d, &fp, 1), GW_OK);
	assert_int_equal(dp_dtls_start(d, 1), GW_OK);
	for (unsigned i = 0; i < 10; i++) {
		struct flight in = to_peer;
		size_t at = 0;
		int n;

		to_peer.n = 0;
		to_peer.used = 0;
		for (unsigned k = 0; k < in.n; at += in.len[k++]) {
			BIO_write(SSL_get_rbio(p.ssl), in.b + at, (int)in.len[k]);
			(void)SSL_do_handshake(p.ssl);
		}
		(void)SSL_do_handshake(p.ssl);
		n = BIO_read(SSL_get_wbio(p.ssl), from_peer, sizeof(from_peer));
		if (n > 0)
			(void)!dp_dtls_input(d, gw_sv(from_peer, (size_t)n), 1);
		if (n <= 0 && to_peer.n == 0)
			break;
	}
	end = dp_dtls_state(d);
	assert_int_equal(end == DP_DTLS_UP, SSL_is_init_finished(p.ssl));
	dp_dtls_free(d);
	dp_dtls_ctx_free(ctx);
	peer_close(&p);
	return end;
}

static void certificates_of_all_allowed_kinds_are_taken(void **state)
{
	static const int kinds[] = { -NID_X9_62_prime256v1, -NID_secp384r1, -NID_secp521r1, 2048 };

	(void)state;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (int client = 0; client < 2; client++)
			assert_int_equal(handshake(kinds[i], "X25519:P-256:P-384:P-521", client), DP_DTLS_UP);
}

/* OpenSSL has no Ed25519 in the server role of DTLS. */
static void ed25519_certificate_of_a_client_is_taken(void **state)
{
	(void)state;
	assert_int_equal(handshake(0, "X25519:P-256", false), DP_DTLS_UP);
}

static void other_curves_and_short_rsa_keys_are_refused(void **state)
{
	static const int kinds[] = { -NID_secp256k1, -NID_X9_62_prime239v1, 1024 };

	(void)state;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (int client = 0; client < 2; client++)
			assert_int_not_equal(handshake(kinds[i], "X25519:P-256:P-384:P-521", client), DP_DTLS_UP);
}

static void every_group_of_ours_serves_in_both_roles(void **state)
{
	static const char *const groups[] = { "X25519:P-256", "P-256" };

	(void)state;
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		for (int client = 0; client < 2; client++)
			assert_int_equal(handshake(-NID_X9_62_prime256v1, groups[i], client), DP_DTLS_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_of_all_allowed_kinds_are_taken),
		cmocka_unit_test(ed25519_certificate_of_a_client_is_taken),
		cmocka_unit_test(other_curves_and_short_rsa_keys_are_refused),
		cmocka_unit_test(every_group_of_ours_serves_in_both_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
