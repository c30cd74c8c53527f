/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for the operator: calls, and why one of them has no media. They have a listener of their own, on loopback
 * (web.admin_listen), and open with a link that only the control socket gives: subscribers reach neither. Control thread only.
 */
#ifndef CP_ADMIN_H
#define CP_ADMIN_H

#include "control/alg/call.h"
#include "control/app/ctl.h"
#include "proto/base/buf.h"

struct cp_admin;

/** *out stays NULL when it is not configured; the command "page" is there in any case. alg outlives it. */
enum gw_err cp_admin_new(struct cp_admin **out, const struct cp_sip *s, struct cp_ctl *ctl) GW_NODISCARD;
/** Questions under way are answered with 503. Accepts NULL. */
void cp_admin_free(struct cp_admin *a);

/* admin_page.c: what is shown; all values are of strangers, and escaped */
/** calls: rows of "show calls", of which those from `from` on are the page's. */
void cp_admin_put_calls(struct gw_buf *b, json_t *calls, uint32_t from);
/** streams NULL: none are known; recent NULL: no step was kept. */
void cp_admin_put_why(struct gw_buf *b, json_t *call, json_t *streams, bool is_asked, json_t *recent);
void cp_admin_put_ended(struct gw_buf *b, json_t *recent);
extern const char cp_admin_style[];
#define CP_ADMIN_ROWS 100u     /* calls of a page */

#endif
