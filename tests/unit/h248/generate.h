/* SPDX-License-Identifier: Apache-2.0 */
/* Legal H.248 messages made by chance from the grammar table, and when two are the same. */
#ifndef TESTS_H248_GENERATE_H
#define TESTS_H248_GENERATE_H

#include "proto/h248/grammar.h"

/** The same messages come from the same seed and version. */
void generate(uint64_t seed, unsigned version, struct gw_arena *arena, struct h248_message *m);
/** Are these lists of items the same tree? Only the spelling of tokens may differ. */
bool same_items(const struct h248_item *a, const struct h248_item *b);
/** The message with n octets changed, taken away, doubled or moved; the length, at most cap. */
size_t mutate(uint64_t seed, const char *text, size_t len, char *out, size_t cap);
/** One to three parts of the tree taken away, doubled, moved, or given another name, value or relation: often legal still. */
void mutate_tree(uint64_t seed, struct gw_arena *arena, struct h248_message *m);
/** xorshift64*: never 0 from a state that is not. */
uint64_t chance(uint64_t *state);

#endif
