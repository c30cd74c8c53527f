/* SPDX-License-Identifier: Apache-2.0 */
/* REGISTER of scenario 1a on its way to the core and back (W2-REG-10 to -23, -40, -60 to -62). */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/reg_int.h"
#include "proto/sip/policy.h"
#include "proto/sip/register.h"

/*
 * One REGISTER on its way to the core. Nothing of it is in a binding before the core's 2xx: who is not
 * authenticated makes none and changes none.
 */
struct attempt {
	struct gw_list node;
	struct cp_reg *reg;
	struct cp_uas *u;            /* NULL: the WIC is gone */
	uint32_t id;                 /* of the binding: there already, or to be */
	char *key, *aor, *contact;
	bool has_ob, is_star;
	cp_conn_id replaced;         /* connection the instance was reached by until the 2xx; 0: none */
	unsigned entry;
};

static void put_path(struct cp_reg *r, struct sip_msg *m, const struct attempt *at)
{
	char text[512], token[CP_TOKEN_BYTES];
	struct gw_buf p = gw_buf(text, sizeof(text));

	cp_flow_token(r, at->id, token);
	gw_buf_printf(&p, "<sip:%s@", token);
	cp_sip_mw_host(r->s, &p);
	gw_buf_printf(&p, ";lr%s>", at->has_ob ? ";ob" : "");
	sip_msg_del(m, SIP_HDR_PATH);
	sip_msg_add(m, SIP_HDR_PATH, gw_buf_sv(&p));
	if (!sip_msg_has_token(m, SIP_HDR_REQUIRE, GW_SV("path")))
		sip_msg_add(m, SIP_HDR_REQUIRE, GW_SV("path"));
}

/* W2-REG-20, -22: what the WIC says of itself is replaced by what this connection is. */
static void put_integrity(struct sip_msg *m, const struct cp_binding *bound)
{
	struct gw_sv value = sip_msg_value(m, SIP_HDR_AUTHORIZATION), integrity = GW_SV("tls-pending");
	char text[SIP_AUTH_MAX_BYTES];
	struct gw_buf out = gw_buf(text, sizeof(text));
	struct sip_auth a;

	if (value.len == 0 || sip_auth_parse(value, &a) || a.response.len == 0)
		return;
	if (bound && bound->impi && gw_sv_eq(gw_sv_cstr(bound->impi), a.username))
		integrity = GW_SV("tls-yes");
	sip_auth_put_integrity(&out, &a, integrity);
	if (out.overflow)	/* never: the length was checked; without the header the core challenges */
		sip_msg_del(m, SIP_HDR_AUTHORIZATION);
	else
		sip_msg_set(m, SIP_HDR_AUTHORIZATION, gw_buf_sv(&out));
}

static void edit_register(struct cp_reg *r, struct sip_msg *m, const struct attempt *at)
{
	char icid[64];

	cp_core_strip(r->s, m);		/* W2-REG-03: credentials are Digest without integrity-protected now */
	sip_msg_del(m, SIP_HDR_ROUTE);
	sip_msg_del(m, SIP_HDR_P_PREFERRED_IDENTITY);
	put_path(r, m, at);
	put_integrity(m, cp_reg_by_conn(r, at->u->peer.conn));
	sip_msg_addf(m, SIP_HDR_P_VISITED_NETWORK_ID, "\"%s\"", r->s->conf->mw.visited_network_id);
	cp_core_icid(icid, sizeof(icid));
	sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%s\";icid-generated-at=%s;orig-ioi=%s", icid,
		r->s->conf->mw.host, r->s->conf->mw.orig_ioi);
}

static char *dup_list(const struct sip_msg *m, enum sip_hdr_id id)
{
	char text[4096];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sip_elements e = { 0 };
	struct gw_sv v;

	while (sip_msg_element(m, id, &e, &v)) {
		if (b.len)
			gw_buf_puts(&b, ", ");
		gw_buf_put(&b, v);
	}
	return gw_sv_dup(gw_buf_sv(&b));
}

static void set(char **dst, char *v)
{
	if (!v)
		return;
	free(*dst);
	*dst = v;
}

static void store_lists(struct cp_binding *b, const struct cp_uas *u, const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct sip_auth auth;
	struct gw_sv v;

	cp_binding_clear_routes(b);	/* W2-REG-40: replaced completely */
	while (b->n_service_route < CP_SERVICE_ROUTES_MAX && sip_msg_element(m, SIP_HDR_SERVICE_ROUTE, &e, &v))
		if ((b->service_route[b->n_service_route] = gw_sv_dup(v)))
			b->n_service_route++;
	free(b->impus);
	b->impus = dup_list(m, SIP_HDR_P_ASSOCIATED_URI);
	if (sip_auth_parse(sip_msg_value(&u->req, SIP_HDR_AUTHORIZATION), &auth) == GW_OK && auth.username.len)
		set(&b->impi, gw_sv_dup(auth.username));
}

