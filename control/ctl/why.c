/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl why: asks both processes about one call, shows each leg, and says in a sentence what keeps its media from flowing. */
#include "control/app/why.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "control/ctl/ctl.h"

#define RECENT_FIRST 16	/* of the steps, before those that are left out */

const char ctl_why_usage[] =
	"  why CALL-ID|IMPU|NUMBER [--agw PATH]                          why a call has no media: each leg, the cause in a\n"
	"                                                                sentence, and the call's ladder\n"
	"                                                                --agw: telemetry socket of the gateway\n";

/* The one call that is meant; NULL: said why not, unless there is none. */
static json_t *find_call(const char *path, const char *who, bool *is_unknown)
{
	json_t *calls, *found;
	char command[900];
	size_t n, i;

	*is_unknown = false;
	if (who[strcspn(who, "\r\n")] || snprintf(command, sizeof(command), "show call %s", who) >= (int)sizeof(command)) {
		*is_unknown = true;
		return NULL;
	}
	if (!(calls = ctl_ask_ok(path, command)))
		return NULL;
	n = json_array_size(calls);
	*is_unknown = n == 0;
	for (i = 0; n > 1 && i < n; i++) {
		fputs("w2gwctl: which one? ", stderr);
		ctl_put_escaped(stderr, json_string_value(json_object_get(json_array_get(calls, i), "call_id")), false);
		fputc('\n', stderr);
	}
	found = n == 1 ? json_incref(json_array_get(calls, 0)) : NULL;
	json_decref(calls);
	return found;
}

/* What epcscf has kept of the steps of a call; NULL: nothing. */
static json_t *ask_recent(const char *path, const char *call_id)
{
	char command[600];
	json_t *j;

	if (call_id[strcspn(call_id, "\r\n")] || snprintf(command, sizeof(command), "recent %s", call_id) >= (int)sizeof(command))
		return NULL;
	j = ctl_ask(path, command);
	if (!json_object_get(j, "error"))
		return j;
	json_decref(j);
	return NULL;
}

/* What the gateway says of the context. @return false: it cannot be asked */
static bool ask_gateway(const char *path, long long context, json_t **streams)
{
	char command[64];

	*streams = NULL;
	if (!context || access(path, F_OK))
		return false;
	snprintf(command, sizeof(command), "/w2gw/context,%lld", context);
	*streams = ctl_ask_agw(path, command);
	if (!*streams)
		return false;
	if (json_object_get(*streams, "error")) {
		json_decref(*streams);
		*streams = NULL;
	}
	return true;
}

static json_t *causes_of(json_t *call, json_t *streams, bool is_asked)
{
	struct why_cause c[WHY_CAUSES_MAX];
	json_t *list = json_array();
	unsigned n = why_find(call, streams, is_asked, c);

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "id", c[i].id, "stream", (json_int_t)c[i].stream, "text",
			c[i].text));
	return list;
}

static void print_causes(json_t *causes, bool is_asked)
{
	json_t *c;
	size_t i;

	json_array_foreach(causes, i, c) {
		long long stream = json_integer_value(json_object_get(c, "stream"));

		fputs(i ? "and" : "\ncause", stdout);
		if (stream)
			printf(" (stream %lld)", stream);
		fputs(": ", stdout);
		ctl_put_escaped(stdout, json_string_value(json_object_get(c, "text")), false);
		fputc('\n', stdout);
	}
	if (json_array_size(causes) == 0)
		printf("\n%s%s\n", why_nothing(is_asked), is_asked ? "" : ": --agw names its telemetry socket");
}

/* What the call has done on its three sides. */
static void print_ladder(json_t *recent)
{
	json_t *steps = json_object_get(recent, "steps"), *s;
	long long left_out = json_integer_value(json_object_get(recent, "left_out"));
	size_t i;

	if (!json_array_size(steps))
		return;
	putchar('\n');
	ctl_ladder_head(stdout);
	json_array_foreach(steps, i, s) {
		if (i == RECENT_FIRST && left_out)
			printf("... %lld more ...\n", left_out);
		ctl_ladder_row(stdout, s);
	}
}

/* A call that is over: what is still known of it. */
static int ended(const struct ctl_options *o, json_t *recent)
{
	const char *why = json_string_value(json_object_get(recent, "end"));

	if (o->as_json) {
		ctl_print(stdout, recent, true);
	} else {
		print_ladder(recent);
		fputs("\nthe call is over: ", stdout);
		ctl_put_escaped(stdout, why ? why : "it went on at another node, or this one was started again", false);
		fputc('\n', stdout);
	}
	return CTL_OK;
}

static void print(json_t *whole)
{
	json_t *streams = json_object_get(whole, "streams"), *s;
	const char *key;

	ctl_print_tables(json_object_get(whole, "call"));
	json_object_foreach(streams, key, s) {
		putchar('\n');
		ctl_print_tables(s);
	}
	print_ladder(json_object_get(whole, "recent"));
	print_causes(json_object_get(whole, "causes"), json_is_true(json_object_get(whole, "gateway_asked")));
}

int ctl_why(int argc, char **argv)
{
	struct ctl_options o;
	const char *agw = CTL_AGW_SOCKET;
	json_t *call, *streams, *whole, *recent;
	bool is_asked, is_unknown;
	int n = argc;

	(void)ctl_take_option(&n, argv, "--agw", &agw);
	if (!ctl_options(n, argv, CTL_CSCF_SOCKET, &o))
		return CTL_USAGE;
	if (o.is_help) {
		fputs(ctl_why_usage, stdout);
		return CTL_OK;
	}
	if (n - optind != 1)
		return CTL_USAGE;
	call = find_call(o.path, argv[optind], &is_unknown);
	recent = call || is_unknown ? ask_recent(o.path, call ? json_string_value(json_object_get(call, "call_id")) :
		argv[optind]) : NULL;
	if (!call && recent) {
		n = ended(&o, recent);
		json_decref(recent);
		return n;
	}
	if (is_unknown)
		fputs("w2gwctl: no such call: \"cscf show calls\" lists those that are there\n", stderr);
	if (!call)
		return CTL_FAILED;
	is_asked = ask_gateway(agw, json_integer_value(json_object_get(call, "context")), &streams);
	whole = json_pack("{s:O, s:b, s:o?, s:o?, s:o}", "call", call, "gateway_asked", is_asked, "streams", streams, "recent",
		recent, "causes", causes_of(call, streams, is_asked));
	if (o.as_json)
		ctl_print(stdout, whole, true);
	else
		print(whole);
	json_decref(whole);
	json_decref(call);
	return CTL_OK;
}
