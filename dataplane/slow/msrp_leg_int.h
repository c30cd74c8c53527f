/* SPDX-License-Identifier: Apache-2.0 */
/* An MSRP leg from inside: msrp_leg.c has its life and its bytes, msrp_guest.c the connections that are not its own yet. */
#ifndef DP_MSRP_LEG_INT_H
#define DP_MSRP_LEG_INT_H

#include "dataplane/slow/msrp_leg.h"

enum leg_state { LEG_NEW, LEG_UNBOUND, LEG_CONNECTING, LEG_UP, LEG_ENDED };

/** A descriptor in the epoll instance. */
struct leg_fd {
	struct dp_msrp *leg;
	int fd;                    /* -1: none */
};

/** A connection that has not named the session yet. */
struct leg_guest {
	struct leg_fd at;
	uint64_t until_ms;
};

struct dp_msrp_set {
	int epoll;
	unsigned max_legs, n_legs;
	uint64_t now_ms, look_ms;
	struct gw_list legs;
	struct gw_list busy;       /* those that something can be done for without an event of their socket */
};

struct dp_msrp {
	struct gw_list node, busy;
	struct dp_msrp_set *set;
	const struct dp_msrp_ops *ops;
	void *user;
	enum leg_state state;
	bool is_stopped;
	unsigned starts;
	struct leg_fd listener, link;
	struct leg_guest guests[DP_MSRP_GUESTS];
	uint32_t interest;         /* of epoll in link */
	struct gw_addr local;
	struct dp_msrp_start how;  /* its texts are in texts */
	struct msrp_bridge *bridge;
	char *texts;
	char *buffers;             /* in, piece, out, tx: in this order */
	size_t in_len;             /* of the stream, not used yet */
	size_t out_len;            /* a message that waits for the channel */
	size_t tx_at, tx_len;      /* bytes that wait for the connection */
	bool has_eof;              /* no more comes; what is in "in" is used before the leg ends, */
	bool is_broken;            /* even if the connection was reset, and nothing can be sent */
	bool is_starved;           /* of what is in "in", nothing can be used before more comes */
	uint64_t due_ms;           /* CONNECTING: given up then */
	uint64_t tx_total, acked, moved_ms;    /* bytes for the connection, those its peer has, and when it had more than before */
};

void leg_drop(struct leg_fd *f);
bool leg_watch(struct leg_fd *f, uint32_t events, int how);
/** The guest's connection is the leg's from now on: nothing of it was read. */
void leg_bind(struct dp_msrp *m, int fd);

/** Somebody connects. */
unsigned leg_guest_arrives(struct dp_msrp *m);
/** More of a guest has come. */
void leg_guest_speaks(struct dp_msrp *m, struct leg_guest *g);
/** Those whose time is over. */
void leg_guests_leave(struct dp_msrp *m, uint64_t now_ms);

#endif
