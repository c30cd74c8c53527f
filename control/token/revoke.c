/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations, kept until no token they mean can live any more (W2-TOK-19). */
#include <stdlib.h>

#include "control/app/metrics.h"
#include "control/token/token_int.h"

#define REVOCATIONS_MAX 100000u
#define KEY_BYTES 1024

struct revocation {
	struct gw_list node;
	char *key;
	uint64_t issued_to_s, until_s;
};

static struct gw_sv make_key(char text[KEY_BYTES], const char *kind, struct gw_sv issuer, struct gw_sv who)
{
	struct gw_buf b = gw_buf(text, KEY_BYTES);
	struct gw_sv key;

	gw_buf_printf(&b, "%s %.*s %.*s", kind, GW_SV_FMT(issuer), GW_SV_FMT(who));
	return gw_buf_done(&b, &key) == GW_OK ? key : GW_SV_NONE;
}

static void drop(struct cp_token *v, struct revocation *r)
{
	gw_map_del(&v->revoked, gw_sv_cstr(r->key));
	gw_list_remove(&r->node);
	free(r->key);
	free(r);
}

static void drop_old(struct cp_token *v)
{
	uint64_t now = cp_loop_wall_s();

	GW_LIST_FOREACH_SAFE(it, next, &v->revocations) {
		struct revocation *r = GW_CONTAINER(it, struct revocation, node);

		if (r->until_s < now)
			drop(v, r);
	}
}

static enum gw_err add(struct cp_token *v, struct gw_sv key, const struct cp_token_revocation *r)
{
	struct revocation *have = gw_map_get(&v->revoked, key);
	enum gw_err err = GW_ENOMEM;

	if (have) {
		have->issued_to_s = r->issued_to_s > have->issued_to_s ? r->issued_to_s : have->issued_to_s;
		have->until_s = r->until_s > have->until_s ? r->until_s : have->until_s;
		return GW_OK;
	}
	if (v->revoked.count >= REVOCATIONS_MAX)
		drop_old(v);
	if (v->revoked.count >= REVOCATIONS_MAX)
		return GW_ELIMIT;
	have = calloc(1, sizeof(*have));
	if (!have || !(have->key = gw_sv_dup(key)) || (err = gw_map_put(&v->revoked, gw_sv_cstr(have->key), have))) {
		if (have)
			free(have->key);
		free(have);
		return err;
	}
	have->issued_to_s = r->issued_to_s;
	have->until_s = r->until_s;
	gw_list_append(&v->revocations, &have->node);
	return GW_OK;
}

bool cp_token_revokes(const struct cp_token_revocation *r, const struct cp_identity *id)
{
	if (!gw_sv_eq(r->issuer, gw_sv_cstr(id->issuer)))
		return false;
	return r->jti.len ? gw_sv_eq(r->jti, gw_sv_cstr(id->jti)) :
		gw_sv_eq(r->impi, gw_sv_cstr(id->impi)) && id->issued_s <= r->issued_to_s;
}

static bool match(const struct cp_identity *id, const void *user)
{
	return cp_token_revokes(user, id);
}

static bool is_in_force(struct cp_token *v, struct gw_sv key, const struct cp_token_revocation *r)
{
	const struct revocation *have = gw_map_get(&v->revoked, key);

	return have && have->until_s >= r->until_s && have->issued_to_s >= r->issued_to_s;
}

enum gw_err cp_token_revoke(struct cp_token *v, const struct cp_token_revocation *r)
{
	char text[KEY_BYTES];
	struct gw_sv key = r->jti.len ? make_key(text, "jti", r->issuer, r->jti) : make_key(text, "impi", r->issuer, r->impi);
	enum gw_err err = key.len ? GW_OK : GW_EINVAL;

	if (err || is_in_force(v, key, r) || (err = add(v, key, r)))
		return err;
	CP_COUNT(token_revocations);
	GW_LOG_NOTICE(v->log, "token.revoked", "issuer=%.*s %s=%.*s", GW_SV_FMT(r->issuer), r->jti.len ? "jti" : "impi",
		GW_SV_FMT(r->jti.len ? r->jti : r->impi));
	cp_cache_drop(&v->valid, match, r);
	if (v->on_revoked)
		v->on_revoked(v->on_revoked_user, r, NULL);
	return GW_OK;
}

bool cp_token_is_revoked(struct cp_token *v, const struct cp_identity *id)
{
	struct gw_sv issuer = gw_sv_cstr(id->issuer), jti = gw_sv_cstr(id->jti);
	char text[KEY_BYTES];
	const struct revocation *r;

	if (jti.len && gw_map_get(&v->revoked, make_key(text, "jti", issuer, jti)))
		return true;
	r = gw_map_get(&v->revoked, make_key(text, "impi", issuer, gw_sv_cstr(id->impi)));
	return r && id->issued_s <= r->issued_to_s;
}

void cp_token_revocations_free(struct cp_token *v)
{
	while (!gw_list_empty(&v->revocations))
		drop(v, GW_CONTAINER(v->revocations.next, struct revocation, node));
	gw_map_free(&v->revoked);
}
