/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time text on its way from one peer to another (ITU-T T.140, W2-DC-16): whole characters, in order, not faster
 * than the receiver asked for (cps, RFC 4103 6, RFC 8865 4.2.1), in bounded memory. Pure. Both directions use it: what a data
 * channel brings (RFC 8865) waits here for a packet, what packets bring waits here for the channel.
 */
#ifndef T140_QUEUE_H
#define T140_QUEUE_H

#include "proto/base/sv.h"

#define T140_CPS_DEFAULT 30u       /* RFC 4103 6 */
#define T140_CPS_WINDOW  10u       /* seconds over which cps is the mean */
#define T140_QUEUE_BYTES 4096u     /* ten seconds at the default rate take 1200 at most */
#define T140_BOM         GW_SV("\xef\xbb\xbf")
#define T140_LOSS        GW_SV("\xef\xbf\xbd")	/* U+FFFD, the missing text marker */

struct t140_queue {
	uint32_t cps;                          /* 0: no limit */
	uint64_t second;                       /* the newest of the window */
	uint32_t taken[T140_CPS_WINDOW];       /* characters taken in each second, by second modulo window */
	uint32_t len;
	bool is_cut;                           /* text was dropped: the last character is the marker */
	uint64_t lost_bytes;                   /* did not fit */
	char text[T140_QUEUE_BYTES];
};

void t140_queue_init(struct t140_queue *q, uint32_t cps);
/**
 * Text of a peer, whole characters. U+FEFF goes out of it: it is a byte order mark or a keep-alive. What is no UTF-8 becomes
 * a marker. Text that does not fit is lost, and one marker stands where it was.
 */
void t140_queue_put(struct t140_queue *q, struct gw_sv text);
/** As many whole characters as may leave now and fit into max bytes; returns the bytes written to out. */
size_t t140_queue_take(struct t140_queue *q, char *out, size_t max, uint64_t now_ms);
/** When characters may leave: now, later, or UINT64_MAX with nothing in it. */
uint64_t t140_queue_ready(const struct t140_queue *q, uint64_t now_ms);

#endif
