/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS associations against each other over a simulated wire: loss, reorder, strangers, refusals. */
#include "dataplane/slow/dtls.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define WIRE_MAX 128
#define MTU 1200

struct wire {
	struct {
		uint8_t b[2048];
		size_t len;
	} d[WIRE_MAX];
	unsigned n, sent;
	size_t longest;
};

struct rig {
	struct dp_dtls_ctx *ctx_c, *ctx_s;
	struct dp_dtls *c, *s;
	struct wire to_s, to_c;
	uint64_t now;
};

static void put(void *user, struct gw_sv d)
{
	struct wire *w = user;

	assert_in_range(d.len, 1, sizeof(w->d[0].b));
	assert_in_range(w->n, 0, WIRE_MAX - 1);
	memcpy(w->d[w->n].b, d.p, d.len);
	w->d[w->n++].len = d.len;
	w->sent++;
	if (d.len > w->longest)
		w->longest = d.len;
}

static const struct dp_dtls_conf conf_both = {
	.profiles = { DP_SRTP_AEAD_AES_128_GCM, DP_SRTP_AES128_CM_SHA1_80 },
	.n_profiles = 2, .mtu = MTU, .certificate_days = 1,
};

static void rig_open(struct rig *r, const struct dp_dtls_conf *cc, const struct dp_dtls_conf *cs)
{
	memset(r, 0, sizeof(*r));
	r->now = 1;
	assert_int_equal(dp_dtls_ctx_new(&r->ctx_c, cc, NULL), GW_OK);
	assert_int_equal(dp_dtls_ctx_new(&r->ctx_s, cs, NULL), GW_OK);
	assert_int_equal(dp_dtls_new(&r->c, r->ctx_c, true, put, &r->to_s), GW_OK);
	assert_int_equal(dp_dtls_new(&r->s, r->ctx_s, false, put, &r->to_c), GW_OK);
}

