/* SPDX-License-Identifier: Apache-2.0 */
/* Header fields a P-CSCF writes, removes and restores (TS 24.229 5.2.6, RFC 3325, RFC 7315). Control thread only. */
#ifndef CP_HEADERS_H
#define CP_HEADERS_H

#include "control/sip/stack.h"

struct cp_binding;

/** Keep what a WIC may set (W2-ARC-06), add what the network says of its access (W2-REG-14); counts what is removed. */
void cp_core_strip(const struct cp_sip *s, struct sip_msg *m);
/** Headers of a request from a WIC on its way to the core; icid empty: a fresh one. */
void cp_core_edit_to_core(struct cp_sip *s, struct sip_msg *m, const struct cp_binding *b, struct gw_sv icid);
/** Headers of a request from the core on its way to a WIC. */
void cp_core_edit_to_wic(const struct cp_sip *s, struct sip_msg *m);
/** Headers of a response on its way to `to` (the side of the request's sender). */
void cp_core_edit_response(struct cp_sip *s, struct sip_msg *m, enum cp_side to);
/** A response of a WIC gets what the network says of it, and the Record-Route as it was sent (W2-SIP-23). */
void cp_core_edit_from_wic(struct cp_uas *u, struct sip_msg *m);

/** Does a WIC claim to be somebody else, in From or P-Preferred-Identity, where that is refused (W2-ERR-17)? */
bool cp_core_is_foreign(const struct cp_sip *s, const struct sip_msg *m, const struct cp_binding *b);
/** P-Charging-Vector of a request (W2-REG-13, W2-SIP-04): the icid stays that of the dialog; empty: a fresh one. */
void cp_core_charge(const struct cp_sip *s, struct sip_msg *m, struct gw_sv icid);
/** A fresh charging identifier (W2-HDR-04), NUL-terminated. */
void cp_core_icid(char *dst, size_t cap);
/** icid-value of a message; empty: none. */
struct gw_sv cp_core_icid_of(const struct sip_msg *m);

#endif
