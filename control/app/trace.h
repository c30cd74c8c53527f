/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live trace of SIP messages and Iq procedures for w2gwctl: filtered by call or user, credentials masked (W2-WS-18),
 * control characters escaped (threat P11). Costs a comparison when nobody reads; what passes is noted in recent.h besides. Control thread only.
 */
#ifndef CP_TRACE_H
#define CP_TRACE_H

#include "control/app/ctl.h"
#include "control/app/recent.h"
#include "control/transport/transport.h"

enum cp_trace_dir { CP_TRACE_IN, CP_TRACE_OUT };

/** Who reads now; written by trace.c only. */
extern unsigned cp_trace_readers;

/** One SIP message as it came or went; the peer says on which side. */
#define CP_TRACE_SIP(dir, peer, bytes)                                                             \
	do {                                                                                       \
		if (cp_trace_readers)                                                              \
			cp_trace_sip(dir, peer, bytes);                                            \
		if (cp_recent_on)                                                                  \
			cp_recent_sip(cp_peer_is_w2(peer) ? CP_RECENT_W2 : CP_RECENT_MW,           \
				(dir) == CP_TRACE_OUT, bytes);                                     \
	} while (0)
/** One procedure on Iq, in the context of a call; user: its IMPU. */
#define CP_TRACE_IQ(dir, call_id, user, text)                                                      \
	do {                                                                                       \
		if (cp_trace_readers)                                                              \
			cp_trace_iq(dir, call_id, user, text);                                     \
		cp_recent_iq((dir) == CP_TRACE_OUT, call_id, text);                                \
	} while (0)

/** One message of Iq as it came or went. */
#define CP_TRACE_H248(dir, gateway, bytes)                                                         \
	do {                                                                                       \
		if (cp_trace_readers)                                                              \
			cp_trace_h248(dir, gateway, bytes);                                        \
	} while (0)

void cp_trace_sip(enum cp_trace_dir dir, const struct cp_peer *peer, struct gw_sv bytes);
void cp_trace_iq(enum cp_trace_dir dir, const char *call_id, const char *user, const char *text);
void cp_trace_h248(enum cp_trace_dir dir, const char *gateway, struct gw_sv bytes);

/**
 * The command "trace [call=CALL-ID] [user=IMPU]" on the control socket: a stream of JSON objects, the first of
 * them {"tracing": true}. "iq trace [context=N]": the same with the messages of Iq, whole, instead. At most 8 readers; what a slow one cannot take is dropped and told as {"dropped": n}.
 */
enum gw_err cp_trace_open(struct cp_ctl *c) GW_NODISCARD;

#endif
