/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MSRP session between a data channel and TCP (W2-DC-10 to -15, F-70): a TCP connection of the kernel's, proto/msrp's
 * bridge, and what waits in either direction. Service thread only; nothing blocks.
 *
 * A connection that comes in belongs to the session only when its first request has named it (RFC 4975 5.4); until then it may
 * send nothing else, and has little time.
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
#define DP_MSRP_LEG_FILES   2u       /* descriptors: the listener and the connection; */
#define DP_MSRP_GUESTS      4u       /* and connections that have not named the session yet */
#define DP_MSRP_GUEST_MS    10000u   /* which is the time they have */
#define DP_MSRP_CONNECT_MS  30000u   /* an attempt to connect is given up */
#define DP_MSRP_STUCK_MS    30000u   /* and a connection that takes nothing, while nothing of ours holds its peer */

enum dp_msrp_event {
	DP_MSRP_CONNECTED,
	DP_MSRP_CLOSED,            /* by the peer, in order, and all that came before has been used */
	DP_MSRP_FAILED,            /* refused, reset, timed out, or it was no MSRP */
};

/** Why a connection that came in was closed. */
enum dp_msrp_refusal {
	DP_MSRP_STRANGER,          /* not from where the peer is */
	DP_MSRP_UNBOUND,           /* too many, too slow, or it was no request of MSRP */
	DP_MSRP_OTHER_SESSION,     /* named another session (481), or one that has its connection (506) */
};

/** Called from dp_msrp_poll and dp_msrp_message; dp_msrp_free and dp_msrp_start may not be called from inside. */
struct dp_msrp_ops {
	/** A whole message for the channel; read during the call. GW_EAGAIN: its queue is full, it comes again. */
	enum gw_err (*channel)(void *user, struct gw_sv message);
	void (*event)(void *user, enum dp_msrp_event event);       /* of each start, CLOSED or FAILED once */
	void (*refused)(void *user, enum dp_msrp_refusal why);
};

/** All legs of the process: one epoll instance. */
struct dp_msrp_set;
enum gw_err dp_msrp_set_new(struct dp_msrp_set **out, unsigned max_legs) GW_NODISCARD;
/** Without legs. Accepts NULL. */
void dp_msrp_set_free(struct dp_msrp_set *set);
/** What the connections bring and can take, and what is due. @return how much was done */
unsigned dp_msrp_poll(struct dp_msrp_set *set, uint64_t now_ms);

struct dp_msrp;
/**
 * A socket that listens at a port of the kernel's choice, so that it can be said in SDP (RFC 4145); nobody is accepted before
 * dp_msrp_start. GW_ELIMIT: max_legs; GW_EIO; GW_ENOMEM.
 */
enum gw_err dp_msrp_new(struct dp_msrp **out, struct dp_msrp_set *set, const struct gw_addr *address, const struct dp_msrp_ops *ops,
	void *user) GW_NODISCARD;
/** Closes what is open; no call-back. Accepts NULL. */
void dp_msrp_free(struct dp_msrp *m);
/** Where it listens. */
const struct gw_addr *dp_msrp_local(const struct dp_msrp *m);

/** Who may connect. */
struct dp_msrp_source {
	struct gw_addr net;        /* family 0: anybody */
	uint8_t prefix;
	uint16_t first_port, last_port;    /* last 0: any */
};

struct dp_msrp_start {
	struct gw_addr peer;       /* where we connect to */
	struct dp_msrp_source source;
	bool is_active;            /* we connect (a=setup:active) */
	struct msrp_side_conf side[2];     /* by enum msrp_side; copied */
	size_t channel_max;        /* the channel's peer takes so much in a message; 0: any */
	uint64_t nonce;            /* random */
};
/**
 * Begin as described. Again: with the same description, but for the nonce, nothing happens; with another the connection is
 * closed without an event, and all begins anew at the same port. A leg that was stopped stays so.
 * GW_EINVAL: a path is none, or channel_max is below MSRP_CHUNK_MIN; GW_ENOMEM; GW_EIO: it has ended then.
 */
enum gw_err dp_msrp_start(struct dp_msrp *m, const struct dp_msrp_start *how) GW_NODISCARD;
/** How often it has begun. */
unsigned dp_msrp_starts(const struct dp_msrp *m);
/** The connection is closed for good, what is under way is lost; no call-back from now on. */
void dp_msrp_stop(struct dp_msrp *m);
/** Closed, failed or stopped: nothing goes through it any more. */
bool dp_msrp_is_ended(const struct dp_msrp *m);
/** A message of the channel. @return false: not now, it has to come again */
bool dp_msrp_message(struct dp_msrp *m, struct gw_sv message);
/** The first bytes of one that is too large. false: not now */
bool dp_msrp_oversize(struct dp_msrp *m, struct gw_sv beginning);
/** What came from a side, and what was made of it. */
const struct msrp_counts *dp_msrp_counts(const struct dp_msrp *m, enum msrp_side from);

#endif
