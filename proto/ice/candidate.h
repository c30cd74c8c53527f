/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates of ICE as SDP writes them (RFC 8839 5.1), and their priorities (RFC 8445 5.1.2, 6.1.2.3). Pure. */
#ifndef ICE_CANDIDATE_H
#define ICE_CANDIDATE_H

#include "proto/base/addr.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* type preference << 24 | local preference << 8 | 256 - component: our only candidate is of component 1 */
#define ICE_PRIORITY_HOST ((126u << 24) | (65535u << 8) | 255u)
#define ICE_PRIORITY_PRFLX ((110u << 24) | (65535u << 8) | 255u)

struct ice_candidate {
	struct gw_addr addr;
	uint32_t priority;
	uint32_t foundation;            /* a hash of the text: equal texts are of one foundation */
};

/** The value of a=candidate. GW_EBADMSG; GW_EUNSUPP: not UDP, not component 1, or a name where an address belongs. */
enum gw_err ice_candidate_read(struct gw_sv value, struct ice_candidate *out) GW_NODISCARD;
/** The value of a=candidate of a peer-reflexive one. */
void ice_candidate_put_prflx(struct gw_buf *b, const struct gw_addr *addr, uint32_t priority);
/** Of a pair, by the priorities of the controlling and of the controlled agent's candidate. */
uint64_t ice_pair_priority(uint32_t controlling, uint32_t controlled);

#endif
