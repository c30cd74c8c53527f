/* SPDX-License-Identifier: Apache-2.0 */
/* ICE-lite: RFC 5769 vectors, and the life of pairs, nomination, restart and consent. */
#include "dataplane/slow/ice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#define OUR_UFRAG "gw7Q2s"
#define OUR_PWD "Zk1x9vB3nM5qW7eR2tY4uI6o"
#define PEER_UFRAG "Yx3d"
#define PRIO_HOST 0x7e0000ffu
#define PRIO_SRFLX 0x640000ffu

/* RFC 5769 2.1: request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, integrity, fingerprint. */
static const uint8_t rfc5769_request[] =
	"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
	"\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff"
	"\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
	"\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20"
	"\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2"
	"\x80\x28\x00\x04\xe5\x7a\x3b\xcf";
#define RFC5769_LEN (sizeof(rfc5769_request) - 1)

struct rig {
	struct dp_ice_msg *im;
	struct dp_ice ice;
	StunAgent peer;
	struct gw_addr a, b;
	uint8_t reply[DP_STUN_MAX_BYTES];
	size_t reply_len;
	enum dp_ice_event ev;
	uint64_t now;
};

static int set_up(void **state)
{
	static const uint16_t none[] = { 0 };
	struct rig *r = calloc(1, sizeof(*r));

	assert_int_equal(dp_ice_msg_new(&r->im), GW_OK);
	dp_ice_init(&r->ice, OUR_UFRAG, OUR_PWD, 0);
	assert_int_equal(dp_ice_set_remote(&r->ice, GW_SV(PEER_UFRAG)), GW_OK);
	stun_agent_init(&r->peer, none, STUN_COMPATIBILITY_RFC5389,
		STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	assert_int_equal(gw_addr_parse(GW_SV("198.51.100.7:50000"), 0, &r->a), GW_OK);
	assert_int_equal(gw_addr_parse(GW_SV("[2001:db8::7]:50001"), 0, &r->b), GW_OK);
	r->now = 1000;
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;

	dp_ice_clear(&r->ice);
	dp_ice_msg_free(r->im);
	free(r);
	return 0;
}

struct check {
	const char *user, *pwd;
	bool use_candidate, controlled;
	uint32_t priority;
};

static size_t make_check(struct rig *r, struct check c, uint8_t *buf, size_t cap)
{
	const char *user = c.user ? c.user : OUR_UFRAG ":" PEER_UFRAG;
	const char *pwd = c.pwd ? c.pwd : OUR_PWD;
	StunMessage msg;
	size_t n;

	n = stun_usage_ice_conncheck_create(&r->peer, &msg, buf, cap, (const uint8_t *)user,
		strlen(user), (const uint8_t *)pwd, strlen(pwd), c.use_candidate, !c.controlled,
		c.priority ? c.priority : PRIO_HOST, 77, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
	if (n) {	/* the test's agent has 200 slots; ours has no need of them */
		StunTransactionId id;

		stun_message_id(&msg, id);
		stun_agent_forget_transaction(&r->peer, id);
	}
	return n;
}

static enum gw_err feed_bytes(struct rig *r, struct gw_sv d, const struct gw_addr *src)
{
	struct gw_buf b = gw_buf(r->reply, sizeof(r->reply));
	enum gw_err err = dp_ice_input(&r->ice, r->im, d, src, 0, r->now, &b, &r->ev);

	r->reply_len = b.len;
	return err;
}

static enum gw_err feed(struct rig *r, struct check c, const struct gw_addr *src)
{
	uint8_t buf[512];

	return feed_bytes(r, gw_sv(buf, make_check(r, c, buf, sizeof(buf))), src);
}

static unsigned reply_code(const struct rig *r)
{
	if (r->reply_len < 20)
		return 0;
	if (r->reply[0] == 1 && r->reply[1] == 1)
		return 200;
	for (size_t i = 20; i + 8 <= r->reply_len;) {	/* ERROR-CODE 0x0009 */
		size_t len = (size_t)r->reply[i + 2] << 8 | r->reply[i + 3];

		if (r->reply[i] == 0 && r->reply[i + 1] == 9)
			return r->reply[i + 6] * 100u + r->reply[i + 7];
		i += 4 + ((len + 3) & ~3u);
	}
	return 0;
}

static void rfc5769_request_is_accepted(void **state)
{
	struct rig *r = *state;

	dp_ice_clear(&r->ice);
	dp_ice_init(&r->ice, "evtj", "VOkJxbRl1RmTxUk/WvJxBt", 0);
	assert_int_equal(feed_bytes(r, gw_sv(rfc5769_request, RFC5769_LEN), &r->a), GW_OK);
	/* it claims to be controlled, as we are: 487, and it is no check */
	assert_int_equal(reply_code(r), 487);
	assert_false(dp_ice_is_valid(&r->ice, &r->a));
	assert_int_equal(r->ice.n_role_conflicts, 1);
}

static void rfc5769_request_with_any_bit_flipped_is_refused_silently(void **state)
{
	struct rig *r = *state;
	uint8_t m[RFC5769_LEN];

	dp_ice_clear(&r->ice);
	dp_ice_init(&r->ice, "evtj", "VOkJxbRl1RmTxUk/WvJxBt", 0);
	for (size_t bit = 0; bit < RFC5769_LEN * 8; bit++) {
		memcpy(m, rfc5769_request, sizeof(m));
		m[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(feed_bytes(r, gw_sv(m, sizeof(m)), &r->a), GW_OK);
		assert_int_equal(r->reply_len, 0);
	}
	assert_int_equal(r->ice.n_checks, 0);
}

static void truncated_check_is_refused_at_every_byte(void **state)
{
	struct rig *r = *state;

	dp_ice_clear(&r->ice);
	dp_ice_init(&r->ice, "evtj", "VOkJxbRl1RmTxUk/WvJxBt", 0);
	for (size_t n = 0; n < RFC5769_LEN; n++) {
		assert_int_not_equal(feed_bytes(r, gw_sv(rfc5769_request, n), &r->a), GW_OK);
		assert_int_equal(r->reply_len, 0);
	}
}

static void good_check_is_answered_with_the_mapped_address(void **state)
{
	struct rig *r = *state;
	struct sockaddr_storage ss;
	socklen_t ss_len = sizeof(ss);
	StunMessage m;
	uint8_t buf[512];
	size_t n = make_check(r, (struct check){ 0 }, buf, sizeof(buf));

	assert_int_equal(feed_bytes(r, gw_sv(buf, n), &r->a), GW_OK);
	assert_int_equal(reply_code(r), 200);
	assert_memory_equal(r->reply + 4, buf + 4, 16);	/* cookie and transaction id */
	m.buffer = r->reply;
	m.buffer_len = r->reply_len;
	m.agent = &r->peer;
	assert_int_equal(stun_message_find_xor_addr(&m, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &ss,
				 &ss_len), STUN_MESSAGE_RETURN_SUCCESS);
	assert_int_equal(ntohs(((struct sockaddr_in *)&ss)->sin_port), 50000);
	assert_memory_equal(&((struct sockaddr_in *)&ss)->sin_addr, r->a.b, 4);
	assert_int_equal(r->ev, DP_ICE_EV_VALID);
	assert_null(dp_ice_selected(&r->ice));
}

static void ipv6_check_is_answered(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->b), GW_OK);
	assert_int_equal(reply_code(r), 200);
	assert_true(gw_addr_eq(&dp_ice_selected(&r->ice)->remote, &r->b));
}

static void unknown_ufrag_and_wrong_password_get_no_answer(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .user = "nobody:" PEER_UFRAG }, &r->a), GW_EAUTH);
	assert_int_equal(r->reply_len, 0);
	assert_int_equal(feed(r, (struct check){ .pwd = "wrongwrongwrongwrongwron" }, &r->a), GW_EAUTH);
	assert_int_equal(r->reply_len, 0);
	assert_int_equal(feed(r, (struct check){ .user = OUR_UFRAG ":other" }, &r->a), GW_EAUTH);
	assert_int_equal(r->reply_len, 0);
	assert_false(dp_ice_is_valid(&r->ice, &r->a));
	assert_int_equal(r->ice.n_auth_failures, 3);
}

