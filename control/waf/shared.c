/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in Redis, behind "w2gw:waf:": s:KEY sessions, c:KEY codes (a record; "-" when one is at work on it, "!" when it came
 * again meanwhile; then the id of the grant made of it), g:ID grants, t:JTI the grant of a living access token, p:SUB what a
 * person has (gID, sKEY), i:IMPU the guest who has it, r revoked access tokens by their end, k public keys by node.
 * KEY is the SHA-256 of the secret. What ends by time has that as its time to live.
 */
#include "control/waf/shared.h"

#include <stdlib.h>

#include "control/app/loop.h"
#include "control/state/share.h"

#define CANDIDATES 64u		/* IMPUs offered at once */
#define OFFERED_MAX 4096u	/* for one guest; a pool so full is exhausted */
#define CLAIM_GRACE_S 60	/* an IMPU is free again when nobody can believe in a token any more, whatever his clock */
#define KEYS_KEPT_S 3600	/* of a node that is gone, beyond the life of its tokens */

#define W "'w2gw:waf:"
#define LUA_END \
	"local function drop(id, now, with_session)\n" \
	" local v = redis.call('GET', " W "g:' .. id)\n" \
	" if not v then return end\n" \
	" local g = cjson.decode(v)\n" \
	" redis.call('DEL', " W "g:' .. id)\n" \
	" redis.call('HDEL', " W "p:' .. g.sub, 'g' .. id)\n" \
	" if with_session then redis.call('DEL', " W "s:' .. g.session) end\n" \
	" for jti, exp in pairs(g.tokens) do if exp > now then\n" \
	"  redis.call('DEL', " W "t:' .. jti)\n" \
	"  redis.call('ZADD', " W "r', exp, jti)\n" \
	"  redis.call('PUBLISH', 'w2gw:waf', 'revoked ' .. jti .. ' ' .. string.format('%.0f', exp))\n" \
	" end end\n" \
	" if g.guest then\n" \
	"  for _, f in ipairs(redis.call('HKEYS', " W "p:' .. g.sub)) do\n" \
	"   if f:sub(1, 1) == 'g' and redis.call('EXISTS', " W "g:' .. f:sub(2)) == 1 then return end\n" \
	"  end\n" \
	"  local i = " W "i:' .. g.impus[1]\n" \
	"  if redis.call('GET', i) == g.sub then redis.call('DEL', i) end\n" \
	"  redis.call('DEL', " W "s:' .. g.session)\n" \
	" end\n" \
	"end\n"
#define LUA_NOTE \
	"local function note(sub, field, till)\n" \
	" local p = " W "p:' .. sub\n" \
	" redis.call('HSET', p, field, till)\n" \
	" if redis.call('EXPIRETIME', p) < tonumber(till) then redis.call('EXPIREAT', p, till) end\n" \
	"end\n"

/* 1 subject, 2 end, 3 IMPUs with spaces between */
static const char claim[] =
	"for impu in ARGV[3]:gmatch('%S+') do\n"
	" if redis.call('SET', " W "i:' .. impu, ARGV[1], 'NX', 'EXAT', ARGV[2]) then return {impu} end\n"
	"end\n"
	"return {''}";
/* 1 code, 2 record, 3 end, 4 session, 5 record or empty: it is there, 6 end */
static const char put_code[] = LUA_NOTE
	"local c = cjson.decode(ARGV[2])\n"
	"if c.guest then\n"
	" local i = " W "i:' .. c.impus[1]\n"
	" if redis.call('GET', i) ~= c.sub then return {''} end\n"
	" redis.call('EXPIREAT', i, tonumber(ARGV[3]) + tonumber(ARGV[7]), 'GT')\n"
	"end\n"
	"if ARGV[5] ~= '' then\n"
	" redis.call('SET', " W "s:' .. ARGV[4], ARGV[5], 'EXAT', ARGV[6])\n"
	" note(c.sub, 's' .. ARGV[4], ARGV[6])\n"
	"end\n"
	"redis.call('SET', " W "c:' .. ARGV[1], ARGV[2], 'EXAT', ARGV[3])\n"
	"return {'ok'}";
