/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of a leaving packet, made once per flow: Ethernet, VLAN, IP and UDP as they stay, with the sums
 * over them, so that a packet costs one copy, two lengths and the sum over its payload.
 */
#ifndef DP_ENCAP_H
#define DP_ENCAP_H

#include "dataplane/fast/api.h"

#define DP_ENCAP_BYTES 66	/* Ethernet, VLAN, IPv6, UDP */

#define DP_PORT_OWN 0x8000u	/* in m->port: to an address of ours on this device */

struct dp_encap {
	uint8_t n_bytes, l2_bytes;
	bool is_v4, is_nic_sum;    /* the device makes the UDP checksum; udp_sum is of the pseudo header alone */
	uint8_t why;               /* enum dp_drop: nothing can leave; dp_drop_COUNT: complete */
	uint8_t keep_tos;          /* bits of the traffic class a packet keeps: ECN (F-48), with keep_dscp all */
	uint16_t ethdev, room;     /* ethdev: maybe with DP_PORT_OWN; room: UDP payload that fits the MTU */
	uint16_t ip_sum, udp_sum;  /* folded, without the lengths and the payload */
	uint32_t version;          /* of the next hop it was made with */
	uint16_t nexthop;
	uint8_t bytes[DP_ENCAP_BYTES];   /* last: what IPv4 uses ends with the first cache line */
};

struct dp_fast;

/** For this path over this next hop. */
void dp_encap_make(const struct dp_fast *f, const struct dp_nexthop *nh, const struct dp_path *path,
	struct dp_encap *out);
/**
 * Before the payload in m.
 *
 * @param tos   traffic class it came with
 * @return dp_drop_COUNT: done, m->port is ethdev; else the reason, m as it was
 */
enum dp_drop dp_encap_put(const struct dp_encap *e, struct rte_mbuf *m, uint8_t tos);
/**
 * For what turns back to ourselves, after dp_encap_put(): nobody else takes a hop from it, and two descriptions that point at each
 * other would have it go round for ever.
 *
 * @param hops  time to live it came with
 * @return false: none is left
 */
bool dp_encap_hops(const struct dp_encap *e, struct rte_mbuf *m, uint8_t hops);

#endif
