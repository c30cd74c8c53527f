/* SPDX-License-Identifier: Apache-2.0 */
/* Iq: what decodes without a fault is encoded, and decodes to the same text again. */
#include <stdlib.h>

#include "proto/iq/iq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A fault of a request would be written as an Error descriptor, which is legal in replies only. */
static bool is_at_fault(const struct iq_msg *m)
{
	for (unsigned t = 0; t < m->n_txns; t++) {
		const struct iq_txn *x = &m->txns[t];

		if (x->error && (x->n_actions || x->kind == IQ_REQUEST))
			return true;
		for (unsigned a = 0; a < x->n_actions; a++) {
			if (x->actions[a].error && (x->kind == IQ_REQUEST || x->actions[a].error < 400))
				return true;
			for (unsigned c = 0; c < x->actions[a].n_cmds; c++)
				if (x->actions[a].cmds[c].error)
					return true;
		}
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_arena a = GW_ARENA_INIT(4u << 20), c = GW_ARENA_INIT(4u << 20);
	static char one[400000], two[400000];
	struct gw_buf b = gw_buf(one, sizeof(one)), d = gw_buf(two, sizeof(two));
	struct iq_codec codec = { false };
	struct iq_msg m, n;

	if (iq_decode(&a, gw_sv(data, size), &m, NULL) == GW_OK && (m.n_txns || m.error) && !is_at_fault(&m) &&
		iq_encode(&m, &codec, &b) == GW_OK && b.len <= 65535 &&
		(iq_decode(&c, gw_buf_sv(&b), &n, NULL) || iq_encode(&n, &codec, &d) ||
			!gw_sv_eq(gw_buf_sv(&b), gw_buf_sv(&d))))
		abort();
	gw_arena_reset(&a);
	gw_arena_reset(&c);
	return 0;
}
