/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several nodes share in one Redis. Of a binding with the key K: "w2gw:b:K" (n node, e epoch, v record),
 * "w2gw:c:K" (its calls by id), "w2gw:f:ID" (K). Of a node N: "w2gw:k:N" (keys of its bindings), "w2gw:l:N" (contexts of
 * its gateways whose calls other nodes have taken over), "w2gw:n:N" (lease: its address), channel "w2gw:m:N". A script
 * is one step for all nodes; each looks at the owner first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/state/redis_int.h"

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
static const char number[] =
	"local n = redis.call('HGET', KEYS[1], ARGV[1])\n"
	"if not n then n = redis.call('HLEN', KEYS[1]) + 1 redis.call('HSET', KEYS[1], ARGV[1], n) end\n"
	"return tonumber(n)";

struct cp_redis *cp_redis_shared(const struct cp_store *s)
{
	struct cp_redis *d = s && s->conf->state.backend == CP_STATE_REDIS ? s->db : NULL;

	return d && d->is_shared ? d : NULL;
}

bool cp_store_is_shared(const struct cp_store *s)
{
	return cp_redis_shared(s) != NULL;
}

bool cp_store_is_certain(const struct cp_store *s)
{
	return !cp_redis_shared(s) || cp_gauge_value[state_reachable];
}

/* ---- commands --------------------------------------------------------------------------------------------- */

void cp_redis_arg_name(struct cp_redis_command *c, const char *kind, struct gw_sv what)
{
	size_t at = c->text.len;

	gw_buf_printf(&c->text, "w2gw:%s:", kind);
	gw_buf_put(&c->text, what);
	cp_redis_arg_text(c, at);
}

void cp_redis_arg_u64(struct cp_redis_command *c, uint64_t n)
{
	size_t at = c->text.len;

	gw_buf_u64(&c->text, n);
	cp_redis_arg_text(c, at);
}

void cp_redis_eval(struct cp_redis_command *c, const char *script, const char *n_keys)
{
	cp_redis_begin(c);
	cp_redis_arg(c, GW_SV("EVAL"));
	cp_redis_arg(c, gw_sv_cstr(script));
	gw_buf_puts(&c->text, n_keys);
	cp_redis_arg_text(c, 0);
}

void cp_redis_arg_flow(struct cp_redis_command *c, uint32_t flow)
{
	char id[12];

	snprintf(id, sizeof(id), "%08x", flow);
	cp_redis_arg_name(c, "f", gw_sv_cstr(id));
}

static void change_binding(struct cp_redis_command *c, const struct cp_change *ch, struct gw_sv me)
{
	char n_keys[4];

	if (ch->value.p) {
		snprintf(n_keys, sizeof(n_keys), "%u", 3 + ch->n_flows);
		cp_redis_eval(c, put_binding, n_keys);
		cp_redis_arg_name(c, "b", ch->key);
		cp_redis_arg_name(c, "k", me);
		cp_redis_arg_name(c, "c", ch->key);
		for (unsigned i = 0; i < ch->n_flows; i++)
			cp_redis_arg_flow(c, ch->flow[i]);
		cp_redis_arg(c, me);
		cp_redis_arg_u64(c, ch->epoch);
		cp_redis_arg(c, ch->value);
		cp_redis_arg_u64(c, ch->expires_s);
	} else {
		cp_redis_eval(c, del_binding, "3");
		cp_redis_arg_name(c, "b", ch->key);
		cp_redis_arg_name(c, "c", ch->key);
		cp_redis_arg_name(c, "k", me);
		cp_redis_arg(c, me);
	}
	cp_redis_arg(c, ch->key);
}

/* Key: id, space, key of the binding. */
static void change_call(struct cp_redis_command *c, const struct cp_change *ch, struct gw_sv me)
{
	struct gw_sv id, binding;

	gw_sv_cut(ch->key, ' ', &id, &binding);
	cp_redis_eval(c, ch->value.p ? put_call : del_call, "2");
	cp_redis_arg_name(c, "b", binding);
	cp_redis_arg_name(c, "c", binding);
	cp_redis_arg(c, me);
	cp_redis_arg(c, id);
	if (!ch->value.p)
		return;
	cp_redis_arg(c, ch->value);
	cp_redis_arg_u64(c, ch->expires_s);
}

/* Key: controlling node, space, context. */
static void change_lent(struct cp_redis_command *c, const struct cp_change *ch)
{
	struct gw_sv node, context;

	gw_sv_cut(ch->key, ' ', &node, &context);
	cp_redis_eval(c, ch->value.p ? put_lent : del_lent, "1");
	cp_redis_arg_name(c, "l", node);
	cp_redis_arg(c, context);
	if (ch->value.p)
		cp_redis_arg(c, ch->value);
	else
		cp_redis_arg_name(c, "m", node);
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
	struct cp_redis *d = cp_redis_shared(s);
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

struct gw_sv cp_redis_sv_of(const redisReply *r)
{
	return r->type == REDIS_REPLY_STRING ? gw_sv(r->str, (size_t)r->len) : GW_SV_NONE;
}

static void load_binding(const struct loader *l, struct gw_sv key, const redisReply *r)
{
	if (r->elements == 2 && gw_sv_eq(cp_redis_sv_of(r->element[0]), gw_sv_cstr(l->d->s->conf->state.node)) &&
		r->element[1]->type == REDIS_REPLY_STRING)
		l->fn(l->user, key, cp_redis_sv_of(r->element[1]));
	else	/* expired */
		freeReplyObject(redisCommand(l->d->sync, "SREM w2gw:k:%s %b", l->d->s->conf->state.node, key.p, key.len));
}

static void load_calls(const struct loader *l, struct gw_sv binding, const redisReply *r)
{
	for (size_t i = 0; i + 1 < r->elements; i += 2) {
		char key[2048];
		struct gw_buf b = gw_buf(key, sizeof(key));

		gw_buf_put(&b, cp_redis_sv_of(r->element[i]));
		gw_buf_putc(&b, ' ');
		gw_buf_put(&b, binding);
		l->fn(l->user, gw_buf_sv(&b), cp_redis_sv_of(r->element[i + 1]));
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
			load_calls(l, cp_redis_sv_of(keys->element[i]), r);
		else if (is_ok)
			load_binding(l, cp_redis_sv_of(keys->element[i]), r);
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
		l->fn(l->user, cp_redis_sv_of(r->element[i]), cp_redis_sv_of(r->element[i + 1]));
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
