/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/dtls/primitives.h"

#include <time.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#define BATCH 50u                /* operations between two looks at the clock */
#define DIGEST_BYTES 32u
#define SIGNATURE_MOST 80u       /* of P-256 in DER */

struct tools {
	EVP_PKEY *ecdsa, *own, *peer;
	EVP_PKEY_CTX *sign, *verify, *keygen, *derive;
	unsigned char digest[DIGEST_BYTES], signature[SIGNATURE_MOST];
	size_t signature_len;
};

double thread_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool do_sign(struct tools *t)
{
	t->signature_len = sizeof(t->signature);
	return EVP_PKEY_sign(t->sign, t->signature, &t->signature_len, t->digest, sizeof(t->digest)) == 1;
}

static bool do_verify(struct tools *t)
{
	return EVP_PKEY_verify(t->verify, t->signature, t->signature_len, t->digest, sizeof(t->digest)) == 1;
}

static bool do_keygen(struct tools *t)
{
	EVP_PKEY *key = NULL;

	if (EVP_PKEY_keygen(t->keygen, &key) != 1)
		return false;
	EVP_PKEY_free(key);
	return true;
}

static bool do_derive(struct tools *t)
{
	unsigned char secret[32];
	size_t n = sizeof(secret);

	return EVP_PKEY_derive(t->derive, secret, &n) == 1;
}

static bool make(struct tools *t)
{
	t->ecdsa = EVP_EC_gen("P-256");
	t->own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	t->peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	if (!t->ecdsa || !t->own || !t->peer)
		return false;
	t->sign = EVP_PKEY_CTX_new(t->ecdsa, NULL);
	t->verify = EVP_PKEY_CTX_new(t->ecdsa, NULL);
	t->keygen = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	t->derive = EVP_PKEY_CTX_new(t->own, NULL);
	return t->sign && t->verify && t->keygen && t->derive && EVP_PKEY_sign_init(t->sign) == 1 &&
		EVP_PKEY_verify_init(t->verify) == 1 && EVP_PKEY_keygen_init(t->keygen) == 1 &&
		EVP_PKEY_derive_init(t->derive) == 1 && EVP_PKEY_derive_set_peer(t->derive, t->peer) == 1;
}

static bool one(struct tools *t, bool (*operation)(struct tools *), double seconds, double *out)
{
	double began = thread_s(), now = began;
	unsigned n;

	for (n = 0; now < began + seconds; n += BATCH, now = thread_s())
		for (unsigned i = 0; i < BATCH; i++)
			if (!operation(t))
				return false;
	*out = (now - began) / n;
	return true;
}

bool primitives_measure(double seconds, struct primitives *out)
{
	struct tools t = { .digest = { 1, 2, 3 } };
	bool ok = make(&t) && one(&t, do_sign, seconds, &out->sign_s) && one(&t, do_verify, seconds, &out->verify_s) &&
		one(&t, do_keygen, seconds, &out->keygen_s) && one(&t, do_derive, seconds, &out->derive_s);

	EVP_PKEY_CTX_free(t.sign);
	EVP_PKEY_CTX_free(t.verify);
	EVP_PKEY_CTX_free(t.keygen);
	EVP_PKEY_CTX_free(t.derive);
	EVP_PKEY_free(t.ecdsa);
	EVP_PKEY_free(t.own);
	EVP_PKEY_free(t.peer);
	return ok;
}
