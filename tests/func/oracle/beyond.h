/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Erlang's megaco and H.248.1 part, as docs/decisions/012-h248-against-megaco.md judges it. A difference is explained when it
 * is gone once what these classes name is taken out of the message; whatever is left is a failure.
 */
#ifndef TESTS_ORACLE_BEYOND_H
#define TESTS_ORACLE_BEYOND_H

#include "proto/h248/grammar.h"

/** Takes out of the tree what megaco cannot read, or loses. @return a set of classes; 0: nothing of the kind was there */
uint32_t beyond_take_out(struct h248_message *m, struct gw_arena *arena);
/** The name of class i, or NULL. */
const char *beyond_name(unsigned i);

#endif
