/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data channel lines: the SCTP association of RFC 8841 (W2-DC-02), the older form of its drafts (W2-DC-03), and the
 * channels negotiated by SDP, a=dcmap and a=dcsa of RFC 8864 (W2-DC-05, -06). Pure; slices point into the description.
 */
#ifndef SDP_DATACHANNEL_H
#define SDP_DATACHANNEL_H

#include "proto/base/buf.h"
#include "proto/sdp/sdp.h"

#define SDP_MAX_CHANNELS 64               /* negotiated by SDP on one line; more are left out */
#define SDP_MAX_MESSAGE_DEFAULT 65536u    /* bytes, without a=max-message-size (RFC 8841 6.1) */

struct sdp_sctp {
	uint16_t port;               /* of SCTP; 0: the description of a single channel on Iq (F-70) */
	uint32_t max_message;        /* bytes its side takes in one message; 0: no limit */
	bool is_draft;               /* "DTLS/SCTP PORT" with a=sctpmap: answered in kind */
};

enum sdp_dc_reliability { SDP_DC_RELIABLE, SDP_DC_MAX_RETR, SDP_DC_MAX_TIME };

struct sdp_dcmap {
	uint16_t stream;             /* 0..65534 */
	struct gw_sv subprotocol, label;   /* as written between the quotes: sdp_dc_text() */
	bool is_unordered;
	enum sdp_dc_reliability reliability;
	uint32_t limit;              /* retransmissions, or ms; of a reliable one 0 */
	uint16_t priority;
};

struct sdp_dcsa {
	uint16_t stream;
	struct gw_sv name, value;    /* of the attribute of the sub-protocol, as of a=name:value */
};

/** Is it a line of data channels over UDP? Over TCP it is not: no such candidates here (W2-DC-01). */
bool sdp_is_data(const struct sdp_media *m);
/** Is it m=message of TCP/MSRP or TCP/TLS/MSRP (RFC 4975 8.1)? */
bool sdp_is_msrp(const struct sdp_media *m);
/** a=path of such a line; empty: none. */
struct gw_sv sdp_msrp_path(const struct sdp *s, const struct sdp_media *m);
/** GW_EBADMSG: a=sctp-port, a=sctpmap or a=max-message-size is malformed, or the port is missing. */
enum gw_err sdp_sctp_read(const struct sdp *s, const struct sdp_media *m, struct sdp_sctp *out) GW_NODISCARD;

/** Value of a=dcmap. GW_EBADMSG: one of both limits too many, stream 65535, text without its quotes .. */
enum gw_err sdp_dcmap_read(struct gw_sv value, struct sdp_dcmap *out) GW_NODISCARD;
/** The channels of a line in their order; malformed ones, and a second one of a stream, are left out. @return how many */
unsigned sdp_dcmaps(const struct sdp_media *m, struct sdp_dcmap *out, unsigned max);
/** The next well-formed a=dcsa from *it (0 at first) on, whatever its stream. false: no more */
bool sdp_dcsa_next(const struct sdp_media *m, unsigned *it, struct sdp_dcsa *out);
/** The value of a=dcsa:stream name:..; empty: none. */
struct gw_sv sdp_dcsa_find(const struct sdp_media *m, uint16_t stream, struct gw_sv name);
/**
 * Attributes of MSRP (RFC 4975 8, RFC 5547) that pass the gateway: as a=dcsa of a channel, with its a=dcmap, or plain.
 * @param from  the other leg's line, where they are the other way round
 */
void sdp_msrp_put_channel(struct gw_buf *b, const struct sdp_dcmap *d, struct gw_sv path, const struct sdp_media *from);
void sdp_msrp_put_plain(struct gw_buf *b, uint16_t stream, struct gw_sv path, const struct sdp_media *from);
/** A label or sub-protocol without its percent escapes (RFC 8864 5.1.1). They were checked when it was read. */
void sdp_dc_text(struct gw_sv quoted, struct gw_buf *out);
/**
 * Write a=dcmap and a=dcsa of from's channels; those of an answer only as far as offered has them.
 * @param offered  NULL: from is an offer
 */
void sdp_dc_put(struct gw_buf *b, const struct sdp_media *from, const struct sdp_media *offered);

#endif
