/* SPDX-License-Identifier: Apache-2.0 */
/* TPKT framing of H.248 over TCP (RFC 1006 6, X-2): 0x03 0x00 and the length, header included. Pure. */
#ifndef IQ_TPKT_H
#define IQ_TPKT_H

#include "proto/base/sv.h"

#define IQ_TPKT_HEADER_BYTES 4u
#define IQ_TPKT_MAX_BYTES 65531u     /* of a message */

/** The header of a message of len bytes; len is at most IQ_TPKT_MAX_BYTES. */
void iq_tpkt_header(unsigned char header[IQ_TPKT_HEADER_BYTES], size_t len);
/**
 * The first message of a stream. body lies in it.
 * @param used  out: bytes of in that are done with
 * @return GW_OK; GW_EAGAIN: more has to come; GW_EBADMSG: this is no TPKT, the stream cannot be read on
 */
enum gw_err iq_tpkt_read(struct gw_sv in, struct gw_sv *body, size_t *used) GW_NODISCARD;

#endif
