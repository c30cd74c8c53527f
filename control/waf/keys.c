/* SPDX-License-Identifier: Apache-2.0 */
/* Signing keys: file, rotation with overlap, published set. */
#include "control/waf/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "control/app/loop.h"

#define KEYS_MAX 4	/* rotation >= overlap: at most a new one, the signer and one before it; and one spare */
#define KID_CHARS 16

struct key {
	cjose_jwk_t *jwk;
	uint64_t made_s;
};

struct cp_keys {
	char *path;
	uint64_t rotation_s, overlap_s;
	struct key key[KEYS_MAX];	/* oldest first */
	unsigned n;
	char *own;			/* the JWK set of these */
	json_t *others;			/* public keys of other nodes */
	char *jwks;			/* all */
	struct cp_jwks *set;		/* the same, to verify by */
};

static void release(struct key *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cjose_jwk_release(list[i].jwk);
}

/* {"keys": [...]}; private: with d and the time of making. */
static json_t *to_json(const struct key *list, unsigned n, bool is_private)
{
	json_t *keys = json_array();

	for (unsigned i = 0; i < n; i++) {
		char *text = cjose_jwk_to_json(list[i].jwk, is_private, NULL);
		json_t *j = text ? json_loads(text, 0, NULL) : NULL;

		if (text)
			OPENSSL_cleanse(text, strlen(text));
		cjose_get_dealloc()(text);
		if (is_private)
			json_object_set_new(j, "iat", json_integer((json_int_t)list[i].made_s));
		json_object_set_new(j, "use", json_string("sig"));
		json_object_set_new(j, "alg", json_string("ES256"));
		if (json_array_append_new(keys, j)) {
			json_decref(keys);
			return NULL;
		}
	}
	return json_pack("{s:o}", "keys", keys);
}

static char *dump(const struct key *list, unsigned n, bool is_private)
{
	json_t *j = to_json(list, n, is_private);
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	json_decref(j);
	return text;
}

/* Under another name first: a crash never leaves half a file. */
static bool write_file(const char *path, const char *text)
{
	char tmp[1024];
	size_t len = strlen(text);
	bool ok;
	int fd;

	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp)) {
		errno = ENAMETOOLONG;
		return false;
	}
	(void)unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	ok &= close(fd) == 0;
	return ok && rename(tmp, path) == 0;
}

/* own and others become what is published. own is taken over, on success only. */
static enum gw_err publish(struct cp_keys *k, char *own, json_t *others)
{
	json_t *j = own ? json_loads(own, 0, NULL) : NULL;
	struct cp_jwks *set = NULL;
	enum gw_err err;
	char *jwks;

	json_array_extend(json_object_get(j, "keys"), others);
	jwks = j ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(j);
	err = jwks ? cp_jwks_parse(&set, gw_sv_cstr(jwks)) : GW_ENOMEM;
	if (err) {
		free(jwks);
		return err;
	}
	if (own != k->own)
		free(k->own);
	k->own = own;
	free(k->jwks);
	k->jwks = jwks;
	cp_jwks_free(k->set);
	k->set = set;
	return GW_OK;
}

static bool make_key(struct key *out, uint64_t now_s)
{
	char kid[KID_CHARS + 1];

	cp_random_token(kid, KID_CHARS);
	out->made_s = now_s;
	out->jwk = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
	return out->jwk && cjose_jwk_set_kid(out->jwk, kid, KID_CHARS, NULL);
}

static enum gw_err save(struct cp_keys *k, const struct key *list, unsigned n)
{
	char *secret = dump(list, n, true), *own = secret ? dump(list, n, false) : NULL;
	enum gw_err err = !own ? GW_ENOMEM : write_file(k->path, secret) ? publish(k, own, k->others) : GW_EIO;

	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
	if (err)
		free(own);
	return err;
}

static bool read_key(const json_t *j, struct key *out)
{
	const json_t *made = json_object_get(j, "iat");
	const char *crv = json_string_value(json_object_get(j, "crv"));

	if (!crv || strcmp(crv, "P-256") != 0 || !json_is_string(json_object_get(j, "d")) ||
		!json_is_string(json_object_get(j, "kid")) || !json_is_integer(made) || json_integer_value(made) < 0)
		return false;
	out->made_s = (uint64_t)json_integer_value(made);
	out->jwk = cjose_jwk_import_json((cjose_header_t *)(uintptr_t)j, NULL);
	return out->jwk != NULL;
}

static enum gw_err read_file(struct cp_keys *k, char *why)
{
	json_error_t e;
	json_t *j = json_load_file(k->path, JSON_REJECT_DUPLICATES, &e), *list = json_object_get(j, "keys"), *one;
	enum gw_err err = GW_OK;
	char *own;
	size_t i;

