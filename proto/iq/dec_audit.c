/* SPDX-License-Identifier: Apache-2.0 */
/* The Audit descriptor of Iq: whole descriptors, or parts of them by name. */
#include "proto/iq/codec_int.h"

static const struct {
	enum h248_token token;
	enum iq_audit bit;
} wholes[] = { { H248_TOK_MEDIA, IQ_AUDIT_MEDIA }, { H248_TOK_EVENTS, IQ_AUDIT_EVENTS },
	{ H248_TOK_SIGNALS, IQ_AUDIT_SIGNALS }, { H248_TOK_STATISTICS, IQ_AUDIT_STATISTICS },
	{ H248_TOK_PACKAGES, IQ_AUDIT_PACKAGES }, { H248_TOK_OBSERVED_EVENTS, IQ_AUDIT_OBSERVED },
	{ H248_TOK_EVENT_BUFFER, IQ_AUDIT_EVENT_BUFFER }, { H248_TOK_DIGIT_MAP, IQ_AUDIT_DIGIT_MAP } };

static void part(struct iq_dec *d, struct iq_cmd *c, struct iq_audit_item part)
{
	struct iq_audit_item *it = iq_dec_grow(d, (void **)&c->audit_items, &c->n_audit_items, sizeof(*it), 64);

	if (it)
		*it = part;
	else
		iq_dec_fault(c, 510, GW_SV_NONE);
}

/* A name within a descriptor; 532: there is no such thing to be audited. */
static void named(struct iq_dec *d, struct iq_cmd *c, enum iq_audit what, uint16_t stream,
	const struct h248_item *p, enum iq_kind kind)
{
	enum iq_name id = iq_name_lookup(p->name);

	if (id != IQ_NAME_UNKNOWN && iq_name_kind(id) == kind)
		part(d, c, (struct iq_audit_item){ what, stream, id, GW_SV_NONE });
	else
		iq_dec_fault(c, iq_package_known(p->name) ? 532 : 440, p->name);
}

static void local_control(struct iq_dec *d, struct iq_cmd *c, uint16_t stream, const struct h248_item *lc)
{
	for (const struct h248_item *p = lc->child; p; p = p->next) {
		switch (p->token) {
		case H248_TOK_MODE:
			part(d, c, (struct iq_audit_item){ IQ_AUDIT_MODE, stream, IQ_NAME_UNKNOWN, GW_SV_NONE });
			break;
		case H248_TOK_RESERVED_VALUE:
		case H248_TOK_RESERVED_GROUP:
			part(d, c, (struct iq_audit_item){ IQ_AUDIT_RESERVE, stream, IQ_NAME_UNKNOWN, GW_SV_NONE });
			break;
		default:
			named(d, c, IQ_AUDIT_LOCAL_CONTROL, stream, p, IQ_K_LOCAL);
		}
	}
}

static void stream_part(struct iq_dec *d, struct iq_cmd *c, uint16_t stream, const struct h248_item *p)
{
	switch (p->token) {
	case H248_TOK_LOCAL_CONTROL:
		local_control(d, c, stream, p);
		break;
	case H248_TOK_LOCAL:
	case H248_TOK_REMOTE:
		part(d, c, (struct iq_audit_item){ p->token == H248_TOK_LOCAL ? IQ_AUDIT_LOCAL : IQ_AUDIT_REMOTE,
			stream, IQ_NAME_UNKNOWN, GW_SV_NONE });
		break;
	case H248_TOK_STATISTICS:
		for (const struct h248_item *q = p->child; q; q = q->next)
			named(d, c, IQ_AUDIT_STATISTICS, stream, q, IQ_K_STATISTIC);
		break;
	default:
		iq_dec_fault(c, 444, p->name);
	}
}

static void state_part(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *ts)
{
	for (const struct h248_item *p = ts->child; p; p = p->next) {
		if (p->token == H248_TOK_SERVICE_STATES)
			c->audit |= IQ_AUDIT_STATE;
		else if (p->token != H248_TOK_BUFFER)
			named(d, c, IQ_AUDIT_STATE, 0, p, IQ_K_STATE);
	}
}

static void media(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *m)
{
	uint32_t id;

	for (const struct h248_item *p = m->child; p; p = p->next) {
		if (p->token == H248_TOK_TERMINATION_STATE) {
			state_part(d, c, p);
		} else if (p->token == H248_TOK_STREAM) {
			if (gw_sv_uint_max(p->value, UINT16_MAX, &id))
				iq_dec_fault(c, 442, p->value);
			else
				for (const struct h248_item *q = p->child; q; q = q->next)
					stream_part(d, c, (uint16_t)id, q);
		} else {
			stream_part(d, c, 0, p);
		}
	}
}

static void parts(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *p)
{
	if (p->token == H248_TOK_MEDIA) {
		media(d, c, p);
		return;
	}
	for (const struct h248_item *q = p->child; q; q = q->next) {
		switch (p->token) {
		case H248_TOK_EVENTS:
			named(d, c, IQ_AUDIT_EVENTS, 0, q, IQ_K_EVENT);
			break;
		case H248_TOK_SIGNALS:
			named(d, c, IQ_AUDIT_SIGNALS, 0, q, IQ_K_SIGNAL);
			break;
		case H248_TOK_STATISTICS:
			named(d, c, IQ_AUDIT_STATISTICS, 0, q, IQ_K_STATISTIC);
			break;
		case H248_TOK_PACKAGES:
			part(d, c, (struct iq_audit_item){ IQ_AUDIT_PACKAGES, 0, IQ_NAME_UNKNOWN, q->name });
			break;
		default:	/* of event buffers and digit maps Iq has none */
			iq_dec_fault(c, 532, q->name);
		}
	}
}

void iq_dec_audit(struct iq_dec *d, struct iq_cmd *c, const struct h248_item *a)
{
	c->has_audit = true;
	for (const struct h248_item *p = a->child; p; p = p->next) {
		size_t i;

		for (i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++)
			if (p->token == wholes[i].token)
				break;
		if (i == sizeof(wholes) / sizeof(wholes[0]))
			iq_dec_fault(c, 444, p->name);
		else if (p->child)
			parts(d, c, p);
		else
			c->audit |= wholes[i].bit;
	}
}
