/* SPDX-License-Identifier: Apache-2.0 */
/* What the SIP element asks of the sessions, which are those of control/alg. Control thread only. */
#ifndef CP_SESSION_H
#define CP_SESSION_H

#include "control/sip/route.h"

struct cp_share_answer;

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
/** The route set of the dialog a request of a WIC belongs to, as the core made it. @return false: of no call */
bool cp_alg_routes(const struct cp_binding *b, const struct sip_msg *m, struct cp_route_set *set);
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

#endif
