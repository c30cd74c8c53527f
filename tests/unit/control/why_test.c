/* SPDX-License-Identifier: Apache-2.0 */
/* w2gwctl why: from a healthy call one thing is changed, and that is what has to be named. */
#include "control/app/why.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char call_text[] = "{\"state\":\"up\",\"answered\":true,\"context\":17,\"gateway\":\"agw1\"}";
static const char streams_text[] =
	"{\"term_1\":{\"context\":17,\"stream\":1,\"side\":\"access\",\"media\":\"rtp\",\"mode\":\"sendreceive\",\"way\":\"open\","
	"\"local\":\"192.0.2.1:20000\",\"remote\":\"198.51.100.7:5000\",\"checks\":9,\"checks_auth_failed\":0,"
	"\"checks_malformed\":0,\"consent\":\"valid\",\"dtls\":\"up\",\"dtls_role\":\"server\",\"dtls_why\":\"\",\"keys\":1,"
	"\"rx_packets\":1000,\"tx_packets\":990,\"lost\":3,\"drops\":2,\"auth_fail\":0,\"replay\":0,\"policed\":0,\"filtered\":0,"
	"\"gated\":2,\"first_rx_ms_ago\":20000,\"last_rx_ms_ago\":12},"
	"\"term_2\":{\"context\":17,\"stream\":1,\"side\":\"core\",\"media\":\"rtp\",\"mode\":\"sendreceive\",\"way\":\"open\","
	"\"local\":\"10.0.0.1:30000\",\"remote\":\"10.0.0.9:4000\",\"rx_packets\":992,\"tx_packets\":1000,\"lost\":0,\"drops\":0,"
	"\"auth_fail\":0,\"replay\":0,\"policed\":0,\"filtered\":0,\"gated\":0,\"first_rx_ms_ago\":20000,\"last_rx_ms_ago\":8}}";

#define NO_PAIR "\"consent\":\"none\",\"dtls\":\"new\",\"rx_packets\":0"

static const struct {
	const char *id;              /* of the first cause; NULL: none */
	const char *call, *access, *core;   /* what is changed, without braces */
	const char *says;            /* is in the sentence */
} cases[] = {
	{ NULL, "", "", "", NULL },
	{ "gateway-silent", "\"state\":\"reserving\"", "", "", "agw1" },
	{ "ice-no-checks", "", NO_PAIR ",\"checks\":0", "", "192.0.2.1:20000" },
	{ "ice-credentials", "", NO_PAIR ",\"checks\":0,\"checks_auth_failed\":4", "", "credentials" },
	{ "ice-malformed", "", NO_PAIR ",\"checks\":0,\"checks_malformed\":4", "", NULL },
	{ "ice-no-pair", "", NO_PAIR, "", "no pair" },
	{ "consent-lost", "", "\"consent\":\"lost\"", "", "198.51.100.7:5000" },
	{ "dtls-no-hello", "", "\"dtls\":\"new\"", "", "no ClientHello of the browser" },
	{ "dtls-no-hello", "", "\"dtls\":\"new\",\"dtls_role\":\"client\"", "", "by us" },
	{ "dtls-unfinished", "", "\"dtls\":\"handshake\"", "", "MTU" },
	{ "dtls-no-fingerprint", "", "\"dtls\":\"held\"", "", NULL },
	{ "dtls-failed", "", "\"dtls\":\"failed\",\"dtls_why\":\"fingerprint mismatch\"", "", "fingerprint mismatch" },
	{ "dtls-closed", "", "\"dtls\":\"closed\",\"dtls_why\":\"closed by the peer\"", "", "closed by the peer" },
	{ "no-route", "", "\"way\":\"no route\"", "", "198.51.100.7:5000" },
	{ "no-address", "", "", "\"way\":\"no address\"", "core has not said" },
	{ "no-route", "", "", "\"way\":\"no route\"", "10.0.0.9:4000" },
	{ "no-neighbour", "", "", "\"way\":\"no neighbour\"", "10.0.0.9:4000" },
	{ "not-answered", "\"answered\":false", NO_PAIR ",\"checks\":0", "", "has not begun" },
	{ "not-answered", "\"answered\":false", "\"mode\":\"inactive\"", "\"mode\":\"inactive\"", "not allowed" },
	{ "not-answered", "\"answered\":false", "\"mode\":\"sendonly\"", "\"mode\":\"receiveonly\"", "one direction" },
	{ "on-hold", "", "\"mode\":\"inactive\"", "\"mode\":\"inactive\"", "inactive" },
	{ "one-way", "", "\"mode\":\"receiveonly\"", "\"mode\":\"sendonly\"", "from the core" },
	{ "one-way", "", "\"mode\":\"sendonly\"", "\"mode\":\"receiveonly\"", "from the browser" },
	{ "browser-silent", "", "\"rx_packets\":0,\"drops\":0,\"gated\":0,\"lost\":0", "", "microphone" },
	{ "srtp-auth", "", "\"rx_packets\":0,\"drops\":800,\"auth_fail\":798", "", "798" },
	{ "srtp-replay", "", "\"drops\":800,\"replay\":798", "", "798" },
	{ "core-silent", "", "", "\"rx_packets\":0", "10.0.0.1:30000" },
	{ "wrong-source", "", "", "\"rx_packets\":0,\"drops\":500,\"filtered\":500", "10.0.0.9:4000" },
	{ "policed", "", "\"drops\":500,\"policed\":498", "", "rate" },
	{ "gated", "", "", "\"rx_packets\":0,\"drops\":500,\"gated\":500", NULL },
	{ "not-agreed", "", "", "\"rx_packets\":0,\"drops\":500", "payload type" },
	{ "browser-stopped", "", "\"last_rx_ms_ago\":8000", "", "8 s ago" },
	{ "core-stopped", "", "", "\"last_rx_ms_ago\":8000", "8 s ago" },
	{ "browser-loss", "", "\"lost\":100", "", "9 %" },
	{ "core-loss", "", "", "\"lost\":400", "28 %" },
	{ "not-sent", "", "\"tx_packets\":0", "", "none leaves from 192.0.2.1:20000" },
};

