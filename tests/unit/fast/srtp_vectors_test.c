/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vectors the RFCs print for SRTP: RFC 3711 B.2 and B.3, RFC 6188 7.2, RFC 7714 16.1 and 16.2. B.2 and
 * RFC 7714 give session keys, which are put into the burst engine in place of derived ones. RFC 6188 7.1
 * (AES-256 in counter mode) and 7.3, 7.4 (192 bits) are of no profile we offer. An argument names the device.
 */
/*
 * srtp_kdf.c itself, for its prf(): no profile of 256 bits takes the 14 bytes of salt of RFC 6188's vector.
 * Renamed, so that the engine calls the srtp_kdf of this file. Comes first: the header is renamed too.
 */
#define srtp_kdf kdf_of_the_module
#define srtcp_kdf srtcp_kdf_of_the_module
#include "dataplane/backend/srtp_kdf.c"
#undef srtp_kdf
#undef srtcp_kdf

#include "dataplane/backend/crypt_dev.h"
#include "proto/rtp/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#define BLOCK 16
#define PKT_MAX 256

enum gw_err srtp_kdf(const struct dp_srtp_keys *master, struct srtp_session_keys *out);

static struct rte_mempool *pool;
static bool has_device;
static const struct srtp_session_keys *given;	/* what the engine gets as session keys */

enum gw_err srtp_kdf(const struct dp_srtp_keys *master, struct srtp_session_keys *out)
{
	if (!given)
		return kdf_of_the_module(master, out);
	*out = *given;
	return GW_OK;
}

/* Spaces between bytes are for the reader. */
static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = 0;
	unsigned v;

	for (;; s += 2, n++) {
		while (*s == ' ')
			s++;
		if (!*s)
			return n;
		assert_int_equal(sscanf(s, "%2x", &v), 1);
		out[n] = (uint8_t)v;
	}
}

static void expect_hex(const uint8_t *got, const char *hex)
{
	uint8_t want[PKT_MAX];
	size_t n = unhex(hex, want);

	assert_memory_equal(got, want, n);
}

static struct rte_mbuf *packet(const uint8_t *p, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), p, n);
	return m;
}

/* ---- key derivation ---------------------------------------------------------------------------- */

static struct dp_srtp_keys master(enum dp_srtp_profile profile, const char *key, const char *salt)
{
	struct dp_srtp_keys k = { .profile = profile };

	unhex(key, k.key);
	unhex(salt, k.salt);
	return k;
}

static void expect_prf(const struct dp_srtp_keys *k, int key_len, enum label label, const char *hex)
{
	uint8_t want[PKT_MAX], got[PKT_MAX];
	size_t n = unhex(hex, want);

	assert_true(prf(k, k->salt, key_len, label, got, (int)n));
	assert_memory_equal(got, want, n);
}

static void rfc3711_b3_key_derivation(void **state)
{
	static const enum dp_srtp_profile profiles[] = { DP_SRTP_AES128_CM_SHA1_80, DP_SRTP_AES128_CM_SHA1_32 };
	struct srtp_session_keys s;
	struct dp_srtp_keys k;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		k = master(profiles[i], "E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6");
		assert_int_equal(kdf_of_the_module(&k, &s), GW_OK);
		assert_int_equal(s.enc_len, 16);
		assert_int_equal(s.tag_len, i == 0 ? 10 : 4);
		assert_false(s.is_aead);
		expect_hex(s.enc, "C61E7A93744F39EE10734AFE3FF7A087");
		expect_hex(s.salt, "30CBBC08863D8C85D49DB34A9AE1");
		expect_hex(s.auth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
	}
	/* the RFC goes on to 94 bytes, for longer keys of other algorithms */
	expect_prf(&k, 16, LABEL_AUTH,
		"CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE"
		"E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25"
		"6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2");
}

static void rfc6188_7_2_key_derivation_with_256_bits(void **state)
{
	struct dp_srtp_keys k = master(DP_SRTP_AEAD_AES_256_GCM,
		"f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6",
		"3b04803de51ee7c96423ab5b78d2");

	(void)state;
	expect_prf(&k, 32, LABEL_ENC, "5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4");
	expect_prf(&k, 32, LABEL_SALT, "fa31791685ca444a9e07c6c64e93");
	expect_prf(&k, 32, LABEL_AUTH, "fd9c32d39ed5fbb5a9dc96b30818454d 1313dc05");
}

