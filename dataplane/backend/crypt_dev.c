/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_cryptodev.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_malloc.h>

#include "dataplane/backend/crypt_dev.h"
#include "proto/rtp/rtp.h"

#define QUEUE_DESCRIPTORS 128
#define DEVICE_PATIENCE_MS 20u	/* thousands of times what a burst takes */
#define CM_IV_BYTES 16
#define GCM_IV_BYTES 12
#define PRIV_BYTES 64		/* IV, then the tag that came, or the one to write */
#define PRIV_TAG_AT 16
#define IV_AT (sizeof(struct rte_crypto_op) + sizeof(struct rte_crypto_sym_op))

static struct {
	uint8_t id;
	uint16_t workers;
	struct rte_mempool *sessions, *ops;
	struct rte_crypto_op *(*op)[DP_BURST];   /* [workers]: taken once, used again and again */
	bool *is_lost;                           /* [workers]: the device does not answer */
	uint64_t patience_tsc;
} dev;

/* ---- sessions --------------------------------------------------------------------------------- */

static struct rte_crypto_sym_xform cipher_xform(const struct srtp_session_keys *k, bool is_protect)
{
	return (struct rte_crypto_sym_xform){ .type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.cipher = { .op = is_protect ? RTE_CRYPTO_CIPHER_OP_ENCRYPT : RTE_CRYPTO_CIPHER_OP_DECRYPT,
			.algo = RTE_CRYPTO_CIPHER_AES_CTR, .key = { k->enc, k->enc_len },
			.iv = { IV_AT, CM_IV_BYTES } } };
}

static struct rte_crypto_sym_xform auth_xform(const struct srtp_session_keys *k, bool is_protect)
{
	return (struct rte_crypto_sym_xform){ .type = RTE_CRYPTO_SYM_XFORM_AUTH,
		.auth = { .op = is_protect ? RTE_CRYPTO_AUTH_OP_GENERATE : RTE_CRYPTO_AUTH_OP_VERIFY,
			.algo = RTE_CRYPTO_AUTH_SHA1_HMAC, .key = { k->auth, SRTP_AUTH_KEY_BYTES },
			.digest_length = k->tag_len } };
}

static struct rte_crypto_sym_xform aead_xform(const struct srtp_session_keys *k, uint16_t aad_bytes, bool is_protect)
{
	return (struct rte_crypto_sym_xform){ .type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.aead = { .op = is_protect ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT,
			.algo = RTE_CRYPTO_AEAD_AES_GCM, .key = { k->enc, k->enc_len },
			.iv = { IV_AT, GCM_IV_BYTES }, .digest_length = k->tag_len,
			.aad_length = aad_bytes } };
}

enum gw_err crypt_dev_session_new(void **out, enum crypt_alg alg, const struct srtp_session_keys *k,
	uint16_t aad_bytes, bool is_protect)
{
	struct rte_crypto_sym_xform first, second;

	if (alg == CRYPT_CM_SHA1) {	/* SRTP encrypts, then authenticates */
		first = is_protect ? cipher_xform(k, true) : auth_xform(k, false);
		second = is_protect ? auth_xform(k, true) : cipher_xform(k, false);
		first.next = &second;
	} else {
		first = aead_xform(k, aad_bytes, is_protect);
	}
	*out = rte_cryptodev_sym_session_create(dev.id, &first, dev.sessions);
	return *out ? GW_OK : GW_EUNSUPP;
}

void crypt_dev_session_free(void *session)
{
	if (session)
		(void)rte_cryptodev_sym_session_free(dev.id, session);
}

/* ---- packets ---------------------------------------------------------------------------------- */

