/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fast path of two net_ring ports for tests: worker's turns on the calling thread, frames in and out, and a
 * count of the allocations in between. Link with export_dynamic: malloc here stands before the C library's.
 */
#ifndef TESTS_FAST_RIG_H
#define TESTS_FAST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_kvargs.h>
#include <rte_ring.h>
#include <rte_udp.h>

#include "dataplane/fast/api.h"

enum { ACCESS, CORE, ACCESS6, LADDRS };	/* local addresses */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RIG_COUNTS	/* a sanitizer has an allocator of its own */
#endif

#define HEADERS 42
#define RTP_BYTES 172
#define WORKERS_MAX 2
#define RIG_RECORDS 8u		/* associations of data lines the workers can carry */

extern bool rig_in_turn;
extern unsigned rig_allocations;
extern unsigned rig_mallocs_to_fail;   /* the next ones */       /* while rig_in_turn */
extern struct rte_mempool *pool;
extern uint16_t ethdev[2];             /* access side, core side */
extern const char *rig_device;         /* cryptodev; NULL: the CPU. Before rig_open() */
extern const bool *rig_nic_sums;        /* [2] for gateway(); NULL: neither device makes UDP checksums */
extern const struct gw_addr peer, core_peer, peer6;
extern const uint8_t us[4], core_us[4];

/** EAL, pool, engine, ports. Aborts when one is missing. */
void rig_open(void);
/** @return exit status: failed, or packet buffers that nobody gave back */
int rig_close(int failed);

/** With valid next hops 0 (access) and 1 (core). */
struct dp_fast *gateway(uint16_t workers);
/** Turns of all workers, twice: what one hands over the other takes. */
void poll_all(struct dp_fast *f);
/** FLOW_SET; the id is taken when it is 0. @return the acknowledgement */
struct dp_event set(struct dp_fast *f, dp_flow_id *id, const struct dp_flow_spec *s);
struct dp_flow_spec core_flow(uint16_t port, struct dp_srtp_session *s);
struct dp_flow_spec access_flow(uint16_t port, struct dp_srtp_session *s);
/** AES-CM, HMAC-SHA1-80. */
struct dp_srtp_session *session(uint8_t key, bool is_protect);
/** Payload type 0, SSRC 0x55000000. */
struct rte_mbuf *rtp(uint16_t seq, unsigned bytes);
/** Ethernet, IP, UDP in front, with right checksums. */
struct rte_mbuf *framed(struct rte_mbuf *m, unsigned dev, const struct gw_addr *src, const uint8_t *dst,
	uint16_t port);
void give(unsigned dev, struct rte_mbuf *m);
/** The next frame that left, or NULL. */
struct rte_mbuf *take(unsigned dev);
uint64_t drops(struct dp_fast *f, enum dp_drop why);
/** How many packets of that flow were punted; all are taken. */
unsigned punts(struct dp_fast *f, uint64_t cookie);

#endif
