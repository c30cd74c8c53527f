/* SPDX-License-Identifier: Apache-2.0 */
/* String slice: pointer and length into bytes that somebody else owns. Never NUL-terminated. */
#ifndef GW_SV_H
#define GW_SV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/err.h"

struct gw_sv {
	const char *p;
	size_t len;
};

#define GW_SV(lit) ((struct gw_sv){ "" lit, sizeof(lit) - 1 })
#define GW_SV_INIT(lit) { "" lit, sizeof(lit) - 1 }
#define GW_SV_NONE ((struct gw_sv){ NULL, 0 })
/* for printf("%.*s", GW_SV_FMT(s)) */
#define GW_SV_FMT(s) (int)(s).len, (s).p ? (s).p : ""

static inline struct gw_sv gw_sv(const void *p, size_t len)
{
	return (struct gw_sv){ p, len };
}

static inline struct gw_sv gw_sv_cstr(const char *s)
{
	return (struct gw_sv){ s, s ? strlen(s) : 0 };
}

static inline bool gw_sv_empty(struct gw_sv s)
{
	return s.len == 0;
}

static inline char gw_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool gw_sv_eq(struct gw_sv a, struct gw_sv b);
/** ASCII case-insensitive comparison. */
bool gw_sv_ieq(struct gw_sv a, struct gw_sv b);
bool gw_sv_starts(struct gw_sv s, struct gw_sv prefix);
bool gw_sv_istarts(struct gw_sv s, struct gw_sv prefix);
bool gw_sv_ends(struct gw_sv s, struct gw_sv suffix);
/** memcmp order, then by length: <0, 0, >0. */
int gw_sv_cmp(struct gw_sv a, struct gw_sv b);
/** First index of c at or after from, or s.len. */
size_t gw_sv_chr(struct gw_sv s, char c, size_t from);
/** First index of needle, or s.len when absent. */
size_t gw_sv_find(struct gw_sv s, struct gw_sv needle);
/** Part [from, to); both are clamped to the slice. */
struct gw_sv gw_sv_sub(struct gw_sv s, size_t from, size_t to);
/** Without leading and trailing space, tab, CR, LF. */
struct gw_sv gw_sv_trim(struct gw_sv s);
/**
 * Cut the slice at the first c: *head gets what is before, *rest what is after.
 * @return false when c is absent: then *head is all of s and *rest is empty
 */
bool gw_sv_cut(struct gw_sv s, char c, struct gw_sv *head, struct gw_sv *rest);
/** Take the next line off *s (CRLF, LF or CR ends it; the end is not part of it). */
bool gw_sv_line(struct gw_sv *s, struct gw_sv *line);
/** Take the next run of non-blank bytes (space, tab) off *s. */
bool gw_sv_word(struct gw_sv *s, struct gw_sv *word);
/** Is word one of the words of s? */
bool gw_sv_has_word(struct gw_sv s, struct gw_sv word);
/** Decimal digits only, whole slice, overflow refused; *out only on GW_OK. */
enum gw_err gw_sv_u32(struct gw_sv s, uint32_t *out) GW_NODISCARD;
enum gw_err gw_sv_u64(struct gw_sv s, uint64_t *out) GW_NODISCARD;
/** As gw_sv_u32, and refused above max. */
enum gw_err gw_sv_uint_max(struct gw_sv s, uint32_t max, uint32_t *out) GW_NODISCARD;
/** Hexadecimal digits only, whole slice. */
enum gw_err gw_sv_hex32(struct gw_sv s, uint32_t *out) GW_NODISCARD;
/** Copy with a NUL behind; GW_ENOSPC leaves dst as an empty string. */
enum gw_err gw_sv_copy(struct gw_sv s, char *dst, size_t cap) GW_NODISCARD;
/** malloc'ed NUL-terminated copy, or NULL. */
char *gw_sv_dup(struct gw_sv s);
/** Comparison whose time depends on the lengths only, for secrets. */
bool gw_sv_eq_const_time(struct gw_sv a, struct gw_sv b);
/** 64-bit hash with a process seed against crafted collisions (see gw_hash_seed). */
uint64_t gw_sv_hash(struct gw_sv s);
uint64_t gw_sv_ihash(struct gw_sv s);
#define GW_HASH_STABLE_INIT 0xcbf29ce484222325ull
/** FNV-1a of what was hashed before and s: the same in every process, for what is stored; no defence against collisions. */
uint64_t gw_sv_hash_stable(uint64_t before, struct gw_sv s);
/** Set the seed of the hashes; call once at start, before any map exists. */
void gw_hash_seed(uint64_t seed);

#endif
