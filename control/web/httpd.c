/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web side: libmicrohttpd with an external epoll, fed through socketpairs by the TLS listener.
 * Pages of the WIC, /config.json, /healthz, /metrics. GET and HEAD only.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <microhttpd.h>

#include "control/app/metrics.h"
#include "control/transport/conn.h"

#define METRICS_BYTES 65536
#define PIPE_QUEUE_MAX (1u << 20)	/* requests libmicrohttpd has not read */

struct cp_httpd {
	struct cp_transport *t;
	struct MHD_Daemon *mhd;
	uv_poll_t *poll;
	struct gw_timer timer;
};

static void pump(struct cp_httpd *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->mhd);
	if (MHD_get_timeout(h->mhd, &ms) == MHD_YES)
		(void)gw_timer_arm(&h->t->loop->timers, &h->timer, cp_loop_now(h->t->loop) + ms);
}

static void on_epoll(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	pump(p->data);
}

static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	pump(GW_CONTAINER(timer, struct cp_httpd, timer));
}

/* ---- answers -------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
	struct MHD_Response *r)
{
	enum MHD_Result ok;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Strict-Transport-Security", "max-age=31536000");
	MHD_add_response_header(r, "Content-Security-Policy",
		"default-src 'self'; connect-src 'self' wss: ws:; media-src 'self' blob: mediastream:; "
		"img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
	MHD_add_response_header(r, "Cache-Control", "no-cache");
	ok = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result text(struct MHD_Connection *c, unsigned status, const char *type, const char *body)
{
	return answer(c, status, type,
		MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body,
			MHD_RESPMEM_MUST_COPY));
}

static const char *type_of(const char *path)
{
	static const struct {
		const char *ext, *type;
	} types[] = { { ".html", "text/html; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" }, { ".svg", "image/svg+xml" }, { ".png", "image/png" },
		{ ".ico", "image/x-icon" }, { ".json", "application/json" }, { ".wav", "audio/wav" },
		{ ".webmanifest", "application/manifest+json" }, { ".txt", "text/plain; charset=utf-8" } };
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i].ext) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* Only plain names, one directory level or more, never a dot first: no traversal, no hidden files. */
static bool is_safe_path(const char *p)
{
	for (const char *s = p; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
			*s == '-' || *s == '_' || *s == '.' || *s == '/';

		if (!plain || (*s == '/' && (s[1] == '.' || s[1] == '/')))
			return false;
	}
	return p[0] == '/' && strlen(p) < 200;
}

static enum MHD_Result file(struct cp_httpd *h, struct MHD_Connection *c, const char *url)
{
	const char *dir = h->t->conf->web.wic_dir;
	char path[1024];
	struct stat st;
	int fd, n;

	if (strcmp(url, "/") == 0)
		url = "/index.html";
	n = snprintf(path, sizeof(path), "%s%s", dir, url);
	if (!dir[0] || !is_safe_path(url) || n < 0 || (size_t)n >= sizeof(path))
		return text(c, 404, "text/plain", "not found\n");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return text(c, 404, "text/plain", "not found\n");
	}
	return answer(c, 200, type_of(url), MHD_create_response_from_fd64((uint64_t)st.st_size, fd));
}

static enum MHD_Result config_json(struct cp_httpd *h, struct MHD_Connection *c)
{
	json_t *j = json_pack("{s:s, s:s}", "wsPath", h->t->conf->w2.path, "domain",
		h->t->conf->mw.home_domain);
	char *s = j ? json_dumps(j, JSON_COMPACT) : NULL;
	enum MHD_Result r = s ? text(c, 200, "application/json", s) : MHD_NO;

	free(s);
	json_decref(j);
	return r;
}

static bool may_read_metrics(struct cp_httpd *h, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct gw_addr a, net;
	uint8_t prefix;

	if (!i || gw_addr_parse_prefix(gw_sv_cstr(h->t->conf->web.metrics_allow), &net, &prefix))
		return false;
	cp_addr_from(i->client_addr, &a);
	return gw_addr_in(&a, &net, prefix);
}

static enum MHD_Result metrics(struct cp_httpd *h, struct MHD_Connection *c)
{
	static char body[METRICS_BYTES];
	struct gw_buf b = gw_buf(body, sizeof(body) - 1);

	if (!may_read_metrics(h, c))
		return text(c, 403, "text/plain", "not from your address (web.metrics_allow)\n");
	cp_metrics_print(&b);
	body[b.len] = '\0';
	return text(c, 200, "text/plain; version=0.0.4", body);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	static int begun;
	struct cp_httpd *h = user;

	(void)version;
	(void)data;
	if (!*state) {
		*state = &begun;
		return MHD_YES;
	}
	if (*size) {		/* bodies are of no use here: read and forgotten */
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return text(c, 405, "text/plain", "only GET and HEAD\n");
	if (strcmp(url, "/healthz") == 0)
		return cp_gauge_value[iq_gateways_up] > 0 ?
			text(c, 200, "text/plain", "ok\n") :
			text(c, 503, "text/plain", "no media gateway in service\n");
	if (strcmp(url, "/metrics") == 0)
		return metrics(h, c);
	if (strcmp(url, "/config.json") == 0)
		return config_json(h, c);
	return file(h, c, url);
}

/* ---- the socketpair of one connection --------------------------------------------------------------- */

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
	pump(c->t->httpd);
}

enum gw_err cp_httpd_adopt(struct cp_httpd *h, struct cp_w2 *c, struct gw_sv head)
{
	struct sockaddr_storage ss;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		return GW_EIO;
	c->web = calloc(1, sizeof(*c->web));
	if (!c->web || uv_pipe_init(&h->t->loop->uv, c->web, 0)) {
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
	gw_timer_stop(&h->t->loop->timers, &c->deadline);	/* libmicrohttpd has its own time-out */
	uv_read_start((uv_stream_t *)c->web, on_pipe_alloc, on_pipe_read);
	cp_httpd_input(c, head);
	return GW_OK;
}

enum gw_err cp_httpd_new(struct cp_httpd **out, struct cp_transport *t)
{
	struct cp_httpd *h = calloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;

	if (!h)
		return GW_ENOMEM;
	h->t = t;
	h->timer.fn = on_timer;
	h->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, h,
		MHD_OPTION_CONNECTION_LIMIT, t->conf->web.connections, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
		MHD_OPTION_END);
	h->poll = calloc(1, sizeof(*h->poll));
	info = h->mhd ? MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info || !h->poll || uv_poll_init(&t->loop->uv, h->poll, info->epoll_fd)) {
		GW_LOG_ERROR(t->log, "web.start_failed", "libmicrohttpd");
		if (h->mhd)
			MHD_stop_daemon(h->mhd);
		free(h->poll);
		free(h);
		return GW_EIO;
	}
	h->poll->data = h;
	uv_poll_start(h->poll, UV_READABLE, on_epoll);
	*out = h;
	return GW_OK;
}

static void on_poll_closed(uv_handle_t *p)
{
	free(p);
}

void cp_httpd_free(struct cp_httpd *h)
{
	if (!h)
		return;
	gw_timer_stop(&h->t->loop->timers, &h->timer);
	uv_close((uv_handle_t *)h->poll, on_poll_closed);
	uv_run(&h->t->loop->uv, UV_RUN_NOWAIT);
	MHD_stop_daemon(h->mhd);
	free(h);
}
