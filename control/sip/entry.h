/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry points of the core (W2-REG-17): which of them takes the next request. What they answer, or do not answer,
 * tells their state; the silent ones are asked by OPTIONS; a 503 with Retry-After is respected. Control thread only.
 */
#ifndef CP_ENTRY_H
#define CP_ENTRY_H

#include <jansson.h>

#include "control/sip/stack.h"

struct cp_entry;
struct cp_resolver;

enum gw_err cp_entry_new(struct cp_entry **out, struct cp_sip *s) GW_NODISCARD;
/** Before the transactions go: ends the probes. Accepts NULL. */
void cp_entry_stop(struct cp_entry *e);
void cp_entry_free(struct cp_entry *e);

/**
 * Where a request goes that has been at `tried` already: configured order, those in service first.
 * @return GW_OK; GW_ENOENT: no other target; GW_ELIMIT: all that are left have asked to be left alone;
 *         GW_EAGAIN: DNS has not answered yet
 */
enum gw_err cp_entry_next(struct cp_entry *e, const struct cp_peer *tried, unsigned n_tried, struct cp_peer *to) GW_NODISCARD;
/** Seconds until the first target that sent Retry-After may be asked again; 0: none has. */
unsigned cp_entry_retry_after(const struct cp_entry *e);

/** A response has come from a target; retry_after_s counts with 503. */
void cp_entry_answered(struct cp_entry *e, const struct cp_peer *from, unsigned status, uint32_t retry_after_s);
/** A request has got no answer, or could not be sent. */
void cp_entry_failed(struct cp_entry *e, const struct cp_peer *to, const char *why);

/** Is this a node of the core: an entry point, or in mw.trusted (W2-ARC-10)? */
bool cp_entry_is_trusted(const struct cp_entry *e, const struct gw_addr *a);
struct cp_resolver *cp_entry_resolver(struct cp_entry *e);
/** For "show core". */
json_t *cp_entry_show(void *entry);

#endif
