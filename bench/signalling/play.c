/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the load does when, and what came of it. Commands, one a line:
 *   connect N AT_A_TIME                  browsers up to N in all; the next command may come when all are up or failed
 *   enrol AT_A_TIME                      each browser registers once
 *   closed register|call AT_A_TIME SECONDS
 *   open register|call PER_SECOND SECONDS
 *   flood register|call PER_SECOND SECONDS
 *   quit
 * open: jobs begin at their times whatever happens to those before (a browser that is free takes them); latency counts
 * from the time a job was due. flood: the same, and a 503 to the first request of a job is right.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "bench/signalling/load.h"

#define SAMPLES_MAX (1u << 20)
#define WARM_UP_S   0.3
#define DRAIN_S	    12.0 /* then what is missing is missing */
#define TICK_MS	    1u

enum mode { IDLE, CONNECT, ENROL, CLOSED, OPEN_LOOP };

static struct play {
	struct load *load;
	uv_pipe_t in;
	uv_timer_t tick;
	char line[200];
	size_t len;
	enum mode mode;
	enum job_kind job;
	unsigned window, next; /* next: of enrol */
	double rate;
	uint64_t begin_ns, warm_ns, end_ns;
	uint64_t started, timely; /* timely: done between warm_ns and end_ns */
	uint64_t late;		  /* due, and no browser was free */
	float *ms;
	unsigned n_ms;
	struct tally before;
	struct core core_before;
} play;

static void say_result(void);

static void sample(const struct browser *b, uint64_t now)
{
	if (b->began_ns >= play.warm_ns && play.n_ms < SAMPLES_MAX)
		play.ms[play.n_ms++] = (float)((double)(now - b->began_ns) / 1e6);
}

void play_call_answered(const struct browser *b)
{
	sample(b, load_now_ns());
}

static struct browser *take_idle(void)
{
	struct load *l = play.load;

	return gw_list_empty(&l->idle) ? NULL : GW_CONTAINER(l->idle.next, struct browser, node);
}

static void begin(struct browser *b, uint64_t due_ns)
{
	play.started++;
	ua_start(b, play.job, due_ns);
}

/* @return is there nothing more to begin? */
static bool go_on(uint64_t now)
{
	struct load *l = play.load;
	struct browser *b;

	switch (play.mode) {
	case IDLE:
		return false;
	case CONNECT:
		link_open_more(l);
		return l->n == l->n_wanted && l->n_opening == 0;
	case ENROL:
		for (; play.next < l->n && l->busy < play.window; play.next++)
			if (l->browsers[play.next]->state == LINK_OPEN)
				begin(l->browsers[play.next], now);
		return play.next == l->n;
	case CLOSED:
		while (now < play.end_ns && l->busy < play.window && (b = take_idle()))
			begin(b, now);
		return now >= play.end_ns;
	case OPEN_LOOP:
		for (;;) {
			uint64_t due = play.begin_ns +
				       (uint64_t)((double)(play.started + play.late) / play.rate * 1e9);

			if (due > now || due >= play.end_ns)
				return due >= play.end_ns;
			if ((b = take_idle()))
				begin(b, due);
			else
				play.late++;
		}
	}
	return false;
}

static void step(void)
{
	struct load *l = play.load;
	uint64_t now = load_now_ns(), drained = play.end_ns + (uint64_t)(DRAIN_S * 1e9);

	if (play.mode == IDLE)
		return;
	if (go_on(now) && (l->busy == 0 || (now > drained && play.mode >= CLOSED)))
		say_result();
}

static void on_job(struct load *l, struct browser *b, bool is_ok)
{
	uint64_t now = load_now_ns();

	(void)l;
	if (is_ok && now >= play.warm_ns && now < play.end_ns)
		play.timely++;
	if (is_ok && play.job != JOB_CALL)
		sample(b, now);
	/* the next one begins from the loop: this browser is still on the stack */
}

static void on_tick(uv_timer_t *t)
{
	(void)t;
	step();
}

