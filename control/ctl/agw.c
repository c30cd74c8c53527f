/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl agw: the tables of eimsagw, by DPDK telemetry v2: a greeting, then one packet a question and one an answer. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

#define ANSWER_BYTES (1u << 20)

const char ctl_agw_usage[] =
	"  agw show contexts|flows|drops|ports|workers|latency|summary   what the media gateway is doing\n";

static const char *const names[] = { "contexts", "flows", "drops", "ports", "workers", "latency", "summary", NULL };

static json_t *ask(const char *path, const char *name)
{
	char cmd[64], *answer = malloc(ANSWER_BYTES);
	int fd = ctl_open(path, SOCK_SEQPACKET);
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
	if (fd >= 0 && !inner)
		fprintf(stderr, "w2gwctl: no answer from %s\n", path);
	return inner;
}

int ctl_agw(int argc, char **argv)
{
	struct ctl_options o;
	json_t *j;

	if (!ctl_options(argc, argv, "/var/run/dpdk/w2gw/dpdk_telemetry.v2", &o))
		return CTL_USAGE;
	if (o.is_help) {
		fputs(ctl_agw_usage, stdout);
		return CTL_OK;
	}
	if (argc - optind != 2 || strcmp(argv[optind], "show") != 0 || !ctl_is_one_of(names, argv[optind + 1]))
		return CTL_USAGE;
	j = ask(o.path, argv[optind + 1]);
	if (!j)
		return CTL_FAILED;
	ctl_print(stdout, j, o.as_json);
	json_decref(j);
	return CTL_OK;
}
