/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket framing by wslay: one message is one SIP message (RFC 7118, W2-WS-04 to -16). */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"
#include "proto/sip/msg.h"

#define FRAGMENTS_MAX 64	/* threat W2 */
#define HEAD_ARENA_BYTES (1u << 20)
#define SIP_PING "\r\n\r\n"

static void count_close(unsigned code)
{
	if (code == 1009)
		CP_COUNT(w2_closed_too_big);
	else if (code == 1002 || code == 1003 || code == 1007)
		CP_COUNT(w2_closed_protocol);
}

/*
 * A frame that breaks the rules: wslay would close without a code. Nothing of ours is half sent, so ours may go out
 * beside it (RFC 6455 7.1.7).
 */
static void fail(struct cp_w2 *c, int r)
{
	unsigned code = r == WSLAY_ERR_NOMEM ? 1011 : 1002;
	const char frame[] = { '\x88', 2, (char)(code >> 8), (char)code };

	count_close(code);
	cp_w2_write(c, frame, sizeof(frame));
}

static ssize_t on_recv(wslay_event_context_ptr ws, uint8_t *buf, size_t len, int flags, void *user)
{
	struct cp_w2 *c = user;
	size_t n = c->ws_in.len < len ? c->ws_in.len : len;

	(void)flags;
	if (n == 0) {
		wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(buf, c->ws_in.p, n);
	c->ws_in = gw_sv_sub(c->ws_in, n, c->ws_in.len);
	return (ssize_t)n;
}

/* wslay hands over the head of a frame and its payload apart; together they are one TLS record and one write. */
static struct {
	char bytes[16384];	/* what a record holds */
	size_t n;
} out;	/* one control thread, and empty between two calls of send_queued() */

static void write_out(struct cp_w2 *c)
{
	if (out.n)
		cp_w2_write(c, out.bytes, out.n);
	out.n = 0;
}

static ssize_t on_send(wslay_event_context_ptr ws, const uint8_t *data, size_t len, int flags, void *user)
{
	(void)ws;
	(void)flags;
	if (len > sizeof(out.bytes) - out.n)
		write_out(user);
	if (len > sizeof(out.bytes)) {
		cp_w2_write(user, data, len);
	} else {
		memcpy(out.bytes + out.n, data, len);
		out.n += len;
	}
	return (ssize_t)len;
}

static int send_queued(struct cp_w2 *c)
{
	int r = wslay_event_send(c->ws);

	write_out(c);
	return r;
}

static void on_frame_start(wslay_event_context_ptr ws,
	const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
	struct cp_w2 *c = user;

	(void)ws;
	if (!gw_timer_armed(&c->message))	/* threat W4: a message that is begun must come to its end */
		(void)gw_timer_arm(&c->t->loop->timers, &c->message,
			cp_loop_now(c->t->loop) + c->t->conf->w2.message_s * 1000ull);
	if (arg->opcode & 8)	/* control frames may stand between fragments */
		return;
	c->fragments = arg->opcode ? 1 : c->fragments + 1;
	if (c->fragments > FRAGMENTS_MAX)
		cp_ws_close(c, 1009, "");
}

static bool rate_ok(struct cp_w2 *c)
{
	uint64_t now = cp_loop_now(c->t->loop);

	if (now >= c->rate_window_ms) {
		c->rate_window_ms = now + 1000;
		c->rate_count = 0;
	}
	return ++c->rate_count <= c->t->conf->w2.max_messages_per_s;
}

/* The head up to end without Content-Length: the body it counts is not looked at, and would be refused for its size. */
static struct gw_sv bodiless_head(struct gw_arena *a, struct gw_sv msg, size_t end)
{
	char *copy = gw_arena_alloc(a, end + 4);
	struct gw_buf b = gw_buf(copy, copy ? end + 4 : 0);

	for (size_t at = 0, next; at < end + 4; at = next) {
		struct gw_sv line, name, value;

		next = gw_sv_chr(msg, '\n', at) + 1;
		line = gw_sv_sub(msg, at, next);
		gw_sv_cut(line, ':', &name, &value);
		name = gw_sv_trim(name);
		if (!gw_sv_ieq(name, GW_SV("Content-Length")) && !gw_sv_ieq(name, GW_SV("l")))
			gw_buf_put(&b, line);
	}
	return gw_buf_sv(&b);
}

/*
 * W2-WS-14: 513 when it is a request one can answer, else 1009. wslay takes up to twice the limit for that,
 * so that the head of what is too long can still be read (threat W2 allows the memory).
 */
static void too_big(struct cp_w2 *c, struct gw_sv msg)
{
	static char text[CP_HEAD_MAX_BYTES];
	struct gw_arena a = GW_ARENA_INIT(HEAD_ARENA_BYTES);
	size_t end = gw_sv_find(msg, GW_SV("\r\n\r\n"));
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sip_msg m, r;
	char tag[11];

	if (end < msg.len && end < sizeof(text)) {
		enum gw_err err = sip_msg_parse(&m, &a, bodiless_head(&a, msg, end), SIP_DATAGRAM, NULL);

		if (err == GW_OK && sip_msg_answerable(&m)) {
			cp_random_token(tag, sizeof(tag) - 1);
			sip_msg_response(&r, &a, &m, 513, NULL, gw_sv_cstr(tag));
			if (sip_msg_print(&r, &b) == GW_OK && cp_ws_send(c, gw_buf_sv(&b)) == GW_OK) {
				CP_COUNT(w2_refused_too_big);
				gw_arena_reset(&a);
				return;
			}
		}
	}
	gw_arena_reset(&a);
	cp_ws_close(c, 1009, "");
}

static void on_msg(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
	struct cp_w2 *c = user;
	struct gw_sv msg = gw_sv(arg->msg, arg->msg_length);
	struct cp_peer from = { c->ssl ? CP_PROTO_WSS : CP_PROTO_WS, c->id, c->peer };

	if (!wslay_is_ctrl_frame(arg->opcode))
		c->fragments = 0;
	if (c->fragments == 0)
		gw_timer_stop(&c->t->loop->timers, &c->message);
	if (arg->opcode == WSLAY_CONNECTION_CLOSE && arg->msg_length == 1) {	/* RFC 6455 5.5.1: half a code */
		fail(c, WSLAY_ERR_PROTO);
		cp_w2_finish(c);
	}
	if (arg->opcode == WSLAY_CONNECTION_CLOSE || c->close_after_flush)
		return;
	if (!rate_ok(c)) {	/* control frames count: each ping costs a pong (threat W3) */
		CP_COUNT(w2_closed_rate);
		cp_ws_close(c, 1008, "rate");
		return;
	}
	if (arg->opcode == WSLAY_PONG)
		c->pings_missed = 0;
	if (wslay_is_ctrl_frame(arg->opcode))	/* wslay answers pings and closes by itself */
		return;
	CP_COUNT(w2_messages_in);
	c->pings_missed = 0;
	if (gw_sv_eq(msg, GW_SV(SIP_PING))) {	/* RFC 5626 3.5.1, W2-WS-11 */
		struct wslay_event_msg pong = { WSLAY_TEXT_FRAME, (const uint8_t *)"\r\n", 2 };

		wslay_event_queue_msg(ws, &pong);
		return;
	}
	if (msg.len > c->t->conf->w2.max_message_bytes)
		too_big(c, msg);
	else
		c->t->ops->on_message(c->t->user, &from, msg);
}

static void on_ping_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_w2 *c = GW_CONTAINER(timer, struct cp_w2, ping);
	struct wslay_event_msg ping = { WSLAY_PING, (const uint8_t *)"", 0 };

	if (c->pings_missed >= 2) {
		CP_COUNT(w2_closed_ping);
		cp_w2_close(c);
		return;
	}
	c->pings_missed += !gw_timer_armed(&c->held);
	(void)gw_timer_arm(&c->t->loop->timers, timer, now_ms + c->t->conf->w2.ping_interval_s * 1000ull);
	if (wslay_event_queue_msg(c->ws, &ping) == 0)
		send_queued(c);
}

