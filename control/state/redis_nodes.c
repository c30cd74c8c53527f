/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes on one Redis: questions about who has what, the lease, and what they tell each other. Names: redis_share.c. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "control/app/metrics.h"
#include "control/state/redis_int.h"

#define QUERY_MS 1000u		/* a Redis that is slower is none */
#define CALLS_MAX 256u
#define WAF_CHANNEL "w2gw:waf"
#define LEASES 3u		/* a lease is renewed so often before it would end */

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

struct cp_share_query {
	struct gw_list node;
	struct cp_redis *d;
	cp_share_fn *fn;             /* NULL: cancelled, or told */
	void *user;
	struct gw_timer timer;
};

/* ---- questions -------------------------------------------------------------------------------------------- */

static void told(struct cp_share_query *q, const struct cp_share_answer *a)
{
	cp_share_fn *fn = q->fn;

	q->fn = NULL;
	gw_timer_stop(&q->d->s->loop->timers, &q->timer);
	if (fn)
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
	a.node = cp_redis_sv_of(r->element[0]);
	(void)!gw_sv_u64(cp_redis_sv_of(r->element[1]), &a.epoch);
	a.value = cp_redis_sv_of(r->element[2]);
	list = r->element[3];
	for (size_t i = 0; i + 1 < list->elements && a.n_calls < CALLS_MAX; i += 2)
		taken[a.n_calls++] = (struct cp_store_call){ cp_redis_sv_of(list->element[i]), cp_redis_sv_of(list->element[i + 1]) };
	end_query(q, &a);
}

static void on_located(redisAsyncContext *ac, void *reply, void *user)
{
	const redisReply *r = reply;
	struct cp_share_answer a = { 0 };

	(void)ac;
	if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 2 || gw_addr_parse(cp_redis_sv_of(r->element[1]), 0, &a.address)) {
		end_query(user, NULL);
		return;
	}
	a.node = cp_redis_sv_of(r->element[0]);
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

	cp_redis_eval(&c, adopt, "3");
	cp_redis_arg_name(&c, "b", key);
	cp_redis_arg_name(&c, "c", key);
	cp_redis_arg_name(&c, "k", me);
	cp_redis_arg(&c, me);
	cp_redis_arg_u64(&c, cp_store_epoch());
	cp_redis_arg(&c, key);
	return ask(cp_redis_shared(s), &c, on_adopted, fn, user);
}

struct cp_share_query *cp_store_locate(struct cp_store *s, uint32_t flow, cp_share_fn *fn, void *user)
{
	static struct cp_redis_command c;

	cp_redis_eval(&c, locate, "1");
	cp_redis_arg_flow(&c, flow);
	return ask(cp_redis_shared(s), &c, on_located, fn, user);
}

static void on_evaluated(redisAsyncContext *ac, void *reply, void *user)
{
	struct gw_sv values[CP_STORE_VALUES];
	struct cp_share_query *q = user;
	struct cp_share_answer a = { .values = values };
	const redisReply *r = reply;

	(void)ac;
	if (!r || r->type != REDIS_REPLY_ARRAY) {
		if (r)
			GW_LOG_ERROR(q->d->s->log, "state.redis_refused", "error=\"%s\"", r->str ? r->str : "no list");
		end_query(q, NULL);
		return;
	}
	while (a.n_values < r->elements && a.n_values < CP_STORE_VALUES) {
		values[a.n_values] = cp_redis_sv_of(r->element[a.n_values]);
		a.n_values++;
	}
	end_query(q, &a);
}

struct cp_share_query *cp_store_eval(struct cp_store *s, const char *script, const struct gw_sv *argv, unsigned n,
	cp_share_fn *fn, void *user)
{
	static struct cp_redis_command c;

	assert(n <= CP_STORE_ARGS);
	cp_redis_eval(&c, script, "0");
	for (unsigned i = 0; i < n; i++)
		cp_redis_arg(&c, argv[i]);
	return ask(cp_redis_shared(s), &c, on_evaluated, fn, user);
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
	struct cp_redis *d = cp_redis_shared(s);

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
	bool is_message, is_waf;

	(void)ac;
	if (!r || r->type != REDIS_REPLY_ARRAY || r->elements != 3)
		return;
	is_message = gw_sv_eq(cp_redis_sv_of(r->element[0]), GW_SV("message"));
	is_waf = gw_sv_eq(cp_redis_sv_of(r->element[1]), GW_SV(WAF_CHANNEL));
	if (is_waf && d->hear && d->is_running)
		d->hear(d->hearer, is_message ? cp_redis_sv_of(r->element[2]) : GW_SV(""));
	else if (is_message)
		on_line(d, cp_redis_sv_of(r->element[2]));
	else if (!is_waf)
		on_subscribed(d);
}

static void subscribe(struct cp_redis *d)
{
	redisAsyncContext *ac = cp_redis_dial(d);

	if (!ac)
		return;
	d->sub = ac;
	d->is_subscribed = false;
	redisAsyncCommand(ac, on_subscription, d, "SUBSCRIBE w2gw:m:%s " WAF_CHANNEL, d->s->conf->state.node);
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
	struct cp_redis *d = cp_redis_shared(s);

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

void cp_store_hear(struct cp_store *s, void (*fn)(void *user, struct gw_sv line), void *user)
{
	struct cp_redis *d = cp_redis_shared(s);

	if (!d)
		return;
	d->hear = fn;
	d->hearer = user;
}

void cp_redis_share_close(struct cp_redis *d)
{
	redisAsyncContext *sub = d->sub;

	d->is_running = false;
	gw_timer_stop(&d->s->loop->timers, &d->lease);
	d->sub = NULL;
	if (sub)
		redisAsyncFree(sub);
	cp_redis_disconnect(d);
}
