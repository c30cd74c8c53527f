/* SPDX-License-Identifier: Apache-2.0 */
/* An operator ends the registrations of a user: bindings, calls and sockets. */
#include "control/sip/reg_int.h"

/* A socket is closed behind the BYEs, and only when no other user has it. */
static void kick(struct cp_binding *b)
{
	struct cp_reg *r = b->reg;
	cp_conn_id conn = b->peer.conn;

	cp_binding_remove(b, "ended by the operator");
	if (!cp_reg_by_conn(r, conn))
		cp_transport_close(r->s->transport, conn, 1008, "registration ended by the operator");
}

unsigned cp_reg_kick(struct cp_reg *r, struct gw_sv impu)
{
	unsigned n = 0;

	GW_LIST_FOREACH_SAFE(it, next, &r->all) {
		struct cp_binding *b = GW_CONTAINER(it, struct cp_binding, node);

		if (!cp_binding_owns(b, impu))
			continue;
		kick(b);
		n++;
	}
	return n;
}
