/* SPDX-License-Identifier: Apache-2.0 */
/* Routing and header rules between W2 and Mw. */
#include "control/sip/core.h"

#include "control/alg/call_int.h"
#include "control/app/metrics.h"
#include "control/sip/reg.h"
#include "proto/sip/policy.h"

void cp_core_icid(char *dst, size_t cap)
{
	unsigned char r[12];
	struct gw_buf b = gw_buf(dst, cap - 1);

	cp_random(r, sizeof(r));
	gw_buf_hex(&b, r, sizeof(r));
	dst[b.len] = '\0';
}

/* Is this URI one of ours: our host on Mw with our port, or our W2 host? */
bool cp_core_is_us(const struct cp_sip *s, struct gw_sv text)
{
	const struct cp_conf *c = s->conf;
	struct sip_uri u;
	uint16_t port;

	if (sip_uri_parse(text, &u) || u.scheme > SIP_SCHEME_SIPS)
		return false;
	port = u.port ? u.port : 5060;
	if (gw_sv_ieq(u.host, gw_sv_cstr(c->mw.host_name)) && port == c->mw.bind.port)
		return true;
	if (!gw_sv_ieq(u.host, gw_sv_cstr(c->w2.host_name)))
		return false;
	for (unsigned i = 0; i < c->w2.n_listen; i++)
		if (u.port == 0 || u.port == c->w2.listen[i].port)
			return true;
	return false;
}

static bool is_understood(struct gw_sv tag)
{
	return gw_sv_ieq(tag, GW_SV("path")) || gw_sv_ieq(tag, GW_SV("outbound")) || gw_sv_ieq(tag, GW_SV("gruu")) ||
		gw_sv_ieq(tag, GW_SV("sec-agree"));
}

bool cp_core_proxy_require_ok(const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct gw_sv t;

	while (sip_msg_element(m, SIP_HDR_PROXY_REQUIRE, &e, &t))
		if (!is_understood(t))
			return false;
	return true;
}

void cp_core_unsupported(const struct sip_msg *req, struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct gw_sv t;

	while (sip_msg_element(req, SIP_HDR_PROXY_REQUIRE, &e, &t))
		if (!is_understood(t))
			sip_msg_add(m, SIP_HDR_UNSUPPORTED, t);
}

struct gw_sv cp_core_pop_routes(struct cp_sip *s, struct sip_msg *m)
{
	struct gw_sv token = GW_SV_NONE, v;
	struct sip_addr a;

	for (;;) {
		struct sip_elements e = { 0 };

		if (!sip_msg_element(m, SIP_HDR_ROUTE, &e, &v) || sip_addr_parse(v, &a) ||
			!cp_core_is_us(s, a.uri.text))
			return token;
		if (a.uri.user.len)
			token = a.uri.user;
		sip_msg_pop(m, SIP_HDR_ROUTE);
	}
}

void cp_core_record_route(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, enum cp_side to)
{
	char mw[256], w2[256];
	struct gw_buf bm = gw_buf(mw, sizeof(mw)), bw = gw_buf(w2, sizeof(w2));

	gw_buf_printf(&bm, "<sip:%s@", b->token);
	cp_sip_mw_host(s, &bm);
	gw_buf_puts(&bm, ";lr>");
	gw_buf_printf(&bw, "<sip:%s@%s:%u;transport=ws;lr%s>", b->token, s->conf->w2.host,
		s->conf->w2.listen[0].port, b->has_ob ? ";ob" : "");
	/* the entry on top is the one the receiving side talks to (RFC 5658) */
	sip_msg_push(m, SIP_HDR_RECORD_ROUTE, to == CP_SIDE_MW ? gw_buf_sv(&bw) : gw_buf_sv(&bm));
	sip_msg_push(m, SIP_HDR_RECORD_ROUTE, to == CP_SIDE_MW ? gw_buf_sv(&bm) : gw_buf_sv(&bw));
}

/* What an untrusted UE may set, and nothing of W2 only (W2-SIP-07, W2-SIP-84, W2-WS-17). */
void cp_core_strip(const struct cp_sip *s, struct sip_msg *m)
{
	cp_ctr_value[sip_header_stripped] +=
		sip_policy_keep_allowed(m, s->conf->mw.pass_headers, s->conf->mw.n_pass_headers);
	cp_ctr_value[sip_header_stripped] += sip_policy_clean_auth(m);
	sip_policy_drop_tags(m);
	if (m->method == SIP_ACK || m->method == SIP_CANCEL)	/* W2-SIP-08 */
		sip_msg_del(m, SIP_HDR_P_ACCESS_NETWORK_INFO);
	else
		sip_policy_access_network_info(m);
}

