/* SPDX-License-Identifier: Apache-2.0 */
/* Retransmission of requests, at-most-once execution. */
#include "proto/iq/xact.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_BYTES (IQ_XACT_PEER_MAX + 12)
#define ACK_RANGE_MAX 64u	/* a wide range is walked no further: acks are only a courtesy */

struct iq_xact_out {
	struct iq_xact *x;
	struct gw_timer timer;
	uint32_t tid, interval_ms;
	uint64_t give_up_ms;
	void *peer, *tag;
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

static void on_timer(struct gw_timer *t, uint64_t now_ms)
{
	struct iq_xact_out *o = GW_CONTAINER(t, struct iq_xact_out, timer);
	struct iq_xact *x = o->x;

	if (now_ms >= o->give_up_ms) {
		void *peer = o->peer, *tag = o->tag;
		uint32_t tid = o->tid;

		free_out(o);
		x->ops->timeout(x->user, peer, tid, tag);
		return;
	}
	x->n_retransmitted++;
	o->interval_ms = o->interval_ms * 2 > IQ_XACT_MAX_MS ? IQ_XACT_MAX_MS : o->interval_ms * 2;
	(void)gw_timer_arm(x->timers, t, now_ms + jittered(x, o->interval_ms));
	x->ops->send(x->user, o->peer, gw_sv(o->bytes, o->len));
}

enum gw_err iq_xact_send(struct iq_xact *x, void *peer, uint32_t tid, struct gw_sv bytes, void *tag,
	uint64_t now_ms)
{
	struct iq_xact_out *o = malloc(sizeof(*o) + bytes.len);
	enum gw_err err;

	if (!o)
		return GW_ENOMEM;
	*o = (struct iq_xact_out){ .x = x, .tid = tid, .interval_ms = IQ_XACT_FIRST_MS, .peer = peer,
		.tag = tag, .len = bytes.len, .give_up_ms = now_ms + IQ_XACT_LONG_MS,
		.timer.fn = on_timer };
	memcpy(o->bytes, bytes.p, bytes.len);
	if ((err = gw_timer_arm(x->timers, &o->timer, now_ms + jittered(x, IQ_XACT_FIRST_MS)))) {
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

enum gw_err iq_xact_reply(struct iq_xact *x, uint32_t tid, void **tag)
{
	struct iq_xact_out *o = gw_map_get_u64(&x->sent, tid);

	if (!o)
		return GW_ENOENT;
	*tag = o->tag;
	free_out(o);
	return GW_OK;
}

void iq_xact_pending(struct iq_xact *x, uint32_t tid, uint64_t now_ms)
{
	struct iq_xact_out *o = gw_map_get_u64(&x->sent, tid);

	/* no more repeats for now; after 5 s the request is sent again */
	if (o)
		(void)gw_timer_arm(x->timers, &o->timer, now_ms + 5000);
}

void iq_xact_forget_peer(struct iq_xact *x, void *peer, void (*fn)(void *user, void *tag))
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
		mid.len > IQ_XACT_PEER_MAX ? IQ_XACT_PEER_MAX : (int)mid.len, mid.p);

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
		return in->reply ? IQ_XACT_REPLIED : IQ_XACT_EXECUTING;
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

void iq_xact_answer(struct iq_xact *x, struct gw_sv mid, uint32_t tid, struct gw_sv reply)
{
	char key[KEY_BYTES];
	struct iq_xact_in *in = gw_map_get(&x->seen, gw_sv(key, make_key(mid, tid, key)));

	if (!in || in->reply)
		return;
	in->reply = gw_sv_dup(reply);
	in->reply_len = in->reply ? reply.len : 0;
}

void iq_xact_ack(struct iq_xact *x, struct gw_sv mid, uint32_t first, uint32_t last)
{
	for (uint32_t i = 0; i < ACK_RANGE_MAX && first + i <= last; i++) {
		char key[KEY_BYTES];
		struct iq_xact_in *in = gw_map_get(&x->seen, gw_sv(key, make_key(mid, first + i, key)));

		if (in && in->reply)
			free_in(x, in);
	}
}
