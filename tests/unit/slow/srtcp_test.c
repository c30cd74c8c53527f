/* SPDX-License-Identifier: Apache-2.0 */
/* SRTCP against libsrtp2 both ways, every tag bit, replay, truncation and the cap on SSRCs. */
#include "dataplane/slow/srtcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <srtp2/srtp.h>

static const enum dp_srtp_profile profiles[] = { DP_SRTP_AES128_CM_SHA1_80, DP_SRTP_AES128_CM_SHA1_32,
	DP_SRTP_AEAD_AES_128_GCM, DP_SRTP_AEAD_AES_256_GCM };

struct pair {
	struct dp_srtcp *a, *b;
};

static struct pair open_pair(enum dp_srtp_profile p)
{
	struct dp_srtp_keys x = { .profile = p }, y = { .profile = p };
	struct pair r;

	memset(x.key, 0x11, sizeof(x.key));
	memset(x.salt, 0x22, sizeof(x.salt));
	memset(y.key, 0x33, sizeof(y.key));
	memset(y.salt, 0x44, sizeof(y.salt));
	assert_int_equal(dp_srtcp_new(&r.a, &x, &y), GW_OK);
	assert_int_equal(dp_srtcp_new(&r.b, &y, &x), GW_OK);
	return r;
}

static void close_pair(struct pair r)
{
	dp_srtcp_free(r.a);
	dp_srtcp_free(r.b);
}

/* An empty receiver report of one SSRC. */
static size_t make_rr(uint8_t *b, uint32_t ssrc)
{
	const uint8_t rr[8] = { 0x80, 201, 0, 1, (uint8_t)(ssrc >> 24), (uint8_t)(ssrc >> 16),
		(uint8_t)(ssrc >> 8), (uint8_t)ssrc };

	memcpy(b, rr, sizeof(rr));
	return sizeof(rr);
}

static void what_one_end_protects_the_other_opens_once(void **state)
{
	uint8_t b[128], copy[128];

	(void)state;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct pair r = open_pair(profiles[i]);
		size_t len = make_rr(b, 7), n;

		assert_int_equal(dp_srtcp_protect(r.a, b, &len, sizeof(b)), GW_OK);
		assert_in_range(len, 8 + 4 + 10, 8 + DP_SRTCP_TRAILER_MAX);
		memcpy(copy, b, len);
		n = len;
		assert_int_equal(dp_srtcp_unprotect(r.b, b, &n), GW_OK);
		assert_int_equal(n, 8);
		n = len;
		assert_int_equal(dp_srtcp_unprotect(r.b, copy, &n), GW_EEXIST);
		close_pair(r);
	}
}

static void every_flipped_bit_and_every_truncation_is_refused(void **state)
{
	uint8_t good[128], b[128];

	(void)state;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct pair r = open_pair(profiles[i]);
		size_t len = make_rr(good, 7), n;

		assert_int_equal(dp_srtcp_protect(r.a, good, &len, sizeof(good)), GW_OK);
		for (size_t bit = 0; bit < len * 8; bit++) {
			memcpy(b, good, len);
			b[bit / 8] ^= (uint8_t)(1u << bit % 8);
			n = len;
			assert_int_not_equal(dp_srtcp_unprotect(r.b, b, &n), GW_OK);
		}
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *exact = malloc(cut + 1);	/* exactly sized for the sanitizer */

			memcpy(exact, good, cut);
			n = cut;
			assert_int_not_equal(dp_srtcp_unprotect(r.b, exact, &n), GW_OK);
			free(exact);
		}
		n = len;
		assert_int_equal(dp_srtcp_unprotect(r.b, good, &n), GW_OK);
		close_pair(r);
	}
}

static void ssrcs_are_capped_and_unauthenticated_ones_take_no_slot(void **state)
{
	struct pair r = open_pair(DP_SRTP_AEAD_AES_128_GCM);
	uint8_t b[128];
	size_t n;

	(void)state;
	for (uint32_t ssrc = 0; ssrc < 10000; ssrc++) {
		memset(b, 0, sizeof(b));
		make_rr(b, ssrc);
		n = 48;
		assert_int_not_equal(dp_srtcp_unprotect(r.b, b, &n), GW_OK);
	}
	for (uint32_t ssrc = 0; ssrc < 100; ssrc++) {	/* sending has no cap */
		n = make_rr(b, ssrc);
		assert_int_equal(dp_srtcp_protect(r.a, b, &n, sizeof(b)), GW_OK);
		assert_int_equal(dp_srtcp_unprotect(r.b, b, &n), ssrc < 8 ? GW_OK : GW_ELIMIT);
	}
	close_pair(r);
}

