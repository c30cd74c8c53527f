/* SPDX-License-Identifier: Apache-2.0 */
/* UNIX socket of w2gwctl: one line in; one JSON document out, or a stream of them, one a line. Control thread only. */
#ifndef CP_CTL_H
#define CP_CTL_H

#include <jansson.h>

#include "control/app/loop.h"
#include "proto/base/list.h"
#include "proto/base/log.h"
#include "proto/base/sv.h"

struct cp_ctl;
struct cp_ctl_stream;

/** Returns a new reference with the answer. */
typedef json_t *(*cp_ctl_fn)(void *user);
/** The same; args is what stands behind the command, trimmed. */
typedef json_t *(*cp_ctl_command_fn)(void *user, struct gw_sv args);
/** Takes the stream and returns NULL, or refuses with an answer. */
typedef json_t *(*cp_ctl_stream_fn)(void *user, struct gw_sv args, struct cp_ctl_stream *s);

enum gw_err cp_ctl_open(struct cp_ctl **out, const char *path, struct cp_loop *loop,
	const struct gw_log *log) GW_NODISCARD;
/*
 * At most 32 of all kinds; name is kept, not copied.
 */
/** "show NAME", without arguments. */
enum gw_err cp_ctl_register(struct cp_ctl *c, const char *name, cp_ctl_fn fn, void *user) GW_NODISCARD;
/** "NAME ARGS"; a name may be two words. */
enum gw_err cp_ctl_command(struct cp_ctl *c, const char *name, cp_ctl_command_fn fn, void *user) GW_NODISCARD;
enum gw_err cp_ctl_streaming(struct cp_ctl *c, const char *name, cp_ctl_stream_fn fn, void *user) GW_NODISCARD;
/** {"error": text}. */
json_t *cp_ctl_error(const char *text);

/**
 * Send one line; the bytes are copied, the line end is added.
 * @return GW_OK; GW_ELIMIT: the reader is slow, the line is dropped; GW_ECLOSED; GW_ENOMEM
 */
enum gw_err cp_ctl_stream_put(struct cp_ctl_stream *s, struct gw_sv line) GW_NODISCARD;
/** The last answer; then the stream is closed. Takes the reference. */
void cp_ctl_stream_end(struct cp_ctl_stream *s, json_t *last);
/** Told once, when the reader has left or the socket is closed; s is not to be used from then on. */
void cp_ctl_stream_on_close(struct cp_ctl_stream *s, void (*fn)(void *user), void *user);

/** Ends the streams, too. Accepts NULL. */
void cp_ctl_close(struct cp_ctl *c);

#endif
