/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The users of the embedded WAF in an SQLite file. w2gwctl writes it, epcscf reads it, both at any time: the file is
 * in WAL mode, so a reader never waits. A read is a point query of the page cache and may be done on the event loop.
 * One thread at a time.
 */
#ifndef CP_USERS_H
#define CP_USERS_H

#include "control/token/ims_id.h"
#include "proto/base/arena.h"

#define CP_LOGIN_MAX 64

struct cp_user {
	struct gw_sv login, hash, impi;
	struct gw_sv impu[CP_IMPUS_MAX];   /* the first is the default one */
	unsigned n_impus;
	bool is_locked;
	int64_t stamp;            /* grows with each change: what was granted before is to be taken back */
	bool is_changed;          /* since he was added */
};

struct cp_users;

/** 1 to 64 of letters, digits and ._-@+; compared without case. */
bool cp_users_is_login(struct gw_sv login);
/**
 * Open the file, made with mode 0600 when it is absent; an older schema is brought up to date.
 * @param busy_ms  how long to wait for another writer; 0 on an event loop
 * @param why      out, on failure: a sentence; at least 256 bytes
 * @return GW_OK; GW_EIO; GW_EUNSUPP (written by a newer version); GW_ENOMEM
 */
enum gw_err cp_users_open(struct cp_users **out, const char *path, unsigned busy_ms, char *why) GW_NODISCARD;
/** GW_OK; GW_ENOENT; GW_EIO; GW_ENOMEM. The slices live in the arena. */
enum gw_err cp_users_get(struct cp_users *u, struct gw_arena *a, struct gw_sv login, struct cp_user *out) GW_NODISCARD;
/** GW_OK; GW_EEXIST (login or IMPI is there already); GW_EINVAL (login, IMPI or IMPU is malformed); GW_EIO. */
enum gw_err cp_users_add(struct cp_users *u, const struct cp_user *user) GW_NODISCARD;
/** GW_OK; GW_ENOENT; GW_EIO. */
enum gw_err cp_users_set_hash(struct cp_users *u, struct gw_sv login, const char *hash) GW_NODISCARD;
enum gw_err cp_users_set_locked(struct cp_users *u, struct gw_sv login, bool is_locked) GW_NODISCARD;
enum gw_err cp_users_del(struct cp_users *u, struct gw_sv login) GW_NODISCARD;
/** Calls fn for each user in order of login; the slices live during the call. GW_OK; GW_EIO; GW_ENOMEM. */
enum gw_err cp_users_each(struct cp_users *u, void (*fn)(void *arg, const struct cp_user *user), void *arg) GW_NODISCARD;
/**
 * Who was added, changed or deleted since, at most max of them, in that order. fn may read users.
 * @param since  in and out: where the last call has ended; 0: at the beginning
 * @return how many
 */
unsigned cp_users_changes(struct cp_users *u, int64_t *since, unsigned max, void (*fn)(void *arg, struct gw_sv login), void *arg);
/** Stamp of the last change of all; INT64_MAX: it cannot be read. */
int64_t cp_users_count(struct cp_users *u);
/** What SQLite says about the last failure. */
const char *cp_users_error(const struct cp_users *u);
/** Accepts NULL. */
void cp_users_close(struct cp_users *u);

#endif
