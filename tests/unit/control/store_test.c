/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state store on SQLite and on a real redis-server: what is put comes back, to the next process, too; batches are
 * whole; failures lose nothing. argv[1]: redis-server, or nothing.
 */
#include "control/state/store_int.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "control/app/metrics.h"

static const char *redis_server;

struct rig {
	char dir[64], file[96];
	struct cp_conf conf;
	struct cp_loop loop;
	struct gw_log log;
	struct cp_store *store;
	pid_t redis;
	unsigned port;
	char seen[8192];             /* "key=value;" of the last load, sorted by arrival */
	unsigned n_seen;
};

/* ---- rig ---------------------------------------------------------------------------------------------- */

static void start_redis(struct rig *r)
{
	char port[16];

	snprintf(port, sizeof(port), "%u", r->port);
	r->redis = fork();
	if (r->redis == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execl(redis_server, redis_server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
			"--appendfsync", "always", "--dir", r->dir, "--requirepass", "pass word", (char *)NULL);
		_exit(127);
	}
	assert_true(r->redis > 0);
}

static void stop_redis(struct rig *r)
{
	if (r->redis <= 0)
		return;
	kill(r->redis, SIGKILL);
	waitpid(r->redis, NULL, 0);
	r->redis = 0;
}

static struct rig *rig_new(enum cp_state_backend backend)
{
	static char node[] = "[::1]*node", password[96];
	struct rig *r = calloc(1, sizeof(*r));
	FILE *f;

