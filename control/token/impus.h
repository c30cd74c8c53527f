/* SPDX-License-Identifier: Apache-2.0 */
/* IMPUs a WWSF may hand out (scenario 3, W2-TOK-08): a URI, or one with a wildcard or a range in its user part. */
#ifndef CP_IMPUS_H
#define CP_IMPUS_H

#include "proto/base/sv.h"

/** "sip:guest1@home1.example", "sip:guest*@home1.example", "sip:guest{1..100}@home1.example", "tel:+1555{000..999}". */
bool cp_impus_pattern_ok(struct gw_sv pattern);
/**
 * Is the URI one the pattern means? Host and scheme without regard to case. "*" is one or more unreserved
 * characters; a range is a number between the two, with leading zeros up to the width of FIRST when that has any.
 * URIs with port, parameters or headers are in no pool.
 */
bool cp_impus_match(struct gw_sv pattern, struct gw_sv uri);

#endif
