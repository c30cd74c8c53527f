/* SPDX-License-Identifier: Apache-2.0 */
/* What store.c and the backends share. */
#ifndef CP_STORE_INT_H
#define CP_STORE_INT_H

#include "control/state/share.h"
#include "proto/base/list.h"
#include "proto/base/map.h"

/** One change; value NULL: the record goes. Owned by the list it is in. */
struct cp_change {
	struct gw_list node;
	enum cp_store_kind kind;
	struct gw_sv id;             /* kind and key: the name of the record in the map of changes */
	struct gw_sv key, value;
	uint64_t expires_s;
	uint64_t epoch;              /* of a binding that nodes share */
	uint32_t flow[CP_STORE_FLOWS];
	unsigned n_flows;
	char bytes[];
};

struct cp_store_backend {
	enum gw_err (*open)(struct cp_store *s);
	enum gw_err (*secret)(struct cp_store *s, const char *name, void *dst, size_t n);
	enum gw_err (*load)(struct cp_store *s, enum cp_store_kind kind,
		void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user);
	/** Begin to write s->batch, all or nothing; cp_store_written follows, from the loop. */
	void (*write)(struct cp_store *s);
	/** Write s->batch before it returns. */
	enum gw_err (*write_now)(struct cp_store *s);
	/** Accepts what open has left half-done. */
	void (*close)(struct cp_store *s);
};

struct cp_store {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	const struct cp_store_backend *backend;
	void *db;                    /* of the backend */
	struct gw_map index;         /* id -> change in pending */
	struct gw_list pending;
	struct gw_list batch;        /* on its way; not changed until it is written */
	unsigned n_batch;
	bool is_writing, is_failing;
	unsigned retry_ms;           /* the next back-off; 0: nothing has failed */
	struct gw_timer timer;
};

extern const struct cp_store_backend cp_store_sqlite, cp_store_redis;

/** The batch is written, or has to be written again. */
void cp_store_written(struct cp_store *s, enum gw_err err);

#endif
