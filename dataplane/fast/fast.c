/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up of the fast path, and the service core's side of its rings. */
#include <stdio.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_malloc.h>

#include "dataplane/fast/fast_int.h"

uint16_t dp_owner(const struct dp_fast *f, uint16_t local_port)
{
	/* RTP and its RTCP port, an even-odd pair, belong together (F-5) */
	return (uint16_t)((local_port >> 1) % f->conf.workers);
}

uint16_t dp_n_workers(const struct dp_fast *f)
{
	return f->conf.workers;
}

static struct rte_ring *new_ring(const char *kind, unsigned a, unsigned b, unsigned n, unsigned elem)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "w2gw_%s_%u_%u", kind, a, b);
	if (elem)
		return rte_ring_create_elem(name, elem, n, (int)rte_socket_id(),
			RING_F_SP_ENQ | RING_F_SC_DEQ);
	return rte_ring_create(name, n, (int)rte_socket_id(), RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static enum gw_err worker_new(struct dp_fast *f, uint16_t id)
{
	struct dp_worker *w = &f->workers[id];

	w->fast = f;
	w->id = id;
	for (uint16_t d = 0; d < f->conf.n_ethdevs; d++) {
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(f->ethdevs[d], &info))
			return GW_EIO;
		w->has_rx[d] = id < info.nb_rx_queues;
		if (id >= info.nb_tx_queues)
			return GW_EINVAL;	/* a worker without a tx queue of its own would need a lock */
		w->queue[d] = id;
	}
	w->cmd = new_ring("cmd", id, 0, DP_RING_CMDS, sizeof(struct dp_cmd));
	w->event = new_ring("ev", id, 0, DP_RING_EVENTS, sizeof(struct dp_event));
	w->punt = new_ring("punt", id, 0, DP_RING_PUNT, 0);
	w->tx = new_ring("tx", id, 0, DP_RING_TX, 0);
	w->again = new_ring("again", id, 0, DP_RING_AGAIN, 0);
	for (uint16_t i = 0; i < f->conf.workers; i++)
		if (!(w->handover[i] = new_ring("hand", id, i, DP_RING_HANDOVER, 0)))
			return GW_ENOMEM;
	w->flows = rte_zmalloc("w2gw_flows", sizeof(*w->flows) * f->flows_per_worker,
		RTE_CACHE_LINE_SIZE);
	w->rests = rte_zmalloc("w2gw_rests", sizeof(*w->rests) * f->flows_per_worker, RTE_CACHE_LINE_SIZE);
	w->policers = rte_zmalloc("w2gw_policers", sizeof(*w->policers) * f->flows_per_worker, RTE_CACHE_LINE_SIZE);
	w->bundles = rte_zmalloc("w2gw_bundles", sizeof(*w->bundles) * (f->flows_per_worker / 2 + 1), RTE_CACHE_LINE_SIZE);
	w->by_port = rte_zmalloc("w2gw_ports", sizeof(uint32_t) * 65536 * f->conf.n_laddrs,
		RTE_CACHE_LINE_SIZE);
	f->free_slots[id] = rte_malloc(NULL, sizeof(uint32_t) * f->flows_per_worker, 0);
	f->generations[id] = rte_zmalloc(NULL, sizeof(uint32_t) * f->flows_per_worker, 0);
	if (!w->cmd || !w->event || !w->punt || !w->tx || !w->again || !w->flows || !w->rests || !w->policers || !w->bundles ||
		!w->by_port || !f->free_slots[id] || !f->generations[id])
		return GW_ENOMEM;
	dp_bundle_init(w, f->flows_per_worker / 2);
	for (uint32_t i = 0; i < f->flows_per_worker; i++)
		f->free_slots[id][i] = f->flows_per_worker - 1 - i;
	f->n_free[id] = f->flows_per_worker;
	return GW_OK;
}

enum gw_err dp_fast_new(struct dp_fast **out, const struct dp_fast_conf *conf)
{
	struct dp_fast *f;
	enum gw_err err = GW_ENOMEM;

