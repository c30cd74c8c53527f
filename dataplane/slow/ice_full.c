/* SPDX-License-Identifier: Apache-2.0 */
/* Full ICE: the check list (proto/ice) given words, and consent asked for (RFC 8445 7, RFC 7675). */
#include "dataplane/slow/ice_int.h"

#include <stdlib.h>

_Static_assert(DP_STUN_ID_BYTES == ICE_ID_BYTES, "both are RFC 8489's");

enum gw_err dp_ice_reserve_full(struct dp_ice *ice, struct ice_pace *pace)
{
	if (!ice->full && !(ice->full = calloc(1, sizeof(*ice->full))))
		return GW_ENOMEM;
	ice->full->pace = pace;
	return GW_OK;
}

void dp_ice_take_remote_pwd(struct dp_ice *ice, char *remote_pwd)
{
	char *old = ice->cred.remote_pwd;

	if (ice->full && (!old || !remote_pwd || strcmp(old, remote_pwd) != 0))
		dp_ice_full_restart(ice);
	if (old)
		explicit_bzero(old, strlen(old));
	free(old);
	ice->cred.remote_pwd = remote_pwd;
}

void dp_ice_full_restart(struct dp_ice *ice)
{
	ice->full->has_checks = false;
}

void dp_ice_check(struct dp_ice *ice, const struct ice_candidate *c, unsigned n, uint64_t tie, bool is_again, uint64_t now_ms)
{
	struct dp_ice_full *f = ice->full;

	f->wants_checks = true;
	if (!ice->cred.remote_ufrag_chars || !ice->cred.remote_pwd)
		return;
	if (!f->has_checks)
		ice_checks_init(&f->checks, f->pace, ice->controls, tie, now_ms);
	else if (is_again)
		ice_checks_again(&f->checks, now_ms);
	f->has_checks = true;
	for (unsigned i = 0; i < n; i++)
		ice_checks_add(&f->checks, &c[i]);
}

void dp_ice_ask_consent(struct dp_ice *ice, bool is_asked)
{
	if (ice->full)
		ice->full->asks_consent = is_asked;
}

/* ---- sent ------------------------------------------------------------------------------------------ */

static struct dp_ice_ask ask_of(const struct dp_ice *ice, const struct dp_ice_cred *c)
{
	return (struct dp_ice_ask){ .local_ufrag = gw_sv_cstr(c->ufrag), .remote_ufrag = dp_ice_remote_ufrag(c),
		.remote_pwd = gw_sv_cstr(c->remote_pwd), .priority = ICE_PRIORITY_PRFLX, .tie = ice->full->checks.tie,
		.is_controlling = ice->full->has_checks ? ice->full->checks.is_controlling : ice->controls && !ice->is_lite };
}

static bool send_check(struct dp_ice *ice, struct dp_ice_msg *im, uint64_t now_ms, struct gw_buf *out, struct gw_addr *to)
{
	struct ice_checks *l = &ice->full->checks;
	struct ice_pair *p = ice->full->has_checks ? ice_checks_next(l, now_ms) : NULL;
	struct dp_ice_ask ask;
	uint8_t id[ICE_ID_BYTES];

	if (!p)
		return false;
	ask = ask_of(ice, &ice->cred);
	ask.use_candidate = p->is_nominating;
	memcpy(id, p->id, sizeof(id));
	if (p->n_sent)
		ask.is_controlling = p->was_controlling;	/* repeated as it was */
	if (dp_ice_msg_ask(im, &ask, p->n_sent == 0, id, out))
		return false;	/* ufrags that long were refused before */
	ice_checks_sent(l, p, id, now_ms);
	*to = p->remote;
	return true;
}

/* After a restart those before it (F-61). */
const struct dp_ice_cred *dp_ice_cred_of_selected(const struct dp_ice *ice)
{
	const struct dp_ice_cred *c;

	if (ice->selected < 0 || ice->consent != DP_ICE_CONSENT_VALID)
		return NULL;
	c = ice->pairs[ice->selected].generation == ice->generation || !ice->has_previous ? &ice->cred : ice->previous;
	return c->remote_ufrag_chars && c->remote_pwd ? c : NULL;
}

