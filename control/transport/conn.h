/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of transport/ share: the table of connections and their kinds. */
#ifndef CP_CONN_H
#define CP_CONN_H

#include <openssl/ssl.h>
#include <wslay/wslay.h>

#include "control/transport/http_head.h"
#include "control/transport/rate.h"
#include "control/transport/transport.h"
#include "proto/base/list.h"
#include "proto/base/map.h"

#define CP_MW_SENT_MAX 64
#define CP_NO_TCP_MAX 16

struct cp_httpd;

/* LINGER: all is said, the client's end is waited for. CLOSING: the socket goes without more words. */
enum cp_w2_state { W2_TLS, W2_HEAD, W2_WS, W2_WEB, W2_LINGER, W2_CLOSING };

/** One accepted W2 connection. Freed when its uv handle has closed. */
struct cp_w2 {
	struct gw_list node;
	struct cp_transport *t;
	cp_conn_id id;
	uv_tcp_t tcp;
	struct gw_addr peer;
	enum cp_w2_state state;
	SSL *ssl;                    /* NULL: plain, lab only */
	BIO *in, *out;
	struct gw_timer deadline;    /* handshake, head, first REGISTER, end */
	struct gw_timer ping;
	struct gw_timer message;     /* armed while a frame or a fragmented message is incomplete */
	struct gw_timer soon;        /* ends the connection when none of its callers is on the stack */
	struct gw_timer held;        /* armed: nothing is read until then */
	uint64_t away_until_ms;      /* Retry-After of the last refusal */
	unsigned pings_missed;
	char *head;                  /* request head so far */
	size_t head_len;
	char *origin;                /* as the upgrade stated it; NULL: not */
	wslay_event_context_ptr ws;
	struct gw_sv ws_in;          /* plain bytes wslay has not read yet */
	unsigned fragments;          /* frames of the data message in progress; 0: none */
	uint64_t rate_window_ms;
	unsigned rate_count;
	size_t queued_bytes;         /* memory of what libuv has not written yet */
	uv_pipe_t *web;              /* our end of the socketpair to libmicrohttpd */
	bool is_registered, close_after_flush;
	bool is_counted;             /* in per_source */
	bool is_beyond_limit;        /* here only to be told so: HTTP 503 */
};

/** One TCP connection of Mw. */
struct cp_mw_tcp {
	struct gw_list node;
	struct cp_transport *t;
	cp_conn_id id;
	uv_tcp_t tcp;
	uv_connect_t connect;
	struct gw_addr peer;
	struct gw_timer connecting;  /* a core that does not answer a SYN is given up */
	bool is_connected, is_closing;
	bool is_ending;              /* says its last words */
	char *in;
	size_t in_len, in_cap;
	struct gw_list waiting;      /* struct cp_mw_msg until connected */
	size_t queued_bytes;         /* waiting, or given to libuv and not yet written */
	uint64_t sent[CP_MW_SENT_MAX]; /* hashes of requests that are here only for their size */
	unsigned n_sent;
};

/** A core node that takes no TCP, and until when that is believed. */
struct cp_no_tcp {
	struct gw_addr addr;
	uint64_t until_ms;
};

enum cp_slot_kind { SLOT_FREE, SLOT_W2, SLOT_TCP };

struct cp_slot {
	enum cp_slot_kind kind;
	uint32_t generation;
	void *conn;
};

struct cp_transport {
	const struct cp_conf *conf;
	struct cp_loop *loop;
	const struct gw_log *log;
	const struct cp_transport_ops *ops;
	void *user;
	SSL_CTX *ssl_ctx;
	uv_tcp_t *listeners;
	unsigned n_listeners;
	struct gw_list w2, tcp;
	unsigned n_w2;
	struct gw_map per_source;    /* hash of the source -> connections it has now */
	struct cp_rate rate_source, rate_prefix;
	struct gw_timer certificate; /* looks once a day how long it is still good */
	struct cp_slot *slots;
	uint32_t n_slots, slot_hint;
	uv_udp_t udp;
	struct cp_urgent udp_urgent;
	unsigned n_reads;          /* of WebSockets */
	uv_tcp_t tcp_listener;
	bool has_mw;
	struct cp_no_tcp no_tcp[CP_NO_TCP_MAX];
	unsigned next_no_tcp;
	struct cp_httpd *httpd;
	bool is_stopping, is_draining;
};

