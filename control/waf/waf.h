/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded WWSF and WAF: sign-in page, OAuth 2.0 authorization server (RFC 6749 with RFC 9700, PKCE RFC 7636),
 * access tokens (RFC 9068) with the claims of W2-TOK-06, pool of guests' IMPUs (scenario 3). W2-ARC-09, threat W8.
 * Control thread only; password hashing runs on the thread pool of libuv.
 */
#ifndef CP_WAF_H
#define CP_WAF_H

#include "control/app/conf.h"
#include "control/app/loop.h"
#include "control/state/store.h"
#include "control/web/web.h"

struct cp_waf;

/** What the verifier of tokens in the same process wants to know; each may be NULL. */
struct cp_waf_ops {
	/** At the start and whenever the published key set changes. jwks: a JWK set, read during the call. */
	void (*set_keys)(void *user, struct gw_sv issuer, struct gw_sv jwks);
	/** An access token ended before its time, which is until_s, seconds since 1970 (W2-TOK-19). */
	void (*revoke)(void *user, struct gw_sv issuer, struct gw_sv jti, uint64_t until_s);
	void *user;
};

/**
 * Opens the files, makes them at the first start; errors are logged. conf, loop and log outlive it.
 * @param store  when nodes share it, what is granted is there; it is used until cp_waf_stop. May be NULL.
 */
enum gw_err cp_waf_new(struct cp_waf **out, const struct cp_conf *conf, struct cp_store *store, struct cp_loop *loop,
	const struct gw_log *log, const struct cp_waf_ops *ops) GW_NODISCARD;
/** The store closes: from now on, with several nodes, nothing is granted. Accepts NULL. */
void cp_waf_stop(struct cp_waf *w);
/** Is this a path of the WAF? */
bool cp_waf_serves(struct gw_sv path);
/** Answers r, at once or later. */
void cp_waf_request(struct cp_waf *w, struct cp_web_req *r);
/** Waits for running password checks; every request is answered. Accepts NULL. */
void cp_waf_free(struct cp_waf *w);

#endif
