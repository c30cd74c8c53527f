/* SPDX-License-Identifier: Apache-2.0 */
/* What the core is told of who a WIC is: integrity-protected, trusted node authentication, visited network, expiry. */
#include <assert.h>
#include <stdio.h>

#include "control/app/metrics.h"
#include "control/sip/reg_auth_int.h"
#include "control/sip/reg_int.h"
#include "proto/sip/bearer.h"
#include "proto/sip/policy.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct gw_sv cp_reg_auth_impi(const struct cp_uas *u)
{
	struct sip_auth a;

	if (u->auth.identity)
		return gw_sv_cstr(u->auth.identity->impi);
	if (sip_auth_parse(sip_msg_value(&u->req, SIP_HDR_AUTHORIZATION), &a))
		return GW_SV_NONE;
	return a.username;
}

/* ---- scenario 1 ------------------------------------------------------------------------------------------ */

/* Did the core authenticate this IMPI by digest on this connection? A token's word must not outlive it as tls-yes. */
static bool is_bound(const struct cp_uas *u, struct gw_sv impi)
{
	const struct cp_binding *b = cp_reg_bound_user(u->sip->reg, u->peer.conn, impi);

	return impi.len && b && b->auth.scenario == CP_SCENARIO_DIGEST;
}

/* W2-REG-20, -22, -30: what the WIC says of itself is replaced by what this connection is. */
static void put_integrity(const struct cp_uas *u, struct sip_msg *m)
{
	struct gw_sv value = sip_msg_value(m, SIP_HDR_AUTHORIZATION), integrity = GW_SV("tls-pending");
	char text[SIP_AUTH_MAX_BYTES];
	struct gw_buf out = gw_buf(text, sizeof(text));
	struct sip_auth a;

	if (value.len == 0 || sip_auth_parse(value, &a))
		return;
	if (u->auth.scenario == CP_SCENARIO_AKA)
		integrity = GW_SV("tls-connected");
	else if (is_bound(u, a.username))
		integrity = GW_SV("tls-yes");
	else if (a.response.len == 0)
		return;
	sip_auth_put_integrity(&out, &a, integrity);
	if (out.overflow)	/* never: the length was checked; without the header the core challenges */
		sip_msg_del(m, SIP_HDR_AUTHORIZATION);
	else
		sip_msg_set(m, SIP_HDR_AUTHORIZATION, gw_buf_sv(&out));
}

/* ---- scenarios 2 and 3 ------------------------------------------------------------------------------------- */

/* Was the identity verified by the very token of this request? */
static bool is_proven(const struct cp_uas *u)
{
	const struct cp_identity *id = u->auth.identity;
	unsigned char hash[CP_TOKEN_HASH_BYTES];
	struct sip_bearer b;

	if (!id || u->req.method != SIP_REGISTER || sip_bearer_find(&u->req, &b))
		return false;
	EVP_Digest(b.token.p, b.token.len, hash, NULL, EVP_sha256(), NULL);
	return CRYPTO_memcmp(hash, id->token_hash, sizeof(hash)) == 0;
}

/*
 * The one place where "auth-done" is written: the S-CSCF takes it for an authenticated user and asks no more. For
 * two callers only, which prove their right to it below.
 */
static void write_auth_done(const struct cp_conf *c, struct sip_msg *m, const char *impi)
{
	sip_msg_del(m, SIP_HDR_AUTHORIZATION);
	sip_msg_del(m, SIP_HDR_PROXY_AUTHORIZATION);
	sip_msg_addf(m, SIP_HDR_AUTHORIZATION,
		"Digest username=\"%s\", realm=\"%s\"%s, uri=\"sip:%s\"%s, integrity-protected=\"auth-done\"", impi,
		c->mw.home_domain, c->tokens.omit_empty ? "" : ", nonce=\"\"", c->mw.home_domain,
		c->tokens.omit_empty ? "" : ", response=\"\"");
}

/*
 * W2-TOK-11: never without a positive verdict on the token of this very request. A build without assertions refuses
 * too.
 */
static enum gw_err put_auth_done(const struct cp_uas *u, struct sip_msg *m)
{
	bool proven = is_proven(u);

	assert(proven);
	if (!proven) {
		CP_COUNT(tna_unproven);
		return GW_ESTATE;
	}
	write_auth_done(u->sip->conf, m, u->auth.identity->impi);
	return GW_OK;
}

