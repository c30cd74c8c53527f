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
#include "proto/iq/names.h"

#define IQ_MAX_TRANSACTIONS 10      /* 0.2.5 of the profile */
#define IQ_MAX_ACTIONS 16
#define IQ_MAX_REPLY_ACTIONS 8192   /* an audit of all contexts: what a datagram holds */
#define IQ_MAX_COMMANDS 32
#define IQ_MAX_STREAMS 16
#define IQ_MAX_EVENTS 16
#define IQ_MAX_SIGNALS 8
#define IQ_MAX_PARAMS 8
#define IQ_PRIORITY_MAX 15          /* of a context; 0: the lowest */
#define IQ_CONTEXT_NULL 0u          /* "-" */
#define IQ_CONTEXT_CHOOSE 0xfffffffeu
#define IQ_CONTEXT_ALL 0xffffffffu

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
	IQ_MODE_INACTIVE, IQ_MODE_LOOPBACK };

struct iq_stat {
	enum iq_name id;
	struct gw_sv value;          /* none: asked for, or without a value */
};

/* The properties of LocalControl in order of emission: name, field. The type in the name table says what the field is. */
#define IQ_STREAM_LIST(X)                                                                          \
	X(REALM, realm) X(SAF, saf) X(SAM, sam) X(SPF, spf) X(SPR, spr) X(ESAS, esas) X(LSA, lsa)  \
	X(ESPS, esps) X(LSP, lsp) X(POL, pol) X(SDR, sdr) X(MBS, mbs) X(PDR, pdr) X(DVT, dvt)      \
	X(DSCP, dscp) X(TB, tb) X(RTCPH_RSB, rtcp_rsb) X(SEPLINK, seplink) X(ECN, ecn)             \
	X(ECN_METHOD, ecn_method) X(MSRP, msrp) X(MGCINFO, mgcinfo)

/** -1 in the number fields, an empty text: not present. */
struct iq_stream {
	uint16_t id;
	enum iq_mode mode;
	int reserve_value, reserve_group;   /* 0, 1 */
	struct gw_sv realm;
	int dscp, tb;                /* 0..63; F-26: 1 copies what was received */
	int saf, spf, esas, esps, lsp;
	struct gw_sv sam, spr, lsa;  /* "[10.0.0.0]/8", "p1-p2", address */
	int pol, rtcp_rsb, ecn, msrp;
	int64_t sdr, mbs, pdr, dvt;  /* bytes/s, bytes, bytes/s, units of the package */
	struct gw_sv seplink, ecn_method, mgcinfo;
	bool has_local, has_remote;
	struct gw_sv local, remote;  /* SDP text; several groups begin with v= each */
	struct iq_stat *stats;       /* version 3 */
	unsigned n_stats;
};
/** A stream with everything absent. */
struct iq_stream iq_stream(uint16_t id);
/** Is this property of LocalControl present? */
bool iq_stream_has(const struct iq_stream *s, enum iq_name id);

struct iq_param {
	struct gw_sv name, value;    /* IQ_T_LIST: the elements, a comma between two */
};

enum iq_signal_type { IQ_SIGNAL_DEFAULT, IQ_SIGNAL_ON_OFF, IQ_SIGNAL_TIME_OUT, IQ_SIGNAL_BRIEF };
enum iq_completion { IQ_DONE_TIME_OUT = 1, IQ_DONE_EVENT = 2, IQ_DONE_NEW_SIGNALS = 4, IQ_DONE_OTHER = 8,
	IQ_DONE_ITERATION = 16 };

/** An event asked for, an event observed, or a signal. */
struct iq_item {
	enum iq_name id;
	uint16_t stream;             /* 0: none named */
	struct iq_param params[IQ_MAX_PARAMS];
	unsigned n_params;
	bool is_keep_active;
	enum iq_signal_type type;    /* signals */
	int duration;                /* signals: hundredths of a second; 0: absent */
	unsigned completion;         /* signals: enum iq_completion bits */
	uint32_t request_id;         /* signals, version 3; 0: absent */
	struct gw_sv timestamp;      /* observed: yyyymmddThhmmsscc, or none */
};
struct gw_sv iq_item_param(const struct iq_item *it, struct gw_sv name);

