/* SPDX-License-Identifier: Apache-2.0 */
/* Route, Record-Route and the next hop towards the core (RFC 3261 16.6, RFC 3263, RFC 5658). */
#include "control/sip/route.h"

#include "control/sip/entry.h"
#include "control/sip/headers.h"
#include "control/sip/reg.h"
#include "control/sip/resolve.h"
#include "control/sip/session.h"

#define URI_BYTES 2048

bool cp_core_is_us(const struct cp_sip *s, struct gw_sv text)
{
	const struct cp_conf *c = s->conf;
	struct gw_addr node;
	struct sip_uri u;
	uint16_t port;

	if (sip_uri_parse(text, &u) || u.scheme > SIP_SCHEME_SIPS)
		return false;
	port = u.port ? u.port : 5060;
	if (gw_sv_ieq(u.host, gw_sv_cstr(c->mw.host_name)) && port == c->mw.bind.port)
		return true;
	if (c->state.node_address.port && port == c->state.node_address.port &&
		gw_addr_parse_ip(u.host, &node) == GW_OK && gw_addr_ip_eq(&node, &c->state.node_address))
		return true;	/* passed on by another node */
	if (!gw_sv_ieq(u.host, gw_sv_cstr(c->w2.host_name)))
		return false;
	for (unsigned i = 0; i < c->w2.n_listen; i++)
		if (u.port == 0 || u.port == c->w2.listen[i].port)
			return true;
	return false;
}

static bool is_our_route(const struct cp_sip *s, struct gw_sv element, struct sip_addr *a)
{
	return sip_addr_parse(element, a) == GW_OK && cp_core_is_us(s, a->uri.text);
}

struct gw_sv cp_core_pop_routes(struct cp_sip *s, struct sip_msg *m)
{
	struct gw_sv token = GW_SV_NONE, v;
	struct sip_addr a;

	for (;;) {
		struct sip_elements e = { 0 };

		if (!sip_msg_element(m, SIP_HDR_ROUTE, &e, &v) || !is_our_route(s, v, &a))
			return token;
		if (a.uri.user.len)
			token = a.uri.user;
		sip_msg_pop(m, SIP_HDR_ROUTE);
	}
}

/* ---- Record-Route ---------------------------------------------------------------------------------------- */

/* Our entry on W2; the route set of the core goes into it when there is one. */
static void put_w2_entry(struct cp_sip *s, struct gw_buf *b, struct gw_sv user, bool has_ob, struct gw_sv call_id,
	const struct cp_route_set *set)
{
	size_t before;

	gw_buf_printf(b, "<sip:%.*s@%s:%u;transport=ws;lr%s", GW_SV_FMT(user), s->conf->w2.host,
		s->conf->w2.listen[0].port, has_ob ? ";ob" : "");
	before = b->len;
	gw_buf_puts(b, ";" CP_ROUTE_PARAM "=");
	if (!set || (set->n == 0 && set->icid.len == 0) || !cp_route_token_put(b, s->route_key, call_id, set))
		b->len = before;
	gw_buf_putc(b, '>');
}

void cp_core_put_mw_entry(const struct cp_sip *s, struct gw_buf *b, const char *token, bool has_ob)
{
	gw_buf_printf(b, "<sip:%s@", token);
	cp_sip_mw_host(s, b);
	gw_buf_puts(b, has_ob ? ";lr;ob>" : ";lr>");
}

unsigned cp_core_entries(const struct cp_sip *s, const struct sip_msg *m, bool is_reversed, struct gw_sv *list, unsigned max)
{
	struct sip_elements e = { 0 };
	bool was_ours = false;
	struct sip_addr a;
	unsigned n = 0, end = UINT_MAX;
	struct gw_sv v;

	while (n < max && sip_msg_element(m, SIP_HDR_RECORD_ROUTE, &e, &v)) {
		bool is_ours = is_our_route(s, v, &a);

		if (is_reversed && is_ours)	/* the last two are of this leg, others of a callee who is ours, too */
			end = was_ours ? n - 1 : n;
		was_ours = is_ours && end != n - 1;
		list[n++] = v;
	}
	n = n < end ? n : end;
	for (unsigned i = 0; is_reversed && i < n / 2; i++) {
		v = list[i];
		list[i] = list[n - 1 - i];
		list[n - 1 - i] = v;
	}
	return n;
}

