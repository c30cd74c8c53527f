/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens, from a file: the number of users, then a token a line, of each user in turn. */
#include <stdlib.h>

#include "bench/signalling/load.h"

#define LINE_MAX_BYTES 4096

int tokens_read(struct tokens *t, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[LINE_MAX_BYTES];

	if (!f)
		return UV_ENOENT;
	if (fgets(line, sizeof(line), f))
		t->users = (unsigned)strtoul(line, NULL, 10);
	while (fgets(line, sizeof(line), f)) {
		if (t->n % 1024 == 0) {
			t->list = realloc(t->list, (t->n + 1024) * sizeof(*t->list));
			if (!t->list)
				abort();
		}
		t->list[t->n] = gw_sv_dup(gw_sv_trim(gw_sv_cstr(line)));
		if (!t->list[t->n++])
			abort();
	}
	fclose(f);
	return t->users && t->n >= t->users ? 0 : UV_EINVAL;
}

const char *tokens_next(const struct tokens *t, struct browser *b)
{
	unsigned at;

	if (b->number >= t->users)
		return NULL;
	at = b->number + b->tokens_used * t->users;
	if (at >= t->n) {
		b->tokens_used = 0;
		at = b->number;
	}
	b->tokens_used++;
	return t->list[at];
}
