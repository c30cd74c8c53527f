/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crypto on the worker's own core: libipsec-mb, the library under DPDK's crypto_aesni_mb, called
 * without the ring and the operation objects of a device (docs/decisions/007).
 *
 * HMAC-SHA1 has two engines: one with 16 lanes of AVX-512 or 8 of AVX2, which is poor with few packets,
 * and one on the SHA instructions. Which is cheaper for a burst of n is measured at start.
 *
 * GCM has one for each kind of CPU, with a form of keys of its own: powers of the hash key, 48 of them for VAES, 8 for AVX2.
 * How much of struct gcm_key_data a form takes is found at start too (docs/decisions/017).
 */
#include <string.h>

#include <intel-ipsec-mb.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "dataplane/backend/crypt.h"

#define TRIALS 200
#define TRIAL_BYTES 176		/* G.711 of 20 ms and the ROC */

struct worker {
	IMB_MGR *wide, *narrow, *gcm;   /* gcm: wide, or one for few powers */
	IMB_JOB jobs[DP_BURST] __rte_cache_aligned;
	uint8_t full_tags[DP_BURST][32];
	struct gcm_context_data gcm_context;
};

static struct worker *workers;
static uint16_t n_workers;
static unsigned wide_from = DP_BURST + 1;
static size_t gcm_key_bytes;

/* ---- keys --------------------------------------------------------------------------------- */

size_t crypt_mb_key_bytes(enum crypt_alg alg)
{
	return alg == CRYPT_CM_SHA1 ? sizeof(struct crypt_cm_keys) : gcm_key_bytes;
}

#define TAIL_MOST 512u	/* a longer packet waits for the rest no more than for its own bytes */

struct crypt_hot crypt_mb_hot(enum crypt_alg alg, bool is_protect)
{
	static const uint16_t rounds[CRYPT_ALGS] = { sizeof(struct crypt_cm_keys), 11 * 16, 15 * 16 };
	struct crypt_hot h = { .head = rounds[alg] };

	if (alg == CRYPT_CM_SHA1 || is_protect)
		return h;
	if (gcm_key_bytes < sizeof(struct gcm_key_data)) {
		h.head = (uint16_t)gcm_key_bytes;	/* few powers: every packet needs them all */
		return h;
	}
	h.end = sizeof(struct gcm_key_data);
	h.tail_most = TAIL_MOST;
	return h;
}

/* What of a key is written: all that a packet reads. */
static size_t find_key_bytes(IMB_MGR *mgr)
{
	static const uint8_t patterns[2] = { 0x55, 0xaa };
	struct gcm_key_data k __rte_cache_aligned;
	const uint8_t *b = (const uint8_t *)&k;
	uint8_t key[32] = { 0 };
	size_t most = 0;

	for (unsigned p = 0; p < RTE_DIM(patterns); p++) {
		memset(&k, patterns[p], sizeof(k));
		IMB_AES256_GCM_PRE(mgr, key, &k);
		for (size_t i = sizeof(k); i > most; i--)
			if (b[i - 1] != patterns[p])
				most = i;
	}
	return most;
}

static void hmac_state(IMB_MGR *mgr, const uint8_t *key, uint8_t pad, uint8_t out[CRYPT_SHA1_BYTES])
{
	uint8_t block[IMB_SHA1_BLOCK_SIZE];

	memset(block, pad, sizeof(block));
	for (unsigned i = 0; i < SRTP_AUTH_KEY_BYTES; i++)
		block[i] ^= key[i];
	IMB_SHA1_ONE_BLOCK(mgr, block, out);
	explicit_bzero(block, sizeof(block));
}

void crypt_mb_expand(enum crypt_alg alg, const struct srtp_session_keys *k, void *keys)
{
	struct worker *w = &workers[n_workers];	/* the service thread's own */
	IMB_MGR *mgr = w->wide;

	if (alg == CRYPT_GCM_128) {
		IMB_AES128_GCM_PRE(w->gcm, k->enc, keys);
	} else if (alg == CRYPT_GCM_256) {
		IMB_AES256_GCM_PRE(w->gcm, k->enc, keys);
	} else {
		struct crypt_cm_keys *c = keys;
		uint8_t unused[CRYPT_CM_KEYS_BYTES] __rte_aligned(16);

		IMB_AES_KEYEXP_128(mgr, k->enc, c->schedule, unused);
		hmac_state(mgr, k->auth, 0x36, c->inner);
		hmac_state(mgr, k->auth, 0x5c, c->outer);
		explicit_bzero(unused, sizeof(unused));
	}
}

/* ---- counter mode and HMAC-SHA1 ------------------------------------------------------------ */

