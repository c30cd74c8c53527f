/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SRTP engine over libsrtp2: reference, and fallback where no AES-NI is. It allocates per packet
 * inside the library, so it is the one named exception to the symbol rule of the fast path. The
 * process has initialised the library (dp_srtp_lib2_init): a second srtp_init fails.
 */
#include <stdlib.h>
#include <string.h>

#include <srtp2/srtp.h>

#include "dataplane/fast/srtp.h"
#include "proto/rtp/rtp.h"

#define SSRC_SLOTS 32

struct dp_srtp_session {
	srtp_t srtp;
	uint8_t max_ssrc, n_ssrc;
	uint32_t ssrc[SSRC_SLOTS];   /* authenticated (unprotect) or sent (protect) */
};

static enum gw_err policy_of(const struct dp_srtp_keys *k, srtp_policy_t *p, size_t *key_len,
	size_t *salt_len)
{
	switch (k->profile) {
	case DP_SRTP_AES128_CM_SHA1_80:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtp);
		*key_len = 16, *salt_len = 14;
		break;
	case DP_SRTP_AES128_CM_SHA1_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p->rtp);
		*key_len = 16, *salt_len = 14;
		break;
	case DP_SRTP_AEAD_AES_128_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtp);
		*key_len = 16, *salt_len = 12;
		break;
	case DP_SRTP_AEAD_AES_256_GCM:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtp);
		*key_len = 32, *salt_len = 12;
		break;
	case DP_SRTP_NONE:
	default:
		return GW_EUNSUPP;
	}
	p->rtcp = p->rtp;	/* not used here: SRTCP lives on the service core */
	return GW_OK;
}

static void session_free(struct dp_srtp_session *s)
{
	if (!s)
		return;
	if (s->srtp)
		srtp_dealloc(s->srtp);
	free(s);
}

static enum gw_err session_new(struct dp_srtp_session **out, const struct dp_srtp_keys *k,
	bool is_protect)
{
	uint8_t key[DP_SRTP_KEY_MAX + DP_SRTP_SALT_MAX];
	struct dp_srtp_session *s;
	size_t key_len, salt_len;
	srtp_policy_t p;
	enum gw_err err;

	memset(&p, 0, sizeof(p));
	if ((err = policy_of(k, &p, &key_len, &salt_len)))
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return GW_ENOMEM;
	memcpy(key, k->key, key_len);
	memcpy(key + key_len, k->salt, salt_len);
	p.key = key;
	p.ssrc.type = is_protect ? ssrc_any_outbound : ssrc_any_inbound;
	p.window_size = k->replay_window ? k->replay_window : 128;
	s->max_ssrc = k->max_ssrc && k->max_ssrc < SSRC_SLOTS ? k->max_ssrc : SSRC_SLOTS;
	if (srtp_create(&s->srtp, &p) != srtp_err_status_ok)
		err = GW_ENOMEM;
	explicit_bzero(key, sizeof(key));
	if (err) {
		session_free(s);
		return err;
	}
	*out = s;
	return GW_OK;
}

static bool knows(const struct dp_srtp_session *s, uint32_t ssrc)
{
	for (unsigned i = 0; i < s->n_ssrc; i++)
		if (s->ssrc[i] == ssrc)
			return true;
	return false;
}

static enum dp_drop reason_of(srtp_err_status_t st)
{
	switch (st) {
	case srtp_err_status_ok:
		return dp_drop_COUNT;
	case srtp_err_status_auth_fail:
		return DP_DROP_SRTP_AUTH;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
		return DP_DROP_SRTP_REPLAY;
	default:
		return DP_DROP_SRTP_OTHER;
	}
}

static enum dp_drop one(struct rte_mbuf *m, struct dp_srtp_session *s, bool is_protect)
{
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t ssrc;
	enum dp_drop why;
	bool is_new;
	int len = m->data_len;

	if (len < (int)RTP_FIXED_BYTES)
		return DP_DROP_RTP_HEADER;
	if (is_protect && rte_pktmbuf_tailroom(m) < DP_SRTP_TRAILER_MAX)
		return DP_DROP_HEADROOM;
	ssrc = gw_be32(p + 8);
	is_new = !knows(s, ssrc);
	if (is_new && s->n_ssrc >= s->max_ssrc)
		return DP_DROP_SSRC_LIMIT;
	why = reason_of(is_protect ? srtp_protect(s->srtp, p, &len) : srtp_unprotect(s->srtp, p, &len));
	if (why != dp_drop_COUNT)
		return why;
	if (is_new)	/* after authentication only (threat M5) */
		s->ssrc[s->n_ssrc++] = ssrc;
	m->pkt_len = m->data_len = (uint16_t)len;
	return dp_drop_COUNT;
}

static void unprotect_burst(uint16_t worker, struct rte_mbuf **m, struct dp_srtp_session **s,
	uint16_t n, enum dp_drop *why)
{
	(void)worker;
	for (uint16_t i = 0; i < n; i++)
		why[i] = one(m[i], s[i], false);
}

static void protect_burst(uint16_t worker, struct rte_mbuf **m, struct dp_srtp_session **s,
	uint16_t n, enum dp_drop *why)
{
	(void)worker;
	for (uint16_t i = 0; i < n; i++)
		why[i] = one(m[i], s[i], true);
}

enum gw_err dp_srtp_lib2_init(void)
{
	return srtp_init() == srtp_err_status_ok ? GW_OK : GW_EIO;
}

const struct dp_srtp_ops dp_srtp_lib2 = {
	.name = "libsrtp2",
	.session_new = session_new,
	.session_free = session_free,
	.unprotect_burst = unprotect_burst,
	.protect_burst = protect_burst,
};
