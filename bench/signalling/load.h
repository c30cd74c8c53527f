/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w2gw-sigload: browsers on one side of a WebSocket edge, the core on the other, in one thread. A browser is
 * a connection with one user, who does one thing at a time: registers, or makes a call and ends it.
 */
#ifndef SIGLOAD_H
#define SIGLOAD_H

#include <stdio.h>
#include <uv.h>
#include <openssl/ssl.h>

#include "bench/signalling/text.h"
#include "proto/base/buf.h"
#include "proto/base/list.h"

#define MESSAGE_MAX 16384
#define DOMAIN_NAME "home1.example"
#define WHY_MAX	    3000

enum job_kind { JOB_NONE, JOB_REGISTER, JOB_TOKEN, JOB_CALL };	/* TOKEN: a registration, with an access token */
/* Steps of a job; each waits for one final answer. */
enum job_step { STEP_REGISTER, STEP_AUTHORIZED, STEP_INVITE, STEP_BYE };

enum link_state { LINK_DOWN, LINK_TCP, LINK_TLS, LINK_UPGRADE, LINK_OPEN };

struct load;

/** A browser. */
struct browser {
	struct gw_list node; /* idle, while it is open and has nothing to do */
	struct load *load;
	unsigned number; /* its user is web<number> */
	/* link.c */
	enum link_state state;
	uv_tcp_t tcp;
	uv_connect_t connect;
	SSL *ssl;
	BIO *in, *out;
	char *held; /* bytes of an incomplete head or frame */
	size_t held_len, held_cap;
	/* ua.c */
	enum job_kind job;
	enum job_step step;
	uint64_t began_ns; /* when it was due, not when there was time for it */
	unsigned serial;   /* of the job: the Call-ID's */
	unsigned cseq, branch;
	unsigned tokens_used;
	char ha1[33];
};

/** Access tokens of all users in turn: those of browser n are at n, n + users, n + 2 * users ... */
struct tokens {
	char **list;
	unsigned n, users;
};

/** What a run has seen. */
struct tally {
	uint64_t done, refused, wrong, stray;
	char why[WHY_MAX]; /* of the first wrong one */
};

/** The core: REGISTER is challenged, then granted; INVITE is answered at once. */
struct core {
	struct load *load;
	uv_udp_t udp;
	char address[64]; /* as in URIs: ip:port */
	uint64_t registers, invites, acks, byes, errors;
};

struct load_conf {
	const char *edge_ip, *core_ip, *path,
		*source; /* source: first three octets of the browsers' addresses */
	unsigned edge_port, core_port, sources;
	const char *media_ip;		       /* where media of both ends is said to be */
	const char *token_file;      /* NULL: none */
	const char *relay_access, *relay_core; /* where answers and offers of the edge must send it */
};

struct load {
	struct load_conf conf;
	uv_loop_t loop;
	SSL_CTX *tls;
	struct core core;
	struct tokens tokens;
	struct browser **browsers;
	unsigned n, n_open, n_opening, n_failed, n_wanted, opening_max;
	struct gw_list idle;
	unsigned idle_count, busy;
	bool takes_refusal; /* a 503 to what begins a job is no wrong answer */
	struct tally tally;
	/** Told when a job has come to its end; is_ok false: counted as wrong already. */
	void (*on_job)(struct load *l, struct browser *b, bool is_ok);
};

uint64_t load_now_ns(void);
/** One answer that must not be: counted, the first one remembered with the message. */
void load_wrong(struct load *l, const char *what, struct gw_sv message);

/* link.c */
/** Bring n_wanted browsers up, opening_max at a time. */
void link_open_more(struct load *l);
void link_send(struct browser *b, struct gw_sv message);

/* token.c */
/** @return 0, or an error of libuv's kind when the file cannot be read or has no token for some user */
int tokens_read(struct tokens *t, const char *path);
/** The next token of this browser, one it has not shown yet while there are such; NULL: it has none. */
const char *tokens_next(const struct tokens *t, struct browser *b);

/* core.c */
int core_start(struct load *l);
/** Read what has come, and not only the 32 datagrams of a turn of libuv: a turn may bring answers to thousands of browsers. */
void core_drain(struct load *l);

/* ua.c */
void ua_start(struct browser *b, enum job_kind job, uint64_t due_ns);
void ua_input(struct browser *b, struct gw_sv message);
/** The connection ended: what was under way is wrong. */
void ua_lost(struct browser *b);

/* play.c */
/** Commands come by standard input, a line each; each is answered by one JSON object on standard output. */
int play_start(struct load *l);
/** The 2xx to the INVITE of a call has come. */
void play_call_answered(const struct browser *b);

#endif