static void push_entries(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, enum cp_side to,
	const struct cp_route_set *set)
{
	char mw[256], w2[URI_BYTES];
	struct gw_buf bm = gw_buf(mw, sizeof(mw)), bw = gw_buf(w2, sizeof(w2));

	cp_core_put_mw_entry(s, &bm, b->token, false);
	put_w2_entry(s, &bw, gw_sv_cstr(b->token), b->has_ob, m->call_id, set);
	/* the entry on top is the one the receiving side talks to (RFC 5658) */
	if (to == CP_SIDE_MW)
		sip_msg_push(m, SIP_HDR_RECORD_ROUTE, gw_buf_sv(&bw));
	if (to == CP_SIDE_MW || !set || !s->conf->mw.hide_topology)
		sip_msg_push(m, SIP_HDR_RECORD_ROUTE, gw_buf_sv(&bm));
	if (to == CP_SIDE_W2)
		sip_msg_push(m, SIP_HDR_RECORD_ROUTE, gw_buf_sv(&bw));
}

void cp_core_record_route(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, enum cp_side to)
{
	struct cp_route_set set = { .icid = cp_core_icid_of(m) };

	if (to == CP_SIDE_W2)
		set.n = cp_core_entries(s, m, false, set.routes, CP_TOKEN_ROUTES_MAX);
	if (to == CP_SIDE_W2 && s->conf->mw.hide_topology)
		sip_msg_del(m, SIP_HDR_RECORD_ROUTE);
	push_entries(s, m, b, to, to == CP_SIDE_W2 ? &set : NULL);
}

void cp_core_restore_record_route(struct cp_uas *u, struct sip_msg *m, const struct cp_binding *b)
{
	const struct sip_hdr *h;
	unsigned it = 0;

	sip_msg_del(m, SIP_HDR_RECORD_ROUTE);
	while ((h = sip_msg_next(&u->req, SIP_HDR_RECORD_ROUTE, &it)))
		sip_msg_add(m, SIP_HDR_RECORD_ROUTE, h->value);
	push_entries(u->sip, m, b, CP_SIDE_W2, NULL);
}

void cp_core_seal_record_route(struct cp_sip *s, struct sip_msg *m, struct gw_sv icid)
{
	struct cp_route_set set = { .icid = icid };
	struct gw_sv v, list[2 * CP_TOKEN_ROUTES_MAX];
	struct sip_elements e = { 0 };
	struct sip_addr a;
	unsigned n = 0, at = 2 * CP_TOKEN_ROUTES_MAX;
	char w2[URI_BYTES];
	struct gw_buf b = gw_buf(w2, sizeof(w2));

	while (n < 2 * CP_TOKEN_ROUTES_MAX && sip_msg_element(m, SIP_HDR_RECORD_ROUTE, &e, &v)) {
		if (is_our_route(s, v, &a) && gw_sv_ieq(a.uri.host, gw_sv_cstr(s->conf->w2.host_name)) &&
			sip_uri_has_param(&a.uri, GW_SV("transport")))
			at = n;
		list[n++] = v;
	}
	if (at >= n || sip_addr_parse(list[at], &a))
		return;		/* not through us, or not to be understood: what the core wrote stays */
	set.n = cp_core_entries(s, m, true, set.routes, CP_TOKEN_ROUTES_MAX);
	put_w2_entry(s, &b, a.uri.user, sip_uri_has_param(&a.uri, GW_SV("ob")), m->call_id, &set);
	if (b.overflow)
		return;
	sip_msg_del(m, SIP_HDR_RECORD_ROUTE);
	for (unsigned i = 0; i < n; i++)
		if (i == at)
			sip_msg_add(m, SIP_HDR_RECORD_ROUTE, gw_buf_sv(&b));
		else if (!s->conf->mw.hide_topology)
			sip_msg_add(m, SIP_HDR_RECORD_ROUTE, list[i]);
}

/* ---- Route of a WIC ---------------------------------------------------------------------------------------- */

/* The route set a WIC brings back in our own Record-Route entry. */
static bool sealed_routes(struct cp_sip *s, struct sip_msg *m, struct cp_route_set *set)
{
	struct sip_elements e = { 0 };
	struct sip_param token;
	struct sip_addr a;
	struct gw_sv v;

	while (sip_msg_element(m, SIP_HDR_ROUTE, &e, &v))
		if (is_our_route(s, v, &a) && sip_param_get(a.uri.params, GW_SV(CP_ROUTE_PARAM), &token))
			return cp_route_token_get(token.value, s->route_key, m->call_id, m->arena, set) == GW_OK;
	return false;
}

/* W2-SIP-03: what is left behind our own entries is the Service-Route, or nothing. */
static bool is_service_route(struct cp_sip *s, const struct sip_msg *m, const struct cp_binding *b)
{
	struct sip_elements e = { 0 };
	struct sip_addr have, want;
	unsigned n = 0;
	struct gw_sv v;

	while (sip_msg_element(m, SIP_HDR_ROUTE, &e, &v)) {
		if (n == 0 && is_our_route(s, v, &have))
			continue;
		if (n == b->n_service_route || sip_addr_parse(v, &have) ||
			sip_addr_parse(gw_sv_cstr(b->service_route[n]), &want) || !sip_uri_eq(&have.uri, &want.uri))
			return false;
		n++;
	}
	return n == 0 || n == b->n_service_route;
}