/* W2-REG-64: the core granted this user our word before; all that is asked for now is its end. */
void cp_reg_auth_on_behalf(const struct cp_binding *b, struct sip_msg *m)
{
	const struct cp_conf *c = b->reg->s->conf;

	assert(b->is_tna && gw_sv_eq(sip_msg_value(m, SIP_HDR_EXPIRES), GW_SV("0")));
	write_auth_done(c, m, b->impi);
	sip_msg_del(m, SIP_HDR_P_VISITED_NETWORK_ID);
	sip_msg_addf(m, SIP_HDR_P_VISITED_NETWORK_ID, "\"%s\"", c->tokens.visited[b->auth.scenario]);
}

/* W2-TOK-13. @return it was more */
static bool lower(struct gw_sv value, uint64_t most)
{
	uint32_t n;

	/* RFC 3261 20.19: what is no number counts as 3600 */
	return (gw_sv_u32(value, &n) ? 3600 : n) > most;
}

static void lower_contact(struct sip_msg *m, uint64_t most, bool *is_lowered)
{
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		struct sip_hdr *h = &m->hdrs[i];
		char text[4096];
		struct gw_buf b = gw_buf(text, sizeof(text));
		struct sip_param p;
		struct sip_addr a;
		size_t at;

		if (h->id != SIP_HDR_CONTACT || h->is_deleted || sip_addr_parse(h->value, &a) || a.is_star ||
			!sip_param_get(a.params, GW_SV("expires"), &p) || !lower(p.value, most))
			continue;
		at = (size_t)(p.value.p - h->value.p);
		gw_buf_printf(&b, "%.*s%llu", GW_SV_FMT(gw_sv_sub(h->value, 0, at)), (unsigned long long)most);
		gw_buf_put(&b, gw_sv_sub(h->value, at + p.value.len, h->value.len));
		if (b.overflow)
			continue;
		h->value = gw_arena_sv(m->arena, gw_buf_sv(&b));
		*is_lowered = true;
	}
}

/* The registration must not outlive the token. */
static void lower_expiry(struct cp_uas *u, struct sip_msg *m)
{
	uint64_t now = cp_loop_wall_s(), end = u->auth.identity->expires_s, left = end > now ? end - now : 0;
	const struct sip_hdr *h = sip_msg_find(m, SIP_HDR_EXPIRES);
	bool is_lowered = false;
	char text[24];

	if (!h || lower(h->value, left)) {
		is_lowered = h != NULL;
		snprintf(text, sizeof(text), "%llu", (unsigned long long)(h || left < 3600 ? left : 3600));
		sip_msg_set(m, SIP_HDR_EXPIRES, gw_sv_cstr(text));
	}
	lower_contact(m, left, &is_lowered);
	u->auth.is_lowered = is_lowered;
}

/* W2-TOK-12: no header for it was ever standardised; operators name what their core reads. */
static void name_waf(const struct cp_uas *u, struct sip_msg *m)
{
	const struct cp_conf *c = u->sip->conf;

	if (*c->tokens.waf_header && *u->auth.identity->waf_id)
		sip_msg_add_named(m, gw_sv_cstr(c->tokens.waf_header), gw_sv_cstr(u->auth.identity->waf_id));
	if (*c->tokens.wwsf_header && *u->auth.identity->wwsf_id)
		sip_msg_add_named(m, gw_sv_cstr(c->tokens.wwsf_header), gw_sv_cstr(u->auth.identity->wwsf_id));
}

enum gw_err cp_reg_auth_to_core(struct cp_uas *u, struct sip_msg *m)
{
	enum gw_err err = GW_OK;

	sip_msg_del(m, SIP_HDR_P_VISITED_NETWORK_ID);
	sip_msg_addf(m, SIP_HDR_P_VISITED_NETWORK_ID, "\"%s\"", u->sip->conf->tokens.visited[u->auth.scenario]);
	switch (u->auth.scenario) {
	case CP_SCENARIO_DIGEST:
	case CP_SCENARIO_AKA:
		put_integrity(u, m);
		break;
	case CP_SCENARIO_WEB:
	case CP_SCENARIO_POOL:
		if ((err = put_auth_done(u, m)))
			break;
		lower_expiry(u, m);
		name_waf(u, m);
		break;
	case CP_SCENARIO_COUNT:
		err = GW_ESTATE;
		break;
	}
	return err;
}
