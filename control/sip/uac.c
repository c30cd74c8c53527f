/* SPDX-License-Identifier: Apache-2.0 */
/* Client transactions: sent, cancelled, timed out; requests that are only forwarded. */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/entry.h"
#include "control/sip/errors.h"
#include "control/sip/session.h"
#include "control/sip/stack_int.h"

#define BRANCH_CHARS 20

static char out[CP_SIP_BYTES];	/* one control thread: printing never nests */

static const char *via_transport(const struct cp_peer *p)
{
	switch (p->proto) {
	case CP_PROTO_WSS:
		return "WSS";
	case CP_PROTO_WS:
		return "WS";
	case CP_PROTO_TCP:
		return "TCP";
	case CP_PROTO_UDP:
	case CP_PROTO_NONE:
		break;
	}
	return "UDP";
}

static void uac_send(struct sip_txn *t, struct gw_sv bytes)
{
	struct cp_uac *c = (struct cp_uac *)t;

	if (cp_transport_is_long(c->sip->transport, &c->peer, bytes))
		c->peer.is_long = true;		/* ACK and CANCEL must find it where it went */
	/* a lost connection is told by on_closed; UDP errors show as time-outs */
	(void)!cp_transport_send(c->sip->transport, &c->peer, bytes);
}

/* W2-ERR-20, -21: the core does not answer what begins something; within a dialog it is RFC 3261 12.2.1.2. */
static unsigned no_answer(const struct cp_uac *c)
{
	return cp_peer_is_w2(&c->peer) || c->req.to_tag.len ? 408 : 504;
}

static void uac_timeout(struct sip_txn *t)
{
	struct cp_uac *c = (struct cp_uac *)t;

	CP_COUNT(sip_txn_timeout);
	c->has_final = true;
	if (cp_peer_is_w2(&c->peer))
		cp_transport_suspect(c->sip->transport, c->peer.conn);	/* W2-ERR-33 */
	else
		cp_entry_failed(c->sip->entry, &c->peer, "no answer to a request");
	if (!cp_uac_move(c) && c->on_response)
		c->on_response(c->user, c, NULL, no_answer(c));
}

void cp_uac_terminated(struct sip_txn *t)
{
	struct cp_uac *c = (struct cp_uac *)t;
	struct cp_sip *s = c->sip;

	if (c->on_gone)
		c->on_gone(c->user, c);
	gw_map_del(&s->uac, gw_sv(c->key, c->key_len));
	gw_list_remove(&c->flow_node);
	cp_flow_put(s, c->flow);
	CP_GAUGE_ADD(sip_transactions, -1);
	cp_ctr_value[sip_txn_illegal] += c->txn.n_illegal;
	gw_timer_stop(&s->loop->timers, &c->timer_c);
	sip_txn_dispose(&c->txn);
	gw_arena_reset(&c->arena);
	free(c);
}

static const struct sip_txn_ops uac_ops = { uac_send, uac_timeout, cp_uac_terminated };

/*
 * Timer C (RFC 3261 16.8): a ringing INVITE is cancelled. Behind a CANCEL the same timer runs for 64*T1: no
 * final response by then, and the INVITE counts as cancelled (RFC 3261 9.1).
 */
static void on_timer_c(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_uac *c = GW_CONTAINER(timer, struct cp_uac, timer_c);

	(void)now_ms;
	if (c->has_final)
		return;
	if (!c->cancel_sent) {
		c->timer_c_fired = true;
		cp_sip_cancel(c, GW_SV("SIP;cause=408;text=\"no answer\""));
		return;
	}
	c->has_final = true;
	CP_COUNT(sip_txn_timeout);
	if (c->on_response)
		c->on_response(c->user, c, NULL, c->timer_c_fired ? 408 : 487);
	sip_txn_transport_error(&c->txn);
}

/* RFC 3261 16.6 8: the second part of the branch is the same when the same request goes the same way again. */
static uint64_t loop_mark(const struct sip_msg *m, const struct cp_peer *to)
{
	char text[2048];
	struct gw_buf b = gw_buf(text, sizeof(text));

	gw_buf_printf(&b, "%llu %u ", cp_peer_is_w2(to) ? (unsigned long long)to->conn : 0ull, m->cseq.number);
	gw_buf_put(&b, m->method_name);
	gw_buf_put(&b, m->call_id);
	gw_buf_put(&b, m->from_tag);
	gw_buf_put(&b, m->to_tag);
	gw_buf_put(&b, m->ruri);
	return gw_sv_hash(gw_buf_sv(&b));
}

