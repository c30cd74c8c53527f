/* SPDX-License-Identifier: Apache-2.0 */
/* The store in one SQLite file with a write-ahead log; batches are committed on a thread of the pool. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "control/app/folder.h"
#include "control/app/metrics.h"
#include "control/state/store_int.h"
#include "control/waf/sqlite.h"

#define SCHEMA_VERSION 1
#define BUSY_MS 2000		/* a predecessor that is just ending */

/* Used by one thread at a time: the loop's at start and end, one of the pool while a batch is written. */
struct db {
	sqlite3 *sql;
	sqlite3_stmt *put, *del;
	uv_work_t work;
	enum gw_err result;
};

static void finalize(struct db *d)
{
	sqlite3_finalize(d->put);
	sqlite3_finalize(d->del);
	sqlite3_close(d->sql);
	d->put = d->del = NULL;
	d->sql = NULL;
}

static int user_version(sqlite3 *sql, int *version)
{
	sqlite3_stmt *q;
	int r = sqlite3_prepare_v2(sql, "PRAGMA user_version", -1, &q, NULL);

	if (r == SQLITE_OK && (r = sqlite3_step(q)) == SQLITE_ROW) {
		*version = sqlite3_column_int(q, 0);
		r = SQLITE_OK;
	}
	sqlite3_finalize(q);
	return r;
}

