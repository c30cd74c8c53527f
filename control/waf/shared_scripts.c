/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in Redis, behind "w2gw:waf:": s:KEY sessions, c:KEY codes (a record; "-" when one is at work on it, "!" when it came
 * again meanwhile; then the id of the grant made of it), g:ID grants, t:JTI the grant of a living access token, p:SUB what a
 * person has (gID, sKEY, cKEY, with their ends), a:KIND all sessions, codes, grants by their end ("KEY SUB"), u:NODE users by
 * login with the stamp that node's file has for them, i:IMPU the guest who has it, r revoked access tokens by their end, k
 * public keys by node. KEY is the SHA-256 of the secret. What ends by time has that as its time to live.
 *
 * A user who changes loses all he has: each node tells of its file's changes until Redis has them (tell_users), and each step
 * that gives a user something tells of his stamp first (LUA_KNOW), so that it sees the change even before its turn comes.
 * Stamps are compared with those of the same node only: each has a file, and a count, of its own.
 */
#include "control/waf/shared_int.h"

#define GRACE_S "60"		/* CP_CLAIM_GRACE_S */
#define W "'w2gw:waf:"
/* Arguments of all who use this: 1 now, and the most of a kind: 2 of a person, 3 of all. */
#define LUA_LOSE \
	"local now, per_person, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n" \
	"local function forget(sub, f)\n" \
	" redis.call('HDEL', " W "p:' .. sub, f)\n" \
	" redis.call('ZREM', " W "a:' .. f:sub(1, 1), f:sub(2) .. ' ' .. sub)\n" \
	"end\n" \
	"local function lose_session(sub, key)\n" \
	" redis.call('DEL', " W "s:' .. key)\n" \
	" forget(sub, 's' .. key)\n" \
	"end\n" \
	"local function drop(id, with_session)\n" \
	" local v = redis.call('GET', " W "g:' .. id)\n" \
	" if not v then return end\n" \
	" local g = cjson.decode(v)\n" \
	" redis.call('DEL', " W "g:' .. id)\n" \
	" forget(g.sub, 'g' .. id)\n" \
	" if with_session then lose_session(g.sub, g.session) end\n" \
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
	"  lose_session(g.sub, g.session)\n" \
	" end\n" \
	"end\n" \
	"local function lose(sub, f, with_session)\n" \
	" if f:sub(1, 1) == 'g' then drop(f:sub(2), with_session)\n" \
	" else redis.call('DEL', " W "' .. f:sub(1, 1) .. ':' .. f:sub(2)) end\n" \
	" forget(sub, f)\n" \
	"end\n"
/* Written down; above the most of its kind what ends first gives way. */
#define LUA_NOTE \
	"local function keep(key, till)\n" \
	" if redis.call('EXPIRETIME', key) < tonumber(till) then redis.call('EXPIREAT', key, till) end\n" \
	"end\n" \
	"local function note(sub, f, till)\n" \
	" local p, kind, n, first, at = " W "p:' .. sub, f:sub(1, 1), 1, nil, nil\n" \
	" redis.call('HSET', p, f, till)\n" \
	" keep(p, till)\n" \
	" local all = redis.call('HGETALL', p)\n" \
	" for i = 1, #all, 2 do\n" \
	"  local ends = tonumber(all[i + 1])\n" \
	"  if ends <= now then redis.call('HDEL', p, all[i])\n" \
	"  elseif all[i]:sub(1, 1) == kind and all[i] ~= f then\n" \
	"   n = n + 1\n" \
	"   if not at or ends < at then first, at = all[i], ends end\n" \
	"  end\n" \
	" end\n" \
	" if n > per_person then lose(sub, first, false) end\n" \
	" local a = " W "a:' .. kind\n" \
	" redis.call('ZREMRANGEBYSCORE', a, '-inf', now)\n" \
	" redis.call('ZADD', a, till, f:sub(2) .. ' ' .. sub)\n" \
	" keep(a, till)\n" \
	" if redis.call('ZCARD', a) > most then\n" \
	"  local key, of = redis.call('ZRANGE', a, 0, 0)[1]:match('(%S+) (.*)')\n" \
	"  lose(of, kind .. key, false)\n" \
	" end\n" \
	"end\n"
