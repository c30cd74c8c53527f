/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and gauges of epcscf, declared once; /metrics, w2gwctl and docs/counters.md read them. */
#ifndef CP_METRICS_H
#define CP_METRICS_H

#include "proto/base/buf.h"
#include "proto/base/ctr.h"

/* name, help. One row where something is refused, dropped or counted. Each module adds its rows. */
#define CP_CTR_LIST(X)                                                                             \
	X(w2_connections_total, "TLS connections accepted on W2")                                  \
	X(w2_refused_limit, "connections refused: limit, per node or per source")                 \
	X(w2_refused_rate_source, "connections refused: too many a second from one source")       \
	X(w2_refused_rate_prefix, "connections refused: too many a second from one prefix")       \
	X(w2_refused_full, "WebSockets refused with HTTP 503: the node is full")                   \
	X(w2_tls_failed, "TLS handshakes that failed or timed out")                               \
	X(w2_refused_draining, "WebSocket upgrades refused with 503: the node is drained")         \
	X(w2_http_bad_request, "request heads refused as malformed or too large")                 \
	X(w2_upgrade_refused_protocol, "WebSocket upgrades without the sip subprotocol or with a wrong version") \
	X(w2_upgrade_refused_origin, "WebSocket upgrades refused for their Origin")               \
	X(w2_upgrades_total, "WebSockets opened")                                                 \
	X(w2_messages_in, "WebSocket messages received")                                          \
	X(w2_messages_out, "WebSocket messages sent")                                             \
	X(w2_closed_protocol, "WebSockets closed for a protocol error (1002, 1003, 1007)")        \
	X(w2_closed_too_big, "WebSockets closed for a message above the limit (1009)")            \
	X(w2_refused_too_big, "requests above the limit answered 513")                             \
	X(w2_closed_rate, "WebSockets closed for too many messages a second (1008)")              \
	X(w2_closed_no_register, "WebSockets closed because nobody registered in time (1008)")    \
	X(w2_closed_ping, "WebSockets closed after missing pongs")                                \
	X(w2_closed_slow, "W2 connections closed: the client does not read, or asks faster than it can be answered") \
	X(w2_closed_stalled, "WebSockets closed for a message begun and never completed (1008)")   \
	X(mw_messages_in, "SIP messages received on Mw")                                          \
	X(mw_messages_out, "SIP messages sent on Mw")                                             \
	X(mw_long_by_tcp, "requests too long for a datagram that went by TCP")                     \
	X(mw_long_by_udp, "requests too long for a datagram that went by UDP: the core took no TCP") \
	X(mw_queue_full, "Mw messages not sent: the queue of the TCP connection is full")          \
	X(mw_refused_limit, "Mw TCP connections refused: no place left")                           \
	X(mw_refused_source, "Mw messages dropped: source is not trusted")                        \
	X(mw_closed_framing, "Mw TCP connections closed for bad framing")                         \
	X(sip_bad_message, "SIP messages refused as malformed (400 or dropped)")                  \
	X(sip_stray_response, "SIP responses that match no transaction")                          \
	X(sip_requests_refused, "SIP requests answered with an error of our own")                 \
	X(sip_header_stripped, "header fields removed that a WIC may not set")                    \
	X(sip_refused_draining, "registrations and calls refused with 503: the node is drained")   \
	X(sip_txn_refused, "SIP requests refused: too many transactions, of a connection or in all")\
	X(rate_refused_source, "requests outside dialogs refused (503): too many from one source") \
	X(rate_refused_user, "requests outside dialogs refused (503): too many from one user")     \
	X(overload_entered, "times the load state went up")                                        \
	X(overload_refused, "requests outside dialogs refused (503) for overload")                 \
	X(w2_held, "times a WebSocket was not read for a while: it came back before its Retry-After")     \
	X(overload_refused_connections, "WebSockets refused (HTTP 503) for high load")             \
	X(sip_txn_timeout, "SIP transactions that timed out")                                     \
	X(sip_txn_illegal, "events a SIP transaction did not expect")                             \
	X(emergency_refused, "emergency requests answered 380: use another access")               \
	X(emergency_anonymous, "emergency calls taken of callers who are not registered")        \
	X(emergency_routed, "emergency requests sent to the E-CSCF")                              \
	X(sip_loops, "requests refused: they have been here already, unchanged (482)")            \
	X(sip_moved, "requests sent again to another target of the core")                         \
	X(core_entry_lost, "times an entry point of the core stopped answering")                  \
	X(core_entry_busy, "503 of entry points: left alone for the time of Retry-After")         \
	X(core_probes, "OPTIONS sent to silent entry points")                                     \
	X(dns_lookups, "names of the core looked up")                                             \
	X(dns_failed, "lookups of names of the core without a result")                            \
	X(reg_ok, "registrations granted by the core")                                            \
	X(reg_failed, "registrations refused by the core")                                        \
	X(reg_removed, "bindings removed (de-registration, expiry, guard)")                       \
	X(reg_not_admitted, "registrations refused: more than reg.max_per_s (503)")                \
	X(reg_no_service_route, "2xx to REGISTER without Service-Route, answered 502")             \
	X(reg_no_outbound, "439 of the registrar: it misses ob in our Path")                       \
	X(reg_behalf, "de-registrations sent on behalf of a WIC")                                  \
	X(reg_behalf_failed, "de-registrations on behalf the core did not accept")                 \
	X(reg_ended_by_network, "registrations ended by the network (reg-event)")                  \
	X(reg_event_subscribes, "SUBSCRIBEs to reg-event sent, refreshes included")                \
	X(reg_event_refused, "reg-event subscriptions the core does not want")                     \
	X(reg_event_notifies, "NOTIFYs of our reg-event subscriptions")                            \
	X(reg_event_bad_notify, "NOTIFYs of reg-event refused: malformed, too big, or not of this dialog") \
	X(reg_event_gaps, "documents of reg-event missed: the full state was asked for again")     \
	X(reg_reattached, "bindings moved to a new WebSocket")                                    \
	X(token_valid, "tokens checked and found good")                                            \
	X(token_refused, "tokens checked and refused: signature, issuer, audience, time, scope, claims, revoked") \
	X(token_unavailable, "tokens not checked: keys or introspection endpoint out of reach")    \
	X(token_cache_hits, "checks of tokens answered by the cache")                              \
	X(token_keys_fetched, "key sets fetched by https")                                         \
	X(token_keys_failed, "key sets that could not be fetched or read")                         \
	X(token_introspections, "tokens asked about at an introspection endpoint")                 \
	X(token_revocations, "revocations taken from the WAF")                                     \
	X(token_misused, "requests refused: token of another user, connection, pool or scope (403)") \
	X(token_absent, "requests without a token on a connection that registered with one, let through") \
	X(token_challenged, "requests answered 401: no token")                                     \
	X(token_challenged_invalid, "requests answered 401: a token that is not valid")            \
	X(token_users_removed, "registrations ended because their token was revoked")              \
	X(tna_refused, "challenges of the core to users we vouch for: it does not trust auth-done of this node") \
	X(tna_unproven, "REGISTERs not sent because no token proved them: a fault of this program") \
	X(call_attempts_out, "calls started by a WIC")                                            \
	X(call_attempts_in, "calls started by the core")                                          \
	X(call_answered, "calls answered")                                                        \
	X(call_released_by_gateway, "calls the eP-CSCF ended itself (media or signalling lost)")  \
	X(call_sdp_refused, "offers or answers refused (488)")                                    \
	X(call_body_refused, "INVITE, UPDATE, PRACK refused for a body nobody reads into (415)")  \
	X(call_late_answer_dropped, "answers dropped that came after the one that counts")        \
	X(call_media_lost, "calls whose WIC has stopped answering the gateway (W2-ICE-12)")       \
	X(call_media_recovered, "of these: connectivity was there again within the grace")        \
	X(call_data_lost, "associations of data channels that ended in a call with other media, which went on") \
	X(call_session_expired, "calls released because neither side refreshed them in time (RFC 4028)") \
	X(call_ice_restarted, "ICE restarts by the WIC in mid-call that the core did not hear of (W2-ICE-09)") \
	X(call_early_answered, "offers answered here before the call was: UPDATE, PRACK (RFC 3311)") \
	X(call_prack_sent, "PRACK sent to the core for WICs that do not know them (RFC 3262)")    \
	X(call_prack_missing, "INVITEs of the core refused with 504: no PRACK came")              \
	X(call_reliable_sent, "provisional responses of WICs made reliable towards the core")     \
	X(call_reliable_dropped, "provisional responses dropped: a reliable one came again or out of order, or too many waited for a PRACK") \
	X(call_late_answer_ended, "2xx to calls that were over: acknowledged and ended with BYE") \
	X(web_refused_body, "HTTP requests refused for a body above 16 KiB (413)")         \
	X(waf_logins, "users who signed in with their password")                           \
	X(waf_login_failed, "sign-ins refused: no such user, wrong password, or locked")   \
	X(waf_login_limited, "sign-ins refused unchecked: too many attempts of a source or for a name (429)") \
	X(waf_login_busy, "sign-ins refused unchecked: too many passwords are being checked (503)") \
	X(waf_guests_total, "visitors who asked to continue as guest")                     \
	X(waf_pool_exhausted, "guests refused: every IMPU of the pool is taken (503)")     \
	X(waf_csrf_refused, "forms refused: not from our own page, or an old one (403)")   \
	X(waf_authorize_refused, "authorization requests refused as malformed, unknown client or redirect URI") \
	X(waf_codes, "authorization codes given")                                          \
	X(waf_tokens_issued, "access tokens given")                                        \
	X(waf_token_refused, "requests refused at the token, revocation and introspection endpoints") \
	X(waf_store_away, "requests to the WAF of several nodes that Redis has not answered (503)") \
	X(waf_reused, "grants revoked: a code or refresh token came a second time")        \
	X(waf_revoked, "grants revoked by their client (sign-out)")                        \
	X(waf_tokens_revoked, "access tokens ended before their time")                     \
	X(iq_requests, "Iq transactions sent")                                                    \
	X(iq_timeouts, "Iq transactions without a reply")                                         \
	X(iq_errors, "Iq replies with an error descriptor")                                       \
	X(iq_contexts_left, "contexts a gateway would not give back")                             \
	X(iq_probes, "ServiceChange sent to gateways that are out of service")                    \
	X(iq_notifies, "Notify received from gateways")                                           \
	X(iq_bad_message, "H.248 messages that could not be decoded")                             \
	X(iq_refused_source, "H.248 messages and connections refused: not of a configured gateway") \
	X(iq_links_lost, "connections of gateways that ended")                                    \
	X(iq_overloads, "reports of overload by gateways")                                        \
	X(iq_throttled, "times a gateway was passed over for a new call: full, or over load")     \
	X(iq_add_again, "new calls asked of another gateway after one had refused")               \
	X(iq_bad_framing, "Iq connections closed: what came is no TPKT, or too large")            \
	X(iq_gateway_lost, "gateways lost or restarted")                                          \
	X(state_puts, "records given to the state store")                                          \
	X(state_dropped, "changes that could not be kept for the state store")                     \
	X(state_write_failed, "batches the state store did not take; they are written again")      \
	X(state_file_bad, "state files put aside because SQLite could not read them")              \
	X(state_restored_bindings, "registrations taken over from before a restart")               \
	X(state_restored_calls, "calls taken over from before a restart")                          \
	X(state_not_restored, "records of the state store that could not be used")                 \
	X(state_refused, "registrations given up here: another node has them")                      \
	X(state_adopted, "registrations taken over from another node")                             \
	X(state_adopted_calls, "calls taken over from another node with their registration")       \
	X(state_moved, "registrations another node has taken over")                                \
	X(state_questions_lost, "questions to Redis without an answer in a second")                \
	X(state_relayed, "requests of the core passed on to the node that has the WIC")            \
	X(iq_contexts_kept, "contexts of restored calls found at gateways after a restart")        \
	X(iq_contexts_orphaned, "contexts found at gateways after a restart that no call owns")    \
	X(cdr_total, "call records made")                                                          \
	X(cdr_lost, "call records not written: the disk failed, or fell 4 MiB behind")            \
	X(trace_dropped, "messages a reader of the trace was too slow for")

