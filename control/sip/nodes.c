/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the core name the node a WIC was registered at when its dialog or Path was made. When the WIC has moved
 * since, that node, or whichever has its address now, passes them on: statefully, unchanged but for Via, Route and
 * Max-Forwards. The node that has the WIC takes them for requests of the core.
 */
#include "control/sip/nodes.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/errors.h"
#include "control/sip/reg_int.h"
#include "control/sip/session.h"
#include "control/sip/stack_int.h"
#include "control/state/share.h"

/* A request until it is known where to. */
struct relay {
	struct cp_sip *s;
	struct cp_uas *u;            /* NULL: an ACK, or the transaction has ended */
	struct sip_msg m;
	struct gw_arena arena;
	char token[CP_TOKEN_BYTES];
};

/* ---- the way back --------------------------------------------------------------------------------------------- */

/* The other node has written it as the core shall see it. */
static void on_response(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct cp_uas *u = user;

	(void)c;
	if (!u || status == 100)
		return;
	if (m)
		cp_uas_answer(u, m);
	else
		cp_sip_error(u, CP_ERR_FLOW_DEAD, NULL);
}

static void on_sent_gone(void *user, struct cp_uac *c)
{
	struct cp_uas *u = user;

	(void)c;
	if (u)
		u->forward = NULL;
}

static void on_cancel(void *user, struct cp_uas *u, const struct sip_msg *cancel)
{
	(void)user;
	if (u->forward)
		cp_sip_cancel(u->forward, sip_msg_value(cancel, SIP_HDR_REASON));
}

/* ---- the way there -------------------------------------------------------------------------------------------- */

static void put_route(struct relay *r, const struct gw_addr *address)
{
	char text[CP_TOKEN_BYTES + GW_ADDR_STR_BYTES + 16], addr[GW_ADDR_STR_BYTES];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_printf(&b, "<sip:%s@%s;lr>", r->token, gw_addr_str(address, addr));
	sip_msg_push(&r->m, SIP_HDR_ROUTE, gw_buf_sv(&b));
}

static void no_node(struct cp_uas *u)
{
	cp_sip_error(u, u->req.to_tag.len ? CP_ERR_NO_DIALOG : CP_ERR_FLOW_DEAD, NULL);
}

static void send_on(struct relay *r, const struct cp_share_answer *a)
{
	struct cp_peer to = { .proto = CP_PROTO_UDP, .addr = a->address };
	struct cp_uas *u = r->u;

	CP_COUNT(state_relayed);
	put_route(r, &a->address);
	if (r->m.method == SIP_ACK) {
		cp_sip_send_stateless(r->s, &r->m, &to);
		return;
	}
	u->on_cancel = on_cancel;
	if (cp_sip_send(r->s, &r->m, &to, on_response, on_sent_gone, u, &u->forward))
		no_node(u);
	else if (u->forward)
		u->forward->is_pinned = true;	/* there is no other node that has it */
}

static void on_gone(void *user, struct cp_uas *u)
{
	struct relay *r = user;

	(void)u;
	r->u = NULL;
}

static void on_located(void *user, const struct cp_share_answer *a)
{
	struct relay *r = user;
	bool is_us = a && gw_addr_eq(&a->address, &r->s->conf->state.node_address);

	if (r->u) {
		r->u->on_gone = NULL;
		r->u->user = NULL;
	}
	if (a && !is_us && (r->u || r->m.method == SIP_ACK))
		send_on(r, a);
	else if (r->u)
		no_node(r->u);
	gw_arena_reset(&r->arena);
	free(r);
}

/* @return what waits for the answer; NULL: nobody can be asked */
static struct relay *ask(struct cp_sip *s, const struct sip_msg *m, struct gw_sv token)
{
	uint32_t flow = cp_reg_token_id(s->reg, token);
	struct relay *r = flow && cp_store_is_shared(s->store) ? calloc(1, sizeof(*r)) : NULL;

	if (!r)
		return NULL;
	r->s = s;
	r->arena = (struct gw_arena)GW_ARENA_INIT(CP_ARENA_BYTES);
	if (gw_sv_copy(token, r->token, sizeof(r->token)) == GW_OK && cp_sip_copy(&r->m, &r->arena, m) == GW_OK &&
		cp_store_locate(s->store, flow, on_located, r))
		return r;
	gw_arena_reset(&r->arena);
	free(r);
	return NULL;
}

bool cp_nodes_relay(struct cp_sip *s, struct cp_uas *u, const struct sip_msg *m, struct gw_sv token)
{
	struct relay *r = ask(s, m, token);

	if (!r)
		return false;
	if (m->method == SIP_INVITE)
		cp_sip_refuse(u, 100, NULL);
	r->u = u;
	u->user = r;
	u->on_gone = on_gone;
	return true;
}

void cp_nodes_relay_ack(struct cp_sip *s, const struct sip_msg *m, struct gw_sv token)
{
	(void)!ask(s, m, token);
}

/* ---- what other nodes do -------------------------------------------------------------------------------------- */

static void on_moved(void *user, struct gw_sv key, struct gw_sv node, struct gw_sv ids)
{
	struct cp_sip *s = user;
	struct cp_binding *b = cp_reg_by_key(s->reg, key);

	if (!b)
		return;
	CP_COUNT(state_moved);
	GW_LOG_NOTICE(s->log, "reg.moved", "impu=%s to=%.*s calls=\"%.*s\"", b->aor, GW_SV_FMT(node), GW_SV_FMT(ids));
	cp_alg_hand_over(s->alg, b, node, ids);
	cp_binding_yield(b, "registered at another node");
}

static void on_told(void *user, struct gw_sv line)
{
	struct cp_sip *s = user;

	cp_alg_told(s->alg, line);
}

static void on_back(void *user)
{
	struct cp_sip *s = user;

	GW_LIST_FOREACH(it, cp_reg_list(s->reg))
		cp_binding_save(GW_CONTAINER(it, struct cp_binding, node));
	cp_alg_resync(s->alg);
}

void cp_nodes_start(struct cp_sip *s)
{
	const struct cp_share_ops ops = { on_moved, on_told, on_back, s };

	cp_store_share(s->store, &ops);
}
