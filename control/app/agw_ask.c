/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to eimsagw's telemetry socket, from the event loop. */
#include "control/app/agw_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 2000u
#define ANSWER_BYTES 262144u   /* of one context */

struct cp_agw_ask {
	struct cp_loop *loop;
	uv_poll_t poll;
	struct gw_timer timer;
	int fd;
	bool is_greeted;
	char command[64];
	cp_agw_answer_fn fn;
	void *user;
};

static void on_closed(uv_handle_t *h)
{
	struct cp_agw_ask *a = h->data;

	close(a->fd);
	free(a);
}

void cp_agw_ask_drop(struct cp_agw_ask *a)
{
	gw_timer_stop(&a->loop->timers, &a->timer);
	uv_close((uv_handle_t *)&a->poll, on_closed);
}

static void done(struct cp_agw_ask *a, json_t *answer)
{
	cp_agw_ask_drop(a);
	a->fn(a->user, answer);
}

static void take_answer(struct cp_agw_ask *a, const char *text, size_t n)
{
	json_t *j = json_loadb(text, n, 0, NULL);
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(a->command, ","), a->command);	/* the answer has it without parameters */
	done(a, json_object_get(j, name));
	json_decref(j);
}

static void on_readable(uv_poll_t *p, int status, int events)
{
	static char text[ANSWER_BYTES];
	struct cp_agw_ask *a = p->data;
	ssize_t n = status ? -1 : recv(a->fd, text, sizeof(text), 0);

	(void)events;
	if (n <= 0) {
		done(a, NULL);
	} else if (a->is_greeted) {
		take_answer(a, text, (size_t)n);
	} else {
		a->is_greeted = true;
		if (send(a->fd, a->command, strlen(a->command), MSG_NOSIGNAL) < 0)
			done(a, NULL);
	}
}

static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	done(GW_CONTAINER(timer, struct cp_agw_ask, timer), NULL);
}

struct cp_agw_ask *cp_agw_ask(struct cp_loop *loop, const char *path, const char *command, cp_agw_answer_fn fn, void *user)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct cp_agw_ask *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	*a = (struct cp_agw_ask){ .loop = loop, .timer.fn = on_timer, .fn = fn, .user = user,
		.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	snprintf(a->command, sizeof(a->command), "%s", command);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&un, sizeof(un)) ||
		gw_timer_arm(&loop->timers, &a->timer, cp_loop_now(loop) + WAIT_MS) || uv_poll_init(&loop->uv, &a->poll, a->fd)) {
		gw_timer_stop(&loop->timers, &a->timer);
		if (a->fd >= 0)
			close(a->fd);
		free(a);
		return NULL;
	}
	a->poll.data = a;
	uv_poll_start(&a->poll, UV_READABLE, on_readable);
	return a;
}