static const char get[] = "return {redis.call('GET', 'w2gw:waf:' .. ARGV[1]) or ''}";
static const char get_by_jti[] =
	"local id = redis.call('GET', " W "t:' .. ARGV[1])\n"
	"return {id and redis.call('GET', " W "g:' .. id) or ''}";
/* 1 code; the grant made of it when it is spent: the caller ends that */
static const char take_code[] =
	"local k = " W "c:' .. ARGV[1]\n"
	"local v = redis.call('GET', k)\n"
	"if not v then return {''} end\n"
	"if v:sub(1, 1) == '{' then redis.call('SET', k, '-', 'KEEPTTL') return {v} end\n"
	"if v == '-' then redis.call('SET', k, '!', 'KEEPTTL') end\n"
	"return {redis.call('GET', " W "g:' .. v) or ''}";
/* 1 id, 2 record before, 3 record, 4 code or empty, 5 now, 6 grants of a person, 7 grace */
static const char put_grant[] = LUA_END LUA_NOTE
	"local k, g = " W "g:' .. ARGV[1], cjson.decode(ARGV[3])\n"
	"if (redis.call('GET', k) or '') ~= ARGV[2] then return {''} end\n"
	"local ends = g.idle\n"
	"for _, exp in pairs(g.tokens) do ends = math.max(ends, exp) end\n"
	"if g.guest then\n"
	" local i = " W "i:' .. g.impus[1]\n"
	" if redis.call('GET', i) ~= g.sub then return {''} end\n"
	" redis.call('EXPIREAT', i, ends + tonumber(ARGV[7]), 'GT')\n"
	" redis.call('EXPIREAT', " W "s:' .. g.session, g.idle, 'GT')\n"
	"end\n"
	"if ARGV[4] ~= '' then\n"
	" local c = " W "c:' .. ARGV[4]\n"
	" if redis.call('GET', c) ~= '-' then return {''} end\n"
	" redis.call('SET', c, ARGV[1], 'KEEPTTL')\n"
	"end\n"
	"redis.call('SET', k, ARGV[3], 'EXAT', g.idle)\n"
	"for jti, exp in pairs(g.tokens) do redis.call('SET', " W "t:' .. jti, ARGV[1], 'EXAT', exp) end\n"
	"note(g.sub, 'g' .. ARGV[1], g.idle)\n"
	"local n, oldest, at = 0, nil, nil\n"
	"local all = redis.call('HGETALL', " W "p:' .. g.sub)\n"
	"for i = 1, #all, 2 do\n"
	" local till = tonumber(all[i + 1])\n"
	" if till <= tonumber(ARGV[5]) then redis.call('HDEL', " W "p:' .. g.sub, all[i])\n"
	" elseif all[i]:sub(1, 1) == 'g' then\n"
	"  n = n + 1\n"
	"  if all[i] ~= 'g' .. ARGV[1] and (not at or till < at) then oldest, at = all[i]:sub(2), till end\n"
	" end\n"
	"end\n"
	"if n > tonumber(ARGV[6]) then drop(oldest, tonumber(ARGV[5]), false) end\n"
	"return {'ok'}";
static const char end_grant[] = LUA_END "drop(ARGV[1], tonumber(ARGV[2]), ARGV[3] == 'all') return {'ok'}";
/* 1 subject, 2 stamp of the user as he is now; empty: there is none, 3 now */
static const char end_person[] = LUA_END
	"for _, f in ipairs(redis.call('HKEYS', " W "p:' .. ARGV[1])) do\n"
	" local v = redis.call('GET', 'w2gw:waf:' .. f:sub(1, 1) .. ':' .. f:sub(2))\n"
	" if v and string.format('%.0f', cjson.decode(v).stamp) ~= ARGV[2] then\n"
	"  if f:sub(1, 1) == 'g' then drop(f:sub(2), tonumber(ARGV[3]), true) else redis.call('DEL', " W "s:' .. f:sub(2)) end\n"
	" end\n"
	"end\n"
	"return {'ok'}";
