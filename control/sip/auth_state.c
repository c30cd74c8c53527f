/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a user was authenticated, in the state store: who the token speaks for, and until when, so that its rules hold
 * after a restart, too (W2-TOK-03, -08, -13, -19). Claims are verified text; the token and its signature are not kept.
 */
#include <stdlib.h>

#include "control/sip/reg_auth_int.h"
#include "control/sip/reg_int.h"
#include "control/state/record.h"

/* Of the record of a binding, apart from its own tags. */
enum tag { TAG_SCENARIO = 100, TAG_ISSUER, TAG_CLAIMS, TAG_TOKEN_ID, TAG_TOKEN_HASH, TAG_INSTANCE, TAG_NEVER_ENDS };

static void put_identity(struct cp_token *tokens, const struct cp_identity *id, struct gw_buf *r)
{
	const struct cp_conf_issuer *conf = cp_token_issuer(tokens, gw_sv_cstr(id->issuer));
	json_t *claims = conf ? cp_identity_claims(id, conf) : NULL;
	char *text = json_dumps(claims, JSON_COMPACT);

	cp_record_put_str(r, TAG_ISSUER, id->issuer);
	cp_record_put_str(r, TAG_CLAIMS, text);
	cp_record_put(r, TAG_TOKEN_ID, gw_sv(id->token_id, sizeof(id->token_id)));
	cp_record_put(r, TAG_TOKEN_HASH, gw_sv(id->token_hash, sizeof(id->token_hash)));
	cp_record_put_u64(r, TAG_NEVER_ENDS, id->expires_s == UINT64_MAX);
	free(text);
	json_decref(claims);
}

void cp_auth_save(const struct cp_binding *b, struct gw_buf *record)
{
	cp_record_put_u64(record, TAG_SCENARIO, b->auth.scenario);
	if (b->auth.identity)
		put_identity(b->reg->s->tokens, b->auth.identity, record);
	if (b->auth.claim)
		cp_record_put_str(record, TAG_INSTANCE, cp_pool_claim_instance(b->auth.claim));
}

bool cp_auth_read(struct cp_auth_saved *s, uint8_t tag, struct gw_sv v)
{
	if (tag == TAG_SCENARIO)
		s->scenario = cp_record_u64(v) < CP_SCENARIO_COUNT ? (enum cp_scenario)cp_record_u64(v) : CP_SCENARIO_DIGEST;
	else if (tag == TAG_ISSUER)
		s->issuer = v;
	else if (tag == TAG_CLAIMS)
		s->claims = v;
	else if (tag == TAG_TOKEN_ID)
		s->token_id = v;
	else if (tag == TAG_TOKEN_HASH)
		s->token_hash = v;
	else if (tag == TAG_INSTANCE)
		s->instance = v;
	else if (tag == TAG_NEVER_ENDS)
		s->never_ends = cp_record_u64(v) != 0;
	else
		return false;
	return true;
}

/* NULL: the issuer is not ours any more, or names its claims otherwise; or no memory. */
static struct cp_identity *identity_of(struct cp_token *tokens, const struct cp_auth_saved *s)
{
	const struct cp_conf_issuer *conf = cp_token_issuer(tokens, s->issuer);
	json_t *claims = conf ? json_loadb(s->claims.p, s->claims.len, 0, NULL) : NULL;
	struct cp_identity *id = NULL;

	if (claims && s->token_id.len == sizeof(id->token_id) && s->token_hash.len == sizeof(id->token_hash) &&
		cp_identity_new(&id, conf, claims) == GW_OK) {
		memcpy(id->token_id, s->token_id.p, sizeof(id->token_id));
		memcpy(id->token_hash, s->token_hash.p, sizeof(id->token_hash));
		if (s->never_ends)
			id->expires_s = UINT64_MAX;
	}
	json_decref(claims);
	return id;
}

void cp_auth_restore(struct cp_binding *b, const struct cp_auth_saved *s)
{
	struct cp_sip *sip = b->reg->s;
	struct cp_identity *id = s->issuer.len ? identity_of(sip->tokens, s) : NULL;

	b->auth.scenario = s->scenario;
	if (id && id->is_pool && !(b->auth.claim = cp_pool_claim_take(sip->auth, gw_sv_cstr(b->aor), s->instance))) {
		cp_identity_unref(id);
		id = NULL;
	}
	b->auth.identity = id;
	cp_token_end_arm(b);
}
