/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-bench-memory EAL-OPTIONS -- CALLS cm80|gcm128|gcm128.small: what an established call takes in eimsagw. The gateway's own
 * tables, descriptions of a browser and a core, ICE checks, DTLS handshakes with peers in this process, who are gone before
 * the figures are taken; routes are known. Prints one JSON object.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <stun/usages/ice.h>

#include "dataplane/ctx/ctx_int.h"

#define FRAME_HEADERS 42	/* Ethernet, IPv4, UDP */
#define PEER_PWD "asd88fgpdd777uzjYhagZg"
#define FLOWS_A_CALL 2u
#define FLOWS_ROOM 40u		/* of the gateway's: so many that rings and the table of ports do not count */
#define AT_ONCE 16u		/* handshakes whose TLS state is not given back yet, as with a call every 60 ms */
#define SESSIONS_A_CALL 2u

struct peer {
	struct dp_dtls *dtls;
	struct gw_addr addr;
	struct dp_stream *access;
	struct rte_mbuf *out[16];
	unsigned n_out;
};

static struct bench {
	struct dp_ctx *ctx;
	struct dp_fast *fast;
	struct rte_mempool *pool;
	struct rte_ring *to, *from;
	struct dp_laddr laddrs[2];
	struct dp_realm realms[2];
	struct gw_timers timers;
	struct dp_ice_msg *ice;
	struct dp_dtls_ctx *ours, *theirs;
	struct dp_fingerprint their_fp;
	StunAgent agent;
	uint64_t now;
	size_t flow_bytes, session_bytes;
} b;

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "w2gw-bench-memory: %s failed\n", what);
	exit(1);
}

/* In the place of slow/neigh.c: everybody is a hop away. */
enum gw_err dp_neigh_route(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *remote, uint64_t now_ms,
	uint16_t *nexthop)
{
	(void)n, (void)laddr, (void)remote, (void)now_ms;
	*nexthop = 0;
	return GW_OK;
}

static void notify(void *user, struct dp_term *t, struct dp_stream *s, enum iq_name event, const struct iq_param *params,
	unsigned n_params)
{
	(void)user, (void)t, (void)s, (void)event, (void)params, (void)n_params;
}

static uint32_t some_number(void)
{
	return (uint32_t)random();
}

static size_t huge_bytes(void)
{
	struct rte_malloc_socket_stats s;

	return rte_malloc_get_socket_stats((int)rte_socket_id(), &s) ? 0 : s.heap_allocsz_bytes;
}