	assert_non_null(r);
	snprintf(r->dir, sizeof(r->dir), "/tmp/w2gw-store-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->file, sizeof(r->file), "%s/sub/state.db", r->dir);
	snprintf(password, sizeof(password), "%s/password", r->dir);
	assert_non_null(f = fopen(password, "w"));
	fputs("pass word\n", f);
	fclose(f);
	r->conf.state.backend = backend;
	r->conf.state.file = r->file;
	r->conf.state.node = node;
	r->conf.state.redis_password_file = password;
	r->port = 20000 + (unsigned)getpid() % 20000;
	assert_int_equal(gw_addr_parse(GW_SV("127.0.0.1:1"), 0, &r->conf.state.redis_address), GW_OK);
	r->conf.state.redis_address.port = (uint16_t)r->port;
	assert_int_equal(cp_loop_init(&r->loop), GW_OK);
	if (backend == CP_STATE_REDIS)
		start_redis(r);
	return r;
}

static void rig_free(struct rig *r)
{
	char cmd[128];

	cp_store_close(r->store);
	assert_int_equal(cp_loop_close(&r->loop, 5000), GW_OK);
	stop_redis(r);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", r->dir);
	assert_int_equal(system(cmd), 0);
	free(r);
}

/* A redis-server that has just been started takes a moment to listen: asking again is the way to know. */
static void rig_open(struct rig *r)
{
	enum gw_err err = GW_EIO;

	for (unsigned i = 0; err && i < (r->conf.state.backend == CP_STATE_REDIS ? 500u : 1u); i++) {
		if (i)
			usleep(10000);
		err = cp_store_open(&r->store, &r->conf, &r->loop, &r->log);
	}
	assert_int_equal(err, GW_OK);
	assert_non_null(r->store);
}

static void reopen(struct rig *r)
{
	cp_store_close(r->store);
	r->store = NULL;
	rig_open(r);
}

/* Run the loop until nothing is pending or on its way. */
static void settle(struct rig *r)
{
	while (r->store->is_writing || !gw_list_empty(&r->store->pending))
		uv_run(&r->loop.uv, UV_RUN_ONCE);
}

static void put(struct rig *r, const char *key, const char *value)
{
	cp_store_put(r->store, CP_STORE_BINDING, gw_sv_cstr(key), gw_sv_cstr(value), 0);
}

static void on_row(void *user, struct gw_sv key, struct gw_sv value)
{
	struct rig *r = user;
	size_t n = strlen(r->seen);

	snprintf(r->seen + n, sizeof(r->seen) - n, "%.*s=%.*s;", GW_SV_FMT(key), GW_SV_FMT(value));
	r->n_seen++;
}

static const char *load(struct rig *r, enum cp_store_kind kind)
{
	r->seen[0] = '\0';
	r->n_seen = 0;
	assert_int_equal(cp_store_load(r->store, kind, on_row, r), GW_OK);
	return r->seen;
}

/* ---- what holds for both ----------------------------------------------------------------------------------- */

static void what_is_put_comes_back(enum cp_state_backend backend)
{
	struct rig *r = rig_new(backend);
	struct gw_sv binary = gw_sv("\0\x01;\xff", 4);

	rig_open(r);
	put(r, "a b*?[", "1");
	cp_store_put(r->store, CP_STORE_CALL, GW_SV("7"), binary, 0);
	settle(r);
	put(r, "gone", "x");
	put(r, "a b*?[", "2");
	cp_store_del(r->store, CP_STORE_BINDING, GW_SV("gone"));
	reopen(r);	/* the last ones were pending: a clean stop loses nothing */
	assert_string_equal(load(r, CP_STORE_BINDING), "a b*?[=2;");
	load(r, CP_STORE_CALL);
	assert_memory_equal(r->seen, "7=", 2);
	assert_int_equal(r->n_seen, 1);
	rig_free(r);
}

static void the_last_change_of_a_key_counts(enum cp_state_backend backend)
{
	struct rig *r = rig_new(backend);

	rig_open(r);
	for (unsigned i = 0; i < 1000; i++) {
		char v[16];

		snprintf(v, sizeof(v), "%u", i);
		put(r, "k", v);
	}
	assert_int_equal(r->store->index.count, 1);
	settle(r);
	put(r, "k", "late");
	cp_store_del(r->store, CP_STORE_BINDING, GW_SV("k"));
	settle(r);
	reopen(r);
	assert_string_equal(load(r, CP_STORE_BINDING), "");
	rig_free(r);
}

static void what_has_expired_is_not_loaded(enum cp_state_backend backend)
{
	struct rig *r = rig_new(backend);

	rig_open(r);
	cp_store_put(r->store, CP_STORE_BINDING, GW_SV("old"), GW_SV("x"), cp_loop_wall_s() - 1);
	cp_store_put(r->store, CP_STORE_BINDING, GW_SV("new"), GW_SV("y"), cp_loop_wall_s() + 1000);
	reopen(r);
	assert_string_equal(load(r, CP_STORE_BINDING), "new=y;");
	rig_free(r);
}

static void a_secret_is_made_once(enum cp_state_backend backend)
{
	unsigned char a[32], b[32], c[32];
	struct rig *r = rig_new(backend);

	rig_open(r);
	assert_int_equal(cp_store_secret(r->store, "s", a, sizeof(a)), GW_OK);
	assert_int_equal(cp_store_secret(r->store, "other", c, sizeof(c)), GW_OK);
	reopen(r);
	assert_int_equal(cp_store_secret(r->store, "s", b, sizeof(b)), GW_OK);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
	rig_free(r);
}

static void many_records_are_loaded(enum cp_state_backend backend)
{
	struct rig *r = rig_new(backend);

	rig_open(r);
	for (unsigned i = 0; i < 5000; i++) {
		char k[16];

		snprintf(k, sizeof(k), "%u", i);
		put(r, k, "v");
	}
	reopen(r);
	load(r, CP_STORE_BINDING);
	assert_int_equal(r->n_seen, 5000);
	rig_free(r);
}

#define BOTH(name)                                                                                 \
	static void name##_sqlite(void **state)                                                    \
	{                                                                                          \
		(void)state;                                                                       \
		name(CP_STATE_SQLITE);                                                             \
	}                                                                                          \
	static void name##_redis(void **state)                                                     \
	{                                                                                          \
		(void)state;                                                                       \
		if (!redis_server)                                                                 \
			skip();                                                                    \
		name(CP_STATE_REDIS);                                                              \
	}

BOTH(what_is_put_comes_back)
BOTH(the_last_change_of_a_key_counts)
BOTH(what_has_expired_is_not_loaded)
BOTH(a_secret_is_made_once)
BOTH(many_records_are_loaded)

/* ---- SQLite -------------------------------------------------------------------------------------------------- */

static void the_file_is_for_its_owner_only(void **state)
{
	struct rig *r = rig_new(CP_STATE_SQLITE);
	char wal[128];
	struct stat st;

	(void)state;
	rig_open(r);
	put(r, "a", "1");
	settle(r);
	assert_int_equal(stat(r->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(wal, sizeof(wal), "%s-wal", r->file);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	rig_free(r);
}

static void a_second_process_is_kept_out(void **state)
{
	struct rig *r = rig_new(CP_STATE_SQLITE);
	struct cp_store *second = NULL;

	(void)state;
	rig_open(r);
	assert_int_equal(cp_store_open(&second, &r->conf, &r->loop, &r->log), GW_EIO);
	assert_null(second);
	put(r, "a", "1");
	reopen(r);
	assert_string_equal(load(r, CP_STORE_BINDING), "a=1;");
	rig_free(r);
}

static void a_killed_process_leaves_whole_batches(void **state)
{
	struct rig *r = rig_new(CP_STATE_SQLITE);
	int ready[2], status;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {		/* pairs of records that only a batch in two halves could tear apart */
		rig_open(r);
		for (unsigned i = 0;; i++) {
			char v[16];

			snprintf(v, sizeof(v), "%u", i);
			put(r, "left", v);
			put(r, "right", v);
			settle(r);
			if (i == 3 && write(ready[1], "x", 1) != 1)
				_exit(1);
		}
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	rig_open(r);
	load(r, CP_STORE_BINDING);
	assert_int_equal(r->n_seen, 2);
	{
		unsigned left = 0, right = 1;

		assert_int_equal(sscanf(r->seen, "left=%u;right=%u;", &left, &right), 2);
		assert_int_equal(left, right);
		assert_true(left >= 3);
	}
	rig_free(r);
}

static void a_file_that_is_no_database_is_put_aside(void **state)
{
	struct rig *r = rig_new(CP_STATE_SQLITE);
	char bad[128];
	struct stat st;
	FILE *f;

	(void)state;
	rig_open(r);
	cp_store_close(r->store);
	r->store = NULL;
	assert_non_null(f = fopen(r->file, "w"));
	for (unsigned i = 0; i < 1000; i++)
		fputs("this is no database ", f);
	fclose(f);
	rig_open(r);
	put(r, "a", "1");
	reopen(r);
	assert_string_equal(load(r, CP_STORE_BINDING), "a=1;");
	snprintf(bad, sizeof(bad), "%s.bad", r->file);
	assert_int_equal(stat(bad, &st), 0);
	rig_free(r);
}

static void a_folder_that_cannot_be_written_is_told(void **state)
{
	struct rig *r = rig_new(CP_STATE_SQLITE);
	char nowhere[] = "/proc/nowhere/state.db";

	(void)state;
	r->conf.state.file = nowhere;
	assert_int_equal(cp_store_open(&r->store, &r->conf, &r->loop, &r->log), GW_EIO);
	rig_free(r);
}

/* ---- Redis --------------------------------------------------------------------------------------------------- */

static void nothing_is_lost_while_redis_is_away(void **state)
{
	struct rig *r;
	uint64_t failed = cp_ctr_value[state_write_failed];

	(void)state;
	if (!redis_server)
		skip();
	r = rig_new(CP_STATE_REDIS);
	rig_open(r);
	put(r, "a", "1");
	settle(r);
	stop_redis(r);
	put(r, "b", "1");
	put(r, "a", "2");
	while (cp_ctr_value[state_write_failed] == failed)
		uv_run(&r->loop.uv, UV_RUN_ONCE);
	put(r, "b", "2");
	start_redis(r);
	settle(r);
	reopen(r);
	load(r, CP_STORE_BINDING);
	assert_int_equal(r->n_seen, 2);
	assert_non_null(strstr(r->seen, "a=2;"));
	assert_non_null(strstr(r->seen, "b=2;"));
	rig_free(r);
}

static void nodes_share_secrets_and_keep_their_records_apart(void **state)
{
	static char second[] = "second";
	unsigned char a[32], b[32];
	struct rig *r;

	(void)state;
	if (!redis_server)
		skip();
	r = rig_new(CP_STATE_REDIS);
	rig_open(r);
	put(r, "a", "1");
	assert_int_equal(cp_store_secret(r->store, "s", a, sizeof(a)), GW_OK);
	cp_store_close(r->store);
	r->conf.state.node = second;
	rig_open(r);
	assert_string_equal(load(r, CP_STORE_BINDING), "");
	assert_int_equal(cp_store_secret(r->store, "s", b, sizeof(b)), GW_OK);
	assert_memory_equal(a, b, sizeof(a));
	rig_free(r);
}

static void a_wrong_password_is_told(void **state)
{
	static char none[] = "";
	struct rig *r;

	(void)state;
	if (!redis_server)
		skip();
	r = rig_new(CP_STATE_REDIS);
	rig_open(r);
	cp_store_close(r->store);
	r->store = NULL;
	r->conf.state.redis_password_file = none;
	if (cp_store_open(&r->store, &r->conf, &r->loop, &r->log) == GW_OK) {
		unsigned char a[32];

		assert_int_equal(cp_store_secret(r->store, "s", a, sizeof(a)), GW_EIO);
	}
	rig_free(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_put_comes_back_sqlite),
		cmocka_unit_test(what_is_put_comes_back_redis), cmocka_unit_test(the_last_change_of_a_key_counts_sqlite),
		cmocka_unit_test(the_last_change_of_a_key_counts_redis),
		cmocka_unit_test(what_has_expired_is_not_loaded_sqlite),
		cmocka_unit_test(what_has_expired_is_not_loaded_redis), cmocka_unit_test(a_secret_is_made_once_sqlite),
		cmocka_unit_test(a_secret_is_made_once_redis), cmocka_unit_test(many_records_are_loaded_sqlite),
		cmocka_unit_test(many_records_are_loaded_redis), cmocka_unit_test(the_file_is_for_its_owner_only),
		cmocka_unit_test(a_second_process_is_kept_out), cmocka_unit_test(a_killed_process_leaves_whole_batches),
		cmocka_unit_test(a_file_that_is_no_database_is_put_aside),
		cmocka_unit_test(a_folder_that_cannot_be_written_is_told),
		cmocka_unit_test(nothing_is_lost_while_redis_is_away),
		cmocka_unit_test(nodes_share_secrets_and_keep_their_records_apart),
		cmocka_unit_test(a_wrong_password_is_told) };

	redis_server = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