static void the_peers_ufrag_may_have_4_to_256_characters(void **state)
{
	static const unsigned chars[] = { 4, 7, 8, 9, 256, 8, 4, 255 };
	char user[sizeof(OUR_UFRAG) + 258];
	struct rig *r = *state;

	for (unsigned i = 0; i < sizeof(chars) / sizeof(chars[0]); i++) {
		struct gw_buf b = gw_buf(user, sizeof(user) - 1);

		gw_buf_puts(&b, OUR_UFRAG ":");
		for (unsigned k = 0; k < chars[i]; k++)
			gw_buf_putc(&b, (char)('a' + (k + i) % 26));
		user[b.len] = '\0';
		assert_int_equal(dp_ice_set_remote(&r->ice, gw_sv(user + sizeof(OUR_UFRAG), chars[i])), GW_OK);
		assert_int_equal(feed(r, (struct check){ .user = user }, &r->a), GW_OK);
		user[b.len - 1] ^= 1;
		assert_int_equal(feed(r, (struct check){ .user = user }, &r->a), GW_EAUTH);
		user[b.len - 1] = '\0';
		assert_int_equal(feed(r, (struct check){ .user = user }, &r->a), GW_EAUTH);
	}
	assert_int_equal(dp_ice_set_remote(&r->ice, GW_SV("abc")), GW_EBADMSG);
	assert_int_equal(dp_ice_set_remote(&r->ice, GW_SV_NONE), GW_OK);
	assert_int_equal(feed(r, (struct check){ .user = OUR_UFRAG ":anybody" }, &r->a), GW_OK);
}

