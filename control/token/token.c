/* SPDX-License-Identifier: Apache-2.0 */
/* Which issuer a token is of, what it is worth, and how long that is remembered. */
#include "control/token/token.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "control/app/metrics.h"
#include "control/token/introspect.h"
#include "control/token/token_int.h"

#define WAITING_MAX 1024u
#define REFUSED_MAX 4096u
#define ANSWER_MAX_BYTES 65536u

static void hash_of(struct gw_sv token, unsigned char hash[CP_TOKEN_HASH_BYTES])
{
	EVP_Digest(token.p, token.len, hash, NULL, EVP_sha256(), NULL);
}

static struct cp_issuer *issuer_by_name(struct cp_token *v, struct gw_sv name)
{
	for (unsigned i = 0; i < v->n_issuers; i++)
		if (gw_sv_eq(name, gw_sv_cstr(v->issuers[i]->conf.name)))
			return v->issuers[i];
	return NULL;
}

static struct cp_issuer *issuer_of_opaque(struct cp_token *v)
{
	for (unsigned i = 0; i < v->n_issuers; i++)
		if (v->issuers[i]->conf.introspection[0])
			return v->issuers[i];
	return NULL;
}

/* ---- verdicts ------------------------------------------------------------------------------------------ */

static enum cp_verdict remember(struct cp_token *v, const unsigned char hash[CP_TOKEN_HASH_BYTES],
	enum cp_verdict verdict, struct cp_identity *id, uint64_t until_s)
{
	switch (verdict) {
	case CP_TOKEN_VALID:
		CP_COUNT(token_valid);
		cp_cache_put(&v->valid, hash, verdict, id, until_s);
		break;
	case CP_TOKEN_INVALID:
	case CP_TOKEN_SCOPE:
		CP_COUNT(token_refused);
		cp_cache_put(&v->refused, hash, verdict, NULL, cp_loop_wall_s() + v->conf->tokens.negative_s);
		break;
	case CP_TOKEN_UNAVAILABLE:
	case CP_TOKEN_UNKNOWN:
		CP_COUNT(token_unavailable);
		break;
	}
	GW_LOG_INFO(v->log, "token.checked", "token=%02x%02x%02x%02x verdict=%u impi=%s", hash[0], hash[1], hash[2], hash[3],
		(unsigned)verdict, id ? id->impi : "-");
	return verdict;
}

/* A JWT whose signature is good, or is not. *id: one reference on CP_TOKEN_VALID. */
static enum cp_verdict judge(struct cp_issuer *i, const struct cp_jwt *j, const unsigned char *hash, struct cp_identity **id)
{
	struct cp_token *v = i->v;
	enum cp_verdict verdict = CP_TOKEN_INVALID;

	if (cp_jwt_verify(j, cp_issuer_keys(i)))
		verdict = cp_claims_check(j->claims, &i->conf, cp_loop_wall_s(), v->conf->tokens.max_skew_s, id);
	if (verdict != CP_TOKEN_VALID)
		return verdict;
	cp_jwt_id(j, (*id)->token_id);
	memcpy((*id)->token_hash, hash, CP_TOKEN_HASH_BYTES);
	if (!cp_token_is_revoked(v, *id))
		return CP_TOKEN_VALID;
	cp_identity_unref(*id);
	*id = NULL;
	return CP_TOKEN_INVALID;
}

static void finish(struct cp_token *v, const unsigned char *hash, enum cp_verdict verdict, struct cp_identity *id,
	uint64_t until_s, cp_token_done *done, void *user)
{
	remember(v, hash, verdict, id, until_s);
	done(user, verdict, id);
	cp_identity_unref(id);
}

/* ---- waiting ------------------------------------------------------------------------------------------- */

static void free_wait(struct cp_token_wait *w)
{
	w->issuer->v->n_waiting--;
	gw_list_remove(&w->node);
	OPENSSL_cleanse(w->token, w->token_len);
	free(w->token);
	free(w);
}

void cp_token_cancel(struct cp_token_wait *w)
{
	if (!w)
		return;
	cp_https_cancel(w->job);
	free_wait(w);
}

static struct cp_token_wait *new_wait(struct cp_issuer *i, struct gw_sv token, const unsigned char *hash,
	cp_token_done *done, void *user)
{
	struct cp_token_wait *w = i->v->n_waiting < WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (!w)
		return NULL;
	w->issuer = i;
	w->done = done;
	w->user = user;
	memcpy(w->hash, hash, sizeof(w->hash));
	gw_list_init(&w->node);
	w->token = gw_sv_dup(token);
	w->token_len = token.len;
	if (!w->token) {
		free(w);
		return NULL;
	}
	i->v->n_waiting++;
	return w;
}

/* ---- JWT ----------------------------------------------------------------------------------------------- */

