/* SPDX-License-Identifier: Apache-2.0 */
/* Source filters (F-18 to F-20), latches (F-14 to F-17), DSCP and ECN (F-26, F-48): threats M1, M2. */
#include "tests/unit/fast/rig.h"

#define CORE_PORT 30000
#define ACCESS_PORT 20000

static const struct gw_addr stranger = { .family = 4, .b = { 198, 51, 100, 66 }, .port = 6666 };

/* The two flows of a call, of which the core flow's source is what a test is about. */
struct call {
	struct dp_fast *f;
	struct dp_srtp_session *seal, *open, *far;
	struct dp_flow_spec core, access;
	dp_flow_id core_id, access_id;
	uint16_t seq;
};

static void call_up(struct call *c)
{
	*c = (struct call){ .f = gateway(1), .seal = session(1, true), .open = session(2, false), .far = session(2, true) };
	c->core = core_flow(CORE_PORT, c->seal);
	c->core.cookie = CORE_PORT;
	c->access = access_flow(ACCESS_PORT, c->open);
	c->access.out.local_port = CORE_PORT;
	set(c->f, &c->core_id, &c->core);
	set(c->f, &c->access_id, &c->access);
	c->core.reverse = c->access_id;
	c->access.reverse = c->core_id;
	set(c->f, &c->core_id, &c->core);
	set(c->f, &c->access_id, &c->access);
}

static void call_down(struct call *c)
{
	dp_fast_free(c->f);
	dp_srtp_burst.session_free(c->seal);
	dp_srtp_burst.session_free(c->open);
	dp_srtp_burst.session_free(c->far);
}

static void order(struct call *c, enum dp_latch latch)
{
	c->core.latch = latch;
	c->core.latch_order++;
	assert_int_equal(set(c->f, &c->core_id, &c->core).type, DP_EV_FLOW_SET);
}

/* @return whether it was sent on */
static bool passes(struct call *c, unsigned in, struct rte_mbuf *frame)
{
	struct rte_mbuf *m;

	give(in, frame);
	poll_all(c->f);
	m = take(!in);
	rte_pktmbuf_free(m);
	return m != NULL;
}

static bool from_core(struct call *c, const struct gw_addr *src)
{
	return passes(c, 1, framed(rtp(c->seq++, RTP_BYTES), 1, src, core_us, CORE_PORT));
}

static struct rte_mbuf *sealed(struct call *c)
{
	struct rte_mbuf *m = rtp(c->seq++, RTP_BYTES);
	enum dp_drop why;

	dp_srtp_burst.protect_burst(0, &m, &c->far, 1, &why);
	assert_int_equal(why, dp_drop_COUNT);
	return m;
}

/* Where the access side's media goes now; family 0: nowhere. */
static struct gw_addr sent_to(struct call *c)
{
	struct gw_addr a = { 0 };
	struct rte_mbuf *m;

	give(0, framed(sealed(c), 0, &peer, us, ACCESS_PORT));
	poll_all(c->f);
	m = take(1);
	if (m) {
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, 14);

		a = (struct gw_addr){ .family = 4, .port = rte_be_to_cpu_16(((const struct rte_udp_hdr *)(ip + 1))->dst_port) };
		memcpy(a.b, &ip->dst_addr, 4);
	}
	rte_pktmbuf_free(m);
	return a;
}

static bool is_sent_to(struct call *c, const struct gw_addr *to)
{
	struct gw_addr a = sent_to(c);

	return gw_addr_eq(&a, to);
}

static struct gw_addr with(const struct gw_addr *a, uint8_t last_byte, uint16_t port)
{
	struct gw_addr b = *a;

	b.b[a->family == 4 ? 3 : 15] = last_byte;
	b.port = port;
	return b;
}

static uint64_t filtered(struct call *c)
{
	struct dp_flow_stats s;

	assert_int_equal(dp_flow_stats_read(c->f, c->core_id, &s), GW_OK);
	assert_int_equal(s.filtered, drops(c->f, DP_DROP_SOURCE));
	return s.filtered;
}

