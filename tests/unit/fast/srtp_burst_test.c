/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The burst engine against the RFC vectors, and against libsrtp2 packet by packet over a long random
 * stream: several SSRCs, loss, reordering, duplicates, damage, roll-over, CSRCs and extensions.
 * W2GW_SRTP_PACKETS sets how many a profile and direction (default 60,000; 10^6 in fast-srtp-burst-long),
 * W2GW_SRTP_DEVICE the device. Arguments: the device, small for small tables of GCM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "dataplane/fast/api.h"
#include "proto/rtp/rtp.h"

#define SSRCS 3
#define BODY_MAX 1200
#define MAX_SSRC 8

static struct rte_mempool *pool;
static uint64_t rng = 0x9e3779b97f4a7c15ull;

static uint32_t rnd(uint32_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)((rng >> 32) % below);
}

static struct dp_srtp_keys keys_for(enum dp_srtp_profile profile, uint16_t window)
{
	struct dp_srtp_keys k = { .profile = profile, .replay_window = window, .max_ssrc = MAX_SSRC };

	for (unsigned i = 0; i < sizeof(k.key); i++)
		k.key[i] = (uint8_t)(17 * i + profile);
	for (unsigned i = 0; i < sizeof(k.salt); i++)
		k.salt[i] = (uint8_t)(29 * i + 3);
	return k;
}

static struct rte_mbuf *packet(const uint8_t *p, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), p, n);
	return m;
}

/* ---- random traffic -------------------------------------------------------------------------- */

struct source {
	uint32_t ssrc;
	uint32_t seq;              /* runs on over 16 bits */
};

static size_t make_rtp(uint8_t *p, struct source *s)
{
	unsigned cc = rnd(8) == 0 ? rnd(4) : 0, ext = rnd(3) == 0 ? 1 + rnd(3) : 0;
	uint32_t seq = s->seq, jump = rnd(400) == 0 ? rnd(3000) : rnd(12) == 0 ? rnd(20) : 0;
	size_t n = RTP_FIXED_BYTES, body = rnd(20) == 0 ? rnd(BODY_MAX) : rnd(200);

	if (rnd(10) == 0)	/* an older one: reordered or seen before */
		seq -= rnd(rnd(4) ? 30 : 300);
	else
		s->seq += 1 + jump;
	memset(p, 0, RTP_FIXED_BYTES);
	p[0] = (uint8_t)(0x80 | cc | (ext ? 0x10 : 0));
	p[1] = (uint8_t)rnd(128);
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	for (unsigned i = 0; i < 4; i++) {
		p[4 + i] = (uint8_t)rnd(256);
		p[8 + i] = (uint8_t)(s->ssrc >> (24 - 8 * i));
	}
	for (unsigned i = 0; i < 4 * cc; i++)
		p[n++] = (uint8_t)rnd(256);
	if (ext) {
		p[n++] = 0xbe;
		p[n++] = 0xde;
		p[n++] = 0;
		p[n++] = (uint8_t)ext;
		for (unsigned i = 0; i < 4 * ext; i++)
			p[n++] = (uint8_t)rnd(256);
	}
	for (size_t i = 0; i < body; i++)
		p[n++] = (uint8_t)rnd(256);
	return n;
}

