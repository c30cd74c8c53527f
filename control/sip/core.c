/* SPDX-License-Identifier: Apache-2.0 */
/* Requests between W2 and Mw: who may ask for what, and who serves it. */
#include "control/sip/core.h"

#include "control/app/metrics.h"
#include "control/sip/emergency.h"
#include "control/sip/errors.h"
#include "control/sip/nodes.h"
#include "control/sip/reg.h"
#include "control/sip/session.h"

static bool is_understood(struct gw_sv tag)
{
	return gw_sv_ieq(tag, GW_SV("path")) || gw_sv_ieq(tag, GW_SV("outbound")) || gw_sv_ieq(tag, GW_SV("gruu")) ||
		gw_sv_ieq(tag, GW_SV("sec-agree"));
}

/* W2-ERR-38: preconditions concern media that end here on both sides. */
static bool requires_precondition(const struct sip_msg *m)
{
	return sip_msg_has_token(m, SIP_HDR_REQUIRE, GW_SV("precondition"));
}

bool cp_core_extensions_ok(const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct gw_sv t;

	while (sip_msg_element(m, SIP_HDR_PROXY_REQUIRE, &e, &t))
		if (!is_understood(t))
			return false;
	return m->method == SIP_CANCEL || m->method == SIP_BYE || !requires_precondition(m);
}

void cp_core_unsupported(const struct sip_msg *req, struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct gw_sv t;

	while (sip_msg_element(req, SIP_HDR_PROXY_REQUIRE, &e, &t))
		if (!is_understood(t))
			sip_msg_add(m, SIP_HDR_UNSUPPORTED, t);
	if (requires_precondition(req))
		sip_msg_add(m, SIP_HDR_UNSUPPORTED, GW_SV("precondition"));
}

static bool forms_dialog(enum sip_method m)
{
	return m == SIP_INVITE || m == SIP_SUBSCRIBE || m == SIP_REFER;
}

/* Route, or the answer why there is none. @return false: answered */
static bool route_to_core(struct cp_sip *s, struct cp_uas *u, struct sip_msg *m, const struct cp_binding *b,
	struct gw_sv *icid)
{
	static const struct cp_peer core = { .proto = CP_PROTO_UDP };	/* any: loops are told by side */

	*icid = GW_SV_NONE;
	if (!cp_sip_hop(m)) {
		cp_sip_error(u, CP_ERR_HOPS, NULL);
		return false;
	}
	if (cp_sip_is_loop(s, m, &core)) {
		CP_COUNT(sip_loops);
		cp_sip_error(u, CP_ERR_LOOP, NULL);
		return false;
	}
	if (b->is_anonymous)
		cp_emergency_hide_caller(m);
	if (u->is_emergency) {
		cp_emergency_route(s->conf, m);
		return true;
	}
	if (cp_core_is_foreign(s, m, b)) {
		cp_sip_error(u, CP_ERR_FOREIGN_IDENTITY, NULL);
		return false;
	}
	switch (cp_core_enforce_route(s, m, b, icid)) {
	case CP_ROUTE_FOREIGN:
		cp_sip_error(u, CP_ERR_FOREIGN_ROUTE, NULL);
		return false;
	case CP_ROUTE_UNKNOWN:
		cp_sip_error(u, CP_ERR_NO_DIALOG, NULL);
		return false;
	case CP_ROUTE_OK:
		break;
	}
	return true;
}

static void from_registered(struct cp_sip *s, struct cp_uas *u, struct cp_binding *b)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct gw_sv icid;
	struct cp_peer to;
	struct sip_msg m;

	cp_sip_clone(&m, &u->req, &a);
	if (route_to_core(s, u, &m, b, &icid) && !cp_alg_request(s->alg, u, &m, b, CP_SIDE_MW)) {
		cp_core_edit_to_core(s, &m, b, icid);
		if (forms_dialog(m.method) && m.to_tag.len == 0)
			cp_core_record_route(s, &m, b, CP_SIDE_MW);
		cp_sip_core_hop(s, &m, &to);
		cp_sip_forward(u, &m, &to);
	}
	gw_arena_reset(&a);
}

void cp_core_authorized(struct cp_sip *s, struct cp_uas *u)
{
	struct cp_binding *b = cp_reg_sender(u);

	if (u->req.method == SIP_REGISTER)
		cp_reg_request(s->reg, u);
	else if (!b || (b->is_anonymous && !u->req.to_tag.len))	/* W2-SIP-01, threat P7 */
		cp_sip_error(u, CP_ERR_NOT_REGISTERED, NULL);
	else if (u->req.method == SIP_INFO &&
		gw_sv_ieq(sip_msg_value(&u->req, SIP_HDR_INFO_PACKAGE), GW_SV("trickle-ice")))
		cp_sip_refuse(u, 200, NULL);	/* W2-SIP-83: candidates of a lite gateway's peer are learnt */
	else
		from_registered(s, u, b);
}

