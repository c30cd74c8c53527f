/* SPDX-License-Identifier: Apache-2.0 */
/* Changes on their way to the store: gathered, written in batches, kept when a batch fails. */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/state/store_int.h"

#define WINDOW_MS 100u
#define RETRY_MS 1000u		/* doubles */
#define RETRY_MAX_MS 30000u
#define BATCH_MAX 2000u		/* one transaction must not hold up whoever else uses the store */
#define PENDING_MAX 1000000u	/* changes gathered while the store cannot be written */

static void free_change(struct cp_change *c)
{
	gw_list_remove(&c->node);
	free(c);
}

static void free_changes(struct gw_list *l)
{
	while (!gw_list_empty(l))
		free_change(GW_CONTAINER(l->next, struct cp_change, node));
}

static void count_pending(const struct cp_store *s)
{
	cp_gauge_value[state_pending] = (int64_t)s->index.count + s->n_batch;
}

static void take_batch(struct cp_store *s, unsigned max)
{
	while (!gw_list_empty(&s->pending) && s->n_batch < max) {
		struct cp_change *c = GW_CONTAINER(s->pending.next, struct cp_change, node);

		gw_map_del(&s->index, c->id);
		gw_list_remove(&c->node);
		gw_list_append(&s->batch, &c->node);
		s->n_batch++;
	}
}

static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_store *s = GW_CONTAINER(timer, struct cp_store, timer);

	(void)now_ms;
	if (s->is_writing || gw_list_empty(&s->pending))
		return;
	take_batch(s, BATCH_MAX);
	s->is_writing = true;
	s->backend->write(s);
}

static void arm(struct cp_store *s, unsigned ms)
{
	(void)gw_timer_arm(&s->loop->timers, &s->timer, cp_loop_now(s->loop) + ms);
}

/* What could not be written is pending again, where nothing newer is. */
static void take_back(struct cp_store *s)
{
	while (!gw_list_empty(&s->batch)) {
		struct cp_change *c = GW_CONTAINER(s->batch.prev, struct cp_change, node);

		gw_list_remove(&c->node);
		if (gw_map_get(&s->index, c->id) || gw_map_put(&s->index, c->id, c)) {
			free(c);
			continue;
		}
		gw_list_append(s->pending.next, &c->node);	/* in front of the first */
	}
}

void cp_store_written(struct cp_store *s, enum gw_err err)
{
	s->is_writing = false;
	if (err) {
		CP_COUNT(state_write_failed);
		if (!s->is_failing)
			GW_LOG_ERROR(s->log, "state.write_failed", "error=%s it is tried again", gw_err_name(err));
		take_back(s);
	} else {
		if (s->is_failing)
			GW_LOG_NOTICE(s->log, "state.write_ok", "it is written again");
		free_changes(&s->batch);
	}
	s->is_failing = err != GW_OK;
	s->retry_ms = !err ? 0 : !s->retry_ms ? RETRY_MS : s->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : s->retry_ms * 2;
	s->n_batch = 0;
	count_pending(s);
	if (!gw_list_empty(&s->pending))
		arm(s, err ? s->retry_ms : WINDOW_MS);
}

static struct cp_change *new_change(enum cp_store_kind kind, struct gw_sv key, struct gw_sv value, uint64_t expires_s)
{
	struct cp_change *c = malloc(sizeof(*c) + 1 + key.len + value.len);

	if (!c)
		return NULL;
	*c = (struct cp_change){ .kind = kind, .expires_s = expires_s };
	gw_list_init(&c->node);
	c->bytes[0] = (char)('0' + kind);
	memcpy(c->bytes + 1, key.p, key.len);
	if (value.len)
		memcpy(c->bytes + 1 + key.len, value.p, value.len);
	c->id = gw_sv(c->bytes, 1 + key.len);
	c->key = gw_sv(c->bytes + 1, key.len);
	c->value = value.p ? gw_sv(c->bytes + 1 + key.len, value.len) : GW_SV_NONE;
	return c;
}

