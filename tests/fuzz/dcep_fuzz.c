/* SPDX-License-Identifier: Apache-2.0 */
/* DCEP: what is read is written as the same octets, but for the limit that a reliable channel does not have. */
#include "inside.h"
#include "proto/dcep/dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv in = gw_sv(data, size);
	char text[DCEP_MESSAGE_MAX];
	struct gw_buf b = gw_buf(text, sizeof(text));
	struct dcep_channel c;
	enum dcep_type type;

	if (dcep_parse(in, &type, &c) || type != DCEP_OPEN)
		return 0;
	inside(in, c.label);
	inside(in, c.protocol);
	if (dcep_print_open(&c, &b) || b.len != size || memcmp(text, data, 4) || memcmp(text + 8, data + 8, size - 8))
		abort();
	return 0;
}
