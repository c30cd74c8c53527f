/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who speaks: over UDP the address tells, over TCP, SCTP and UNIX the gateway connects (0.2.4) and its mId tells
 * for its port means nothing there. Only configured gateways are heard (threat Q1).
 */
#include "control/iq/client_int.h"

#include "control/app/metrics.h"

static bool is_stream(const struct cp_iq *q)
{
	return q->conf->iq.transport != IQ_UDP;
}

static bool is_at(const struct cp_iq *q, const struct cp_gateway *g, const struct gw_addr *a)
{
	return q->conf->iq.transport == IQ_UNIX || gw_addr_ip_eq(&g->conf->address, a);
}

static bool may_connect(void *user, const struct gw_addr *from)
{
	struct cp_iq *q = user;

	for (unsigned i = 0; i < q->n; i++)
		if (is_at(q, &q->gw[i], from))
			return true;
	CP_COUNT(iq_refused_source);
	return false;
}

static void opened(void *user, const struct iq_path *path)
{
	(void)user;
	(void)path;	/* it belongs to nobody until somebody speaks */
}

/* Calls stay: what waits goes again on the next connection, and after 30 s without one the gateway is lost. */
static void closed(void *user, const struct iq_path *path, enum iq_close why)
{
	struct cp_iq *q = user;

	if (why == IQ_CLOSE_FRAMING)
		CP_COUNT(iq_bad_framing);
	for (unsigned i = 0; i < q->n; i++) {
		struct cp_gateway *g = &q->gw[i];

		if (g->path.conn != path->conn)
			continue;
		g->path.conn = 0;
		CP_COUNT(iq_links_lost);
		GW_LOG_WARN(q->log, "iq.link_lost", "gateway=%s", g->conf->name);
	}
}

/* Does the mId name this gateway? As configured; by default its address in brackets. */
static bool is_named(const struct cp_gateway *g, struct gw_sv mid)
{
	char text[GW_ADDR_STR_BYTES + 4];
	struct gw_buf b = gw_buf(text, sizeof(text));

	if (g->conf->mid[0])
		return gw_sv_ieq(mid, gw_sv_cstr(g->conf->mid));
	gw_buf_putc(&b, '[');
	gw_addr_put_ip(&b, &g->conf->address);
	gw_buf_printf(&b, "]:%u", g->conf->address.port);
	return gw_sv_ieq(mid, gw_buf_sv(&b));
}

static struct cp_gateway *newcomer(struct cp_iq *q, const struct iq_path *from, struct gw_sv mid)
{
	struct cp_gateway *only = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < q->n; i++) {
		struct cp_gateway *g = &q->gw[i];

		if (!is_at(q, g, &from->addr))
			continue;
		if (is_named(g, mid))
			return g;
		if (!g->conf->mid[0]) {
			n++;
			only = g;
		}
	}
	return n == 1 ? only : NULL;
}

static struct cp_gateway *by_path(struct cp_iq *q, const struct iq_path *from)
{
	for (unsigned i = 0; i < q->n; i++)
		if (is_stream(q) ? q->gw[i].path.conn == from->conn : gw_addr_eq(&q->gw[i].path.addr, &from->addr))
			return &q->gw[i];
	return NULL;
}

struct cp_gateway *cp_iq_speaker(struct cp_iq *q, const struct iq_path *from, struct gw_sv mid)
{
	struct cp_gateway *g = by_path(q, from);

	if (!g && is_stream(q) && (g = newcomer(q, from, mid))) {
		if (g->path.conn)	/* of before a restart that nobody noticed */
			iq_net_close(q->net, &g->path);
		g->path = *from;
	}
	if (g && (!g->conf->mid[0] || is_named(g, mid)))	/* */
		return g;
	CP_COUNT(iq_refused_source);
	return NULL;
}

static void message(void *user, const struct iq_path *from, struct gw_sv bytes)
{
	struct cp_iq *q = user;

	if (!is_stream(q) && !by_path(q, from)) {	/* not worth the parsing */
		CP_COUNT(iq_refused_source);
		return;
	}
	cp_iq_input(q, from, bytes);
}

static void on_ready(uv_poll_t *p, int status, int events)
{
	struct cp_iq *q = p->data;

	(void)status;
	(void)events;
	(void)iq_net_poll(q->net);
}

static void read_all(void *user)
{
	struct cp_iq *q = user;

	(void)iq_net_poll(q->net);
}

enum gw_err cp_iq_link_open(struct cp_iq *q)
{
	static const struct iq_net_ops ops = { may_connect, opened, closed, message };
	struct iq_net_conf c = { .transport = q->conf->iq.transport, .bind = q->conf->iq.bind, .is_controller = true,
		.path = q->conf->iq.socket, .log = q->log };
	enum gw_err err = iq_net_new(&q->net, &c, &ops, q);

	if (err)
		return err;
	for (unsigned i = 0; i < q->n; i++) {
		q->gw[i].conf = &q->conf->iq.gateways[i];
		q->gw[i].peer.is_reliable = is_stream(q);
		q->gw[i].path.addr = q->gw[i].conf->address;
	}
	uv_poll_init(&q->loop->uv, &q->poll, iq_net_fd(q->net));
	q->poll.data = q;
	uv_poll_start(&q->poll, UV_READABLE, on_ready);
	q->urgent = (struct cp_urgent){ .read = read_all, .user = q };
	cp_loop_add_urgent(q->loop, &q->urgent);
	return GW_OK;
}
