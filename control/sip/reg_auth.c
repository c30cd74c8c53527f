/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of a WIC's requests: which scenario, which token, may it. */
#include "control/sip/reg_auth.h"

#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/sip/core.h"
#include "control/sip/reg_auth_int.h"
#include "control/sip/session.h"
#include "control/state/share.h"
#include "proto/sip/bearer.h"
#include "proto/sip/digest.h"
#include "proto/sip/register.h"

#define BITS_WEB (1u << CP_SCENARIO_WEB | 1u << CP_SCENARIO_POOL)

void cp_auth_drop(struct cp_sip *s, struct cp_auth *auth)
{
	cp_token_cancel(auth->wait);
	cp_share_cancel(auth->query);
	cp_identity_unref(auth->identity);
	cp_pool_claim_put(s->auth, auth->claim);
	*auth = (struct cp_auth){ 0 };
}

/* W2-REG-02: what this connection may register by. */
static unsigned scenarios(const struct cp_uas *u)
{
	const struct cp_conf *c = u->sip->conf;
	struct gw_sv origin = cp_transport_origin(u->sip->transport, u->peer.conn);

	for (unsigned i = 0; i < c->tokens.n_access; i++)
		if (gw_sv_eq(origin, gw_sv_cstr(c->tokens.access[i].origin)))
			return c->tokens.access[i].scenarios;
	return c->tokens.scenarios;
}

static bool may_use_tokens(const struct cp_uas *u)
{
	return cp_token_has_issuer(u->sip->tokens) && (scenarios(u) & BITS_WEB);
}

void cp_reg_auth_misused(struct cp_uas *u, unsigned status, const char *why)
{
	CP_COUNT(token_misused);
	cp_sip_refuse(u, status, why);
}

/* ---- a verified token, in a REGISTER --------------------------------------------------------------------- */

/* W2-TOK-07: To, From and a stated IMPI are those of the token. */
static bool speaks_for(const struct cp_identity *id, const struct sip_msg *m, const struct sip_bearer *b)
{
	struct sip_addr from, to;

	return sip_addr_parse(sip_msg_value(m, SIP_HDR_FROM), &from) == GW_OK &&
		sip_addr_parse(sip_msg_value(m, SIP_HDR_TO), &to) == GW_OK &&
		cp_identity_owns(id, from.uri.text) && cp_identity_owns(id, to.uri.text) &&
		(b->username.len == 0 || gw_sv_eq(b->username, gw_sv_cstr(id->impi)));
}

/* What names the device: its instance, else its Contact (W2-REG-53). */
static struct gw_sv instance_of(const struct sip_msg *m)
{
	struct sip_elements e = { 0 };
	struct sip_param p;
	struct sip_addr a;
	struct gw_sv v;

	if (!sip_msg_element(m, SIP_HDR_CONTACT, &e, &v) || sip_addr_parse(v, &a) || a.is_star)
		return GW_SV_NONE;
	return sip_param_get(a.params, GW_SV("+sip.instance"), &p) ? p.value : GW_SV_NONE;
}

/* W2-TOK-18: is somebody else bound to this connection? */
static bool is_foreign(const struct cp_uas *u, const struct cp_identity *id)
{
	const struct cp_binding *b = cp_reg_by_conn(u->sip->reg, u->peer.conn);

	return b && b->impi && strcmp(b->impi, id->impi) != 0;
}

static bool claim_impu(struct cp_uas *u, const struct cp_identity *id)
{
	struct gw_sv instance = instance_of(&u->req);
	struct sip_addr to;

	if (!id->is_pool || sip_register_is_end(&u->req))
		return true;
	if (sip_addr_parse(sip_msg_value(&u->req, SIP_HDR_TO), &to))
		return false;
	u->auth.claim = cp_pool_claim_take(u->sip->auth, to.uri.text,
		instance.len ? instance : sip_msg_value(&u->req, SIP_HDR_CONTACT));
	return u->auth.claim != NULL;
}

