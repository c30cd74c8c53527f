/* SPDX-License-Identifier: Apache-2.0 */
/* The socketpair between one TLS connection and libmicrohttpd. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "control/app/metrics.h"
#include "control/web/httpd_int.h"

#define PIPE_QUEUE_MAX (1u << 20)	/* requests libmicrohttpd has not read */

struct pipe_write {
	uv_write_t req;
	char bytes[];
};

static void on_pipe_closed(uv_handle_t *p)
{
	free(p);
}

void cp_httpd_detach(struct cp_w2 *c)
{
	if (!c->web)
		return;
	c->web->data = NULL;
	uv_close((uv_handle_t *)c->web, on_pipe_closed);
	c->web = NULL;
}

static void on_pipe_alloc(uv_handle_t *p, size_t want, uv_buf_t *buf)
{
	static char shared[16384];

	(void)p;
	(void)want;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void on_pipe_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct cp_w2 *c = s->data;

	if (!c)
		return;
	if (n < 0) {
		cp_httpd_detach(c);
		cp_w2_finish(c);
		return;
	}
	if (n > 0)
		cp_w2_write(c, buf->base, (size_t)n);
}

static void on_pipe_written(uv_write_t *req, int status)
{
	(void)status;
	free(GW_CONTAINER(req, struct pipe_write, req));
}

void cp_httpd_input(struct cp_w2 *c, struct gw_sv bytes)
{
	struct pipe_write *w;
	uv_buf_t buf;

	if (!c->web)
		return;
	w = uv_stream_get_write_queue_size((uv_stream_t *)c->web) < PIPE_QUEUE_MAX ?
		malloc(sizeof(*w) + bytes.len) : NULL;
	if (!w) {
		CP_COUNT(w2_closed_slow);
		cp_w2_close(c);
		return;
	}
	memcpy(w->bytes, bytes.p, bytes.len);
	buf = uv_buf_init(w->bytes, (unsigned)bytes.len);
	if (uv_write(&w->req, (uv_stream_t *)c->web, &buf, 1, on_pipe_written))
		free(w);
	cp_httpd_pump(c->t->httpd);
}

enum gw_err cp_httpd_adopt(struct cp_httpd *h, struct cp_w2 *c, struct gw_sv head)
{
	struct sockaddr_storage ss;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		return GW_EIO;
	c->web = calloc(1, sizeof(*c->web));
	if (!c->web || uv_pipe_init(&h->loop->uv, c->web, 0)) {
		close(fds[0]);
		close(fds[1]);
		free(c->web);
		c->web = NULL;
		return GW_EIO;
	}
	c->web->data = c;
	if (uv_pipe_open(c->web, fds[0])) {	/* the loop knows the handle already: it frees it */
		close(fds[0]);
		close(fds[1]);
		cp_httpd_detach(c);
		return GW_EIO;
	}
	cp_addr_to(&c->peer, &ss);
	if (MHD_add_connection(h->mhd, fds[1], (struct sockaddr *)&ss,
		    c->peer.family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) !=
		MHD_YES) {	/* libmicrohttpd has closed its end */
		cp_httpd_detach(c);
		return GW_ELIMIT;
	}
	c->state = W2_WEB;
	gw_timer_stop(&h->loop->timers, &c->deadline);	/* libmicrohttpd has its own time-out */
	uv_read_start((uv_stream_t *)c->web, on_pipe_alloc, on_pipe_read);
	cp_httpd_input(c, head);
	return GW_OK;
}