/* The keys the token needs are not here, and not to be had now. */
static enum cp_verdict without_key(const struct cp_issuer *i)
{
	return !cp_issuer_keys(i) || i->has_failed ? CP_TOKEN_UNAVAILABLE : CP_TOKEN_INVALID;
}

void cp_token_resume(struct cp_token_wait *w)
{
	struct cp_issuer *i = w->issuer;
	struct cp_identity *id = NULL;
	enum cp_verdict verdict = CP_TOKEN_INVALID;
	cp_token_done *done = w->done;
	unsigned char hash[CP_TOKEN_HASH_BYTES];
	void *user = w->user;
	struct cp_jwt j;

	memcpy(hash, w->hash, sizeof(hash));
	if (cp_jwt_read(&j, gw_sv(w->token, w->token_len)) == GW_OK) {
		verdict = cp_jwt_has_key(&j, cp_issuer_keys(i)) ? judge(i, &j, hash, &id) : without_key(i);
		cp_jwt_free(&j);
	}
	free_wait(w);
	finish(i->v, hash, verdict, id, id ? id->expires_s : 0, done, user);
}

static struct cp_token_wait *check_jwt(struct cp_issuer *i, struct cp_jwt *j, const unsigned char *hash,
	cp_token_done *done, void *user)
{
	struct cp_identity *id = NULL;
	struct cp_token_wait *w;
	enum cp_verdict verdict;

	if (cp_jwt_has_key(j, cp_issuer_keys(i))) {
		verdict = judge(i, j, hash, &id);
	} else if (cp_issuer_fetch(i)) {
		w = new_wait(i, j->text, hash, done, user);
		if (w) {
			gw_list_append(&i->waiting, &w->node);
			return w;
		}
		verdict = CP_TOKEN_UNAVAILABLE;
	} else {
		verdict = without_key(i);
	}
	finish(i->v, hash, verdict, id, id ? id->expires_s : 0, done, user);
	return NULL;
}

/* ---- introspection --------------------------------------------------------------------------------------- */

static void on_introspected(void *user, unsigned status, struct gw_sv body)
{
	struct cp_token_wait *w = user;
	struct cp_issuer *i = w->issuer;
	struct cp_token *v = i->v;
	enum cp_verdict verdict = CP_TOKEN_UNAVAILABLE;
	struct cp_identity *id = NULL;
	cp_token_done *done = w->done;
	unsigned char hash[CP_TOKEN_HASH_BYTES];
	void *done_user = w->user;
	uint64_t until = 0;

	memcpy(hash, w->hash, sizeof(hash));
	free_wait(w);
	if (status == 200)
		verdict = cp_introspect_read(body, &i->conf, cp_loop_wall_s(), v->conf->tokens.max_skew_s, &id, &until);
	if (id) {
		memcpy(id->token_id, hash, sizeof(hash));
		memcpy(id->token_hash, hash, sizeof(hash));
		if (cp_token_is_revoked(v, id)) {
			cp_identity_unref(id);
			id = NULL;
			verdict = CP_TOKEN_INVALID;
		}
	}
	if (verdict == CP_TOKEN_UNAVAILABLE)
		GW_LOG_WARN(v->log, "token.introspection_failed", "issuer=%s status=%u", i->conf.name, status);
	finish(v, hash, verdict, id, until, done, done_user);
	if (verdict == CP_TOKEN_INVALID && v->on_revoked)
		v->on_revoked(v->on_revoked_user, NULL, hash);
}

static struct cp_token_wait *introspect(struct cp_issuer *i, struct gw_sv token, const unsigned char *hash,
	cp_token_done *done, void *user)
{
	struct cp_token *v = i->v;
	char form[3 * CP_JWT_MAX_BYTES + 64];
	struct gw_buf b = gw_buf(form, sizeof(form) - 1);
	struct cp_https_request q = { .url = i->conf.introspection, .ca_file = i->conf.ca_file, .post = form,
		.user_password = i->client, .timeout_s = v->conf->tokens.timeout_s, .max_bytes = ANSWER_MAX_BYTES };
	struct cp_token_wait *w = token.len <= CP_JWT_MAX_BYTES ? new_wait(i, token, hash, done, user) : NULL;

	cp_introspect_form(&b, token);
	form[b.len] = '\0';
	CP_COUNT(token_introspections);
	if (w && i->client && cp_https_start(v->https, &q, on_introspected, w, &w->job) == GW_OK) {
		OPENSSL_cleanse(form, b.len);
		gw_list_append(&i->asking, &w->node);
		return w;
	}
	OPENSSL_cleanse(form, b.len);
	if (w)
		free_wait(w);
	finish(v, hash, CP_TOKEN_UNAVAILABLE, NULL, 0, done, user);
	return NULL;
}

