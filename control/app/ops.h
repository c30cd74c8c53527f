/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's commands on the control socket: show, kick, drain. Control thread only. */
#ifndef CP_OPS_H
#define CP_OPS_H

#include "control/app/ctl.h"
#include "control/iq/client.h"
#include "control/sip/stack.h"

/** Zero-initialise; sip and iq are set by the owner and outlive it. */
struct cp_ops {
	struct cp_sip *sip;
	struct cp_iq *iq;
	struct gw_timer watch;       /* while draining: is it empty? */
	bool is_empty_told;
};

/** Register every command at the socket. */
enum gw_err cp_ops_open(struct cp_ops *o, struct cp_ctl *c) GW_NODISCARD;
void cp_ops_close(struct cp_ops *o);

#endif
