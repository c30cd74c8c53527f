/* SPDX-License-Identifier: Apache-2.0 */
/* Persons, browser sessions, authorization codes. */
#include <stdlib.h>

#include <openssl/sha.h>

#include "control/app/loop.h"
#include "control/app/metrics.h"
#include "control/waf/grants_int.h"
#include "control/waf/pkce.h"

#define SWEEP_MAX 20	/* each may cost a write of tens of microseconds, and the event loop waits */
#define OLDEST(list, type, member) GW_CONTAINER((list)->next, type, member)

const struct cp_conf_client *cp_grants_client(const struct cp_conf_waf *conf, struct gw_sv id)
{
	for (unsigned i = 0; i < conf->n_clients; i++)
		if (gw_sv_eq(id, gw_sv_cstr(conf->clients[i].id)))
			return &conf->clients[i];
	return NULL;
}

void cp_grants_hash(struct gw_sv secret, unsigned char out[32])
{
	SHA256((const unsigned char *)secret.p, secret.len, out);
}

/* ---- persons ---------------------------------------------------------------------------------------- */

static bool fill_user(struct cp_person *p, const struct cp_user *u)
{
	p->sub = gw_arena_cstr(&p->arena, u->login);
	p->impi = gw_arena_cstr(&p->arena, u->impi);
	for (; p->n_impus < u->n_impus; p->n_impus++)
		p->impu[p->n_impus] = gw_arena_cstr(&p->arena, u->impu[p->n_impus]);
	p->stamp = u->stamp;
	return !p->arena.failed && p->n_impus > 0;
}

/* A guest's IMPI is the IMPU without its scheme; his subject is never used again (RFC 9068 5). */
static bool fill_guest(struct cp_grants *g, struct cp_person *p, uint32_t lease, const struct cp_user *before)
{
	char impu[CP_IMPU_BYTES], sub[CP_ID_CHARS + 7] = "guest-";
	struct gw_sv v;

	cp_pool_impu(g->pool, lease, impu);
	v = gw_sv_cstr(impu);
	cp_random_token(sub + 6, CP_ID_CHARS);
	p->sub = gw_arena_cstr(&p->arena, before ? before->login : gw_sv_cstr(sub));
	p->impu[p->n_impus++] = gw_arena_cstr(&p->arena, v);
	p->impi = gw_arena_cstr(&p->arena, gw_sv_sub(v, gw_sv_chr(v, ':', 0) + 1, v.len));
	p->is_guest = true;
	return !p->arena.failed;
}

struct cp_person *cp_person_new(struct cp_grants *g, const struct cp_user *user, uint32_t lease)
{
	struct cp_person *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->arena.limit = 32768;
	p->lease = lease;
	gw_list_init(&p->sessions);
	gw_list_init(&p->codes);
	gw_list_init(&p->grants);
	if ((lease == CP_POOL_NONE ? fill_user(p, user) : fill_guest(g, p, lease, user)) &&
		gw_map_put(&g->persons, gw_sv_cstr(p->sub), p) == GW_OK)
		return p;
	gw_arena_reset(&p->arena);
	free(p);
	return NULL;
}

void cp_person_settle(struct cp_grants *g, struct cp_person *p)
{
	if (p->pins || p->n_grants || p->n_codes)
		return;
	if (p->is_guest && p->n_sessions) {	/* a session alone must not hold a place of the pool */
		cp_session_drop(g, OLDEST(&p->sessions, struct cp_session, of_person));
		return;
	}
	if (p->n_sessions)
		return;
	gw_map_del(&g->persons, gw_sv_cstr(p->sub));
	if (p->lease != CP_POOL_NONE)
		cp_pool_give(g->pool, p->lease);
	gw_arena_reset(&p->arena);
	free(p);
}

/* ---- sessions ---------------------------------------------------------------------------------------- */

void cp_session_drop(struct cp_grants *g, struct cp_session *s)
{
	struct cp_person *p = s->person;

	gw_map_del(&g->sessions, gw_sv(s->key, sizeof(s->key)));
	gw_list_remove(&s->of_person);
	gw_list_remove(&s->by_age);
	free(s);
	p->n_sessions--;
	cp_person_settle(g, p);
}

static bool open_session(struct cp_grants *g, struct cp_person *p, uint64_t now_s, char *cookie)
{
	struct cp_session *s = calloc(1, sizeof(*s));

	if (!s)
		return false;
	cp_random_token(cookie, CP_SECRET_CHARS);
	cp_grants_hash(gw_sv_cstr(cookie), s->key);
	if (gw_map_put(&g->sessions, gw_sv(s->key, sizeof(s->key)), s)) {
		free(s);
		return false;
	}
	s->person = p;
	s->end_s = now_s + g->conf->session_s;
	gw_list_append(&p->sessions, &s->of_person);
	gw_list_append(&g->session_ages, &s->by_age);
	p->n_sessions++;
	if (p->n_sessions > CP_PER_PERSON)
		cp_session_drop(g, OLDEST(&p->sessions, struct cp_session, of_person));
	else if (g->sessions.count > g->conf->max_sessions)
		cp_session_drop(g, OLDEST(&g->session_ages, struct cp_session, by_age));
	return true;
}