	if (conf->workers == 0 || conf->workers > DP_WORKERS_MAX || conf->n_ethdevs > DP_PORTS_MAX ||
		conf->n_laddrs == 0 || conf->n_laddrs > DP_LADDR_MAX || !conf->srtp)
		return GW_EINVAL;
	f = rte_zmalloc("w2gw_fast", sizeof(*f), RTE_CACHE_LINE_SIZE);
	if (!f)
		return GW_ENOMEM;
	f->conf = *conf;
	f->hz = rte_get_tsc_hz();
	f->frame_off = (uint32_t)(sizeof(struct rte_mbuf) + (conf->pool ? rte_pktmbuf_priv_size(conf->pool) : 0) + RTE_PKTMBUF_HEADROOM);
	for (f->window_shift = 20; (UINT64_C(1) << f->window_shift) < f->hz / 10;)
		f->window_shift++;
	f->flows_per_worker = conf->max_flows / conf->workers + 1;
	memcpy(f->laddrs, conf->laddrs, sizeof(*conf->laddrs) * conf->n_laddrs);
	memcpy(f->ethdevs, conf->ethdevs, sizeof(*conf->ethdevs) * conf->n_ethdevs);
	memcpy(f->lcores, conf->lcores, sizeof(*conf->lcores) * conf->workers);
	for (uint16_t d = 0; d < RTE_MAX_ETHPORTS; d++)
		f->at_ethdev[d] = DP_PORTS_MAX;
	for (uint16_t d = 0; d < conf->n_ethdevs; d++) {
		uint16_t port = f->ethdevs[d];

		f->at_ethdev[port] = d;
		if (rte_eth_macaddr_get(port, &f->mac[port]) || rte_eth_dev_get_mtu(port, &f->mtu[port]))
			goto out;
		f->has_nic_sum[port] = conf->nic_sums && conf->nic_sums[d];
	}
	f->workers = rte_zmalloc("w2gw_workers", sizeof(*f->workers) * conf->workers,
		RTE_CACHE_LINE_SIZE);
	if (!f->workers)
		goto out;
	for (uint16_t i = 0; i < conf->workers; i++)
		if ((err = worker_new(f, i)))
			goto out;
	*out = f;
	return GW_OK;
out:
	dp_fast_free(f);
	return err;
}

enum gw_err dp_fast_start(struct dp_fast *f)
{
	for (uint16_t i = 0; i < f->conf.workers; i++)
		if (rte_eal_remote_launch(dp_worker_main, &f->workers[i], f->lcores[i]))
			return GW_ESTATE;
	return GW_OK;
}

static void drain(struct rte_ring *r)
{
	void *m;

	while (r && rte_ring_sc_dequeue(r, &m) == 0)
		rte_pktmbuf_free(m);
}

void dp_fast_stop(struct dp_fast *f)
{
	for (uint16_t i = 0; i < f->conf.workers; i++)
		f->workers[i].stop = true;
	for (uint16_t i = 0; i < f->conf.workers; i++)
		rte_eal_wait_lcore(f->lcores[i]);
	for (uint16_t i = 0; i < f->conf.workers; i++) {
		drain(f->workers[i].punt);
		drain(f->workers[i].tx);
		drain(f->workers[i].again);
		for (uint16_t k = 0; k < f->conf.workers; k++)
			drain(f->workers[i].handover[k]);
		for (uint16_t d = 0; d < f->conf.n_ethdevs; d++) {
			rte_pktmbuf_free_bulk(f->workers[i].ahead[d].m, f->workers[i].ahead[d].n);
			f->workers[i].ahead[d].n = 0;
		}
	}
}

void dp_fast_free(struct dp_fast *f)
{
	if (!f)
		return;
	for (uint16_t i = 0; f->workers && i < f->conf.workers; i++) {
		struct dp_worker *w = &f->workers[i];

		rte_ring_free(w->cmd);
		rte_ring_free(w->event);
		rte_ring_free(w->punt);
		rte_ring_free(w->tx);
		rte_ring_free(w->again);
		for (uint16_t k = 0; k < f->conf.workers; k++)
			rte_ring_free(w->handover[k]);
		rte_free(w->flows);
		rte_free(w->rests);
		rte_free(w->policers);
		rte_free(w->bundles);
		rte_free(w->by_port);
		rte_free(f->free_slots[i]);
		rte_free(f->generations[i]);
	}
	rte_free(f->workers);
	rte_free(f);
}

enum gw_err dp_flow_alloc(struct dp_fast *f, uint16_t local_port, dp_flow_id *out)
{
	uint16_t w = dp_owner(f, local_port);
	uint32_t slot;

	if (f->n_free[w] == 0)
		return GW_ELIMIT;
	slot = f->free_slots[w][--f->n_free[w]];
	f->generations[w][slot] = (f->generations[w][slot] + 1) & 0xffffff;
	*out = (uint64_t)w << 56 | (uint64_t)f->generations[w][slot] << 32 | slot;
	return GW_OK;
}

