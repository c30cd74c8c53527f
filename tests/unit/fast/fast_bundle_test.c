/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port that lines share (RFC 9143): by class, MID, SSRC and payload type each packet meets its line's gate; the core sees no MID, the
 * browser does.
 */
#include "tests/unit/fast/rig.h"

#define MID_EXT 4
#define AUDIO_PT 0
#define VIDEO_PT 96
#define BOTH_PT 100	/* of both lines: only a MID, or an SSRC that is known, tells */
#define AUDIO_PORT 30000
#define VIDEO_PORT 30002

struct lines {
	struct dp_fast *f;
	struct dp_srtp_session *open, *keep, *seal;
	struct dp_flow_spec audio, video;
	dp_flow_id audio_id, video_id;
	uint16_t seq;
};

static struct lines lines(void)
{
	struct lines l = { .f = gateway(1), .open = session(1, false), .keep = session(9, true), .seal = session(1, true) };

	l.audio = access_flow(20000, l.open);
	l.audio.srtp_kept = l.keep;
	l.audio.pt_mask[1] = UINT64_C(1) << (BOTH_PT - 64);
	l.audio.line = (struct dp_line){ .mid_ext = MID_EXT, .mid_len = 1, .mid = "0" };
	l.audio.out.local_port = AUDIO_PORT;
	set(l.f, &l.audio_id, &l.audio);
	l.video = access_flow(20000, l.open);
	l.video.is_srtp_lent = true;
	l.video.cookie = 77;
	l.video.pt_mask[0] = 0;
	l.video.pt_mask[1] = UINT64_C(1) << (VIDEO_PT - 64) | UINT64_C(1) << (BOTH_PT - 64);
	l.video.line = (struct dp_line){ .transport = l.audio_id, .mid_ext = MID_EXT, .mid_len = 5, .mid = "video" };
	l.video.out.local_port = VIDEO_PORT;
	assert_int_equal(set(l.f, &l.video_id, &l.video).type, DP_EV_FLOW_SET);
	return l;
}

static void end(struct lines *l)
{
	dp_fast_free(l->f);
	dp_srtp_burst.session_free(l->open);
	dp_srtp_burst.session_free(l->keep);
	dp_srtp_burst.session_free(l->seal);
}

/* With mid an extension of one byte's headers, "other" an element of another id beside it. */
static struct rte_mbuf *packet(struct lines *l, uint8_t pt, uint32_t ssrc, const char *mid, bool has_other)
{
	uint16_t n = mid ? (uint16_t)strlen(mid) : 0, words = (uint16_t)(((mid ? n + 1u : 0u) + (has_other ? 2u : 0u) + 3) / 4);
	uint16_t ext = mid || has_other ? (uint16_t)(4 + 4 * words) : 0;
	struct rte_mbuf *m = rtp(l->seq, RTP_BYTES + ext);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *), *e = p + 16;

	l->seq++;
	p[1] = pt;
	p[8] = (uint8_t)(ssrc >> 24);
	p[11] = (uint8_t)ssrc;
	if (ext) {
		p[0] |= 0x10;
		memset(p + 12, 0, ext);
		memcpy(p + 12, "\xbe\xde", 2);
		p[15] = (uint8_t)words;
		if (has_other) {
			*e++ = 7 << 4;
			*e++ = 1;
		}
		if (mid) {
			*e++ = (uint8_t)(MID_EXT << 4 | (n - 1));
			memcpy(e, mid, n);
		}
	}
	return m;
}

static void send_packet(struct lines *l, struct rte_mbuf *m, bool is_genuine)
{
	enum dp_drop why;

	dp_srtp_burst.protect_burst(0, &m, &l->seal, 1, &why);
	assert_int_equal(why, dp_drop_COUNT);
	if (!is_genuine)
		rte_pktmbuf_mtod(m, uint8_t *)[m->data_len - 1] ^= 1;
	give(0, framed(m, 0, &peer, us, 20000));
}

/* @return the port it left by, 0: it did not */
static uint16_t left_by(struct lines *l, unsigned bytes, bool has_ext)
{
	struct rte_mbuf *m;
	uint16_t port;

	poll_all(l->f);
	m = take(1);
	if (!m)
		return 0;
	port = (uint16_t)(rte_pktmbuf_mtod(m, uint8_t *)[34] << 8 | rte_pktmbuf_mtod(m, uint8_t *)[35]);
	assert_int_equal(m->data_len, HEADERS + bytes);
	assert_int_equal((rte_pktmbuf_mtod(m, uint8_t *)[HEADERS] & 0x10) != 0, has_ext);
	rte_pktmbuf_free(m);
	return port;
}

