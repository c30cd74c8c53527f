/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS 1.2 records in bursts (RFC 6347 4.1, AES-GCM of RFC 5288): numbers, replay window and nonces here, the ciphering in
 * crypt_mb.c or crypt_dev.c. A record lies as
 *
 *   type version epoch number length | explicit nonce | ciphertext | tag
 *   1    2       2     6      2        8                n            16
 *
 * What is authenticated besides (epoch, number, type, version, n: 13 bytes) is written over the end of the header and the
 * nonce, right before the ciphertext, where the back ends expect it as they do an RTP header.
 */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "dataplane/backend/crypt.h"
#include "dataplane/backend/crypt_dev.h"
#include "dataplane/fast/record.h"
#include "dataplane/fast/srtp.h"
#include "proto/base/be.h"

#define VERSION 0xfefdu	/* DTLS 1.2 */
#define HEAD_BYTES (DP_RECORD_HEADER_BYTES + DP_RECORD_NONCE_BYTES)
#define AAD_AT (HEAD_BYTES - CRYPT_RECORD_AAD_BYTES)

_Static_assert(HEAD_BYTES + DP_RECORD_TAG_BYTES == DP_RECORD_OVERHEAD, "what a record adds");

struct dp_record_session {
	struct dp_record_numbers numbers;
	uint16_t epoch;
	uint8_t alg;               /* enum crypt_alg */
	uint8_t rx_salt[DP_RECORD_SALT_BYTES], tx_salt[DP_RECORD_SALT_BYTES];
	/* two lines of keys' lengths follow: what is received with, what is sent with */
	void *dev_rx, *dev_tx;
};

_Static_assert(sizeof(struct dp_record_session) <= RTE_CACHE_LINE_SIZE, "a session's state is one line");

struct unused {
	struct unused *next;
};

static struct {
	uint8_t *sessions;         /* [max_sessions] of elem_bytes */
	struct unused *unused;
	uint32_t elem_bytes, key_bytes;
	bool has_device;
	struct crypt_hot hot[CRYPT_ALGS][2];  /* [alg][is_seal] */
	struct crypt_job (*jobs)[DP_BURST];   /* [workers] */
} engine;

static void *rx_keys(struct dp_record_session *s)
{
	return (uint8_t *)s + RTE_CACHE_LINE_SIZE;
}

static void *tx_keys(struct dp_record_session *s)
{
	return (uint8_t *)rx_keys(s) + engine.key_bytes;
}

/* ---- sessions: service thread ------------------------------------------------------------------------- */

static void give_back(void *session)
{
	struct unused *u = session;

	u->next = engine.unused;
	engine.unused = u;
}

static void session_free(struct dp_record_session *s)
{
	if (!s)
		return;
	crypt_dev_session_free(s->dev_rx);
	crypt_dev_session_free(s->dev_tx);
	explicit_bzero(s, engine.elem_bytes);
	give_back(s);
}

static enum gw_err expand(struct dp_record_session *s, const uint8_t *key, uint8_t key_bytes, bool is_seal)
{
	struct srtp_session_keys k = { .enc_len = key_bytes, .tag_len = DP_RECORD_TAG_BYTES, .is_aead = true };
	enum gw_err err = GW_OK;

	memcpy(k.enc, key, key_bytes);
	crypt_mb_expand((enum crypt_alg)s->alg, &k, is_seal ? tx_keys(s) : rx_keys(s));
	if (engine.has_device)
		err = crypt_dev_session_new(is_seal ? &s->dev_tx : &s->dev_rx, (enum crypt_alg)s->alg, &k, CRYPT_RECORD_AAD_BYTES,
			is_seal);
	explicit_bzero(&k, sizeof(k));
	return err;
}

static enum gw_err session_new(struct dp_record_session **out, const struct dp_record_keys *keys)
{
	struct dp_record_session *s = (struct dp_record_session *)(void *)engine.unused;
	enum gw_err err;

