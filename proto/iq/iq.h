/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Iq (TS 23.334, TS 29.334): what the two ends say to each other, typed. Both ends use the same
 * structs: the eP-CSCF encodes requests and decodes replies, the eIMS-AGW the reverse.
 * All memory is of the arena given to iq_decode, or of the caller of iq_encode.
 */
#ifndef IQ_IQ_H
#define IQ_IQ_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"

#define IQ_MAX_TRANSACTIONS 10      /* 0.2.5 of the profile */
#define IQ_MAX_ACTIONS 16
#define IQ_MAX_REPLY_ACTIONS 8192   /* an audit of all contexts: what a datagram holds */
#define IQ_MAX_COMMANDS 32
#define IQ_MAX_STREAMS 16
#define IQ_MAX_EVENTS 16
#define IQ_MAX_SIGNALS 8
#define IQ_MAX_PARAMS 8
#define IQ_CONTEXT_NULL 0u          /* "-" */
#define IQ_CONTEXT_CHOOSE 0xfffffffeu
#define IQ_CONTEXT_ALL 0xffffffffu

/* logical id, emitted name, accepted alias (or ""), packages of iq.md 4.1: overridable by configuration */
#define IQ_NAME_LIST(X)                                                                            \
	X(REALM, "ipdc/realm", "") X(DSCP, "ds/dscp", "") X(SAF, "gm/saf", "") X(SPF, "gm/spf", "") \
	X(POL, "tman/pol", "") X(SDR, "tman/sdr", "") X(MBS, "tman/mbs", "") X(PDR, "tman/pdr", "") \
	X(DVT, "tman/dvt", "tman/dvp") X(RTCPH_RSB, "rtcph/rsb", "gm/rsb")                         \
	X(EV_HANGTERM, "hangterm/thb", "") X(EV_CAUSE, "g/cause", "")                              \
	X(EV_BNC_CHANGE, "tlsbsc/BNCChange", "tlsbsc/bncchange") X(EV_IPSTOP, "adid/ipstop", "")   \
	X(EV_ICE_RESULT, "ostuncc/ccr", "") X(EV_NEW_PRFLX, "ostuncc/nprc", "")                    \
	X(EV_CONSENT, "stuncf/cft", "") X(EV_X_ICE, "xwrtc/ice", "") X(EV_X_DTLS, "xwrtc/dtls", "") \
	X(EV_X_CONSENT, "xwrtc/consent", "") X(EV_ITO, "it/ito", "")                               \
	X(EV_OVERLOAD, "ocp/mg_overload", "")                                                      \
	X(SG_STUN_SERVER, "mgastuns/astuns", "") X(SG_EST_BNC, "tlsbsc/EstBNC", "")                \
	X(SG_LATCH, "ipnapt/latch", "")                                                            \
	X(ST_PS, "rtp/ps", "") X(ST_PR, "rtp/pr", "") X(ST_PL, "rtp/pl", "") X(ST_JIT, "rtp/jit", "") \
	X(ST_DELAY, "rtp/delay", "") X(ST_OS, "nt/os", "") X(ST_OR, "nt/or", "")                   \
	X(ST_DUR, "nt/dur", "") X(ST_DP, "gm/dp", "")

enum iq_name {
	IQ_NAME_UNKNOWN = 0,
#define IQ_NAME_ROW(id, name, alias) IQ_##id,
	IQ_NAME_LIST(IQ_NAME_ROW)
#undef IQ_NAME_ROW
	IQ_NAME_COUNT
};
enum iq_name iq_name_lookup(struct gw_sv name);
struct gw_sv iq_name_text(enum iq_name id);
/** Is the package of "pkg/item" one we know at all (440 against 445, 451, 452)? */
bool iq_package_known(struct gw_sv name);
bool iq_is_event(enum iq_name id);
bool iq_is_signal(enum iq_name id);

enum iq_term_kind { IQ_TERM_NONE, IQ_TERM_ROOT, IQ_TERM_CHOOSE, IQ_TERM_ALL, IQ_TERM_ID };
struct iq_term {
	enum iq_term_kind kind;      /* CHOOSE: any component is '$'; ALL: any is '*' */
	struct gw_sv text;
};
#define IQ_ROOT ((struct iq_term){ IQ_TERM_ROOT, GW_SV("ROOT") })
struct iq_term iq_term(struct gw_sv text);
/** Does "*", or a text whose components may be '*', name this TerminationID (M-5)? */
bool iq_term_matches(struct gw_sv pattern, struct gw_sv id);

