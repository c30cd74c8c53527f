/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fast/rig.h"

#include <rte_eal.h>
#include <rte_eth_ring.h>


/* ---- allocations while a worker's turn runs ----------------------------------------------------- */

bool rig_in_turn;
unsigned rig_allocations;
unsigned rig_mallocs_to_fail;

/* Ours stand before the C library's, for shared libraries too: DPDK and libipsec-mb are counted. */
#ifdef RIG_COUNTS
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t m);
void *__libc_realloc(void *p, size_t n);

__attribute__((visibility("default"))) void *malloc(size_t n)
{
	rig_allocations += rig_in_turn;
	if (rig_mallocs_to_fail) {
		rig_mallocs_to_fail--;
		return NULL;
	}
	return __libc_malloc(n);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t m)
{
	rig_allocations += rig_in_turn;
	return __libc_calloc(n, m);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t n)
{
	rig_allocations += rig_in_turn;
	return __libc_realloc(p, n);
}
#endif

/* ---- a gateway of two ring ports ---------------------------------------------------------------- */

struct rte_mempool *pool;
static struct rte_ring *to[2], *from[2][WORKERS_MAX];
uint16_t ethdev[2];
const bool *rig_nic_sums;
const char *rig_device;

const struct gw_addr peer = { .family = 4, .b = { 192, 0, 2, 1 }, .port = 5000 };
const struct gw_addr core_peer = { .family = 4, .b = { 10, 20, 0, 1 }, .port = 4000 };
const struct gw_addr peer6 = { .family = 6, .b = { 0x20, 1, 0xd, 0xb8, [15] = 1 }, .port = 5000 };

static void make_ports(void)
{
	struct rte_eth_conf conf = { 0 };

	for (unsigned d = 0; d < 2; d++) {
		char name[16];
		int port;

		snprintf(name, sizeof(name), "to%u", d);
		to[d] = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		for (unsigned q = 0; q < WORKERS_MAX; q++) {
			snprintf(name, sizeof(name), "from%u_%u", d, q);
			from[d][q] = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		}
		snprintf(name, sizeof(name), "port%u", d);
		port = rte_eth_from_rings(name, &to[d], 1, from[d], WORKERS_MAX, 0);
		assert_true(port >= 0);
		ethdev[d] = (uint16_t)port;
		assert_int_equal(rte_eth_dev_configure(ethdev[d], 1, WORKERS_MAX, &conf), 0);
		assert_int_equal(rte_eth_rx_queue_setup(ethdev[d], 0, 512, 0, NULL, pool), 0);
		for (uint16_t q = 0; q < WORKERS_MAX; q++)
			assert_int_equal(rte_eth_tx_queue_setup(ethdev[d], q, 512, 0, NULL), 0);
		assert_int_equal(rte_eth_dev_start(ethdev[d]), 0);
	}
}

struct dp_fast *gateway(uint16_t workers)
{
	static const unsigned lcores[WORKERS_MAX] = { 1, 2 };
	struct dp_laddr l[LADDRS] = {
		[ACCESS] = { { .family = 4, .b = { 192, 0, 2, 10 } }, ethdev[0], 0 },
		[CORE] = { { .family = 4, .b = { 10, 20, 0, 10 } }, ethdev[1], 0 },
		[ACCESS6] = { { .family = 6, .b = { 0x20, 1, 0xd, 0xb8, [15] = 0x10 } }, ethdev[0], 0 },
	};
	struct dp_fast_conf c = { .workers = workers, .lcores = lcores, .ethdevs = ethdev, .n_ethdevs = 2, .laddrs = l,
		.n_laddrs = LADDRS, .max_flows = 64, .srtp = &dp_srtp_burst, .records = &dp_record_burst, .pool = pool,
		.nic_sums = rig_nic_sums };
	struct dp_fast *f;

	assert_int_equal(dp_fast_new(&f, &c), GW_OK);
	for (uint16_t i = 0; i < 2; i++) {
		struct dp_cmd cmd = { .type = DP_CMD_NEXTHOP, .nexthop = { i, { .ethdev = ethdev[i], .is_valid = true,
			.src_mac = { 2, 0, 0, 0, 0, 1 }, .dst_mac = { 2, 0, 0, 0, 0, (uint8_t)(0x10 + i) } } } };

		assert_int_equal(dp_cmd_send(f, &cmd), GW_OK);
	}
	return f;
}

void poll_all(struct dp_fast *f)
{
	rig_in_turn = true;
	/* twice: what one worker hands over the other takes in its next turn */
	for (unsigned i = 0; i < 2; i++)
		for (uint16_t w = 0; w < dp_worker_count(f); w++)
			dp_worker_poll(f, w);
	rig_in_turn = false;
}

struct dp_event set(struct dp_fast *f, dp_flow_id *id, const struct dp_flow_spec *s)
{
	struct dp_cmd c = { .type = DP_CMD_FLOW_SET, .spec = *s };
	struct dp_event ev = { 0 };

	if (*id == 0)
		assert_int_equal(dp_flow_alloc(f, s->local_port, id), GW_OK);
	c.flow = *id;
	assert_int_equal(dp_cmd_send(f, &c), GW_OK);
	poll_all(f);
	assert_int_equal(dp_event_poll(f, &ev, 1), 1);
	return ev;
}

struct dp_flow_spec core_flow(uint16_t port, struct dp_srtp_session *s)
{
	return (struct dp_flow_spec){ .kind = DP_FLOW_CORE_RTP, .laddr = CORE, .local_port = port, .source = core_peer,
		.check_source = true, .is_open = true, .open_until_tsc = UINT64_MAX, .out_is_open = true,
		.out_until_tsc = UINT64_MAX, .srtp = s, .pt_mask = { 1 },
		.out = { .laddr = ACCESS, .local_port = 20000, .remote = peer, .nexthop = 0, .dscp = 46 } };
}