static void rig_trust(struct rig *r, enum dp_hash hash)
{
	struct dp_fingerprint fp;

	assert_int_equal(dp_dtls_ctx_fingerprint(r->ctx_s, hash, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(r->c, &fp, 1), GW_OK);
	assert_int_equal(dp_dtls_ctx_fingerprint(r->ctx_c, hash, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(r->s, &fp, 1), GW_OK);
}

static void rig_close(struct rig *r)
{
	dp_dtls_free(r->c);
	dp_dtls_free(r->s);
	dp_dtls_ctx_free(r->ctx_c);
	dp_dtls_ctx_free(r->ctx_s);
}

static void deliver(struct wire *w, struct dp_dtls *to, uint64_t now, bool reversed)
{
	struct wire in = *w;

	w->n = 0;
	for (unsigned i = 0; i < in.n; i++) {
		unsigned k = reversed ? in.n - 1 - i : i;

		if (dp_dtls_input(to, gw_sv(in.d[k].b, in.d[k].len), now))
			continue;	/* refusals are looked at through the state */
	}
}

static void run(struct rig *r, bool reversed)
{
	for (int i = 0; i < 20 && (r->to_s.n || r->to_c.n); i++) {
		deliver(&r->to_s, r->s, r->now, reversed);
		deliver(&r->to_c, r->c, r->now, reversed);
	}
}

/* Waits for OpenSSL's own retransmission clock: an event of its library, not a nap of ours. */
static void run_with_timers(struct rig *r)
{
	for (int i = 0; i < 50; i++) {
		run(r, false);
		if (dp_dtls_state(r->c) == DP_DTLS_UP && dp_dtls_state(r->s) == DP_DTLS_UP)
			return;
		uint64_t due = dp_dtls_deadline(r->c, r->now), due_s = dp_dtls_deadline(r->s, r->now);

		due = due < due_s ? due : due_s;
		if (due - r->now <= 5000)
			poll(NULL, 0, (int)(due - r->now) + 1);
		r->now = due;
		assert_int_equal(dp_dtls_tick(r->c, r->now), GW_OK);
		assert_int_equal(dp_dtls_tick(r->s, r->now), GW_OK);
	}
}

static void assert_keys_match(struct rig *r, enum dp_srtp_profile profile)
{
	struct dp_srtp_keys cl, cr, sl, sr;

	assert_int_equal(dp_dtls_state(r->c), DP_DTLS_UP);
	assert_int_equal(dp_dtls_state(r->s), DP_DTLS_UP);
	assert_int_equal(dp_dtls_keys(r->c, &cl, &cr), GW_OK);
	assert_int_equal(dp_dtls_keys(r->s, &sl, &sr), GW_OK);
	assert_int_equal(dp_dtls_profile(r->c), profile);
	assert_int_equal(dp_dtls_profile(r->s), profile);
	assert_memory_equal(cl.key, sr.key, sizeof(cl.key));
	assert_memory_equal(cr.key, sl.key, sizeof(cr.key));
	assert_memory_equal(cl.salt, sr.salt, sizeof(cl.salt));
	assert_memory_not_equal(cl.key, cr.key, 16);
}

static void both_roles_agree_on_keys_and_prefer_gcm(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	assert_in_range(r.to_c.longest, 1, MTU);
	assert_in_range(r.to_s.longest, 1, MTU);
	rig_close(&r);
}

static void sha1_80_profile_is_used_when_the_peer_has_no_other(void **state)
{
	struct dp_dtls_conf only = conf_both;
	struct rig r;

	(void)state;
	only.profiles[0] = DP_SRTP_AES128_CM_SHA1_80;
	only.n_profiles = 1;
	rig_open(&r, &only, &conf_both);
	rig_trust(&r, DP_HASH_SHA512);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_keys_match(&r, DP_SRTP_AES128_CM_SHA1_80);
	rig_close(&r);
}

static void no_common_profile_means_no_media(void **state)
{
	struct dp_dtls_conf a = conf_both, b = conf_both;
	struct rig r;

	(void)state;
	a.n_profiles = b.n_profiles = 1;
	b.profiles[0] = DP_SRTP_AES128_CM_SHA1_80;
	rig_open(&r, &a, &b);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_int_not_equal(dp_dtls_state(r.c), DP_DTLS_UP);
	assert_int_not_equal(dp_dtls_state(r.s), DP_DTLS_UP);
	rig_close(&r);
}

static void small_mtu_gives_one_datagram_per_write_and_reordered_flights_still_finish(void **state)
{
	struct dp_dtls_conf small = conf_both;
	struct rig r;

	(void)state;
	small.mtu = 256;	/* fragments the certificates */
	rig_open(&r, &small, &small);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	deliver(&r.to_s, r.s, r.now, false);
	assert_in_range(r.to_c.n, 2, WIRE_MAX);
	for (int i = 0; i < 50 && dp_dtls_state(r.c) != DP_DTLS_UP; i++) {
		run(&r, true);
		r.now += 5;
		run_with_timers(&r);
	}
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	assert_in_range(r.to_s.longest, 1, 256);
	assert_in_range(r.to_c.longest, 1, 256);
	rig_close(&r);
}

/* One ClientHello cut into three records of one fragment each (RFC 6347 4.2.3), last one first. */
static void fragmented_and_reordered_client_hello_is_put_together(void **state)
{
	struct wire hello;
	struct rig r;
	size_t body;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	hello = r.to_s;
	r.to_s.n = 0;
	assert_int_equal(hello.n, 1);
	body = hello.d[0].len - 13 - 12;
	for (int i = 2; i >= 0; i--) {
		size_t from = body * (size_t)i / 3, to = body * (size_t)(i + 1) / 3, n = to - from;
		uint8_t f[2048];

		memcpy(f, hello.d[0].b, 25);
		f[10] = (uint8_t)(10 + i);	/* record sequence number */
		f[11] = (uint8_t)((n + 12) >> 8);
		f[12] = (uint8_t)(n + 12);
		f[13 + 6] = 0;			/* fragment offset and length */
		f[13 + 7] = (uint8_t)(from >> 8);
		f[13 + 8] = (uint8_t)from;
		f[13 + 9] = 0;
		f[13 + 10] = (uint8_t)(n >> 8);
		f[13 + 11] = (uint8_t)n;
		memcpy(f + 25, hello.d[0].b + 25 + from, n);
		assert_int_equal(dp_dtls_input(r.s, gw_sv(f, 25 + n), r.now), GW_OK);
		assert_int_equal(r.to_c.n > 0, i == 0);
	}
	run(&r, false);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	rig_close(&r);
}

static void lost_flights_are_sent_again(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	r.to_s.n = 0;	/* the ClientHello is lost */
	run_with_timers(&r);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	rig_close(&r);
}

static void wrong_fingerprint_fails_and_gives_no_keys(void **state)
{
	struct dp_srtp_keys a, b;
	struct dp_fingerprint fp;
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_s, DP_HASH_SHA256, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(r.s, &fp, 1), GW_OK);	/* not the client's */
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_FAILED);
	assert_int_equal(dp_dtls_keys(r.s, &a, &b), GW_ESTATE);
	assert_string_equal(dp_dtls_why(r.s), "certificate does not match a=fingerprint");
	rig_close(&r);
}

