/* SPDX-License-Identifier: Apache-2.0 */
/* Local UDP ports of one address: even-odd pairs, random order, a rest before they come again. */
#ifndef DP_PORT_POOL_H
#define DP_PORT_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

#define DP_PORT_REST_MS 3000u   /* late packets of the last call must not reach the next one */

struct dp_port_pool;

/** Ports first..last; both are clamped to even-odd pairs. Service thread only. */
enum gw_err dp_port_pool_new(struct dp_port_pool **out, uint16_t first, uint16_t last,
	uint32_t (*random)(void)) GW_NODISCARD;
void dp_port_pool_free(struct dp_port_pool *p);
/**
 * An even port whose pair is free and for which fits(user, port) holds (the worker that shall own it).
 * GW_ELIMIT: none left.
 */
enum gw_err dp_port_take(struct dp_port_pool *p, uint64_t now_ms,
	bool (*fits)(void *user, uint16_t port), void *user, uint16_t *port) GW_NODISCARD;
void dp_port_give_back(struct dp_port_pool *p, uint16_t port, uint64_t now_ms);
unsigned dp_port_in_use(const struct dp_port_pool *p);
unsigned dp_port_total(const struct dp_port_pool *p);

#endif
