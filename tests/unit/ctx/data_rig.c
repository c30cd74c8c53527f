/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ctx/data_rig.h"

#include <stdio.h>

#include <stun/usages/ice.h>

#define PEER_PWD "asd88fgpdd777uzjYhagZg"

struct data_rig R;
struct dp_msrp_set *data_msrp;

static struct dp_dtls_ctx *ours;
static struct dp_ice_msg *ice;
static StunAgent agent;
static struct dp_realm realms[2];
static const struct dp_laddr laddrs[] = { { .ip = { .family = 4, .b = { 192, 0, 2, 10 } } }, { .ip = { .family = 4, .b = { 10, 20, 0, 10 } } } };
static struct gw_log quiet;

/* In the place of slow/neigh.c: everybody is a hop away, on the port of the address. */
enum gw_err dp_neigh_route(struct dp_neigh *n, uint16_t laddr, const struct gw_addr *remote, uint64_t now_ms,
	uint16_t *nexthop)
{
	(void)n, (void)remote, (void)now_ms;
	*nexthop = laddr;
	return GW_OK;
}

static void notify(void *user, struct dp_term *t, struct dp_stream *s, enum iq_name event, const struct iq_param *params,
	unsigned n_params)
{
	(void)user, (void)t, (void)s;
	if (event == IQ_EV_X_DTLS && n_params)
		*(gw_sv_eq(params[0].value, GW_SV("up")) ? &R.told_up : &R.told_failed) += 1;
	if (event == IQ_EV_BNC_CHANGE && n_params && gw_sv_eq(params[0].value, GW_SV("RelUnexpected")))
		R.told_closed++;
}

static uint32_t some_number(void)
{
	static uint32_t n;

	return n += 7919;
}

/* ---- the peers ------------------------------------------------------------------------------------------ */

static void end_send(void *user, struct gw_sv d)
{
	struct data_end *e = user;

	if (!e->keeps_out) {
		data_inject(e, e->addr, d.p, d.len);
		return;
	}
	assert_in_range(e->n_out, 0, GOT_MAX - 1);
	e->out[e->n_out] = rte_pktmbuf_alloc(pool);
	memcpy(rte_pktmbuf_append(e->out[e->n_out++], (uint16_t)d.len), d.p, d.len);
}

static void end_take(void *user, struct gw_sv packet)
{
	struct data_end *e = user;

	assert_in_range(e->n_got, 0, GOT_MAX - 1);
	memcpy(e->got[e->n_got].b, packet.p, packet.len);
	e->got[e->n_got++].len = packet.len;
}

static void end_open(struct data_end *e, const char *suite, bool is_client)
{
	static const struct dp_dtls_conf conf = { .profiles = { DP_SRTP_AEAD_AES_128_GCM }, .n_profiles = 1, .mtu = 1200,
		.certificate_days = 1 };
	struct dp_fingerprint fp;

	assert_int_equal(dp_dtls_ctx_new(&e->ctx, &conf, NULL), GW_OK);
	if (suite)
		assert_int_equal(SSL_CTX_set_cipher_list(e->ctx->ssl_ctx, suite), 1);
	assert_int_equal(dp_dtls_new(&e->d, e->ctx, is_client, end_send, e), GW_OK);
	dp_dtls_set_data(e->d, end_take);
	assert_int_equal(dp_dtls_ctx_fingerprint(ours, DP_HASH_SHA256, &fp), GW_OK);
	assert_int_equal(dp_dtls_set_fingerprints(e->d, &fp, 1), GW_OK);
}

void data_renew(struct data_end *e, const char *suite, bool is_client)
{
	dp_dtls_free(e->d);
	dp_dtls_ctx_free(e->ctx);
	e->n_got = 0;
	end_open(e, suite, is_client);
}

void data_inject(struct data_end *e, const struct gw_addr *from, const void *bytes, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	give(e->dev, framed(m, e->dev, from, e->dst, e->port));
}

