/* SPDX-License-Identifier: Apache-2.0 */
/* Lines gather while the thread pool writes those before. */
#include "control/app/cdr_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/app/metrics.h"

#define PENDING_MAX (4u << 20)       /* about ten thousand calls; a disk that hangs longer loses records */

struct lines {
	char *p;
	size_t n, cap;
	unsigned count;
};

struct cp_cdr_file {
	struct cp_loop *loop;
	const struct gw_log *log;
	const char *path;
	struct lines pending;        /* of the loop */
	bool is_writing, reopen, is_closing;
	/* the job's own while is_writing */
	uv_work_t work;
	struct lines out;
	int fd;
	bool job_reopen;
	int error;                   /* errno of the last write; 0 */
	bool is_torn;                /* the file ends within a line */
};

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/* false: errno says why, *done how far it came */
static bool write_all(int fd, const char *p, size_t n, size_t *done)
{
	ssize_t k;

	while (*done < n) {
		k = write(fd, p + *done, n - *done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) {
			errno = k < 0 ? errno : EIO;
			return false;
		}
		*done += (size_t)k;
	}
	return true;
}

/* Thread pool, or the loop's own thread at the end. What is left in count is lost. */
static void write_out(struct cp_cdr_file *f)
{
	size_t done = 0, end = 0;

	f->error = 0;
	if (f->job_reopen) {
		int fd = open_file(f->path);

		if (fd >= 0) {	/* the old file goes on rather than none */
			close(f->fd);
			f->fd = fd;
		} else {
			f->error = errno;
		}
	}
	if (f->is_torn && !write_all(f->fd, "\n", 1, &end)) {
		f->error = errno;
		return;
	}
	f->is_torn = false;
	if (!write_all(f->fd, f->out.p, f->out.n, &done)) {
		f->error = errno;
		f->is_torn = done && f->out.p[done - 1] != '\n';
	}
	for (size_t i = 0; i < done; i++)
		f->out.count -= f->out.p[i] == '\n';
}

static void on_work(uv_work_t *w)
{
	write_out(w->data);
}

static void start(struct cp_cdr_file *f);
static void end(struct cp_cdr_file *f);

static void finish(struct cp_cdr_file *f)
{
	f->is_writing = false;
	if (f->error)
		GW_LOG_ERROR(f->log, "cdr.write_failed", "file=%s error=\"%s\" lost=%u", f->path, strerror(f->error),
			f->out.count);
	cp_ctr_value[cdr_lost] += f->out.count;
	f->out.n = f->out.count = 0;
}

static void on_done(uv_work_t *w, int status)
{
	struct cp_cdr_file *f = w->data;

	if (status)
		f->error = EIO;
	finish(f);
	if (f->is_closing)
		end(f);
	else
		start(f);
}

/* What is pending becomes the job's. */
static bool take(struct cp_cdr_file *f)
{
	struct lines spare = f->out;

	if (f->is_writing || (f->pending.n == 0 && !f->reopen))
		return false;
	f->out = f->pending;
	f->pending = spare;
	f->job_reopen = f->reopen;
	f->reopen = false;
	f->is_writing = true;
	return true;
}

static void start(struct cp_cdr_file *f)
{
	if (take(f))
		(void)uv_queue_work(&f->loop->uv, &f->work, on_work, on_done);	/* fails without a callback only */
}

enum gw_err cp_cdr_file_open(struct cp_cdr_file **out, const char *path, struct cp_loop *loop, const struct gw_log *log)
{
	struct cp_cdr_file *f = calloc(1, sizeof(*f));

	if (!f)
		return GW_ENOMEM;
	*f = (struct cp_cdr_file){ .loop = loop, .log = log, .path = path, .work.data = f, .fd = open_file(path) };
	if (f->fd < 0) {
		GW_LOG_ERROR(log, "cdr.open_failed", "file=%s error=\"%s\"", path, strerror(errno));
		free(f);
		return GW_EIO;
	}
	*out = f;
	return GW_OK;
}

static bool make_room(struct lines *l, size_t n)
{
	size_t cap = l->cap ? l->cap : 4096;
	char *p;

	while (cap < l->n + n)
		cap *= 2;
	if (cap == l->cap)
		return true;
	p = cap <= PENDING_MAX ? realloc(l->p, cap) : NULL;
	if (!p)
		return false;
	l->p = p;
	l->cap = cap;
	return true;
}

void cp_cdr_file_add(struct cp_cdr_file *f, struct gw_sv record)
{
	if (!f)
		return;
	if (!make_room(&f->pending, record.len + 1)) {
		CP_COUNT(cdr_lost);
		return;
	}
	memcpy(f->pending.p + f->pending.n, record.p, record.len);
	f->pending.n += record.len;
	f->pending.p[f->pending.n++] = '\n';
	f->pending.count++;
	CP_COUNT(cdr_total);
	start(f);
}

void cp_cdr_file_reopen(struct cp_cdr_file *f)
{
	if (!f)
		return;
	f->reopen = true;
	start(f);
}

static void end(struct cp_cdr_file *f)
{
	if (take(f)) {
		write_out(f);
		finish(f);
	}
	close(f->fd);
	free(f->pending.p);
	free(f->out.p);
	free(f);
}

void cp_cdr_file_close(struct cp_cdr_file *f)
{
	if (!f)
		return;
	f->is_closing = true;
	if (!f->is_writing)
		end(f);		/* else when the job is done: cp_loop_close() waits for it */
}