/* W2-SIP-02: P-Preferred-Identity, else From, else the default identity. */
static void assert_identity(struct sip_msg *m, const struct cp_binding *b)
{
	struct gw_sv list = gw_sv_cstr(b->impus), first = GW_SV_NONE;
	struct sip_addr a;
	char text[512];
	struct gw_buf out = gw_buf(text, sizeof(text));

	if (sip_addr_parse(sip_msg_value(m, SIP_HDR_P_PREFERRED_IDENTITY), &a) ||
		!cp_binding_owns(b, a.uri.text))
		if (sip_addr_parse(sip_msg_value(m, SIP_HDR_FROM), &a) || !cp_binding_owns(b, a.uri.text))
			a.uri.text = sip_list_next(&list, &first) && sip_addr_parse(first, &a) == GW_OK ?
				a.uri.text : gw_sv_cstr(b->aor);
	gw_buf_printf(&out, "<%.*s>", GW_SV_FMT(a.uri.text));
	sip_msg_del(m, SIP_HDR_P_PREFERRED_IDENTITY);
	sip_msg_set(m, SIP_HDR_P_ASSERTED_IDENTITY, gw_buf_sv(&out));
}

void cp_core_edit_to_core(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, struct gw_sv icid)
{
	char fresh[64];

	cp_core_strip(s, m);
	if (m->method != SIP_ACK && m->method != SIP_CANCEL)
		assert_identity(m, b);
	if (m->method == SIP_ACK)
		return;
	if (icid.len == 0) {
		cp_core_icid(fresh, sizeof(fresh));
		icid = gw_sv_cstr(fresh);
	}
	sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%.*s\";icid-generated-at=%s;orig-ioi=%s",
		GW_SV_FMT(icid), s->conf->mw.host, s->conf->mw.orig_ioi);
}

void cp_core_edit_to_wic(struct sip_msg *m)
{
	sip_msg_del(m, SIP_HDR_P_CHARGING_VECTOR);
	sip_msg_del(m, SIP_HDR_P_CHARGING_FUNCTION_ADDRESSES);
	sip_msg_del(m, SIP_HDR_P_SERVED_USER);
	sip_msg_del(m, SIP_HDR_P_EARLY_MEDIA);
	if (sip_policy_hides_identity(m))	/* W2-SIP-22 */
		sip_msg_del(m, SIP_HDR_P_ASSERTED_IDENTITY);
}

void cp_core_edit_response(struct cp_sip *s, struct sip_msg *m, enum cp_side to)
{
	if (to == CP_SIDE_W2)
		cp_core_edit_to_wic(m);
	else
		cp_core_strip(s, m);
}

static void put_identity(const struct cp_uas *u, struct sip_msg *m, const struct cp_binding *b)
{
	struct gw_sv list = gw_sv_cstr(b->impus), first = GW_SV_NONE;
	struct sip_addr a;

	if (sip_addr_parse(sip_msg_value(&u->req, SIP_HDR_P_CALLED_PARTY_ID), &a) || !cp_binding_owns(b, a.uri.text))
		a.uri.text = sip_list_next(&list, &first) && sip_addr_parse(first, &a) == GW_OK ? a.uri.text :
												  gw_sv_cstr(b->aor);
	sip_msg_del(m, SIP_HDR_P_PREFERRED_IDENTITY);
	sip_msg_del(m, SIP_HDR_P_ASSERTED_IDENTITY);
	sip_msg_addf(m, SIP_HDR_P_ASSERTED_IDENTITY, "<%.*s>", GW_SV_FMT(a.uri.text));
}

/* icid and orig-ioi of the request, and who answers (RFC 7315 4.6). */
static void put_charging(const struct cp_uas *u, struct sip_msg *m)
{
	struct gw_sv v = sip_msg_value(&u->req, SIP_HDR_P_CHARGING_VECTOR);
	struct sip_param icid, ioi;

	sip_msg_del(m, SIP_HDR_P_CHARGING_VECTOR);
	if (!sip_param_get(v, GW_SV("icid-value"), &icid))
		return;
	if (sip_param_get(v, GW_SV("orig-ioi"), &ioi))
		sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%.*s\";orig-ioi=%.*s;term-ioi=%s",
			GW_SV_FMT(icid.value), GW_SV_FMT(ioi.value), u->sip->conf->mw.orig_ioi);
	else
		sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%.*s\";term-ioi=%s", GW_SV_FMT(icid.value),
			u->sip->conf->mw.orig_ioi);
}

