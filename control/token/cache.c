/* SPDX-License-Identifier: Apache-2.0 */
/* Cache of verdicts. */
#include "control/token/cache.h"

#include <stdlib.h>

struct entry {
	struct gw_list node;
	unsigned char hash[CP_TOKEN_HASH_BYTES];
	enum cp_verdict verdict;
	struct cp_identity *id;
	uint64_t until_s;
};

static struct gw_sv key_of(const unsigned char *hash)
{
	return gw_sv(hash, CP_TOKEN_HASH_BYTES);
}

static void drop(struct cp_cache *c, struct entry *e)
{
	gw_map_del(&c->by_hash, key_of(e->hash));
	gw_list_remove(&e->node);
	cp_identity_unref(e->id);
	free(e);
}

void cp_cache_init(struct cp_cache *c, unsigned max)
{
	*c = (struct cp_cache){ .max = max };
	gw_list_init(&c->lru);
}

void cp_cache_free(struct cp_cache *c)
{
	while (c->lru.next && !gw_list_empty(&c->lru))
		drop(c, GW_CONTAINER(c->lru.next, struct entry, node));
	gw_map_free(&c->by_hash);
}

enum cp_verdict cp_cache_get(struct cp_cache *c, const unsigned char hash[CP_TOKEN_HASH_BYTES], uint64_t now_s,
	struct cp_identity **id)
{
	struct entry *e = gw_map_get(&c->by_hash, key_of(hash));

	*id = NULL;
	if (e && e->until_s <= now_s) {
		drop(c, e);
		e = NULL;
	}
	if (!e)
		return CP_TOKEN_UNKNOWN;
	gw_list_remove(&e->node);
	gw_list_append(&c->lru, &e->node);
	*id = e->id;
	return e->verdict;
}

void cp_cache_put(struct cp_cache *c, const unsigned char hash[CP_TOKEN_HASH_BYTES], enum cp_verdict verdict,
	struct cp_identity *id, uint64_t until_s)
{
	struct entry *e = gw_map_get(&c->by_hash, key_of(hash));

	if (e)
		drop(c, e);
	while (c->by_hash.count >= c->max)
		drop(c, GW_CONTAINER(c->lru.next, struct entry, node));
	e = calloc(1, sizeof(*e));
	if (!e)
		return;
	memcpy(e->hash, hash, sizeof(e->hash));
	gw_list_init(&e->node);
	if (gw_map_put(&c->by_hash, key_of(e->hash), e)) {
		free(e);
		return;
	}
	e->verdict = verdict;
	e->id = id ? cp_identity_ref(id) : NULL;
	e->until_s = until_s;
	gw_list_append(&c->lru, &e->node);
}

void cp_cache_drop(struct cp_cache *c, bool (*match)(const struct cp_identity *id, const void *user), const void *user)
{
	GW_LIST_FOREACH_SAFE(it, next, &c->lru) {
		struct entry *e = GW_CONTAINER(it, struct entry, node);

		if (e->id && match(e->id, user))
			drop(c, e);
	}
}
