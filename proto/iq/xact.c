/* SPDX-License-Identifier: Apache-2.0 */
/* Retransmission of requests, at-most-once execution. */
#include "proto/iq/xact.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_BYTES (IQ_XACT_MID_MAX + 12)
#define ACK_RANGE_MAX 64u	/* a wide range is walked no further: acks are only a courtesy */

struct iq_xact_out {
	struct iq_xact *x;
	struct gw_timer timer;
	uint32_t tid, interval_ms;
	uint64_t sent_ms, give_up_ms;
	unsigned n_pendings;
	bool is_measurable;          /* sent once: the reply is surely to that */
	struct iq_xact_peer *peer;
	void *tag;
	size_t len;
	char bytes[];
};

struct iq_xact_in {
	struct gw_list node;
	uint64_t expires_ms;
	char key[KEY_BYTES];
	size_t key_len;
	char *reply;
	size_t reply_len;
	unsigned n_pendings;
	bool is_acked;
};

void iq_xact_init(struct iq_xact *x, const struct iq_xact_ops *ops, void *user,
	struct gw_timers *timers, uint32_t (*random)(void), unsigned max_seen)
{
	*x = (struct iq_xact){ .ops = ops, .user = user, .timers = timers, .random = random,
		.max_seen = max_seen, .next_tid = random() & 0x3fffffff };
	gw_list_init(&x->seen_order);
}

static void free_out(struct iq_xact_out *o)
{
	gw_timer_stop(o->x->timers, &o->timer);
	gw_map_del_u64(&o->x->sent, o->tid);
	free(o);
}

static void free_in(struct iq_xact *x, struct iq_xact_in *in)
{
	gw_map_del(&x->seen, gw_sv(in->key, in->key_len));
	gw_list_remove(&in->node);
	free(in->reply);
	free(in);
}

void iq_xact_dispose(struct iq_xact *x)
{
	void *v;

	if (!x->ops)
		return;
	for (size_t it = 0; gw_map_next(&x->sent, &it, &v); it = 0)
		free_out(v);
	while (!gw_list_empty(&x->seen_order))
		free_in(x, GW_CONTAINER(x->seen_order.next, struct iq_xact_in, node));
	gw_map_free(&x->sent);
	gw_map_free(&x->seen);
}

uint32_t iq_xact_tid(struct iq_xact *x)
{
	if (++x->next_tid == 0)
		x->next_tid = 1;
	return x->next_tid;
}

static uint32_t jittered(struct iq_xact *x, uint32_t ms)
{
	return ms + x->random() % (ms / 8 + 1);
}

/* RFC 6298 2, appendix A. */
static void measure(struct iq_xact_peer *p, uint32_t rtt_ms)
{
	int32_t delta;

	if (p->srtt_8 == 0) {
		p->srtt_8 = (rtt_ms << 3) + 1;	/* never 0 again */
		p->rttvar_4 = rtt_ms << 1;
		return;
	}
	delta = (int32_t)rtt_ms - (int32_t)(p->srtt_8 >> 3);
	p->srtt_8 = (uint32_t)((int32_t)p->srtt_8 + delta) | 1;
	delta = (delta < 0 ? -delta : delta) - (int32_t)(p->rttvar_4 >> 2);
	p->rttvar_4 = (uint32_t)((int32_t)p->rttvar_4 + delta);
}

static uint32_t first_interval(const struct iq_xact_peer *p)
{
	uint32_t ms = p->srtt_8 ? (p->srtt_8 >> 3) + p->rttvar_4 : IQ_XACT_FIRST_MS;

	if (ms < IQ_XACT_MIN_MS)
		return IQ_XACT_MIN_MS;
	return ms > IQ_XACT_MAX_MS ? IQ_XACT_MAX_MS : ms;
}

static void give_up(struct iq_xact_out *o)
{
	struct iq_xact *x = o->x;
	struct iq_xact_peer *peer = o->peer;
	void *tag = o->tag;
	uint32_t tid = o->tid;

	free_out(o);
	x->ops->timeout(x->user, peer, tid, tag);
}

