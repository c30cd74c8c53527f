/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls of late have done: a line a message on W2, Mw and Iq, and why they ended, for w2gwctl why. Fixed memory: of
 * calls that share places one that has ended gives way, then the one that began first. Control thread only.
 */
#ifndef CP_RECENT_H
#define CP_RECENT_H

#include <jansson.h>

#include "proto/base/err.h"
#include "proto/base/sv.h"

enum cp_recent_lane { CP_RECENT_W2, CP_RECENT_MW, CP_RECENT_IQ };

/** Are steps kept? Written by recent.c only. */
extern bool cp_recent_on;

/** @param calls  how many at least; 0: none, and all else here does nothing. GW_ENOMEM. */
enum gw_err cp_recent_open(unsigned calls) GW_NODISCARD;
void cp_recent_close(void);

/** A call that is served from now on: nobody takes a place with an INVITE alone. invite: its first step, or NULL. */
void cp_recent_begin(struct gw_sv call_id, enum cp_recent_lane lane, const char *invite);
/** A SIP message; left out if it is of no call that is known. */
void cp_recent_sip(enum cp_recent_lane lane, bool is_out, struct gw_sv msg);
/** A procedure on Iq. */
void cp_recent_iq(bool is_out, const char *call_id, const char *what);
void cp_recent_end(const char *call_id, const char *why);
/**
 * For the control socket, "recent CALL-ID": {"steps": [{"time", "side", "dir", "label"}...], "left_out": n, "end": why or null};
 * an error when it is not known.
 */
json_t *cp_recent_show(void *user, struct gw_sv call_id);

#endif
