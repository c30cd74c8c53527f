/* SPDX-License-Identifier: Apache-2.0 */
/* Events, ObservedEvents, Signals and Statistics of Iq. */
#include "proto/iq/codec_int.h"

struct gw_sv iq_dec_value(struct iq_dec *d, const struct h248_item *it)
{
	size_t len = it->value.len;
	struct gw_buf b;
	char *p;

	if (!it->list)
		return it->value;
	if (gw_sv_chr(it->value, ',', 0) < it->value.len)
		return GW_SV_NONE;
	for (const struct h248_item *e = it->list; e; e = e->next) {
		len += 1 + e->value.len;
		if (gw_sv_chr(e->value, ',', 0) < e->value.len)
			return GW_SV_NONE;
	}
	p = gw_arena_alloc(d->arena, len);
	if (!p)
		return GW_SV_NONE;
	b = gw_buf(p, len);
	gw_buf_put(&b, it->value);
	for (const struct h248_item *e = it->list; e; e = e->next) {
		gw_buf_putc(&b, ',');
		gw_buf_put(&b, e->value);
	}
	return gw_buf_sv(&b);
}

static unsigned completion(const struct h248_item *nc)
{
	unsigned bits = 0;

	for (const struct h248_item *v = nc; v; v = v == nc ? nc->list : v->next) {
		switch (h248_token_lookup(v->value)) {
		case H248_TOK_TIME_OUT:
			bits |= IQ_DONE_TIME_OUT;
			break;
		case H248_TOK_BY_EVENT:
			bits |= IQ_DONE_EVENT;
			break;
		case H248_TOK_BY_SIGNALS:
			bits |= IQ_DONE_NEW_SIGNALS;
			break;
		case H248_TOK_OTHER_REASON:
			bits |= IQ_DONE_OTHER;
			break;
		case H248_TOK_ITERATION:
			bits |= IQ_DONE_ITERATION;
			break;
		default:
			return 0;
		}
	}
	return bits;
}

static enum iq_signal_type signal_type(struct gw_sv v)
{
	switch (h248_token_lookup(v)) {
	case H248_TOK_ON_OFF:
		return IQ_SIGNAL_ON_OFF;
	case H248_TOK_TIME_OUT:
		return IQ_SIGNAL_TIME_OUT;
	case H248_TOK_BRIEF:
		return IQ_SIGNAL_BRIEF;
	default:
		return IQ_SIGNAL_DEFAULT;
	}
}

/* What signals have besides their package's parameters. @return false: it is none of these */
static bool signal_param(struct iq_cmd *c, struct iq_item *it, const struct h248_item *p)
{
	uint32_t n;

	switch (p->token) {
	case H248_TOK_SIGNAL_TYPE:
		it->type = signal_type(p->value);
		if (it->type == IQ_SIGNAL_DEFAULT)
			iq_dec_fault(c, 442, p->value);
		return true;
	case H248_TOK_DURATION:
		if (gw_sv_uint_max(p->value, UINT16_MAX, &n))
			iq_dec_fault(c, 442, p->value);
		else
			it->duration = (int)n;
		return true;
	case H248_TOK_NOTIFY_COMPLETION:
		it->completion = completion(p);
		if (it->completion == 0)
			iq_dec_fault(c, 442, p->value);
		return true;
	case H248_TOK_REQUEST_ID:
		if (gw_sv_u32(p->value, &it->request_id))
			iq_dec_fault(c, 442, p->value);
		return true;
	case H248_TOK_DIRECTION:	/* no signal of Iq has a direction, and none follows another */
	case H248_TOK_INTERSIGNAL:
		iq_dec_fault(c, 501, p->name);
		return true;
	default:
		return false;
	}
}

/* Embedded descriptors and what version 3 says of notifying: no procedure of Iq has them. */
static bool is_event_action(enum h248_token t)
{
	return t == H248_TOK_EMBED || t == H248_TOK_DIGIT_MAP || t == H248_TOK_NEVER_NOTIFY ||
		t == H248_TOK_IMMEDIATE_NOTIFY || t == H248_TOK_REGULATED_NOTIFY || t == H248_TOK_RESET_EVENTS;
}

static void package_param(struct iq_dec *d, struct iq_cmd *c, struct iq_item *it, const struct h248_item *p)
{
	const struct iq_param_row *row = iq_param_row(it->id, p->name);
	struct gw_sv v = iq_dec_value(d, p);
	unsigned code;

	if (!row) {
		iq_dec_fault(c, 446, p->name);
		return;
	}
	code = p->relation != '=' || (p->list && row->type != IQ_T_LIST) ? 449 :
		iq_value_fault(row->type, row->words, v);
	if (code)
		iq_dec_fault(c, code, p->value);
	else if (it->n_params == IQ_MAX_PARAMS)
		iq_dec_fault(c, 510, p->name);
	else
		it->params[it->n_params++] = (struct iq_param){ row->name, v };
}

