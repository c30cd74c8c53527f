/* SPDX-License-Identifier: Apache-2.0 */
/* What grants.c (persons, sessions, codes) and grant.c (grants and their tokens) share. */
#ifndef CP_GRANTS_INT_H
#define CP_GRANTS_INT_H

#include <jansson.h>

#include "control/waf/grants.h"

struct cp_session {
	struct gw_list of_person, by_age;
	struct cp_person *person;
	unsigned char key[32];
	uint64_t end_s;
};

struct cp_code {
	struct gw_list of_person, by_age;
	struct cp_person *person;         /* NULL: spent */
	const struct cp_conf_client *client;
	const char *redirect_uri;
	unsigned char key[32], session[32];
	char challenge[44];
	char grant[CP_ID_CHARS + 1];      /* made of it; empty: none */
	uint64_t end_s;
};

struct cp_grants {
	const struct cp_conf_waf *conf;
	struct cp_pool *pool;
	struct cp_state *state;
	void (*revoke)(void *user, struct gw_sv jti, uint64_t until_s);
	void (*drop)(void *user, const char *id);	/* not NULL: grants are at the nodes' Redis (shared.c) */
	void *user;
	struct gw_map persons, sessions, codes, grants, tokens;  /* by sub, key, key, id, jti */
	struct gw_list session_ages, code_ages, grant_ages;      /* the first ends first */
};

/* grants.c */
/* All that is in memory goes, nobody is told. */
void cp_grants_clear(struct cp_grants *g);
void cp_grants_hash(struct gw_sv secret, unsigned char out[32]);
void cp_session_drop(struct cp_grants *g, struct cp_session *s);
bool cp_code_fits(const struct cp_code *c, const struct cp_conf_client *client, struct gw_sv redirect_uri, struct gw_sv verifier);
/* With a lease: a guest; user then is NULL, or says who he was before a restart. */
struct cp_person *cp_person_new(struct cp_grants *g, const struct cp_user *user, uint32_t lease);
/* Nothing refers to the person any more: it goes, and a guest's IMPU back to the pool. */
void cp_person_settle(struct cp_grants *g, struct cp_person *p);
/* grant.c */
struct cp_grant *cp_grant_new(struct cp_grants *g, const struct cp_code *code, struct cp_person *p, uint64_t now_s);
/* Ends the grant and tells of its tokens; the person may go with it. */
void cp_grant_drop(struct cp_grants *g, struct cp_grant *grant, uint64_t now_s);
void cp_grant_free(struct cp_grants *g, struct cp_grant *grant);
/* The person of a record; the same one when he is there already. */
struct cp_person *cp_person_read(struct cp_grants *g, json_t *j);
/* GW_OK; GW_ENOENT: it is none, or over; GW_ENOMEM */
enum gw_err cp_grant_read(struct cp_grants *g, struct gw_sv text, uint64_t now_s, struct cp_grant **out);
bool cp_grant_from_hex(const char *in, unsigned char out[32]);
/* Its record, to be freed; NULL: out of memory. */
char *cp_grant_text(const struct cp_grant *grant);
enum gw_err cp_grant_load(struct cp_grants *g, uint64_t now_s);

#endif
