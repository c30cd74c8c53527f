/* SPDX-License-Identifier: Apache-2.0 */
/* Media descriptors of Iq: streams with LocalControl, Local and Remote; TerminationState. */
#include "proto/iq/codec_int.h"

static bool on_off(const struct h248_item *it, int *out)
{
	enum h248_token t = h248_token_lookup(it->value);

	if (t != H248_TOK_ON && t != H248_TOK_OFF)
		return false;
	*out = t == H248_TOK_ON;
	return true;
}

static enum iq_mode mode_of(struct gw_sv v)
{
	switch (h248_token_lookup(v)) {
	case H248_TOK_SEND_ONLY:
		return IQ_MODE_SEND_ONLY;
	case H248_TOK_RECEIVE_ONLY:
		return IQ_MODE_RECEIVE_ONLY;
	case H248_TOK_SEND_RECEIVE:
		return IQ_MODE_SEND_RECEIVE;
	case H248_TOK_INACTIVE:
		return IQ_MODE_INACTIVE;
	case H248_TOK_LOOPBACK:
		return IQ_MODE_LOOPBACK;
	default:
		return IQ_MODE_UNSET;
	}
}

/* What property says is legal at all: 440, 450, 455, or 0. */
static unsigned name_fault(enum iq_name id, enum iq_kind wanted, struct gw_sv name)
{
	if (id == IQ_NAME_UNKNOWN)
		return iq_package_known(name) ? 450 : 440;
	switch (iq_name_kind(id)) {
	case IQ_K_LOCAL:
	case IQ_K_STATE:
		return iq_name_kind(id) == wanted ? 0 : 455;
	case IQ_K_EVENT:
	case IQ_K_SIGNAL:
	case IQ_K_STATISTIC:
		break;
	}
	return 450;
}

static void store(struct iq_stream *s, const struct iq_field *f, struct gw_sv v)
{
	char *at = (char *)s + f->offset;
	uint32_t n = 0;

	switch (iq_name_type(f->id)) {
	case IQ_T_STRING:
		*(struct gw_sv *)(void *)at = v;
		return;
	case IQ_T_UINT:
		(void)!gw_sv_u32(v, &n);	/* checked by the caller */
		*(int64_t *)(void *)at = n;
		return;
	case IQ_T_BOOL:
		*(int *)(void *)at = gw_sv_ieq(v, GW_SV("ON"));
		return;
	case IQ_T_DSCP:
		(void)!gw_sv_hex32(v, &n);
		*(int *)(void *)at = (int)n;
		return;
	default:	/* U16 */
		(void)!gw_sv_u32(v, &n);
		*(int *)(void *)at = (int)n;
	}
}

static void property(struct iq_cmd *c, struct iq_stream *s, const struct h248_item *p)
{
	enum iq_name id = iq_name_lookup(p->name);
	unsigned code = name_fault(id, IQ_K_LOCAL, p->name);
	const struct iq_field *f;

	if (code) {
		iq_dec_fault(c, code, p->name);
		return;
	}
	/* relations and lists leave a choice, which none of these properties does */
	if (p->relation != '=' || p->list || iq_value_fault(iq_name_type(id), GW_SV_NONE, p->value)) {
		iq_dec_fault(c, 449, p->value);
		return;
	}
	for (unsigned i = 0; (f = iq_field_at(i)); i++)
		if (f->id == id)
			store(s, f, p->value);
}

static void local_control(struct iq_cmd *c, struct iq_stream *s, const struct h248_item *lc)
{
	for (const struct h248_item *p = lc->child; p; p = p->next) {
		switch (p->token) {
		case H248_TOK_MODE:
			s->mode = mode_of(p->value);
			if (s->mode == IQ_MODE_UNSET)
				iq_dec_fault(c, 517, p->value);
			break;
		case H248_TOK_RESERVED_VALUE:
			if (!on_off(p, &s->reserve_value))
				iq_dec_fault(c, 449, p->value);
			break;
		case H248_TOK_RESERVED_GROUP:
			if (!on_off(p, &s->reserve_group))
				iq_dec_fault(c, 449, p->value);
			break;
		default:
			property(c, s, p);
		}
	}
}

