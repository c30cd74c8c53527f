/* SPDX-License-Identifier: Apache-2.0 */
/* Time-stamped log lines. */
#include "control/app/log_sink.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
	FILE *f;
	const char *path;
} sink;

static void write_line(void *user, enum gw_log_level level, const char *line)
{
	struct timespec ts;
	struct tm tm;
	char stamp[32];

	(void)user;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(sink.f, "%s.%03ldZ %-6s %s\n", stamp, ts.tv_nsec / 1000000, gw_log_level_name(level), line);
	fflush(sink.f);
}

enum gw_err cp_log_open(struct gw_log *log, const char *file, enum gw_log_level level)
{
	sink.path = file;
	sink.f = strcmp(file, "-") == 0 ? stderr : fopen(file, "a");
	if (!sink.f) {
		sink.f = stderr;
		return GW_EIO;
	}
	*log = (struct gw_log){ .level = level, .write = write_line };
	return GW_OK;
}

void cp_log_reopen(void)
{
	FILE *f;

	if (!sink.f || sink.f == stderr)
		return;
	f = fopen(sink.path, "a");
	if (!f)
		return;		/* the old file goes on rather than none */
	fclose(sink.f);
	sink.f = f;
}
