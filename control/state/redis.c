/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in Redis. Names: "w2gw:NODE:KIND:KEY"; secrets, which all nodes share, "w2gw:meta:NAME". A batch is one
 * MULTI on an asynchronous connection of the loop; start and end use a connection that blocks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include <hiredis/adapters/libuv.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "control/state/store_int.h"

#define BLOCK_S 2
#define WRITE_MS 3000u		/* a batch that is not confirmed by then goes again, over a new connection */
#define PASSWORD_BYTES 512
#define SCAN_COUNT "1000"
#define ARGS_MAX 5

struct redis {
	struct cp_store *s;
	redisContext *sync;          /* of the start */
	redisAsyncContext *async;    /* NULL: not connected */
	struct gw_timer deadline;
	char host[GW_ADDR_STR_BYTES];
	char password[PASSWORD_BYTES];
};

/* One command, its arguments counted. */
struct command {
	const char *argv[ARGS_MAX];
	size_t len[ARGS_MAX];
	int n;
};

static void arg(struct command *c, struct gw_sv v)
{
	c->argv[c->n] = v.p;
	c->len[c->n++] = v.len;
}

static void put_name(struct gw_buf *b, const struct cp_store *s, enum cp_store_kind kind, struct gw_sv key)
{
	if (kind == CP_STORE_META)
		gw_buf_puts(b, "w2gw:meta:");
	else
		gw_buf_printf(b, "w2gw:%s:%d:", s->conf->state.node, (int)kind);
	gw_buf_put(b, key);
}

static struct command command_of(const struct cp_store *s, const struct cp_change *ch, struct gw_buf *name, char expires[24])
{
	struct command c = { .n = 0 };

	put_name(name, s, ch->kind, ch->key);
	arg(&c, ch->value.p ? GW_SV("SET") : GW_SV("DEL"));
	arg(&c, gw_buf_sv(name));
	if (!ch->value.p)
		return c;
	arg(&c, ch->value);
	if (ch->expires_s) {
		snprintf(expires, 24, "%llu", (unsigned long long)ch->expires_s);
		arg(&c, GW_SV("EXAT"));
		arg(&c, gw_sv_cstr(expires));
	}
	return c;
}

/* ---- blocking, at start and end ------------------------------------------------------------------------- */

static redisReply *ask(redisContext *r, const struct command *c)
{
	redisReply *reply = redisCommandArgv(r, c->n, (const char **)(uintptr_t)c->argv, c->len);

	if (reply && reply->type == REDIS_REPLY_ERROR) {
		freeReplyObject(reply);
		return NULL;
	}
	return reply;
}

static bool do_command(redisContext *r, const struct command *c)
{
	redisReply *reply = ask(r, c);

	freeReplyObject(reply);
	return reply != NULL;
}

static bool authenticate(const struct redis *d, redisContext *r)
{
	struct command c = { .n = 0 };

	if (!d->password[0])
		return true;
	arg(&c, GW_SV("AUTH"));
	arg(&c, gw_sv_cstr(d->password));
	return do_command(r, &c);
}

static redisContext *connect_sync(struct redis *d)
{
	const struct timeval tv = { BLOCK_S, 0 };
	redisContext *r = redisConnectWithTimeout(d->host, d->s->conf->state.redis_address.port, tv);

	if (r && !r->err && redisSetTimeout(r, tv) == REDIS_OK && authenticate(d, r))
		return r;
	GW_LOG_ERROR(d->s->log, "state.redis_failed", "host=%s error=\"%s\"", d->host,
		r && r->err ? r->errstr : "refused");
	if (r)
		redisFree(r);
	return NULL;
}

/* First line of the file. */
static bool read_password(struct redis *d, const char *path)
{
	FILE *f = path[0] ? fopen(path, "r") : NULL;
	bool is_read;

	if (!path[0])
		return true;
	is_read = f && fgets(d->password, sizeof(d->password), f);
	if (f)
		fclose(f);
	d->password[strcspn(d->password, "\r\n")] = '\0';
	if (!is_read)
		GW_LOG_ERROR(d->s->log, "state.redis_failed", "password_file=%s cannot be read", path);
	return is_read;
}

static void on_deadline(struct gw_timer *timer, uint64_t now_ms);

static enum gw_err redis_open(struct cp_store *s)
{
	struct redis *d = calloc(1, sizeof(*d));
	struct gw_buf b;

