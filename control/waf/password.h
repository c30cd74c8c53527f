/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Password hashes: yescrypt by libxcrypt. Both functions take tens of milliseconds and 16 MiB: never on the event
 * loop. Any thread.
 */
#ifndef CP_PASSWORD_H
#define CP_PASSWORD_H

#include "proto/base/sv.h"

#define CP_PASSWORD_MAX 256       /* bytes of a password */
#define CP_HASH_BYTES 128         /* of a hash with its NUL; yescrypt takes 74 */

/** GW_OK; GW_EINVAL (empty, too long, or with a NUL); GW_EIO (libxcrypt). */
enum gw_err cp_password_hash(struct gw_sv password, char out[CP_HASH_BYTES]) GW_NODISCARD;
/** Takes as long for a wrong password as for the right one. */
bool cp_password_matches(struct gw_sv password, const char *hash);

#endif