/* ---- codes ------------------------------------------------------------------------------------------- */

/* A spent code says nothing about the person any more, but remembers its grant until its end. */
static void detach(struct cp_grants *g, struct cp_code *c)
{
	struct cp_person *p = c->person;

	if (!p)
		return;
	c->person = NULL;
	gw_list_remove(&c->of_person);
	p->n_codes--;
	cp_person_settle(g, p);
}

static void drop_code(struct cp_grants *g, struct cp_code *c)
{
	gw_map_del(&g->codes, gw_sv(c->key, sizeof(c->key)));
	gw_list_remove(&c->by_age);
	detach(g, c);
	free(c);
}

enum gw_err cp_grants_code(struct cp_grants *g, struct cp_person *p, const struct cp_conf_client *client,
	const char *redirect_uri, struct gw_sv challenge, struct gw_sv cookie, uint64_t now_s, char *code)
{
	struct cp_code *c = calloc(1, sizeof(*c));

	if (!c)
		goto out;
	cp_random_token(code, CP_SECRET_CHARS);
	cp_grants_hash(gw_sv_cstr(code), c->key);
	cp_grants_hash(cookie, c->session);
	if (gw_sv_copy(challenge, c->challenge, sizeof(c->challenge)) ||
		gw_map_put(&g->codes, gw_sv(c->key, sizeof(c->key)), c))
		goto out;
	c->person = p;
	c->client = client;
	c->redirect_uri = redirect_uri;
	c->end_s = now_s + g->conf->code_s;
	gw_list_append(&p->codes, &c->of_person);
	gw_list_append(&g->code_ages, &c->by_age);
	p->n_codes++;
	if (p->n_codes > CP_PER_PERSON)
		drop_code(g, OLDEST(&p->codes, struct cp_code, of_person));
	else if (g->codes.count > g->conf->max_sessions)
		drop_code(g, OLDEST(&g->code_ages, struct cp_code, by_age));
	return GW_OK;
out:
	free(c);
	cp_person_settle(g, p);
	return GW_ENOMEM;
}

bool cp_code_fits(const struct cp_code *c, const struct cp_conf_client *client, struct gw_sv redirect_uri, struct gw_sv verifier)
{
	return c->client == client && gw_sv_eq(redirect_uri, gw_sv_cstr(c->redirect_uri)) &&
		cp_pkce_matches(gw_sv_cstr(c->challenge), verifier);
}

enum gw_err cp_grants_redeem(struct cp_grants *g, struct gw_sv code, const struct cp_conf_client *client,
	struct gw_sv redirect_uri, struct gw_sv verifier, uint64_t now_s, struct cp_grant **out)
{
	enum gw_err err = GW_EAUTH;
	unsigned char key[32];
	struct cp_person *p;
	struct cp_grant *grant;
	struct cp_code *c;

	cp_grants_hash(code, key);
	c = gw_map_get(&g->codes, gw_sv(key, sizeof(key)));
	if (!c || c->end_s <= now_s)
		return GW_EAUTH;
	p = c->person;
	if (!p) {	/* the second time: one of the two was a thief, nobody knows which */
		grant = gw_map_get(&g->grants, gw_sv_cstr(c->grant));
		if (grant) {
			CP_COUNT(waf_reused);
			cp_grant_drop(g, grant, now_s);
		}
		return GW_EAUTH;
	}
	p->pins++;
	detach(g, c);
	if (cp_code_fits(c, client, redirect_uri, verifier)) {
		grant = cp_grant_new(g, c, p, now_s);
		err = grant ? GW_OK : GW_ENOMEM;
		if (grant) {
			memcpy(c->grant, grant->id, sizeof(c->grant));
			*out = grant;
		}
	}
	p->pins--;
	cp_person_settle(g, p);
	return err;
}

/* ---- signing in, ending, time ------------------------------------------------------------------------ */

static void end_person(struct cp_grants *g, struct cp_person *p, uint64_t now_s)
{
	p->pins++;
	while (p->n_codes)
		drop_code(g, OLDEST(&p->codes, struct cp_code, of_person));
	while (p->n_grants)
		cp_grant_drop(g, OLDEST(&p->grants, struct cp_grant, of_person), now_s);
	while (p->n_sessions)
		cp_session_drop(g, OLDEST(&p->sessions, struct cp_session, of_person));
	p->pins--;
	cp_person_settle(g, p);
}

enum gw_err cp_grants_sign_in(struct cp_grants *g, const struct cp_user *user, uint64_t now_s, char *cookie,
	struct cp_person **out)
{
	struct cp_person *p = user ? gw_map_get(&g->persons, user->login) : NULL;
	uint32_t lease = CP_POOL_NONE;

