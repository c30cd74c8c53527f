/* SPDX-License-Identifier: Apache-2.0 */
/* IMS-ALG: one call object joins a W2 dialog, a core dialog and one H.248 context (TS 23.334 6). */
#ifndef CP_CALL_H
#define CP_CALL_H

#include <jansson.h>

#include "control/iq/client.h"
#include "control/sip/session.h"

enum gw_err cp_alg_new(struct cp_alg **out, struct cp_sip *s) GW_NODISCARD;
/** Releases nothing at the gateways: calls in progress keep their media (see docs/operations.md). */
void cp_alg_free(struct cp_alg *a);
/** Take over the answered calls the store has; bindings are there already. At the start only. */
enum gw_err cp_alg_restore(struct cp_alg *a) GW_NODISCARD;
/** Iq and transports are there: release the restored calls that cannot go on. */
void cp_alg_settle(struct cp_alg *a);
void cp_alg_set_iq(struct cp_alg *a, struct cp_iq *iq);
/** The file of call records was rotated away. */
void cp_alg_reopen_records(struct cp_alg *a);
/** Iq events; user is the cp_alg. */
extern const struct cp_iq_ops cp_alg_iq_ops;

/** Tables for the operator; args: rows to leave out (app/page.h). */
json_t *cp_alg_show(void *alg, struct gw_sv args);
/** Rows of the same table: the call with this number or Call-ID, or those of this IMPU. */
json_t *cp_alg_show_call(void *alg, struct gw_sv who);
json_t *cp_alg_show_dialogs(void *alg, struct gw_sv args);

#endif
