/* SPDX-License-Identifier: Apache-2.0 */
/* H.248 text: what decodes and encodes must decode to the same text again. */
#include <stdlib.h>

#include "proto/iq/iq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 20), c = GW_ARENA_INIT(1u << 20);
	static char one[262144], two[262144];
	struct gw_buf b = gw_buf(one, sizeof(one)), d = gw_buf(two, sizeof(two));
	struct iq_codec codec = { false };
	struct iq_msg m, n;

	if (iq_decode(&a, gw_sv(data, size), &m, NULL) == GW_OK && iq_encode(&m, &codec, &b) == GW_OK &&
		iq_decode(&c, gw_buf_sv(&b), &n, NULL) == GW_OK) {
		if (iq_encode(&n, &codec, &d) == GW_OK && !gw_sv_eq(gw_buf_sv(&b), gw_buf_sv(&d)))
			abort();
	}
	gw_arena_reset(&a);
	gw_arena_reset(&c);
	return 0;
}
