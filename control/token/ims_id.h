/* SPDX-License-Identifier: Apache-2.0 */
/* IMPI and IMPU as they may come from outside and go into SIP headers and tokens (TS 23.003 13.3, 13.4, W2-HDR-12). */
#ifndef CP_IMS_ID_H
#define CP_IMS_ID_H

#include "proto/base/sv.h"

#define CP_IMPUS_MAX 16            /* IMPUs of a user */
#define CP_IMS_ID_MAX_BYTES 255

/** NAI (RFC 7542) out of the characters that stand in a quoted string without an escape. */
bool cp_is_impi(struct gw_sv v);
/** A sip, sips or tel URI with a user part and no header fields, out of the same characters. */
bool cp_is_impu(struct gw_sv v);

#endif
