/* SPDX-License-Identifier: Apache-2.0 */
/* Overload control: measure, throttle, tell new work from old. */
#include "control/sip/overload.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/stack_int.h"
#include "proto/sip/digest.h"
#include "proto/sip/register.h"

#define PRESSURE_HIGH 75u
#define PRESSURE_CALM 50u
#define PRESSURE_FULL 100u
#define GROW (CP_ADMIT_ALL / 32)
#define LAG_SMOOTH 4u        /* ticks: one long turn is no overload */
#define LAG_CLIP 2u          /* nor is a process that was stopped for a minute */
#define NAMES_MAX 65536u     /* sources and users whose rate is remembered: 6 MB at most */

struct cp_overload {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	const struct cp_iq *iq;
	struct gw_timer tick;
	struct cp_throttle throttle;
	unsigned lag_q;              /* smoothed, ms times LAG_SMOOTH */
	unsigned n_open;
	struct cp_rate source, user;
};

void cp_throttle_init(struct cp_throttle *t)
{
	*t = (struct cp_throttle){ .admit = CP_ADMIT_ALL };
}

void cp_throttle_tick(struct cp_throttle *t, unsigned pressure)
{
	if (pressure >= PRESSURE_FULL)
		t->admit = t->admit * 3 / 4;
	else if (pressure < PRESSURE_HIGH)
		t->admit = t->admit + GROW < CP_ADMIT_ALL ? t->admit + GROW : CP_ADMIT_ALL;
	if (t->admit < CP_ADMIT_ALL)
		t->load = CP_LOAD_OVERLOAD;
	else if (pressure >= PRESSURE_HIGH || (t->load != CP_LOAD_NORMAL && pressure >= PRESSURE_CALM))
		t->load = CP_LOAD_HIGH;
	else
		t->load = CP_LOAD_NORMAL;
}

bool cp_throttle_admit(struct cp_throttle *t)
{
	t->credit += t->admit;
	if (t->credit < CP_ADMIT_ALL)
		return false;
	t->credit -= CP_ADMIT_ALL;
	return true;
}

static unsigned percent(size_t value, unsigned limit)
{
	return (unsigned)(value * 100 / limit);
}

static unsigned pressure(const struct cp_overload *o)
{
	const struct cp_conf *c = o->conf;
	unsigned p = percent(o->lag_q / LAG_SMOOTH, c->overload.lag_ms), q;

	q = percent(o->n_open, c->overload.transactions);
	p = q > p ? q : p;
	q = percent(cp_iq_waiting(o->iq), c->overload.iq_requests);
	return q > p ? q : p;
}

static void tell(struct cp_overload *o, enum cp_load before)
{
	static const char *const names[] = { "normal", "high", "overload" };
	enum cp_load now = o->throttle.load;

	cp_gauge_value[overload_state] = now;
	cp_gauge_value[overload_admit_percent] = o->throttle.admit * 100 / CP_ADMIT_ALL;
	cp_gauge_value[loop_lag_ms] = o->lag_q / LAG_SMOOTH;
	if (now == before)
		return;
	if (now > before)
		CP_COUNT(overload_entered);
	GW_LOG_WARN(o->log, "overload.state", "state=%s before=%s lag_ms=%u transactions=%u iq_requests=%zu", names[now],
		names[before], o->lag_q / LAG_SMOOTH, o->n_open, cp_iq_waiting(o->iq));
}

static void on_tick(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_overload *o = GW_CONTAINER(timer, struct cp_overload, tick);
	enum cp_load before = o->throttle.load;
	uint64_t lag = now_ms - timer->due_ms, clip = (uint64_t)LAG_CLIP * o->conf->overload.lag_ms;

	lag = lag > clip ? clip : lag;
	o->lag_q = o->lag_q - o->lag_q / LAG_SMOOTH + (unsigned)lag;
	cp_throttle_tick(&o->throttle, pressure(o));
	tell(o, before);
	(void)gw_timer_arm(&o->loop->timers, timer, now_ms + CP_LOAD_TICK_MS);
}

enum gw_err cp_overload_new(struct cp_overload **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log, const struct cp_iq *iq)
{
	struct cp_overload *o = calloc(1, sizeof(*o));
	enum gw_err err;

	if (!o)
		return GW_ENOMEM;
	o->conf = conf;
	o->loop = loop;
	o->log = log;
	o->iq = iq;
	o->tick.fn = on_tick;
	cp_throttle_init(&o->throttle);
	cp_rate_init(&o->source, conf->w2.requests_per_s_source, NAMES_MAX);
	cp_rate_init(&o->user, conf->w2.requests_per_s_user, NAMES_MAX);
	if ((err = gw_timer_arm(&loop->timers, &o->tick, cp_loop_now(loop) + CP_LOAD_TICK_MS))) {
		free(o);
		return err;
	}
	cp_gauge_value[overload_admit_percent] = 100;
	*out = o;
	return GW_OK;
}