static void hash(struct worker *w, IMB_MGR *mgr, struct crypt_job **j, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const struct crypt_cm_keys *k = j[i]->keys;
		IMB_JOB *b = &w->jobs[i];

		b->src = j[i]->pkt;
		b->msg_len_to_hash_in_bytes = (uint64_t)j[i]->bytes + sizeof(uint32_t);
		b->u.HMAC._hashed_auth_key_xor_ipad = k->inner;
		b->u.HMAC._hashed_auth_key_xor_opad = k->outer;
		b->auth_tag_output = w->full_tags[i];
	}
	(void)IMB_SUBMIT_HASH_BURST_NOCHECK(mgr, w->jobs, n, IMB_AUTH_HMAC_SHA_1);
}

static void hash_burst(struct worker *w, struct crypt_job **j, uint16_t n)
{
	hash(w, n >= wide_from ? w->wide : w->narrow, j, n);
}

static void counter_mode(struct worker *w, struct crypt_job **j, uint16_t n)
{
	uint16_t k = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct crypt_cm_keys *keys = j[i]->keys;
		IMB_JOB *b = &w->jobs[k];

		if (j[i]->bytes == j[i]->header_bytes)
			continue;	/* nothing to cipher */
		b->enc_keys = keys->schedule;
		b->src = j[i]->pkt;
		b->dst = j[i]->pkt + j[i]->header_bytes;
		b->cipher_start_src_offset_in_bytes = j[i]->header_bytes;
		b->msg_len_to_cipher_in_bytes = (uint64_t)(j[i]->bytes - j[i]->header_bytes);
		b->iv = j[i]->iv;
		k++;
	}
	if (k)
		(void)IMB_SUBMIT_CIPHER_BURST_NOCHECK(w->wide, w->jobs, k, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
			IMB_KEY_128_BYTES);
}

static void put_roc(struct crypt_job *j)
{
	uint32_t be = rte_cpu_to_be_32(j->roc);

	memcpy(j->pkt + j->bytes, &be, sizeof(be));	/* the M of RFC 3711 4.2: packet, then ROC */
}

static void cm_seal(struct worker *w, struct crypt_job **j, uint16_t n)
{
	counter_mode(w, j, n);
	for (uint16_t i = 0; i < n; i++)
		put_roc(j[i]);
	hash_burst(w, j, n);
	for (uint16_t i = 0; i < n; i++) {
		memcpy(j[i]->pkt + j[i]->bytes, w->full_tags[i], j[i]->tag_bytes);
		j[i]->is_ok = true;
	}
}

/* Without a branch on the contents. */
static bool tags_equal(const uint8_t *a, const uint8_t *b, unsigned n)
{
	uint8_t differ = 0;

	for (unsigned i = 0; i < n; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

static void cm_open(struct worker *w, struct crypt_job **j, uint16_t n)
{
	struct crypt_job *good[DP_BURST];
	uint16_t k = 0;

	for (uint16_t i = 0; i < n; i++) {
		memcpy(j[i]->tag, j[i]->pkt + j[i]->bytes, j[i]->tag_bytes);
		put_roc(j[i]);
	}
	hash_burst(w, j, n);
	for (uint16_t i = 0; i < n; i++) {
		j[i]->is_ok = tags_equal(j[i]->tag, w->full_tags[i], j[i]->tag_bytes);
		if (j[i]->is_ok)
			good[k++] = j[i];
	}
	counter_mode(w, good, k);
}

/* ---- GCM: one packet fills the pipes, there is nothing to gather --------------------------- */

static void gcm_seal(struct worker *w, bool is_256, struct crypt_job **j, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		uint8_t *body = j[i]->pkt + j[i]->header_bytes;
		uint64_t len = (uint64_t)(j[i]->bytes - j[i]->header_bytes);

		if (is_256)
			IMB_AES256_GCM_ENC(w->gcm, j[i]->keys, &w->gcm_context, body, body, len, j[i]->iv, j[i]->pkt,
				j[i]->header_bytes, body + len, j[i]->tag_bytes);
		else
			IMB_AES128_GCM_ENC(w->gcm, j[i]->keys, &w->gcm_context, body, body, len, j[i]->iv, j[i]->pkt,
				j[i]->header_bytes, body + len, j[i]->tag_bytes);
		j[i]->is_ok = true;
	}
}

static void gcm_open(struct worker *w, bool is_256, struct crypt_job **j, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		uint8_t *body = j[i]->pkt + j[i]->header_bytes;
		uint64_t len = (uint64_t)(j[i]->bytes - j[i]->header_bytes);

		if (is_256)
			IMB_AES256_GCM_DEC(w->gcm, j[i]->keys, &w->gcm_context, body, body, len, j[i]->iv, j[i]->pkt,
				j[i]->header_bytes, j[i]->tag, j[i]->tag_bytes);
		else
			IMB_AES128_GCM_DEC(w->gcm, j[i]->keys, &w->gcm_context, body, body, len, j[i]->iv, j[i]->pkt,
				j[i]->header_bytes, j[i]->tag, j[i]->tag_bytes);
		j[i]->is_ok = tags_equal(j[i]->tag, body + len, j[i]->tag_bytes);
	}
}

