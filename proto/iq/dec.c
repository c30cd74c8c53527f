/* SPDX-License-Identifier: Apache-2.0 */
/* H.248 tree -> typed messages. What is wrong is noted at its own level (iq.md 3.5). */
#include "proto/h248/text.h"
#include "proto/iq/iq.h"

struct dec {
	struct gw_arena *arena;
};

static void fault(struct iq_cmd *c, unsigned code, struct gw_sv text)
{
	if (c->error == 0) {
		c->error = code;
		c->error_text = text;
	}
}

/* Grows by doubling in the arena; NULL when the limit or the memory ends. */
static void *grow(struct dec *d, void **list, unsigned *n, size_t size, unsigned max)
{
	if (*n >= max)
		return NULL;
	if ((*n & (*n - 1)) == 0) {	/* 0, 1, 2, 4, 8: full */
		void *g = gw_arena_calloc(d->arena, *n ? *n * 2u : 1, size);

		if (!g)
			return NULL;
		if (*n)
			memcpy(g, *list, *n * size);
		*list = g;
	}
	return (char *)*list + size * (*n)++;
}

static bool boolean(const struct h248_item *it, int *out)
{
	enum h248_token t = h248_token_lookup(it->value);

	if (t != H248_TOK_ON && t != H248_TOK_OFF)
		return false;
	*out = t == H248_TOK_ON;
	return true;
}

static bool number(const struct h248_item *it, int64_t *out)
{
	uint32_t n;

	if (gw_sv_u32(it->value, &n))
		return false;
	*out = n;
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
	default:
		return IQ_MODE_UNSET;
	}
}

static bool property(struct iq_stream *s, enum iq_name id, const struct h248_item *p)
{
	uint32_t hex;

	switch (id) {
	case IQ_REALM:
		s->realm = p->value;
		return p->value.len > 0;
	case IQ_DSCP:	/* hexadecimal 0..3F */
		if (gw_sv_hex32(p->value, &hex) || hex > 63)
			return false;
		s->dscp = (int)hex;
		return true;
	case IQ_SAF:
		return boolean(p, &s->saf);
	case IQ_SPF:
		return boolean(p, &s->spf);
	case IQ_POL:
		return boolean(p, &s->pol);
	case IQ_RTCPH_RSB:
		return boolean(p, &s->rtcp_rsb);
	case IQ_SDR:
		return number(p, &s->sdr);
	case IQ_MBS:
		return number(p, &s->mbs);
	case IQ_PDR:
		return number(p, &s->pdr);
	default:
		return false;
	}
}

static void local_control(struct iq_cmd *c, struct iq_stream *s, const struct h248_item *lc)
{
	for (const struct h248_item *p = lc->child; p; p = p->next) {
		enum iq_name id;
		int ignored;

		if (p->token == H248_TOK_MODE) {
			s->mode = mode_of(p->value);
			if (s->mode == IQ_MODE_UNSET)
				fault(c, 517, p->value);
		} else if (p->token == H248_TOK_RESERVED_VALUE) {
			if (!boolean(p, &s->reserve_value))
				fault(c, 449, p->value);
		} else if (p->token == H248_TOK_RESERVED_GROUP) {
			if (!boolean(p, &ignored))
				fault(c, 449, p->value);
		} else if ((id = iq_name_lookup(p->name)) == IQ_NAME_UNKNOWN || id > IQ_RTCPH_RSB || id == IQ_DVT) {
			fault(c, iq_package_known(p->name) ? 445 : 440, p->name);
		} else if (!property(s, id, p)) {
			fault(c, 449, p->name);
		}
	}
}

static void stream_parm(struct iq_cmd *c, struct iq_stream *s, const struct h248_item *p)
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
	case H248_TOK_STATISTICS:	/* version 3 only, not used */
		break;
	default:
		fault(c, 444, p->name);
	}
}

static struct iq_stream *new_stream(struct dec *d, struct iq_cmd *c, uint16_t id)
{
	struct iq_stream *s = grow(d, (void **)&c->streams, &c->n_streams, sizeof(*s), IQ_MAX_STREAMS);

	if (s)
		*s = iq_stream(id);
	else
		fault(c, 510, GW_SV_NONE);
	return s;
}

