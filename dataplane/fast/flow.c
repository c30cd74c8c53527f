/* SPDX-License-Identifier: Apache-2.0 */
/* Flow slots of one worker: commands from the service core, RTP statistics. */
#include "dataplane/fast/fast_int.h"

/*
 * Of 0.1 s each; checks come every few seconds, a handshake is a dozen records. DP_ALLOW_RECORD is as many as bad tags: an association of
 * SCTP that ends here holds its peer by its window, 256 KiB a round trip or 2000 packets in 0.1 s with 10 ms. What is lost here costs it a
 * time-out.
 */
static const uint16_t allowances[DP_ALLOWANCES] = { [DP_ALLOW_STUN] = 30, [DP_ALLOW_DTLS] = 100,
	[DP_ALLOW_RTCP] = 50, [DP_ALLOW_PEER] = 150, [DP_ALLOW_BAD_TAG] = 2000 };

bool dp_event_put(struct dp_worker *w, const struct dp_event *ev)
{
	return rte_ring_sp_enqueue_elem(w->event, (void *)(uintptr_t)ev, sizeof(*ev)) == 0;
}

static void reply(struct dp_worker *w, struct dp_event ev)
{
	(void)dp_event_put(w, &ev);	/* has room: dp_flow_commands() looked */
}

static struct dp_flow *slot_of(struct dp_worker *w, dp_flow_id id)
{
	return dp_id_slot(id) < w->fast->flows_per_worker ? &w->flows[dp_id_slot(id)] : NULL;
}

struct dp_flow *dp_flow_used(struct dp_worker *w, dp_flow_id id)
{
	struct dp_flow *fl = slot_of(w, id);

	return fl && fl->is_used && fl->generation == dp_id_generation(id) && dp_id_worker(id) == w->id ? fl : NULL;
}

struct dp_flow *dp_flow_reverse(struct dp_worker *w, const struct dp_flow *fl)
{
	dp_flow_id reverse = dp_rest_of(w, fl)->reverse;

	return reverse ? dp_flow_used(w, reverse) : NULL;
}

void dp_flow_encap(struct dp_worker *w, struct dp_flow *fl)
{
	struct dp_path out = dp_rest_of(w, fl)->out;

	out.remote = dp_source_remote(w, fl);
	dp_encap_make(w->fast, &w->nexthops[out.nexthop % DP_NEXTHOPS_MAX], &out, &fl->encap);
}

static void set_gate(struct dp_worker *w, struct dp_flow *fl, bool is_open, uint64_t in_until_tsc, uint64_t out_until_tsc)
{
	dp_rest_of(w, fl)->is_open = is_open;
	fl->until_tsc = !is_open ? 0 : RTE_MIN(in_until_tsc, out_until_tsc);
}

/* From the specification, as the service core thinks of it, to what a packet is held against. */
static void warm(struct dp_worker *w, struct dp_flow *fl, const struct dp_flow_spec *s)
{
	struct dp_flow_rest *rest = dp_rest_of(w, fl);
	bool is_same_order = rest->latch == s->latch && rest->latch_order == s->latch_order && !rest->rtcp_port == !s->rtcp.local_port;
	struct dp_source rtcp_source = rest->rtcp_port ? rest->rtcp_source : (struct dp_source){ 0 };
	struct dp_flow *reverse;

	*rest = (struct dp_flow_rest){ .cookie = s->cookie, .reverse = s->reverse, .out = s->out, .source = s->source,
		.source_port_last = s->source_port_last, .laddr = s->laddr, .local_port = s->local_port,
		.source_prefix = s->source_prefix, .latch = (uint8_t)s->latch, .latch_order = s->latch_order,
		.check_source = s->check_source, .check_port = s->check_port, .rtcp_port = s->rtcp.local_port,
		.is_ended = rest->is_ended && s->kind >= DP_FLOW_DATA && fl->open == s->open,
		.is_srtp_lent = s->is_srtp_lent, .is_of_ends = s->is_of_ends, .srtp_kept = s->srtp_kept };
	if (s->rtcp.local_port) {
		rest->rtcp_allowed = s->rtcp.source;
		rest->rtcp_source = rtcp_source;
	} else {
		rest->line = s->line;
	}
	reverse = dp_flow_reverse(w, fl);
	set_gate(w, fl, s->is_open && s->out_is_open, s->open_until_tsc, s->out_until_tsc);
	fl->srtp = s->srtp;
	fl->seals = s->seals;
	fl->kind = (uint8_t)s->kind;
	if (dp_is_data(fl)) {
		fl->open = w->fast->conf.records && s->seal ? s->open : NULL;
		fl->seal = s->seal;
	} else {
		fl->pt_mask[0] = s->pt_mask[0];
		fl->pt_mask[1] = s->pt_mask[1];
		if ((fl->pt_mask[0] | fl->pt_mask[1]) == 0 && !s->has_no_media)
			fl->pt_mask[0] = fl->pt_mask[1] = UINT64_MAX;
	}
	dp_source_set(w, fl, s, is_same_order);
	fl->is_policed = s->police.sdr || s->police.pdr;
	if (fl->is_policed)
		dp_policer_set(dp_policer_of(w, fl), &s->police, w->fast->hz, rte_rdtsc());
	fl->gets_mid = (s->kind == DP_FLOW_CORE_RTP || s->kind == DP_FLOW_CORE_SRTP) && s->line.mid_ext;
	fl->stats.clock_hz = s->clock_hz;
	fl->ts_per_tsc_q40 = ((uint64_t)s->clock_hz << 40) / w->fast->hz;
	dp_flow_encap(w, fl);
	if (reverse && s->latch != DP_LATCH_OFF)
		dp_flow_encap(w, reverse);
}

