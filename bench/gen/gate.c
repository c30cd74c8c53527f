/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/gen/gate.h"

#include <string.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>

#define STUN_HEADER_BYTES 20u

size_t gate_heap(void)
{
	struct rte_malloc_socket_stats s;

	return rte_malloc_get_socket_stats((int)rte_socket_id(), &s) ? 0 : s.heap_allocsz_bytes;
}

/* The worker's turns are taken here. */
static enum gw_err command(struct gate *g, const struct dp_cmd *c)
{
	struct dp_event ev;

	while (dp_cmd_send(g->fast, c) != GW_OK)
		dp_worker_poll(g->fast, 0);
	dp_worker_poll(g->fast, 0);
	while (dp_event_poll(g->fast, &ev, 1))
		if (ev.type == DP_EV_NAK)
			return GW_EEXIST;
	return GW_OK;
}

static struct dp_path path(const struct gate *g, enum gen_side side, uint32_t i)
{
	struct gen_leg leg = gen_plan_leg(side, i);

	return (struct dp_path){ .laddr = (uint16_t)(side * gen_plan_gate_ips(g->c.calls) + i / GEN_PORTS),
		.local_port = leg.gate_port, .remote = gen_addr(leg.far_ip, leg.far_port), .nexthop = (uint16_t)side };
}

/* A check of the call's own far end: it gets a success response, without attributes. */
static bool answer_check(struct gate *g, struct rte_mbuf *m)
{
	const struct dp_punt_info *info = dp_punt_info(m);
	uint32_t i = info->laddr * GEN_PORTS + info->local_port - GEN_PORT_FIRST;
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);
	struct dp_path to;

	if (info->cls != DP_PUNT_STUN || info->laddr >= gen_plan_gate_ips(g->c.calls) || i >= g->c.calls ||
		m->data_len < STUN_HEADER_BYTES)
		return false;
	to = path(g, GEN_ACCESS, i);
	if (!gw_addr_eq(&to.remote, &info->src))
		return false;
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - STUN_HEADER_BYTES));
	p[0] = p[1] = 1;
	p[2] = p[3] = 0;
	dp_tx_udp(g->fast, m, &to);
	return true;
}

unsigned gate_serve(struct gate *g)
{
	struct rte_mbuf *m[DP_BURST];
	unsigned n = dp_punt_poll(g->fast, m, DP_BURST);

	for (unsigned k = 0; k < n; k++)
		if (!answer_check(g, m[k]))
			rte_pktmbuf_free(m[k]);
	return n;
}

static enum gw_err add_flow(struct gate *g, enum gen_side side, uint32_t i)
{
	struct dp_path local = path(g, side, i);
	struct dp_cmd c = { .type = DP_CMD_FLOW_SET, .spec = {
		.kind = side == GEN_ACCESS ? DP_FLOW_ACCESS : DP_FLOW_CORE_RTP, .laddr = local.laddr,
		.local_port = local.local_port, .source = local.remote, .check_source = true, .check_port = true,
		.is_open = true, .open_until_tsc = UINT64_MAX, .out_is_open = true, .out_until_tsc = UINT64_MAX,
		.out = path(g, side == GEN_ACCESS ? GEN_CORE : GEN_ACCESS, i), .clock_hz = 8000, .police = g->c.police } };
	struct dp_srtp_keys k;
	enum gw_err err;

	gen_plan_keys(g->c.profile, i, side == GEN_CORE, &k);
	if ((err = g->c.srtp->session_new(&g->srtp[i][side], &k, side == GEN_CORE)) ||
		(err = dp_flow_alloc(g->fast, local.local_port, &c.flow)))
		return err;
	c.spec.srtp = g->srtp[i][side];
	return command(g, &c);
}

static enum gw_err add_nexthop(struct gate *g, enum gen_side side)
{
	struct dp_cmd c = { .type = DP_CMD_NEXTHOP, .nexthop = { .index = (uint16_t)side,
		.nh = { .ethdev = g->c.ethdev[side], .is_valid = true } } };

	memcpy(c.nexthop.nh.dst_mac, &g->c.far_mac[side], sizeof(c.nexthop.nh.dst_mac));
	if (rte_eth_macaddr_get(g->c.ethdev[side], (struct rte_ether_addr *)c.nexthop.nh.src_mac))
		return GW_EIO;
	return command(g, &c);
}

static enum gw_err start(struct gate *g, struct rte_mempool *pool)
{
	uint32_t a_side = gen_plan_gate_ips(g->c.calls);
	struct dp_laddr laddrs[DP_LADDR_MAX] = { 0 };
	struct dp_fast_conf f = { .workers = 1, .lcores = &g->c.lcore, .ethdevs = g->c.ethdev,
		.n_ethdevs = g->c.ethdev[0] == g->c.ethdev[1] ? 1 : GEN_SIDES, .laddrs = laddrs,
		.n_laddrs = (uint16_t)(GEN_SIDES * a_side), .max_flows = 2 * g->c.calls, .srtp = g->c.srtp, .pool = pool,
		.count_stages = g->c.count_stages };
	size_t before = gate_heap();
	enum gw_err err;

	if (GEN_SIDES * a_side > DP_LADDR_MAX)
		return GW_EINVAL;
	for (uint32_t i = 0; i < GEN_SIDES * a_side; i++) {
		enum gen_side side = i < a_side ? GEN_ACCESS : GEN_CORE;

		laddrs[i] = (struct dp_laddr){ .ip = gen_addr(gen_plan_gate_ip(side, i % a_side), 0),
			.ethdev = g->c.ethdev[side] };
	}
	err = dp_fast_new(&g->fast, &f);
	g->fast_bytes = gate_heap() - before;
	return err;
}

enum gw_err gate_new(struct gate *g, const struct gate_conf *conf, struct rte_mempool *pool)
{
	enum gw_err err;

	*g = (struct gate){ .c = *conf };
	g->srtp = rte_zmalloc("gate", sizeof(*g->srtp) * conf->calls, 0);
	if (!g->srtp)
		return GW_ENOMEM;
	err = start(g, pool);
	for (unsigned side = 0; !err && side < GEN_SIDES; side++)
		err = add_nexthop(g, (enum gen_side)side);
	for (uint32_t i = 0; i < conf->calls; i++)
		for (unsigned side = 0; !err && side < GEN_SIDES; side++)
			err = add_flow(g, (enum gen_side)side, i);
	return err;
}

void gate_free(struct gate *g)
{
	if (g->fast)
		dp_fast_free(g->fast);
	for (uint32_t i = 0; g->srtp && i < g->c.calls; i++)
		for (unsigned side = 0; side < GEN_SIDES; side++)
			g->c.srtp->session_free(g->srtp[i][side]);
	rte_free(g->srtp);
	*g = (struct gate){ 0 };
}
