/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of EC certificates by OpenSSL's built-in methods (docs/decisions/008). OpenSSL 3 reads the public key of a
 * certificate by trying every decoder of every provider, which took a quarter of a handshake. Where an engine answers
 * for a key type, it reads that type as OpenSSL 1.1 did; so here is an engine that answers for EC with what the library
 * has itself. Without engines (OPENSSL_NO_ENGINE) everything works as before, slower.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "dataplane/slow/dtls_int.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#ifndef OPENSSL_NO_ENGINE
#include <openssl/engine.h>

static int ec_methods(ENGINE *e, EVP_PKEY_METHOD **method, const int **nids, int nid)
{
	static const int ec[] = { EVP_PKEY_EC };

	(void)e;
	if (!method) {
		*nids = ec;
		return 1;
	}
	/* not const in the interface; nobody writes to it, and who frees an engine's methods is its destroy function */
	*method = nid == EVP_PKEY_EC ? (EVP_PKEY_METHOD *)EVP_PKEY_meth_find(EVP_PKEY_EC) : NULL;
	return *method != NULL;
}

void dp_dtls_pkey_init(void)
{
	static bool is_done;	/* of the process; the first context makes it, on the service thread */
	ENGINE *e;

	if (is_done)
		return;
	is_done = true;
	e = ENGINE_new();
	if (e && ENGINE_set_id(e, "w2gw-ec") && ENGINE_set_name(e, "EC by the library's own methods") &&
		ENGINE_set_pkey_meths(e, ec_methods))
		(void)ENGINE_set_default_pkey_meths(e);	/* keeps a reference; refused: slower, nothing else */
	ENGINE_free(e);
}

#else

void dp_dtls_pkey_init(void)
{
}

#endif

EVP_PKEY *dp_dtls_pkey_new(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	if (c && EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, NID_X9_62_prime256v1) == 1 &&
		EVP_PKEY_CTX_set_ec_param_enc(c, OPENSSL_EC_NAMED_CURVE) == 1)
		(void)EVP_PKEY_keygen(c, &key);
	EVP_PKEY_CTX_free(c);
	return key;
}
