/* SPDX-License-Identifier: Apache-2.0 */
/* reginfo+xml: whatever comes, the document read from it holds together. */
#include <stdlib.h>

#include "control/sip/reginfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 18);
	static struct cp_reginfo doc;

	if (cp_reginfo_parse(&doc, &a, gw_sv(data, size)) == GW_OK) {
		unsigned n = 0;

		for (unsigned i = 0; i < doc.n_registrations; i++) {
			const struct cp_reginfo_registration *g = &doc.registrations[i];

			if (g->first != n || g->aor.len == 0)
				abort();
			n += g->n_contacts;
		}
		for (unsigned i = 0; i < doc.n_contacts; i++)
			if (doc.contacts[i].uri.len == 0 || doc.contacts[i].uri.len > CP_REGINFO_TEXT_BYTES)
				abort();
		if (n != doc.n_contacts || n > CP_REGINFO_CONTACTS)
			abort();
	}
	gw_arena_reset(&a);
	return 0;
}
