/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of Iq for both its ends (iq.md 7.1): UDP, TCP with TPKT, SCTP of the kernel, UNIX SOCK_SEQPACKET.
 * Nothing blocks; all waiting is behind one descriptor (epoll), which the caller's loop watches. Knows messages and
 * paths, nothing of H.248. One thread.
 */
#ifndef IQ_NET_H
#define IQ_NET_H

#include "proto/base/addr.h"
#include "proto/base/log.h"

#define IQ_PORT 2944u              /* X-1, text */
#define IQ_MESSAGE_MAX 65531u      /* what every transport carries */

enum iq_transport { IQ_UDP, IQ_TCP, IQ_SCTP, IQ_UNIX };

/** Where a message came from and an answer goes. Compare with iq_path_eq. */
struct iq_path {
	uint32_t conn;             /* 0: UDP, or none */
	struct gw_addr addr;       /* family 0: UNIX */
};
bool iq_path_eq(const struct iq_path *a, const struct iq_path *b);

enum iq_close { IQ_CLOSE_PEER, IQ_CLOSE_FRAMING };

struct iq_net_ops {
	/** May this address connect? Of UNIX (family 0): asked after its credentials were found right. */
	bool (*may_connect)(void *user, const struct gw_addr *from);
	/** There is a connection, ours or a peer's. */
	void (*opened)(void *user, const struct iq_path *path);
	/** It is gone, or never came to be. */
	void (*closed)(void *user, const struct iq_path *path, enum iq_close why);
	/** bytes are read during the call. Of UDP: of whomever. */
	void (*message)(void *user, const struct iq_path *from, struct gw_sv bytes);
};

struct iq_net_conf {
	enum iq_transport transport;
	struct gw_addr bind;       /* UDP: our address; else what we listen at, and connect from (another port) */
	const char *path;          /* UNIX: of the controller's socket */
	bool is_controller;        /* UNIX: the end that listens */
	const struct gw_log *log;
};

struct iq_net;

/** GW_EIO (logged); GW_EUNSUPP: the kernel has no such transport (logged); GW_ENOMEM. */
enum gw_err iq_net_new(struct iq_net **out, const struct iq_net_conf *conf, const struct iq_net_ops *ops, void *user)
	GW_NODISCARD;
/** Begin a connection; opened or closed is told from iq_net_poll. to is not used by UNIX. */
enum gw_err iq_net_connect(struct iq_net *n, const struct gw_addr *to, struct iq_path *path) GW_NODISCARD;
/** Best effort: what cannot be sent is lost, and a reader that does not read loses its connection. */
void iq_net_send(struct iq_net *n, const struct iq_path *to, struct gw_sv bytes);
/** No callback for it from now on. */
void iq_net_close(struct iq_net *n, const struct iq_path *path);
/** To be watched for reading. */
int iq_net_fd(const struct iq_net *n);
/** Take what has come. @return events handled, 0: nothing was there */
unsigned iq_net_poll(struct iq_net *n);
/** Closes all, without callbacks. Accepts NULL. */
void iq_net_free(struct iq_net *n);

#endif
