/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from slice or u64 to pointer: open addressing, linear probing, backward-shift delete. */
#ifndef GW_MAP_H
#define GW_MAP_H

#include "proto/base/sv.h"

struct gw_map_slot {
	uint64_t hash;       /* 0 = free */
	struct gw_sv key;    /* slice maps: bytes owned by the value's owner, must outlive the entry */
	uint64_t id;         /* u64 maps */
	void *value;
};

/** Zero-initialise. Not shared between threads. */
struct gw_map {
	struct gw_map_slot *slots;
	size_t cap;          /* 0 or a power of two */
	size_t count;
};

/** Insert or replace. GW_ENOMEM leaves the map as it was. value must not be NULL. */
enum gw_err gw_map_put(struct gw_map *m, struct gw_sv key, void *value) GW_NODISCARD;
void *gw_map_get(const struct gw_map *m, struct gw_sv key);
/** @return the removed value, or NULL */
void *gw_map_del(struct gw_map *m, struct gw_sv key);

enum gw_err gw_map_put_u64(struct gw_map *m, uint64_t key, void *value) GW_NODISCARD;
void *gw_map_get_u64(const struct gw_map *m, uint64_t key);
void *gw_map_del_u64(struct gw_map *m, uint64_t key);

/**
 * Walk: *it starts at 0; false at the end. The map must not be changed during the walk.
 */
bool gw_map_next(const struct gw_map *m, size_t *it, void **value);
/** Free the table, not the values. */
void gw_map_free(struct gw_map *m);

#endif
