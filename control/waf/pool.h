/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of IMPUs a WWSF hands to visitors without an account (scenario 3, TS 23.228 U.2.1). An IMPU given
 * back is handed out again as late as possible. Control thread only.
 */
#ifndef CP_POOL_H
#define CP_POOL_H

#include "proto/base/buf.h"

#define CP_POOL_MAX 1000000u      /* IMPUs of a pool */
#define CP_IMPU_BYTES 256         /* longest IMPU with its NUL */
#define CP_POOL_NONE UINT32_MAX

/** "sip:guest{1..100}@home1.example" in parts; slices of the pattern. Leading zeros of first give the width. */
struct cp_pool_range {
	struct gw_sv prefix, suffix;
	uint32_t first, last, width;
	bool is_single;           /* no range: the pattern is the IMPU */
};

/** GW_OK; GW_EBADMSG (not a range, backwards, more than one, or too large). */
enum gw_err cp_pool_parse(struct gw_sv pattern, struct cp_pool_range *out) GW_NODISCARD;

struct cp_pool;

/** The patterns outlive the pool. GW_EBADMSG; GW_ELIMIT (more than CP_POOL_MAX); GW_ENOMEM. */
enum gw_err cp_pool_new(struct cp_pool **out, char *const *patterns, unsigned n) GW_NODISCARD;
/** Take one of the past, named by its IMPU; before the first cp_pool_take only. GW_ENOENT, GW_EEXIST, GW_ESTATE. */
enum gw_err cp_pool_claim(struct cp_pool *p, struct gw_sv impu, uint32_t *out) GW_NODISCARD;
/** GW_OK; GW_ELIMIT: exhausted. */
enum gw_err cp_pool_take(struct cp_pool *p, uint32_t *out) GW_NODISCARD;
/** Exactly once for each taken. */
void cp_pool_give(struct cp_pool *p, uint32_t index);
/** The IMPU of an index, with a NUL. */
void cp_pool_impu(const struct cp_pool *p, uint32_t index, char out[CP_IMPU_BYTES]);
uint32_t cp_pool_size(const struct cp_pool *p);
uint32_t cp_pool_left(const struct cp_pool *p);
/** Accepts NULL. */
void cp_pool_free(struct cp_pool *p);

#endif
