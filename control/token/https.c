/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl on libuv. */
#include "control/token/https.h"

#include <stdlib.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "proto/base/list.h"

struct cp_https {
	struct cp_loop *loop;
	const struct gw_log *log;
	CURLM *multi;
	struct gw_timer timer;
	struct gw_list jobs;
};

struct cp_https_job {
	struct gw_list node;
	struct cp_https *h;
	CURL *easy;
	cp_https_done *done;
	void *user;
	char *body;
	size_t len, max;
	char error[CURL_ERROR_SIZE];
	char *url;
};

/* A socket of libcurl; freed when libuv has closed the handle. */
struct watch {
	uv_poll_t poll;
	struct cp_https *h;
	curl_socket_t fd;
};

static void end_job(struct cp_https_job *j)
{
	curl_multi_remove_handle(j->h->multi, j->easy);
	curl_easy_cleanup(j->easy);
	gw_list_remove(&j->node);
	if (j->body)
		OPENSSL_cleanse(j->body, j->len);
	free(j->body);
	free(j->url);
	free(j);
}

static void take_results(struct cp_https *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		CURLcode rc = m->data.result;
		struct cp_https_job *j = NULL;
		long status = 0;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&j);
		curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		if (rc != CURLE_OK)
			GW_LOG_WARN(h->log, "https.failed", "url=%s why=\"%s\"", j->url,
				j->error[0] ? j->error : curl_easy_strerror(rc));
		j->done(j->user, rc == CURLE_OK ? (unsigned)status : 0, gw_sv(j->body, j->len));
		end_job(j);
	}
}

static void on_timer(struct gw_timer *timer, uint64_t now_ms)
{
	struct cp_https *h = GW_CONTAINER(timer, struct cp_https, timer);
	int running;

	(void)now_ms;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	take_results(h);
}

static int set_timer(CURLM *multi, long ms, void *user)
{
	struct cp_https *h = user;

	(void)multi;
	if (ms < 0)
		gw_timer_stop(&h->loop->timers, &h->timer);
	else	/* also for 0: libcurl must not be entered from its own callback */
		(void)gw_timer_arm(&h->loop->timers, &h->timer, cp_loop_now(h->loop) + (uint64_t)(ms ? ms : 1));
	return 0;
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct watch *w = p->data;
	struct cp_https *h = w->h;
	int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(h->multi, w->fd, status < 0 ? CURL_CSELECT_ERR : flags, &running);
	take_results(h);
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
	struct cp_https *h = user;
	struct watch *w = socket_user;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			curl_multi_assign(h->multi, fd, NULL);
			uv_poll_stop(&w->poll);
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		}
		return 0;
	}
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w || uv_poll_init(&h->loop->uv, &w->poll, fd)) {
			free(w);
			return -1;
		}
		w->h = h;
		w->fd = fd;
		w->poll.data = w;
		curl_multi_assign(h->multi, fd, w);
	}
	return uv_poll_start(&w->poll, events, on_poll) ? -1 : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	struct cp_https_job *j = user;
	char *more;

	n *= size;
	if (n > j->max - j->len || !(more = realloc(j->body, j->len + n)))
		return 0;	/* libcurl ends the request */
	memcpy(more + j->len, p, n);
	j->body = more;
	j->len += n;
	return n ? n : 0;
}

static bool prepare(struct cp_https_job *j, const struct cp_https_request *q)
{
	CURL *e = j->easy;
	CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc ? rc : curl_easy_setopt(e, option, value))
	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);	/* else the end of a request waits, on the loop, for the thread that resolves its name */
	SET(CURLOPT_TIMEOUT_MS, q->timeout_s * 1000L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, q->timeout_s * 1000L);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, j);
	SET(CURLOPT_PRIVATE, j);
	SET(CURLOPT_ERRORBUFFER, j->error);
	SET(CURLOPT_USERAGENT, "epcscf/" W2GW_VERSION);
	if (q->ca_file && q->ca_file[0]) {
		SET(CURLOPT_CAINFO, q->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (q->post)
		SET(CURLOPT_COPYPOSTFIELDS, q->post);
	if (q->user_password) {
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERPWD, q->user_password);
	}
#undef SET
	return rc == CURLE_OK;
}

enum gw_err cp_https_start(struct cp_https *h, const struct cp_https_request *q, cp_https_done *done, void *user,
	struct cp_https_job **out)
{
	struct cp_https_job *j = calloc(1, sizeof(*j));

	if (!j)
		return GW_ENOMEM;
	*j = (struct cp_https_job){ .h = h, .done = done, .user = user, .max = q->max_bytes,
		.easy = curl_easy_init(), .url = gw_sv_dup(gw_sv_cstr(q->url)) };
	gw_list_init(&j->node);
	if (!j->easy || !j->url || !prepare(j, q) || curl_multi_add_handle(h->multi, j->easy)) {
		if (j->easy)
			curl_easy_cleanup(j->easy);
		free(j->url);
		free(j);
		return GW_EIO;
	}
	gw_list_append(&h->jobs, &j->node);
	*out = j;
	return GW_OK;
}

void cp_https_cancel(struct cp_https_job *j)
{
	if (j)
		end_job(j);
}

enum gw_err cp_https_new(struct cp_https **out, struct cp_loop *loop, const struct gw_log *log)
{
	struct cp_https *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(h = calloc(1, sizeof(*h))))
		return GW_ENOMEM;
	h->loop = loop;
	h->log = log;
	h->timer.fn = on_timer;
	gw_list_init(&h->jobs);
	h->multi = curl_multi_init();
	if (!h->multi) {
		free(h);
		return GW_ENOMEM;
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 8L);
	*out = h;
	return GW_OK;
}

void cp_https_free(struct cp_https *h)
{
	if (!h)
		return;
	while (!gw_list_empty(&h->jobs))
		end_job(GW_CONTAINER(h->jobs.next, struct cp_https_job, node));
	curl_multi_cleanup(h->multi);
	gw_timer_stop(&h->loop->timers, &h->timer);
	free(h);
	curl_global_cleanup();
}