static bool send_consent(struct dp_ice *ice, struct dp_ice_msg *im, uint64_t now_ms, struct gw_buf *out, struct gw_addr *to)
{
	const struct dp_ice_cred *c = dp_ice_cred_of_selected(ice);
	uint8_t id[ICE_ID_BYTES];
	struct dp_ice_ask ask;

	if (!c || !ice->full->asks_consent || !ice_consent_due(&ice->full->consent, now_ms))
		return false;
	ask = ask_of(ice, c);
	if (dp_ice_msg_ask(im, &ask, true, id, out))
		return false;
	ice_consent_sent(&ice->full->consent, id, now_ms);
	*to = ice->pairs[ice->selected].remote;
	return true;
}

bool dp_ice_poll(struct dp_ice *ice, struct dp_ice_msg *im, uint64_t now_ms, struct gw_buf *out, struct gw_addr *to)
{
	out->len = 0;
	return ice->full && (send_check(ice, im, now_ms, out, to) || send_consent(ice, im, now_ms, out, to));
}

/* ---- answered -------------------------------------------------------------------------------------- */

static enum gw_err check_answered(struct dp_ice *ice, struct dp_ice_msg *im, struct gw_sv datagram, struct ice_pair *p,
	const struct gw_addr *src, uint64_t now_ms, enum dp_ice_event *ev)
{
	struct gw_addr remote = p->remote;
	enum ice_event happened;
	bool is_new = false;
	enum gw_err err;
	unsigned code;
	int i = -1;

	err = dp_ice_msg_response(im, datagram, gw_sv_cstr(ice->cred.remote_pwd), &code);
	if (err)
		return err;
	if (!code && gw_addr_eq(src, &remote) && (i = dp_ice_learn(ice, &remote, &is_new)) < 0)
		return GW_ENOMEM;
	happened = ice_checks_response(&ice->full->checks, p, src, code, now_ms);
	if (i < 0)
		return GW_OK;
	ice->pairs[i].generation = ice->generation;
	ice->pairs[i].last_check_ms = now_ms;
	if (p->remote_priority > ice->pairs[i].priority)
		ice->pairs[i].priority = p->remote_priority;
	if (happened == ICE_EV_NOMINATED)
		*ev = dp_ice_nominate(ice, i, now_ms);
	else if (is_new)
		*ev = DP_ICE_EV_VALID;
	return GW_OK;
}

static enum gw_err consent_answered(struct dp_ice *ice, struct dp_ice_msg *im, struct gw_sv datagram,
	const uint8_t id[ICE_ID_BYTES], const struct gw_addr *src, uint64_t now_ms, enum dp_ice_event *ev)
{
	const struct dp_ice_cred *c = dp_ice_cred_of_selected(ice);
	enum gw_err err;
	unsigned code;

	if (!c || !gw_addr_eq(src, &ice->pairs[ice->selected].remote))
		return GW_EBADMSG;
	err = dp_ice_msg_response(im, datagram, gw_sv_cstr(c->remote_pwd), &code);
	if (err)
		return err;
	if (!ice_consent_take(&ice->full->consent, id) || code)
		return GW_OK;
	dp_ice_renew_consent(ice, now_ms);
	*ev = DP_ICE_EV_CONSENT;
	return GW_OK;
}

enum gw_err dp_ice_response(struct dp_ice *ice, struct dp_ice_msg *im, struct gw_sv datagram,
	const uint8_t id[DP_STUN_ID_BYTES], const struct gw_addr *src, uint64_t now_ms, enum dp_ice_event *ev)
{
	struct ice_pair *p = ice->full && ice->full->has_checks ? ice_checks_find_id(&ice->full->checks, id) : NULL;

	if (p)
		return check_answered(ice, im, datagram, p, src, now_ms, ev);
	if (ice->full && ice->full->asks_consent)
		return consent_answered(ice, im, datagram, id, src, now_ms, ev);
	return GW_EBADMSG;
}
