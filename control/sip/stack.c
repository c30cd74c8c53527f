/* SPDX-License-Identifier: Apache-2.0 */
/* SIP over the transport: what comes in finds its transaction, or makes one. */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/app/trace.h"
#include "control/sip/core.h"
#include "control/sip/emergency.h"
#include "control/sip/entry.h"
#include "control/sip/errors.h"
#include "control/sip/overload.h"
#include "control/sip/reg.h"
#include "control/sip/session.h"
#include "control/sip/stack_int.h"
#include "proto/sip/policy.h"

static char out[CP_SIP_BYTES];	/* one control thread: printing never nests */

void cp_sip_clone(struct sip_msg *dst, const struct sip_msg *src, struct gw_arena *arena)
{
	*dst = *src;
	dst->arena = arena;
	dst->cap_hdrs = src->n_hdrs + 16;
	dst->hdrs = gw_arena_array(arena, struct sip_hdr, dst->cap_hdrs);
	if (dst->hdrs)
		memcpy(dst->hdrs, src->hdrs, src->n_hdrs * sizeof(*src->hdrs));
	else
		dst->n_hdrs = dst->cap_hdrs = 0;
}

enum gw_err cp_sip_copy(struct sip_msg *dst, struct gw_arena *arena, const struct sip_msg *src)
{
	struct gw_buf b = gw_buf(out, sizeof(out));
	enum gw_err err = sip_msg_print(src, &b);
	char *text;

	arena->limit = CP_ARENA_BYTES;
	if (err)
		return err;
	text = gw_arena_cstr(arena, gw_buf_sv(&b));
	return text ? sip_msg_parse(dst, arena, gw_sv(text, b.len), SIP_DATAGRAM, NULL) : GW_ENOMEM;
}

bool cp_sip_hop(struct sip_msg *m)
{
	uint32_t n;
	char text[8];

	if (gw_sv_uint_max(sip_msg_value(m, SIP_HDR_MAX_FORWARDS), 255, &n)) {
		sip_msg_set(m, SIP_HDR_MAX_FORWARDS, GW_SV("70"));
		return true;
	}
	if (n == 0)
		return false;
	snprintf(text, sizeof(text), "%u", n > 70 ? 70 : n - 1);
	sip_msg_set(m, SIP_HDR_MAX_FORWARDS, gw_sv_cstr(text));
	return true;
}

void cp_sip_mw_host(const struct cp_sip *s, struct gw_buf *b)
{
	gw_buf_printf(b, "%s:%u", s->conf->mw.host, s->conf->mw.bind.port);
}

const char *cp_sip_node_host(const struct cp_sip *s, char *text, size_t cap)
{
	struct gw_buf b = gw_buf(text, cap - 1);

	if (s->conf->state.node_address.port)
		gw_addr_put(&b, &s->conf->state.node_address);
	else
		cp_sip_mw_host(s, &b);
	text[b.len] = '\0';
	return text;
}

/* ---- input -------------------------------------------------------------------------------------------- */

/* Responses count only from where the request went (threat P7): a branch is no secret between users. */
static bool is_from_peer(const struct cp_uac *c, const struct cp_peer *from)
{
	if (cp_peer_is_w2(&c->peer))
		return cp_peer_is_w2(from) && c->peer.conn == from->conn;
	return !cp_peer_is_w2(from);	/* Mw: the transport lets trusted sources in only */
}

/* W2-SIP-42: a 2xx to INVITE behind the end of its transaction goes on to the WIC; all else is dropped. */
static void stray_response(struct cp_sip *s, const struct cp_peer *from, struct sip_msg *m)
{
	struct gw_buf b = gw_buf(out, sizeof(out));
	struct cp_binding *binding = NULL;
	struct sip_elements e = { 0 };
	struct sip_addr a;
	struct gw_sv v;

	CP_COUNT(sip_stray_response);
	if (!cp_peer_is_w2(from))	/* to a request we have given up: late, but a sign of life */
		cp_entry_answered(s->entry, from, m->status == 503 ? 0 : m->status, 0);
	if (cp_peer_is_w2(from) || m->cseq.method != SIP_INVITE || m->status / 100 != 2 ||
		!gw_sv_ieq(m->via.host, gw_sv_cstr(s->conf->mw.host_name)))
		return;
	while (!binding && sip_msg_element(m, SIP_HDR_RECORD_ROUTE, &e, &v))
		if (sip_addr_parse(v, &a) == GW_OK && cp_core_is_us(s, a.uri.text))
			binding = cp_reg_by_token(s->reg, a.uri.user);
	sip_msg_pop(m, SIP_HDR_VIA);
	if (!binding || !cp_binding_alive(binding) || !sip_msg_find(m, SIP_HDR_VIA))
		return;
	cp_core_edit_response(s, m, CP_SIDE_W2);
	cp_alg_edit_body(m);
	if (sip_msg_print(m, &b) == GW_OK)
		(void)!cp_transport_send(s->transport, &binding->peer, gw_buf_sv(&b));
}