static void fill(struct rte_crypto_op *op, struct crypt_job *j, enum crypt_alg alg, bool is_protect)
{
	uint8_t *iv = rte_crypto_op_ctod_offset(op, uint8_t *, IV_AT), *tag = iv + PRIV_TAG_AT;
	struct rte_crypto_sym_op *sym = op->sym;
	uint16_t body = (uint16_t)(j->bytes - j->header_bytes);
	uint32_t roc = rte_cpu_to_be_32(j->roc);
	rte_iova_t tag_iova = op->phys_addr + IV_AT + PRIV_TAG_AT;

	op->status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
	sym->session = j->dev_session;
	sym->m_src = j->m;
	sym->m_dst = NULL;
	if (!is_protect)
		memcpy(tag, j->pkt + j->bytes, j->tag_bytes);
	if (alg == CRYPT_CM_SHA1) {
		memcpy(iv, j->iv, CM_IV_BYTES);
		memcpy(j->pkt + j->bytes, &roc, sizeof(roc));
		sym->cipher.data.offset = j->header_bytes;
		sym->cipher.data.length = body;
		sym->auth.data.offset = 0;
		sym->auth.data.length = j->bytes + (uint32_t)sizeof(roc);
		sym->auth.digest.data = tag;
		sym->auth.digest.phys_addr = tag_iova;
	} else {
		memcpy(iv, j->iv, GCM_IV_BYTES);
		sym->aead.data.offset = j->header_bytes;
		sym->aead.data.length = body;
		sym->aead.aad.data = j->pkt;
		sym->aead.aad.phys_addr = rte_pktmbuf_iova(j->m);
		sym->aead.digest.data = tag;
		sym->aead.digest.phys_addr = tag_iova;
	}
}

static void finish(struct rte_crypto_op *op, struct crypt_job *j, bool is_protect)
{
	j->is_ok = op->status == RTE_CRYPTO_OP_STATUS_SUCCESS;
	if (is_protect && j->is_ok)
		memcpy(j->pkt + j->bytes, rte_crypto_op_ctod_offset(op, uint8_t *, IV_AT + PRIV_TAG_AT),
			j->tag_bytes);
}

/*
 * All in, all out, in order. A device that gives nothing back for DEVICE_PATIENCE_MS is given up: its operations may be
 * written to at any time later, so no more are made; the packets of this burst fail, those to come are done on the core.
 */
static void process(uint16_t worker, struct rte_crypto_op **op, uint16_t n)
{
	struct rte_crypto_op *done[DP_BURST];
	uint64_t last = rte_rdtsc();
	uint16_t in = 0, out = 0;

	while (out < n) {
		uint16_t moved = 0, k;

		if (in < n)
			moved = rte_cryptodev_enqueue_burst(dev.id, worker, op + in, (uint16_t)(n - in));
		in += moved;
		k = rte_cryptodev_dequeue_burst(dev.id, worker, done + out, (uint16_t)(n - out));
		out += k;
		if (likely(moved || k))
			last = rte_rdtsc();
		else if (unlikely(rte_rdtsc() - last > dev.patience_tsc)) {
			dev.is_lost[worker] = true;
			return;
		}
	}
}

uint16_t crypt_dev_run(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n,
	bool is_protect)
{
	struct rte_crypto_op **op = dev.op[worker];
	struct crypt_job *mine[DP_BURST];
	uint16_t k = 0, left = 0;

	if (unlikely(dev.is_lost[worker]))
		return n;
	for (uint16_t i = 0; i < n; i++) {
		bool fits = j[i]->dev_session && j[i]->bytes > j[i]->header_bytes &&
			(alg == CRYPT_CM_SHA1 || j[i]->header_bytes == CRYPT_RTP_AAD_BYTES ||
				j[i]->header_bytes == CRYPT_RECORD_AAD_BYTES);

		if (!fits) {
			j[left++] = j[i];
			continue;
		}
		fill(op[k], j[i], alg, is_protect);
		mine[k++] = j[i];
	}
	process(worker, op, k);
	for (uint16_t i = 0; i < k; i++)
		finish(op[i], mine[i], is_protect);
	return left;
}

/* ---- start ------------------------------------------------------------------------------------ */

static bool find(const char *device)
{
	char name[RTE_CRYPTODEV_NAME_MAX_LEN];
	int id;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	id = rte_cryptodev_get_dev_id(name);
	if (id < 0 && rte_dev_probe(device) == 0)
		id = rte_cryptodev_get_dev_id(name);
	dev.id = (uint8_t)id;
	return id >= 0;
}

