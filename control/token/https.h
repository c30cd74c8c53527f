/* SPDX-License-Identifier: Apache-2.0 */
/* https client for key sets and introspection: libcurl's multi interface on the event loop. Control thread only. */
#ifndef CP_HTTPS_H
#define CP_HTTPS_H

#include "control/app/loop.h"
#include "proto/base/log.h"
#include "proto/base/sv.h"

struct cp_https;
struct cp_https_job;

struct cp_https_request {
	const char *url;          /* https only; no redirect is followed */
	const char *ca_file;      /* "" or NULL: the CAs of the system */
	const char *post;         /* form-encoded body; NULL: GET */
	const char *user_password; /* HTTP Basic; NULL: none */
	unsigned timeout_s;
	size_t max_bytes;         /* of the answer */
};

/** status 0: no answer (name, connection, certificate, time, size). body is read during the call. */
typedef void cp_https_done(void *user, unsigned status, struct gw_sv body);

enum gw_err cp_https_new(struct cp_https **out, struct cp_loop *loop, const struct gw_log *log) GW_NODISCARD;
/** Ends all requests without a call. Accepts NULL. */
void cp_https_free(struct cp_https *h);
/** Strings are copied. done is called once, from the loop, never from inside; the job is gone then. */
enum gw_err cp_https_start(struct cp_https *h, const struct cp_https_request *q, cp_https_done *done, void *user,
	struct cp_https_job **out) GW_NODISCARD;
/** done will not be called. Accepts NULL. */
void cp_https_cancel(struct cp_https_job *j);

#endif