/* Contact: * (W2-REG-19): of this user's contacts go those the core does not list any more. */
static void remove_unlisted(struct cp_reg *r, const char *aor, const struct sip_msg *m)
{
	GW_LIST_FOREACH_SAFE(it, next, &r->all) {
		struct cp_binding *b = GW_CONTAINER(it, struct cp_binding, node);

		if (strcmp(b->aor, aor) == 0 && sip_register_granted(m, gw_sv_cstr(b->contact)) == 0)
			cp_binding_remove(b, "de-registered");
	}
}

/* What the core's 2xx says. false: it cannot be kept, and the WIC must not be told it is registered. */
static bool store(struct attempt *at, const struct sip_msg *m)
{
	struct cp_reg *r = at->reg;
	struct cp_binding *b = gw_map_get(&r->by_key, gw_sv_cstr(at->key));
	uint32_t seconds = sip_register_granted(m, gw_sv_cstr(at->contact));

	if (at->is_star) {
		remove_unlisted(r, at->aor, m);
		return true;
	}
	if (seconds == 0) {
		if (b)
			cp_binding_remove(b, "de-registered");
		return true;
	}
	if (!b && !(b = cp_binding_new(r, at->key, at->aor, at->id, &at->u->peer)))
		return false;
	at->replaced = cp_binding_move(b, &at->u->peer);
	cp_binding_take_id(b, at->id);
	set(&b->contact, gw_sv_dup(gw_sv_cstr(at->contact)));
	b->has_ob = at->has_ob;
	CP_COUNT(reg_ok);
	store_lists(b, at->u, m);
	b->expires_ms = cp_loop_now(r->s->loop) + seconds * 1000ull;
	(void)gw_timer_arm(&r->s->loop->timers, &b->timer, b->expires_ms + CP_REG_MARGIN_MS);
	cp_transport_set_registered(r->s->transport, b->peer.conn, true);
	if (!cp_binding_alive(b))	/* lost while the core was asked */
		cp_binding_guard(b);
	GW_LOG_INFO(r->s->log, "reg.ok", "impu=%s expires_s=%u service_routes=%u", b->aor, seconds,
		b->n_service_route);
	return true;
}

/* ---- attempts ------------------------------------------------------------------------------------------ */

static void send_attempt(struct attempt *at);

static void free_attempt(struct attempt *at)
{
	if (!at)
		return;
	if (at->u)
		at->u->on_gone = NULL;
	gw_list_remove(&at->node);
	free(at->key);
	free(at->aor);
	free(at->contact);
	free(at);
}

static void on_register_gone(void *user, struct cp_uas *u)
{
	struct attempt *at = user;

	(void)u;
	at->u = NULL;
}

static void finish(struct attempt *at, struct sip_msg *m, unsigned status)
{
	struct cp_sip *s = at->reg->s;
	struct cp_uas *u;
	bool is_kept = true;

	if (m && status / 100 == 2)
		is_kept = store(at, m);
	else if (status >= 300 && status != 401 && status != 407)
		CP_COUNT(reg_failed);
	u = at->u;
	if (!u)		/* the binding of a lost connection has just gone, and its transactions with it */
		return;
	if (!m || !is_kept) {
		cp_sip_refuse(u, m ? 503 : 504, NULL);
		return;
	}
	cp_core_edit_response(s, m, CP_SIDE_W2);
	if (status / 100 == 2)
		sip_msg_addf(m, SIP_HDR_FLOW_TIMER, "%u", s->conf->w2.ping_interval_s);
	cp_sip_respond(u, m);
	if (at->replaced) {	/* behind the 200: the WIC knows now where it is again (W2-REG-67) */
		cp_sip_flow_move(s, at->replaced, &u->peer);
		cp_transport_close(s->transport, at->replaced, 1000, "replaced");
	}
}

static void on_register_response(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct attempt *at = user;
	struct cp_sip *s = at->reg->s;

	(void)c;
	if (status < 200)
		return;
	if ((!m || status == 503) && at->u && at->entry + 1 < s->conf->mw.n_entry) {	/* W2-REG-17 */
		s->entry = ++at->entry;
		send_attempt(at);
		return;
	}
	if (at->u)
		finish(at, m, status);
	free_attempt(at);
}