/*
 * The stamp of a user at a node; 0: there is none there, or he may have nothing. is_change: he is known not to be as he was, also where
 * the node has never told of him.
 */
#define LUA_KNOW \
	"local function know(node, sub, stamp, is_change)\n" \
	" local u, is_user = " W "u:' .. node, stamp ~= '0'\n" \
	" local had = redis.call('HGET', u, sub)\n" \
	" if is_user then redis.call('HSET', u, sub, stamp) elseif had then redis.call('HDEL', u, sub) end\n" \
	" if had and had ~= stamp or not had and is_change then\n" \
	"  for _, f in ipairs(redis.call('HKEYS', " W "p:' .. sub)) do lose(sub, f, true) end\n" \
	" end\n" \
	" return is_user\n" \
	"end\n"

/* 1 subject, 2 end, 3 IMPUs with spaces between */
const char cp_script_claim[] =
	"for impu in ARGV[3]:gmatch('%S+') do\n"
	" if redis.call('SET', " W "i:' .. impu, ARGV[1], 'NX', 'EXAT', ARGV[2]) then return {impu} end\n"
	"end\n"
	"return {''}";
/* 4 node, 5 stamp of a user, 6 code, 7 record, 8 end, 9 session, 10 record or empty: it is there, 11 end */
const char cp_script_put_code[] = LUA_LOSE LUA_NOTE LUA_KNOW
	"local c, s = cjson.decode(ARGV[7]), " W "s:' .. ARGV[9]\n"
	"if c.guest then\n"
	" local i = " W "i:' .. c.impus[1]\n"
	" if redis.call('GET', i) ~= c.sub then return {''} end\n"
	" redis.call('EXPIREAT', i, tonumber(ARGV[8]) + " GRACE_S ", 'GT')\n"
	"elseif not know(ARGV[4], c.sub, ARGV[5]) then return {''} end\n"
	"if ARGV[10] ~= '' then\n"
	" redis.call('SET', s, ARGV[10], 'EXAT', ARGV[11])\n"
	" note(c.sub, 's' .. ARGV[9], ARGV[11])\n"
	"elseif redis.call('EXISTS', s) == 0 then return {''} end\n"
	"redis.call('SET', " W "c:' .. ARGV[6], ARGV[7], 'EXAT', ARGV[8])\n"
	"note(c.sub, 'c' .. ARGV[6], ARGV[8])\n"
	"return {'ok'}";
const char cp_script_get[] = "return {redis.call('GET', 'w2gw:waf:' .. ARGV[1]) or ''}";
const char cp_script_get_by_jti[] =
	"local id = redis.call('GET', " W "t:' .. ARGV[1])\n"
	"return {id and redis.call('GET', " W "g:' .. id) or ''}";
/* 1 code; the grant made of it when it is spent: the caller ends that */
const char cp_script_take_code[] =
	"local k = " W "c:' .. ARGV[1]\n"
	"local v = redis.call('GET', k)\n"
	"if not v then return {''} end\n"
	"if v:sub(1, 1) == '{' then redis.call('SET', k, '-', 'KEEPTTL') return {v} end\n"
	"if v == '-' then redis.call('SET', k, '!', 'KEEPTTL') end\n"
	"return {redis.call('GET', " W "g:' .. v) or ''}";
