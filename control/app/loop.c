/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop, the clock and the random source of epcscf. */
#include "control/app/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

static void on_tick(uv_timer_t *t)
{
	struct cp_loop *l = t->data;

	gw_timers_run(&l->timers, uv_now(&l->uv));
}

static void on_prepare(uv_prepare_t *p)
{
	struct cp_loop *l = p->data;
	uint64_t due = gw_timers_next(&l->timers), now = uv_now(&l->uv);

	if (due == UINT64_MAX)
		uv_timer_stop(&l->tick);
	else
		uv_timer_start(&l->tick, on_tick, due > now ? due - now : 0, 0);
}

enum gw_err cp_loop_init(struct cp_loop *l)
{
	*l = (struct cp_loop){ 0 };
	gw_list_init(&l->urgent);
	if (uv_loop_init(&l->uv))
		return GW_ENOMEM;
	uv_timer_init(&l->uv, &l->tick);
	uv_prepare_init(&l->uv, &l->prepare);
	l->tick.data = l->prepare.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	return GW_OK;
}

uint64_t cp_loop_now(struct cp_loop *l)
{
	return uv_now(&l->uv);
}

uint64_t cp_loop_wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t cp_loop_wall_s(void)
{
	return (uint64_t)time(NULL);
}

void cp_loop_add_urgent(struct cp_loop *l, struct cp_urgent *u)
{
	gw_list_append(&l->urgent, &u->node);
}

void cp_loop_del_urgent(struct cp_urgent *u)
{
	if (u->node.next)
		gw_list_remove(&u->node);
}

void cp_loop_run_urgent(struct cp_loop *l)
{
	uv_update_time(&l->uv);		/* the turn may have been a long one */
	GW_LIST_FOREACH_SAFE(it, next, &l->urgent) {
		struct cp_urgent *u = GW_CONTAINER(it, struct cp_urgent, node);

		u->read(u->user);
	}
}

void cp_loop_run(struct cp_loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void cp_loop_stop(struct cp_loop *l)
{
	uv_stop(&l->uv);
}

static void on_limit(uv_timer_t *t)
{
	uv_stop(t->loop);
}

enum gw_err cp_loop_close(struct cp_loop *l, unsigned limit_ms)
{
	bool is_left;

	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_timer_start(&l->tick, on_limit, limit_ms, 0);
	uv_unref((uv_handle_t *)&l->tick);	/* it waits for nobody */
	is_left = uv_run(&l->uv, UV_RUN_DEFAULT) != 0;	/* lets pending close callbacks free their objects */
	uv_close((uv_handle_t *)&l->tick, NULL);
	uv_run(&l->uv, UV_RUN_NOWAIT);
	gw_timers_free(&l->timers);
	if (is_left)
		return GW_EAGAIN;
	uv_loop_close(&l->uv);
	return GW_OK;
}

void cp_random(void *dst, size_t n)
{
	if (RAND_bytes(dst, (int)n) != 1) {
		fputs("epcscf: no randomness\n", stderr);
		abort();
	}
}

void cp_random_token(char *dst, size_t n)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz012345";	/* 32: no bias */

	cp_random(dst, n);
	for (size_t i = 0; i < n; i++)
		dst[i] = alphabet[(unsigned char)dst[i] & 31];
	dst[n] = '\0';
}
