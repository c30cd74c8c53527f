/* SPDX-License-Identifier: Apache-2.0 */
/* Why a worker dropped a packet: one row a reason, each a counter. Nothing here logs. */
#ifndef DP_DROP_H
#define DP_DROP_H

#include "proto/base/ctr.h"

#define DP_DROP_LIST(X)                                                                            \
	X(DP_DROP_RUNT, "shorter than the headers it announces")                                   \
	X(DP_DROP_L2, "not for our MAC address or VLAN, or an EtherType nobody handles")           \
	X(DP_DROP_IP_HEADER, "malformed IPv4 or IPv6 header")                                      \
	X(DP_DROP_IP_CHECKSUM, "IPv4 header checksum wrong")                                       \
	X(DP_DROP_IP_OPTIONS, "IPv4 options or IPv6 extension headers")                            \
	X(DP_DROP_FRAGMENT, "IP fragment")                                                         \
	X(DP_DROP_IP_SOURCE, "multicast, broadcast, loopback or unspecified source address")       \
	X(DP_DROP_IP_DEST, "destination address is not ours")                                      \
	X(DP_DROP_L4_PROTO, "neither UDP nor ICMP")                                                \
	X(DP_DROP_UDP_HEADER, "UDP length wrong or port 0")                                        \
	X(DP_DROP_UDP_CHECKSUM, "UDP checksum wrong (SRTP: the tag decides)")                                              \
	X(DP_DROP_NO_FLOW, "no flow on this local address and port")                               \
	X(DP_DROP_CLASS, "first byte is none of STUN, DTLS, RTP (RFC 7983)")                       \
	X(DP_DROP_GATE, "gate of this direction is closed (H.248 Mode)")                           \
	X(DP_DROP_CONSENT, "gate deadline passed: no consent from the peer (RFC 7675)")            \
	X(DP_DROP_SOURCE, "source is not the remote address of the flow")                          \
	X(DP_DROP_NO_KEYS, "SRTP before the DTLS handshake was verified")                          \
	X(DP_DROP_RTP_HEADER, "malformed RTP or RTCP header")                                      \
	X(DP_DROP_SSRC_LIMIT, "more SSRCs than the flow may have")                                 \
	X(DP_DROP_SRTP_AUTH, "SRTP authentication failed")                                         \
	X(DP_DROP_SRTP_REPLAY, "SRTP packet seen before, or too old")                              \
	X(DP_DROP_SRTP_OTHER, "SRTP transform failed for another reason")                          \
	X(DP_DROP_DTLS_RECORD, "DTLS record of a data line malformed or of another epoch, or its numbers used up") \
	X(DP_DROP_DTLS_AUTH, "DTLS record of a data line failed authentication")                   \
	X(DP_DROP_DTLS_REPLAY, "DTLS record of a data line seen before, or too old")               \
	X(DP_DROP_PAYLOAD_TYPE, "RTP payload type was not negotiated")                             \
	X(DP_DROP_LINE, "RTP on a shared port, of no line by MID, SSRC or payload type (RFC 9143 9.2)") \
	X(DP_DROP_RATE, "above the policed rate of the flow (H.248.53)")                           \
	X(DP_DROP_FLOW_BUDGET, "STUN, DTLS or RTCP above the budget of this flow")                  \
	X(DP_DROP_AUTH_BUDGET, "too many packets of this flow failed authentication just now") \
	X(DP_DROP_PUNT_BUDGET, "STUN, DTLS, RTCP or ARP/ND above the budget of its class")         \
	X(DP_DROP_PUNT_RING, "ring to the service core is full")                                   \
	X(DP_DROP_HANDOVER_RING, "ring to the owning worker is full")                              \
	X(DP_DROP_NO_DEST, "where the flow's packets go is not known yet, or not of the leaving family") \
	X(DP_DROP_NO_NEXTHOP, "MAC address of the next hop is not known yet")                      \
	X(DP_DROP_MTU, "does not fit the MTU of the leaving port")                                 \
	X(DP_DROP_HEADROOM, "no room in the buffer for headers or the SRTP tag")                   \
	X(DP_DROP_HOPS, "turned back to addresses of ours until its time to live was over: a loop") \
	X(DP_DROP_TX, "the device did not take the packet")

GW_CTR_ENUM(dp_drop, DP_DROP_LIST);

/** Indexed by enum dp_drop; defined in fast/drop.c. */
extern const struct gw_ctr_info dp_drop_info[dp_drop_COUNT];

#endif