static const char revoked[] =
	"if ARGV[2] == '0' then redis.call('ZREMRANGEBYSCORE', " W "r', '-inf', ARGV[1]) end\n"
	"return redis.call('ZRANGE', " W "r', ARGV[2], tonumber(ARGV[2]) + 499, 'WITHSCORES')";
/* 1 node, 2 its key set, 3 end, 4 now. Who has new keys says so. */
static const char keys[] =
	"local k, all, out = " W "k', nil, {}\n"
	"local before = redis.call('HGET', k, ARGV[1])\n"
	"redis.call('HSET', k, ARGV[1], ARGV[3] .. ' ' .. ARGV[2])\n"
	"if not before or before:match('%d+ (.*)') ~= ARGV[2] then redis.call('PUBLISH', 'w2gw:waf', 'keys') end\n"
	"all = redis.call('HGETALL', k)\n"
	"for i = 1, #all, 2 do\n"
	" local till, set = all[i + 1]:match('(%d+) (.*)')\n"
	" if tonumber(till) <= tonumber(ARGV[4]) then redis.call('HDEL', k, all[i])\n"
	" elseif all[i] ~= ARGV[1] then table.insert(out, set) end\n"
	"end\n"
	"return out";

/* ---- asking ------------------------------------------------------------------------------------------------- */

struct asked {
	struct cp_waf *w;
	cp_shared_fn *fn;
	void *user;
};

static void on_answer(void *user, const struct cp_share_answer *answer)
{
	struct asked *a = user;
	struct gw_sv text = answer && answer->n_values ? answer->values[0] : GW_SV_NONE;

	if (!answer)
		CP_COUNT(waf_store_away);
	if (a->fn)
		a->fn(a->user, !answer ? GW_EIO : text.len ? GW_OK : GW_ENOENT, text);
	cp_grants_clear(a->w->grants);
	free(a);
}

static void ask(struct cp_waf *w, const char *script, const struct gw_sv *argv, unsigned n, cp_shared_fn *fn, void *user)
{
	struct asked *a = malloc(sizeof(*a));

	if (a) {
		*a = (struct asked){ w, fn, user };
		if (cp_store_eval(w->store, script, argv, n, on_answer, a))
			return;
	}
	free(a);
	CP_COUNT(waf_store_away);
	if (fn)
		fn(user, GW_EIO, GW_SV_NONE);
}

struct number { char text[24]; };

static struct gw_sv put_number(struct number *n, uint64_t v)
{
	struct gw_buf b = gw_buf(n->text, sizeof(n->text));

	gw_buf_u64(&b, v);
	return gw_buf_sv(&b);
}

struct hashed { char text[80]; };

/* The name of a secret, behind a letter and a colon or nothing. */
static struct gw_sv put_hash(struct hashed *h, const char *before, struct gw_sv secret)
{
	struct gw_buf b = gw_buf(h->text, sizeof(h->text));
	unsigned char key[32];

	cp_grants_hash(secret, key);
	gw_buf_puts(&b, before);
	gw_buf_hex(&b, key, sizeof(key));
	return gw_buf_sv(&b);
}

/* ---- persons, sessions, codes ------------------------------------------------------------------------------- */

json_t *cp_shared_person(const struct cp_user *u, const char *guest, struct gw_sv impu)
{
	struct gw_sv impi = u ? u->impi : gw_sv_sub(impu, gw_sv_chr(impu, ':', 0) + 1, impu.len);
	struct gw_sv sub = u ? u->login : gw_sv_cstr(guest);
	json_t *impus = json_array();

	for (unsigned i = 0; i < (u ? u->n_impus : 1); i++)
		json_array_append_new(impus, u ? json_stringn(u->impu[i].p, u->impu[i].len) : json_stringn(impu.p, impu.len));
	return json_pack("{s:s%, s:s%, s:o, s:I, s:b}", "sub", sub.p, sub.len, "impi", impi.p, impi.len, "impus", impus, "stamp",
		(json_int_t)(u ? u->stamp : 0), "guest", u == NULL);
}

