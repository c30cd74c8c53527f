/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in a file, four octets of length before each: as Erlang's {packet, 4} has them. */
#ifndef ORACLE_MESSAGES_H
#define ORACLE_MESSAGES_H

#include "proto/base/be.h"
#include "proto/base/sv.h"

/** The next one; *from is what is left. false: none, or it is cut off. */
static inline bool take_message(struct gw_sv *from, struct gw_sv *out)
{
	size_t n;

	if (from->len < 4 || (n = gw_be32(from->p)) > from->len - 4)
		return false;
	*out = gw_sv_sub(*from, 4, 4 + n);
	*from = gw_sv_sub(*from, 4 + n, from->len);
	return true;
}

#endif
