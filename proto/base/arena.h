/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocator for one message or one transaction; everything is freed at once. */
#ifndef GW_ARENA_H
#define GW_ARENA_H

#include "proto/base/sv.h"

struct gw_arena_block;

/** Zero-initialise, or GW_ARENA_INIT(limit). Not shared between threads. */
struct gw_arena {
	struct gw_arena_block *head;
	size_t used;      /* bytes handed out */
	size_t limit;     /* most bytes it may hand out; 0 = 1 MiB */
	bool failed;      /* sticky: an allocation was refused */
};

#define GW_ARENA_INIT(max) { NULL, 0, (max), false }

/** Zeroed memory aligned for any type, or NULL (out of memory, or above the limit). */
void *gw_arena_alloc(struct gw_arena *a, size_t size);
/** n elements; the product is checked. */
void *gw_arena_calloc(struct gw_arena *a, size_t n, size_t size);
/** Copy of s that lives as long as the arena; on failure .p is NULL and .len 0. */
struct gw_sv gw_arena_sv(struct gw_arena *a, struct gw_sv s);
/** As gw_arena_sv, with a NUL behind; NULL on failure. */
char *gw_arena_cstr(struct gw_arena *a, struct gw_sv s);
/** Free everything; the arena can be used again. */
void gw_arena_reset(struct gw_arena *a);

#define gw_arena_new(a, type) ((type *)gw_arena_alloc((a), sizeof(type)))
#define gw_arena_array(a, type, n) ((type *)gw_arena_calloc((a), (n), sizeof(type)))

#endif
