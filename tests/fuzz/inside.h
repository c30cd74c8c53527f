/* SPDX-License-Identifier: Apache-2.0 */
/* A property of every decoder: what it gives points into what it got. */
#ifndef FUZZ_INSIDE_H
#define FUZZ_INSIDE_H

#include <stdlib.h>

#include "proto/base/sv.h"

static inline void inside(struct gw_sv all, struct gw_sv part)
{
	if (part.len && (part.p < all.p || part.p + part.len > all.p + all.len))
		abort();
}

#endif