static void accept_register(struct cp_uas *u, struct cp_identity *id, const struct sip_bearer *b)
{
	uint64_t now = cp_loop_wall_s(), left = id->expires_s > now ? id->expires_s - now : 0;
	enum cp_scenario scenario = id->is_pool ? CP_SCENARIO_POOL : CP_SCENARIO_WEB;

	if (left < u->sip->conf->tokens.min_life_s && !sip_register_is_end(&u->req))
		cp_reg_auth_challenge(u, "invalid_token", "the token ends too soon");	/* W2-TOK-14 */
	else if (!(scenarios(u) & 1u << scenario))
		cp_reg_auth_misused(u, 403, "tokens of this kind are not taken here");
	else if (!speaks_for(id, &u->req, b))
		cp_reg_auth_misused(u, 403, "the token is not for this identity");
	else if (is_foreign(u, id))
		cp_reg_auth_misused(u, 403, "this connection belongs to another user");
	else if (!cp_token_use_take(u->sip->auth, id, u->peer.conn, instance_of(&u->req)))
		cp_reg_auth_misused(u, 403, "the token is in use on another connection");
	else if (!claim_impu(u, id))
		cp_reg_auth_misused(u, 403, "the identity is in use");
	else {
		u->auth.scenario = scenario;
		u->auth.identity = cp_identity_ref(id);
		if (cp_store_is_shared(u->sip->store) && !sip_register_is_end(&u->req))
			cp_reg_auth_elsewhere(u, instance_of(&u->req));
		else
			cp_core_authorized(u->sip, u);
	}
}

/* ---- a verified token, in another request ------------------------------------------------------------------ */

static void accept_request(struct cp_uas *u, const struct cp_identity *id)
{
	const struct cp_binding *b = cp_reg_sender(u);

	if (!b || !b->auth.identity)
		cp_sip_refuse(u, 403, "not registered");	/* it went while the token was asked about */
	else if (strcmp(b->auth.identity->impi, id->impi) != 0)
		cp_reg_auth_misused(u, 403, "the token is of another user");
	else if (!cp_token_use_take(u->sip->auth, id, u->peer.conn, GW_SV_NONE))
		cp_reg_auth_misused(u, 403, "the token is in use on another connection");
	else
		cp_core_authorized(u->sip, u);
}

/* ---- verdicts ------------------------------------------------------------------------------------------ */

static void on_gone(void *user, struct cp_uas *u)
{
	(void)user;
	cp_auth_drop(u->sip, &u->auth);
}

/* The WIC gives its INVITE up before anybody was called. */
static void on_cancel(void *user, struct cp_uas *u, const struct sip_msg *cancel)
{
	(void)user;
	(void)cancel;
	u->on_gone = NULL;
	u->on_cancel = NULL;
	cp_auth_drop(u->sip, &u->auth);
	cp_sip_refuse(u, 487, NULL);
}

static void on_verdict(void *user, enum cp_verdict verdict, struct cp_identity *id)
{
	struct cp_uas *u = user;
	struct sip_bearer b = { 0 };

	u->auth.wait = NULL;
	u->on_gone = NULL;
	u->on_cancel = NULL;
	u->user = NULL;
	switch (verdict) {
	case CP_TOKEN_VALID:
		if (sip_bearer_find(&u->req, &b))	/* never: it was found before */
			cp_sip_refuse(u, 500, NULL);
		else if (u->req.method == SIP_REGISTER)
			accept_register(u, id, &b);
		else
			accept_request(u, id);
		break;
	case CP_TOKEN_SCOPE:
		cp_reg_auth_misused(u, 403, "the scope of the token does not cover IMS");
		break;
	case CP_TOKEN_UNAVAILABLE:	/* W2-ERR-16: never fail open */
		cp_sip_refuse(u, 503, "tokens cannot be checked now");
		break;
	case CP_TOKEN_INVALID:
	case CP_TOKEN_UNKNOWN:
		cp_reg_auth_challenge(u, "invalid_token", "the token is not valid");
		break;
	}
}