uint32_t dp_flow_free(const struct dp_fast *f, uint16_t worker)
{
	return f->n_free[worker];
}

void dp_flow_release(struct dp_fast *f, dp_flow_id id)
{
	uint16_t w = dp_id_worker(id);

	f->free_slots[w][f->n_free[w]++] = dp_id_slot(id);
}

enum gw_err dp_cmd_send(struct dp_fast *f, const struct dp_cmd *cmd)
{
	uint16_t from = dp_id_worker(cmd->flow), to = from;

	if (cmd->type == DP_CMD_NEXTHOP) {
		f->nexthops[cmd->nexthop.index % DP_NEXTHOPS_MAX] = cmd->nexthop.nh;
		from = 0;
		to = (uint16_t)(f->conf.workers - 1);
	}
	for (uint16_t i = from; i <= to; i++)
		if (rte_ring_sp_enqueue_elem(f->workers[i].cmd, (void *)(uintptr_t)cmd, sizeof(*cmd)))
			return GW_EAGAIN;
	return GW_OK;
}

enum gw_err dp_flow_stats_read(const struct dp_fast *f, dp_flow_id id, struct dp_flow_stats *out)
{
	const struct dp_flow *fl;

	if (dp_id_worker(id) >= f->conf.workers || dp_id_slot(id) >= f->flows_per_worker)
		return GW_ENOENT;
	fl = &f->workers[dp_id_worker(id)].flows[dp_id_slot(id)];
	if (!fl->is_used || fl->generation != dp_id_generation(id))
		return GW_ENOENT;
	*out = *(const volatile struct dp_flow_stats *)&fl->stats;
	return GW_OK;
}

unsigned dp_event_poll(struct dp_fast *f, struct dp_event *ev, unsigned n)
{
	unsigned k = 0;

	/* as below */
	for (uint16_t i = 0; i < f->conf.workers; i++) {
		struct rte_ring *r = f->workers[(f->event_next + i) % f->conf.workers].event;

		while (k < n && rte_ring_sc_dequeue_elem(r, &ev[k], sizeof(*ev)) == 0)
			k++;
	}
	f->event_next++;
	return k;
}

unsigned dp_punt_poll(struct dp_fast *f, struct rte_mbuf **m, unsigned n)
{
	unsigned k = 0;

	/* begin with another worker each time, so that none is served last for ever */
	for (uint16_t i = 0; i < f->conf.workers && k < n; i++)
		k += rte_ring_sc_dequeue_burst(
			f->workers[(f->punt_next + i) % f->conf.workers].punt, (void **)&m[k], n - k, NULL);
	f->punt_next++;
	return k;
}

void dp_punt_again(struct dp_fast *f, struct rte_mbuf *m)
{
	const struct dp_punt_info *i = dp_punt_info(m);

	/* the headers still lie before the data; what the link padded is gone, which the IP length allows */
	if (!rte_pktmbuf_prepend(m, i->headers) || rte_ring_sp_enqueue(f->workers[dp_owner(f, i->local_port)].again, m)) {
		f->svc_drops[DP_DROP_PUNT_RING]++;
		rte_pktmbuf_free(m);
	}
}

void dp_tx_frame(struct dp_fast *f, struct rte_mbuf *m)
{
	if (rte_ring_sp_enqueue(f->workers[0].tx, m)) {
		f->svc_drops[DP_DROP_TX]++;
		rte_pktmbuf_free(m);
	}
}

void dp_tx_udp(struct dp_fast *f, struct rte_mbuf *m, const struct dp_path *path)
{
	struct dp_encap e;
	enum dp_drop why;

	dp_encap_make(f, &f->nexthops[path->nexthop % DP_NEXTHOPS_MAX], path, &e);
	why = dp_encap_put(&e, m, (uint8_t)(path->dscp << 2));
	if (why != dp_drop_COUNT) {
		f->svc_drops[why]++;
		rte_pktmbuf_free(m);
		return;
	}
	dp_tx_frame(f, m);
}

const uint64_t *dp_svc_drops(const struct dp_fast *f)
{
	return f->svc_drops;
}

void dp_worker_stats_read(const struct dp_fast *f, uint16_t worker, struct dp_worker_stats *out)
{
	*out = *(const volatile struct dp_worker_stats *)&f->workers[worker].stats;
}

uint16_t dp_worker_count(const struct dp_fast *f)
{
	return f->conf.workers;
}
