/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question to eimsagw on this host, by DPDK telemetry v2: a greeting, then one packet a question and one an answer.
 * Nothing blocks. Control thread only.
 */
#ifndef CP_AGW_ASK_H
#define CP_AGW_ASK_H

#include <jansson.h>

#include "control/app/loop.h"

struct cp_agw_ask;

/** @param answer  what stands under the command in the reply, borrowed; NULL: no answer within two seconds, or none at all */
typedef void (*cp_agw_answer_fn)(void *user, json_t *answer);

/**
 * @param path     of the telemetry socket
 * @param command  "/w2gw/context,17"
 * @param fn       called once, not before this returns
 * @return the question, for cp_agw_ask_drop; NULL: it cannot be asked, fn is not called
 */
struct cp_agw_ask *cp_agw_ask(struct cp_loop *loop, const char *path, const char *command, cp_agw_answer_fn fn, void *user);
/** Nobody waits for the answer any more; after it was given a is gone. */
void cp_agw_ask_drop(struct cp_agw_ask *a);

#endif
