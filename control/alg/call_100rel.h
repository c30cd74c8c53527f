/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reliable provisional responses (RFC 3262) where one side does not know them (W2-SIP-35): ended at the core's side. Where
 * both sides do, RSeq and RAck pass and nothing of this is at work. Control thread only.
 */
#ifndef CP_CALL_100REL_H
#define CP_CALL_100REL_H

#include "control/sip/stack.h"

struct cp_call;

/** CALLER: the core's responses get a PRACK of ours. CALLEE: those of the WIC get an RSeq of ours. */
enum cp_rel_role { CP_REL_PASS, CP_REL_CALLER, CP_REL_CALLEE };

/** Of the INVITE under way; the RSeq of each early dialog is in its struct cp_fork. */
struct cp_rel {
	enum cp_rel_role role;
	uint32_t cseq;               /* of the INVITE */
	uint32_t rseq;               /* CALLEE: of the response that waits for its PRACK; 0: none does */
	unsigned fork;               /* its dialog */
	bool has_sdp;                /* it has a description: no 2xx may overtake it (RFC 3262 3) */
	uint32_t interval_ms;
	uint64_t end_ms;             /* 64*T1 after it was sent first */
	struct gw_timer timer;
	struct gw_list held;         /* responses that come behind it, or behind one the gateway is busy with */
	unsigned n_held;
};

void cp_rel_init(struct cp_call *c);
/** The INVITE of the exchange, headers done, on its way to the other side: who ends what. */
void cp_rel_invite(struct cp_call *c, struct sip_msg *m);
/**
 * A response to it comes in. CALLER: a reliable one gets its PRACK and goes on as an unreliable one.
 * @return false: repeated, or not the next in its dialog: it is to be forgotten (RFC 3262 4)
 */
bool cp_rel_received(struct cp_call *c, struct sip_msg *m) GW_NODISCARD;
/** Before a response is relayed. @return true: it was kept, and is relayed when the one before has its PRACK */
bool cp_rel_hold(struct cp_call *c, const struct sip_msg *m, struct gw_sv description) GW_NODISCARD;
/** Keep a response until it is its turn; too many, and it is dropped. */
void cp_rel_keep(struct cp_call *c, const struct sip_msg *m, struct gw_sv description);
/** The same of one that comes while the gateway is busy with an offer: it is looked at when it is its turn. */
void cp_rel_keep_unread(struct cp_call *c, const struct sip_msg *m);
/** What was kept is relayed, if nothing is waited for any more. The call may be over behind it. */
void cp_rel_go_on(struct cp_call *c);
/** The response is ready to be sent. @return false: it cannot be sent reliably, so it is not sent at all */
bool cp_rel_sending(struct cp_call *c, struct sip_msg *m) GW_NODISCARD;
/** A PRACK of the core. @return true: it was answered here */
bool cp_rel_prack(struct cp_call *c, struct cp_uas *u, struct sip_msg *m) GW_NODISCARD;
/** A PRACK goes on to the other side without its description; whoever sent it is answered here. */
void cp_rel_pass(struct cp_call *c, const struct sip_msg *prack, enum cp_side to);
/** A 2xx that was kept, or NULL. */
struct sip_msg *cp_rel_final(const struct cp_call *c);
/** Nothing is sent any more. */
void cp_rel_end(struct cp_call *c);

#endif
