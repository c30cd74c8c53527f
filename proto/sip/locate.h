/* SPDX-License-Identifier: Apache-2.0 */
/* Locating SIP servers (RFC 3263): which NAPTR services are ours, and the order of SRV targets (RFC 2782). Pure. */
#ifndef SIP_LOCATE_H
#define SIP_LOCATE_H

#include "proto/base/sv.h"

enum sip_transport { SIP_TRANSPORT_ANY, SIP_TRANSPORT_UDP, SIP_TRANSPORT_TCP };

/** One NAPTR record; slices are the caller's. */
struct sip_naptr {
	uint16_t order, preference;
	struct gw_sv flags, service, replacement;
	enum sip_transport transport;        /* set by sip_naptr_choose */
};

/**
 * Keep the records that lead to an SRV of a transport we speak (flag "s", SIP+D2U, SIP+D2T; want ANY: both) and
 * sort them by order, then preference (RFC 3263 4.1).
 * @return how many stay, at the front of the list
 */
unsigned sip_naptr_choose(struct sip_naptr *list, unsigned n, enum sip_transport want);

/** One SRV target. */
struct sip_srv {
	uint16_t group;                      /* of the NAPTR it came by: a lower one is asked first */
	uint16_t priority, weight;
	uint16_t index;                      /* the caller's: which target this is */
};

/**
 * Put targets into the order they are to be tried: by group and priority, within a priority drawn by weight
 * (RFC 2782, "Usage rules").
 * @param draw  a random number of 0 to max, both included
 */
void sip_srv_order(struct sip_srv *list, unsigned n, uint32_t (*draw)(void *user, uint32_t max), void *user);

#endif
