/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exponential back-off by key (a source address, an account): the first few hits are free, then each doubles the
 * time during which the key must wait. A fixed table: when it is full the key that was quiet the longest is
 * forgotten. Threat W8. Pure: the caller gives the time. Control thread only.
 */
#ifndef CP_BACKOFF_H
#define CP_BACKOFF_H

#include "proto/base/sv.h"

#define CP_BACKOFF_SETS 1024
#define CP_BACKOFF_WAYS 8

struct cp_backoff_slot {
	uint64_t hash;            /* 0: free */
	uint64_t last_ms, until_ms;
	uint32_t hits;
};

/** Zero-initialise, then set the four limits. About 256 KiB. */
struct cp_backoff {
	uint32_t free_hits;
	uint64_t base_ms, max_ms; /* the first wait, the longest one */
	uint64_t forget_ms;       /* quiet that long: as new */
	struct cp_backoff_slot slots[CP_BACKOFF_SETS][CP_BACKOFF_WAYS];
};

/** Milliseconds this key has to wait; 0: it may try. */
uint64_t cp_backoff_wait(const struct cp_backoff *r, struct gw_sv key, uint64_t now_ms);
/** Something to be rare has happened. */
void cp_backoff_hit(struct cp_backoff *r, struct gw_sv key, uint64_t now_ms);
/** The last hit was none, but what came before still counts. */
void cp_backoff_undo(struct cp_backoff *r, struct gw_sv key);
/** It ended well: the key is as new. */
void cp_backoff_clear(struct cp_backoff *r, struct gw_sv key);

#endif
