/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl iq: the dialogue with media gateways as it happens, and a message by hand. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

#define MESSAGE_MAX 8192

const char ctl_iq_usage[] =
	"  iq trace [--context N]                                        H.248 messages as they pass, keys masked; ends with\n"
	"                                                                Ctrl-C\n"
	"  iq send GATEWAY FILE                                          send the message in the file, with a TransactionID\n"
	"                                                                and mId of epcscf's, and print the answer\n";

static void indent(unsigned depth)
{
	putchar('\n');
	for (unsigned i = 0; i < depth; i++)
		putchar(' ');
}

/* Short form, which is one line but for descriptions: a line a descriptor. Descriptions end with their brace. */
static void put_pretty(const char *s)
{
	unsigned depth = 0;

	for (; *s; s++) {
		char one[2] = { *s, '\0' };

		if (*s == '{' && s[1] == '\n') {
			size_t n = strcspn(s, "}");
			char raw[MESSAGE_MAX];

			snprintf(raw, sizeof(raw), "%.*s", (int)n, s);
			ctl_put_escaped(stdout, raw, true);
			s += n - 1;
			depth++;
		} else if (*s == '"') {
			do {
				one[0] = *s++;
				ctl_put_escaped(stdout, one, false);
			} while (*s && *s != '"');
			putchar('"');
			if (!*s)
				return;
		} else if (*s == '{') {
			putchar('{');
			depth++;
			if (s[1] != '}')
				indent(depth);
		} else if (*s == '}') {
			depth -= depth > 0;
			if (s[-1] != '{' && s[-1] != '\n')
				putchar(' ');
			putchar('}');
		} else if (*s == ',') {
			putchar(',');
			indent(depth);
		} else {
			ctl_put_escaped(stdout, one, true);
		}
	}
	putchar('\n');
}

static void put_message(const char *text)
{
	if (text && text[0] == '!')
		put_pretty(text);
	else
		ctl_put_escaped(stdout, text ? text : "", true);
}

static void put_record(json_t *j)
{
	const char *peer = json_string_value(json_object_get(j, "peer")), *dir = json_string_value(json_object_get(j, "dir"));
	char when[32];

	printf("---- %s %s ", ctl_time_text(j, when), dir && strcmp(dir, "in") == 0 ? "<-" : "->");
	ctl_put_escaped(stdout, peer ? peer : "", false);
	putchar('\n');
	put_message(json_string_value(json_object_get(j, "text")));
}

static int send_file(const char *path, const char *gateway, const char *file, bool as_json)
{
	static char text[MESSAGE_MAX];
	FILE *f = fopen(file, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	json_t *j = NULL, *answer = NULL;
	char *quoted = NULL;
	static char command[2 * MESSAGE_MAX];
	const char *reply;

	if (!f || n == 0 || n == sizeof(text) - 1) {
		fprintf(stderr, "w2gwctl: %s: %s\n", file, f ? "empty, or larger than 8 KB" : strerror(errno));
		if (f)
			fclose(f);
		return CTL_FAILED;
	}
	fclose(f);
	j = json_stringn(text, n);
	quoted = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
	json_decref(j);
	if (!quoted || snprintf(command, sizeof(command), "iq send %s %s", gateway, quoted) >= (int)sizeof(command)) {
		fputs("w2gwctl: no message looks like that\n", stderr);
		free(quoted);
		return CTL_FAILED;
	}
	free(quoted);
	answer = ctl_ask_ok(path, command);
	if (!answer)
		return CTL_FAILED;
	reply = json_string_value(json_object_get(answer, "answer"));
	if (as_json || !reply)
		ctl_print(stdout, answer, true);
	else
		put_message(reply);
	json_decref(answer);
	return reply ? CTL_OK : CTL_FAILED;
}

int ctl_iq(int argc, char **argv)
{
	static const struct option options[] = { { "context", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ 0 } };
	const char *path = "/run/w2gw/epcscf.sock", *context = NULL;
	bool as_json = false;
	char command[64];
	int o;

	while ((o = getopt_long(argc, argv, "c:s:jh", options, NULL)) != -1) {
		if (o == 'c') {
			context = optarg;
		} else if (o == 's') {
			path = optarg;
		} else if (o == 'j') {
			as_json = true;
		} else {
			fputs(o == 'h' ? ctl_iq_usage : "", stdout);
			return o == 'h' ? CTL_OK : CTL_USAGE;
		}
	}
	argv += optind;
	argc -= optind;
	if (argc == 3 && strcmp(argv[0], "send") == 0 && !context)
		return send_file(path, argv[1], argv[2], as_json);
	if (argc != 1 || strcmp(argv[0], "trace") != 0 || (context && strspn(context, "0123456789") != strlen(context)))
		return CTL_USAGE;
	if (snprintf(command, sizeof(command), "iq trace%s%s\n", context ? " context=" : "", context ? context : "") >=
		(int)sizeof(command))
		return CTL_USAGE;
	return ctl_follow(path, command, as_json, put_record);
}
