/* SPDX-License-Identifier: Apache-2.0 */
/* MSRP URIs and paths (RFC 4975 6, 9; RFC 8873 4 for ";dc"). Pure. */
#ifndef MSRP_URI_H
#define MSRP_URI_H

#include "proto/base/sv.h"

#define MSRP_URI_MAX 512u      /* bytes */

/** Everything lies in the text that was parsed. */
struct msrp_uri {
	struct gw_sv text;
	struct gw_sv host;         /* an IPv6 address without its brackets */
	struct gw_sv session;      /* empty: a relay's */
	struct gw_sv transport;    /* "tcp", "ws", "dc" */
	uint16_t port;             /* 0: not there */
	bool is_secure;            /* msrps */
};

/** The whole text is one URI. GW_EBADMSG. */
enum gw_err msrp_uri_parse(struct gw_sv text, struct msrp_uri *out) GW_NODISCARD;
/** RFC 4975 6.1: scheme, host, port and transport without case, the session id with it; no user part. */
bool msrp_uri_eq(const struct msrp_uri *a, const struct msrp_uri *b);
/** The last URI of a path ("uri uri"), the end point's. GW_EBADMSG: there is none, or one of them is malformed. */
enum gw_err msrp_path_last(struct gw_sv path, struct msrp_uri *out) GW_NODISCARD;

#endif
