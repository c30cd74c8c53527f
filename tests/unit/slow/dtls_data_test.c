/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Associations of data channels against each other: application data, and the record layer taken out of OpenSSL. Records are
 * opened and made here by EVP's AES-GCM with the keys derived, and must be OpenSSL's to the bit.
 */
#include "dataplane/slow/dtls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <openssl/evp.h>

#define WIRE_MAX 32

struct wire {
	struct {
		uint8_t b[20000];
		size_t len;
	} d[WIRE_MAX];
	unsigned n;
};

struct end {
	struct dp_dtls_ctx *ctx;
	struct dp_dtls *d;
	struct wire out;
	uint8_t got[20000];
	size_t got_len;
	unsigned n_got;
};

static struct end c, s;

static void put(void *user, struct gw_sv d)
{
	struct wire *w = &((struct end *)user)->out;

	assert_in_range(w->n, 0, WIRE_MAX - 1);
	memcpy(w->d[w->n].b, d.p, d.len);
	w->d[w->n++].len = d.len;
}

static void take(void *user, struct gw_sv packet)
{
	struct end *e = user;

	memcpy(e->got, packet.p, packet.len);
	e->got_len = packet.len;
	e->n_got++;
}

static void open_end(struct end *e, bool is_client)
{
	static const struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AES128_CM_SHA1_80 }, .n_profiles = 1, .mtu = 1200,
		.certificate_days = 1 };

	memset(e, 0, sizeof(*e));
	assert_int_equal(dp_dtls_ctx_new(&e->ctx, &conf, NULL), GW_OK);
	assert_int_equal(dp_dtls_new(&e->d, e->ctx, is_client, put, e), GW_OK);
	dp_dtls_set_data(e->d, take);
}

static void trust(struct end *e, const struct end *other)
{
	struct dp_fingerprint fp;

	assert_int_equal(dp_dtls_ctx_fingerprint(other->ctx, DP_HASH_SHA256, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(e->d, &fp, 1), GW_OK);
}

static void deliver(struct end *from, struct end *to)
{
	static struct wire in;

	in = from->out;
	from->out.n = 0;
	for (unsigned i = 0; i < in.n; i++)
		(void)!dp_dtls_input(to->d, gw_sv((const char *)in.d[i].b, in.d[i].len), 1);
}

static void run(void)
{
	while (c.out.n || s.out.n) {
		deliver(&c, &s);
		deliver(&s, &c);
	}
}

static void connect_ends(void)
{
	open_end(&c, true);
	open_end(&s, false);
	trust(&c, &s);
	trust(&s, &c);
	assert_int_equal(dp_dtls_start(c.d, 1), GW_OK);
	run();
	assert_int_equal(dp_dtls_state(c.d), DP_DTLS_UP);
	assert_int_equal(dp_dtls_state(s.d), DP_DTLS_UP);
}

static void close_ends(void)
{
	dp_dtls_free(c.d);
	dp_dtls_free(s.d);
	dp_dtls_ctx_free(c.ctx);
	dp_dtls_ctx_free(s.ctx);
}

static struct gw_sv packet(size_t n)
{
	static char b[16500];

	for (size_t i = 0; i < n; i++)
		b[i] = (char)(i * 7 + n);
	return gw_sv(b, n);
}

static void packets_go_both_ways_whole_and_one_a_record(void **state)
{
	static const size_t sizes[] = { 1, 12, 1200, 1500, 9000, 16384 };

	(void)state;
	connect_ends();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct gw_sv p = packet(sizes[i]);

		assert_int_equal(dp_dtls_write(c.d, p), GW_OK);
		assert_int_equal(c.out.n, 1);
		run();
		assert_int_equal(s.got_len, p.len);
		assert_memory_equal(s.got, p.p, p.len);
		assert_int_equal(dp_dtls_write(s.d, p), GW_OK);
		run();
		assert_int_equal(c.got_len, p.len);
		assert_memory_equal(c.got, p.p, p.len);
	}
	assert_int_equal(dp_dtls_write(c.d, packet(0)), GW_EINVAL);
	assert_int_equal(dp_dtls_write(c.d, packet(16385)), GW_EINVAL);
	close_ends();
}

/* Two records in a datagram are two packets. */
static void records_of_one_datagram_are_all_given(void **state)
{
	struct wire *w = &c.out;

	(void)state;
	connect_ends();
	assert_int_equal(dp_dtls_write(c.d, packet(100)), GW_OK);
	assert_int_equal(dp_dtls_write(c.d, packet(200)), GW_OK);
	memcpy(w->d[0].b + w->d[0].len, w->d[1].b, w->d[1].len);
	w->d[0].len += w->d[1].len;
	w->n = 1;
	run();
	assert_int_equal(s.n_got, 2);
	assert_int_equal(s.got_len, 200);
	close_ends();
}