static void note_response(struct cp_uac *c, const struct sip_msg *m)
{
	struct cp_sip *s = c->sip;

	if (m->status >= 200) {
		c->has_final = true;
		gw_timer_stop(&s->loop->timers, &c->timer_c);
		return;
	}
	c->has_provisional = true;
	if (c->req.method == SIP_INVITE && m->status > 100 && !c->cancel_sent)
		(void)gw_timer_arm(&s->loop->timers, &c->timer_c,
			cp_loop_now(s->loop) + s->conf->mw.timer_c_s * 1000ull);
	if (c->cancel_wanted && !c->cancel_sent)
		cp_uac_send_cancel(c);
}

/* delta-seconds *(comment) *(;param), RFC 3261 20.33. */
static uint32_t retry_after(const struct sip_msg *m)
{
	struct gw_sv v = sip_msg_value(m, SIP_HDR_RETRY_AFTER);
	size_t n = 0;
	uint32_t s;

	while (n < v.len && v.p[n] >= '0' && v.p[n] <= '9')
		n++;
	return gw_sv_u32(gw_sv_sub(v, 0, n), &s) == GW_OK ? s : 0;
}

static void input_response(struct cp_sip *s, const struct cp_peer *from, struct sip_msg *m, struct gw_arena *arena)
{
	char buf[SIP_TXN_KEY_BYTES];
	struct gw_sv key = sip_txn_key(m, false, buf), ack = GW_SV_NONE;
	struct cp_uac *c = gw_map_get(&s->uac, key);
	struct gw_buf b = gw_buf(out, sizeof(out));
	enum sip_txn_verdict v;
	struct sip_msg a;

	if (!c || !is_from_peer(c, from)) {
		stray_response(s, from, m);
		return;
	}
	if (c->req.method == SIP_INVITE && m->status >= 300) {
		sip_msg_ack(&a, arena, &c->req, m);
		if (sip_msg_print(&a, &b) == GW_OK)
			ack = gw_buf_sv(&b);
	}
	if (!cp_peer_is_w2(&c->peer))
		cp_entry_answered(s->entry, &c->peer, m->status, retry_after(m));
	if (m->status == 503 && !c->has_final && cp_uac_move(c)) {	/* RFC 3263 4.3; c only acknowledges now */
		c->has_final = true;
		(void)sip_txn_uac_response(&c->txn, m->status, ack, cp_loop_now(s->loop));
		return;
	}
	note_response(c, m);
	cp_uac_learn_dialog(c, m);
	sip_msg_pop(m, SIP_HDR_VIA);
	/* the user first: on reliable transports the machine may end, and c with it, inside the step */
	void (*cb)(void *, struct cp_uac *, struct sip_msg *, unsigned) = c->on_response;
	void *user = c->user;
	bool first = c->txn.state == SIP_TXN_TRYING || c->txn.state == SIP_TXN_PROCEEDING ||
		(c->txn.state == SIP_TXN_ACCEPTED && m->status / 100 == 2);

	v = sip_txn_uac_response(&c->txn, m->status, ack, cp_loop_now(s->loop));
	if (v == SIP_TXN_PASS && first && cb)
		cb(user, gw_map_get(&s->uac, key) == c ? c : NULL, m, m->status);
}

