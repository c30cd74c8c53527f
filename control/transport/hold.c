/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back-pressure (threat P8): a client that was refused and comes back before its Retry-After is over is not read for a
 * while. What it sends waits in its own TCP, and costs nothing here. The first request after a refusal is always read.
 */
#include "control/app/metrics.h"
#include "control/transport/conn.h"

static void on_held(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	cp_w2_read(GW_CONTAINER(timer, struct cp_w2, held));
}

void cp_hold_init(struct cp_w2 *c)
{
	c->held.fn = on_held;
}

void cp_hold_end(struct cp_w2 *c)
{
	if (!gw_timer_armed(&c->held))
		return;
	gw_timer_stop(&c->t->loop->timers, &c->held);
	cp_w2_read(c);
}

static void hold(struct cp_w2 *c, uint64_t ms)
{
	struct gw_timers *timers = &c->t->loop->timers;

	uv_read_stop((uv_stream_t *)&c->tcp);
	(void)gw_timer_arm(timers, &c->held, cp_loop_now(c->t->loop) + ms);
	if (gw_timer_armed(&c->message))	/* begun, and not its fault that the rest is not read */
		(void)gw_timer_arm(timers, &c->message, c->message.due_ms + ms);
	CP_COUNT(w2_held);
}

void cp_transport_put_off(struct cp_transport *t, cp_conn_id conn, unsigned retry_after_s)
{
	struct cp_w2 *c = cp_slot_get(t, conn, SLOT_W2);
	uint64_t now = cp_loop_now(t->loop), away_ms = retry_after_s * 1000ull, hold_ms = t->conf->overload.hold_ms;

	if (!c || c->state != W2_WS || c->close_after_flush)
		return;
	if (now < c->away_until_ms && hold_ms && !gw_timer_armed(&c->held))
		hold(c, hold_ms < away_ms ? hold_ms : away_ms);
	c->away_until_ms = now + away_ms;
}
