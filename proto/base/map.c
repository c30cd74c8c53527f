/* SPDX-License-Identifier: Apache-2.0 */
/* Open-addressing hash map; keys belong to the values. */
#include "proto/base/map.h"

#include <stdlib.h>

#define CAP_MIN 16u

static uint64_t hash_u64(uint64_t k)
{
	k ^= k >> 33;
	k *= 0xff51afd7ed558ccdull;
	k ^= k >> 33;
	k *= 0xc4ceb9fe1a85ec53ull;
	k ^= k >> 33;
	return k ? k : 1;
}

static uint64_t hash_sv(struct gw_sv s)
{
	uint64_t h = gw_sv_hash(s);

	return h ? h : 1;
}

static bool same(const struct gw_map_slot *s, const struct gw_map_slot *k)
{
	return s->hash == k->hash && s->id == k->id && gw_sv_eq(s->key, k->key);
}

static struct gw_map_slot *lookup(const struct gw_map *m, const struct gw_map_slot *k)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = k->hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct gw_map_slot *s = &m->slots[i];

		if (s->hash == 0)
			return NULL;
		if (same(s, k))
			return s;
	}
}

static void place(struct gw_map *m, const struct gw_map_slot *k)
{
	size_t i = k->hash & (m->cap - 1);

	while (m->slots[i].hash)
		i = (i + 1) & (m->cap - 1);
	m->slots[i] = *k;
	m->count++;
}

static enum gw_err grow(struct gw_map *m)
{
	struct gw_map n = { .cap = m->cap ? m->cap * 2 : CAP_MIN };

	n.slots = calloc(n.cap, sizeof(*n.slots));
	if (!n.slots)
		return GW_ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].hash)
			place(&n, &m->slots[i]);
	free(m->slots);
	*m = n;
	return GW_OK;
}

static enum gw_err put(struct gw_map *m, const struct gw_map_slot *k)
{
	struct gw_map_slot *s = lookup(m, k);
	enum gw_err err;

	if (s) {
		*s = *k;
		return GW_OK;
	}
	if ((m->count + 1) * 4 > m->cap * 3 && (err = grow(m)))
		return err;
	place(m, k);
	return GW_OK;
}

static void *del(struct gw_map *m, const struct gw_map_slot *k)
{
	struct gw_map_slot *s = lookup(m, k);
	size_t hole, i;
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	hole = i = (size_t)(s - m->slots);
	for (;;) {
		size_t home;

		i = (i + 1) & (m->cap - 1);
		if (m->slots[i].hash == 0)
			break;
		home = m->slots[i].hash & (m->cap - 1);
		/* move back only what probed past the hole */
		if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	memset(&m->slots[hole], 0, sizeof(m->slots[hole]));
	m->count--;
	return value;
}

static struct gw_map_slot key_sv(struct gw_sv key, void *value)
{
	return (struct gw_map_slot){ .hash = hash_sv(key), .key = key, .value = value };
}

static struct gw_map_slot key_u64(uint64_t key, void *value)
{
	return (struct gw_map_slot){ .hash = hash_u64(key), .id = key, .value = value };
}

enum gw_err gw_map_put(struct gw_map *m, struct gw_sv key, void *value)
{
	struct gw_map_slot k = key_sv(key, value);

	return put(m, &k);
}

void *gw_map_get(const struct gw_map *m, struct gw_sv key)
{
	struct gw_map_slot k = key_sv(key, NULL), *s = lookup(m, &k);

	return s ? s->value : NULL;
}

void *gw_map_del(struct gw_map *m, struct gw_sv key)
{
	struct gw_map_slot k = key_sv(key, NULL);

	return del(m, &k);
}

enum gw_err gw_map_put_u64(struct gw_map *m, uint64_t key, void *value)
{
	struct gw_map_slot k = key_u64(key, value);

	return put(m, &k);
}

void *gw_map_get_u64(const struct gw_map *m, uint64_t key)
{
	struct gw_map_slot k = key_u64(key, NULL), *s = lookup(m, &k);

	return s ? s->value : NULL;
}

void *gw_map_del_u64(struct gw_map *m, uint64_t key)
{
	struct gw_map_slot k = key_u64(key, NULL);

	return del(m, &k);
}

bool gw_map_next(const struct gw_map *m, size_t *it, void **value)
{
	while (*it < m->cap) {
		struct gw_map_slot *s = &m->slots[(*it)++];

		if (s->hash) {
			*value = s->value;
			return true;
		}
	}
	return false;
}

void gw_map_free(struct gw_map *m)
{
	free(m->slots);
	*m = (struct gw_map){ 0 };
}
