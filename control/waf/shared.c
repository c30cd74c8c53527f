/* SPDX-License-Identifier: Apache-2.0 */
/* What the WAF of several nodes asks Redis for, and tells it; the scripts, and the names in Redis, are in shared_scripts.c. */
#include "control/waf/shared_int.h"

#include <stdlib.h>

#include "control/app/loop.h"
#include "control/state/share.h"

#define CANDIDATES 64u		/* IMPUs offered at once */
#define OFFERED_MAX 4096u	/* for one guest; a pool so full is exhausted */
#define KEPT_S 3600		/* what a node that is gone has said, beyond the life of what may depend on it */
#define USERS_AT_ONCE 32u	/* changes told in one script: each costs a read of the file, and the loop waits */

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

/* What scripts with LUA_LOSE begin with. */
struct limits { struct number now, per_person, most; };

static void put_limits(const struct cp_waf *w, struct limits *l, struct gw_sv argv[3])
{
	argv[0] = put_number(&l->now, cp_loop_wall_s());
	argv[1] = put_number(&l->per_person, CP_PER_PERSON);
	argv[2] = put_number(&l->most, w->conf->max_sessions);
}

struct stamp {
	uint64_t number;             /* 0: there is no such user in this node's file, or he is locked */
	bool is_changed;             /* since he was added */
};

/* GW_EIO: nobody knows. */
static enum gw_err stamp_of(struct cp_waf *w, struct gw_sv login, struct stamp *out)
{
	struct gw_arena a = GW_ARENA_INIT(65536);
	struct cp_user u;
	enum gw_err err = cp_users_get(w->users, &a, login, &u);

