/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a fixed set: open addressing, FNV-1a over the lower case. Not seeded: the set is ours, so probes stay short. */
#include "proto/base/words.h"

static unsigned slot_of(struct gw_sv s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)gw_lower(s.p[i])) * 16777619u;
	return (h ^ h >> 16) % GW_WORDS_SLOTS;
}

enum gw_err gw_words_add(struct gw_words *w, struct gw_sv text, unsigned id)
{
	unsigned i = slot_of(text);

	while (w->slot[i].id) {
		if (gw_sv_ieq(w->slot[i].text, text))
			return w->slot[i].id == id ? GW_OK : GW_EEXIST;
		i = (i + 1) % GW_WORDS_SLOTS;
	}
	if (w->n >= GW_WORDS_SLOTS / 2)
		return GW_ELIMIT;
	w->slot[i].text = text;
	w->slot[i].id = id;
	w->n++;
	return GW_OK;
}

unsigned gw_words_find(const struct gw_words *w, struct gw_sv text)
{
	if (text.len > 96)      /* longer than any word: not worth hashing a datagram */
		return 0;
	for (unsigned i = slot_of(text); w->slot[i].id; i = (i + 1) % GW_WORDS_SLOTS)
		if (gw_sv_ieq(w->slot[i].text, text))
			return w->slot[i].id;
	return 0;
}
