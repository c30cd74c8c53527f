/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts by SHA-256 of the token, so that every request can be checked (W2-TOK-03). Bounded, least used goes. */
#ifndef CP_CACHE_H
#define CP_CACHE_H

#include "control/token/identity.h"
#include "proto/base/list.h"
#include "proto/base/map.h"

/** Zero-initialise max, then cp_cache_init. Control thread only. */
struct cp_cache {
	struct gw_map by_hash;
	struct gw_list lru;          /* least recently used first */
	unsigned max;
};

void cp_cache_init(struct cp_cache *c, unsigned max);
void cp_cache_free(struct cp_cache *c);
/** CP_TOKEN_UNKNOWN when it is not there or its time is over. *id is borrowed, NULL unless CP_TOKEN_VALID. */
enum cp_verdict cp_cache_get(struct cp_cache *c, const unsigned char hash[CP_TOKEN_HASH_BYTES], uint64_t now_s,
	struct cp_identity **id);
/** id (NULL: none) gets a reference. Without memory nothing is kept: the next request asks again. */
void cp_cache_put(struct cp_cache *c, const unsigned char hash[CP_TOKEN_HASH_BYTES], enum cp_verdict verdict,
	struct cp_identity *id, uint64_t until_s);
/** Forget those match says. */
void cp_cache_drop(struct cp_cache *c, bool (*match)(const struct cp_identity *id, const void *user), const void *user);

#endif
