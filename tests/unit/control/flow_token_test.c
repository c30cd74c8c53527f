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
	cp_flow_keys_rotate(&k);
	cp_flow_token_make(&k, 77, CONN, token);
	assert_true(opens(&k, token));
}

static void token_is_the_same_while_nothing_changes(void **state)
{
	char a[CP_TOKEN_BYTES], b[CP_TOKEN_BYTES], c[CP_TOKEN_BYTES];
	struct cp_flow_keys k = { 0 };

	(void)state;
	cp_flow_keys_rotate(&k);
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
	for (unsigned i = 0; i < 3; i++)
		cp_flow_keys_rotate(&k);
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
	cp_flow_keys_rotate(&k);
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
	cp_flow_keys_rotate(&k);
	cp_flow_keys_rotate(&other);
	cp_flow_token_make(&other, 77, CONN, token);
	assert_false(opens(&k, token));
}

static void without_a_key_nothing_opens(void **state)
{
	static const struct cp_flow_keys none;
	struct cp_flow_keys zero = { .n = 1 };
	char token[CP_TOKEN_BYTES];

	(void)state;
	cp_flow_token_make(&zero, 77, CONN, token);	/* what a key of zeros would say */
	assert_false(opens(&none, token));
}

static void token_outlives_all_rotations_but_the_last(void **state)
{
	struct cp_flow_keys k = { 0 };
	char token[CP_TOKEN_BYTES], fresh[CP_TOKEN_BYTES];

	(void)state;
	cp_flow_keys_rotate(&k);
	cp_flow_token_make(&k, 77, CONN, token);
	for (unsigned i = 1; i < CP_FLOW_KEYS; i++) {
		cp_flow_keys_rotate(&k);
		assert_true(opens(&k, token));
		cp_flow_token_make(&k, 77, CONN, fresh);
		assert_string_not_equal(fresh, token);
		assert_true(opens(&k, fresh));
	}
	cp_flow_keys_rotate(&k);
	assert_false(opens(&k, token));
	assert_true(opens(&k, fresh));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_gives_back_binding_and_connection),
		cmocka_unit_test(token_is_the_same_while_nothing_changes),
		cmocka_unit_test(every_changed_character_is_noticed),
		cmocka_unit_test(other_lengths_are_refused),
		cmocka_unit_test(tokens_of_another_node_are_refused),
		cmocka_unit_test(without_a_key_nothing_opens),
		cmocka_unit_test(token_outlives_all_rotations_but_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
