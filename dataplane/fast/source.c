/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where media may come from, beyond one address: prefixes and ranges of ports (gm, F-18 to F-20), and latches
 * (ipnapt, F-14 to F-17). The common case, a comparison with line 0 of the flow, is in fast_int.h; what is let in here
 * and proves valid is noted there, so that the next packet from the same place is a common one.
 */
#include "dataplane/fast/fast_int.h"

static bool passes_filter(const struct dp_flow_rest *s, const struct gw_addr *allowed, const struct gw_addr *a)
{
	uint16_t last = s->source_port_last ? s->source_port_last : allowed->port;

	if (s->check_port && (a->port < allowed->port || a->port > last))
		return false;
	if (!s->check_source)
		return true;
	return s->source_prefix ? gw_addr_in(a, allowed, s->source_prefix) : gw_addr_ip_eq(a, allowed);
}

bool dp_source_admits(const struct dp_worker *w, const struct dp_pkt *p)
{
	const struct dp_flow_rest *rest = dp_rest_of(w, p->flow);
	struct gw_addr a;

	dp_pkt_source(p, &a);
	return passes_filter(rest, p->is_rtcp_port ? &rest->rtcp_allowed : &rest->source, &a);
}

static void note(struct dp_source *s, const struct gw_addr *a, bool with_port)
{
	s->family = a->family;
	memcpy(s->ip, a->b, sizeof(s->ip));
	s->port = with_port ? rte_cpu_to_be_16(a->port) : 0;
}

static struct gw_addr noted(const struct dp_source *s)
{
	struct gw_addr a = { .family = s->family, .port = rte_be_to_cpu_16(s->port) };

	memcpy(a.b, s->ip, sizeof(a.b));
	return a;
}

/* Without room for the event the packet teaches nothing: the service core would never know. The next one tries again. */
static bool latch(struct dp_worker *w, const struct dp_pkt *p, const struct gw_addr *a)
{
	struct dp_event ev = { .type = DP_EV_LATCHED, .flow = dp_flow_id_of(w, p->flow), .cookie = dp_rest_of(w, p->flow)->cookie,
		.latched = *a, .is_rtcp = p->is_rtcp_port, .latch_order = dp_rest_of(w, p->flow)->latch_order };
	/* where RTCP goes is the service core's affair, which sends it */
	struct dp_flow *reverse = p->is_rtcp_port ? NULL : dp_flow_reverse(w, p->flow);
	struct dp_source *s = dp_source_of(w, p);

	if (!dp_event_put(w, &ev))
		return false;
	note(s, a, true);
	s->check = DP_SOURCE_EXACT;
	s->is_latching = false;
	s->is_latched = true;
	if (reverse)
		dp_flow_encap(w, reverse);
	return true;
}

bool dp_source_commit(struct dp_worker *w, const struct dp_pkt *p)
{
	struct dp_source *s = dp_source_of(w, p);
	struct gw_addr a;

	if (s->check != DP_SOURCE_WIDE)
		return dp_is_from(s, p);	/* another packet of the burst was first */
	dp_pkt_source(p, &a);
	if (s->is_latching)
		return latch(w, p, &a);
	note(s, &a, dp_rest_of(w, p->flow)->check_port);
	return true;
}

static void set_source(struct dp_source *to, const struct dp_flow_spec *s, const struct gw_addr *allowed, const struct gw_addr *latched)
{
	to->is_latching = s->latch != DP_LATCH_OFF;
	if (s->latch == DP_LATCH_AGAIN) {
		to->check = DP_SOURCE_WIDE;
		if (!to->is_latched)
			note(to, latched, true);
		return;
	}
	to->is_latched = false;
	note(to, allowed, s->check_port);
	if (s->latch == DP_LATCH_FIRST) {
		to->check = DP_SOURCE_WIDE;
		to->family = 0;
	} else if ((s->check_source && s->source_prefix) || (s->check_port && (s->source_port_last || !s->check_source))) {
		to->check = DP_SOURCE_WIDE;
		to->family = 0;	/* of what passes none is here yet */
	} else {
		to->check = s->check_source ? DP_SOURCE_EXACT : DP_SOURCE_ANY;
	}
}

void dp_source_set(struct dp_worker *w, struct dp_flow *fl, const struct dp_flow_spec *s, bool is_same_order)
{
	if (s->latch != DP_LATCH_OFF && is_same_order)
		return;
	set_source(&fl->source, s, &s->source, &s->latched);
	if (s->rtcp.local_port)
		set_source(&dp_rest_of(w, fl)->rtcp_source, s, &s->rtcp.source, &s->rtcp.latched);
}

struct gw_addr dp_source_remote(struct dp_worker *w, const struct dp_flow *fl)
{
	const struct dp_flow *from = dp_flow_reverse(w, fl);
	const struct gw_addr *remote = &dp_rest_of(w, fl)->out.remote;

	if (from && from->source.is_latched && remote->family)
		return noted(&from->source);
	if (from && from->source.is_latching && dp_rest_of(w, from)->latch == DP_LATCH_FIRST)
		return (struct gw_addr){ 0 };
	return *remote;
}