static void a_prefix_lets_its_addresses_in(void **state)
{
	static const uint8_t prefixes[] = { 8, 24, 27, 32 };
	struct call c;

	(void)state;
	call_up(&c);
	for (unsigned i = 0; i < sizeof(prefixes); i++) {
		uint64_t before = filtered(&c);

		c.core.source_prefix = prefixes[i];
		set(c.f, &c.core_id, &c.core);
		for (unsigned last = 0; last < 64; last++) {
			struct gw_addr a = with(&core_peer, (uint8_t)last, (uint16_t)(1000 + last));

			assert_int_equal(from_core(&c, &a), prefixes[i] == 32 ? last == 1 : prefixes[i] == 27 ? last < 32 : true);
		}
		assert_int_equal(filtered(&c) - before, prefixes[i] == 32 ? 63 : prefixes[i] == 27 ? 32 : 0);
		assert_false(from_core(&c, &stranger));
	}
	call_down(&c);
}

static void a_prefix_of_ipv6_does_too(void **state)
{
	static const struct { uint8_t prefix, byte; bool is_in; } rows[] = { { 64, 15, true }, { 64, 8, true },
		{ 64, 7, false }, { 60, 7, true }, { 125, 15, false }, { 112, 15, true }, { 112, 13, false }, { 127, 14, false } };
	static const uint8_t us6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x10 };
	struct dp_srtp_session *open = session(2, false), *far = session(2, true);
	struct dp_fast *f = gateway(1);
	struct dp_flow_spec s = access_flow(ACCESS_PORT, open);
	dp_flow_id id = 0;

	(void)state;
	s.laddr = ACCESS6;
	s.source = peer6;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gw_addr a = peer6;
		struct rte_mbuf *m = rtp((uint16_t)i, RTP_BYTES);
		enum dp_drop why;

		s.source_prefix = rows[i].prefix;
		set(f, &id, &s);
		a.b[rows[i].byte] ^= 8;
		dp_srtp_burst.protect_burst(0, &m, &far, 1, &why);
		give(0, framed(m, 0, &a, us6, ACCESS_PORT));
		poll_all(f);
		m = take(1);
		assert_int_equal(m != NULL, rows[i].is_in);
		rte_pktmbuf_free(m);
	}
	dp_fast_free(f);
	dp_srtp_burst.session_free(open);
	dp_srtp_burst.session_free(far);
}

static void a_range_of_ports_is_what_it_says(void **state)
{
	static const struct { uint16_t first, last; bool with_address; } rows[] = { { 4000, 4003, true }, { 4002, 0, true },
		{ 4000, 4003, false }, { 3999, 4001, true } };
	struct call c;

	(void)state;
	call_up(&c);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t last = rows[i].last ? rows[i].last : rows[i].first;

		c.core.source.port = rows[i].first;
		c.core.source_port_last = rows[i].last;
		c.core.check_port = true;
		c.core.check_source = rows[i].with_address;
		set(c.f, &c.core_id, &c.core);
		for (uint16_t port = 3997; port < 4008; port++) {
			struct gw_addr here = with(&core_peer, 1, port), there = with(&stranger, 66, port);

			assert_int_equal(from_core(&c, &here), port >= rows[i].first && port <= last);
			assert_int_equal(from_core(&c, &there), !rows[i].with_address && port >= rows[i].first && port <= last);
		}
	}
	call_down(&c);
}

