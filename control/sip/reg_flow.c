/* SPDX-License-Identifier: Apache-2.0 */
/* The flows bindings are reached by (RFC 5626): tokens that name them, and what happens when one is lost. */
#include "control/app/metrics.h"
#include "control/sip/reg_int.h"

/* The next epoch begins at a full multiple; asked at least each hour, should the clock of the host be set. */
static void on_epoch(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_reg *r = GW_CONTAINER(timer, struct cp_reg, epoch);
	uint64_t length = r->s->conf->reg.token_key_h * 3600ull, wall = cp_loop_wall_s();
	uint64_t left = length - wall % length;

	if (r->keys.epoch != wall / length)
		cp_flow_keys_set(&r->keys, wall / length);
	(void)gw_timer_arm(&r->s->loop->timers, timer, now_ms + (left < 3600 ? left : 3600) * 1000);
}

void cp_reg_flows_start(struct cp_reg *r)
{
	r->epoch.fn = on_epoch;
	r->keys.epoch = 0;
	on_epoch(&r->epoch, cp_loop_now(r->s->loop));
}

struct cp_binding *cp_reg_by_token(struct cp_reg *r, struct gw_sv token)
{
	cp_conn_id conn;
	uint32_t id;

	/* the binding, whatever connection it has now: tokens of dialogs survive a reconnection (W2-REG-51) */
	return cp_flow_token_read(&r->keys, token, &id, &conn) ? NULL : cp_reg_by_id(r, id);
}

uint32_t cp_reg_token_id(const struct cp_reg *r, struct gw_sv token)
{
	cp_conn_id conn;
	uint32_t id;

	return cp_flow_token_read(&r->keys, token, &id, &conn) ? 0 : id;
}

bool cp_reg_is_our_token(const struct cp_reg *r, struct gw_sv token)
{
	return cp_reg_token_id(r, token) != 0;
}

bool cp_binding_may_return(const struct cp_binding *b)
{
	return cp_binding_alive(b) || (b->is_registered && b->guard_ms > cp_loop_now(b->reg->s->loop));
}

void cp_binding_guard(struct cp_binding *b)
{
	struct cp_reg *r = b->reg;

	if (!b->is_registered)
		return;
	GW_LOG_NOTICE(r->s->log, "reg.connection_lost", "impu=%s guard_s=%u", b->aor, r->s->conf->reg.guard_s);
	b->guard_ms = cp_loop_now(r->s->loop) + r->s->conf->reg.guard_s * 1000ull;
	cp_binding_arm(b);
}

void cp_reg_connection_lost(struct cp_reg *r, cp_conn_id conn)
{
	struct cp_binding *b = cp_reg_by_conn(r, conn);

	if (!b)
		return;
	cp_binding_guard(b);
	GW_LIST_FOREACH(it, &b->conn_ring)
		cp_binding_guard(GW_CONTAINER(it, struct cp_binding, conn_ring));
}

void cp_reg_close_unused(struct cp_reg *r, cp_conn_id conn, const char *why)
{
	if (!cp_reg_by_conn(r, conn))
		cp_transport_close(r->s->transport, conn, 1008, why);
}
