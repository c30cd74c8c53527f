/* SPDX-License-Identifier: Apache-2.0 */
/* Server transactions: made of a request, answered. */
#include <stdio.h>
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/emergency.h"
#include "control/sip/errors.h"
#include "control/sip/overload.h"
#include "control/sip/reg.h"
#include "control/sip/stack_int.h"

#define FLOW_OPEN 64u       /* of one connection at a time, without a final response */
#define FLOW_TXNS 2048u     /* with those that are kept for retransmissions: a few hundred bytes each */
#define STRANGER_TXNS 4u    /* in all, of a connection that is not registered */
#define CONN_CHARS 17u      /* hex of the connection and a space, in front of the key */

static char out[CP_SIP_BYTES];	/* one control thread: printing never nests */

void cp_uas_put_conn(char key[CP_KEY_BYTES], cp_conn_id conn)
{
	static const char hex[] = "0123456789abcdef";

	for (unsigned i = 0; i < CONN_CHARS - 1; i++)
		key[i] = hex[conn >> (60 - 4 * i) & 15];
	key[CONN_CHARS - 1] = ' ';
}

/* received and rport as seen; keep is answered to the first hop (W2-WS-07, -12). */
static void stamp_via(struct sip_msg *m, const struct cp_peer *from, unsigned keep_s)
{
	struct gw_sv head, params;
	char text[1024];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct sip_param p;

	gw_sv_cut(m->via.text, ';', &head, &params);
	gw_buf_put(&b, gw_sv_trim(head));
	while (sip_param_next(&params, ';', &p)) {
		if (gw_sv_ieq(p.name, GW_SV("received")) || gw_sv_ieq(p.name, GW_SV("rport")) ||
			gw_sv_ieq(p.name, GW_SV("keep")))
			continue;
		gw_buf_putc(&b, ';');
		gw_buf_put(&b, p.name);
		if (p.has_value) {
			gw_buf_puts(&b, p.is_quoted ? "=\"" : "=");
			gw_buf_put(&b, p.value);
			gw_buf_puts(&b, p.is_quoted ? "\"" : "");
		}
	}
	gw_buf_puts(&b, ";received=");
	gw_addr_put_ip(&b, &from->addr);
	if (m->via.has_rport || cp_peer_is_w2(from))
		gw_buf_printf(&b, ";rport=%u", from->addr.port);
	if (m->via.has_keep && cp_peer_is_w2(from))
		gw_buf_printf(&b, ";keep=%u", keep_s);
	if (b.overflow)
		return;
	sip_msg_pop(m, SIP_HDR_VIA);
	sip_msg_push(m, SIP_HDR_VIA, gw_buf_sv(&b));
}

static void uas_send(struct sip_txn *t, struct gw_sv bytes)
{
	struct cp_uas *u = (struct cp_uas *)t;

	if (cp_transport_send(u->sip->transport, &u->peer, bytes) == GW_EIO)
		GW_LOG_DEBUG(u->sip->log, "sip.send_failed", "call_id=%.*s", GW_SV_FMT(u->req.call_id));
}

static void uas_timeout(struct sip_txn *t)
{
	(void)t;
	CP_COUNT(sip_txn_timeout);	/* Timer H: no ACK came; the dialog's BYE follows by itself */
}

/* ---- begin and end ------------------------------------------------------------------------------------ */