static void the_first_valid_packet_of_the_allowed_source_latches(void **state)
{
	struct gw_addr nated = with(&core_peer, 200, 47111);
	struct dp_event ev;
	struct rte_mbuf *m;
	struct call c;

	(void)state;
	call_up(&c);
	c.core.source_prefix = 24;
	order(&c, DP_LATCH_FIRST);
	/* what the description says is ignored until then (F-14) */
	assert_int_equal(sent_to(&c).family, 0);
	/* neither a stranger nor anything that is not RTP of the call teaches */
	assert_false(from_core(&c, &stranger));
	m = rtp(1, RTP_BYTES);
	rte_pktmbuf_mtod(m, uint8_t *)[1] = 96;	/* not negotiated */
	assert_false(passes(&c, 1, framed(m, 1, &nated, core_us, CORE_PORT)));
	m = rtp(1, RTP_BYTES);
	rte_pktmbuf_mtod(m, uint8_t *)[0] = 0x9f;	/* an extension beyond the end */
	memset(rte_pktmbuf_mtod_offset(m, uint8_t *, 72), 0xff, 4);
	assert_false(passes(&c, 1, framed(m, 1, &nated, core_us, CORE_PORT)));
	m = framed(rtp(1, RTP_BYTES), 1, &nated, core_us, CORE_PORT);
	rte_pktmbuf_mtod_offset(m, uint8_t *, 100)[0] ^= 1;	/* the checksum is wrong */
	assert_false(passes(&c, 1, m));
	m = rtp(1, 28);
	rte_pktmbuf_mtod(m, uint8_t *)[1] = 200;	/* RTCP */
	memset(rte_pktmbuf_mtod_offset(m, uint8_t *, 2), 0, 2);
	rte_pktmbuf_mtod_offset(m, uint8_t *, 3)[0] = 6;
	assert_false(passes(&c, 1, framed(m, 1, &nated, core_us, CORE_PORT)));
	c.core.is_open = false;
	set(c.f, &c.core_id, &c.core);
	assert_false(from_core(&c, &nated));	/* the gate is closed */
	c.core.is_open = true;
	set(c.f, &c.core_id, &c.core);
	assert_int_equal(sent_to(&c).family, 0);
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 0);
	/* this one does */
	assert_true(from_core(&c, &nated));
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 1);
	assert_int_equal(ev.type, DP_EV_LATCHED);
	assert_int_equal(ev.flow, c.core_id);
	assert_int_equal(ev.cookie, CORE_PORT);
	assert_true(gw_addr_eq(&ev.latched, &nated));
	assert_int_equal(ev.latch_order, c.core.latch_order);
	assert_true(is_sent_to(&c, &nated));
	/* from then on nobody else, and what the service core said before it knew changes nothing */
	assert_false(from_core(&c, &core_peer));
	nated.port++;
	assert_false(from_core(&c, &nated));
	nated.port--;
	set(c.f, &c.core_id, &c.core);
	set(c.f, &c.access_id, &c.access);
	assert_true(is_sent_to(&c, &nated));
	assert_false(from_core(&c, &core_peer));
	assert_true(from_core(&c, &nated));
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 0);
	/* a new order begins anew, and none is none */
	order(&c, DP_LATCH_FIRST);
	assert_int_equal(sent_to(&c).family, 0);
	assert_true(from_core(&c, &core_peer));
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 1);
	assert_true(is_sent_to(&c, &core_peer));
	c.core.latch = DP_LATCH_OFF;
	c.core.source_prefix = 0;
	set(c.f, &c.core_id, &c.core);
	assert_false(from_core(&c, &nated));
	call_down(&c);
}

static void a_latch_moves_once_when_told_to(void **state)
{
	struct gw_addr moved = with(&core_peer, 1, 4444), third = with(&core_peer, 9, 4000);
	struct dp_event ev;
	struct call c;

	(void)state;
	call_up(&c);
	c.core.source_prefix = 28;
	c.core.latched = core_peer;
	order(&c, DP_LATCH_AGAIN);
	for (unsigned i = 0; i < 3; i++) {	/* until then all stays as it was */
		assert_true(from_core(&c, &core_peer));
		assert_true(is_sent_to(&c, &core_peer));
		assert_false(from_core(&c, &stranger));
	}
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 0);
	assert_true(from_core(&c, &moved));	/* another port is another source */
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 1);
	assert_true(gw_addr_eq(&ev.latched, &moved));
	assert_true(is_sent_to(&c, &moved));
	assert_false(from_core(&c, &core_peer));
	assert_false(from_core(&c, &third));
	assert_true(is_sent_to(&c, &moved));
	order(&c, DP_LATCH_AGAIN);	/* from where it is now, not from what the service core took it to be */
	assert_true(from_core(&c, &moved));
	assert_true(is_sent_to(&c, &moved));
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 0);
	assert_true(from_core(&c, &third));
	assert_false(from_core(&c, &moved));
	assert_true(is_sent_to(&c, &third));
	call_down(&c);
}

