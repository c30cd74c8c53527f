/* SPDX-License-Identifier: Apache-2.0 */
/* UNIX socket of w2gwctl: one line in, one JSON document out. Control thread only. */
#ifndef CP_CTL_H
#define CP_CTL_H

#include <jansson.h>

#include "control/app/loop.h"
#include "proto/base/log.h"

struct cp_ctl;

/** Returns a new reference with the answer. */
typedef json_t *(*cp_ctl_fn)(void *user);

enum gw_err cp_ctl_open(struct cp_ctl **out, const char *path, struct cp_loop *loop,
	const struct gw_log *log) GW_NODISCARD;
/** "show NAME"; at most 16. name is kept, not copied. */
enum gw_err cp_ctl_register(struct cp_ctl *c, const char *name, cp_ctl_fn fn, void *user) GW_NODISCARD;
void cp_ctl_close(struct cp_ctl *c);

#endif
