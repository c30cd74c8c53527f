/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in Redis. Names: "w2gw:NODE:KIND:KEY"; secrets, which all nodes share, "w2gw:meta:NAME"; what else they share
 * is named in redis_share.c. A batch is one MULTI on an asynchronous connection of the loop; start and end use a
 * connection that blocks.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include <hiredis/adapters/libuv.h>

#include "control/app/metrics.h"
#include "control/state/redis_int.h"

#define BLOCK_S 2
#define WRITE_MS 3000u		/* a batch that is not confirmed by then goes again, over a new connection */
#define SCAN_COUNT "1000"
#define PAGE_MAX 4096u		/* names of one MGET; a page of SCAN is about SCAN_COUNT */

void cp_redis_begin(struct cp_redis_command *c)
{
	c->n = 0;
	c->text = gw_buf(c->bytes, sizeof(c->bytes));
}

void cp_redis_arg(struct cp_redis_command *c, struct gw_sv v)
{
	assert(c->n < CP_REDIS_ARGS);
	c->argv[c->n] = v.p ? v.p : "";
	c->len[c->n++] = v.len;
}

void cp_redis_arg_text(struct cp_redis_command *c, size_t since)
{
	cp_redis_arg(c, gw_sv(c->bytes + since, c->text.len - since));
}

static void put_name(struct gw_buf *b, const struct cp_store *s, enum cp_store_kind kind, struct gw_sv key)
{
	if (kind == CP_STORE_META)
		gw_buf_puts(b, "w2gw:meta:");
	else
		gw_buf_printf(b, "w2gw:%s:%d:", s->conf->state.node, (int)kind);
	gw_buf_put(b, key);
}

/* false: its name is too long. */
static bool command_of(struct cp_redis_command *c, const struct cp_store *s, const struct cp_change *ch)
{
	size_t at;

	cp_redis_begin(c);
	if (((const struct cp_redis *)s->db)->is_shared && cp_redis_shared_change(c, s, ch))
		return !c->text.overflow;
	cp_redis_arg(c, ch->value.p ? GW_SV("SET") : GW_SV("DEL"));
	put_name(&c->text, s, ch->kind, ch->key);
	cp_redis_arg_text(c, 0);
	if (!ch->value.p)
		return !c->text.overflow;
	cp_redis_arg(c, ch->value);
	if (ch->expires_s) {
		cp_redis_arg(c, GW_SV("EXAT"));
		at = c->text.len;
		gw_buf_u64(&c->text, ch->expires_s);
		cp_redis_arg_text(c, at);
	}
	return !c->text.overflow;
}

/* ---- blocking, at start and end ------------------------------------------------------------------------- */

static redisReply *ask(redisContext *r, const struct cp_redis_command *c)
{
	redisReply *reply = redisCommandArgv(r, c->n, (const char **)(uintptr_t)c->argv, c->len);

	if (reply && reply->type == REDIS_REPLY_ERROR) {
		freeReplyObject(reply);
		return NULL;
	}
	return reply;
}

static bool authenticate(const struct cp_redis *d, redisContext *r)
{
	redisReply *reply;
	bool is_ok;

	if (!d->password[0])
		return true;
	reply = redisCommand(r, "AUTH %s", d->password);
	is_ok = reply && reply->type != REDIS_REPLY_ERROR;
	freeReplyObject(reply);
	return is_ok;
}

static redisContext *connect_sync(struct cp_redis *d)
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
static bool read_password(struct cp_redis *d, const char *path)
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
	struct cp_redis *d = calloc(1, sizeof(*d));
	struct gw_buf b;

	if (!d)
		return GW_ENOMEM;
	s->db = d;
	d->s = s;
	d->is_shared = s->conf->state.node_address.port != 0;
	d->deadline.fn = on_deadline;
	gw_list_init(&d->queries);
	b = gw_buf(d->host, sizeof(d->host) - 1);
	gw_addr_put_ip(&b, &s->conf->state.redis_address);
	if (!read_password(d, s->conf->state.redis_password_file) || !(d->sync = connect_sync(d)))
		return GW_EIO;
	return GW_OK;
}

