/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "bench/fastpath/bench.h"

#define RING_SIZE 8192
#define POOL_SIZE 65535

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "w2gw-bench: %s failed\n", what);
	exit(1);
}

static uint16_t ring_port(struct bench *b, const char *name, struct rte_ring *rx, struct rte_ring *tx)
{
	int port = rte_eth_from_rings(name, &rx, 1, &tx, 1, rte_socket_id());

	check(port >= 0 && gen_port_start((uint16_t)port, b->pool), "a ring port");
	return (uint16_t)port;
}

/* Two rings are two ports, one at either end. */
static void join(struct bench *b, enum gen_side side, struct gate_conf *gate)
{
	static const char *const names[GEN_SIDES][4] = { { "to_access", "from_access", "gate_access", "gen_access" },
		{ "to_core", "from_core", "gate_core", "gen_core" } };

	b->to[side] = rte_ring_create(names[side][0], RING_SIZE, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
	b->from[side] = rte_ring_create(names[side][1], RING_SIZE, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
	check(b->to[side] && b->from[side], "rte_ring_create");
	gate->ethdev[side] = ring_port(b, names[side][2], b->to[side], b->from[side]);
	b->c.gen.gate_ethdev[side] = gate->ethdev[side];
	b->c.gen.ethdev[side] = ring_port(b, names[side][3], b->from[side], b->to[side]);
	check(rte_eth_macaddr_get(gate->ethdev[side], &b->c.gen.gate_mac[side]) == 0 &&
		rte_eth_macaddr_get(b->c.gen.ethdev[side], &gate->far_mac[side]) == 0, "rte_eth_macaddr_get");
}

void bench_setup(struct bench *b)
{
	struct gate_conf gate = { .srtp = b->c.gen.srtp, .profile = b->c.gen.profile, .calls = b->c.gen.calls,
		.count_stages = b->c.count_stages };

	if (b->c.is_policed)
		gate.police = (struct dp_police){ .sdr = UINT32_MAX, .mbs = UINT32_MAX, .pdr = UINT32_MAX, .dvt_ns = UINT32_MAX };
	gate.lcore = rte_get_next_lcore(rte_get_main_lcore(), 1, 0);
	b->pool = rte_pktmbuf_pool_create("bench", POOL_SIZE, 256, DP_MBUF_PRIV_BYTES, RTE_MBUF_DEFAULT_BUF_SIZE,
		(int)rte_socket_id());
	check(b->pool != NULL, "taking memory");
	join(b, GEN_ACCESS, &gate);
	join(b, GEN_CORE, &gate);
	check(gate_new(&b->gate, &gate, b->pool) == GW_OK, "setting up the gateway");
	b->bytes_a_call += (double)b->gate.fast_bytes / b->c.gen.calls;
	b->c.gen.srtp_worker = BENCH_GENERATOR;
	check(gen_new(&b->gen, &b->c.gen, b->pool) == GW_OK, "setting up the generator");
}

void bench_take_down(struct bench *b)
{
	gen_free(&b->gen);
	gate_free(&b->gate);
}
