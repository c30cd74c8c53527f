/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to the controllers. UDP needs none; over TCP, SCTP and UNIX the gateway connects (0.2.4), and a controller
 * that prefers to connect itself is taken, if it is one of ours.
 */
#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

static bool is_stream(const struct dp_iq *q)
{
	return q->c.transport != IQ_UDP;
}

/* The controller this path belongs to: of UDP by its address, else by the connection. DP_CONTROLLERS_MAX: none. */
static unsigned owner(const struct dp_iq *q, const struct iq_path *path)
{
	for (unsigned i = 0; i < q->c.n_controllers; i++) {
		const struct dp_controller *k = &q->controllers[i];

		if (is_stream(q) ? k->path.conn && k->path.conn == path->conn : gw_addr_eq(&k->path.addr, &path->addr))
			return i;
	}
	return DP_CONTROLLERS_MAX;
}

/* A controller at that address without a connection that works; ports of those who connect mean nothing. */
static unsigned waiting_at(const struct dp_iq *q, const struct gw_addr *from)
{
	for (unsigned i = 0; i < q->c.n_controllers; i++)
		if (!q->controllers[i].is_open && gw_addr_ip_eq(&q->c.controllers[i], from))
			return i;
	return DP_CONTROLLERS_MAX;
}

static bool may_connect(void *user, const struct gw_addr *from)
{
	struct dp_iq *q = user;

	if (waiting_at(q, from) < DP_CONTROLLERS_MAX)
		return true;
	q->ctr[iq_foreign]++;	/* threat Q1 */
	return false;
}

static void opened(void *user, const struct iq_path *path)
{
	struct dp_iq *q = user;
	unsigned k = owner(q, path);

	if (k == DP_CONTROLLERS_MAX && (k = waiting_at(q, &path->addr)) == DP_CONTROLLERS_MAX) {
		iq_net_close(q->net, path);
		return;
	}
	if (q->controllers[k].path.conn != path->conn)	/* it was faster than our own attempt */
		iq_net_close(q->net, &q->controllers[k].path);
	q->controllers[k].path = *path;
	q->controllers[k].is_open = true;
	if (k == q->controller)
		dp_iq_link_up(q);
}

static void closed(void *user, const struct iq_path *path, enum iq_close why)
{
	struct dp_iq *q = user;
	unsigned k = owner(q, path);
	bool was_open;

	q->ctr[why == IQ_CLOSE_FRAMING ? iq_bad_framing : iq_links_lost]++;
	if (k == DP_CONTROLLERS_MAX)
		return;
	was_open = q->controllers[k].is_open;
	q->controllers[k].path.conn = 0;
	q->controllers[k].is_open = false;
	if (k == q->controller)
		dp_iq_link_down(q, was_open);
}

static void message(void *user, const struct iq_path *from, struct gw_sv bytes)
{
	struct dp_iq *q = user;
	unsigned k = owner(q, from);

	if (k == DP_CONTROLLERS_MAX) {	/* threat Q1 */
		q->ctr[iq_foreign]++;
		return;
	}
	dp_iq_input(q, k, from, bytes);
	gw_arena_reset(&q->arena);
}

enum gw_err dp_iq_link_open(struct dp_iq *q)
{
	static const struct iq_net_ops ops = { may_connect, opened, closed, message };
	struct iq_net_conf c = { .transport = q->c.transport, .bind = q->c.bind, .path = q->c.socket, .log = q->c.log };

	for (unsigned i = 0; i < q->c.n_controllers; i++) {
		q->controllers[i].peer.is_reliable = is_stream(q);
		q->controllers[i].path.addr = q->c.controllers[i];
		q->controllers[i].is_open = !is_stream(q);
	}
	return iq_net_new(&q->net, &c, &ops, q);
}

bool dp_iq_link_dial(struct dp_iq *q)
{
	struct dp_controller *k = &q->controllers[q->controller];

	if (k->is_open)
		return true;
	if (k->path.conn == 0 && iq_net_connect(q->net, &q->c.controllers[q->controller], &k->path)) {
		q->ctr[iq_links_lost]++;
		dp_iq_link_down(q, false);
	}
	return false;
}

void dp_iq_link_keep_current(struct dp_iq *q)
{
	for (unsigned i = 0; is_stream(q) && i < q->c.n_controllers; i++) {
		if (i == q->controller || !q->controllers[i].path.conn)
			continue;
		iq_net_close(q->net, &q->controllers[i].path);
		q->controllers[i].path.conn = 0;
		q->controllers[i].is_open = false;
	}
}
