/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS 1.2 records of data channels (RFC 6347 4.1, RFC 5288) as far as the workers open and seal them: keys, numbers and
 * the replay window. OpenSSL makes the handshake; then the record layer of an association moves here, and its numbers go on
 * where OpenSSL's ended: neither a sequence number nor a nonce is used twice.
 */
#ifndef DP_RECORD_H
#define DP_RECORD_H

#include <rte_mbuf.h>

#include "dataplane/fast/drop.h"
#include "proto/base/err.h"

#define DP_RECORD_HEADER_BYTES 13    /* type, version, epoch, sequence number, length */
#define DP_RECORD_NONCE_BYTES 8      /* explicit part, before the ciphertext */
#define DP_RECORD_TAG_BYTES 16
#define DP_RECORD_SALT_BYTES 4       /* implicit part */
#define DP_RECORD_OVERHEAD (DP_RECORD_HEADER_BYTES + DP_RECORD_NONCE_BYTES + DP_RECORD_TAG_BYTES)
#define DP_RECORD_KEY_MAX 32
#define DP_RECORD_SEQ_MAX ((UINT64_C(1) << 48) - 1)

enum dp_record_type { DP_RECORD_ALERT = 21, DP_RECORD_HANDSHAKE = 22, DP_RECORD_DATA = 23 };

/** How far an association has come. */
struct dp_record_numbers {
	uint64_t tx_seq, tx_nonce;   /* of the last record sent */
	uint64_t rx_top, rx_seen;    /* RFC 6347 4.1.2.6: highest one received; bit k: rx_top - k was */
};

/** Of one association, both directions. The caller wipes it after use. */
struct dp_record_keys {
	uint8_t key_bytes;           /* 16 or 32: AES-128-GCM, AES-256-GCM */
	uint16_t epoch;
	uint8_t tx_key[DP_RECORD_KEY_MAX], rx_key[DP_RECORD_KEY_MAX];
	uint8_t tx_salt[DP_RECORD_SALT_BYTES], rx_salt[DP_RECORD_SALT_BYTES];
	struct dp_record_numbers numbers;
};

/** A record as it lies in a datagram. */
struct dp_record_view {
	uint8_t type;
	uint16_t epoch, bytes;       /* bytes: after the header */
	uint64_t seq;
};

/** The first record of len bytes; false: it is not whole. */
static inline bool dp_record_parse(const uint8_t *p, size_t len, struct dp_record_view *out)
{
	if (len < DP_RECORD_HEADER_BYTES)
		return false;
	out->type = p[0];
	out->epoch = (uint16_t)(p[3] << 8 | p[4]);
	out->seq = (uint64_t)p[5] << 40 | (uint64_t)p[6] << 32 | (uint64_t)p[7] << 24 | (uint64_t)p[8] << 16 |
		(uint64_t)p[9] << 8 | p[10];
	out->bytes = (uint16_t)(p[11] << 8 | p[12]);
	return (size_t)DP_RECORD_HEADER_BYTES + out->bytes <= len;
}

/** Not received before, and not older than the window. */
static inline bool dp_record_is_new(const struct dp_record_numbers *n, uint64_t seq)
{
	if (seq > n->rx_top)
		return true;
	return n->rx_top - seq < 64 && !(n->rx_seen >> (n->rx_top - seq) & 1);
}

/** After authentication only, of one that is new. */
static inline void dp_record_commit(struct dp_record_numbers *n, uint64_t seq)
{
	if (seq > n->rx_top) {
		n->rx_seen = seq - n->rx_top >= 64 ? 0 : n->rx_seen << (seq - n->rx_top);
		n->rx_top = seq;
	}
	n->rx_seen |= UINT64_C(1) << (n->rx_top - seq);
}

struct dp_record_session;             /* engine's own; made and freed on the service thread */

/** The engine, as a table: backend/record_burst.c. */
struct dp_record_ops {
	/** Service thread. GW_ENOMEM: as many as there may be are in use. */
	enum gw_err (*session_new)(struct dp_record_session **out, const struct dp_record_keys *keys);
	/** Service thread, after the owner acknowledged that no flow refers to it. NULL is fine. */
	void (*session_free)(struct dp_record_session *s);

	/**
	 * Owner worker. n of 1..DP_BURST datagrams, each mbuf's data being one whole record; of a good one the data is what
	 * was in it, and its number is noted. why[i] becomes dp_drop_COUNT for a good record, else the reason; nothing is kept
	 * of what did not authenticate.
	 */
	void (*open_burst)(uint16_t worker, struct rte_mbuf **m, struct dp_record_session **s, uint16_t n, enum dp_drop *why);
	/** Owner worker. Makes each mbuf's data a record of application data, in place: there is room where a record was. */
	void (*seal_burst)(uint16_t worker, struct rte_mbuf **m, struct dp_record_session **s, uint16_t n, enum dp_drop *why);
	/** Service thread, of a session no flow refers to: the same with one record; sealed, of any type. */
	enum dp_drop (*open_one)(struct rte_mbuf *m, struct dp_record_session *s);
	enum dp_drop (*seal_one)(struct rte_mbuf *m, struct dp_record_session *s, enum dp_record_type type);
};

extern const struct dp_record_ops dp_record_burst;

/** After dp_srtp_burst_start(), whose back end it uses; memory is taken here. Service thread. GW_ENOMEM. */
enum gw_err dp_record_burst_start(uint16_t workers, uint32_t max_sessions);
/** After all sessions are freed and no worker runs. */
void dp_record_burst_stop(void);

#endif