	*out = (struct stamp){ .is_changed = true };
	if (err == GW_OK && !u.is_locked)
		*out = (struct stamp){ (uint64_t)u.stamp, u.is_changed };
	gw_arena_reset(&a);
	return err == GW_OK || err == GW_ENOENT ? GW_OK : GW_EIO;
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
	return json_pack("{s:s%, s:s%, s:o, s:b}", "sub", sub.p, sub.len, "impi", impi.p, impi.len, "impus", impus, "guest", u == NULL);
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
	ask(c->w, cp_script_claim, (const struct gw_sv[]){ gw_sv_cstr(c->sub), put_number(&end, c->end_s + CP_CLAIM_GRACE_S), gw_buf_sv(&b) }, 3,
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
	struct stamp stamp = { 0 };
	bool is_guest = json_is_true(json_object_get(c->person, "guest"));
	const char *sub = json_string_value(json_object_get(c->person, "sub"));
	struct hashed code, session;
	struct number of_user, code_end, session_end;
	struct limits limits;
	struct gw_sv key = put_hash(&session, "", c->cookie), argv[11];
	char *person = json_dumps(c->person, JSON_COMPACT), *record = NULL;
	json_t *j = json_pack("{s:s, s:s, s:s%, s:s%}", "client", c->a->client->id, "redirect", c->a->redirect_uri, "challenge",
		c->a->challenge.p, c->a->challenge.len, "session", key.p, key.len);

	if (j && json_object_update(j, c->person) == 0)
		record = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	cp_random_token(c->code, CP_SECRET_CHARS);
	if (!person || !record || !sub || (!is_guest && stamp_of(w, gw_sv_cstr(sub), &stamp))) {
		fn(user, GW_EIO, GW_SV_NONE);
	} else {
		put_limits(w, &limits, argv);
		argv[3] = gw_sv_cstr(w->node);
		argv[4] = put_number(&of_user, stamp.number);
		argv[5] = put_hash(&code, "", gw_sv_cstr(c->code));
		argv[6] = gw_sv_cstr(record);
		argv[7] = put_number(&code_end, end_s);
		argv[8] = key;
		argv[9] = c->is_new ? gw_sv_cstr(person) : GW_SV("");
		/* the session of a guest without a grant must not outlive his place */
		argv[10] = put_number(&session_end, is_guest ? end_s : now_s + w->conf->session_s);
		ask(w, cp_script_put_code, argv, 11, fn, user);
	}
	free(person);
	free(record);
}

void cp_shared_session(struct cp_waf *w, struct gw_sv cookie, cp_shared_fn *fn, void *user)
{
	struct hashed h;

	ask(w, cp_script_get, (const struct gw_sv[]){ put_hash(&h, "s:", cookie) }, 1, fn, user);
}

void cp_shared_take_code(struct cp_waf *w, struct gw_sv code, cp_shared_fn *fn, void *user)
{
	struct hashed h;

	ask(w, cp_script_take_code, (const struct gw_sv[]){ put_hash(&h, "", code) }, 1, fn, user);
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
	return p ? cp_grant_new(w->grants, &c, p, now_s) : NULL;
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
	ask(w, cp_script_get, (const struct gw_sv[]){ gw_buf_sv(&b) }, 1, fn, user);
}

void cp_shared_grant_of(struct cp_waf *w, struct gw_sv jti, cp_shared_fn *fn, void *user)
{
	ask(w, cp_script_get_by_jti, &jti, 1, fn, user);
}

void cp_shared_put(struct cp_waf *w, const struct cp_grant *grant, struct gw_sv before, struct gw_sv code, cp_shared_fn *fn, void *user)
{
	char *text = cp_grant_text(grant);
	struct gw_sv argv[9];
	struct limits limits;
	struct number of_user;
	struct stamp stamp = { 0 };
	struct hashed h;

	if (!text || (!grant->person->is_guest && stamp_of(w, gw_sv_cstr(grant->person->sub), &stamp))) {
		fn(user, GW_EIO, GW_SV_NONE);
	} else {
		put_limits(w, &limits, argv);
		argv[3] = gw_sv_cstr(w->node);
		argv[4] = put_number(&of_user, stamp.number);
		argv[5] = gw_sv_cstr(grant->id);
		argv[6] = before;
		argv[7] = gw_sv_cstr(text);
		argv[8] = code.len ? put_hash(&h, "", code) : GW_SV("");
		ask(w, cp_script_put_grant, argv, 9, fn, user);
	}
	free(text);
}

static void end_it(struct cp_waf *w, const char *id, struct gw_sv what, cp_shared_fn *fn, void *user)
{
	struct gw_sv argv[5] = { [3] = gw_sv_cstr(id), [4] = what };
	struct limits limits;

	put_limits(w, &limits, argv);
	ask(w, cp_script_end_grant, argv, 5, fn, user);
}

void cp_shared_end(struct cp_waf *w, const char *id, cp_shared_fn *fn, void *user)
{
	end_it(w, id, GW_SV("all"), fn, user);
}

/* ---- changes of users ------------------------------------------------------------------------------------------ */

struct users_list {
	struct cp_waf *w;
	struct gw_buf b;
	bool has_failed;
	char text[USERS_AT_ONCE * (CP_LOGIN_MAX + 26)];
};

static void put_user(void *arg, struct gw_sv login)
{
	struct users_list *l = arg;
	bool is_new = l->w->users_telling > l->w->users_first;	/* else it may be as old as the file */
	struct stamp stamp;

	if (stamp_of(l->w, login, &stamp)) {
		l->has_failed = true;
		return;
	}
	gw_buf_printf(&l->b, "%.*s %llu %d ", GW_SV_FMT(login), (unsigned long long)stamp.number, is_new && stamp.is_changed);
}

/* On with the next; what could not be told is told again a second later. */
static void on_told(void *user, enum gw_err err, struct gw_sv text)
{
	struct cp_waf *w = user;

	(void)text;
	w->is_telling = false;
	if (err)
		return;
	w->users_seen = w->users_telling;
	cp_shared_tell_users(w);
}

static uint64_t users_end(const struct cp_waf *w)
{
	return cp_loop_wall_s() + w->conf->session_s + KEPT_S;
}

void cp_shared_tell_users(struct cp_waf *w)
{
	struct users_list l = { .w = w, .b = gw_buf(l.text, sizeof(l.text)) };
	struct gw_sv argv[6];
	struct limits limits;
	struct number end;

	if (!w->is_heard || w->is_telling)
		return;
	w->users_telling = w->users_seen;
	if (!cp_users_changes(w->users, &w->users_telling, USERS_AT_ONCE, put_user, &l) || l.has_failed)
		return;
	w->is_telling = true;
	put_limits(w, &limits, argv);
	argv[3] = gw_sv_cstr(w->node);
	argv[4] = gw_buf_sv(&l.b);
	argv[5] = put_number(&end, users_end(w));
	ask(w, cp_script_users_are, argv, 6, on_told, w);
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
	unsigned n = answer ? answer->n_values / 2 : 0;
	struct cp_waf *w = user;

	w->is_reading = false;
	for (unsigned i = 0; i < n; i++)
		take_revoked(w, answer->values[2 * i], answer->values[2 * i + 1]);
	if (w->reads_again || (n && gw_sv_copy(answer->values[2 * n - 2], w->revoked_last, sizeof(w->revoked_last)) == GW_OK))
		ask_revoked(w);
}

/* In pages. Redis away: the next subscription asks again. */
static void ask_revoked(struct cp_waf *w)
{
	struct number now;

	if (w->reads_again)
		w->revoked_last[0] = '\0';
	w->reads_again = false;
	w->is_reading = cp_store_eval(w->store, cp_script_revoked, (const struct gw_sv[]){ put_number(&now, cp_loop_wall_s()),
		gw_sv_cstr(w->revoked_last) }, 2, on_revoked, w) != NULL;
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
	struct number end, now, users;

	(void)cp_store_eval(w->store, cp_script_keys, (const struct gw_sv[]){ gw_sv_cstr(w->node), gw_sv_cstr(cp_keys_own(w->keys)),
		put_number(&end, now_s + w->conf->access_token_s + KEPT_S), put_number(&now, now_s),
		put_number(&users, users_end(w)) }, 5, on_keys, w);
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
	if (line.len)
		return;
	w->reads_again = true;
	if (!w->is_reading)
		ask_revoked(w);
	w->is_heard = true;	/* Redis may have forgotten all: all is told again */
	w->users_seen = w->users_telling = 0;
	w->users_first = cp_users_count(w->users);
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
