/* SPDX-License-Identifier: Apache-2.0 */
/* What redis.c (batches, start and end) and redis_share.c (nodes) share. */
#ifndef CP_REDIS_INT_H
#define CP_REDIS_INT_H

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "control/state/share.h"
#include "control/state/store_int.h"

#define CP_REDIS_PASSWORD_BYTES 512
#define CP_REDIS_ARGS 20

struct cp_redis {
	struct cp_store *s;
	redisContext *sync;          /* of the start */
	redisAsyncContext *async;    /* NULL: not connected */
	redisAsyncContext *sub;      /* hears what other nodes tell; NULL: not connected */
	struct gw_timer deadline;    /* of a batch */
	struct gw_timer lease;
	struct gw_list queries;      /* struct cp_share_query */
	struct cp_share_ops ops;
	void (*hear)(void *user, struct gw_sv line);
	void *hearer;
	bool is_shared, is_running;
	bool is_lease_open;          /* its last renewal is not answered yet */
	bool is_subscribed;
	char host[GW_ADDR_STR_BYTES];
	char password[CP_REDIS_PASSWORD_BYTES];
};

/** One command, its arguments counted; what was written into text stays where it is. */
struct cp_redis_command {
	const char *argv[CP_REDIS_ARGS];
	size_t len[CP_REDIS_ARGS];
	int n;
	struct gw_buf text;          /* of bytes; overflow: the command must not be sent */
	char bytes[8192];
};

/* redis.c */
void cp_redis_begin(struct cp_redis_command *c);
void cp_redis_arg(struct cp_redis_command *c, struct gw_sv v);
/** An argument out of parts: gw_buf_* on c->text, then this. */
void cp_redis_arg_text(struct cp_redis_command *c, size_t since);
/** The connection for batches and questions. false: it cannot be begun now. */
bool cp_redis_connect(struct cp_redis *d);
/** A connection that says who we are, and is forgotten in d when it ends. NULL: not now. */
redisAsyncContext *cp_redis_dial(struct cp_redis *d);
/** Ends the connection; what waits for a reply is told that none comes. */
void cp_redis_disconnect(struct cp_redis *d);

/* redis_share.c */
/** NULL: nodes do not share this store. */
struct cp_redis *cp_redis_shared(const struct cp_store *s);
/** Begin EVAL with so many keys; then arguments. */
void cp_redis_eval(struct cp_redis_command *c, const char *script, const char *n_keys);
/** "w2gw:KIND:WHAT". */
void cp_redis_arg_name(struct cp_redis_command *c, const char *kind, struct gw_sv what);
void cp_redis_arg_flow(struct cp_redis_command *c, uint32_t flow);
void cp_redis_arg_u64(struct cp_redis_command *c, uint64_t n);
/** Empty: no string. */
struct gw_sv cp_redis_sv_of(const redisReply *r);
/** The command for a change of a kind that nodes share. false: it is of no such kind. */
bool cp_redis_shared_change(struct cp_redis_command *c, const struct cp_store *s, const struct cp_change *ch);
/** false: another node owns what was put, and so it was not. */
bool cp_redis_was_taken(const redisReply *r);
/** Load a kind that nodes share, over d->sync. GW_EUNSUPP: it is none. */
enum gw_err cp_redis_shared_load(struct cp_redis *d, enum cp_store_kind kind,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user);

/* redis_nodes.c */
void cp_redis_share_close(struct cp_redis *d);

#endif