/*
 * The RFC prints none for 96 bits of salt; these are of OpenSSL's counter mode on
 * salt || 0000 || 0000 with the label at byte 7 (RFC 7714 11, RFC 3711 4.3.3).
 */
static void rfc7714_11_salt_of_96_bits_is_padded_with_zeros(void **state)
{
	struct srtp_session_keys s;
	struct dp_srtp_keys k = master(DP_SRTP_AEAD_AES_128_GCM, "000102030405060708090a0b0c0d0e0f",
		"a0a1a2a3a4a5a6a7a8a9aaab ffff");	/* what stands behind it must not count */

	(void)state;
	assert_int_equal(kdf_of_the_module(&k, &s), GW_OK);
	assert_int_equal(s.enc_len, 16);
	assert_int_equal(s.tag_len, 16);
	assert_true(s.is_aead);
	expect_hex(s.enc, "077c6143cb221bc355ff23d5f984a16e");
	expect_hex(s.salt, "9af3e95364ebac9c99c5a7c4 0000");
	k = master(DP_SRTP_AEAD_AES_256_GCM,
		"000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f",
		"a0a1a2a3a4a5a6a7a8a9aaab ffff");
	assert_int_equal(kdf_of_the_module(&k, &s), GW_OK);
	assert_int_equal(s.enc_len, 32);
	assert_int_equal(s.tag_len, 16);
	assert_true(s.is_aead);
	expect_hex(s.enc, "b7a435ce454463b760dc82c838468a11 5c699625af4b93a0f8220a2a6119c5d0");
	expect_hex(s.salt, "944bd21c268a962cd09c674a 0000");
}

/* ---- the crypt layer: one job, as srtp_burst.c makes it ------------------------------------------ */

static bool run_job(enum crypt_alg alg, const struct srtp_session_keys *k, struct crypt_job *job,
	bool is_protect)
{
	void *keys = rte_zmalloc(NULL, crypt_mb_key_bytes(alg), RTE_CACHE_LINE_SIZE);

	assert_non_null(keys);
	crypt_mb_expand(alg, k, keys);
	job->keys = keys;
	job->pkt = rte_pktmbuf_mtod(job->m, uint8_t *);
	job->tag_bytes = k->tag_len;
	if (has_device) {
		assert_int_equal(crypt_dev_session_new(&job->dev_session, alg, k, CRYPT_RTP_AAD_BYTES, is_protect), GW_OK);
		if (crypt_dev_run(0, alg, &job, 1, is_protect) == 0)
			goto out;
	}
	if (is_protect)
		crypt_mb_seal(0, alg, &job, 1);
	else
		crypt_mb_open(0, alg, &job, 1);
out:
	crypt_dev_session_free(job->dev_session);
	rte_free(keys);
	return job->is_ok;
}

/* clear, header_bytes of it only authenticated, becomes sealed; and back, unless a bit of sealed is wrong. */
static void seal_and_open(enum crypt_alg alg, const struct srtp_session_keys *k, const char *iv,
	uint16_t header_bytes, const char *clear, const char *sealed)
{
	uint8_t p[PKT_MAX], c[PKT_MAX];
	size_t np = unhex(clear, p), nc = unhex(sealed, c);
	struct crypt_job job = { .m = packet(p, np), .header_bytes = header_bytes, .bytes = (uint16_t)np };

	assert_int_equal(nc, np + k->tag_len);
	unhex(iv, job.iv);
	assert_true(run_job(alg, k, &job, true));
	assert_memory_equal(job.pkt, c, nc);
	assert_true(run_job(alg, k, &job, false));
	assert_memory_equal(job.pkt, p, np);
	for (size_t i = 0; i < nc; i++) {
		memcpy(job.pkt, c, nc);
		job.pkt[i] ^= 1 << (i & 7);
		assert_false(run_job(alg, k, &job, false));
	}
	rte_pktmbuf_free(job.m);
}

/* ---- the engine: n packets in a burst, a session each -------------------------------------------- */

