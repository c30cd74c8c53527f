/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads of the upgrade: slices stay inside, and what was accepted has no byte two readers could differ on. */
#include <stdlib.h>

#include "control/transport/http_head.h"
#include "tests/fuzz/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv all = gw_sv(data, size);
	struct cp_http_head h;

	(void)cp_http_ws_key_ok(all);
	if (cp_http_head_parse(all, &h))
		return 0;
	inside(all, h.method);
	inside(all, h.path);
	inside(all, h.host);
	inside(all, h.origin);
	inside(all, h.upgrade);
	inside(all, h.connection);
	inside(all, h.ws_version);
	inside(all, h.ws_key);
	inside(all, h.ws_protocol);
	if (!h.host.p || h.n > CP_HEAD_MAX_FIELDS || (h.has_length && h.has_encoding) || (h.has_origin && !h.origin.p))
		abort();
	(void)cp_http_ws_key_ok(h.ws_key);
	return 0;
}