cp_conn_id cp_slot_take(struct cp_transport *t, enum cp_slot_kind kind, void *conn);
void *cp_slot_get(const struct cp_transport *t, cp_conn_id id, enum cp_slot_kind kind);
void cp_slot_release(struct cp_transport *t, cp_conn_id id);
void cp_addr_from(const struct sockaddr *sa, struct gw_addr *a);
void cp_addr_to(const struct gw_addr *a, struct sockaddr_storage *ss);

/* tls.c */
enum gw_err cp_tls_load(struct cp_transport *t, SSL_CTX **out);
/* Set the gauge of days left, warn when they are few, look again tomorrow. */
void cp_tls_watch(struct cp_transport *t);
/* w2.c */
enum gw_err cp_w2_listen(struct cp_transport *t);
void cp_w2_write(struct cp_w2 *c, const void *p, size_t n);
/* Both return before anything is freed: the end comes from the event loop, on_closed too. */
void cp_w2_close(struct cp_w2 *c);
/* When all that is queued was written: say goodbye, wait for the client's end. */
void cp_w2_finish(struct cp_w2 *c);
/* Read what comes. */
void cp_w2_read(struct cp_w2 *c);
void cp_w2_http_error(struct cp_w2 *c, unsigned status, const char *extra);
/* head.c: the first request head is complete. */
void cp_head_input(struct cp_w2 *c, struct gw_sv bytes);
/* hold.c */
void cp_hold_init(struct cp_w2 *c);
/* It is read again, if it was not. */
void cp_hold_end(struct cp_w2 *c);
/* ws.c */
enum gw_err cp_ws_start(struct cp_w2 *c);
void cp_ws_input(struct cp_w2 *c, struct gw_sv bytes);
enum gw_err cp_ws_send(struct cp_w2 *c, struct gw_sv msg);
void cp_ws_close(struct cp_w2 *c, unsigned code, const char *reason);
void cp_ws_free(struct cp_w2 *c);
void cp_ws_accept_key(struct gw_sv key, char out[29]);
/* mw.c */
enum gw_err cp_mw_open(struct cp_transport *t);
enum gw_err cp_mw_send(struct cp_transport *t, const struct cp_peer *to, struct gw_sv msg);
void cp_mw_close(struct cp_transport *t);
enum gw_err cp_mw_udp_send(struct cp_transport *t, const struct gw_addr *to, struct gw_sv msg);
/* Where in a request of ours the transport of its topmost Via stands; msg.len when nowhere. */
size_t cp_mw_via_transport(struct gw_sv msg);
/* The address takes no TCP: long requests go by UDP for a while. */
void cp_mw_note_no_tcp(struct cp_transport *t, const struct gw_addr *a);
/* mw_tcp.c */
enum cp_mw_why { CP_MW_BY_TRANSPORT, CP_MW_BY_SIZE };	/* BY_SIZE: goes back to UDP when nobody answers */
int cp_mw_tcp_listen(struct cp_transport *t);	/* 0 or an error of libuv */
enum gw_err cp_mw_tcp_send(struct cp_transport *t, const struct cp_peer *to, struct gw_sv msg, enum cp_mw_why why);
void cp_mw_tcp_close(struct cp_transport *t);
/* web/: site.c, pipe.c, httpd.c */
enum gw_err cp_httpd_new(struct cp_httpd **out, struct cp_transport *t);
/** Hand a plain HTTP connection over; head is what was read already. */
enum gw_err cp_httpd_adopt(struct cp_httpd *h, struct cp_w2 *c, struct gw_sv head);
void cp_httpd_input(struct cp_w2 *c, struct gw_sv bytes);
void cp_httpd_detach(struct cp_w2 *c);
/** Who serves sign-in and tokens; NULL: nobody. */
struct cp_waf;
void cp_httpd_set_waf(struct cp_httpd *h, struct cp_waf *waf);
void cp_httpd_free(struct cp_httpd *h);

#endif