static void on_timer(struct gw_timer *t, uint64_t now_ms)
{
	struct iq_xact_out *o = GW_CONTAINER(t, struct iq_xact_out, timer);
	struct iq_xact *x = o->x;

	if (now_ms >= o->give_up_ms) {
		give_up(o);
		return;
	}
	x->n_retransmitted++;
	o->is_measurable = false;
	o->interval_ms = o->interval_ms * 2 > IQ_XACT_MAX_MS ? IQ_XACT_MAX_MS : o->interval_ms * 2;
	(void)gw_timer_arm(x->timers, t, now_ms + jittered(x, o->interval_ms));
	x->ops->send(x->user, o->peer, gw_sv(o->bytes, o->len));
}

enum gw_err iq_xact_send(struct iq_xact *x, struct iq_xact_peer *peer, uint32_t tid, struct gw_sv bytes, void *tag,
	uint64_t now_ms)
{
	struct iq_xact_out *o = malloc(sizeof(*o) + bytes.len);
	enum gw_err err;

	if (!o)
		return GW_ENOMEM;
	*o = (struct iq_xact_out){ .x = x, .tid = tid, .interval_ms = first_interval(peer), .peer = peer, .tag = tag,
		.len = bytes.len, .sent_ms = now_ms, .give_up_ms = now_ms + IQ_XACT_LONG_MS, .is_measurable = true,
		.timer.fn = on_timer };
	memcpy(o->bytes, bytes.p, bytes.len);
	if ((err = gw_timer_arm(x->timers, &o->timer, peer->is_reliable ? o->give_up_ms :
		     now_ms + jittered(x, o->interval_ms)))) {
		free(o);
		return err;
	}
	if ((err = gw_map_put_u64(&x->sent, tid, o))) {
		gw_timer_stop(x->timers, &o->timer);
		free(o);
		return err;
	}
	x->ops->send(x->user, peer, bytes);
	return GW_OK;
}

void iq_xact_note_ack(struct iq_xact_peer *p, uint32_t tid)
{
	if (p->is_reliable)
		return;
	for (unsigned i = 0; i < p->n_acks; i++) {
		if (tid + 1 >= p->acks[i].first && tid <= p->acks[i].last + 1) {
			p->acks[i].first = tid < p->acks[i].first ? tid : p->acks[i].first;
			p->acks[i].last = tid > p->acks[i].last ? tid : p->acks[i].last;
			return;
		}
	}
	if (p->n_acks < IQ_XACT_ACKS)
		p->acks[p->n_acks++] = (struct iq_xact_range){ tid, tid };
}

unsigned iq_xact_take_acks(struct iq_xact_peer *p, struct iq_xact_range out[IQ_XACT_ACKS])
{
	unsigned n = p->n_acks;

	memcpy(out, p->acks, n * sizeof(out[0]));
	p->n_acks = 0;
	return n;
}

enum gw_err iq_xact_reply(struct iq_xact *x, uint32_t tid, uint64_t now_ms, void **tag)
{
	struct iq_xact_out *o = gw_map_get_u64(&x->sent, tid);

	if (!o)
		return GW_ENOENT;
	if (o->is_measurable && !o->peer->is_reliable)
		measure(o->peer, (uint32_t)(now_ms - o->sent_ms));
	iq_xact_note_ack(o->peer, tid);
	*tag = o->tag;
	free_out(o);
	return GW_OK;
}

void iq_xact_pending(struct iq_xact *x, uint32_t tid, uint64_t now_ms)
{
	struct iq_xact_out *o = gw_map_get_u64(&x->sent, tid);

	if (!o)
		return;
	if (++o->n_pendings > IQ_XACT_PENDINGS_MAX) {
		give_up(o);
		return;
	}
	/* no more repeats for now; after 5 s the request is sent again */
	o->is_measurable = false;
	o->give_up_ms = now_ms + IQ_XACT_LONG_MS;
	(void)gw_timer_arm(x->timers, &o->timer, o->peer->is_reliable ? o->give_up_ms : now_ms + IQ_XACT_PROVISIONAL_MS);
}

void iq_xact_resend(struct iq_xact *x, struct iq_xact_peer *peer)
{
	size_t it = 0;
	void *v;

	while (gw_map_next(&x->sent, &it, &v)) {
		struct iq_xact_out *o = v;

		if (o->peer == peer)
			x->ops->send(x->user, peer, gw_sv(o->bytes, o->len));
	}
}

