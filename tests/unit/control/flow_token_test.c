/* SPDX-License-Identifier: Apache-2.0 */
/* Flow tokens: they open what they were made for, and nothing else does. */
#include "control/sip/flow_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define CONN 0x0000002a00000007ull

static bool opens(const struct cp_flow_keys *k, const char *token)
{
	cp_conn_id conn = 0;
	uint32_t id = 0;

	return cp_flow_token_read(k, gw_sv_cstr(token), &id, &conn) == GW_OK && id == 77 && conn == CONN;
}

static void token_gives_back_binding_and_connection(void **state)
{
	struct cp_flow_keys k = { 0 };
	char token[CP_TOKEN_BYTES];

	(void)state;
	cp_flow_keys_set(&k, 20000);
	cp_flow_token_make(&k, 77, CONN, token);
	assert_true(opens(&k, token));
}

static void token_is_the_same_while_nothing_changes(void **state)
{
	char a[CP_TOKEN_BYTES], b[CP_TOKEN_BYTES], c[CP_TOKEN_BYTES];
	struct cp_flow_keys k = { 0 };

	(void)state;
	cp_flow_keys_set(&k, 20000);
	cp_flow_token_make(&k, 77, CONN, a);
	cp_flow_token_make(&k, 77, CONN, b);
	cp_flow_token_make(&k, 77, CONN + (1ull << 32), c);	/* same slot, next generation */
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
}

static void every_changed_character_is_noticed(void **state)
{
	struct cp_flow_keys k = { 0 };
	char token[CP_TOKEN_BYTES];

	(void)state;
	cp_flow_keys_set(&k, 20000);
	cp_flow_token_make(&k, 77, CONN, token);
	for (size_t i = 0; token[i]; i++) {
		char before = token[i];

		token[i] = before == '0' ? '1' : '0';
		assert_false(opens(&k, token));
		token[i] = before;
	}
	assert_true(opens(&k, token));
}

static void other_lengths_are_refused(void **state)
{
	struct cp_flow_keys k = { 0 };
	char token[CP_TOKEN_BYTES + 1];
	size_t n;

	(void)state;
	cp_flow_keys_set(&k, 20000);
	cp_flow_token_make(&k, 77, CONN, token);
	n = strlen(token);
	token[n] = '0';
	token[n + 1] = '\0';
	assert_false(opens(&k, token));
	token[n - 1] = '\0';
	assert_false(opens(&k, token));
	assert_false(opens(&k, ""));
	assert_false(opens(&k, "b"));
}

static void tokens_of_another_node_are_refused(void **state)
{
	struct cp_flow_keys k = { 0 }, other = { 0 };
	char token[CP_TOKEN_BYTES];

	(void)state;
	other.secret[0] = 1;
	cp_flow_keys_set(&k, 20000);
	cp_flow_keys_set(&other, 20000);
	cp_flow_token_make(&other, 77, CONN, token);
	assert_false(opens(&k, token));
}

static void token_outlives_seven_epochs_and_no_more(void **state)
{
	struct cp_flow_keys k = { 0 };
	char token[CP_TOKEN_BYTES], fresh[CP_TOKEN_BYTES];

	(void)state;
	cp_flow_keys_set(&k, 20000);
	cp_flow_token_make(&k, 77, CONN, token);
	for (unsigned i = 1; i < CP_FLOW_EPOCHS; i++) {
		cp_flow_keys_set(&k, 20000 + i);
		assert_true(opens(&k, token));
		cp_flow_token_make(&k, 77, CONN, fresh);
		assert_string_not_equal(fresh, token);
		assert_true(opens(&k, fresh));
	}
	for (unsigned i = CP_FLOW_EPOCHS; i < 40; i++) {	/* also when the digit comes again */
		cp_flow_keys_set(&k, 20000 + i);
		assert_false(opens(&k, token));
	}
}

static void node_with_the_same_secret_opens_it_also_when_behind(void **state)
{
	struct cp_flow_keys k = { .secret = "shared" }, other = { .secret = "shared" };
	char token[CP_TOKEN_BYTES];

	(void)state;
	cp_flow_keys_set(&k, 20000);
	cp_flow_token_make(&k, 77, CONN, token);
	cp_flow_keys_set(&other, 19999);
	assert_true(opens(&other, token));
	cp_flow_keys_set(&other, 19998);
	assert_false(opens(&other, token));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_gives_back_binding_and_connection),
		cmocka_unit_test(token_is_the_same_while_nothing_changes),
		cmocka_unit_test(every_changed_character_is_noticed),
		cmocka_unit_test(other_lengths_are_refused),
		cmocka_unit_test(tokens_of_another_node_are_refused),
		cmocka_unit_test(token_outlives_seven_epochs_and_no_more),
		cmocka_unit_test(node_with_the_same_secret_opens_it_also_when_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