static void compare(enum dp_srtp_profile profile, uint16_t window, bool is_protect, unsigned total)
{
	struct dp_srtp_keys k = keys_for(profile, window);
	struct dp_srtp_session *ours, *theirs, *sender = NULL;
	struct source sources[SSRCS] = { { 0x11111111, 65000 }, { 0x22222222, 3000 }, { 0x33333333, 30000 } };
	unsigned good = 0, refused = 0, rolled = 0;

	assert_int_equal(dp_srtp_burst.session_new(&ours, &k, is_protect), GW_OK);
	if (is_protect)
		k.replay_window = 64;
	assert_int_equal(dp_srtp_lib2.session_new(&theirs, &k, is_protect), GW_OK);
	if (!is_protect)
		assert_int_equal(dp_srtp_lib2.session_new(&sender, &k, true), GW_OK);
	for (unsigned done = 0; done < total;) {
		struct rte_mbuf *a[DP_BURST], *b[DP_BURST];
		struct dp_srtp_session *sa[DP_BURST], *sb[DP_BURST];
		enum dp_drop wa[DP_BURST], wb[DP_BURST];
		uint16_t n = (uint16_t)(1 + rnd(DP_BURST)), made = 0;

		while (made < n) {
			uint8_t p[BODY_MAX + 200];
			size_t len = make_rtp(p, &sources[rnd(SSRCS)]);
			enum dp_drop w = dp_drop_COUNT;

			a[made] = packet(p, len);
			if (sender) {
				dp_srtp_lib2.protect_burst(0, &a[made], &sender, 1, &w);
				if (w != dp_drop_COUNT) {	/* the sender itself refuses to use an index twice */
					rte_pktmbuf_free(a[made]);
					continue;
				}
				if (rnd(15) == 0)
					rte_pktmbuf_mtod(a[made], uint8_t *)[rnd(a[made]->data_len)] ^= (uint8_t)(1 + rnd(255));
			}
			b[made] = packet(rte_pktmbuf_mtod(a[made], uint8_t *), a[made]->data_len);
			sa[made] = ours;
			sb[made] = theirs;
			made++;
			if (sender && made < n && rnd(20) == 0) {	/* the same once more */
				a[made] = packet(rte_pktmbuf_mtod(a[made - 1], uint8_t *), a[made - 1]->data_len);
				b[made] = packet(rte_pktmbuf_mtod(a[made - 1], uint8_t *), a[made - 1]->data_len);
				sa[made] = ours;
				sb[made] = theirs;
				made++;
			}
		}
		if (is_protect) {
			dp_srtp_burst.protect_burst(0, a, sa, n, wa);
			dp_srtp_lib2.protect_burst(0, b, sb, n, wb);
		} else {
			dp_srtp_burst.unprotect_burst(0, a, sa, n, wa);
			dp_srtp_lib2.unprotect_burst(0, b, sb, n, wb);
		}
		for (uint16_t i = 0; i < n; i++) {
			/* a damaged header may be refused for another reason first: what counts is that it is */
			if ((wa[i] == dp_drop_COUNT) != (wb[i] == dp_drop_COUNT))
				fail_msg("profile %u %s, packet %u of a burst of %u: %u here, %u with libsrtp2; ssrc %x seq %u",
					profile, is_protect ? "protect" : "unprotect", i, n, wa[i], wb[i],
					gw_be32(rte_pktmbuf_mtod(a[i], uint8_t *) + 8),
					gw_be32(rte_pktmbuf_mtod(a[i], uint8_t *)) & 0xffff);
			if (wa[i] == dp_drop_COUNT) {
				assert_int_equal(a[i]->data_len, b[i]->data_len);
				assert_int_equal(a[i]->pkt_len, a[i]->data_len);
				assert_memory_equal(rte_pktmbuf_mtod(a[i], void *), rte_pktmbuf_mtod(b[i], void *),
					a[i]->data_len);
			} else if (is_protect) {
				assert_int_equal(wa[i], wb[i]);
			}
			good += wa[i] == dp_drop_COUNT;
			refused += wa[i] != dp_drop_COUNT;
			rte_pktmbuf_free(a[i]);
			rte_pktmbuf_free(b[i]);
		}
		done += n;
	}
	for (unsigned i = 0; i < SSRCS; i++)
		rolled += sources[i].seq >> 16;
	assert_true(good > total / 2 && refused > total / 50 && rolled >= 1);
	print_message("profile %u window %u %s: %u good, %u refused, %u roll-overs\n", profile, window,
		is_protect ? "protect" : "unprotect", good, refused, rolled);
	dp_srtp_burst.session_free(ours);
	dp_srtp_lib2.session_free(theirs);
	dp_srtp_lib2.session_free(sender);
}

