/* SPDX-License-Identifier: Apache-2.0 */
/* TPKT: a stream in pieces gives the messages of the stream in one, and what was framed is found again. */
#include <stdlib.h>
#include <string.h>

#include "proto/iq/tpkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Messages of the first n octets; how many octets they are goes to *at. The first refusal ends it. */
static unsigned messages(struct gw_sv in, size_t *at, enum gw_err *err)
{
	struct gw_sv body;
	unsigned n = 0;
	size_t used;

	for (*at = 0; !(*err = iq_tpkt_read(gw_sv_sub(in, *at, in.len), &body, &used)); n++) {
		unsigned char header[IQ_TPKT_HEADER_BYTES];

		if (used <= IQ_TPKT_HEADER_BYTES || used > in.len - *at || body.len != used - IQ_TPKT_HEADER_BYTES ||
			body.p != in.p + *at + IQ_TPKT_HEADER_BYTES || body.len > IQ_TPKT_MAX_BYTES)
			abort();
		iq_tpkt_header(header, body.len);
		if (header[0] != 3 || memcmp(header + 2, in.p + *at + 2, 2) != 0)
			abort();
		*at += used;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gw_sv all = gw_sv(data, size);
	enum gw_err whole, part;
	size_t end, at;
	unsigned n = messages(all, &end, &whole);

	for (size_t cut = 0; cut <= size && size < 4096; cut += 1 + size / 16)
		if (messages(gw_sv_sub(all, 0, cut), &at, &part) > n || at > end || (part == GW_EBADMSG && whole != GW_EBADMSG))
			abort();
	return 0;
}