/* Chunks of the request go; of a 2xx to INVITE stays what its repetitions by the far end need (RFC 6026). */
static void shed_request(struct cp_uas *u)
{
	static const enum sip_hdr_id kept[] = { SIP_HDR_VIA, SIP_HDR_FROM, SIP_HDR_CSEQ, SIP_HDR_RECORD_ROUTE,
		SIP_HDR_P_CHARGING_VECTOR, SIP_HDR_P_CALLED_PARTY_ID };
	struct gw_arena old = u->arena;
	struct sip_msg req = u->req;

	u->arena = (struct gw_arena)GW_ARENA_INIT(CP_ARENA_BYTES);
	u->req = (struct sip_msg){ .arena = &u->arena, .is_request = true, .method = req.method };
	if (u->txn.state == SIP_TXN_ACCEPTED) {
		u->req.call_id = gw_arena_sv(&u->arena, req.call_id);
		u->req.to_tag = gw_arena_sv(&u->arena, req.to_tag);
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
			const struct sip_hdr *h;
			unsigned it = 0;

			while ((h = sip_msg_next(&req, kept[i], &it)))
				sip_msg_add(&u->req, kept[i], h->value);
		}
	}
	gw_arena_reset(&old);
}

void cp_uas_sweep(struct cp_sip *s)
{
	struct cp_uas *u;

	while ((u = s->spent)) {
		s->spent = u->spent_next;
		u->is_spent = false;
		if (cp_uas_is_stateless(u)) {
			gw_arena_reset(&u->arena);
			free(u);
		} else {
			shed_request(u);
		}
	}
}

/* Whoever has answered may still be reading the request: it is given back behind the event. */
static void spend(struct cp_uas *u)
{
	if (u->is_spent)
		return;
	u->is_spent = true;
	u->spent_next = u->sip->spent;
	u->sip->spent = u;
}

void cp_uas_free(struct cp_uas *u)
{
	struct cp_uas **p = &u->sip->spent;

	cp_auth_drop(u->sip, &u->auth);
	while (u->is_spent && *p && *p != u)
		p = &(*p)->spent_next;
	if (u->is_spent && *p)
		*p = u->spent_next;
	cp_flow_leave(u);
	if (u->key_len)
		gw_map_del(&u->sip->uas, gw_sv(u->key, u->key_len));
	CP_GAUGE_ADD(sip_transactions, -1);
	if (!u->is_final)
		cp_overload_open(u->sip->overload, -1);
	cp_ctr_value[sip_txn_illegal] += u->txn.n_illegal;
	sip_txn_dispose(&u->txn);
	gw_arena_reset(&u->arena);
	free(u);
}

static void uas_terminated(struct sip_txn *t)
{
	struct cp_uas *u = (struct cp_uas *)t;

	if (u->on_gone)
		u->on_gone(u->user, u);
	if (u->forward)
		u->forward->user = NULL;
	cp_uas_free(u);
}

static const struct sip_txn_ops uas_ops = { uas_send, uas_timeout, uas_terminated };

struct gw_sv cp_uas_key(const struct cp_peer *from, const struct sip_msg *m, char key[CP_KEY_BYTES])
{
	struct gw_sv k = sip_txn_key(m, true, key + CONN_CHARS);

	cp_uas_put_conn(key, cp_peer_is_w2(from) ? from->conn : 0);
	return k.len ? gw_sv(key, CONN_CHARS + k.len) : GW_SV_NONE;
}

static bool is_crowded(const struct cp_uas *u, bool is_known)
{
	struct cp_sip *s = u->sip;
	struct cp_flow *f = u->side == CP_SIDE_MW ? NULL : gw_map_get_u64(&s->flows, u->peer.conn);

	return s->uas.count >= 4ull * (s->conf->reg.max_calls + s->conf->w2.max_connections) ||
		(f && (is_known ? f->n_open >= FLOW_OPEN || f->n_uas >= FLOW_TXNS : f->n_uas >= STRANGER_TXNS));
}

/* W2-SIP-01, threats P7 and P8: who is not registered gets no memory here, and nobody gets all of it. */
static enum cp_turned_away turn_away(struct cp_uas *u)
{
	struct cp_sip *s = u->sip;
	const struct cp_binding *b = u->side == CP_SIDE_MW ? NULL : cp_reg_by_sender(s->reg, u->peer.conn, &u->req);
	bool is_known = u->side == CP_SIDE_MW || b;

