/* SPDX-License-Identifier: Apache-2.0 */
/* As much of SIP as the load needs to read: by the line, so that the load is not what is measured. */
#ifndef SIGLOAD_TEXT_H
#define SIGLOAD_TEXT_H

#include "proto/base/sv.h"

/** Status of a response; 0: a request, or no SIP. */
unsigned text_status(struct gw_sv msg);
/** Method of a request, or of a response's CSeq. */
struct gw_sv text_method(struct gw_sv msg);
/** Value of the next header field of this name from *at on; *at: 0 at first, moves behind it. */
bool text_header(struct gw_sv msg, struct gw_sv name, size_t *at, struct gw_sv *value);
/** Value of the first one; empty when there is none. */
struct gw_sv text_first(struct gw_sv msg, struct gw_sv name);
/** What is between < and >; all of it when there are none. */
struct gw_sv text_uri(struct gw_sv value);
/** A parameter's value without quotes, of a list as in WWW-Authenticate. */
struct gw_sv text_param(struct gw_sv value, struct gw_sv name);
struct gw_sv text_body(struct gw_sv msg);
bool text_has(struct gw_sv s, struct gw_sv needle);
/** Digest with qop=auth, nc 1 and this cnonce (RFC 7616 3.4.1), MD5. */
void text_ha1(const char *user, const char *realm, const char *password, char out[33]);
void text_digest(const char *ha1, struct gw_sv nonce, const char *cnonce, const char *method,
	struct gw_sv uri, char out[33]);

#endif