static void on_message_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_w2 *c = GW_CONTAINER(timer, struct cp_w2, message);

	(void)now_ms;
	CP_COUNT(w2_closed_stalled);
	cp_ws_close(c, 1008, "message not completed");
}

enum gw_err cp_ws_start(struct cp_w2 *c)
{
	static const struct wslay_event_callbacks cb = { .recv_callback = on_recv,
		.send_callback = on_send, .on_frame_recv_start_callback = on_frame_start,
		.on_msg_recv_callback = on_msg };
	uint64_t now = cp_loop_now(c->t->loop);

	if (wslay_event_context_server_init(&c->ws, &cb, c))
		return GW_ENOMEM;
	wslay_event_config_set_max_recv_msg_length(c->ws, 2 * c->t->conf->w2.max_message_bytes);
	c->state = W2_WS;
	c->ping.fn = on_ping_timer;
	c->message.fn = on_message_timer;
	(void)gw_timer_arm(&c->t->loop->timers, &c->ping, now + c->t->conf->w2.ping_interval_s * 1000ull);
	(void)gw_timer_arm(&c->t->loop->timers, &c->deadline,
		now + c->t->conf->w2.first_register_s * 1000ull);
	CP_COUNT(w2_upgrades_total);
	CP_GAUGE_ADD(w2_connections, 1);
	return GW_OK;
}