static void engine(const struct srtp_session_keys *k, const char *clear, const char *sealed, unsigned n)
{
	static const struct dp_srtp_keys any = { .max_ssrc = 1 };
	struct dp_srtp_session *out[DP_BURST], *in[DP_BURST];
	struct rte_mbuf *m[DP_BURST];
	enum dp_drop why[DP_BURST];
	uint8_t p[PKT_MAX], c[PKT_MAX];
	size_t np = unhex(clear, p), nc = unhex(sealed, c);

	given = k;
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(dp_srtp_burst.session_new(&out[i], &any, true), GW_OK);
		assert_int_equal(dp_srtp_burst.session_new(&in[i], &any, false), GW_OK);
		m[i] = packet(p, np);
	}
	given = NULL;
	dp_srtp_burst.protect_burst(0, m, out, (uint16_t)n, why);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(why[i], dp_drop_COUNT);
		assert_int_equal(m[i]->data_len, np + k->tag_len);
		assert_memory_equal(rte_pktmbuf_mtod(m[i], void *), c, nc);
	}
	dp_srtp_burst.unprotect_burst(0, m, in, (uint16_t)n, why);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(why[i], dp_drop_COUNT);
		assert_int_equal(m[i]->data_len, np);
		assert_memory_equal(rte_pktmbuf_mtod(m[i], void *), p, np);
		rte_pktmbuf_free(m[i]);
		dp_srtp_burst.session_free(out[i]);
		dp_srtp_burst.session_free(in[i]);
	}
}

/* ---- RFC 3711 B.2 -------------------------------------------------------------------------------- */

/* The RFC has no authentication here: any key does, and the tag is not looked at. */
static struct srtp_session_keys b2_keys(void)
{
	struct srtp_session_keys k = { .enc_len = 16, .tag_len = 10 };

	unhex("2B7E151628AED2A6ABF7158809CF4F3C", k.enc);
	unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD", k.salt);
	return k;
}

#define B2_FIRST "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB" \
	"41E95B3BB0A2E8DD477901E4FCA894C0"
#define B2_LAST "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE" \
	"6A2CC3787889374FBEB4C81B17BA6C44"
#define ZEROS "00000000000000000000000000000000"

static void rfc3711_b2_key_stream_at_a_counter(void **state)
{
	static const struct { const char *iv, *stream; } at[] = {
		{ "F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", B2_FIRST },
		{ "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF", B2_LAST },	/* carries into the byte before */
	};
	struct srtp_session_keys k = b2_keys();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t p[RTP_FIXED_BYTES + 3 * BLOCK] = { 0x80 };
		struct crypt_job job = { .m = packet(p, sizeof(p)), .header_bytes = RTP_FIXED_BYTES,
			.bytes = sizeof(p) };

		unhex(at[i].iv, job.iv);
		assert_true(run_job(CRYPT_CM_SHA1, &k, &job, true));
		assert_memory_equal(job.pkt, p, RTP_FIXED_BYTES);
		expect_hex(job.pkt + RTP_FIXED_BYTES, at[i].stream);
		assert_true(run_job(CRYPT_CM_SHA1, &k, &job, false));
		assert_memory_equal(job.pkt, p, sizeof(p));
		rte_pktmbuf_free(job.m);
	}
}

/* SSRC, ROC and SEQ are 0 there, so the engine's own IV must be the salt with 0000 behind it. */
static void rfc3711_b2_key_stream_of_a_packet(void **state)
{
	struct srtp_session_keys k = b2_keys();

	(void)state;
	for (unsigned n = 1; n <= DP_BURST; n *= 2)
		engine(&k, "800000000000000000000000" ZEROS ZEROS ZEROS, "800000000000000000000000" B2_FIRST, n);
}

/* ---- RFC 7714 16 --------------------------------------------------------------------------------- */

#define RFC7714_HEADER "8040f17b 8041f8d3 5501a0b2"
#define RFC7714_CLEAR RFC7714_HEADER \
	"47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573"
#define RFC7714_IV "51753c65 80c2726f 20718414"

struct rfc7714 {
	enum crypt_alg alg;
	const char *key, *sealed, *tagged;
};

