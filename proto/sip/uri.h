/* SPDX-License-Identifier: Apache-2.0 */
/* SIP, SIPS, TEL and other URIs (RFC 3261 19.1, RFC 3966), and name-addr around them (20.10). */
#ifndef SIP_URI_H
#define SIP_URI_H

#include "proto/sip/param.h"

enum sip_scheme { SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL, SIP_SCHEME_URN, SIP_SCHEME_OTHER };

/** Slices into the text; nothing is unescaped. */
struct sip_uri {
	struct gw_sv text;           /* the whole URI */
	enum sip_scheme scheme;
	struct gw_sv scheme_name;
	struct gw_sv user, password; /* tel: the number is user; urn and others: all behind ':' is user */
	struct gw_sv host;           /* IPv6 without brackets */
	bool is_ipv6;
	uint16_t port;               /* 0 = absent */
	struct gw_sv params;         /* behind the first ';', without it */
	struct gw_sv headers;        /* behind '?' */
};

#define SIP_URI_MAX_PARAMS 64

/** GW_EBADMSG when it is no URI, or a sip or sips URI with a parameter twice or more than so many. */
enum gw_err sip_uri_parse(struct gw_sv text, struct sip_uri *out) GW_NODISCARD;
/** RFC 3261 19.1.4 for sip and sips; other schemes: parameters ignored, visual separators of tel skipped. */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);
bool sip_uri_has_param(const struct sip_uri *u, struct gw_sv name);

/** One From, To, Contact, Route, P-Asserted-Identity ... element. */
struct sip_addr {
	struct gw_sv display;        /* without quotes */
	struct sip_uri uri;
	struct gw_sv params;         /* header parameters, behind the first ';' */
	bool is_star;                /* Contact: * */
};

enum gw_err sip_addr_parse(struct gw_sv element, struct sip_addr *out) GW_NODISCARD;
/** The tag parameter, or empty. */
struct gw_sv sip_addr_tag(const struct sip_addr *a);

#endif
