/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets of the kernel for what ends here: non-blocking, bound to an address of the host, with bounded buffers. */
#ifndef DP_TCP_SOCK_H
#define DP_TCP_SOCK_H

#include "proto/base/addr.h"

#include <stddef.h>

#define DP_TCP_BACKLOG 4

/**
 * Listens at a port of the kernel's choice.
 *
 * @param out  where it listens
 * @return the descriptor; -1: errno
 */
int dp_tcp_listen(const struct gw_addr *address, struct gw_addr *out);
/** Under way, from the address and a port of the kernel's choice. -1: errno */
int dp_tcp_connect(const struct gw_addr *address, const struct gw_addr *peer);
/** The next one that waits, and where it is from. -1: errno */
int dp_tcp_accept(int listener, struct gw_addr *from);
/** Has a connection that was under way come up? */
bool dp_tcp_is_connected(int fd);
/** Bytes that were written and are not acknowledged by the peer. */
size_t dp_tcp_unacknowledged(int fd);

#endif
