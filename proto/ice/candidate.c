/* SPDX-License-Identifier: Apache-2.0 */
/* a=candidate read and written. */
#include "proto/ice/candidate.h"


/* FNV-1a: foundations are short, and only compared with one another */
static uint32_t hash_of(struct gw_sv v)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < v.len; i++)
		h = (h ^ (uint8_t)v.p[i]) * 16777619u;
	return h;
}

enum gw_err ice_candidate_read(struct gw_sv value, struct ice_candidate *out)
{
	struct gw_sv foundation, component, transport, priority, host, port;
	uint32_t n, prio;
	struct gw_addr a;

	if (!gw_sv_word(&value, &foundation) || !gw_sv_word(&value, &component) || !gw_sv_word(&value, &transport) ||
		!gw_sv_word(&value, &priority) || !gw_sv_word(&value, &host) || !gw_sv_word(&value, &port) ||
		gw_sv_u32(priority, &prio) || prio == 0 || prio > INT32_MAX)
		return GW_EBADMSG;
	if (!gw_sv_ieq(transport, GW_SV("UDP")) || !gw_sv_eq(component, GW_SV("1")) || gw_addr_parse_ip(host, &a))
		return GW_EUNSUPP;
	if (gw_sv_uint_max(port, UINT16_MAX, &n) || n == 0)
		return GW_EBADMSG;
	a.port = (uint16_t)n;
	*out = (struct ice_candidate){ a, prio, hash_of(foundation) };
	return GW_OK;
}

void ice_candidate_put_prflx(struct gw_buf *b, const struct gw_addr *addr, uint32_t priority)
{
	gw_buf_printf(b, "p%u 1 UDP %u ", addr->port, priority);
	gw_addr_put_ip(b, addr);
	gw_buf_printf(b, " %u typ prflx", addr->port);
}

uint64_t ice_pair_priority(uint32_t controlling, uint32_t controlled)
{
	uint64_t g = controlling, d = controlled;

	return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d);
}
