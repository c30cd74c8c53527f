/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of waf/ that serve requests share. */
#ifndef CP_WAF_INT_H
#define CP_WAF_INT_H

#include "control/app/metrics.h"
#include "control/state/share.h"
#include "control/transport/rate.h"
#include "control/waf/backoff.h"
#include "control/waf/form.h"
#include "control/waf/grants.h"
#include "control/waf/jwt.h"
#include "control/waf/password.h"
#include "control/waf/waf.h"

#define CP_WAF_AUTHORIZE "/oauth/authorize"
#define CP_WAF_TOKEN "/oauth/token"
#define CP_WAF_REVOKE "/oauth/revoke"
#define CP_WAF_INTROSPECT "/oauth/introspect"
#define CP_WAF_STYLE "/oauth/style.css"
#define CP_WAF_JWKS "/.well-known/jwks.json"
#define CP_WAF_METADATA "/.well-known/oauth-authorization-server"
#define CP_CSRF_BYTES 32

struct cp_waf {
	const struct cp_conf_waf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	struct cp_waf_ops ops;
	struct cp_users *users;
	struct cp_state *state;
	struct cp_keys *keys;
	struct cp_pool *pool;             /* NULL: no guests */
	struct cp_grants *grants;
	struct cp_store *store;           /* NULL: none, or it is closed */
	const char *node;
	bool is_shared;                   /* grants are in Redis (shared.h), for all nodes */
	bool is_heard;                    /* what other nodes do is told to us */
	bool is_telling;                  /* of users who changed */
	bool is_reading, reads_again;     /* the tokens the nodes have revoked; from the first one again */
	char revoked_last[CP_ID_CHARS + 1];       /* as far as they are read */
	int64_t users_seen, users_telling;        /* changes of the file (cp_users_changes) */
	int64_t users_first;              /* behind it changes are new: made since the nodes hear of each other */
	struct cp_backoff by_source, by_account, guests, grants_failed;
	unsigned char csrf_key[CP_CSRF_BYTES];
	char dummy_hash[CP_HASH_BYTES];   /* checked when there is no such user, so that it takes as long */
	struct gw_list jobs;              /* password checks, waiting or on the thread pool */
	unsigned n_jobs, n_running;
	struct gw_timer tick;
	uint64_t housekeep_s;             /* when next */
	uv_work_t checkpoint;
	bool is_checkpointing, is_stopping;
};

/** An authorization request that may be answered by a redirect: client and URI are known. */
struct cp_authz {
	const struct cp_conf_client *client;
	const char *redirect_uri;
	struct gw_sv state, scope, challenge;
	bool asks_login;                  /* prompt=login: an old session will not do */
};

/* waf.c */
void cp_waf_publish(struct cp_waf *w);
void cp_waf_revoked(struct cp_waf *w, struct gw_sv jti, uint64_t until_s);
void cp_waf_json(struct cp_web_req *r, unsigned status, const char *text);
/* Cross-origin readers: only pages of configured clients; NULL: anybody. */
void cp_waf_allow_origin(struct cp_waf *w, struct cp_web_req *r);
void cp_waf_retry_after(struct cp_web_req *r, uint64_t wait_ms);

/* authorize.c: /oauth/authorize */
void cp_waf_authorize(struct cp_waf *w, struct cp_web_req *r);

/* login.c: the form's way through the password check */
void cp_waf_login(struct cp_waf *w, struct cp_web_req *r, const struct cp_form *form, const struct cp_authz *a);
void cp_waf_login_stop(struct cp_waf *w);
/* authorize.c: he is who he says, or a guest (user NULL): session cookie, code, redirect */
void cp_waf_accept(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, const struct cp_user *user);

/* page.c */
enum cp_page_note { CP_NOTE_NONE, CP_NOTE_WRONG, CP_NOTE_SLOW, CP_NOTE_BUSY, CP_NOTE_FULL, CP_NOTE_STALE };
void cp_waf_page(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, enum cp_page_note note,
	struct gw_sv login, uint64_t wait_ms);
/* A request that cannot be answered to its client: said to the person, redirected nowhere. */
void cp_waf_page_error(struct cp_web_req *r, unsigned status, const char *what);
void cp_waf_style(struct cp_web_req *r);
bool cp_waf_csrf_ok(const struct cp_waf *w, const struct cp_web_req *r, struct gw_sv token);

/* token.c: /oauth/token, /oauth/revoke, /oauth/introspect */
void cp_waf_token(struct cp_waf *w, struct cp_web_req *r);
void cp_waf_revoke(struct cp_waf *w, struct cp_web_req *r);
void cp_waf_introspect(struct cp_waf *w, struct cp_web_req *r);

#endif
