/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's turn on bursts of DTLS records that lie ready on its ring: opened with one leg's keys, sealed with the
 * other's, out. Records are made, and what came out is opened and compared, outside the timed part, by an engine session
 * that has the peer's end of the keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_udp.h>

#include "bench/datachannel/bench.h"
#include "dataplane/fast/api.h"

#define BURSTS 64u
#define HEADERS 42u
#define PORT_FIRST 10000u
#define GENERATOR 1u	/* worker id of the peers at the record engine */
#define POOL_SIZE 16383u

enum { IN, OUT, SIDES };

struct pair {
	struct dp_record_session *ours[SIDES], *theirs[SIDES];
};

static struct {
	struct rte_mempool *pool;
	struct rte_ring *to, *from;
	uint16_t ethdev;
	struct rte_ether_addr mac;
	struct dp_fast *fast;
	struct pair *pairs;
	unsigned n_pairs;
	uint16_t bytes;
} b;

static const struct gw_addr us[SIDES] = { { .family = 4, .b = { 192, 0, 2, 10 } }, { .family = 4, .b = { 10, 0, 0, 10 } } },
	them[SIDES] = { { .family = 4, .b = { 192, 0, 2, 1 }, .port = 5000 }, { .family = 4, .b = { 10, 0, 0, 1 }, .port = 5000 } };

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "w2gw-bench-data: %s failed\n", what);
	exit(1);
}

static uint16_t port_of(unsigned pair)
{
	return (uint16_t)(PORT_FIRST + pair);
}

/* ---- set-up ------------------------------------------------------------------------------------------------ */

static void make_port(void)
{
	struct rte_eth_conf conf = { 0 };
	int port;

	b.to = rte_ring_create("to", 4096, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
	b.from = rte_ring_create("from", 4096, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
	check(b.to && b.from, "a ring");
	port = rte_eth_from_rings("port", &b.to, 1, &b.from, 1, rte_socket_id());
	check(port >= 0 && rte_eth_dev_configure((uint16_t)port, 1, 1, &conf) == 0 &&
		rte_eth_rx_queue_setup((uint16_t)port, 0, 512, rte_socket_id(), NULL, b.pool) == 0 &&
		rte_eth_tx_queue_setup((uint16_t)port, 0, 512, rte_socket_id(), NULL) == 0 &&
		rte_eth_dev_start((uint16_t)port) == 0 && rte_eth_macaddr_get((uint16_t)port, &b.mac) == 0, "a port of rings");
	b.ethdev = (uint16_t)port;
}

static void make_gateway(void)
{
	static const unsigned lcore = 0;
	const struct dp_laddr laddrs[SIDES] = { { us[IN], b.ethdev, 0 }, { us[OUT], b.ethdev, 0 } };
	struct dp_fast_conf f = { .workers = 1, .lcores = &lcore, .ethdevs = &b.ethdev, .n_ethdevs = 1, .laddrs = laddrs,
		.n_laddrs = SIDES, .max_flows = 2 * b.n_pairs + 2, .srtp = &dp_srtp_burst, .records = &dp_record_burst, .pool = b.pool };
	struct dp_cmd hop = { .type = DP_CMD_NEXTHOP, .nexthop = { .nh = { .ethdev = b.ethdev, .is_valid = true } } };

	check(dp_fast_new(&b.fast, &f) == GW_OK && dp_cmd_send(b.fast, &hop) == GW_OK, "the fast path");
}

/* One association: our end and the peer's. */
static void make_keys(struct pair *p, unsigned side, unsigned seed, uint8_t key_bytes)
{
	struct dp_record_keys ours = { .key_bytes = key_bytes, .epoch = 1 }, theirs;

	for (unsigned i = 0; i < DP_RECORD_KEY_MAX; i++) {
		ours.tx_key[i] = (uint8_t)(seed * 2654435761u >> (i & 15)) ^ (uint8_t)side;
		ours.rx_key[i] = (uint8_t)~ours.tx_key[i];
	}
	theirs = ours;
	memcpy(theirs.tx_key, ours.rx_key, sizeof(ours.rx_key));
	memcpy(theirs.rx_key, ours.tx_key, sizeof(ours.tx_key));
	check(dp_record_burst.session_new(&p->ours[side], &ours) == GW_OK &&
		dp_record_burst.session_new(&p->theirs[side], &theirs) == GW_OK, "a session");
}

static void make_pair(unsigned i, uint8_t key_bytes)
{
	struct pair *p = &b.pairs[i];
	struct dp_cmd c = { .type = DP_CMD_FLOW_SET };
	struct dp_event ev;

	make_keys(p, IN, 2 * i, key_bytes);
	make_keys(p, OUT, 2 * i + 1, key_bytes);
	c.spec = (struct dp_flow_spec){ .kind = DP_FLOW_DATA, .laddr = IN, .local_port = port_of(i), .source = them[IN],
		.check_source = true, .check_port = true, .is_open = true, .open_until_tsc = UINT64_MAX, .out_is_open = true,
		.out_until_tsc = UINT64_MAX, .open = p->ours[IN], .seal = p->ours[OUT],
		.out = { .laddr = OUT, .local_port = port_of(i), .remote = them[OUT] } };
	check(dp_flow_alloc(b.fast, c.spec.local_port, &c.flow) == GW_OK && dp_cmd_send(b.fast, &c) == GW_OK, "a flow");
	dp_worker_poll(b.fast, 0);
	while (dp_event_poll(b.fast, &ev, 1))
		check(ev.type == DP_EV_FLOW_SET, "a flow's making");
}

/* ---- packets ------------------------------------------------------------------------------------------------ */

static void put_headers(struct rte_mbuf *m, unsigned pair)
{
	uint16_t len = (uint16_t)(m->data_len + sizeof(struct rte_udp_hdr));
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_prepend(m, HEADERS);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	*eth = (struct rte_ether_hdr){ .dst_addr = b.mac, .ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) };
	*ip = (struct rte_ipv4_hdr){ .version_ihl = 0x45, .time_to_live = 9, .next_proto_id = IPPROTO_UDP,
		.total_length = rte_cpu_to_be_16((uint16_t)(len + sizeof(*ip))) };
	memcpy(&ip->src_addr, them[IN].b, 4);
	memcpy(&ip->dst_addr, us[IN].b, 4);
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	*udp = (struct rte_udp_hdr){ rte_cpu_to_be_16(them[IN].port), rte_cpu_to_be_16(port_of(pair)), rte_cpu_to_be_16(len), 0 };
	m->port = b.ethdev;
}

static void make(struct rte_mbuf **m, unsigned first)
{
	for (unsigned i = 0; i < BURSTS * DP_BURST; i++) {
		unsigned pair = (first + i) % b.n_pairs;
		enum dp_drop why;
		char *p;

		check((m[i] = rte_pktmbuf_alloc(b.pool)) != NULL, "a buffer");
		p = rte_pktmbuf_append(m[i], b.bytes);
		memset(p, (int)(pair & 0x7f), b.bytes);
		dp_record_burst.seal_burst(GENERATOR, &m[i], &b.pairs[pair].theirs[IN], 1, &why);
		check(why == dp_drop_COUNT, "a record");
		put_headers(m[i], pair);
	}
}

/* Each is opened by the other side's peer. @return how many were right */
static unsigned take(void)
{
	struct rte_mbuf *m;
	unsigned good = 0;

	while (rte_ring_sc_dequeue(b.from, (void **)&m) == 0) {
		unsigned pair = (unsigned)rte_be_to_cpu_16(rte_pktmbuf_mtod_offset(m, struct rte_udp_hdr *, 34)->src_port) - PORT_FIRST;
		enum dp_drop why = DP_DROP_DTLS_RECORD;

		rte_pktmbuf_adj(m, HEADERS);
		if (pair < b.n_pairs)
			dp_record_burst.open_burst(GENERATOR, &m, &b.pairs[pair].theirs[OUT], 1, &why);
		good += why == dp_drop_COUNT && m->data_len == b.bytes && *rte_pktmbuf_mtod_offset(m, uint8_t *, b.bytes - 1) == (pair & 0x7f);
		rte_pktmbuf_free(m);
	}
	return good;
}

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, c = *(const double *)y;

	return a < c ? -1 : a > c;
}