	if (!user && cp_pool_take(g->pool, &lease))
		return GW_ELIMIT;
	if (p && p->stamp != user->stamp) {	/* changed since, and not noticed yet */
		end_person(g, p, now_s);
		p = NULL;
	}
	if (!p && !(p = cp_person_new(g, user, lease))) {
		if (lease != CP_POOL_NONE)
			cp_pool_give(g->pool, lease);
		return GW_ENOMEM;
	}
	if (!open_session(g, p, now_s, cookie)) {
		cp_person_settle(g, p);
		return GW_ENOMEM;
	}
	*out = p;
	return GW_OK;
}

struct cp_person *cp_grants_session(struct cp_grants *g, struct gw_sv cookie, uint64_t now_s)
{
	unsigned char key[32];
	struct cp_session *s;

	if (cookie.len != CP_SECRET_CHARS)
		return NULL;
	cp_grants_hash(cookie, key);
	s = gw_map_get(&g->sessions, gw_sv(key, sizeof(key)));
	return s && s->end_s > now_s ? s->person : NULL;
}

void cp_grants_revoke(struct cp_grants *g, struct cp_grant *grant, uint64_t now_s)
{
	struct cp_session *s = gw_map_get(&g->sessions, gw_sv(grant->session, sizeof(grant->session)));
	struct cp_person *p = grant->person;

	p->pins++;
	if (s)
		cp_session_drop(g, s);
	cp_grant_drop(g, grant, now_s);
	p->pins--;
	cp_person_settle(g, p);
}

void cp_grants_check_user(struct cp_grants *g, struct cp_users *users, struct gw_sv login, uint64_t now_s)
{
	struct cp_person *p = gw_map_get(&g->persons, login);
	struct gw_arena a = GW_ARENA_INIT(65536);
	struct cp_user u;
	enum gw_err err = p && !p->is_guest ? cp_users_get(users, &a, login, &u) : GW_OK;

	if (p && (err == GW_ENOENT || (err == GW_OK && (u.is_locked || u.stamp != p->stamp))))
		end_person(g, p, now_s);
	gw_arena_reset(&a);
}

bool cp_grants_sweep(struct cp_grants *g, uint64_t now_s)
{
	struct cp_session *s;
	struct cp_grant *grant;
	struct cp_code *c;
	unsigned n = 0;

	while (!gw_list_empty(&g->code_ages) && (c = OLDEST(&g->code_ages, struct cp_code, by_age))->end_s <= now_s &&
		n++ < SWEEP_MAX)
		drop_code(g, c);
	while (!gw_list_empty(&g->grant_ages) &&
		(grant = OLDEST(&g->grant_ages, struct cp_grant, by_age))->idle_s <= now_s && n++ < SWEEP_MAX)
		cp_grant_drop(g, grant, now_s);
	while (!gw_list_empty(&g->session_ages) &&
		(s = OLDEST(&g->session_ages, struct cp_session, by_age))->end_s <= now_s && n++ < SWEEP_MAX)
		cp_session_drop(g, s);
	return n >= SWEEP_MAX;
}

unsigned cp_grants_count(const struct cp_grants *g)
{
	return (unsigned)g->grants.count;
}

unsigned cp_grants_sessions(const struct cp_grants *g)
{
	return (unsigned)g->sessions.count;
}

enum gw_err cp_grants_new(struct cp_grants **out, const struct cp_conf_waf *conf, struct cp_pool *pool,
	struct cp_state *state, void (*revoke)(void *user, struct gw_sv jti, uint64_t until_s), void *user, uint64_t now_s)
{
	struct cp_grants *g = calloc(1, sizeof(*g));
	enum gw_err err;

	if (!g)
		return GW_ENOMEM;
	g->conf = conf;
	g->pool = pool;
	g->state = state;
	g->revoke = revoke;
	g->user = user;
	gw_list_init(&g->session_ages);
	gw_list_init(&g->code_ages);
	gw_list_init(&g->grant_ages);
	if ((err = cp_grant_load(g, now_s))) {
		cp_grants_free(g);
		return err;
	}
	*out = g;
	return GW_OK;
}

void cp_grants_clear(struct cp_grants *g)
{
	while (!gw_list_empty(&g->code_ages))
		drop_code(g, OLDEST(&g->code_ages, struct cp_code, by_age));
	while (!gw_list_empty(&g->grant_ages))
		cp_grant_free(g, OLDEST(&g->grant_ages, struct cp_grant, by_age));
	while (!gw_list_empty(&g->session_ages))
		cp_session_drop(g, OLDEST(&g->session_ages, struct cp_session, by_age));
}

/* What is saved stays saved: it is for the next start. */
void cp_grants_free(struct cp_grants *g)
{
	if (!g)
		return;
	cp_grants_clear(g);
	gw_map_free(&g->persons);
	gw_map_free(&g->sessions);
	gw_map_free(&g->codes);
	gw_map_free(&g->grants);
	gw_map_free(&g->tokens);
	free(g);
}
