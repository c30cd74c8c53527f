/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name table of Iq (iq.md 4.1): every property, event, signal, statistic and parameter of the
 * packages of TS 29.334, by a logical name that configuration can give another emitted name.
 * Text encoding knows names only, so a name that could not be verified is corrected here, not in code.
 */
#ifndef IQ_NAMES_H
#define IQ_NAMES_H

#include "proto/base/log.h"
#include "proto/base/sv.h"

/* where a name is legal */
enum iq_kind { IQ_K_EVENT = 1, IQ_K_SIGNAL, IQ_K_LOCAL, IQ_K_STATE, IQ_K_STATISTIC };

/* what its value is; ENUM has its words beside it, PERCENT is 0..100 */
enum iq_type { IQ_T_NONE, IQ_T_BOOL, IQ_T_UINT, IQ_T_U16, IQ_T_DSCP, IQ_T_PERCENT, IQ_T_DECIMAL, IQ_T_STRING,
	IQ_T_LIST, IQ_T_ENUM };

/*
 * id, kind, type, how far the default name can be trusted, logical name, default name, accepted alias (or "").
 * SURE: read in the published text; LIKELY: as the package is known, OPEN: could not be verified, OWN: ours.
 * Events come first: bit masks of them fit 32 bits.
 */
#define IQ_NAME_LIST(X)                                                                                 \
	X(EV_HANGTERM, EVENT, NONE, LIKELY, "event.heartbeat", "hangterm/thb", "")                      \
	X(EV_CAUSE, EVENT, NONE, SURE, "event.cause", "g/cause", "")                                    \
	X(EV_BNC_CHANGE, EVENT, NONE, LIKELY, "event.tls", "tlsbsc/BNCChange", "")                      \
	X(EV_IPSTOP, EVENT, NONE, LIKELY, "event.inactivity", "adid/ipstop", "")                        \
	X(EV_ICE_RESULT, EVENT, NONE, LIKELY, "event.ice_result", "ostuncc/ccr", "")                    \
	X(EV_NEW_PRFLX, EVENT, NONE, LIKELY, "event.ice_prflx", "ostuncc/nprc", "")                     \
	X(EV_CONSENT, EVENT, NONE, OPEN, "event.consent", "stuncf/cft", "")                             \
	X(EV_X_ICE, EVENT, NONE, OWN, "event.x_ice", "xwrtc/ice", "")                                   \
	X(EV_X_DTLS, EVENT, NONE, OWN, "event.x_dtls", "xwrtc/dtls", "")                                \
	X(EV_X_CONSENT, EVENT, NONE, OWN, "event.x_consent", "xwrtc/consent", "")                       \
	X(EV_ITO, EVENT, NONE, SURE, "event.inactivity_timeout", "it/ito", "")                          \
	X(EV_OVERLOAD, EVENT, NONE, LIKELY, "event.overload", "ocp/mg_overload", "")                    \
	X(EV_CONGESTION, EVENT, NONE, LIKELY, "event.congestion", "chp/mgcon", "")                      \
	X(EV_REALMS, EVENT, NONE, OPEN, "event.realms", "ipra/arc", "")                                 \
	X(EV_TCP, EVENT, NONE, LIKELY, "event.tcp", "tcpbcc/BNCChange", "")                             \
	X(EV_SCTP, EVENT, NONE, OPEN, "event.sctp", "sctpbcc/BNCChange", "")                            \
	X(EV_X_CHANNEL, EVENT, NONE, OWN, "event.x_channel", "xwrtc/dc", "")                            \
	X(EV_ECN, EVENT, NONE, OPEN, "event.ecn", "ecnrous/fail", "")                                   \
	X(EV_SIGNAL_DONE, EVENT, NONE, SURE, "event.signal_completion", "g/sc", "")                     \
	X(EV_NETFAIL, EVENT, NONE, SURE, "event.network_failure", "nt/netfail", "")                     \
	X(EV_QUALITY, EVENT, NONE, SURE, "event.quality", "nt/qualert", "")                             \
	X(EV_PAYLOAD, EVENT, NONE, SURE, "event.payload", "rtp/pltrans", "")                            \
	X(SG_STUN_SERVER, SIGNAL, NONE, LIKELY, "signal.stun_server", "mgastuns/astuns", "")            \
	X(SG_CHECK, SIGNAL, NONE, LIKELY, "signal.ice_check", "ostuncc/scc", "")                        \
	X(SG_MORE_CHECKS, SIGNAL, NONE, LIKELY, "signal.ice_more_checks", "ostuncc/sacc", "")           \
	X(SG_CONSENT, SIGNAL, NONE, OPEN, "signal.consent", "stuncf/cfr", "")                           \
	X(SG_EST_BNC, SIGNAL, NONE, LIKELY, "signal.tls_establish", "tlsbsc/EstBNC", "")                \
	X(SG_REL_BNC, SIGNAL, NONE, LIKELY, "signal.tls_release", "tlsbsc/RelBNC", "")                  \
	X(SG_TCP_EST, SIGNAL, NONE, LIKELY, "signal.tcp_establish", "tcpbcc/EstBNC", "")                \
	X(SG_TCP_REL, SIGNAL, NONE, LIKELY, "signal.tcp_release", "tcpbcc/RelBNC", "")                  \
	X(SG_SCTP_EST, SIGNAL, NONE, OPEN, "signal.sctp_establish", "sctpbcc/EstBNC", "")               \
	X(SG_SCTP_REL, SIGNAL, NONE, OPEN, "signal.sctp_release", "sctpbcc/RelBNC", "")                 \
	X(SG_LATCH, SIGNAL, NONE, LIKELY, "signal.latch", "ipnapt/latch", "")                           \
	X(REALM, LOCAL, STRING, SURE, "property.realm", "ipdc/realm", "")                               \
	X(SAF, LOCAL, BOOL, SURE, "property.source_filter", "gm/saf", "")                               \
	X(SAM, LOCAL, STRING, SURE, "property.source_mask", "gm/sam", "")                               \
	X(SPF, LOCAL, BOOL, SURE, "property.port_filter", "gm/spf", "")                                 \
	X(SPR, LOCAL, STRING, SURE, "property.port_range", "gm/spr", "")                                \
	X(ESAS, LOCAL, BOOL, SURE, "property.own_address", "gm/esas", "")                               \
	X(LSA, LOCAL, STRING, SURE, "property.own_address_value", "gm/lsa", "")                         \
	X(ESPS, LOCAL, BOOL, SURE, "property.own_port", "gm/esps", "")                                  \
	X(LSP, LOCAL, U16, SURE, "property.own_port_value", "gm/lsp", "")                               \
	X(POL, LOCAL, BOOL, SURE, "property.policing", "tman/pol", "")                                  \
	X(SDR, LOCAL, UINT, SURE, "property.sustained_rate", "tman/sdr", "")                            \
	X(MBS, LOCAL, UINT, SURE, "property.burst_size", "tman/mbs", "")                                \
	X(PDR, LOCAL, UINT, SURE, "property.peak_rate", "tman/pdr", "")                                 \
	X(DVT, LOCAL, UINT, SURE, "property.delay_variation", "tman/dvt", "tman/dvp")                   \
	X(DSCP, LOCAL, DSCP, SURE, "property.dscp", "ds/dscp", "")                                      \
	X(TB, LOCAL, BOOL, LIKELY, "property.dscp_copy", "ds/tb", "")                                   \
	X(RTCPH_RSB, LOCAL, BOOL, LIKELY, "property.rtcp", "rtcph/rsb", "gm/rsb")                       \
	X(SEPLINK, LOCAL, STRING, OPEN, "property.interlink", "seplink/sepl", "")                       \
	X(ECN, LOCAL, BOOL, OPEN, "property.ecn", "ecnrous/ecn", "")                                    \
	X(ECN_METHOD, LOCAL, STRING, OPEN, "property.ecn_method", "ecnrous/initmethod", "")             \
	X(MSRP, LOCAL, BOOL, OPEN, "property.msrp_aware", "mgcbla/msrp", "")                            \
	X(MGCINFO, LOCAL, STRING, LIKELY, "property.controller_data", "mgcinfo/db", "")                 \
	X(GROUPS, STATE, LIST, OPEN, "property.groups", "mgroup/gs", "")                                \
	X(REALMS, STATE, LIST, OPEN, "root.realms", "ipra/ar", "")                                      \
	X(MAX_CONTEXTS, STATE, UINT, SURE, "root.max_contexts", "root/maxNumberOfContexts", "")         \
	X(MAX_TERMS, STATE, UINT, SURE, "root.max_terminations", "root/maxTerminationsPerContext", "")  \
	X(MG_TIME, STATE, UINT, SURE, "root.mg_execution_ms", "root/normalMGExecutionTime", "")         \
	X(MGC_TIME, STATE, UINT, SURE, "root.mgc_execution_ms", "root/normalMGCExecutionTime", "")      \
	X(MG_PROVISIONAL, STATE, UINT, SURE, "root.mg_provisional_ms", "root/MGProvisionalResponseTimerValue", "") \
	X(MGC_PROVISIONAL, STATE, UINT, SURE, "root.mgc_provisional_ms", "root/MGCProvisionalResponseTimerValue", "") \
	X(MG_PENDINGS, STATE, UINT, SURE, "root.mg_pendings", "root/MGOriginatedPendingLimit", "")      \
	X(MGC_PENDINGS, STATE, UINT, SURE, "root.mgc_pendings", "root/MGCOriginatedPendingLimit", "")   \
	X(ST_PS, STATISTIC, DECIMAL, SURE, "statistic.packets_sent", "rtp/ps", "")                      \
	X(ST_PR, STATISTIC, DECIMAL, SURE, "statistic.packets_received", "rtp/pr", "")                  \
	X(ST_PL, STATISTIC, DECIMAL, SURE, "statistic.loss", "rtp/pl", "")                              \
	X(ST_JIT, STATISTIC, DECIMAL, SURE, "statistic.jitter", "rtp/jit", "")                          \
	X(ST_DELAY, STATISTIC, DECIMAL, SURE, "statistic.delay", "rtp/delay", "")                       \
	X(ST_OS, STATISTIC, DECIMAL, SURE, "statistic.octets_sent", "nt/os", "")                        \
	X(ST_OR, STATISTIC, DECIMAL, SURE, "statistic.octets_received", "nt/or", "")                    \
	X(ST_DUR, STATISTIC, DECIMAL, SURE, "statistic.duration", "nt/dur", "")                         \
	X(ST_DP, STATISTIC, DECIMAL, LIKELY, "statistic.discarded", "gm/dp", "")                        \
	X(ST_X_SRTP, STATISTIC, DECIMAL, OWN, "statistic.x_srtp_failures", "xwrtc/srtpfail", "")        \
	X(ST_X_STUN, STATISTIC, DECIMAL, OWN, "statistic.x_stun_requests", "xwrtc/stunreq", "")         \
	X(ST_X_CONSENT, STATISTIC, DECIMAL, OWN, "statistic.x_consent_expired", "xwrtc/consentexp", "") \
	X(ST_X_DCTX, STATISTIC, DECIMAL, OWN, "statistic.x_channel_sent", "xwrtc/dctx", "")             \
	X(ST_X_DCRX, STATISTIC, DECIMAL, OWN, "statistic.x_channel_received", "xwrtc/dcrx", "")