void cp_ws_input(struct cp_w2 *c, struct gw_sv bytes)
{
	int r;

	c->ws_in = bytes;
	r = wslay_event_recv(c->ws);
	c->ws_in = GW_SV_NONE;
	if (c->state != W2_WS || c->close_after_flush)	/* a callback ended it */
		return;
	if (r == 0)
		r = send_queued(c);
	else if (!wslay_event_get_close_received(c->ws))
		fail(c, r);
	if (c->state != W2_WS || c->close_after_flush)
		return;
	if (wslay_event_get_close_sent(c->ws) && !wslay_event_get_close_received(c->ws))
		count_close(wslay_event_get_status_code_sent(c->ws));
	if (r || (!wslay_event_want_read(c->ws) && !wslay_event_want_write(c->ws)))
		cp_w2_finish(c);
}

enum gw_err cp_ws_send(struct cp_w2 *c, struct gw_sv msg)
{
	struct wslay_event_msg m = { WSLAY_TEXT_FRAME, (const uint8_t *)msg.p, msg.len };

	if (c->state != W2_WS || c->close_after_flush)
		return GW_ECLOSED;
	if (c->queued_bytes + msg.len > c->t->conf->w2.send_queue_bytes) {	/* threat W4 */
		CP_COUNT(w2_closed_slow);
		cp_w2_close(c);		/* 1013 would have to wait behind what is not read */
		return GW_ELIMIT;
	}
	if (wslay_event_queue_msg(c->ws, &m))
		return GW_ECLOSED;
	CP_COUNT(w2_messages_out);
	return send_queued(c) ? GW_EIO : GW_OK;
}

void cp_ws_close(struct cp_w2 *c, unsigned code, const char *reason)
{
	if (c->state != W2_WS || c->close_after_flush)
		return;
	count_close(code);
	if (wslay_event_queue_close(c->ws, (uint16_t)code, (const uint8_t *)reason, strlen(reason)) == 0)
		send_queued(c);
	wslay_event_shutdown_read(c->ws);
	cp_w2_finish(c);
}

void cp_ws_free(struct cp_w2 *c)
{
	wslay_event_context_free(c->ws);
	c->ws = NULL;
}
