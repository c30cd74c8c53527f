/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes in, whole SIP messages out, for W2 (WebSocket) and Mw (UDP, TCP). Framing is done here,
 * parsing is not: sip/dispatch gets the bytes of exactly one message. Control thread only.
 */
#ifndef CP_TRANSPORT_H
#define CP_TRANSPORT_H

#include "control/app/conf.h"
#include "control/app/loop.h"

enum cp_proto { CP_PROTO_NONE, CP_PROTO_WSS, CP_PROTO_WS, CP_PROTO_UDP, CP_PROTO_TCP };

/**
 * Names one connection: slot and generation, so that the id of a dead connection is never taken
 * for a new one. For UDP the id is that of the socket. 0 = none.
 */
typedef uint64_t cp_conn_id; /* a number, not a struct */

/** Where a message came from, or shall go. */
struct cp_peer {
	enum cp_proto proto;
	cp_conn_id conn;           /* WSS/WS: required. TCP: 0 = any connection to addr, opened if need be */
	struct gw_addr addr;       /* source or destination */
	bool is_long;              /* UDP: short ones too go the way of long requests */
};

static inline bool cp_peer_is_w2(const struct cp_peer *p)
{
	return p->proto == CP_PROTO_WSS || p->proto == CP_PROTO_WS;
}

/** The same server by the same transport, over whichever connection. */
static inline bool cp_peer_same(const struct cp_peer *a, const struct cp_peer *b)
{
	return a->proto == b->proto && gw_addr_eq(&a->addr, &b->addr);
}

static inline bool cp_peer_in(const struct cp_peer *p, const struct cp_peer *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (cp_peer_same(p, &list[i]))
			return true;
	return false;
}

/** Low half of an id no connection ever has: of who is away since before this process began. */
#define CP_CONN_OF_NOBODY 0xffffffffu

struct cp_transport;

/** Calls of the transport to its user. msg is read during the call and not kept. */
struct cp_transport_ops {
	/** One SIP message; a WebSocket text or binary message, a datagram, or a TCP frame. */
	void (*on_message)(void *user, const struct cp_peer *from, struct gw_sv msg);
	/** A WebSocket or TCP connection is gone; its id will not come again. */
	void (*on_closed)(void *user, const struct cp_peer *peer);
	/** A message given to cp_transport_send could not be delivered (connect refused, write error). */
	void (*on_send_failed)(void *user, const struct cp_peer *to);
	/** A new WebSocket is asked for. @return 0: let it in; else the seconds it shall stay away (W2-ERR-04) */
	unsigned (*may_connect)(void *user);
	/** Is this a node of the core (W2-ARC-10)? Messages of others on Mw are dropped. */
	bool (*is_trusted)(void *user, const struct gw_addr *a);
};

/** Opens the listeners. conf and loop outlive it. Errors are logged with the address. */
enum gw_err cp_transport_new(struct cp_transport **out, const struct cp_conf *conf,
	struct cp_loop *loop, const struct gw_log *log, const struct cp_transport_ops *ops,
	void *user) GW_NODISCARD;

/**
 * Send one message. The bytes are copied.
 * @return GW_OK (queued or sent); GW_ECLOSED (no such connection, W2 is never dialled out:
 *         W2-WS-08); GW_ELIMIT (send queue full, the connection is being closed); GW_EIO
 */
enum gw_err cp_transport_send(struct cp_transport *t, const struct cp_peer *to, struct gw_sv msg)
	GW_NODISCARD;

/**
 * Would this request go by TCP for its size, although `to` says UDP (RFC 3261 18.1.1)? What belongs to its
 * transaction must follow it (9.1, 17.1.1.3): then set is_long.
 */
bool cp_transport_is_long(const struct cp_transport *t, const struct cp_peer *to, struct gw_sv msg);
/** Is this WebSocket alive? */
bool cp_transport_alive(const struct cp_transport *t, cp_conn_id conn);
/** Origin of the page that opened this WebSocket; empty: none was stated, or it is gone. */
struct gw_sv cp_transport_origin(const struct cp_transport *t, cp_conn_id conn);
/** Somebody there does not answer (W2-ERR-33): it is pinged now, and closed at the next period without a pong. */
void cp_transport_suspect(struct cp_transport *t, cp_conn_id conn);
/** The connection has an accepted registration: the first-register deadline no longer applies. */
void cp_transport_set_registered(struct cp_transport *t, cp_conn_id conn, bool is_registered);
/**
 * A request of this WebSocket was refused for so many seconds. When the one before was, too, and its time is not over, nothing
 * is read from the client for a while (`overload.hold_ms`). For clients with nothing under way here.
 */
void cp_transport_put_off(struct cp_transport *t, cp_conn_id conn, unsigned retry_after_s);
/** Close a WebSocket with a code of RFC 6455 7.4 (W2-WS-15); on_closed follows. */
void cp_transport_close(struct cp_transport *t, cp_conn_id conn, unsigned ws_code,
	const char *reason);
/** New WebSockets are refused with 503 and Retry-After; those that are open go on. */
void cp_transport_drain(struct cp_transport *t, bool is_draining);

struct cp_conn_info {
	cp_conn_id id;
	enum cp_proto proto;
	struct gw_addr peer;
	const char *state;         /* a word for people */
	size_t queued_bytes;
	unsigned pings_missed;
	bool is_registered;
};
/** Walk the WebSockets and TCP connections: *it starts at 0; false at the end. */
bool cp_transport_next(const struct cp_transport *t, uint32_t *it, struct cp_conn_info *out);
/** Load certificate and key again; running connections keep theirs. On error the old pair stays. */
enum gw_err cp_transport_reload_tls(struct cp_transport *t);
struct cp_waf;
/** Who serves the sign-in and token paths on the web side; NULL: nobody. */
void cp_transport_set_waf(struct cp_transport *t, struct cp_waf *waf);
/** Stop accepting, close every WebSocket with 1001, free. Accepts NULL. */
void cp_transport_free(struct cp_transport *t);

#endif
