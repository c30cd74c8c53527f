/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several nodes share in one Redis. Of a binding with the key K: "w2gw:b:K" (n node, e epoch, v record),
 * "w2gw:c:K" (its calls by id), "w2gw:f:ID" (K). Of a node N: "w2gw:k:N" (keys of its bindings), "w2gw:l:N" (contexts of
 * its gateways whose calls other nodes have taken over), "w2gw:n:N" (lease: its address), channel "w2gw:m:N". A script
 * is one step for all nodes; each looks at the owner first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "control/app/metrics.h"
#include "control/state/redis_int.h"

#define QUERY_MS 1000u		/* a Redis that is slower is none */
#define CALLS_MAX 256u
#define LEASES 3u		/* a lease is renewed so often before it would end */

static const char put_binding[] =
	"local n, e = unpack(redis.call('HMGET', KEYS[1], 'n', 'e'))\n"
	"if n and n ~= ARGV[1] then\n"
	" if tonumber(e) > tonumber(ARGV[2]) or (tonumber(e) == tonumber(ARGV[2]) and n > ARGV[1]) then return 0 end\n"
	" redis.call('SREM', 'w2gw:k:' .. n, ARGV[5])\n"
	" redis.call('DEL', KEYS[3])\n"	/* its calls were not taken over: their node ends them */
	" redis.call('PUBLISH', 'w2gw:m:' .. n, 'moved ' .. ARGV[1] .. ' - ' .. ARGV[5])\n"
	"end\n"
	"redis.call('HSET', KEYS[1], 'n', ARGV[1], 'e', ARGV[2], 'v', ARGV[3])\n"
	"redis.call('EXPIREAT', KEYS[1], ARGV[4])\n"
	"redis.call('SADD', KEYS[2], ARGV[5])\n"
	"for i = 4, #KEYS do redis.call('SET', KEYS[i], ARGV[5], 'EXAT', ARGV[4]) end\n"
	"return 1";
static const char del_binding[] =
	"if redis.call('HGET', KEYS[1], 'n') == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end\n"
	"redis.call('SREM', KEYS[3], ARGV[2])\n"
	"return 1";
static const char put_call[] =
	"local n = redis.call('HGET', KEYS[1], 'n')\n"
	"if n and n ~= ARGV[1] then return 1 end\n"
	"redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])\n"
	"redis.call('EXPIREAT', KEYS[2], ARGV[4])\n"
	"return 1";
static const char del_call[] =
	"local n = redis.call('HGET', KEYS[1], 'n')\n"
	"if not n or n == ARGV[1] then redis.call('HDEL', KEYS[2], ARGV[2]) end\n"
	"return 1";
static const char put_lent[] = "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) return 1";
static const char del_lent[] =
	"redis.call('HDEL', KEYS[1], ARGV[1])\n"
	"redis.call('PUBLISH', ARGV[2], 'release ' .. ARGV[1])\n"
	"return 1";
static const char adopt[] =
	"local n, e, v = unpack(redis.call('HMGET', KEYS[1], 'n', 'e', 'v'))\n"
	"if not n or n == ARGV[1] then return {} end\n"
	"local calls, ids = redis.call('HGETALL', KEYS[2]), ''\n"
	"for i = 1, #calls, 2 do ids = ids .. calls[i] .. ',' end\n"
	"local epoch = string.format('%.0f', math.max(tonumber(e) + 1, tonumber(ARGV[2])))\n"
	"redis.call('HSET', KEYS[1], 'n', ARGV[1], 'e', epoch)\n"
	"redis.call('SREM', 'w2gw:k:' .. n, ARGV[3])\n"
	"redis.call('SADD', KEYS[3], ARGV[3])\n"
	"redis.call('PUBLISH', 'w2gw:m:' .. n, 'moved ' .. ARGV[1] .. ' ' .. (ids == '' and '-' or ids) .. ' ' .. ARGV[3])\n"
	"return {n, epoch, v, calls}";
static const char locate[] =
	"local key = redis.call('GET', KEYS[1])\n"
	"local n = key and redis.call('HGET', 'w2gw:b:' .. key, 'n')\n"
	"local address = n and redis.call('GET', 'w2gw:n:' .. n)\n"
	"return address and {n, address} or {}";
static const char number[] =
	"local n = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if not n then n = redis.call('HLEN', KEYS[1]) + 1 redis.call('HSET', KEYS[1], ARGV[1], n) end\n"
	"return tonumber(n)";

struct cp_share_query {
	struct gw_list node;
	struct cp_redis *d;
	cp_share_fn *fn;             /* NULL: cancelled, or told */
	void *user;
	struct gw_timer timer;
};

