/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User name and password, checked on the thread pool. A wrong name, a wrong password and a locked user look the same
 * and take the same time; each attempt counts for its source and for its name before it is checked (threat W8).
 */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "control/waf/waf_int.h"

#define JOBS_MAX 32	/* waiting or running */
#define RUNNING_MAX 2	/* 16 MiB and a core each; the other threads of the pool are for others' work */

struct job {
	uv_work_t work;
	struct gw_list node;
	struct cp_waf *w;
	struct cp_web_req *r;
	struct cp_authz a;
	struct cp_user user;
	char login[CP_LOGIN_MAX + 1], hash[CP_HASH_BYTES], password[CP_PASSWORD_MAX + 1];
	size_t password_len;
	bool is_user, matches;    /* there is such a user, not locked; the worker's verdict */
	bool is_running;
};

static void run_next(struct cp_waf *w);

static void check(uv_work_t *work)
{
	struct job *j = GW_CONTAINER(work, struct job, work);

	j->matches = cp_password_matches(gw_sv(j->password, j->password_len), j->hash);
}

/* Not while it was checked: who has changed a password does not want the old one to count a moment longer. */
static bool is_unchanged(struct job *j)
{
	struct gw_arena a = GW_ARENA_INIT(65536);
	struct cp_user u;
	bool is_same = cp_users_get(j->w->users, &a, j->user.login, &u) == GW_OK && !u.is_locked && u.stamp == j->user.stamp;

	gw_arena_reset(&a);
	return is_same;
}

static void answer(struct job *j)
{
	struct gw_sv login = gw_sv_cstr(j->login);
	char net[CP_NET_BYTES];
	struct cp_waf *w = j->w;

	if (w->is_stopping) {
		cp_waf_page(w, j->r, &j->a, CP_NOTE_BUSY, login, 1000);
		return;
	}
	if (!j->is_user || !j->matches || !is_unchanged(j)) {
		CP_COUNT(waf_login_failed);
		GW_LOG_NOTICE(w->log, "waf.login_failed", "login=%s", j->login);
		cp_waf_page(w, j->r, &j->a, CP_NOTE_WRONG, login, 0);
		return;
	}
	CP_COUNT(waf_logins);
	cp_backoff_clear(&w->by_account, login);
	cp_backoff_undo(&w->by_source, cp_rate_net(&j->r->peer, CP_NET_SOURCE, net));
	cp_waf_accept(w, j->r, &j->a, &j->user);
}

static void finish(struct job *j)
{
	struct cp_waf *w = j->w;

	gw_list_remove(&j->node);
	w->n_jobs--;
	w->n_running -= j->is_running;
	answer(j);
	OPENSSL_cleanse(j, sizeof(*j));
	free(j);
	run_next(w);
}

static void on_checked(uv_work_t *work, int status)
{
	struct job *j = GW_CONTAINER(work, struct job, work);

	j->matches = j->matches && status == 0;
	finish(j);
}

/* First come, first served. */
static void run_next(struct cp_waf *w)
{
	GW_LIST_FOREACH(it, &w->jobs) {
		struct job *j = GW_CONTAINER(it, struct job, node);

		if (w->is_stopping || w->n_running == RUNNING_MAX)
			return;
		if (j->is_running)
			continue;
		j->is_running = true;
		w->n_running++;
		(void)uv_queue_work(&w->loop->uv, &j->work, check, on_checked);	/* fails without a callback only */
	}
}

static void start(struct cp_waf *w, struct cp_web_req *r, const struct cp_authz *a, struct gw_sv login, struct gw_sv password)
{
	struct job *j = calloc(1, sizeof(*j));
	enum gw_err err = GW_ENOMEM;

	if (!j)
		goto out;
	j->w = w;
	j->r = r;
	j->a = *a;
	(void)!gw_sv_copy(login, j->login, sizeof(j->login));
	memcpy(j->password, password.p, password.len);
	j->password_len = password.len;
	err = cp_users_get(w->users, &r->arena, login, &j->user);
	j->is_user = err == GW_OK && !j->user.is_locked;
	if (err == GW_ENOENT)
		err = GW_OK;
	if (err || (err = gw_sv_copy(j->is_user ? j->user.hash : gw_sv_cstr(w->dummy_hash), j->hash, sizeof(j->hash))))
		goto out;
	gw_list_append(&w->jobs, &j->node);
	w->n_jobs++;
	run_next(w);
	return;
out:
	GW_LOG_ERROR(w->log, "waf.login_not_checked", "error=%s db=\"%s\"", gw_err_name(err), cp_users_error(w->users));
	if (j)
		OPENSSL_cleanse(j, sizeof(*j));
	free(j);
	cp_waf_page(w, r, a, CP_NOTE_BUSY, login, 1000);
}

static void wipe(struct gw_sv v)
{
	OPENSSL_cleanse((char *)(uintptr_t)v.p, v.len);
}

void cp_waf_login(struct cp_waf *w, struct cp_web_req *r, const struct cp_form *form, const struct cp_authz *a)
{
	struct gw_sv login = gw_sv_trim(cp_form_get(form, "login")), password = cp_form_get(form, "password"), source;
	char net[CP_NET_BYTES], lower[CP_LOGIN_MAX];
	uint64_t now = cp_loop_now(w->loop), wait, other;

	source = cp_rate_net(&r->peer, CP_NET_SOURCE, net);
	if (!cp_users_is_login(login) || password.len == 0 || password.len > CP_PASSWORD_MAX) {
		cp_backoff_hit(&w->by_source, source, now);
		CP_COUNT(waf_login_failed);
		cp_waf_page(w, r, a, CP_NOTE_WRONG, GW_SV_NONE, 0);	/* says nothing about accounts */
		goto out;
	}
	for (size_t i = 0; i < login.len; i++)
		lower[i] = gw_lower(login.p[i]);
	login = gw_sv(lower, login.len);
	wait = cp_backoff_wait(&w->by_source, source, now);
	other = cp_backoff_wait(&w->by_account, login, now);
	wait = wait > other ? wait : other;
	if (wait) {
		CP_COUNT(waf_login_limited);
		cp_waf_page(w, r, a, CP_NOTE_SLOW, login, wait);
	} else if (w->n_jobs >= JOBS_MAX) {
		CP_COUNT(waf_login_busy);
		cp_waf_page(w, r, a, CP_NOTE_BUSY, login, 1000);
	} else {
		cp_backoff_hit(&w->by_source, source, now);
		cp_backoff_hit(&w->by_account, login, now);
		start(w, r, a, login, password);
	}
out:
	wipe(password);
	wipe(r->body);
}

void cp_waf_login_stop(struct cp_waf *w)
{
	GW_LIST_FOREACH_SAFE(it, next, &w->jobs) {
		struct job *j = GW_CONTAINER(it, struct job, node);

		if (j->is_running)
			uv_cancel((uv_req_t *)&j->work);
		else
			finish(j);
	}
	while (w->n_jobs)
		uv_run(&w->loop->uv, UV_RUN_ONCE);
}