	if (keys->key_bytes != 16 && keys->key_bytes != 32)
		return GW_EUNSUPP;
	if (!s)
		return GW_ENOMEM;
	engine.unused = engine.unused->next;
	memset(s, 0, engine.elem_bytes);
	s->numbers = keys->numbers;
	s->epoch = keys->epoch;
	s->alg = keys->key_bytes == 32 ? CRYPT_GCM_256 : CRYPT_GCM_128;
	memcpy(s->rx_salt, keys->rx_salt, sizeof(s->rx_salt));
	memcpy(s->tx_salt, keys->tx_salt, sizeof(s->tx_salt));
	if ((err = expand(s, keys->rx_key, keys->key_bytes, false)) || (err = expand(s, keys->tx_key, keys->key_bytes, true))) {
		session_free(s);
		return err;
	}
	*out = s;
	return GW_OK;
}

/* ---- packets: owner worker ------------------------------------------------------------------------------ */

/* At the 13 bytes before the body. */
static void put_aad(uint8_t *p, uint16_t epoch, uint64_t seq, uint8_t type, uint16_t n)
{
	gw_put_be64(p, (uint64_t)epoch << 48 | seq);
	p[8] = type;
	gw_put_be16(p + 9, VERSION);
	gw_put_be16(p + 11, n);
}

