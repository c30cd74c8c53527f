/* SPDX-License-Identifier: Apache-2.0 */
/* State of the WAF that survives a restart. */
#include "control/waf/state.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/waf/sqlite.h"

static const char *const schema[] = {
	"CREATE TABLE grants(id TEXT PRIMARY KEY, json TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE revoked(jti TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX grants_until ON grants(until); CREATE INDEX revoked_until ON revoked(until);",
	NULL };

enum query { Q_PUT, Q_DEL, Q_REVOKED, Q_EACH, Q_EACH_REVOKED, Q_PRUNE, Q_PRUNE_REVOKED, QUERIES };

static const char *const sql[QUERIES] = {
	[Q_PUT] = "INSERT OR REPLACE INTO grants(id, json, until) VALUES(?1, ?2, ?3)",
	[Q_DEL] = "DELETE FROM grants WHERE id=?1",
	[Q_REVOKED] = "INSERT OR REPLACE INTO revoked(jti, until) VALUES(?1, ?2)",
	[Q_EACH] = "SELECT json, until FROM grants ORDER BY until",
	[Q_EACH_REVOKED] = "SELECT jti, until FROM revoked",
	[Q_PRUNE] = "DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE until<?1 LIMIT 20)",
	[Q_PRUNE_REVOKED] = "DELETE FROM revoked WHERE jti IN (SELECT jti FROM revoked WHERE until<?1 LIMIT 20)",
};

struct cp_state {
	sqlite3 *db;
	sqlite3_stmt *q[QUERIES];
};

enum gw_err cp_state_open(struct cp_state **out, const char *path, char *why)
{
	struct cp_state *s = calloc(1, sizeof(*s));
	enum gw_err err;

	snprintf(why, 256, "out of memory");
	if (!s)
		return GW_ENOMEM;
	if ((err = cp_sqlite_open(&s->db, path, 0, schema, why)))
		goto out;
	sqlite3_wal_autocheckpoint(s->db, 0);	/* cp_state_checkpoint does it, elsewhere */
	if ((err = cp_sqlite_prepare(s->db, sql, QUERIES, s->q, path, why)))
		goto out;
	*out = s;
	return GW_OK;
out:
	cp_state_close(s);
	return err;
}

static enum gw_err finish(sqlite3_stmt *q)
{
	return cp_sqlite_step(q) == SQLITE_DONE ? GW_OK : GW_EIO;
}

enum gw_err cp_state_put(struct cp_state *s, const char *id, const char *json, uint64_t until_s)
{
	if (!s)
		return GW_OK;
	cp_sqlite_bind(s->q[Q_PUT], 1, gw_sv_cstr(id));
	cp_sqlite_bind(s->q[Q_PUT], 2, gw_sv_cstr(json));
	sqlite3_bind_int64(s->q[Q_PUT], 3, (sqlite3_int64)until_s);
	return finish(s->q[Q_PUT]);
}

enum gw_err cp_state_del(struct cp_state *s, const char *id)
{
	if (!s)
		return GW_OK;
	cp_sqlite_bind(s->q[Q_DEL], 1, gw_sv_cstr(id));
	return finish(s->q[Q_DEL]);
}

enum gw_err cp_state_put_revoked(struct cp_state *s, const char *jti, uint64_t until_s)
{
	if (!s)
		return GW_OK;
	cp_sqlite_bind(s->q[Q_REVOKED], 1, gw_sv_cstr(jti));
	sqlite3_bind_int64(s->q[Q_REVOKED], 2, (sqlite3_int64)until_s);
	return finish(s->q[Q_REVOKED]);
}

enum gw_err cp_state_prune(struct cp_state *s, uint64_t now_s)
{
	enum gw_err err = GW_OK;

	for (enum query q = Q_PRUNE; s && q <= Q_PRUNE_REVOKED && err == GW_OK; q++) {
		sqlite3_bind_int64(s->q[q], 1, (sqlite3_int64)now_s);
		err = finish(s->q[q]);
	}
	return err;
}

static enum gw_err walk(sqlite3_stmt *q, cp_state_fn fn, void *arg)
{
	int r;

	while ((r = sqlite3_step(q)) == SQLITE_ROW)
		fn(arg, cp_sqlite_text(q, 0), (uint64_t)sqlite3_column_int64(q, 1));
	sqlite3_reset(q);
	return r == SQLITE_DONE ? GW_OK : GW_EIO;
}

enum gw_err cp_state_each(struct cp_state *s, cp_state_fn grant, cp_state_fn revoked, void *arg)
{
	enum gw_err err = s ? walk(s->q[Q_EACH], grant, arg) : GW_OK;

	return err || !s ? err : walk(s->q[Q_EACH_REVOKED], revoked, arg);
}

void cp_state_checkpoint(const char *path)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL) == SQLITE_OK)
		sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_close(db);
}

void cp_state_close(struct cp_state *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < QUERIES; i++)
		sqlite3_finalize(s->q[i]);
	sqlite3_close(s->db);
	free(s);
}