static uint16_t way_of(struct lines *l, uint8_t pt, uint32_t ssrc, const char *mid)
{
	send_packet(l, packet(l, pt, ssrc, mid, false), true);
	return left_by(l, RTP_BYTES, false);
}

static void mid_counts_most_then_ssrc_then_payload_type(void **state)
{
	struct lines l = lines();

	(void)state;
	assert_int_equal(way_of(&l, AUDIO_PT, 1, NULL), AUDIO_PORT);
	assert_int_equal(way_of(&l, VIDEO_PT, 2, NULL), VIDEO_PORT);
	assert_int_equal(way_of(&l, BOTH_PT, 3, NULL), 0);
	assert_int_equal(drops(l.f, DP_DROP_LINE), 1);
	assert_int_equal(way_of(&l, BOTH_PT, 2, NULL), VIDEO_PORT);	/* an SSRC that is known */
	assert_int_equal(way_of(&l, BOTH_PT, 3, "video"), VIDEO_PORT);
	assert_int_equal(way_of(&l, BOTH_PT, 3, NULL), VIDEO_PORT);
	assert_int_equal(way_of(&l, BOTH_PT, 3, "0"), AUDIO_PORT);	/* it moves */
	assert_int_equal(way_of(&l, BOTH_PT, 3, NULL), AUDIO_PORT);
	assert_int_equal(way_of(&l, VIDEO_PT, 3, NULL), 0);	/* not of its line */
	assert_int_equal(drops(l.f, DP_DROP_PAYLOAD_TYPE), 1);
	assert_int_equal(way_of(&l, AUDIO_PT, 1, "x"), 0);
	assert_int_equal(drops(l.f, DP_DROP_LINE), 2);
	end(&l);
}

static void what_does_not_authenticate_teaches_nothing(void **state)
{
	struct lines l = lines();

	(void)state;
	send_packet(&l, packet(&l, BOTH_PT, 5, "video", false), false);
	assert_int_equal(left_by(&l, RTP_BYTES, false), 0);
	assert_int_equal(drops(l.f, DP_DROP_SRTP_AUTH), 1);
	assert_int_equal(way_of(&l, BOTH_PT, 5, NULL), 0);
	assert_int_equal(drops(l.f, DP_DROP_LINE), 1);
	end(&l);
}

static void only_the_mid_is_taken_out_of_an_extension(void **state)
{
	struct lines l = lines();
	struct rte_mbuf *m = packet(&l, VIDEO_PT, 2, "video", true);
	uint16_t bytes = m->data_len;

	(void)state;
	send_packet(&l, m, true);
	assert_int_equal(left_by(&l, bytes, true), VIDEO_PORT);
	end(&l);
}

static void each_line_has_gate_and_statistics_of_its_own(void **state)
{
	struct lines l = lines();
	struct dp_flow_stats a, v;

	(void)state;
	l.video.is_open = false;
	set(l.f, &l.video_id, &l.video);
	assert_int_equal(way_of(&l, AUDIO_PT, 1, NULL), AUDIO_PORT);
	assert_int_equal(way_of(&l, VIDEO_PT, 2, NULL), 0);
	assert_int_equal(dp_flow_stats_read(l.f, l.audio_id, &a), GW_OK);
	assert_int_equal(dp_flow_stats_read(l.f, l.video_id, &v), GW_OK);
	assert_int_equal(a.rx_packets, 1);
	assert_int_equal(a.gated, 0);
	assert_int_equal(v.rx_packets, 0);
	assert_int_equal(v.gated, 1);
	end(&l);
}

/* More SSRCs than are noted: the oldest is found by its payload type again. */
static void more_ssrcs_than_are_noted(void **state)
{
	struct lines l = lines();

	(void)state;
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t ssrc = 1; ssrc <= 8; ssrc++)
			assert_int_equal(way_of(&l, ssrc & 1 ? AUDIO_PT : VIDEO_PT, ssrc, NULL), ssrc & 1 ? AUDIO_PORT : VIDEO_PORT);
	end(&l);
}

