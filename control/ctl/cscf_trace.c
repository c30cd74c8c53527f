/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl cscf trace: a stream of records from epcscf, printed whole, as a ladder, or kept in a capture. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

static volatile sig_atomic_t is_over;

static void on_signal(int sig)
{
	(void)sig;
	is_over = 1;
}

struct trace {
	const char *path, *call, *user, *file;
	bool as_json, is_ladder;
	void (*put)(json_t *record);     /* instead of a SIP message as it is */
	FILE *pcap;
};

static void print_message(json_t *j)
{
	const char *side = json_string_value(json_object_get(j, "side")), *peer = json_string_value(json_object_get(j, "peer"));
	const char *dir = json_string_value(json_object_get(j, "dir")), *text = json_string_value(json_object_get(j, "text"));
	char when[32];

	printf("---- %s %s %s ", ctl_time_text(j, when), dir && strcmp(dir, "in") == 0 ? "<-" : "->", side ? side : "?");
	ctl_put_escaped(stdout, peer ? peer : "", false);
	putchar('\n');
	ctl_put_escaped(stdout, text ? text : "", true);
	putchar('\n');
}

/* @return exit status to end with, or -1 */
static int record(struct trace *t, json_t *j)
{
	const char *error = json_string_value(json_object_get(j, "error"));
	json_t *dropped = json_object_get(j, "dropped");

	if (error) {
		fputs("w2gwctl: ", stderr);
		ctl_put_escaped(stderr, error, false);
		fputc('\n', stderr);
		return CTL_FAILED;
	}
	if (t->as_json) {
		json_dumpf(j, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	} else if (dropped) {
		printf("---- %lld messages were not read in time\n", (long long)json_integer_value(dropped));
	} else if (json_object_get(j, "tracing")) {
		if (t->is_ladder)
			ctl_ladder_head(stdout);
		else
			fprintf(stderr, "tracing; Ctrl-C ends\n");
	} else if (t->is_ladder) {
		ctl_ladder_row(stdout, j);
	} else if (!t->pcap) {
		(t->put ? t->put : print_message)(j);
	}
	if (t->pcap && json_object_get(j, "text"))
		ctl_pcap_put(t->pcap, j);
	fflush(stdout);
	return -1;
}

static int follow(struct trace *t, int fd)
{
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	int status = -1;

	if (!in)
		return CTL_FAILED;
	while (status < 0 && !is_over && getline(&line, &cap, in) > 0) {
		json_t *j = json_loads(line, 0, NULL);

		if (j)
			status = record(t, j);
		json_decref(j);
	}
	if (status < 0 && !is_over)
		fputs("w2gwctl: the process has ended the trace\n", stderr);
	free(line);
	fclose(in);
	return status >= 0 ? status : is_over ? CTL_OK : CTL_FAILED;
}

static int send_and_follow(struct trace *t, int fd, const char *command)
{
	struct sigaction sa = { .sa_handler = on_signal };	/* without SA_RESTART: it ends the read */
	struct timeval forever = { 0, 0 };
	ssize_t n = (ssize_t)strlen(command);

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	return send(fd, command, (size_t)n, MSG_NOSIGNAL) == n ? follow(t, fd) : CTL_FAILED;
}

int ctl_follow(const char *path, const char *command, bool as_json, void (*put)(json_t *record))
{
	struct trace t = { .as_json = as_json, .put = put };
	int fd = ctl_open(path, SOCK_STREAM);

	return fd < 0 ? CTL_FAILED : send_and_follow(&t, fd, command);
}

static int run(struct trace *t)
{
	char command[1000];
	int fd, n, status;

	if ((t->call && t->call[strcspn(t->call, " \t\r\n")]) || (t->user && t->user[strcspn(t->user, " \t\r\n")])) {
		fputs("w2gwctl: a Call-ID or an identity has no blanks\n", stderr);
		return CTL_USAGE;
	}
	n = snprintf(command, sizeof(command), "trace%s%s%s%s\n", t->call ? " call=" : "", t->call ? t->call : "",
		t->user ? " user=" : "", t->user ? t->user : "");
	if (n < 0 || (size_t)n >= sizeof(command))
		return CTL_USAGE;
	fd = ctl_open(t->path, SOCK_STREAM);
	if (fd < 0)
		return CTL_FAILED;
	if (t->file && !(t->pcap = ctl_pcap_open(t->file))) {
		close(fd);
		return CTL_FAILED;
	}
	status = send_and_follow(t, fd, command);
	if (t->pcap && fclose(t->pcap)) {
		fprintf(stderr, "w2gwctl: %s: %s\n", t->file, strerror(errno));
		status = CTL_FAILED;
	}
	return status;
}

int ctl_trace(int argc, char **argv)
{
	static const struct option options[] = { { "call", required_argument, NULL, 'c' },
		{ "user", required_argument, NULL, 'u' }, { "ladder", no_argument, NULL, 'l' },
		{ "write", required_argument, NULL, 'w' }, { "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	struct trace t = { .path = "/run/w2gw/epcscf.sock" };
	int o;

	while ((o = getopt_long(argc, argv, "c:u:lw:s:jh", options, NULL)) != -1) {
		switch (o) {
		case 'c':
			t.call = optarg;
			break;
		case 'u':
			t.user = optarg;
			break;
		case 'l':
			t.is_ladder = true;
			break;
		case 'w':
			t.file = optarg;
			break;
		case 's':
			t.path = optarg;
			break;
		case 'j':
			t.as_json = true;
			break;
		case 'h':
			fputs(ctl_cscf_usage, stdout);
			return CTL_OK;
		default:
			return CTL_USAGE;
		}
	}
	return optind < argc ? CTL_USAGE : run(&t);
}
