/* SPDX-License-Identifier: Apache-2.0 */
/* The controller end of Iq: gateways register here, get audited, and execute our requests. Control thread. */
#ifndef CP_IQ_CLIENT_H
#define CP_IQ_CLIENT_H

#include "control/app/conf.h"
#include "control/app/loop.h"
#include "proto/iq/iq.h"

struct cp_iq;

/** Which request a reply is for. */
struct cp_iq_ref {
	uint64_t call;
	unsigned step, gateway;
	uint32_t context;
};

struct cp_iq_ops {
	/** Answer to a request; reply NULL: no answer in 30 s, or the gateway is lost. */
	void (*reply)(void *user, const struct cp_iq_ref *ref, const struct iq_txn *reply);
	/** A Notify; false: the context is not ours (the client answers with an error and subtracts). */
	bool (*notify)(void *user, unsigned gateway, uint32_t context, struct gw_sv term,
		const struct iq_item *event);
	/** The gateway restarted or does not answer: its contexts are gone. Also told when it had none. */
	void (*lost)(void *user, unsigned gateway);
	/** Terminations of this pattern ("ip/1/acc0/" and an asterisk) are out of service (2.10), in this context or in all. */
	void (*terms_lost)(void *user, unsigned gateway, uint32_t context, struct gw_sv pattern);
	/**
	 * All contexts of a gateway that registers again while there are calls. Those nobody owns are to stay in ids.
	 * @return how many stayed; the client subtracts them
	 */
	unsigned (*census)(void *user, unsigned gateway, uint32_t *ids, unsigned n);
	void *user;
};

enum gw_err cp_iq_new(struct cp_iq **out, const struct cp_conf *conf, struct cp_loop *loop,
	const struct gw_log *log, const struct cp_iq_ops *ops) GW_NODISCARD;
/** No callback from now on: the first step of the end, before their owner is freed. */
void cp_iq_stop(struct cp_iq *q);
void cp_iq_free(struct cp_iq *q);

/** What a new call asks of a gateway. */
struct cp_iq_want {
	bool is_exempt;              /* emergency, priority: overload spares others, not these (F-75) */
	uint64_t tried;              /* bit mask of gateways that would not have it */
};
/**
 * The gateway in service with most room for a new call: fewest contexts by its weight.
 * @return GW_OK; GW_ENOENT: none; GW_ELIMIT: all are full or report overload
 */
enum gw_err cp_iq_pick(struct cp_iq *q, const struct cp_iq_want *want, unsigned *gateway) GW_NODISCARD;
/** The gateway had no room for a context, with this H.248 error: it is left alone for a while. */
void cp_iq_refused(struct cp_iq *q, unsigned gateway, unsigned error);
/** A call has a context there, has it no more. */
void cp_iq_context_added(struct cp_iq *q, unsigned gateway);
void cp_iq_context_gone(struct cp_iq *q, unsigned gateway);
/** The operator's lock: no new calls go there (2.6). GW_ENOENT: no such gateway. */
enum gw_err cp_iq_lock(struct cp_iq *q, struct gw_sv name, bool is_locked) GW_NODISCARD;
/**
 * Send a message with one request as it is written, with a TransactionID and the mId of ours.
 * @param fn    told the whole answer; empty: none came
 * @return GW_OK; GW_ENOENT: no such gateway; GW_ECLOSED: it cannot be reached; GW_ESTATE: another one waits;
 *         GW_EBADMSG: no H.248 message with one request (diag)
 */
enum gw_err cp_iq_by_hand(struct cp_iq *q, struct gw_sv name, struct gw_sv text,
	void (*fn)(void *user, struct gw_sv answer), void *user, struct gw_diag *diag) GW_NODISCARD;
/** Who asked has left: fn is not called. */
void cp_iq_by_hand_forget(struct cp_iq *q);
/** Order a gateway to another controller (3.3). GW_ENOENT: no such gateway; GW_ECLOSED: out of service. */
enum gw_err cp_iq_hand_off(struct cp_iq *q, struct gw_sv name, struct gw_sv mgc_id) GW_NODISCARD;
/**
 * Send one action. call and step come back with the reply; step 0: nobody waits for it.
 */
enum gw_err cp_iq_request(struct cp_iq *q, unsigned gateway, const struct iq_action *a, uint64_t call,
	unsigned step) GW_NODISCARD;

/** Requests that wait for their reply. */
size_t cp_iq_waiting(const struct cp_iq *q);

struct cp_iq_gateway_info {
	const char *name;
	struct gw_addr address;
	bool is_up, is_locked, has_xwrtc, has_tlsbsc, has_mgroup;   /* up and not locked: new calls may go there */
	unsigned version, contexts, rate;    /* rate: new calls a second it is asked for; 0: no limit */
	uint64_t requests, timeouts;
};
/** false: no such index. */
bool cp_iq_gateway(const struct cp_iq *q, unsigned gateway, struct cp_iq_gateway_info *out);

#endif
