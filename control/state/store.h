/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State that survives the process: records by kind and key, in SQLite (one file) or Redis (several nodes). Written
 * behind: changes are gathered, the last one of a key counts, and a batch goes out as one transaction at most every
 * 100 ms, off the event loop. A process that is killed loses that window; one that stops loses nothing. Control thread.
 */
#ifndef CP_STORE_H
#define CP_STORE_H

#include "control/app/conf.h"
#include "control/app/loop.h"

enum cp_store_kind { CP_STORE_META, CP_STORE_BINDING, CP_STORE_CALL, CP_STORE_EVENT, CP_STORE_LENT };

/*
 * Keys: of a binding, AOR, instance and reg-id; of a call, its id, a space and the key of its binding; of an event, the
 * IMPU; of a lent context (several nodes only), the node that controls its gateway, a space and what that node calls it.
 */
struct cp_store;

/**
 * Open the store of the configuration. Blocks: before the loop runs.
 * @return GW_OK; *out is NULL when the configuration says none; GW_EIO (logged): it cannot be opened, or another
 *         process holds it; GW_EUNSUPP (logged): written by a newer version
 */
enum gw_err cp_store_open(struct cp_store **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log) GW_NODISCARD;
/**
 * n secret bytes by name: made when nobody has made them yet, the same for all who share the store. Blocks, at the
 * start only.
 */
enum gw_err cp_store_secret(struct cp_store *s, const char *name, void *dst, size_t n) GW_NODISCARD;
/** Every record of a kind that has not expired. Blocks, at the start only. key and value are read during the call. */
enum gw_err cp_store_load(struct cp_store *s, enum cp_store_kind kind,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user) GW_NODISCARD;

/**
 * Keep or replace a record; the bytes are copied. s may be NULL: nothing is kept.
 * @param expires_s  seconds since 1970 from when on the record is void; 0: never
 */
void cp_store_put(struct cp_store *s, enum cp_store_kind kind, struct gw_sv key, struct gw_sv value,
	uint64_t expires_s);
void cp_store_del(struct cp_store *s, enum cp_store_kind kind, struct gw_sv key);
/** Write what is left, and close. Blocks; other handles of the loop may be served meanwhile. Accepts NULL. */
void cp_store_close(struct cp_store *s);

#endif
