/* SPDX-License-Identifier: Apache-2.0 */
/* Adaptive idle: the one place of the fast path that makes a system call, and only when nothing came. */
#include <time.h>

#include "dataplane/fast/fast_int.h"

#define SPIN_LOOPS 64u
#define SLEEP_MIN_NS 20000L
#define SLEEP_MAX_NS 200000L	/* with the timer slack of the kernel well under 1 ms */

void dp_idle_sleep(struct dp_worker *w)
{
	struct timespec ts = { 0, SLEEP_MIN_NS };

	if (++w->idle < SPIN_LOOPS)
		return;
	if (w->idle > 4 * SPIN_LOOPS)
		ts.tv_nsec = SLEEP_MAX_NS;
	w->stats.idle_sleeps++;
	nanosleep(&ts, NULL);
}