static void no_room_for_the_trailer_is_refused_before_anything_is_written(void **state)
{
	struct pair r = open_pair(DP_SRTP_AES128_CM_SHA1_80);
	uint8_t b[8 + DP_SRTCP_TRAILER_MAX];
	size_t n = make_rr(b, 1);

	(void)state;
	assert_int_equal(dp_srtcp_protect(r.a, b, &n, sizeof(b) - 1), GW_ENOSPC);
	assert_int_equal(n, 8);
	assert_int_equal(dp_srtcp_protect(r.a, b, &n, sizeof(b)), GW_OK);
	close_pair(r);
}

static srtp_t opponent(enum dp_srtp_profile p, const struct dp_srtp_keys *k, bool is_tx)
{
	bool is_aead = p == DP_SRTP_AEAD_AES_128_GCM || p == DP_SRTP_AEAD_AES_256_GCM;
	size_t key_len = p == DP_SRTP_AEAD_AES_256_GCM ? 32 : 16;
	uint8_t key[DP_SRTP_KEY_MAX + DP_SRTP_SALT_MAX];
	srtp_policy_t policy;
	srtp_t s;

	memset(&policy, 0, sizeof(policy));
	memcpy(key, k->key, key_len);
	memcpy(key + key_len, k->salt, is_aead ? 12 : 14);
	policy.key = key;
	policy.ssrc.type = is_tx ? ssrc_any_outbound : ssrc_any_inbound;
	if (p == DP_SRTP_AEAD_AES_128_GCM)
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
	else if (is_aead)
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
	else
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	policy.rtp = policy.rtcp;
	assert_int_equal(srtp_create(&s, &policy), srtp_err_status_ok);
	return s;
}

static size_t make_packet(uint8_t *b, unsigned i)
{
	size_t len = 8 + i % 300;

	for (size_t at = 0; at < len; at++)
		b[at] = (uint8_t)(i * 7 + at);
	b[0] = 0x80;
	b[1] = 200;
	memset(b + 4, (int)(i % 3), 4);		/* three SSRCs */
	return len;
}

static void libsrtp2_opens_what_we_seal_and_we_what_it_seals(void **state)
{
	struct dp_srtp_keys x = { .key = { 1, 2, 3 }, .salt = { 4, 5, 6 } }, y = { .key = { 7, 8, 9 }, .salt = { 1 } };
	uint8_t clear[400], b[400];

	(void)state;
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		struct dp_srtcp *us;
		srtp_t tx, rx;

		x.profile = y.profile = profiles[i];
		assert_int_equal(dp_srtcp_new(&us, &x, &y), GW_OK);
		rx = opponent(profiles[i], &x, false);
		tx = opponent(profiles[i], &y, true);
		for (unsigned k = 0; k < 2000; k++) {
			size_t len = make_packet(clear, k), n = len;
			int their;

			memcpy(b, clear, len);
			assert_int_equal(dp_srtcp_protect(us, b, &n, sizeof(b)), GW_OK);
			assert_true(len == 8 || memcmp(b, clear, len) != 0);
			their = (int)n;
			assert_int_equal(srtp_unprotect_rtcp(rx, b, &their), srtp_err_status_ok);
			assert_int_equal(their, len);
			assert_memory_equal(b, clear, len);

			assert_int_equal(srtp_protect_rtcp(tx, b, &their), srtp_err_status_ok);
			n = (size_t)their;
			assert_int_equal(dp_srtcp_unprotect(us, b, &n), GW_OK);
			assert_int_equal(n, len);
			assert_memory_equal(b, clear, len);
		}
		dp_srtcp_free(us);
		srtp_dealloc(tx);
		srtp_dealloc(rx);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_end_protects_the_other_opens_once),
		cmocka_unit_test(libsrtp2_opens_what_we_seal_and_we_what_it_seals),
		cmocka_unit_test(every_flipped_bit_and_every_truncation_is_refused),
		cmocka_unit_test(ssrcs_are_capped_and_unauthenticated_ones_take_no_slot),
		cmocka_unit_test(no_room_for_the_trailer_is_refused_before_anything_is_written),
	};

	if (srtp_init() != srtp_err_status_ok)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
