/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow tokens (RFC 5626 5.2, W2-WS-10): the user part of our Path and Record-Route. A token names a binding and the
 * connection it was reached by, and cannot be guessed. Pure: the time comes in as an epoch.
 */
#ifndef CP_FLOW_TOKEN_H
#define CP_FLOW_TOKEN_H

#include "control/transport/transport.h"

#define CP_TOKEN_BYTES 56
/*
 * Epochs whose tokens are believed, the running one included. With one a day a token lives at least seven days:
 * longer than the longest registration (600000 s), and each re-registration takes a fresh one.
 */
#define CP_FLOW_EPOCHS 8
#define CP_FLOW_KEY_BYTES 32

/**
 * One secret, and a key derived from it for each epoch, so that nodes that share the secret, and one that comes back
 * after a restart, believe the same tokens. Secret.
 */
struct cp_flow_keys {
	unsigned char secret[CP_FLOW_KEY_BYTES];
	uint64_t epoch;
	/* [0]: the next epoch, for a node whose clock is ahead; [1]: this one, tokens are made with it; then older ones */
	unsigned char key[1 + CP_FLOW_EPOCHS][CP_FLOW_KEY_BYTES];
};

/** Derive the keys: when the secret is there, and at the begin of each epoch. */
void cp_flow_keys_set(struct cp_flow_keys *k, uint64_t epoch);
/** conn: the connection a request to the binding goes out on while it lives. */
void cp_flow_token_make(const struct cp_flow_keys *k, uint32_t binding, cp_conn_id conn, char token[CP_TOKEN_BYTES]);
/**
 * @return GW_OK; GW_EBADMSG: not of ours, or too old
 */
enum gw_err cp_flow_token_read(const struct cp_flow_keys *k, struct gw_sv token, uint32_t *binding,
	cp_conn_id *conn) GW_NODISCARD;

#endif
