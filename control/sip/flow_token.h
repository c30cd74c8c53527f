/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tokens (RFC 5626 5.2, W2-WS-10): the user part of our Path and Record-Route. A token names a binding and the
 * connection it was reached by, and cannot be guessed. Pure but for the random bytes of new keys.
 */
#ifndef CP_FLOW_TOKEN_H
#define CP_FLOW_TOKEN_H

#include "control/transport/transport.h"

#define CP_TOKEN_BYTES 56
/*
 * Keys that still open tokens. With one new key a day a token lives at least seven days: longer than the longest
 * registration (600000 s), and each re-registration takes a fresh one.
 */
#define CP_FLOW_KEYS 8
#define CP_FLOW_KEY_BYTES 32

/** Plain bytes, so that they can be kept over a restart. Secret. */
struct cp_flow_keys {
	unsigned char key[CP_FLOW_KEYS][CP_FLOW_KEY_BYTES];
	uint8_t current;             /* index of the one new tokens are made with */
	uint8_t n;                   /* keys there are */
};

/** A new key; the oldest goes when there are CP_FLOW_KEYS. The first call starts zeroed keys. */
void cp_flow_keys_rotate(struct cp_flow_keys *k);
/** conn: the connection a request to the binding goes out on while it lives. */
void cp_flow_token_make(const struct cp_flow_keys *k, uint32_t binding, cp_conn_id conn, char token[CP_TOKEN_BYTES]);
/**
 * @return GW_OK; GW_EBADMSG: not of ours, or made with a key that is gone
 */
enum gw_err cp_flow_token_read(const struct cp_flow_keys *k, struct gw_sv token, uint32_t *binding,
	cp_conn_id *conn) GW_NODISCARD;

#endif
