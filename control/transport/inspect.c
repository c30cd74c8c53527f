/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator may see of the connections. */
#include "control/transport/conn.h"

static const char *state_of(const struct cp_w2 *c)
{
	switch (c->state) {
	case W2_TLS:
		return "tls";
	case W2_HEAD:
		return "http";
	case W2_WS:
		return c->close_after_flush ? "closing" : "websocket";
	case W2_WEB:
		return "web";
	case W2_LINGER:
	case W2_CLOSING:
		break;
	}
	return "closing";
}

static void of_tcp(const struct cp_mw_tcp *c, struct cp_conn_info *out)
{
	*out = (struct cp_conn_info){ c->id, CP_PROTO_TCP, c->peer, c->is_closing ? "closing" :
		c->is_connected ? "open" : "connecting", c->queued_bytes, 0, false };
}

bool cp_transport_next(const struct cp_transport *t, uint32_t *it, struct cp_conn_info *out)
{
	while (*it < t->n_slots) {
		const struct cp_slot *s = &t->slots[(*it)++];
		const struct cp_w2 *c = s->conn;

		if (s->kind == SLOT_TCP)
			of_tcp(s->conn, out);
		else if (s->kind == SLOT_W2)
			*out = (struct cp_conn_info){ c->id, c->ssl ? CP_PROTO_WSS : CP_PROTO_WS, c->peer, state_of(c),
				c->queued_bytes, c->pings_missed, c->is_registered };
		else
			continue;
		return true;
	}
	return false;
}

void cp_transport_drain(struct cp_transport *t, bool is_draining)
{
	t->is_draining = is_draining;
}
