/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /metrics of eimsagw: Prometheus text format 0.0.4, names prefixed "w2gw_eimsagw_". A thread of
 * libmicrohttpd answers; it only reads what workers count, never the service thread's tables.
 */
#ifndef DP_PROM_H
#define DP_PROM_H

#include "dataplane/fast/api.h"
#include "proto/base/log.h"

struct dp_prom;

struct dp_prom_conf {
	struct gw_addr bind;       /* family 0: nothing is started, *out is NULL */
	const struct dp_fast *fast;
	uint64_t tsc_hz;
	const struct gw_log *log;
};

/** GW_EIO: cannot listen there (logged). */
enum gw_err dp_prom_start(struct dp_prom **out, const struct dp_prom_conf *conf) GW_NODISCARD;
/** Before the fast path is freed. NULL is fine. */
void dp_prom_stop(struct dp_prom *p);
/** The document; the length, cut at the buffer's end. Any thread. */
size_t dp_prom_write(const struct dp_fast *f, uint64_t tsc_hz, char *buf, size_t size);

#endif
