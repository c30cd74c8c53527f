/* SPDX-License-Identifier: Apache-2.0 */
/* IMS-ALG: one call object joins a W2 dialog, a core dialog and one H.248 context (TS 23.334 6). */
#ifndef CP_CALL_H
#define CP_CALL_H

#include <jansson.h>

#include "control/iq/client.h"
#include "control/sip/stack.h"

struct cp_binding;
struct cp_alg;
struct cp_share_answer;

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

/**
 * A request that belongs to a session, or starts one. m is the clone to be forwarded, routes already
 * taken care of. @return true when the session has taken charge of it
 */
bool cp_alg_request(struct cp_alg *a, struct cp_uas *u, struct sip_msg *m, struct cp_binding *b,
	enum cp_side to);
/** The ACK of a call whose offer was in the 2xx brings the answer. @return true when it is sent by the session */
bool cp_alg_ack(struct sip_msg *m, struct cp_binding *b, enum cp_side to);
/** Drop a body that would carry one leg's description to the other; INVITE, UPDATE and PRACK only. */
void cp_alg_edit_body(struct sip_msg *m);
/** A response to u that no exchange of a call waits for, on its way: its body as above, and what it tells of the session. */
void cp_alg_response(struct cp_uas *u, struct sip_msg *m);
/** Has it a call of this Call-ID? An emergency call? */
bool cp_alg_has_call(const struct cp_binding *b, struct gw_sv call_id);
bool cp_alg_is_emergency(const struct cp_binding *b, struct gw_sv call_id);
/** The binding ends: its calls are released with a Reason (W2-SIP-71). */
void cp_alg_binding_gone(struct cp_binding *b);
/** Several nodes: the binding moves to another node, which has taken over the calls with these ids ("1,2,"). */
void cp_alg_hand_over(struct cp_alg *a, const struct cp_binding *b, struct gw_sv node, struct gw_sv ids);
/** Take over the calls another node had with a binding that is ours now. */
void cp_alg_take_over(struct cp_alg *a, const struct cp_share_answer *from, struct gw_sv key);
/** A line of another node about contexts; not ours: ignored. */
void cp_alg_told(struct cp_alg *a, struct gw_sv line);
/** Redis was away: answered calls are put again, and lent contexts asked after. */
void cp_alg_resync(struct cp_alg *a);
/** Tables for the operator; args: rows to leave out (app/page.h). */
json_t *cp_alg_show(void *alg, struct gw_sv args);
json_t *cp_alg_show_dialogs(void *alg, struct gw_sv args);

#endif
