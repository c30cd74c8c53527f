/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIP messages (RFC 3261 7): zero-copy parser, and the edits a SIP element makes before it writes
 * the message anew. Slices point into the input or the arena; both must outlive the message.
 */
#ifndef SIP_MSG_H
#define SIP_MSG_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/sip/uri.h"
#include "proto/sip/via.h"

#define SIP_MSG_MAX_BYTES 65535
#define SIP_MSG_MAX_HEADERS 256

struct sip_hdr {
	enum sip_hdr_id id;
	struct gw_sv name;       /* as received; written canonically when id is known */
	struct gw_sv value;      /* unfolded and trimmed */
	bool is_deleted;
};

struct sip_msg {
	struct gw_arena *arena;
	bool is_request;
	enum sip_method method;      /* of the request line, or of CSeq in responses */
	struct gw_sv method_name;
	struct gw_sv ruri;           /* requests */
	unsigned status;             /* responses: 100..699 */
	struct gw_sv reason;
	struct sip_hdr *hdrs;
	unsigned n_hdrs, cap_hdrs;
	struct gw_sv body;
	size_t consumed;             /* bytes of the input that belong to this message */
	bool is_unframed;            /* stream: where the next message begins cannot be known (RFC 3261 18.3) */

	/* Read from the headers by the parser; empty when absent or malformed (then GW_EBADMSG). */
	struct sip_via via;          /* topmost */
	struct sip_cseq cseq;
	struct gw_sv call_id;
	struct gw_sv from_tag, to_tag;
};

enum sip_framing {
	SIP_STREAM,      /* TCP: Content-Length required, more bytes may follow */
	SIP_DATAGRAM,    /* UDP: Content-Length may be absent; bytes behind the body are ignored (RFC 3261 18.3) */
	SIP_WHOLE,       /* WebSocket: Content-Length may be absent; when there it is right (W2-WS-05) */
};

/**
 * Parse one message.
 *
 * @param diag  on GW_EBADMSG and GW_EUNSUPP: what is wrong
 * @return GW_OK; GW_EAGAIN (stream: incomplete); GW_EBADMSG: malformed, *m holds what could be
 *         read, and when sip_msg_answerable(m) a 400 can be sent; GW_EUNSUPP: SIP version is not
 *         2.0 (505); GW_ELIMIT: too big or too many headers (513); GW_ENOMEM
 */
enum gw_err sip_msg_parse(struct sip_msg *m, struct gw_arena *arena, struct gw_sv in,
	enum sip_framing framing, struct gw_diag *diag) GW_NODISCARD;
/** A request with Via, From, To, Call-ID and CSeq good enough for a response to find its way. */
bool sip_msg_answerable(const struct sip_msg *m);

/** First header of that id, or NULL. */
const struct sip_hdr *sip_msg_find(const struct sip_msg *m, enum sip_hdr_id id);
/** Value of the first one; empty when absent. */
struct gw_sv sip_msg_value(const struct sip_msg *m, enum sip_hdr_id id);
/** Walk all of one id: *it starts at 0. SIP_HDR_COUNT walks every header. */
const struct sip_hdr *sip_msg_next(const struct sip_msg *m, enum sip_hdr_id id, unsigned *it);

/** Walk the comma-separated elements of all headers of an id, in order. Zero-initialise. */
struct sip_elements {
	unsigned it;
	struct gw_sv rest;
};
bool sip_msg_element(const struct sip_msg *m, enum sip_hdr_id id, struct sip_elements *e,
	struct gw_sv *element);
/** Is the token in a list header (Supported, Require, Allow ...)? */
bool sip_msg_has_token(const struct sip_msg *m, enum sip_hdr_id id, struct gw_sv token);

/*
 * Edits. All take GW_ENOMEM as sticky in the arena: check m->arena->failed or the result of
 * sip_msg_print. A value with CR, LF or NUL is refused there too (W2-HDR-12).
 */
/** Remove all headers of that id. @return how many there were */
unsigned sip_msg_del(struct sip_msg *m, enum sip_hdr_id id);
/** Remove the first element of the first header of that id (Route, Via). */
void sip_msg_pop(struct sip_msg *m, enum sip_hdr_id id);
/** A header before all others of its id (Via, Record-Route, Path). The value is copied. */
void sip_msg_push(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv value);
/** A header behind all others. The value is copied. */
void sip_msg_add(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv value);
void sip_msg_addf(struct sip_msg *m, enum sip_hdr_id id, const char *fmt, ...) GW_PRINTF(3, 4);
/** A header by its name, which must be a token; for names we have no id of. Both are copied. */
void sip_msg_add_named(struct sip_msg *m, struct gw_sv name, struct gw_sv value);
/** Replace all of that id by one. */
void sip_msg_set(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv value);
/** Remove one token from a list header; the header goes when it becomes empty. @return was there */
bool sip_msg_del_token(struct sip_msg *m, enum sip_hdr_id id, struct gw_sv token);
/** Replace the body and Content-Type; an empty body removes both. The body is not copied. */
void sip_msg_set_body(struct sip_msg *m, struct gw_sv content_type, struct gw_sv body);

/** A new request without headers. The URI is copied. */
void sip_msg_request(struct sip_msg *m, struct gw_arena *arena, enum sip_method method,
	struct gw_sv ruri);
/**
 * A response to req with Via, From, To, Call-ID, CSeq (and Timestamp) of it. to_tag is added when
 * the request has none; reason NULL takes the standard phrase.
 */
void sip_msg_response(struct sip_msg *m, struct gw_arena *arena, const struct sip_msg *req,
	unsigned status, const char *reason, struct gw_sv to_tag);
/** CANCEL for, or ACK of a non-2xx final response to, an INVITE we sent (RFC 3261 9.1, 17.1.1.3). */
void sip_msg_cancel(struct sip_msg *m, struct gw_arena *arena, const struct sip_msg *invite);
void sip_msg_ack(struct sip_msg *m, struct gw_arena *arena, const struct sip_msg *invite,
	const struct sip_msg *response);

/**
 * Write the message: canonical names, true Content-Length.
 * @return GW_OK; GW_ENOSPC; GW_EINVAL (a value holds CR, LF or NUL); GW_ENOMEM (an edit failed)
 */
enum gw_err sip_msg_print(const struct sip_msg *m, struct gw_buf *out) GW_NODISCARD;

/** Standard reason phrase; "Unknown" for codes without one. */
const char *sip_reason_phrase(unsigned status);
/** The one mapping from our errors to SIP status codes. */
unsigned sip_status_of(enum gw_err err);

#endif