/* 4 node, 5 stamp of a user, 6 id, 7 record before, 8 record, 9 code or empty */
const char cp_script_put_grant[] = LUA_LOSE LUA_NOTE LUA_KNOW
	"local k, g = " W "g:' .. ARGV[6], cjson.decode(ARGV[8])\n"
	"if not g.guest and not know(ARGV[4], g.sub, ARGV[5]) then return {''} end\n"
	"local was = redis.call('GET', k) or ''\n"
	"if was ~= ARGV[7] then\n"	/* two refresh with one token at once: as cp_grants_refresh when one is the later */
	" if was ~= '' then drop(ARGV[6], false) end\n"
	" return {''}\n"
	"end\n"
	"local ends = g.idle\n"
	"for _, exp in pairs(g.tokens) do ends = math.max(ends, exp) end\n"
	"if g.guest then\n"
	" local i, s = " W "i:' .. g.impus[1], " W "s:' .. g.session\n"
	" if redis.call('GET', i) ~= g.sub then return {''} end\n"
	" redis.call('EXPIREAT', i, ends + " GRACE_S ", 'GT')\n"
	" if redis.call('EXPIREAT', s, g.idle, 'GT') == 1 then note(g.sub, 's' .. g.session, g.idle) end\n"
	"end\n"
	"if ARGV[9] ~= '' then\n"
	" local c = " W "c:' .. ARGV[9]\n"
	" if redis.call('GET', c) ~= '-' then return {''} end\n"
	" redis.call('SET', c, ARGV[6], 'KEEPTTL')\n"
	"end\n"
	"redis.call('SET', k, ARGV[8], 'EXAT', g.idle)\n"
	"for jti, exp in pairs(g.tokens) do redis.call('SET', " W "t:' .. jti, ARGV[6], 'EXAT', exp) end\n"
	"note(g.sub, 'g' .. ARGV[6], g.idle)\n"
	"return {'ok'}";
/* 4 id, 5 "all": with its session */
const char cp_script_end_grant[] = LUA_LOSE "drop(ARGV[4], ARGV[5] == 'all') return {'ok'}";
/* 4 node, 5 logins, stamps and 1 for what is a change, with spaces between, 6 end of what the node has said */
const char cp_script_users_are[] = LUA_LOSE LUA_KNOW
	"for login, stamp, is in ARGV[5]:gmatch('(%S+) (%d+) (%d)') do know(ARGV[4], login, stamp, is == '1') end\n"
	"redis.call('EXPIREAT', " W "u:' .. ARGV[4], ARGV[6])\n"
	"return {'ok'}";
/* 1 now, 2 the last that was read, or empty. Only what is over leaves the set, so what comes behind that one is not read yet. */
const char cp_script_revoked[] =
	"local r, at = " W "r', 0\n"
	"if ARGV[2] == '' then redis.call('ZREMRANGEBYSCORE', r, '-inf', ARGV[1])\n"
	"else at = (redis.call('ZRANK', r, ARGV[2]) or -1) + 1 end\n"
	"return redis.call('ZRANGE', r, at, at + 499, 'WITHSCORES')";
/* 1 node, 2 its key set, 3 end, 4 now, 5 end of what it has said of users. Who has new keys says so. */
const char cp_script_keys[] =
	"local k, all, out = " W "k', nil, {}\n"
	"local before = redis.call('HGET', k, ARGV[1])\n"
	"redis.call('HSET', k, ARGV[1], ARGV[3] .. ' ' .. ARGV[2])\n"
	"redis.call('EXPIREAT', " W "u:' .. ARGV[1], ARGV[5])\n"
	"if not before or before:match('%d+ (.*)') ~= ARGV[2] then redis.call('PUBLISH', 'w2gw:waf', 'keys') end\n"
	"all = redis.call('HGETALL', k)\n"
	"for i = 1, #all, 2 do\n"
	" local till, set = all[i + 1]:match('(%d+) (.*)')\n"
	" if tonumber(till) <= tonumber(ARGV[4]) then redis.call('HDEL', k, all[i])\n"
	" elseif all[i] ~= ARGV[1] then table.insert(out, set) end\n"
	"end\n"
	"return out";