/* The places of a flow's ports: that of RTCP too if it has one. */
static void put_ports(struct dp_worker *w, uint16_t laddr, uint16_t local_port, uint16_t rtcp_port, uint32_t place)
{
	*dp_port_slot(w, laddr, local_port) = place;
	if (rtcp_port)
		*dp_port_slot(w, laddr, rtcp_port) = place ? (place & DP_PORT_SLOT) | DP_PORT_RTCP : 0;
}

static void forget_ports(struct dp_worker *w, const struct dp_flow *fl)
{
	const struct dp_flow_rest *rest = dp_rest_of(w, fl);

	if (dp_flow_transport(w, fl))
		dp_bundle_leave(w, fl);
	else
		put_ports(w, rest->laddr, rest->local_port, rest->rtcp_port, 0);
}

/* May this flow have this port? */
static bool is_free(const struct dp_worker *w, uint16_t laddr, uint16_t local_port, uint32_t place)
{
	uint32_t at = *dp_port_slot(w, laddr, local_port) & DP_PORT_SLOT;

	return at == 0 || at == place;
}

static bool may_have_ports(struct dp_worker *w, struct dp_flow *fl, const struct dp_flow_spec *s)
{
	uint32_t place = (uint32_t)(fl - w->flows) + 1;

	if (fl->is_used && dp_flow_transport(w, fl) != s->line.transport)
		return false;
	if (s->line.transport)
		return !s->rtcp.local_port && dp_bundle_join(w, fl, s);
	return is_free(w, s->laddr, s->local_port, place) &&
		(!s->rtcp.local_port || is_free(w, s->laddr, s->rtcp.local_port, place));
}

/* Of its own port. */
static uint32_t place_of(const struct dp_worker *w, const struct dp_flow *fl)
{
	uint32_t place = (uint32_t)(fl - w->flows) + 1;

	return fl->bundle ? place | DP_PORT_SHARED : place;
}

/* What the flow had that is not its any more; s NULL: nothing is. */
static struct dp_event given_back(const struct dp_worker *w, const struct dp_flow *fl, const struct dp_flow_spec *s)
{
	const struct dp_flow_rest *rest = dp_rest_of(w, fl);
	struct dp_event ev = { .type = s ? DP_EV_FLOW_SET : DP_EV_FLOW_GONE, .flow = dp_flow_id_of(w, fl), .cookie = rest->cookie };

	if (!rest->is_srtp_lent && (!s || fl->srtp != s->srtp))
		ev.old_srtp = fl->srtp;
	if (!s || rest->srtp_kept != s->srtp_kept)
		ev.old_kept = rest->srtp_kept;
	return ev;
}

static void carry_on(const struct dp_worker *w, struct dp_srtp_session *to, const struct dp_srtp_session *from)
{
	const struct dp_srtp_ops *ops = w->fast->conf.srtp;

	if (to && from && to != from && ops->carry_on)
		ops->carry_on(to, from);
}

static void set(struct dp_worker *w, const struct dp_cmd *c)
{
	struct dp_flow *fl = slot_of(w, c->flow);
	const struct dp_flow_spec *s = &c->spec;
	struct dp_event ev = { .type = DP_EV_FLOW_SET, .flow = c->flow };

	if (!fl || (fl->is_used && fl->generation != dp_id_generation(c->flow)) || !may_have_ports(w, fl, s)) {
		/* whoever asked still holds the session and may name it again: it is not given back */
		reply(w, (struct dp_event){ .type = DP_EV_NAK, .flow = c->flow, .cookie = s->cookie });
		return;
	}
	if (!fl->is_used) {
		memset(fl, 0, sizeof(*fl));
		memset(dp_rest_of(w, fl), 0, sizeof(struct dp_flow_rest));
		memset(dp_policer_of(w, fl), 0, sizeof(struct dp_policer));
		fl->is_used = true;
		fl->generation = dp_id_generation(c->flow) & 0xffffff;
		memcpy(fl->left, allowances, sizeof(fl->left));
		w->stats.flows++;
	} else {
		if (!s->line.transport)
			forget_ports(w, fl);
		ev = given_back(w, fl, s);
		if (s->carries_on) {
			carry_on(w, s->srtp, ev.old_srtp);
			carry_on(w, s->srtp_kept, ev.old_kept);
		}
	}
	ev.cookie = s->cookie;
	warm(w, fl, s);
	if (!s->line.transport)
		put_ports(w, s->laddr, s->local_port, s->rtcp.local_port, place_of(w, fl));
	reply(w, ev);
}

