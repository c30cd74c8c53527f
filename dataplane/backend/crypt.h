/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the burst engine asks of a crypto back end: the ciphering and the tags of a burst of packets,
 * nothing of SRTP's or DTLS's state. crypt_mb.c does it on this core with libipsec-mb, crypt_dev.c on a DPDK
 * cryptodev. Jobs are made by srtp_burst.c and record_burst.c.
 */
#ifndef DP_CRYPT_H
#define DP_CRYPT_H

#include <rte_common.h>
#include <rte_mbuf.h>

#include "dataplane/backend/srtp_kdf.h"
#include "dataplane/backend/srtp_stream.h"

enum crypt_alg { CRYPT_CM_SHA1, CRYPT_GCM_128, CRYPT_GCM_256, CRYPT_ALGS };

#define CRYPT_SHA1_BYTES 20
/* Associated data of GCM: no RTP header has 13 bytes, so the length tells what a job is of. */
#define CRYPT_RTP_AAD_BYTES 12
#define CRYPT_RECORD_AAD_BYTES 13   /* RFC 5246 6.2.3.3: epoch and number, type, version, length */
#define CRYPT_CM_KEYS_BYTES 176     /* AES-128 key schedule */

/** Keys as the algorithms take them, expanded once per session. */
struct crypt_cm_keys {
	uint8_t schedule[CRYPT_CM_KEYS_BYTES] __rte_aligned(16);
	uint8_t inner[CRYPT_SHA1_BYTES], outer[CRYPT_SHA1_BYTES];  /* SHA-1 states after ipad, opad */
};

struct crypt_job {
	const void *keys;          /* struct crypt_cm_keys or struct gcm_key_data */
	void *dev_session;         /* cryptodev's; NULL: this core does it */
	struct rte_mbuf *m;
	uint8_t *pkt;              /* first byte of the RTP header */
	uint16_t header_bytes;     /* clear, authenticated */
	uint16_t bytes;            /* header and payload, without the tag that stands or comes behind */
	uint8_t tag_bytes;
	bool is_ok;                /* result */
	uint32_t roc;
	uint8_t iv[16];            /* CM: first counter block; GCM: 12 bytes */
	uint8_t tag[CRYPT_SHA1_BYTES + 12] __rte_aligned(16);	/* scratch */
	/* of srtp_burst.c and record_burst.c */
	union {
		struct dp_srtp_session *session;
		struct dp_record_session *records;
	};
	struct srtp_stream *stream;
	uint64_t index;
	uint16_t at;               /* place in the burst */
};

/** Service thread. GW_ENOMEM, GW_EUNSUPP (a CPU without AES-NI). */
enum gw_err crypt_mb_start(uint16_t workers, enum dp_gcm_tables tables);
void crypt_mb_stop(void);
/** What of a key the engine started writes and reads. */
size_t crypt_mb_key_bytes(enum crypt_alg alg);
/**
 * What of the keys a packet reads, for prefetching: bytes from the beginning, and from the end as many as the packet
 * has, tail_most at most. GCM's powers of the hash key lie in an order that depends on the CPU: those of a short packet
 * stand last where 48 of them are kept. Of use to the opener only: sealing, the ciphering gives the cache time (measured).
 */
struct crypt_hot {
	uint16_t head, end, tail_most;
};
struct crypt_hot crypt_mb_hot(enum crypt_alg alg, bool is_protect);
/** keys: crypt_mb_key_bytes(alg) bytes, 64-byte aligned. Service thread. */
void crypt_mb_expand(enum crypt_alg alg, const struct srtp_session_keys *k, void *keys);
/** What a call from the service thread gives as worker. */
uint16_t crypt_mb_service(void);
/** From this many packets on a burst's SHA-1 goes through the wide engine; DP_BURST + 1: never. */
unsigned crypt_mb_wide_from(void);

/** Encrypt, tag behind the payload. Owner worker. */
void crypt_mb_seal(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n);
/** Verify, decrypt. is_ok tells; a payload that is not ok is garbage. Owner worker. */
void crypt_mb_open(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n);

#endif
