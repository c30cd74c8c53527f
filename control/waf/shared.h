/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The WAF of several nodes on one Redis (docs/decisions/011-nodes.md): sessions, codes, grants, revocations and the guests'
 * IMPUs are there, and in memory only while a request is worked on. Each call is one script, so one step for all nodes.
 * Control thread only.
 */
#ifndef CP_WAF_SHARED_H
#define CP_WAF_SHARED_H

#include "control/waf/grants_int.h"
#include "control/waf/waf_int.h"

/**
 * How it went: GW_OK; GW_ENOENT (there is none, or another node was first); GW_EIO (Redis is away: nothing is known).
 * text: the record, read during the call. Called from inside when Redis is away.
 */
typedef void cp_shared_fn(void *user, enum gw_err err, struct gw_sv text);

/** A place of the pool for a guest of this subject, until his code ends. text: the IMPU; GW_ENOENT: the pool is exhausted. */
void cp_shared_claim(struct cp_waf *w, struct gw_arena *a, const char *sub, cp_shared_fn *fn, void *user);
/**
 * A code for a person. cookie: of his session, which is new when is_new.
 * @param person  record (cp_shared_person); read during the call
 */
struct cp_shared_code {
	json_t *person;
	const struct cp_authz *a;
	struct gw_sv cookie;
	bool is_new;
	char code[CP_SECRET_CHARS + 1];   /* out */
};
/** GW_ENOENT: the guest's place, or the session, is gone. */
void cp_shared_put_code(struct cp_waf *w, struct cp_shared_code *c, cp_shared_fn *fn, void *user);
/** The record of a person: a user, or with user NULL a guest. NULL: out of memory. */
json_t *cp_shared_person(const struct cp_user *user, const char *guest, struct gw_sv impu);
/** Whose session is it? text: the person. */
void cp_shared_session(struct cp_waf *w, struct gw_sv cookie, cp_shared_fn *fn, void *user);
/** A code, which is spent by this. text: to cp_shared_redeem. */
void cp_shared_take_code(struct cp_waf *w, struct gw_sv code, cp_shared_fn *fn, void *user);
/** As cp_grants_redeem, of what cp_shared_take_code has brought. */
enum gw_err cp_shared_redeem(struct cp_waf *w, struct gw_sv text, const struct cp_conf_client *client,
	struct gw_sv redirect_uri, struct gw_sv verifier, uint64_t now_s, struct cp_grant **out) GW_NODISCARD;
/** The record of a grant by its id, or by the jti of an access token; to cp_grant_read. */
void cp_shared_grant(struct cp_waf *w, struct gw_sv id, cp_shared_fn *fn, void *user);
void cp_shared_grant_of(struct cp_waf *w, struct gw_sv jti, cp_shared_fn *fn, void *user);
/**
 * Keep a grant.
 * @param before  its record as it was read; empty with code: it is new
 * @return by fn; GW_ENOENT: it, or the user, has changed meanwhile, or its code came twice
 */
void cp_shared_put(struct cp_waf *w, const struct cp_grant *grant, struct gw_sv before, struct gw_sv code, cp_shared_fn *fn,
	void *user);
/** End a grant, its access tokens and its session. fn may be NULL. */
void cp_shared_end(struct cp_waf *w, const char *id, cp_shared_fn *fn, void *user);
/** Tell Redis of the users who were changed, locked or deleted here: what was granted to them before, by any node, goes. */
void cp_shared_tell_users(struct cp_waf *w);
/** Tell the other nodes of our keys, and learn theirs. */
void cp_shared_keys(struct cp_waf *w);
/** From now on told of what other nodes do. */
void cp_shared_start(struct cp_waf *w);

#endif