static void stream_parm(struct iq_dec *d, struct iq_cmd *c, struct iq_stream *s, const struct h248_item *p)
{
	switch (p->token) {
	case H248_TOK_LOCAL_CONTROL:
		local_control(c, s, p);
		break;
	case H248_TOK_LOCAL:
		s->has_local = true;
		s->local = p->raw;
		break;
	case H248_TOK_REMOTE:
		s->has_remote = true;
		s->remote = p->raw;
		break;
	case H248_TOK_STATISTICS:
		iq_dec_stats(d, c, &s->stats, &s->n_stats, p);
		break;
	default:
		iq_dec_fault(c, 444, p->name);
	}
}

static struct iq_stream *new_stream(struct iq_dec *d, struct iq_cmd *c, uint16_t id)
{
	struct iq_stream *s = iq_dec_grow(d, (void **)&c->streams, &c->n_streams, sizeof(*s), IQ_MAX_STREAMS);

	if (s)
		*s = iq_stream(id);
	else
		iq_dec_fault(c, 510, GW_SV_NONE);
	return s;
}

/* mgroup/gs: what the elements say. */
static void groups(struct iq_dec *d, struct iq_cmd *c, struct gw_sv values)
{
	struct gw_sv one;
	bool more = true;

	while (more) {
		struct iq_group *g = iq_dec_grow(d, (void **)&c->groups, &c->n_groups, sizeof(*g), IQ_MAX_STREAMS);

		more = gw_sv_cut(values, ',', &one, &values);
		if (!g || iq_group_read(one, g)) {
			c->n_groups -= g != NULL;
			iq_dec_fault(c, g ? 449 : 510, one);
			return;
		}
	}
}

static void state_property(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *p)
{
	enum iq_name id = iq_name_lookup(p->name);
	unsigned code = name_fault(id, IQ_K_STATE, p->name);
	struct gw_sv v = iq_dec_value(d, p);
	struct iq_prop *prop;

	if (code) {
		iq_dec_fault(c, code, p->name);
		return;
	}
	if (p->relation != '=' || (p->list && iq_name_type(id) != IQ_T_LIST) ||
		iq_value_fault(iq_name_type(id), GW_SV_NONE, v)) {
		iq_dec_fault(c, 449, p->value);
		return;
	}
	prop = iq_dec_grow(d, (void **)&c->props, &c->n_props, sizeof(*prop), 32);
	if (!prop) {
		iq_dec_fault(c, 510, GW_SV_NONE);
		return;
	}
	*prop = (struct iq_prop){ .id = id, .value = v };
	if (iq_name_type(id) == IQ_T_UINT)
		(void)!gw_sv_u32(v, &prop->number);
	if (id == IQ_GROUPS)
		groups(d, c, v);
}

static void termination_state(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *ts)
{
	for (const struct h248_item *p = ts->child; p; p = p->next) {
		enum h248_token v = h248_token_lookup(p->value);

		if (p->token == H248_TOK_SERVICE_STATES) {
			c->has_service_state = true;
			c->is_in_service = v == H248_TOK_IN_SERVICE;
			c->is_test = v == H248_TOK_TEST;
			if (!c->is_in_service && !c->is_test && v != H248_TOK_OUT_OF_SERVICE)
				iq_dec_fault(c, 449, p->value);
		} else if (p->token == H248_TOK_BUFFER) {	/* M-8: no event buffers on Iq */
			if (v != H248_TOK_OFF)
				iq_dec_fault(c, v == H248_TOK_LOCK_STEP ? 501 : 449, p->value);
		} else {
			state_property(d, c, p);
		}
	}
}

void iq_dec_media(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *m)
{
	struct iq_stream *bare = NULL;
	uint32_t id;

	for (const struct h248_item *p = m->child; p; p = p->next) {
		struct iq_stream *s;

		if (p->token == H248_TOK_TERMINATION_STATE) {
			termination_state(d, c, p);
		} else if (p->token == H248_TOK_STREAM) {
			if (gw_sv_uint_max(p->value, UINT16_MAX, &id) || id == 0) {
				iq_dec_fault(c, 442, p->name);
				continue;
			}
			s = new_stream(d, c, (uint16_t)id);
			for (const struct h248_item *q = p->child; s && q; q = q->next)
				stream_parm(d, c, s, q);
		} else {	/* M-2: StreamID 1 is implied */
			if (!bare)
				bare = new_stream(d, c, 1);
			if (bare)
				stream_parm(d, c, bare, p);
		}
	}
}