enum iq_mode { IQ_MODE_UNSET, IQ_MODE_SEND_ONLY, IQ_MODE_RECEIVE_ONLY, IQ_MODE_SEND_RECEIVE,
	IQ_MODE_INACTIVE };

/** -1 in the int fields: not present. */
struct iq_stream {
	uint16_t id;
	enum iq_mode mode;
	int reserve_value;           /* 0, 1 */
	struct gw_sv realm;
	int dscp, saf, spf, pol, rtcp_rsb;
	int64_t sdr, mbs, pdr;       /* bytes/s, bytes, bytes/s */
	bool has_local, has_remote;
	struct gw_sv local, remote;  /* SDP text */
};
/** A stream with everything absent. */
struct iq_stream iq_stream(uint16_t id);

struct iq_param {
	struct gw_sv name, value;
};

/** An event asked for, an event observed, or a signal. */
struct iq_item {
	enum iq_name id;
	uint16_t stream;             /* 0: none named */
	struct iq_param params[IQ_MAX_PARAMS];
	unsigned n_params;
};
struct gw_sv iq_item_param(const struct iq_item *it, struct gw_sv name);

struct iq_stat {
	enum iq_name id;
	struct gw_sv value;
};

enum iq_audit { IQ_AUDIT_MEDIA = 1, IQ_AUDIT_EVENTS = 2, IQ_AUDIT_SIGNALS = 4, IQ_AUDIT_STATISTICS = 8,
	IQ_AUDIT_PACKAGES = 16, IQ_AUDIT_STATE = 32 };

enum iq_cmd_kind { IQ_ADD, IQ_MODIFY, IQ_SUBTRACT, IQ_MOVE, IQ_AUDIT_VALUE, IQ_AUDIT_CAPABILITY, IQ_NOTIFY,
	IQ_SERVICE_CHANGE };

enum iq_method { IQ_METHOD_NONE, IQ_RESTART, IQ_GRACEFUL, IQ_FORCED, IQ_DISCONNECTED, IQ_HANDOFF,
	IQ_FAILOVER };

struct iq_cmd {
	enum iq_cmd_kind kind;
	bool is_optional, is_wildcard_response;
	struct iq_term term;
	struct iq_stream *streams;
	unsigned n_streams;
	bool has_events, has_signals;        /* an empty list clears (M-9) */
	uint32_t events_id;                  /* RequestID */
	struct iq_item *events, *signals;
	unsigned n_events, n_signals;
	uint32_t observed_id;
	struct iq_item *observed;
	unsigned n_observed;
	bool has_audit;
	unsigned audit;                      /* enum iq_audit bits */
	struct iq_stat *stats;
	unsigned n_stats;
	struct gw_sv *packages;              /* "g-1" */
	unsigned n_packages;
	bool is_in_service, has_service_state;
	struct {                             /* Services */
		enum iq_method method;
		unsigned reason;             /* 900.. */
		unsigned version;            /* 0: absent */
		struct gw_sv profile, mgc_id;
		uint32_t delay_s;
	} sc;
	unsigned error;                      /* H.248.8 code: of a reply, or what a bad request earns */
	struct gw_sv error_text;
};

struct iq_action {
	uint32_t context;
	int priority;                        /* -1: absent */
	bool is_emergency;
	struct iq_cmd *cmds;
	unsigned n_cmds;
	unsigned error;
	struct gw_sv error_text;
};

enum iq_txn_kind { IQ_REQUEST, IQ_REPLY, IQ_PENDING, IQ_ACK };

struct iq_txn {
	enum iq_txn_kind kind;
	uint32_t id, id_last;                /* ACK: a range */
	bool imm_ack;
	struct iq_action *actions;
	unsigned n_actions;
	unsigned error;
	struct gw_sv error_text;
};

struct iq_msg {
	unsigned version;
	struct gw_sv mid;
	struct iq_txn *txns;
	unsigned n_txns;
	unsigned error;                      /* message level */
	struct gw_sv error_text;
};

struct iq_codec {
	bool long_tokens;
};

/**
 * @return GW_OK; GW_EBADMSG: no transaction can be executed, *m has mid and version if readable and
 *         diag says why: answer with a message-level 400. Faults of single transactions, actions and
 *         commands do not fail the message: they are in their error fields, at their level.
 */
enum gw_err iq_decode(struct gw_arena *arena, struct gw_sv text, struct iq_msg *m,
	struct gw_diag *diag) GW_NODISCARD;
/** GW_ENOSPC; GW_EINVAL: a text holds a quote, or an SDP holds '}' (T-7, never emitted). */
enum gw_err iq_encode(const struct iq_msg *m, const struct iq_codec *codec, struct gw_buf *out)
	GW_NODISCARD;

#endif