static struct dp_event del(struct dp_fast *f, dp_flow_id id)
{
	struct dp_cmd cmd = { .type = DP_CMD_FLOW_DEL, .flow = id };
	struct dp_event ev;

	assert_int_equal(dp_cmd_send(f, &cmd), GW_OK);
	poll_all(f);
	assert_int_equal(dp_event_poll(f, &ev, 1), 1);
	assert_int_equal(ev.type, DP_EV_FLOW_GONE);
	return ev;
}

static void a_line_leaves_and_another_joins(void **state)
{
	struct lines l = lines();
	struct dp_event ev;

	(void)state;
	assert_int_equal(way_of(&l, VIDEO_PT, 2, NULL), VIDEO_PORT);
	ev = del(l.f, l.video_id);
	assert_null(ev.old_srtp);	/* it was lent */
	dp_flow_release(l.f, l.video_id);
	assert_int_equal(way_of(&l, VIDEO_PT, 2, NULL), 0);
	assert_int_equal(drops(l.f, DP_DROP_PAYLOAD_TYPE), 1);	/* the port is one line's again */
	assert_int_equal(way_of(&l, AUDIO_PT, 1, NULL), AUDIO_PORT);
	l.video_id = 0;
	set(l.f, &l.video_id, &l.video);
	assert_int_equal(way_of(&l, VIDEO_PT, 2, NULL), VIDEO_PORT);
	del(l.f, l.video_id);
	ev = del(l.f, l.audio_id);
	assert_ptr_equal(ev.old_srtp, l.open);
	assert_ptr_equal(ev.old_kept, l.keep);
	assert_int_equal(set(l.f, &l.video_id, &l.video).type, DP_EV_NAK);	/* nothing to join */
	end(&l);
}

static void give_class(uint8_t first, uint8_t second)
{
	struct rte_mbuf *m = rtp(0, 40);

	rte_pktmbuf_mtod(m, uint8_t *)[0] = first;
	rte_pktmbuf_mtod(m, uint8_t *)[1] = second;
	give(0, framed(m, 0, &peer, us, 20000));
}

/* What is not RTP is the transport's: the service core has one agent and one association for all. */
static void checks_and_handshakes_are_the_transports(void **state)
{
	struct lines l = lines();

	(void)state;
	give_class(0, 0);
	give_class(22, 0);
	give_class(0x80, 201);
	poll_all(l.f);
	assert_int_equal(punts(l.f, 20000), 3);
	end(&l);
}

/* DTLS is of the data line, whichever line has the port; RTP and RTCP are of media. */
static void a_data_line_has_the_handshakes(void **state)
{
	struct lines l = lines();
	struct dp_flow_spec data = { .kind = DP_FLOW_DATA, .laddr = ACCESS, .local_port = 20000, .source = peer, .check_source = true, .check_port = true,
		.is_open = true, .open_until_tsc = UINT64_MAX, .out_is_open = true, .out_until_tsc = UINT64_MAX, .cookie = 88, .line = { .transport = l.audio_id },
		.out = { .laddr = CORE, .local_port = 30004, .remote = core_peer, .nexthop = 1 } };
	dp_flow_id id = 0;

	(void)state;
	assert_int_equal(set(l.f, &id, &data).type, DP_EV_FLOW_SET);
	give_class(22, 0);
	poll_all(l.f);
	assert_int_equal(punts(l.f, 88), 1);
	give_class(0, 0);
	give_class(0x80, 201);
	poll_all(l.f);
	assert_int_equal(punts(l.f, 20000), 2);
	assert_int_equal(way_of(&l, VIDEO_PT, 2, NULL), VIDEO_PORT);
	assert_int_equal(way_of(&l, BOTH_PT, 3, "video"), VIDEO_PORT);
	del(l.f, id);
	give_class(22, 0);
	poll_all(l.f);
	assert_int_equal(punts(l.f, 20000), 1);
	end(&l);
}

