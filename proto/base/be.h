/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in network byte order at any address. */
#ifndef GW_BE_H
#define GW_BE_H

#include <stdint.h>

static inline uint16_t gw_be16(const void *at)
{
	const uint8_t *p = at;

	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t gw_be32(const void *at)
{
	const uint8_t *p = at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t gw_be64(const void *at)
{
	const uint8_t *p = at;

	return (uint64_t)gw_be32(p) << 32 | gw_be32(p + 4);
}

static inline void gw_put_be16(void *at, uint16_t v)
{
	uint8_t *p = at;

	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void gw_put_be32(void *at, uint32_t v)
{
	uint8_t *p = at;

	gw_put_be16(p, (uint16_t)(v >> 16));
	gw_put_be16(p + 2, (uint16_t)v);
}

static inline void gw_put_be64(void *at, uint64_t v)
{
	uint8_t *p = at;

	gw_put_be32(p, (uint32_t)(v >> 32));
	gw_put_be32(p + 4, (uint32_t)v);
}

#endif