	if (!d)
		return GW_ENOMEM;
	s->db = d;
	d->s = s;
	d->deadline.fn = on_deadline;
	b = gw_buf(d->host, sizeof(d->host) - 1);
	gw_addr_put_ip(&b, &s->conf->state.redis_address);
	if (!read_password(d, s->conf->state.redis_password_file) || !(d->sync = connect_sync(d)))
		return GW_EIO;
	return GW_OK;
}

static enum gw_err redis_secret(struct cp_store *s, const char *name, void *dst, size_t n)
{
	struct command set = { .n = 0 }, get = { .n = 0 };
	struct redis *d = s->db;
	unsigned char fresh[64];
	char text[256];
	struct gw_buf b = gw_buf(text, sizeof(text));
	enum gw_err err = GW_EIO;
	redisReply *reply;

	if (n > sizeof(fresh))
		return GW_EINVAL;
	put_name(&b, s, CP_STORE_META, gw_sv_cstr(name));
	cp_random(fresh, n);
	arg(&set, GW_SV("SET"));
	arg(&set, gw_buf_sv(&b));
	arg(&set, gw_sv(fresh, n));
	arg(&set, GW_SV("NX"));
	arg(&get, GW_SV("GET"));
	arg(&get, gw_buf_sv(&b));
	(void)do_command(d->sync, &set);	/* nil when there is one: the other's counts */
	explicit_bzero(fresh, sizeof(fresh));
	reply = ask(d->sync, &get);
	if (reply && reply->type == REDIS_REPLY_STRING && (size_t)reply->len == n) {
		memcpy(dst, reply->str, n);
		err = GW_OK;
	}
	freeReplyObject(reply);
	return err;
}

/* The values of a page of names; one that expired in between is nil. */
static bool load_page(redisContext *r, const redisReply *names, size_t prefix,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user)
{
	for (size_t i = 0; i < names->elements; i++) {
		const redisReply *name = names->element[i];
		struct command get = { .n = 0 };
		redisReply *value;

		arg(&get, GW_SV("GET"));
		arg(&get, gw_sv(name->str, (size_t)name->len));
		value = ask(r, &get);
		if (!value)
			return false;
		if (value->type == REDIS_REPLY_STRING && (size_t)name->len >= prefix)
			fn(user, gw_sv(name->str + prefix, (size_t)name->len - prefix),
				gw_sv(value->str, (size_t)value->len));
		freeReplyObject(value);
	}
	return true;
}

static enum gw_err redis_load(struct cp_store *s, enum cp_store_kind kind,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user)
{
	struct redis *d = s->db;
	char cursor[32] = "0", name[256], pattern[600];
	struct gw_buf b = gw_buf(name, sizeof(name)), p = gw_buf(pattern, sizeof(pattern));
	bool is_ok = true;

	put_name(&b, s, kind, GW_SV_NONE);
	for (size_t i = 0; i < b.len; i++) {	/* a glob: IPv6 brackets stand for themselves */
		if (strchr("*?[]\\^-", b.p[i]))
			gw_buf_putc(&p, '\\');
		gw_buf_putc(&p, b.p[i]);
	}
	gw_buf_putc(&p, '*');
	do {
		redisReply *r = redisCommand(d->sync, "SCAN %s MATCH %b COUNT " SCAN_COUNT, cursor, p.p, p.len);

		is_ok = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
			r->element[0]->type == REDIS_REPLY_STRING && r->element[1]->type == REDIS_REPLY_ARRAY &&
			load_page(d->sync, r->element[1], b.len, fn, user);
		if (is_ok)
			snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
		freeReplyObject(r);
	} while (is_ok && strcmp(cursor, "0") != 0);
	return is_ok ? GW_OK : GW_EIO;
}

static enum gw_err redis_write_now(struct cp_store *s)
{
	struct redis *d = s->db;
	redisContext *r = connect_sync(d);
	redisReply *reply = NULL;
	enum gw_err err = GW_EIO;
	unsigned n = 1;