static void del(struct dp_worker *w, const struct dp_cmd *c)
{
	struct dp_flow *fl = dp_flow_used(w, c->flow);

	if (!fl) {
		reply(w, (struct dp_event){ .type = DP_EV_NAK, .flow = c->flow });
		return;
	}
	forget_ports(w, fl);
	dp_bundle_end(w, fl);
	fl->is_used = false;
	w->stats.flows--;
	reply(w, given_back(w, fl, NULL));
}

static void gate(struct dp_worker *w, const struct dp_cmd *c)
{
	struct dp_flow *fl = dp_flow_used(w, c->flow);

	if (!fl) {
		reply(w, (struct dp_event){ .type = DP_EV_NAK, .flow = c->flow });
		return;
	}
	set_gate(w, fl, c->gate.is_open && c->gate.out_is_open, c->gate.open_until_tsc, c->gate.out_until_tsc);
}

static void nexthop(struct dp_worker *w, const struct dp_cmd *c)
{
	struct dp_nexthop *nh = &w->nexthops[c->nexthop.index % DP_NEXTHOPS_MAX];
	uint32_t version = nh->version + 1;

	*nh = c->nexthop.nh;
	nh->version = version;	/* flows make their headers anew when they see it */
}

unsigned dp_flow_commands(struct dp_worker *w)
{
	struct dp_cmd c;
	unsigned i;

	/*
	 * A few at a time: a flood of commands must not hold up packets. Each makes one event at most; without room for it
	 * the command stays on its ring, because a lost acknowledgement would keep keys and ports for ever.
	 */
	for (i = 0; i < 16 && !rte_ring_full(w->event) && rte_ring_sc_dequeue_elem(w->cmd, &c, sizeof(c)) == 0; i++) {
		switch (c.type) {
		case DP_CMD_FLOW_SET:
			set(w, &c);
			break;
		case DP_CMD_FLOW_GATE:
			gate(w, &c);
			break;
		case DP_CMD_FLOW_DEL:
			del(w, &c);
			break;
		case DP_CMD_NEXTHOP:
			nexthop(w, &c);
			break;
		}
	}
	return i;
}

bool dp_flow_allow(const struct dp_fast *f, struct dp_flow *fl, enum dp_allowance a, uint64_t tsc)
{
	uint32_t window = (uint32_t)(tsc >> f->window_shift);

	if (fl->window != window) {
		fl->window = window;
		memcpy(fl->left, allowances, sizeof(fl->left));
	}
	if (fl->left[a] == 0)
		return false;
	fl->left[a]--;
	return true;
}

void dp_flow_count(struct dp_flow *fl, uint32_t bytes, uint64_t tsc)
{
	struct dp_flow_stats *s = &fl->stats;

	s->rx_packets++;
	s->rx_bytes += bytes;
	s->last_rx_tsc = tsc;
	if (unlikely(s->first_rx_tsc == 0))
		s->first_rx_tsc = tsc;
}

/* RFC 3550 A.1 (sequence), A.3 (loss), A.8 (jitter); v is of an accepted packet. */
void dp_flow_account(struct dp_flow *fl, const struct rtp_view *v, uint32_t bytes, uint64_t tsc)
{
	struct dp_flow_stats *s = &fl->stats;
	int16_t step;

	s->rx_packets++;
	s->rx_bytes += bytes;
	s->last_rx_tsc = tsc;
	if (unlikely(!fl->has_seq) && s->first_rx_tsc == 0)
		s->first_rx_tsc = tsc;
	if (!fl->has_seq || s->ssrc != v->ssrc) {	/* a new source starts anew */
		fl->lost_before = (uint32_t)s->lost;
		fl->has_seq = true;
		s->ssrc = v->ssrc;
		s->ext_seq_first = s->ext_seq_max = v->seq;
		fl->received = 0;
		fl->transit_last = 0;
	} else {
		step = (int16_t)(v->seq - (uint16_t)s->ext_seq_max);
		if (step > 0)
			s->ext_seq_max += (uint16_t)step;
	}
	fl->received++;
	uint32_t expected = s->ext_seq_max - s->ext_seq_first + 1;

	s->lost = fl->lost_before + (expected > fl->received ? expected - fl->received : 0);
	if (fl->ts_per_tsc_q40) {
		uint32_t arrival = (uint32_t)((unsigned __int128)tsc * fl->ts_per_tsc_q40 >> 40);
		uint32_t transit = arrival - v->ts;
		int32_t d = (int32_t)(transit - fl->transit_last);

		if (fl->received > 1)
			fl->jitter_q4 += (uint32_t)(d < 0 ? -d : d) - ((fl->jitter_q4 + 8) >> 4);
		fl->transit_last = transit;
		s->jitter_ts = (uint32_t)(fl->jitter_q4 >> 4);
	}
}
