/* SPDX-License-Identifier: Apache-2.0 */
/* P-CSCF rules on requests and responses: who may, where to, which headers (TS 24.229 5.2.6). */
#ifndef CP_CORE_H
#define CP_CORE_H

#include "control/sip/stack.h"

struct cp_binding;

/** A new request with a server transaction of its own. */
void cp_core_request(struct cp_sip *s, struct cp_uas *u);
/** A request of a WIC whose credentials were checked (reg_auth.h) goes on. */
void cp_core_authorized(struct cp_sip *s, struct cp_uas *u);
/** ACK of a 2xx. */
void cp_core_ack(struct cp_sip *s, const struct cp_peer *from, struct sip_msg *m);
void cp_core_connection_lost(struct cp_sip *s, cp_conn_id conn);
bool cp_core_is_us(const struct cp_sip *s, struct gw_sv uri);
bool cp_core_proxy_require_ok(const struct sip_msg *m);
/** Name in a 420 what was required and is not understood. */
void cp_core_unsupported(const struct sip_msg *req, struct sip_msg *m);

/** Keep what a WIC may set (W2-ARC-06); counts what is removed. */
void cp_core_strip(const struct cp_sip *s, struct sip_msg *m);
/** Headers of a response on its way to `to` (the side of the request's sender). */
void cp_core_edit_response(struct cp_sip *s, struct sip_msg *m, enum cp_side to);
/** Headers of a request from a WIC on its way to the core; icid empty: a fresh one. */
void cp_core_edit_to_core(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, struct gw_sv icid);
void cp_core_edit_to_wic(struct sip_msg *m);
/** A response of a WIC gets what the network says of it, and the Record-Route as it was sent (W2-SIP-23). */
void cp_core_edit_from_wic(struct cp_uas *u, struct sip_msg *m);
/** Both Record-Route entries of ours (W2-WS-09). */
void cp_core_record_route(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, enum cp_side to);
/** Take our own entries off the Route. @return the flow token of the last one, or empty */
struct gw_sv cp_core_pop_routes(struct cp_sip *s, struct sip_msg *m);
void cp_core_icid(char *dst, size_t cap);

#endif
