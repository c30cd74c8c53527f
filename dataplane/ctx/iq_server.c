/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in, requests executed once, replies and transactions out. */
#include <stdlib.h>

#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

#define SEEN_MIN 4096u
#define SEEN_PER_CONTEXT 4u	/* a call in 30 s: reserved, configured, opened, released */

const struct gw_ctr_info dp_iq_ctr_info[dp_iq_ctr_COUNT] = GW_CTR_INFO(dp_iq_ctr, DP_IQ_CTR_LIST);

static void xact_send(void *user, struct iq_xact_peer *peer, struct gw_sv bytes)
{
	struct dp_iq *q = user;

	iq_net_send(q->net, &GW_CONTAINER(peer, struct dp_controller, peer)->path, bytes);
}

static void xact_timeout(void *user, struct iq_xact_peer *peer, uint32_t tid, void *tag)
{
	struct dp_iq *q = user;

	(void)peer;
	(void)tid;
	q->ctr[iq_timeouts]++;
	if (tag == q) {
		dp_iq_try_next(q);
		return;
	}
	dp_iq_hold(q, tag);
	if (q->is_registered)	/* to the same one first, which keeps the calls */
		dp_iq_reregister(q, IQ_DISCONNECTED, 900);
}

/* What waits to be acknowledged rides along. @return transactions in txns */
static unsigned add_acks(struct iq_xact_peer *peer, struct iq_txn *txns, unsigned n)
{
	struct iq_xact_range r[IQ_XACT_ACKS];
	unsigned k = iq_xact_take_acks(peer, r);

	for (unsigned i = 0; i < k; i++)
		txns[n++] = (struct iq_txn){ .kind = IQ_ACK, .id = r[i].first, .id_last = r[i].last };
	return n;
}

enum gw_err dp_iq_send_request(struct dp_iq *q, struct iq_txn *t, unsigned version, void *tag)
{
	struct iq_xact_peer *peer = &q->controllers[q->controller].peer;
	struct iq_txn txns[1 + IQ_XACT_ACKS];
	struct iq_msg m = { .version = version, .mid = gw_sv_cstr(q->c.mid), .txns = txns };
	struct iq_codec codec = { .long_tokens = q->c.long_tokens };
	struct gw_buf b = gw_buf(q->out, IQ_MESSAGE_MAX);
	enum gw_err err;

	t->id = iq_xact_tid(&q->xact);
	txns[0] = *t;
	m.n_txns = add_acks(peer, txns, 1);
	if ((err = iq_encode(&m, &codec, &b)))
		return err;
	return iq_xact_send(&q->xact, peer, t->id, gw_buf_sv(&b), tag, q->now_ms);
}

enum gw_err dp_iq_new(struct dp_iq **out, const struct dp_iq_conf *conf, uint64_t now_ms)
{
	static const struct iq_xact_ops ops = { xact_send, xact_timeout };
	struct dp_iq *q = calloc(1, sizeof(*q));
	enum gw_err err;

	if (!q)
		return GW_ENOMEM;
	q->c = *conf;
	q->version = 1;
	q->now_ms = now_ms;
	q->reg_method = IQ_RESTART;
	q->reg_reason = 901;
	q->reg_timer.fn = dp_iq_on_register;
	q->arena.limit = 1u << 20;
	iq_xact_init(&q->xact, &ops, q, conf->timers, dp_ctx_random, SEEN_MIN);
	if ((err = dp_iq_link_open(q))) {
		dp_iq_free(q);
		return err;
	}
	dp_iq_register_in(q, dp_ctx_random() % 200);	/* */
	*out = q;
	return GW_OK;
}

void dp_iq_attach(struct dp_iq *q, struct dp_ctx *ctx)
{
	q->ctx = ctx;
	if (ctx->c.max_contexts * SEEN_PER_CONTEXT > SEEN_MIN)
		q->xact.max_seen = ctx->c.max_contexts * SEEN_PER_CONTEXT;
}

/* ---- input --------------------------------------------------------------------------------------- */

static enum gw_err send_msg(struct dp_iq *q, const struct iq_path *to, const struct iq_msg *m,
	struct gw_sv *text)
{
	struct iq_codec codec = { .long_tokens = q->c.long_tokens };
	struct gw_buf b = gw_buf(q->out, IQ_MESSAGE_MAX);
	enum gw_err err;

	*text = GW_SV_NONE;
	if ((err = iq_encode(m, &codec, &b))) {
		GW_LOG_ERROR(q->c.log, "iq.encode_failed", "bytes=%zu", b.len);
		return err;
	}
	*text = gw_buf_sv(&b);
	iq_net_send(q->net, to, *text);
	return GW_OK;
}