static void options_to_us(struct cp_uas *u)
{
	struct gw_arena a = GW_ARENA_INIT(CP_ARENA_BYTES);
	char tag[CP_TAG_CHARS + 1];
	struct sip_msg m;

	cp_random_token(tag, CP_TAG_CHARS);
	sip_msg_response(&m, &a, &u->req, 200, NULL, gw_sv_cstr(tag));
	sip_msg_add(&m, SIP_HDR_ALLOW, GW_SV("INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, UPDATE, PRACK, "
					      "INFO, MESSAGE, SUBSCRIBE, NOTIFY, REFER, PUBLISH"));
	sip_msg_add(&m, SIP_HDR_ACCEPT, GW_SV("application/sdp"));
	sip_msg_add(&m, SIP_HDR_SUPPORTED, GW_SV("path, outbound, gruu"));
	cp_uas_answer(u, &m);
	gw_arena_reset(&a);
}

static void input_cancel(struct cp_sip *s, struct cp_uas *u)
{
	struct sip_msg probe = u->req;
	char key[CP_KEY_BYTES];
	struct cp_uas *inv;

	probe.method = SIP_INVITE;
	probe.method_name = GW_SV("INVITE");
	inv = gw_map_get(&s->uas, cp_uas_key(&u->peer, &probe, key));
	if (!inv) {
		cp_sip_error(u, CP_ERR_NO_DIALOG, NULL);
		return;
	}
	cp_sip_refuse(u, 200, NULL);
	if (!inv->is_final && inv->on_cancel)
		inv->on_cancel(inv->user, inv, &probe);
}

static bool check_request(struct cp_uas *u, enum gw_err err, const struct gw_diag *diag)
{
	const char *why = NULL;
	struct sip_uri uri;

	if (err == GW_EUNSUPP)
		cp_sip_error(u, CP_ERR_VERSION, NULL);
	else if (err == GW_ELIMIT)
		cp_sip_error(u, CP_ERR_TOO_BIG, NULL);
	else if (err)
		cp_sip_error(u, CP_ERR_BAD_MESSAGE, diag->what);
	else if (u->side == CP_SIDE_W2 && sip_policy_check_auth(&u->req, &why))
		cp_sip_error(u, CP_ERR_BAD_MESSAGE, why);
	else if (sip_uri_parse(u->req.ruri, &uri) == GW_OK && uri.scheme == SIP_SCHEME_OTHER)
		cp_sip_error(u, CP_ERR_SCHEME, NULL);
	else if (!cp_core_extensions_ok(&u->req))
		cp_sip_error(u, CP_ERR_EXTENSION, NULL);
	else
		return true;
	return false;
}

/* err, diag: what the parser said of m. */
static void input_request(struct cp_sip *s, const struct cp_peer *from, const struct sip_msg *m, enum gw_err err,
	const struct gw_diag *diag)
{
	struct cp_uas *u = cp_uas_new(s, from, m);
	uint32_t hops;

	if (!u) {
		CP_COUNT(sip_bad_message);
		return;
	}
	if (err)
		CP_COUNT(sip_bad_message);
	if (!check_request(u, err, diag))
		return;
	if (u->side == CP_SIDE_W2 && u->is_emergency &&
		(cp_uas_is_stateless(u) || s->conf->emergency.n_ecscf == 0)) {	/* W2-EMG-01: before all else */
		cp_emergency_refuse(u);
		return;
	}
	if (cp_uas_is_stateless(u)) {
		cp_uas_refuse_stateless(u);
		return;
	}
	if (u->req.method == SIP_CANCEL) {
		input_cancel(s, u);
		return;
	}
	if (u->req.method == SIP_OPTIONS &&
		(cp_core_is_us(s, u->req.ruri) ||
			(gw_sv_uint_max(sip_msg_value(&u->req, SIP_HDR_MAX_FORWARDS), 255, &hops) == GW_OK &&
				hops == 0))) {
		options_to_us(u);
		return;
	}
	cp_core_request(s, u);
}

