/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is signed in and what was granted: persons, their browser sessions, authorization codes and grants (families of
 * refresh tokens, RFC 9700 4.14.2). Nothing here is made before a person was authenticated, or took a guest's place.
 * The clock is the caller's, in seconds since 1970. Secrets are kept as SHA-256 only. Control thread only.
 */
#ifndef CP_GRANTS_H
#define CP_GRANTS_H

#include "control/app/conf.h"
#include "control/waf/pool.h"
#include "control/waf/state.h"
#include "control/waf/users.h"
#include "proto/base/list.h"
#include "proto/base/map.h"

#define CP_ID_CHARS 32            /* 160 bits: ids of grants and tokens */
#define CP_SECRET_CHARS 43        /* 215 bits: cookies, codes, the secret half of refresh tokens */
#define CP_REFRESH_BYTES (CP_ID_CHARS + 1 + CP_SECRET_CHARS + 1)
#define CP_LIVE_TOKENS 8          /* access tokens of one grant at a time */
#define CP_PER_PERSON 16          /* sessions, codes, grants: the oldest goes */

/** A user, or a guest with an IMPU of the pool. Goes with the last thing that refers to it. */
struct cp_person {
	struct gw_arena arena;
	const char *sub, *impi;
	const char *impu[CP_IMPUS_MAX];
	unsigned n_impus;
	int64_t stamp;            /* of the user's row when he signed in */
	bool is_guest;
	uint32_t lease;           /* of a guest: index in the pool; CP_POOL_NONE: a user, or a guest of several nodes */
	struct gw_list sessions, codes, grants;
	unsigned n_sessions, n_codes, n_grants;
	unsigned pins;            /* somebody is at work on it: it may not go yet */
};

struct cp_grant;

struct cp_live_token {
	struct cp_grant *grant;
	char jti[CP_ID_CHARS + 1];
	uint64_t expires_s;
};

/** What one client may do for one person; known to the client by its refresh token "ID.SECRET". */
struct cp_grant {
	struct gw_list of_person, by_age;
	struct cp_person *person;
	const struct cp_conf_client *client;
	char id[CP_ID_CHARS + 1];
	unsigned char secret[32], session[32];
	uint64_t idle_s, end_s;   /* not refreshed until idle_s, or end_s has come: over */
	struct cp_live_token token[CP_LIVE_TOKENS];
};

struct cp_grants;

/** A client of the configuration; NULL: there is none of this id. */
const struct cp_conf_client *cp_grants_client(const struct cp_conf_waf *conf, struct gw_sv id);

/**
 * @param state   grants of the past are taken from it; NULL: nothing outlives the process (tests)
 * @param revoke  told of each access token that ends before its time
 */
enum gw_err cp_grants_new(struct cp_grants **out, const struct cp_conf_waf *conf, struct cp_pool *pool,
	struct cp_state *state, void (*revoke)(void *user, struct gw_sv jti, uint64_t until_s), void *user, uint64_t now_s) GW_NODISCARD;
void cp_grants_free(struct cp_grants *g);

/**
 * A person has proved who he is; user NULL: a guest takes an IMPU of the pool. Also opens a browser session.
 * A code must follow (cp_grants_code), or a guest's place is not given back.
 * @param cookie  out, CP_SECRET_CHARS + 1
 * @return GW_OK; GW_ELIMIT (the pool is exhausted); GW_ENOMEM
 */
enum gw_err cp_grants_sign_in(struct cp_grants *g, const struct cp_user *user, uint64_t now_s, char *cookie,
	struct cp_person **out) GW_NODISCARD;
/** The person of a session cookie, or NULL. */
struct cp_person *cp_grants_session(struct cp_grants *g, struct gw_sv cookie, uint64_t now_s);
/**
 * @param redirect_uri  one of the client's configured ones, by pointer
 * @param cookie        the session's
 * @param code          out, CP_SECRET_CHARS + 1
 */
enum gw_err cp_grants_code(struct cp_grants *g, struct cp_person *p, const struct cp_conf_client *client,
	const char *redirect_uri, struct gw_sv challenge, struct gw_sv cookie, uint64_t now_s, char *code) GW_NODISCARD;
/**
 * Turn a code into a grant, once; a second time the first grant is revoked (RFC 6749 4.1.2). A failed attempt spends
 * the code as well. @return GW_OK; GW_EAUTH (invalid_grant); GW_ENOMEM
 */
enum gw_err cp_grants_redeem(struct cp_grants *g, struct gw_sv code, const struct cp_conf_client *client,
	struct gw_sv redirect_uri, struct gw_sv verifier, uint64_t now_s, struct cp_grant **out) GW_NODISCARD;
/** The grant of a refresh token. A token that was used before revokes the grant. GW_OK; GW_EAUTH. */
enum gw_err cp_grants_refresh(struct cp_grants *g, struct gw_sv token, const struct cp_conf_client *client,
	uint64_t now_s, struct cp_grant **out) GW_NODISCARD;
/**
 * A new refresh token, which replaces the old one, and the id and end of a new access token.
 * @return GW_OK; GW_ELIMIT (CP_LIVE_TOKENS are alive already); GW_EIO (could not be saved)
 */
enum gw_err cp_grants_rotate(struct cp_grants *g, struct cp_grant *grant, uint64_t now_s, char refresh[CP_REFRESH_BYTES],
	const struct cp_live_token **access) GW_NODISCARD;
/** The live grant of a refresh token (not used up), the live access token of a jti; or NULL. */
struct cp_grant *cp_grants_by_refresh(struct cp_grants *g, struct gw_sv token, uint64_t now_s);
const struct cp_live_token *cp_grants_by_jti(struct cp_grants *g, struct gw_sv jti, uint64_t now_s);
/** End a grant, its access tokens and the browser session it came from (RFC 7009). */
void cp_grants_revoke(struct cp_grants *g, struct cp_grant *grant, uint64_t now_s);
/** A user may have changed: what was granted to one who was locked, changed or deleted is taken back. */
void cp_grants_check_user(struct cp_grants *g, struct cp_users *users, struct gw_sv login, uint64_t now_s);
/** Drop what is over, some at a time; call about once a second. @return there is more: come again soon */
bool cp_grants_sweep(struct cp_grants *g, uint64_t now_s);
/** How many there are. */
unsigned cp_grants_count(const struct cp_grants *g);
unsigned cp_grants_sessions(const struct cp_grants *g);

#endif