static void prefetch_keys(const struct dp_record_session *s, const uint8_t *keys, bool is_seal, unsigned bytes)
{
	const struct crypt_hot *h = &engine.hot[s->alg][is_seal];
	unsigned tail = bytes + 32 < h->tail_most ? bytes + 32 : h->tail_most;	/* a block of AAD, one of lengths */

	for (unsigned at = 0; at < h->head; at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(keys + at);
	for (unsigned back = RTE_CACHE_LINE_SIZE / 4; back < tail; back += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(keys + h->end - back);
}

/* m's data begins with the associated data. */
static void make_job(struct crypt_job *j, struct rte_mbuf *m, struct dp_record_session *s, uint64_t seq, uint16_t n)
{
	j->records = s;
	j->m = m;
	j->pkt = rte_pktmbuf_mtod(m, uint8_t *);
	j->header_bytes = CRYPT_RECORD_AAD_BYTES;
	j->bytes = (uint16_t)(CRYPT_RECORD_AAD_BYTES + n);
	j->tag_bytes = DP_RECORD_TAG_BYTES;
	j->index = seq;
}

static enum dp_drop prepare_open(struct rte_mbuf *m, struct dp_record_session *s, struct crypt_job *j)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct dp_record_view v;
	uint16_t n;

	if (unlikely(!dp_record_parse(p, m->data_len, &v) || v.bytes != m->data_len - DP_RECORD_HEADER_BYTES ||
		v.bytes < DP_RECORD_NONCE_BYTES + DP_RECORD_TAG_BYTES || v.epoch != s->epoch || (p[1] << 8 | p[2]) != VERSION))
		return DP_DROP_DTLS_RECORD;
	if (unlikely(!dp_record_is_new(&s->numbers, v.seq)))
		return DP_DROP_DTLS_REPLAY;
	n = (uint16_t)(v.bytes - DP_RECORD_NONCE_BYTES - DP_RECORD_TAG_BYTES);
	memcpy(j->iv, s->rx_salt, DP_RECORD_SALT_BYTES);
	memcpy(j->iv + DP_RECORD_SALT_BYTES, p + DP_RECORD_HEADER_BYTES, DP_RECORD_NONCE_BYTES);
	put_aad(p + AAD_AT, v.epoch, v.seq, v.type, n);
	rte_pktmbuf_adj(m, AAD_AT);
	make_job(j, m, s, v.seq, n);
	j->keys = rx_keys(s);
	j->dev_session = s->dev_rx;
	prefetch_keys(s, j->keys, false, n);
	return dp_drop_COUNT;
}

static enum dp_drop finish_open(struct crypt_job *j)
{
	struct dp_record_numbers *n = &j->records->numbers;

	if (unlikely(!j->is_ok))
		return DP_DROP_DTLS_AUTH;
	if (unlikely(!dp_record_is_new(n, j->index)))
		return DP_DROP_DTLS_REPLAY;	/* twice in one burst */
	dp_record_commit(n, j->index);
	rte_pktmbuf_adj(j->m, CRYPT_RECORD_AAD_BYTES);
	rte_pktmbuf_trim(j->m, DP_RECORD_TAG_BYTES);
	return dp_drop_COUNT;
}

static enum dp_drop prepare_seal(struct rte_mbuf *m, struct dp_record_session *s, enum dp_record_type type, struct crypt_job *j)
{
	struct dp_record_numbers *numbers = &s->numbers;
	uint16_t n = m->data_len;

	if (unlikely(rte_pktmbuf_headroom(m) < HEAD_BYTES || rte_pktmbuf_tailroom(m) < DP_RECORD_TAG_BYTES))
		return DP_DROP_HEADROOM;
	if (unlikely(numbers->tx_seq == DP_RECORD_SEQ_MAX))
		return DP_DROP_DTLS_RECORD;
	numbers->tx_seq++;
	numbers->tx_nonce++;
	memcpy(j->iv, s->tx_salt, DP_RECORD_SALT_BYTES);
	gw_put_be64(j->iv + DP_RECORD_SALT_BYTES, numbers->tx_nonce);
	put_aad((uint8_t *)rte_pktmbuf_prepend(m, CRYPT_RECORD_AAD_BYTES), s->epoch, numbers->tx_seq, (uint8_t)type, n);
	make_job(j, m, s, numbers->tx_seq, n);
	j->keys = tx_keys(s);
	j->dev_session = s->dev_tx;
	prefetch_keys(s, j->keys, true, n);
	return dp_drop_COUNT;
}

static enum dp_drop finish_seal(struct crypt_job *j)
{
	uint8_t type = j->pkt[8];
	uint16_t body = (uint16_t)(j->bytes - CRYPT_RECORD_AAD_BYTES);
	uint8_t *p;

	if (unlikely(!j->is_ok))
		return DP_DROP_DTLS_RECORD;	/* the device gave up; the number stays unused */
	p = (uint8_t *)rte_pktmbuf_prepend(j->m, AAD_AT);
	rte_pktmbuf_append(j->m, DP_RECORD_TAG_BYTES);
	p[0] = type;
	gw_put_be16(p + 1, VERSION);
	gw_put_be64(p + 3, (uint64_t)j->records->epoch << 48 | j->index);
	gw_put_be16(p + 11, (uint16_t)(DP_RECORD_NONCE_BYTES + body + DP_RECORD_TAG_BYTES));
	memcpy(p + DP_RECORD_HEADER_BYTES, j->iv + DP_RECORD_SALT_BYTES, DP_RECORD_NONCE_BYTES);
	return dp_drop_COUNT;
}

static void run(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n, bool is_seal)
{
	if (engine.has_device)
		n = crypt_dev_run(worker, alg, j, n, is_seal);
	if (n == 0)
		return;
	if (is_seal)
		crypt_mb_seal(worker, alg, j, n);
	else
		crypt_mb_open(worker, alg, j, n);
}

static void burst(uint16_t worker, struct rte_mbuf **m, struct dp_record_session **s, uint16_t n, bool is_seal,
	enum dp_drop *why)
{
	struct crypt_job *jobs = engine.jobs[worker], *by_alg[CRYPT_ALGS][DP_BURST];
	uint16_t count[CRYPT_ALGS] = { 0 }, made = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct crypt_job *j = &jobs[made];

		why[i] = is_seal ? prepare_seal(m[i], s[i], DP_RECORD_DATA, j) : prepare_open(m[i], s[i], j);
		if (unlikely(why[i] != dp_drop_COUNT))
			continue;
		j->at = i;
		by_alg[s[i]->alg][count[s[i]->alg]++] = j;
		made++;
	}
	for (unsigned a = CRYPT_GCM_128; a <= CRYPT_GCM_256; a++)
		if (count[a])
			run(worker, (enum crypt_alg)a, by_alg[a], count[a], is_seal);
	for (uint16_t i = 0; i < made; i++)
		why[jobs[i].at] = is_seal ? finish_seal(&jobs[i]) : finish_open(&jobs[i]);
}