/* W2-EMG-02: no token is asked for. */
static void emergency(struct cp_sip *s, struct cp_uas *u)
{
	struct cp_binding *b = cp_reg_sender(u);

	if (!b || b->is_anonymous)
		b = cp_emergency_caller(u, b);
	if (b)
		from_registered(s, u, b);
	else
		cp_emergency_refuse(u);
}

/* Who was de-registered may still be told so, who never was has its call and no more. */
static bool may_be_asked(const struct cp_binding *b, const struct sip_msg *m)
{
	if (b->is_registered)
		return !b->is_anonymous || m->to_tag.len;
	return m->method == SIP_NOTIFY && m->to_tag.len;
}

static void from_core(struct cp_sip *s, struct cp_uas *u)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct cp_binding *b;
	struct sip_msg m;
	struct gw_sv token;

	if (cp_reg_event_notify(s->reg, u))
		return;
	cp_sip_clone(&m, &u->req, &a);
	token = cp_core_pop_routes(s, &m);
	b = cp_reg_by_token(s->reg, token);
	u->binding = b ? b->id : 0;
	if (!cp_sip_hop(&m)) {
		cp_sip_error(u, CP_ERR_HOPS, NULL);
	} else if (u->req.method == SIP_REGISTER) {
		cp_sip_error(u, CP_ERR_NO_REGISTRAR, NULL);	/* a WIC is none, and the core is the only one */
	} else if (!b && cp_nodes_relay(s, u, &m, token)) {
		;	/* another node may have it: it answers */
	} else if (!b || !may_be_asked(b, &m)) {
		/* a token of ours whose binding is gone: the flow has failed (RFC 5626 5.3.1) */
		cp_sip_error(u, u->req.to_tag.len ? CP_ERR_NO_DIALOG :
			cp_reg_is_our_token(s->reg, token) ? CP_ERR_FLOW_DEAD : CP_ERR_NO_BINDING, NULL);
	} else if (cp_sip_is_loop(s, &m, &b->peer)) {
		CP_COUNT(sip_loops);
		cp_sip_error(u, CP_ERR_LOOP, NULL);
	} else if (cp_alg_request(s->alg, u, &m, b, CP_SIDE_W2)) {
		;	/* a session: it answers */
	} else if (!cp_transport_alive(s->transport, b->peer.conn)) {
		cp_sip_error(u, CP_ERR_FLOW_DEAD, NULL);
	} else {
		if (forms_dialog(m.method) && m.to_tag.len == 0)
			cp_core_record_route(s, &m, b, CP_SIDE_W2);
		cp_core_edit_to_wic(s, &m);
		cp_sip_forward(u, &m, &b->peer);
	}
	gw_arena_reset(&a);
}

void cp_core_request(struct cp_sip *s, struct cp_uas *u)
{
	if (u->side == CP_SIDE_MW)
		from_core(s, u);
	else if (u->is_emergency)
		emergency(s, u);
	else
		cp_reg_auth_request(s, u);
}

void cp_core_ack(struct cp_sip *s, const struct cp_peer *from, struct sip_msg *m)
{
	bool is_w2 = cp_peer_is_w2(from);
	struct gw_sv token = is_w2 ? GW_SV_NONE : cp_core_pop_routes(s, m), icid;
	struct cp_binding *b = is_w2 ? cp_reg_by_sender(s->reg, from->conn, m) : cp_reg_by_token(s->reg, token);
	struct cp_peer to;

	if (!cp_sip_hop(m))
		return;
	if (!b) {
		if (!is_w2)
			cp_nodes_relay_ack(s, m, token);
		return;
	}
	if (is_w2 && b->is_anonymous)
		cp_emergency_hide_caller(m);
	if (is_w2 && cp_core_enforce_route(s, m, b, &icid) != CP_ROUTE_OK)
		return;
	if (is_w2)
		cp_core_edit_to_core(s, m, b, icid);
	else
		cp_core_edit_to_wic(s, m);
	if (cp_alg_ack(m, b, is_w2 ? CP_SIDE_MW : CP_SIDE_W2))
		return;
	sip_msg_set_body(m, GW_SV_NONE, GW_SV_NONE);	/* whatever it describes, nobody has asked for it */
	if (is_w2)
		cp_sip_core_hop(s, m, &to);
	else
		to = b->peer;
	if (is_w2 || cp_binding_alive(b))
		cp_sip_send_stateless(s, m, &to);
}

void cp_core_connection_lost(struct cp_sip *s, cp_conn_id conn)
{
	cp_reg_auth_connection_lost(s, conn);
	cp_reg_connection_lost(s->reg, conn);
}
