/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.x request, read strictly (RFC 9112 2 to 6, threat W6): what the upgrade needs, as slices. */
#ifndef CP_HTTP_HEAD_H
#define CP_HTTP_HEAD_H

#include "proto/base/sv.h"

#define CP_HEAD_MAX_BYTES 16384
#define CP_HEAD_MAX_FIELDS 100

/** Slices into the text that was read; empty when a field is absent. */
struct cp_http_head {
	struct gw_sv method, path, version;
	struct gw_sv host, origin, upgrade, connection, ws_version, ws_key, ws_protocol;
	bool has_origin, has_length, has_encoding;
	unsigned n;              /* fields */
};

/**
 * Read a head that ends with its empty line. CRLF line ends only, no folding, no blank before the colon, no field
 * twice that may stand once, Content-Length never together with Transfer-Encoding.
 * @return GW_OK; GW_EBADMSG
 */
enum gw_err cp_http_head_parse(struct gw_sv s, struct cp_http_head *out) GW_NODISCARD;
/** Is it the Sec-WebSocket-Key of RFC 6455 4.1: 16 bytes in base64? */
bool cp_http_ws_key_ok(struct gw_sv key);

#endif