static void reply_is_487_when_peer_claims_our_role(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .controlled = true, .use_candidate = true }, &r->a),
		GW_OK);
	assert_int_equal(reply_code(r), 487);
	assert_null(dp_ice_selected(&r->ice));
}

static void nomination_selects_and_aggressive_nomination_keeps_the_best(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .use_candidate = true, .priority = PRIO_SRFLX }, &r->a),
		GW_OK);
	assert_int_equal(r->ev, DP_ICE_EV_SELECTED);
	r->now += 10;
	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->b), GW_OK);
	assert_int_equal(r->ev, DP_ICE_EV_SELECTED);
	assert_true(gw_addr_eq(&dp_ice_selected(&r->ice)->remote, &r->b));
	for (int i = 0; i < 5; i++) {	/* both nominated in turn: stays with the better */
		r->now += 10;
		assert_int_equal(feed(r, (struct check){ .use_candidate = true, .priority = PRIO_SRFLX },
			&r->a), GW_OK);
		r->now += 10;
		assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->b), GW_OK);
	}
	assert_true(gw_addr_eq(&dp_ice_selected(&r->ice)->remote, &r->b));
}

static void peer_that_moves_to_a_worse_path_is_followed(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->b), GW_OK);
	for (int i = 0; i < 2; i++) {
		r->now += 500;
		assert_int_equal(feed(r, (struct check){ .use_candidate = true, .priority = PRIO_SRFLX },
			&r->a), GW_OK);
	}
	assert_int_equal(r->ev, DP_ICE_EV_SELECTED);
	assert_true(gw_addr_eq(&dp_ice_selected(&r->ice)->remote, &r->a));
}

static void consent_is_lost_30_s_after_the_last_check(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->a), GW_OK);
	r->now += 20000;
	assert_int_equal(feed(r, (struct check){ 0 }, &r->a), GW_OK);
	assert_int_equal(r->ev, DP_ICE_EV_CONSENT);
	assert_int_equal(dp_ice_tick(&r->ice, r->now + 29999), DP_ICE_EV_NONE);
	assert_int_equal(dp_ice_tick(&r->ice, r->now + 30000), DP_ICE_EV_LOST);
	assert_int_equal(dp_ice_tick(&r->ice, r->now + 30001), DP_ICE_EV_NONE);
	assert_int_equal(r->ice.consent, DP_ICE_CONSENT_LOST);
}

static void checks_from_elsewhere_do_not_renew_consent(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->a), GW_OK);
	r->now += 20000;
	assert_int_equal(feed(r, (struct check){ .priority = PRIO_SRFLX }, &r->b), GW_OK);
	assert_int_equal(feed(r, (struct check){ .pwd = "wrongwrongwrongwrongwron" }, &r->a), GW_EAUTH);
	assert_int_equal(dp_ice_tick(&r->ice, r->now + 10000), DP_ICE_EV_LOST);
}