static void strongest_hash_decides(void **state)
{
	struct dp_fingerprint fp[2];
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_c, DP_HASH_SHA256, &fp[0]), GW_OK);
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_c, DP_HASH_SHA512, &fp[1]), GW_OK);
	fp[1].bytes[63] ^= 1;	/* a right sha-256 does not help a wrong sha-512 */
	assert_int_equal(dp_dtls_set_fingerprints(r.s, fp, 2), GW_OK);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_FAILED);
	rig_close(&r);
}

static void handshake_is_held_until_the_fingerprint_comes(void **state)
{
	struct dp_fingerprint fp;
	struct dp_srtp_keys a, b;
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_s, DP_HASH_SHA256, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(r.c, &fp, 1), GW_OK);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_HELD);
	assert_int_equal(dp_dtls_keys(r.s, &a, &b), GW_ESTATE);
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_c, DP_HASH_SHA384, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(r.s, &fp, 1), GW_OK);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	rig_close(&r);
}

static const uint8_t clear_alert[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40 };
/* threat D1: a ClientHello that offers TLS_NULL_WITH_NULL_NULL only */
static const uint8_t null_hello[] = { 22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 54,
	1, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 42, 0xfe, 0xfd,
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	0, 0, 0, 2, 0, 0, 1, 0 };

static void strangers_alert_and_hello_do_not_end_the_call(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_input(r.s, gw_sv(null_hello, sizeof(null_hello)), r.now), GW_EBADMSG);
	r.to_c.n = 0;
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	deliver(&r.to_s, r.s, r.now, false);
	assert_int_equal(dp_dtls_input(r.s, gw_sv(clear_alert, sizeof(clear_alert)), r.now), GW_EBADMSG);
	run(&r, false);	/* without a single retransmission */
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	/* and once it is up, clear-text alerts are nothing at all */
	for (int i = 0; i < 100; i++)
		assert_int_equal(dp_dtls_input(r.s, gw_sv(clear_alert, sizeof(clear_alert)), r.now), GW_OK);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_UP);
	rig_close(&r);
}

static void an_alert_behind_another_record_is_seen_too(void **state)
{
	uint8_t two[13 + 1 + sizeof(clear_alert)] = { 20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 1 };
	struct rig r;

	(void)state;
	memcpy(two + 14, clear_alert, sizeof(clear_alert));
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	deliver(&r.to_s, r.s, r.now, false);
	assert_int_equal(dp_dtls_input(r.s, gw_sv(two, sizeof(two)), r.now), GW_EBADMSG);
	assert_int_equal(dp_dtls_input(r.c, gw_sv(clear_alert, sizeof(clear_alert)), r.now), GW_EBADMSG);
	run(&r, false);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	rig_close(&r);
}

static void a_storm_of_bad_hellos_ends_with_the_storm(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	for (int i = 0; i < 500; i++)
		assert_int_equal(dp_dtls_input(r.s, gw_sv(null_hello, sizeof(null_hello)), r.now), GW_EBADMSG);
	assert_true(r.to_c.sent <= 64);		/* an alert each, then it is deaf for a while */
	r.to_c.n = 0;
	r.now += 300;
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	rig_close(&r);
}

static void another_fingerprint_in_the_middle_of_a_call_ends_it(void **state)
{
	struct dp_fingerprint other = { .hash = DP_HASH_SHA384, .len = 48, .bytes = { 1 } }, same;
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	dp_dtls_forget(r.s);	/* the certificate is remembered without the TLS state */
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_c, DP_HASH_SHA512, &same), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(r.s, &same, 1), GW_OK);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_UP);
	assert_int_equal(dp_dtls_set_fingerprints(r.s, &other, 1), GW_EAUTH);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_FAILED);
	assert_int_equal(dp_dtls_set_fingerprints(r.c, &other, 1), GW_EAUTH);
	assert_int_equal(dp_dtls_state(r.c), DP_DTLS_FAILED);
	rig_close(&r);
}