/* ---- checks -------------------------------------------------------------------------------------------- */

static enum cp_verdict cached(struct cp_token *v, const unsigned char *hash, struct cp_identity **id)
{
	enum cp_verdict verdict = cp_cache_get(&v->valid, hash, cp_loop_wall_s(), id);

	return verdict ? verdict : cp_cache_get(&v->refused, hash, cp_loop_wall_s(), id);
}

enum cp_verdict cp_token_cached(struct cp_token *v, struct gw_sv token, struct cp_identity **id)
{
	unsigned char hash[CP_TOKEN_HASH_BYTES];

	hash_of(token, hash);
	return cached(v, hash, id);
}

struct cp_token_wait *cp_token_check(struct cp_token *v, struct gw_sv token, cp_token_done *done, void *user)
{
	unsigned char hash[CP_TOKEN_HASH_BYTES];
	struct cp_token_wait *w = NULL;
	struct cp_issuer *i = NULL;
	struct cp_identity *id;
	enum cp_verdict verdict;
	enum gw_err err;
	struct cp_jwt j;

	hash_of(token, hash);
	if ((verdict = cached(v, hash, &id))) {
		CP_COUNT(token_cache_hits);
		done(user, verdict, id);
		return NULL;
	}
	err = cp_jwt_read(&j, token);
	if (err == GW_OK)
		i = issuer_by_name(v, j.issuer);
	else if (err == GW_EUNSUPP)
		i = issuer_of_opaque(v);
	if (!i)
		finish(v, hash, CP_TOKEN_INVALID, NULL, 0, done, user);
	else if (i->conf.introspection[0])
		w = introspect(i, token, hash, done, user);
	else
		w = check_jwt(i, &j, hash, done, user);
	if (err == GW_OK)
		cp_jwt_free(&j);
	return w;
}

/* ---- keys and life --------------------------------------------------------------------------------------- */

static bool is_of(const struct cp_identity *id, const void *issuer)
{
	return strcmp(id->issuer, issuer) == 0;
}

void cp_token_forget(struct cp_token *v, const struct cp_issuer *i)
{
	cp_cache_drop(&v->valid, is_of, i->conf.name);
}

enum gw_err cp_token_set_keys(struct cp_token *v, struct gw_sv issuer, struct gw_sv jwks)
{
	struct cp_issuer *i = issuer_by_name(v, issuer);

	return i && strcmp(i->conf.keys, "own") == 0 ? cp_issuer_set_keys(i, jwks) : GW_EINVAL;
}

void cp_token_on_revoked(struct cp_token *v, void (*fn)(void *, const struct cp_token_revocation *, const unsigned char *),
	void *user)
{
	v->on_revoked = fn;
	v->on_revoked_user = user;
}

const struct cp_conf_issuer *cp_token_issuer(struct cp_token *v, struct gw_sv name)
{
	const struct cp_issuer *i = issuer_by_name(v, name);

	return i ? &i->conf : NULL;
}

bool cp_token_has_issuer(const struct cp_token *v)
{
	return v->n_issuers > 0;
}

void cp_token_reload(struct cp_token *v)
{
	for (unsigned i = 0; i < v->n_issuers; i++)
		(void)!cp_issuer_load(v->issuers[i]);
}

enum gw_err cp_token_new(struct cp_token **out, const struct cp_conf *conf, struct cp_loop *loop, const struct gw_log *log)
{
	struct cp_token *v = calloc(1, sizeof(*v));
	enum gw_err err = GW_ENOMEM;

	if (!v)
		return err;
	v->conf = conf;
	v->loop = loop;
	v->log = log;
	gw_list_init(&v->revocations);
	cp_cache_init(&v->valid, conf->tokens.cache_entries);
	cp_cache_init(&v->refused, REFUSED_MAX);
	v->issuers = calloc(conf->tokens.n_issuers + 1, sizeof(struct cp_issuer *));
	if (!v->issuers || (err = cp_https_new(&v->https, loop, log)))
		goto out;
	for (unsigned i = 0; i < conf->tokens.n_issuers; i++) {
		if ((err = cp_issuer_new(&v->issuers[i], v, &conf->tokens.issuers[i])))
			goto out;
		v->n_issuers++;
		if ((err = cp_issuer_load(v->issuers[i])))
			goto out;
	}
	*out = v;
	return GW_OK;
out:
	cp_token_free(v);
	return err;
}

void cp_token_free(struct cp_token *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < v->n_issuers; i++)
		cp_issuer_free(v->issuers[i]);
	free(v->issuers);
	cp_https_free(v->https);
	cp_cache_free(&v->valid);
	cp_cache_free(&v->refused);
	cp_token_revocations_free(v);
	free(v);
}
