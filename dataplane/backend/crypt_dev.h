/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The crypto of a burst on a DPDK cryptodev: hardware (QAT), or crypto_aesni_mb for comparison. One queue
 * pair a worker; a burst is handed in and waited for, so that order and replay state need no second home.
 */
#ifndef DP_CRYPT_DEV_H
#define DP_CRYPT_DEV_H

#include "dataplane/backend/crypt.h"

/**
 * device: name of a probed cryptodev, or a vdev string, which is made. GW_EUNSUPP: no such device, or one
 * without AES-CTR with HMAC-SHA1 and AES-GCM. GW_ENOMEM. Service thread.
 */
enum gw_err crypt_dev_start(const char *device, uint16_t workers, uint32_t max_sessions);
void crypt_dev_stop(void);

/** aad_bytes: of GCM, CRYPT_RTP_AAD_BYTES or CRYPT_RECORD_AAD_BYTES. Service thread. */
enum gw_err crypt_dev_session_new(void **out, enum crypt_alg alg, const struct srtp_session_keys *k,
	uint16_t aad_bytes, bool is_protect);
/** Between start and stop. */
bool crypt_dev_is_started(void);
/** NULL is fine. */
void crypt_dev_session_free(void *session);

/**
 * Owner worker. Does the jobs the device can take (a GCM session has one length of associated data, the
 * plain RTP header's or a record's), sets is_ok; moves the others to the front of j. @return how many are left
 */
uint16_t crypt_dev_run(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n,
	bool is_protect);

#endif
