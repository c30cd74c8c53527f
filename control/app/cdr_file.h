/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of call records: one JSON line a call, appended by libuv's thread pool, so that a slow disk
 * never holds the loop. Control thread.
 */
#ifndef CP_CDR_FILE_H
#define CP_CDR_FILE_H

#include "control/app/loop.h"
#include "proto/base/log.h"
#include "proto/base/sv.h"

struct cp_cdr_file;

/** path, loop and log are the caller's and outlive the file. GW_EIO: cannot be opened; GW_ENOMEM. */
enum gw_err cp_cdr_file_open(struct cp_cdr_file **out, const char *path, struct cp_loop *loop,
	const struct gw_log *log) GW_NODISCARD;
/** One record, without its end of line; copied. What the disk does not take in time is counted (cdr_lost). f may be NULL. */
void cp_cdr_file_add(struct cp_cdr_file *f, struct gw_sv record);
/** It was rotated away: what is added from now on goes to a new file. f may be NULL. */
void cp_cdr_file_reopen(struct cp_cdr_file *f);
/** Writes what is left, in cp_loop_close() at the latest. f may be NULL. */
void cp_cdr_file_close(struct cp_cdr_file *f);

#endif
