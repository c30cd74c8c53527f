/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that end here: what a description may ask for, and what ends with the line (E-7, F-68 to F-71). */
#include "tests/unit/ctx/data_rig.h"

#define LINE "v=0\r\nc=IN IP4 $\r\nm=application $ UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\na=max-message-size:65536\r\n" \
	"a=ice-ufrag:$\r\na=ice-pwd:$\r\na=candidate:$\r\na=fingerprint:sha-256 $\r\na=setup:passive\r\n"
#define LINE_OF_WIC "v=0\r\nc=IN IP4 192.0.2.1\r\nm=application 5000 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n" \
	"a=ice-ufrag:wicu\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=setup:active\r\n"
#define CHANNEL_OF(n, subprotocol) "v=0\r\nc=IN IP4 -\r\nm=application - UDP/DTLS/SCTP webrtc-datachannel\r\na=dcmap:" n " subprotocol=\"" subprotocol \
	"\";ordered=true\r\n"
#define CHANNEL(n) CHANNEL_OF(n, "msrp")
#define TEXT(n) CHANNEL_OF(n, "t140")
#define PATH_OF_WIC(n) "a=dcsa:" n " path:msrps://w.invalid:9/wic" n ";dc\r\n"
#define CORE_LOCAL "v=0\r\nc=IN IP4 $\r\nm=message $ TCP/MSRP *\r\na=setup:passive\r\n"
#define PEER_AT(ip, port, path) "v=0\r\nc=IN IP4 " ip "\r\nm=message " port " TCP/MSRP *\r\na=setup:active\r\na=path:msrp://" ip ":" port "/" path ";tcp\r\n"

#define CORE_TEXT(ip, port) "v=0\r\nc=IN IP4 " ip "\r\nm=text " port " RTP/AVP 104\r\na=rtpmap:104 t140/1000\r\n"

static struct iq_stream stream(uint16_t id, const char *realm, const char *local, const char *remote)
{
	struct iq_stream s = iq_stream(id);

	s.realm = gw_sv_cstr(realm);
	s.mode = IQ_MODE_SEND_RECEIVE;
	s.has_local = true;
	s.local = gw_sv_cstr(local);
	s.has_remote = remote != NULL;
	s.remote = remote ? gw_sv_cstr(remote) : GW_SV_NONE;
	return s;
}

static unsigned add_line(struct iq_stream *s, unsigned n)
{
	static char remote[2048];
	struct gw_buf b = gw_buf(remote, sizeof(remote) - 1);
	struct dp_term *t = NULL;
	unsigned code;

	memset(remote, 0, sizeof(remote));
	gw_buf_puts(&b, LINE_OF_WIC);
	data_put_fingerprint(&b, &R.wic);
	s[0] = stream(1, "access", LINE, remote);
	code = data_apply(&t, s, n);
	if (!code) {
		R.wic.stream = t->streams;
		R.wic.port = t->streams->port;
		data_commands();
	}
	return code;
}

/* The line and n channels. */
static unsigned add_access(unsigned n)
{
	struct iq_stream s[] = { iq_stream(1), stream(2, "access", CHANNEL("2"), CHANNEL("2") PATH_OF_WIC("2")),
		stream(3, "access", CHANNEL("4"), CHANNEL("4") PATH_OF_WIC("4")), stream(4, "access", CHANNEL("6"), CHANNEL("6") PATH_OF_WIC("6")) };

	return add_line(s, n + 1);
}

static unsigned add_text(unsigned n)
{
	struct iq_stream s[] = { iq_stream(1), stream(2, "access", TEXT("2"), TEXT("2")), stream(3, "access", TEXT("4"), TEXT("4")),
		stream(4, "access", TEXT("6"), TEXT("6")) };

	return add_line(s, n + 1);
}

static unsigned add_core(const char *remote)
{
	struct iq_stream s = stream(2, "core", CORE_LOCAL, remote);
	struct dp_term *t = NULL;
	unsigned code = data_apply(&t, &s, 1);

	if (!code)
		R.core.stream = t->streams;
	return code;
}

static unsigned add_core_text(void)
{
	struct iq_stream s = stream(2, "core", CORE_TEXT("$", "$"), CORE_TEXT("10.20.0.1", "4000"));
	struct dp_term *t = NULL;
	unsigned code = data_apply(&t, &s, 1);

	if (!code)
		R.core.stream = t->streams;
	data_commands();
	return code;
}

static unsigned change_peer(const char *remote)
{
	struct iq_stream s = iq_stream(2);

	s.has_remote = true;
	s.remote = gw_sv_cstr(remote);
	return data_apply(&R.core.stream->term, &s, 1);
}

static uint64_t count(enum dp_ctx_ctr ctr)
{
	return dp_ctx_counters(R.ctx)[ctr];
}

static void open_rig(void)
{
	assert_int_equal(dp_msrp_set_new(&data_msrp, 8), GW_OK);
	data_open(NULL, 1);
	(void)dp_msrp_poll(data_msrp, R.now);
}

static void close_rig(void)
{
	data_close();
	dp_msrp_set_free(data_msrp);
	data_msrp = NULL;
}

static void the_host_connects_only_to_where_peers_are(void **state)
{
	(void)state;
	open_rig();
	assert_int_equal(add_core(PEER_AT("127.0.0.1", "2855", "s")), 449);
	assert_int_equal(add_core(PEER_AT("10.20.0.10", "2855", "s")), 449);	/* our own, of the core realm */
	assert_int_equal(add_core(PEER_AT("192.0.2.7", "2855", "s")), 449);
	assert_int_equal(add_core(PEER_AT("169.254.169.254", "80", "s")), 449);
	assert_int_equal(count(ctx_msrp_no_peer), 4);
	assert_int_equal(add_core(PEER_AT("10.20.0.1", "2855", "s")), 0);
	assert_int_equal(change_peer(PEER_AT("10.21.0.1", "2855", "s")), 449);
	close_rig();
}

