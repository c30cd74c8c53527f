/* SPDX-License-Identifier: Apache-2.0 */
/* SIP messages: what parses is printed, parsed again and must be the same; streams never over-read. */
#include <stdlib.h>

#include "proto/sip/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_arena a = GW_ARENA_INIT(1u << 20), c = GW_ARENA_INIT(1u << 20);
	static char one[262144], two[262144];
	struct gw_buf b = gw_buf(one, sizeof(one)), d = gw_buf(two, sizeof(two));
	struct sip_msg m, n;

	(void)!sip_msg_parse(&m, &a, gw_sv(data, size), SIP_STREAM, NULL);
	if (m.consumed > size)
		abort();
	gw_arena_reset(&a);
	if (sip_msg_parse(&m, &a, gw_sv(data, size), SIP_DATAGRAM, NULL) == GW_OK &&
		sip_msg_print(&m, &b) == GW_OK) {
		if (sip_msg_parse(&n, &c, gw_buf_sv(&b), SIP_DATAGRAM, NULL) || sip_msg_print(&n, &d) ||
			!gw_sv_eq(gw_buf_sv(&b), gw_buf_sv(&d)))
			abort();
	}
	gw_arena_reset(&a);
	gw_arena_reset(&c);
	return 0;
}