struct claiming {
	struct cp_waf *w;
	const char *sub;
	uint64_t end_s;
	unsigned offered;
	cp_shared_fn *fn;
	void *user;
};

static void on_claimed(void *user, enum gw_err err, struct gw_sv text);

/* Here the pool only says whose turn it is: it knows nothing of what other nodes have given away. */
static void offer(struct claiming *c)
{
	char list[CANDIDATES * CP_IMPU_BYTES], impu[CP_IMPU_BYTES];
	struct gw_buf b = gw_buf(list, sizeof(list));
	struct number end;
	uint32_t index;

	for (unsigned i = 0; i < CANDIDATES && cp_pool_take(c->w->pool, &index) == GW_OK; i++) {
		cp_pool_impu(c->w->pool, index, impu);
		cp_pool_give(c->w->pool, index);
		gw_buf_printf(&b, "%s ", impu);
	}
	c->offered += CANDIDATES;
	ask(c->w, claim, (const struct gw_sv[]){ gw_sv_cstr(c->sub), put_number(&end, c->end_s + CLAIM_GRACE_S), gw_buf_sv(&b) }, 3,
		on_claimed, c);
}

static void on_claimed(void *user, enum gw_err err, struct gw_sv text)
{
	struct claiming *c = user;

	if (err == GW_ENOENT && c->offered < cp_pool_size(c->w->pool) && c->offered < OFFERED_MAX)
		offer(c);
	else
		c->fn(c->user, err, text);
}

void cp_shared_claim(struct cp_waf *w, struct gw_arena *a, const char *sub, cp_shared_fn *fn, void *user)
{
	struct claiming *c = gw_arena_new(a, struct claiming);

	if (!c) {
		fn(user, GW_EIO, GW_SV_NONE);
		return;
	}
	*c = (struct claiming){ .w = w, .sub = sub, .end_s = cp_loop_wall_s() + w->conf->code_s, .fn = fn, .user = user };
	offer(c);
}

void cp_shared_put_code(struct cp_waf *w, struct cp_shared_code *c, cp_shared_fn *fn, void *user)
{
	uint64_t now_s = cp_loop_wall_s(), end_s = now_s + w->conf->code_s;
	bool is_guest = json_is_true(json_object_get(c->person, "guest"));
	struct hashed code, session;
	struct number code_end, session_end, grace;
	struct gw_sv key = put_hash(&session, "", c->cookie);
	char *person = json_dumps(c->person, JSON_COMPACT), *record = NULL;
	json_t *j = json_pack("{s:s, s:s, s:s%, s:s%}", "client", c->a->client->id, "redirect", c->a->redirect_uri, "challenge",
		c->a->challenge.p, c->a->challenge.len, "session", key.p, key.len);

	if (j && json_object_update(j, c->person) == 0)
		record = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	cp_random_token(c->code, CP_SECRET_CHARS);
	if (person && record)
		ask(w, put_code, (const struct gw_sv[]){ put_hash(&code, "", gw_sv_cstr(c->code)), gw_sv_cstr(record),
			put_number(&code_end, end_s), key, c->is_new ? gw_sv_cstr(person) : GW_SV(""),
			/* the session of a guest without a grant must not outlive his place */
			put_number(&session_end, is_guest ? end_s : now_s + w->conf->session_s), put_number(&grace, CLAIM_GRACE_S) },
			7, fn, user);
	else
		fn(user, GW_EIO, GW_SV_NONE);
	free(person);
	free(record);
}

void cp_shared_session(struct cp_waf *w, struct gw_sv cookie, cp_shared_fn *fn, void *user)
{
	struct hashed h;

	ask(w, get, (const struct gw_sv[]){ put_hash(&h, "s:", cookie) }, 1, fn, user);
}

