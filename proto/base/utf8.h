/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: shortest form, no surrogates, not above U+10FFFF. */
#ifndef GW_UTF8_H
#define GW_UTF8_H

#include "proto/base/sv.h"

/** Bytes of the well-formed character at the start of s; 0: none stands there. */
unsigned gw_utf8_char(struct gw_sv s);
bool gw_utf8_is_valid(struct gw_sv s);

#endif