static void on_check(uv_check_t *c)
{
	(void)c;
	step();
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double percentile(double share)
{
	return play.n_ms ? play.ms[(unsigned)(share * (play.n_ms - 1))] : 0;
}

static void put_quoted(const char *s)
{
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if (*s == '\n' || *s == '\r')
			fputs(*s == '\n' ? "\\n" : "", stdout);
		else if ((unsigned char)*s >= ' ' && (unsigned char)*s < 127)
			putchar(*s);
}

static void say_result(void)
{
	struct load *l = play.load;
	const struct core *c = &l->core, *was = &play.core_before;
	double seconds = (double)(play.end_ns - play.warm_ns) / 1e9;
	uint64_t done = l->tally.done - play.before.done;

	if (play.mode == CONNECT || play.mode == ENROL)
		seconds = (double)(load_now_ns() - play.begin_ns) / 1e9;
	else if (l->busy)
		load_wrong(l, "answers are missing", GW_SV_NONE);
	play.mode = IDLE;
	qsort(play.ms, play.n_ms, sizeof(play.ms[0]), by_size);
	printf("{\"open\": %u, \"failed\": %u, \"started\": %" PRIu64 ", \"done\": %" PRIu64 ", \"per_s\": %.2f, ",
		l->n_open, l->n_failed, play.started, done, (double)play.timely / (seconds > 0 ? seconds : 1));
	printf("\"seconds\": %.3f, \"missing\": %u, \"wrong\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"late\": %" PRIu64
	       ", \"stray\": %" PRIu64 ", ",
		seconds, l->busy, l->tally.wrong - play.before.wrong, l->tally.refused - play.before.refused, play.late,
		l->tally.stray - play.before.stray);
	printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, ", percentile(0.5), percentile(0.99), percentile(1));
	printf("\"core\": {\"registers\": %" PRIu64 ", \"invites\": %" PRIu64 ", \"acks\": %" PRIu64 ", \"byes\": %" PRIu64
	       ", \"errors\": %" PRIu64 "}, \"why\": \"",
		c->registers - was->registers, c->invites - was->invites, c->acks - was->acks, c->byes - was->byes,
		c->errors - was->errors);
	put_quoted(l->tally.why);
	puts("\"}");
	fflush(stdout);
}

static void start(enum mode mode, double seconds)
{
	struct load *l = play.load;

	play.mode = mode;
	play.next = 0;
	play.started = play.timely = play.late = 0;
	play.n_ms = 0;
	play.before = l->tally;
	play.core_before = l->core;
	l->tally.why[0] = '\0';
	play.begin_ns = load_now_ns();
	play.warm_ns = play.begin_ns + (mode >= CLOSED ? (uint64_t)(WARM_UP_S * 1e9) : 0);
	play.end_ns = mode >= CLOSED ? play.warm_ns + (uint64_t)(seconds * 1e9) : UINT64_MAX / 2;
	step();
}

static enum job_kind job_named(const char *what)
{
	if (strcmp(what, "call") == 0)
		return JOB_CALL;
	return strcmp(what, "token") ? JOB_REGISTER : JOB_TOKEN;
}

static void command(const char *text)
{
	struct load *l = play.load;
	double a = 0, b = 0;
	char what[16];

	if (strcmp(text, "quit") == 0) {
		exit(0);
	} else if (sscanf(text, "connect %lf %lf", &a, &b) == 2 && a >= 1 && b >= 1) {
		l->n_wanted = (unsigned)a;
		l->opening_max = (unsigned)b;
		l->browsers = realloc(l->browsers, l->n_wanted * sizeof(*l->browsers));
		if (!l->browsers)
			abort();
		start(CONNECT, 0);
	} else if (sscanf(text, "enrol %lf", &a) == 1) {
		play.job = JOB_REGISTER;
		play.window = (unsigned)a;
		start(ENROL, 0);
	} else if (sscanf(text, "closed %15s %lf %lf", what, &a, &b) == 3) {
		play.job = job_named(what);
		play.window = (unsigned)a;
		start(CLOSED, b);
	} else if ((sscanf(text, "open %15s %lf %lf", what, &a, &b) == 3 ||
			   sscanf(text, "flood %15s %lf %lf", what, &a, &b) == 3) && a > 0) {
		l->takes_refusal = text[0] == 'f';
		play.job = job_named(what);
		play.rate = a;
		start(OPEN_LOOP, b);
	} else {
		fprintf(stderr, "w2gw-sigload: %s?\n", text);
		exit(2);
	}
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	(void)s;
	if (n < 0)
		exit(0); /* who gives the commands has gone */
	for (ssize_t i = 0; i < n; i++) {
		if (buf->base[i] != '\n' && play.len < sizeof(play.line) - 1) {
			play.line[play.len++] = buf->base[i];
			continue;
		}
		play.line[play.len] = '\0';
		play.len = 0;
		command(play.line);
	}
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	static char shared[1000];

	(void)h;
	(void)want;
	*buf = uv_buf_init(shared, sizeof(shared));
}

int play_start(struct load *l)
{
	static uv_check_t check;
	int r;

	play.load = l;
	l->on_job = on_job;
	play.ms = malloc(SAMPLES_MAX * sizeof(play.ms[0]));
	if (!play.ms)
		return UV_ENOMEM;
	if ((r = uv_pipe_init(&l->loop, &play.in, 0)) || (r = uv_pipe_open(&play.in, 0)) ||
		(r = uv_read_start((uv_stream_t *)&play.in, on_alloc, on_input)) ||
		(r = uv_timer_init(&l->loop, &play.tick)) ||
		(r = uv_timer_start(&play.tick, on_tick, TICK_MS, TICK_MS)) ||
		(r = uv_check_init(&l->loop, &check)))
		return r;
	return uv_check_start(&check, on_check);
}
