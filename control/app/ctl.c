/* SPDX-License-Identifier: Apache-2.0 */
/* Control socket. */
#include "control/app/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/app/folder.h"
#include "control/app/metrics.h"
#include "proto/base/list.h"
#include "proto/base/sv.h"

#define HANDLERS_MAX 32
#define CLIENTS_MAX 64
#define LINE_MAX_BYTES 16384	/* an H.248 message by hand, as JSON */
#define STREAM_MAX_BYTES (1u << 20)	/* of one reader, not yet read */

struct handler {
	const char *name;
	bool is_show;
	cp_ctl_fn show;
	cp_ctl_command_fn command;
	cp_ctl_stream_fn stream;
	void *user;
};

struct cp_ctl {
	struct cp_loop *loop;
	uv_pipe_t *listener;
	char path[108];
	struct handler handlers[HANDLERS_MAX];
	unsigned n, n_clients;
	struct gw_list clients;
};

/* A client; of a stream, its reader. */
struct cp_ctl_stream {
	struct gw_list node;
	struct cp_ctl *ctl;
	uv_pipe_t pipe;
	uv_write_t write;
	char line[LINE_MAX_BYTES];
	size_t len;
	char *out;
	bool is_stream;
	void (*on_close)(void *user);
	void *on_close_user;
};

/* One line of a stream on its way. */
struct put {
	uv_write_t req;
	char bytes[];
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

json_t *cp_ctl_error(const char *text)
{
	return json_pack("{s:s}", "error", text);
}

static void on_closed(uv_handle_t *h)
{
	struct cp_ctl_stream *c = h->data;

	free(c->out);
	free(c);
}

static void drop(struct cp_ctl_stream *c)
{
	if (uv_is_closing((uv_handle_t *)&c->pipe))
		return;
	gw_list_remove(&c->node);
	c->ctl->n_clients--;
	if (c->on_close)
		c->on_close(c->on_close_user);
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void on_written(uv_write_t *req, int status)
{
	(void)status;
	drop(GW_CONTAINER(req, struct cp_ctl_stream, write));
}

static void answer(struct cp_ctl_stream *c, json_t *j)
{
	uv_buf_t buf;

	c->out = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	uv_read_stop((uv_stream_t *)&c->pipe);
	if (!c->out) {
		drop(c);
		return;
	}
	buf = uv_buf_init(c->out, (unsigned)strlen(c->out));
	if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written))
		drop(c);
}

/* Is the line this command? *args gets what is behind it. */
static bool is_command(const struct handler *h, struct gw_sv line, struct gw_sv *args)
{
	struct gw_sv name = gw_sv_cstr(h->name);

	if (h->is_show) {
		if (!gw_sv_starts(line, GW_SV("show ")))
			return false;
		line = gw_sv_trim(gw_sv_sub(line, 5, line.len));
	}
	if (!gw_sv_starts(line, name) || (line.len > name.len && line.p[name.len] != ' '))
		return false;
	*args = gw_sv_trim(gw_sv_sub(line, name.len, line.len));
	return h->command || h->stream || args->len == 0;
}

static void execute(struct cp_ctl_stream *c)
{
	struct gw_sv line = gw_sv_trim(gw_sv(c->line, c->len)), args;
	json_t *j = NULL;

	for (unsigned i = 0; i < c->ctl->n; i++) {
		const struct handler *h = &c->ctl->handlers[i];

		if (!is_command(h, line, &args))
			continue;
		if (h->stream) {
			c->is_stream = true;
			c->len = 0;
			j = h->stream(h->user, args, c);
			if (!j)
				return;
		} else {
			j = h->command ? h->command(h->user, args) : h->show(h->user);
		}
		break;
	}
	answer(c, j ? j : cp_ctl_error("unknown command"));
}

static void on_put(uv_write_t *req, int status)
{
	(void)status;	/* a reader that has left shows on the reading side */
	free(GW_CONTAINER(req, struct put, req));
}

