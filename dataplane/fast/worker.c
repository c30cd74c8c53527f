/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a worker lcore: receive, parse, look up, media, transmit, commands. */
#include <rte_prefetch.h>

#include "dataplane/fast/fast_int.h"

#define PREFETCHED_BYTES 512u
#define AHEAD_BYTES (2u * RTE_CACHE_LINE_SIZE)	/* of a frame whose length nobody has looked at yet */

static void tx_flush(struct dp_worker *w, uint16_t dev)
{
	struct dp_tx_queue *q = &w->txq[dev];
	uint16_t sent;

	if (q->n == 0)
		return;
	sent = rte_eth_tx_burst(w->fast->ethdevs[dev], w->queue[dev], q->m, q->n);
	w->stats.tx_packets += sent;
	for (uint16_t i = sent; i < q->n; i++)
		dp_drop(w, q->m[i], DP_DROP_TX);
	q->n = 0;
}

/* To the worker that owns the port, by its ring. */
static void hand_over(struct dp_worker *w, struct rte_mbuf *m, uint16_t owner, uint64_t tsc)
{
	dp_punt_info(m)->rx_tsc = tsc;
	if (rte_ring_sp_enqueue(w->fast->workers[owner].handover[w->id], m))
		dp_drop(w, m, DP_DROP_HANDOVER_RING);
	else
		w->stats.handed_over++;
}

/* Both ends of a call are ours: no switch brings back what we send to ourselves, so it does not leave. */
static void turn_back(struct dp_worker *w, struct rte_mbuf *m)
{
	struct dp_pkt p = { .m = m };
	enum dp_drop why;

	m->port &= (uint16_t)~DP_PORT_OWN;
	why = dp_parse(w, &p);
	if (why != dp_drop_COUNT)
		dp_drop(w, m, why);
	else if (p.is_l2)
		dp_drop(w, m, DP_DROP_L2);
	else
		hand_over(w, m, dp_owner(w->fast, p.local_port), rte_rdtsc());
}

void dp_tx_enqueue(struct dp_worker *w, struct rte_mbuf *m)
{
	struct dp_tx_queue *q;
	uint16_t dev;

	if (unlikely(m->port & DP_PORT_OWN)) {
		turn_back(w, m);
		return;
	}
	dev = w->fast->at_ethdev[m->port];
	if (unlikely(dev == DP_PORTS_MAX)) {
		dp_drop(w, m, DP_DROP_TX);
		return;
	}
	q = &w->txq[dev];
	w->stats.tx_bytes += m->pkt_len;
	q->m[q->n++] = m;
	if (unlikely(q->n == DP_TX_BATCH))
		tx_flush(w, dev);
}

/* Packets whose port belongs to another worker go there by its ring. */
static bool is_foreign(struct dp_worker *w, struct dp_pkt *p, uint64_t tsc)
{
	uint16_t owner = dp_owner(w->fast, p->local_port);

	if (owner == w->id)
		return false;
	hand_over(w, p->m, owner, tsc);
	return true;
}

/* What the checksum or the cipher reads next; from there on the CPU follows by itself. */
static inline void prefetch_payload(const struct dp_pkt *p)
{
	const uint8_t *b = rte_pktmbuf_mtod(p->m, const uint8_t *);
	unsigned end = p->payload_off + p->payload_len;

	for (unsigned at = RTE_CACHE_LINE_SIZE; at < end && at < PREFETCHED_BYTES; at += RTE_CACHE_LINE_SIZE)
		dp_prefetch_write(b + at);
}

/*
 * In stages over the whole burst, each asking the cache for what the next one reads: frames, then the
 * place of the port, then the flow.
 */