static void on_message(void *user, const struct cp_peer *from, struct gw_sv bytes)
{
	struct gw_arena arena = GW_ARENA_INIT(CP_ARENA_BYTES);
	char key[CP_KEY_BYTES];
	struct cp_sip *s = user;
	struct gw_diag diag = { 0, "" };
	struct cp_uas *known;
	struct sip_msg m;
	enum gw_err err;
	char *copy = gw_arena_cstr(&arena, bytes);

	CP_TRACE_SIP(CP_TRACE_IN, from, bytes);
	cp_uas_sweep(s);
	if (!copy)
		return;
	err = sip_msg_parse(&m, &arena, gw_sv(copy, bytes.len), cp_peer_framing(from), &diag);
	if (err && !m.is_request && cp_peer_is_w2(from) && !gw_sv_istarts(bytes, GW_SV("SIP/2.0 "))) {
		CP_COUNT(sip_bad_message);	/* W2-ERR-05: not even a start line */
		cp_transport_close(s->transport, from->conn, 1002, "not SIP");
	} else if (!m.is_request) {
		if (err)
			CP_COUNT(sip_bad_message);
		else
			input_response(s, from, &m, &arena);
	} else if (m.method == SIP_ACK) {
		known = err ? NULL : gw_map_get(&s->uas, cp_uas_key(from, &m, key));
		if (err)
			CP_COUNT(sip_bad_message);
		else if (known ? sip_txn_uas_request(&known->txn, true, cp_loop_now(s->loop)) == SIP_TXN_PASS :
				 !cp_uas_was_stateless(&m))
			cp_core_ack(s, from, &m);
	} else if (err == GW_OK && (known = gw_map_get(&s->uas, cp_uas_key(from, &m, key)))) {
		(void)sip_txn_uas_request(&known->txn, false, cp_loop_now(s->loop));
	} else if (err && !sip_msg_answerable(&m)) {
		CP_COUNT(sip_bad_message);
		if (cp_peer_is_w2(from))	/* W2-ERR-05 */
			cp_transport_close(s->transport, from->conn, 1002, "not SIP");
	} else {
		input_request(s, from, &m, err, &diag);
	}
	cp_uas_sweep(s);
	gw_arena_reset(&arena);
}

static void on_closed(void *user, const struct cp_peer *peer)
{
	struct cp_sip *s = user;

	if (!cp_peer_is_w2(peer))
		return;
	if (cp_reg_by_conn(s->reg, peer->conn))
		cp_flow_lost(s, peer->conn);
	else
		cp_sip_flow_drop(s, peer->conn);
	cp_core_connection_lost(s, peer->conn);
}

static void on_send_failed(void *user, const struct cp_peer *to)
{
	struct cp_sip *s = user;
	size_t it = 0;
	void *v;

	while (gw_map_next(&s->uac, &it, &v)) {
		struct cp_uac *c = v;

		if (!gw_addr_eq(&c->peer.addr, &to->addr) || c->has_final || c->peer.proto != CP_PROTO_TCP)
			continue;
		cp_uac_transport_error(c);
		it = 0;			/* the map has changed */
	}
}

static bool on_asked_trust(void *user, const struct gw_addr *a)
{
	struct cp_sip *s = user;

	return cp_entry_is_trusted(s->entry, a);
}

/* Who is not connected yet is refused first (W2-ERR-04): nothing of it has begun. */
static unsigned may_connect(void *user)
{
	struct cp_sip *s = user;

	if (cp_overload_load(s->overload) == CP_LOAD_NORMAL)
		return 0;
	CP_COUNT(overload_refused_connections);
	return cp_overload_retry_after(s->overload);
}

const struct cp_transport_ops cp_sip_transport_ops = { on_message, on_closed, on_send_failed, may_connect, on_asked_trust };

void cp_sip_free(struct cp_sip *s)
{
	size_t it;
	void *v;

	cp_uas_sweep(s);
	for (it = 0; gw_map_next(&s->uas, &it, &v); it = 0) {
		struct cp_uas *u = v;

		cp_uas_free(u);
	}
	for (it = 0; gw_map_next(&s->uac, &it, &v); it = 0) {
		struct cp_uac *c = v;

		c->on_gone = NULL;
		cp_uac_terminated(&c->txn);
	}
	gw_map_free(&s->uas);
	gw_map_free(&s->uac);
	gw_map_free(&s->flows);
}

struct sip_txn_conf cp_txn_conf(const struct cp_sip *s, const struct cp_peer *p)
{
	bool w2 = cp_peer_is_w2(p);

	return (struct sip_txn_conf){ .t1_ms = w2 ? s->conf->w2.t1_ms : s->conf->mw.t1_ms,
		.t2_ms = w2 ? 16000 : 4000, .t4_ms = w2 ? 17000 : 5000,
		.is_reliable = p->proto != CP_PROTO_UDP };
}