static json_t *changed(const char *text, const char *key, const char *change)
{
	json_t *j = json_loads(text, 0, NULL), *o = key ? json_object_get(j, key) : j, *c;
	char braced[512];

	snprintf(braced, sizeof(braced), "{%s}", change);
	c = json_loads(braced, 0, NULL);
	assert_non_null(j);
	assert_non_null(c);
	assert_int_equal(json_object_update(o, c), 0);
	json_decref(c);
	return j;
}

static void the_planted_fault_is_named(void **state)
{
	struct why_cause causes[WHY_CAUSES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *call = changed(call_text, NULL, cases[i].call);
		json_t *one = changed(streams_text, "term_1", cases[i].access);
		char *text = json_dumps(one, 0);
		json_t *streams = changed(text, "term_2", cases[i].core);
		unsigned n = why_find(call, streams, true, causes);

		if (!cases[i].id)
			assert_int_equal(n, 0);
		else
			assert_true(n > 0);
		if (n && strcmp(causes[0].id, cases[i].id) != 0)
			fail_msg("case %zu: %s is named as %s", i, cases[i].id, causes[0].id);
		if (n && cases[i].says && !strstr(causes[0].text, cases[i].says))
			fail_msg("case %zu: \"%s\" does not say \"%s\"", i, causes[0].text, cases[i].says);
		free(text);
		json_decref(call);
		json_decref(one);
		json_decref(streams);
	}
}

/* A fault of either direction is told, and each stream has its own. */
static void both_directions_are_told(void **state)
{
	json_t *call = json_loads(call_text, 0, NULL), *streams = json_loads(streams_text, 0, NULL), *video[2];
	struct why_cause causes[WHY_CAUSES_MAX];

	(void)state;
	json_object_set_new(json_object_get(streams, "term_1"), "rx_packets", json_integer(0));
	json_object_set_new(json_object_get(streams, "term_1"), "drops", json_integer(0));
	json_object_set_new(json_object_get(streams, "term_2"), "rx_packets", json_integer(0));
	assert_int_equal(why_find(call, streams, true, causes), 2);
	assert_string_equal(causes[0].id, "browser-silent");
	assert_string_equal(causes[1].id, "core-silent");
	for (int i = 0; i < 2; i++) {
		video[i] = json_deep_copy(json_object_get(streams, i ? "term_2" : "term_1"));
		json_object_set_new(video[i], "stream", json_integer(2));
		json_object_set_new(video[i], "dtls", json_string("failed"));
		json_object_set_new(streams, i ? "term_2_2" : "term_1_2", video[i]);
	}
	assert_int_equal(why_find(call, streams, true, causes), 3);
	assert_string_equal(causes[2].id, "dtls-failed");
	assert_int_equal(causes[2].stream, 2);
	json_decref(call);
	json_decref(streams);
}

static void a_context_that_is_gone_is_not_one_nobody_asked_for(void **state)
{
	json_t *call = json_loads(call_text, 0, NULL);
	struct why_cause causes[WHY_CAUSES_MAX];

	(void)state;
	assert_int_equal(why_find(call, NULL, true, causes), 1);
	assert_string_equal(causes[0].id, "context-gone");
	assert_int_equal(why_find(call, NULL, false, causes), 0);
	json_decref(call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_planted_fault_is_named),
		cmocka_unit_test(both_directions_are_told),
		cmocka_unit_test(a_context_that_is_gone_is_not_one_nobody_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
