/* SPDX-License-Identifier: Apache-2.0 */
/* Users of the WAF: hashes, the store, two processes at one file. */
#include "control/waf/password.h"
#include "control/waf/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

static char dir[] = "/tmp/w2gw-users-XXXXXX";
static char path[64];

static int in_folder(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/users.db", dir);
	return 0;
}

static int no_folder(void **state)
{
	char wal[80];

	(void)state;
	unlink(path);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	unlink(wal);
	snprintf(wal, sizeof(wal), "%s-shm", path);
	unlink(wal);
	return rmdir(dir);
}

static struct cp_users *store(void)
{
	struct cp_users *u;
	char why[256];

	assert_int_equal(cp_users_open(&u, path, 1000, why), GW_OK);
	return u;
}

static struct cp_user alice(void)
{
	return (struct cp_user){ .login = GW_SV("alice"), .hash = GW_SV("$y$h"), .impi = GW_SV("alice@h"),
		.impu = { GW_SV("sip:alice@h"), GW_SV("tel:+15551") }, .n_impus = 2 };
}

static void a_hash_is_yescrypt_and_fits_one_password(void **state)
{
	char hash[CP_HASH_BYTES], again[CP_HASH_BYTES], longest[CP_PASSWORD_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(cp_password_hash(GW_SV("correct horse"), hash), GW_OK);
	assert_int_equal(cp_password_hash(GW_SV("correct horse"), again), GW_OK);
	assert_memory_equal(hash, "$y$", 3);
	assert_string_not_equal(hash, again);
	assert_true(cp_password_matches(GW_SV("correct horse"), hash));
	assert_false(cp_password_matches(GW_SV("correct horsf"), hash));
	assert_false(cp_password_matches(GW_SV(""), hash));
	assert_false(cp_password_matches(GW_SV("correct horse\0x"), hash));
	assert_int_equal(cp_password_hash(GW_SV(""), hash), GW_EINVAL);
	assert_int_equal(cp_password_hash(gw_sv(longest, sizeof(longest)), hash), GW_EINVAL);
	assert_int_equal(cp_password_hash(gw_sv(longest, CP_PASSWORD_MAX), hash), GW_OK);
}

static void what_was_added_is_read_back(void **state)
{
	struct gw_arena a = { 0 };
	struct cp_users *u = store();
	struct cp_user user = alice(), got;
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(cp_users_add(u, &user), GW_OK);
	assert_int_equal(cp_users_add(u, &user), GW_EEXIST);
	cp_users_close(u);
	u = store();
	assert_int_equal(cp_users_get(u, &a, GW_SV("ALICE"), &got), GW_OK);
	assert_true(gw_sv_eq(got.login, GW_SV("alice")));
	assert_true(gw_sv_eq(got.impi, GW_SV("alice@h")));
	assert_int_equal(got.n_impus, 2);
	assert_true(gw_sv_eq(got.impu[0], GW_SV("sip:alice@h")));
	assert_true(gw_sv_eq(got.impu[1], GW_SV("tel:+15551")));
	assert_false(got.is_locked);
	assert_int_equal(cp_users_get(u, &a, GW_SV("bob"), &got), GW_ENOENT);
	assert_int_equal(cp_users_get(u, &a, GW_SV("' OR 1=1 --"), &got), GW_ENOENT);
	gw_arena_reset(&a);
	cp_users_close(u);
}

static void malformed_users_are_refused(void **state)
{
	struct cp_users *u = store();
	struct cp_user bad;

	(void)state;
	bad = alice();
	bad.login = GW_SV("<script>");
	assert_int_equal(cp_users_add(u, &bad), GW_EINVAL);
	bad = alice();
	bad.login = GW_SV("");
	assert_int_equal(cp_users_add(u, &bad), GW_EINVAL);
	bad = alice();
	bad.impi = GW_SV("a\"b@h");
	assert_int_equal(cp_users_add(u, &bad), GW_EINVAL);
	bad = alice();
	bad.impu[1] = GW_SV("http://evil");
	assert_int_equal(cp_users_add(u, &bad), GW_EINVAL);
	bad.impu[1] = GW_SV("sip:home1.example");	/* a token with one that names nobody would be worth nothing */
	assert_int_equal(cp_users_add(u, &bad), GW_EINVAL);
	bad.impu[1] = GW_SV("sip:a@h?Route=x");
	assert_int_equal(cp_users_add(u, &bad), GW_EINVAL);
	bad = alice();
	bad.n_impus = 0;
	assert_int_equal(cp_users_add(u, &bad), GW_EINVAL);
	cp_users_close(u);
}

static int64_t stamp_of(struct cp_users *u)
{
	struct gw_arena a = { 0 };
	struct cp_user got;

	assert_int_equal(cp_users_get(u, &a, GW_SV("alice"), &got), GW_OK);
	gw_arena_reset(&a);
	return got.stamp;
}

static char changed[256];
static int64_t seen;

static void note(void *arg, struct gw_sv login)
{
	(void)arg;
	snprintf(changed + strlen(changed), sizeof(changed) - strlen(changed), "%.*s ", GW_SV_FMT(login));
}

static const char *changes(struct cp_users *u)
{
	changed[0] = '\0';
	while (cp_users_changes(u, &seen, 2, note, NULL) == 2)
		;
	return changed;
}

static void each_change_is_seen_by_the_other_process(void **state)
{
	struct cp_users *ctl = store(), *cscf = store();
	struct cp_user user = alice();
	int64_t s;

	(void)state;
	assert_string_equal(changes(cscf), "");
	assert_int_equal(cp_users_add(ctl, &user), GW_OK);
	assert_string_equal(changes(cscf), "alice ");
	assert_string_equal(changes(cscf), "");
	s = stamp_of(cscf);
	assert_int_equal(cp_users_set_locked(ctl, GW_SV("Alice"), true), GW_OK);
	assert_string_equal(changes(cscf), "alice ");
	assert_true(stamp_of(cscf) > s);
	s = stamp_of(cscf);
	assert_int_equal(cp_users_set_hash(ctl, GW_SV("alice"), "$y$other"), GW_OK);
	assert_true(stamp_of(cscf) > s);
	s = stamp_of(cscf);
	assert_string_equal(changes(cscf), "alice ");
	assert_int_equal(cp_users_del(ctl, GW_SV("ALICE")), GW_OK);
	assert_string_equal(changes(cscf), "alice ");
	assert_int_equal(cp_users_del(ctl, GW_SV("alice")), GW_ENOENT);
	assert_int_equal(cp_users_add(ctl, &user), GW_OK);	/* somebody else of the same name */
	assert_true(stamp_of(cscf) > s);
	assert_int_equal(cp_users_set_locked(ctl, GW_SV("bob"), true), GW_ENOENT);
	user.login = GW_SV("bob");
	user.impi = GW_SV("bob@h");
	assert_int_equal(cp_users_add(ctl, &user), GW_OK);
	user.login = GW_SV("carol");
	user.impi = GW_SV("carol@h");
	assert_int_equal(cp_users_add(ctl, &user), GW_OK);
	assert_string_equal(changes(cscf), "alice bob carol ");
	seen = 0;	/* from the beginning: she who is gone was there before her namesake */
	assert_string_equal(changes(cscf), "alice alice bob carol ");
	cp_users_close(ctl);
	cp_users_close(cscf);
}

static void count(void *arg, const struct cp_user *u)
{
	*(unsigned *)arg += u->n_impus;
}

static void all_users_are_listed(void **state)
{
	struct cp_users *u = store();
	struct cp_user user = alice();
	unsigned n = 0;

	(void)state;
	assert_int_equal(cp_users_add(u, &user), GW_OK);
	user.login = GW_SV("bob");
	assert_int_equal(cp_users_add(u, &user), GW_EEXIST);	/* the IMPI is alice's */
	user.impi = GW_SV("bob@h");
	user.n_impus = 1;
	assert_int_equal(cp_users_add(u, &user), GW_OK);
	assert_int_equal(cp_users_each(u, count, &n), GW_OK);
	assert_int_equal(n, 3);
	cp_users_close(u);
}

static void a_file_of_a_newer_version_is_left_alone(void **state)
{
	struct cp_users *u = store();
	char why[256];
	sqlite3 *db;

	(void)state;
	cp_users_close(u);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(cp_users_open(&u, path, 0, why), GW_EUNSUPP);
	assert_non_null(strstr(why, "newer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_yescrypt_and_fits_one_password),
		cmocka_unit_test_setup_teardown(what_was_added_is_read_back, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(malformed_users_are_refused, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(each_change_is_seen_by_the_other_process, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(all_users_are_listed, in_folder, no_folder),
		cmocka_unit_test_setup_teardown(a_file_of_a_newer_version_is_left_alone, in_folder, no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
