/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request on its way through the web side. Whoever handles it gives exactly one answer, at once or later;
 * until then the request stays, even when its client has gone. Control thread only.
 */
#ifndef CP_WEB_H
#define CP_WEB_H

#include "proto/base/addr.h"
#include "proto/base/arena.h"
#include "proto/base/buf.h"

#define CP_WEB_HEADERS_MAX 8
#define CP_WEB_BODY_MAX 16384     /* of a request; above: 413 */

struct cp_web_req {
	struct gw_arena arena;    /* lives as long as the request */
	struct gw_sv method, path, query, body;
	struct gw_sv host, cookie, authorization, origin, content_type, fetch_site; /* header fields; empty: absent */
	struct gw_addr peer;
	/* the answer */
	unsigned status;          /* 0: none yet */
	struct gw_sv type, answer;
	struct {
		const char *name;
		char *value;
	} header[CP_WEB_HEADERS_MAX];
	unsigned n_headers;
	const char *csp;          /* Content-Security-Policy; NULL: that of the phone's page */
	const char *referrer;     /* Referrer-Policy; NULL: no-referrer */
	const char *cache;        /* Cache-Control; NULL: no-store */
	int fd;                   /* of a file that is the answer instead; -1: none */
	uint64_t fd_bytes;
	/* of the web server */
	void (*done)(struct cp_web_req *r);
};

/** A value inside HTML, text or attribute: no markup is left in it (threat P11). */
void cp_web_put_html(struct gw_buf *b, struct gw_sv v);
/** An HTML page up to its body; title: of ours, style: where its style sheet is. */
void cp_web_page_begin(struct gw_buf *b, const char *title, const char *style);
/** The rest of it, and the answer; 503 when it did not fit into b. */
void cp_web_page_end(struct cp_web_req *r, struct gw_buf *b, unsigned status);
/** Add a header to the answer; line ends in the value end it. Before cp_web_answer. */
void cp_web_header(struct cp_web_req *r, const char *name, struct gw_sv value);
/** The answer; body is copied. */
void cp_web_answer(struct cp_web_req *r, unsigned status, const char *type, struct gw_sv body);
/** The answer is an open file, which is closed in the end. */
void cp_web_answer_file(struct cp_web_req *r, const char *type, int fd, uint64_t bytes);

#endif
