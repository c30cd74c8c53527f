/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders for the workers, in the order they were given; one whose ring is full gets them later. None is lost for good: that of a FLOW_DEL
 * would keep its port and its memory for ever.
 */
#include <stdlib.h>

#include "dataplane/ctx/ctx_int.h"

/* A command a worker had no room for: its hypervisor may have stopped it for a while. */
struct waiting_cmd {
	struct gw_list node;
	struct dp_cmd cmd;
};

#define RETRY_MS 1u

/* false: no room. */
static bool try_cmd(struct dp_ctx *c, const struct dp_cmd *cmd)
{
	if (dp_cmd_send(c->c.fast, cmd) == GW_EAGAIN)
		return false;
	c->n_unacked += cmd->type != DP_CMD_FLOW_GATE;
	return true;
}

/* Those whose orders there was no memory for get them anew, as things are by now; those who left, in any order. */
static void catch_up(struct dp_ctx *c, uint64_t now_ms)
{
	struct dp_stream *s;

	c->is_behind = false;
	for (uint32_t i = 0; (s = dp_pool_at(&c->stream_pool, i)); i++) {
		if (!s->is_behind)
			continue;
		s->is_behind = false;
		if (s->term)
			dp_publish(c, s, now_ms);
		else
			(void)dp_publish_close(c, s, now_ms);
	}
}

static void on_backlog(struct gw_timer *timer, uint64_t now_ms)
{
	struct dp_ctx *c = GW_CONTAINER(timer, struct dp_ctx, backlog_timer);

	while (!gw_list_empty(&c->backlog)) {
		struct waiting_cmd *w = GW_CONTAINER(c->backlog.next, struct waiting_cmd, node);

		if (!try_cmd(c, &w->cmd)) {
			(void)gw_timer_arm(c->c.timers, timer, now_ms + RETRY_MS);
			return;
		}
		gw_list_remove(&w->node);
		free(w);
	}
	if (c->is_behind)
		catch_up(c, now_ms);
}

static void fall_behind(struct dp_ctx *c, struct dp_stream *s)
{
	c->ctr[ctx_cmd_lost]++;
	s->is_behind = c->is_behind = c->is_unsure = true;
}

void dp_order(struct dp_ctx *c, struct dp_stream *s, const struct dp_cmd *cmd, uint64_t now_ms)
{
	struct waiting_cmd *w;

	if (cmd->type != DP_CMD_FLOW_GATE)	/* says all there is to say */
		s->is_behind = false;
	if (gw_list_empty(&c->backlog) && try_cmd(c, cmd))
		return;
	w = malloc(sizeof(*w));
	if (w) {
		c->ctr[ctx_cmd_late]++;
		w->cmd = *cmd;
		gw_list_append(&c->backlog, &w->node);
	} else {
		fall_behind(c, s);
	}
	if (!gw_timer_armed(&c->backlog_timer)) {
		c->backlog_timer.fn = on_backlog;
		(void)gw_timer_arm(c->c.timers, &c->backlog_timer, now_ms + RETRY_MS);
	}
}

void dp_orders_drop(struct dp_ctx *c)
{
	gw_timer_stop(c->c.timers, &c->backlog_timer);
	GW_LIST_FOREACH_SAFE(it, next, &c->backlog)
		free(GW_CONTAINER(it, struct waiting_cmd, node));
	gw_list_init(&c->backlog);
}

void dp_orders_acked(struct dp_ctx *c)
{
	c->n_unacked -= c->n_unacked > 0;
	c->is_unsure = c->is_unsure && (c->is_behind || c->n_unacked || !gw_list_empty(&c->backlog));
}