void cp_core_edit_from_wic(struct cp_uas *u, struct sip_msg *m)
{
	struct cp_binding *b = cp_reg_by_id(u->sip->reg, u->binding);
	const struct sip_hdr *h;
	unsigned it = 0;

	if (!b || m->status == 100)
		return;
	put_identity(u, m, b);
	put_charging(u, m);
	if (u->req.to_tag.len || !sip_msg_del(m, SIP_HDR_RECORD_ROUTE))
		return;
	while ((h = sip_msg_next(&u->req, SIP_HDR_RECORD_ROUTE, &it)))
		sip_msg_add(m, SIP_HDR_RECORD_ROUTE, h->value);
	cp_core_record_route(u->sip, m, b, CP_SIDE_W2);
}

/* ---- requests -------------------------------------------------------------------------------------------- */

/* The route set of the dialog a request of a WIC belongs to. @return entries, or -1: no call of ours */
static int call_routes(struct cp_sip *s, const struct sip_msg *m, const struct cp_binding *b,
	struct gw_sv routes[CP_ROUTES_MAX])
{
	GW_LIST_FOREACH(it, &s->alg->calls) {
		struct cp_call *c = GW_CONTAINER(it, struct cp_call, node);
		const struct cp_early *d;
		unsigned n = 0;

		if (c->b != b || !gw_sv_eq(gw_sv_cstr(c->call_id), m->call_id))
			continue;
		d = c->ex.c ? cp_uac_early(c->ex.c, m->to_tag) : NULL;
		if (d) {
			memcpy(routes, d->routes, d->n_routes * sizeof(routes[0]));
			return (int)d->n_routes;
		}
		if (!c->core.tag || !gw_sv_eq(gw_sv_cstr(c->core.tag), m->to_tag))
			continue;
		for (; n < c->core.n_routes; n++)
			routes[n] = gw_sv_cstr(c->core.routes[n]);
		return (int)n;
	}
	return -1;
}

/*
 * Where a request goes is never the WIC's to say: our PAI and charging would go with it. Within a call it is the
 * route set of the dialog as the core made it; all else takes the stored Service-Route (W2-SIP-03).
 * @return false: in a dialog we cannot route
 */
static bool enforce_route(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b)
{
	struct gw_sv routes[CP_ROUTES_MAX];
	int n = m->to_tag.len ? call_routes(s, m, b, routes) : -1;

	sip_msg_del(m, SIP_HDR_ROUTE);
	for (int i = 0; i < n; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, routes[i]);
	if (n >= 0)
		return true;
	for (unsigned i = 0; i < b->n_service_route; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, gw_sv_cstr(b->service_route[i]));
	return m->to_tag.len == 0 || b->n_service_route > 0;
}

static bool forms_dialog(enum sip_method m)
{
	return m == SIP_INVITE || m == SIP_SUBSCRIBE || m == SIP_REFER;
}

void cp_core_authorized(struct cp_sip *s, struct cp_uas *u)
{
	struct cp_binding *b = cp_reg_by_sender(s->reg, u->peer.conn, &u->req);
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct cp_peer to;
	struct sip_msg m;

	if (u->req.method == SIP_REGISTER) {
		cp_reg_request(s->reg, u);
		return;
	}
	if (!b) {		/* W2-SIP-01, threat P7 */
		cp_sip_refuse(u, 403, "not registered");
		return;
	}
	if (u->req.method == SIP_INFO &&
		gw_sv_ieq(sip_msg_value(&u->req, SIP_HDR_INFO_PACKAGE), GW_SV("trickle-ice"))) {
		cp_sip_refuse(u, 200, NULL);	/* W2-SIP-83: candidates of a lite gateway's peer are learnt */
		return;
	}
	cp_sip_clone(&m, &u->req, &a);
	if (!cp_sip_hop(&m)) {
		cp_sip_refuse(u, 483, NULL);
		gw_arena_reset(&a);
		return;
	}
	if (!enforce_route(s, &m, b)) {
		cp_sip_refuse(u, 481, NULL);
		gw_arena_reset(&a);
		return;
	}
	if (cp_alg_request(s->alg, u, &m, b, CP_SIDE_MW)) {
		gw_arena_reset(&a);
		return;
	}
	cp_core_edit_to_core(s, &m, b, GW_SV_NONE);
	if (forms_dialog(m.method) && m.to_tag.len == 0)
		cp_core_record_route(s, &m, b, CP_SIDE_MW);
	cp_sip_core_hop(s, &m, &to);
	cp_sip_forward(u, &m, &to);
	gw_arena_reset(&a);
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
		cp_sip_refuse(u, 483, NULL);
	} else if (u->req.method == SIP_REGISTER) {
		cp_sip_refuse(u, 403, "no registrar");	/* a WIC is none, and the core is the only one */
	} else if (!b || (!b->is_registered && (m.method != SIP_NOTIFY || !m.to_tag.len))) {
		/* a token of ours whose binding is gone: the flow has failed (RFC 5626 5.3.1); else W2-ERR-32 */
		cp_sip_refuse(u, u->req.to_tag.len ? 481 : cp_reg_is_our_token(s->reg, token) ? 430 : 480, NULL);
	} else if (cp_alg_request(s->alg, u, &m, b, CP_SIDE_W2)) {
		;	/* a session: it answers */
	} else if (!cp_transport_alive(s->transport, b->peer.conn)) {
		cp_sip_refuse(u, 430, NULL);		/* W2-ERR-31 */
	} else {
		cp_core_edit_to_wic(&m);
		if (forms_dialog(m.method) && m.to_tag.len == 0)
			cp_core_record_route(s, &m, b, CP_SIDE_W2);
		cp_sip_forward(u, &m, &b->peer);
	}
	gw_arena_reset(&a);
}

