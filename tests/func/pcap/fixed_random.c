/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into eimsagw by tests only: its random source and its calendar stand still, so that certificate,
 * ICE credentials, DTLS and SRTP keys are the same in every run. Never installed.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#define NOW 1767225600		/* 2026-01-01T00:00:00Z */

__attribute__((visibility("default"))) time_t time(time_t *t);

static uint64_t state = 0x243f6a8885a308d3u;

static int fixed_bytes(unsigned char *out, int n)
{
	for (int i = 0; i < n; i++) {	/* xorshift64*: even enough for ECDSA to find its numbers */
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		out[i] = (unsigned char)(state * 0x2545f4914f6cdd1du >> 56);
	}
	return 1;
}

static int fixed_status(void)
{
	return 1;
}

time_t time(time_t *t)
{
	if (t)
		*t = NOW;
	return NOW;
}

__attribute__((constructor)) static void install(void)
{
	static RAND_METHOD fixed = { .bytes = fixed_bytes, .pseudorand = fixed_bytes, .status = fixed_status };

	RAND_set_rand_method(&fixed);
}