static enum gw_err redis_secret(struct cp_store *s, const char *name, void *dst, size_t n)
{
	static struct cp_redis_command c;
	struct cp_redis *d = s->db;
	unsigned char fresh[64];
	enum gw_err err = GW_EIO;
	redisReply *reply;

	if (n > sizeof(fresh))
		return GW_EINVAL;
	cp_random(fresh, n);
	cp_redis_begin(&c);
	cp_redis_arg(&c, GW_SV("SET"));
	put_name(&c.text, s, CP_STORE_META, gw_sv_cstr(name));
	cp_redis_arg_text(&c, 0);
	cp_redis_arg(&c, gw_sv(fresh, n));
	cp_redis_arg(&c, GW_SV("NX"));
	freeReplyObject(ask(d->sync, &c));	/* nil when there is one: the other's counts */
	explicit_bzero(fresh, sizeof(fresh));
	reply = redisCommand(d->sync, "GET %b", c.argv[1], c.len[1]);
	if (reply && reply->type == REDIS_REPLY_STRING && (size_t)reply->len == n) {
		memcpy(dst, reply->str, n);
		err = GW_OK;
	}
	freeReplyObject(reply);
	return err;
}

/* The values of a page of names, at once; one that expired in between is nil. */
static bool load_page(redisContext *r, const redisReply *names, size_t prefix,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user)
{
	static const char *argv[1 + PAGE_MAX] = { "MGET" };
	static size_t len[1 + PAGE_MAX] = { 4 };
	redisReply *values;
	bool is_ok;

	if (names->elements == 0)
		return true;
	if (names->elements > PAGE_MAX)
		return false;
	for (size_t i = 0; i < names->elements; i++) {
		argv[1 + i] = names->element[i]->str;
		len[1 + i] = (size_t)names->element[i]->len;
	}
	values = redisCommandArgv(r, 1 + (int)names->elements, argv, len);
	is_ok = values && values->type == REDIS_REPLY_ARRAY && values->elements == names->elements;
	for (size_t i = 0; is_ok && i < values->elements; i++) {
		const redisReply *name = names->element[i], *value = values->element[i];

		if (value->type == REDIS_REPLY_STRING && (size_t)name->len >= prefix)
			fn(user, gw_sv(name->str + prefix, (size_t)name->len - prefix),
				gw_sv(value->str, (size_t)value->len));
	}
	freeReplyObject(values);
	return is_ok;
}

static enum gw_err redis_load(struct cp_store *s, enum cp_store_kind kind,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user)
{
	struct cp_redis *d = s->db;
	char cursor[32] = "0", name[256], pattern[600];
	struct gw_buf b = gw_buf(name, sizeof(name)), p = gw_buf(pattern, sizeof(pattern));
	enum gw_err err = d->is_shared ? cp_redis_shared_load(d, kind, fn, user) : GW_EUNSUPP;
	bool is_ok = true;

	if (err != GW_EUNSUPP)
		return err;
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
	static struct cp_redis_command c;
	struct cp_redis *d = s->db;
	redisContext *r = connect_sync(d);
	redisReply *reply = NULL;
	enum gw_err err = GW_EIO;
	unsigned n = 1;

