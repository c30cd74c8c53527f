/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and IMPUs of pools that are in use at another node (W2-TOK-20, W2-TOK-08). In Redis "w2gw:u:ID" of a token and
 * "w2gw:i:IMPU" say "NODE INSTANCE"; what a node without a lease has counts no more. Asked behind all other checks of a
 * REGISTER, which waits for it. Redis away: a token was verified and is believed, but no IMPU is given anew.
 */
#include "control/sip/core.h"
#include "control/sip/reg_auth_int.h"
#include "control/state/share.h"

#define HELD_MAX_S 86400u	/* each REGISTER takes it anew */

static const char take[] =
	"local function is_held(key)\n"
	" local v = redis.call('GET', key)\n"
	" if not v then return false end\n"
	" local n, i = v:match('(%S+) (.*)')\n"
	" return n ~= ARGV[1] and (ARGV[2] == '' or i ~= ARGV[2]) and redis.call('EXISTS', 'w2gw:n:' .. n) == 1\n"
	"end\n"
	"local mine = ARGV[1] .. ' ' .. ARGV[2]\n"
	"if is_held('w2gw:u:' .. ARGV[3]) then return {'token'} end\n"
	"if ARGV[4] ~= '' and is_held('w2gw:i:' .. ARGV[4]) then return {'impu'} end\n"
	"redis.call('SET', 'w2gw:u:' .. ARGV[3], mine, 'EXAT', ARGV[5])\n"
	"if ARGV[4] ~= '' then redis.call('SET', 'w2gw:i:' .. ARGV[4], mine, 'EXAT', ARGV[5]) end\n"
	"return {'ok'}";
static const char release[] =
	"local v = redis.call('GET', ARGV[2])\n"
	"if v and v:match('%S+') == ARGV[1] then redis.call('DEL', ARGV[2]) end\n"
	"return {'ok'}";

static void on_gone(void *user, struct cp_uas *u)
{
	(void)user;
	cp_auth_drop(u->sip, &u->auth);
}

/* What runs goes on: its registration is refreshed. */
static bool is_refresh(const struct cp_uas *u)
{
	const struct cp_binding *b = cp_reg_by_conn(u->sip->reg, u->peer.conn);

	return b && b->auth.claim;
}

/* What it took here meanwhile is free again. */
static void refuse(struct cp_uas *u, const char *why)
{
	cp_token_use_leave(u->sip->auth, u->auth.identity);
	cp_auth_drop(u->sip, &u->auth);
	cp_reg_auth_misused(u, 403, why);
}

static void on_told(void *user, const struct cp_share_answer *a)
{
	struct cp_uas *u = user;
	struct gw_sv said = a && a->n_values ? a->values[0] : GW_SV_NONE;

	u->auth.query = NULL;
	u->on_gone = NULL;
	if (gw_sv_eq(said, GW_SV("token")))
		refuse(u, "the token is in use on another connection");
	else if (gw_sv_eq(said, GW_SV("impu")))
		refuse(u, "the identity is in use");
	else if (!a && u->auth.claim && !is_refresh(u))
		cp_sip_refuse(u, 503, "identities cannot be given now");
	else
		cp_core_authorized(u->sip, u);
}

static struct gw_sv put_token(char text[2 * CP_TOKEN_HASH_BYTES], const unsigned char *token_id)
{
	struct gw_buf b = gw_buf(text, 2 * CP_TOKEN_HASH_BYTES);

	gw_buf_hex(&b, token_id, CP_TOKEN_HASH_BYTES);
	return gw_buf_sv(&b);
}

void cp_reg_auth_elsewhere(struct cp_uas *u, struct gw_sv instance)
{
	struct cp_sip *s = u->sip;
	const struct cp_identity *id = u->auth.identity;
	const struct cp_pool_claim *claim = s->conf->tokens.share_pool ? NULL : u->auth.claim;
	uint64_t now_s = cp_loop_wall_s(), end_s = id->expires_s < now_s + HELD_MAX_S ? id->expires_s : now_s + HELD_MAX_S;
	char token[2 * CP_TOKEN_HASH_BYTES], end[24];
	struct gw_buf b = gw_buf(end, sizeof(end));

	gw_buf_u64(&b, end_s);
	u->auth.query = cp_store_eval(s->store, take, (const struct gw_sv[]){ gw_sv_cstr(s->conf->state.node),
		claim ? gw_sv_cstr(cp_pool_claim_instance(claim)) : instance, put_token(token, id->token_id),
		claim ? gw_sv_cstr(cp_pool_claim_impu(claim)) : GW_SV(""), gw_buf_sv(&b) }, 5, on_told, u);
	if (u->auth.query)
		u->on_gone = on_gone;
	else
		on_told(u, NULL);
}

static void give_back(struct cp_sip *s, const char *kind, struct gw_sv what)
{
	char name[1100];
	struct gw_buf b = gw_buf(name, sizeof(name));

	if (!cp_store_is_shared(s->store))
		return;
	gw_buf_printf(&b, "w2gw:%s:%.*s", kind, GW_SV_FMT(what));
	(void)cp_store_eval(s->store, release, (const struct gw_sv[]){ gw_sv_cstr(s->conf->state.node), gw_buf_sv(&b) }, 2, NULL, NULL);
}

void cp_reg_auth_token_left(struct cp_sip *s, const unsigned char *token_id)
{
	char token[2 * CP_TOKEN_HASH_BYTES];

	give_back(s, "u", put_token(token, token_id));
}

void cp_reg_auth_impu_left(struct cp_sip *s, const char *impu)
{
	give_back(s, "i", gw_sv_cstr(impu));
}
