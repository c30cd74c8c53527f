/* SPDX-License-Identifier: Apache-2.0 */
/* Transaction machines: tables of (state, event) -> action, next. */
#include "proto/sip/txn.h"

#include <stdlib.h>

enum event {
	EV_1XX, EV_2XX, EV_FINAL,   /* response received (client) or sent (server); 300-699 is FINAL */
	EV_REQUEST, EV_ACK,         /* server: request again, ACK */
	EV_RETRANSMIT, EV_END,      /* timers */
	EV_COUNT
};

struct step {
	uint64_t now_ms;
	struct gw_sv bytes;         /* of the message that comes with the event */
	enum sip_txn_verdict verdict;
	enum gw_err err;
};

struct row {
	void (*action)(struct sip_txn *t, struct step *s);   /* NULL: illegal pair */
	enum sip_txn_state next;
};

/* ---- actions ---------------------------------------------------------------------------------- */

static void ignore(struct sip_txn *t, struct step *s)
{
	(void)t;
	s->verdict = SIP_TXN_ABSORB;
}

static void pass(struct sip_txn *t, struct step *s)
{
	(void)t;
	s->verdict = SIP_TXN_PASS;
}

static enum gw_err keep(struct sip_txn *t, struct gw_sv bytes)
{
	char *copy = gw_sv_dup(bytes);

	if (!copy)
		return GW_ENOMEM;
	free(t->last);
	t->last = copy;
	t->last_len = bytes.len;
	return GW_OK;
}

static void send_last(struct sip_txn *t)
{
	if (t->last_len)
		t->ops->send(t, gw_sv(t->last, t->last_len));
}

static void arm_end(struct sip_txn *t, struct step *s, uint64_t after_ms)
{
	/* room was reserved at start: arming cannot fail */
	(void)gw_timer_arm(t->timers, &t->end, s->now_ms + after_ms);
}

static void stop_retransmit(struct sip_txn *t)
{
	gw_timer_stop(t->timers, &t->retransmit);
}

static void arm_retransmit(struct sip_txn *t, struct step *s, uint32_t interval_ms)
{
	if (t->conf.is_reliable)
		return;
	t->interval_ms = interval_ms;
	(void)gw_timer_arm(t->timers, &t->retransmit, s->now_ms + interval_ms);
}

/* Timer A doubles without bound; E and G double up to T2. */
static void again(struct sip_txn *t, struct step *s)
{
	uint32_t next = t->interval_ms * 2;

	if (t->kind != SIP_TXN_UAC_INVITE && next > t->conf.t2_ms)
		next = t->conf.t2_ms;
	send_last(t);
	arm_retransmit(t, s, next);
}

static void again_at_t2(struct sip_txn *t, struct step *s)
{
	send_last(t);
	arm_retransmit(t, s, t->conf.t2_ms);
}

static void timed_out(struct sip_txn *t, struct step *s)
{
	(void)s;
	stop_retransmit(t);
	t->ops->timeout(t);
}

/* INVITE client, provisional: A and B end, the user's Timer C takes over. */
static void ringing(struct sip_txn *t, struct step *s)
{
	stop_retransmit(t);
	gw_timer_stop(t->timers, &t->end);
	pass(t, s);
}

/* INVITE client, 300-699: ACK; Timer D. */
static void acknowledge(struct sip_txn *t, struct step *s)
{
	stop_retransmit(t);
	if (keep(t, s->bytes) == GW_OK)
		send_last(t);
	arm_end(t, s, t->conf.is_reliable ? 0 : 32000);
	pass(t, s);
}

static void acknowledge_again(struct sip_txn *t, struct step *s)
{
	send_last(t);
	ignore(t, s);
}

/* INVITE, 2xx: RFC 6026 Accepted, Timer M (client) or L (server). */
static void accepted(struct sip_txn *t, struct step *s)
{
	stop_retransmit(t);
	if (t->kind == SIP_TXN_UAS_INVITE) {
		s->err = keep(t, s->bytes);
		if (s->err == GW_OK)
			send_last(t);
	}
	arm_end(t, s, 64ull * t->conf.t1_ms);
	pass(t, s);
}

static void send_2xx_again(struct sip_txn *t, struct step *s)
{
	t->ops->send(t, s->bytes);
	pass(t, s);
}

/* Non-INVITE client, final: Timer K. */
static void answered(struct sip_txn *t, struct step *s)
{
	stop_retransmit(t);
	arm_end(t, s, t->conf.is_reliable ? 0 : t->conf.t4_ms);
	pass(t, s);
}

static void provisional(struct sip_txn *t, struct step *s)
{
	pass(t, s);
	if (!t->conf.is_reliable && t->kind == SIP_TXN_UAC)
		arm_retransmit(t, s, t->conf.t2_ms);
}

static void respond(struct sip_txn *t, struct step *s)
{
	s->err = keep(t, s->bytes);
	if (s->err == GW_OK)
		send_last(t);
}

/* INVITE server, 300-699: Timers G and H. */
static void refuse(struct sip_txn *t, struct step *s)
{
	respond(t, s);
	arm_retransmit(t, s, t->conf.t1_ms);
	arm_end(t, s, 64ull * t->conf.t1_ms);
}

