/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3263 4.1 and RFC 2782: choices among DNS records, without a resolver. */
#include "proto/sip/locate.h"

static enum sip_transport transport_of(struct gw_sv service)
{
	if (gw_sv_ieq(service, GW_SV("SIP+D2U")))
		return SIP_TRANSPORT_UDP;
	if (gw_sv_ieq(service, GW_SV("SIP+D2T")))
		return SIP_TRANSPORT_TCP;
	return SIP_TRANSPORT_ANY;	/* TLS, SCTP: not spoken on Mw, whose security is that of the network domain */
}

static bool naptr_before(const struct sip_naptr *a, const struct sip_naptr *b)
{
	return a->order != b->order ? a->order < b->order : a->preference < b->preference;
}

unsigned sip_naptr_choose(struct sip_naptr *list, unsigned n, enum sip_transport want)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		struct sip_naptr r = list[i];
		unsigned at = kept;

		r.transport = transport_of(r.service);
		if (!gw_sv_ieq(r.flags, GW_SV("s")) || r.replacement.len == 0 || r.transport == SIP_TRANSPORT_ANY ||
			(want != SIP_TRANSPORT_ANY && r.transport != want))
			continue;
		for (; at > 0 && naptr_before(&r, &list[at - 1]); at--)
			list[at] = list[at - 1];
		list[at] = r;
		kept++;
	}
	return kept;
}

static bool srv_before(const struct sip_srv *a, const struct sip_srv *b)
{
	if (a->group != b->group)
		return a->group < b->group;
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->weight == 0 && b->weight != 0;	/* "placed at the beginning of the list" */
}

static void swap(struct sip_srv *a, struct sip_srv *b)
{
	struct sip_srv t = *a;

	*a = *b;
	*b = t;
}

/* Targets of one priority: each place is drawn among those left, in proportion to their weights. */
static void draw_order(struct sip_srv *list, unsigned n, uint32_t (*draw)(void *, uint32_t), void *user)
{
	for (unsigned done = 0; done + 1 < n; done++) {
		uint32_t sum = 0, pick;
		unsigned i = done;

		for (unsigned k = done; k < n; k++)
			sum += list[k].weight;
		pick = draw(user, sum);
		for (uint32_t run = list[i].weight; run < pick && i + 1 < n; run += list[i].weight)
			i++;
		for (; i > done; i--)	/* those passed over keep their order */
			swap(&list[i], &list[i - 1]);
	}
}

void sip_srv_order(struct sip_srv *list, unsigned n, uint32_t (*draw)(void *user, uint32_t max), void *user)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned k = i; k > 0 && srv_before(&list[k], &list[k - 1]); k--)
			swap(&list[k], &list[k - 1]);
	for (unsigned from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && list[to].group == list[from].group &&
			list[to].priority == list[from].priority; to++)
			;
		draw_order(list + from, to - from, draw, user);
	}
}
