/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overload control (W2-HDR-15, W2-ERR-43, W2-REG-68, threat P8): what the process can still take, measured by the
 * lag of its own event loop, the transactions that wait for an answer and the Iq requests that do. New work is
 * refused first; what belongs to a dialog, ends something or is an emergency never is. Control thread.
 */
#ifndef CP_OVERLOAD_H
#define CP_OVERLOAD_H

#include "control/iq/client.h"
#include "control/sip/stack.h"
#include "control/transport/rate.h"

/** HIGH: no new WebSocket. OVERLOAD: of new requests only a part, too. */
enum cp_load { CP_LOAD_NORMAL, CP_LOAD_HIGH, CP_LOAD_OVERLOAD };

#define CP_LOAD_TICK_MS 100u
#define CP_ADMIT_ALL 256u

/** The controller alone, pure: pressure in per cent of the limits goes in, what is admitted comes out. */
struct cp_throttle {
	enum cp_load load;
	unsigned admit;          /* of CP_ADMIT_ALL new requests */
	unsigned credit;         /* spreads the admitted evenly over those that come */
};

void cp_throttle_init(struct cp_throttle *t);
/**
 * One tick. At 100 and above what is admitted falls by a quarter, below 75 it grows by 1/32; HIGH begins at 75 and
 * ends below 50, so that it does not flicker.
 */
void cp_throttle_tick(struct cp_throttle *t, unsigned pressure);
/** May this new request come in? */
bool cp_throttle_admit(struct cp_throttle *t);

struct cp_overload;

/** conf and iq outlive it. */
enum gw_err cp_overload_new(struct cp_overload **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log, const struct cp_iq *iq) GW_NODISCARD;
/** Accepts NULL. */
void cp_overload_free(struct cp_overload *o);

/** A server transaction waits for its final response from now on (n 1), or no longer (-1). */
void cp_overload_open(struct cp_overload *o, int n);
enum cp_load cp_overload_load(const struct cp_overload *o);
/** Seconds for Retry-After: differs from answer to answer, so that not all come back at once. */
unsigned cp_overload_retry_after(const struct cp_overload *o);

enum cp_admission { CP_ADMIT, CP_REFUSE_RATE, CP_REFUSE_LOAD };
/** A request that would begin a transaction. user: who is registered there, NULL: nobody. */
enum cp_admission cp_overload_admit(struct cp_overload *o, const struct cp_uas *u, const char *user);

#endif