/*
 * Parameters of events and signals: owner, type, words of an ENUM, is it required when asked for, logical
 * name (behind its owner's), name. Users of iq_item_param know them by the name given here, whatever
 * goes on the wire.
 */
#define IQ_PARAM_LIST(X)                                                                           \
	X(EV_HANGTERM, UINT, "", false, "timer", "timerx")                                         \
	X(EV_CAUSE, ENUM, "NR UR FT FP IW UN", false, "general", "generalcause")                   \
	X(EV_CAUSE, STRING, "", false, "failure", "failurecause")                                  \
	X(EV_BNC_CHANGE, STRING, "", false, "type", "Type")                                        \
	X(EV_IPSTOP, UINT, "", false, "time", "dt")                                                \
	X(EV_IPSTOP, ENUM, "IN OUT BOTH", false, "direction", "dir")                               \
	X(EV_ICE_RESULT, STRING, "", false, "result", "ccresult")                                  \
	X(EV_ICE_RESULT, STRING, "", false, "pair", "pair")                                        \
	X(EV_NEW_PRFLX, STRING, "", false, "candidate", "cand")                                    \
	X(EV_X_ICE, STRING, "", false, "result", "res")                                            \
	X(EV_X_ICE, STRING, "", false, "local", "lcand")                                           \
	X(EV_X_ICE, STRING, "", false, "remote", "rcand")                                          \
	X(EV_X_DTLS, STRING, "", false, "state", "state")                                          \
	X(EV_X_DTLS, STRING, "", false, "profile", "prof")                                         \
	X(EV_X_CONSENT, STRING, "", false, "state", "state")                                       \
	X(EV_ITO, UINT, "", false, "time", "mit")                                                  \
	X(EV_CONGESTION, PERCENT, "", false, "reduction", "reduction")                             \
	X(EV_REALMS, LIST, "", false, "available", "nar")                                          \
	X(EV_REALMS, LIST, "", false, "unavailable", "nur")                                        \
	X(EV_TCP, STRING, "", false, "type", "Type")                                               \
	X(EV_SCTP, STRING, "", false, "type", "Type")                                              \
	X(EV_X_CHANNEL, U16, "", false, "id", "sid")                                               \
	X(EV_X_CHANNEL, STRING, "", false, "state", "state")                                       \
	X(EV_SIGNAL_DONE, STRING, "", false, "signal", "SigID")                                    \
	X(EV_SIGNAL_DONE, STRING, "", false, "method", "Meth")                                     \
	X(EV_NETFAIL, STRING, "", false, "cause", "cs")                                            \
	X(EV_QUALITY, PERCENT, "", false, "threshold", "th")                                       \
	X(EV_PAYLOAD, STRING, "", false, "payload", "rtppltype")                                   \
	X(SG_LATCH, ENUM, "OFF LATCH RELATCH", true, "mode", "napt")

