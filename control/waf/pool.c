/* SPDX-License-Identifier: Apache-2.0 */
/* IMPU pool: ranges of numbers, a bit for each IMPU and a queue of the free ones. */
#include "control/waf/pool.h"

#include <assert.h>
#include <stdlib.h>

struct cp_pool {
	struct cp_pool_range *ranges;
	unsigned n_ranges;
	uint32_t total, left;
	uint32_t *queue;          /* ring of free indices, longest free first; filled at the first take */
	uint32_t head, length;
	bool is_open;
	uint8_t *taken;
};

static uint32_t range_size(const struct cp_pool_range *r)
{
	return r->last - r->first + 1;
}

enum gw_err cp_pool_parse(struct gw_sv pattern, struct cp_pool_range *out)
{
	size_t open = gw_sv_chr(pattern, '{', 0), close = gw_sv_chr(pattern, '}', 0);
	struct gw_sv inside, first, last;
	struct cp_pool_range r = { .prefix = pattern, .is_single = true };
	size_t dots;

	if (pattern.len == 0 || pattern.len + 10 >= CP_IMPU_BYTES)
		return GW_EBADMSG;
	if (open == pattern.len && close == pattern.len) {
		*out = r;
		return GW_OK;
	}
	if (open >= close || close == pattern.len || gw_sv_chr(pattern, '{', open + 1) < pattern.len ||
		gw_sv_chr(pattern, '}', close + 1) < pattern.len)
		return GW_EBADMSG;
	inside = gw_sv_sub(pattern, open + 1, close);
	dots = gw_sv_find(inside, GW_SV(".."));
	first = gw_sv_sub(inside, 0, dots);
	last = gw_sv_sub(inside, dots + 2, inside.len);
	if (dots == inside.len || gw_sv_uint_max(first, 999999999, &r.first) || gw_sv_uint_max(last, 999999999, &r.last) ||
		r.last < r.first || r.last - r.first >= CP_POOL_MAX)
		return GW_EBADMSG;
	r.is_single = false;
	r.width = first.len > 1 && first.p[0] == '0' && first.len <= 9 ? (uint32_t)first.len : 0;
	r.prefix = gw_sv_sub(pattern, 0, open);
	r.suffix = gw_sv_sub(pattern, close + 1, pattern.len);
	*out = r;
	return GW_OK;
}

enum gw_err cp_pool_new(struct cp_pool **out, char *const *patterns, unsigned n)
{
	struct cp_pool *p = calloc(1, sizeof(*p));
	enum gw_err err = GW_ENOMEM;

	if (!p || !(p->ranges = calloc(n ? n : 1, sizeof(*p->ranges))))
		goto out;
	for (; p->n_ranges < n; p->n_ranges++) {
		struct cp_pool_range *r = &p->ranges[p->n_ranges];

		if ((err = cp_pool_parse(gw_sv_cstr(patterns[p->n_ranges]), r)))
			goto out;
		err = GW_ELIMIT;
		if (range_size(r) > CP_POOL_MAX - p->total)
			goto out;
		p->total += range_size(r);
	}
	err = GW_ENOMEM;
	p->left = p->total;
	p->queue = calloc(p->total ? p->total : 1, sizeof(*p->queue));
	p->taken = calloc(p->total / 8 + 1, 1);
	if (!p->queue || !p->taken)
		goto out;
	*out = p;
	return GW_OK;
out:
	cp_pool_free(p);
	return err;
}

static bool is_taken(const struct cp_pool *p, uint32_t i)
{
	return p->taken[i / 8] >> i % 8 & 1;
}

static void mark(struct cp_pool *p, uint32_t i)
{
	p->taken[i / 8] |= (uint8_t)(1u << i % 8);
	p->left--;
}

static bool index_in(const struct cp_pool_range *r, struct gw_sv impu, uint32_t *out)
{
	char written[CP_IMPU_BYTES];
	struct gw_buf b = gw_buf(written, sizeof(written));
	uint32_t n;

	if (r->is_single) {
		*out = 0;
		return gw_sv_eq(impu, r->prefix);
	}
	if (impu.len <= r->prefix.len + r->suffix.len || !gw_sv_starts(impu, r->prefix) || !gw_sv_ends(impu, r->suffix) ||
		gw_sv_u32(gw_sv_sub(impu, r->prefix.len, impu.len - r->suffix.len), &n) || n < r->first || n > r->last)
		return false;
	gw_buf_printf(&b, "%0*u", (int)r->width, n);	/* "07" and "7" are two IMPUs */
	*out = n - r->first;
	return gw_sv_eq(gw_buf_sv(&b), gw_sv_sub(impu, r->prefix.len, impu.len - r->suffix.len));
}

enum gw_err cp_pool_claim(struct cp_pool *p, struct gw_sv impu, uint32_t *out)
{
	uint32_t before = 0, i;

	if (p->is_open)
		return GW_ESTATE;
	for (unsigned k = 0; k < p->n_ranges; before += range_size(&p->ranges[k]), k++) {
		if (!index_in(&p->ranges[k], impu, &i))
			continue;
		if (is_taken(p, before + i))
			return GW_EEXIST;
		mark(p, before + i);
		*out = before + i;
		return GW_OK;
	}
	return GW_ENOENT;
}

static void push(struct cp_pool *p, uint32_t i)
{
	p->queue[(p->head + p->length++) % p->total] = i;
}

static void open_pool(struct cp_pool *p)
{
	p->is_open = true;
	for (uint32_t i = 0; i < p->total; i++)
		if (!is_taken(p, i))
			push(p, i);
}

enum gw_err cp_pool_take(struct cp_pool *p, uint32_t *out)
{
	if (!p->is_open)
		open_pool(p);
	if (p->length == 0)
		return GW_ELIMIT;
	*out = p->queue[p->head];
	p->head = (p->head + 1) % p->total;
	p->length--;
	mark(p, *out);
	return GW_OK;
}

void cp_pool_give(struct cp_pool *p, uint32_t i)
{
	assert(i < p->total && is_taken(p, i));
	p->taken[i / 8] &= (uint8_t)~(1u << i % 8);
	p->left++;
	if (p->is_open)
		push(p, i);
}

void cp_pool_impu(const struct cp_pool *p, uint32_t i, char out[CP_IMPU_BYTES])
{
	struct gw_buf b = gw_buf(out, CP_IMPU_BYTES - 1);
	unsigned k = 0;

	assert(i < p->total);
	for (; i >= range_size(&p->ranges[k]); k++)
		i -= range_size(&p->ranges[k]);
	gw_buf_put(&b, p->ranges[k].prefix);
	if (!p->ranges[k].is_single)
		gw_buf_printf(&b, "%0*u", (int)p->ranges[k].width, p->ranges[k].first + i);
	gw_buf_put(&b, p->ranges[k].suffix);
	out[b.len] = '\0';
}

uint32_t cp_pool_size(const struct cp_pool *p)
{
	return p->total;
}

uint32_t cp_pool_left(const struct cp_pool *p)
{
	return p->left;
}

void cp_pool_free(struct cp_pool *p)
{
	if (!p)
		return;
	free(p->ranges);
	free(p->queue);
	free(p->taken);
	free(p);
}