static struct cp_redis *shared(const struct cp_store *s)
{
	struct cp_redis *d = s && s->conf->state.backend == CP_STATE_REDIS ? s->db : NULL;

	return d && d->is_shared ? d : NULL;
}

bool cp_store_is_shared(const struct cp_store *s)
{
	return shared(s) != NULL;
}

bool cp_store_is_certain(const struct cp_store *s)
{
	return !shared(s) || cp_gauge_value[state_reachable];
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void arg_name(struct cp_redis_command *c, const char *kind, struct gw_sv what)
{
	size_t at = c->text.len;

	gw_buf_printf(&c->text, "w2gw:%s:", kind);
	gw_buf_put(&c->text, what);
	cp_redis_arg_text(c, at);
}

static void arg_u64(struct cp_redis_command *c, uint64_t n)
{
	size_t at = c->text.len;

	gw_buf_u64(&c->text, n);
	cp_redis_arg_text(c, at);
}

static void eval(struct cp_redis_command *c, const char *script, const char *n_keys)
{
	cp_redis_begin(c);
	cp_redis_arg(c, GW_SV("EVAL"));
	cp_redis_arg(c, gw_sv_cstr(script));
	gw_buf_puts(&c->text, n_keys);
	cp_redis_arg_text(c, 0);
}

static void arg_flow(struct cp_redis_command *c, uint32_t flow)
{
	char id[12];

	snprintf(id, sizeof(id), "%08x", flow);
	arg_name(c, "f", gw_sv_cstr(id));
}

static void change_binding(struct cp_redis_command *c, const struct cp_change *ch, struct gw_sv me)
{
	char n_keys[4];

	if (ch->value.p) {
		snprintf(n_keys, sizeof(n_keys), "%u", 3 + ch->n_flows);
		eval(c, put_binding, n_keys);
		arg_name(c, "b", ch->key);
		arg_name(c, "k", me);
		arg_name(c, "c", ch->key);
		for (unsigned i = 0; i < ch->n_flows; i++)
			arg_flow(c, ch->flow[i]);
		cp_redis_arg(c, me);
		arg_u64(c, ch->epoch);
		cp_redis_arg(c, ch->value);
		arg_u64(c, ch->expires_s);
	} else {
		eval(c, del_binding, "3");
		arg_name(c, "b", ch->key);
		arg_name(c, "c", ch->key);
		arg_name(c, "k", me);
		cp_redis_arg(c, me);
	}
	cp_redis_arg(c, ch->key);
}

/* Key: id, space, key of the binding. */
static void change_call(struct cp_redis_command *c, const struct cp_change *ch, struct gw_sv me)
{
	struct gw_sv id, binding;

	gw_sv_cut(ch->key, ' ', &id, &binding);
	eval(c, ch->value.p ? put_call : del_call, "2");
	arg_name(c, "b", binding);
	arg_name(c, "c", binding);
	cp_redis_arg(c, me);
	cp_redis_arg(c, id);
	if (!ch->value.p)
		return;
	cp_redis_arg(c, ch->value);
	arg_u64(c, ch->expires_s);
}

/* Key: controlling node, space, context. */
static void change_lent(struct cp_redis_command *c, const struct cp_change *ch)
{
	struct gw_sv node, context;

	gw_sv_cut(ch->key, ' ', &node, &context);
	eval(c, ch->value.p ? put_lent : del_lent, "1");
	arg_name(c, "l", node);
	cp_redis_arg(c, context);
	if (ch->value.p)
		cp_redis_arg(c, ch->value);
	else
		arg_name(c, "m", node);
}

bool cp_redis_shared_change(struct cp_redis_command *c, const struct cp_store *s, const struct cp_change *ch)
{
	struct gw_sv me = gw_sv_cstr(s->conf->state.node);

	switch (ch->kind) {
	case CP_STORE_BINDING:
		change_binding(c, ch, me);
		return true;
	case CP_STORE_CALL:
		change_call(c, ch, me);
		return true;
	case CP_STORE_LENT:
		change_lent(c, ch);
		return true;
	case CP_STORE_META:
	case CP_STORE_EVENT:
		break;
	}
	return false;
}

bool cp_redis_was_taken(const redisReply *r)
{
	return !(r->type == REDIS_REPLY_INTEGER && r->integer == 0);
}

/* ---- at the start ----------------------------------------------------------------------------------------- */

enum gw_err cp_store_number(struct cp_store *s, uint8_t *out)
{
	struct cp_redis *d = shared(s);
	redisReply *r = d ? redisCommand(d->sync, "EVAL %s 1 w2gw:nodes %s", number, s->conf->state.node) : NULL;
	enum gw_err err = GW_EIO;

	if (r && r->type == REDIS_REPLY_INTEGER && r->integer >= 1 && r->integer <= 255) {
		*out = (uint8_t)r->integer;
		err = GW_OK;
	} else {
		GW_LOG_ERROR(s->log, "state.redis_failed", "node=%s has no number: at most 255 names are counted in w2gw:nodes",
			s->conf->state.node);
	}
	freeReplyObject(r);
	return err;
}

struct loader {
	struct cp_redis *d;
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value);
	void *user;
};

