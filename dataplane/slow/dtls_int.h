/* SPDX-License-Identifier: Apache-2.0 */
/* What the files slow/dtls*.c share; nobody else includes it. */
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

/* What only a handshake, and what may still be said about it, needs: some 40 KB with OpenSSL's part. */
struct tls {
	SSL *ssl;
	dp_dtls_send_fn send;
	void *user;
	unsigned mtu;
	struct gw_sv in;           /* of the datagram being read what OpenSSL has not read yet */
	struct dp_record_view fed; /* the record it read last */
	struct dp_fingerprint fps[DP_FINGERPRINTS_MAX];
	unsigned n_fps;
	uint64_t life_until_ms;    /* UINT64_MAX: clock not started */
	uint64_t restart_at_ms;    /* client: when to send a new ClientHello after a restart */
	uint64_t deaf_until_ms;    /* what comes before is not looked at */
	unsigned restarts;
	size_t handshake_bytes;
	struct dp_srtp_keys local, remote;
	/* of data channels */
	dp_dtls_data_fn data;      /* NULL: DTLS-SRTP */
	struct dp_record_numbers numbers;
};

/*
 * Of the SHA-256 of a digest. Who wants another certificate to pass needs one whose digest has these 128 bits too: 2^128
 * tries, as many as the P-256 keys in them are worth.
 */
#define DTLS_PEER_BYTES 16

/* Why it has ended. */
#define DTLS_WHY_LIST(X)                                                                            \
	X(DTLS_WHY_NONE, "")                                                                        \
	X(DTLS_WHY_CERTIFICATE, "certificate does not match a=fingerprint")                         \
	X(DTLS_WHY_PROFILE, "no common SRTP profile (use_srtp)")                                    \
	X(DTLS_WHY_MEMORY, "out of memory")                                                         \
	X(DTLS_WHY_NO_FINGERPRINT, "remote fingerprint never came")                                 \
	X(DTLS_WHY_TIMEOUT, "handshake timed out")                                                  \
	X(DTLS_WHY_FATAL, "fatal alert from the peer")                                              \
	X(DTLS_WHY_CLOSED, "closed by the peer")
enum dtls_why {
#define X(name, text) name,
	DTLS_WHY_LIST(X)
#undef X
};

/* What stays as long as the call. */
struct dp_dtls {
	SSL_CTX *ssl_ctx;          /* reference: keeps the certificate of the start */
	struct tls *tls;           /* NULL: forgotten */
	uint8_t why;               /* enum dtls_why */
	uint8_t profile;           /* enum dp_srtp_profile */
	uint8_t state;             /* enum dp_dtls_state */
	bool is_client, has_peer;
	uint8_t peer[DP_HASH_SHA512][DTLS_PEER_BYTES];   /* of the digest by each hash of the certificate that came */
};

/*
 * A session that is up says next to nothing until its call ends: its record buffers, 33 KB, are given back and taken
 * again around each use. Without them SSL_read and SSL_shutdown must not be called. That of data channels keeps them.
 */
void dp_dtls_rest(struct dp_dtls *d);
bool dp_dtls_wake(struct dp_dtls *d);

/* dtls_bio.c */
/** NULL: no memory. */
BIO *dp_dtls_bio_new(struct dp_dtls *d);
/* dtls_look.c */
/** Not of a datagram without a byte. false: it is dropped. */
bool dp_dtls_may_see(const struct dp_dtls *d, struct gw_sv datagram);

/* dtls_data.c: what data channels need of an association. */
/** Numbers of the records in a datagram that leaves. */
void dp_dtls_note_sent(struct dp_dtls *d, struct gw_sv datagram);
/** Give what the datagram in d->tls->in holds to the owner. @return false: there was data nobody wants */
bool dp_dtls_read_data(struct dp_dtls *d, int *ssl_error);

/** Digest of a certificate's DER form. */
enum gw_err dp_fingerprint_of(const X509 *cert, enum dp_hash hash, struct dp_fingerprint *out);
/** Key type and size allow-list: EC P-256/P-384/P-521, RSA 2048..8192, Ed25519 (threat D3). */
bool dp_dtls_key_allowed(const X509 *cert);
/** Once in a process, before keys and sessions are made: EC certificates are read the short way (decision 008). */
void dp_dtls_pkey_init(void);
/** A new P-256 key pair, the caller's; NULL when OpenSSL has none. */
EVP_PKEY *dp_dtls_pkey_new(void);

#endif
