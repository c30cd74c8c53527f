/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys of the WAF: EC P-256, in a private JWK set (RFC 7517) in a file of mode 0600. A new key is published
 * one overlap before it signs, and an old one stays published one overlap after it signed last, so that verifiers
 * which keep our key set for up to that long never meet an unknown key. The clock is the caller's. Control thread only.
 */
#ifndef CP_KEYS_H
#define CP_KEYS_H

#include "control/token/jwks.h"
#include "proto/base/sv.h"

struct cp_keys;

/**
 * Read the file, or make it with a first key.
 * @param why  out, on failure: a sentence; 256 bytes
 * @return GW_OK; GW_EIO; GW_EINVAL (not a key set of ours); GW_ENOMEM
 */
enum gw_err cp_keys_load(struct cp_keys **out, const char *path, uint64_t rotation_s, uint64_t overlap_s,
	uint64_t now_s, char *why) GW_NODISCARD;
/**
 * Make and drop keys as the time asks. The file is written before the keys in memory change.
 * @return GW_OK: nothing to do; GW_EAGAIN: the published set has changed; GW_EIO, GW_ENOMEM (all stays as it was)
 */
enum gw_err cp_keys_turn(struct cp_keys *k, uint64_t now_s) GW_NODISCARD;
/** The key that signs now; its kid is in it. Never NULL. */
const cjose_jwk_t *cp_keys_signer(const struct cp_keys *k, uint64_t now_s);
/** The public JWK set of our own keys, with a NUL; owned by k until the next cp_keys_turn. */
const char *cp_keys_own(const struct cp_keys *k);
/** The public JWK sets of nodes that share our issuer; what is no set is left out. @return the published set has changed */
bool cp_keys_set_others(struct cp_keys *k, const struct gw_sv *sets, unsigned n);
/** The published keys, to verify by; owned by k until the next cp_keys_turn or _set_others. */
const struct cp_jwks *cp_keys_set(const struct cp_keys *k);
/** The public JWK set, with a NUL; owned by k until the next cp_keys_turn. */
const char *cp_keys_jwks(const struct cp_keys *k);
unsigned cp_keys_count(const struct cp_keys *k);
/** Accepts NULL. */
void cp_keys_free(struct cp_keys *k);

#endif
