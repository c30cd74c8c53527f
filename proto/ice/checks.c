/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8445: one check list, from pairs to the nominated one. */
#include "proto/ice/checks.h"

#include <string.h>

static void take_turn(struct ice_checks *l, uint64_t now_ms)
{
	l->next_ms = l->pace->next_ms > now_ms ? l->pace->next_ms : now_ms;
	l->pace->next_ms = l->next_ms + ICE_TA_MS;
}

void ice_checks_init(struct ice_checks *l, struct ice_pace *pace, bool is_controlling, uint64_t tie, uint64_t now_ms)
{
	*l = (struct ice_checks){ .is_controlling = is_controlling, .tie = tie, .local_priority = ICE_PRIORITY_HOST,
		.pace = pace, .give_up_ms = now_ms + ICE_PAC_MS };
	take_turn(l, now_ms);
}

static uint64_t priority_of(const struct ice_checks *l, const struct ice_pair *p)
{
	return l->is_controlling ? ice_pair_priority(l->local_priority, p->remote_priority) :
		ice_pair_priority(p->remote_priority, l->local_priority);
}

static bool is_pending(const struct ice_pair *p)
{
	return p->queued || p->state == ICE_FROZEN || p->state == ICE_WAITING || p->state == ICE_IN_PROGRESS;
}

/* ---- pairs formed ---------------------------------------------------------------------------------- */

static struct ice_pair *find_remote(struct ice_checks *l, const struct gw_addr *remote)
{
	for (unsigned i = 0; i < l->n; i++)
		if (gw_addr_eq(&l->pairs[i].remote, remote))
			return &l->pairs[i];
	return NULL;
}

/* A free place, or that of the pair that is least worth: one that has failed, or of a lower priority. */
static struct ice_pair *take_place(struct ice_checks *l, uint32_t priority)
{
	struct ice_pair *worst = NULL;

	if (l->n < ICE_PAIRS_MAX)
		return &l->pairs[l->n++];
	for (unsigned i = 0; i < l->n; i++) {
		struct ice_pair *p = &l->pairs[i];

		if (p->state == ICE_PAIR_FAILED)
			return p;
		if (!p->is_valid && p->state != ICE_IN_PROGRESS && (!worst || p->remote_priority < worst->remote_priority))
			worst = p;
	}
	return worst && worst->remote_priority < priority ? worst : NULL;
}

void ice_checks_add(struct ice_checks *l, const struct ice_candidate *c)
{
	struct ice_pair *p = find_remote(l, &c->addr);
	uint8_t state = ICE_WAITING;

	if (p) {
		if (c->priority > p->remote_priority)	/* learned from a check before it was told */
			p->remote_priority = c->priority;
		return;
	}
	/* 6.1.2.6: one pair of each foundation is checked first */
	for (unsigned i = 0; i < l->n; i++)
		if (l->pairs[i].foundation == c->foundation && !l->pairs[i].is_valid)
			state = ICE_FROZEN;
	p = take_place(l, c->priority);
	if (p)
		*p = (struct ice_pair){ .remote = c->addr, .remote_priority = c->priority, .foundation = c->foundation,
			.state = state };
}

static void enqueue(struct ice_checks *l, struct ice_pair *p)
{
	if (!p->queued)
		p->queued = ++l->last_queued;
}

static void trigger(struct ice_checks *l, struct ice_pair *p)
{
	p->state = ICE_WAITING;
	enqueue(l, p);
}

void ice_checks_again(struct ice_checks *l, uint64_t now_ms)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->pairs[i].state == ICE_PAIR_FAILED) {
			l->pairs[i].state = ICE_WAITING;
			l->pairs[i].n_conflicts = 0;
		}
	if (l->outcome == ICE_FAILED)
		l->outcome = ICE_RUNNING;
	l->give_up_ms = now_ms + ICE_PAC_MS;
}

/* ---- nomination ------------------------------------------------------------------------------------ */

/* 8.1.1: the best valid pair, once no better one can come, or was waited for long enough. */
static void nominate(struct ice_checks *l, uint64_t now_ms)
{
	struct ice_pair *best = NULL;

	if (!l->is_controlling || l->outcome != ICE_RUNNING || !l->first_valid_ms)
		return;
	for (unsigned i = 0; i < l->n; i++) {
		struct ice_pair *p = &l->pairs[i];

		if (p->is_nominating)
			return;
		if (p->is_valid && (!best || priority_of(l, p) > priority_of(l, best)))
			best = p;
	}
	for (unsigned i = 0; best && now_ms < l->first_valid_ms + ICE_NOMINATE_MS && i < l->n; i++)
		if (is_pending(&l->pairs[i]) && priority_of(l, &l->pairs[i]) > priority_of(l, best))
			return;
	if (!best)
		return;
	best->is_nominating = true;
	trigger(l, best);
}

