/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The burst SRTP engine (RFC 3711, 6188, 7714): index, replay window and initial vectors here, the
 * ciphering of the whole burst in crypt_mb.c or crypt_dev.c. Nothing a packet says is kept before its
 * tag was found right; the packet counts as seen only then, also against the others of its burst.
 */
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "dataplane/backend/crypt.h"
#include "dataplane/backend/crypt_dev.h"
#include "proto/rtp/rtp.h"

#define WINDOW_DEFAULT 128u
#define WINDOW_MAX 1024u
#define WINDOW_OUT 64u	/* what is sealed need not wait for the network to put it in order; never twice is what counts */
#define SSRC_DEFAULT 8u

/* Streams follow, behind them what is seldom needed, and the keys on a line of their own: with the default window and number of
   SSRCs the header and the first stream share one cache line, and all that is not keys takes four. */
struct dp_srtp_session {
	uint8_t alg;                           /* enum crypt_alg */
	bool is_protect;
	uint8_t tag_bytes, max_ssrc, n_ssrc;
	uint8_t stream_bytes;                  /* of each, with its window */
	uint8_t keys_line;                     /* cache lines from the start of this to the keys */
	uint8_t next_out;                      /* protect: the stream a new SSRC replaces when all are taken */
	uint8_t salt[DP_SRTP_SALT_MAX + 2];
	void *dev_session;
	_Alignas(struct srtp_stream) uint8_t streams[];
};

/*
 * The core changes its SSRC with every announcement, transfer or re-targeting, so when all streams are taken the
 * oldest goes. Its SSRC must never come back under the same key, or a packet index, and with it a piece of key stream,
 * would be used twice: it is remembered here by its hash. A new SSRC with the same hash is refused, in vain now and
 * then, but never wrongly let in.
 */
#define BURNT_BITS 512u
#define BURNT_BYTES (BURNT_BITS / 8)

_Static_assert(sizeof(struct srtp_stream) + WINDOW_MAX / 8 <= UINT8_MAX, "stream_bytes holds it");
_Static_assert(sizeof(struct dp_srtp_session) + sizeof(struct srtp_stream) + WINDOW_DEFAULT / 8 <=
	RTE_CACHE_LINE_SIZE, "header and first stream on one line");
_Static_assert(sizeof(struct dp_srtp_session) + SSRC_DEFAULT * (sizeof(struct srtp_stream) + WINDOW_DEFAULT / 8) <=
	4 * RTE_CACHE_LINE_SIZE, "all of them on four");

/* A session nobody has. */
struct unused {
	struct unused *next;
};

struct engine {
	uint8_t *sessions;                     /* [max_sessions] of elem_bytes: cache lines, nothing between them */
	struct unused *unused;
	uint32_t elem_bytes;
	bool has_device;
	struct crypt_hot hot[CRYPT_ALGS][2];   /* [alg][is_protect] */
	struct crypt_job (*jobs)[DP_BURST];   /* [workers] */
};

static struct engine engine;

static struct srtp_stream *stream_at(struct dp_srtp_session *s, unsigned i)
{
	return (struct srtp_stream *)(s->streams + (size_t)i * s->stream_bytes);
}

static void *keys_of(struct dp_srtp_session *s)
{
	return (uint8_t *)s + (size_t)s->keys_line * RTE_CACHE_LINE_SIZE;
}

/* Protect only. */
static uint8_t *burnt_of(struct dp_srtp_session *s)
{
	return (uint8_t *)stream_at(s, s->max_ssrc);
}

static uint32_t window_bits(const struct dp_srtp_session *s)
{
	return (s->stream_bytes - (uint32_t)sizeof(struct srtp_stream)) * 8;
}

/* ---- sessions: service thread --------------------------------------------------------------- */

