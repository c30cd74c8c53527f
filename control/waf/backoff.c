/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential back-off in a fixed set-associative table. */
#include "control/waf/backoff.h"

static uint64_t hash_of(struct gw_sv key)
{
	uint64_t h = gw_sv_hash(key);	/* has a seed of the process: nobody can choose a set */

	return h ? h : 1;
}

static struct cp_backoff_slot *find(const struct cp_backoff *r, uint64_t hash)
{
	const struct cp_backoff_slot *set = r->slots[hash % CP_BACKOFF_SETS];

	for (unsigned i = 0; i < CP_BACKOFF_WAYS; i++)
		if (set[i].hash == hash)
			return (struct cp_backoff_slot *)(uintptr_t)&set[i];
	return NULL;
}

uint64_t cp_backoff_wait(const struct cp_backoff *r, struct gw_sv key, uint64_t now_ms)
{
	const struct cp_backoff_slot *s = find(r, hash_of(key));

	return s && s->until_ms > now_ms ? s->until_ms - now_ms : 0;
}

void cp_backoff_hit(struct cp_backoff *r, struct gw_sv key, uint64_t now_ms)
{
	uint64_t hash = hash_of(key), wait = r->base_ms;
	struct cp_backoff_slot *set = r->slots[hash % CP_BACKOFF_SETS], *s = find(r, hash);

	if (!s) {
		s = set;
		for (unsigned i = 0; i < CP_BACKOFF_WAYS && s->hash; i++)
			if (!set[i].hash || set[i].last_ms < s->last_ms)
				s = &set[i];
		*s = (struct cp_backoff_slot){ .hash = hash };
	} else if (now_ms - s->last_ms > r->forget_ms && s->until_ms <= now_ms) {
		s->hits = 0;
	}
	s->last_ms = now_ms;
	if (s->hits < UINT32_MAX)
		s->hits++;
	if (s->hits <= r->free_hits)
		return;
	for (uint32_t i = r->free_hits + 1; i < s->hits && wait < r->max_ms; i++)
		wait *= 2;
	s->until_ms = now_ms + (wait < r->max_ms ? wait : r->max_ms);
}

void cp_backoff_undo(struct cp_backoff *r, struct gw_sv key)
{
	struct cp_backoff_slot *s = find(r, hash_of(key));

	if (s && s->hits && --s->hits <= r->free_hits)
		s->until_ms = 0;
}

void cp_backoff_clear(struct cp_backoff *r, struct gw_sv key)
{
	struct cp_backoff_slot *s = find(r, hash_of(key));

	if (s)
		*s = (struct cp_backoff_slot){ 0 };
}
