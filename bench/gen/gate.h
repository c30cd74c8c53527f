/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway without a controller: the fast path of eimsagw with the planned calls of the generator. One worker. */
#ifndef GEN_GATE_H
#define GEN_GATE_H

#include "bench/gen/gen.h"
#include "dataplane/fast/api.h"

struct gate_conf {
	const struct dp_srtp_ops *srtp;    /* started */
	enum dp_srtp_profile profile;
	uint32_t calls;
	unsigned lcore;                    /* of the worker */
	bool count_stages;
	struct dp_police police;           /* of every flow */
	uint16_t ethdev[GEN_SIDES];        /* started; may be one and the same */
	struct rte_ether_addr far_mac[GEN_SIDES];
};

struct gate {
	struct gate_conf c;
	struct dp_fast *fast;
	struct dp_srtp_session *(*srtp)[GEN_SIDES];   /* [calls]: ACCESS opens, CORE seals */
	size_t fast_bytes;                 /* of DPDK's heap, taken by dp_fast_new() */
};

/** The worker does not run yet: dp_fast_start(), or dp_worker_poll(). GW_EINVAL: too many calls. */
enum gw_err gate_new(struct gate *g, const struct gate_conf *conf, struct rte_mempool *pool);
/** Accepts half-built ones. The worker has ended. */
void gate_free(struct gate *g);
/**
 * In the service core's place: STUN checks from the right address are answered, whatever else was punted is freed.
 * @return how many
 */
unsigned gate_serve(struct gate *g);
/** Bytes taken from DPDK's heap so far. */
size_t gate_heap(void);

#endif
