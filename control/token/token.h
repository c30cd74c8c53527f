/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier of access tokens (W2-TOK-05, -06, -19): JWT by the keys of their issuer, others by introspection.
 * Verdicts are cached by the SHA-256 of the token; the token itself is kept only while a check waits for an
 * answer, and never logged. Control thread only.
 */
#ifndef CP_TOKEN_H
#define CP_TOKEN_H

#include "control/app/loop.h"
#include "control/token/identity.h"

struct cp_token;
struct cp_token_wait;

/** Which tokens count no more: all of a user issued up to a time, or the one with this jti. */
struct cp_token_revocation {
	struct gw_sv issuer;
	struct gw_sv impi;        /* read when jti is empty */
	struct gw_sv jti;
	uint64_t issued_to_s;     /* with impi: seconds since 1970; tokens that do not state iat are revoked too */
	uint64_t until_s;         /* no token it means lives longer: then it is forgotten */
};

/** id is borrowed during the call, NULL unless CP_TOKEN_VALID. */
typedef void cp_token_done(void *user, enum cp_verdict verdict, struct cp_identity *id);

/** conf, loop and log outlive it. Key files are read; GW_EIO when one cannot be (logged). */
enum gw_err cp_token_new(struct cp_token **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log) GW_NODISCARD;
/** Waiting checks end without a call. Accepts NULL. */
void cp_token_free(struct cp_token *v);
/** Read key and client files again (SIGHUP). What cannot be read stays as it was, and is logged. */
void cp_token_reload(struct cp_token *v);
/** What the configuration, or its default, says of an issuer; NULL: no token of it is taken. */
const struct cp_conf_issuer *cp_token_issuer(struct cp_token *v, struct gw_sv name);
/** Can any token be taken at all? */
bool cp_token_has_issuer(const struct cp_token *v);

/** The cached verdict, without any work (W2-TOK-03). *id is borrowed. CP_TOKEN_UNKNOWN: ask cp_token_check. */
enum cp_verdict cp_token_cached(struct cp_token *v, struct gw_sv token, struct cp_identity **id);
/**
 * Check a token. done is called from inside when nothing has to be asked.
 * @return NULL: done was called; else the wait, which ends by done or by cp_token_cancel
 */
struct cp_token_wait *cp_token_check(struct cp_token *v, struct gw_sv token, cp_token_done *done, void *user);
void cp_token_cancel(struct cp_token_wait *w);

/**
 * Keys of an issuer as JWK Set, from the WAF of this process. An issuer the configuration does not name is
 * added with the defaults (audience w2.host, scope tokens.scope). Verdicts by keys that are gone are forgotten.
 * @return GW_OK; GW_EBADMSG (no JWK Set; the old keys stay); GW_EINVAL (its keys come from elsewhere); GW_ENOMEM
 */
enum gw_err cp_token_set_keys(struct cp_token *v, struct gw_sv issuer, struct gw_sv jwks) GW_NODISCARD;
/** From now on these tokens are invalid, and on_revoked is told. GW_ENOMEM, GW_ELIMIT: it is not in force. */
enum gw_err cp_token_revoke(struct cp_token *v, const struct cp_token_revocation *r) GW_NODISCARD;
/** Does the revocation mean this identity's token? */
bool cp_token_revokes(const struct cp_token_revocation *r, const struct cp_identity *id);
/** Was this identity's token revoked? Cached verdicts are not: for what was verified a while ago. */
bool cp_token_is_revoked(struct cp_token *v, const struct cp_identity *id);
/** One listener: told of each revocation, and with r NULL of a token that introspection has taken back. */
void cp_token_on_revoked(struct cp_token *v, void (*fn)(void *user, const struct cp_token_revocation *r,
	const unsigned char *token_hash), void *user);

#endif