static struct gw_sv sv_of(const redisReply *r)
{
	return r->type == REDIS_REPLY_STRING ? gw_sv(r->str, (size_t)r->len) : GW_SV_NONE;
}

static void load_binding(const struct loader *l, struct gw_sv key, const redisReply *r)
{
	if (r->elements == 2 && gw_sv_eq(sv_of(r->element[0]), gw_sv_cstr(l->d->s->conf->state.node)) &&
		r->element[1]->type == REDIS_REPLY_STRING)
		l->fn(l->user, key, sv_of(r->element[1]));
	else	/* expired */
		freeReplyObject(redisCommand(l->d->sync, "SREM w2gw:k:%s %b", l->d->s->conf->state.node, key.p, key.len));
}

static void load_calls(const struct loader *l, struct gw_sv binding, const redisReply *r)
{
	for (size_t i = 0; i + 1 < r->elements; i += 2) {
		char key[2048];
		struct gw_buf b = gw_buf(key, sizeof(key));

		gw_buf_put(&b, sv_of(r->element[i]));
		gw_buf_putc(&b, ' ');
		gw_buf_put(&b, binding);
		l->fn(l->user, gw_buf_sv(&b), sv_of(r->element[i + 1]));
	}
}

/* A page of our keys, asked about in one go. */
static bool load_page(const struct loader *l, enum cp_store_kind kind, const redisReply *keys)
{
	bool is_ok = true;

	for (size_t i = 0; i < keys->elements; i++)
		redisAppendCommand(l->d->sync, kind == CP_STORE_BINDING ? "HMGET w2gw:b:%b n v" : "HGETALL w2gw:c:%b",
			keys->element[i]->str, (size_t)keys->element[i]->len);
	for (size_t i = 0; i < keys->elements; i++) {
		redisReply *r = NULL;

		is_ok = redisGetReply(l->d->sync, (void **)&r) == REDIS_OK && r->type == REDIS_REPLY_ARRAY && is_ok;
		if (is_ok && kind == CP_STORE_CALL)
			load_calls(l, sv_of(keys->element[i]), r);
		else if (is_ok)
			load_binding(l, sv_of(keys->element[i]), r);
		freeReplyObject(r);
	}
	return is_ok;
}

static enum gw_err load_keys(const struct loader *l, enum cp_store_kind kind)
{
	char cursor[32] = "0";
	bool is_ok;

	do {
		redisReply *r = redisCommand(l->d->sync, "SSCAN w2gw:k:%s %s COUNT 1000", l->d->s->conf->state.node, cursor);

		is_ok = r && r->type == REDIS_REPLY_ARRAY && r->elements == 2 && load_page(l, kind, r->element[1]);
		if (is_ok)
			snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
		freeReplyObject(r);
	} while (is_ok && strcmp(cursor, "0") != 0);
	return is_ok ? GW_OK : GW_EIO;
}

static enum gw_err load_lent(const struct loader *l)
{
	redisReply *r = redisCommand(l->d->sync, "HGETALL w2gw:l:%s", l->d->s->conf->state.node);
	bool is_ok = r && r->type == REDIS_REPLY_ARRAY;

	for (size_t i = 0; is_ok && i + 1 < r->elements; i += 2)
		l->fn(l->user, sv_of(r->element[i]), sv_of(r->element[i + 1]));
	freeReplyObject(r);
	return is_ok ? GW_OK : GW_EIO;
}

enum gw_err cp_redis_shared_load(struct cp_redis *d, enum cp_store_kind kind,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user)
{
	const struct loader l = { d, fn, user };

	switch (kind) {
	case CP_STORE_BINDING:
	case CP_STORE_CALL:
		return load_keys(&l, kind);
	case CP_STORE_LENT:
		return load_lent(&l);
	case CP_STORE_META:
	case CP_STORE_EVENT:
		break;
	}
	return GW_EUNSUPP;
}

/* ---- questions -------------------------------------------------------------------------------------------- */