/* @return a result code of SQLite, SQLITE_MISMATCH: of a newer version */
static int open_db(struct db *d, const char *path)
{
	static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
	static const char schema[] = "BEGIN IMMEDIATE;"
		"CREATE TABLE IF NOT EXISTS state(kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
		" expires INTEGER NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;"
		"DELETE FROM state WHERE expires > 0 AND expires <= unixepoch();"
		"PRAGMA user_version=1; COMMIT;";
	mode_t before = umask(0077);	/* secrets and who calls whom: for the owner only, the log beside it, too */
	int version = 0, r = sqlite3_open_v2(path, &d->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_busy_timeout(d->sql, BUSY_MS);
	if (r == SQLITE_OK)
		r = sqlite3_exec(d->sql, setup, NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = user_version(d->sql, &version);
	if (r == SQLITE_OK && version > SCHEMA_VERSION)
		r = SQLITE_MISMATCH;
	if (r == SQLITE_OK)
		r = sqlite3_exec(d->sql, schema, NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_prepare_v3(d->sql, "INSERT OR REPLACE INTO state VALUES(?1, ?2, ?3, ?4)", -1,
			SQLITE_PREPARE_PERSISTENT, &d->put, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_prepare_v3(d->sql, "DELETE FROM state WHERE kind=?1 AND key=?2", -1,
			SQLITE_PREPARE_PERSISTENT, &d->del, NULL);
	umask(before);
	return r;
}

/* A file nobody can read any more must not keep the node down: it is put aside for whoever wants to look. */
static bool put_aside(struct cp_store *s, const char *path)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char from[4200], to[4300];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "%s%s", path, parts[i]);
		snprintf(to, sizeof(to), "%s.bad%s", path, parts[i]);
		if (rename(from, to) && i == 0)
			return false;
	}
	CP_COUNT(state_file_bad);
	GW_LOG_ERROR(s->log, "state.file_bad", "file=%s kept=%s.bad a new one is begun", path, path);
	return true;
}

static enum gw_err sqlite_open(struct cp_store *s)
{
	const char *path = s->conf->state.file;
	struct db *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return GW_ENOMEM;
	s->db = d;
	d->work.data = s;
	cp_make_parent(path, 0750);	/* opening tells when it did not help */
	r = open_db(d, path);
	if (r == SQLITE_CORRUPT || r == SQLITE_NOTADB) {
		finalize(d);
		r = put_aside(s, path) ? open_db(d, path) : r;
	}
	if (r == SQLITE_OK)
		return GW_OK;
	GW_LOG_ERROR(s->log, "state.open_failed", "file=%s error=\"%s\"", path, r == SQLITE_MISMATCH ?
		"written by a newer version" : r == SQLITE_BUSY ? "another process has it" : sqlite3_errstr(r));
	return r == SQLITE_MISMATCH ? GW_EUNSUPP : GW_EIO;
}

static void bind_blob(sqlite3_stmt *q, int i, struct gw_sv v)
{
	sqlite3_bind_blob64(q, i, v.p ? v.p : "", v.len, SQLITE_STATIC);
}

static int apply(struct db *d, const struct cp_change *c)
{
	sqlite3_stmt *q = c->value.p ? d->put : d->del;

	sqlite3_bind_int(q, 1, (int)c->kind);
	bind_blob(q, 2, c->key);
	if (c->value.p) {
		bind_blob(q, 3, c->value);
		sqlite3_bind_int64(q, 4, (sqlite3_int64)c->expires_s);
	}
	return cp_sqlite_step(q);
}

static enum gw_err commit(struct cp_store *s)
{
	struct db *d = s->db;
	int r = sqlite3_exec(d->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (r != SQLITE_OK)
		return GW_EIO;
	GW_LIST_FOREACH(it, &s->batch) {
		r = apply(d, GW_CONTAINER(it, struct cp_change, node));
		if (r != SQLITE_DONE)
			break;
	}
	if (r == SQLITE_DONE)
		r = sqlite3_exec(d->sql, "COMMIT", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		return GW_OK;
	sqlite3_exec(d->sql, "ROLLBACK", NULL, NULL, NULL);
	return GW_EIO;
}

static void on_work(uv_work_t *w)
{
	struct cp_store *s = w->data;

	((struct db *)s->db)->result = commit(s);
}

static void on_done(uv_work_t *w, int status)
{
	struct cp_store *s = w->data;

	cp_store_written(s, status ? GW_EIO : ((struct db *)s->db)->result);
}

static void sqlite_write(struct cp_store *s)
{
	struct db *d = s->db;

	if (uv_queue_work(&s->loop->uv, &d->work, on_work, on_done))
		cp_store_written(s, GW_EIO);
}

static enum gw_err sqlite_secret(struct cp_store *s, const char *name, void *dst, size_t n)
{
	struct db *d = s->db;
	enum gw_err err = GW_EIO;
	unsigned char fresh[64];
	sqlite3_stmt *q = NULL;

	if (n > sizeof(fresh))
		return GW_EINVAL;
	cp_random(fresh, n);
	if (sqlite3_prepare_v2(d->sql, "INSERT OR IGNORE INTO state VALUES(?1, ?2, ?3, 0)", -1, &q, NULL))
		return GW_EIO;
	sqlite3_bind_int(q, 1, CP_STORE_META);
	bind_blob(q, 2, gw_sv_cstr(name));
	bind_blob(q, 3, gw_sv(fresh, n));
	cp_sqlite_step(q);
	sqlite3_finalize(q);
	explicit_bzero(fresh, sizeof(fresh));
	if (sqlite3_prepare_v2(d->sql, "SELECT value FROM state WHERE kind=?1 AND key=?2", -1, &q, NULL))
		return GW_EIO;
	sqlite3_bind_int(q, 1, CP_STORE_META);
	bind_blob(q, 2, gw_sv_cstr(name));
	if (sqlite3_step(q) == SQLITE_ROW && (size_t)sqlite3_column_bytes(q, 0) == n) {
		memcpy(dst, sqlite3_column_blob(q, 0), n);
		err = GW_OK;
	}
	sqlite3_finalize(q);
	return err;
}

static struct gw_sv column(sqlite3_stmt *q, int i)
{
	const void *p = sqlite3_column_blob(q, i);

	return gw_sv(p ? p : "", (size_t)sqlite3_column_bytes(q, i));
}

static enum gw_err sqlite_load(struct cp_store *s, enum cp_store_kind kind,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user)
{
	struct db *d = s->db;
	sqlite3_stmt *q;
	int r = sqlite3_prepare_v2(d->sql,
		"SELECT key, value FROM state WHERE kind=?1 AND (expires=0 OR expires > unixepoch())", -1, &q, NULL);

	if (r != SQLITE_OK)
		return GW_EIO;
	sqlite3_bind_int(q, 1, (int)kind);
	while ((r = sqlite3_step(q)) == SQLITE_ROW)
		fn(user, column(q, 0), column(q, 1));
	sqlite3_finalize(q);
	return r == SQLITE_DONE ? GW_OK : GW_EIO;
}

static void sqlite_close(struct cp_store *s)
{
	struct db *d = s->db;

	if (!d)
		return;
	finalize(d);
	free(d);
	s->db = NULL;
}

const struct cp_store_backend cp_store_sqlite = { sqlite_open, sqlite_secret, sqlite_load, sqlite_write, commit,
	sqlite_close };
