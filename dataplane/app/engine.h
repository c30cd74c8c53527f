/* SPDX-License-Identifier: Apache-2.0 */
/* Which SRTP engine this process uses: srtp.engine and srtp.device of the configuration. */
#ifndef DP_ENGINE_H
#define DP_ENGINE_H

#include "dataplane/fast/record.h"
#include "dataplane/fast/srtp.h"
#include "proto/base/log.h"

enum dp_engine { DP_ENGINE_AUTO, DP_ENGINE_BURST, DP_ENGINE_LIBSRTP2 };

/**
 * After rte_eal_init. AUTO takes the burst engine, and libsrtp2 with a warning on a CPU it cannot use;
 * BURST fails there. @return the engine, NULL after an error was logged
 */
const struct dp_srtp_ops *dp_engine_start(enum dp_engine want, const struct dp_srtp_burst_conf *conf,
	const struct gw_log *log);
/**
 * What carries the records of data lines beside that SRTP engine; *out NULL: the service core. conf: of dp_engine_start().
 * GW_ENOMEM was logged.
 */
enum gw_err dp_engine_records(const struct dp_record_ops **out, const struct dp_srtp_ops *engine,
	const struct dp_srtp_burst_conf *conf, const struct gw_log *log) GW_NODISCARD;
/** After all sessions are freed. NULL is fine. */
void dp_engine_stop(const struct dp_srtp_ops *engine);

#endif
