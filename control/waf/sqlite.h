/* SPDX-License-Identifier: Apache-2.0 */
/* What both databases of the WAF need: an own file with mode 0600, WAL, a versioned schema. */
#ifndef CP_SQLITE_H
#define CP_SQLITE_H

#include <sqlite3.h>

#include "proto/base/sv.h"

/**
 * Open or make a database and bring it to the schema.
 * @param busy_ms  wait for other writers
 * @param steps    SQL from version i to i+1 each, ended by NULL
 * @param why      out, on failure: a sentence; 256 bytes
 * @return GW_OK; GW_EIO; GW_EUNSUPP (the file is of a newer version)
 */
enum gw_err cp_sqlite_open(sqlite3 **out, const char *path, unsigned busy_ms, const char *const *steps, char *why)
	GW_NODISCARD;
/** Prepare n statements for the life of the connection. GW_EIO: why tells; those before are in out. */
enum gw_err cp_sqlite_prepare(sqlite3 *db, const char *const *sql, unsigned n, sqlite3_stmt **out, const char *path,
	char *why) GW_NODISCARD;
/** Run a statement to its first row or its end, and make it ready for the next time: its row, if any, is gone. */
int cp_sqlite_step(sqlite3_stmt *s);
/** A column as a slice; valid until the statement is stepped or reset. */
struct gw_sv cp_sqlite_text(sqlite3_stmt *s, int column);
/** Bind a slice; the bytes must live until the statement is reset. */
void cp_sqlite_bind(sqlite3_stmt *s, int index, struct gw_sv v);

#endif