static void change(struct cp_store *s, struct cp_change *c)
{
	struct cp_change *before;

	if (!c) {
		CP_COUNT(state_dropped);
		return;
	}
	before = gw_map_get(&s->index, c->id);
	if (before) {
		gw_map_del(&s->index, before->id);
		free_change(before);
	}
	if (s->index.count >= PENDING_MAX || gw_map_put(&s->index, c->id, c)) {
		CP_COUNT(state_dropped);
		free(c);
		return;
	}
	gw_list_append(&s->pending, &c->node);
	count_pending(s);
	if (!s->is_writing && !gw_timer_armed(&s->timer))
		arm(s, WINDOW_MS);
}

void cp_store_put(struct cp_store *s, enum cp_store_kind kind, struct gw_sv key, struct gw_sv value,
	uint64_t expires_s)
{
	if (!s)
		return;
	CP_COUNT(state_puts);
	change(s, new_change(kind, key, value, expires_s));
}

void cp_store_put_binding(struct cp_store *s, struct gw_sv key, struct gw_sv value, uint64_t expires_s, uint64_t epoch,
	const uint32_t *flows, unsigned n_flows)
{
	struct cp_change *c;

	if (!s)
		return;
	CP_COUNT(state_puts);
	c = new_change(CP_STORE_BINDING, key, value, expires_s);
	if (c) {
		c->epoch = epoch;
		while (c->n_flows < n_flows && c->n_flows < CP_STORE_FLOWS) {
			c->flow[c->n_flows] = flows[c->n_flows];
			c->n_flows++;
		}
	}
	change(s, c);
}

void cp_store_del(struct cp_store *s, enum cp_store_kind kind, struct gw_sv key)
{
	if (s)
		change(s, new_change(kind, key, GW_SV_NONE, 0));
}

enum gw_err cp_store_secret(struct cp_store *s, const char *name, void *dst, size_t n)
{
	return s->backend->secret(s, name, dst, n);
}

enum gw_err cp_store_load(struct cp_store *s, enum cp_store_kind kind,
	void (*fn)(void *user, struct gw_sv key, struct gw_sv value), void *user)
{
	return s->backend->load(s, kind, fn, user);
}

static void free_store(struct cp_store *s)
{
	s->backend->close(s);
	gw_timer_stop(&s->loop->timers, &s->timer);
	free_changes(&s->pending);
	free_changes(&s->batch);
	gw_map_free(&s->index);
	free(s);
}

enum gw_err cp_store_open(struct cp_store **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log)
{
	struct cp_store *s;
	enum gw_err err;

	*out = NULL;
	if (conf->state.backend == CP_STATE_NONE)
		return GW_OK;
	s = calloc(1, sizeof(*s));
	if (!s)
		return GW_ENOMEM;
	s->conf = conf;
	s->loop = loop;
	s->log = log;
	s->backend = conf->state.backend == CP_STATE_REDIS ? &cp_store_redis : &cp_store_sqlite;
	s->timer.fn = on_timer;
	gw_list_init(&s->pending);
	gw_list_init(&s->batch);
	err = s->backend->open(s);
	if (err) {
		free_store(s);
		return err;
	}
	*out = s;
	return GW_OK;
}

void cp_store_close(struct cp_store *s)
{
	enum gw_err err = GW_OK;

	if (!s)
		return;
	gw_timer_stop(&s->loop->timers, &s->timer);
	while (s->is_writing)
		uv_run(&s->loop->uv, UV_RUN_ONCE);
	take_batch(s, UINT_MAX);
	if (!gw_list_empty(&s->batch))
		err = s->backend->write_now(s);
	if (err)
		GW_LOG_ERROR(s->log, "state.write_failed", "error=%s what changed last is lost", gw_err_name(err));
	free_store(s);
}
