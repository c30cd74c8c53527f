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
	"  agw show contexts|flows|drops|ports|workers|latency|summary   what the media gateway is doing\n"
	"  agw show context N                                            one context: ICE, DTLS, keys, gates, packets\n"
	"  agw lock [SECONDS]                                            no more calls, out of service after so many seconds\n"
	"                                                                at most; without them at once\n"
	"  agw unlock                                                    back in service\n"
	"  agw realm NAME out|in                                         a realm out of service, or back\n";

static const char *const names[] = { "contexts", "flows", "drops", "ports", "workers", "latency", "summary", NULL };

json_t *ctl_ask_agw(const char *path, const char *command)
{
	char name[32], *answer = malloc(ANSWER_BYTES);
	int fd = ctl_open(path, SOCK_SEQPACKET);
	json_t *j = NULL, *inner = NULL;
	ssize_t n = -1;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(command, ","), command);	/* the answer has it without parameters */
	if (fd >= 0 && answer && recv(fd, answer, ANSWER_BYTES, 0) > 0 && send(fd, command, strlen(command), 0) > 0)
		n = recv(fd, answer, ANSWER_BYTES, 0);
	if (n > 0)
		j = json_loadb(answer, (size_t)n, 0, NULL);
	if (j)
		inner = json_incref(json_object_get(j, name));
	json_decref(j);
	free(answer);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && !inner)
		fprintf(stderr, "w2gwctl: no answer from %s\n", path);
	return inner;
}

/* The question for these words; false: wrong usage. */
static bool command_of(int n, char **w, char *cmd, size_t size)
{
	const char *first = n ? w[0] : "";

	if (n == 2 && strcmp(first, "show") == 0 && ctl_is_one_of(names, w[1]))
		return snprintf(cmd, size, "/w2gw/%s", w[1]) > 0;
	if (n == 3 && strcmp(first, "show") == 0 && strcmp(w[1], "context") == 0)
		return snprintf(cmd, size, "/w2gw/context,%s", w[2]) < (int)size;
	if (n <= 2 && strcmp(first, "lock") == 0)
		return snprintf(cmd, size, "/w2gw/lock%s%s", n == 2 ? "," : "", n == 2 ? w[1] : "") < (int)size;
	if (n == 1 && strcmp(first, "unlock") == 0)
		return snprintf(cmd, size, "/w2gw/unlock") > 0;
	if (n == 3 && strcmp(first, "realm") == 0 && (strcmp(w[2], "out") == 0 || strcmp(w[2], "in") == 0))
		return snprintf(cmd, size, "/w2gw/realm,%s,%s", w[1], w[2]) < (int)size;
	return false;
}

int ctl_agw(int argc, char **argv)
{
	struct ctl_options o;
	char cmd[128];
	bool failed;
	json_t *j;

	if (!ctl_options(argc, argv, CTL_AGW_SOCKET, &o))
		return CTL_USAGE;
	if (o.is_help) {
		fputs(ctl_agw_usage, stdout);
		return CTL_OK;
	}
	if (!command_of(argc - optind, argv + optind, cmd, sizeof(cmd)))
		return CTL_USAGE;
	j = ctl_ask_agw(o.path, cmd);
	if (!j)
		return CTL_FAILED;
	failed = json_object_get(j, "error");
	ctl_print(failed ? stderr : stdout, j, o.as_json);
	json_decref(j);
	return failed ? CTL_FAILED : CTL_OK;
}
