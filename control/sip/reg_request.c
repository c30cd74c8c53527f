/* SPDX-License-Identifier: Apache-2.0 */
/* REGISTER of scenario 1a on its way to the core and back (W2-REG-10 to -23, -40 to -46, -50 to -53, -60 to -62). */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/reg_int.h"
#include "proto/sip/policy.h"
#include "proto/sip/register.h"

static void put_path(struct cp_reg *r, struct sip_msg *m, const struct cp_reg_attempt *at)
{
	char text[512], token[CP_TOKEN_BYTES];
	struct gw_buf p = gw_buf(text, sizeof(text));

	cp_flow_token_make(&r->keys, at->id, at->u->peer.conn, token);
	cp_core_put_mw_entry(r->s, &p, token, at->has_ob);
	sip_msg_del(m, SIP_HDR_PATH);
	sip_msg_add(m, SIP_HDR_PATH, gw_buf_sv(&p));
	if (!sip_msg_has_token(m, SIP_HDR_REQUIRE, GW_SV("path")))
		sip_msg_add(m, SIP_HDR_REQUIRE, GW_SV("path"));
}

static enum gw_err edit_register(struct cp_reg *r, struct sip_msg *m, const struct cp_reg_attempt *at)
{
	cp_core_strip(r->s, m);		/* W2-REG-03: credentials are Digest without integrity-protected now */
	sip_msg_del(m, SIP_HDR_ROUTE);
	sip_msg_del(m, SIP_HDR_P_PREFERRED_IDENTITY);
	put_path(r, m, at);
	cp_core_charge(r->s, m, GW_SV_NONE);
	return cp_reg_auth_to_core(at->u, m);
}

/* ---- attempts ------------------------------------------------------------------------------------------ */

static void free_attempt(struct cp_reg_attempt *at)
{
	if (!at)
		return;
	if (at->u)
		at->u->on_gone = NULL;
	cp_share_cancel(at->query);
	gw_list_remove(&at->node);
	gw_arena_reset(&at->arena);
	free(at->key);
	free(at->aor);
	free(at->contact);
	free(at->contact_params);
	free(at);
}

static void on_register_gone(void *user, struct cp_uas *u)
{
	struct cp_reg_attempt *at = user;

	(void)u;
	at->u = NULL;
}

/* The core refuses. A binding reg-event has called gone meanwhile is not kept by this REGISTER. */
static void note_refusal(struct cp_reg_attempt *at, unsigned status)
{
	struct cp_binding *b = gw_map_get(&at->reg->by_key, gw_sv_cstr(at->key));

	if (status == 401 || status == 407)
		return;
	CP_COUNT(reg_failed);
	if (status == 439) {	/* W2-REG-45: the registrar misses "ob" in the Path of its first hop */
		CP_COUNT(reg_no_outbound);
		GW_LOG_ERROR(at->reg->s->log, "reg.no_outbound", "impu=%s", at->aor);
	}
	if (b && b->is_gone_at_core)
		cp_binding_ended_by_network(b, "ended while it was refreshed", false);
}

static void finish(struct cp_reg_attempt *at, struct sip_msg *m, unsigned status)
{
	struct cp_sip *s = at->reg->s;
	struct cp_uas *u;
	unsigned instead = m ? 0 : 504;

	if (m && status / 100 == 2)
		instead = cp_reg_store(at, m);
	else if (status >= 300)
		note_refusal(at, status);
	u = at->u;
	if (!u)		/* the binding of a lost connection has just gone, and its transactions with it */
		return;
	if (instead) {
		cp_sip_refuse(u, instead, instead == 502 ? "the core gave no Service-Route" : NULL);
		return;
	}
	cp_core_edit_response(s, m, CP_SIDE_W2);
	if (at->is_granted && at->has_ob)	/* RFC 5626 5.4, W2-WS-13 */
		sip_msg_addf(m, SIP_HDR_FLOW_TIMER, "%u", s->conf->w2.ping_interval_s);
	cp_sip_respond(u, m);
	if (at->replaced) {	/* behind the 200: the WIC knows now where it is again (W2-REG-67) */
		cp_sip_flow_move(s, at->replaced, &u->peer);
		cp_transport_close(s->transport, at->replaced, 1000, "replaced");
	}
}