	u->binding = b ? b->id : 0;
	if (!is_known && u->req.method != SIP_REGISTER && !cp_emergency_takes_stranger(u))
		return CP_AWAY_STRANGER;
	if (is_crowded(u, is_known))
		return CP_AWAY_CROWDED;
	switch (cp_overload_admit(s->overload, u, b && !b->is_anonymous ? b->aor : NULL)) {
	case CP_ADMIT:
		break;
	case CP_REFUSE_RATE:
		return CP_AWAY_RATE;
	case CP_REFUSE_LOAD:
		return CP_AWAY_LOAD;
	}
	return CP_AWAY_NOT;
}

static enum gw_err begin(struct cp_uas *u)
{
	struct cp_sip *s = u->sip;
	struct sip_txn_conf conf = cp_txn_conf(s, &u->peer);
	struct cp_flow *f = NULL;
	enum gw_err err;

	u->key_len = cp_uas_key(&u->peer, &u->req, u->key).len;
	if (u->key_len == 0 || gw_map_get(&s->uas, gw_sv(u->key, u->key_len)))
		return GW_EBADMSG;
	if (u->side == CP_SIDE_W2 && !(f = cp_flow_get(s, u->peer.conn)))
		return GW_ENOMEM;
	if ((err = gw_map_put(&s->uas, gw_sv(u->key, u->key_len), u)))
		goto out;
	if ((err = sip_txn_uas_start(&u->txn, u->req.method == SIP_INVITE, &conf, &uas_ops, &s->loop->timers))) {
		gw_map_del(&s->uas, gw_sv(u->key, u->key_len));
		goto out;
	}
	CP_GAUGE_ADD(sip_transactions, 1);
	cp_overload_open(s->overload, 1);
	if (f)
		cp_flow_join(u, f);
	return GW_OK;
out:
	cp_flow_put(s, f);
	return err;
}