static void channels_of_a_context_are_limited(void **state)
{
	(void)state;
	open_rig();
	assert_int_equal(add_access(3), 510);
	assert_int_equal(add_access(2), 0);
	close_rig();
}

static void text_needs_no_msrp_and_is_limited_too(void **state)
{
	(void)state;
	data_open(NULL, 1);
	assert_int_equal(add_access(1), 515);
	assert_int_equal(add_text(3), 510);
	assert_int_equal(add_text(2), 0);
	data_close();
}

static void no_channel_joins_a_line_that_workers_carry(void **state)
{
	struct iq_stream s = stream(2, "access", TEXT("2"), TEXT("2"));

	(void)state;
	data_open(NULL, 1);
	data_connect();
	assert_true(data_is_fast());
	assert_int_equal(data_apply(&R.wic.stream->term, &s, 1), 473);
	data_exchange(200);
	data_close();
}

static void another_answer_is_another_session(void **state)
{
	struct dp_msrp *leg;

	(void)state;
	open_rig();
	assert_int_equal(add_access(1), 0);
	assert_int_equal(add_core(PEER_AT("10.20.0.1", "9", "early")), 0);
	leg = R.core.stream->end->msrp;
	assert_int_equal(dp_msrp_starts(leg), 1);
	assert_int_equal(change_peer(PEER_AT("10.20.0.1", "9", "early")), 0);
	assert_int_equal(dp_msrp_starts(leg), 1);
	assert_int_equal(change_peer(PEER_AT("10.20.0.2", "9", "final")), 0);
	assert_int_equal(dp_msrp_starts(leg), 2);
	assert_int_equal(count(ctx_msrp_renewed), 1);
	assert_false(dp_msrp_is_ended(leg));
	close_rig();
}

static void connect_wic(void)
{
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	assert_int_equal(dp_dtls_state(R.wic.stream->access->dtls), DP_DTLS_UP);
	assert_non_null(R.wic.stream->access->data->sctp);
}

static struct dp_msrp *connected(void)
{
	assert_int_equal(add_access(1), 0);
	assert_int_equal(add_core(PEER_AT("10.20.0.1", "9", "s")), 0);
	connect_wic();
	assert_false(dp_msrp_is_ended(R.core.stream->end->msrp));
	return R.core.stream->end->msrp;
}

static void legs_end_with_dtls(void **state)
{
	struct dp_msrp *leg;

	(void)state;
	open_rig();
	leg = connected();
	dp_dtls_close(R.wic.d);
	data_settle();
	assert_int_equal(R.told_closed, 1);
	assert_true(dp_msrp_is_ended(leg));
	assert_null(R.wic.stream->access->data->sctp);
	assert_int_equal(change_peer(PEER_AT("10.20.0.2", "9", "late")), 0);
	assert_true(dp_msrp_is_ended(leg));	/* for good */
	assert_null(R.wic.stream->access->data->sctp);
	close_rig();
}

/* The call goes on when an ICE restart brings the client back: so does what it has joined (W2-ICE-12). */
static void legs_outlive_lost_consent(void **state)
{
	struct dp_msrp *leg;

	(void)state;
	open_rig();
	leg = connected();
	R.now += 31000;
	(void)gw_timers_run(&R.timers, R.now);
	assert_int_equal(count(ctx_consent_lost), 1);
	assert_false(dp_msrp_is_ended(leg));
	assert_non_null(R.wic.stream->access->data->sctp);
	close_rig();
}

/* What a message of the channel adds. */
static uint64_t text_taken(void)
{
	struct dp_flow_stats in = { 0 }, out = { 0 };

	assert_true(dp_text_message(R.core.stream, GW_SV("x")));
	dp_text_add_stats(dp_stream_peer(R.core.stream), &in, &out);
	return in.rx_packets;
}

static void text_ends_with_its_line(void **state)
{
	(void)state;
	data_open(NULL, 1);
	assert_int_equal(add_text(1), 0);
	assert_int_equal(add_core_text(), 0);
	connect_wic();
	assert_int_equal(text_taken(), 1);
	dp_dtls_close(R.wic.d);
	data_settle();
	assert_null(R.wic.stream->access->data->sctp);
	assert_int_equal(text_taken(), 1);
	data_close();
}

static int set_up(void **state)
{
	static const struct dp_sctp_limits limits = { .associations = 4, .streams = DP_CHANNEL_STREAMS, .mtu = 1150, .send_bytes = 65536,
		.receive_bytes = 65536, .message_max = 65536 };

	(void)state;
	return dp_sctp_init(&limits);
}

static int tear_down(void **state)
{
	(void)state;
	for (uint64_t now = R.now; dp_sctp_exit() == GW_ESTATE;)
		(void)dp_sctp_run(now += 1000);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_connects_only_to_where_peers_are),
		cmocka_unit_test(channels_of_a_context_are_limited),
		cmocka_unit_test(text_needs_no_msrp_and_is_limited_too),
		cmocka_unit_test(no_channel_joins_a_line_that_workers_carry),
		cmocka_unit_test(another_answer_is_another_session),
		cmocka_unit_test(legs_end_with_dtls),
		cmocka_unit_test(legs_outlive_lost_consent),
		cmocka_unit_test(text_ends_with_its_line),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, set_up, tear_down));
}
