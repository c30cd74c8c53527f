/* SPDX-License-Identifier: Apache-2.0 */
/* Flows (RFC 5626): the transactions of a WebSocket, which end with it, wait for its user, or move to another (W2-REG-67). */
#include <stdlib.h>

#include "control/sip/stack_int.h"

#define AWAY_MS 32000u      /* answers wait this long for a WIC to come back */

struct cp_flow *cp_flow_get(struct cp_sip *s, cp_conn_id conn)
{
	struct cp_flow *f = gw_map_get_u64(&s->flows, conn);

	if (f || !(f = calloc(1, sizeof(*f))))
		return f;
	f->conn = conn;
	gw_list_init(&f->uas);
	gw_list_init(&f->uac);
	if (gw_map_put_u64(&s->flows, conn, f)) {
		free(f);
		return NULL;
	}
	return f;
}

void cp_flow_put(struct cp_sip *s, struct cp_flow *f)
{
	if (!f || !gw_list_empty(&f->uas) || !gw_list_empty(&f->uac))
		return;
	gw_map_del_u64(&s->flows, f->conn);
	free(f);
}

void cp_flow_join(struct cp_uas *u, struct cp_flow *f)
{
	u->flow = f;
	gw_list_append(&f->uas, &u->flow_node);
	f->n_uas++;
	f->n_open += !u->is_final;
}

void cp_flow_leave(struct cp_uas *u)
{
	struct cp_flow *f = u->flow;

	if (!f)
		return;
	gw_list_remove(&u->flow_node);
	f->n_uas--;
	f->n_open -= !u->is_final;
	u->flow = NULL;
	cp_flow_put(u->sip, f);
}

void cp_sip_flow_drop(struct cp_sip *s, cp_conn_id conn)
{
	struct cp_flow *f;

	while ((f = gw_map_get_u64(&s->flows, conn)) && !gw_list_empty(&f->uas))
		sip_txn_transport_error(&GW_CONTAINER(f->uas.next, struct cp_uas, flow_node)->txn);
}

void cp_uas_keep_for_return(struct cp_uas *u)
{
	uint64_t until = cp_loop_now(u->sip->loop) + AWAY_MS;

	if (u->is_final && (!gw_timer_armed(&u->txn.end) || u->txn.end.due_ms > until))
		(void)gw_timer_arm(&u->sip->loop->timers, &u->txn.end, until);
}

void cp_flow_lost(struct cp_sip *s, cp_conn_id conn)
{
	struct cp_flow *f = gw_map_get_u64(&s->flows, conn);

	if (!f)
		return;
	GW_LIST_FOREACH(it, &f->uas)
		cp_uas_keep_for_return(GW_CONTAINER(it, struct cp_uas, flow_node));
}

/* The key names the connection, so it changes with it. false: no memory, or the WIC has used the branch again. */
static bool move_uas(struct cp_uas *u, struct cp_flow *to, const struct cp_peer *peer)
{
	char key[CP_KEY_BYTES];
	struct gw_map *map = &u->sip->uas;

	memcpy(key, u->key, sizeof(key));
	cp_uas_put_conn(key, peer->conn);
	gw_map_del(map, gw_sv(u->key, u->key_len));
	memcpy(u->key, key, sizeof(key));
	cp_flow_leave(u);
	u->peer = *peer;
	cp_flow_join(u, to);
	if (!gw_map_get(map, gw_sv(u->key, u->key_len)) && gw_map_put(map, gw_sv(u->key, u->key_len), u) == GW_OK)
		return true;
	u->key_len = 0;
	return false;
}

void cp_sip_flow_move(struct cp_sip *s, cp_conn_id old, const struct cp_peer *peer)
{
	struct cp_flow *f = gw_map_get_u64(&s->flows, old), *to = f ? cp_flow_get(s, peer->conn) : NULL;

	while (to && (f = gw_map_get_u64(&s->flows, old)) && !gw_list_empty(&f->uac)) {
		struct cp_uac *c = GW_CONTAINER(f->uac.next, struct cp_uac, flow_node);

		gw_list_remove(&c->flow_node);
		gw_list_append(&to->uac, &c->flow_node);
		c->flow = to;
		c->peer = *peer;
		if (!c->has_provisional && !c->has_final && c->txn.last_len)	/* it may never have arrived */
			(void)!cp_transport_send(s->transport, peer, gw_sv(c->txn.last, c->txn.last_len));
		cp_flow_put(s, f);
	}
	while (to && (f = gw_map_get_u64(&s->flows, old)) && !gw_list_empty(&f->uas)) {
		struct cp_uas *u = GW_CONTAINER(f->uas.next, struct cp_uas, flow_node);

		if (!move_uas(u, to, peer))
			sip_txn_transport_error(&u->txn);
		else if (u->txn.last_len)
			(void)!cp_transport_send(s->transport, peer, gw_sv(u->txn.last, u->txn.last_len));
	}
	cp_flow_put(s, to);
}
