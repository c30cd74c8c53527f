/* SPDX-License-Identifier: Apache-2.0 */
/* A message an operator has written: sent once, its answer shown. */
#include <stdlib.h>

#include "control/iq/client_int.h"
#include "proto/h248/text.h"

void cp_iq_by_hand_answered(struct cp_iq *q, struct gw_sv answer)
{
	q->hand.is_waiting = false;
	if (q->hand.fn)
		q->hand.fn(q->hand.user, answer);
	q->hand.fn = NULL;
}

void cp_iq_by_hand_forget(struct cp_iq *q)
{
	q->hand.fn = NULL;
}

/* text with our mId and TransactionID in the places of those it has. */
static enum gw_err adopt(struct cp_iq *q, struct gw_sv text, uint32_t tid, struct gw_buf *out, struct gw_diag *diag)
{
	struct gw_arena arena = GW_ARENA_INIT(1u << 20);
	struct h248_message m = { .version = 0 };
	enum gw_err err = h248_parse(&m, &arena, text, diag);
	const struct h248_item *t = m.body;

	if (!err && (!t || t->next || t->token != H248_TOK_TRANSACTION || !m.mid.len)) {
		*diag = (struct gw_diag){ 0, "not a message with one Transaction" };
		err = GW_EBADMSG;
	}
	if (!err) {
		gw_buf_put(out, gw_sv(text.p, (size_t)(m.mid.p - text.p)));
		gw_buf_puts(out, q->conf->iq.mid);
		gw_buf_put(out, gw_sv(m.mid.p + m.mid.len, (size_t)(t->value.p - m.mid.p) - m.mid.len));
		gw_buf_u64(out, tid);
		gw_buf_put(out, gw_sv_sub(text, (size_t)(t->value.p - text.p) + t->value.len, text.len));
		err = out->overflow ? GW_EBADMSG : GW_OK;
	}
	gw_arena_reset(&arena);
	return err;
}

enum gw_err cp_iq_by_hand(struct cp_iq *q, struct gw_sv name, struct gw_sv text,
	void (*fn)(void *user, struct gw_sv answer), void *user, struct gw_diag *diag)
{
	struct cp_gateway *g = cp_gateway_named(q, name);
	struct gw_buf b = gw_buf(q->out, sizeof(q->out));
	uint32_t tid = iq_xact_tid(&q->xact);
	struct cp_iq_ref *w;
	enum gw_err err;

	if (!g)
		return GW_ENOENT;
	if (!cp_gateway_is_reachable(g))
		return GW_ECLOSED;
	if (q->hand.is_waiting)
		return GW_ESTATE;
	if ((err = adopt(q, text, tid, &b, diag)))
		return err;
	w = malloc(sizeof(*w));
	if (!w)
		return GW_ENOMEM;
	*w = (struct cp_iq_ref){ 0, OWN_BY_HAND, (unsigned)(g - q->gw), 0 };
	if ((err = iq_xact_send(&q->xact, &g->peer, tid, gw_buf_sv(&b), w, cp_loop_now(q->loop)))) {
		free(w);
		return err;
	}
	q->hand.fn = fn;
	q->hand.user = user;
	q->hand.is_waiting = true;
	return GW_OK;
}