bool cp_sip_is_loop(const struct cp_sip *s, const struct sip_msg *m, const struct cp_peer *to)
{
	struct sip_elements e = { 0 };
	char mark[20];
	struct sip_via via;
	struct gw_sv v;

	snprintf(mark, sizeof(mark), ".%016llx", (unsigned long long)loop_mark(m, to));
	while (sip_msg_element(m, SIP_HDR_VIA, &e, &v))
		if (sip_via_parse(v, &via) == GW_OK && gw_sv_ends(via.branch, gw_sv_cstr(mark)) &&
			(gw_sv_ieq(via.host, gw_sv_cstr(s->conf->mw.host_name)) ||
				gw_sv_ieq(via.host, gw_sv_cstr(s->conf->w2.host_name))))
			return true;
	return false;
}

static void push_via(struct cp_sip *s, struct sip_msg *m, const struct cp_peer *to)
{
	char text[320], branch[BRANCH_CHARS + 1];
	struct gw_buf b = gw_buf(text, sizeof(text));

	cp_random_token(branch, BRANCH_CHARS);
	gw_buf_printf(&b, "SIP/2.0/%s ", via_transport(to));
	if (cp_peer_is_w2(to))
		gw_buf_puts(&b, s->conf->w2.host);
	else
		cp_sip_mw_host(s, &b);
	gw_buf_printf(&b, ";branch=z9hG4bK%s.%016llx", branch, (unsigned long long)loop_mark(m, to));
	if (!cp_peer_is_w2(to))
		gw_buf_puts(&b, ";rport");
	sip_msg_push(m, SIP_HDR_VIA, gw_buf_sv(&b));
}

/* What comes back of the request: kept by the transaction, whose Via the message has already. */
struct callbacks {
	void (*on_response)(void *, struct cp_uac *, struct sip_msg *, unsigned);
	void (*on_gone)(void *, struct cp_uac *);
	void *user;
};

static enum gw_err begin(struct cp_uac *c, struct gw_sv bytes)
{
	struct cp_sip *s = c->sip;
	struct sip_txn_conf conf = cp_txn_conf(s, &c->peer);
	enum gw_err err;
	char *copy = gw_arena_cstr(&c->arena, bytes);

	if (!copy || sip_msg_parse(&c->req, &c->arena, gw_sv(copy, bytes.len), SIP_DATAGRAM, NULL))
		return GW_EBADMSG;	/* what we made must be what we accept */
	c->key_len = sip_txn_key(&c->req, false, c->key).len;
	if (cp_peer_is_w2(&c->peer) && !(c->flow = cp_flow_get(s, c->peer.conn)))
		return GW_ENOMEM;
	if ((err = gw_map_put(&s->uac, gw_sv(c->key, c->key_len), c)))
		return err;
	if ((err = sip_txn_uac_start(&c->txn, c->req.method == SIP_INVITE, &conf, &uac_ops, &s->loop->timers, bytes,
		     cp_loop_now(s->loop)))) {
		gw_map_del(&s->uac, gw_sv(c->key, c->key_len));
		return err;
	}
	CP_GAUGE_ADD(sip_transactions, 1);
	if (c->flow)
		gw_list_append(&c->flow->uac, &c->flow_node);
	if (c->req.method == SIP_INVITE)
		(void)gw_timer_arm(&s->loop->timers, &c->timer_c,
			cp_loop_now(s->loop) + s->conf->mw.timer_c_s * 1000ull);
	return GW_OK;
}