enum iq_name {
	IQ_NAME_UNKNOWN = 0,
#define IQ_NAME_ROW(id, kind, type, trust, logical, name, alias) IQ_##id,
	IQ_NAME_LIST(IQ_NAME_ROW)
#undef IQ_NAME_ROW
	IQ_NAME_COUNT
};

struct iq_param_row {
	enum iq_name owner;
	enum iq_type type;
	struct gw_sv words;             /* of an ENUM, separated by blanks */
	bool is_required;
	struct gw_sv logical, name, emitted;
};

/** By emitted name, default name or alias, whatever its case. */
enum iq_name iq_name_lookup(struct gw_sv name);
struct gw_sv iq_name_text(enum iq_name id);
struct gw_sv iq_name_logical(enum iq_name id);
enum iq_kind iq_name_kind(enum iq_name id);
enum iq_type iq_name_type(enum iq_name id);
/** Is the package of "pkg/item" one we know at all (440 against 450, 451, 452)? */
bool iq_package_known(struct gw_sv name);

/** The parameter of an event or signal by its emitted or default name; NULL: it has no such parameter. */
const struct iq_param_row *iq_param_row(enum iq_name owner, struct gw_sv name);
/** The i-th parameter of the owner, or NULL. */
const struct iq_param_row *iq_param_row_at(enum iq_name owner, unsigned i);

/** 0; 449 or, for a word an ENUM does not have, 454. */
unsigned iq_value_fault(enum iq_type type, struct gw_sv words, struct gw_sv value);

/**
 * Give a name another text on the wire; the default is still understood. At start, before any message.
 * @return NULL, or what is wrong as words that follow the name of the key
 */
const char *iq_names_override(struct gw_sv logical, struct gw_sv emitted);
/** The table as it is now, a line a name at debug level: "iq.name event.cause=g/cause". */
void iq_names_log(const struct gw_log *log);

#endif
