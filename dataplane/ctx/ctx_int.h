/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ctx/ share. */
#ifndef DP_CTX_INT_H
#define DP_CTX_INT_H

#include "dataplane/ctx/context.h"

struct dp_ctx {
	struct dp_ctx_conf c;
	struct gw_list contexts;
	struct gw_map by_id;
	struct dp_term *terms;           /* [max_contexts * 2] */
	uint32_t n_term_slots, n_terms, term_hint;
	uint16_t next_worker;
	uint32_t next_context, next_term;
	struct gw_map flow_ports;        /* flow id -> struct port_ref: what FLOW_GONE gives back */
	struct gw_list backlog;          /* commands for workers whose ring was full (publish.c) */
	struct gw_timer backlog_timer;
	uint64_t ctr[dp_ctx_ctr_COUNT];
};

static inline bool dp_mode_receives(enum iq_mode m)
{
	return m == IQ_MODE_SEND_RECEIVE || m == IQ_MODE_RECEIVE_ONLY;
}

static inline bool dp_mode_sends(enum iq_mode m)
{
	return m == IQ_MODE_SEND_RECEIVE || m == IQ_MODE_SEND_ONLY;
}

static inline uint64_t dp_cookie(const struct dp_term *t)
{
	return (uint64_t)t->generation << 32 | (t->slot + 1u);
}

uint32_t dp_ctx_random(void);

/* publish.c: terminations -> flows of the workers. */
enum gw_err dp_publish_open(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms);
void dp_publish(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms);
void dp_publish_gate(struct dp_ctx *c, struct dp_term *access, uint64_t now_ms);
void dp_publish_close(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms);
/** At the end: what still waits for a worker. */
void dp_publish_drop_backlog(struct dp_ctx *c);

/* media.c: ICE, DTLS, SRTCP of an access termination. */
void dp_media_init(struct dp_ctx *c, struct dp_term *t);
/** The session is made when the fingerprint is asked for, so that it holds that certificate. */
enum gw_err dp_media_new_dtls(struct dp_ctx *c, struct dp_term *t, bool is_client);
void dp_media_try_start(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms);
void dp_media_check_dtls(struct dp_ctx *c, struct dp_term *t, uint64_t now_ms);
void dp_media_close(struct dp_ctx *c, struct dp_term *t);

#endif
