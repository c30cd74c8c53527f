/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets of both processes. */
#include "control/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 5
#define ANSWER_MAX (64u << 20)

int ctl_open(const char *path, int type)
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

/* All that comes until the process closes; NULL: nothing, or too much. */
static char *read_all(int fd, size_t *len)
{
	size_t cap = 65536;
	char *p = malloc(cap), *g;
	ssize_t n;

	*len = 0;
	while (p && (n = recv(fd, p + *len, cap - *len, 0)) > 0) {
		*len += (size_t)n;
		if (*len < cap)
			continue;
		g = cap < ANSWER_MAX ? realloc(p, cap *= 2) : NULL;
		if (!g)
			free(p);
		p = g;
	}
	return p;
}

json_t *ctl_ask(const char *path, const char *command)
{
	int fd = ctl_open(path, SOCK_STREAM);
	json_t *j = NULL;
	char *answer = NULL;
	size_t len = 0;

	if (fd < 0)
		return NULL;
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) > 0 && send(fd, "\n", 1, MSG_NOSIGNAL) > 0)
		answer = read_all(fd, &len);
	if (answer && len)
		j = json_loadb(answer, len, 0, NULL);
	free(answer);
	close(fd);
	if (!j)
		fprintf(stderr, "w2gwctl: no answer from %s\n", path);
	return j;
}

json_t *ctl_ask_ok(const char *path, const char *command)
{
	json_t *j = ctl_ask(path, command);
	const char *error = json_string_value(json_object_get(j, "error"));

	if (!error)
		return j;
	fputs("w2gwctl: ", stderr);
	ctl_put_escaped(stderr, error, false);
	fputc('\n', stderr);
	json_decref(j);
	return NULL;
}
