/* SPDX-License-Identifier: Apache-2.0 */
/* name-addr and lists of them: slices stay inside, a list is walked to its end, parameters are found again. */
#include <stdlib.h>

#include "proto/sip/uri.h"
#include "tests/fuzz/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv all = gw_sv(data, size), rest = all, e, params;
	struct sip_param p, again;
	struct sip_addr a;
	size_t before = rest.len + 1;

	while (sip_list_next(&rest, &e)) {
		inside(all, e);
		if (rest.len >= before)
			abort();
		before = rest.len;
		if (sip_addr_parse(e, &a) || a.is_star)
			continue;
		inside(e, a.display);
		inside(e, a.uri.text);
		inside(e, a.params);
		inside(e, sip_addr_tag(&a));
		for (params = a.params; sip_param_next(&params, ';', &p);)
			if (!sip_param_get(a.params, p.name, &again))
				abort();
	}
	return 0;
}