void data_check(void)
{
	const struct dp_ice_cred *c = &R.wic.stream->access->ice.cred;
	StunTransactionId id;
	StunMessage msg;
	uint8_t buf[512];
	char user[64];
	size_t n;

	snprintf(user, sizeof(user), "%s:wicu", c->ufrag);
	n = stun_usage_ice_conncheck_create(&agent, &msg, buf, sizeof(buf), (const uint8_t *)user, strlen(user),
		(const uint8_t *)c->pwd, strlen(c->pwd), true, true, 0x7e0000ff, 77, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
	assert_true(n > 0);
	stun_message_id(&msg, id);
	stun_agent_forget_transaction(&agent, id);
	data_inject(&R.wic, R.wic.addr, buf, n);
}

void data_send(struct data_end *e, uint16_t n)
{
	char b[2048];

	for (unsigned i = 0; i < n; i++)
		b[i] = (char)(i * 3 + n);
	assert_int_equal(dp_dtls_write(e->d, gw_sv(b, n)), GW_OK);
}

void data_expect(const struct data_end *e, unsigned n_got, uint16_t n)
{
	assert_int_equal(e->n_got, n_got);
	assert_int_equal(e->got[n_got - 1].len, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(e->got[n_got - 1].b[i], (uint8_t)(i * 3 + n));
}

/* ---- what is under way ---------------------------------------------------------------------------------- */

static bool events(void)
{
	struct dp_event ev[32];
	unsigned n = dp_event_poll(R.fast, ev, 32);

	for (unsigned i = 0; i < n; i++)
		dp_ctx_event(R.ctx, &ev[i], R.now);
	return n;
}

static bool punted(void)
{
	struct rte_mbuf *m;
	bool any = false;

	while (dp_punt_poll(R.fast, &m, 1)) {
		dp_ctx_input(R.ctx, m, R.now);
		any = true;
	}
	return any;
}

static bool arrive(struct data_end *e)
{
	struct rte_mbuf *m;
	bool any = false;

	while ((m = take(e->dev))) {
		const char *d = rte_pktmbuf_mtod_offset(m, const char *, HEADERS);

		any = true;
		if (*d >= 20 && *d < 64) {
			e->datagrams++;
			(void)!dp_dtls_input(e->d, gw_sv(d, m->data_len - HEADERS), R.now);
		}
		rte_pktmbuf_free(m);
	}
	return any;
}

void data_commands(void)
{
	do
		poll_all(R.fast);
	while (events());
}

void data_settle(void)
{
	bool more;

	do {
		poll_all(R.fast);
		more = events();
		more |= punted();
		poll_all(R.fast);
		more |= arrive(&R.wic);
		more |= arrive(&R.core);
	} while (more);
}

void data_release(struct data_end *e)
{
	e->keeps_out = false;
	for (unsigned i = 0; i < e->n_out; i++) {
		data_inject(e, e->addr, rte_pktmbuf_mtod(e->out[i], void *), e->out[i]->data_len);
		rte_pktmbuf_free(e->out[i]);
	}
	e->n_out = 0;
	data_settle();
}

bool data_is_fast(void)
{
	return R.wic.stream->records && R.wic.stream->records->is_in_use && R.core.stream->records &&
		R.core.stream->records->is_in_use;
}

/* ---- the gateway ---------------------------------------------------------------------------------------- */

unsigned data_apply(struct dp_term **t, struct iq_stream *streams, unsigned n)
{
	struct iq_cmd cmd = { .kind = *t ? IQ_MODIFY : IQ_ADD, .streams = streams, .n_streams = n };
	struct gw_arena arena = GW_ARENA_INIT(1 << 20);
	struct dp_applied done = { 0 };
	unsigned code = dp_ctx_apply(R.ctx, R.cx, *t, &cmd, &arena, R.now, &done) ? done.code : 0;

	if (!code)
		*t = done.term;
	gw_arena_reset(&arena);
	return code;
}

static struct dp_term *apply(struct dp_term *t, struct iq_stream *s)
{
	assert_int_equal(data_apply(&t, s, 1), 0);
	return t;
}

void data_put_fingerprint(struct gw_buf *t, const struct data_end *e)
{
	struct dp_fingerprint fp;

	assert_int_equal(dp_dtls_ctx_fingerprint(e->ctx, DP_HASH_SHA256, &fp), GW_OK);
	gw_buf_puts(t, "a=fingerprint:sha-256 ");
	for (unsigned i = 0; i < fp.len; i++)
		gw_buf_printf(t, "%s%02X", i ? ":" : "", fp.bytes[i]);
	gw_buf_puts(t, "\r\n");
}

static void add(struct data_end *e, const char *realm, const char *local, const char *remote)
{
	char text[2048];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct iq_stream s = iq_stream(1);
	struct dp_term *t;

	s.realm = gw_sv_cstr(realm);
	s.mode = IQ_MODE_SEND_RECEIVE;
	s.has_local = s.has_remote = true;
	s.local = gw_sv_cstr(local);
	gw_buf_puts(&b, remote);
	data_put_fingerprint(&b, e);
	s.remote = gw_buf_sv(&b);
	t = apply(NULL, &s);
	e->stream = t->streams;
	e->port = t->streams->port;
	data_commands();
}

#define HEAD "v=0\r\nc=IN IP4 $\r\nm=application $ UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n"

void data_add_access(void)
{
	add(&R.wic, "access", HEAD "a=max-message-size:262144\r\na=ice-ufrag:$\r\na=ice-pwd:$\r\na=candidate:$\r\n"
		"a=fingerprint:sha-256 $\r\na=setup:passive\r\n",
		"v=0\r\nc=IN IP4 192.0.2.1\r\nm=application 5000 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n"
		"a=ice-ufrag:wicu\r\na=ice-pwd:" PEER_PWD "\r\na=setup:active\r\n");
}

void data_add_core(const char *setup)
{
	char local[512], remote[512];
	bool we_start = strcmp(setup, "active") == 0;

	snprintf(local, sizeof(local), HEAD "a=fingerprint:sha-256 $\r\na=setup:%s\r\n", setup);
	snprintf(remote, sizeof(remote), "v=0\r\nc=IN IP4 10.20.0.1\r\nm=application 4000 UDP/DTLS/SCTP webrtc-datachannel\r\n"
		"a=sctp-port:5000\r\na=setup:%s\r\n", we_start ? "passive" : "active");
	add(&R.core, "core", local, remote);
}

void data_set_mode(enum data_side side, enum iq_mode mode)
{
	struct data_end *e = side == DATA_ACCESS ? &R.wic : &R.core;
	struct iq_stream s = iq_stream(1);

	s.mode = mode;
	apply(e->stream->term, &s);
	data_commands();
}

void data_police(enum data_side side, uint32_t rate, uint32_t burst)
{
	struct data_end *e = side == DATA_ACCESS ? &R.wic : &R.core;
	struct iq_stream s = iq_stream(1);

	s.pol = 1;
	s.sdr = (int64_t)rate;
	s.mbs = (int64_t)burst;
	apply(e->stream->term, &s);
	data_commands();
}

void data_subtract(enum data_side side)
{
	struct data_end *e = side == DATA_ACCESS ? &R.wic : &R.core;

	dp_ctx_subtract(R.ctx, e->stream->term, R.now);
	e->stream = NULL;
	data_settle();
}

static void make_realm(unsigned i, const char *name, uint16_t first)
{
	snprintf(realms[i].name, sizeof(realms[i].name), "%s", name);
	snprintf(realms[i].interface, sizeof(realms[i].interface), "%s0", name);
	realms[i].laddrs[0] = (uint16_t)i;
	realms[i].n_addrs = 1;
	assert_int_equal(dp_port_pool_new(&realms[i].pools[0], first, (uint16_t)(first + 199), some_number), GW_OK);
}

void data_open(const char *suite, uint16_t workers)
{
	static const uint16_t no_attributes[] = { 0 };
	static const struct dp_dtls_conf dtls = { .profiles = { DP_SRTP_AEAD_AES_128_GCM }, .n_profiles = 1, .mtu = 1200,
		.certificate_days = 1 };
	struct dp_ctx_conf c = { .timers = &R.timers, .log = &quiet, .srtp = &dp_srtp_burst, .records = &dp_record_burst,
		.laddrs = laddrs, .realms = realms, .n_realms = 2, .max_contexts = 4, .consent_timeout_ms = 30000,
		.has_sctp = true, .channels_per_context = 2, .replay_window = 128, .max_ssrc = 8, .tsc_hz = rte_get_tsc_hz(), .pool = pool, .ops = { .notify = notify } };

	memset(&R, 0, sizeof(R));
	R.now = 1000;
	R.fast = gateway(workers);
	make_realm(ACCESS, "access", 20000);
	make_realm(CORE, "core", 30000);
	assert_int_equal(dp_dtls_ctx_new(&ours, &dtls, NULL), GW_OK);
	assert_int_equal(dp_ice_msg_new(&ice), GW_OK);
	stun_agent_init(&agent, no_attributes, STUN_COMPATIBILITY_RFC5389,
		STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	if (data_msrp) {
		static const struct dp_prefix peers = { { .family = 4, .b = { 10, 20, 0, 0 } }, 24 };

		realms[CORE].msrp_peers = &peers;
		realms[CORE].n_msrp_peers = 1;
		c.msrp = data_msrp;
		c.msrp_address = (struct gw_addr){ .family = 4, .b = { 127, 0, 0, 1 } };
	}
	c.fast = R.fast;
	c.dtls = ours;
	c.ice = ice;
	assert_int_equal(dp_ctx_new(&R.ctx, &c), GW_OK);
	R.wic.addr = &peer;
	R.wic.dst = us;
	R.wic.dev = ACCESS;
	R.core.addr = &core_peer;
	R.core.dst = core_us;
	R.core.dev = CORE;
	end_open(&R.wic, suite, true);
	end_open(&R.core, suite, false);
	assert_int_equal(dp_ctx_create(R.ctx, R.now, false, &R.cx), GW_OK);
}

void data_connect(void)
{
	data_add_access();
	data_add_core("active");
	data_check();
	data_settle();
	assert_int_equal(dp_dtls_start(R.wic.d, R.now), GW_OK);
	data_settle();
	assert_int_equal(dp_dtls_state(R.wic.stream->access->dtls), DP_DTLS_UP);
	assert_int_equal(dp_dtls_state(R.core.stream->access->dtls), DP_DTLS_UP);
	data_exchange(100);
	assert_int_equal(R.core.n_got, 1);
	assert_int_equal(R.wic.n_got, 1);
}

void data_exchange(uint16_t n)
{
	data_send(&R.wic, n);
	data_settle();
	data_expect(&R.core, R.core.n_got, n);
	data_send(&R.core, (uint16_t)(n + 1));
	data_settle();
	data_expect(&R.wic, R.wic.n_got, (uint16_t)(n + 1));
}

static void end_close(struct data_end *e)
{
	while (e->n_out)
		rte_pktmbuf_free(e->out[--e->n_out]);
	dp_dtls_free(e->d);
	dp_dtls_ctx_free(e->ctx);
}

void data_close(void)
{
	if (R.wic.stream)
		data_subtract(DATA_ACCESS);
	if (R.core.stream)
		data_subtract(DATA_CORE);
	data_settle();
	assert_int_equal(dp_ctx_flows(R.ctx), 0);
	assert_int_equal(dp_ctx_streams(R.ctx), 0);
	end_close(&R.wic);
	end_close(&R.core);
	dp_ctx_free(R.ctx);
	dp_ice_msg_free(ice);
	dp_dtls_ctx_free(ours);
	dp_port_pool_free(realms[0].pools[0]);
	dp_port_pool_free(realms[1].pools[0]);
	gw_timers_free(&R.timers);
	dp_fast_free(R.fast);
}