static void params(struct iq_dec *d, struct iq_cmd *c, struct iq_item *it, const struct h248_item *p,
	enum iq_kind kind)
{
	uint32_t n;

	for (const struct h248_item *q = p->child; q; q = q->next) {
		if (q->token == H248_TOK_STREAM) {
			if (gw_sv_uint_max(q->value, UINT16_MAX, &n))
				iq_dec_fault(c, 442, q->name);
			else
				it->stream = (uint16_t)n;
		} else if (q->token == H248_TOK_KEEP_ACTIVE && !q->relation) {
			it->is_keep_active = true;
		} else if (kind == IQ_K_EVENT && is_event_action(q->token)) {
			iq_dec_fault(c, 501, q->name);
		} else if (kind != IQ_K_SIGNAL || !signal_param(c, it, q)) {
			package_param(d, c, it, q);
		}
	}
}

/* Only what is asked for has to be whole: an observed event says what there is to say. */
static void required(struct iq_cmd *c, const struct iq_item *it)
{
	const struct iq_param_row *row;

	for (unsigned i = 0; (row = iq_param_row_at(it->id, i)); i++)
		if (row->is_required && iq_item_param(it, row->name).len == 0)
			iq_dec_fault(c, 457, row->name);
}

static void list(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *parent, struct iq_item **list,
	unsigned *n, enum iq_kind kind)
{
	unsigned max = kind == IQ_K_SIGNAL ? IQ_MAX_SIGNALS : IQ_MAX_EVENTS;

	for (const struct h248_item *p = parent->child; p; p = p->next) {
		enum iq_name id = iq_name_lookup(p->name);
		struct iq_item *it;

		if (p->token == H248_TOK_SIGNAL_LIST && kind == IQ_K_SIGNAL) {
			iq_dec_fault(c, 501, p->name);
			continue;
		}
		if (id == IQ_NAME_UNKNOWN || iq_name_kind(id) != kind) {
			iq_dec_fault(c, !iq_package_known(p->name) ? 440 : kind == IQ_K_SIGNAL ? 452 : 451, p->name);
			continue;
		}
		it = iq_dec_grow(d, (void **)list, n, sizeof(*it), max);
		if (!it) {
			iq_dec_fault(c, 510, GW_SV_NONE);
			return;
		}
		*it = (struct iq_item){ .id = id, .timestamp = p->timestamp };
		params(d, c, it, p, kind);
		if (parent->token != H248_TOK_OBSERVED_EVENTS)
			required(c, it);
	}
}

void iq_dec_items(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *p)
{
	switch (p->token) {
	case H248_TOK_EVENTS:
		if (c->has_events)
			iq_dec_fault(c, 448, p->name);
		c->has_events = true;
		if (p->relation && gw_sv_u32(p->value, &c->events_id))
			iq_dec_fault(c, 442, p->value);
		list(d, c, p, &c->events, &c->n_events, IQ_K_EVENT);
		break;
	case H248_TOK_SIGNALS:
		if (p->has_braces && !p->child)
			iq_dec_fault(c, 442, p->name);	/* 6.2: empty braces are a syntax error */
		c->has_signals = true;
		list(d, c, p, &c->signals, &c->n_signals, IQ_K_SIGNAL);
		break;
	default:	/* ObservedEvents */
		if (gw_sv_u32(p->value, &c->observed_id))
			iq_dec_fault(c, 442, p->value);
		list(d, c, p, &c->observed, &c->n_observed, IQ_K_EVENT);
	}
}

void iq_dec_stats(struct iq_dec *d, struct iq_cmd *c, struct iq_stat **list, unsigned *n, const struct h248_item *sa)
{
	for (const struct h248_item *p = sa->child; p; p = p->next) {
		enum iq_name id = iq_name_lookup(p->name);
		struct iq_stat *s;

		/* a stranger's statistics are his own: those we do not know are of no use to us */
		if (id == IQ_NAME_UNKNOWN || iq_name_kind(id) != IQ_K_STATISTIC)
			continue;
		s = iq_dec_grow(d, (void **)list, n, sizeof(*s), 32);
		if (s)
			*s = (struct iq_stat){ id, p->value };
		else
			iq_dec_fault(c, 510, GW_SV_NONE);
	}
}
