/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of H.248.1 Annex B: long and short spelling. */
#ifndef H248_TOKEN_H
#define H248_TOKEN_H

#include "proto/base/sv.h"

#define H248_TOKEN_LIST(X)                                                                         \
	X(ADD, "Add", "A") X(MOVE, "Move", "MV") X(MODIFY, "Modify", "MF")                         \
	X(SUBTRACT, "Subtract", "S") X(AUDIT_VALUE, "AuditValue", "AV")                            \
	X(AUDIT_CAPABILITY, "AuditCapability", "AC") X(NOTIFY, "Notify", "N")                      \
	X(SERVICE_CHANGE, "ServiceChange", "SC") X(TRANSACTION, "Transaction", "T")                \
	X(REPLY, "Reply", "P") X(PENDING, "Pending", "PN")                                         \
	X(RESPONSE_ACK, "TransactionResponseAck", "K") X(CONTEXT, "Context", "C")                  \
	X(ERROR, "Error", "ER") X(MEDIA, "Media", "M") X(STREAM, "Stream", "ST")                   \
	X(LOCAL, "Local", "L") X(REMOTE, "Remote", "R") X(LOCAL_CONTROL, "LocalControl", "O")      \
	X(TERMINATION_STATE, "TerminationState", "TS") X(SERVICE_STATES, "ServiceStates", "SI")    \
	X(IN_SERVICE, "InService", "IV") X(OUT_OF_SERVICE, "OutOfService", "OS")                   \
	X(TEST, "Test", "TE") X(BUFFER, "Buffer", "BF") X(EVENTS, "Events", "E")                   \
	X(SIGNALS, "Signals", "SG") X(SIGNAL_LIST, "SignalList", "SL")                             \
	X(SIGNAL_TYPE, "SignalType", "SY") X(DURATION, "Duration", "DR")                           \
	X(NOTIFY_COMPLETION, "NotifyCompletion", "NC") X(KEEP_ACTIVE, "KeepActive", "KA")          \
	X(EMBED, "Embed", "EM") X(EVENT_BUFFER, "EventBuffer", "EB")                               \
	X(OBSERVED_EVENTS, "ObservedEvents", "OE") X(STATISTICS, "Statistics", "SA")               \
	X(PACKAGES, "Packages", "PG") X(AUDIT, "Audit", "AT") X(TOPOLOGY, "Topology", "TP")        \
	X(PRIORITY, "Priority", "PR") X(EMERGENCY, "Emergency", "EG")                              \
	X(EMERGENCY_OFF, "EmergencyOff", "EGO") X(IEPS_CALL, "IEPSCall", "IEPS")                   \
	X(CONTEXT_AUDIT, "ContextAudit", "CA") X(CONTEXT_ATTR, "ContextAttr", "CT")                \
	X(MODE, "Mode", "MO") X(SEND_ONLY, "SendOnly", "SO") X(RECEIVE_ONLY, "ReceiveOnly", "RC")  \
	X(SEND_RECEIVE, "SendReceive", "SR") X(INACTIVE, "Inactive", "IN")                         \
	X(LOOPBACK, "Loopback", "LB") X(RESERVED_VALUE, "ReservedValue", "RV")                     \
	X(RESERVED_GROUP, "ReservedGroup", "RG") X(SERVICES, "Services", "SV")                     \
	X(METHOD, "Method", "MT") X(RESTART, "Restart", "RS") X(GRACEFUL, "Graceful", "GR")        \
	X(FORCED, "Forced", "FO") X(DISCONNECTED, "Disconnected", "DC") X(HANDOFF, "HandOff", "HO") \
	X(FAILOVER, "Failover", "FL") X(REASON, "Reason", "RE") X(DELAY, "Delay", "DL")            \
	X(SERVICE_CHANGE_ADDRESS, "ServiceChangeAddress", "AD") X(MGC_ID, "MgcIdToTry", "MG")      \
	X(PROFILE, "Profile", "PF") X(VERSION, "Version", "V") X(IMM_ACK, "ImmAckRequired", "IA")  \
	X(DIGIT_MAP, "DigitMap", "DM") X(AUTHENTICATION, "Authentication", "AU")                   \
	X(MODEM, "Modem", "MD") X(MUX, "Mux", "MX") X(ON, "ON", "ON") X(OFF, "OFF", "OFF")         \
	X(BOTHWAY, "Bothway", "BW") X(ISOLATE, "Isolate", "IS") X(ONEWAY, "Oneway", "OW")          \
	X(ONEWAY_BOTH, "OnewayBoth", "OWB") X(ONEWAY_EXTERNAL, "OnewayExternal", "OWE")            \
	X(ON_OFF, "OnOff", "OO") X(TIME_OUT, "TimeOut", "TO") X(BRIEF, "Brief", "BR")              \
	X(BY_EVENT, "IntByEvent", "IBE") X(BY_SIGNALS, "IntBySigDescr", "IBS")                     \
	X(OTHER_REASON, "OtherReason", "OR") X(ITERATION, "Iteration", "IR")                       \
	X(DIRECTION, "SPADirection", "SPADI") X(REQUEST_ID, "SPARequestID", "SPARQ")               \
	X(INTERSIGNAL, "Intersignal", "SPAIS") X(EXTERNAL, "External", "EX")                       \
	X(INTERNAL, "Internal", "IT") X(BOTH, "Both", "B") X(LOCK_STEP, "LockStep", "SP")          \
	X(EMERGENCY_VALUE, "EmergencyValue", "EGV") X(CONTEXT_LIST, "ContextList", "CLT")          \
	X(AND_SELECT, "ANDLgc", "ANDLgc") X(OR_SELECT, "ORLgc", "ORLgc") X(SEGMENT, "Segment", "SM") \
	X(NEVER_NOTIFY, "NeverNotify", "NBNN") X(IMMEDIATE_NOTIFY, "ImmediateNotify", "NBIN")      \
	X(REGULATED_NOTIFY, "RegulatedNotify", "NBRN")                                             \
	X(RESET_EVENTS, "ResetEventsDescriptor", "RSE") X(INCOMPLETE, "ServiceChangeInc", "SIC")

enum h248_token {
	H248_TOK_NONE = 0,
#define H248_TOKEN_ROW(id, l, s) H248_TOK_##id,
	H248_TOKEN_LIST(H248_TOKEN_ROW)
#undef H248_TOKEN_ROW
	H248_TOK_COUNT
};

/** Either spelling, case-insensitive. "O-", "W-" prefixes of commands are not part of the token. */
enum h248_token h248_token_lookup(struct gw_sv name);
struct gw_sv h248_token_text(enum h248_token token, bool is_long);

#endif