/** A property of TerminationState: of ROOT, or of a termination. */
struct iq_prop {
	enum iq_name id;
	struct gw_sv value;          /* IQ_T_LIST: the elements, a comma between two */
	uint32_t number;             /* IQ_T_UINT */
};

/** "BUNDLE 3 1 2": the first StreamID is the aggregate (P-2, P-3). */
struct iq_group {
	struct gw_sv semantics;
	uint16_t streams[IQ_MAX_STREAMS];
	unsigned n_streams;
};
/** Read one value of mgroup/gs. GW_EBADMSG; GW_ELIMIT */
enum gw_err iq_group_read(struct gw_sv text, struct iq_group *out) GW_NODISCARD;

enum iq_audit { IQ_AUDIT_MEDIA = 1, IQ_AUDIT_EVENTS = 2, IQ_AUDIT_SIGNALS = 4, IQ_AUDIT_STATISTICS = 8,
	IQ_AUDIT_PACKAGES = 16, IQ_AUDIT_STATE = 32, IQ_AUDIT_OBSERVED = 64, IQ_AUDIT_EVENT_BUFFER = 128,
	IQ_AUDIT_DIGIT_MAP = 256, IQ_AUDIT_LOCAL = 512, IQ_AUDIT_REMOTE = 1024, IQ_AUDIT_MODE = 2048,
	IQ_AUDIT_RESERVE = 4096, IQ_AUDIT_LOCAL_CONTROL = 8192 };

/**
 * One thing asked for within a descriptor: a property of LocalControl or TerminationState, an event, a signal, a
 * statistic, a package; without a name LOCAL, REMOTE, MODE, RESERVE, STATE (the service state) itself.
 */
struct iq_audit_item {
	enum iq_audit what;          /* one bit */
	uint16_t stream;             /* 0: none named */
	enum iq_name name;
	struct gw_sv package;        /* "g-1" */
};

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
	unsigned audit;                      /* enum iq_audit bits: whole descriptors */
	struct iq_audit_item *audit_items;   /* and parts of others */
	unsigned n_audit_items;
	struct iq_stat *stats;
	unsigned n_stats;
	struct gw_sv *packages;              /* "g-1" */
	unsigned n_packages;
	bool is_in_service, has_service_state;
	bool is_test;                        /* ServiceStates = Test; then not in service */
	struct iq_prop *props;               /* of TerminationState */
	unsigned n_props;
	struct iq_group *groups;             /* mgroup/gs among them, read */
	unsigned n_groups;
	struct {                             /* Services */
		enum iq_method method;
		unsigned reason;             /* 900.. */
		unsigned version;            /* 0: absent */
		struct gw_sv profile, mgc_id;
		struct gw_sv address;        /* ServiceChangeAddress: a port or a mId */
		struct gw_sv timestamp;
		uint32_t delay_s;
	} sc;
	unsigned error;                      /* H.248.8 code: of a reply, or what a bad request earns */
	struct gw_sv error_text;
};

enum iq_switch { IQ_ABSENT, IQ_OFF, IQ_ON };
enum iq_direction { IQ_BOTHWAY, IQ_ISOLATE, IQ_ONEWAY, IQ_ONEWAY_EXTERNAL, IQ_ONEWAY_BOTH };

struct iq_topology {
	struct iq_term from, to;
	enum iq_direction direction;
	uint16_t stream;                     /* 0: all */
};

enum iq_context_audit { IQ_AUDIT_TOPOLOGY = 1, IQ_AUDIT_EMERGENCY = 2, IQ_AUDIT_PRIORITY = 4, IQ_AUDIT_IEPS = 8 };

struct iq_action {
	uint32_t context;
	int priority;                        /* -1: absent */
	bool is_emergency;
	bool is_emergency_off;               /* EmergencyOff was said */
	enum iq_switch ieps;                 /* version 3 */
	struct iq_topology *topology;
	unsigned n_topology;
	unsigned context_audit;              /* enum iq_context_audit bits */
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