static const struct rfc7714 gcm_128 = { CRYPT_GCM_128, "000102030405060708090a0b0c0d0e0f",
	RFC7714_HEADER "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833"
		"899d7f27 beb16a91 52cf765e e4390cce",
	RFC7714_CLEAR "22493f82 d2bce397 e9d79e3b 19aa4216" };
static const struct rfc7714 gcm_256 = { CRYPT_GCM_256,
	"000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f",
	RFC7714_HEADER "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b"
		"7aa3db36 dfffd6b0 f9bb7878 d7a76c13",
	RFC7714_CLEAR "a866d591 0f887463 067ceefe c45215d4" };

static struct srtp_session_keys rfc7714_keys(const struct rfc7714 *v)
{
	struct srtp_session_keys k = { .tag_len = 16, .is_aead = true };

	k.enc_len = (uint8_t)unhex(v->key, k.enc);
	unhex("51756964 2070726f 2071756f", k.salt);
	return k;
}

static void encryption(const struct rfc7714 *v)
{
	struct srtp_session_keys k = rfc7714_keys(v);

	seal_and_open(v->alg, &k, RFC7714_IV, RTP_FIXED_BYTES, RFC7714_CLEAR, v->sealed);
	for (unsigned n = 1; n <= DP_BURST; n *= 2)
		engine(&k, RFC7714_CLEAR, v->sealed, n);
}

/* All of the packet is associated data. No SRTP profile of ours does so; the layer can. */
static void authentication_only(const struct rfc7714 *v)
{
	struct srtp_session_keys k = rfc7714_keys(v);
	uint8_t p[PKT_MAX];

	seal_and_open(v->alg, &k, RFC7714_IV, (uint16_t)unhex(RFC7714_CLEAR, p), RFC7714_CLEAR, v->tagged);
}

static void rfc7714_16_1_1_and_2_aes_128_gcm(void **state)
{
	(void)state;
	encryption(&gcm_128);
}

static void rfc7714_16_1_3_and_4_aes_128_gcm_tag_only(void **state)
{
	(void)state;
	authentication_only(&gcm_128);
}

static void rfc7714_16_2_1_and_2_aes_256_gcm(void **state)
{
	(void)state;
	encryption(&gcm_256);
}

static void rfc7714_16_2_3_and_4_aes_256_gcm_tag_only(void **state)
{
	(void)state;
	authentication_only(&gcm_256);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3711_b2_key_stream_at_a_counter),
		cmocka_unit_test(rfc3711_b2_key_stream_of_a_packet),
		cmocka_unit_test(rfc3711_b3_key_derivation),
		cmocka_unit_test(rfc6188_7_2_key_derivation_with_256_bits),
		cmocka_unit_test(rfc7714_11_salt_of_96_bits_is_padded_with_zeros),
		cmocka_unit_test(rfc7714_16_1_1_and_2_aes_128_gcm),
		cmocka_unit_test(rfc7714_16_1_3_and_4_aes_128_gcm_tag_only),
		cmocka_unit_test(rfc7714_16_2_1_and_2_aes_256_gcm),
		cmocka_unit_test(rfc7714_16_2_3_and_4_aes_256_gcm_tag_only),
	};
	static char args[] = "x\0--no-huge\0--no-pci\0--no-telemetry\0--no-shconf\0-m\000128\0--lcores=0\0";
	char *eal[16];
	int n = 0, failed;
	struct dp_srtp_burst_conf conf = { .device = argc > 1 ? argv[1] : NULL, .workers = 1,
		.max_sessions = 2 * DP_BURST, .max_ssrc = 1,
		.gcm_tables = argc > 2 && strcmp(argv[2], "small") == 0 ? DP_GCM_SMALL : DP_GCM_LARGE };

	for (char *a = args; *a; a += strlen(a) + 1)
		eal[n++] = a;
	assert_true(rte_eal_init(n, eal) >= 0);
	pool = rte_pktmbuf_pool_create("test", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	assert_non_null(pool);
	assert_int_equal(dp_srtp_burst_start(&conf), GW_OK);
	has_device = conf.device && strcmp(conf.device, "cpu") != 0;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	dp_srtp_burst_stop();
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return failed;
}
