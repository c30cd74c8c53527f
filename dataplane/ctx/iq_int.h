/* SPDX-License-Identifier: Apache-2.0 */
/* What iq_server.c and iq_exec.c share. */
#ifndef DP_IQ_INT_H
#define DP_IQ_INT_H

#include "dataplane/ctx/iq_server.h"
#include "proto/iq/xact.h"

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

#endif
