/* SPDX-License-Identifier: Apache-2.0 */
/* Log front end: event name first, keys after. The sink belongs to the process. */
#ifndef GW_LOG_H
#define GW_LOG_H

#include <stdarg.h>

#include "proto/base/err.h"

enum gw_log_level { GW_LOG_DEBUG, GW_LOG_INFO, GW_LOG_NOTICE, GW_LOG_WARN, GW_LOG_ERROR };

/**
 * Set by the process before the first thread starts and not changed while threads run.
 * write() gets one finished line without a newline; control characters are already escaped.
 * Called from the control thread or the service thread only; workers never log, they count.
 */
struct gw_log {
	enum gw_log_level level;                /* below: not formatted at all */
	void (*write)(void *user, enum gw_log_level level, const char *line);
	void *user;
};

/**
 * Write "event k=v k=v". The event is a dotted lower-case name ("iq.reply"); values from the
 * network are given through %.*s and come out escaped. Never a key, password, token or ice-pwd.
 */
void gw_log_write(const struct gw_log *log, enum gw_log_level level, const char *event,
	const char *fmt, ...) GW_PRINTF(4, 5);

const char *gw_log_level_name(enum gw_log_level level);

/* The check comes first, so that a suppressed line costs one comparison. log may be NULL. */
#define GW_LOG(log, lvl, ...)                                                                      \
	do {                                                                                       \
		if ((log) && (lvl) >= (log)->level)                                                \
			gw_log_write((log), (lvl), __VA_ARGS__);                                   \
	} while (0)
#define GW_LOG_DEBUG(log, ...) GW_LOG(log, GW_LOG_DEBUG, __VA_ARGS__)
#define GW_LOG_INFO(log, ...) GW_LOG(log, GW_LOG_INFO, __VA_ARGS__)
#define GW_LOG_NOTICE(log, ...) GW_LOG(log, GW_LOG_NOTICE, __VA_ARGS__)
#define GW_LOG_WARN(log, ...) GW_LOG(log, GW_LOG_WARN, __VA_ARGS__)
#define GW_LOG_ERROR(log, ...) GW_LOG(log, GW_LOG_ERROR, __VA_ARGS__)

#endif