/* Non-INVITE server, final: Timer J. */
static void respond_final(struct sip_txn *t, struct step *s)
{
	respond(t, s);
	arm_end(t, s, t->conf.is_reliable ? 0 : 64ull * t->conf.t1_ms);
}

static void repeat(struct sip_txn *t, struct step *s)
{
	send_last(t);
	ignore(t, s);
}

/* INVITE server, ACK of a refusal: Timer I. */
static void confirmed(struct sip_txn *t, struct step *s)
{
	stop_retransmit(t);
	arm_end(t, s, t->conf.is_reliable ? 0 : t->conf.t4_ms);
	ignore(t, s);
}

/* ---- tables ----------------------------------------------------------------------------------- */

#define TR SIP_TXN_TRYING
#define PR SIP_TXN_PROCEEDING
#define CO SIP_TXN_COMPLETED
#define CF SIP_TXN_CONFIRMED
#define AC SIP_TXN_ACCEPTED
#define TE SIP_TXN_TERMINATED

typedef const struct row table[SIP_TXN_STATE_COUNT][EV_COUNT]; /* only names the array type below */

static table uac_invite = {
	[TR] = { [EV_1XX] = { ringing, PR }, [EV_2XX] = { accepted, AC }, [EV_FINAL] = { acknowledge, CO },
		[EV_RETRANSMIT] = { again, TR }, [EV_END] = { timed_out, TE } },
	[PR] = { [EV_1XX] = { pass, PR }, [EV_2XX] = { accepted, AC }, [EV_FINAL] = { acknowledge, CO } },
	[CO] = { [EV_1XX] = { ignore, CO }, [EV_2XX] = { ignore, CO },
		[EV_FINAL] = { acknowledge_again, CO }, [EV_END] = { ignore, TE } },
	[AC] = { [EV_1XX] = { ignore, AC }, [EV_2XX] = { pass, AC }, [EV_FINAL] = { ignore, AC },
		[EV_END] = { ignore, TE } },
};

static table uac = {
	[TR] = { [EV_1XX] = { provisional, PR }, [EV_2XX] = { answered, CO }, [EV_FINAL] = { answered, CO },
		[EV_RETRANSMIT] = { again, TR }, [EV_END] = { timed_out, TE } },
	[PR] = { [EV_1XX] = { provisional, PR }, [EV_2XX] = { answered, CO }, [EV_FINAL] = { answered, CO },
		[EV_RETRANSMIT] = { again_at_t2, PR }, [EV_END] = { timed_out, TE } },
	[CO] = { [EV_1XX] = { ignore, CO }, [EV_2XX] = { ignore, CO }, [EV_FINAL] = { ignore, CO },
		[EV_END] = { ignore, TE } },
};

static table uas_invite = {
	[PR] = { [EV_1XX] = { respond, PR }, [EV_2XX] = { accepted, AC }, [EV_FINAL] = { refuse, CO },
		[EV_REQUEST] = { repeat, PR } },
	[CO] = { [EV_REQUEST] = { repeat, CO }, [EV_ACK] = { confirmed, CF }, [EV_RETRANSMIT] = { again, CO },
		[EV_END] = { timed_out, TE } },
	[CF] = { [EV_REQUEST] = { ignore, CF }, [EV_ACK] = { ignore, CF }, [EV_END] = { ignore, TE } },
	[AC] = { [EV_2XX] = { send_2xx_again, AC }, [EV_REQUEST] = { ignore, AC }, [EV_ACK] = { pass, AC },
		[EV_END] = { ignore, TE } },
};

static table uas = {
	[TR] = { [EV_1XX] = { respond, PR }, [EV_2XX] = { respond_final, CO }, [EV_FINAL] = { respond_final, CO },
		[EV_REQUEST] = { ignore, TR } },
	[PR] = { [EV_1XX] = { respond, PR }, [EV_2XX] = { respond_final, CO }, [EV_FINAL] = { respond_final, CO },
		[EV_REQUEST] = { repeat, PR } },
	[CO] = { [EV_REQUEST] = { repeat, CO }, [EV_END] = { ignore, TE } },
};

static enum gw_err step(struct sip_txn *t, enum event ev, struct step *s)
{
	static table *const machines[] = { &uac_invite, &uac, &uas_invite, &uas };
	const struct row *r = &(*machines[t->kind])[t->state][ev];

	s->verdict = SIP_TXN_ABSORB;
	if (!r->action) {
		t->n_illegal++;
		return GW_ESTATE;
	}
	t->state = r->next == TE ? t->state : r->next;
	r->action(t, s);
	if (r->next == TE) {	/* last: the user may free t */
		t->state = TE;
		stop_retransmit(t);
		t->ops->terminated(t);
		return GW_OK;
	}
	return s->err;
}

/* ---- entry points ------------------------------------------------------------------------------- */

static void on_retransmit(struct gw_timer *timer, uint64_t now_ms)
{
	struct sip_txn *t = (struct sip_txn *)((char *)timer - offsetof(struct sip_txn, retransmit));
	struct step s = { .now_ms = now_ms };

	(void)step(t, EV_RETRANSMIT, &s);
}

