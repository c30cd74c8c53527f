/* SPDX-License-Identifier: Apache-2.0 */
/* Formats one log line and escapes what could break it. */
#include "proto/base/log.h"

#include <stdio.h>
#include <string.h>

#define LINE_BYTES 1024

const char *gw_log_level_name(enum gw_log_level level)
{
	static const char *const names[] = { "debug", "info", "notice", "warn", "error" };

	return (unsigned)level < sizeof(names) / sizeof(names[0]) ? names[level] : "?";
}

/* Terminal escapes and line breaks in a SIP field must not forge log lines (threat P11). */
static void escape(char *dst, size_t cap, const char *src)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *src && n + 5 < cap; src++) {
		unsigned char c = (unsigned char)*src;

		if (c >= 0x20 && c != 0x7f) {
			dst[n++] = (char)c;
			continue;
		}
		dst[n++] = '\\';
		dst[n++] = 'x';
		dst[n++] = hex[c >> 4];
		dst[n++] = hex[c & 15];
	}
	dst[n] = '\0';
}

void gw_log_write(const struct gw_log *log, enum gw_log_level level, const char *event,
	const char *fmt, ...)
{
	char raw[LINE_BYTES], line[LINE_BYTES + LINE_BYTES / 4];
	va_list ap;
	int n;

	if (!log || !log->write)
		return;
	n = snprintf(raw, sizeof(raw), "%s ", event);
	if (n < 0 || (size_t)n >= sizeof(raw))
		return;
	va_start(ap, fmt);
	vsnprintf(raw + n, sizeof(raw) - (size_t)n, fmt, ap);
	va_end(ap);
	escape(line, sizeof(line), raw);
	log->write(log->user, level, line);
}