static void lost_consent_comes_back_only_with_a_nomination(void **state)
{
	struct rig *r = *state;

	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->a), GW_OK);
	r->now += 30000;
	assert_int_equal(dp_ice_tick(&r->ice, r->now), DP_ICE_EV_LOST);
	assert_int_equal(feed(r, (struct check){ 0 }, &r->a), GW_OK);
	assert_int_equal(r->ice.consent, DP_ICE_CONSENT_LOST);
	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->a), GW_OK);
	assert_int_equal(r->ev, DP_ICE_EV_SELECTED);
	assert_int_equal(r->ice.consent, DP_ICE_CONSENT_VALID);
}

static void restart_keeps_the_old_pair_until_a_new_one_is_selected(void **state)
{
	struct rig *r = *state;
	struct check fresh = { .user = "neWfrg:Zz9z", .pwd = "0123456789abcdefghijklmn",
		.use_candidate = true, .priority = PRIO_SRFLX };

	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->a), GW_OK);
	assert_int_equal(dp_ice_reserve(&r->ice), GW_OK);
	dp_ice_restart(&r->ice, "neWfrg", "0123456789abcdefghijklmn");
	assert_int_equal(dp_ice_set_remote(&r->ice, GW_SV("Zz9z")), GW_OK);
	assert_int_equal(feed(r, (struct check){ 0 }, &r->a), GW_OK);
	assert_int_equal(r->ev, DP_ICE_EV_CONSENT);
	r->now += 10;
	assert_int_equal(feed(r, fresh, &r->b), GW_OK);
	assert_int_equal(r->ev, DP_ICE_EV_SELECTED);
	assert_true(gw_addr_eq(&dp_ice_selected(&r->ice)->remote, &r->b));
	assert_int_equal(feed(r, (struct check){ 0 }, &r->a), GW_EAUTH);
	assert_false(dp_ice_is_valid(&r->ice, &r->a));
}

static void flood_of_addresses_never_evicts_the_selected_pair(void **state)
{
	struct rig *r = *state;
	struct gw_addr x = r->a;

	assert_int_equal(feed(r, (struct check){ .use_candidate = true }, &r->b), GW_OK);
	for (uint16_t p = 1; p < 500; p++) {
		x.port = p;
		r->now++;
		assert_int_equal(feed(r, (struct check){ .priority = PRIO_SRFLX }, &x), GW_OK);
	}
	assert_true(dp_ice_is_valid(&r->ice, &r->b));
	assert_true(gw_addr_eq(&dp_ice_selected(&r->ice)->remote, &r->b));
}

static void junk_behind_a_valid_check_is_refused(void **state)
{
	struct rig *r = *state;
	uint8_t buf[512];
	size_t n = make_check(r, (struct check){ 0 }, buf, sizeof(buf) - 4);

	memset(buf + n, 0, 4);
	assert_int_equal(feed_bytes(r, gw_sv(buf, n + 4), &r->a), GW_EBADMSG);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(rfc5769_request_is_accepted),
		T(rfc5769_request_with_any_bit_flipped_is_refused_silently),
		T(truncated_check_is_refused_at_every_byte),
		T(good_check_is_answered_with_the_mapped_address),
		T(ipv6_check_is_answered),
		T(unknown_ufrag_and_wrong_password_get_no_answer),
		T(the_peers_ufrag_may_have_4_to_256_characters),
		T(reply_is_487_when_peer_claims_our_role),
		T(nomination_selects_and_aggressive_nomination_keeps_the_best),
		T(peer_that_moves_to_a_worse_path_is_followed),
		T(consent_is_lost_30_s_after_the_last_check),
		T(checks_from_elsewhere_do_not_renew_consent),
		T(lost_consent_comes_back_only_with_a_nomination),
		T(restart_keeps_the_old_pair_until_a_new_one_is_selected),
		T(flood_of_addresses_never_evicts_the_selected_pair),
		T(junk_behind_a_valid_check_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
