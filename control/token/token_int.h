/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the verifier share. */
#ifndef CP_TOKEN_INT_H
#define CP_TOKEN_INT_H

#include "control/token/cache.h"
#include "control/token/https.h"
#include "control/token/jwt.h"
#include "control/token/token.h"


/** A WAF and what we know of it. */
struct cp_issuer {
	struct cp_token *v;
	struct cp_conf_issuer conf;  /* strings of the configuration, or name below */
	char *name;                  /* of an issuer that is not in the configuration */
	struct cp_jwks *keys;        /* NULL: none yet */
	uint64_t fetched_ms;
	struct cp_https_job *job;    /* the key set is being fetched */
	uint64_t next_try_ms;        /* for an unknown kid, not before */
	bool has_failed;             /* the last fetch */
	struct gw_timer refresh;
	struct gw_list waiting;      /* checks until the fetch ends */
	struct gw_list asking;       /* checks that wait for introspection */
	char *client;                /* "id:secret"; NULL: none could be read */
};

/** A check that waits for a key set or an introspection answer. */
struct cp_token_wait {
	struct gw_list node;
	struct cp_issuer *issuer;
	struct cp_https_job *job;    /* introspection */
	char *token;
	size_t token_len;
	unsigned char hash[CP_TOKEN_HASH_BYTES];
	cp_token_done *done;
	void *user;
};

struct cp_token {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	struct cp_https *https;
	struct cp_issuer **issuers;
	unsigned n_issuers;
	struct cp_cache valid, refused; /* apart: refused tokens of strangers must not push verdicts of users out */
	unsigned n_waiting;
	struct gw_map revoked;
	struct gw_list revocations;     /* oldest first */
	void (*on_revoked)(void *user, const struct cp_token_revocation *r, const unsigned char *token_hash);
	void *on_revoked_user;
};

/* issuer.c */
enum gw_err cp_issuer_new(struct cp_issuer **out, struct cp_token *v, const struct cp_conf_issuer *conf) GW_NODISCARD;
void cp_issuer_free(struct cp_issuer *i);
/** Read its files, or begin to fetch its keys. GW_EIO (logged) */
enum gw_err cp_issuer_load(struct cp_issuer *i) GW_NODISCARD;
enum gw_err cp_issuer_set_keys(struct cp_issuer *i, struct gw_sv jwks) GW_NODISCARD;
/** Keys that count now, or NULL. */
const struct cp_jwks *cp_issuer_keys(const struct cp_issuer *i);
/** A key is missing: true when it is being asked for and the check should wait. */
bool cp_issuer_fetch(struct cp_issuer *i);
/* token.c */
/** Answer a check that waited for keys. */
void cp_token_resume(struct cp_token_wait *w);
void cp_token_forget(struct cp_token *v, const struct cp_issuer *i);
/* revoke.c */
void cp_token_revocations_free(struct cp_token *v);

#endif
