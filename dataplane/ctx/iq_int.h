/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Iq end share: iq_server.c, iq_register.c, iq_notify.c, iq_exec.c. */
#ifndef DP_IQ_INT_H
#define DP_IQ_INT_H

#include "dataplane/ctx/iq_server.h"
#include "proto/iq/xact.h"

#define IQ_VERSION_MAX 3

struct dp_iq {
	struct dp_iq_conf c;
	struct dp_ctx *ctx;
	int fd;
	struct iq_xact xact;
	struct gw_arena arena;
	unsigned version;               /* negotiated; 1 before */
	bool is_registered;
	unsigned controller;            /* index of the one we are registered with, or try */
	struct gw_timer reg_timer;
	enum iq_method reg_method;
	unsigned reg_reason;
	uint64_t now_ms;
	uint64_t ctr[dp_iq_ctr_COUNT];
	char out[65536];
};

/** Execute one request; *reply is in the arena. */
void dp_iq_execute(struct dp_iq *q, const struct iq_txn *req, struct iq_txn *reply);
bool dp_iq_is_service_change(const struct iq_txn *req);
/** The controller orders us to another one: GW_ENOENT when that is none of ours. */
enum gw_err dp_iq_hand_off(struct dp_iq *q, struct gw_sv mgc_id);
/** ALG restarted or orders a move: register again. */
void dp_iq_reregister(struct dp_iq *q, enum iq_method method, unsigned reason);

/* iq_server.c */
/** One request in a message of its own; tag comes back with its reply or its time-out. */
enum gw_err dp_iq_send_request(struct dp_iq *q, struct iq_txn *t, unsigned version, void *tag) GW_NODISCARD;

/* iq_register.c */
void dp_iq_on_register(struct gw_timer *timer, uint64_t now_ms);
void dp_iq_register_in(struct dp_iq *q, uint64_t after_ms);
void dp_iq_next_controller(struct dp_iq *q);
/** The reply to a ServiceChange of ours. */
void dp_iq_registered_reply(struct dp_iq *q, const struct iq_txn *t);

/* iq_notify.c */
/** The Notify with this tag got no answer: it is sent again after the next registration. */
void dp_iq_hold(void *user, void *tag);
void dp_iq_send_held(struct dp_iq *q);

#endif
