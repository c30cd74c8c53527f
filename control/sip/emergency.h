/* SPDX-License-Identifier: Apache-2.0 */
/* Emergency requests of WICs: known before any other rule, routed to an E-CSCF or answered 380 (TS 24.229 5.2.10). */
#ifndef CP_EMERGENCY_H
#define CP_EMERGENCY_H

#include "control/sip/stack.h"

struct cp_binding;

/** Does it call for help: urn:service:sos, or a configured number as sip or tel URI (W2-EMG-01)? Out of dialogs only. */
bool cp_emergency_is(const struct cp_conf *c, const struct sip_msg *m);
/** May this request of somebody unregistered have a transaction: an emergency call, where those are served (W2-EMG-04)? */
bool cp_emergency_takes_stranger(const struct cp_uas *u);
/**
 * Whom an emergency call without registration is of: known is the caller of an earlier one on the connection, or NULL.
 * @return NULL: it is not served: not a call, by policy, one at a time and connection, as many as may be
 */
struct cp_binding *cp_emergency_caller(struct cp_uas *u, struct cp_binding *known);
/** Who has proved no identity shows none: From is nobody's (RFC 3323 4.1.1.3), with its tag ... */
void cp_emergency_hide_caller(struct sip_msg *m);
/** ... and in an answer what the request of u had there (RFC 3261 8.2.6.2). */
void cp_emergency_show_caller(const struct cp_uas *u, struct sip_msg *m);
/** Answer 380 with an application/3gpp-ims+xml body: use another access (W2-EMG-03). */
void cp_emergency_refuse(struct cp_uas *u);
/** Request-URI urn:service:sos, Route to the E-CSCF (W2-EMG-02). Call only when there is one. */
void cp_emergency_route(const struct cp_conf *c, struct sip_msg *m);
/** Body of TS 24.229 7.6; text and action may be "". */
void cp_emergency_ims_body(struct gw_buf *b, const char *type, const char *text, const char *action);

#endif
