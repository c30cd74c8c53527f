/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DTLS 1.2 for DTLS-SRTP (RFC 5764, RFC 6347, RFC 8122) and for data channels (RFC 8261) over OpenSSL: datagrams in,
 * datagrams out.
 * Service thread only. The caller lets in only datagrams from ICE-validated addresses (D1, D4).
 */
#ifndef DP_DTLS_H
#define DP_DTLS_H

#include "dataplane/fast/record.h"
#include "dataplane/fast/srtp.h"
#include "proto/base/buf.h"
#include "proto/base/log.h"
#include "proto/base/sv.h"

#define DP_FINGERPRINT_MAX 64        /* bytes of the longest digest, sha-512 */
#define DP_FINGERPRINTS_MAX 8        /* a=fingerprint lines kept of a description */
#define DP_DTLS_LIFE_MS 30000        /* an unfinished handshake ends then (D1, D2) */

enum dp_hash { DP_HASH_NONE, DP_HASH_SHA256, DP_HASH_SHA384, DP_HASH_SHA512 };

struct dp_fingerprint {
	enum dp_hash hash;
	uint8_t len;
	uint8_t bytes[DP_FINGERPRINT_MAX];
};

/** "sha-256" -> DP_HASH_SHA256, case-insensitive; weaker hashes -> DP_HASH_NONE (W2-SEC-03). */
enum dp_hash dp_hash_parse(struct gw_sv name);
/** Length of its digests. */
unsigned dp_hash_bytes(enum dp_hash hash);

struct dp_dtls_conf {
	enum dp_srtp_profile profiles[4];   /* in order of preference */
	unsigned n_profiles;
	unsigned mtu;                       /* largest datagram of a flight, bytes; 1200 */
	unsigned certificate_days;          /* life of the self-signed certificate */
};

/** Certificate, key and settings; shared by all sessions, counted (rotation keeps running ones). */
struct dp_dtls_ctx;
enum gw_err dp_dtls_ctx_new(struct dp_dtls_ctx **out, const struct dp_dtls_conf *conf,
	const struct gw_log *log) GW_NODISCARD;
/** A new self-signed ECDSA P-256 certificate for sessions made from now on (W2-SEC-07). */
enum gw_err dp_dtls_ctx_rotate(struct dp_dtls_ctx *ctx) GW_NODISCARD;
/** Digest of the present certificate. */
enum gw_err dp_dtls_ctx_fingerprint(const struct dp_dtls_ctx *ctx, enum dp_hash hash,
	struct dp_fingerprint *out) GW_NODISCARD;
void dp_dtls_ctx_free(struct dp_dtls_ctx *ctx);

enum dp_dtls_state {
	DP_DTLS_NEW,          /* client: not started; server: waiting for a ClientHello */
	DP_DTLS_HANDSHAKE,
	DP_DTLS_HELD,         /* handshake done, remote fingerprint not known yet (F-39) */
	DP_DTLS_UP,           /* verified: keys may be taken */
	DP_DTLS_CLOSED,       /* close_notify from the peer after UP */
	DP_DTLS_FAILED,
};

struct dp_dtls;

/** Sends one datagram; called from inside new/start/input/tick. Must not call back into dp_dtls. */
typedef void (*dp_dtls_send_fn)(void *user, struct gw_sv datagram);

/**
 * @param is_client  we send the ClientHello (a=setup:active), at dp_dtls_start
 * Takes the certificate that dp_dtls_ctx_fingerprint reports at this moment.
 */
enum gw_err dp_dtls_new(struct dp_dtls **out, struct dp_dtls_ctx *ctx, bool is_client,
	dp_dtls_send_fn send, void *user) GW_NODISCARD;
/**
 * Another association with the certificate of old, for another peer, or another life of it (F-42): what was told of ours stays
 * true. old is as it was.
 */
enum gw_err dp_dtls_new_again(struct dp_dtls **out, struct dp_dtls_ctx *ctx, const struct dp_dtls *old, bool is_client,
	dp_dtls_send_fn send, void *user) GW_NODISCARD;
void dp_dtls_free(struct dp_dtls *d);

/**
 * One record of application data, which for data channels is one SCTP packet (RFC 8261 5); read during the call. Called
 * from inside input; must not call back into this dp_dtls.
 */
typedef void (*dp_dtls_data_fn)(void *user, struct gw_sv packet);
/**
 * The association carries data channels. Set before the handshake, it needs no SRTP profile; with one it has keys for media beside them
 * (RFC 9143 9). NULL: no data any more. Not of one whose state is forgotten.
 */
