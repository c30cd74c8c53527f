/* SPDX-License-Identifier: Apache-2.0 */
/* What iq_net.c (sockets, events) and iq_conn.c (connections) share. */
#ifndef IQ_NET_INT_H
#define IQ_NET_INT_H

#include <sys/socket.h>

#include "net/iq_net.h"
#include "proto/base/list.h"

#define IQ_CONNS_MAX 64u
/* ids of what is no connection */
#define IQ_ID_LISTENER 1u
#define IQ_ID_UDP 2u
#define IQ_ID_FIRST 3u

struct iq_net {
	struct iq_net_conf c;
	struct iq_net_ops ops;
	void *user;
	int epoll, socket;           /* socket: the listener, or UDP's */
	struct gw_list conns;
	unsigned n_conns;
	uint32_t next_id;
	bool is_bound;               /* the UNIX path is ours */
};

struct iq_conn {
	struct gw_list node;
	struct iq_net *net;
	uint32_t id;
	int fd;
	bool is_open, wants_write;
	struct gw_addr addr;
	struct gw_list out;          /* struct iq_out: what waits for room */
	size_t out_bytes;
	size_t in_len;
	char in[65536];
};

/* iq_net.c */
socklen_t iq_sockaddr(const struct gw_addr *a, struct sockaddr_storage *ss);
void iq_addr(const struct sockaddr_storage *ss, struct gw_addr *a);
/** A non-blocking socket of the transport; -1: errno says why. */
int iq_socket(const struct iq_net *n);
enum gw_err iq_watch(struct iq_net *n, int fd, uint32_t id, uint32_t events) GW_NODISCARD;

/* iq_conn.c */
void iq_accept(struct iq_net *n);
void iq_conn_event(struct iq_net *n, uint32_t id, uint32_t events);
struct iq_conn *iq_conn_get(struct iq_net *n, uint32_t id);
void iq_conn_send(struct iq_conn *c, struct gw_sv bytes);
void iq_conn_free(struct iq_conn *c);

#endif