static bool has_algorithms(void)
{
	const struct rte_cryptodev_sym_capability_idx ctr = { .type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.algo.cipher = RTE_CRYPTO_CIPHER_AES_CTR }, sha1 = { .type = RTE_CRYPTO_SYM_XFORM_AUTH,
		.algo.auth = RTE_CRYPTO_AUTH_SHA1_HMAC }, gcm = { .type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.algo.aead = RTE_CRYPTO_AEAD_AES_GCM };
	const struct rte_cryptodev_symmetric_capability *c = rte_cryptodev_sym_capability_get(dev.id, &ctr),
		*a = rte_cryptodev_sym_capability_get(dev.id, &sha1), *g = rte_cryptodev_sym_capability_get(dev.id, &gcm);

	return c && a && g && rte_cryptodev_sym_capability_check_cipher(c, 16, CM_IV_BYTES) == 0 &&
		rte_cryptodev_sym_capability_check_auth(a, SRTP_AUTH_KEY_BYTES, 10, 0) == 0 &&
		rte_cryptodev_sym_capability_check_aead(g, 16, 16, CRYPT_RTP_AAD_BYTES, GCM_IV_BYTES) == 0 &&
		rte_cryptodev_sym_capability_check_aead(g, 16, 16, CRYPT_RECORD_AAD_BYTES, GCM_IV_BYTES) == 0;
}

static bool is_able(void)
{
	struct rte_cryptodev_info info;

	rte_cryptodev_info_get(dev.id, &info);
	return (info.feature_flags & RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO) &&
		(info.feature_flags & RTE_CRYPTODEV_FF_SYM_OPERATION_CHAINING) &&
		info.max_nb_queue_pairs >= dev.workers && has_algorithms();
}

static bool queues_start(int socket)
{
	struct rte_cryptodev_config conf = { .socket_id = socket, .nb_queue_pairs = dev.workers };
	struct rte_cryptodev_qp_conf qp = { .nb_descriptors = QUEUE_DESCRIPTORS, .mp_session = dev.sessions };

	if (rte_cryptodev_configure(dev.id, &conf))
		return false;
	for (uint16_t i = 0; i < dev.workers; i++)
		if (rte_cryptodev_queue_pair_setup(dev.id, i, &qp, socket))
			return false;
	return rte_cryptodev_start(dev.id) == 0;
}

enum gw_err crypt_dev_start(const char *device, uint16_t workers, uint32_t max_sessions)
{
	int socket = (int)rte_socket_id();

	dev.workers = workers;
	if (!find(device) || !is_able())
		return GW_EUNSUPP;
	dev.sessions = rte_cryptodev_sym_session_pool_create("w2gw_crypto_sessions", max_sessions,
		rte_cryptodev_sym_get_private_session_size(dev.id), 0, 0, socket);
	dev.ops = rte_crypto_op_pool_create("w2gw_crypto_ops", RTE_CRYPTO_OP_TYPE_SYMMETRIC,
		(unsigned)workers * DP_BURST, 0, PRIV_BYTES, socket);
	dev.op = rte_zmalloc("w2gw_crypto_op", sizeof(*dev.op) * workers, 0);
	dev.is_lost = rte_zmalloc("w2gw_crypto_lost", sizeof(*dev.is_lost) * workers, 0);
	dev.patience_tsc = rte_get_tsc_hz() / 1000 * DEVICE_PATIENCE_MS;
	if (!dev.sessions || !dev.ops || !dev.op || !dev.is_lost)
		goto fail;
	for (uint16_t i = 0; i < workers; i++) {
		if (rte_crypto_op_bulk_alloc(dev.ops, RTE_CRYPTO_OP_TYPE_SYMMETRIC, dev.op[i], DP_BURST) !=
			DP_BURST)
			goto fail;
		for (uint16_t k = 0; k < DP_BURST; k++)
			dev.op[i][k]->sess_type = RTE_CRYPTO_OP_WITH_SESSION;
	}
	if (queues_start(socket))
		return GW_OK;
fail:
	crypt_dev_stop();
	return GW_ENOMEM;
}

bool crypt_dev_is_started(void)
{
	return dev.op != NULL;
}

void crypt_dev_stop(void)
{
	rte_cryptodev_stop(dev.id);
	(void)rte_cryptodev_close(dev.id);
	rte_free(dev.op);
	rte_free(dev.is_lost);
	rte_mempool_free(dev.ops);
	rte_mempool_free(dev.sessions);
	memset(&dev, 0, sizeof(dev));
}
