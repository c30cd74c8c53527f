/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delayed offers (W2-SIP-25, RFC 6337 2.1): the INVITE asks, the 2xx offers, the ACK answers. Third parties that
 * join two phones, and cores that move a call, work that way.
 */
#include "control/alg/call_int.h"
#include "control/app/metrics.h"

/* The 2xx goes to the INVITE's sender with our description of what the other side offers. */
static void relay_offer(struct cp_call *c, struct sip_msg *m)
{
	char sdp[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(sdp, sizeof(sdp));

	if (cp_sdp_write_offer(c, &b)) {
		cp_call_release(c, 500, "offer could not be written");
		return;
	}
	c->ex.offer_text = gw_arena_sv(&c->ex.arena, gw_buf_sv(&b));
	cp_call_relay(c, m, c->ex.offer_text);
	cp_call_drop_waiting(c);
}

void cp_call_delayed_offer(struct cp_call *c, struct sip_msg *m)
{
	const char *why = "2xx without an offer";
	unsigned status;

	if (!cp_has_sdp(m) || cp_sdp_offer(c, m->body, cp_other(c->ex.sender), &why, &status)) {
		cp_call_refuse_answer(c, m, why);
		return;
	}
	cp_call_keep(c, m);
	if (!c->waiting)
		cp_call_release(c, 500, "out of memory");
	else if (c->context && cp_media_is_reserved(c))
		relay_offer(c, c->waiting);
	else if (cp_media_reserve(c))
		cp_call_release(c, 503, "no media gateway");	/* W2-ERR-28 */
}

void cp_call_delayed_again(struct cp_call *c, struct sip_msg *m)
{
	if (c->ex.offer_text.len)	/* its ACK, again, repeats ours */
		cp_call_relay(c, m, c->ex.offer_text);
}

static void send_answer(struct cp_call *c, struct sip_msg *ack)
{
	char sdp[CP_SDP_BYTES];
	struct gw_buf b = gw_buf(sdp, sizeof(sdp));

	if (cp_sdp_write_answer(c, &b)) {
		cp_call_release(c, 500, "answer could not be written");
		return;
	}
	sip_msg_set_body(ack, GW_SV("application/sdp"), gw_buf_sv(&b));
	cp_call_send_ack(c, ack, c->ex.offerer);
	cp_call_drop_waiting(c);
	cp_call_save(c);
}

void cp_call_delayed_go(struct cp_call *c, struct sip_msg *m)
{
	if (m->is_request)
		send_answer(c, m);
	else
		relay_offer(c, m);
}

bool cp_call_delayed_ack(struct cp_call *c, struct sip_msg *m)
{
	const char *why = "ACK without an answer";

	if (c->ex.offer_text.len == 0 || c->waiting)	/* an answer before its offer, or the one at work once more */
		return true;
	if (c->ex.is_applied) {
		send_answer(c, m);
		return true;
	}
	if (!cp_has_sdp(m) || cp_sdp_answer(c, m->body, &why)) {
		CP_COUNT(call_sdp_refused);
		sip_msg_set_body(m, GW_SV_NONE, GW_SV_NONE);
		cp_call_send_ack(c, m, c->ex.offerer);
		cp_call_release(c, 488, why);	/* W2-SIP-71 */
		return true;
	}
	cp_call_keep(c, m);
	if (!c->waiting || cp_media_configure(c, CP_GATE_BOTH, STEP_MODIFY))
		cp_call_release(c, 503, "media gateway lost");
	return true;
}
