/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Iq end share: iq_link.c, iq_server.c, iq_register.c, iq_notify.c, iq_exec.c. */
#ifndef DP_IQ_INT_H
#define DP_IQ_INT_H

#include "dataplane/ctx/iq_server.h"
#include "proto/iq/xact.h"

#define IQ_VERSION_MAX 3

/* One of the configured controllers. */
struct dp_controller {
	struct iq_xact_peer peer;
	struct iq_path path;            /* UDP: always; else of the connection that is there or on its way */
	bool is_open;
};

/* Events of ROOT the controller asked for. */
struct dp_iq_root {
	uint32_t events_id;
	uint32_t ito_ms;                /* it/ito: mit; 0: not asked for */
	bool wants_overload, wants_congestion, wants_realms;
	uint8_t reduction;              /* chp: last reported, per cent; 0: none */
	uint64_t reduction_ms;          /* when */
	uint64_t overload_until_ms;     /* not reported again before */
	struct gw_timer ito_timer, congestion_timer;
};

struct dp_iq {
	struct dp_iq_conf c;
	struct dp_ctx *ctx;
	struct iq_net *net;
	struct dp_controller controllers[DP_CONTROLLERS_MAX];
	struct iq_xact xact;
	struct gw_arena arena;
	unsigned version;               /* negotiated; 1 before */
	bool is_registered;
	unsigned controller;            /* index of the one we are registered with, or try */
	struct gw_timer reg_timer;
	struct dp_iq_root root;
	enum dp_lock lock;
	uint64_t lock_until_ms;
	struct gw_timer lock_timer;
	enum iq_method reg_method;
	unsigned reg_reason;
	unsigned n_failures;            /* of registrations, since the last that was accepted */
	uint64_t now_ms;
	uint64_t ctr[dp_iq_ctr_COUNT];
	char out[65536];
};

/** The commands of one action being executed. */
struct dp_exec {
	struct dp_iq *q;
	struct dp_ctx *ctx;
	struct dp_context *cx;          /* of the action; NULL: null context, or gone */
	uint32_t id;                    /* of the action: a failed Add or a Subtract may end the context */
	struct iq_action *out;
	unsigned cap;
	bool stop;
};

/* iq_exec.c */
/** A reply to cmd on this termination; NULL: no memory, e->stop is set. */
struct iq_cmd *dp_exec_result(struct dp_exec *e, const struct iq_cmd *cmd, struct gw_sv term);
void dp_exec_fail(struct dp_exec *e, const struct iq_cmd *cmd, unsigned code, struct gw_sv text);

/* iq_audit.c */
void dp_exec_audit(struct dp_exec *e, const struct iq_cmd *cmd);
void dp_exec_put_stats(struct dp_exec *e, struct iq_cmd *r, const struct dp_term *t);

/* iq_root.c */
void dp_exec_put_packages(struct iq_cmd *r);
void dp_exec_audit_root(struct dp_exec *e, const struct iq_cmd *cmd);
void dp_exec_modify_root(struct dp_exec *e, const struct iq_cmd *cmd);
/** The controller was heard: its inactivity begins anew. */
void dp_iq_root_heard(struct dp_iq *q);
/** A call was refused for want of room. */
void dp_iq_root_refused(struct dp_iq *q);
/** The service state of a realm has changed (ipra/arc). */
void dp_iq_root_realm(struct dp_iq *q, const struct dp_realm *r);
/** What was asked for is asked for no more. */
void dp_iq_root_clear(struct dp_iq *q);

/* iq_service.c */
/** A controller has registered us: it hears which interfaces are out of service. */
void dp_iq_service_told(struct dp_iq *q);

/** Execute one request; *reply is in the arena. */
void dp_iq_execute(struct dp_iq *q, const struct iq_txn *req, struct iq_txn *reply);
bool dp_iq_is_service_change(const struct iq_txn *req);
/** The controller orders us to another one: GW_ENOENT when that is none of ours. */
enum gw_err dp_iq_hand_off(struct dp_iq *q, struct gw_sv mgc_id);
/** ALG restarted or orders a move: register again. */
void dp_iq_reregister(struct dp_iq *q, enum iq_method method, unsigned reason);

/* iq_link.c */
/** Sockets, and every controller's path over UDP. */
enum gw_err dp_iq_link_open(struct dp_iq *q) GW_NODISCARD;
/** A way to the current controller; false: it is on its way, opened or lost is told to iq_register.c. */
bool dp_iq_link_dial(struct dp_iq *q);
/** Connections of all controllers but the current one. */
void dp_iq_link_keep_current(struct dp_iq *q);

/* iq_server.c */
/** A message of configured controller k. */
void dp_iq_input(struct dp_iq *q, unsigned k, const struct iq_path *from, struct gw_sv bytes);
/** One request in a message of its own; tag comes back with its reply or its time-out. */
enum gw_err dp_iq_send_request(struct dp_iq *q, struct iq_txn *t, unsigned version, void *tag) GW_NODISCARD;

/* iq_register.c */
void dp_iq_on_register(struct gw_timer *timer, uint64_t now_ms);
void dp_iq_register_in(struct dp_iq *q, uint64_t after_ms);
/** The current controller was of no use: another one, or the same after a pause that grows. */
void dp_iq_try_next(struct dp_iq *q);
void dp_iq_link_up(struct dp_iq *q);
/** The connection to the current controller has ended: it is tried first, which keeps the calls. */
void dp_iq_link_down(struct dp_iq *q, bool was_open);
/** The reply to a ServiceChange of ours. */
void dp_iq_registered_reply(struct dp_iq *q, const struct iq_txn *t);

/* iq_notify.c */
/** The Notify with this tag got no answer: it is sent again after the next registration. */
void dp_iq_hold(void *user, void *tag);
void dp_iq_send_held(struct dp_iq *q);

#endif
