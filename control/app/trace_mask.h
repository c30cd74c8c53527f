/* SPDX-License-Identifier: Apache-2.0 */
/* A SIP message as an operator may see it (W2-WS-18, threat P11). Pure. */
#ifndef CP_TRACE_MASK_H
#define CP_TRACE_MASK_H

#include "proto/base/buf.h"

/**
 * Write msg, well-formed or not, as printable UTF-8: "***" instead of credentials and keys (digest responses,
 * nonces, tokens wherever they stand, a=crypto, a=ice-pwd), \xNN instead of control characters.
 */
void cp_trace_mask(struct gw_buf *out, struct gw_sv msg);
/** Value of the first header of this name, or of its compact form (0: none); raw, not unfolded. */
struct gw_sv cp_trace_header(struct gw_sv msg, struct gw_sv name, char compact);

#endif