void cp_shared_take_code(struct cp_waf *w, struct gw_sv code, cp_shared_fn *fn, void *user)
{
	struct hashed h;

	ask(w, take_code, (const struct gw_sv[]){ put_hash(&h, "", code) }, 1, fn, user);
}

static struct cp_grant *redeem(struct cp_waf *w, json_t *j, const struct cp_conf_client *client, struct gw_sv redirect_uri,
	struct gw_sv verifier, uint64_t now_s)
{
	const char *client_id, *challenge, *session;
	struct cp_code c = { .client = client };
	struct cp_person *p;

	if (json_unpack(j, "{s:s, s:s, s:s, s:s}", "client", &client_id, "redirect", &c.redirect_uri, "challenge", &challenge,
			"session", &session) || gw_sv_copy(gw_sv_cstr(challenge), c.challenge, sizeof(c.challenge)) ||
		!cp_grant_from_hex(session, c.session))
		return NULL;
	c.client = cp_grants_client(w->conf, gw_sv_cstr(client_id));
	if (!cp_code_fits(&c, client, redirect_uri, verifier))
		return NULL;
	p = cp_person_read(w->grants, j);
	return p && cp_shared_is_user(w, p) ? cp_grant_new(w->grants, &c, p, now_s) : NULL;
}

enum gw_err cp_shared_redeem(struct cp_waf *w, struct gw_sv text, const struct cp_conf_client *client,
	struct gw_sv redirect_uri, struct gw_sv verifier, uint64_t now_s, struct cp_grant **out)
{
	json_t *j = json_loadb(text.p, text.len, 0, NULL);
	struct cp_grant *t = NULL;
	enum gw_err err = GW_EAUTH;

	if (json_object_get(j, "challenge")) {
		t = redeem(w, j, client, redirect_uri, verifier, now_s);
		err = t ? GW_OK : GW_EAUTH;
	} else if (cp_grant_read(w->grants, text, now_s, &t) == GW_OK) {	/* the second time: as cp_grants_redeem */
		CP_COUNT(waf_reused);
		cp_grant_drop(w->grants, t, now_s);
	}
	json_decref(j);
	if (err == GW_OK)
		*out = t;
	return err;
}

/* ---- grants -------------------------------------------------------------------------------------------------- */

void cp_shared_grant(struct cp_waf *w, struct gw_sv id, cp_shared_fn *fn, void *user)
{
	char name[CP_ID_CHARS + 2];
	struct gw_buf b = gw_buf(name, sizeof(name));

	gw_buf_puts(&b, "g:");
	gw_buf_put(&b, gw_sv_sub(id, 0, CP_ID_CHARS));
	ask(w, get, (const struct gw_sv[]){ gw_buf_sv(&b) }, 1, fn, user);
}

void cp_shared_grant_of(struct cp_waf *w, struct gw_sv jti, cp_shared_fn *fn, void *user)
{
	ask(w, get_by_jti, &jti, 1, fn, user);
}

void cp_shared_put(struct cp_waf *w, const struct cp_grant *grant, struct gw_sv before, struct gw_sv code, uint64_t now_s,
	cp_shared_fn *fn, void *user)
{
	char *text = cp_grant_text(grant);
	struct number now, most, grace;
	struct hashed h;

	if (text)
		ask(w, put_grant, (const struct gw_sv[]){ gw_sv_cstr(grant->id), before, gw_sv_cstr(text),
			code.len ? put_hash(&h, "", code) : GW_SV(""), put_number(&now, now_s), put_number(&most, CP_PER_PERSON),
			put_number(&grace, CLAIM_GRACE_S) }, 7, fn, user);
	else
		fn(user, GW_EIO, GW_SV_NONE);
	free(text);
}