static void told(struct cp_share_query *q, const struct cp_share_answer *a)
{
	cp_share_fn *fn = q->fn;

	q->fn = NULL;
	gw_timer_stop(&q->d->s->loop->timers, &q->timer);
	if (fn && !q->d->is_closing)
		fn(q->user, a);
}

/* All that waits is told so; the next question finds no connection and fails at once. */
static void on_query_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_share_query *q = GW_CONTAINER(timer, struct cp_share_query, timer);

	(void)now_ms;
	CP_COUNT(state_questions_lost);
	cp_redis_disconnect(q->d);
}

static void end_query(struct cp_share_query *q, const struct cp_share_answer *a)
{
	told(q, a);
	gw_list_remove(&q->node);
	free(q);
}

static void on_adopted(redisAsyncContext *ac, void *reply, void *user)
{
	struct cp_store_call taken[CALLS_MAX];
	struct cp_share_query *q = user;
	struct cp_share_answer a = { .calls = taken };
	const redisReply *r = reply, *list;

	(void)ac;
	if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 4) {
		end_query(q, NULL);
		return;
	}
	a.node = sv_of(r->element[0]);
	(void)!gw_sv_u64(sv_of(r->element[1]), &a.epoch);
	a.value = sv_of(r->element[2]);
	list = r->element[3];
	for (size_t i = 0; i + 1 < list->elements && a.n_calls < CALLS_MAX; i += 2)
		taken[a.n_calls++] = (struct cp_store_call){ sv_of(list->element[i]), sv_of(list->element[i + 1]) };
	end_query(q, &a);
}

static void on_located(redisAsyncContext *ac, void *reply, void *user)
{
	const redisReply *r = reply;
	struct cp_share_answer a = { 0 };

	(void)ac;
	if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 2 || gw_addr_parse(sv_of(r->element[1]), 0, &a.address)) {
		end_query(user, NULL);
		return;
	}
	a.node = sv_of(r->element[0]);
	end_query(user, &a);
}

static struct cp_share_query *ask(struct cp_redis *d, const struct cp_redis_command *c, redisCallbackFn *on_reply,
	cp_share_fn *fn, void *user)
{
	struct cp_share_query *q = d && d->async && !c->text.overflow ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	*q = (struct cp_share_query){ .d = d, .fn = fn, .user = user, .timer.fn = on_query_timer };
	gw_list_init(&q->node);
	if (redisAsyncCommandArgv(d->async, on_reply, q, c->n, (const char **)(uintptr_t)c->argv, c->len) != REDIS_OK) {
		free(q);
		return NULL;
	}
	gw_list_append(&d->queries, &q->node);
	(void)gw_timer_arm(&d->s->loop->timers, &q->timer, cp_loop_now(d->s->loop) + QUERY_MS);
	return q;
}

struct cp_share_query *cp_store_adopt(struct cp_store *s, struct gw_sv key, cp_share_fn *fn, void *user)
{
	static struct cp_redis_command c;
	struct gw_sv me = gw_sv_cstr(s->conf->state.node);

	eval(&c, adopt, "3");
	arg_name(&c, "b", key);
	arg_name(&c, "c", key);
	arg_name(&c, "k", me);
	cp_redis_arg(&c, me);
	arg_u64(&c, cp_store_epoch());
	cp_redis_arg(&c, key);
	return ask(shared(s), &c, on_adopted, fn, user);
}

struct cp_share_query *cp_store_locate(struct cp_store *s, uint32_t flow, cp_share_fn *fn, void *user)
{
	static struct cp_redis_command c;

	eval(&c, locate, "1");
	arg_flow(&c, flow);
	return ask(shared(s), &c, on_located, fn, user);
}

void cp_share_cancel(struct cp_share_query *q)
{
	if (!q)
		return;
	q->fn = NULL;		/* freed with its reply */
	gw_timer_stop(&q->d->s->loop->timers, &q->timer);
}

