/* SPDX-License-Identifier: Apache-2.0 */
/* STUN connectivity checks of the access side (RFC 8445 7.2.4), by libnice's stun/ library. */
#include "bench/gen/gen.h"

#include <string.h>

#include <stun/usages/ice.h>

#define CHECK_BYTES 548u
#define PRIORITY 0x6e0001ffu     /* host candidate, RFC 8445 5.1.2 */

struct rte_mbuf *gen_make_check(struct gen *g, uint32_t i)
{
	static const uint16_t known[] = { 0 };
	struct gen_call *c = &g->call[i];
	struct rte_mbuf *m;
	StunAgent agent;
	StunMessage msg;
	size_t n;

	if (!c->stun_user || !c->stun_password || !(m = rte_pktmbuf_alloc(g->pool)))
		return NULL;
	stun_agent_init(&agent, known, STUN_COMPATIBILITY_RFC5389,
		STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	n = stun_usage_ice_conncheck_create(&agent, &msg, rte_pktmbuf_mtod(m, uint8_t *), CHECK_BYTES,
		(uint8_t *)c->stun_user, strlen(c->stun_user), (uint8_t *)c->stun_password, strlen(c->stun_password),
		true, true, PRIORITY, 1, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
	if (n == 0) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	(void)rte_pktmbuf_append(m, (uint16_t)n);
	gen_put_headers(g, GEN_ACCESS, &c->leg[GEN_ACCESS], m);
	return m;
}