/* ---- checks sent ----------------------------------------------------------------------------------- */

/* RFC 8445 14.3: at least 500 ms, and Ta for each pair that is waiting or on its way */
static uint64_t rto_ms(const struct ice_checks *l)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < l->n; i++)
		n += l->pairs[i].state == ICE_WAITING || l->pairs[i].state == ICE_IN_PROGRESS;
	return n * ICE_TA_MS > ICE_RTO_MS ? n * ICE_TA_MS : ICE_RTO_MS;
}

static void pair_failed(struct ice_pair *p)
{
	p->state = ICE_PAIR_FAILED;
	p->is_valid = p->is_nominating = false;
}

static struct ice_pair *repeated(struct ice_checks *l, uint64_t now_ms)
{
	for (unsigned i = 0; i < l->n; i++) {
		struct ice_pair *p = &l->pairs[i];

		if (p->state != ICE_IN_PROGRESS || now_ms < p->due_ms)
			continue;
		if (p->n_sent < ICE_SENDS)
			return p;
		pair_failed(p);
	}
	return NULL;
}

/* The first triggered one, else the best that waits; when none does, the best that is frozen (6.1.4.2). */
static struct ice_pair *ordinary(struct ice_checks *l)
{
	struct ice_pair *best = NULL;

	for (unsigned i = 0; i < l->n; i++)
		if (l->pairs[i].queued && (!best || l->pairs[i].queued < best->queued))
			best = &l->pairs[i];
	for (int state = ICE_WAITING; !best && state >= ICE_FROZEN; state--)
		for (unsigned i = 0; i < l->n; i++) {
			struct ice_pair *p = &l->pairs[i];

			if (p->state == state && (!best || priority_of(l, p) > priority_of(l, best)))
				best = p;
		}
	return best;
}

struct ice_pair *ice_checks_next(struct ice_checks *l, uint64_t now_ms)
{
	struct ice_pair *p = repeated(l, now_ms);

	if (p)
		return p;
	nominate(l, now_ms);
	if (now_ms < l->next_ms || !(p = ordinary(l)))
		return NULL;
	if (now_ms >= l->next_ms + ICE_TA_MS) {		/* a turn of long ago: others may be having theirs */
		take_turn(l, now_ms);
		if (now_ms < l->next_ms)
			return NULL;
	}
	take_turn(l, now_ms);
	p->queued = 0;
	p->n_sent = p->state == ICE_IN_PROGRESS;	/* as it was: its answer holds by either */
	return p;
}

void ice_checks_sent(struct ice_checks *l, struct ice_pair *p, const uint8_t id[ICE_ID_BYTES], uint64_t now_ms)
{
	if (p->n_sent == 0) {
		memcpy(p->id, id, ICE_ID_BYTES);
		p->state = ICE_IN_PROGRESS;
		p->was_controlling = l->is_controlling;
	}
	p->n_sent++;
	p->due_ms = now_ms + (p->n_sent < ICE_SENDS ? rto_ms(l) << (p->n_sent - 1) : rto_ms(l) * ICE_LAST_RTOS);
}

uint64_t ice_checks_deadline(const struct ice_checks *l)
{
	uint64_t due = l->outcome == ICE_RUNNING ? l->give_up_ms : UINT64_MAX;
	bool is_nominating = false, is_valid = false;

	for (unsigned i = 0; i < l->n; i++) {
		const struct ice_pair *p = &l->pairs[i];
		uint64_t at = p->state == ICE_IN_PROGRESS ? p->due_ms : is_pending(p) ? l->next_ms : UINT64_MAX;

		if (p->queued && l->next_ms < at)
			at = l->next_ms;
		if (at < due)
			due = at;
		is_nominating |= p->is_nominating;
		is_valid |= p->is_valid;
	}
	/* while one is being nominated, no other is: its own deadlines count */
	if (l->is_controlling && l->outcome == ICE_RUNNING && is_valid && !is_nominating &&
		l->first_valid_ms + ICE_NOMINATE_MS < due)
		due = l->first_valid_ms + ICE_NOMINATE_MS;
	return due;
}

