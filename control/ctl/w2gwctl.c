/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl: the operator's view of eimsagw (DPDK telemetry socket) and epcscf (its control socket). */
#include <getopt.h>
#include <string.h>

#include "control/ctl/ctl.h"

static const struct group {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} groups[] = { { "agw", ctl_agw, ctl_agw_usage }, { "cscf", ctl_cscf, ctl_cscf_usage },
	{ "iq", ctl_iq, ctl_iq_usage }, { "user", ctl_user, ctl_user_usage }, { "why", ctl_why, ctl_why_usage } };

static void usage(FILE *f)
{
	fputs("usage: w2gwctl GROUP COMMAND [OPTIONS]\n", f);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		fputs(groups[i].usage, f);
	fputs("options:\n"
	      "  -s, --socket PATH  agw: " CTL_AGW_SOCKET "; cscf, iq, why: " CTL_CSCF_SOCKET "\n"
	      "  -j, --json         the answer as it came\n"
	      "  -h, --help         this text\n"
	      "Exit status: 0; 1 when the process cannot be asked or refuses; 2 on wrong usage.\n", f);
}

bool ctl_options(int argc, char **argv, const char *path, struct ctl_options *out)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	int o;

	*out = (struct ctl_options){ .path = path };
	while ((o = getopt_long(argc, argv, "s:jh", options, NULL)) != -1) {
		if (o == 's')
			out->path = optarg;
		else if (o == 'j')
			out->as_json = true;
		else if (o == 'h')
			out->is_help = true;
		else
			return false;
	}
	return true;
}

bool ctl_take_option(int *argc, char **argv, const char *name, const char **value)
{
	bool is_there = false;
	int n = 1;

	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], name) != 0 || (value && i + 1 == *argc)) {
			argv[n++] = argv[i];
			continue;
		}
		is_there = true;
		if (value)
			*value = argv[++i];
	}
	argv[*argc = n] = NULL;
	return is_there;
}

bool ctl_is_one_of(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
		usage(stdout);
		return CTL_OK;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(groups) / sizeof(groups[0]); i++) {
		int status;

		if (strcmp(argv[1], groups[i].name) != 0)
			continue;
		status = groups[i].run(argc - 1, argv + 1);
		if (status == CTL_USAGE)
			fprintf(stderr, "usage: w2gwctl ...\n%s", groups[i].usage);
		return status;
	}
	if (argc > 1)
		fprintf(stderr, "w2gwctl: there is no \"%s\"\n", argv[1]);
	usage(stderr);
	return CTL_USAGE;
}