struct cp_uas *cp_uas_new(struct cp_sip *s, const struct cp_peer *from, const struct sip_msg *m)
{
	struct cp_uas *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->sip = s;
	u->peer = *from;
	u->side = cp_peer_is_w2(from) ? CP_SIDE_W2 : CP_SIDE_MW;
	gw_list_init(&u->flow_node);
	u->req = *m;
	u->arena = *m->arena;
	u->req.arena = &u->arena;
	*m->arena = (struct gw_arena)GW_ARENA_INIT(CP_ARENA_BYTES);
	u->is_emergency = cp_emergency_is(s->conf, &u->req);
	u->away = turn_away(u);
	if (!cp_uas_is_stateless(u) && begin(u))
		goto drop;
	stamp_via(&u->req, from, s->conf->w2.ping_interval_s);
	return u;
drop:
	gw_arena_reset(&u->arena);
	free(u);
	return NULL;
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static void print_and_respond(struct cp_uas *u, const struct sip_msg *m)
{
	struct gw_buf b = gw_buf(out, sizeof(out));
	enum gw_err err = sip_msg_print(m, &b);
	bool is_away = u->side == CP_SIDE_W2 && !cp_transport_alive(u->sip->transport, u->peer.conn);

	if (cp_uas_is_stateless(u)) {
		if (err == GW_OK)
			uas_send(&u->txn, gw_buf_sv(&b));
		return;
	}
	/* W2-REG-67: nobody is there now; over a reliable transport the answer would be forgotten at once */
	if (is_away && u->txn.kind == SIP_TXN_UAS)
		u->txn.conf.is_reliable = false;
	if (err == GW_OK)
		err = sip_txn_uas_respond(&u->txn, m->status, gw_buf_sv(&b), cp_loop_now(u->sip->loop));
	if (is_away)
		cp_uas_keep_for_return(u);
	if (err)
		GW_LOG_WARN(u->sip->log, "sip.respond_failed", "call_id=%.*s status=%u error=%s",
			GW_SV_FMT(m->call_id), m->status, gw_err_name(err));
}

void cp_uas_answer(struct cp_uas *u, struct sip_msg *m)
{
	const struct sip_hdr *h;
	unsigned it = 0;

	if (u->is_final && u->txn.state != SIP_TXN_ACCEPTED)
		return;		/* answered already: what the Via was is forgotten */
	sip_msg_del(m, SIP_HDR_VIA);
	while ((h = sip_msg_next(&u->req, SIP_HDR_VIA, &it)))
		sip_msg_add(m, SIP_HDR_VIA, h->value);
	/* the number its sender knows it by, whatever the other side has seen (W2-ST-05) */
	if (!gw_sv_eq(sip_msg_value(m, SIP_HDR_CSEQ), sip_msg_value(&u->req, SIP_HDR_CSEQ)))
		sip_msg_set(m, SIP_HDR_CSEQ, sip_msg_value(&u->req, SIP_HDR_CSEQ));
	if (m->status >= 200 && !u->is_final) {
		u->is_final = true;
		if (!cp_uas_is_stateless(u))
			cp_overload_open(u->sip->overload, -1);
		if (u->flow)
			u->flow->n_open--;
	}
	print_and_respond(u, m);
	if (u->is_final)
		spend(u);
}

void cp_sip_repeat(struct cp_uas *u)
{
	if (!u->is_final && u->txn.last_len)
		uas_send(&u->txn, gw_sv(u->txn.last, u->txn.last_len));
}

void cp_sip_respond(struct cp_uas *u, struct sip_msg *m)
{
	if (u->side == CP_SIDE_MW) {
		cp_core_edit_from_wic(u, m);
	} else {
		cp_emergency_show_caller(u, m);
		cp_reg_auth_response(u, m);
	}
	cp_uas_answer(u, m);
}

/* RFC 3261 8.2.7: the same for each repetition, and known again in the ACK that must end here. */
static void stateless_tag(struct gw_sv call_id, char tag[CP_UAS_TAG_BYTES])
{
	snprintf(tag, CP_UAS_TAG_BYTES, "sl%016llx", (unsigned long long)gw_sv_hash(call_id));
}

bool cp_uas_was_stateless(const struct sip_msg *ack)
{
	char tag[CP_UAS_TAG_BYTES];

	stateless_tag(ack->call_id, tag);
	return gw_sv_eq(ack->to_tag, gw_sv_cstr(tag));
}

void cp_uas_new_tag(const struct cp_uas *u, char tag[CP_UAS_TAG_BYTES])
{
	if (cp_uas_is_stateless(u))
		stateless_tag(u->req.call_id, tag);
	else
		cp_random_token(tag, CP_TAG_CHARS);
}

/* Who has nothing under way here, and comes back before it may, is read later: calls never wait. */
static void put_off(struct cp_uas *u)
{
	struct cp_sip *s = u->sip;
	const struct cp_flow *f = gw_map_get_u64(&s->flows, u->peer.conn);

	if (u->side == CP_SIDE_W2 && (!f || (f->n_open == 0 && gw_list_empty(&f->uac))) &&
		!cp_reg_conn_has_calls(s->reg, u->peer.conn))
		cp_transport_put_off(s->transport, u->peer.conn, s->conf->overload.retry_after_s);
}

void cp_uas_refuse_stateless(struct cp_uas *u)
{
	switch (u->away) {
	case CP_AWAY_NOT:
	case CP_AWAY_STRANGER:
		cp_sip_error(u, CP_ERR_NOT_REGISTERED, NULL);
		break;
	case CP_AWAY_CROWDED:
		CP_COUNT(sip_txn_refused);
		cp_sip_error(u, CP_ERR_CROWDED, NULL);
		break;
	case CP_AWAY_RATE:
		cp_sip_error(u, CP_ERR_RATE, NULL);
		put_off(u);
		break;
	case CP_AWAY_LOAD:	/* W2-ERR-43 */
		cp_sip_error(u, CP_ERR_OVERLOAD, NULL);
		put_off(u);
		break;
	}
}
