/* SPDX-License-Identifier: Apache-2.0 */
/* Port pairs: one time stamp each says whether it is taken, resting or free. */
#include "dataplane/ctx/port_pool.h"

#include <stdlib.h>

#define TAKEN UINT64_MAX

struct dp_port_pool {
	uint16_t first;
	unsigned n_pairs, in_use;
	uint32_t (*random)(void);
	uint64_t free_at_ms[];
};

enum gw_err dp_port_pool_new(struct dp_port_pool **out, uint16_t first, uint16_t last,
	uint32_t (*random)(void))
{
	unsigned lo = (first + 1u) & ~1u, n = last > lo ? (last - lo + 1u) / 2 : 0;
	struct dp_port_pool *p;

	if (n == 0)
		return GW_EINVAL;
	p = calloc(1, sizeof(*p) + n * sizeof(p->free_at_ms[0]));
	if (!p)
		return GW_ENOMEM;
	p->first = (uint16_t)lo;
	p->n_pairs = n;
	p->random = random;
	*out = p;
	return GW_OK;
}

void dp_port_pool_free(struct dp_port_pool *p)
{
	free(p);
}

enum gw_err dp_port_take(struct dp_port_pool *p, uint64_t now_ms,
	bool (*fits)(void *user, uint16_t port), void *user, uint16_t *port)
{
	unsigned start = p->random() % p->n_pairs;

	for (unsigned k = 0; k < p->n_pairs; k++) {
		unsigned i = (start + k) % p->n_pairs;
		uint16_t candidate = (uint16_t)(p->first + 2 * i);

		if (p->free_at_ms[i] > now_ms || (fits && !fits(user, candidate)))
			continue;
		p->free_at_ms[i] = TAKEN;
		p->in_use++;
		*port = candidate;
		return GW_OK;
	}
	return GW_ELIMIT;
}

void dp_port_give_back(struct dp_port_pool *p, uint16_t port, uint64_t now_ms)
{
	unsigned i = (unsigned)(port - p->first) / 2;

	if (port < p->first || i >= p->n_pairs || p->free_at_ms[i] != TAKEN)
		return;
	p->free_at_ms[i] = now_ms + DP_PORT_REST_MS;
	p->in_use--;
}

unsigned dp_port_in_use(const struct dp_port_pool *p)
{
	return p->in_use;
}

unsigned dp_port_total(const struct dp_port_pool *p)
{
	return p->n_pairs;
}
