/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators read over the DPDK telemetry socket: /w2gw/contexts, flows, drops, ports, workers.
 * Callbacks run on telemetry's own thread; they ask the service thread and wait for its answer, so
 * that nothing but the service thread touches its tables.
 */
#ifndef DP_TELEMETRY_H
#define DP_TELEMETRY_H

#include "dataplane/ctx/context.h"
#include "dataplane/ctx/iq_server.h"

struct dp_telemetry_conf {
	struct dp_fast *fast;
	struct dp_ctx *ctx;
	struct dp_iq *iq;
	struct rte_mempool *pool;
	const uint16_t *ethdevs;
	uint16_t n_ethdevs;
	const char *engine;        /* SRTP engine, as people should see it */
	const struct dp_neigh *neigh;
	struct dp_realm *realms;
	unsigned n_realms;
};

enum gw_err dp_telemetry_start(const struct dp_telemetry_conf *conf) GW_NODISCARD;
/** Service thread: answer a waiting question. */
void dp_telemetry_serve(uint64_t now_ms);
/** Questions are refused from now on. */
void dp_telemetry_stop(void);

#endif
