/* SPDX-License-Identifier: Apache-2.0 */
/* TPKT. */
#include "proto/iq/tpkt.h"

void iq_tpkt_header(unsigned char header[IQ_TPKT_HEADER_BYTES], size_t len)
{
	size_t n = len + IQ_TPKT_HEADER_BYTES;

	header[0] = 3;
	header[1] = 0;
	header[2] = (unsigned char)(n >> 8);
	header[3] = (unsigned char)n;
}

enum gw_err iq_tpkt_read(struct gw_sv in, struct gw_sv *body, size_t *used)
{
	const unsigned char *h = (const unsigned char *)in.p;
	size_t n;

	/* a stranger to the framing is known by its first byte; the second is reserved (RFC 1006 6) */
	if (in.len && h[0] != 3)
		return GW_EBADMSG;
	if (in.len < IQ_TPKT_HEADER_BYTES)
		return GW_EAGAIN;
	n = (size_t)h[2] << 8 | h[3];
	if (n <= IQ_TPKT_HEADER_BYTES)
		return GW_EBADMSG;
	if (in.len < n)
		return GW_EAGAIN;
	*body = gw_sv_sub(in, IQ_TPKT_HEADER_BYTES, n);
	*used = n;
	return GW_OK;
}
