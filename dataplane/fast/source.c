/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where media may come from, beyond one address: prefixes and ranges of ports (gm, F-18 to F-20), and latches
 * (ipnapt, F-14 to F-17). The common case, a comparison with line 0 of the flow, is in fast_int.h; what is let in here
 * and proves valid is noted there, so that the next packet from the same place is a common one.
 */
#include "dataplane/fast/fast_int.h"

static bool passes_filter(const struct dp_flow_rest *s, const struct gw_addr *a)
{
	uint16_t last = s->source_port_last ? s->source_port_last : s->source.port;

	if (s->check_port && (a->port < s->source.port || a->port > last))
		return false;
	if (!s->check_source)
		return true;
	return s->source_prefix ? gw_addr_in(a, &s->source, s->source_prefix) : gw_addr_ip_eq(a, &s->source);
}

bool dp_source_admits(const struct dp_worker *w, const struct dp_flow *fl, const struct dp_pkt *p)
{
	struct gw_addr a;

	dp_pkt_source(p, &a);
	return passes_filter(dp_rest_of(w, fl), &a);
}

static void note(struct dp_flow *fl, const struct gw_addr *a, bool with_port)
{
	fl->source_family = a->family;
	memcpy(fl->source_ip, a->b, sizeof(fl->source_ip));
	fl->source_port = with_port ? rte_cpu_to_be_16(a->port) : 0;
}

static struct gw_addr noted(const struct dp_flow *fl)
{
	struct gw_addr a = { .family = fl->source_family, .port = rte_be_to_cpu_16(fl->source_port) };

	memcpy(a.b, fl->source_ip, sizeof(a.b));
	return a;
}

/* Without room for the event the packet teaches nothing: the service core would never know. The next one tries again. */
static bool latch(struct dp_worker *w, struct dp_flow *fl, const struct gw_addr *a)
{
	struct dp_event ev = { .type = DP_EV_LATCHED, .flow = dp_flow_id_of(w, fl), .cookie = dp_rest_of(w, fl)->cookie, .latched = *a };
	struct dp_flow *reverse = dp_flow_reverse(w, fl);

	if (!dp_event_put(w, &ev))
		return false;
	note(fl, a, true);
	fl->source_check = DP_SOURCE_EXACT;
	fl->is_latching = false;
	fl->is_latched = true;
	if (reverse)
		dp_flow_encap(w, reverse);
	return true;
}

bool dp_source_commit(struct dp_worker *w, struct dp_flow *fl, const struct dp_pkt *p)
{
	struct gw_addr a;

	if (fl->source_check != DP_SOURCE_WIDE)
		return dp_is_from_source(fl, p);	/* another packet of the burst was first */
	dp_pkt_source(p, &a);
	if (fl->is_latching)
		return latch(w, fl, &a);
	note(fl, &a, dp_rest_of(w, fl)->check_port);
	return true;
}

void dp_source_set(struct dp_flow *fl, const struct dp_flow_spec *s, bool is_same_order)
{
	if (s->latch != DP_LATCH_OFF && is_same_order)
		return;
	fl->is_latching = s->latch != DP_LATCH_OFF;
	if (s->latch == DP_LATCH_AGAIN) {
		fl->source_check = DP_SOURCE_WIDE;
		if (!fl->is_latched)
			note(fl, &s->latched, true);
		return;
	}
	fl->is_latched = false;
	note(fl, &s->source, s->check_port);
	if (s->latch == DP_LATCH_FIRST) {
		fl->source_check = DP_SOURCE_WIDE;
		fl->source_family = 0;
	} else if ((s->check_source && s->source_prefix) || (s->check_port && (s->source_port_last || !s->check_source))) {
		fl->source_check = DP_SOURCE_WIDE;
		fl->source_family = 0;	/* of what passes none is here yet */
	} else {
		fl->source_check = s->check_source ? DP_SOURCE_EXACT : DP_SOURCE_ANY;
	}
}

struct gw_addr dp_source_remote(struct dp_worker *w, const struct dp_flow *fl)
{
	const struct dp_flow *from = dp_flow_reverse(w, fl);
	const struct gw_addr *remote = &dp_rest_of(w, fl)->out.remote;

	if (from && from->is_latched && remote->family)
		return noted(from);
	if (from && from->is_latching && dp_rest_of(w, from)->latch == DP_LATCH_FIRST)
		return (struct gw_addr){ 0 };
	return *remote;
}
