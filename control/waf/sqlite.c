/* SPDX-License-Identifier: Apache-2.0 */
/* Opening an SQLite file of the WAF. */
#include "control/waf/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_BYTES 256

static void owner_of_folder(const char *path, int fd)
{
	char dir[1024];
	struct stat st;
	char *slash;

	/* w2gwctl runs as root before epcscf's first start: the file must be the service's, like its folder */
	if (geteuid() != 0 || snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return;
	slash = strrchr(dir, '/');
	if (!slash)
		return;
	slash[slash == dir] = '\0';
	if (stat(dir, &st) == 0 && fchown(fd, st.st_uid, st.st_gid))
		(void)errno;	/* it stays root's: the service will say so when it cannot open it */
}

static bool make_private(const char *path, char *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return true;
	if (fd < 0) {
		snprintf(why, WHY_BYTES, "cannot make %s: %s", path, strerror(errno));
		return false;
	}
	owner_of_folder(path, fd);
	close(fd);
	return true;
}

static int version_of(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	int v = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		v = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return v;
}

static enum gw_err upgrade(sqlite3 *db, const char *const *steps)
{
	char pragma[48];
	int last = 0, v;

	while (steps[last])
		last++;
	if ((v = version_of(db)) == last)
		return GW_OK;
	/* IMMEDIATE: two processes that start together do not both do it */
	if (v < 0 || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
		return GW_EIO;
	v = version_of(db);
	for (int i = v; v >= 0 && i < last; i++)
		if (sqlite3_exec(db, steps[i], NULL, NULL, NULL))
			v = -1;
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d; COMMIT", last);
	if (v >= 0 && v <= last && sqlite3_exec(db, pragma, NULL, NULL, NULL) == SQLITE_OK)
		return GW_OK;
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return v > last ? GW_EUNSUPP : GW_EIO;
}

enum gw_err cp_sqlite_open(sqlite3 **out, const char *path, unsigned busy_ms, const char *const *steps, char *why)
{
	enum gw_err err = GW_EIO;
	sqlite3 *db = NULL;

	if (!make_private(path, why))
		return GW_EIO;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL) == SQLITE_OK &&
		sqlite3_busy_timeout(db, 2000) == SQLITE_OK &&
		sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
				 "PRAGMA trusted_schema=OFF", NULL, NULL, NULL) == SQLITE_OK &&
		(err = upgrade(db, steps)) == GW_OK && sqlite3_busy_timeout(db, (int)busy_ms) == SQLITE_OK) {
		*out = db;
		return GW_OK;
	}
	if (err == GW_EUNSUPP)
		snprintf(why, WHY_BYTES, "%s was written by a newer version", path);
	else
		snprintf(why, WHY_BYTES, "%s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
	sqlite3_close(db);
	return err;
}

enum gw_err cp_sqlite_prepare(sqlite3 *db, const char *const *sql, unsigned n, sqlite3_stmt **out, const char *path,
	char *why)
{
	for (unsigned i = 0; i < n; i++)
		if (sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL) != SQLITE_OK) {
			snprintf(why, WHY_BYTES, "%s: %s", path, sqlite3_errmsg(db));
			return GW_EIO;
		}
	return GW_OK;
}

int cp_sqlite_step(sqlite3_stmt *s)
{
	int r = sqlite3_step(s);

	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r;
}

struct gw_sv cp_sqlite_text(sqlite3_stmt *s, int column)
{
	const unsigned char *p = sqlite3_column_text(s, column);

	return gw_sv(p, p ? (size_t)sqlite3_column_bytes(s, column) : 0);
}

void cp_sqlite_bind(sqlite3_stmt *s, int index, struct gw_sv v)
{
	sqlite3_bind_text(s, index, v.p ? v.p : "", (int)v.len, SQLITE_STATIC);
}
