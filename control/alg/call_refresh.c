/* SPDX-License-Identifier: Apache-2.0 */
/* Session timers (RFC 4028, W2-SIP-39): who refreshes is between the two ends; when nobody does, the call is over. */
#include "control/alg/call_int.h"
#include "control/app/metrics.h"

void cp_call_refreshed(struct cp_call *c, const struct sip_msg *ok)
{
	struct gw_sv value = sip_msg_value(ok, SIP_HDR_SESSION_EXPIRES), delta, params;
	struct cp_loop *loop = c->alg->s->loop;
	uint32_t s, min_s = c->alg->s->conf->mw.min_se_s;

	if (ok->cseq.method != SIP_INVITE && ok->cseq.method != SIP_UPDATE)
		return;
	gw_sv_cut(value, ';', &delta, &params);
	if (gw_sv_u32(gw_sv_trim(delta), &s)) {	/* none in the answer: the session has no end */
		gw_timer_stop(&loop->timers, &c->session);
		return;
	}
	(void)gw_timer_arm(&loop->timers, &c->session, cp_loop_now(loop) + 1000ull * (s < min_s ? min_s : s));
}

void cp_call_on_session(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	CP_COUNT(call_session_expired);
	cp_call_release(GW_CONTAINER(timer, struct cp_call, session), 408, "session expired");
}