	if (!r)
		return GW_EIO;
	redisAppendCommand(r, "MULTI");
	GW_LIST_FOREACH(it, &s->batch) {
		char name[4096], expires[24];
		struct gw_buf b = gw_buf(name, sizeof(name));
		struct command c = command_of(s, GW_CONTAINER(it, struct cp_change, node), &b, expires);

		n += redisAppendCommandArgv(r, c.n, c.argv, c.len) == REDIS_OK;
	}
	redisAppendCommand(r, "EXEC");
	for (; n > 0 && redisGetReply(r, (void **)&reply) == REDIS_OK; n--)
		freeReplyObject(reply);
	if (n == 0 && redisGetReply(r, (void **)&reply) == REDIS_OK) {
		err = reply->type == REDIS_REPLY_ARRAY ? GW_OK : GW_EIO;
		freeReplyObject(reply);
	}
	redisFree(r);
	return err;
}

/* ---- on the loop -------------------------------------------------------------------------------------------- */

static void on_connected(const redisAsyncContext *ac, int status)
{
	struct redis *d = ac->data;

	if (status != REDIS_OK)		/* hiredis frees it behind this call */
		d->async = NULL;
}

static void on_disconnected(const redisAsyncContext *ac, int status)
{
	struct redis *d = ac->data;

	(void)status;
	if (d->async == ac)
		d->async = NULL;
}

static bool connect_async(struct redis *d)
{
	redisAsyncContext *ac = redisAsyncConnect(d->host, d->s->conf->state.redis_address.port);

	if (!ac)
		return false;
	ac->data = d;
	if (ac->err || redisLibuvAttach(ac, &d->s->loop->uv) != REDIS_OK) {
		redisAsyncFree(ac);
		return false;
	}
	redisAsyncSetConnectCallback(ac, on_connected);
	redisAsyncSetDisconnectCallback(ac, on_disconnected);
	d->async = ac;
	if (d->password[0])
		redisAsyncCommand(ac, NULL, NULL, "AUTH %s", d->password);
	return true;
}

static void on_exec(redisAsyncContext *ac, void *reply, void *user)
{
	const redisReply *r = reply;
	struct redis *d = user;

	(void)ac;
	gw_timer_stop(&d->s->loop->timers, &d->deadline);
	if (d->s->is_writing)
		cp_store_written(d->s, r && r->type == REDIS_REPLY_ARRAY ? GW_OK : GW_EIO);
}

/* Ends the connection; what waits for a reply is told that none comes. */
static void disconnect(struct redis *d)
{
	redisAsyncContext *ac = d->async;

	d->async = NULL;
	if (ac)
		redisAsyncFree(ac);
}

static void on_deadline(struct gw_timer *timer, uint64_t now_ms)
{
	struct redis *d = GW_CONTAINER(timer, struct redis, deadline);

	(void)now_ms;
	disconnect(d);
	if (d->s->is_writing)
		cp_store_written(d->s, GW_EIO);
}

static void redis_write(struct cp_store *s)
{
	struct redis *d = s->db;
	bool is_ok;

	if (d->sync)
		redisFree(d->sync);
	d->sync = NULL;
	(void)gw_timer_arm(&s->loop->timers, &d->deadline, cp_loop_now(s->loop) + WRITE_MS);
	if (!d->async && !connect_async(d))
		return;			/* the deadline ends the attempt */
	is_ok = redisAsyncCommand(d->async, NULL, NULL, "MULTI") == REDIS_OK;
	GW_LIST_FOREACH(it, &s->batch) {
		char name[4096], expires[24];
		struct gw_buf b = gw_buf(name, sizeof(name));
		struct command c = command_of(s, GW_CONTAINER(it, struct cp_change, node), &b, expires);

		is_ok = is_ok && redisAsyncCommandArgv(d->async, NULL, NULL, c.n, c.argv, c.len) == REDIS_OK;
	}
	if (!is_ok || redisAsyncCommand(d->async, on_exec, d, "EXEC") != REDIS_OK)
		(void)gw_timer_arm(&s->loop->timers, &d->deadline, cp_loop_now(s->loop));
}

static void redis_close(struct cp_store *s)
{
	struct redis *d = s->db;

	if (!d)
		return;
	gw_timer_stop(&s->loop->timers, &d->deadline);
	disconnect(d);
	if (d->sync)
		redisFree(d->sync);
	explicit_bzero(d->password, sizeof(d->password));
	free(d);
	s->db = NULL;
}

const struct cp_store_backend cp_store_redis = { redis_open, redis_secret, redis_load, redis_write, redis_write_now,
	redis_close };
