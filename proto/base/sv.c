/* SPDX-License-Identifier: Apache-2.0 */
/* String slices: compare, cut, numbers with bounds. */
#include "proto/base/sv.h"

#include <stdlib.h>

bool gw_sv_eq(struct gw_sv a, struct gw_sv b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool gw_sv_ieq(struct gw_sv a, struct gw_sv b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (gw_lower(a.p[i]) != gw_lower(b.p[i]))
			return false;
	return true;
}

bool gw_sv_starts(struct gw_sv s, struct gw_sv prefix)
{
	return s.len >= prefix.len && gw_sv_eq(gw_sv(s.p, prefix.len), prefix);
}

bool gw_sv_istarts(struct gw_sv s, struct gw_sv prefix)
{
	return s.len >= prefix.len && gw_sv_ieq(gw_sv(s.p, prefix.len), prefix);
}

bool gw_sv_ends(struct gw_sv s, struct gw_sv suffix)
{
	return s.len >= suffix.len && gw_sv_eq(gw_sv_sub(s, s.len - suffix.len, s.len), suffix);
}

int gw_sv_cmp(struct gw_sv a, struct gw_sv b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int d = n ? memcmp(a.p, b.p, n) : 0;

	if (d)
		return d;
	return a.len < b.len ? -1 : a.len > b.len;
}

size_t gw_sv_chr(struct gw_sv s, char c, size_t from)
{
	const char *q;

	if (from >= s.len)
		return s.len;
	q = memchr(s.p + from, c, s.len - from);
	return q ? (size_t)(q - s.p) : s.len;
}

size_t gw_sv_find(struct gw_sv s, struct gw_sv needle)
{
	if (needle.len == 0)
		return 0;
	for (size_t i = 0; i + needle.len <= s.len; i++) {
		i = gw_sv_chr(s, needle.p[0], i);
		if (i + needle.len > s.len)
			break;
		if (memcmp(s.p + i, needle.p, needle.len) == 0)
			return i;
	}
	return s.len;
}

struct gw_sv gw_sv_sub(struct gw_sv s, size_t from, size_t to)
{
	if (to > s.len)
		to = s.len;
	if (from > to)
		from = to;
	return gw_sv(s.p ? s.p + from : NULL, to - from);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

struct gw_sv gw_sv_trim(struct gw_sv s)
{
	while (s.len && is_space(s.p[0]))
		s.p++, s.len--;
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool gw_sv_cut(struct gw_sv s, char c, struct gw_sv *head, struct gw_sv *rest)
{
	size_t i = gw_sv_chr(s, c, 0);

	*head = gw_sv_sub(s, 0, i);
	*rest = gw_sv_sub(s, i + 1, s.len);
	return i < s.len;
}

bool gw_sv_line(struct gw_sv *s, struct gw_sv *line)
{
	size_t i = 0, skip;

	if (s->len == 0)
		return false;
	while (i < s->len && s->p[i] != '\r' && s->p[i] != '\n')
		i++;
	skip = i < s->len && s->p[i] == '\r' && i + 1 < s->len && s->p[i + 1] == '\n' ? 2 : 1;
	*line = gw_sv_sub(*s, 0, i);
	*s = gw_sv_sub(*s, i + skip, s->len);
	return true;
}

bool gw_sv_word(struct gw_sv *s, struct gw_sv *word)
{
	size_t i = 0, j;

	while (i < s->len && is_blank(s->p[i]))
		i++;
	j = i;
	while (j < s->len && !is_blank(s->p[j]))
		j++;
	if (i == j)
		return false;
	*word = gw_sv_sub(*s, i, j);
	*s = gw_sv_sub(*s, j, s->len);
	return true;
}

bool gw_sv_has_word(struct gw_sv s, struct gw_sv word)
{
	struct gw_sv one;

	while (gw_sv_word(&s, &one))
		if (gw_sv_eq(one, word))
			return true;
	return false;
}

enum gw_err gw_sv_u64(struct gw_sv s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0)
		return GW_EBADMSG;
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = (unsigned)(unsigned char)s.p[i] - '0';

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return GW_EBADMSG;
		v = v * 10 + d;
	}
	*out = v;
	return GW_OK;
}

enum gw_err gw_sv_uint_max(struct gw_sv s, uint32_t max, uint32_t *out)
{
	uint64_t v;

	if (gw_sv_u64(s, &v) || v > max)
		return GW_EBADMSG;
	*out = (uint32_t)v;
	return GW_OK;
}

enum gw_err gw_sv_u32(struct gw_sv s, uint32_t *out)
{
	return gw_sv_uint_max(s, UINT32_MAX, out);
}

enum gw_err gw_sv_hex32(struct gw_sv s, uint32_t *out)
{
	uint32_t v = 0;

	if (s.len == 0 || s.len > 8)
		return GW_EBADMSG;
	for (size_t i = 0; i < s.len; i++) {
		char c = gw_lower(s.p[i]);

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			return GW_EBADMSG;
	}
	*out = v;
	return GW_OK;
}

enum gw_err gw_sv_copy(struct gw_sv s, char *dst, size_t cap)
{
	if (cap == 0)
		return GW_ENOSPC;
	dst[0] = '\0';
	if (s.len >= cap)
		return GW_ENOSPC;
	if (s.len)
		memcpy(dst, s.p, s.len);
	dst[s.len] = '\0';
	return GW_OK;
}

char *gw_sv_dup(struct gw_sv s)
{
	char *d = malloc(s.len + 1);

	if (!d)
		return NULL;
	if (s.len)
		memcpy(d, s.p, s.len);
	d[s.len] = '\0';
	return d;
}

bool gw_sv_eq_const_time(struct gw_sv a, struct gw_sv b)
{
	unsigned char diff = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		diff |= (unsigned char)(a.p[i] ^ b.p[i]);
	return diff == 0;
}

static uint64_t hash_seed = 0x9e3779b97f4a7c15ull;

void gw_hash_seed(uint64_t seed)
{
	hash_seed = seed | 1;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	return h ^ h >> 32;
}

uint64_t gw_sv_hash(struct gw_sv s)
{
	uint64_t h = hash_seed ^ s.len;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull ^ h >> 29;
	return mix(h ^ hash_seed << 1);
}

uint64_t gw_sv_hash_stable(uint64_t before, struct gw_sv s)
{
	for (size_t i = 0; i < s.len; i++)
		before = (before ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
	return before;
}

uint64_t gw_sv_ihash(struct gw_sv s)
{
	uint64_t h = hash_seed ^ s.len;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)gw_lower(s.p[i])) * 0x100000001b3ull ^ h >> 29;
	return mix(h ^ hash_seed << 1);
}
