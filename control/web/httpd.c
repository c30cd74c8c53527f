/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web server: libmicrohttpd with an external epoll, fed through socketpairs by the TLS listener. Bodies are read
 * here, up to a limit; libmicrohttpd's own form parser is not used (threat W6). A request whose answer comes later is
 * suspended meanwhile.
 */
#include <stdlib.h>

#include <microhttpd.h>

#include "control/app/metrics.h"
#include "control/web/httpd_int.h"

#define DRAIN_MAX (1u << 20)		/* of a body too big: read and forgotten, so that the 413 arrives */
#define ARENA_BYTES 131072

/* r first: the request that handlers see. Made at its request line, freed when libmicrohttpd is done with it. */
struct request {
	struct cp_web_req r;
	struct cp_httpd *h;
	struct MHD_Connection *c;
	bool has_begun, is_dispatching, is_suspended, is_too_big, has_nul;
	size_t drained;
	struct gw_sv query;
	char body[CP_WEB_BODY_MAX];
	size_t body_len;
};

void cp_httpd_pump(struct cp_httpd *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->mhd);
	if (MHD_get_timeout(h->mhd, &ms) == MHD_YES)
		(void)gw_timer_arm(&h->loop->timers, &h->timer, cp_loop_now(h->loop) + ms);
}

static void on_epoll(uv_poll_t *p, int status, int events)
{
	(void)status;
	(void)events;
	cp_httpd_pump(p->data);
}

static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	(void)now_ms;
	cp_httpd_pump(GW_CONTAINER(timer, struct cp_httpd, timer));
}

/* ---- the answer ------------------------------------------------------------------------------------------- */

static void security_headers(const struct request *q, struct MHD_Response *m)
{
	MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(m, "Referrer-Policy", q->r.referrer ? q->r.referrer : "no-referrer");
	MHD_add_response_header(m, "Strict-Transport-Security", "max-age=31536000");
	MHD_add_response_header(m, "Content-Security-Policy", q->r.csp ? q->r.csp : q->h->csp);
	MHD_add_response_header(m, "Cache-Control", q->r.cache ? q->r.cache : "no-store");
}

