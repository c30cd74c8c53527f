/* SPDX-License-Identifier: Apache-2.0 */
/* Service loop. */
#include "dataplane/slow/svc.h"

#include <poll.h>

#include <rte_cycles.h>

#define BURST 64
#define NEIGH_TICK_MS 100u
#define IDLE_ROUNDS 64u

uint64_t dp_svc_now(const struct dp_svc *s)
{
	uint64_t t = rte_rdtsc() - s->tsc_start;

	/* in two steps: the product of the whole would overflow after months */
	return t / s->tsc_hz * 1000 + t % s->tsc_hz * 1000 / s->tsc_hz;
}

unsigned dp_svc_step(struct dp_svc *s)
{
	struct rte_mbuf *m[BURST];
	struct dp_event ev[BURST];
	uint64_t now = dp_svc_now(s);
	unsigned n, work;

	work = 0;
	do {	/* all: a worker whose events are not taken takes no more commands */
		n = dp_event_poll(s->fast, ev, BURST);
		work += n;
		for (unsigned i = 0; i < n; i++)
			s->ops.event(s->ops.user, &ev[i], now);
	} while (n == BURST);
	n = dp_punt_poll(s->fast, m, BURST);
	work += n;
	for (unsigned i = 0; i < n; i++) {
		enum dp_punt_class cls = dp_punt_info(m[i])->cls;

		if (cls == DP_PUNT_L2)
			dp_neigh_input(s->neigh, m[i], now);
		else
			s->ops.packet(s->ops.user, m[i], now);
		if (cls == DP_PUNT_DTLS && s->ops.give_way)
			s->ops.give_way();
	}
	work += s->ops.control(s->ops.user, now);
	work += gw_timers_run(s->timers, now);
	return work;
}

void dp_svc_run(struct dp_svc *s)
{
	uint64_t neigh_at = 0;
	unsigned idle = 0;

	while (!*s->stop) {
		uint64_t now = dp_svc_now(s), spent;

		idle = dp_svc_step(s) ? 0 : idle + 1;
		if (now >= neigh_at) {
			dp_neigh_tick(s->neigh, now);
			s->ops.requests(s->ops.user, now);
			neigh_at = now + NEIGH_TICK_MS;
		}
		spent = dp_svc_now(s) - now;
		if (spent > s->longest_loop_ms)
			s->longest_loop_ms = spent;
		if (s->adaptive_idle && idle > IDLE_ROUNDS) {
			struct pollfd p = { .fd = s->ops.control_fd, .events = POLLIN };

			(void)poll(&p, 1, 1);	/* packets of the workers wait 1 ms at most */
		}
	}
}