static void receive(struct dp_worker *w, struct rte_mbuf **m, uint16_t n, bool may_hand_over, uint64_t tsc)
{
	struct dp_pkt pkts[DP_BURST];
	uint16_t k = 0, known = 0;
	bool is_any_shared = false;

	for (uint16_t i = 0; i < n; i++)
		dp_prefetch_write(rte_pktmbuf_mtod(m[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		struct dp_pkt *p = &pkts[k];
		enum dp_drop why;

		p->m = m[i];
		why = dp_parse(w, p);
		if (unlikely(why != dp_drop_COUNT)) {
			dp_drop(w, m[i], why);
			continue;
		}
		if (unlikely(p->is_l2)) {
			dp_punt(w, p, DP_PUNT_L2, tsc);
			continue;
		}
		if (may_hand_over && is_foreign(w, p, tsc))
			continue;
		rte_prefetch0(dp_port_slot(w, p->laddr, p->local_port));
		prefetch_payload(p);
		k++;
	}
	for (uint16_t i = 0; i < k; i++) {
		uint32_t slot = *dp_port_slot(w, pkts[i].laddr, pkts[i].local_port);

		if (unlikely(slot == 0)) {
			dp_drop(w, pkts[i].m, DP_DROP_NO_FLOW);
			continue;
		}
		if (unlikely(known != i))
			pkts[known] = pkts[i];
		pkts[known].is_rtcp_port = slot >= DP_PORT_RTCP;
		pkts[known].is_shared = slot & DP_PORT_SHARED;
		pkts[known].flow = &w->flows[(slot & DP_PORT_SLOT) - 1];
		rte_prefetch0(pkts[known].flow);
		if (unlikely(pkts[known].is_shared)) {
			rte_prefetch0(&pkts[known].flow->bundle);
			is_any_shared = true;
		}
		known++;
	}
	if (unlikely(is_any_shared))
		dp_bundle_demux(w, pkts, known);
	dp_stage(w, DP_STAGE_PARSE);
	dp_media_burst(w, pkts, known, tsc);
}

/*
 * While packets wait at a device, the burst after this one is read already: its lines, written by another core or a NIC, take their
 * time to get here, and that is the time this burst takes.
 */
static void read_ahead(struct dp_worker *w, uint16_t d, uint64_t tsc)
{
	struct dp_ahead *a = &w->ahead[d];

	a->tsc = tsc;
	a->n = rte_eth_rx_burst(w->fast->ethdevs[d], w->queue[d], a->m, DP_BURST);
	for (uint16_t i = 0; i < a->n; i++) {
		/* where a frame begins in the pool's buffers; its descriptor is not here yet */
		const uint8_t *frame = (const uint8_t *)a->m[i] + w->fast->frame_off;

		dp_prefetch_write(a->m[i]);
		for (unsigned at = 0; at < AHEAD_BYTES; at += RTE_CACHE_LINE_SIZE)
			dp_prefetch_write(frame + at);
	}
}

static uint16_t next_burst(struct dp_worker *w, uint16_t d, struct rte_mbuf **m, uint64_t tsc)
{
	struct dp_ahead *a = &w->ahead[d];
	uint16_t n = a->n;

	if (n) {
		memcpy(m, a->m, n * sizeof(*m));
		w->oldest_rx_tsc = RTE_MIN(w->oldest_rx_tsc, a->tsc);
		a->n = 0;
	}
	if (n < DP_BURST)
		n = (uint16_t)(n + rte_eth_rx_burst(w->fast->ethdevs[d], w->queue[d], m + n, (uint16_t)(DP_BURST - n)));
	if (n == DP_BURST)
		read_ahead(w, d, tsc);
	return n;
}

static unsigned poll_devices(struct dp_worker *w, uint64_t tsc)
{
	struct rte_mbuf *m[DP_BURST];
	unsigned work = 0;

	for (uint16_t d = 0; d < w->fast->conf.n_ethdevs; d++) {
		uint16_t n;

		if (!w->has_rx[d])
			continue;
		n = next_burst(w, d, m, tsc);
		if (n == 0)
			continue;
		work += n;
		w->stats.rx_packets += n;
		for (uint16_t i = 0; i < n; i++)
			w->stats.rx_bytes += m[i]->pkt_len;
		dp_stage(w, DP_STAGE_RX);
		receive(w, m, n, w->fast->conf.workers > 1, tsc);
	}
	return work;
}

static unsigned poll_rings(struct dp_worker *w, uint64_t tsc)
{
	struct rte_mbuf *m[DP_BURST];
	unsigned n, work = 0;

	for (uint16_t i = 0; i < w->fast->conf.workers; i++) {
		n = rte_ring_sc_dequeue_burst(w->handover[i], (void **)m, DP_BURST, NULL);
		if (n == 0)
			continue;
		if (dp_punt_info(m[0])->rx_tsc < w->oldest_rx_tsc)
			w->oldest_rx_tsc = dp_punt_info(m[0])->rx_tsc;
		receive(w, m, (uint16_t)n, false, tsc);
		work += n;
	}
	n = rte_ring_sc_dequeue_burst(w->tx, (void **)m, DP_BURST, NULL);
	for (unsigned i = 0; i < n; i++)
		dp_tx_enqueue(w, m[i]);
	work += n;
	if (unlikely(!rte_ring_empty(w->again))) {
		(void)dp_flow_commands(w);	/* what they come again for was ordered before */
		n = rte_ring_sc_dequeue_burst(w->again, (void **)m, DP_BURST, NULL);
		receive(w, m, (uint16_t)n, false, tsc);
		work += n;
	}
	return work;
}

#define PER_PACKET_MOST 20000u	/* cycles: no honest packet takes more */
#define PER_COMMAND_MOST 50000u

static enum dp_loop_cause cause_of(uint64_t spent, unsigned work, unsigned commands)
{
	if (spent > (uint64_t)(work + 1) * PER_PACKET_MOST + (uint64_t)commands * PER_COMMAND_MOST)
		return DP_LOOP_PREEMPTED;
	return commands ? DP_LOOP_COMMANDS : DP_LOOP_PACKETS;
}

static enum dp_stage longest_stage(const struct dp_worker *w)
{
	unsigned at = 0;

	for (unsigned s = 1; s < DP_STAGES; s++)
		if (w->turn_stage[s] > w->turn_stage[at])
			at = s;
	return w->turn_stage[at] ? (enum dp_stage)at : DP_STAGES;
}

/* The watchdog: how long the longest turn of this window took, and what it was at. */
static void account_turn(struct dp_worker *w, uint64_t now, uint64_t spent, unsigned work, unsigned commands)
{
	struct dp_worker_stats *s = &w->stats;

	s->loops++;
	if (unlikely(now - w->window_from >= DP_LONGEST_WINDOW_S * w->fast->hz)) {
		w->window_from = now;
		s->longest_before = s->longest;
		s->longest = (struct dp_longest){ .stage = DP_STAGES };
	}
	if (unlikely(spent > s->longest.tsc))
		s->longest = (struct dp_longest){ spent, work, cause_of(spent, work, commands), longest_stage(w) };
}

static void account_stages(struct dp_worker *w, unsigned work)
{
	w->stats.stage_packets += work;
	for (unsigned s = 0; s < DP_STAGES; s++) {
		w->stats.stage_tsc[s] += w->turn_stage[s];
		w->stats.stage_turns[s][dp_latency_bucket(w->turn_stage[s])] += work != 0;
	}
}

static unsigned turn(struct dp_worker *w)
{
	uint64_t tsc = rte_rdtsc(), sent_before = w->stats.tx_packets, now, sent;
	unsigned work, commands = 0;

	w->stage_from = w->oldest_rx_tsc = tsc;
	if (unlikely(w->fast->conf.count_stages))
		memset(w->turn_stage, 0, sizeof(w->turn_stage));
	work = poll_devices(w, tsc) + poll_rings(w, tsc);
	if (unlikely(!rte_ring_empty(w->cmd)))
		commands = dp_flow_commands(w);
	for (uint16_t d = 0; d < w->fast->conf.n_ethdevs; d++)
		tx_flush(w, d);
	if (work)
		dp_stage(w, DP_STAGE_TX);
	now = rte_rdtsc();
	/* all packets of a turn leave at its end; what came by a ring, or was read ahead, began to wait before it */
	sent = w->stats.tx_packets - sent_before;
	w->stats.latency[dp_latency_bucket(now - w->oldest_rx_tsc)] += sent;
	w->stats.latency_tsc += sent * (now - w->oldest_rx_tsc);
	if (unlikely(w->fast->conf.count_stages))
		account_stages(w, work);
	account_turn(w, now, now - tsc, work, commands);
	return work + commands;
}

void dp_worker_poll(struct dp_fast *f, uint16_t worker)
{
	(void)turn(&f->workers[worker]);
}

int dp_worker_main(void *arg)
{
	struct dp_worker *w = arg;

	while (!w->stop) {
		if (turn(w))
			w->idle = 0;
		else if (w->fast->conf.adaptive_idle)
			dp_idle_sleep(w);
	}
	return 0;
}
