/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of an issuer: from a file, from the WAF of this process, or by https with rotation (RFC 7517, RFC 8414). */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "control/app/metrics.h"
#include "control/token/token_int.h"

#define FILE_MAX_BYTES 262144u
#define STALE_MS 86400000ull	/* keys that could not be refreshed count a day longer */

static bool is_https(const struct cp_issuer *i)
{
	return strncmp(i->conf.keys, "https://", 8) == 0;
}

static bool is_file(const struct cp_issuer *i)
{
	return i->conf.keys[0] == '/';
}

/* malloc'ed, or NULL (logged). */
static char *read_file(struct cp_issuer *i, const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *p = f ? malloc(FILE_MAX_BYTES) : NULL;

	*len = p ? fread(p, 1, FILE_MAX_BYTES, f) : 0;
	if (f)
		fclose(f);
	if (*len > 0 && *len < FILE_MAX_BYTES)
		return p;
	free(p);
	GW_LOG_ERROR(i->v->log, "token.file_unreadable", "issuer=%s file=%s", i->conf.name, path);
	return NULL;
}

static void take_keys(struct cp_issuer *i, struct cp_jwks *keys)
{
	if (!cp_jwks_within(i->keys, keys))	/* a key was withdrawn: so is what it has signed */
		cp_token_forget(i->v, i);
	cp_jwks_free(i->keys);
	i->keys = keys;
	i->fetched_ms = cp_loop_now(i->v->loop);
}

enum gw_err cp_issuer_set_keys(struct cp_issuer *i, struct gw_sv jwks)
{
	struct cp_jwks *keys;
	enum gw_err err = cp_jwks_parse(&keys, jwks);

	if (err)
		return err;
	take_keys(i, keys);
	return GW_OK;
}

/* ---- https --------------------------------------------------------------------------------------------- */

static void on_keys(void *user, unsigned status, struct gw_sv body)
{
	struct cp_issuer *i = user;
	struct cp_token *v = i->v;

	i->job = NULL;
	i->has_failed = status != 200 || cp_issuer_set_keys(i, body);
	if (i->has_failed) {
		CP_COUNT(token_keys_failed);
		GW_LOG_WARN(v->log, "token.keys_failed", "issuer=%s status=%u", i->conf.name, status);
	} else {
		CP_COUNT(token_keys_fetched);
		GW_LOG_INFO(v->log, "token.keys", "issuer=%s", i->conf.name);
	}
	(void)gw_timer_arm(&v->loop->timers, &i->refresh, cp_loop_now(v->loop) +
		(i->has_failed ? v->conf->tokens.refetch_s : v->conf->tokens.refresh_s) * 1000ull);
	while (!gw_list_empty(&i->waiting))
		cp_token_resume(GW_CONTAINER(i->waiting.next, struct cp_token_wait, node));
}

static bool start_fetch(struct cp_issuer *i)
{
	struct cp_token *v = i->v;
	struct cp_https_request q = { .url = i->conf.keys, .ca_file = i->conf.ca_file,
		.timeout_s = v->conf->tokens.timeout_s, .max_bytes = FILE_MAX_BYTES };

	i->next_try_ms = cp_loop_now(v->loop) + v->conf->tokens.refetch_s * 1000ull;
	if (cp_https_start(v->https, &q, on_keys, i, &i->job) == GW_OK)
		return true;
	i->has_failed = true;
	CP_COUNT(token_keys_failed);
	return false;
}

static void on_refresh(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_issuer *i = GW_CONTAINER(timer, struct cp_issuer, refresh);

	if (!i->job && !start_fetch(i))
		(void)gw_timer_arm(&i->v->loop->timers, timer, now_ms + i->v->conf->tokens.refetch_s * 1000ull);
}

bool cp_issuer_fetch(struct cp_issuer *i)
{
	if (i->job)
		return true;
	return is_https(i) && cp_loop_now(i->v->loop) >= i->next_try_ms && start_fetch(i);
}

const struct cp_jwks *cp_issuer_keys(const struct cp_issuer *i)
{
	uint64_t good_ms = i->v->conf->tokens.refresh_s * 1000ull + STALE_MS;

	return is_https(i) && cp_loop_now(i->v->loop) > i->fetched_ms + good_ms ? NULL : i->keys;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static enum gw_err load_keys(struct cp_issuer *i)
{
	size_t len;
	char *text = read_file(i, i->conf.keys, &len);
	enum gw_err err = text ? cp_issuer_set_keys(i, gw_sv(text, len)) : GW_EIO;

	if (text && err)
		GW_LOG_ERROR(i->v->log, "token.file_bad", "issuer=%s file=%s why=\"no JWK Set with an RS256 or ES256 key\"",
			i->conf.name, i->conf.keys);
	free(text);
	return err ? GW_EIO : GW_OK;
}

static void wipe(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

static enum gw_err load_client(struct cp_issuer *i)
{
	size_t len;
	char *text = read_file(i, i->conf.client_file, &len);
	struct gw_sv line = gw_sv_trim(gw_sv(text, len));
	bool ok = text && gw_sv_chr(line, ':', 0) < line.len && gw_sv_chr(line, '\n', 0) == line.len;

	if (ok) {
		wipe(i->client);
		i->client = gw_sv_dup(line);
	} else if (text) {
		GW_LOG_ERROR(i->v->log, "token.file_bad", "issuer=%s file=%s why=\"not one line id:secret\"",
			i->conf.name, i->conf.client_file);
	}
	if (text)
		OPENSSL_cleanse(text, len);
	free(text);
	return ok ? GW_OK : GW_EIO;
}

enum gw_err cp_issuer_load(struct cp_issuer *i)
{
	if (is_file(i))
		return load_keys(i);
	if (is_https(i) && !i->job)
		(void)start_fetch(i);	/* until it is there, checks wait or are told to come back */
	return i->conf.introspection[0] ? load_client(i) : GW_OK;
}

enum gw_err cp_issuer_new(struct cp_issuer **out, struct cp_token *v, const struct cp_conf_issuer *conf)
{
	struct cp_issuer *i = calloc(1, sizeof(*i));

	if (!i)
		return GW_ENOMEM;
	i->v = v;
	i->conf = *conf;
	i->refresh.fn = on_refresh;
	gw_list_init(&i->waiting);
	gw_list_init(&i->asking);
	*out = i;
	return GW_OK;
}

void cp_issuer_free(struct cp_issuer *i)
{
	if (!i)
		return;
	while (!gw_list_empty(&i->waiting))
		cp_token_cancel(GW_CONTAINER(i->waiting.next, struct cp_token_wait, node));
	while (!gw_list_empty(&i->asking))
		cp_token_cancel(GW_CONTAINER(i->asking.next, struct cp_token_wait, node));
	gw_timer_stop(&i->v->loop->timers, &i->refresh);
	cp_https_cancel(i->job);
	cp_jwks_free(i->keys);
	wipe(i->client);
	free(i->name);
	free(i);
}