void cp_core_request(struct cp_sip *s, struct cp_uas *u)
{
	if (u->side == CP_SIDE_W2)
		cp_reg_auth_request(s, u);
	else
		from_core(s, u);
}

void cp_core_ack(struct cp_sip *s, const struct cp_peer *from, struct sip_msg *m)
{
	bool is_w2 = from->proto == CP_PROTO_WSS || from->proto == CP_PROTO_WS;
	struct gw_sv token = cp_core_pop_routes(s, m);
	struct cp_binding *b = is_w2 ? cp_reg_by_sender(s->reg, from->conn, m) : cp_reg_by_token(s->reg, token);
	struct cp_peer to;

	if (!b || !cp_sip_hop(m))
		return;
	sip_msg_set_body(m, GW_SV_NONE, GW_SV_NONE);	/* offers without SDP are refused: no answer comes here */
	if (is_w2) {
		if (!enforce_route(s, m, b))
			return;
		cp_core_edit_to_core(s, m, b, GW_SV_NONE);
		cp_sip_core_hop(s, m, &to);
		cp_sip_send_stateless(s, m, &to);
	} else if (cp_binding_alive(b)) {
		cp_core_edit_to_wic(m);
		cp_sip_send_stateless(s, m, &b->peer);
	}
}

void cp_core_connection_lost(struct cp_sip *s, cp_conn_id conn)
{
	cp_reg_auth_connection_lost(s, conn);
	cp_reg_connection_lost(s->reg, conn);
}

/* The nodes requests are accepted from are those a request of a WIC may go to. */
static bool is_trusted(const struct cp_conf *c, const struct gw_addr *a)
{
	for (unsigned i = 0; i < c->mw.n_entry; i++)
		if (gw_addr_ip_eq(&c->mw.entry[i], a))
			return true;
	for (unsigned i = 0; i < c->mw.n_trusted; i++) {
		struct gw_addr net;
		uint8_t prefix;

		if (gw_addr_parse_prefix(gw_sv_cstr(c->mw.trusted[i]), &net, &prefix) == GW_OK &&
			gw_addr_in(a, &net, prefix))
			return true;
	}
	return false;
}

void cp_sip_core_hop(struct cp_sip *s, const struct sip_msg *m, struct cp_peer *to)
{
	struct sip_elements e = { 0 };
	struct gw_addr literal = { 0 };
	bool is_tcp = strcmp(s->conf->mw.transport, "tcp") == 0, is_route = false;
	struct gw_sv v;
	struct sip_addr a;
	struct sip_uri u;
	struct sip_param p;

	*to = (struct cp_peer){ .addr = s->conf->mw.entry[s->entry % s->conf->mw.n_entry] };
	if (sip_msg_element(m, SIP_HDR_ROUTE, &e, &v) && sip_addr_parse(v, &a) == GW_OK) {
		u = a.uri;
		is_route = true;
	} else if (sip_uri_parse(m->ruri, &u)) {
		u = (struct sip_uri){ 0 };
	}
	/* an address is taken as it is; names are resolved by the entry point (W2-REG-17) */
	if (u.host.len && gw_addr_parse_ip(u.host, &literal) == GW_OK && is_trusted(s->conf, &literal)) {
		to->addr = literal;
		to->addr.port = u.port ? u.port : 5060;
		is_route = true;
	}
	if (is_route && sip_param_get(u.params, GW_SV("transport"), &p))
		is_tcp = gw_sv_ieq(p.value, GW_SV("tcp"));
	to->proto = is_tcp ? CP_PROTO_TCP : CP_PROTO_UDP;
}
