/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs are learnt from authenticated checks, selected by the peer (ICE-lite) or with it (full), kept by consent. */
#include "dataplane/slow/ice_int.h"

#include <stdlib.h>


static void forget_remote_ufrag(struct dp_ice_cred *c)
{
	if (c->remote_ufrag_chars > DP_ICE_UFRAG_NEAR)
		free(c->remote_ufrag.far);
	c->remote_ufrag_chars = 0;
}

static void cred_clear(struct dp_ice_cred *c)
{
	forget_remote_ufrag(c);
	if (c->remote_pwd)
		explicit_bzero(c->remote_pwd, strlen(c->remote_pwd));
	free(c->remote_pwd);
	explicit_bzero(c->pwd, sizeof(c->pwd));
	*c = (struct dp_ice_cred){ 0 };
}

/* Of a c that holds nothing. */
static void cred_set(struct dp_ice_cred *c, const char *ufrag, const char *pwd)
{
	/* ours and made of our own constants: what does not fit is a mistake of the caller */
	if (gw_sv_copy(gw_sv_cstr(ufrag), c->ufrag, sizeof(c->ufrag)) ||
		gw_sv_copy(gw_sv_cstr(pwd), c->pwd, sizeof(c->pwd)))
		c->ufrag[0] = c->pwd[0] = '\0';	/* an empty ufrag matches nothing */
}

void dp_ice_init(struct dp_ice *ice, const char *ufrag, const char *pwd, uint16_t consent_timeout_ms)
{
	*ice = (struct dp_ice){ .full = ice->full };	/* reserved ahead of this */
	cred_set(&ice->cred, ufrag, pwd);
	ice->selected = -1;
	ice->consent_timeout_ms = consent_timeout_ms ? consent_timeout_ms : DP_ICE_CONSENT_MS;
	ice->consent_until_ms = UINT64_MAX;
}

static void drop_previous(struct dp_ice *ice)
{
	if (ice->previous)
		cred_clear(ice->previous);
	free(ice->previous);
	ice->previous = NULL;
	ice->has_previous = false;
}

void dp_ice_clear(struct dp_ice *ice)
{
	drop_previous(ice);
	cred_clear(&ice->cred);
	free(ice->pairs);
	free(ice->full);
	memset(ice, 0, sizeof(*ice));
	ice->selected = -1;
}

enum gw_err dp_ice_reserve(struct dp_ice *ice)
{
	if (!ice->previous)
		ice->previous = calloc(1, sizeof(*ice->previous));
	return ice->previous ? GW_OK : GW_ENOMEM;
}

void dp_ice_restart(struct dp_ice *ice, const char *ufrag, const char *pwd)
{
	if (ice->has_previous) {	/* no pair of the last restart was selected: media goes by the ones before it */
		cred_clear(&ice->cred);
	} else {
		*ice->previous = ice->cred;
		ice->has_previous = true;
		memset(&ice->cred, 0, sizeof(ice->cred));
	}
	cred_set(&ice->cred, ufrag, pwd);
	ice->generation++;
	if (ice->full)
		dp_ice_full_restart(ice);
}

enum gw_err dp_ice_set_remote(struct dp_ice *ice, struct gw_sv remote_ufrag)
{
	struct dp_ice_cred *c = &ice->cred;
	char *far = NULL;

	if (remote_ufrag.len && (remote_ufrag.len < 4 || remote_ufrag.len > DP_ICE_REMOTE_UFRAG_MAX))
		return GW_EBADMSG;
	if (remote_ufrag.len > DP_ICE_UFRAG_NEAR && !(far = gw_sv_dup(remote_ufrag)))
		return GW_ENOMEM;
	forget_remote_ufrag(c);
	c->remote_ufrag_chars = (uint16_t)remote_ufrag.len;
	if (far)
		c->remote_ufrag.far = far;
	else if (remote_ufrag.len)
		memcpy(c->remote_ufrag.near, remote_ufrag.p, remote_ufrag.len);
	return GW_OK;
}

static struct gw_sv password_of(void *user, struct gw_sv local_ufrag)
{
	const struct dp_ice *ice = user;

	const struct dp_ice_cred *both[] = { &ice->cred, ice->previous };

	for (int i = 0; i < 1 + ice->has_previous; i++) {
		const struct dp_ice_cred *c = both[i];

		if (c->ufrag[0] && gw_sv_eq(local_ufrag, gw_sv_cstr(c->ufrag)))
			return gw_sv_cstr(c->pwd);
	}
	return GW_SV_NONE;
}

static int find_pair(const struct dp_ice *ice, const struct gw_addr *src)
{
	for (int i = 0; i < ice->n_pairs; i++)
		if (gw_addr_eq(&ice->pairs[i].remote, src))
			return i;
	return -1;
}

