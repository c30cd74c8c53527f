/* SPDX-License-Identifier: Apache-2.0 */
/* The section tokens: of epcscf.yaml, and mw.visited_networks that belongs to it. */
#ifndef CP_CONF_TOKENS_H
#define CP_CONF_TOKENS_H

#include "control/app/conf.h"
#include "proto/conf/conf.h"

/** Mistakes are reported through c. w2 and mw have been read. */
void cp_conf_read_tokens(struct conf *c, struct cp_conf *d);
/** An issuer for the WAF of this process, with the defaults; NULL: the file has one of this name, or no memory. */
struct cp_conf_issuer *cp_conf_own_issuer(struct conf *c, struct cp_conf *d, char *name);

#endif