static void same_as_libsrtp(void **state)
{
	static const enum dp_srtp_profile profiles[] = { DP_SRTP_AES128_CM_SHA1_80, DP_SRTP_AES128_CM_SHA1_32,
		DP_SRTP_AEAD_AES_128_GCM, DP_SRTP_AEAD_AES_256_GCM };
	static const uint16_t windows[] = { 64, 128, 1024, 256 };
	const char *n = getenv("W2GW_SRTP_PACKETS");

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		compare(profiles[i], windows[i], true, n ? (unsigned)atoi(n) : 60000);
		compare(profiles[i], windows[i], false, n ? (unsigned)atoi(n) : 60000);
	}
}

/* ---- vectors --------------------------------------------------------------------------------- */

static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = 0;
	unsigned v;

	for (; s[0] && s[1]; s += 2, n++) {
		assert_int_equal(sscanf(s, "%2x", &v), 1);
		out[n] = (uint8_t)v;
	}
	return n;
}

static struct dp_srtp_keys keys_of(enum dp_srtp_profile profile, const char *key, const char *salt)
{
	struct dp_srtp_keys k = { .profile = profile };

	unhex(key, k.key);
	unhex(salt, k.salt);
	return k;
}

static void vector(const struct dp_srtp_keys *k, const char *clear, const char *cipher)
{
	struct dp_srtp_session *out, *in;
	uint8_t p[256], c[256];
	size_t np = unhex(clear, p), nc = unhex(cipher, c);
	struct rte_mbuf *m = packet(p, np);
	enum dp_drop why;

	assert_int_equal(dp_srtp_burst.session_new(&out, k, true), GW_OK);
	assert_int_equal(dp_srtp_burst.session_new(&in, k, false), GW_OK);
	dp_srtp_burst.protect_burst(0, &m, &out, 1, &why);
	assert_int_equal(why, dp_drop_COUNT);
	assert_int_equal(m->data_len, nc);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), c, nc);
	dp_srtp_burst.unprotect_burst(0, &m, &in, 1, &why);
	assert_int_equal(why, dp_drop_COUNT);
	assert_int_equal(m->data_len, np);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), p, np);
	rte_pktmbuf_free(m);
	dp_srtp_burst.session_free(out);
	dp_srtp_burst.session_free(in);
}

/* The packet of libsrtp's own validation (srtp_driver), whose keys are those of RFC 3711 B.3. */
static void rfc3711(void **state)
{
	struct dp_srtp_keys k = keys_of(DP_SRTP_AES128_CM_SHA1_80, "e1f97a0d3e018be0d64fa32c06de4139",
		"0ec675ad498afeebb6960b3aabe6");

	(void)state;
	vector(&k, "800f1234decafbadcafebabe"
		"abababababababababababababababab",
		"800f1234decafbadcafebabe"
		"4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb");
}

/* As libsrtp validates it. The packets of RFC 7714 itself: srtp_vectors_test.c. */
static void rfc7714(void **state)
{
	struct dp_srtp_keys k128 = keys_of(DP_SRTP_AEAD_AES_128_GCM, "000102030405060708090a0b0c0d0e0f",
		"a0a1a2a3a4a5a6a7a8a9aaab");

	(void)state;
	vector(&k128, "800f1234decafbadcafebabe"
		"abababababababababababababababab",
		"800f1234decafbadcafebabe"
		"c5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392");
}

/* ---- limits ----------------------------------------------------------------------------------- */