/* F-39: handshake done, nobody knows with whom. */
static void nothing_is_given_before_the_fingerprint_is_verified(void **state)
{
	(void)state;
	open_end(&c, true);
	open_end(&s, false);
	trust(&c, &s);
	assert_int_equal(dp_dtls_start(c.d, 1), GW_OK);
	run();
	assert_int_equal(dp_dtls_state(s.d), DP_DTLS_HELD);
	assert_int_equal(dp_dtls_write(c.d, packet(50)), GW_OK);
	run();
	assert_int_equal(s.n_got, 0);
	assert_int_equal(dp_dtls_write(s.d, packet(50)), GW_ESTATE);
	trust(&s, &c);
	assert_int_equal(dp_dtls_write(c.d, packet(50)), GW_OK);
	run();
	assert_int_equal(s.n_got, 1);
	close_ends();
}

/* An association may carry both (BUNDLE), but one of SRTP alone has no reader for data. */
static void data_is_nothing_to_an_association_of_srtp(void **state)
{
	(void)state;
	connect_ends();
	dp_dtls_set_data(s.d, NULL);
	assert_int_equal(dp_dtls_write(c.d, packet(50)), GW_OK);
	assert_int_equal(dp_dtls_input(s.d, gw_sv((const char *)c.out.d[0].b, c.out.d[0].len), 1), GW_EBADMSG);
	c.out.n = 0;
	assert_int_equal(s.n_got, 0);
	assert_int_equal(dp_dtls_write(s.d, packet(50)), GW_ESTATE);
	close_ends();
}

/* ---- the record layer ----------------------------------------------------------------------------------- */

struct gcm {
	uint8_t iv[12], aad[13], tag[16];
};

static void put_be(uint8_t *p, uint64_t v, unsigned n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

/* RFC 5246 6.2.3.3, RFC 6347 4.1.2.1 */
static void crypt_record(bool is_seal, const uint8_t *key, unsigned key_bytes, const struct gcm *g, uint8_t *body, size_t n,
	uint8_t tag[16])
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int len;

	assert_int_equal(EVP_CipherInit_ex(x, key_bytes == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(), NULL, key, g->iv, is_seal), 1);
	if (!is_seal)
		assert_int_equal(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, 16, tag), 1);
	assert_int_equal(EVP_CipherUpdate(x, NULL, &len, g->aad, 13), 1);
	assert_int_equal(EVP_CipherUpdate(x, body, &len, body, (int)n), 1);
	assert_int_equal(EVP_CipherFinal_ex(x, body + len, &len), 1);
	if (is_seal)
		assert_int_equal(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
	EVP_CIPHER_CTX_free(x);
}

static struct gcm gcm_of(const uint8_t salt[4], uint64_t nonce, uint64_t seq, size_t n)
{
	struct gcm g = { .aad = { [8] = DP_RECORD_DATA, 0xfe, 0xfd } };

	memcpy(g.iv, salt, 4);
	put_be(g.iv + 4, nonce, 8);
	put_be(g.aad, UINT64_C(1) << 48 | seq, 8);
	put_be(g.aad + 11, n, 2);
	return g;
}

