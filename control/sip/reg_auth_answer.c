/* SPDX-License-Identifier: Apache-2.0 */
/* What a WIC is told of its credentials: our own challenge, and those of the core as far as it may see them. */
#include "control/app/metrics.h"
#include "control/sip/reg_auth_int.h"
#include "control/sip/stack_int.h"
#include "proto/sip/policy.h"

void cp_reg_auth_challenge(struct cp_uas *u, const char *error, const char *why)
{
	const struct cp_conf *c = u->sip->conf;
	struct gw_arena a = GW_ARENA_INIT(CP_ARENA_BYTES);
	char tag[CP_TAG_CHARS + 1], server[512];
	struct gw_buf b = gw_buf(server, sizeof(server) - 1);
	struct sip_msg m;

	if (error)
		CP_COUNT(token_challenged_invalid);
	else
		CP_COUNT(token_challenged);
	GW_LOG_NOTICE(u->sip->log, "token.challenge", "call_id=%.*s method=%.*s error=%s why=\"%s\"",
		GW_SV_FMT(u->req.call_id), GW_SV_FMT(u->req.method_name), error ? error : "-", why);
	if (*c->tokens.authz_server)
		gw_buf_printf(&b, ", authz_server=\"%s\"", c->tokens.authz_server);
	server[b.overflow ? 0 : b.len] = '\0';
	cp_random_token(tag, CP_TAG_CHARS);
	sip_msg_response(&m, &a, &u->req, 401, NULL, gw_sv_cstr(tag));
	sip_msg_addf(&m, SIP_HDR_WWW_AUTHENTICATE, "Bearer realm=\"%s\", scope=\"%s\"%s%s%s%s", c->mw.home_domain,
		c->tokens.scope, server, error ? ", error=\"" : "", error ? error : "", error ? "\"" : "");
	CP_COUNT(sip_requests_refused);
	cp_uas_answer(u, &m);
	gw_arena_reset(&a);
}

static void turn_into(struct sip_msg *m, unsigned status)
{
	m->status = status;
	m->reason = gw_sv_cstr(sip_reason_phrase(status));
	sip_msg_del(m, SIP_HDR_WWW_AUTHENTICATE);
	sip_msg_del(m, SIP_HDR_PROXY_AUTHENTICATE);
	sip_msg_del(m, SIP_HDR_MIN_EXPIRES);
}

static bool is_by_token(const struct cp_uas *u)
{
	const struct cp_binding *b = cp_reg_sender(u);

	return u->auth.identity || (u->req.method != SIP_REGISTER && b && b->auth.identity);
}

/* W2-REG-32: ik and ck are for a P-CSCF that makes IPsec of them; nobody does here, and the WIC has its own. */
static void drop_keys(struct sip_msg *m)
{
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		struct sip_hdr *h = &m->hdrs[i];
		char text[SIP_AUTH_MAX_BYTES];
		struct gw_buf b = gw_buf(text, sizeof(text));
		enum gw_err err;

		if (h->is_deleted || (h->id != SIP_HDR_WWW_AUTHENTICATE && h->id != SIP_HDR_PROXY_AUTHENTICATE))
			continue;
		err = sip_auth_put_challenge(&b, h->value);
		if (err == GW_ENOENT)
			continue;	/* it holds no key: as the core wrote it (W2-REG-21) */
		h->is_deleted = err || b.overflow;
		h->value = gw_arena_sv(m->arena, gw_buf_sv(&b));
	}
}

void cp_reg_auth_response(const struct cp_uas *u, struct sip_msg *m)
{
	bool is_challenge = m->status == 401 || m->status == 407;

	if (is_challenge && is_by_token(u)) {
		CP_COUNT(tna_refused);
		GW_LOG_ERROR(u->sip->log, "tna.refused", "call_id=%.*s method=%.*s status=%u why=\"the core does not accept "
			"auth-done of this node\"", GW_SV_FMT(u->req.call_id), GW_SV_FMT(u->req.method_name), m->status);
		turn_into(m, u->sip->conf->tokens.refused_status);
	} else if (m->status == 423 && u->auth.is_lowered) {
		turn_into(m, 403);	/* W2-REG-44 */
	} else if (is_challenge) {
		drop_keys(m);
	}
}
