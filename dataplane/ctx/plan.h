/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Add or Modify asks for, read and checked before anything changes (iq.md 3.4, 10.4): the properties and
 * descriptions of each stream, the events. Of one command; memory of the transaction's arena.
 */
#ifndef DP_PLAN_H
#define DP_PLAN_H

#include "dataplane/ctx/ctx_int.h"
#include "proto/sdp/iq_sdp.h"

#define DP_UFRAG_CHARS DP_ICE_UFRAG_MAX	/* 48 bits, 144 bits: above the 24 and 128 of W2-ICE-03 */
#define DP_PWD_CHARS DP_ICE_PWD_MAX

struct sdp_crypto;

struct dp_stream_plan {
	const struct iq_stream *s;
	struct dp_stream *stream;        /* NULL: to be made */
	bool is_new;
	struct sdp_model local, remote;
	struct dp_control ctl;           /* as it will hold */
	bool has_local, has_remote, clears_remote;
	bool is_data;                    /* a data line (W2-DC-02) */
	bool is_end;                     /* a channel that ends here, or its TCP leg (F-70) */
	bool is_text;                    /* real-time text: a channel, or the core's m=text (W2-DC-16) */
	bool is_opaque;                  /* datagrams that pass as they are (F-73) */
	uint16_t sctp_stream;            /* of a channel */
	bool is_member;                  /* of a BUNDLE group: it has no port of its own (F-74) */
	bool is_sdes, said_sdes;         /* SRTP without DTLS as it will be; it is, or was, said (sdes.c) */
	bool is_released;                /* port 0 in Local: its transport goes (S-7) */
	bool has_addr;                   /* new: addr_index is chosen */
	unsigned addr_index;             /* new: in the realm */
	struct dp_fingerprint fps[DP_FINGERPRINTS_MAX];
	unsigned n_fps;
	bool asks_ice;                   /* new credentials: at Add, or at an ICE restart (F-61) */
	bool is_lite;                    /* asks_ice: the reply says a=ice-lite */
	char ufrag[DP_UFRAG_CHARS + 1], pwd[DP_PWD_CHARS + 1];
	/* made ahead, so that the commit cannot fail */
	struct dp_dtls *dtls;            /* takes the place of the association that is there (F-42); NULL: none does */
	struct sdp_crypto *keys;         /* [2] of Local and Remote, where they are said; wiped once they are used */
	struct dp_sdes *sdes;            /* as it will be; NULL: none */
	struct gw_sv reply;              /* completed Local */
	struct dp_sdp_kept *kept;        /* Local and Remote as they will hold, if either changes */
};

/* A signal of ICE; stream 0: of all. */
struct dp_ice_order {
	enum iq_name signal;
	uint16_t stream;
};

/* What becomes of the ICE of a stream that sends checks. */
struct dp_ice_plan {
	struct dp_stream *stream;
	bool checks, again, consent;
	const struct sdp_line *remote;   /* NULL: not known yet */
	char *pwd;                       /* the peer's; owned until it is committed */
};

struct dp_plan {
	const struct iq_cmd *cmd;
	struct gw_arena *arena;
	struct dp_term *term;            /* NULL: to be made */
	bool is_access;
	struct dp_realm *realm;
	struct dp_stream_plan *streams;  /* [cmd->n_streams] */
	const struct iq_group *bundle;   /* as it will be; NULL: not said */
	const struct iq_group *deagg;    /* a data line and its channels (F-70); NULL: not said */
	struct dp_wanted wanted[IQ_MAX_EVENTS];
	unsigned n_wanted;
	bool has_latch;                  /* ipnapt/latch, of this stream; 0: of all */
	uint16_t latch_stream;
	enum dp_latch latch;
	struct dp_ice_order ice_orders[IQ_MAX_SIGNALS];
	unsigned n_ice_orders;
	struct dp_ice_plan *ice;         /* [n_ice], once the streams are made */
	unsigned n_ice;
	unsigned code;
	const char *text;
};

/** Note why and return GW_EBADMSG. */
enum gw_err dp_plan_refuse(struct dp_plan *p, unsigned code, const char *text);
/* apply_control.c, for dp_plan_read */
enum gw_err dp_plan_read_control(struct dp_plan *p, struct dp_stream_plan *sp);
enum gw_err dp_plan_read_signals(struct dp_plan *p);
/* apply_realm.c: the realm, and of each new stream the address in it; the streams are read by now */
enum gw_err dp_plan_read_realm(struct dp_ctx *c, struct dp_plan *p);
/* apply_bundle.c */
/** Before the streams are read: which of them share a transport. */
enum gw_err dp_plan_read_group(struct dp_plan *p);
/** Does a stream of the command share a transport? */
bool dp_plan_is_member(const struct dp_plan *p, const struct dp_stream_plan *sp);
/** A stream of the command, its Local read: does it have the port it should? */
enum gw_err dp_plan_read_member(struct dp_plan *p, struct dp_stream_plan *sp);
/** All of them read: does the group fit together? */
enum gw_err dp_plan_check_group(struct dp_plan *p);
/** The stream whose transport a new member shares; made by now. */
struct dp_stream *dp_plan_transport(const struct dp_plan *p);
/* apply_ice.c */
enum gw_err dp_plan_read_ice_signal(struct dp_plan *p, const struct iq_item *it);
bool dp_plan_orders(const struct dp_plan *p, uint16_t stream, enum iq_name signal);
enum gw_err dp_plan_prepare_ice(struct dp_plan *p);
void dp_plan_undo_ice(struct dp_plan *p);
void dp_commit_ice(struct dp_ctx *c, struct dp_plan *p, uint64_t now_ms);
/** Reads only. On failure code and text say why. */
enum gw_err dp_plan_read(struct dp_ctx *c, const struct dp_context *cx, struct dp_plan *p);

#endif