struct dp_flow_spec access_flow(uint16_t port, struct dp_srtp_session *s)
{
	return (struct dp_flow_spec){ .kind = DP_FLOW_ACCESS, .laddr = ACCESS, .local_port = port, .source = peer,
		.check_source = true, .check_port = true, .is_open = true, .open_until_tsc = UINT64_MAX,
		.out_is_open = true, .out_until_tsc = UINT64_MAX, .srtp = s, .pt_mask = { 1 }, .cookie = port,
		.out = { .laddr = CORE, .local_port = 30000, .remote = core_peer, .nexthop = 1 } };
}

struct dp_srtp_session *session(uint8_t key, bool is_protect)
{
	struct dp_srtp_keys k = { .profile = DP_SRTP_AES128_CM_SHA1_80, .key = { key } };
	struct dp_srtp_session *s;

	assert_int_equal(dp_srtp_burst.session_new(&s, &k, is_protect), GW_OK);
	return s;
}

/* ---- frames --------------------------------------------------------------------------------------- */

struct rte_mbuf *rtp(uint16_t seq, unsigned bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p = m ? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)bytes) : NULL;

	if (!p || bytes < 12)
		abort();
	memset(p, seq & 0x7f, bytes);
	memset(p, 0, 12);
	p[0] = 0x80;
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	p[8] = 0x55;
	return m;
}

struct rte_mbuf *framed(struct rte_mbuf *m, unsigned dev, const struct gw_addr *src, const uint8_t *dst,
	uint16_t port)
{
	uint16_t len = (uint16_t)(m->data_len + sizeof(struct rte_udp_hdr));
	bool is_v4 = src->family == 4;
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, is_v4 ? HEADERS : HEADERS + 20);
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)p;
	struct rte_udp_hdr *u = (struct rte_udp_hdr *)(p + (is_v4 ? 34 : 54));

	if (!p)
		abort();
	memset(p, 0, is_v4 ? HEADERS : HEADERS + 20);
	assert_int_equal(rte_eth_macaddr_get(ethdev[dev], &eth->dst_addr), 0);
	eth->ether_type = rte_cpu_to_be_16(is_v4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	*u = (struct rte_udp_hdr){ rte_cpu_to_be_16(src->port), rte_cpu_to_be_16(port), rte_cpu_to_be_16(len), 0 };
	if (is_v4) {
		struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);

		*ip = (struct rte_ipv4_hdr){ .version_ihl = 0x45, .time_to_live = 9, .next_proto_id = IPPROTO_UDP,
			.total_length = rte_cpu_to_be_16((uint16_t)(len + sizeof(*ip))) };
		memcpy(&ip->src_addr, src->b, 4);
		memcpy(&ip->dst_addr, dst, 4);
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		u->dgram_cksum = rte_ipv4_udptcp_cksum(ip, u);
	} else {
		struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(eth + 1);

		*ip = (struct rte_ipv6_hdr){ .vtc_flow = rte_cpu_to_be_32(6u << 28), .proto = IPPROTO_UDP, .hop_limits = 9,
			.payload_len = rte_cpu_to_be_16(len) };
		memcpy(ip->src_addr, src->b, 16);
		memcpy(ip->dst_addr, dst, 16);
		u->dgram_cksum = rte_ipv6_udptcp_cksum(ip, u);
	}
	m->port = ethdev[dev];
	return m;
}

const uint8_t us[4] = { 192, 0, 2, 10 }, core_us[4] = { 10, 20, 0, 10 };

void give(unsigned dev, struct rte_mbuf *m)
{
	assert_int_equal(rte_ring_sp_enqueue(to[dev], m), 0);
}

struct rte_mbuf *take(unsigned dev)
{
	void *m;

	for (unsigned q = 0; q < WORKERS_MAX; q++)
		if (rte_ring_sc_dequeue(from[dev][q], &m) == 0)
			return m;
	return NULL;
}

uint64_t drops(struct dp_fast *f, enum dp_drop why)
{
	struct dp_worker_stats s;
	uint64_t n = 0;

	for (uint16_t w = 0; w < dp_worker_count(f); w++) {
		dp_worker_stats_read(f, w, &s);
		n += s.drops[why];
	}
	return n;
}

unsigned punts(struct dp_fast *f, uint64_t cookie)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	while (dp_punt_poll(f, &m, 1)) {
		n += dp_punt_info(m)->cookie == cookie;
		rte_pktmbuf_free(m);
	}
	return n;
}

/* ---- the process ------------------------------------------------------------------------------------ */

void rig_open(void)
{
	static char args[] = "x\0--no-huge\0--no-pci\0--no-telemetry\0--no-shconf\0-m\000256\0--lcores=0\0";
	struct dp_srtp_burst_conf conf = { .workers = WORKERS_MAX, .max_sessions = 16, .max_records = RIG_RECORDS,
		.device = rig_device };
	char *eal[16];
	int n = 0;

	for (char *a = args; *a; a += strlen(a) + 1)
		eal[n++] = a;
	if (rte_eal_init(n, eal) < 0)
		abort();
	pool = rte_pktmbuf_pool_create("test", 4095, 0, DP_MBUF_PRIV_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (!pool || dp_srtp_lib2_init() || dp_srtp_burst_start(&conf) || dp_record_burst_start(WORKERS_MAX, RIG_RECORDS))
		abort();
	make_ports();
}

int rig_close(int failed)
{
	unsigned left = rte_mempool_in_use_count(pool);

	if (left)
		fprintf(stderr, "%u packet buffers are left\n", left);
	dp_record_burst_stop();
	dp_srtp_burst_stop();
	rte_eal_cleanup();
	return failed || left;
}
