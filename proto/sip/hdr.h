/* SPDX-License-Identifier: Apache-2.0 */
/* Header field names of SIP: ids, canonical spelling, compact forms; methods likewise. */
#ifndef SIP_HDR_H
#define SIP_HDR_H

#include "proto/base/sv.h"

/* id, canonical name, compact form or 0 */
#define SIP_HDR_LIST(X)                                                                            \
	X(VIA, "Via", 'v')                                                                         \
	X(ROUTE, "Route", 0)                                                                       \
	X(RECORD_ROUTE, "Record-Route", 0)                                                         \
	X(MAX_FORWARDS, "Max-Forwards", 0)                                                         \
	X(FROM, "From", 'f')                                                                       \
	X(TO, "To", 't')                                                                           \
	X(CALL_ID, "Call-ID", 'i')                                                                 \
	X(CSEQ, "CSeq", 0)                                                                         \
	X(CONTACT, "Contact", 'm')                                                                 \
	X(EXPIRES, "Expires", 0)                                                                   \
	X(MIN_EXPIRES, "Min-Expires", 0)                                                           \
	X(PATH, "Path", 0)                                                                         \
	X(SERVICE_ROUTE, "Service-Route", 0)                                                       \
	X(REQUIRE, "Require", 0)                                                                   \
	X(PROXY_REQUIRE, "Proxy-Require", 0)                                                       \
	X(SUPPORTED, "Supported", 'k')                                                             \
	X(UNSUPPORTED, "Unsupported", 0)                                                           \
	X(ALLOW, "Allow", 0)                                                                       \
	X(ACCEPT, "Accept", 0)                                                                     \
	X(AUTHORIZATION, "Authorization", 0)                                                       \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization", 0)                                           \
	X(WWW_AUTHENTICATE, "WWW-Authenticate", 0)                                                 \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 0)                                             \
	X(AUTHENTICATION_INFO, "Authentication-Info", 0)                                           \
	X(PROXY_AUTHENTICATION_INFO, "Proxy-Authentication-Info", 0)                               \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", 0)                                           \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity", 0)                                         \
	X(P_ASSERTED_SERVICE, "P-Asserted-Service", 0)                                             \
	X(P_PREFERRED_SERVICE, "P-Preferred-Service", 0)                                           \
	X(P_ASSOCIATED_URI, "P-Associated-URI", 0)                                                 \
	X(P_CALLED_PARTY_ID, "P-Called-Party-ID", 0)                                               \
	X(P_VISITED_NETWORK_ID, "P-Visited-Network-ID", 0)                                         \
	X(P_ACCESS_NETWORK_INFO, "P-Access-Network-Info", 0)                                       \
	X(P_CHARGING_VECTOR, "P-Charging-Vector", 0)                                               \
	X(P_CHARGING_FUNCTION_ADDRESSES, "P-Charging-Function-Addresses", 0)                       \
	X(P_SERVED_USER, "P-Served-User", 0)                                                       \
	X(P_PROFILE_KEY, "P-Profile-Key", 0)                                                       \
	X(P_EARLY_MEDIA, "P-Early-Media", 0)                                                       \
	X(PRIVACY, "Privacy", 0)                                                                   \
	X(REASON, "Reason", 0)                                                                     \
	X(WARNING, "Warning", 0)                                                                   \
	X(RETRY_AFTER, "Retry-After", 0)                                                           \
	X(FLOW_TIMER, "Flow-Timer", 0)                                                             \
	X(SECURITY_CLIENT, "Security-Client", 0)                                                   \
	X(SECURITY_SERVER, "Security-Server", 0)                                                   \
	X(SECURITY_VERIFY, "Security-Verify", 0)                                                   \
	X(RESPONSE_SOURCE, "Response-Source", 0)                                                   \
	X(FEATURE_CAPS, "Feature-Caps", 0)                                                         \
	X(HISTORY_INFO, "History-Info", 0)                                                         \
	X(IDENTITY, "Identity", 'y')                                                               \
	X(RSEQ, "RSeq", 0)                                                                         \
	X(RACK, "RAck", 0)                                                                         \
	X(SESSION_EXPIRES, "Session-Expires", 'x')                                                 \
	X(MIN_SE, "Min-SE", 0)                                                                     \
	X(EVENT, "Event", 'o')                                                                     \
	X(SUBSCRIPTION_STATE, "Subscription-State", 0)                                             \
	X(REFER_TO, "Refer-To", 'r')                                                               \
	X(REFERRED_BY, "Referred-By", 'b')                                                         \
	X(REPLACES, "Replaces", 0)                                                                 \
	X(RECV_INFO, "Recv-Info", 0)                                                               \
	X(INFO_PACKAGE, "Info-Package", 0)                                                         \
	X(SUBJECT, "Subject", 's')                                                                 \
	X(ACCEPT_CONTACT, "Accept-Contact", 'a')                                                   \
	X(REJECT_CONTACT, "Reject-Contact", 'j')                                                   \
	X(USER_AGENT, "User-Agent", 0)                                                             \
	X(SERVER, "Server", 0)                                                                     \
	X(TIMESTAMP, "Timestamp", 0)                                                               \
	X(DATE, "Date", 0)                                                                         \
	X(RESOURCE_PRIORITY, "Resource-Priority", 0)                                               \
	X(ALLOW_EVENTS, "Allow-Events", 'u')                                                       \
	X(REQUEST_DISPOSITION, "Request-Disposition", 'd')                                         \
	X(ACCEPT_ENCODING, "Accept-Encoding", 0)                                                   \
	X(ACCEPT_LANGUAGE, "Accept-Language", 0)                                                   \
	X(ALERT_INFO, "Alert-Info", 0)                                                             \
	X(ANSWER_MODE, "Answer-Mode", 0)                                                           \
	X(CALL_INFO, "Call-Info", 0)                                                               \
	X(CONTENT_LANGUAGE, "Content-Language", 0)                                                 \
	X(CONTRIBUTION_ID, "Contribution-ID", 0)                                                   \
	X(CONVERSATION_ID, "Conversation-ID", 0)                                                   \
	X(ERROR_INFO, "Error-Info", 0)                                                             \
	X(GEOLOCATION, "Geolocation", 0)                                                           \
	X(GEOLOCATION_ERROR, "Geolocation-Error", 0)                                               \
	X(GEOLOCATION_ROUTING, "Geolocation-Routing", 0)                                           \
	X(IN_REPLY_TO, "In-Reply-To", 0)                                                           \
	X(JOIN, "Join", 0)                                                                         \
	X(MIME_VERSION, "MIME-Version", 0)                                                         \
	X(ORGANIZATION, "Organization", 0)                                                         \
	X(PRIORITY, "Priority", 0)                                                                 \
	X(REFER_SUB, "Refer-Sub", 0)                                                               \
	X(REPLY_TO, "Reply-To", 0)                                                                 \
	X(SESSION_ID, "Session-ID", 0)                                                             \
	X(SIP_ETAG, "SIP-ETag", 0)                                                                 \
	X(SIP_IF_MATCH, "SIP-If-Match", 0)                                                         \
	X(TARGET_DIALOG, "Target-Dialog", 0)                                                       \
	X(USER_TO_USER, "User-to-User", 0)                                                         \
	X(CONTENT_ENCODING, "Content-Encoding", 'e')                                               \
	X(CONTENT_DISPOSITION, "Content-Disposition", 0)                                           \
	X(CONTENT_TYPE, "Content-Type", 'c')                                                       \
	X(CONTENT_LENGTH, "Content-Length", 'l')

