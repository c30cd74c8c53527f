/* SPDX-License-Identifier: Apache-2.0 */
/* Emergency requests of WICs: known before any other rule, routed to an E-CSCF or answered 380 (TS 24.229 5.2.10). */
#ifndef CP_EMERGENCY_H
#define CP_EMERGENCY_H

#include "control/sip/stack.h"

struct cp_binding;

/** Does it call for help: urn:service:sos, or a configured number as sip or tel URI (W2-EMG-01)? Out of dialogs only. */
bool cp_emergency_is(const struct cp_conf *c, const struct sip_msg *m);
/** Answer 380 with an application/3gpp-ims+xml body: use another access (W2-EMG-03). */
void cp_emergency_refuse(struct cp_uas *u);
/** Request-URI urn:service:sos, Route to the E-CSCF (W2-EMG-02). Call only when there is one. */
void cp_emergency_route(const struct cp_conf *c, struct sip_msg *m);
/** Body of TS 24.229 7.6; text and action may be "". */
void cp_emergency_ims_body(struct gw_buf *b, const char *type, const char *text, const char *action);

#endif