static size_t rss_bytes(void)
{
	long pages = 0, all;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- the gateway ---------------------------------------------------------------------------------------- */

static void make_port(uint16_t *out)
{
	struct rte_eth_conf conf = { 0 };
	int port;

	b.to = rte_ring_create("to", 256, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	b.from = rte_ring_create("from", 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	check(b.to && b.from, "a ring");
	port = rte_eth_from_rings("port", &b.to, 1, &b.from, 1, 0);
	check(port >= 0 && rte_eth_dev_configure((uint16_t)port, 1, 1, &conf) == 0 &&
		rte_eth_rx_queue_setup((uint16_t)port, 0, 512, 0, NULL, b.pool) == 0 &&
		rte_eth_tx_queue_setup((uint16_t)port, 0, 512, 0, NULL) == 0 && rte_eth_dev_start((uint16_t)port) == 0,
		"a port of rings");
	*out = (uint16_t)port;
}

static void make_fast(unsigned calls, bool is_cm_only, enum dp_gcm_tables tables, uint16_t *port)
{
	static const unsigned lcore = 0;
	struct dp_srtp_burst_conf e = { .workers = 1, .max_sessions = calls * 3 + 64, .is_cm_only = is_cm_only,
		.gcm_tables = tables };
	struct dp_fast_conf f = { .workers = 1, .lcores = &lcore, .ethdevs = port, .n_ethdevs = 1, .laddrs = b.laddrs,
		.n_laddrs = 2, .max_flows = calls * FLOWS_ROOM, .srtp = &dp_srtp_burst, .pool = b.pool };
	struct dp_cmd hop = { .type = DP_CMD_NEXTHOP, .nexthop = { .nh = { .ethdev = *port, .is_valid = true } } };
	size_t before = huge_bytes();

	check(dp_srtp_burst_start(&e) == GW_OK, "the SRTP engine");
	b.session_bytes = (huge_bytes() - before) / e.max_sessions;
	before = huge_bytes();
	check(dp_fast_new(&b.fast, &f) == GW_OK && dp_cmd_send(b.fast, &hop) == GW_OK, "the fast path");
	b.flow_bytes = (huge_bytes() - before) / f.max_flows;
}

static void make_realm(unsigned i, const char *name, uint8_t net, uint16_t port)
{
	b.laddrs[i] = (struct dp_laddr){ .ip = { .family = 4, .b = { net, 0, 0, 10 } }, .ethdev = port };
	snprintf(b.realms[i].name, sizeof(b.realms[i].name), "%s", name);
	snprintf(b.realms[i].interface, sizeof(b.realms[i].interface), "%s0", name);
	b.realms[i].laddrs[0] = (uint16_t)i;
	b.realms[i].n_addrs = 1;
	check(dp_port_pool_new(&b.realms[i].pools[0], 10000, 60001, some_number) == GW_OK, "a port pool");
}

static void set_up(unsigned calls, enum dp_srtp_profile profile, enum dp_gcm_tables tables)
{
	static struct gw_log log;
	static const uint16_t no_attributes[] = { 0 };
	struct dp_dtls_conf dtls = { .profiles = { profile }, .n_profiles = 1, .mtu = 1200, .certificate_days = 1 };
	struct dp_ctx_conf c = { .timers = &b.timers, .log = &log, .srtp = &dp_srtp_burst, .laddrs = b.laddrs,
		.realms = b.realms, .n_realms = 2, .max_contexts = calls, .consent_timeout_ms = 30000, .replay_window = 128,
		.max_ssrc = 8, .tsc_hz = rte_get_tsc_hz(), .dtls_keep_ms = 60000, .ops = { .notify = notify } };
	uint16_t port;

	b.pool = rte_pktmbuf_pool_create("bench", 4095, 256, DP_MBUF_PRIV_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	check(b.pool != NULL, "taking memory");
	make_port(&port);
	make_realm(0, "access", 192, port);
	make_realm(1, "core", 10, port);
	make_fast(calls, profile == DP_SRTP_AES128_CM_SHA1_80, tables, &port);
	check(dp_dtls_ctx_new(&b.ours, &dtls, NULL) == GW_OK && dp_dtls_ctx_new(&b.theirs, &dtls, NULL) == GW_OK &&
		dp_dtls_ctx_fingerprint(b.theirs, DP_HASH_SHA256, &b.their_fp) == GW_OK && dp_ice_msg_new(&b.ice) == GW_OK,
		"DTLS and ICE");
	stun_agent_init(&b.agent, no_attributes, STUN_COMPATIBILITY_RFC5389,
		STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	c.fast = b.fast;
	c.pool = b.pool;
	c.dtls = b.ours;
	c.ice = b.ice;
	check(dp_ctx_new(&b.ctx, &c) == GW_OK, "the tables");
	b.now = 1000;
}

/* ---- a call -------------------------------------------------------------------------------------------------- */

static void put_fingerprint(struct gw_buf *t, const struct dp_fingerprint *fp)
{
	gw_buf_puts(t, "a=fingerprint:sha-256 ");
	for (unsigned i = 0; i < fp->len; i++)
		gw_buf_printf(t, "%s%02X", i ? ":" : "", fp->bytes[i]);
	gw_buf_puts(t, "\r\n");
}

#define CODECS "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n" \
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n"
#define EVENTS 5

/* As the eP-CSCF's of an audio call with Chromium. */
static void apply(struct dp_context *cx, struct iq_stream *s)
{
	static const enum iq_name wanted[EVENTS] = { IQ_EV_HANGTERM, IQ_EV_CAUSE, IQ_EV_BNC_CHANGE, IQ_EV_X_ICE, IQ_EV_X_DTLS };
	struct iq_item events[EVENTS] = { 0 };
	struct iq_cmd cmd = { .kind = IQ_ADD, .streams = s, .n_streams = 1, .has_events = true, .events = events,
		.n_events = EVENTS };
	struct gw_arena arena = GW_ARENA_INIT(1 << 20);
	struct dp_applied done;

	for (unsigned i = 0; i < EVENTS; i++)
		events[i].id = wanted[i];
	events[0].params[events[0].n_params++] = (struct iq_param){ .name = GW_SV("timerx"), .value = GW_SV("600") };
	if (dp_ctx_apply(b.ctx, cx, NULL, &cmd, &arena, b.now, &done)) {
		fprintf(stderr, "w2gw-bench-memory: %u %s\n", done.code, done.text);
		exit(1);
	}
	gw_arena_reset(&arena);
}

static void add_call(struct peer *p)
{
	char text[2048], addr[GW_ADDR_STR_BYTES];
	struct gw_buf t = gw_buf(text, sizeof(text)), a = gw_buf(addr, sizeof(addr));
	struct iq_stream s = iq_stream(1);
	struct dp_context *cx;

	gw_addr_put_ip(&a, &p->addr);
	check(dp_ctx_create(b.ctx, b.now, false, &cx) == GW_OK, "a context");
	s.realm = GW_SV("access");
	s.mode = IQ_MODE_SEND_RECEIVE;
	s.has_local = s.has_remote = true;
	s.local = GW_SV("v=0\r\nc=IN IP4 $\r\nm=audio $ UDP/TLS/RTP/SAVPF 111 0 8 126\r\n" CODECS "a=rtcp-mux\r\na=ice-ufrag:$\r\n"
			"a=ice-pwd:$\r\na=candidate:$\r\na=fingerprint:sha-256 $\r\na=setup:passive\r\n");
	gw_buf_printf(&t, "v=0\r\nc=IN IP4 %.*s\r\nm=audio %u UDP/TLS/RTP/SAVPF 111 0 8 126\r\n" CODECS
		"a=rtcp-mux\r\na=ice-ufrag:%04x\r\na=ice-pwd:" PEER_PWD "\r\n", GW_SV_FMT(gw_buf_sv(&a)), p->addr.port,
		p->addr.port);
	for (unsigned i = 0; i < 3; i++)
		gw_buf_printf(&t, "a=candidate:%u 1 udp 2122260223 %.*s %u typ host generation 0 network-id 1\r\n",
			(unsigned)some_number(), GW_SV_FMT(gw_buf_sv(&a)), p->addr.port + i);
	put_fingerprint(&t, &b.their_fp);
	gw_buf_puts(&t, "a=setup:active\r\n");
	s.remote = gw_buf_sv(&t);
	apply(cx, &s);
	p->access = cx->terms[0]->streams;

	s = iq_stream(1);
	s.realm = GW_SV("core");
	s.mode = IQ_MODE_SEND_RECEIVE;
	s.has_local = s.has_remote = true;
	s.local = GW_SV("v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 111 0 8 126\r\n" CODECS);
	s.remote = GW_SV("v=0\r\nc=IN IP4 10.30.0.20\r\nm=audio 49170 RTP/AVP 111 0 8 126\r\n" CODECS "a=rtcp:49171\r\n");
	apply(cx, &s);
}

/* ---- packets ---------------------------------------------------------------------------------------------- */

static void give(struct peer *p, enum dp_punt_class cls, const void *bytes, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(b.pool);

	check(m && n <= rte_pktmbuf_tailroom(m), "a packet");
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	*dp_punt_info(m) = (struct dp_punt_info){ .cls = cls, .cookie = dp_cookie(b.ctx, p->access), .src = p->addr };
	dp_ctx_input(b.ctx, m, b.now);
}

/* The worker's turns: commands done, acknowledgements read, what the gateway sent fetched. */
static unsigned turn(struct rte_mbuf **m, unsigned n)
{
	struct dp_event ev[32];
	unsigned k;

	for (unsigned i = 0; i < 4; i++)
		dp_worker_poll(b.fast, 0);
	while ((k = dp_event_poll(b.fast, ev, 32)))
		for (unsigned i = 0; i < k; i++)
			dp_ctx_event(b.ctx, &ev[i], b.now);
	return rte_ring_sc_dequeue_burst(b.from, (void **)m, n, NULL);
}

static void peer_send(void *user, struct gw_sv d)
{
	struct peer *p = user;
	struct rte_mbuf *m = rte_pktmbuf_alloc(b.pool);

	check(m && p->n_out < 16, "a packet of the peer");
	memcpy(rte_pktmbuf_append(m, (uint16_t)d.len), d.p, d.len);
	p->out[p->n_out++] = m;
}

static void send_check(struct peer *p)
{
	const struct dp_ice_cred *c = &p->access->access->ice.cred;
	StunTransactionId id;
	StunMessage msg;
	uint8_t buf[512];
	char user[64];
	size_t n;

	snprintf(user, sizeof(user), "%s:%04x", c->ufrag, p->addr.port);
	n = stun_usage_ice_conncheck_create(&b.agent, &msg, buf, sizeof(buf), (const uint8_t *)user, strlen(user),
		(const uint8_t *)c->pwd, strlen(c->pwd), true, true, 0x7e0000ff, 77, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
	check(n > 0, "a check");
	stun_message_id(&msg, id);
	stun_agent_forget_transaction(&b.agent, id);
	give(p, DP_PUNT_STUN, buf, n);
}

static void handshake(struct peer *p)
{
	struct dp_fingerprint fp;
	struct rte_mbuf *m[32];
	unsigned n;

	check(dp_dtls_new(&p->dtls, b.theirs, true, peer_send, p) == GW_OK &&
		dp_dtls_ctx_fingerprint(b.ours, DP_HASH_SHA256, &fp) == GW_OK &&
		dp_dtls_set_fingerprints(p->dtls, &fp, 1) == GW_OK && dp_dtls_start(p->dtls, b.now) == GW_OK, "a peer");
	for (unsigned rounds = 0; rounds < 10 && dp_dtls_state(p->access->access->dtls) != DP_DTLS_UP; rounds++) {
		for (unsigned i = 0; i < p->n_out; i++) {
			give(p, DP_PUNT_DTLS, rte_pktmbuf_mtod(p->out[i], void *), p->out[i]->data_len);
			rte_pktmbuf_free(p->out[i]);
		}
		p->n_out = 0;
		n = turn(m, 32);
		for (unsigned i = 0; i < n; i++) {
			const uint8_t *d = rte_pktmbuf_mtod_offset(m[i], uint8_t *, FRAME_HEADERS);

			if (*d >= 20 && *d < 64)
				(void)!dp_dtls_input(p->dtls, gw_sv(d, m[i]->data_len - FRAME_HEADERS), b.now);
			rte_pktmbuf_free(m[i]);
		}
	}
	check(dp_dtls_state(p->access->access->dtls) == DP_DTLS_UP && dp_dtls_state(p->dtls) == DP_DTLS_UP, "a handshake");
	while (p->n_out)
		rte_pktmbuf_free(p->out[--p->n_out]);
}

/* A receiver report: what shows the gateway that its last flight has arrived. */
static void report(struct peer *p)
{
	uint8_t rr[64] = { 0x80, 201, 0, 1, 1, 2, 3, 4 };
	struct dp_srtp_keys local, remote;
	struct dp_srtcp *srtcp;
	size_t n = 8;

	check(dp_dtls_keys(p->dtls, &local, &remote) == GW_OK && dp_srtcp_new(&srtcp, &local, &remote) == GW_OK &&
		dp_srtcp_protect(srtcp, rr, &n, sizeof(rr)) == GW_OK, "SRTCP");
	give(p, DP_PUNT_RTCP, rr, n);
	dp_srtcp_free(srtcp);
}

/* ---- the figures --------------------------------------------------------------------------------------------- */

static void fetch_all(void)
{
	struct rte_mbuf *m[32];
	unsigned n;

	while ((n = turn(m, 32)))
		for (unsigned i = 0; i < n; i++)
			rte_pktmbuf_free(m[i]);
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks;
}

static void establish(struct peer *p, unsigned i)
{
	p->addr = (struct gw_addr){ .family = 4, .b = { 198, 51, 100, (uint8_t)i }, .port = (uint16_t)(20000 + i % 40000) };
	add_call(p);
	send_check(p);
	handshake(p);
}

static void settle(struct peer *p)
{
	report(p);
	fetch_all();
	dp_dtls_free(p->dtls);
}

int main(int argc, char **argv)
{
	int n = rte_eal_init(argc, argv);
	size_t heap, rss, with_tls = 0, settled, slots, fast;
	unsigned calls, up = 0;
	const char *suite;
	struct peer *peers;

	check(n >= 0 && argc - n == 3 && atoi(argv[n + 1]) >= (int)AT_ONCE, "w2gw-bench-memory EAL-OPTIONS -- CALLS cm80|gcm128|gcm128.small");
	calls = (unsigned)atoi(argv[n + 1]);
	suite = argv[n + 2];
	set_up(calls, strcmp(suite, "cm80") == 0 ? DP_SRTP_AES128_CM_SHA1_80 : DP_SRTP_AEAD_AES_128_GCM,
		strcmp(suite, "gcm128.small") == 0 ? DP_GCM_SMALL : DP_GCM_LARGE);
	peers = calloc(calls, sizeof(*peers));
	check(peers != NULL, "taking memory");
	memset(peers, 1, calls * sizeof(*peers));
	memset(peers, 0, calls * sizeof(*peers));
	malloc_trim(0);
	heap = heap_bytes();
	rss = rss_bytes();
	for (unsigned i = 0; i < calls + AT_ONCE; i++) {
		if (i < calls)
			establish(&peers[i], i);
		if (i == AT_ONCE - 1)
			with_tls = heap_bytes() - heap;
		if (i >= AT_ONCE)
			settle(&peers[i - AT_ONCE]);
	}
	fetch_all();
	malloc_trim(0);
	settled = heap_bytes() - heap;
	for (unsigned i = 0; i < calls; i++)
		up += dp_dtls_state(peers[i].access->access->dtls) == DP_DTLS_UP;
	slots = sizeof(struct dp_context) + (b.ctx->by_id_mask + 1u) * sizeof(*b.ctx->by_id) / calls + 2 * sizeof(struct dp_term) + 2 * sizeof(struct dp_stream) + sizeof(struct dp_access);
	fast = FLOWS_A_CALL * b.flow_bytes + SESSIONS_A_CALL * b.session_bytes;
	printf("{\"calls\":%u,\"suite\":\"%s\",\"up\":%u,\"fast_bytes\":%zu,\"flow_bytes\":%zu,\"session_bytes\":%zu,"
	       "\"slot_bytes\":%zu,\"heap_bytes\":%.0f,\"handshake_bytes\":%.0f,\"rss_bytes\":%.0f,\"bytes_a_session\":%.0f}\n",
		calls, suite, up, fast, b.flow_bytes, b.session_bytes, slots, (double)settled / calls,
		/* half of what the two ends of a handshake hold */
		((double)with_tls / AT_ONCE - (double)settled / calls) / 2, ((double)rss_bytes() - (double)rss) / calls,
		(double)fast + (double)slots + (double)settled / calls);
	return up == calls ? 0 : 1;
}
