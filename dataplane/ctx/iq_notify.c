/* SPDX-License-Identifier: Apache-2.0 */
/* Events to the controller; what it cannot be told now is held and told when it is back. */
#include "dataplane/ctx/ctx_int.h"
#include "dataplane/ctx/iq_int.h"

/*
 * A Notify is remembered by what it was about, so that one without an answer can be sent again: an odd
 * number, which no pointer is; the termination may have gone in the meantime.
 */
static void *notify_tag(const struct dp_term *t, enum iq_name event)
{
	return (void *)(uintptr_t)((uint64_t)t->generation << 32 | (uint64_t)(t->slot + 1) << 6 |
				   (uint64_t)event << 1 | 1);
}

static void hold_event(struct dp_iq *q, struct dp_term *t, enum iq_name event)
{
	if (event == IQ_EV_HANGTERM)	/* the next one comes by itself */
		return;
	q->ctr[iq_held] += !(t->held >> event & 1);
	t->held |= 1u << event;
}

void dp_iq_hold(void *user, void *tag)
{
	struct dp_iq *q = user;
	uint64_t v = (uintptr_t)tag;
	uint32_t slot = (uint32_t)v >> 6;
	struct dp_term *t;

	if (!(v & 1) || slot == 0 || slot > q->ctx->n_term_slots)
		return;
	t = &q->ctx->terms[slot - 1];
	if (t->is_used && t->generation == (uint32_t)(v >> 32))
		hold_event(q, t, (enum iq_name)(v >> 1 & 31));
}

void dp_iq_notify(void *user, struct dp_term *t, enum iq_name event, const struct iq_param *params,
	unsigned n_params)
{
	struct dp_iq *q = user;
	struct iq_item it = { .id = event, .n_params = n_params };
	struct iq_cmd cmd = { .kind = IQ_NOTIFY, .term = iq_term(gw_sv_cstr(t->id)),
		.observed_id = t->events_id, .observed = &it, .n_observed = 1 };
	struct iq_action a = { .context = t->ctx->id, .priority = -1, .cmds = &cmd, .n_cmds = 1 };
	struct iq_txn txn = { .kind = IQ_REQUEST, .actions = &a, .n_actions = 1 };

	if (event >= 32 || !(t->wanted >> event & 1))
		return;
	if (!q->is_registered) {
		hold_event(q, t, event);
		return;
	}
	if (event != IQ_EV_HANGTERM && event != IQ_EV_CAUSE)
		it.stream = t->stream_id;
	for (unsigned i = 0; i < n_params && i < IQ_MAX_PARAMS; i++)
		it.params[i] = params[i];
	q->ctr[iq_notifies]++;
	if (dp_iq_send_request(q, &txn, q->version, notify_tag(t, event)))
		GW_LOG_ERROR(q->c.log, "iq.notify_failed", "ctx=%u term=%s", t->ctx->id, t->id);
}

/* What a held event says is in the state of the termination. */
static struct iq_param held_param(const struct dp_term *t, enum iq_name event)
{
	bool is_failed = t->dtls && dp_dtls_state(t->dtls) == DP_DTLS_FAILED;

	switch (event) {
	case IQ_EV_BNC_CHANGE:
		return (struct iq_param){ GW_SV("Type"), is_failed ? GW_SV("Fail") : GW_SV("RelUnexpected") };
	case IQ_EV_CAUSE:
		return (struct iq_param){ GW_SV("generalcause"), GW_SV("FP") };
	case IQ_EV_ICE_RESULT:
		return (struct iq_param){ GW_SV("ccresult"), GW_SV("succeeded") };
	case IQ_EV_X_ICE:
		return (struct iq_param){ GW_SV("res"), GW_SV("selected") };
	case IQ_EV_X_DTLS:
		return (struct iq_param){ GW_SV("state"), is_failed ? GW_SV("failed") : GW_SV("up") };
	case IQ_EV_X_CONSENT:
		return (struct iq_param){ GW_SV("state"), GW_SV("lost") };
	default:	/* the other names carry none, or are no events */
		return (struct iq_param){ GW_SV_NONE, GW_SV_NONE };
	}
}

void dp_iq_send_held(struct dp_iq *q)
{
	GW_LIST_FOREACH_SAFE(it, next, dp_ctx_list(q->ctx)) {
		struct dp_context *cx = GW_CONTAINER(it, struct dp_context, node);

		for (unsigned i = 0; i < cx->n_terms; i++) {
			struct dp_term *t = cx->terms[i];
			uint32_t held = t->held;

			t->held = 0;
			for (unsigned ev = 1; held >> ev; ev++) {
				struct iq_param p = held_param(t, (enum iq_name)ev);

				if (held >> ev & 1)
					dp_iq_notify(q, t, (enum iq_name)ev, &p, p.name.len ? 1 : 0);
			}
		}
	}
}