uint64_t cp_store_epoch(void)
{
	static uint64_t last;
	struct timeval tv;
	uint64_t now;

	gettimeofday(&tv, NULL);
	now = (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
	return last = now > last ? now : last + 1;
}

/* ---- nodes ------------------------------------------------------------------------------------------------ */

void cp_store_tell(struct cp_store *s, struct gw_sv node, struct gw_sv line)
{
	struct cp_redis *d = shared(s);

	if (d && d->async)
		redisAsyncCommand(d->async, NULL, NULL, "PUBLISH w2gw:m:%b %b", node.p, node.len, line.p, line.len);
}

/* "moved NODE CALLS KEY", or a line between users of the store. */
static void on_line(struct cp_redis *d, struct gw_sv line)
{
	struct gw_sv word, rest, node, ids;

	if (!d->is_running)
		return;
	if (gw_sv_cut(line, ' ', &word, &rest) && gw_sv_eq(word, GW_SV("moved")) && gw_sv_cut(rest, ' ', &node, &rest) &&
		gw_sv_cut(rest, ' ', &ids, &rest))
		d->ops.moved(d->ops.user, rest, node, gw_sv_eq(ids, GW_SV("-")) ? GW_SV("") : ids);
	else
		d->ops.told(d->ops.user, line);
}

static void on_subscribed(struct cp_redis *d)
{
	d->is_subscribed = true;
	if (d->is_running)
		d->ops.back(d->ops.user);	/* what was told before was not heard */
}

static void on_subscription(redisAsyncContext *ac, void *reply, void *user)
{
	const redisReply *r = reply;
	struct cp_redis *d = user;

	(void)ac;
	if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 3)
		return;
	if (gw_sv_eq(sv_of(r->element[0]), GW_SV("message")))
		on_line(d, sv_of(r->element[2]));
	else if (gw_sv_eq(sv_of(r->element[0]), GW_SV("subscribe")))
		on_subscribed(d);
}

static void on_sub_connected(const redisAsyncContext *ac, int status)
{
	struct cp_redis *d = ac->data;

	if (status != REDIS_OK && d->sub == ac)
		d->sub = NULL;
}

static void on_sub_disconnected(const redisAsyncContext *ac, int status)
{
	struct cp_redis *d = ac->data;

	(void)status;
	if (d->sub == ac)
		d->sub = NULL;
}

static void subscribe(struct cp_redis *d)
{
	redisAsyncContext *ac = cp_redis_dial(d);

	if (!ac)
		return;
	redisAsyncSetConnectCallback(ac, on_sub_connected);
	redisAsyncSetDisconnectCallback(ac, on_sub_disconnected);
	d->sub = ac;
	d->is_subscribed = false;
	if (d->password[0])
		redisAsyncCommand(ac, NULL, NULL, "AUTH %s", d->password);
	redisAsyncCommand(ac, on_subscription, d, "SUBSCRIBE w2gw:m:%s", d->s->conf->state.node);
}

static void on_lease_reply(redisAsyncContext *ac, void *reply, void *user)
{
	const redisReply *r = reply;
	struct cp_redis *d = user;

	(void)ac;
	d->is_lease_open = false;
	cp_gauge_value[state_reachable] = r && r->type == REDIS_REPLY_STATUS;
}

/* What has not answered since the last time is not there: a refused connection does not always say so itself. */
static void give_up_silent(struct cp_redis *d)
{
	redisAsyncContext *sub = d->is_subscribed ? NULL : d->sub;

	if (d->is_lease_open)
		cp_redis_disconnect(d);
	if (!sub)
		return;
	d->sub = NULL;
	redisAsyncFree(sub);
}

static void on_lease(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_redis *d = GW_CONTAINER(timer, struct cp_redis, lease);
	const struct cp_conf *conf = d->s->conf;
	char address[GW_ADDR_STR_BYTES];

	give_up_silent(d);
	d->is_lease_open = cp_redis_connect(d);
	if (d->is_lease_open)
		redisAsyncCommand(d->async, on_lease_reply, d, "SET w2gw:n:%s %s EX %u", conf->state.node,
			gw_addr_str(&conf->state.node_address, address), conf->state.lease_s);
	else
		cp_gauge_value[state_reachable] = 0;
	if (!d->sub)
		subscribe(d);
	(void)gw_timer_arm(&d->s->loop->timers, timer, now_ms + conf->state.lease_s * 1000ull / LEASES);
}

void cp_store_share(struct cp_store *s, const struct cp_share_ops *ops)
{
	struct cp_redis *d = shared(s);

	if (!d)
		return;
	d->is_running = ops != NULL;
	gw_timer_stop(&s->loop->timers, &d->lease);
	if (!ops)
		return;
	d->ops = *ops;
	if (d->sync)		/* all is loaded */
		redisFree(d->sync);
	d->sync = NULL;
	d->lease.fn = on_lease;
	on_lease(&d->lease, cp_loop_now(s->loop));
}

void cp_redis_share_close(struct cp_redis *d)
{
	redisAsyncContext *sub = d->sub;

	d->is_closing = true;
	d->is_running = false;
	gw_timer_stop(&d->s->loop->timers, &d->lease);
	d->sub = NULL;
	if (sub)
		redisAsyncFree(sub);
	cp_redis_disconnect(d);
}
