/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates by name: a token bucket for each source, prefix or user, in a table of bounded size (threats W9, P8).
 * The clock is an argument. Not shared between threads.
 */
#ifndef CP_RATE_H
#define CP_RATE_H

#include "proto/base/addr.h"
#include "proto/base/list.h"
#include "proto/base/map.h"

/** A bucket holds this many seconds of its rate: who was quiet may come with so much at once. */
#define CP_RATE_BURST_S 10u

struct cp_rate {
	struct gw_map buckets;   /* hash of the name -> struct bucket */
	struct gw_list order;    /* the one that waits longest first */
	uint32_t per_s;
	unsigned max;
};

/** per_s 0: no limit. max: names kept; one more pushes out the one not heard of for longest. */
void cp_rate_init(struct cp_rate *r, uint32_t per_s, unsigned max);
/** Take one token. false: none is left. Without memory for a new name it is let through. */
bool cp_rate_take(struct cp_rate *r, struct gw_sv name, uint64_t now_ms);
/** Names known now. */
unsigned cp_rate_count(const struct cp_rate *r);
void cp_rate_free(struct cp_rate *r);

#define CP_NET_BYTES 18
/**
 * The first bits of an address as a name. One host of IPv6 owns a /64 and may use any address in it, so that is
 * what is a source there (RFC 7721 2.1, RFC 6177 2).
 */
enum cp_net { CP_NET_SOURCE, CP_NET_PREFIX };	/* IPv4 /32 and /24, IPv6 /64 and /48 */
struct gw_sv cp_rate_net(const struct gw_addr *a, enum cp_net which, char name[CP_NET_BYTES]);

#endif
