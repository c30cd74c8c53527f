/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl cscf: the tables of epcscf, and the operator's hand on it. */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

const char ctl_cscf_usage[] =
	"  cscf show registrations|connections|calls|dialogs             who is there\n"
	"  cscf show core|names|gateways|counters                        neighbours, numbers\n"
	"  cscf kick IMPU                                                end a user's registrations, calls and sockets\n"
	"  cscf kick CONNECTION                                          close one WebSocket; it may come back\n"
	"  cscf gateway lock|unlock NAME                                 no new calls to it; the calls it has go on\n"
	"  cscf gateway handoff NAME MGC-ID                              order it to another controller, e.g. [192.0.2.2]:2944\n"
	"  cscf drain [on|off] [--wait]                                  refuse what is new with 503; --wait: until no call\n"
	"                                                                is left\n"
	"  cscf page                                                     a link that opens the operator's pages in a browser\n"
	"  cscf trace [--call CALL-ID] [--user IMPU] [--ladder] [--write FILE]\n"
	"                                                                SIP messages as they pass, credentials masked;\n"
	"                                                                --write: a capture for Wireshark; ends with Ctrl-C\n";

static const char *const paged[] = { "registrations", "connections", "calls", "dialogs", NULL };
static const char *const whole[] = { "core", "names", "gateways", "counters", NULL };

json_t *ctl_ask_pages(const char *path, const char *name)
{
	json_t *all = json_array(), *page;
	char command[64];
	size_t n = 1;

	while (all && n) {
		snprintf(command, sizeof(command), "show %s %zu", name, json_array_size(all));
		page = ctl_ask_ok(path, command);
		if (!page) {
			json_decref(all);
			return NULL;
		}
		n = json_array_size(page);
		json_array_extend(all, page);
		json_decref(page);
	}
	return all;
}

static int show(const struct ctl_options *o, const char *name)
{
	char command[64];
	json_t *j;

	if (ctl_is_one_of(paged, name)) {
		j = ctl_ask_pages(o->path, name);
	} else if (ctl_is_one_of(whole, name)) {
		snprintf(command, sizeof(command), "show %s", name);
		j = ctl_ask_ok(o->path, command);
	} else {
		return CTL_USAGE;
	}
	if (!j)
		return CTL_FAILED;
	ctl_print(stdout, j, o->as_json);
	json_decref(j);
	return CTL_OK;
}

/* One command, and its answer shown. */
static int ask(const struct ctl_options *o, const char *command)
{
	json_t *j = ctl_ask_ok(o->path, command);

	if (!j)
		return CTL_FAILED;
	ctl_print(stdout, j, o->as_json);
	json_decref(j);
	return CTL_OK;
}

static int gateway(const struct ctl_options *o, int argc, char **argv)
{
	char command[400];

	if (snprintf(command, sizeof(command), "gateway %s %s %s", argv[0], argv[1], argc > 2 ? argv[2] : "") >=
		(int)sizeof(command) || command[strcspn(command, "\r\n")])
		return CTL_USAGE;
	return ask(o, command);
}

static int kick(const struct ctl_options *o, const char *who)
{
	char command[900];

	if (who[strcspn(who, "\r\n")] || snprintf(command, sizeof(command), "kick %s", who) >= (int)sizeof(command)) {
		fputs("w2gwctl: no identity looks like that\n", stderr);
		return CTL_FAILED;
	}
	return ask(o, command);
}

static int drain(const struct ctl_options *o, const char *what, bool is_waiting)
{
	char command[16];
	json_t *j;
	bool is_done;

	if (what[0] && strcmp(what, "on") != 0 && strcmp(what, "off") != 0)
		return CTL_USAGE;
	for (snprintf(command, sizeof(command), "drain %s", what);; sleep(1)) {
		j = ctl_ask_ok(o->path, command);
		if (!j)
			return CTL_FAILED;
		is_done = !is_waiting || !json_is_true(json_object_get(j, "draining")) ||
			json_is_true(json_object_get(j, "empty"));
		if (is_done)
			ctl_print(stdout, j, o->as_json);
		json_decref(j);
		if (is_done)
			return CTL_OK;
		snprintf(command, sizeof(command), "drain");
	}
}

int ctl_cscf(int argc, char **argv)
{
	struct ctl_options o;
	bool is_waiting;
	int n = argc;

	if (argc > 1 && strcmp(argv[1], "trace") == 0)
		return ctl_trace(argc - 1, argv + 1);
	is_waiting = ctl_take_option(&n, argv, "--wait", NULL);	/* drain's own */
	if (!ctl_options(n, argv, CTL_CSCF_SOCKET, &o))
		return CTL_USAGE;
	if (o.is_help) {
		fputs(ctl_cscf_usage, stdout);
		return CTL_OK;
	}
	argv += optind;
	n -= optind;
	if (n == 2 && strcmp(argv[0], "show") == 0 && !is_waiting)
		return show(&o, argv[1]);
	if (n == 2 && strcmp(argv[0], "kick") == 0 && !is_waiting)
		return kick(&o, argv[1]);
	if (n == 1 && strcmp(argv[0], "page") == 0 && !is_waiting)
		return ask(&o, "page");
	if ((n == 3 || n == 4) && strcmp(argv[0], "gateway") == 0 && !is_waiting)
		return gateway(&o, n - 1, argv + 1);
	if ((n == 1 || n == 2) && strcmp(argv[0], "drain") == 0)
		return drain(&o, n == 2 ? argv[1] : "", is_waiting);
	return CTL_USAGE;
}