enum gw_err cp_ctl_stream_put(struct cp_ctl_stream *s, struct gw_sv line)
{
	struct put *p;
	uv_buf_t buf;

	if (uv_is_closing((uv_handle_t *)&s->pipe))
		return GW_ECLOSED;
	if (uv_stream_get_write_queue_size((uv_stream_t *)&s->pipe) + line.len > STREAM_MAX_BYTES)
		return GW_ELIMIT;
	p = malloc(sizeof(*p) + line.len + 1);
	if (!p)
		return GW_ENOMEM;
	memcpy(p->bytes, line.p, line.len);
	p->bytes[line.len] = '\n';
	buf = uv_buf_init(p->bytes, (unsigned)line.len + 1);
	if (uv_write(&p->req, (uv_stream_t *)&s->pipe, &buf, 1, on_put)) {
		free(p);
		return GW_ECLOSED;
	}
	return GW_OK;
}

void cp_ctl_stream_end(struct cp_ctl_stream *s, json_t *last)
{
	if (uv_is_closing((uv_handle_t *)&s->pipe))
		json_decref(last);
	else
		answer(s, last);
}

void cp_ctl_stream_on_close(struct cp_ctl_stream *s, void (*fn)(void *user), void *user)
{
	s->on_close = fn;
	s->on_close_user = user;
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	struct cp_ctl_stream *c = h->data;

	(void)want;
	*buf = uv_buf_init(c->line + c->len, (unsigned)(sizeof(c->line) - c->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct cp_ctl_stream *c = s->data;

	(void)buf;
	if (n < 0) {
		drop(c);
		return;
	}
	if (c->is_stream)	/* nothing more is asked on a stream */
		return;
	c->len += (size_t)n;
	if (memchr(c->line, '\n', c->len) || c->len == sizeof(c->line))
		execute(c);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct cp_ctl *ctl = server->data;
	struct cp_ctl_stream *c = status < 0 ? NULL : calloc(1, sizeof(*c));

	if (!c)
		return;
	c->ctl = ctl;
	gw_list_append(&ctl->clients, &c->node);
	ctl->n_clients++;
	uv_pipe_init(&c->ctl->loop->uv, &c->pipe, 0);
	c->pipe.data = c;
	if (uv_accept(server, (uv_stream_t *)&c->pipe) ||
		ctl->n_clients > CLIENTS_MAX || uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read))
		drop(c);
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
	gw_list_init(&c->clients);
	snprintf(c->path, sizeof(c->path), "%s", path);
	cp_make_parent(path, 0755);	/* bind tells when it did not help */
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

static enum gw_err add(struct cp_ctl *c, const struct handler *h)
{
	if (c->n == HANDLERS_MAX)
		return GW_ELIMIT;
	c->handlers[c->n++] = *h;
	return GW_OK;
}

enum gw_err cp_ctl_register(struct cp_ctl *c, const char *name, cp_ctl_fn fn, void *user)
{
	return add(c, &(struct handler){ .name = name, .is_show = true, .show = fn, .user = user });
}

enum gw_err cp_ctl_command(struct cp_ctl *c, const char *name, cp_ctl_command_fn fn, void *user)
{
	return add(c, &(struct handler){ .name = name, .command = fn, .user = user });
}

enum gw_err cp_ctl_streaming(struct cp_ctl *c, const char *name, cp_ctl_stream_fn fn, void *user)
{
	return add(c, &(struct handler){ .name = name, .stream = fn, .user = user });
}

static void on_listener_closed(uv_handle_t *h)
{
	free(h);
}

void cp_ctl_close(struct cp_ctl *c)
{
	if (!c)
		return;
	GW_LIST_FOREACH_SAFE(it, next, &c->clients)
		drop(GW_CONTAINER(it, struct cp_ctl_stream, node));
	uv_close((uv_handle_t *)c->listener, on_listener_closed);	/* libuv unlinks the path */
	free(c);
}