static void keys_derived_open_openssl_s_records_and_seal_what_it_opens(void **state)
{
	struct dp_record_keys ck, sk;
	struct dp_record_view v = { 0 };
	struct gw_sv p = packet(1200);
	uint8_t *b = c.out.d[0].b;
	struct gcm g;

	(void)state;
	connect_ends();
	assert_int_equal(dp_dtls_write(c.d, p), GW_OK);
	assert_int_equal(dp_dtls_record_keys(c.d, &ck), GW_OK);
	assert_int_equal(dp_dtls_record_keys(s.d, &sk), GW_OK);
	assert_memory_equal(ck.tx_key, sk.rx_key, ck.key_bytes);
	assert_memory_equal(ck.rx_salt, sk.tx_salt, 4);
	/* theirs opened by us */
	assert_true(dp_record_parse(b, c.out.d[0].len, &v));
	assert_int_equal(v.type, DP_RECORD_DATA);
	assert_int_equal(v.epoch, sk.epoch);
	assert_int_equal(v.seq, ck.numbers.tx_seq);
	assert_int_equal(v.bytes, 8 + 1200 + 16);
	g = gcm_of(sk.rx_salt, ck.numbers.tx_nonce, v.seq, 1200);
	assert_memory_equal(b + 13, g.iv + 4, 8);
	crypt_record(false, sk.rx_key, sk.key_bytes, &g, b + 21, 1200, b + 21 + 1200);
	assert_memory_equal(b + 21, p.p, 1200);
	c.out.n = 0;
	/* ours, going on where OpenSSL's numbers ended, opened by them */
	assert_true(ck.numbers.tx_seq >= 1);	/* Finished had 0 */
	g = gcm_of(ck.tx_salt, ck.numbers.tx_nonce + 1, ck.numbers.tx_seq + 1, 1200);
	memcpy(b, (const uint8_t[]){ 23, 0xfe, 0xfd, 0, 1 }, 5);
	put_be(b + 5, ck.numbers.tx_seq + 1, 6);
	put_be(b + 11, 8 + 1200 + 16, 2);
	memcpy(b + 13, g.iv + 4, 8);
	memcpy(b + 21, p.p, 1200);
	crypt_record(true, ck.tx_key, ck.key_bytes, &g, b + 21, 1200, b + 21 + 1200);
	assert_int_equal(dp_dtls_input(s.d, gw_sv((const char *)b, 21 + 1200 + 16), 1), GW_OK);
	assert_int_equal(s.n_got, 1);
	assert_memory_equal(s.got, p.p, 1200);
	assert_int_equal(dp_dtls_record_keys(s.d, &sk), GW_OK);
	assert_int_equal(sk.numbers.rx_top, ck.numbers.tx_seq + 1);
	assert_false(dp_record_is_new(&sk.numbers, ck.numbers.tx_seq + 1));
	close_ends();
}

/* What did not authenticate moves no window, whatever stands beside it (RFC 6347 4.1.2.6). */
static void a_forged_record_beside_a_good_one_is_not_noted(void **state)
{
	struct dp_record_keys ck, sk;

	(void)state;
	for (unsigned is_first = 0; is_first < 2; is_first++) {
		uint8_t forged[13 + 8 + 20 + 16] = { 23, 0xfe, 0xfd, 0, 1, 0x7f, 0, 0, 0, 0, 1, 0, 44 }, both[256];
		size_t n;

		connect_ends();
		assert_int_equal(dp_dtls_write(c.d, packet(100)), GW_OK);
		n = c.out.d[0].len;
		memcpy(both + (is_first ? sizeof(forged) : 0), c.out.d[0].b, n);
		memcpy(both + (is_first ? 0 : n), forged, sizeof(forged));
		c.out.n = 0;
		assert_int_equal(dp_dtls_input(s.d, gw_sv((const char *)both, n + sizeof(forged)), 1), GW_OK);
		assert_int_equal(s.n_got, 1);
		assert_int_equal(dp_dtls_record_keys(c.d, &ck), GW_OK);
		assert_int_equal(dp_dtls_record_keys(s.d, &sk), GW_OK);
		assert_int_equal(sk.numbers.rx_top, ck.numbers.tx_seq);
		close_ends();
	}
}

/* It would come out of OpenSSL later, and nobody could tell which record it was. */
static void data_ahead_of_finished_is_left_to_be_sent_again(void **state)
{
	struct dp_record_keys ck, sk;
	struct wire last;

	(void)state;
	open_end(&c, true);
	open_end(&s, false);
	trust(&c, &s);
	trust(&s, &c);
	assert_int_equal(dp_dtls_start(c.d, 1), GW_OK);
	while (dp_dtls_state(s.d) != DP_DTLS_UP) {
		deliver(&s, &c);
		deliver(&c, &s);
	}
	last = s.out;
	s.out.n = 0;
	assert_int_equal(dp_dtls_write(s.d, packet(100)), GW_OK);
	run();
	s.out = last;
	run();
	assert_int_equal(dp_dtls_state(c.d), DP_DTLS_UP);
	assert_int_equal(c.n_got, 0);
	assert_int_equal(dp_dtls_write(s.d, packet(101)), GW_OK);
	run();
	assert_int_equal(c.n_got, 1);
	assert_int_equal(dp_dtls_record_keys(c.d, &ck), GW_OK);
	assert_int_equal(dp_dtls_record_keys(s.d, &sk), GW_OK);
	assert_int_equal(ck.numbers.rx_top, sk.numbers.tx_seq);
	close_ends();
}

static void there_are_no_keys_before_up_or_once_forgotten(void **state)
{
	struct dp_record_keys k;

	(void)state;
	open_end(&c, true);
	assert_int_equal(dp_dtls_record_keys(c.d, &k), GW_ESTATE);
	dp_dtls_free(c.d);
	dp_dtls_ctx_free(c.ctx);
	connect_ends();
	dp_dtls_forget(c.d);
	assert_int_equal(dp_dtls_record_keys(c.d, &k), GW_ESTATE);
	assert_int_equal(dp_dtls_write(c.d, packet(10)), GW_ESTATE);
	close_ends();
}