GW_CTR_ENUM(cp_ctr, CP_CTR_LIST);

#define CP_GAUGE_LIST(X)                                                                           \
	X(w2_connections, "WebSockets open now")                                                   \
	X(tls_certificate_days, "whole days until the certificate of W2 ends; negative: it has ended") \
	X(overload_state, "load state: 0 normal, 1 high, 2 overload")                              \
	X(overload_admit_percent, "share of new requests that is let in")                          \
	X(loop_lag_ms, "smoothed lag of the event loop, ms")                                       \
	X(reg_bindings, "registered contacts")                                                     \
	X(reg_event_subscriptions, "reg-event subscriptions held, in any state")                   \
	X(core_entries_down, "entry points of the core that do not answer")                        \
	X(sip_transactions, "SIP transactions in progress")                                        \
	X(sip_dialogs, "confirmed dialogs of calls")                                                         \
	X(calls, "calls in progress")                                                              \
	X(waf_grants, "grants of the embedded WAF that can be refreshed; not counted when nodes share them") \
	X(waf_guests, "IMPUs of the pool taken by guests; not counted when nodes share it") \
	X(iq_contexts, "H.248 contexts held at gateways")                                          \
	X(iq_gateways_up, "gateways in service")                                                   \
	X(iq_contexts_lent, "contexts of gateways of this node whose calls other nodes have taken over") \
	X(state_reachable, "1: the lease of this node was renewed in Redis (several nodes only)")  \
	X(state_pending, "changes the state store does not have yet")

GW_CTR_ENUM(cp_gauge, CP_GAUGE_LIST);

extern uint64_t cp_ctr_value[cp_ctr_COUNT];
extern int64_t cp_gauge_value[cp_gauge_COUNT];
extern const struct gw_ctr_info cp_ctr_info[cp_ctr_COUNT];
extern const struct gw_ctr_info cp_gauge_info[cp_gauge_COUNT];

/* Control thread only. */
#define CP_COUNT(ctr) (cp_ctr_value[ctr]++)
#define CP_GAUGE_ADD(g, n) (cp_gauge_value[g] += (n))

/** Prometheus text format 0.0.4, names prefixed "w2gw_epcscf_". */
void cp_metrics_print(struct gw_buf *b);

#endif