/* A free slot, or that of the unselected pair that was silent longest; -1: no memory. */
static int take_slot(struct dp_ice *ice)
{
	int oldest = -1;

	if (ice->n_pairs == ice->cap_pairs && ice->cap_pairs < DP_ICE_PAIRS_MAX) {
		uint8_t cap = ice->cap_pairs ? (uint8_t)(ice->cap_pairs * 2) : 1;
		struct dp_ice_pair *p = realloc(ice->pairs, cap * sizeof(*p));

		if (!p)
			return -1;
		ice->pairs = p;
		ice->cap_pairs = cap;
	}
	if (ice->n_pairs < ice->cap_pairs)
		return ice->n_pairs++;
	for (int i = 0; i < ice->n_pairs; i++)
		if (i != ice->selected &&
			(oldest < 0 || ice->pairs[i].last_check_ms < ice->pairs[oldest].last_check_ms))
			oldest = i;
	return oldest;
}

/*
 * May pair i replace the selected one? A new generation of credentials always does. Within one, the
 * higher priority wins (aggressive nomination, RFC 5245 8.1.1.2, nominates everything in turn). A lower one
 * wins when it was nominated twice without the selected one being nominated in between: then the
 * peer has moved, for example to another network.
 */
static bool should_select(const struct dp_ice *ice, int i, uint32_t nomination_before)
{
	const struct dp_ice_pair *p = &ice->pairs[i], *s;

	if (ice->selected < 0)
		return true;
	s = &ice->pairs[ice->selected];
	if (p->generation != s->generation)
		return p->generation == ice->generation;
	return p->priority > s->priority || nomination_before > s->last_nomination;
}

void dp_ice_renew_consent(struct dp_ice *ice, uint64_t now_ms)
{
	ice->consent = DP_ICE_CONSENT_VALID;
	ice->consent_until_ms = now_ms + ice->consent_timeout_ms;
}

/* Everything older than the generation of the new pair is void. */
static void forget_previous(struct dp_ice *ice)
{
	uint8_t kept = 0;

	for (uint8_t i = 0; i < ice->n_pairs; i++) {
		if (ice->pairs[i].generation != ice->generation)
			continue;
		if (i == ice->selected)
			ice->selected = (int8_t)kept;
		ice->pairs[kept++] = ice->pairs[i];
	}
	ice->n_pairs = kept;
	drop_previous(ice);
}

static enum dp_ice_event select_pair(struct dp_ice *ice, int i, uint64_t now_ms)
{
	bool ends_restart = ice->has_previous && ice->pairs[i].generation == ice->generation;
	/* the pair of a restart is told, although it may be the one that was */
	bool is_same = ice->selected == i && ice->consent == DP_ICE_CONSENT_VALID && !ends_restart;

	ice->selected = (int8_t)i;
	if (ends_restart)
		forget_previous(ice);
	dp_ice_renew_consent(ice, now_ms);
	return is_same ? DP_ICE_EV_CONSENT : DP_ICE_EV_SELECTED;
}

int dp_ice_learn(struct dp_ice *ice, const struct gw_addr *remote, bool *is_new)
{
	int i = find_pair(ice, remote);

	*is_new = i < 0;
	if (i < 0 && (i = take_slot(ice)) >= 0)
		ice->pairs[i] = (struct dp_ice_pair){ .remote = *remote };
	return i;
}

enum dp_ice_event dp_ice_nominate(struct dp_ice *ice, int i, uint64_t now_ms)
{
	struct dp_ice_pair *p = &ice->pairs[i];
	uint32_t before = p->last_nomination;

	p->last_nomination = ++ice->n_nominations;
	return i == ice->selected || should_select(ice, i, before) ? select_pair(ice, i, now_ms) : DP_ICE_EV_NONE;
}

/* @return may this check nominate? A full agent lets it when its own has succeeded (RFC 8445 7.3.1.5). */
static bool check_of_peer(struct dp_ice *ice, const struct dp_ice_check *c, const struct gw_addr *src, bool is_current,
	enum dp_ice_event *ev)
{
	enum ice_event happened;

	if (!is_current || !ice->full || !ice->full->has_checks)
		return c->use_candidate;
	happened = ice_checks_request(&ice->full->checks, src, c->priority, c->use_candidate);
	if (happened == ICE_EV_NEW_PRFLX)
		*ev = DP_ICE_EV_PRFLX;
	return happened == ICE_EV_NOMINATED;
}