void cp_overload_free(struct cp_overload *o)
{
	if (!o)
		return;
	gw_timer_stop(&o->loop->timers, &o->tick);
	cp_rate_free(&o->source);
	cp_rate_free(&o->user);
	free(o);
}

void cp_overload_open(struct cp_overload *o, int n)
{
	o->n_open += (unsigned)n;
}

enum cp_load cp_overload_load(const struct cp_overload *o)
{
	return o->throttle.load;
}

unsigned cp_overload_retry_after(const struct cp_overload *o)
{
	unsigned base = o->conf->overload.retry_after_s, r;

	cp_random(&r, sizeof(r));
	return base + r % (base + 1);
}

/* ---- new work and old ---------------------------------------------------------------------------------- */

/* The answer to a challenge: the first half is paid for, and lost when the second is refused. */
static bool answers_challenge(const struct sip_msg *m)
{
	struct sip_auth a;

	return sip_auth_parse(sip_msg_value(m, SIP_HDR_AUTHORIZATION), &a) == GW_OK &&
		a.scheme == SIP_AUTH_DIGEST && a.response.len > 0;
}

/* In a dialog, or about a transaction that is there: refusing it would break what was accepted before. */
static bool is_old_work(const struct sip_msg *m)
{
	if (m->to_tag.len)
		return true;
	switch (m->method) {
	case SIP_ACK:
	case SIP_BYE:
	case SIP_CANCEL:
	case SIP_PRACK:
		return true;
	case SIP_REGISTER:
		return sip_register_is_end(m);
	case SIP_OTHER:
	case SIP_INVITE:
	case SIP_OPTIONS:
	case SIP_UPDATE:
	case SIP_INFO:
	case SIP_SUBSCRIBE:
	case SIP_NOTIFY:
	case SIP_MESSAGE:
	case SIP_REFER:
	case SIP_PUBLISH:
	case SIP_METHOD_COUNT:
		break;
	}
	return false;
}

/* The core's probes decide on all traffic, its priority calls (TS 22.153) are few. */
static bool is_core_priority(const struct sip_msg *m)
{
	return m->method == SIP_OPTIONS || sip_msg_find(m, SIP_HDR_RESOURCE_PRIORITY);
}

/* A stranger cannot spend a user's tokens: who is not registered counts for where it comes from only. */
static bool is_within_rate(struct cp_overload *o, const struct cp_peer *from, const char *user)
{
	uint64_t now = cp_loop_now(o->loop);
	char net[CP_NET_BYTES];

	if (!cp_rate_take(&o->source, cp_rate_net(&from->addr, CP_NET_SOURCE, net), now)) {
		CP_COUNT(rate_refused_source);
		return false;
	}
	if (user && !cp_rate_take(&o->user, gw_sv_cstr(user), now)) {
		CP_COUNT(rate_refused_user);
		return false;
	}
	return true;
}

/* A flood may come within one turn, before any tick: at 100 % nothing new is let in, whatever the throttle knows yet. */
static bool is_full(const struct cp_overload *o)
{
	const struct cp_conf *c = o->conf;

	return o->n_open >= c->overload.transactions || cp_iq_waiting(o->iq) >= c->overload.iq_requests ||
		cp_loop_now(o->loop) >= o->tick.due_ms + c->overload.lag_ms;
}

enum cp_admission cp_overload_admit(struct cp_overload *o, const struct cp_uas *u, const char *user)
{
	const struct sip_msg *m = &u->req;
	bool is_w2 = u->side == CP_SIDE_W2;

	if (is_old_work(m) || (u->is_emergency && (user || !is_w2)) || (!is_w2 && is_core_priority(m)))
		return CP_ADMIT;
	if (is_w2 && !is_within_rate(o, &u->peer, user))
		return CP_REFUSE_RATE;
	if (u->is_emergency)	/* of a stranger: within the rate of its source, whatever the load */
		return CP_ADMIT;
	if (m->method == SIP_REGISTER && (user || answers_challenge(m)))
		return CP_ADMIT;	/* a binding that would be lost without it */
	if (is_full(o) || (o->throttle.load == CP_LOAD_OVERLOAD && !cp_throttle_admit(&o->throttle))) {
		CP_COUNT(overload_refused);
		return CP_REFUSE_LOAD;
	}
	return CP_ADMIT;
}
