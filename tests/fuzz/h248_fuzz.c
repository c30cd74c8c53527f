/* SPDX-License-Identifier: Apache-2.0 */
/* H.248 text: what is read is printed, in either spelling, and what is printed is read as the same tree. */
#include <stdlib.h>

#include "tests/unit/h248/generate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char one[300000];

static void round_trip(const struct h248_message *m, bool is_long)
{
	struct gw_buf b = gw_buf(one, sizeof(one));
	struct gw_arena a = GW_ARENA_INIT(4u << 20);
	struct h248_message n;

	if (h248_print(m, is_long, &b) == GW_OK && b.len <= H248_MAX_BYTES &&
		(h248_parse(&n, &a, gw_buf_sv(&b), NULL) || n.n_faults || !same_items(m->body, n.body)))
		abort();
	gw_arena_reset(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_arena a = GW_ARENA_INIT(4u << 20);
	struct h248_message m;

	if (h248_parse(&m, &a, gw_sv(data, size), NULL) == GW_OK && m.n_faults == 0) {
		round_trip(&m, false);
		round_trip(&m, true);
	}
	gw_arena_reset(&a);
	return 0;
}
