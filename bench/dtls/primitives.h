/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL's primitives of a handshake cost, each alone, by the clock the handshakes are measured with. */
#ifndef BENCH_DTLS_PRIMITIVES_H
#define BENCH_DTLS_PRIMITIVES_H

#include <stdbool.h>

/** Seconds an operation: ECDSA P-256, X25519. */
struct primitives {
	double sign_s, verify_s, keygen_s, derive_s;
};

/** CPU time of the calling thread: a system call, so read it seldom. */
double thread_s(void);
/** Spends so many seconds on each. Contexts are made ahead, as `openssl speed` does. false: OpenSSL refused. */
bool primitives_measure(double seconds, struct primitives *out);

#endif