/* Threat D7. OpenSSL takes them for the end of the association. */
static void records_shorter_than_an_empty_one_end_nothing(void **state)
{
	(void)state;
	connect_ends();
	for (uint8_t type = 20; type <= 23; type++)
		for (uint8_t n = 0; n <= 24; n++) {
			uint8_t r[64] = { type, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, n, 2, 40 };

			(void)!dp_dtls_input(s.d, gw_sv((const char *)r, 13u + n), 1);
			assert_int_equal(dp_dtls_state(s.d), DP_DTLS_UP);
		}
	assert_int_equal(dp_dtls_write(c.d, packet(60)), GW_OK);
	run();
	assert_int_equal(s.n_got, 1);
	close_ends();
}

/* Of these OpenSSL steps over the header alone: what is inside would be its next record. */
static void records_within_a_record_of_another_version_or_too_long_are_not_seen(void **state)
{
	static const struct { uint8_t type, minor, high, low; } outer[] = { { 23, 0xff, 0, 18 }, { 22, 0xff, 0, 18 },
		{ 22, 0xfd, 0xff, 0xff } };

	(void)state;
	for (size_t i = 0; i < sizeof(outer) / sizeof(outer[0]); i++)
		for (uint8_t epoch = 0; epoch < 2; epoch++) {
			uint8_t r[31] = { outer[i].type, 0xfe, outer[i].minor, 0, 0, 0, 0, 0, 0, 0, 9, outer[i].high, outer[i].low,
				epoch ? 23 : 21, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 1, 0, 0, 5, 2, 40 };

			connect_ends();
			assert_int_equal(dp_dtls_input(s.d, gw_sv((const char *)r, sizeof(r)), 1), GW_EBADMSG);
			assert_int_equal(dp_dtls_state(s.d), DP_DTLS_UP);
			close_ends();
		}
}

/* RFC 6347 4.1.2.6 */
static void window_takes_each_number_once_and_none_that_is_too_old(void **state)
{
	struct dp_record_numbers n = { 0 };

	(void)state;
	for (uint64_t seq = 0; seq < 200; seq += 2) {
		assert_true(dp_record_is_new(&n, seq));
		dp_record_commit(&n, seq);
		assert_false(dp_record_is_new(&n, seq));
		assert_true(seq < 1 || seq - 1 == 0 || dp_record_is_new(&n, seq - 1));
	}
	assert_int_equal(n.rx_top, 198);
	assert_true(dp_record_is_new(&n, 198 - 63));
	assert_false(dp_record_is_new(&n, 198 - 64));
	assert_false(dp_record_is_new(&n, 198 - 65));
	dp_record_commit(&n, DP_RECORD_SEQ_MAX);
	assert_false(dp_record_is_new(&n, 199));
	assert_true(dp_record_is_new(&n, DP_RECORD_SEQ_MAX - 1));
}

static void records_that_are_not_whole_are_none(void **state)
{
	static const uint8_t r[] = { 23, 0xfe, 0xfd, 0, 1, 1, 2, 3, 4, 5, 6, 0, 2, 9, 9 };
	struct dp_record_view v = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(r); n++)
		assert_false(dp_record_parse(r, n, &v));
	assert_true(dp_record_parse(r, sizeof(r), &v));
	assert_int_equal(v.seq, 0x010203040506);
	assert_int_equal(v.bytes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_go_both_ways_whole_and_one_a_record),
		cmocka_unit_test(records_of_one_datagram_are_all_given),
		cmocka_unit_test(nothing_is_given_before_the_fingerprint_is_verified),
		cmocka_unit_test(data_is_nothing_to_an_association_of_srtp),
		cmocka_unit_test(keys_derived_open_openssl_s_records_and_seal_what_it_opens),
		cmocka_unit_test(a_forged_record_beside_a_good_one_is_not_noted),
		cmocka_unit_test(data_ahead_of_finished_is_left_to_be_sent_again),
		cmocka_unit_test(there_are_no_keys_before_up_or_once_forgotten),
		cmocka_unit_test(records_shorter_than_an_empty_one_end_nothing),
		cmocka_unit_test(records_within_a_record_of_another_version_or_too_long_are_not_seen),
		cmocka_unit_test(window_takes_each_number_once_and_none_that_is_too_old),
		cmocka_unit_test(records_that_are_not_whole_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