static void open_burst(uint16_t worker, struct rte_mbuf **m, struct dp_record_session **s, uint16_t n, enum dp_drop *why)
{
	burst(worker, m, s, n, false, why);
}

static void seal_burst(uint16_t worker, struct rte_mbuf **m, struct dp_record_session **s, uint16_t n, enum dp_drop *why)
{
	burst(worker, m, s, n, true, why);
}

/* The device has no queue for the service thread. */
static enum dp_drop open_one(struct rte_mbuf *m, struct dp_record_session *s)
{
	struct crypt_job job, *j = &job;
	enum dp_drop why = prepare_open(m, s, j);

	if (why != dp_drop_COUNT)
		return why;
	crypt_mb_open(crypt_mb_service(), (enum crypt_alg)s->alg, &j, 1);
	return finish_open(j);
}

static enum dp_drop seal_one(struct rte_mbuf *m, struct dp_record_session *s, enum dp_record_type type)
{
	struct crypt_job job, *j = &job;
	enum dp_drop why = prepare_seal(m, s, type, j);

	if (why != dp_drop_COUNT)
		return why;
	crypt_mb_seal(crypt_mb_service(), (enum crypt_alg)s->alg, &j, 1);
	return finish_seal(j);
}

const struct dp_record_ops dp_record_burst = {
	.session_new = session_new,
	.session_free = session_free,
	.open_burst = open_burst,
	.seal_burst = seal_burst,
	.open_one = open_one,
	.seal_one = seal_one,
};

/* ---- start and stop --------------------------------------------------------------------------------------- */

enum gw_err dp_record_burst_start(uint16_t workers, uint32_t max_sessions)
{
	engine.key_bytes = (uint32_t)RTE_ALIGN_CEIL(crypt_mb_key_bytes(CRYPT_GCM_256), RTE_CACHE_LINE_SIZE);
	/* an odd number of lines: the same one of each session then lies in another set of the caches */
	engine.elem_bytes = (uint32_t)((1 + 2 * engine.key_bytes / RTE_CACHE_LINE_SIZE) * RTE_CACHE_LINE_SIZE);
	engine.has_device = crypt_dev_is_started();
	for (unsigned a = CRYPT_GCM_128; a <= CRYPT_GCM_256; a++)
		for (unsigned is_seal = 0; is_seal < 2; is_seal++)
			engine.hot[a][is_seal] = crypt_mb_hot((enum crypt_alg)a, is_seal);
	engine.sessions = rte_malloc("w2gw_records", (size_t)max_sessions * engine.elem_bytes, RTE_CACHE_LINE_SIZE);
	engine.jobs = rte_zmalloc("w2gw_record_jobs", sizeof(*engine.jobs) * workers, RTE_CACHE_LINE_SIZE);
	if (!engine.sessions || !engine.jobs) {
		dp_record_burst_stop();
		return GW_ENOMEM;
	}
	for (uint32_t i = max_sessions; i-- > 0;)
		give_back(engine.sessions + (size_t)i * engine.elem_bytes);
	return GW_OK;
}

void dp_record_burst_stop(void)
{
	rte_free(engine.jobs);
	rte_free(engine.sessions);
	memset(&engine, 0, sizeof(engine));
}