static void check(struct cp_uas *u, const struct sip_bearer *b)
{
	struct cp_token_wait *w;

	if (sip_bearer_leaks(&u->req, b->token)) {	/* W2-TOK-10 */
		cp_sip_refuse(u, 400, "the token stands outside of Authorization");
		return;
	}
	w = cp_token_check(u->sip->tokens, b->token, on_verdict, u);
	if (!w)
		return;
	u->auth.wait = w;
	u->on_gone = on_gone;
	u->on_cancel = on_cancel;
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static bool is_aka(struct gw_sv algorithm)
{
	return gw_sv_istarts(algorithm, GW_SV("AKAv"));
}

static bool takes_aka(const struct cp_conf *c, struct gw_sv algorithm)
{
	for (unsigned i = 0; i < c->tokens.n_aka_algorithms; i++)
		if (gw_sv_ieq(algorithm, gw_sv_cstr(c->tokens.aka_algorithms[i])))
			return true;
	return false;
}

/* W2-REG-01 without Bearer: AKA by its algorithm, all else SIP digest. */
static void register_without_token(struct cp_uas *u)
{
	const struct cp_binding *b = cp_reg_by_conn(u->sip->reg, u->peer.conn);
	struct sip_auth auth = { 0 };

	(void)!sip_auth_parse(sip_msg_value(&u->req, SIP_HDR_AUTHORIZATION), &auth);
	u->auth.scenario = is_aka(auth.algorithm) ? CP_SCENARIO_AKA : CP_SCENARIO_DIGEST;
	if (b && b->auth.identity)	/* its right to be here is the token, and ends with it */
		cp_reg_auth_challenge(u, NULL, "a token is needed");
	else if (u->auth.scenario == CP_SCENARIO_AKA && !takes_aka(u->sip->conf, auth.algorithm))
		cp_sip_refuse(u, 403, "this AKA algorithm is not taken here");
	else if (scenarios(u) & 1u << u->auth.scenario)
		cp_core_authorized(u->sip, u);
	else if (may_use_tokens(u))
		cp_reg_auth_challenge(u, NULL, "a token is needed");	/* W2-ERR-11 */
	else
		cp_sip_refuse(u, 403, "this way to register is not open here");
}

/* W2-TOK-04: a request without token of a user that has one. Its registration ends with the token. */
static void without_token(struct cp_uas *u, const struct cp_binding *b)
{
	if (b->auth.identity->expires_s <= cp_loop_wall_s()) {
		cp_reg_auth_challenge(u, "invalid_token", "the token has ended");
	} else if (u->sip->conf->tokens.is_strict) {
		cp_reg_auth_challenge(u, NULL, "a token is needed in every request");
	} else {
		CP_COUNT(token_absent);
		GW_LOG_DEBUG(u->sip->log, "token.absent", "call_id=%.*s method=%.*s", GW_SV_FMT(u->req.call_id),
			GW_SV_FMT(u->req.method_name));
		cp_core_authorized(u->sip, u);
	}
}

void cp_reg_auth_request(struct cp_sip *s, struct cp_uas *u)
{
	const struct cp_binding *b = cp_reg_sender(u);
	struct sip_bearer bearer = { 0 };
	enum gw_err err = sip_bearer_find(&u->req, &bearer);

	if (err == GW_EBADMSG)	/* W2-ERR-13 */
		cp_sip_refuse(u, 400, "the Bearer credentials are malformed");
	else if (u->req.method == SIP_REGISTER && err)
		register_without_token(u);
	else if (u->req.method == SIP_REGISTER && !may_use_tokens(u))
		cp_sip_refuse(u, 403, "tokens are not taken here");
	else if (u->req.method == SIP_REGISTER)
		check(u, &bearer);
	else if (!b || !b->auth.identity || u->req.method == SIP_BYE ||	/* BYE ends, it starts nothing (W2-ERR-18) */
		cp_alg_is_emergency(b, u->req.call_id))
		cp_core_authorized(s, u);
	else if (err)
		without_token(u, b);
	else
		check(u, &bearer);
}

enum gw_err cp_reg_auth_new(struct cp_reg_auth **out, struct cp_sip *s)
{
	struct cp_reg_auth *a = calloc(1, sizeof(*a));

	if (!a)
		return GW_ENOMEM;
	a->s = s;
	cp_token_on_revoked(s->tokens, cp_reg_auth_on_revoked, a);
	*out = a;
	return GW_OK;
}

void cp_reg_auth_free(struct cp_reg_auth *a)
{
	size_t it = 0;
	void *v;

	if (!a)
		return;
	for (it = 0; gw_map_next(&a->conns, &it, &v); it = 0)
		cp_token_conn_free(a, v);
	gw_map_free(&a->uses);
	gw_map_free(&a->conns);
	gw_map_free(&a->claims);
	free(a);
}
