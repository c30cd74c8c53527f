/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed set of words, each with a number, found by one hash whatever their case. */
#ifndef GW_WORDS_H
#define GW_WORDS_H

#include "proto/base/sv.h"

#define GW_WORDS_SLOTS 1024u    /* a power of two; at most half of them are used */

/** Zero-initialise. Filled once at start, read by any thread afterwards. */
struct gw_words {
	struct {
		struct gw_sv text;      /* not copied */
		unsigned id;            /* 0: free */
	} slot[GW_WORDS_SLOTS];
	unsigned n;
};

/** id is not 0. @return GW_OK; GW_EEXIST: the word has another number; GW_ELIMIT */
enum gw_err gw_words_add(struct gw_words *w, struct gw_sv text, unsigned id) GW_NODISCARD;
/** The number of the word; 0 when it is none of the set. */
unsigned gw_words_find(const struct gw_words *w, struct gw_sv text);

#endif