static void unfinished_handshake_ends_after_30_s(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, 1000), GW_OK);
	assert_in_range(dp_dtls_deadline(r.c, 1000), 1001, 1000 + DP_DTLS_LIFE_MS);
	assert_int_equal(dp_dtls_tick(r.c, 1000 + DP_DTLS_LIFE_MS - 1), GW_OK);
	assert_int_equal(dp_dtls_tick(r.c, 1000 + DP_DTLS_LIFE_MS), GW_ETIMEOUT);
	assert_int_equal(dp_dtls_state(r.c), DP_DTLS_FAILED);
	assert_int_equal(dp_dtls_tick(r.c, 1000 + DP_DTLS_LIFE_MS + 1), GW_OK);
	rig_close(&r);
}

static void junk_of_every_first_byte_is_survived(void **state)
{
	uint8_t b[64];
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	for (unsigned first = 0; first < 256; first++)
		for (size_t len = 0; len <= 32; len++) {
			memset(b, 0xff, sizeof(b));
			b[0] = (uint8_t)first;
			(void)!dp_dtls_input(r.s, gw_sv(b, len), r.now);
		}
	assert_int_not_equal(dp_dtls_state(r.s), DP_DTLS_FAILED);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run_with_timers(&r);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	rig_close(&r);
}

static void close_is_seen_by_the_peer(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	dp_dtls_close(r.c);
	run(&r, false);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_CLOSED);
	rig_close(&r);
}

static void a_forgotten_association_stays_up_and_ignores_what_comes(void **state)
{
	struct dp_srtp_keys l, m;
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	dp_dtls_forget(r.s);	/* not up yet: nothing happens */
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	dp_dtls_forget(r.s);
	assert_int_equal(dp_dtls_keys(r.s, &l, &m), GW_ESTATE);
	dp_dtls_close(r.c);
	assert_int_equal(r.to_s.n, 1);
	assert_int_equal(dp_dtls_input(r.s, gw_sv(r.to_s.d[0].b, r.to_s.d[0].len), r.now), GW_EBADMSG);
	assert_int_equal(dp_dtls_tick(r.s, r.now + 100000), GW_OK);
	assert_int_equal(dp_dtls_state(r.s), DP_DTLS_UP);
	assert_int_equal(dp_dtls_profile(r.s), DP_SRTP_AEAD_AES_128_GCM);
	dp_dtls_close(r.s);
	assert_int_equal(r.to_c.n, 0);
	rig_close(&r);
}

static void rotation_changes_the_certificate_of_new_sessions_only(void **state)
{
	struct dp_fingerprint before, after;
	struct rig r;

	(void)state;
	rig_open(&r, &conf_both, &conf_both);
	rig_trust(&r, DP_HASH_SHA256);
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_s, DP_HASH_SHA256, &before), GW_OK);
	assert_int_equal(dp_dtls_ctx_rotate(r.ctx_s), GW_OK);
	assert_int_equal(dp_dtls_ctx_fingerprint(r.ctx_s, DP_HASH_SHA256, &after), GW_OK);
	assert_memory_not_equal(before.bytes, after.bytes, before.len);
	assert_int_equal(dp_dtls_start(r.c, r.now), GW_OK);
	run(&r, false);	/* the client trusts the old one: the running session still has it */
	assert_keys_match(&r, DP_SRTP_AEAD_AES_128_GCM);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_roles_agree_on_keys_and_prefer_gcm),
		cmocka_unit_test(sha1_80_profile_is_used_when_the_peer_has_no_other),
		cmocka_unit_test(no_common_profile_means_no_media),
		cmocka_unit_test(small_mtu_gives_one_datagram_per_write_and_reordered_flights_still_finish),
		cmocka_unit_test(fragmented_and_reordered_client_hello_is_put_together),
		cmocka_unit_test(lost_flights_are_sent_again),
		cmocka_unit_test(wrong_fingerprint_fails_and_gives_no_keys),
		cmocka_unit_test(strongest_hash_decides),
		cmocka_unit_test(handshake_is_held_until_the_fingerprint_comes),
		cmocka_unit_test(strangers_alert_and_hello_do_not_end_the_call),
		cmocka_unit_test(an_alert_behind_another_record_is_seen_too),
		cmocka_unit_test(a_storm_of_bad_hellos_ends_with_the_storm),
		cmocka_unit_test(another_fingerprint_in_the_middle_of_a_call_ends_it),
		cmocka_unit_test(unfinished_handshake_ends_after_30_s),
		cmocka_unit_test(junk_of_every_first_byte_is_survived),
		cmocka_unit_test(close_is_seen_by_the_peer),
		cmocka_unit_test(a_forgotten_association_stays_up_and_ignores_what_comes),
		cmocka_unit_test(rotation_changes_the_certificate_of_new_sessions_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
