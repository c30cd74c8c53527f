/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the WAF must know after a restart, in an SQLite file of epcscf alone: grants, and access tokens revoked before
 * their time. Writes go to the page cache (WAL, no fsync) and take tens of microseconds; moving the WAL into the
 * database waits for the disk and is done on the thread pool. Everything else: control thread only.
 */
#ifndef CP_STATE_H
#define CP_STATE_H

#include "proto/base/sv.h"

struct cp_state;

/** @param why  out, on failure: a sentence; 256 bytes. GW_OK; GW_EIO; GW_EUNSUPP; GW_ENOMEM */
enum gw_err cp_state_open(struct cp_state **out, const char *path, char *why) GW_NODISCARD;
/** A grant under its id, as JSON; until_s: after that it is of no use. GW_OK; GW_EIO. Accept NULL: nothing is kept. */
enum gw_err cp_state_put(struct cp_state *s, const char *id, const char *json, uint64_t until_s);
enum gw_err cp_state_del(struct cp_state *s, const char *id);
enum gw_err cp_state_put_revoked(struct cp_state *s, const char *jti, uint64_t until_s);
/** Forget some of what ended before now_s; call about once a second. */
enum gw_err cp_state_prune(struct cp_state *s, uint64_t now_s);

typedef void (*cp_state_fn)(void *arg, struct gw_sv text, uint64_t until_s);
/** All grants (their JSON), all revoked jtis. GW_OK; GW_EIO. */
enum gw_err cp_state_each(struct cp_state *s, cp_state_fn grant, cp_state_fn revoked, void *arg) GW_NODISCARD;
/** Any thread, with a connection of its own: move the WAL into the file. */
void cp_state_checkpoint(const char *path);
/** Accepts NULL. */
void cp_state_close(struct cp_state *s);

#endif
