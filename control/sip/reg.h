/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations of WICs through the core, and the flows they are reached by (RFC 5626). */
#ifndef CP_REG_H
#define CP_REG_H

#include "control/sip/stack.h"

#define CP_TOKEN_BYTES 40
#define CP_SERVICE_ROUTES_MAX 8

struct cp_binding {
	struct gw_list node;
	struct cp_reg *reg;
	uint32_t id;
	char token[CP_TOKEN_BYTES];      /* user part of Path and Record-Route (W2-WS-10) */
	char *key;                       /* AOR, instance, reg-id (W2-REG-51) */
	char *aor;                       /* IMPU registered */
	char *impi;
	char *contact;                   /* Contact URI */
	char *service_route[CP_SERVICE_ROUTES_MAX];
	unsigned n_service_route;
	char *impus;                     /* P-Associated-URI, as received */
	struct cp_peer peer;             /* connection it is reached by */
	struct gw_list conn_ring;        /* bindings of the same connection */
	bool is_registered;              /* always: before the 2xx of the core there is no binding */
	bool has_ob;
	uint64_t expires_ms;
	struct gw_timer timer;           /* expiry, or the guard after a lost connection */
	unsigned n_calls;
};

enum gw_err cp_reg_new(struct cp_reg **out, struct cp_sip *s) GW_NODISCARD;
void cp_reg_free(struct cp_reg *r);
void cp_reg_request(struct cp_reg *r, struct cp_uas *u);
/** The registered binding of a connection, or NULL. */
struct cp_binding *cp_reg_by_conn(struct cp_reg *r, cp_conn_id conn);
/** NULL: gone. */
struct cp_binding *cp_reg_by_id(struct cp_reg *r, uint32_t id);
/** By flow token; NULL: forged or gone. */
struct cp_binding *cp_reg_by_token(struct cp_reg *r, struct gw_sv token);
bool cp_binding_alive(const struct cp_binding *b);
void cp_reg_connection_lost(struct cp_reg *r, cp_conn_id conn);
/** End all registrations of this identity (not at the core), their calls and sockets. @return how many */
unsigned cp_reg_kick(struct cp_reg *r, struct gw_sv impu);
struct gw_list *cp_reg_list(struct cp_reg *r);
/** Is uri one of the identities of the binding? */
bool cp_binding_owns(const struct cp_binding *b, struct gw_sv uri);

#endif