static void media(struct dec *d, struct iq_cmd *c, const struct h248_item *m)
{
	struct iq_stream *bare = NULL;
	uint32_t id;

	for (const struct h248_item *p = m->child; p; p = p->next) {
		struct iq_stream *s;

		if (p->token == H248_TOK_TERMINATION_STATE) {
			const struct h248_item *si = h248_child(p, H248_TOK_SERVICE_STATES);

			c->has_service_state = si != NULL;
			c->is_in_service = si && h248_token_lookup(si->value) == H248_TOK_IN_SERVICE;
		} else if (p->token == H248_TOK_STREAM) {
			if (gw_sv_uint_max(p->value, UINT16_MAX, &id) || id == 0) {
				fault(c, 442, p->name);
				continue;
			}
			s = new_stream(d, c, (uint16_t)id);
			for (const struct h248_item *q = p->child; s && q; q = q->next)
				stream_parm(c, s, q);
		} else {	/* M-2: StreamID 1 is implied */
			if (!bare)
				bare = new_stream(d, c, 1);
			if (bare)
				stream_parm(c, bare, p);
		}
	}
}

static void item_params(struct iq_cmd *c, struct iq_item *it, const struct h248_item *p)
{
	uint32_t id;

	for (const struct h248_item *q = p->child; q; q = q->next) {
		if (q->token == H248_TOK_STREAM) {
			if (gw_sv_uint_max(q->value, UINT16_MAX, &id))
				fault(c, 442, q->name);
			else
				it->stream = (uint16_t)id;
		} else if (it->n_params < IQ_MAX_PARAMS) {
			it->params[it->n_params++] = (struct iq_param){ q->name, q->value };
		}
	}
}

static void items(struct dec *d, struct iq_cmd *c, const struct h248_item *parent,
	struct iq_item **list, unsigned *n, unsigned max, bool (*is_one)(enum iq_name id), unsigned unknown_item)
{
	for (const struct h248_item *p = parent->child; p; p = p->next) {
		enum iq_name id = iq_name_lookup(p->name);
		struct iq_item *it;

		if (id == IQ_NAME_UNKNOWN || !is_one(id)) {
			fault(c, iq_package_known(p->name) ? unknown_item : 440, p->name);
			continue;
		}
		it = grow(d, (void **)list, n, sizeof(*it), max);
		if (!it) {
			fault(c, 510, GW_SV_NONE);
			return;
		}
		*it = (struct iq_item){ .id = id };
		item_params(c, it, p);
	}
}

static void audit(struct iq_cmd *c, const struct h248_item *a)
{
	static const struct {
		enum h248_token token;
		unsigned bit;
	} bits[] = { { H248_TOK_MEDIA, IQ_AUDIT_MEDIA }, { H248_TOK_EVENTS, IQ_AUDIT_EVENTS },
		{ H248_TOK_SIGNALS, IQ_AUDIT_SIGNALS }, { H248_TOK_STATISTICS, IQ_AUDIT_STATISTICS },
		{ H248_TOK_PACKAGES, IQ_AUDIT_PACKAGES } };

	c->has_audit = true;
	for (const struct h248_item *p = a->child; p; p = p->next)
		for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
			if (p->token == bits[i].token)
				c->audit |= p->token == H248_TOK_MEDIA && p->child ? IQ_AUDIT_STATE :
										   bits[i].bit;
}

static void services(struct iq_cmd *c, const struct h248_item *sv)
{
	static const enum h248_token methods[] = { H248_TOK_NONE, H248_TOK_RESTART, H248_TOK_GRACEFUL,
		H248_TOK_FORCED, H248_TOK_DISCONNECTED, H248_TOK_HANDOFF, H248_TOK_FAILOVER };
	uint32_t n;

	for (const struct h248_item *p = sv->child; p; p = p->next) {
		switch (p->token) {
		case H248_TOK_METHOD:
			for (int i = 1; i <= IQ_FAILOVER; i++)
				if (h248_token_lookup(p->value) == methods[i])
					c->sc.method = (enum iq_method)i;
			break;
		case H248_TOK_REASON:	/* M-17: 901, "901", "901 Cold boot" */
			if (gw_sv_uint_max(gw_sv_sub(p->value, 0, 3), 999, &n) == GW_OK)
				c->sc.reason = n;
			break;
		case H248_TOK_VERSION:
			if (gw_sv_uint_max(p->value, 99, &n) == GW_OK)
				c->sc.version = n;
			break;
		case H248_TOK_PROFILE:
			c->sc.profile = p->value;
			break;
		case H248_TOK_MGC_ID:
			c->sc.mgc_id = p->value;
			break;
		case H248_TOK_DELAY:
			if (gw_sv_u32(p->value, &n) == GW_OK)
				c->sc.delay_s = n;
			break;
		default:	/* addresses, time stamps and extensions are of no use to us */
			break;
		}
	}
}

