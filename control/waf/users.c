/* SPDX-License-Identifier: Apache-2.0 */
/* User store of the WAF. */
#include "control/waf/users.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/waf/sqlite.h"

static const char *const schema[] = {
	"CREATE TABLE user(login TEXT PRIMARY KEY COLLATE NOCASE, hash TEXT NOT NULL, impi TEXT NOT NULL UNIQUE,"
	" locked INTEGER NOT NULL DEFAULT 0, stamp INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE impu(login TEXT NOT NULL COLLATE NOCASE REFERENCES user(login) ON DELETE CASCADE,"
	" place INTEGER NOT NULL, uri TEXT NOT NULL, PRIMARY KEY(login, place)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX user_stamp ON user(stamp);"
	/* who was deleted, so that a reader need not look at everybody to find out */
	"CREATE TABLE gone(login TEXT PRIMARY KEY COLLATE NOCASE, stamp INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX gone_stamp ON gone(stamp);"
	/* one for all users and never used twice: a user deleted and added again is somebody else */
	"CREATE TABLE counter(value INTEGER NOT NULL) STRICT; INSERT INTO counter VALUES(0);",
	/* the stamp a user began with */
	"ALTER TABLE user ADD COLUMN added INTEGER NOT NULL DEFAULT 0;",
	NULL };

enum query { Q_GET, Q_IMPUS, Q_ALL, Q_ADD, Q_ADD_IMPU, Q_HASH, Q_LOCK, Q_DEL, Q_GONE, Q_COUNT, Q_COUNT_UP, Q_CHANGED, QUERIES };

#define NEXT "(SELECT value FROM counter)"
static const char *const sql[QUERIES] = {
	[Q_GET] = "SELECT login, hash, impi, locked, stamp, stamp<>added FROM user WHERE login=?1",
	[Q_IMPUS] = "SELECT uri FROM impu WHERE login=?1 ORDER BY place",
	[Q_ALL] = "SELECT login, hash, impi, locked, stamp, stamp<>added FROM user ORDER BY login",
	[Q_ADD] = "INSERT INTO user(login, hash, impi, locked, stamp, added) VALUES(?1, ?2, ?3, ?4, " NEXT ", " NEXT ")",
	[Q_ADD_IMPU] = "INSERT INTO impu(login, place, uri) VALUES(?1, ?2, ?3)",
	[Q_HASH] = "UPDATE user SET hash=?2, stamp=" NEXT " WHERE login=?1",
	[Q_LOCK] = "UPDATE user SET locked=?2, stamp=" NEXT " WHERE login=?1",
	[Q_DEL] = "DELETE FROM user WHERE login=?1",
	[Q_GONE] = "INSERT OR REPLACE INTO gone(login, stamp) SELECT login, " NEXT " FROM user WHERE login=?1",
	[Q_COUNT] = "SELECT value FROM counter",
	[Q_COUNT_UP] = "UPDATE counter SET value=value+1",
	/* by two indexes, which are merged: nothing is sorted */
	[Q_CHANGED] = ("SELECT login, stamp FROM user WHERE stamp>?1 UNION ALL SELECT login, stamp FROM gone WHERE stamp>?1"
		" ORDER BY stamp LIMIT ?2"),
};

struct cp_users {
	sqlite3 *db;
	sqlite3_stmt *q[QUERIES];
};

static bool is_alnum(char c)
{
	char l = gw_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

bool cp_users_is_login(struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++)
		if (!is_alnum(v.p[i]) && !(v.p[i] && strchr("._-@+", v.p[i])))
			return false;
	return v.len > 0 && v.len <= CP_LOGIN_MAX && is_alnum(v.p[0]);
}

static bool is_user(const struct cp_user *u)
{
	for (unsigned i = 0; i < u->n_impus; i++)
		if (!cp_is_impu(u->impu[i]))
			return false;
	return cp_users_is_login(u->login) && cp_is_impi(u->impi) && u->n_impus > 0;
}

enum gw_err cp_users_open(struct cp_users **out, const char *path, unsigned busy_ms, char *why)
{
	struct cp_users *u = calloc(1, sizeof(*u));
	enum gw_err err;

	if (!u) {
		snprintf(why, 256, "out of memory");
		return GW_ENOMEM;
	}
	if ((err = cp_sqlite_open(&u->db, path, busy_ms, schema, why)))
		goto out;
	if ((err = cp_sqlite_prepare(u->db, sql, QUERIES, u->q, path, why)))
		goto out;
	*out = u;
	return GW_OK;
out:
	cp_users_close(u);
	return err;
}

static enum gw_err read_impus(struct cp_users *u, struct gw_arena *a, struct cp_user *out)
{
	sqlite3_stmt *s = u->q[Q_IMPUS];
	int r;

	cp_sqlite_bind(s, 1, out->login);
	while ((r = sqlite3_step(s)) == SQLITE_ROW && out->n_impus < CP_IMPUS_MAX)
		out->impu[out->n_impus++] = gw_arena_sv(a, cp_sqlite_text(s, 0));
	sqlite3_reset(s);
	if (a->failed)
		return GW_ENOMEM;
	return r == SQLITE_DONE || r == SQLITE_ROW ? GW_OK : GW_EIO;
}

static enum gw_err read_row(struct cp_users *u, struct gw_arena *a, sqlite3_stmt *s, struct cp_user *out)
{
	*out = (struct cp_user){ .login = gw_arena_sv(a, cp_sqlite_text(s, 0)),
		.hash = gw_arena_sv(a, cp_sqlite_text(s, 1)), .impi = gw_arena_sv(a, cp_sqlite_text(s, 2)),
		.is_locked = sqlite3_column_int(s, 3) != 0, .stamp = sqlite3_column_int64(s, 4),
		.is_changed = sqlite3_column_int(s, 5) != 0 };
	return a->failed ? GW_ENOMEM : read_impus(u, a, out);
}

