/* SPDX-License-Identifier: Apache-2.0 */
/* What the parser and the editor of messages share; nobody else includes it. */
#ifndef SIP_MSG_INT_H
#define SIP_MSG_INT_H

#include "proto/sip/msg.h"

/** Open a slot at index at in the header array, which grows in the arena; NULL: no memory. */
struct sip_hdr *sip_msg_slot(struct sip_msg *m, unsigned at);

#endif