static void on_end(struct gw_timer *timer, uint64_t now_ms)
{
	struct sip_txn *t = (struct sip_txn *)((char *)timer - offsetof(struct sip_txn, end));
	struct step s = { .now_ms = now_ms };

	(void)step(t, EV_END, &s);
}

static enum gw_err init(struct sip_txn *t, enum sip_txn_kind kind, const struct sip_txn_conf *conf,
	const struct sip_txn_ops *ops, struct gw_timers *timers)
{
	t->kind = kind;
	t->conf = *conf;
	t->ops = ops;
	t->timers = timers;
	t->retransmit.fn = on_retransmit;
	t->end.fn = on_end;
	return gw_timers_reserve(timers, timers->count + 2);
}

enum gw_err sip_txn_uac_start(struct sip_txn *t, bool is_invite, const struct sip_txn_conf *conf,
	const struct sip_txn_ops *ops, struct gw_timers *timers, struct gw_sv request, uint64_t now_ms)
{
	struct step s = { .now_ms = now_ms };
	enum gw_err err;

	if ((err = init(t, is_invite ? SIP_TXN_UAC_INVITE : SIP_TXN_UAC, conf, ops, timers)) ||
		(err = keep(t, request)))
		return err;
	t->state = TR;
	arm_retransmit(t, &s, conf->t1_ms);
	arm_end(t, &s, 64ull * conf->t1_ms);	/* Timer B or F */
	send_last(t);
	return GW_OK;
}

static enum event event_of(unsigned status)
{
	return status < 200 ? EV_1XX : status < 300 ? EV_2XX : EV_FINAL;
}

enum sip_txn_verdict sip_txn_uac_response(struct sip_txn *t, unsigned status, struct gw_sv ack,
	uint64_t now_ms)
{
	struct step s = { .now_ms = now_ms, .bytes = ack };

	(void)step(t, event_of(status), &s);
	return s.verdict;
}

enum gw_err sip_txn_uas_start(struct sip_txn *t, bool is_invite, const struct sip_txn_conf *conf,
	const struct sip_txn_ops *ops, struct gw_timers *timers)
{
	t->state = is_invite ? PR : TR;
	return init(t, is_invite ? SIP_TXN_UAS_INVITE : SIP_TXN_UAS, conf, ops, timers);
}

enum sip_txn_verdict sip_txn_uas_request(struct sip_txn *t, bool is_ack, uint64_t now_ms)
{
	struct step s = { .now_ms = now_ms };

	(void)step(t, is_ack ? EV_ACK : EV_REQUEST, &s);
	return s.verdict;
}

enum gw_err sip_txn_uas_respond(struct sip_txn *t, unsigned status, struct gw_sv response,
	uint64_t now_ms)
{
	struct step s = { .now_ms = now_ms, .bytes = response };

	return step(t, event_of(status), &s);
}

void sip_txn_transport_error(struct sip_txn *t)
{
	if (t->state == TE)
		return;
	gw_timer_stop(t->timers, &t->end);
	stop_retransmit(t);
	t->state = TE;
	t->ops->terminated(t);
}

void sip_txn_dispose(struct sip_txn *t)
{
	if (t->timers) {
		gw_timer_stop(t->timers, &t->end);
		stop_retransmit(t);
	}
	free(t->last);
	t->last = NULL;
	t->last_len = 0;
	t->state = TE;
}

/* What tells transactions apart when no branch does (RFC 3261 17.2.3, for clients of RFC 2543), or when it is endless. */
static void put_hash(struct gw_buf *b, const struct sip_msg *m, struct gw_sv method)
{
	const uint64_t parts[] = { gw_sv_hash(method), gw_sv_hash(m->via.text), gw_sv_hash(m->call_id),
		gw_sv_hash(m->from_tag), gw_sv_hash(m->ruri), m->cseq.number };

	gw_buf_printf(b, "hash %016llx", (unsigned long long)gw_sv_hash(gw_sv(parts, sizeof(parts))));
}

struct gw_sv sip_txn_key(const struct sip_msg *m, bool is_server, char key[SIP_TXN_KEY_BYTES])
{
	struct gw_buf b = gw_buf(key, SIP_TXN_KEY_BYTES);
	struct gw_sv method = m->is_request ? m->method_name : m->cseq.method_name, out;
	bool has_branch = gw_sv_istarts(m->via.branch, GW_SV("z9hG4bK")) && m->via.branch.len > 7;

	if (is_server && m->method == SIP_ACK)
		method = GW_SV("INVITE");
	if (has_branch) {
		gw_buf_put(&b, method);
		gw_buf_putc(&b, ' ');
		if (is_server) {
			gw_buf_put(&b, m->via.sent_by);
			gw_buf_putc(&b, ' ');
		}
		gw_buf_put(&b, m->via.branch);
	}
	if (is_server && (!has_branch || b.overflow)) {
		b = gw_buf(key, SIP_TXN_KEY_BYTES);
		put_hash(&b, m, method);
	}
	return b.len == 0 || gw_buf_done(&b, &out) ? GW_SV_NONE : out;
}
