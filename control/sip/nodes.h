/* SPDX-License-Identifier: Apache-2.0 */
/* Several nodes at work at once (docs/decisions/011-nodes.md): bindings that move, requests that reach the wrong node. */
#ifndef CP_NODES_H
#define CP_NODES_H

#include "control/sip/stack.h"

/** Begin to share, when the store does: the lease of this node runs from now on. */
void cp_nodes_start(struct cp_sip *s);
/**
 * A request of the core whose flow token is ours and whose binding is not here: it goes to the node that has it, or is
 * answered as if there were none. m: without our routes. false: nobody can be asked, u is untouched
 */
bool cp_nodes_relay(struct cp_sip *s, struct cp_uas *u, const struct sip_msg *m, struct gw_sv token);
/** The same for an ACK, which nobody answers. */
void cp_nodes_relay_ack(struct cp_sip *s, const struct sip_msg *m, struct gw_sv token);

#endif