void *iq_xact_forget(struct iq_xact *x, uint32_t tid)
{
	struct iq_xact_out *o = gw_map_get_u64(&x->sent, tid);
	void *tag = o ? o->tag : NULL;

	if (o)
		free_out(o);
	return tag;
}

void iq_xact_forget_peer(struct iq_xact *x, struct iq_xact_peer *peer, void (*fn)(void *user, void *tag))
{
	size_t it = 0;
	void *v;

	while (gw_map_next(&x->sent, &it, &v)) {
		struct iq_xact_out *o = v;
		void *tag = o->tag;

		if (o->peer != peer)
			continue;
		free_out(o);
		fn(x->user, tag);
		it = 0;		/* the map has changed */
	}
}

static size_t make_key(struct gw_sv mid, uint32_t tid, char key[KEY_BYTES])
{
	int n = snprintf(key, KEY_BYTES, "%u %.*s", tid,
		mid.len > IQ_XACT_MID_MAX ? IQ_XACT_MID_MAX : (int)mid.len, mid.p);

	return n > 0 && n < KEY_BYTES ? (size_t)n : 0;
}

static void expire(struct iq_xact *x, uint64_t now_ms)
{
	while (!gw_list_empty(&x->seen_order)) {
		struct iq_xact_in *in = GW_CONTAINER(x->seen_order.next, struct iq_xact_in, node);
		bool is_full = x->seen.count >= x->max_seen;

		if (in->expires_ms > now_ms && !is_full)
			return;
		x->n_evicted += in->expires_ms > now_ms;
		free_in(x, in);
	}
}

enum iq_xact_seen iq_xact_request(struct iq_xact *x, struct gw_sv mid, uint32_t tid, uint64_t now_ms,
	struct gw_sv *reply)
{
	char key[KEY_BYTES];
	size_t n = make_key(mid, tid, key);
	struct iq_xact_in *in = gw_map_get(&x->seen, gw_sv(key, n));

	if (in && in->expires_ms <= now_ms) {	/* the id may be in use again */
		free_in(x, in);
		in = NULL;
	}
	if (in) {
		x->n_duplicates++;
		*reply = gw_sv(in->reply, in->reply_len);
		if (in->reply || in->is_acked)
			return in->is_acked ? IQ_XACT_ACKED : IQ_XACT_REPLIED;
		return ++in->n_pendings > IQ_XACT_PENDINGS_MAX ? IQ_XACT_ABORTED : IQ_XACT_EXECUTING;
	}
	expire(x, now_ms);
	in = calloc(1, sizeof(*in));
	if (!in)
		return IQ_XACT_NEW;	/* executed without the protection rather than not at all */
	memcpy(in->key, key, n);
	in->key_len = n;
	in->expires_ms = now_ms + IQ_XACT_LONG_MS;
	if (gw_map_put(&x->seen, gw_sv(in->key, n), in)) {
		free(in);
		return IQ_XACT_NEW;
	}
	gw_list_append(&x->seen_order, &in->node);
	return IQ_XACT_NEW;
}

bool iq_xact_was_pending(const struct iq_xact *x, struct gw_sv mid, uint32_t tid)
{
	char key[KEY_BYTES];
	const struct iq_xact_in *in = gw_map_get(&x->seen, gw_sv(key, make_key(mid, tid, key)));

	return in && in->n_pendings;
}

void iq_xact_answer(struct iq_xact *x, struct gw_sv mid, uint32_t tid, struct gw_sv reply)
{
	char key[KEY_BYTES];
	struct iq_xact_in *in = gw_map_get(&x->seen, gw_sv(key, make_key(mid, tid, key)));

	if (!in || in->reply || in->is_acked)
		return;
	in->reply = gw_sv_dup(reply);
	in->reply_len = in->reply ? reply.len : 0;
}

void iq_xact_ack(struct iq_xact *x, struct gw_sv mid, uint32_t first, uint32_t last)
{
	for (uint32_t i = 0; i < ACK_RANGE_MAX && first + i <= last; i++) {
		char key[KEY_BYTES];
		struct iq_xact_in *in = gw_map_get(&x->seen, gw_sv(key, make_key(mid, first + i, key)));

		if (!in || !in->reply)
			continue;
		free(in->reply);
		in->reply = NULL;
		in->is_acked = true;
	}
}