static void request(struct dp_iq *q, unsigned k, const struct iq_path *from, const struct iq_msg *m,
	const struct iq_txn *t)
{
	struct iq_txn reply = { .kind = IQ_PENDING, .id = t->id };
	struct iq_msg out = { .version = q->version > m->version ? q->version : m->version,
		.mid = gw_sv_cstr(q->c.mid), .txns = &reply, .n_txns = 1 };
	struct gw_sv stored, text;
	enum gw_err err;

	if (k != q->controller && !dp_iq_is_service_change(t)) {
		q->ctr[iq_unauthorised]++;	/* threat Q1: another one's calls are not its to end */
		reply = (struct iq_txn){ .kind = IQ_REPLY, .id = t->id, .error = 402 };
		(void)!send_msg(q, from, &out, &text);
		return;
	}
	if (!q->is_registered && q->lock != DP_LOCKED && !q->controllers[k].peer.is_reliable && !dp_iq_is_service_change(t)) {
		/* perhaps the reply to our ServiceChange was lost, or is late: M-19 allows silence, and it will come again */
		q->ctr[iq_early]++;
		return;
	}
	switch (iq_xact_request(&q->xact, m->mid, t->id, q->now_ms, &stored)) {
	case IQ_XACT_REPLIED:
		q->ctr[iq_duplicates]++;
		iq_net_send(q->net, from, stored);
		return;
	case IQ_XACT_EXECUTING:
		q->ctr[iq_duplicates]++;
		(void)!send_msg(q, from, &out, &text);
		return;
	case IQ_XACT_ACKED:
		q->ctr[iq_duplicates]++;
		return;
	case IQ_XACT_ABORTED:
		reply = (struct iq_txn){ .kind = IQ_REPLY, .id = t->id, .error = 506 };
		break;
	case IQ_XACT_NEW:
		q->ctr[iq_requests]++;
		if (q->is_registered)
			out.version = q->version;
		dp_iq_execute(q, t, &reply);
		break;
	}
	reply.imm_ack = !q->controllers[k].peer.is_reliable && iq_xact_was_pending(&q->xact, m->mid, t->id);
	if ((err = send_msg(q, from, &out, &text))) {
		/* without an answer the request would be repeated for 30 s and each time found executing */
		q->ctr[iq_unanswerable]++;
		reply = (struct iq_txn){ .kind = IQ_REPLY, .id = t->id, .error = err == GW_ENOSPC ? 533 : 500 };
		(void)!send_msg(q, from, &out, &text);
	}
	if (text.len)
		iq_xact_answer(&q->xact, m->mid, t->id, text);
}

static void reply(struct dp_iq *q, unsigned k, const struct iq_path *from, const struct iq_txn *t)
{
	struct iq_xact_peer *peer = &q->controllers[k].peer;
	struct iq_txn acks[1 + IQ_XACT_ACKS];
	struct iq_msg m = { .version = q->version, .mid = gw_sv_cstr(q->c.mid), .txns = acks };
	struct gw_sv text;
	void *tag = NULL;

	if (iq_xact_reply(&q->xact, t->id, q->now_ms, &tag) && t->imm_ack)
		iq_xact_note_ack(peer, t->id);	/* ours was lost */
	if (t->imm_ack && (m.n_txns = add_acks(peer, acks, 0)))
		(void)!send_msg(q, from, &m, &text);
	if (tag == q)
		dp_iq_registered_reply(q, t);
}

static void message_error(struct dp_iq *q, const struct iq_path *from, unsigned code, const char *what)
{
	struct iq_msg m = { .version = q->version, .mid = gw_sv_cstr(q->c.mid), .error = code,
		.error_text = gw_sv_cstr(what) };
	struct gw_sv text;

	q->ctr[iq_bad_message]++;
	GW_LOG_NOTICE(q->c.log, "iq.bad_message", "code=%u what=\"%s\"", code, what);
	(void)!send_msg(q, from, &m, &text);
}

/* X-17; an error message is never answered, and a controller that starts does not know what was agreed. */
static bool is_version_ok(const struct dp_iq *q, const struct iq_msg *m)
{
	if (m->version > IQ_VERSION_MAX)
		return m->n_txns == 0;
	for (unsigned i = 0; q->is_registered && m->version != q->version && i < m->n_txns; i++)
		if (m->txns[i].kind == IQ_REQUEST && !dp_iq_is_service_change(&m->txns[i]))
			return false;
	return true;
}

void dp_iq_input(struct dp_iq *q, unsigned k, const struct iq_path *from, struct gw_sv bytes)
{
	struct gw_diag diag = { 0, "" };
	struct iq_msg m;
	enum gw_err err;

	if (k == q->controller)
		dp_iq_root_heard(q);
	err = iq_decode(&q->arena, bytes, &m, &diag);
	if (err) {
		message_error(q, from, 400, diag.what);
		return;
	}
	if (!is_version_ok(q, &m)) {
		message_error(q, from, 406, "");
		return;
	}
	if (m.n_txns > IQ_MAX_TRANSACTIONS) {
		message_error(q, from, 413, "more than 10 transactions");
		return;
	}
	for (unsigned i = 0; i < m.n_txns; i++) {
		const struct iq_txn *t = &m.txns[i];

		if (k != q->controller && t->kind != IQ_REQUEST)	/* an answer to nothing we asked there */
			continue;
		switch (t->kind) {
		case IQ_REQUEST:
			request(q, k, from, &m, t);
			break;
		case IQ_REPLY:
			reply(q, k, from, t);
			break;
		case IQ_PENDING:
			iq_xact_pending(&q->xact, t->id, q->now_ms);
			break;
		case IQ_ACK:
			iq_xact_ack(&q->xact, m.mid, t->id, t->id_last);
			break;
		}
	}
}

unsigned dp_iq_poll(struct dp_iq *q, uint64_t now_ms)
{
	unsigned n;

	q->now_ms = now_ms;
	n = iq_net_poll(q->net);
	q->ctr[iq_evicted] = q->xact.n_evicted;
	q->ctr[iq_retransmitted] = q->xact.n_retransmitted;
	return n;
}

int dp_iq_fd(const struct dp_iq *q)
{
	return iq_net_fd(q->net);
}

bool dp_iq_registered(const struct dp_iq *q)
{
	return q->is_registered;
}

const uint64_t *dp_iq_counters(const struct dp_iq *q)
{
	return q->ctr;
}

void dp_iq_free(struct dp_iq *q)
{
	if (!q)
		return;
	gw_timer_stop(q->c.timers, &q->reg_timer);
	dp_iq_root_clear(q);
	gw_timer_stop(q->c.timers, &q->lock_timer);
	iq_xact_dispose(&q->xact);
	gw_arena_reset(&q->arena);
	iq_net_free(q->net);
	free(q);
}