int bench_relay(unsigned pairs, uint16_t bytes, uint8_t key_bytes, const char *device, unsigned rounds)
{
	struct dp_srtp_burst_conf engine = { .device = device, .workers = 2, .max_sessions = 64, .max_records = 4 * pairs };
	struct rte_mbuf *m[BURSTS * DP_BURST];
	double *cycles = calloc(rounds, sizeof(*cycles)), median;
	unsigned good = 0;

	b.n_pairs = pairs;
	b.bytes = bytes;
	b.pairs = calloc(pairs, sizeof(*b.pairs));
	b.pool = rte_pktmbuf_pool_create("bench", POOL_SIZE, 256, DP_MBUF_PRIV_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	check(cycles && b.pairs && b.pool, "taking memory");
	check(dp_srtp_burst_start(&engine) == GW_OK && dp_record_burst_start(2, engine.max_records) == GW_OK, "the engines");
	make_port();
	make_gateway();
	for (unsigned i = 0; i < pairs; i++)
		make_pair(i, key_bytes);
	for (unsigned r = 0; r < rounds; r++) {
		uint64_t sum = 0, t;

		make(m, r * BURSTS * DP_BURST);
		for (unsigned i = 0; i < BURSTS; i++) {
			rte_ring_sp_enqueue_bulk(b.to, (void **)m + (size_t)i * DP_BURST, DP_BURST, NULL);
			t = rte_rdtsc();
			dp_worker_poll(b.fast, 0);
			sum += rte_rdtsc() - t;
		}
		cycles[r] = (double)sum / (BURSTS * DP_BURST);
		good += take();
	}
	qsort(cycles, rounds, sizeof(*cycles), ascending);
	median = cycles[rounds / 2];
	printf("{\"mode\":\"relay\",\"bytes\":%u,\"associations\":%u,\"sent\":%u,\"good\":%u,\"cycles\":%.1f,\"pps\":%.0f}\n", bytes,
		2 * pairs, rounds * BURSTS * DP_BURST, good, median, (double)rte_get_tsc_hz() / median);
	dp_fast_free(b.fast);
	dp_record_burst_stop();
	dp_srtp_burst_stop();
	free(b.pairs);
	free(cycles);
	return good != rounds * BURSTS * DP_BURST;
}