/* With keys it is the tag that says who the peer is. */
static void srtp_latches_when_its_tag_verified(void **state)
{
	struct gw_addr nated = with(&peer, 77, 5077);
	struct dp_event ev[4];
	struct dp_flow_stats s;
	struct rte_mbuf *m;
	struct call c;

	(void)state;
	call_up(&c);
	c.access.latch = DP_LATCH_FIRST;
	c.access.check_source = c.access.check_port = false;
	set(c.f, &c.access_id, &c.access);
	assert_false(from_core(&c, &core_peer));	/* nobody is known to send it to */
	for (unsigned i = 0; i < 20; i++) {
		m = sealed(&c);
		rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len - 1)[0] ^= 1;
		assert_false(passes(&c, 0, framed(m, 0, &stranger, us, ACCESS_PORT)));
	}
	assert_int_equal(dp_event_poll(c.f, ev, 4), 0);
	assert_false(from_core(&c, &core_peer));
	/* two in one burst, both good: the first has it */
	m = sealed(&c);
	give(0, framed(m, 0, &nated, us, ACCESS_PORT));
	give(0, framed(sealed(&c), 0, &peer, us, ACCESS_PORT));
	poll_all(c.f);
	m = take(1);
	assert_non_null(m);
	rte_pktmbuf_free(m);
	assert_null(take(1));
	assert_int_equal(dp_event_poll(c.f, ev, 4), 1);
	assert_true(gw_addr_eq(&ev[0].latched, &nated));
	assert_int_equal(dp_flow_stats_read(c.f, c.access_id, &s), GW_OK);
	assert_int_equal(s.filtered, 1);
	assert_int_equal(s.auth_fail, 20);
	assert_true(from_core(&c, &core_peer));
	assert_false(passes(&c, 0, framed(sealed(&c), 0, &peer, us, ACCESS_PORT)));
	assert_true(passes(&c, 0, framed(sealed(&c), 0, &nated, us, ACCESS_PORT)));
	call_down(&c);
}

static struct rte_mbuf *report(void)
{
	struct rte_mbuf *m = rtp(0, 28);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	memset(p, 0, 28);
	p[0] = 0x80;
	p[1] = 200;
	p[3] = 6;
	return m;
}

/* F-16: by itself, on its own port. */
static void rtcp_latches_on_its_own_port(void **state)
{
	struct gw_addr nated = with(&core_peer, 1, 4001), other = with(&core_peer, 1, 4009);
	struct dp_event ev;
	struct call c;
	struct rte_mbuf *m;

	(void)state;
	call_up(&c);
	c.core.rtcp.local_port = CORE_PORT + 1;
	c.core.rtcp.source = with(&core_peer, 1, 4001);
	order(&c, DP_LATCH_FIRST);
	give(1, framed(report(), 1, &stranger, core_us, CORE_PORT + 1));
	m = report();
	rte_pktmbuf_mtod(m, uint8_t *)[3] = 7;	/* beyond the end */
	give(1, framed(m, 1, &nated, core_us, CORE_PORT + 1));
	poll_all(c.f);
	assert_int_equal(punts(c.f, CORE_PORT), 0);
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 0);
	for (unsigned i = 0; i < 3; i++) {
		give(1, framed(report(), 1, &nated, core_us, CORE_PORT + 1));
		give(1, framed(report(), 1, &other, core_us, CORE_PORT + 1));
		poll_all(c.f);
	}
	assert_int_equal(punts(c.f, CORE_PORT), 3);
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 1);
	assert_int_equal(ev.flow, c.core_id);
	assert_true(ev.is_rtcp);
	assert_true(gw_addr_eq(&ev.latched, &nated));
	assert_int_equal(sent_to(&c).family, 0);
	assert_true(from_core(&c, &core_peer));	/* RTP latches to what comes to its own port */
	assert_false(from_core(&c, &nated));
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 1);
	assert_false(ev.is_rtcp);
	assert_true(gw_addr_eq(&ev.latched, &core_peer));
	call_down(&c);
}

static unsigned reports_from(struct call *c, const struct gw_addr *src, uint16_t port)
{
	give(1, framed(report(), 1, src, core_us, port));
	poll_all(c->f);
	return punts(c->f, CORE_PORT);
}

