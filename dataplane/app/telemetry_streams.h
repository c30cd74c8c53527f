/* SPDX-License-Identifier: Apache-2.0 */
/* What telemetry says of streams, a dictionary each. Service thread only. */
#ifndef DP_TELEMETRY_STREAMS_H
#define DP_TELEMETRY_STREAMS_H

#include <rte_telemetry.h>

#include "dataplane/ctx/context.h"

static inline void dp_tel_put(struct rte_tel_data *d, const char *name, uint64_t v)
{
	rte_tel_data_add_dict_u64(d, name, v);
}

/** State of all streams, and what they have carried. What does not fit is counted in "rows_left_off". */
void dp_tel_contexts(struct rte_tel_data *d, struct dp_ctx *c);
void dp_tel_flows(struct rte_tel_data *d, struct dp_ctx *c);
/** Of one context: whatever explains why its media flows, or does not. */
void dp_tel_context(struct rte_tel_data *d, struct dp_ctx *c, struct dp_context *cx, uint64_t now_ms);

#endif