enum gw_err cp_users_get(struct cp_users *u, struct gw_arena *a, struct gw_sv login, struct cp_user *out)
{
	sqlite3_stmt *s = u->q[Q_GET];
	enum gw_err err;
	int r;

	cp_sqlite_bind(s, 1, login);
	r = sqlite3_step(s);
	err = r == SQLITE_ROW ? read_row(u, a, s, out) : r == SQLITE_DONE ? GW_ENOENT : GW_EIO;
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return err;
}

/* A statement that changes rows: its outcome, and whether there was a row. */
static enum gw_err change(struct cp_users *u, enum query q)
{
	int r = cp_sqlite_step(u->q[q]);

	if (r == SQLITE_DONE)
		return sqlite3_changes(u->db) ? GW_OK : GW_ENOENT;
	return r == SQLITE_CONSTRAINT ? GW_EEXIST : GW_EIO;
}

static enum gw_err begin(struct cp_users *u)
{
	if (sqlite3_exec(u->db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
		return GW_EIO;
	return change(u, Q_COUNT_UP);
}

static enum gw_err end(struct cp_users *u, enum gw_err err)
{
	if (err == GW_OK && sqlite3_exec(u->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return GW_OK;
	if (!sqlite3_get_autocommit(u->db))
		sqlite3_exec(u->db, "ROLLBACK", NULL, NULL, NULL);
	return err ? err : GW_EIO;
}

static enum gw_err insert(struct cp_users *u, const struct cp_user *user)
{
	enum gw_err err;

	cp_sqlite_bind(u->q[Q_ADD], 1, user->login);
	cp_sqlite_bind(u->q[Q_ADD], 2, user->hash);
	cp_sqlite_bind(u->q[Q_ADD], 3, user->impi);
	sqlite3_bind_int(u->q[Q_ADD], 4, user->is_locked);
	err = change(u, Q_ADD);
	for (unsigned i = 0; i < user->n_impus && err == GW_OK; i++) {
		cp_sqlite_bind(u->q[Q_ADD_IMPU], 1, user->login);
		sqlite3_bind_int(u->q[Q_ADD_IMPU], 2, (int)i);
		cp_sqlite_bind(u->q[Q_ADD_IMPU], 3, user->impu[i]);
		err = change(u, Q_ADD_IMPU);
	}
	return err;
}

enum gw_err cp_users_add(struct cp_users *u, const struct cp_user *user)
{
	enum gw_err err;

	if (!is_user(user))
		return GW_EINVAL;
	err = begin(u);
	return end(u, err ? err : insert(u, user));
}

enum gw_err cp_users_set_hash(struct cp_users *u, struct gw_sv login, const char *hash)
{
	enum gw_err err = begin(u);

	cp_sqlite_bind(u->q[Q_HASH], 1, login);
	cp_sqlite_bind(u->q[Q_HASH], 2, gw_sv_cstr(hash));
	return end(u, err ? err : change(u, Q_HASH));
}

enum gw_err cp_users_set_locked(struct cp_users *u, struct gw_sv login, bool is_locked)
{
	enum gw_err err = begin(u);

	cp_sqlite_bind(u->q[Q_LOCK], 1, login);
	sqlite3_bind_int(u->q[Q_LOCK], 2, is_locked);
	return end(u, err ? err : change(u, Q_LOCK));
}

enum gw_err cp_users_del(struct cp_users *u, struct gw_sv login)
{
	enum gw_err err = begin(u);

	cp_sqlite_bind(u->q[Q_GONE], 1, login);
	cp_sqlite_bind(u->q[Q_DEL], 1, login);
	if (err == GW_OK)
		err = change(u, Q_GONE);
	return end(u, err ? err : change(u, Q_DEL));
}

enum gw_err cp_users_each(struct cp_users *u, void (*fn)(void *arg, const struct cp_user *user), void *arg)
{
	struct gw_arena a = GW_ARENA_INIT(65536);
	sqlite3_stmt *s = u->q[Q_ALL];
	enum gw_err err = GW_OK;
	struct cp_user user;
	int r = SQLITE_DONE;

	while (err == GW_OK && (r = sqlite3_step(s)) == SQLITE_ROW) {
		if ((err = read_row(u, &a, s, &user)) == GW_OK)
			fn(arg, &user);
		gw_arena_reset(&a);
	}
	sqlite3_reset(s);
	return err ? err : r == SQLITE_DONE ? GW_OK : GW_EIO;
}

unsigned cp_users_changes(struct cp_users *u, int64_t *since, unsigned max, void (*fn)(void *arg, struct gw_sv login), void *arg)
{
	sqlite3_stmt *s = u->q[Q_CHANGED];
	unsigned n = 0;

	sqlite3_bind_int64(s, 1, *since);
	sqlite3_bind_int64(s, 2, max);
	for (; sqlite3_step(s) == SQLITE_ROW; n++) {
		*since = sqlite3_column_int64(s, 1);
		fn(arg, cp_sqlite_text(s, 0));
	}
	sqlite3_reset(s);
	return n;
}

int64_t cp_users_count(struct cp_users *u)
{
	sqlite3_stmt *s = u->q[Q_COUNT];
	int64_t n = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : INT64_MAX;

	sqlite3_reset(s);
	return n;
}

const char *cp_users_error(const struct cp_users *u)
{
	return sqlite3_errmsg(u->db);
}

void cp_users_close(struct cp_users *u)
{
	if (!u)
		return;
	for (unsigned i = 0; i < QUERIES; i++)
		sqlite3_finalize(u->q[i]);
	sqlite3_close(u->db);
	free(u);
}
