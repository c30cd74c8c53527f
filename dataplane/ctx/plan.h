/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Add or Modify asks for, read and checked before anything changes (iq.md 3.4, 10.4): the properties and
 * descriptions of each stream, the events. Of one command; memory of the transaction's arena.
 */
#ifndef DP_PLAN_H
#define DP_PLAN_H

#include "dataplane/ctx/ctx_int.h"
#include "proto/sdp/iq_sdp.h"

#define DP_UFRAG_CHARS 8	/* 48 bits, 144 bits: above the 24 and 128 of W2-ICE-03 */
#define DP_PWD_CHARS 24

struct dp_stream_plan {
	const struct iq_stream *s;
	struct dp_stream *stream;        /* NULL: to be made */
	bool is_new;
	struct sdp_model local, remote;
	struct dp_control ctl;           /* as it will hold */
	bool has_local, has_remote, clears_remote;
	bool is_released;                /* port 0 in Local: its transport goes (S-7) */
	unsigned addr_index;             /* new: in the realm */
	struct dp_fingerprint fps[DP_FINGERPRINTS_MAX];
	unsigned n_fps;
	bool asks_ice;                   /* new credentials: at Add, or at an ICE restart (F-61) */
	char ufrag[DP_UFRAG_CHARS + 1], pwd[DP_PWD_CHARS + 1];
	/* made ahead, so that the commit cannot fail */
	struct gw_sv reply;              /* completed Local */
	struct dp_sdp_kept *kept_local, *kept_remote;
};

struct dp_plan {
	const struct iq_cmd *cmd;
	struct gw_arena *arena;
	struct dp_term *term;            /* NULL: to be made */
	bool is_access;
	struct dp_realm *realm;
	struct dp_stream_plan *streams;  /* [cmd->n_streams] */
	struct dp_wanted wanted[IQ_MAX_EVENTS];
	unsigned n_wanted;
	bool has_latch;                  /* ipnapt/latch, of this stream; 0: of all */
	uint16_t latch_stream;
	enum dp_latch latch;
	unsigned code;
	const char *text;
};

/** Note why and return GW_EBADMSG. */
enum gw_err dp_plan_refuse(struct dp_plan *p, unsigned code, const char *text);
/* apply_control.c, for dp_plan_read */
enum gw_err dp_plan_read_control(struct dp_plan *p, struct dp_stream_plan *sp);
enum gw_err dp_plan_read_signals(struct dp_plan *p);
/** Reads only. On failure code and text say why. */
enum gw_err dp_plan_read(struct dp_ctx *c, struct dp_plan *p);

#endif