static bool read_error(const struct h248_item *it, unsigned *code, struct gw_sv *text)
{
	uint32_t n;

	if (it->token != H248_TOK_ERROR || gw_sv_uint_max(it->value, 999, &n))
		return false;
	*code = n ? n : 500;
	*text = it->child && it->child->is_quoted_name ? it->child->name : GW_SV_NONE;
	return true;
}

static void stats(struct dec *d, struct iq_cmd *c, const struct h248_item *sa)
{
	for (const struct h248_item *p = sa->child; p; p = p->next) {
		struct iq_stat *s;
		enum iq_name id = iq_name_lookup(p->name);

		if (id == IQ_NAME_UNKNOWN)
			continue;
		s = grow(d, (void **)&c->stats, &c->n_stats, sizeof(*s), 32);
		if (s)
			*s = (struct iq_stat){ id, p->value };
	}
}

static void descriptor(struct dec *d, struct iq_cmd *c, const struct h248_item *p)
{
	unsigned code;

	switch (p->token) {
	case H248_TOK_MEDIA:
		media(d, c, p);
		break;
	case H248_TOK_EVENTS:
		if (c->has_events)
			fault(c, 448, p->name);
		c->has_events = true;
		if (p->relation && gw_sv_u32(p->value, &c->events_id))
			fault(c, 442, p->value);
		items(d, c, p, &c->events, &c->n_events, IQ_MAX_EVENTS, iq_is_event, 451);
		break;
	case H248_TOK_SIGNALS:
		if (p->has_braces && !p->child)
			fault(c, 442, p->name);	/* 6.2: empty braces are a syntax error */
		c->has_signals = true;
		items(d, c, p, &c->signals, &c->n_signals, IQ_MAX_SIGNALS, iq_is_signal, 452);
		break;
	case H248_TOK_OBSERVED_EVENTS:
		if (gw_sv_u32(p->value, &c->observed_id))
			fault(c, 442, p->value);
		items(d, c, p, &c->observed, &c->n_observed, IQ_MAX_EVENTS, iq_is_event, 451);
		break;
	case H248_TOK_AUDIT:
		audit(c, p);
		break;
	case H248_TOK_SERVICES:
		services(c, p);
		break;
	case H248_TOK_STATISTICS:
		stats(d, c, p);
		break;
	case H248_TOK_PACKAGES:
		for (const struct h248_item *q = p->child; q; q = q->next) {
			struct gw_sv *s = grow(d, (void **)&c->packages, &c->n_packages, sizeof(*s), 64);

			if (s)
				*s = q->name;
		}
		break;
	case H248_TOK_ERROR:
		if (read_error(p, &code, &c->error_text))
			c->error = code;
		break;
	default:
		fault(c, 444, p->name);
	}
}

static bool cmd_kind(enum h248_token t, enum iq_cmd_kind *out)
{
	static const enum h248_token kinds[] = { H248_TOK_ADD, H248_TOK_MODIFY, H248_TOK_SUBTRACT,
		H248_TOK_MOVE, H248_TOK_AUDIT_VALUE, H248_TOK_AUDIT_CAPABILITY, H248_TOK_NOTIFY,
		H248_TOK_SERVICE_CHANGE };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (t == kinds[i]) {
			*out = (enum iq_cmd_kind)i;
			return true;
		}
	return false;
}

static bool context_id(struct gw_sv v, uint32_t *out)
{
	if (gw_sv_eq(v, GW_SV("-")))
		*out = IQ_CONTEXT_NULL;
	else if (gw_sv_eq(v, GW_SV("$")))
		*out = IQ_CONTEXT_CHOOSE;
	else if (gw_sv_eq(v, GW_SV("*")))
		*out = IQ_CONTEXT_ALL;
	else
		return gw_sv_u32(v, out) == GW_OK && *out != 0 && *out < IQ_CONTEXT_CHOOSE;
	return true;
}

static void command(struct dec *d, struct iq_action *a, const struct h248_item *it,
	enum iq_cmd_kind kind)
{
	struct iq_cmd *c = grow(d, (void **)&a->cmds, &a->n_cmds, sizeof(*c), IQ_MAX_COMMANDS);

	if (!c) {
		a->error = 510;
		return;
	}
	*c = (struct iq_cmd){ .kind = kind, .term = iq_term(it->value) };
	for (struct gw_sv n = it->name; n.len > 2 && n.p[1] == '-'; n = gw_sv_sub(n, 2, n.len)) {
		c->is_optional |= gw_lower(n.p[0]) == 'o';
		c->is_wildcard_response |= gw_lower(n.p[0]) == 'w';
	}
	if (it->value.len == 0)
		fault(c, 442, it->name);
	if (it->list)
		fault(c, 501, GW_SV("lists of terminations"));
	for (const struct h248_item *p = it->child; p; p = p->next)
		descriptor(d, c, p);
}

