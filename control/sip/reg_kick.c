/* SPDX-License-Identifier: Apache-2.0 */
/* An operator ends the registrations of a user: bindings, calls and sockets, and the contact at the core where we may. */
#include "control/sip/reg_int.h"

unsigned cp_reg_kick(struct cp_reg *r, struct gw_sv impu)
{
	unsigned n = 0;

	GW_LIST_FOREACH_SAFE(it, next, &r->all) {
		struct cp_binding *b = GW_CONTAINER(it, struct cp_binding, node);

		if (!cp_binding_owns(b, impu))
			continue;
		cp_reg_deregister(b, "ended by the operator", true);
		n++;
	}
	return n;
}
