/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocator: a list of malloc'ed blocks, freed together. */
#include "proto/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4096u
#define LIMIT_DEFAULT (1u << 20)

struct gw_arena_block {
	struct gw_arena_block *next;
	size_t used, cap;
	alignas(max_align_t) unsigned char data[];
};

/*
 * A message takes and gives back a few blocks of the usual size: some are kept, or malloc would split and merge them each
 * time, and return memory to the kernel that it asks for again. Sanitizers see every block's end.
 */
#define KEPT_MAX 1024u	/* 4 MB: transactions of a few hundred milliseconds hold as many, and give them back */
#ifndef __has_feature
#define __has_feature(x) 0           /* clang's way to ask; gcc has the macro */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define KEEPS false
#else
#define KEEPS true
#endif

static _Thread_local struct {
	struct gw_arena_block *head;
	unsigned n;
} kept;

static struct gw_arena_block *take_block(size_t cap)
{
	struct gw_arena_block *b = kept.head;

	if (!b || cap != BLOCK_BYTES)
		return malloc(sizeof(*b) + cap);
	kept.head = b->next;
	kept.n--;
	return b;
}

static void give_block(struct gw_arena_block *b)
{
	if (!KEEPS || kept.n >= KEPT_MAX || b->cap != BLOCK_BYTES) {
		free(b);
		return;
	}
	explicit_bzero(b->data, b->used);	/* there may have been a password */
	b->next = kept.head;
	kept.head = b;
	kept.n++;
}

void *gw_arena_alloc(struct gw_arena *a, size_t size)
{
	const size_t limit = a->limit ? a->limit : LIMIT_DEFAULT;
	struct gw_arena_block *b = a->head;
	void *p;

	if (size > limit)
		goto fail;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size > limit - (a->used < limit ? a->used : limit))
		goto fail;
	if (!b || b->cap - b->used < size) {
		size_t cap = size > BLOCK_BYTES ? size : BLOCK_BYTES;

		b = take_block(cap);
		if (!b)
			goto fail;
		b->next = a->head;
		b->used = 0;
		b->cap = cap;
		a->head = b;
	}
	p = b->data + b->used;
	b->used += size;
	a->used += size;
	return memset(p, 0, size);
fail:
	a->failed = true;
	return NULL;
}

void *gw_arena_calloc(struct gw_arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size) {
		a->failed = true;
		return NULL;
	}
	return gw_arena_alloc(a, n * size);
}

struct gw_sv gw_arena_sv(struct gw_arena *a, struct gw_sv s)
{
	char *p = gw_arena_cstr(a, s);

	return p ? gw_sv(p, s.len) : GW_SV_NONE;
}

char *gw_arena_cstr(struct gw_arena *a, struct gw_sv s)
{
	char *p = gw_arena_alloc(a, s.len + 1);

	if (p && s.len)
		memcpy(p, s.p, s.len);
	return p;
}

void gw_arena_reset(struct gw_arena *a)
{
	while (a->head) {
		struct gw_arena_block *b = a->head;

		a->head = b->next;
		give_block(b);
	}
	a->used = 0;
	a->failed = false;
}