enum sip_hdr_id {
	SIP_HDR_OTHER = 0,
#define SIP_HDR_ROW(id, name, compact) SIP_HDR_##id,
	SIP_HDR_LIST(SIP_HDR_ROW)
#undef SIP_HDR_ROW
	SIP_HDR_COUNT
};

#define SIP_METHOD_LIST(X)                                                                         \
	X(INVITE) X(ACK) X(BYE) X(CANCEL) X(OPTIONS) X(REGISTER) X(PRACK) X(UPDATE) X(INFO)        \
	X(SUBSCRIBE) X(NOTIFY) X(MESSAGE) X(REFER) X(PUBLISH)

enum sip_method {
	SIP_OTHER = 0,
#define SIP_METHOD_ROW(m) SIP_##m,
	SIP_METHOD_LIST(SIP_METHOD_ROW)
#undef SIP_METHOD_ROW
	SIP_METHOD_COUNT
};

/** Case-insensitive, compact forms included. */
enum sip_hdr_id sip_hdr_lookup(struct gw_sv name);
/** Canonical name; empty for SIP_HDR_OTHER. */
struct gw_sv sip_hdr_name(enum sip_hdr_id id);
/** Methods are case-sensitive (RFC 3261 7.1). */
enum sip_method sip_method_lookup(struct gw_sv name);
struct gw_sv sip_method_name(enum sip_method m);
/** token of RFC 3261 25.1, not empty. */
bool sip_is_token(struct gw_sv s);

#endif