	if (!r)
		return GW_EIO;
	redisAppendCommand(r, "MULTI");
	GW_LIST_FOREACH(it, &s->batch)
		n += command_of(&c, s, GW_CONTAINER(it, struct cp_change, node)) &&
			redisAppendCommandArgv(r, c.n, c.argv, c.len) == REDIS_OK;
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

/* hiredis frees the connection behind this call */
static void forget(const redisAsyncContext *ac)
{
	struct cp_redis *d = ac->data;

	if (d->async == ac)
		d->async = NULL;
	if (d->sub == ac)
		d->sub = NULL;
}

static void on_connected(const redisAsyncContext *ac, int status)
{
	if (status != REDIS_OK)
		forget(ac);
}

static void on_disconnected(const redisAsyncContext *ac, int status)
{
	(void)status;
	forget(ac);
}

redisAsyncContext *cp_redis_dial(struct cp_redis *d)
{
	redisAsyncContext *ac = redisAsyncConnect(d->host, d->s->conf->state.redis_address.port);

	if (!ac)
		return NULL;
	ac->data = d;
	(void)!redisEnableKeepAlive(&ac->c);	/* a peer that has vanished is noticed */
	if (ac->err || redisLibuvAttach(ac, &d->s->loop->uv) != REDIS_OK) {
		redisAsyncFree(ac);
		return NULL;
	}
	redisAsyncSetConnectCallback(ac, on_connected);
	redisAsyncSetDisconnectCallback(ac, on_disconnected);
	if (d->password[0])
		redisAsyncCommand(ac, NULL, NULL, "AUTH %s", d->password);
	return ac;
}

bool cp_redis_connect(struct cp_redis *d)
{
	if (!d->async)
		d->async = cp_redis_dial(d);
	return d->async != NULL;
}

/* Of a batch that was executed: who has lost a binding drops it. */
static void tell_lost(struct cp_redis *d, const redisReply *r)
{
	size_t i = 0;

	if (!d->is_running)
		return;
	GW_LIST_FOREACH(it, &d->s->batch) {
		const struct cp_change *ch = GW_CONTAINER(it, struct cp_change, node);

		if (i < r->elements && ch->kind == CP_STORE_BINDING && ch->value.p && !cp_redis_was_taken(r->element[i])) {
			CP_COUNT(state_refused);
			d->ops.moved(d->ops.user, ch->key, GW_SV("another node"), GW_SV(""));
		}
		i++;
	}
}

static bool is_executed(const redisReply *r)
{
	if (!r || r->type != REDIS_REPLY_ARRAY)
		return false;
	for (size_t i = 0; i < r->elements; i++)
		if (r->element[i]->type == REDIS_REPLY_ERROR)
			return false;
	return true;
}

static void on_exec(redisAsyncContext *ac, void *reply, void *user)
{
	const redisReply *r = reply;
	struct cp_redis *d = user;

	(void)ac;
	gw_timer_stop(&d->s->loop->timers, &d->deadline);
	if (!d->s->is_writing)
		return;
	if (is_executed(r))
		tell_lost(d, r);
	else if (r)
		GW_LOG_ERROR(d->s->log, "state.redis_refused", "error=\"%s\"", r->str ? r->str : "in a batch");
	cp_store_written(d->s, is_executed(r) ? GW_OK : GW_EIO);
}

void cp_redis_disconnect(struct cp_redis *d)
{
	redisAsyncContext *ac = d->async;

	d->async = NULL;
	if (ac)
		redisAsyncFree(ac);
}

static void on_deadline(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_redis *d = GW_CONTAINER(timer, struct cp_redis, deadline);

	(void)now_ms;
	cp_redis_disconnect(d);
	if (d->s->is_writing)
		cp_store_written(d->s, GW_EIO);
}

static void redis_write(struct cp_store *s)
{
	static struct cp_redis_command c;
	struct cp_redis *d = s->db;
	bool is_ok;

	if (d->sync)
		redisFree(d->sync);
	d->sync = NULL;
	(void)gw_timer_arm(&s->loop->timers, &d->deadline, cp_loop_now(s->loop) + WRITE_MS);
	if (!cp_redis_connect(d))
		return;			/* the deadline ends the attempt */
	is_ok = redisAsyncCommand(d->async, NULL, NULL, "MULTI") == REDIS_OK;
	GW_LIST_FOREACH(it, &s->batch)
		is_ok = is_ok && command_of(&c, s, GW_CONTAINER(it, struct cp_change, node)) &&
			redisAsyncCommandArgv(d->async, NULL, NULL, c.n, c.argv, c.len) == REDIS_OK;
	if (!is_ok || redisAsyncCommand(d->async, on_exec, d, "EXEC") != REDIS_OK)
		(void)gw_timer_arm(&s->loop->timers, &d->deadline, cp_loop_now(s->loop));
}

static void redis_close(struct cp_store *s)
{
	struct cp_redis *d = s->db;

	if (!d)
		return;
	cp_redis_share_close(d);
	gw_timer_stop(&s->loop->timers, &d->deadline);
	cp_redis_disconnect(d);
	if (d->sync)
		redisFree(d->sync);
	explicit_bzero(d->password, sizeof(d->password));
	free(d);
	s->db = NULL;
}

const struct cp_store_backend cp_store_redis = { redis_open, redis_secret, redis_load, redis_write, redis_write_now,
	redis_close };
