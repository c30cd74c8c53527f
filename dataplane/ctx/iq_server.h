/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway end of Iq: registration, requests executed at most once, notifications. Service thread. */
#ifndef DP_IQ_SERVER_H
#define DP_IQ_SERVER_H

#include "dataplane/ctx/context.h"
#include "net/iq_net.h"
#include "proto/iq/iq.h"

#define DP_CONTROLLERS_MAX 8

struct dp_iq_conf {
	enum iq_transport transport;
	const char *socket;                    /* UNIX: of the controller */
	struct gw_addr bind;
	const char *mid;                       /* "[127.0.0.1]:2945" */
	struct gw_addr controllers[DP_CONTROLLERS_MAX];
	unsigned n_controllers;
	const char *profile;                   /* "ThreeGIq/2" */
	bool long_tokens;
	const struct gw_log *log;
	struct gw_timers *timers;
};

#define DP_IQ_CTR_LIST(X)                                                                          \
	X(iq_requests, "Iq requests executed")                                                     \
	X(iq_duplicates, "Iq requests received again (answered from memory or with Pending)")      \
	X(iq_errors, "Iq commands answered with an error")                                         \
	X(iq_bad_message, "H.248 messages refused as malformed")                                   \
	X(iq_foreign, "H.248 messages dropped: not from a configured controller")                  \
	X(iq_notifies, "Notify sent")                                                              \
	X(iq_unauthorised, "Iq requests answered 402: of a controller we are not registered with") \
	X(iq_early, "Iq requests by UDP before the reply to our ServiceChange, not answered: they come again") \
	X(iq_unanswerable, "Iq requests executed whose answer could not be written: 500 or 533")   \
	X(iq_evicted, "answers forgotten before their 30 s for want of room")                      \
	X(iq_held, "events kept until a controller has registered us again")                       \
	X(iq_timeouts, "requests of ours without an answer for 30 s")                              \
	X(iq_registrations, "registrations accepted by a controller")                              \
	X(iq_retransmitted, "requests of ours sent again")                                         \
	X(iq_links_lost, "connections to a controller that ended or did not come to be")           \
	X(iq_bad_framing, "connections closed: what came is no TPKT, or too large")
GW_CTR_ENUM(dp_iq_ctr, DP_IQ_CTR_LIST);
extern const struct gw_ctr_info dp_iq_ctr_info[dp_iq_ctr_COUNT];

struct dp_iq;

enum gw_err dp_iq_new(struct dp_iq **out, const struct dp_iq_conf *conf, uint64_t now_ms) GW_NODISCARD;
/** The tables to work on; before the first dp_iq_poll. */
void dp_iq_attach(struct dp_iq *q, struct dp_ctx *ctx);
/** For dp_ctx_ops.notify; user is the dp_iq. */
void dp_iq_notify(void *user, struct dp_term *t, struct dp_stream *s, enum iq_name event,
	const struct iq_param *params, unsigned n_params);
/** Read what the sockets hold; returns how much was done. */
unsigned dp_iq_poll(struct dp_iq *q, uint64_t now_ms);
int dp_iq_fd(const struct dp_iq *q);
bool dp_iq_registered(const struct dp_iq *q);
const uint64_t *dp_iq_counters(const struct dp_iq *q);
enum dp_lock { DP_UNLOCKED, DP_DRAINING, DP_LOCKED };
/**
 * No new contexts; out of service when the last has ended, or after so many seconds (0: at once): what is left then ends.
 * The controller is told (ServiceChange Graceful, then Forced, 905).
 */
void dp_iq_lock(struct dp_iq *q, uint32_t delay_s, uint64_t now_ms);
void dp_iq_unlock(struct dp_iq *q, uint64_t now_ms);
enum dp_lock dp_iq_lock_state(const struct dp_iq *q);
/** A realm goes out of service, or this is no reason any more why it is: its interface and ipra tell the controller. */
void dp_iq_realm_fault(struct dp_iq *q, struct dp_realm *r, enum dp_realm_fault fault, bool is_out, uint64_t now_ms);
/** Tell the controller that we leave (ServiceChange Forced 905); best effort. */
void dp_iq_goodbye(struct dp_iq *q);
void dp_iq_free(struct dp_iq *q);

#endif
