/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCTP associations of data channels over DTLS (RFC 8261, RFC 8831) with usrsctp: packets in, packets out (F-68 to F-71).
 * usrsctp is one for the process: service thread only. It makes no thread that runs, and knows an association by a number
 * (index and generation), so no pointer of ours is on the wire (S1).
 */
#ifndef DP_SCTP_H
#define DP_SCTP_H

#include "proto/base/list.h"
#include "proto/base/sv.h"

#define DP_SCTP_STREAMS_MAX 1024u

struct dp_sctp_limits {
	unsigned associations;     /* at once */
	unsigned streams;          /* each way (S2); the peer gets no more, whatever it asks for */
	unsigned mtu;              /* bytes of a packet: the path's, less DTLS */
	unsigned send_bytes;       /* queued in an association */
	unsigned receive_bytes;    /* the window a peer gets; the largest message fits into it */
	unsigned message_max;      /* of those that come; a larger one is not taken, and what it began with is told */
};

enum dp_sctp_event { DP_SCTP_UP, DP_SCTP_RESTARTED, DP_SCTP_CLOSED };

struct dp_sctp;

/** Called from dp_sctp_run only; may call everything but dp_sctp_run and dp_sctp_exit. */
struct dp_sctp_ops {
	void (*packet)(void *user, struct gw_sv packet);   /* for DTLS; read during the call */
	void (*event)(void *user, enum dp_sctp_event event);
	/** @return false: not now; it comes again in a later run, and what is behind it waits, so the peer's window closes. */
	bool (*message)(void *user, uint16_t stream, uint32_t ppid, struct gw_sv message);
	/** One above message_max: its first message_max bytes. The rest is thrown away. As with message(). */
	bool (*oversize)(void *user, uint16_t stream, uint32_t ppid, struct gw_sv beginning);
	void (*reset)(void *user, uint16_t stream);        /* the peer closed its direction of a channel */
};

/** Once in the process, on the service core: a thread that usrsctp makes and never wakes inherits its affinity. */
enum gw_err dp_sctp_init(const struct dp_sctp_limits *limits) GW_NODISCARD;
/** GW_ESTATE: associations are left, or usrsctp is not done with them; call again after dp_sctp_run. */
enum gw_err dp_sctp_exit(void) GW_NODISCARD;
/** Timers, packets and messages of all associations. @return how much was done */
unsigned dp_sctp_run(uint64_t now_ms);

/** Both ends call this: each sends an INIT (RFC 8831 6.2: simultaneous open). GW_ELIMIT; GW_ENOMEM; GW_EIO. */
enum gw_err dp_sctp_new(struct dp_sctp **out, uint16_t local_port, uint16_t remote_port, const struct dp_sctp_ops *ops,
	void *user) GW_NODISCARD;
/** The peer is not told, for its DTLS ends too; no call-back after this. Accepts NULL. */
void dp_sctp_free(struct dp_sctp *a);
/** A packet from DTLS; what it causes is seen in the next dp_sctp_run. */
void dp_sctp_input(struct dp_sctp *a, struct gw_sv packet);

struct dp_sctp_send {
	uint16_t stream;
	uint32_t ppid;
	bool is_unordered;
	bool has_lifetime, has_retransmits;    /* partial reliability (RFC 3758): one of them, or none */
	uint32_t limit;
};

/** GW_EAGAIN: the queue is full; GW_EINVAL: stream or size; GW_ESTATE: not up; GW_ECLOSED. */
enum gw_err dp_sctp_send(struct dp_sctp *a, const struct dp_sctp_send *how, struct gw_sv message) GW_NODISCARD;
/** Close our direction of a channel, once what was sent in it has gone, and after earlier resets (RFC 8831 6.7). GW_ESTATE: not up. */
enum gw_err dp_sctp_reset(struct dp_sctp *a, uint16_t stream) GW_NODISCARD;

#endif
