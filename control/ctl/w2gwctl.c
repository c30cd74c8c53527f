/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl: the operator's view of eimsagw (DPDK telemetry socket) and epcscf (its control socket). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#define ANSWER_BYTES (1u << 20)
#define COLUMNS_MAX 24
#define TIMEOUT_S 5

static const char *const agw_names[] = { "contexts", "flows", "drops", "ports", "workers", "latency", "summary", NULL };
static const char *const cscf_names[] = { "registrations", "calls", "gateways", "counters", NULL };

static void usage(FILE *f)
{
	fputs("usage: w2gwctl agw show contexts|flows|drops|ports|workers|latency|summary [--socket PATH] [--json]\n"
	      "       w2gwctl cscf show registrations|calls|gateways|counters [--socket PATH] [--json]\n"
	      "  -s, --socket PATH  agw: /var/run/dpdk/w2gw/dpdk_telemetry.v2; cscf: /run/w2gw/epcscf.sock\n"
	      "  -j, --json         the answer as it came\n"
	      "  -h, --help         this text\n"
	      "Exit status: 0, 1 when the process cannot be asked, 2 on wrong usage.\n", f);
}

static int open_socket(const char *path, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval tv = { TIMEOUT_S, 0 };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		fprintf(stderr, "w2gwctl: %s: %s (is the process running, and may you read its socket?)\n", path,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

/* Telemetry v2: a greeting, then one packet a question and one an answer. */
static json_t *ask_agw(const char *path, const char *name)
{
	char cmd[64], *answer = malloc(ANSWER_BYTES);
	int fd = open_socket(path, SOCK_SEQPACKET);
	json_t *j = NULL, *inner = NULL;
	ssize_t n = -1;

	snprintf(cmd, sizeof(cmd), "/w2gw/%s", name);
	if (fd >= 0 && answer && recv(fd, answer, ANSWER_BYTES, 0) > 0 && send(fd, cmd, strlen(cmd), 0) > 0)
		n = recv(fd, answer, ANSWER_BYTES, 0);
	if (n > 0)
		j = json_loadb(answer, (size_t)n, 0, NULL);
	if (j)
		inner = json_incref(json_object_get(j, cmd));
	json_decref(j);
	free(answer);
	if (fd >= 0)
		close(fd);
	return inner;
}

static json_t *ask_cscf(const char *path, const char *name)
{
	char cmd[64], *answer = malloc(ANSWER_BYTES);
	int fd = open_socket(path, SOCK_STREAM);
	size_t len = 0;
	json_t *j = NULL;
	ssize_t n;

	snprintf(cmd, sizeof(cmd), "show %s\n", name);
	if (fd >= 0 && answer && send(fd, cmd, strlen(cmd), 0) > 0)
		while (len < ANSWER_BYTES && (n = recv(fd, answer + len, ANSWER_BYTES - len, 0)) > 0)
			len += (size_t)n;
	if (len)
		j = json_loadb(answer, len, 0, NULL);
	free(answer);
	if (fd >= 0)
		close(fd);
	return j;
}

static const char *text_of(const json_t *v, char tmp[32])
{
	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_integer(v))
		snprintf(tmp, 32, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(tmp, 32, "%s", json_is_true(v) ? "yes" : "no");
	else
		snprintf(tmp, 32, "-");
	return tmp;
}

static void print_pairs(json_t *object)
{
	const char *key;
	json_t *v;
	char tmp[32];

	json_object_foreach(object, key, v)
		printf("%-40s %s\n", key, text_of(v, tmp));
}

/* Rows of flat objects as an aligned table; the first row names the columns. */
static void print_rows(json_t **rows, size_t n)
{
	const char *columns[COLUMNS_MAX], *key;
	int width[COLUMNS_MAX];
	unsigned n_columns = 0;
	char tmp[32];
	json_t *v;

	json_object_foreach(rows[0], key, v)
		if (n_columns < COLUMNS_MAX)
			columns[n_columns++] = key;
	for (unsigned c = 0; c < n_columns; c++) {
		width[c] = (int)strlen(columns[c]);
		for (size_t i = 0; i < n; i++) {
			int w = (int)strlen(text_of(json_object_get(rows[i], columns[c]), tmp));

			width[c] = w > width[c] ? w : width[c];
		}
		printf("%-*s  ", width[c], columns[c]);
	}
	putchar('\n');
	for (size_t i = 0; i < n; i++) {
		for (unsigned c = 0; c < n_columns; c++)
			printf("%-*s  ", width[c], text_of(json_object_get(rows[i], columns[c]), tmp));
		putchar('\n');
	}
}

static void print_tables(json_t *j)
{
	size_t n = 0, cap = json_is_array(j) ? json_array_size(j) : json_object_size(j);
	json_t **rows = calloc(cap ? cap : 1, sizeof(*rows)), *v;
	const char *key;
	size_t i;

	if (json_is_array(j)) {
		json_array_foreach(j, i, v)
			if (rows && json_is_object(v))
				rows[n++] = v;
	} else {
		json_object_foreach(j, key, v)
			if (rows && json_is_object(v))
				rows[n++] = v;
	}
	if (n)
		print_rows(rows, n);
	else if (json_is_object(j) && cap)
		print_pairs(j);
	else
		puts("(none)");
	free(rows);
}

static int known(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	const char *path = NULL;
	int as_json = 0, is_agw, o;
	json_t *j;

	while ((o = getopt_long(argc, argv, "s:jh", options, NULL)) != -1) {
		if (o == 's') {
			path = optarg;
		} else if (o == 'j') {
			as_json = 1;
		} else {
			usage(o == 'h' ? stdout : stderr);
			return o == 'h' ? 0 : 2;
		}
	}
	is_agw = argc - optind == 3 && strcmp(argv[optind], "agw") == 0;
	if (argc - optind != 3 || (!is_agw && strcmp(argv[optind], "cscf") != 0) ||
		strcmp(argv[optind + 1], "show") != 0 ||
		!known(is_agw ? agw_names : cscf_names, argv[optind + 2])) {
		usage(stderr);
		return 2;
	}
	if (!path)
		path = is_agw ? "/var/run/dpdk/w2gw/dpdk_telemetry.v2" : "/run/w2gw/epcscf.sock";
	j = is_agw ? ask_agw(path, argv[optind + 2]) : ask_cscf(path, argv[optind + 2]);
	if (!j) {
		fprintf(stderr, "w2gwctl: no answer from %s\n", path);
		return 1;
	}
	if (as_json) {
		json_dumpf(j, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		print_tables(j);
	}
	json_decref(j);
	return 0;
}