/* With a window that is the next power of two, 64..1024. */
static unsigned stream_bytes(unsigned window)
{
	unsigned bits = 64;

	while (bits < (window ? window : WINDOW_DEFAULT) && bits < WINDOW_MAX)
		bits *= 2;
	return (unsigned)sizeof(struct srtp_stream) + bits / 8;
}

/* Cache lines before the keys. */
static size_t head_lines(unsigned max_ssrc, unsigned a_stream, bool is_protect)
{
	size_t bytes = sizeof(struct dp_srtp_session) + (size_t)max_ssrc * a_stream + (is_protect ? BURNT_BYTES : 0);

	return (bytes + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE;
}

static enum crypt_alg alg_of(const struct srtp_session_keys *k)
{
	return !k->is_aead ? CRYPT_CM_SHA1 : k->enc_len == 32 ? CRYPT_GCM_256 : CRYPT_GCM_128;
}

static void give_back(void *session)
{
	struct unused *u = session;

	u->next = engine.unused;
	engine.unused = u;
}

static void session_free(struct dp_srtp_session *s)
{
	if (!s)
		return;
	crypt_dev_session_free(s->dev_session);
	explicit_bzero(s, engine.elem_bytes);
	give_back(s);
}

static enum gw_err session_new(struct dp_srtp_session **out, const struct dp_srtp_keys *master,
	bool is_protect)
{
	unsigned max_ssrc = master->max_ssrc ? master->max_ssrc : SSRC_DEFAULT;
	unsigned a_stream = stream_bytes(is_protect ? WINDOW_OUT : master->replay_window);
	size_t head = head_lines(max_ssrc, a_stream, is_protect);
	struct srtp_session_keys keys;
	struct dp_srtp_session *s;
	enum gw_err err = srtp_kdf(master, &keys);

	if (err)
		return err;
	/* a larger window, more SSRCs or larger keys than the engine was started for? */
	if (head > UINT8_MAX || head * RTE_CACHE_LINE_SIZE + crypt_mb_key_bytes(alg_of(&keys)) > engine.elem_bytes)
		err = GW_EINVAL;
	else if (!engine.unused)
		err = GW_ENOMEM;
	if (err) {
		explicit_bzero(&keys, sizeof(keys));
		return err;
	}
	s = (struct dp_srtp_session *)(void *)engine.unused;
	engine.unused = engine.unused->next;
	memset(s, 0, engine.elem_bytes);
	s->alg = (uint8_t)alg_of(&keys);
	s->is_protect = is_protect;
	s->tag_bytes = keys.tag_len;
	s->max_ssrc = (uint8_t)max_ssrc;
	s->stream_bytes = (uint8_t)a_stream;
	s->keys_line = (uint8_t)head;
	memcpy(s->salt, keys.salt, sizeof(keys.salt));
	crypt_mb_expand(alg_of(&keys), &keys, keys_of(s));
	if (engine.has_device)
		err = crypt_dev_session_new(&s->dev_session, alg_of(&keys), &keys, CRYPT_RTP_AAD_BYTES, is_protect);
	explicit_bzero(&keys, sizeof(keys));
	if (err) {
		session_free(s);
		return err;
	}
	*out = s;
	return GW_OK;
}

/* ---- packets: owner worker ------------------------------------------------------------------ */

static struct srtp_stream *find_stream(struct dp_srtp_session *s, uint32_t ssrc)
{
	for (unsigned i = 0; i < s->n_ssrc; i++)
		if (stream_at(s, i)->ssrc == ssrc)
			return stream_at(s, i);
	return NULL;
}

/* RFC 3711 4.1.1 and RFC 7714 8.1: the same sum, in fields of other widths. */
static void make_iv(const struct dp_srtp_session *s, uint32_t ssrc, uint64_t index, uint8_t iv[16])
{
	uint64_t high, low;
	uint32_t mid;

	if (s->alg == CRYPT_CM_SHA1) {
		memcpy(&high, s->salt, 8);
		memcpy(&low, s->salt + 8, 8);
		high ^= rte_cpu_to_be_64(ssrc);
		low ^= rte_cpu_to_be_64(index << 16);
	} else {	/* 00 00 SSRC ROC SEQ */
		memcpy(&high, s->salt, 8);
		memcpy(&mid, s->salt + 8, 4);
		high ^= rte_cpu_to_be_64((uint64_t)ssrc << 16 | index >> 32);
		low = (uint32_t)(mid ^ rte_cpu_to_be_32((uint32_t)index));
	}
	memcpy(iv, &high, 8);
	memcpy(iv + 8, &low, 8);
}

static unsigned burnt_bit(uint32_t ssrc)
{
	return (ssrc * UINT32_C(0x9e3779b1)) >> 23;	/* 9 bits: BURNT_BITS */
}

static bool is_burnt(struct dp_srtp_session *s, uint32_t ssrc)
{
	return burnt_of(s)[burnt_bit(ssrc) >> 3] >> (burnt_bit(ssrc) & 7) & 1;
}

/* A place for a new SSRC, all zero, or NULL. Unprotect: the cap is hard (threat M5). */
static struct srtp_stream *new_stream(struct dp_srtp_session *s, uint32_t ssrc)
{
	struct srtp_stream *st;

	if (s->n_ssrc < s->max_ssrc) {
		st = stream_at(s, s->n_ssrc++);
	} else if (s->is_protect && !is_burnt(s, ssrc)) {
		unsigned bit;

		st = stream_at(s, s->next_out);
		s->next_out = (uint8_t)((s->next_out + 1) % s->max_ssrc);
		bit = burnt_bit(st->ssrc);
		burnt_of(s)[bit >> 3] |= (uint8_t)(1u << (bit & 7));
		memset(st, 0, s->stream_bytes);
	} else {
		return NULL;
	}
	st->ssrc = ssrc;
	return st;
}

/*
 * Of an SSRC without a stream. Towards the access side it may have begun, and even rolled over, earlier in this very
 * burst; what comes from there says nothing before its tag was found right.
 */
static uint64_t first_index(const struct crypt_job *jobs, const struct crypt_job *j,
	const struct dp_srtp_session *s, uint32_t ssrc, uint16_t seq)
{
	struct srtp_stream so_far = { .top = 0 };

	for (const struct crypt_job *k = jobs; s->is_protect && k < j; k++)
		if (k->session == s && !k->stream && gw_be32(k->pkt + 8) == ssrc && k->index > so_far.top)
			so_far.top = k->index;
	return srtp_stream_index(&so_far, seq);
}

static void prefetch_keys(const struct dp_srtp_session *s, const uint8_t *keys, unsigned bytes)
{
	const struct crypt_hot *h = &engine.hot[s->alg][s->is_protect];
	unsigned tail = bytes + 32 < h->tail_most ? bytes + 32 : h->tail_most;	/* a block of AAD, one of lengths */

	for (unsigned at = 0; at < h->head; at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(keys + at);
	for (unsigned back = RTE_CACHE_LINE_SIZE / 4; back < tail; back += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(keys + h->end - back);
}

/* dp_drop_COUNT: the job is made. A new SSRC gets its stream when it has proved true, in commit(). */
static enum dp_drop prepare(struct rte_mbuf *m, struct dp_srtp_session *s, const struct crypt_job *jobs,
	struct crypt_job *j)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t bytes = m->data_len;
	struct rtp_view v;

	if (s->is_protect) {
		if (unlikely(rte_pktmbuf_tailroom(m) < DP_SRTP_TRAILER_MAX))
			return DP_DROP_HEADROOM;
	} else if (unlikely(bytes < RTP_FIXED_BYTES + s->tag_bytes)) {
		return DP_DROP_RTP_HEADER;
	} else {
		bytes -= s->tag_bytes;
	}
	if (unlikely(!rtp_parse(p, bytes, &v)))
		return DP_DROP_RTP_HEADER;
	j->stream = find_stream(s, v.ssrc);
	if (likely(j->stream != NULL)) {
		j->index = srtp_stream_index(j->stream, v.seq);
		if (unlikely(j->index > SRTP_INDEX_MAX))
			return DP_DROP_SRTP_OTHER;	/* the key is used up (RFC 3711 9.2) */
		if (unlikely(!srtp_stream_is_new(j->stream, j->index, window_bits(s))))
			return DP_DROP_SRTP_REPLAY;
	} else if (unlikely(s->n_ssrc >= s->max_ssrc && (!s->is_protect || is_burnt(s, v.ssrc)))) {
		return DP_DROP_SSRC_LIMIT;
	} else {
		j->index = first_index(jobs, j, s, v.ssrc, v.seq);
	}
	j->session = s;
	j->m = m;
	j->pkt = p;
	j->header_bytes = v.header_bytes;
	j->bytes = (uint16_t)bytes;
	j->tag_bytes = s->tag_bytes;
	j->roc = (uint32_t)(j->index >> 16);
	j->keys = keys_of(s);
	j->dev_session = s->dev_session;
	make_iv(s, v.ssrc, j->index, j->iv);
	prefetch_keys(s, j->keys, bytes);
	return dp_drop_COUNT;
}

static enum dp_drop commit(struct crypt_job *j)
{
	struct dp_srtp_session *s = j->session;
	uint32_t ssrc = gw_be32(j->pkt + 8);
	struct srtp_stream *st = j->stream;

	if (unlikely(!j->is_ok))
		return s->is_protect ? DP_DROP_SRTP_OTHER : DP_DROP_SRTP_AUTH;
	if (unlikely(!st)) {	/* the first one; or an earlier packet of this burst was */
		st = find_stream(s, ssrc);
		if (!st)
			st = new_stream(s, ssrc);
	}
	if (unlikely(!st || st->ssrc != ssrc))	/* the place went to another SSRC earlier in this burst */
		return DP_DROP_SSRC_LIMIT;
	if (unlikely(!srtp_stream_is_new(st, j->index, window_bits(s))))
		return DP_DROP_SRTP_REPLAY;	/* twice in one burst */
	srtp_stream_commit(st, j->index, window_bits(s));
	j->m->data_len = j->bytes + (s->is_protect ? j->tag_bytes : 0);
	j->m->pkt_len = j->m->data_len;
	return dp_drop_COUNT;
}

static void run(uint16_t worker, enum crypt_alg alg, struct crypt_job **j, uint16_t n, bool is_protect)
{
	if (engine.has_device)
		n = crypt_dev_run(worker, alg, j, n, is_protect);
	if (n == 0)
		return;
	if (is_protect)
		crypt_mb_seal(worker, alg, j, n);
	else
		crypt_mb_open(worker, alg, j, n);
}

static void burst(uint16_t worker, struct rte_mbuf **m, struct dp_srtp_session **s, uint16_t n,
	bool is_protect, enum dp_drop *why)
{
	struct crypt_job *jobs = engine.jobs[worker], *by_alg[CRYPT_ALGS][DP_BURST];
	uint16_t count[CRYPT_ALGS] = { 0 }, made = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct crypt_job *j = &jobs[made];

		why[i] = prepare(m[i], s[i], jobs, j);
		if (unlikely(why[i] != dp_drop_COUNT))
			continue;
		j->at = i;
		by_alg[s[i]->alg][count[s[i]->alg]++] = j;
		made++;
	}
	for (unsigned a = 0; a < CRYPT_ALGS; a++)
		if (count[a])
			run(worker, (enum crypt_alg)a, by_alg[a], count[a], is_protect);
	for (uint16_t i = 0; i < made; i++)
		why[jobs[i].at] = commit(&jobs[i]);
}

static void unprotect_burst(uint16_t worker, struct rte_mbuf **m, struct dp_srtp_session **s,
	uint16_t n, enum dp_drop *why)
{
	burst(worker, m, s, n, false, why);
}

static void protect_burst(uint16_t worker, struct rte_mbuf **m, struct dp_srtp_session **s,
	uint16_t n, enum dp_drop *why)
{
	burst(worker, m, s, n, true, why);
}

/*
 * What is in flight under the old key fails its tag; what was seen under it does not come back under the new one. Of what is
 * received half of the places stay free: with each new key the peer may have another SSRC, and the oldest does not come back.
 */
static void carry_on(struct dp_srtp_session *s, const struct dp_srtp_session *before)
{
	unsigned n = before->n_ssrc, half = (s->max_ssrc + 1u) / 2;

	if (s->is_protect != before->is_protect || s->max_ssrc != before->max_ssrc || s->stream_bytes != before->stream_bytes)
		return;
	if (!s->is_protect && n > half)
		n = half;
	memcpy(s->streams, before->streams + (size_t)(before->n_ssrc - n) * s->stream_bytes, (size_t)n * s->stream_bytes);
	s->n_ssrc = (uint8_t)n;
	s->next_out = before->next_out;
}

const struct dp_srtp_ops dp_srtp_burst = {
	.name = "burst",
	.session_new = session_new,
	.session_free = session_free,
	.unprotect_burst = unprotect_burst,
	.protect_burst = protect_burst,
	.carry_on = carry_on,
};

/* ---- start and stop -------------------------------------------------------------------------- */

static enum gw_err take_memory(const struct dp_srtp_burst_conf *c)
{
	unsigned max_ssrc = c->max_ssrc ? c->max_ssrc : SSRC_DEFAULT;
	size_t keys = crypt_mb_key_bytes(c->is_cm_only ? CRYPT_CM_SHA1 : CRYPT_GCM_256);
	size_t head = RTE_MAX(head_lines(max_ssrc, stream_bytes(c->replay_window), false),
		head_lines(max_ssrc, stream_bytes(WINDOW_OUT), true));

	engine.elem_bytes = (uint32_t)((head + (keys + RTE_CACHE_LINE_SIZE - 1) / RTE_CACHE_LINE_SIZE) * RTE_CACHE_LINE_SIZE);
	engine.sessions = rte_malloc("w2gw_srtp", (size_t)c->max_sessions * engine.elem_bytes, RTE_CACHE_LINE_SIZE);
	engine.jobs = rte_zmalloc("w2gw_jobs", sizeof(*engine.jobs) * c->workers, RTE_CACHE_LINE_SIZE);
	if (!engine.sessions || !engine.jobs)
		return GW_ENOMEM;
	for (uint32_t i = c->max_sessions; i-- > 0;)
		give_back(engine.sessions + (size_t)i * engine.elem_bytes);
	return GW_OK;
}

enum gw_err dp_srtp_burst_start(const struct dp_srtp_burst_conf *conf)
{
	enum gw_err err = crypt_mb_start(conf->workers, conf->gcm_tables);

	if (!err)
		err = take_memory(conf);
	for (unsigned a = 0; !err && a < CRYPT_ALGS; a++)
		for (unsigned is_protect = 0; is_protect < 2; is_protect++)
			engine.hot[a][is_protect] = crypt_mb_hot((enum crypt_alg)a, is_protect);
	if (!err && conf->device && strcmp(conf->device, "cpu") != 0) {
		err = crypt_dev_start(conf->device, conf->workers, conf->max_sessions + 2 * conf->max_records);
		engine.has_device = !err;
	}
	if (err)
		dp_srtp_burst_stop();
	return err;
}

void dp_srtp_burst_stop(void)
{
	if (engine.has_device)
		crypt_dev_stop();
	crypt_mb_stop();
	rte_free(engine.jobs);
	rte_free(engine.sessions);
	engine = (struct engine){ 0 };
}
