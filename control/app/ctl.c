/* SPDX-License-Identifier: Apache-2.0 */
/* Control socket. */
#include "control/app/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/app/metrics.h"
#include "proto/base/list.h"
#include "proto/base/sv.h"

#define HANDLERS_MAX 16
#define LINE_MAX_BYTES 256

struct cp_ctl {
	struct cp_loop *loop;
	uv_pipe_t *listener;
	char path[108];
	struct {
		const char *name;
		cp_ctl_fn fn;
		void *user;
	} handlers[HANDLERS_MAX];
	unsigned n;
};

struct client {
	struct cp_ctl *ctl;
	uv_pipe_t pipe;
	uv_write_t write;
	char line[LINE_MAX_BYTES];
	size_t len;
	char *out;
};

static json_t *counters(void *user)
{
	json_t *j = json_object();

	(void)user;
	for (int i = 0; i < cp_ctr_COUNT; i++)
		json_object_set_new(j, cp_ctr_info[i].name, json_integer((json_int_t)cp_ctr_value[i]));
	for (int i = 0; i < cp_gauge_COUNT; i++)
		json_object_set_new(j, cp_gauge_info[i].name, json_integer(cp_gauge_value[i]));
	return j;
}

static void on_closed(uv_handle_t *h)
{
	struct client *c = h->data;

	free(c->out);
	free(c);
}

static void on_written(uv_write_t *req, int status)
{
	struct client *c = GW_CONTAINER(req, struct client, write);

	(void)status;
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void execute(struct client *c)
{
	struct gw_sv line = gw_sv_trim(gw_sv(c->line, c->len));
	json_t *j = NULL;
	uv_buf_t buf;

	for (unsigned i = 0; i < c->ctl->n && !j; i++)
		if (gw_sv_starts(line, GW_SV("show ")) &&
			gw_sv_eq(gw_sv_sub(line, 5, line.len), gw_sv_cstr(c->ctl->handlers[i].name)))
			j = c->ctl->handlers[i].fn(c->ctl->handlers[i].user);
	if (!j)
		j = json_pack("{s:s}", "error", "unknown command");
	c->out = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	uv_read_stop((uv_stream_t *)&c->pipe);
	if (!c->out) {
		uv_close((uv_handle_t *)&c->pipe, on_closed);
		return;
	}
	buf = uv_buf_init(c->out, (unsigned)strlen(c->out));
	if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written))
		uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	struct client *c = h->data;

	(void)want;
	*buf = uv_buf_init(c->line + c->len, (unsigned)(sizeof(c->line) - c->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = s->data;

	(void)buf;
	if (n < 0) {
		uv_close((uv_handle_t *)s, on_closed);
		return;
	}
	c->len += (size_t)n;
	if (memchr(c->line, '\n', c->len) || c->len == sizeof(c->line))
		execute(c);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct client *c = status < 0 ? NULL : calloc(1, sizeof(*c));

	if (!c)
		return;
	c->ctl = server->data;
	uv_pipe_init(&c->ctl->loop->uv, &c->pipe, 0);
	c->pipe.data = c;
	if (uv_accept(server, (uv_stream_t *)&c->pipe) ||
		uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read))
		uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void make_parent(const char *path)
{
	char dir[108];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		(void)mkdir(dir, 0755);	/* bind tells when it did not help */
	}
}

enum gw_err cp_ctl_open(struct cp_ctl **out, const char *path, struct cp_loop *loop,
	const struct gw_log *log)
{
	struct cp_ctl *c = calloc(1, sizeof(*c));
	mode_t before;
	int r;

	if (!c)
		return GW_ENOMEM;
	c->listener = calloc(1, sizeof(*c->listener));
	if (!c->listener) {
		free(c);
		return GW_ENOMEM;
	}
	c->loop = loop;
	snprintf(c->path, sizeof(c->path), "%s", path);
	make_parent(path);
	(void)unlink(path);	/* of a process that was killed */
	uv_pipe_init(&loop->uv, c->listener, 0);
	c->listener->data = c;
	before = umask(0177);	/* 0600: it shows who is registered */
	r = uv_pipe_bind(c->listener, path);
	umask(before);
	if (r || (r = uv_listen((uv_stream_t *)c->listener, 16, on_connection))) {
		GW_LOG_ERROR(log, "ctl.listen_failed", "path=%s error=\"%s\"", path, uv_strerror(r));
		cp_ctl_close(c);
		return GW_EIO;
	}
	*out = c;
	return cp_ctl_register(c, "counters", counters, NULL);
}

enum gw_err cp_ctl_register(struct cp_ctl *c, const char *name, cp_ctl_fn fn, void *user)
{
	if (c->n == HANDLERS_MAX)
		return GW_ELIMIT;
	c->handlers[c->n].name = name;
	c->handlers[c->n].fn = fn;
	c->handlers[c->n++].user = user;
	return GW_OK;
}

static void on_listener_closed(uv_handle_t *h)
{
	free(h);
}

void cp_ctl_close(struct cp_ctl *c)
{
	if (!c)
		return;
	uv_close((uv_handle_t *)c->listener, on_listener_closed);	/* libuv unlinks the path */
	free(c);
}
