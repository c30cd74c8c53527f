/* SPDX-License-Identifier: Apache-2.0 */
/* What slow/dtls.c and slow/dtls_ctx.c share; nobody else includes it. */
#ifndef DP_DTLS_INT_H
#define DP_DTLS_INT_H

#include <openssl/ssl.h>

#include "dataplane/slow/dtls.h"

/* Counted: a session keeps the context, and so the certificate, it was made with. */
struct dp_dtls_ctx {
	SSL_CTX *ssl_ctx;
	X509 *cert;
	struct dp_dtls_conf conf;
	const struct gw_log *log;
};

/** Digest of a certificate's DER form. */
enum gw_err dp_fingerprint_of(const X509 *cert, enum dp_hash hash, struct dp_fingerprint *out);
/** Key type and size allow-list: EC P-256/P-384/P-521, RSA 2048..8192, Ed25519 (threat D3). */
bool dp_dtls_key_allowed(const X509 *cert);
/** Once in a process, before keys and sessions are made: EC certificates are read the short way (decision 008). */
void dp_dtls_pkey_init(void);
/** A new P-256 key pair, the caller's; NULL when OpenSSL has none. */
EVP_PKEY *dp_dtls_pkey_new(void);

#endif