void dp_dtls_set_data(struct dp_dtls *d, dp_dtls_data_fn data);
/** Is the TLS state still there? */
bool dp_dtls_is_kept(const struct dp_dtls *d);
/** Send a record of application data. GW_ESTATE (not up, or forgotten); GW_EINVAL (empty, or longer than a record); GW_EIO. */
enum gw_err dp_dtls_write(struct dp_dtls *d, struct gw_sv packet) GW_NODISCARD;
/**
 * What the workers need to go on with the records of an association that is up and carries data, or may later; OpenSSL must write no
 * more: dp_dtls_forget() it. The caller wipes them. GW_EUNSUPP (not AES-GCM); GW_ESTATE; GW_EIO.
 */
enum gw_err dp_dtls_record_keys(const struct dp_dtls *d, struct dp_record_keys *out) GW_NODISCARD;

/** Change the role before anything was sent or received (actpass resolved). GW_ESTATE; GW_ENOMEM. */
enum gw_err dp_dtls_set_role(struct dp_dtls *d, bool is_client) GW_NODISCARD;

/**
 * The peer's fingerprints; the strongest hash among them must match (RFC 8122 5). In DP_DTLS_HELD
 * the check happens now, and in DP_DTLS_UP again. @return GW_OK; GW_EAUTH (mismatch: state FAILED); GW_EUNSUPP (no usable hash)
 */
enum gw_err dp_dtls_set_fingerprints(struct dp_dtls *d, const struct dp_fingerprint *fp,
	unsigned n) GW_NODISCARD;

/** Is this the peer whose certificate came in the handshake or, before one came, who was expected? true also if nobody was named yet. */
bool dp_dtls_is_peer(const struct dp_dtls *d, const struct dp_fingerprint *fp, unsigned n);

/** Digest of our certificate in this association, which a rotation does not change. */
enum gw_err dp_dtls_fingerprint(const struct dp_dtls *d, enum dp_hash hash, struct dp_fingerprint *out) GW_NODISCARD;

/** Start the clock of the handshake, and as client send the ClientHello; once a pair is selected. */
enum gw_err dp_dtls_start(struct dp_dtls *d, uint64_t now_ms) GW_NODISCARD;

/**
 * One datagram from an ICE-validated address.
 * @return GW_OK: look at dp_dtls_state(); GW_EAUTH: certificate or profile refused, state FAILED;
 *         GW_EBADMSG: ignored. A fatal alert or junk before Finished does not end the session:
 *         the handshake starts over until its life is up (threat D1).
 */
enum gw_err dp_dtls_input(struct dp_dtls *d, struct gw_sv datagram, uint64_t now_ms) GW_NODISCARD;
/** When dp_dtls_tick wants to be called, or UINT64_MAX. */
uint64_t dp_dtls_deadline(const struct dp_dtls *d, uint64_t now_ms);
/** Retransmissions and the end of an unfinished handshake (state FAILED, GW_ETIMEOUT, once). */
enum gw_err dp_dtls_tick(struct dp_dtls *d, uint64_t now_ms) GW_NODISCARD;

enum dp_dtls_state dp_dtls_state(const struct dp_dtls *d);
/** Static sentence on the failure, for the Iq notification and the log. */
const char *dp_dtls_why(const struct dp_dtls *d);
bool dp_dtls_is_client(const struct dp_dtls *d);
enum dp_srtp_profile dp_dtls_profile(const struct dp_dtls *d);
/** SRTP master keys: what we send with and what we receive with. GW_ESTATE before DP_DTLS_UP, when forgotten, or without a profile. */
enum gw_err dp_dtls_keys(const struct dp_dtls *d, struct dp_srtp_keys *local,
	struct dp_srtp_keys *remote) GW_NODISCARD;
/**
 * An association that is UP gives its TLS state back, some 40 KB: the keys are taken, and what the peer still sends on it
 * is ignored from now on. Its close_notify too: the end of a call shows in the signalling and in consent. A client can
 * forget at once: who has the server's Finished has nothing to repeat. A server when the peer showed that it has ours,
 * by anything that is protected with the new keys.
 */
void dp_dtls_forget(struct dp_dtls *d);
/** The peer said, by an alert that authenticated, that there will be no more. */
void dp_dtls_closed_by_peer(struct dp_dtls *d, bool is_fatal);
/** Send close_notify (best effort). */
void dp_dtls_close(struct dp_dtls *d);

#endif