/*
 * Where a request goes is never the WIC's to say: our PAI and charging would go with it. Within a dialog it is the
 * route set as the core made it, of a call from its state, else out of our Record-Route; all else takes the stored
 * Service-Route (W2-SIP-03).
 */
enum cp_route_verdict cp_core_enforce_route(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b,
	struct gw_sv *icid)
{
	struct cp_route_set set = { 0 };
	bool is_known = m->to_tag.len && (cp_alg_routes(b, m, &set) || sealed_routes(s, m, &set));

	if (m->to_tag.len == 0 && s->conf->mw.foreign_route == CP_FOREIGN_REFUSE && !is_service_route(s, m, b))
		return CP_ROUTE_FOREIGN;
	sip_msg_del(m, SIP_HDR_ROUTE);
	*icid = gw_arena_sv(m->arena, set.icid);	/* a BYE ends the call before it is forwarded */
	for (unsigned i = 0; i < set.n; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, set.routes[i]);
	if (is_known)
		return CP_ROUTE_OK;
	for (unsigned i = 0; i < b->n_service_route; i++)
		sip_msg_add(m, SIP_HDR_ROUTE, gw_sv_cstr(b->service_route[i]));
	return m->to_tag.len == 0 || b->n_service_route > 0 ? CP_ROUTE_OK : CP_ROUTE_UNKNOWN;
}

/* ---- next hop ------------------------------------------------------------------------------------------- */

static enum sip_transport transport_of(const struct sip_uri *u)
{
	struct sip_param p;

	if (!sip_param_get(u->params, GW_SV("transport"), &p))
		return SIP_TRANSPORT_ANY;
	return gw_sv_ieq(p.value, GW_SV("tcp")) ? SIP_TRANSPORT_TCP : SIP_TRANSPORT_UDP;
}

/* The servers of a Route by name, of which the core's nodes count. @return how many there are; *to: the next */
static unsigned by_name(struct cp_sip *s, const struct sip_uri *u, const struct cp_peer *tried, unsigned n_tried,
	struct cp_peer *to)
{
	const struct cp_name name = { u->host, u->port, transport_of(u) };
	struct cp_peer list[CP_TRIED_MAX];
	unsigned n = cp_resolve(cp_entry_resolver(s->entry), &name, list, CP_TRIED_MAX, NULL), kept = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!cp_entry_is_trusted(s->entry, &list[i].addr))
			continue;
		kept++;
		if (to->proto == CP_PROTO_NONE && !cp_peer_in(&list[i], tried, n_tried))
			*to = list[i];
	}
	return kept;
}

enum gw_err cp_route_next(struct cp_sip *s, const struct sip_msg *m, const struct cp_peer *tried, unsigned n_tried,
	struct cp_peer *to)
{
	bool is_tcp = strcmp(s->conf->mw.transport, "tcp") == 0, is_route = false;
	struct sip_elements e = { 0 };
	struct cp_peer literal = { 0 };
	struct sip_uri u = { 0 };
	struct sip_addr a;
	struct gw_sv v;

	*to = (struct cp_peer){ 0 };
	if (sip_msg_element(m, SIP_HDR_ROUTE, &e, &v) && sip_addr_parse(v, &a) == GW_OK) {
		u = a.uri;
		is_route = true;
	} else if (sip_uri_parse(m->ruri, &u)) {
		u = (struct sip_uri){ 0 };
	}
	if (u.host.len && gw_addr_parse_ip(u.host, &literal.addr) == GW_OK) {
		if (!cp_entry_is_trusted(s->entry, &literal.addr))
			return cp_entry_next(s->entry, tried, n_tried, to);
		literal.addr.port = u.port ? u.port : 5060;
		if (transport_of(&u) != SIP_TRANSPORT_ANY)
			is_tcp = transport_of(&u) == SIP_TRANSPORT_TCP;
		literal.proto = is_tcp ? CP_PROTO_TCP : CP_PROTO_UDP;
		if (cp_peer_in(&literal, tried, n_tried))
			return GW_ENOENT;
		*to = literal;
		return GW_OK;
	}
	/* names of a Route are the core's; a Request-URI is whatever the WIC has written */
	if (is_route && u.scheme <= SIP_SCHEME_SIPS && by_name(s, &u, tried, n_tried, to))
		return to->proto == CP_PROTO_NONE ? GW_ENOENT : GW_OK;
	return cp_entry_next(s->entry, tried, n_tried, to);
}

void cp_sip_core_hop(struct cp_sip *s, const struct sip_msg *m, struct cp_peer *to)
{
	if (cp_route_next(s, m, NULL, 0, to))
		*to = (struct cp_peer){ .proto = CP_PROTO_NONE };
}
