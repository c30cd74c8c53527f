/* SPDX-License-Identifier: Apache-2.0 */
/* Events to the controller; what it cannot be told now is held and told when it is back. */
#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

/*
 * A Notify is remembered by what it was about, so that one without an answer can be sent again: an odd number, which no
 * pointer is; the termination may have gone in the meantime. 32 bits of generation, 21 of slot, 5 of event, 5 of stream.
 */
#define SLOT_BITS 21
#define EVENT_BITS 5
#define STREAM_BITS 5
_Static_assert(32 + SLOT_BITS + EVENT_BITS + STREAM_BITS + 1 == 64, "a tag is a pointer wide");

/* The place of the stream in its termination + 1; 0: none meant. */
static unsigned stream_place(const struct dp_term *t, const struct dp_stream *s)
{
	unsigned n = 1;

	if (!s)
		return 0;
	for (const struct dp_stream *o = t->streams; o && o != s; o = o->next)
		n++;
	return n;
}

static void *notify_tag(const struct dp_iq *q, const struct dp_term *t, const struct dp_stream *s, enum iq_name event)
{
	uint64_t v = t->generation;

	v = v << SLOT_BITS | dp_pool_index(&q->ctx->term_pool, t);
	v = v << EVENT_BITS | (unsigned)event;
	v = v << STREAM_BITS | stream_place(t, s);
	return (void *)(uintptr_t)(v << 1 | 1);
}

static void hold_event(struct dp_iq *q, struct dp_term *t, const struct dp_wanted *w)
{
	if (w->event == IQ_EV_HANGTERM)	/* the next one comes by itself */
		return;
	q->ctr[iq_held] += !(t->is_held & dp_events_bit(t, w));
	t->is_held |= dp_events_bit(t, w);
}

void dp_iq_hold(void *user, void *tag)
{
	struct dp_iq *q = user;
	uint64_t v = (uintptr_t)tag;
	unsigned place = (unsigned)(v >> 1) & ((1u << STREAM_BITS) - 1);
	enum iq_name event = (enum iq_name)(v >> (1 + STREAM_BITS) & ((1u << EVENT_BITS) - 1));
	struct dp_stream *s = NULL;
	const struct dp_wanted *w;
	struct dp_term *t;

	if (!(v & 1))
		return;
	t = dp_pool_at(&q->ctx->term_pool, (uint32_t)(v >> (1 + STREAM_BITS + EVENT_BITS)) & ((1u << SLOT_BITS) - 1));
	if (!t || t->generation != (uint32_t)(v >> 32))
		return;
	for (s = place ? t->streams : NULL; s && place > 1; place--)
		s = s->next;
	w = dp_events_find(t, s, event);
	if (w)
		hold_event(q, t, w);
}

/* Which events are of a stream, not of the termination as a whole. */
static bool names_stream(enum iq_name event)
{
	return event != IQ_EV_HANGTERM && event != IQ_EV_CAUSE;
}

void dp_iq_notify(void *user, struct dp_term *t, struct dp_stream *s, enum iq_name event,
	const struct iq_param *params, unsigned n_params)
{
	struct dp_iq *q = user;
	char id[DP_TERM_ID_BYTES];
	struct iq_item it = { .id = event, .n_params = n_params };
	struct iq_cmd cmd = { .kind = IQ_NOTIFY, .term = iq_term(gw_sv_cstr(dp_term_id(t, id))),
		.observed_id = t->events_id, .observed = &it, .n_observed = 1 };
	struct iq_action a = { .context = t->ctx->id, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn txn = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };
	const struct dp_wanted *w = dp_events_find(t, s, event);

	if (!w)
		return;
	if (!q->is_registered) {
		hold_event(q, t, w);
		return;
	}
	if (s && names_stream(event))
		it.stream = s->id;
	for (unsigned i = 0; i < n_params && i < IQ_MAX_PARAMS; i++)
		it.params[i] = params[i];
	q->ctr[iq_notifies]++;
	if (dp_iq_send_request(q, &txn, q->version, notify_tag(q, t, s, event)))
		GW_LOG_ERROR(q->c.log, "iq.notify_failed", "ctx=%u term=%s", t->ctx->id, id);
}

/* The stream a held event is about: the named one, or the first whose state is what the event says. */
static struct dp_stream *held_stream(const struct dp_term *t, const struct dp_wanted *w)
{
	struct dp_stream *s = w->stream ? dp_term_stream(t, w->stream) : t->streams;

	for (struct dp_stream *o = s; !w->stream && o; o = o->next)
		if (o->access && (dp_dtls_state(o->access->dtls) == DP_DTLS_FAILED ||
				o->access->ice.consent == DP_ICE_CONSENT_LOST))
			return o;
	return s;
}

static struct iq_param param(const char *name, const char *value)
{
	return (struct iq_param){ .name = gw_sv_cstr(name), .value = gw_sv_cstr(value) };
}

/* What a held event says is in the state of the stream. */
static struct iq_param held_param(const struct dp_stream *s, enum iq_name event)
{
	bool is_failed = s && s->access && dp_dtls_state(s->access->dtls) == DP_DTLS_FAILED;

	switch (event) {
	case IQ_EV_BNC_CHANGE:
		return param("Type", is_failed ? "Fail" : "RelUnexpected");
	case IQ_EV_CAUSE:
		return param("generalcause", "FP");
	case IQ_EV_ICE_RESULT:
		return param("ccresult", "succeeded");
	case IQ_EV_X_ICE:
		return param("res", "selected");
	case IQ_EV_X_DTLS:
		return param("state", is_failed ? "failed" : "up");
	case IQ_EV_X_CONSENT:
		return param("state", "lost");
	default:	/* the other names carry none, or are no events */
		return (struct iq_param){ .name = GW_SV_NONE };
	}
}

static void send_held_of(struct dp_iq *q, struct dp_term *t)
{
	for (unsigned i = 0; i < dp_events_count(t); i++) {
		const struct dp_wanted *w = &t->wanted->w[i];
		struct dp_stream *s = held_stream(t, w);
		struct iq_param p = held_param(s, (enum iq_name)w->event);

		if (!(t->is_held & dp_events_bit(t, w)))
			continue;
		t->is_held &= (uint16_t)~dp_events_bit(t, w);
		dp_iq_notify(q, t, s, (enum iq_name)w->event, &p, p.name.len ? 1 : 0);
	}
}

void dp_iq_send_held(struct dp_iq *q)
{
	GW_LIST_FOREACH_SAFE(it, next, dp_ctx_list(q->ctx)) {
		struct dp_context *cx = GW_CONTAINER(it, struct dp_context, node);

		for (unsigned i = 0; i < cx->n_terms; i++)
			send_held_of(q, cx->terms[i]);
	}
}
