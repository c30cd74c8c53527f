/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the check of the tree against the grammar. */
#ifndef H248_CHECK_H
#define H248_CHECK_H

#include "proto/h248/grammar.h"

/** Has what follows the name this form? Sets the value tokens. */
bool h248_form_is(struct h248_item *it, enum h248_form form, unsigned version);

#endif
