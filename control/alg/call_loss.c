/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Media lost in mid-call (W2-ICE-12, RFC 7675): the core is put on hold, the WIC is asked to restart ICE over its socket. What
 * comes back within the grace goes on as it was; else the call is released. Offers of our own repeat what the other side
 * had said last. Where that is not known, after a restart, or another offer is under way, there is the grace alone.
 */
#include <stdlib.h>

#include "control/alg/call_int.h"
#include "control/app/metrics.h"

enum step { LOSS_HOLDING, LOSS_RESTARTING, LOSS_WAITING, LOSS_RESUMING };

struct cp_loss {
	enum step step;
	bool is_held;                /* the core has agreed to the hold */
	bool is_back;                /* there is connectivity again */
	char *w2, *core;             /* description of each side before */
};

void cp_loss_free(struct cp_call *c)
{
	if (!c->loss)
		return;
	free(c->loss->w2);
	free(c->loss->core);
	free(c->loss);
	c->loss = NULL;
}

bool cp_loss_blocks(const struct cp_call *c, enum cp_side sender)
{
	/* a WIC that offers while it is asked to has not heard us: it may be at another socket by now */
	return c->loss && c->loss->step != LOSS_WAITING && !(c->loss->step == LOSS_RESTARTING && sender == CP_SIDE_W2);
}

void cp_loss_superseded(struct cp_call *c)
{
	if (c->loss && c->loss->step == LOSS_RESTARTING)
		c->loss->step = LOSS_WAITING;
}

void cp_loss_agreed(struct cp_call *c)
{
	if (c->loss)
		c->loss->is_held = false;
	cp_loss_again(c);
}

/* An exchange of our own with this side, about what the other one has said. */
static enum gw_err begin_offer(struct cp_call *c, enum cp_side to, const char *text)
{
	const char *why;
	unsigned status;
	enum gw_err err;

	cp_call_detach(c, "SIP;cause=487");
	cp_sdp_begin(c, cp_other(to));
	c->ex.is_own = true;
	err = cp_sdp_offer(c, gw_sv_cstr(text), cp_other(to), &why, &status);
	return err ? err : cp_media_is_reserved(c) ? GW_OK : GW_ESTATE;
}

static enum gw_err send_offer(struct cp_call *c)
{
	enum cp_side to = cp_other(c->ex.sender);
	struct cp_half *mine = to == CP_SIDE_W2 ? &c->core : &c->w2;
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	struct sip_msg m;
	enum gw_err err = GW_ECLOSED;

	if (cp_call_own_request(c, to, SIP_INVITE, &m, &a) && mine->target) {
		sip_msg_addf(&m, SIP_HDR_CONTACT, "<%s>", mine->target);
		cp_call_keep_session(c, &m, to);
		c->ex.cseq = m.cseq.number;
		err = cp_call_forward_offer(c, &m);
	}
	gw_arena_reset(&a);
	if (err)
		return err;
	mine->cseq++;
	*(to == CP_SIDE_W2 ? &c->cseq_shift_w2 : &c->cseq_shift) += 1;
	cp_call_save(c);
	return GW_OK;
}

static void resume(struct cp_call *c)
{
	if (c->loss->is_held && cp_call_is_busy(c)) {	/* the exchange may lift the hold; else cp_loss_again */
		c->loss->step = LOSS_WAITING;
		return;
	}
	CP_COUNT(call_media_recovered);
	GW_LOG_NOTICE(c->alg->s->log, "call.media_back", "call=%s ms=%llu", c->call_id,
		(unsigned long long)(cp_loop_now(c->alg->s->loop) - c->lost_ms));
	c->loss->step = LOSS_RESUMING;
	if (!c->loss->is_held || begin_offer(c, CP_SIDE_MW, c->loss->w2) || send_offer(c))
		cp_loss_free(c);
}

void cp_loss_again(struct cp_call *c)
{
	if (c->loss && c->loss->step == LOSS_WAITING && c->loss->is_back)
		resume(c);
}

static void wait_for_it(struct cp_call *c)
{
	c->loss->step = LOSS_WAITING;
	if (c->loss->is_back)
		resume(c);
}

static void restart(struct cp_call *c)
{
	c->loss->step = LOSS_RESTARTING;
	if (!c->b || !cp_binding_alive(c->b) || begin_offer(c, CP_SIDE_W2, c->loss->core) || cp_media_restart_ice(c, STEP_RESTART))
		wait_for_it(c);
}

void cp_loss_restarted(struct cp_call *c, bool is_ok)
{
	if (!c->loss || c->loss->step != LOSS_RESTARTING || !c->ex.is_own)
		return;		/* the WIC was faster */
	if (!is_ok || send_offer(c))
		wait_for_it(c);
}

void cp_loss_go_on(struct cp_call *c, bool is_ok)
{
	struct cp_loss *l = c->loss;

	if (!l)
		return;
	switch (l->step) {
	case LOSS_HOLDING:
		l->is_held = is_ok;
		if (l->is_back)
			resume(c);
		else
			restart(c);
		break;
	case LOSS_RESTARTING:
		if (is_ok) {
			free(l->w2);
			l->w2 = gw_sv_dup(gw_sv_cstr(c->ex.answer_text));
		}
		wait_for_it(c);
		break;
	case LOSS_RESUMING:
		cp_loss_free(c);
		break;
	case LOSS_WAITING:
		break;
	}
}

static char *said_by(const struct cp_call *c, enum cp_side s)
{
	return gw_sv_dup(s == c->ex.offerer ? c->ex.offer_said : gw_sv_cstr(c->ex.answer_text));
}

static void hold(struct cp_call *c)
{
	struct cp_loss *l = calloc(1, sizeof(*l));

	if (!l)
		return;
	*l = (struct cp_loss){ .step = LOSS_HOLDING, .w2 = said_by(c, CP_SIDE_W2), .core = said_by(c, CP_SIDE_MW) };
	c->loss = l;
	if (!l->w2 || !l->core || begin_offer(c, CP_SIDE_MW, l->w2)) {
		cp_loss_free(c);
		return;
	}
	for (unsigned i = 0; i < c->ex.offer.n_lines; i++)
		c->ex.offer.lines[i].dir = c->ex.streams[i].dir = SDP_INACTIVE;
	if (send_offer(c))
		restart(c);
}

void cp_loss_begin(struct cp_call *c)
{
	struct cp_sip *s = c->alg->s;

	if (gw_timer_armed(&c->grace))
		return;
	if (c->loss)
		c->loss->is_back = false;
	c->lost_ms = cp_loop_now(s->loop);
	(void)gw_timer_arm(&s->loop->timers, &c->grace, c->lost_ms + s->conf->media.consent_grace_s * 1000ull);
	CP_COUNT(call_media_lost);
	GW_LOG_NOTICE(s->log, "call.media_lost", "call=%s", c->call_id);
	if (!c->loss && c->is_answered && !c->far_node && c->context && c->ex.is_applied && !cp_call_is_busy(c))
		hold(c);
}

void cp_loss_over(struct cp_call *c)
{
	gw_timer_stop(&c->alg->s->loop->timers, &c->grace);
	if (!c->loss)
		return;
	c->loss->is_back = true;
	if (c->loss->step == LOSS_WAITING)
		resume(c);
}
