/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets by name. */
#include "control/transport/rate.h"

#include <stdlib.h>

#define FORGET_AT_ONCE 2	/* of each take: the table shrinks faster than it grows, and no call is long */

struct bucket {
	struct gw_list node;
	uint64_t id;
	uint64_t since_ms;       /* when milli was right */
	uint64_t milli;          /* thousandths of a token */
};

void cp_rate_init(struct cp_rate *r, uint32_t per_s, unsigned max)
{
	*r = (struct cp_rate){ .per_s = per_s, .max = max };
	gw_list_init(&r->order);
}

static void forget(struct cp_rate *r, struct bucket *b)
{
	gw_map_del_u64(&r->buckets, b->id);
	gw_list_remove(&b->node);
	free(b);
}

/* A full bucket says no more than none. */
static void expire(struct cp_rate *r, uint64_t now_ms)
{
	for (unsigned i = 0; i < FORGET_AT_ONCE && !gw_list_empty(&r->order); i++) {
		struct bucket *b = GW_CONTAINER(r->order.next, struct bucket, node);

		if (now_ms - b->since_ms < CP_RATE_BURST_S * 1000u)
			return;
		forget(r, b);
	}
}

static struct bucket *find(struct cp_rate *r, uint64_t id, uint64_t now_ms)
{
	struct bucket *b = gw_map_get_u64(&r->buckets, id);

	if (b)
		return b;
	if (r->buckets.count >= r->max)
		forget(r, GW_CONTAINER(r->order.next, struct bucket, node));
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	gw_list_init(&b->node);
	b->id = id;
	b->since_ms = now_ms;
	b->milli = 1000ull * CP_RATE_BURST_S * r->per_s;
	if (gw_map_put_u64(&r->buckets, id, b)) {
		free(b);
		return NULL;
	}
	return b;
}

bool cp_rate_take(struct cp_rate *r, struct gw_sv name, uint64_t now_ms)
{
	uint64_t full = 1000ull * CP_RATE_BURST_S * r->per_s;
	struct bucket *b;

	if (r->per_s == 0)
		return true;
	expire(r, now_ms);
	b = find(r, gw_sv_hash(name), now_ms);
	if (!b)
		return true;
	b->milli += (now_ms - b->since_ms) * r->per_s;
	if (b->milli > full)
		b->milli = full;
	b->since_ms = now_ms;
	gw_list_remove(&b->node);
	gw_list_append(&r->order, &b->node);
	if (b->milli < 1000)
		return false;
	b->milli -= 1000;
	return true;
}

unsigned cp_rate_count(const struct cp_rate *r)
{
	return (unsigned)r->buckets.count;
}

void cp_rate_free(struct cp_rate *r)
{
	while (!gw_list_empty(&r->order))
		forget(r, GW_CONTAINER(r->order.next, struct bucket, node));
	gw_map_free(&r->buckets);
}

struct gw_sv cp_rate_net(const struct gw_addr *a, enum cp_net which, char name[CP_NET_BYTES])
{
	size_t n = a->family == 4 ? (which == CP_NET_SOURCE ? 4 : 3) : (which == CP_NET_SOURCE ? 8 : 6);

	name[0] = (char)a->family;
	name[1] = (char)n;
	memcpy(name + 2, a->b, n);
	return gw_sv(name, n + 2);
}