/* The port of RTCP: reports by the filter and by an address of its own, no media, and it goes with its flow. */
static void the_port_of_rtcp_takes_reports_alone(void **state)
{
	struct gw_addr there = with(&core_peer, 9, 4001);
	struct dp_cmd del = { .type = DP_CMD_FLOW_DEL };
	struct dp_flow_spec other;
	dp_flow_id other_id = 0;
	struct dp_event ev;
	struct call c;

	(void)state;
	call_up(&c);
	c.core.rtcp.local_port = CORE_PORT + 1;
	c.core.rtcp.source = there;
	c.core.check_port = true;
	assert_int_equal(set(c.f, &c.core_id, &c.core).type, DP_EV_FLOW_SET);
	assert_int_equal(reports_from(&c, &there, CORE_PORT + 1), 1);
	assert_int_equal(reports_from(&c, &core_peer, CORE_PORT + 1), 0);
	assert_int_equal(reports_from(&c, &there, CORE_PORT), 0);
	assert_int_equal(reports_from(&c, &core_peer, CORE_PORT), 1);
	assert_true(from_core(&c, &core_peer));
	assert_false(passes(&c, 1, framed(rtp(c.seq++, RTP_BYTES), 1, &there, core_us, CORE_PORT + 1)));
	assert_int_equal(drops(c.f, DP_DROP_CLASS), 1);
	other = core_flow(CORE_PORT + 1, c.seal);
	assert_int_equal(set(c.f, &other_id, &other).type, DP_EV_NAK);
	other.local_port = CORE_PORT + 2;
	other.rtcp.local_port = CORE_PORT + 1;
	assert_int_equal(set(c.f, &other_id, &other).type, DP_EV_NAK);
	c.core.rtcp.local_port = 0;
	assert_int_equal(set(c.f, &c.core_id, &c.core).type, DP_EV_FLOW_SET);
	assert_int_equal(reports_from(&c, &there, CORE_PORT + 1), 0);
	c.core.rtcp.local_port = CORE_PORT + 1;
	assert_int_equal(set(c.f, &c.core_id, &c.core).type, DP_EV_FLOW_SET);
	del.flow = c.core_id;
	assert_int_equal(dp_cmd_send(c.f, &del), GW_OK);
	poll_all(c.f);
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 1);
	assert_int_equal(set(c.f, &other_id, &other).type, DP_EV_FLOW_SET);
	call_down(&c);
}

static void without_room_to_tell_it_nothing_is_learned(void **state)
{
	struct dp_cmd bad = { .type = DP_CMD_FLOW_DEL };
	struct dp_event ev;
	struct call c;
	unsigned n;

	(void)state;
	call_up(&c);
	order(&c, DP_LATCH_FIRST);
	bad.flow = c.core_id ^ UINT64_C(1) << 32;	/* refused, with an event */
	for (n = 0; n < 8191; n++) {
		assert_int_equal(dp_cmd_send(c.f, &bad), GW_OK);
		dp_worker_poll(c.f, 0);
	}
	assert_false(from_core(&c, &core_peer));
	for (n = 0; dp_event_poll(c.f, &ev, 1); n++)
		assert_int_equal(ev.type, DP_EV_NAK);
	assert_int_equal(n, 8191);
	assert_true(from_core(&c, &core_peer));
	assert_int_equal(dp_event_poll(c.f, &ev, 1), 1);
	assert_int_equal(ev.type, DP_EV_LATCHED);
	call_down(&c);
}

static struct rte_mbuf *with_tos(struct rte_mbuf *m, uint8_t tos)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);

	if (ip->version_ihl >> 4 == 6) {
		((struct rte_ipv6_hdr *)ip)->vtc_flow |= rte_cpu_to_be_32((uint32_t)tos << 20);
		return m;
	}
	ip->type_of_service = tos;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return m;
}

/* Of what left at the side, which must be a right IP packet. */
static uint8_t tos_of(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip;
	uint8_t tos;

	assert_non_null(m);
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
	if (ip->version_ihl >> 4 == 6) {
		tos = (uint8_t)(rte_be_to_cpu_32(((struct rte_ipv6_hdr *)ip)->vtc_flow) >> 20);
	} else {
		assert_int_equal(rte_ipv4_cksum(ip), 0);
		assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, ip + 1), 0);
		tos = ip->type_of_service;
	}
	rte_pktmbuf_free(m);
	return tos;
}

