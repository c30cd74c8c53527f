/* SPDX-License-Identifier: Apache-2.0 */
/* The section web: of epcscf.yaml. */
#ifndef CP_CONF_WEB_H
#define CP_CONF_WEB_H

#include "control/app/conf.h"
#include "proto/conf/conf.h"

/** Mistakes are reported through c. w2 and tokens have been read: the embedded WAF goes among the issuers. */
void cp_conf_read_web(struct conf *c, struct cp_conf *d);

#endif
