/* SPDX-License-Identifier: Apache-2.0 */
/* Where log lines of the process go: standard error or a file that can be reopened. */
#ifndef DP_LOG_SINK_H
#define DP_LOG_SINK_H

#include "proto/base/log.h"

/** "-" is standard error. GW_EIO. The log is ready afterwards. */
enum gw_err dp_log_open(struct gw_log *log, const char *file, enum gw_log_level level);
/** After the file was rotated away. */
void dp_log_reopen(void);

#endif