static void action(struct dec *d, struct iq_txn *t, const struct h248_item *it)
{
	struct iq_action *a = grow(d, (void **)&t->actions, &t->n_actions, sizeof(*a),
		t->kind == IQ_REPLY ? IQ_MAX_REPLY_ACTIONS : IQ_MAX_ACTIONS);
	enum iq_cmd_kind kind;
	uint32_t n;

	if (!a) {
		t->error = 510;
		return;
	}
	*a = (struct iq_action){ .priority = -1 };
	if (!context_id(it->value, &a->context)) {
		a->error = 422;
		return;
	}
	for (const struct h248_item *p = it->child; p; p = p->next) {
		if (cmd_kind(p->token, &kind)) {
			command(d, a, p, kind);
		} else if (p->token == H248_TOK_PRIORITY) {
			if (gw_sv_uint_max(p->value, 15, &n))
				a->error = 422;
			else
				a->priority = (int)n;
		} else if (p->token == H248_TOK_EMERGENCY) {
			a->is_emergency = true;
		} else if (!read_error(p, &a->error, &a->error_text) &&
			p->token != H248_TOK_TOPOLOGY && p->token != H248_TOK_EMERGENCY_OFF &&
			p->token != H248_TOK_IEPS_CALL && p->token != H248_TOK_CONTEXT_AUDIT &&
			p->token != H248_TOK_CONTEXT_ATTR) {
			a->error = 421;
			a->error_text = p->name;
		}
	}
}

static void request_or_reply(struct dec *d, struct iq_txn *t, const struct h248_item *it)
{
	if (gw_sv_u32(it->value, &t->id) || (t->kind == IQ_REQUEST && t->id == 0))
		t->error = 403;
	for (const struct h248_item *p = it->child; p; p = p->next) {
		if (p->token == H248_TOK_CONTEXT)
			action(d, t, p);
		else if (p->token == H248_TOK_IMM_ACK)
			t->imm_ack = true;
		else if (!read_error(p, &t->error, &t->error_text))
			t->error = 403;
	}
}

static void acks(struct dec *d, struct iq_msg *m, const struct h248_item *it)
{
	for (const struct h248_item *p = it->child; p; p = p->next) {
		struct iq_txn *t = grow(d, (void **)&m->txns, &m->n_txns, sizeof(*t), 64);
		struct gw_sv a, b;

		if (!t)
			return;
		*t = (struct iq_txn){ .kind = IQ_ACK };
		if (!gw_sv_cut(p->name, '-', &a, &b))
			b = a;
		if (gw_sv_u32(a, &t->id) || gw_sv_u32(b, &t->id_last))
			t->id = t->id_last = 0;
	}
}

static enum gw_err transaction(struct dec *d, struct iq_msg *m, const struct h248_item *it)
{
	struct iq_txn *t;
	enum iq_txn_kind kind;

	switch (it->token) {
	case H248_TOK_TRANSACTION:
		kind = IQ_REQUEST;
		break;
	case H248_TOK_REPLY:
		kind = IQ_REPLY;
		break;
	case H248_TOK_PENDING:
		kind = IQ_PENDING;
		break;
	case H248_TOK_RESPONSE_ACK:
		acks(d, m, it);
		return GW_OK;
	default:
		return read_error(it, &m->error, &m->error_text) ? GW_OK : GW_EBADMSG;
	}
	if (!it->has_braces || (kind != IQ_PENDING && !it->child))
		return GW_EBADMSG;
	t = grow(d, (void **)&m->txns, &m->n_txns, sizeof(*t), 64);
	if (!t)
		return GW_ELIMIT;
	*t = (struct iq_txn){ .kind = kind };
	request_or_reply(d, t, it);
	return GW_OK;
}

enum gw_err iq_decode(struct gw_arena *arena, struct gw_sv text, struct iq_msg *m,
	struct gw_diag *diag)
{
	struct dec d = { arena };
	struct h248_message h;
	enum gw_err err;

	err = h248_parse(&h, arena, text, diag);
	*m = (struct iq_msg){ .version = h.version, .mid = h.mid };
	for (const struct h248_item *it = h.body; it && err == GW_OK; it = it->next) {
		err = transaction(&d, m, it);
		if (err && diag)
			*diag = (struct gw_diag){ it->off, "neither a transaction nor an error" };
	}
	return err == GW_OK && arena->failed ? GW_ENOMEM : err;
}
