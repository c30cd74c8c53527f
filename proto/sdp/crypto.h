/* SPDX-License-Identifier: Apache-2.0 */
/*
 * a=crypto (SDP security descriptions, RFC 4568; suites of AES-GCM: RFC 7714 14.2): the key a party sends with. One master key a
 * line, without MKI, and no session parameter that changes what is on the wire. Pure. Callers wipe what holds a key.
 */
#ifndef SDP_CRYPTO_H
#define SDP_CRYPTO_H

#include "proto/sdp/sdp.h"

enum sdp_suite { SDP_SUITE_NONE, SDP_SUITE_CM_80, SDP_SUITE_CM_32, SDP_SUITE_GCM_128, SDP_SUITE_GCM_256, SDP_SUITES };

#define SDP_CRYPTO_KEY_MAX 44u       /* AEAD_AES_256_GCM: 32 bytes of key, 12 of salt */
#define SDP_CRYPTO_TEXT_MAX 128u     /* of a line sdp_crypto_put() writes */
#define SDP_CRYPTO_LIFETIME_BITS 20u /* a key that is good for less than 2^20 packets is not taken: nobody here would renew it in time */

struct sdp_crypto {
	uint32_t tag;                /* 1 to 999999999 */
	enum sdp_suite suite;
	uint8_t key[SDP_CRYPTO_KEY_MAX];   /* master key, master salt; sdp_suite_key_bytes() and _salt_bytes() */
};

/** "AEAD_AES_128_GCM"; empty: none. */
struct gw_sv sdp_suite_name(enum sdp_suite suite);
/** SDP_SUITE_NONE: not one of ours. */
enum sdp_suite sdp_suite_of(struct gw_sv name);
size_t sdp_suite_key_bytes(enum sdp_suite suite);
size_t sdp_suite_salt_bytes(enum sdp_suite suite);

/**
 * The value of one a=crypto.
 * @return GW_EBADMSG: malformed; GW_EUNSUPP: a suite, key parameter or session parameter we do not have. out is wiped then
 */
enum gw_err sdp_crypto_read(struct gw_sv value, struct sdp_crypto *out) GW_NODISCARD;
/** The value, without "a=crypto:". */
void sdp_crypto_put(struct gw_buf *b, const struct sdp_crypto *c);
/** The next a=crypto of a line; *at is 0 at first. GW_ENOENT: no more; else as sdp_crypto_read(). */
enum gw_err sdp_crypto_next(const struct sdp_media *m, unsigned *at, struct sdp_crypto *out) GW_NODISCARD;
/** Suite and key, whatever the tag. */
bool sdp_crypto_is_same_key(const struct sdp_crypto *a, const struct sdp_crypto *b);

#endif