static enum gw_err send_with_via(struct cp_sip *s, const struct sip_msg *m, const struct cp_peer *to,
	const struct callbacks *cb, struct cp_uac **result)
{
	struct cp_uac *c = calloc(1, sizeof(*c));
	struct gw_buf b = gw_buf(out, sizeof(out));
	enum gw_err err;

	if (!c)
		return GW_ENOMEM;
	c->sip = s;
	c->peer = *to;
	c->arena.limit = CP_ARENA_BYTES;
	c->timer_c.fn = on_timer_c;
	c->on_response = cb->on_response;
	c->on_gone = cb->on_gone;
	c->user = cb->user;
	gw_list_init(&c->flow_node);
	if ((err = sip_msg_print(m, &b)) || (err = begin(c, gw_buf_sv(&b)))) {
		cp_flow_put(s, c->flow);
		gw_arena_reset(&c->arena);
		free(c);
		return err;
	}
	c->ref = result;
	if (result)
		*result = c;
	return GW_OK;
}

enum gw_err cp_sip_send(struct cp_sip *s, struct sip_msg *m, const struct cp_peer *to,
	void (*on_response)(void *, struct cp_uac *, struct sip_msg *, unsigned),
	void (*on_gone)(void *, struct cp_uac *), void *user, struct cp_uac **result)
{
	const struct callbacks cb = { on_response, on_gone, user };

	if (to->proto == CP_PROTO_NONE)
		return GW_EIO;
	push_via(s, m, to);
	return send_with_via(s, m, to, &cb, result);
}

void cp_sip_send_stateless(struct cp_sip *s, struct sip_msg *m, const struct cp_peer *to)
{
	struct gw_buf b = gw_buf(out, sizeof(out));

	if (to->proto == CP_PROTO_NONE)
		return;
	push_via(s, m, to);
	if (sip_msg_print(m, &b) == GW_OK)
		(void)!cp_transport_send(s->transport, to, gw_buf_sv(&b));
}

void cp_uac_send_cancel(struct cp_uac *c)
{
	static const struct callbacks nobody = { 0 };	/* its answer says nothing: the INVITE's does */
	struct gw_arena a = GW_ARENA_INIT(CP_ARENA_BYTES);
	struct cp_sip *s = c->sip;
	struct sip_msg m;

	c->cancel_sent = true;
	sip_msg_cancel(&m, &a, &c->req);	/* on the branch of the INVITE: hop by hop */
	if (send_with_via(s, &m, &c->peer, &nobody, NULL))
		GW_LOG_WARN(s->log, "sip.cancel_failed", "call_id=%.*s", GW_SV_FMT(c->req.call_id));
	(void)gw_timer_arm(&s->loop->timers, &c->timer_c,
		cp_loop_now(s->loop) + 64ull * cp_txn_conf(s, &c->peer).t1_ms);
	gw_arena_reset(&a);
}

/* ---- fail-over ------------------------------------------------------------------------------------------- */

/* A user who keeps the pointer must be there to keep the new one. */
static bool may_move(const struct cp_uac *c)
{
	return !cp_peer_is_w2(&c->peer) && !c->is_pinned && !c->cancel_wanted && !c->timer_c_fired && c->on_response &&
		(!c->ref || (c->on_gone && c->user)) && c->n_tried + 1 < CP_TRIED_MAX;
}

bool cp_uac_move(struct cp_uac *c)
{
	const struct callbacks cb = { c->on_response, c->on_gone, c->user };
	struct gw_arena a = GW_ARENA_INIT(CP_ARENA_BYTES);
	struct cp_sip *s = c->sip;
	struct cp_uac *next = NULL;
	struct cp_peer to;
	struct sip_msg m;

	if (!may_move(c))
		return false;
	c->tried[c->n_tried++] = c->peer;
	if (cp_route_next(s, &c->req, c->tried, c->n_tried, &to))
		return false;
	cp_sip_clone(&m, &c->req, &a);
	sip_msg_pop(&m, SIP_HDR_VIA);
	push_via(s, &m, &to);	/* another target, another transaction */
	if (send_with_via(s, &m, &to, &cb, &next) == GW_OK) {
		CP_COUNT(sip_moved);
		memcpy(next->tried, c->tried, sizeof(c->tried));
		next->n_tried = c->n_tried;
		next->ref = c->ref;
		if (next->ref)
			*next->ref = next;
		c->on_response = NULL;
		c->on_gone = NULL;
		c->user = NULL;
		c->ref = NULL;
	}
	gw_arena_reset(&a);
	return next != NULL;
}