static void on_taken(void *user, const struct cp_share_answer *answer)
{
	struct cp_reg_attempt *at = user;

	at->query = NULL;
	at->taken = answer;
	if (at->u)
		finish(at, at->granted, at->granted->status);
	at->taken = NULL;
	free_attempt(at);
}

/*
 * Several nodes: a binding granted here for the first time may be another's. It is taken over, with its calls, before
 * the WIC is told: what it asks next may belong to one of them. false: there is nobody to ask
 */
static bool ask_others(struct cp_reg_attempt *at, const struct sip_msg *m, unsigned status)
{
	struct cp_sip *s = at->reg->s;

	if (!cp_store_is_shared(s->store) || !m || status / 100 != 2 || at->is_star ||
		gw_map_get(&at->reg->by_key, gw_sv_cstr(at->key)) || !cp_reg_is_granted(at, m) ||
		!(at->granted = gw_arena_new(&at->arena, struct sip_msg)) ||
		cp_sip_copy(at->granted, &at->arena, m))
		return false;
	at->query = cp_store_adopt(s->store, gw_sv_cstr(at->key), on_taken, at);
	return at->query != NULL;
}

static void on_register_response(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct cp_reg_attempt *at = user;

	(void)c;
	if (status < 200)
		return;
	if (at->u && ask_others(at, m, status))
		return;
	if (at->u)
		finish(at, m, status);
	free_attempt(at);
}

static void send_attempt(struct cp_reg_attempt *at)
{
	struct cp_sip *s = at->reg->s;
	struct gw_arena a = GW_ARENA_INIT(1u << 20);
	struct cp_peer to;
	struct sip_msg m;
	unsigned status = 0;

	cp_sip_clone(&m, &at->u->req, &a);
	if (edit_register(at->reg, &m, at)) {
		status = 500;
	} else if (!cp_sip_hop(&m)) {
		status = 483;
	} else {
		cp_sip_core_hop(s, &m, &to);	/* W2-REG-17; behind the edit: no Route of the WIC chooses (W2-SIP-03) */
		if (cp_sip_send(s, &m, &to, on_register_response, NULL, at, NULL))
			status = 503;
	}
	gw_arena_reset(&a);
	if (status) {
		cp_sip_refuse(at->u, status, NULL);
		free_attempt(at);
	}
}

bool cp_reg_is_asking(struct cp_reg *r, const struct cp_binding *b)
{
	GW_LIST_FOREACH(it, &r->attempts)
		if (strcmp(GW_CONTAINER(it, struct cp_reg_attempt, node)->key, b->key) == 0)
			return true;
	return false;
}

/* RFC 5626 5: we are the first hop when nobody has put a Via below the one on top. */
static bool is_first_hop(const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct gw_sv v;

	return !(sip_msg_element(m, SIP_HDR_VIA, &e, &v) && sip_msg_element(m, SIP_HDR_VIA, &e, &v));
}

static struct cp_reg_attempt *new_attempt(struct cp_reg *r, struct cp_uas *u, struct gw_sv key, const struct sip_register *q)
{
	const struct cp_binding *b = gw_map_get(&r->by_key, key), *any = cp_reg_by_conn(r, u->peer.conn);
	struct cp_reg_attempt *at = calloc(1, sizeof(*at));

	if (!at)
		return NULL;
	*at = (struct cp_reg_attempt){ .reg = r, .u = u, .key = gw_sv_dup(key), .aor = gw_sv_dup(q->to.uri.text),
		.contact = gw_sv_dup(q->contact.uri.text), .contact_params = gw_sv_dup(q->contact.params),
		.has_ob = q->has_reg_id && is_first_hop(&u->req), .is_star = q->contact.is_star,
		.arena = GW_ARENA_INIT(1u << 20) };
	at->id = b ? b->id : at->is_star && any ? any->id : cp_reg_new_id(r);
	gw_list_append(&r->attempts, &at->node);
	if (at->key && at->aor && at->contact && at->contact_params)
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
	struct cp_reg_attempt *at;
	unsigned status = sip_register_read(&u->req, &q, &kb) ? 400 : cp_reg_check(r, u, &q, gw_buf_sv(&kb), &why);

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
		struct cp_reg_attempt *at = GW_CONTAINER(r->attempts.next, struct cp_reg_attempt, node);

		at->u = NULL;	/* gone with all transactions before this */
		free_attempt(at);
	}
}
