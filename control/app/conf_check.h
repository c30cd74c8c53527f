/* SPDX-License-Identifier: Apache-2.0 */
/* What a value of epcscf.yaml may look like: it will stand in SIP headers, H.248 text and file names. */
#ifndef CP_CONF_CHECK_H
#define CP_CONF_CHECK_H

#include "proto/base/sv.h"

/** IPv4, IPv6 with or without brackets, or a domain name. */
bool cp_conf_is_host(struct gw_sv v);
/** Domain name or IPv4 address. */
bool cp_conf_is_domain(struct gw_sv v);
/** RFC 3261 token: stands unquoted in a header parameter. */
bool cp_conf_is_token(struct gw_sv v);
/** Printable ASCII without quote and backslash: stands in quotes. */
bool cp_conf_is_quotable(struct gw_sv v);
/** Request path: "/" and printable ASCII without blanks, "?" and "#". */
bool cp_conf_is_path(struct gw_sv v);
/** A loose route as a Route header holds it: <sip:host;lr>. */
bool cp_conf_is_route(struct gw_sv v);
/** H.248 mId in text: "[address]:port", "<domain>:port" or a device name (H.248.1 annex B). */
bool cp_conf_is_mid(struct gw_sv v);
/** As browsers write it: scheme://host[:port], lower case, no path, no default port (RFC 6454 6.2). */
bool cp_conf_is_origin(struct gw_sv v);
/** address/prefix. */
bool cp_conf_is_prefix(struct gw_sv v);
/** https://host[:port] without path, query or a slash at the end. */
bool cp_conf_is_issuer(struct gw_sv v);
/** Issuer of a third party: as above, and a path is allowed (RFC 8414 2). */
bool cp_conf_is_server(struct gw_sv v);
/** Absolute URI of an OAuth redirect: a scheme, printable, no fragment, no "*" (RFC 6749 3.1.2); http only to this host. */
bool cp_conf_is_redirect(struct gw_sv v);
/** sip: or tel: URI in which one range {FIRST..LAST} of numbers may stand. */
bool cp_conf_is_impu_pattern(struct gw_sv v);
/** ip[:port] of DNS servers, separated by commas. */
bool cp_conf_is_servers(struct gw_sv v);
/** Value of P-Access-Network-Info: access-type and parameters without quotes (RFC 7315 5.4). */
bool cp_conf_is_access(struct gw_sv v);
/** Dialled digits. */
bool cp_conf_is_number(struct gw_sv v);
/** Printable ASCII that stands in XML text as it is. */
bool cp_conf_is_plain(struct gw_sv v);
/** A codec this product knows by name. */
bool cp_conf_is_codec(struct gw_sv v);
bool cp_conf_is_video(struct gw_sv v);
bool cp_conf_is_suite(struct gw_sv v);

/**
 * Can this pair serve TLS? Both absent is well: the pair is made at the start.
 * @param is_key  out, when something is wrong: the key file is at fault, not the certificate
 * @return NULL, or what is wrong (static)
 */
const char *cp_conf_check_pair(const char *certificate, const char *key, bool *is_key);

#endif
