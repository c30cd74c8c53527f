/* SPDX-License-Identifier: Apache-2.0 */
/* Session timers (RFC 4028, W2-SIP-39): who refreshes is between the two ends; when nobody does, the call is over. */
#include "control/alg/call_int.h"
#include "control/app/metrics.h"

#define LEAVES_EARLY_S 32u       /* who waits for a refresh gives up so long before the end, or a third of the interval (RFC 4028 10) */

/* uac is who sent the request; without the parameter it is, too (section 7.2). */
static bool is_refreshed_by_uac(struct gw_sv params)
{
	struct sip_param p;

	return !sip_param_get(params, GW_SV("refresher"), &p) || !gw_sv_ieq(p.value, GW_SV("uas"));
}

void cp_call_refreshed(struct cp_call *c, const struct sip_msg *ok, enum cp_side asked_by)
{
	struct gw_sv value = sip_msg_value(ok, SIP_HDR_SESSION_EXPIRES), delta, params;
	struct cp_loop *loop = c->alg->s->loop;
	uint32_t s, min_s = c->alg->s->conf->mw.min_se_s;

	if (ok->cseq.method != SIP_INVITE && ok->cseq.method != SIP_UPDATE)
		return;
	gw_sv_cut(value, ';', &delta, &params);
	if (gw_sv_u32(gw_sv_trim(delta), &s)) {	/* none in the answer: the session has no end */
		gw_timer_stop(&loop->timers, &c->session);
		c->session_s = 0;
		return;
	}
	c->session_s = s;
	c->refresher = is_refreshed_by_uac(params) ? asked_by : cp_other(asked_by);
	c->refreshed_ms = cp_loop_now(loop);
	(void)gw_timer_arm(&loop->timers, &c->session, cp_loop_now(loop) + 1000ull * (s < min_s ? min_s : s));
}

bool cp_call_must_refresh(const struct cp_call *c, const struct sip_msg *m)
{
	struct gw_sv value = sip_msg_value(m, SIP_HDR_SESSION_EXPIRES), delta, params;
	uint64_t next, last;

	gw_sv_cut(value, ';', &delta, &params);
	if (value.len == 0 || !is_refreshed_by_uac(params))
		return false;
	if (c->session_s == 0)	/* the core has no timer, whatever the WIC does; or one of before a restart of ours */
		return gw_timer_armed(&c->session);
	next = cp_loop_now(c->alg->s->loop) + 500ull * c->session_s;	/* the WIC's, when this one is answered now */
	last = c->refreshed_ms + 1000ull * (c->session_s - (c->session_s / 3 < LEAVES_EARLY_S ? c->session_s / 3 : LEAVES_EARLY_S));
	return next >= last;
}

void cp_call_keep_session(const struct cp_call *c, struct sip_msg *m, enum cp_side to)
{
	if (c->session_s == 0)
		return;
	sip_msg_add(m, SIP_HDR_SUPPORTED, GW_SV("timer"));
	sip_msg_addf(m, SIP_HDR_SESSION_EXPIRES, "%u;refresher=%s", c->session_s, c->refresher == to ? "uas" : "uac");
}

void cp_call_on_session(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	CP_COUNT(call_session_expired);
	cp_call_release(GW_CONTAINER(timer, struct cp_call, session), 408, "session expired");
}