enum ice_event ice_checks_give_up(struct ice_checks *l, uint64_t now_ms)
{
	if (l->outcome != ICE_RUNNING || now_ms < l->give_up_ms)
		return ICE_EV_NONE;
	l->outcome = ICE_FAILED;
	return ICE_EV_FAILED;
}

/* ---- what comes ------------------------------------------------------------------------------------ */

/* 8.1.2: the others are not checked any more. */
static enum ice_event nominated(struct ice_checks *l)
{
	l->outcome = ICE_DONE;
	for (unsigned i = 0; i < l->n; i++)
		if (is_pending(&l->pairs[i]) && !l->pairs[i].is_wanted) {
			l->pairs[i].queued = 0;
			pair_failed(&l->pairs[i]);
		}
	return ICE_EV_NOMINATED;
}

enum ice_event ice_checks_request(struct ice_checks *l, const struct gw_addr *src, uint32_t priority,
	bool use_candidate)
{
	struct ice_pair *p = find_remote(l, src);
	enum ice_event ev = ICE_EV_NONE;

	if (!p) {	/* 7.3.1.3; its foundation is like none other's */
		if (!(p = take_place(l, priority)))
			return ICE_EV_NONE;
		*p = (struct ice_pair){ .remote = *src, .remote_priority = priority, .state = ICE_WAITING,
			.foundation = 0xff000000u | (uint32_t)(p - l->pairs) };
		ev = ICE_EV_NEW_PRFLX;
	}
	p->is_wanted |= use_candidate && !l->is_controlling;
	if (p->state == ICE_SUCCEEDED)
		return use_candidate && !l->is_controlling ? nominated(l) : ICE_EV_NONE;
	if (l->outcome == ICE_DONE && !p->is_wanted)
		return ev;
	if (p->state == ICE_IN_PROGRESS)	/* 7.3.1.4: soon again, but at Ta's pace */
		enqueue(l, p);
	else
		trigger(l, p);
	return ev;
}

struct ice_pair *ice_checks_find_id(struct ice_checks *l, const uint8_t id[ICE_ID_BYTES])
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->pairs[i].state == ICE_IN_PROGRESS && memcmp(l->pairs[i].id, id, ICE_ID_BYTES) == 0)
			return &l->pairs[i];
	return NULL;
}

static void change_role(struct ice_checks *l)
{
	l->is_controlling = !l->is_controlling;
	for (unsigned i = 0; i < l->n; i++)
		l->pairs[i].is_nominating = l->pairs[i].is_wanted = false;
}

static enum ice_event succeeded(struct ice_checks *l, struct ice_pair *p, uint64_t now_ms)
{
	p->state = ICE_SUCCEEDED;
	p->is_valid = true;
	if (!l->first_valid_ms)
		l->first_valid_ms = now_ms ? now_ms : 1;
	for (unsigned i = 0; l->outcome != ICE_DONE && i < l->n; i++)	/* 7.2.5.3.3 */
		if (l->pairs[i].state == ICE_FROZEN && l->pairs[i].foundation == p->foundation)
			l->pairs[i].state = ICE_WAITING;
	if (p->is_nominating || p->is_wanted)
		return nominated(l);
	nominate(l, now_ms);
	return ICE_EV_NONE;
}

enum ice_event ice_checks_response(struct ice_checks *l, struct ice_pair *p, const struct gw_addr *src, unsigned code,
	uint64_t now_ms)
{
	if (code == 487 && l->outcome == ICE_RUNNING && p->n_conflicts < ICE_CONFLICTS_MAX) {
		p->n_conflicts++;
		if (p->was_controlling == l->is_controlling) {
			change_role(l);
			memcpy(&l->tie, p->id, sizeof(l->tie));	/* a new one, and as random */
		}
		trigger(l, p);
		return ICE_EV_NONE;
	}
	if (code || !gw_addr_eq(src, &p->remote)) {	/* 7.2.5.2.1: not symmetric */
		pair_failed(p);
		return ICE_EV_NONE;
	}
	return succeeded(l, p, now_ms);
}

bool ice_checks_conflict(struct ice_checks *l, uint64_t peer_tie)
{
	bool is_larger = l->tie >= peer_tie;

	/* the larger one controls */
	if (is_larger == l->is_controlling)
		return false;
	change_role(l);
	return true;
}