static void dscp_is_set_or_kept_and_ecn_goes_through(void **state)
{
	const struct gw_addr *const to[] = { &peer, &peer6 };
	struct dp_path path;
	struct call c;

	(void)state;
	call_up(&c);
	for (unsigned family = 0; family < 2; family++) {
		c.core.out.remote = *to[family];
		c.core.out.laddr = family ? ACCESS6 : ACCESS;
		for (unsigned tos = 0; tos < 256; tos += 7) {
			c.core.out.keep_dscp = tos & 1;
			set(c.f, &c.core_id, &c.core);
			for (unsigned ecn = 0; ecn < 4; ecn++) {
				uint8_t in = (uint8_t)((tos & 0xfc) | ecn);

				give(1, with_tos(framed(rtp(c.seq++, RTP_BYTES), 1, &core_peer, core_us, CORE_PORT), in));
				poll_all(c.f);
				assert_int_equal(tos_of(take(0)), tos & 1 ? in : (46 << 2 | ecn));
			}
		}
	}
	/* what the service core sends has what the path says, and a punted packet tells what it came with */
	path = c.core.out;
	path.remote = peer;
	path.laddr = ACCESS;
	for (unsigned keep = 0; keep < 2; keep++) {
		path.keep_dscp = keep;
		dp_tx_udp(c.f, rtp(0, 40), &path);
		poll_all(c.f);
		assert_int_equal(tos_of(take(0)), 46 << 2);
	}
	give(1, with_tos(framed(report(), 1, &core_peer, core_us, CORE_PORT), 0x89));
	poll_all(c.f);
	for (struct rte_mbuf *m; dp_punt_poll(c.f, &m, 1); rte_pktmbuf_free(m))
		assert_int_equal(dp_punt_info(m)->tos, 0x89);
	call_down(&c);
}

static void media_that_stops_is_seen_in_the_counters(void **state)
{
	struct dp_flow_stats a, b;
	struct call c;

	(void)state;
	call_up(&c);
	assert_true(from_core(&c, &core_peer));
	assert_int_equal(dp_flow_stats_read(c.f, c.core_id, &a), GW_OK);
	assert_true(a.last_rx_tsc <= rte_rdtsc() && a.last_rx_tsc > 0);
	/* none of these is media of the flow */
	give(1, framed(report(), 1, &core_peer, core_us, CORE_PORT));
	give(1, framed(rtp(c.seq++, RTP_BYTES), 1, &stranger, core_us, CORE_PORT));
	poll_all(c.f);
	assert_int_equal(punts(c.f, CORE_PORT), 1);
	assert_int_equal(dp_flow_stats_read(c.f, c.core_id, &b), GW_OK);
	assert_int_equal(b.last_rx_tsc, a.last_rx_tsc);
	assert_int_equal(b.tx_packets, a.tx_packets);
	/* comes in, but does not go out */
	c.core.out.remote.family = 0;
	set(c.f, &c.core_id, &c.core);
	assert_false(from_core(&c, &core_peer));
	assert_int_equal(dp_flow_stats_read(c.f, c.core_id, &b), GW_OK);
	assert_true(b.last_rx_tsc > a.last_rx_tsc);
	assert_int_equal(b.tx_packets, a.tx_packets);
	call_down(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_lets_its_addresses_in),
		cmocka_unit_test(a_prefix_of_ipv6_does_too),
		cmocka_unit_test(a_range_of_ports_is_what_it_says),
		cmocka_unit_test(the_first_valid_packet_of_the_allowed_source_latches),
		cmocka_unit_test(a_latch_moves_once_when_told_to),
		cmocka_unit_test(srtp_latches_when_its_tag_verified),
		cmocka_unit_test(rtcp_latches_on_its_own_port),
		cmocka_unit_test(the_port_of_rtcp_takes_reports_alone),
		cmocka_unit_test(without_room_to_tell_it_nothing_is_learned),
		cmocka_unit_test(dscp_is_set_or_kept_and_ecn_goes_through),
		cmocka_unit_test(media_that_stops_is_seen_in_the_counters),
	};

	rig_open();
	return rig_close(cmocka_run_group_tests(tests, NULL, NULL));
}