static enum MHD_Result send_answer(struct request *q)
{
	struct cp_web_req *r = &q->r;
	struct MHD_Response *m = r->fd >= 0 ? MHD_create_response_from_fd64(r->fd_bytes, r->fd) :
		MHD_create_response_from_buffer(r->answer.len, (void *)(uintptr_t)r->answer.p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ok;

	if (!m)
		return MHD_NO;
	r->fd = -1;	/* the response closes it */
	MHD_add_response_header(m, "Content-Type", r->type.p);
	for (unsigned i = 0; i < r->n_headers; i++)
		MHD_add_response_header(m, r->header[i].name, r->header[i].value);
	security_headers(q, m);
	ok = MHD_queue_response(q->c, r->status, m);
	MHD_destroy_response(m);
	return ok;
}

static void on_done(struct cp_web_req *r)
{
	struct request *q = GW_CONTAINER(r, struct request, r);

	if (q->is_dispatching)
		return;
	q->is_suspended = false;
	MHD_resume_connection(q->c);
	/* from the loop, not from here: whoever answers must not meet another request on the way */
	(void)gw_timer_arm(&q->h->loop->timers, &q->h->timer, cp_loop_now(q->h->loop));
}

/* ---- the request ------------------------------------------------------------------------------------------ */

static struct gw_sv field(struct MHD_Connection *c, const char *name)
{
	return gw_sv_cstr(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static void begin(struct request *q, const char *url, const char *method)
{
	const union MHD_ConnectionInfo *i = MHD_get_connection_info(q->c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct gw_sv length = field(q->c, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint32_t n = 0;

	q->has_begun = true;
	q->r.method = gw_sv_cstr(method);
	q->r.path = gw_sv_cstr(url);
	q->r.query = q->query;
	q->r.host = field(q->c, MHD_HTTP_HEADER_HOST);
	q->r.cookie = field(q->c, MHD_HTTP_HEADER_COOKIE);
	q->r.authorization = field(q->c, MHD_HTTP_HEADER_AUTHORIZATION);
	q->r.origin = field(q->c, MHD_HTTP_HEADER_ORIGIN);
	q->r.content_type = field(q->c, MHD_HTTP_HEADER_CONTENT_TYPE);
	q->r.fetch_site = field(q->c, "Sec-Fetch-Site");
	if (i)
		cp_addr_from(i->client_addr, &q->r.peer);
	q->is_too_big = length.len && gw_sv_uint_max(length, CP_WEB_BODY_MAX, &n) != GW_OK;
}

static enum MHD_Result take_body(struct request *q, const char *data, size_t *size)
{
	if (q->is_too_big || *size > sizeof(q->body) - q->body_len) {
		q->is_too_big = true;
		q->drained += *size;
	} else {
		memcpy(q->body + q->body_len, data, *size);
		q->body_len += *size;
	}
	*size = 0;
	return q->drained > DRAIN_MAX ? MHD_NO : MHD_YES;
}

static void dispatch(struct request *q, const char *url)
{
	q->is_dispatching = true;
	q->r.body = gw_sv(q->body, q->body_len);
	if (q->has_nul) {
		cp_web_answer(&q->r, 400, "text/plain", GW_SV("malformed\n"));
	} else if (q->is_too_big) {
		CP_COUNT(web_refused_body);
		cp_web_answer(&q->r, 413, "text/plain", GW_SV("too large\n"));
	} else {
		q->h->serve(q->h, &q->r, url);
	}
	q->is_dispatching = false;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct request *q = *state;

	(void)user;
	(void)version;
	if (!q)
		return MHD_NO;
	if (!q->has_begun) {
		q->c = c;
		begin(q, url, method);
		return MHD_YES;
	}
	if (*size)
		return take_body(q, data, size);
	if (q->r.status == 0)
		dispatch(q, url);
	if (q->r.status)
		return send_answer(q);
	q->is_suspended = true;
	MHD_suspend_connection(c);
	return MHD_YES;
}

/* The request line: the only place where the query is still as it was sent. */
static void *on_uri(void *user, const char *uri, struct MHD_Connection *c)
{
	struct request *q = calloc(1, sizeof(*q));
	struct gw_sv path;

	(void)c;
	if (!q)
		return NULL;
	q->h = user;
	q->r.arena.limit = ARENA_BYTES;
	q->r.fd = -1;
	q->r.done = on_done;
	gw_sv_cut(gw_sv_cstr(uri), '?', &path, &q->query);
	q->has_nul = gw_sv_find(path, GW_SV("%00")) < path.len;	/* would end the decoded path early */
	q->query = gw_arena_sv(&q->r.arena, q->query);
	return q;
}

static void on_completed(void *user, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct request *q = *state;

	(void)user;
	(void)c;
	(void)why;
	*state = NULL;
	if (!q)
		return;
	gw_arena_reset(&q->r.arena);
	free(q);
}

/* ---- start and stop ---------------------------------------------------------------------------------------- */

enum gw_err cp_httpd_start(struct cp_httpd *h, const struct gw_log *log, const struct gw_addr *listen)
{
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (listen ? 0 : MHD_USE_NO_LISTEN_SOCKET) |
		(listen && listen->family == 6 ? MHD_USE_IPv6 : 0);
	struct sockaddr_storage ss = { 0 };
	const union MHD_DaemonInfo *info;

	h->timer.fn = on_timer;
	if (listen)
		cp_addr_to(listen, &ss);
	h->mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_CONNECTION_LIMIT, h->conf->web.connections,
		MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, h,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, listen ? MHD_OPTION_SOCK_ADDR : MHD_OPTION_END, &ss,
		MHD_OPTION_END);
	h->poll = calloc(1, sizeof(*h->poll));
	info = h->mhd ? MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info || !h->poll || uv_poll_init(&h->loop->uv, h->poll, info->epoll_fd)) {
		GW_LOG_ERROR(log, "web.start_failed", "what=%s", listen ? "web.admin.listen" : "libmicrohttpd");
		if (h->mhd)
			MHD_stop_daemon(h->mhd);
		free(h->poll);
		free(h);
		return GW_EIO;
	}
	h->poll->data = h;
	uv_poll_start(h->poll, UV_READABLE, on_epoll);
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
	gw_timer_stop(&h->loop->timers, &h->timer);
	uv_close((uv_handle_t *)h->poll, on_poll_closed);
	uv_run(&h->loop->uv, UV_RUN_NOWAIT);
	MHD_stop_daemon(h->mhd);
	free(h);
}