/* The port is the data line's, sound has joined it: keys are given back with the port. */
static void media_joins_a_data_line(void **state)
{
	struct lines l = lines();
	struct dp_flow_spec data = { .kind = DP_FLOW_DATA, .laddr = ACCESS, .local_port = 20002, .source = peer, .check_source = true, .check_port = true,
		.is_open = true, .open_until_tsc = UINT64_MAX, .out_is_open = true, .out_until_tsc = UINT64_MAX, .cookie = 88 };
	struct dp_srtp_session *open = session(1, false), *keep = session(2, true);
	dp_flow_id id = 0, audio = 0;
	struct dp_event ev;
	struct rte_mbuf *m;
	enum dp_drop why;

	(void)state;
	data.srtp = open;
	data.srtp_kept = keep;
	set(l.f, &id, &data);
	l.audio.local_port = 20002;
	l.audio.srtp = open;
	l.audio.srtp_kept = NULL;
	l.audio.is_srtp_lent = true;
	l.audio.line.transport = id;
	l.audio.cookie = 77;
	assert_int_equal(set(l.f, &audio, &l.audio).type, DP_EV_FLOW_SET);
	m = packet(&l, AUDIO_PT, 1, NULL, false);
	dp_srtp_burst.protect_burst(0, &m, &l.seal, 1, &why);
	give(0, framed(m, 0, &peer, us, 20002));
	assert_int_equal(left_by(&l, RTP_BYTES, false), AUDIO_PORT);
	m = rtp(0, 40);
	rte_pktmbuf_mtod(m, uint8_t *)[1] = 201;
	give(0, framed(m, 0, &peer, us, 20002));
	poll_all(l.f);
	assert_int_equal(punts(l.f, 77), 1);
	ev = del(l.f, audio);
	assert_null(ev.old_srtp);
	ev = del(l.f, id);
	assert_ptr_equal(ev.old_srtp, open);
	assert_ptr_equal(ev.old_kept, keep);
	dp_srtp_burst.session_free(open);
	dp_srtp_burst.session_free(keep);
	end(&l);
}

/* What went to the browser for a packet of the core; 0: nothing. @return bytes of RTP, in clear */
static unsigned stamped(struct lines *l, struct rte_mbuf *m, uint8_t *rtp_bytes)
{
	struct rte_mbuf *out;
	enum dp_drop why;
	unsigned n;

	give(1, framed(m, 1, &core_peer, core_us, AUDIO_PORT));
	poll_all(l->f);
	out = take(0);
	if (!out)
		return 0;
	rte_pktmbuf_adj(out, HEADERS);
	dp_srtp_burst.unprotect_burst(0, &out, &l->open, 1, &why);
	assert_int_equal(why, dp_drop_COUNT);
	n = out->data_len;
	memcpy(rtp_bytes, rte_pktmbuf_mtod(out, uint8_t *), n);
	rte_pktmbuf_free(out);
	return n;
}

static void packets_to_the_browser_bear_their_mid(void **state)
{
	struct lines l = lines();
	struct dp_flow_spec core = core_flow(AUDIO_PORT, l.seal);
	uint8_t b[2048];
	dp_flow_id id = 0;

	(void)state;
	core.is_srtp_lent = true;
	set(l.f, &id, &core);
	assert_int_equal(stamped(&l, rtp(1, RTP_BYTES), b), RTP_BYTES);
	core.reverse = l.audio_id;
	core.line.mid_ext = MID_EXT;
	set(l.f, &id, &core);
	assert_int_equal(stamped(&l, rtp(2, RTP_BYTES), b), RTP_BYTES + 8);
	assert_int_equal(b[0], 0x90);
	assert_memory_equal(b + 12, "\xbe\xde\0\1\x40" "0\0\0", 8);
	/* as large as the MTU takes: there is no room for it, and it goes without */
	assert_int_equal(stamped(&l, rtp(3, 1500 - 28 - 10), b), 1500 - 28 - 10);
	assert_int_equal(b[0], 0x80);
	del(l.f, id);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mid_counts_most_then_ssrc_then_payload_type),
		cmocka_unit_test(what_does_not_authenticate_teaches_nothing),
		cmocka_unit_test(only_the_mid_is_taken_out_of_an_extension),
		cmocka_unit_test(each_line_has_gate_and_statistics_of_its_own),
		cmocka_unit_test(more_ssrcs_than_are_noted),
		cmocka_unit_test(a_line_leaves_and_another_joins),
		cmocka_unit_test(checks_and_handshakes_are_the_transports),
		cmocka_unit_test(a_data_line_has_the_handshakes),
		cmocka_unit_test(media_joins_a_data_line),
		cmocka_unit_test(packets_to_the_browser_bear_their_mid),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
