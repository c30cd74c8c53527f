/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of one kind, as many as were asked for at start. Memory that was never used is not touched, so the
 * kernel does not give it. Service thread only.
 */
#ifndef DP_POOL_H
#define DP_POOL_H

#include "proto/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct dp_pool {
	uint8_t *mem;
	void *unused;              /* given back, linked through their first bytes */
	uint32_t n, size, fresh;   /* [fresh, n) never used */
	uint32_t in_use;
};

/** size: at least that of a pointer. GW_ENOMEM. */
enum gw_err dp_pool_init(struct dp_pool *p, uint32_t n, uint32_t size) GW_NODISCARD;
void dp_pool_free(struct dp_pool *p);
/** All zero; NULL: none left. */
void *dp_pool_take(struct dp_pool *p);
/** It is wiped. */
void dp_pool_give(struct dp_pool *p, void *object);
/** Object number i, in use or not; NULL: there is none. */
static inline void *dp_pool_at(const struct dp_pool *p, uint32_t i)
{
	return i < p->fresh ? p->mem + (size_t)i * p->size : NULL;
}
static inline uint32_t dp_pool_index(const struct dp_pool *p, const void *object)
{
	return (uint32_t)(((const uint8_t *)object - p->mem) / p->size);
}

#endif
