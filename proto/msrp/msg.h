/* SPDX-License-Identifier: Apache-2.0 */
/* MSRP messages (RFC 4975 7, 9): the head of one, and how one is written. Bodies stay with the caller. Pure. */
#ifndef MSRP_MSG_H
#define MSRP_MSG_H

#include "proto/base/buf.h"
#include "proto/base/sv.h"

#define MSRP_HEAD_MAX    4096u     /* bytes of a start line and its headers */
#define MSRP_HEADERS_MAX 32u
#define MSRP_IDENT_MIN   4u        /* transaction and message identifiers */
#define MSRP_IDENT_MAX   32u
#define MSRP_END_MAX     (7u + MSRP_IDENT_MAX + 3)     /* bytes of an end line with its CRLF */

enum msrp_method { MSRP_SEND, MSRP_REPORT, MSRP_OTHER_METHOD };
enum msrp_failure_report { MSRP_FAILURE_YES, MSRP_FAILURE_NO, MSRP_FAILURE_PARTIAL };
/** What the end line says (RFC 4975 9: continuation-flag). */
enum msrp_flag { MSRP_COMPLETE = '$', MSRP_MORE = '+', MSRP_ABORTED = '#' };

/** Byte-Range: 1-based; "*" is has_end or has_total false. */
struct msrp_range {
	uint64_t start, end, total;
	bool has_end, has_total;
};

struct msrp_header {
	struct gw_sv name, value;
};

/** Everything lies in the text that was parsed. */
struct msrp_head {
	struct gw_sv tid;
	unsigned status;                   /* of a response; 0: a request */
	struct gw_sv comment;
	enum msrp_method method;
	struct gw_sv method_name;
	struct gw_sv to_path, from_path;   /* each URI is well-formed */
	struct gw_sv message_id;           /* SEND and REPORT have it */
	struct gw_sv content_type;         /* empty: no body */
	struct msrp_range range;           /* "1-*" of "*" when it is not given */
	bool has_range;
	bool wants_success;                /* Success-Report: yes */
	enum msrp_failure_report failure;
	struct msrp_header headers[MSRP_HEADERS_MAX];
	unsigned n_headers;
};

/**
 * @param text  start line and header lines, each with its CRLF, without the empty line
 * @return GW_OK; GW_EBADMSG; GW_ELIMIT (more headers than MSRP_HEADERS_MAX)
 */
enum gw_err msrp_head_parse(struct gw_sv text, struct msrp_head *out) GW_NODISCARD;

/**
 * Write a request as h has it: its headers in their order, with tid, paths and range of the struct. With a content type, the
 * empty line follows. A range is written when h->has_range.
 */
enum gw_err msrp_print_head(const struct msrp_head *h, struct gw_buf *out) GW_NODISCARD;
/** The line that ends a message. is_after_body: the CRLF that ends the body comes first. */
enum gw_err msrp_print_end(struct gw_sv tid, enum msrp_flag flag, bool is_after_body, struct gw_buf *out) GW_NODISCARD;
/** The whole response to a request; it goes to the hop the request came from (RFC 4975 7.2). */
enum gw_err msrp_print_response(const struct msrp_head *request, unsigned status, struct gw_buf *out) GW_NODISCARD;

/** What a REPORT says (RFC 4975 7.1.2). */
struct msrp_report {
	struct gw_sv tid, to_path, from_path, message_id;
	struct msrp_range range;
	unsigned status;
};

enum gw_err msrp_print_report(const struct msrp_report *r, struct gw_buf *out) GW_NODISCARD;

#endif