	json_array_foreach(list, i, one) {
		if (k->n == KEYS_MAX || !read_key(one, &k->key[k->n]) ||
			(k->n && k->key[k->n].made_s < k->key[k->n - 1].made_s)) {
			err = GW_EINVAL;
			break;
		}
		k->n++;
	}
	if (err || k->n == 0) {
		snprintf(why, 256, "%s: not a set of 1 to %d private P-256 keys, oldest first: %s", k->path, KEYS_MAX,
			j ? "a key is not usable" : e.text);
		err = GW_EINVAL;
	}
	json_decref(j);
	own = err ? NULL : dump(k->key, k->n, false);
	if (err == GW_OK && (err = publish(k, own, k->others)))
		free(own);
	return err;
}

enum gw_err cp_keys_load(struct cp_keys **out, const char *path, uint64_t rotation_s, uint64_t overlap_s,
	uint64_t now_s, char *why)
{
	struct cp_keys *k = calloc(1, sizeof(*k));
	enum gw_err err = GW_ENOMEM;

	snprintf(why, 256, "out of memory");
	if (!k || !(k->path = strdup(path)) || !(k->others = json_array()))
		goto out;
	k->rotation_s = rotation_s;
	k->overlap_s = overlap_s;
	if (access(path, F_OK) == 0) {
		if ((err = read_file(k, why)))
			goto out;
	} else {
		k->n = 1;
		if (!make_key(&k->key[0], now_s))
			goto out;
		if ((err = save(k, k->key, k->n))) {
			snprintf(why, 256, "cannot write %s: %s", path, strerror(errno));
			goto out;
		}
	}
	*out = k;
	return GW_OK;
out:
	cp_keys_free(k);
	return err;
}

/* The newest key that was published for an overlap; at the first start the only one there is. */
static unsigned signer(const struct cp_keys *k, uint64_t now_s)
{
	unsigned i = k->n - 1;

	while (i > 0 && k->key[i].made_s + k->overlap_s > now_s)
		i--;
	return i;
}

enum gw_err cp_keys_turn(struct cp_keys *k, uint64_t now_s)
{
	struct key next[KEYS_MAX], made = { 0 };
	unsigned old = 0, n;
	enum gw_err err;

	/* a key goes when its successor has been signing for an overlap */
	while (old + 1 < k->n && k->key[old + 1].made_s + 2 * k->overlap_s <= now_s)
		old++;
	n = k->n - old;
	memcpy(next, &k->key[old], n * sizeof(next[0]));
	if (k->key[k->n - 1].made_s + k->rotation_s <= now_s && n < KEYS_MAX) {
		if (!make_key(&made, now_s)) {
			cjose_jwk_release(made.jwk);
			return GW_ENOMEM;
		}
		next[n++] = made;
	}
	if (old == 0 && !made.jwk)
		return GW_OK;
	if ((err = save(k, next, n))) {
		cjose_jwk_release(made.jwk);
		return err;
	}
	release(k->key, old);
	memcpy(k->key, next, n * sizeof(next[0]));
	k->n = n;
	return GW_EAGAIN;
}

const cjose_jwk_t *cp_keys_signer(const struct cp_keys *k, uint64_t now_s)
{
	return k->key[signer(k, now_s)].jwk;
}

const struct cp_jwks *cp_keys_set(const struct cp_keys *k)
{
	return k->set;
}

const char *cp_keys_own(const struct cp_keys *k)
{
	return k->own;
}

static bool has_kid(const json_t *list, const json_t *key)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (json_equal(json_object_get(one, "kid"), json_object_get(key, "kid")))
			return true;
	return false;
}

bool cp_keys_set_others(struct cp_keys *k, const struct gw_sv *sets, unsigned n)
{
	json_t *own = json_loads(k->own, 0, NULL), *others = json_array(), *key;
	bool is_new = false;
	size_t at;

	for (unsigned i = 0; i < n; i++) {
		json_t *j = json_loadb(sets[i].p, sets[i].len, JSON_REJECT_DUPLICATES, NULL);

		json_array_foreach(json_object_get(j, "keys"), at, key)
			if (!json_object_get(key, "d") && !has_kid(json_object_get(own, "keys"), key) && !has_kid(others, key))
				json_array_append(others, key);
		json_decref(j);
	}
	if (!json_equal(others, k->others) && publish(k, k->own, others) == GW_OK) {
		json_decref(k->others);
		k->others = json_incref(others);
		is_new = true;
	}
	json_decref(others);
	json_decref(own);
	return is_new;
}

const char *cp_keys_jwks(const struct cp_keys *k)
{
	return k->jwks;
}

unsigned cp_keys_count(const struct cp_keys *k)
{
	return k->n;
}

void cp_keys_free(struct cp_keys *k)
{
	if (!k)
		return;
	release(k->key, k->n);
	free(k->own);
	json_decref(k->others);
	free(k->jwks);
	cp_jwks_free(k->set);
	free(k->path);
	free(k);
}
