/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSRP between a data channel (RFC 8873: each message a whole chunk of bounded size) and a stream (RFC 4975: chunks of any
 * size), W2-DC-10 to -15. Pure.
 *
 * Each side is a hop of its own, with its own transaction identifiers: the bridge answers a SEND itself and
 * cuts what is too large for the other side into chunks. REPORTs are the end points' and pass. A hop that refuses a chunk
 * ends its message: the sender gets that status for the next chunk, or a REPORT when it has sent the last one. With CEMA
 * (RFC 6714) paths pass as they are; without, each side sees the gateway's own URI (TS 23.334 5.19).
 * One chunk is in memory at a time, so who calls keeps back-pressure by not calling.
 */
#ifndef MSRP_BRIDGE_H
#define MSRP_BRIDGE_H

#include "proto/msrp/reader.h"
#include "proto/msrp/uri.h"

#define MSRP_MESSAGES     8u       /* of a direction that are kept for failures; the oldest makes room */
#define MSRP_CHUNK_MIN    2048u    /* smallest size of a data channel message that we work with */
#define MSRP_PATH_MAX     (3 * MSRP_URI_MAX)       /* bytes of a peer's path: an end point behind two relays */
#define MSRP_OUT_MAX      (MSRP_HEAD_MAX + MSRP_URI_MAX + MSRP_PATH_MAX + 128)     /* and of a head that goes on: what it grows by at most */

enum msrp_side { MSRP_CHANNEL, MSRP_STREAM };

/** One whole chunk: head, body, end line; parts may be empty. To the channel it is one message of type binary. */
struct msrp_chunk {
	struct gw_sv head, body, end;
};

/** Called from inside the bridge, which must not be called back. */
typedef void (*msrp_send_fn)(void *user, enum msrp_side to, const struct msrp_chunk *chunk);

struct msrp_side_conf {
	struct gw_sv own_uri;      /* the gateway's, as this side's peer has it from SDP */
	struct gw_sv peer_path;    /* this side's peer's a=path */
};

struct msrp_bridge_conf {
	struct msrp_side_conf side[2];     /* by enum msrp_side; the text outlives the bridge */
	bool is_cema;
	char *piece;               /* memory for what the stream brings, the bridge's while it lives */
	size_t channel_max;        /* the channel peer's a=max-message-size and the bytes of piece, the smaller; MSRP_CHUNK_MIN at least */
	uint64_t nonce;            /* random: makes our identifiers hard to meet in a body */
};

/** A message that is under way; its chunks went out with the identifiers first to last. */
struct msrp_message {
	char id[MSRP_IDENT_MAX];
	uint8_t id_len;
	bool is_whole;             /* its sender has sent the end */
	enum msrp_failure_report failure;
	unsigned status;           /* of the hop that refused it; 0: none did */
	uint64_t first, last, bytes;
};

/** All 64-bit. */
struct msrp_counts {
	uint64_t messages, chunks_in, chunks_out, reports, refused, body_bytes;
};

struct msrp_way {
	struct msrp_message messages[MSRP_MESSAGES];
	unsigned next;             /* the slot that is used next */
	struct msrp_counts counts;
};

struct msrp_bridge {
	struct msrp_bridge_conf conf;
	msrp_send_fn send;
	void *user;
	uint64_t tids;             /* used so far */
	struct msrp_way way[2];    /* by the side it comes from */
	struct msrp_reader reader;
	char head_text[MSRP_HEAD_MAX];     /* of the chunk the stream is in */
	struct msrp_head head;
	struct msrp_message *message;      /* NULL: its body is not passed on */
	unsigned answer;           /* to that chunk */
	size_t piece_len, piece_max;
};

/** GW_EINVAL: channel_max is too small, an own_uri or peer_path is no path, or a peer_path is longer than MSRP_PATH_MAX. */
enum gw_err msrp_bridge_init(struct msrp_bridge *b, const struct msrp_bridge_conf *conf, msrp_send_fn send, void *user) GW_NODISCARD;
/** RFC 4975 5.4: who has made the connection names the session at once, by a SEND without a body. */
void msrp_bridge_hello(struct msrp_bridge *b);
/** One message of the channel. GW_EBADMSG: not one whole chunk; nothing was done. */
enum gw_err msrp_bridge_message(struct msrp_bridge *b, struct gw_sv message) GW_NODISCARD;
/**
 * The first bytes of a message that is larger than we take, with its whole head: the client is told so (413: it sends no more of
 * this), and of what it sent before the stream hears the end. GW_EBADMSG: no request, nothing was done.
 */
enum gw_err msrp_bridge_oversize(struct msrp_bridge *b, struct gw_sv beginning) GW_NODISCARD;
/** Is this request for the session? With CEMA the far end's session id counts, and nothing else of the URI (RFC 6714 4.3). */
bool msrp_bridge_is_ours(const struct msrp_bridge *b, enum msrp_side from, const struct msrp_head *h);
/**
 * Bytes of the stream, those that were not used yet first. At most one chunk is sent to the channel in a call.
 *
 * @param used  out: bytes that are done with
 * @return GW_OK: call again; GW_EAGAIN: more has to come; GW_EBADMSG, GW_ELIMIT: close the stream
 */
enum gw_err msrp_bridge_stream(struct msrp_bridge *b, struct gw_sv in, size_t *used) GW_NODISCARD;

#endif