static enum gw_err accept_check(struct dp_ice *ice, const struct dp_ice_check *c,
	const struct gw_addr *src, uint16_t laddr, bool is_current, uint64_t now_ms, enum dp_ice_event *ev)
{
	struct dp_ice_pair *p;
	bool is_new;
	int i = dp_ice_learn(ice, src, &is_new);

	if (i < 0)
		return GW_ENOMEM;
	if (is_new)
		*ev = DP_ICE_EV_VALID;
	p = &ice->pairs[i];
	p->laddr = laddr;
	p->last_check_ms = now_ms;
	p->generation = is_current ? ice->generation : (uint8_t)(ice->generation - 1);
	if (c->priority > p->priority)
		p->priority = c->priority;
	if (check_of_peer(ice, c, src, is_current, ev)) {
		enum dp_ice_event done = dp_ice_nominate(ice, i, now_ms);

		if (done != DP_ICE_EV_NONE)
			*ev = done;
	} else if (i == ice->selected && ice->consent == DP_ICE_CONSENT_VALID && !(ice->full && ice->full->asks_consent)) {
		/* consent comes back only with a nomination or a restart once it was lost (F-65) */
		dp_ice_renew_consent(ice, now_ms);
		*ev = DP_ICE_EV_CONSENT;
	}
	return GW_OK;
}

/* Who is lite is controlled whatever the peer says (RFC 8445 6.1.1), before a list is there whoever offered controls (7.3.1.1). */
static bool yield_role(void *user, bool is_peer_controlling, uint64_t tie)
{
	struct dp_ice *ice = user;

	if (!ice->full || ice->is_lite)
		return is_peer_controlling;
	if (!ice->full->has_checks)	/* no tie-breaker either: the peer gives way */
		return is_peer_controlling != ice->controls;
	return is_peer_controlling != ice->full->checks.is_controlling || ice_checks_conflict(&ice->full->checks, tie);
}

static enum gw_err take_check(struct dp_ice *ice, const struct dp_ice_check *c, const struct gw_addr *src, uint16_t laddr,
	uint64_t now_ms, enum dp_ice_event *ev)
{
	bool is_current = gw_sv_eq(c->local_ufrag, gw_sv_cstr(ice->cred.ufrag));
	const struct dp_ice_cred *cred = is_current ? &ice->cred : ice->previous;

	if (cred->remote_ufrag_chars && !gw_sv_eq(c->remote_ufrag, dp_ice_remote_ufrag(cred)))
		return GW_EAUTH;
	ice->n_checks++;
	return accept_check(ice, c, src, laddr, is_current, now_ms, ev);
}

static enum gw_err counted(struct dp_ice *ice, enum gw_err err, struct gw_buf *reply)
{
	if (err == GW_EAUTH)
		ice->n_auth_failures++;
	else if (err && err != GW_ENOMEM)
		ice->n_bad++;
	if (err)
		reply->len = 0;
	return err;
}

enum gw_err dp_ice_input(struct dp_ice *ice, struct dp_ice_msg *im, struct gw_sv datagram,
	const struct gw_addr *src, uint16_t laddr, uint64_t now_ms, struct gw_buf *reply,
	enum dp_ice_event *ev)
{
	const struct dp_ice_check_ops ops = { password_of, yield_role, ice };
	uint8_t id[DP_STUN_ID_BYTES];
	struct dp_ice_check c;
	enum gw_err err;

	*ev = DP_ICE_EV_NONE;
	if (dp_ice_msg_is_response(datagram, id))
		return counted(ice, dp_ice_response(ice, im, datagram, id, src, now_ms, ev), reply);
	err = dp_ice_msg_check(im, datagram, src, &ops, &c, reply);
	if (err)
		return counted(ice, err, reply);
	if (c.role_conflict || c.priority == 0) {
		ice->n_role_conflicts += c.role_conflict;
		return GW_OK;	/* answered with an error: not a check */
	}
	return counted(ice, take_check(ice, &c, src, laddr, now_ms, ev), reply);
}

bool dp_ice_is_valid(const struct dp_ice *ice, const struct gw_addr *src)
{
	return find_pair(ice, src) >= 0;
}

const struct dp_ice_pair *dp_ice_selected(const struct dp_ice *ice)
{
	return ice->selected >= 0 ? &ice->pairs[ice->selected] : NULL;
}

uint64_t dp_ice_deadline(const struct dp_ice *ice)
{
	uint64_t due = ice->consent_until_ms, at;

	if (ice->full && ice->full->has_checks && (at = ice_checks_deadline(&ice->full->checks)) < due)
		due = at;
	if (ice->full && ice->full->asks_consent && dp_ice_cred_of_selected(ice) && ice->full->consent.next_ms < due)
		due = ice->full->consent.next_ms;
	return due;
}

enum dp_ice_event dp_ice_tick(struct dp_ice *ice, uint64_t now_ms)
{
	if (ice->consent == DP_ICE_CONSENT_VALID && now_ms >= ice->consent_until_ms) {
		ice->consent = DP_ICE_CONSENT_LOST;
		ice->consent_until_ms = UINT64_MAX;
		return DP_ICE_EV_LOST;
	}
	if (ice->full && ice->full->has_checks && ice_checks_give_up(&ice->full->checks, now_ms) == ICE_EV_FAILED)
		return DP_ICE_EV_FAILED;
	return DP_ICE_EV_NONE;
}
