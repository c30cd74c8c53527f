/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSeq behind requests of our own (W2-ST-05). They use numbers of the side in whose name they go, so what that side sends later
 * has higher ones on the other leg. So has what names a request by its number: RAck (RFC 3262), and the id of the subscription
 * a REFER makes (RFC 3515 2.4.6).
 */
#include "control/alg/call_int.h"

static void set_number(struct sip_msg *m, uint32_t number)
{
	char text[64];
	struct gw_buf b = gw_buf(text, sizeof(text));

	m->cseq.number = number;
	gw_buf_printf(&b, "%u %.*s", number, GW_SV_FMT(m->method_name));
	if (!b.overflow)
		sip_msg_set(m, SIP_HDR_CSEQ, gw_buf_sv(&b));
}

void cp_call_renumbered_refer(struct cp_call *c, enum cp_side to, uint32_t said, uint32_t sent)
{
	c->refers[c->n_refers++ % CP_REFERS_MAX] = (struct cp_refer){ to, said, sent };
}

/* Its number on the leg the message goes to; 0: it has the same there. A NOTIFY goes where the REFER came from. */
static uint32_t refer_on_leg(const struct cp_call *c, enum sip_method method, uint32_t number, enum cp_side to)
{
	for (unsigned i = 0; i < CP_REFERS_MAX; i++) {
		const struct cp_refer *r = &c->refers[i];

		if (r->sent && method == SIP_NOTIFY && r->to != to && r->sent == number)
			return r->said;
		if (r->sent && method == SIP_SUBSCRIBE && r->to == to && r->said == number)
			return r->sent;
	}
	return 0;
}

static void renumber_event(const struct cp_call *c, struct sip_msg *m, enum cp_side to)
{
	struct gw_sv event = sip_msg_value(m, SIP_HDR_EVENT), package, params;
	struct sip_param id;
	uint32_t number;
	size_t at;

	gw_sv_cut(event, ';', &package, &params);
	if (!gw_sv_ieq(gw_sv_trim(package), GW_SV("refer")) || !sip_param_get(params, GW_SV("id"), &id) ||
		gw_sv_u32(id.value, &number) || (number = refer_on_leg(c, m->method, number, to)) == 0)
		return;
	at = (size_t)(id.value.p - event.p);
	sip_msg_del(m, SIP_HDR_EVENT);
	sip_msg_addf(m, SIP_HDR_EVENT, "%.*s%u%.*s", GW_SV_FMT(gw_sv_sub(event, 0, at)), number,
		GW_SV_FMT(gw_sv_sub(event, at + id.value.len, event.len)));
}

static void renumber_rack(struct sip_msg *m, uint32_t first, uint32_t shift)
{
	struct sip_rack rack;

	if (sip_rack_parse(sip_msg_value(m, SIP_HDR_RACK), &rack) || rack.cseq.number <= first)
		return;
	sip_msg_del(m, SIP_HDR_RACK);
	sip_msg_addf(m, SIP_HDR_RACK, "%u %u %.*s", rack.rseq, rack.cseq.number + shift, GW_SV_FMT(rack.cseq.method_name));
}

void cp_call_renumber(struct cp_call *c, struct sip_msg *m, enum cp_side to)
{
	uint32_t shift = to == CP_SIDE_MW ? c->cseq_shift : c->cseq_shift_w2, said = m->cseq.number;
	uint32_t first = c->origin == to ? 0 : c->cseq_first;	/* its number, and that of its ACK, stay */

	if (m->method == SIP_NOTIFY || m->method == SIP_SUBSCRIBE)
		renumber_event(c, m, to);
	if (shift == 0)
		return;
	if (said > first)
		set_number(m, said + shift);
	if (m->method == SIP_PRACK)
		renumber_rack(m, first, shift);
	if (m->method == SIP_REFER && said > first)
		cp_call_renumbered_refer(c, to, said, said + shift);
}
