/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of registration share. Control thread only. */
#ifndef CP_REG_INT_H
#define CP_REG_INT_H

#include "control/sip/reg.h"

#define CP_REG_MARGIN_MS 32000u	/* a binding is kept a little longer than granted (W2-REG-60) */

struct cp_reg {
	struct cp_sip *s;
	struct gw_list all;          /* struct cp_binding */
	struct gw_list attempts;     /* REGISTERs on their way to the core */
	struct gw_map by_key, by_id;
	struct gw_map by_conn;       /* one binding of a connection; the others are in its ring */
	uint32_t next_id;
	unsigned char secret[32];
};

/* reg.c */
/** An id no binding has. */
uint32_t cp_reg_new_id(struct cp_reg *r);
/** A binding, reached by peer; NULL: no memory, or too many. id: of the Path the core was given. */
struct cp_binding *cp_binding_new(struct cp_reg *r, const char *key, const char *aor, uint32_t id,
	const struct cp_peer *peer);
/** Its calls are released, its timers stop; the WebSocket stays. */
void cp_binding_remove(struct cp_binding *b, const char *why);
void cp_binding_clear_routes(struct cp_binding *b);
/** Two first REGISTERs at once: the core has the Path of the later one. */
void cp_binding_take_id(struct cp_binding *b, uint32_t id);
/** W2-REG-51: a new flow of the same instance. @return the connection nobody uses any more, or 0 */
cp_conn_id cp_binding_move(struct cp_binding *b, const struct cp_peer *peer);

/* reg_flow.c */
void cp_flow_token(const struct cp_reg *r, uint32_t id, char token[CP_TOKEN_BYTES]);
/** W2-REG-65: loss is not de-registration; the WIC has guard_s to come back. */
void cp_binding_guard(struct cp_binding *b);

/* reg_request.c */
void cp_reg_attempts_free(struct cp_reg *r);

#endif