void cp_uac_transport_error(struct cp_uac *c)
{
	c->has_final = true;
	if (!cp_peer_is_w2(&c->peer))
		cp_entry_failed(c->sip->entry, &c->peer, "not reached");
	if (!cp_uac_move(c) && c->on_response)
		c->on_response(c->user, c, NULL, 503);	/* W2-ERR-50 */
	sip_txn_transport_error(&c->txn);
}

void cp_uac_move_all(struct cp_sip *s, const struct cp_peer *from)
{
	size_t it = 0;
	void *v;

	while (gw_map_next(&s->uac, &it, &v)) {
		struct cp_uac *c = v;

		if (c->has_final || c->has_provisional || !cp_peer_same(&c->peer, from) || !cp_uac_move(c))
			continue;
		c->has_final = true;
		sip_txn_transport_error(&c->txn);
		it = 0;			/* the map has changed */
	}
}

void cp_uac_learn_dialog(struct cp_uac *c, const struct sip_msg *m)
{
	struct gw_sv list[CP_EARLY_ROUTES];
	struct cp_early *d;

	if (c->req.method != SIP_INVITE || c->req.to_tag.len || cp_peer_is_w2(&c->peer) || m->status <= 100 ||
		m->status >= 300 || m->to_tag.len == 0 || cp_uac_early(c, m->to_tag))
		return;
	if (!c->early)
		c->early = gw_arena_array(&c->arena, struct cp_early, CP_EARLY_MAX);
	if (!c->early || c->n_early == CP_EARLY_MAX)
		return;
	d = &c->early[c->n_early++];
	d->tag = gw_arena_sv(&c->arena, m->to_tag);
	d->n_routes = cp_core_entries(c->sip, m, true, list, CP_EARLY_ROUTES);
	for (unsigned i = 0; i < d->n_routes; i++)
		d->routes[i] = gw_arena_sv(&c->arena, list[i]);
}

const struct cp_early *cp_uac_early(const struct cp_uac *c, struct gw_sv to_tag)
{
	for (unsigned i = 0; i < c->n_early; i++)
		if (gw_sv_eq(c->early[i].tag, to_tag))
			return &c->early[i];
	return NULL;
}

void cp_sip_cancel(struct cp_uac *c, struct gw_sv reason)
{
	if (c->has_final || c->cancel_sent)
		return;
	if (reason.len)
		sip_msg_set(&c->req, SIP_HDR_REASON, reason);	/* copied into the CANCEL */
	c->cancel_wanted = true;
	if (c->has_provisional)
		cp_uac_send_cancel(c);
}

/* ---- plain forwarding -------------------------------------------------------------------------------- */

/* The dialog this answer makes is charged as the request was, also when the core does not repeat it (W2-SIP-04). */
static void keep_icid(const struct cp_uac *c, struct sip_msg *m)
{
	struct gw_sv icid = cp_core_icid_of(&c->req);

	if (!cp_peer_is_w2(&c->peer) && icid.len && cp_core_icid_of(m).len == 0)
		sip_msg_addf(m, SIP_HDR_P_CHARGING_VECTOR, "icid-value=\"%.*s\"", GW_SV_FMT(icid));
}

static void on_forward_response(void *user, struct cp_uac *c, struct sip_msg *m, unsigned status)
{
	struct cp_uas *u = user;

	if (!u || status == 100)
		return;
	if (!m) {
		cp_sip_error(u, status == 504 ? CP_ERR_NO_CORE : status == 503 ? CP_ERR_CORE_BUSY : CP_ERR_NO_ANSWER,
			NULL);
		return;
	}
	if (c)
		keep_icid(c, m);
	cp_alg_response(u, m);
	cp_core_edit_response(u->sip, m, u->side);
	cp_sip_respond(u, m);
}

static void on_forward_gone(void *user, struct cp_uac *c)
{
	struct cp_uas *u = user;

	(void)c;
	if (u)
		u->forward = NULL;
}

void cp_sip_forward(struct cp_uas *u, struct sip_msg *m, const struct cp_peer *to)
{
	enum gw_err err = cp_sip_send(u->sip, m, to, on_forward_response, on_forward_gone, u, &u->forward);

	if (err)
		cp_sip_error(u, err == GW_EIO ? CP_ERR_CORE_BUSY : err == GW_ENOSPC ? CP_ERR_TOO_BIG : CP_ERR_INTERNAL,
			NULL);
}
