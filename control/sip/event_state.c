/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reg-event subscriptions in the state store (W2-ST-02): a dialog with the registrar goes on after a restart. The first
 * refresh asks for the full state, which tells what the network has ended meanwhile (RFC 3680 5).
 */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/reg_event.h"
#include "control/state/record.h"
#include "control/state/store.h"

#define VERSION 1
#define RECORD_BYTES 16384
#define SPREAD_MS 5u	/* between the refreshes of two sets after a restart: the core gets 200 a second */

/* Of the record; a number is never used again for something else. */
enum tag { TAG_CALL_ID = 1, TAG_TAG, TAG_REMOTE_TAG, TAG_TARGET, TAG_ROUTE, TAG_CSEQ, TAG_REMOTE_CSEQ, TAG_VERSION };

void cp_reg_event_save(struct cp_reg_event *e)
{
	static char bytes[RECORD_BYTES];
	struct gw_buf b = gw_buf(bytes, sizeof(bytes));

	if (!e->reg->s->store || e->state != CP_EVENT_ACTIVE)
		return;
	cp_record_begin(&b, VERSION);
	cp_record_put_str(&b, TAG_CALL_ID, e->call_id);
	cp_record_put_str(&b, TAG_TAG, e->tag);
	cp_record_put_str(&b, TAG_REMOTE_TAG, e->remote_tag);
	cp_record_put_str(&b, TAG_TARGET, e->target);
	for (unsigned i = 0; i < e->n_routes; i++)
		cp_record_put_str(&b, TAG_ROUTE, e->routes[i]);
	cp_record_put_u64(&b, TAG_CSEQ, e->cseq);
	if (e->has_remote_cseq)
		cp_record_put_u64(&b, TAG_REMOTE_CSEQ, e->remote_cseq);
	if (e->has_version)
		cp_record_put_u64(&b, TAG_VERSION, e->version);
	if (b.overflow) {
		CP_COUNT(state_dropped);
		return;
	}
	cp_store_put(e->reg->s->store, CP_STORE_EVENT, gw_sv_cstr(e->impu), gw_buf_sv(&b),
		cp_loop_wall_s() + e->expires_s);
	e->is_saved = true;
}

void cp_reg_event_unsave(struct cp_reg_event *e)
{
	if (e->is_saved)
		cp_store_del(e->reg->s->store, CP_STORE_EVENT, gw_sv_cstr(e->impu));
	e->is_saved = false;
}

static void read_field(struct cp_reg_event *e, uint8_t tag, struct gw_sv v)
{
	switch ((enum tag)tag) {
	case TAG_CALL_ID:
		(void)!gw_sv_copy(v, e->call_id, sizeof(e->call_id));
		break;
	case TAG_TAG:
		(void)!gw_sv_copy(v, e->tag, sizeof(e->tag));
		break;
	case TAG_REMOTE_TAG:
		cp_reg_set(&e->remote_tag, gw_sv_dup(v));
		break;
	case TAG_TARGET:
		cp_reg_set(&e->target, gw_sv_dup(v));
		break;
	case TAG_ROUTE:
		if (e->n_routes < CP_EVENT_ROUTES && (e->routes[e->n_routes] = gw_sv_dup(v)))
			e->n_routes++;
		break;
	case TAG_CSEQ:
		e->cseq = (uint32_t)cp_record_u64(v);
		break;
	case TAG_REMOTE_CSEQ:
		e->remote_cseq = (uint32_t)cp_record_u64(v);
		e->has_remote_cseq = true;
		break;
	case TAG_VERSION:
		e->version = (uint32_t)cp_record_u64(v);
		e->has_version = true;
		break;
	}
}

/* The set is there, for one of its bindings is. */
static void restore(void *user, struct gw_sv key, struct gw_sv value)
{
	struct cp_reg *r = user;
	struct cp_reg_event *e = gw_map_get(&r->event_by_impu, key);
	struct cp_record rec;
	struct gw_sv v;
	uint8_t tag;

	if (!e || e->is_saved || cp_record_open(&rec, value, VERSION)) {
		cp_store_del(r->s->store, CP_STORE_EVENT, key);
		return;
	}
	e->is_saved = true;
	while (cp_record_next(&rec, &tag, &v))
		read_field(e, tag, v);
	if (rec.is_bad || !e->call_id[0] || !e->tag[0] || !e->remote_tag || !e->target ||
		gw_map_put(&r->event_by_call_id, gw_sv_cstr(e->call_id), e)) {
		CP_COUNT(state_not_restored);
		cp_reg_event_drop_dialog(e);	/* a new one is made */
		return;
	}
	e->state = CP_EVENT_ACTIVE;
}

static void join(struct cp_binding *b)
{
	struct cp_reg *r = b->reg;
	struct cp_reg_event *e = gw_map_get(&r->event_by_impu, gw_sv_cstr(b->default_impu));

	if (!e && !(e = cp_reg_event_new(r, b->default_impu)))
		return;
	e->state = CP_EVENT_WAITING;
	b->event = e;
	gw_list_append(&e->bindings, &b->event_node);
}

enum gw_err cp_reg_events_restore(struct cp_reg *r)
{
	uint64_t after_ms = 0;
	enum gw_err err;

	if (!r->s->conf->reg.subscribe)
		return GW_OK;
	GW_LIST_FOREACH(it, &r->all)
		join(GW_CONTAINER(it, struct cp_binding, node));
	if ((err = cp_store_load(r->s->store, CP_STORE_EVENT, restore, r)))
		return err;
	GW_LIST_FOREACH(it, &r->events)
		cp_reg_event_wait_ms(GW_CONTAINER(it, struct cp_reg_event, node), after_ms += SPREAD_MS);
	return GW_OK;
}
