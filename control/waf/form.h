/* SPDX-License-Identifier: Apache-2.0 */
/*
 * application/x-www-form-urlencoded, as it comes in queries and in bodies of POST (WHATWG URL 5.1; RFC 6749
 * appendix B), cookies (RFC 6265) and Basic credentials (RFC 7617). Pure: bytes in, slices of an arena out.
 */
#ifndef CP_FORM_H
#define CP_FORM_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"

#define CP_FORM_FIELDS_MAX 32

struct cp_form {
	struct {
		struct gw_sv name, value;
	} field[CP_FORM_FIELDS_MAX];
	unsigned n;
};

/**
 * Decode one list of fields. Empty parts ("&&") are passed over.
 * @return GW_OK; GW_EBADMSG (a broken percent code, a NUL, or a name given twice: RFC 6749 3.1);
 *         GW_ELIMIT (too many fields); GW_ENOMEM
 */
enum gw_err cp_form_parse(struct cp_form *f, struct gw_arena *a, struct gw_sv text) GW_NODISCARD;
/** The value, or an empty slice. An empty value is as good as none (RFC 6749 3.1). */
struct gw_sv cp_form_get(const struct cp_form *f, const char *name);
/** Write a value percent-encoded: only RFC 3986 unreserved characters stay. */
void cp_form_put(struct gw_buf *b, struct gw_sv value);
/** The value of one cookie of a Cookie header, or an empty slice; given twice: empty. */
struct gw_sv cp_cookie_get(struct gw_sv header, struct gw_sv name);
/**
 * User and password of "Basic ..." (RFC 7617), each percent-decoded as RFC 6749 2.3.1 asks.
 * @return GW_OK; GW_ENOENT (no such header or another scheme); GW_EBADMSG; GW_ENOMEM
 */
enum gw_err cp_basic_parse(struct gw_arena *a, struct gw_sv header, struct gw_sv *user, struct gw_sv *password)
	GW_NODISCARD;

#endif
