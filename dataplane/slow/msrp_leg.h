/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MSRP session between a data channel and TCP (W2-DC-10 to -15, F-70): a TCP connection of the kernel's, proto/msrp's
 * bridge, and what waits in either direction. Service thread only; nothing blocks.
 *
 * Back-pressure: what the channel brings is refused while the connection has no room, and the connection is not read while a
 * message waits for the channel. So each leg has a bounded memory (about DP_MSRP_LEG_BYTES), whatever its peers do.
 */
#ifndef DP_MSRP_LEG_H
#define DP_MSRP_LEG_H

#include "proto/base/addr.h"
#include "proto/base/list.h"
#include "proto/msrp/bridge.h"

#define DP_MSRP_MESSAGE_MAX 65536u   /* bytes of a channel's message that we take: our a=max-message-size */
#define DP_MSRP_CHUNK_MAX   16384u   /* and that we send: other channels of the association want their turn */
#define DP_MSRP_LEG_BYTES   (3 * DP_MSRP_MESSAGE_MAX)
#define DP_MSRP_CONNECT_S   30       /* an attempt to connect, or data without an acknowledgement, is given up */

enum dp_msrp_event {
	DP_MSRP_CONNECTED,
	DP_MSRP_CLOSED,            /* by the peer, in order */
	DP_MSRP_FAILED,            /* refused, reset, timed out, or it was no MSRP */
};

/** Called from dp_msrp_poll and dp_msrp_message, once with CLOSED or FAILED; dp_msrp_free may not be called from inside. */
struct dp_msrp_ops {
	/** A whole message for the channel; read during the call. GW_EAGAIN: its queue is full, it comes again. */
	enum gw_err (*channel)(void *user, struct gw_sv message);
	void (*event)(void *user, enum dp_msrp_event event);
};

/** All legs of the process: one epoll instance. */
struct dp_msrp_set;
enum gw_err dp_msrp_set_new(struct dp_msrp_set **out) GW_NODISCARD;
/** Without legs. Accepts NULL. */
void dp_msrp_set_free(struct dp_msrp_set *set);
/** What the connections bring and can take. @return how much was done */
unsigned dp_msrp_poll(struct dp_msrp_set *set);

struct dp_msrp;
/**
 * A socket that listens at a port of the kernel's choice, so that it can be said in SDP (RFC 4145); nobody is accepted before
 * dp_msrp_start. GW_EIO; GW_ENOMEM.
 */
enum gw_err dp_msrp_new(struct dp_msrp **out, struct dp_msrp_set *set, const struct gw_addr *address, const struct dp_msrp_ops *ops,
	void *user) GW_NODISCARD;
/** Closes what is open; no call-back. Accepts NULL. */
void dp_msrp_free(struct dp_msrp *m);
/** Where it listens. */
const struct gw_addr *dp_msrp_local(const struct dp_msrp *m);

struct dp_msrp_start {
	struct gw_addr peer;       /* only from its address a connection is taken */
	bool is_active;            /* we connect (a=setup:active) */
	struct msrp_side_conf side[2];     /* by enum msrp_side; copied */
	size_t channel_max;        /* the channel's peer takes so much in a message; 0: any */
	uint64_t nonce;            /* random */
};
/** Once. GW_EINVAL: a path is none, or channel_max is below MSRP_CHUNK_MIN; GW_ENOMEM; GW_EIO. */
enum gw_err dp_msrp_start(struct dp_msrp *m, const struct dp_msrp_start *how) GW_NODISCARD;
/** The connection is closed, what is under way is lost; no call-back from now on. It stays started. */
void dp_msrp_stop(struct dp_msrp *m);
bool dp_msrp_is_started(const struct dp_msrp *m);
/** Closed, failed or stopped: nothing goes through it any more. */
bool dp_msrp_is_ended(const struct dp_msrp *m);
/** A message of the channel. @return false: not now, it has to come again */
bool dp_msrp_message(struct dp_msrp *m, struct gw_sv message);
/** What came from a side, and what was made of it. */
const struct msrp_counts *dp_msrp_counts(const struct dp_msrp *m, enum msrp_side from);

#endif
