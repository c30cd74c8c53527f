/* SPDX-License-Identifier: Apache-2.0 */
/* Session keys from master key and salt: RFC 3711 4.3 (AES-CM PRF), RFC 6188 (256 bit), RFC 7714 11. */
#ifndef DP_SRTP_KDF_H
#define DP_SRTP_KDF_H

#include "dataplane/fast/srtp.h"

#define SRTP_AUTH_KEY_BYTES 20

/** Of one direction, of SRTP or SRTCP; salt is padded with zeros to 14 bytes. The caller wipes it. */
struct srtp_session_keys {
	uint8_t enc[DP_SRTP_KEY_MAX];
	uint8_t enc_len;           /* 16 or 32 */
	uint8_t auth[SRTP_AUTH_KEY_BYTES];
	uint8_t salt[DP_SRTP_SALT_MAX];
	uint8_t tag_len;
	bool is_aead;
};

/** Service thread. GW_EUNSUPP: profile unknown. GW_EIO: the library failed. */
enum gw_err srtp_kdf(const struct dp_srtp_keys *master, struct srtp_session_keys *out);
/** The same for SRTCP, whose tag has 80 bits with HMAC-SHA1-32 too (RFC 5764 4.1.2). */
enum gw_err srtcp_kdf(const struct dp_srtp_keys *master, struct srtp_session_keys *out);

#endif
