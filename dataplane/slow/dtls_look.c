/* SPDX-License-Identifier: Apache-2.0 */
/* What a datagram must look like for OpenSSL to see it: what a stranger can write shall not end an association (threats D1, D7). */
#include "dataplane/slow/dtls_int.h"

#include <string.h>

/*
 * An alert in clear among the records of a datagram: anybody can have written it, and OpenSSL would end the handshake
 * for it (threat D1). A peer that really cannot go on is noticed by the time-out.
 */
static bool has_clear_alert(struct gw_sv d)
{
	const uint8_t *p = (const uint8_t *)d.p;

	for (size_t at = 0; at + DP_RECORD_HEADER_BYTES <= d.len;) {
		bool is_clear = p[at + 3] == 0 && p[at + 4] == 0;	/* epoch */

		if (is_clear && p[at] == DP_RECORD_ALERT)
			return true;
		at += DP_RECORD_HEADER_BYTES + ((size_t)p[at + 11] << 8 | p[at + 12]);
	}
	return false;
}

/* A first hello, or the answer to it, may have the version of DTLS 1.0 on its record. */
static bool is_hello(const uint8_t *p, size_t body)
{
	return p[0] == DP_RECORD_HANDSHAKE && p[2] == 0xff && p[3] == 0 && p[4] == 0 && body &&
		(p[DP_RECORD_HEADER_BYTES] == 1 || p[DP_RECORD_HEADER_BYTES] == 3) &&
		!memmem(p + DP_RECORD_HEADER_BYTES, body, "\x15\xfe\xfd\0\0", 5) &&
		!memmem(p + DP_RECORD_HEADER_BYTES, body, "\x15\xfe\xff\0\0", 5);
}

/*
 * Whole records of DTLS 1.2 up to the end. Of a record of another version, or too long a one, OpenSSL steps over the
 * header alone, and takes what is inside for the next record: the looks above would not see that one.
 */
static bool is_whole(struct gw_sv d, bool with_hellos)
{
	const uint8_t *p = (const uint8_t *)d.p;
	size_t at = 0, body;

	while (at + DP_RECORD_HEADER_BYTES <= d.len) {
		body = (size_t)p[at + 11] << 8 | p[at + 12];
		if (p[at + 1] != 0xfe || body > d.len - at - DP_RECORD_HEADER_BYTES ||
			(p[at + 2] != 0xfd && !(with_hellos && is_hello(p + at, body))))
			return false;
		at += DP_RECORD_HEADER_BYTES + body;
	}
	return at == d.len;
}

/* A record of the new keys that is shorter than an empty one: OpenSSL would end the association for it (threat D7). */
static bool has_runt(const struct dp_dtls *d, struct gw_sv datagram)
{
	const SSL_CIPHER *c = SSL_get_current_cipher(d->tls->ssl);
	bool has_nonce = !c || SSL_CIPHER_get_cipher_nid(c) != NID_chacha20_poly1305;
	unsigned least = DP_RECORD_TAG_BYTES + (has_nonce ? DP_RECORD_NONCE_BYTES : 0);
	const uint8_t *p = (const uint8_t *)datagram.p;
	struct dp_record_view v;

	for (size_t at = 0; dp_record_parse(p + at, datagram.len - at, &v); at += DP_RECORD_HEADER_BYTES + v.bytes)
		if (v.epoch != 0 && v.bytes < least)
			return true;
	return false;
}

bool dp_dtls_may_see(const struct dp_dtls *d, struct gw_sv datagram)
{
	bool is_handshake = d->state == DP_DTLS_NEW || d->state == DP_DTLS_HANDSHAKE;
	uint8_t first = (uint8_t)datagram.p[0];

	if (datagram.len < DP_RECORD_HEADER_BYTES || first < 20 || first > 63)
		return false;
	return is_whole(datagram, is_handshake) && !(is_handshake && has_clear_alert(datagram)) && !has_runt(d, datagram);
}