static void send_attempt(struct attempt *at)
{
	struct cp_sip *s = at->reg->s;
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct cp_peer to = { .proto = strcmp(s->conf->mw.transport, "tcp") == 0 ? CP_PROTO_TCP : CP_PROTO_UDP,
		.addr = s->conf->mw.entry[at->entry] };
	struct sip_msg m;
	unsigned status = 0;

	cp_sip_clone(&m, &at->u->req, &a);
	edit_register(at->reg, &m, at);
	if (!cp_sip_hop(&m))
		status = 483;
	else if (cp_sip_send(s, &m, &to, on_register_response, NULL, at, NULL))
		status = 503;
	gw_arena_reset(&a);
	if (status) {
		cp_sip_refuse(at->u, status, NULL);
		free_attempt(at);
	}
}

/* W2-REG-52: parallel flows of one instance; the key without its reg-id names the instance. */
static bool has_too_many_flows(struct cp_reg *r, struct gw_sv key)
{
	unsigned n = 0;
	size_t end = key.len;

	while (end && key.p[end - 1] != ' ')
		end--;
	GW_LIST_FOREACH(it, &r->all)
		n += gw_sv_starts(gw_sv_cstr(GW_CONTAINER(it, struct cp_binding, node)->key),
			gw_sv_sub(key, 0, end));
	return n >= r->s->conf->reg.flows_per_instance;
}

/* May this connection ask that for this user? 0: yes. */
static unsigned check_user(struct cp_reg *r, const struct cp_uas *u, const struct sip_addr *to, const char **why)
{
	const struct cp_binding *bound = cp_reg_by_conn(r, u->peer.conn);
	struct sip_auth auth;

	*why = "not our home domain";
	if (!gw_sv_ieq(to->uri.host, gw_sv_cstr(r->s->conf->mw.home_domain)) && to->uri.host.len)
		return 403;
	*why = "this connection belongs to another user";	/* W2-REG-23 */
	if (bound && bound->impi && sip_auth_parse(sip_msg_value(&u->req, SIP_HDR_AUTHORIZATION), &auth) == GW_OK &&
		auth.username.len && !gw_sv_eq(auth.username, gw_sv_cstr(bound->impi)))
		return 403;
	return 0;
}

static struct attempt *new_attempt(struct cp_reg *r, struct cp_uas *u, struct gw_sv key, const struct sip_register *q)
{
	const struct cp_binding *b = gw_map_get(&r->by_key, key), *any = cp_reg_by_conn(r, u->peer.conn);
	struct attempt *at = calloc(1, sizeof(*at));

	if (!at)
		return NULL;
	*at = (struct attempt){ .reg = r, .u = u, .key = gw_sv_dup(key), .aor = gw_sv_dup(q->to.uri.text),
		.contact = gw_sv_dup(q->contact.uri.text), .has_ob = q->has_reg_id, .is_star = q->contact.is_star,
		.entry = r->s->entry % r->s->conf->mw.n_entry };
	at->id = b ? b->id : at->is_star && any ? any->id : cp_reg_new_id(r);
	gw_list_append(&r->attempts, &at->node);
	if (at->key && at->aor && at->contact)
		return at;
	free_attempt(at);
	return NULL;
}

void cp_reg_request(struct cp_reg *r, struct cp_uas *u)
{
	char key[1024];
	struct gw_buf kb = gw_buf(key, sizeof(key));
	const char *why = "REGISTER needs exactly one Contact";
	struct sip_register q;
	struct attempt *at;
	unsigned status = sip_register_read(&u->req, &q, &kb) ? 400 : check_user(r, u, &q.to, &why);
	bool is_new = !status && !q.contact.is_star && !gw_map_get(&r->by_key, gw_buf_sv(&kb));

	if (is_new && q.has_reg_id && has_too_many_flows(r, gw_buf_sv(&kb))) {
		why = "too many flows of this instance";
		status = 403;
	} else if (is_new && r->s->is_draining) {
		CP_COUNT(sip_refused_draining);
		why = "this node takes no new registrations";
		status = 503;
	} else if (is_new && r->by_key.count >= r->s->conf->reg.max_bindings) {
		why = "too many registrations";
		status = 503;
	}
	at = status ? NULL : new_attempt(r, u, gw_buf_sv(&kb), &q);
	if (!at) {
		cp_sip_refuse(u, status ? status : 503, status ? why : NULL);
		return;
	}
	u->on_gone = on_register_gone;
	u->user = at;
	send_attempt(at);
}

void cp_reg_attempts_free(struct cp_reg *r)
{
	while (!gw_list_empty(&r->attempts)) {
		struct attempt *at = GW_CONTAINER(r->attempts.next, struct attempt, node);

		at->u = NULL;	/* gone with all transactions before this */
		free_attempt(at);
	}
}