void crypt_mb_seal(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n)
{
	if (alg == CRYPT_CM_SHA1)
		cm_seal(&workers[worker], j, n);
	else
		gcm_seal(&workers[worker], alg == CRYPT_GCM_256, j, n);
}

void crypt_mb_open(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n)
{
	if (alg == CRYPT_CM_SHA1)
		cm_open(&workers[worker], j, n);
	else
		gcm_open(&workers[worker], alg == CRYPT_GCM_256, j, n);
}

/* ---- start --------------------------------------------------------------------------------- */

/* The manager whose keys have few powers; that of this CPU if it has none, or has them itself. */
static IMB_MGR *small_tables(IMB_MGR *wide)
{
	IMB_MGR *m;

	if (find_key_bytes(wide) < sizeof(struct gcm_key_data) || !(m = alloc_mb_mgr(0)))
		return wide;
	init_mb_mgr_avx2(m);
	if (imb_get_errno(m) == 0)
		return m;
	free_mb_mgr(m);
	return wide;
}

static bool worker_start(struct worker *w, enum dp_gcm_tables tables)
{
	IMB_ARCH arch;

	w->wide = w->gcm = alloc_mb_mgr(0);
	w->narrow = alloc_mb_mgr(0);
	if (!w->wide || !w->narrow)
		return false;
	init_mb_mgr_auto(w->wide, &arch);
	init_mb_mgr_sse(w->narrow);	/* of the set-ups of the library the one that uses SHA-NI */
	if (imb_get_errno(w->wide) || imb_get_errno(w->narrow))
		return false;
	if (tables == DP_GCM_SMALL)
		w->gcm = small_tables(w->wide);
	for (unsigned i = 0; i < DP_BURST; i++) {
		IMB_JOB *b = &w->jobs[i];

		b->cipher_mode = IMB_CIPHER_CNTR;
		b->cipher_direction = IMB_DIR_ENCRYPT;
		b->key_len_in_bytes = IMB_KEY_128_BYTES;
		b->iv_len_in_bytes = 16;
		b->chain_order = IMB_ORDER_CIPHER_HASH;
		b->hash_alg = IMB_AUTH_HMAC_SHA_1;
		b->auth_tag_output_len_in_bytes = CRYPT_SHA1_BYTES;
	}
	return true;
}

static uint64_t time_hash(struct worker *w, IMB_MGR *mgr, struct crypt_job **j, uint16_t n)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < TRIALS; i++) {
		uint64_t t = rte_rdtsc_precise();

		hash(w, mgr, j, n);
		t = rte_rdtsc_precise() - t;
		if (t < best)
			best = t;
	}
	return best;
}

/* The wide engine gets better with every packet: find where it begins to win. */
static void calibrate(struct worker *w)
{
	static uint8_t pkt[DP_BURST][TRIAL_BYTES + 64];
	static struct crypt_job job[DP_BURST];
	struct crypt_cm_keys keys;
	struct crypt_job *j[DP_BURST];

	memset(&keys, 0, sizeof(keys));
	for (unsigned i = 0; i < DP_BURST; i++) {
		job[i] = (struct crypt_job){ .keys = &keys, .pkt = pkt[i], .bytes = TRIAL_BYTES - 4 };
		j[i] = &job[i];
	}
	for (wide_from = DP_BURST + 1; wide_from > 1; wide_from--)
		if (time_hash(w, w->wide, j, (uint16_t)(wide_from - 1)) * 20 >=
			time_hash(w, w->narrow, j, (uint16_t)(wide_from - 1)) * 19)
			break;
}

uint16_t crypt_mb_service(void)
{
	return n_workers;
}

unsigned crypt_mb_wide_from(void)
{
	return wide_from;
}

enum gw_err crypt_mb_start(uint16_t count, enum dp_gcm_tables tables)
{
	workers = rte_zmalloc("w2gw_crypt", sizeof(*workers) * (count + 1u), RTE_CACHE_LINE_SIZE);
	if (!workers)
		return GW_ENOMEM;
	n_workers = count;
	for (unsigned i = 0; i <= count; i++)
		if (!worker_start(&workers[i], tables)) {
			crypt_mb_stop();
			return GW_EUNSUPP;
		}
	calibrate(&workers[count]);
	gcm_key_bytes = find_key_bytes(workers[count].gcm);
	return GW_OK;
}

void crypt_mb_stop(void)
{
	for (unsigned i = 0; workers && i <= n_workers; i++) {
		if (workers[i].gcm != workers[i].wide)
			free_mb_mgr(workers[i].gcm);
		if (workers[i].wide)
			free_mb_mgr(workers[i].wide);
		if (workers[i].narrow)
			free_mb_mgr(workers[i].narrow);
	}
	rte_free(workers);
	workers = NULL;
}
