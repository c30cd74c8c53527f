/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the service core: events and packets of the workers, timers, neighbours, Iq. */
#ifndef DP_SVC_H
#define DP_SVC_H

#include <signal.h>

#include "dataplane/fast/api.h"
#include "dataplane/slow/neigh.h"
#include "proto/base/timers.h"

/** What the loop calls; filled by main. All on the service thread. */
struct dp_svc_ops {
	void (*packet)(void *user, struct rte_mbuf *m, uint64_t now_ms);   /* not DP_PUNT_L2; consumed */
	void (*event)(void *user, const struct dp_event *ev, uint64_t now_ms);
	unsigned (*control)(void *user, uint64_t now_ms);                  /* read the Iq socket */
	void (*requests)(void *user, uint64_t now_ms);                     /* telemetry and signals */
	void (*give_way)(void);            /* after each message of a handshake; NULL: nobody waits for this CPU */
	int control_fd;
	void *user;
};

struct dp_svc {
	struct dp_fast *fast;
	struct dp_neigh *neigh;
	struct gw_timers *timers;
	struct dp_svc_ops ops;
	bool adaptive_idle;
	volatile sig_atomic_t *stop;
	uint64_t tsc_hz, tsc_start;
	uint64_t longest_loop_ms;
};

/** Milliseconds since the start, monotonic, from the TSC. */
uint64_t dp_svc_now(const struct dp_svc *s);
/** Until *stop. */
void dp_svc_run(struct dp_svc *s);
/** One round; returns how much was done. */
unsigned dp_svc_step(struct dp_svc *s);

#endif
