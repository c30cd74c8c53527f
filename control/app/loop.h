/* SPDX-License-Identifier: Apache-2.0 */
/* The one event loop of epcscf: libuv, and the timer set on top. The only reader of the clock. */
#ifndef CP_LOOP_H
#define CP_LOOP_H

#include <uv.h>

#include "proto/base/list.h"
#include "proto/base/timers.h"

/** One per process, control thread. */
struct cp_loop {
	uv_loop_t uv;
	uv_timer_t tick;
	uv_prepare_t prepare;     /* re-arms tick for the earliest gw_timer before each poll */
	struct gw_timers timers;
	struct gw_list urgent;    /* struct cp_urgent */
};

/**
 * A socket that brings what accepted work waits for: answers of the core, replies of gateways. libuv reads little of
 * it a turn (32 datagrams), and a turn may bring a message of each of thousands of WebSockets: calls would wait for
 * new ones. Memory is the caller's.
 */
struct cp_urgent {
	struct gw_list node;
	void (*read)(void *user);   /* all that has come */
	void *user;
};

enum gw_err cp_loop_init(struct cp_loop *l) GW_NODISCARD;
/** Milliseconds, monotonic; the same value during one callback. */
uint64_t cp_loop_now(struct cp_loop *l);
/** Seconds since 1970, for text that people or peers read. */
uint64_t cp_loop_wall_s(void);
/** The same in milliseconds. */
uint64_t cp_loop_wall_ms(void);
/** Beside the reading that libuv does. */
void cp_loop_add_urgent(struct cp_loop *l, struct cp_urgent *u);
/** Harmless when it was never added. */
void cp_loop_del_urgent(struct cp_urgent *u);
/** To be called between messages of strangers: what has come on urgent sockets meanwhile is read. */
void cp_loop_run_urgent(struct cp_loop *l);
/** Runs until cp_loop_stop. */
void cp_loop_run(struct cp_loop *l);
void cp_loop_stop(struct cp_loop *l);
/**
 * What was begun comes to its end: handles that are being closed, work of the thread pool.
 * @return GW_OK; GW_EAGAIN: something has not come to its end within limit_ms, and may still use its memory
 */
enum gw_err cp_loop_close(struct cp_loop *l, unsigned limit_ms);
/** Cryptographic random bytes (OpenSSL); never fails quietly: ends the process when there are none. */
void cp_random(void *dst, size_t n);
/** n random characters out of a-z0-9 and a NUL: tags, branches, ids. */
void cp_random_token(char *dst, size_t n);

#endif
