/* SPDX-License-Identifier: Apache-2.0 */
/* Data Channel Establishment Protocol (RFC 8832, W2-DC-04, -07) and the payload types of data channels (RFC 8831 8). Pure. */
#ifndef DCEP_DCEP_H
#define DCEP_DCEP_H

#include "proto/base/buf.h"
#include "proto/base/sv.h"

/** SCTP payload protocol identifiers (W2-DC-08). SCTP cannot carry an empty message: one byte that says so stands for it. */
enum dcep_ppid {
	DCEP_PPID_CONTROL = 50,
	DCEP_PPID_STRING = 51,
	DCEP_PPID_BINARY_PARTIAL = 52,	/* deprecated, taken as a message of its own */
	DCEP_PPID_BINARY = 53,
	DCEP_PPID_STRING_PARTIAL = 54,	/* deprecated */
	DCEP_PPID_STRING_EMPTY = 56,
	DCEP_PPID_BINARY_EMPTY = 57,
};

#define DCEP_NAME_MAX    255u      /* bytes of a label or protocol that we take (S3); the format has room for 65535 */
#define DCEP_MESSAGE_MAX (12u + 2 * DCEP_NAME_MAX)
#define DCEP_STREAM_MAX  65534u    /* RFC 8831 6.6: 65535 is not used */

enum dcep_type { DCEP_OPEN, DCEP_ACK };

enum dcep_reliability { DCEP_RELIABLE, DCEP_MAX_RETRANSMITS, DCEP_MAX_LIFETIME };

/** What a channel is opened with. label and protocol lie in the message. */
struct dcep_channel {
	enum dcep_reliability reliability;
	bool is_unordered;
	uint32_t limit;            /* retransmissions, or milliseconds; 0 with DCEP_RELIABLE */
	uint16_t priority;
	struct gw_sv label, protocol;	/* UTF-8; protocol is empty or a name such as "msrp", "t140" */
};

/**
 * Read one message of payload type 50.
 *
 * @param out  with DCEP_OPEN
 * @return GW_OK; GW_EBADMSG (too short, lengths that do not add up, no UTF-8, unknown channel type);
 *         GW_ELIMIT (a name above DCEP_NAME_MAX); GW_EUNSUPP (unknown message type)
 */
enum gw_err dcep_parse(struct gw_sv message, enum dcep_type *type, struct dcep_channel *out) GW_NODISCARD;
/** GW_EINVAL: a name is too long or no UTF-8; GW_ENOSPC. */
enum gw_err dcep_print_open(const struct dcep_channel *channel, struct gw_buf *out) GW_NODISCARD;
enum gw_err dcep_print_ack(struct gw_buf *out) GW_NODISCARD;

/** May the peer open this stream? The DTLS client takes the even ones, the server the odd ones (RFC 8832 6). */
static inline bool dcep_is_peers_stream(uint32_t stream, bool peer_is_dtls_client)
{
	return stream <= DCEP_STREAM_MAX && (stream & 1) == !peer_is_dtls_client;
}

#endif