static void nothing_kept_of_a_forged_packet(void **state)
{
	struct dp_srtp_keys k = keys_for(DP_SRTP_AES128_CM_SHA1_80, 64);
	struct dp_srtp_session *in, *out;
	uint8_t p[100] = { 0x80, 0, 0, 9 };
	struct dp_srtp_session *s[2];
	struct rte_mbuf *m[2];
	enum dp_drop why[2];

	(void)state;
	k.max_ssrc = 1;
	assert_int_equal(dp_srtp_burst.session_new(&out, &k, true), GW_OK);
	assert_int_equal(dp_srtp_burst.session_new(&in, &k, false), GW_OK);
	m[1] = packet(p, sizeof(p));
	dp_srtp_burst.protect_burst(0, &m[1], &out, 1, why);
	/* forged with another SSRC and a far sequence number, before the good one of the same burst */
	p[8] = 0x77;
	p[2] = 0x7f;
	m[0] = packet(p, sizeof(p));
	s[0] = s[1] = in;
	dp_srtp_burst.unprotect_burst(0, m, s, 2, why);
	assert_int_equal(why[0], DP_DROP_SRTP_AUTH);
	assert_int_equal(why[1], dp_drop_COUNT);
	/* the one place is taken now; the good SSRC twice is a replay */
	rte_pktmbuf_free(m[0]);
	m[0] = packet(p, sizeof(p));
	dp_srtp_burst.unprotect_burst(0, m, s, 1, why);
	assert_int_equal(why[0], DP_DROP_SSRC_LIMIT);
	rte_pktmbuf_free(m[0]);
	rte_pktmbuf_free(m[1]);
	dp_srtp_burst.session_free(in);
	dp_srtp_burst.session_free(out);
}

static void every_length_is_refused_or_done(void **state)
{
	struct dp_srtp_keys k = keys_for(DP_SRTP_AEAD_AES_128_GCM, 64);
	struct dp_srtp_session *in;
	uint8_t p[64] = { 0x9f, 0, 0, 1 };	/* extension and 15 CSRCs announced */
	enum dp_drop why;

	(void)state;
	assert_int_equal(dp_srtp_burst.session_new(&in, &k, false), GW_OK);
	for (unsigned n = 0; n <= sizeof(p); n++) {
		struct rte_mbuf *m = packet(p, n);

		dp_srtp_burst.unprotect_burst(0, &m, &in, 1, &why);
		assert_int_not_equal(why, dp_drop_COUNT);
		rte_pktmbuf_free(m);
	}
	dp_srtp_burst.session_free(in);
}

static void sessions_are_given_back(void **state)
{
	struct dp_srtp_keys k = keys_for(DP_SRTP_AES128_CM_SHA1_80, 0);
	struct dp_srtp_session *s[17];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		unsigned n = 0;

		while (n < 17 && dp_srtp_burst.session_new(&s[n], &k, true) == GW_OK)
			n++;
		assert_int_equal(n, 16);	/* max_sessions below */
		while (n)
			dp_srtp_burst.session_free(s[--n]);
	}
	k.profile = DP_SRTP_NONE;
	assert_int_equal(dp_srtp_burst.session_new(&s[0], &k, true), GW_EUNSUPP);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3711),
		cmocka_unit_test(rfc7714),
		cmocka_unit_test(nothing_kept_of_a_forged_packet),
		cmocka_unit_test(every_length_is_refused_or_done),
		cmocka_unit_test(sessions_are_given_back),
		cmocka_unit_test(same_as_libsrtp),
	};
	static char args[] = "x\0--no-huge\0--no-pci\0--no-telemetry\0--no-shconf\0-m\000128\0--lcores=0\0";
	char *eal[16];
	int n = 0;
	struct dp_srtp_burst_conf conf = { .device = argc > 1 ? argv[1] : getenv("W2GW_SRTP_DEVICE"), .workers = 1,
		.max_sessions = 16, .replay_window = 1024, .max_ssrc = MAX_SSRC,
		.gcm_tables = argc > 2 && strcmp(argv[2], "small") == 0 ? DP_GCM_SMALL : DP_GCM_LARGE };
	int failed;

	for (char *a = args; *a; a += strlen(a) + 1)
		eal[n++] = a;
	assert_true(rte_eal_init(n, eal) >= 0);
	pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	assert_int_equal(dp_srtp_lib2_init(), GW_OK);
	assert_int_equal(dp_srtp_burst_start(&conf), GW_OK);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	dp_srtp_burst_stop();
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return failed;
}
