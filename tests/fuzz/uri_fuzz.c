/* SPDX-License-Identifier: Apache-2.0 */
/* URIs: slices stay inside the text, a URI equals itself, and what is put together again parses to the same. */
#include <stdlib.h>

#include "proto/base/buf.h"
#include "proto/sip/uri.h"
#include "tests/fuzz/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv all = gw_sv(data, size);
	struct sip_param p;
	struct sip_uri u, v;
	struct gw_sv params;

	if (sip_uri_parse(all, &u))
		return 0;
	inside(all, u.scheme_name);
	inside(all, u.user);
	inside(all, u.password);
	inside(all, u.host);
	inside(all, u.params);
	inside(all, u.headers);
	if (u.scheme <= SIP_SCHEME_SIPS && u.host.len == 0)
		abort();
	for (params = u.params; sip_param_next(&params, ';', &p);)
		inside(all, p.value);
	if (sip_uri_parse(u.text, &v) || !sip_uri_eq(&u, &v) || !sip_uri_eq(&v, &u))
		abort();
	return 0;
}
