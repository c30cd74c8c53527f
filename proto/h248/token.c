/* SPDX-License-Identifier: Apache-2.0 */
/* The token table of the H.248 text syntax. */
#include "proto/h248/token.h"

#include <assert.h>

#include "proto/base/words.h"

static const struct gw_sv tokens[H248_TOK_COUNT][2] = {	/* short, long */
#define H248_TOKEN_ROW(id, l, s) [H248_TOK_##id] = { GW_SV_INIT(s), GW_SV_INIT(l) },
	H248_TOKEN_LIST(H248_TOKEN_ROW)
#undef H248_TOKEN_ROW
};

static struct gw_words index_of_tokens;

/* Before main, so that no thread ever sees half of it. */
__attribute__((constructor)) static void index_tokens(void)
{
	bool ok = true;

	for (unsigned i = 1; i < H248_TOK_COUNT; i++)
		ok = gw_words_add(&index_of_tokens, tokens[i][0], i) == GW_OK &&
			gw_words_add(&index_of_tokens, tokens[i][1], i) == GW_OK && ok;
	assert(ok && "two tokens have one spelling, or gw_words is too small");
	(void)ok;
}

enum h248_token h248_token_lookup(struct gw_sv name)
{
	return (enum h248_token)gw_words_find(&index_of_tokens, name);
}

struct gw_sv h248_token_text(enum h248_token token, bool is_long)
{
	return tokens[token][is_long];
}
