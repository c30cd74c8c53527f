/* SPDX-License-Identifier: Apache-2.0 */
/* P-CSCF rules on requests and responses: who may, where to, which headers (TS 24.229 5.2.6). */
#ifndef CP_CORE_H
#define CP_CORE_H

#include "control/sip/headers.h"
#include "control/sip/route.h"

/** A new request with a server transaction of its own. */
void cp_core_request(struct cp_sip *s, struct cp_uas *u);
/** A request of a WIC whose credentials were checked (reg_auth.h) goes on. */
void cp_core_authorized(struct cp_sip *s, struct cp_uas *u);
/** ACK of a 2xx. */
void cp_core_ack(struct cp_sip *s, const struct cp_peer *from, struct sip_msg *m);
void cp_core_connection_lost(struct cp_sip *s, cp_conn_id conn);
/** Proxy-Require holds what we understand, and Require not what we would have to interwork (W2-ERR-08, -38). */
bool cp_core_extensions_ok(const struct sip_msg *m);
/** Name in a 420 what was required and is not understood. */
void cp_core_unsupported(const struct sip_msg *req, struct sip_msg *m);

#endif