static void end_it(struct cp_waf *w, const char *id, struct gw_sv what, cp_shared_fn *fn, void *user)
{
	struct number now;

	ask(w, end_grant, (const struct gw_sv[]){ gw_sv_cstr(id), put_number(&now, cp_loop_wall_s()), what }, 3, fn, user);
}

void cp_shared_end(struct cp_waf *w, const char *id, cp_shared_fn *fn, void *user)
{
	end_it(w, id, GW_SV("all"), fn, user);
}

/* The stamp of a user who may have something; 0: he may not, there is none, or his file cannot be read. */
static int64_t stamp_of(struct cp_waf *w, struct gw_sv login)
{
	struct gw_arena a = GW_ARENA_INIT(65536);
	struct cp_user u;
	int64_t stamp = cp_users_get(w->users, &a, login, &u) == GW_OK && !u.is_locked ? u.stamp : 0;

	gw_arena_reset(&a);
	return stamp;
}

bool cp_shared_is_user(struct cp_waf *w, const struct cp_person *p)
{
	return p->is_guest || stamp_of(w, gw_sv_cstr(p->sub)) > 0;
}

void cp_shared_check_user(struct cp_waf *w, struct gw_sv login)
{
	struct number stamp, now;

	ask(w, end_person, (const struct gw_sv[]){ login, put_number(&stamp, (uint64_t)stamp_of(w, login)),
		put_number(&now, cp_loop_wall_s()) }, 3, NULL, NULL);
}

/* ---- what other nodes do --------------------------------------------------------------------------------------- */

static void take_revoked(struct cp_waf *w, struct gw_sv jti, struct gw_sv until)
{
	uint64_t until_s;

	if (gw_sv_u64(until, &until_s) == GW_OK)
		cp_waf_revoked(w, jti, until_s);
}

static void ask_revoked(struct cp_waf *w);

static void on_revoked(void *user, const struct cp_share_answer *answer)
{
	struct cp_waf *w = user;

	for (unsigned i = 0; answer && i + 1 < answer->n_values; i += 2)
		take_revoked(w, answer->values[i], answer->values[i + 1]);
	w->n_revoked += answer ? answer->n_values / 2 : 0;
	if (answer && answer->n_values)
		ask_revoked(w);
}

/* In pages. Redis away: the next subscription asks again. */
static void ask_revoked(struct cp_waf *w)
{
	struct number now, from;

	(void)cp_store_eval(w->store, revoked, (const struct gw_sv[]){ put_number(&now, cp_loop_wall_s()),
		put_number(&from, w->n_revoked) }, 2, on_revoked, w);
}

static void on_keys(void *user, const struct cp_share_answer *answer)
{
	struct cp_waf *w = user;

	if (answer && cp_keys_set_others(w->keys, answer->values, answer->n_values))
		cp_waf_publish(w);
}

void cp_shared_keys(struct cp_waf *w)
{
	uint64_t now_s = cp_loop_wall_s();
	struct number end, now;

	(void)cp_store_eval(w->store, keys, (const struct gw_sv[]){ gw_sv_cstr(w->node), gw_sv_cstr(cp_keys_own(w->keys)),
		put_number(&end, now_s + w->conf->access_token_s + KEYS_KEPT_S), put_number(&now, now_s) }, 4, on_keys, w);
}

static void on_line(void *user, struct gw_sv line)
{
	struct gw_sv word, rest, jti, until;
	struct cp_waf *w = user;

	gw_sv_cut(line, ' ', &word, &rest);
	if (gw_sv_eq(word, GW_SV("revoked")) && gw_sv_cut(rest, ' ', &jti, &until))
		take_revoked(w, jti, until);
	else
		cp_shared_keys(w);
	if (line.len == 0) {
		w->n_revoked = 0;
		ask_revoked(w);
	}
}

static void on_drop(void *user, const char *id)
{
	end_it(user, id, GW_SV(""), NULL, NULL);
}

void cp_shared_start(struct cp_waf *w)
{
	w->grants->drop = on_drop;
	cp_store_hear(w->store, on_line, w);
}
